/* future_on_stack.c - a future that dies with the poll. */
//! abort => f \(.*future_on_stack.c:HERE\): a future on the C stack: make it a member of
#include "neg.h"

struct f { maru_frame frame; };

maru_async(f)
{
    maru_sleep nap;
    memset(&nap, 0, sizeof nap);
    maru_await(maru_sleep_for(&nap, MARU_SEC)); /* HERE */
}
maru_end;

int main(void)
{
    return maru_main(f);
}
