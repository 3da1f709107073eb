/* task.h - tasks: a tree of frames with a place in a run queue.
 *
 * maru_spawn (async.h) starts a detached task and gives a handle, which must be given back by
 * exactly one of maru_join_task (when it delivers) and maru_detach. maru_wait_task keeps it, so
 * that maru_task_frame (async.h) can read what the task has left in its frame:
 *
 *     maru_try(maru_wait_task(&me->wait, me->task));
 *     use(maru_task_frame(me->task, lookup)->addresses);
 *     maru_detach(me->task);
 */
#ifndef MARU_TASK_H
#define MARU_TASK_H

#include "frame.h"
#include "runtime.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Spawns a task whose root frame is a copy of `image` (`size` bytes), on the runtime of the
 * calling task. Ownership: the callee owns what its arguments name from here on; on NULL nothing
 * has moved. The frame's function runs even if it is cancelled before its first poll.
 * Threads: task only.
 * Returns the handle; NULL: no memory, not inside a task, the runtime is shutting down, or image is
 * none: NULL, smaller than a frame, or without a function. */
maru_task *maru_spawn_image(const maru_frame *image, size_t size) MARU_MUST_USE;

/* The same from outside, on `runtime`.
 * Threads: any thread.
 * Returns the handle; NULL: no memory, runtime is NULL, or it is shutting down, or dead in the
 * child of a fork; or image is none. */
maru_task *maru_spawn_image_on(maru_runtime *runtime, const maru_frame *image,
                               size_t size) MARU_MUST_USE;

/* Asks a task to end: its awaits give -ECANCELED, its finally runs. A request: the result may
 * still be a value. The handle stays. NULL and an ended task are fine.
 * Threads: any thread that holds the handle. */
void maru_cancel(maru_task *task);

/* Gives the handle back; the task goes on and frees itself when it ends. NULL is fine.
 * Threads: any thread that holds the handle. */
void maru_detach(maru_task *task);

/* True once the task has ended, its finally included; of NULL, too.
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

/* The same, but the handle stays the caller's in any case. As many waits as one likes, one at a
 * time; after the end they are ready at once.
 * Threads: start function, task only.
 * Errors: those of maru_join_task. */
maru_future *maru_wait_task(maru_join_wait *wait, maru_task *task) MARU_MUST_USE;

/* True once the wait has delivered the task's result, and if it was a join the handle was given
 * back, or there was none to give: so an -ECANCELED was the task's own. False: the wait was
 * cancelled, and the handle is still the caller's. True of NULL: there is no handle.
 * Threads: task only, after the wait. */
bool maru_join_delivered(const maru_join_wait *wait);

/* The frame of a task that has ended, if it runs `function`: what it computed. Valid until the
 * handle is given back. maru_task_frame(task, f) of async.h gives it its type.
 * Threads: any thread that holds the handle.
 * Returns NULL: the task has not ended, or it runs another function, or task is NULL. */
maru_frame *maru_task_root(maru_task *task, const maru_function *function);

/* The name of the async function that a task runs; NULL of NULL. The string is static.
 * Threads: any thread that holds the handle. */
const char *maru_task_function(const maru_task *task);

/* A number that no two tasks have at the same time; a task that has ended and whose handle was
 * given back leaves it to others. 0: no task; of the calling task: not inside of one.
 * Threads: any thread. */
uint64_t maru_task_id(const maru_task *task);
uint64_t maru_task_id_here(void);

/* ---- futures as tasks ----
 *
 * For other languages and for futures written by hand: they need no async function. What the
 * future is made of stays the caller's, is not on a C stack, and must not be touched until the task
 * has ended. */

/* Spawns a task whose result is that of `future`, which was started just now and is awaited by
 * nobody, on the runtime of the calling task or, from any thread, on `runtime`.
 * Threads: task only; maru_spawn_future_on: any thread.
 * Returns the handle; NULL: as maru_spawn_image and maru_spawn_image_on, or future is NULL. */
maru_task *maru_spawn_future(maru_future *future) MARU_MUST_USE;
maru_task *maru_spawn_future_on(maru_runtime *runtime, maru_future *future) MARU_MUST_USE;

/* Waits for `future` from outside, as maru_block_on_image does for a function.
 * Threads: any thread that is not inside a task; SINGLE: its own thread.
 * Returns the future's result. Errors: -EINVAL also when future is NULL; those of
 * maru_block_on_image. */
maru_result maru_block_on_future(maru_runtime *runtime, maru_future *future) MARU_MUST_USE;

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

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
