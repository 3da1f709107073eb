/* join_set.h - tasks whose results are taken in the order in which they end.
 *
 * A join set is a member of a frame. Zeroed memory is an empty one. What nobody has joined when
 * the function is left is cancelled and waited for before finally runs: so no task outlives the
 * frame, and none leaks its result.
 *
 *     struct crawl { maru_frame frame; maru_join_set pages; };
 *
 *     for (int i = 0; i < 10; i++)
 *         if (!maru_join_set_spawn(&me->pages, fetch, .url = urls[i]))
 *             maru_return(-ENOMEM);
 *     for (;;) {
 *         maru_await(rc, maru_join_next(&me->pages));
 *         if (rc == -MARU_EEMPTY)
 *             break;
 *         struct fetch *page = maru_task_frame(maru_joined(&me->pages), fetch);
 *         ...
 *     }
 */
#ifndef MARU_JOIN_SET_H
#define MARU_JOIN_SET_H

#include "frame.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct maru_join_set {
    maru_leaf leaf_;         /* in the frame's list while there are tasks: waits for all */
    maru_leaf next_;         /* the wait for the next one */
    struct maru_join_core *core_; /* what the tasks know of the set; NULL: it has none */
    maru_task *joined_;      /* whose result was taken last */
    uint64_t count_;         /* tasks that were not joined yet */
    uint8_t closing_;
} maru_join_set;

/* Spawns a task into the set, whose root frame is a copy of `image`; `owner` is the frame that
 * holds the set. maru_join_set_spawn of async.h is the typed face of it.
 * Threads: task only.
 * Returns the task, for maru_cancel, maru_task_id and the like: the set keeps the handle, until
 * the task was joined and the next maru_join_next is started, or all are detached. NULL: no
 * memory; the runtime is shutting down; the set is; the function was cancelled; set is NULL; owner
 * is neither the calling function nor one that awaits it. Ownership has not moved then. */
maru_task *maru_join_set_spawn_image(maru_frame *owner, maru_join_set *set,
                                     const maru_frame *image, size_t size) MARU_MUST_USE;

/* A future of the result of the task that ends next, or has ended first of those that were not
 * joined. Starting it releases the task that was joined before. If it is cancelled or loses, no
 * result is lost. One at a time.
 * Threads: start function, task only.
 * Errors: -MARU_EEMPTY no task is left; -ECANCELED cancelled. Other negative values are the
 * task's own, and so are these two if maru_joined is not NULL. */
maru_future *maru_join_next(maru_join_set *set) MARU_MUST_USE;

/* The same without waiting.
 * Threads: task only, the task whose frame holds the set.
 * Returns 0 and sets *ret_result. Errors: -EAGAIN none has ended yet; -MARU_EEMPTY no task is left;
 * -EINVAL an argument is NULL. */
int maru_join_set_try_next(maru_join_set *set, maru_result *ret_result) MARU_MUST_USE;

/* The task whose result was delivered last: its id, its frame. NULL: the last wait has delivered
 * none. The set keeps the handle.
 * Threads: task only, the task whose frame holds the set. */
maru_task *maru_joined(const maru_join_set *set);

/* How many tasks were spawned and not joined yet.
 * Threads: task only, the task whose frame holds the set. */
size_t maru_join_set_count(const maru_join_set *set);

/* Cancels all tasks of the set. They stay in it, and their results are joined as all others.
 * Threads: task only, the task whose frame holds the set. */
void maru_join_set_cancel(maru_join_set *set);

/* A future that cancels all tasks, waits for them, and drops all results: the set is as good as
 * new after it, and takes no new tasks before. Its result is 0.
 * Threads: start function, task only, from the frame that holds it. */
maru_future *maru_join_set_shutdown(maru_join_set *set) MARU_MUST_USE;

/* Lets all tasks go on by themselves; the set is empty after it, and what ended without being
 * joined is gone. What maru_join_set_spawn has returned must not be used any more.
 * Threads: task only, the task whose frame holds the set. */
void maru_join_set_detach(maru_join_set *set);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
