/* same_future_twice_in_a_limit.c - a join awaits a future, and a limit of it too. */
//! abort => f \(.*same_future_twice_in_a_limit.c:HERE\): the same future twice in one wait
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; maru_timeout limit; };

maru_async(f)
{
    maru_result rc;
    maru_future *nap = maru_sleep_for(&me->nap, MARU_SEC);
    maru_join(rc, nap, maru_within(&me->limit, MARU_SEC, nap)); /* HERE */
    use((int)rc);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
