/* blocking.h - C functions that block: each runtime has a pool of threads for them.
 *
 * A task must not block its worker, so what can only be done by blocking (a C library's call, a
 * read of a slow disk, a long computation) is handed to the pool and awaited:
 *
 *     struct report { maru_frame frame; maru_blocking_job job; FILE *file; };
 *
 *     maru_try(n, maru_blocking(&me->job, count_lines, me->file));
 *
 * Threads are made on demand, up to maru_options.blocking_threads, and leave after
 * blocking_keep_alive_ms without work. What finds all of them busy waits its turn, first come
 * first served. Their names are maru-blk-N; they take no signals.
 *
 * A job is outside of tasks: maru_runtime_current is NULL in it and nothing can be awaited, but
 * maru_spawn_on, maru_block_on (of a MULTI runtime, or of one that the job itself made),
 * maru_leaf_complete and plain C are all there. It must not free the runtime that it runs for.
 *
 * When the runtime is freed, jobs that wait their turn are cancelled with their tasks, running ones
 * are waited for by their tasks, and what was abandoned goes on: the runtime does not wait for
 * it, and a program that returns from main ends it. */
#ifndef MARU_BLOCKING_H
#define MARU_BLOCKING_H

#include "runtime.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What runs on the pool. Its result is the await's: a value >= 0 or a negative errno. */
typedef maru_result maru_blocking_fn(void *arg);

typedef struct maru_blocking_job {
    maru_leaf leaf_;
    maru_link link_;         /* in the queue, under the pool's lock */
    void *pool_;
    maru_blocking_fn *fn_;
    void *arg_;
    void *copy_;             /* of the copying form: what the pool has of it */
    void (*drop_)(void *arg);
    size_t size_;
    maru_result result_;     /* the thread's, until the leaf is complete */
    uint8_t kind_;
    uint8_t stage_;          /* under the pool's lock */
} maru_blocking_job;

/* Runs fn(arg) on the pool and gives its result. `arg` must stay until the future has ended, as
 * the members of a frame do. Cancelled while it waits its turn, the function never runs. Once it
 * runs, it is waited for, and its result is given, also by a loser of a select.
 * Threads: start function, task only.
 * Errors: the function's own; -ECANCELED cancelled before it ran; -EAGAIN there is no thread in
 * the pool and none can be made; -EINVAL fn is NULL, or it returned MARU_PENDING. */
maru_future *maru_blocking(maru_blocking_job *job, maru_blocking_fn *fn, void *arg) MARU_MUST_USE;

/* The same, but it does not wait behind a full queue.
 * Threads: start function, task only.
 * Errors: as maru_blocking; -EAGAIN also: maru_options.blocking_queue jobs wait already. */
maru_future *maru_blocking_try(maru_blocking_job *job, maru_blocking_fn *fn,
                               void *arg) MARU_MUST_USE;

/* The same on a copy of the `size` bytes at `arg`, so that a running function need not be waited
 * for. When it has returned, the copy, as the function left it, is copied back to `arg`, and the
 * result given. Cancelled while the function runs, the result is -ECANCELED at once, `arg` is
 * as it was, and when the function has returned the pool calls drop(copy), unless drop is NULL, to
 * release what the function made. What the copy points at must outlive the function. With size 0
 * `arg` itself is handed over, and must outlive the function.
 * Threads: start function, task only.
 * Errors: as maru_blocking; -ECANCELED cancelled: the function did not run, or its result was
 * dropped; -ENOMEM no room for the copy; -EINVAL also: arg is NULL, and size is not 0. */
maru_future *maru_blocking_copy(maru_blocking_job *job, maru_blocking_fn *fn,
                                void (*drop)(void *arg), void *arg, size_t size) MARU_MUST_USE;

/* Runs fn on a copy of the `size` bytes at `arg`, and nobody waits for it: its result is dropped,
 * what it owns is its own to release. Once accepted it runs, also when the runtime is freed
 * meanwhile, which does not wait for it. With size 0 `arg` itself is handed over.
 * Threads: any thread; runtime NULL, that of the calling task: task only.
 * Returns 0. Errors: -EAGAIN maru_options.blocking_queue jobs wait already, or there is no thread
 * and none can be made; -ENOMEM; -EINVAL fn is NULL, arg is NULL and size is not 0, or runtime
 * is NULL outside of tasks; -EOWNERDEAD in the child of a fork. On error nothing has changed. */
int maru_blocking_abandon(maru_runtime *runtime, maru_blocking_fn *fn, const void *arg,
                          size_t size) MARU_MUST_USE;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
