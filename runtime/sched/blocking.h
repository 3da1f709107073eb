/* blocking.h - the pool of threads for blocking functions: who waits, who runs, who leaves.
 *
 *     submit:  an idle thread?  ------------------ yes ---> given to it
 *              may one more be made? ------------- yes ---> a new thread begins with it
 *              else: queue -----------------------------> the next thread that is free takes it
 *     thread:  run -> take from the queue -> none: idle -> time is up: leave
 *
 * One lock bit guards all of it, but the function's own run. What is queued is the job in the
 * frame that awaits it; of a copying or abandoned job, a block of the pool's. The frame of a job
 * that finds the queue full waits in the same line: the bound is only for who must not wait.
 *
 * B1 A job that was submitted is taken by one thread, or withdrawn by its wait, never both: its
 *    stage tells, under the lock. A withdrawn one never runs.
 * B2 While jobs are queued there is a live thread and none is idle: a job is queued only if
 *    nobody is idle and somebody lives; a thread turns idle, or leaves, only if the queue is
 *    empty. So no job is orphaned. A thread that is being started is no live one yet: if it cannot
 *    be made, its job goes to a live one, and fails if there is none.
 * B3 An idle thread is taken off the idle list once: by a submitter, with a job; by the end of the
 *    pool; or by itself when its time is up. The other two post its nap once, and it takes that
 *    post before it goes on: so nobody touches a thread that has gone.
 * B4 A taken job is completed once, by its thread; of a job in a frame, completing the leaf is
 *    the last touch.
 * B5 A copy has one last owner: the thread that ends it either finds the wait, completes it and
 *    touches it no more, or finds none, and drops it. The wait gives up under the same lock.
 * B6 Live and starting threads are never more than the options say.
 * B7 The runtime leaves the pool when every thread that is left runs something that nobody waits
 *    for; those that leave before are joined, those after detached. Whoever is last, the runtime
 *    or a thread, frees the pool: therefore its memory comes from a gate of its own.
 *
 * A race that is safely handled: an idle thread's time is up while a submitter has taken it off the
 * list; it finds itself off the list, waits for the post that is on its way, and runs the job. */
#ifndef MARU_SCHED_BLOCKING_H
#define MARU_SCHED_BLOCKING_H

#include "maru/blocking.h"
#include "maru/hooks.h"
#include "runtime/base/alloc.h"
#include "runtime/base/config.h"
#include "runtime/sched/nap.h"

#include <pthread.h>
#include <sched.h>

struct sched;

struct blocking_options {
    uint32_t threads;            /* at most */
    uint32_t queue;              /* jobs that may wait before a submit that must not wait fails */
    int64_t keep_alive_ns;       /* how long a thread stays idle; negative: for ever */
    size_t stack_bytes;          /* of a thread; 0: the system's default */
    /* Where threads run if has_cpus, as sched_setaffinity takes it; else where their maker does. */
    unsigned char cpus[CPUS_MAX / 8] __attribute__((aligned(8)));
    bool has_cpus;
    maru_allocator allocator;    /* the user's; both functions NULL: there is none */
    maru_hooks hooks;            /* the user's; those of threads are called */
    void (*on_end)(struct sched *sched);    /* called by a thread after the wake of an awaited job,
                                               so that a paused clock may move; NULL: nothing */
    struct sched *sched;         /* its argument; there as long as somebody waits */
};

/* One on the stack of each thread of the pool. All but the nap: under the pool's lock. */
struct blocking_thread {
    maru_link link;              /* in the pool's threads */
    maru_link idle_link;         /* in the pool's idle ones */
    maru_blocking_job *job;      /* given to it when it was taken off the idle list; NULL: leave */
    struct nap nap;
    pthread_t handle;
};

struct blocking {
    struct alloc alloc;          /* of the pool and of copies */
    struct blocking_options options;
    uint32_t lock;               /* guards all that follows */
    maru_link queue;             /* jobs, first come first served */
    maru_link threads;
    maru_link idle;              /* the one that turned idle last is first */
    uint32_t queued, live, starting, resting;
    uint32_t abandoned;          /* threads whose job nobody waits for, starting ones included */
    uint32_t made;               /* threads so far: their numbers */
    uint32_t decided;            /* starts so far that succeeded or failed; read without the lock */
    bool closed;                 /* who turns idle leaves */
    bool released;               /* the runtime is gone */
    bool is_awaited;             /* blocking_free waits for a post of `gone` */
    bool has_left;               /* `left` is a thread that is to be joined */
    pthread_t left;
    struct nap gone;
};

/* A moment's counts, for metrics. */
struct blocking_counts {
    uint32_t threads, idle;
    uint32_t queued;             /* jobs that wait for a thread */
    uint64_t bytes;              /* of the pool and of copies */
};

/* What becomes of a job when it has run (kind_). */
enum { BLOCKING_AWAITED, BLOCKING_COPIED, BLOCKING_ABANDONED };

/* A job's life in the pool (stage_). */
enum { BLOCKING_NEW, BLOCKING_QUEUED, BLOCKING_TAKEN, BLOCKING_ENDED };

/* A job that is the pool's, and behind it the bytes of its argument. */
struct blocking_copy {
    maru_blocking_job job;       /* first */
    maru_blocking_job *owner;    /* in a frame that waits; NULL: none. Under the lock */
};

/* 0 and the pool, without a thread; or -ENOMEM. */
int blocking_new(const struct blocking_options *options, struct blocking **ret_pool) MARU_MUST_USE;

/* The runtime, whose tasks have ended, leaves the pool. Waits for threads that are about to leave,
 * not for what was abandoned. NULL is fine. Not a thread of the pool. */
void blocking_free(struct blocking *pool);

/* The same in the child of a fork, where no thread of the pool is: gives the pool back. What it
 * held for them is lost, for the lists may be in the middle of a change. */
void blocking_forget(struct blocking *pool);

/* Hands in a job whose fn_, arg_, kind_ are set. `strict`: not behind a full queue. Any thread.
 * 0: a thread will take it, and may have; or -EAGAIN. */
int blocking_submit(struct blocking *pool, maru_blocking_job *job, bool strict) MARU_MUST_USE;

/* The wait of a job gives up. 0: it will not be run, or, of a copy, has no owner any more;
 * -EBUSY: it runs and must be waited for; -EALREADY: it has ended. `ret_withdrawn`: the block of a
 * copy is the caller's again. */
int blocking_give_up(struct blocking *pool, maru_blocking_job *job,
                     bool *ret_withdrawn) MARU_MUST_USE;

/* A block for a job that is the pool's, with a copy of the argument; NULL: no memory. Of size 0:
 * `arg` itself. Any thread. */
struct blocking_copy *blocking_copy_new(struct blocking *pool, const void *arg, size_t size);
void blocking_copy_free(struct blocking *pool, struct blocking_copy *copy);

/* Abandons, for maru_blocking_abandon. Any thread. */
int blocking_abandon(struct blocking *pool, maru_blocking_fn *fn, const void *arg, size_t size);

/* True if the calling thread is one of the pool's. */
bool blocking_is_here(struct blocking *pool);

/* Any thread. */
void blocking_count(struct blocking *pool, struct blocking_counts *ret_counts);

/* The life of a thread that begins with this job. */
void blocking_run(maru_blocking_job *job);

/* ---- threads as the system makes them (blocking_thread.c) ---- */

/* A joinable thread that calls blocking_run(job). 0 or -EAGAIN. */
int blocking_thread_start(const struct blocking_options *options,
                          maru_blocking_job *job) MARU_MUST_USE;

/* The calling thread / its name, as the pool's nth. */
pthread_t blocking_thread_self(void);
void blocking_thread_name(uint32_t number);

/* Waits for a thread that has left / lets one go without that. */
void blocking_thread_join(pthread_t handle);
void blocking_thread_detach(pthread_t handle);

#endif
