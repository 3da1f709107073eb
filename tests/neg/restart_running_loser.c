/* restart_running_loser.c - the loser of a race is started anew, not kept. */
//! abort => f \(.*restart_running_loser.c:HERE\): sleep: restarted while it is still in flight
#include "neg.h"

struct f { maru_frame frame; maru_sleep short_nap, long_nap; };

maru_async(f)
{
    maru_result arm;
    maru_race(arm, maru_sleep_for(&me->short_nap, 1), maru_sleep_for(&me->long_nap, MARU_SEC));
    use((int)arm);
    maru_await(maru_sleep_for(&me->long_nap, MARU_SEC)); /* HERE */
}
maru_end;

int main(void)
{
    return maru_main(f);
}
