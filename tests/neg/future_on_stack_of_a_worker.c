/* future_on_stack_of_a_worker.c - the stack is that of a worker's thread, which is
 * memory like any other. */
//! abort => child \(.*_of_a_worker.c:HERE\): a future on the C stack: make it a member of
#include "neg.h"

struct child { maru_frame frame; };

maru_async(child)
{
    maru_pause pause;
    memset(&pause, 0, sizeof pause);
    maru_await(maru_yield(&pause)); /* HERE */
}
maru_end;

int main(void)
{
    maru_runtime *runtime;
    if (maru_runtime_new(NULL, &runtime) < 0)
        return 2;
    return maru_block_on(runtime, child) < 0;
}
