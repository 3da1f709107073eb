/* join_outside.h - waits for a task from a thread outside of tasks: a guest that does nothing but
 * join it, so that the task itself runs on a worker. */
#ifndef MARU_TESTS_JOIN_OUTSIDE_H
#define MARU_TESTS_JOIN_OUTSIDE_H

#include <maru.h>

struct joins_for_us {
    maru_frame frame;
    maru_task *task;
    maru_join_wait join;
};

maru_async(joins_for_us)
{
    maru_result n;
    maru_await(n, maru_join_task(&me->join, me->task));
    maru_return(n);
}
maru_end;

static inline maru_result join_outside(maru_runtime *runtime, maru_task *task)
{
    return maru_block_on(runtime, joins_for_us, .task = task);
}

#endif
