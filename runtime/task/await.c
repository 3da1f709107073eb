/* await.c - a future as a whole task: for callers that have no async function to await it in. */
#include "maru/async.h"
#include "maru/err.h"

struct await_future {
    maru_frame frame;
    maru_future *future;
};

maru_async(await_future)
{
    maru_result result;
    maru_await(result, me->future);
    maru_return(result);
}
maru_end;

maru_task *maru_spawn_future(maru_future *future)
{
    return future ? maru_spawn(await_future, .future = future) : NULL;
}

maru_task *maru_spawn_future_on(maru_runtime *runtime, maru_future *future)
{
    return future ? maru_spawn_on(runtime, await_future, .future = future) : NULL;
}

maru_result maru_block_on_future(maru_runtime *runtime, maru_future *future)
{
    return future ? maru_block_on(runtime, await_future, .future = future) : -EINVAL;
}
