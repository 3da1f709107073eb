/* future_on_stack_of_a_set.c - one future of a join is on the C stack. */
//! abort => f \(.*future_on_stack_of_a_set.c:HERE\): a future on the C stack: make it a member of
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    maru_result rc;
    maru_sleep nap;
    memset(&nap, 0, sizeof nap);
    maru_join(rc, maru_sleep_for(&me->nap, 1), maru_sleep_for(&nap, 1)); /* HERE */
    use((int)rc);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
