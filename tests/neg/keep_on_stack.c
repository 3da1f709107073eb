/* keep_on_stack.c - a future on the C stack cannot be kept: it dies with the poll. */
//! abort => f \(.*keep_on_stack.c:HERE\): a future on the C stack: make it a member of
#include "neg.h"

struct f { maru_frame frame; int unused; };

maru_async(f)
{
    maru_result arm;
    maru_sleep tick;
    memset(&tick, 0, sizeof tick);
    maru_select(arm, NULL, maru_keep(&tick, maru_sleep_for(&tick, MARU_SEC))); /* HERE */
    use((int)arm);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
