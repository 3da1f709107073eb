/* scope.h - scopes: nurseries of tasks that cannot outlive the frame that holds them.
 *
 * A scope is a member of a frame. Its children are tasks and may run on other workers; leaving
 * the function by any road waits for them before finally runs. */
#ifndef MARU_SCOPE_H
#define MARU_SCOPE_H

#include "frame.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ALL: the first error cancels the other children and is what wait returns; for a computation.
 * EACH: an error concerns that child alone and is counted; for servers. */
enum maru_scope_policy { MARU_SCOPE_ALL, MARU_SCOPE_EACH };

/* Told of each child of an EACH scope that ended with a negative result other than -ECANCELED.
 * Called on the worker that ran the child, several at once; must not block. */
typedef void maru_scope_error_fn(void *arg, maru_result error);

/* Zeroed memory is an empty scope with policy ALL. */
typedef struct maru_scope {
    maru_leaf leaf_;
    uint64_t count_;         /* children that have not ended, and whether the owner waits */
    struct maru_child *kids_; /* those that have suspended, under lock_ */
    maru_scope_error_fn *on_error_;
    void *on_error_arg_;
    uint32_t lock_;
    uint32_t failed_;
    int32_t error_;          /* ALL: the first error; any: -ECANCELED once cancelled */
    uint8_t policy_;
    uint8_t cancelled_;
} maru_scope;

/* Makes an empty scope. Aborts if it has children. Any policy but ALL is EACH.
 * Threads: task only, from the frame that holds it. */
void maru_scope_init(maru_scope *scope, enum maru_scope_policy policy);

/* EACH: who is told of errors. NULL: nobody, they are only counted.
 * Threads: task only, from the frame that holds it, before the first child. */
void maru_scope_on_error(maru_scope *scope, maru_scope_error_fn *fn, void *arg);

/* Spawns a child whose root frame is a copy of `image`. On error ownership has not moved.
 * Threads: task only; `owner` is the frame that holds the scope.
 * Returns 0. Errors: -ENOMEM; -MARU_ESHUTDOWN; -ECANCELED or the first error when the scope has
 * been cancelled; -EINVAL owner is neither the calling function nor one that awaits it, or image is
 * none. */
int maru_scope_spawn_image(maru_frame *owner, maru_scope *scope, const maru_frame *image,
                           size_t size) MARU_MUST_USE;

/* Many children at once, with one announcement to the other workers: all of them, or none.
 *
 * A batch lives on the C stack of the caller, who must not await anything between begin and end.
 * maru_scope_spawn_many of async.h fills one in a loop. */
typedef struct maru_batch {
    maru_frame *owner_;
    maru_scope *scope_;
    maru_task *first_, *last_;
    uint64_t count_;
    int error_;
} maru_batch;

/* Begins an empty batch for `scope`, held by `owner`. What is wrong with them, end tells.
 * Threads: task only. */
void maru_batch_begin(maru_batch *batch, maru_frame *owner, maru_scope *scope);

/* Adds a child whose root frame is a copy of `image`; it does not run before end.
 * Threads: task only, as begin.
 * Returns false when end is going to return an error. */
bool maru_batch_add(maru_batch *batch, const maru_frame *image, size_t size);

/* Spawns all that were added. On error none of them was, and ownership of nothing has moved.
 * Threads: task only, as begin.
 * Returns 0. Errors: those of maru_scope_spawn_image. */
int maru_batch_end(maru_batch *batch) MARU_MUST_USE;

/* The same from an array of `count` frames of `size` bytes each.
 * Threads: task only; `owner` is the frame that holds the scope.
 * Returns 0. Errors: those of maru_scope_spawn_image; none of the children was spawned then. */
int maru_scope_spawn_images(maru_frame *owner, maru_scope *scope, const maru_frame *images,
                            size_t size, size_t count) MARU_MUST_USE;

/* A future that waits until all children have ended; the scope is as good as new after it.
 * If the wait is cancelled, the children are cancelled and still waited for.
 * Threads: start function, task only, from the frame that holds it.
 * Errors: ALL: the first error of a child; any: -ECANCELED cancelled. */
maru_future *maru_scope_wait(maru_scope *scope) MARU_MUST_USE;

/* Cancels all children, and refuses new ones until the scope has been waited for.
 * Threads: task only, from the frame that holds it. */
void maru_scope_cancel(maru_scope *scope);

/* How many children have not ended. How many have failed since init (-ECANCELED not counted).
 * Threads: task only, from the frame that holds it. */
size_t maru_scope_count(const maru_scope *scope);
size_t maru_scope_failed(const maru_scope *scope);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
