/* restart_running.c - a child restarts a sleep that its parent awaits. */
//! abort => sleep: restarted while it is still in flight
#include "neg.h"

struct kid { maru_frame frame; maru_sleep *nap; };

maru_async(kid)
{
    maru_await(maru_sleep_for(me->nap, 1));
}
maru_end;

struct f { maru_frame frame; maru_sleep nap; struct kid kid; };

maru_async(f)
{
    maru_result rc;
    maru_join(rc, maru_sleep_for(&me->nap, MARU_SEC), maru_call(kid, &me->kid, .nap = &me->nap));
    use((int)rc);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
