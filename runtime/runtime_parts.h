/* runtime_parts.h - what the files of the composition root share: the runtime object itself.
 *
 *     runtime_options.c   what the user, the environment and the machine ask for
 *     runtime_cpus.c      on which CPUs, and (runtime_cgroup.c) how many of them are paid for
 *     runtime_threads.c   the threads of workers
 *     runtime_blocking.c  the pool for blocking functions
 *     runtime.c           making, freeing, entering
 *     runtime_host.c      turns inside a foreign loop
 *     runtime_shutdown.c  ending within a time
 *     runtime_fork.c      noticing that we are the child of a fork
 *     metrics.c           reading the counters
 *     runtime_dump.c      what every task is doing; runtime_backtrace.c: one that waits
 *     runtime_dump_signal.c   the same on a signal */
#ifndef MARU_RUNTIME_PARTS_H
#define MARU_RUNTIME_PARTS_H

#include "io/io.h"
#include "maru/err.h"
#include "maru/runtime.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/sched/blocking.h"
#include "runtime/sched/guest.h"

#include <pthread.h>
#include <signal.h>

struct maru_runtime {
    struct sched sched;
    struct io io;
    struct alloc alloc;
    struct blocking *blocking;   /* may outlive the runtime; constant */
    maru_hooks hooks;            /* constant; workers point at it if the user gave one */
    struct log log;              /* constant */
    pthread_t *threads;          /* of workers [first_thread, count) */
    uint32_t first_thread;       /* 1 if worker 0 is the caller's own thread */
    uint32_t started;            /* threads that exist */
    uint32_t flavor;
    uint32_t guests;             /* threads inside maru_block_on; any thread */
    pthread_t owner;             /* of worker 0, if first_thread is 1 */
    uint32_t *alive;             /* in a page of its own: 1; 0 in the child of a fork */
    bool is_wiped_by_fork;       /* that page, by the kernel */
    pid_t pid;                   /* who made it */
    bool pin;
    struct dump_signal *dump_signal;    /* or NULL; who calls maru_dump_on_signal, and free */
    char name[THREAD_NAME_BYTES];    /* of threads, before their number */
    size_t stack_bytes;          /* of threads; 0: the system's */
    pthread_mutex_t mutex;
    pthread_cond_t changed;      /* anything below, which is under the mutex */
    uint32_t ready;              /* threads that are attached, or failed to */
    uint32_t left;               /* threads that have left their loop */
    int start_error;
    enum { START_UNDECIDED, START_GO, START_LEAVE } verdict;
};

/* ---- options (runtime_options.c) ---- */

/* The options as this library knows them, every default filled in. `user` may be NULL. 0, -E2BIG,
 * or -EINVAL. */
int runtime_options_of(const maru_options *user, maru_options *ret_options) MARU_MUST_USE;

/* The hooks of the options, which are not NULL, as this library knows them. 0, -E2BIG, -EINVAL. */
int runtime_hooks_of(const maru_options *options, maru_hooks *ret_hooks) MARU_MUST_USE;

/* ---- the blocking pool (runtime_blocking.c) ---- */

/* Makes the pool, without a thread. 0 or -ENOMEM. */
int runtime_make_blocking(maru_runtime *runtime, const maru_options *options) MARU_MUST_USE;

/* ---- threads (runtime_threads.c) ---- */

/* Starts the threads of workers [first_thread, count) when each of them can be and is attached to
 * its driver. 0 or the first error; then none is left. */
int runtime_start_threads(maru_runtime *runtime) MARU_MUST_USE;

/* Calls the calling thread <name>-<kind>-<number>. */
void runtime_name_thread(const maru_runtime *runtime, char kind, uint32_t number);

/* Waits for the threads that were started. */
void runtime_join_threads(maru_runtime *runtime);

/* The calling thread becomes the owner of a worker's driver. 0 or a negative errno. */
int runtime_attach(maru_runtime *runtime, uint32_t id) MARU_MUST_USE;

/* The worker's loop, until the runtime has stopped. By the thread that has entered the worker. */
void runtime_run_worker(struct worker *worker);

/* ---- forks (runtime_fork.c) ---- */

/* From now on the child of a fork can tell. 0 or a negative errno. */
int runtime_mark_alive(maru_runtime *runtime) MARU_MUST_USE;
void runtime_unmark(maru_runtime *runtime);

/* True: it lived at a fork, and this is the child. Any thread. */
bool runtime_is_dead(const maru_runtime *runtime);

/* True: inside a task, or a hook, of a living runtime. */
bool runtime_is_inside(void);

/* 0, or why this thread may not wait for this runtime now: -EOWNERDEAD, -EDEADLK; -EPERM, if
 * worker 0 is another thread and `runs_workers`, or nobody but that thread could run anything. */
int runtime_may_enter(const maru_runtime *runtime, bool runs_workers) MARU_MUST_USE;

/* The calling thread is worker 0. */
bool runtime_is_host(const maru_runtime *runtime);

/* A child that was forked inside a task stands in that dead task: it steps out of it while it runs
 * another runtime, and back after. For everybody else these do nothing. */
struct context runtime_step_out(void) MARU_MUST_USE;
void runtime_step_back(const struct context *before);

/* Says on stderr why a whole program failed: the one thing that is ever printed (runtime.c). */
void runtime_tell_main(const char *name, maru_result result);

/* ---- metrics (metrics.c) ---- */

/* Tasks that have not ended; a sum that may be a moment old. */
uint64_t metrics_live_tasks(maru_runtime *runtime);

#endif
