/* future_on_stack_of_a_limit.c - what a time limit guards is on the C stack. */
//! abort => f \(.*future_on_stack_of_a_limit.c:HERE\): a future on the C stack: make it a member of
#include "neg.h"

struct f { maru_frame frame; maru_timeout limit; };

maru_async(f)
{
    maru_sleep nap;
    memset(&nap, 0, sizeof nap);
    maru_await(maru_within(&me->limit, MARU_SEC, maru_sleep_for(&nap, 1))); /* HERE */
}
maru_end;

int main(void)
{
    return maru_main(f);
}
