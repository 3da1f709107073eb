/* runtime.h - runtimes: workers with their queues, timers and drivers; one object, no globals.
 *
 * Nothing happens before maru_runtime_new: no constructor, no handler of signals, forks or exits.
 * Threads that a runtime makes take no signals but those they cause. exit() may be called in a
 * task. In the child of a fork the runtimes that lived at the fork are dead: calls give -EOWNERDEAD
 * or NULL, what is woken does not run, and maru_runtime_free frees the memory; a new runtime may be
 * made there. A task that was running at the fork must end in exec or _exit, or exit, there. */
#ifndef MARU_RUNTIME_H
#define MARU_RUNTIME_H

#include "frame.h"
#include "hooks.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct maru_runtime maru_runtime;

/* MULTI: worker threads of its own. SINGLE: no thread; the one that made it runs everything, in
 * maru_block_on. */
enum maru_flavor { MARU_FLAVOR_MULTI, MARU_FLAVOR_SINGLE };

/* REAL: time passes. VIRTUAL, for SINGLE runtimes: a clock that begins at zero and is paused, see
 * maru_clock_pause. */
enum maru_clock { MARU_CLOCK_REAL, MARU_CLOCK_VIRTUAL };

/* AUTO: a ring per worker if the kernel allows one, else epoll. The environment's MARU_IO
 * (auto, ring, ring-coop, ring-none, epoll) overrides AUTO. */
enum maru_io { MARU_IO_AUTO, MARU_IO_RING, MARU_IO_RING_COOP, MARU_IO_RING_NONE, MARU_IO_EPOLL };

/* Zero means the default, in every field. */
typedef struct maru_options {
    uint32_t size;           /* sizeof(maru_options), set by maru_options_init */
    uint32_t workers;        /* default: MARU_WORKERS of the environment, else the CPUs that this
                                process may use, and no more than its cgroup's quota allows,
                                rounded up; at most 256 */
    uint32_t flavor;         /* enum maru_flavor */
    uint32_t io;             /* enum maru_io */
    uint32_t budget;         /* operations that may finish in one poll of a task; default 128 */
    uint32_t spin_us;        /* how long a worker looks for work before it sleeps: default 50;
                                UINT32_MAX: not at all */
    uint64_t seed;           /* of victims and select; default: from the system */
    uint32_t pin;            /* 1: the thread of worker i runs on the i-th allowed CPU only; a
                                calling thread that is a worker is left alone */
    uint32_t clock;          /* enum maru_clock; VIRTUAL only with SINGLE */
    uint32_t turn_interval;  /* polls of tasks between two looks at sockets and timers while there
                                is work: 1 to 4,096, default 61. The queues have no knobs: they
                                spill into one that has no bound, and tasks that come from outside
                                stand in one line with the worker's own */
    uint32_t reserved;
    uint64_t stack_bytes;    /* of threads that the runtime makes: at least 512 KiB; default: the
                                system's */
    const char *name;        /* threads are called <name>-w-0 and so on; default "maru" */
    const maru_allocator *allocator;    /* copied; default: jemalloc if the process has it, else
                                           aligned_alloc */
    maru_log_fn *log;        /* is told what is worth telling; default: nobody */
    void *log_arg;
    const maru_hooks *hooks; /* copied; default: none */
    uint32_t blocking_threads;   /* threads for blocking functions, at most: default 512; at most
                                    16,384 */
    uint32_t blocking_queue;     /* jobs that may wait for one of them before maru_blocking_try and
                                    maru_blocking_abandon give -EAGAIN: default 4,096 */
    uint32_t blocking_keep_alive_ms; /* how long one stays without work: default 10,000;
                                        UINT32_MAX: for ever */
    uint32_t blocking_stack_kib; /* of one's stack; default: stack_bytes */
} maru_options;

/* Fills in `options`, of `size` bytes as the caller's compiler knows it, with zeroes and size.
 * Threads: any thread. */
void maru_options_init(maru_options *options, size_t size);

/* Makes a runtime and starts its workers. options may be NULL. With maru.h this is a macro of
 * abi.h, which gives -MARU_EABI too; the function itself is for other languages.
 * Threads: any thread; a SINGLE runtime belongs to the calling one from then on.
 * Returns 0 and sets *ret_runtime. Errors: -EINVAL a value is out of range, an allocator lacks one
 * of its functions, or MARU_IO or MARU_WORKERS of the environment is not understood; -E2BIG options
 * or its hooks have fields that this library does not know; -EDEADLK called inside a task or hook;
 * -ENOMEM, -EMFILE, -EAGAIN no memory, descriptors or threads; -ENOSYS, -EPERM,
 * ... the I/O backend that was asked for by name is refused. On error nothing has changed. */
int maru_runtime_new(const maru_options *options, maru_runtime **ret_runtime) MARU_MUST_USE;

/* Takes no new tasks, cancels every task, and runs until all have ended, but not longer than
 * `timeout_ns` of real time; negative: as long as it takes. 0 does not wait at all: it begins the
 * shutdown, and a SINGLE runtime runs nothing then. A poll that has begun is not interrupted.
 * When the time is over the runtime goes on shutting down: this may be called again, and
 * maru_runtime_free then waits for what is left as long as it takes. Blocking calls that run are
 * not waited for.
 * report_fd: when the time is over, how many tasks still run, and a dump of them, is written there;
 * -1: nowhere.
 * Threads: any thread that is not inside a task; SINGLE: its own thread.
 * Returns 0: every task has ended and the workers have stopped. Errors: -ETIMEDOUT the time is
 * over; -EINVAL runtime is NULL; -EDEADLK inside a task, a hook or a blocking job; -EPERM the wrong
 * thread for SINGLE; -EOWNERDEAD in the child of a fork. */
int maru_runtime_shutdown(maru_runtime *runtime, int64_t timeout_ns, int report_fd) MARU_MUST_USE;

/* Cancels every task, runs until all have ended, stops the workers, frees everything. In the child
 * of a fork nothing runs any more: memory and the child's copies of descriptors are given back.
 * Threads from outside that are completing a wait are waited for; wakers that they retained must
 * have been released, and handles of tasks given back, before, and no maru_block_on may begin
 * meanwhile. NULL is fine.
 * Threads: one thread at a time, not a worker's; a SINGLE runtime: its own thread.
 * Returns 0. Errors: -EDEADLK called inside a task or hook, or in a blocking job of this runtime;
 * -EPERM the wrong thread for SINGLE; -EBUSY a maru_block_on is still going on. Nothing has changed
 * then. */
int maru_runtime_free(maru_runtime *runtime);

/* Runs an async function to its end from outside. The calling thread polls it, as a guest: the
 * function itself and the one task that it has woken last, nothing else; what it spawns runs on the
 * workers. It may be called again and again, and by several threads at once. The owner of a SINGLE
 * runtime, and of maru_main's, runs the runtime's other tasks meanwhile.
 * Threads: any thread that is not inside a task; SINGLE: its own thread.
 * Returns the function's result. Errors: -EINVAL runtime is NULL, or image is none; -EDEADLK inside
 * a task or hook; -EPERM the wrong thread for SINGLE; -ENOMEM; -EAGAIN 3,839 threads are inside
 * already; -MARU_ESHUTDOWN; -EOWNERDEAD in the child of a fork. */
maru_result maru_block_on_image(maru_runtime *runtime, const maru_frame *image,
                                size_t size) MARU_MUST_USE;

/* Runs an async function as a whole program on a MULTI runtime with default options, whose first
 * worker is the calling thread. One line on stderr tells of a negative result.
 * Threads: one thread at a time, not inside a task.
 * Returns 0, or 1 when the result was negative or no runtime could be made. */
int maru_main_image(const maru_frame *image, size_t size);

/* The runtime of the calling task, or of the hook that runs; NULL outside of both.
 * Threads: any thread. */
maru_runtime *maru_runtime_current(void);

/* How many workers it has, and which backend won: "ring", "ring-coop", "ring-none", "epoll". Of
 * NULL: 0 and "".
 * Threads: any thread. */
uint32_t maru_runtime_workers(const maru_runtime *runtime);
const char *maru_runtime_io(const maru_runtime *runtime);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
