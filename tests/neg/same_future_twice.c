/* same_future_twice.c - the same future twice in one wait. */
//! abort => f \(.*same_future_twice.c:HERE\): the same future twice in one wait
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    maru_result rc;
    maru_join(rc, maru_sleep_for(&me->nap, 1), maru_sleep_for(&me->nap, 1)); /* HERE */
    use((int)rc);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
