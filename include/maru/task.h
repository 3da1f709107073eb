/* task.h - tasks: a tree of frames with a place in a run queue.
 *
 * maru_spawn (async.h) starts a detached task and gives a handle, which must be given back by
 * exactly one of maru_join_task (when it delivers) and maru_detach. */
#ifndef MARU_TASK_H
#define MARU_TASK_H

#include "frame.h"
#include "runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Spawns a task whose root frame is a copy of `image` (`size` bytes), on the runtime of the
 * calling task. Ownership: the callee owns what its arguments name from here on; on NULL nothing
 * has moved. The frame's function runs even if it is cancelled before its first poll.
 * Threads: task only.
 * Returns the handle; NULL: no memory, not inside a task, or the runtime is shutting down. */
maru_task *maru_spawn_image(const maru_frame *image, size_t size) MARU_MUST_USE;

/* The same from outside, on `runtime`.
 * Threads: any thread.
 * Returns the handle; NULL: no memory, runtime is NULL, or it is shutting down. */
maru_task *maru_spawn_image_on(maru_runtime *runtime, const maru_frame *image,
                               size_t size) MARU_MUST_USE;

/* Asks a task to end: its awaits give -ECANCELED, its finally runs. A request: the result may
 * still be a value. The handle stays. NULL and an ended task are fine.
 * Threads: any thread that holds the handle. */
void maru_cancel(maru_task *task);

/* Gives the handle back; the task goes on and frees itself when it ends. NULL is fine.
 * Threads: any thread that holds the handle. */
void maru_detach(maru_task *task);

/* True once the task has ended, its finally included.
 * Threads: any thread that holds the handle. */
bool maru_task_is_finished(const maru_task *task);

/* Waits for a task: an await in a frame. */
typedef struct maru_join_wait {
    maru_leaf leaf_;
    maru_task *task_;
} maru_join_wait;

/* A future of the task's result. When it has delivered the result the handle is given back. If
 * the wait is cancelled instead, the result is -ECANCELED, the task goes on, and the handle is
 * still the caller's. A task can be joined by one wait at a time.
 * Threads: start function, task only.
 * Errors: -EINVAL task is NULL; -EBUSY somebody waits for it already; -EDEADLK it is the calling
 * task itself; -ECANCELED cancelled. Other negative values are the task's own. */
maru_future *maru_join_task(maru_join_wait *wait, maru_task *task) MARU_MUST_USE;

/* True once the wait has given the handle back with the task's result, or there was none to give:
 * so an -ECANCELED was the task's own. False: the wait was cancelled, and the handle is still the
 * caller's.
 * Threads: task only, after the wait. */
bool maru_join_delivered(const maru_join_wait *wait);

/* ---- yielding ---- */

typedef struct maru_pause {
    maru_future future_;
} maru_pause;

/* A future that lets others run first: the task goes to the end of its queue. Whatever else wakes
 * the task meanwhile may end it earlier.
 * Threads: start function, task only.
 * Errors: -ECANCELED cancelled. */
maru_future *maru_yield(maru_pause *pause) MARU_MUST_USE;

/* ---- the budget ----
 *
 * How many operations a task may finish in one poll. A finished await of anything but an async
 * function takes a unit by itself. */

/* A future that takes one unit and is ready at once, unless the budget is spent: then the others
 * run first. For long computations.
 * Threads: start function, task only.
 * Errors: -ECANCELED cancelled. */
maru_future *maru_budget_consume(maru_pause *pause) MARU_MUST_USE;

/* A section without a budget: its place in the caller's frame. */
typedef struct maru_section {
    maru_frame frame;
    maru_future *inner_;
} maru_section;

/* A future of `inner`, to which a spent budget is no limit: it runs as long as it need not wait.
 * Its result is inner's. Aborts if inner is NULL.
 * Threads: start function, task only. */
maru_future *maru_unconstrained(maru_section *section, maru_future *inner) MARU_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
