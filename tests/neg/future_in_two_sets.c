/* future_in_two_sets.c - a function awaits what is in flight in the one that called it. */
//! abort => kid \(.*future_in_two_sets.c:HERE\): an await of what is a part of another wait
#include "neg.h"

struct kid { maru_frame frame; maru_future *other; maru_sleep nap; };

maru_async(kid)
{
    maru_result arm;
    maru_select(arm, me->other, maru_sleep_for(&me->nap, 1)); /* HERE */
    use((int)arm);
}
maru_end;

struct f { maru_frame frame; maru_sleep nap, loser; struct kid kid; };

maru_async(f)
{
    maru_result arm;
    maru_future *loser = maru_sleep_for(&me->loser, MARU_SEC);
    maru_race(arm, maru_sleep_for(&me->nap, 1), loser);
    use((int)arm);
    maru_await(maru_call(kid, &me->kid, .other = maru_keep(&me->loser, NULL)));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
