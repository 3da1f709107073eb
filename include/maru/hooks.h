/* hooks.h - what a program can give a runtime: its memory, a place for what there is to tell, and
 * functions that are called when threads and tasks come and go. The options of runtime.h point at
 * these; a NULL pointer in any of them means: nothing. */
#ifndef MARU_HOOKS_H
#define MARU_HOOKS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- memory ----
 *
 * Where everything that a runtime needs comes from, the runtime itself included: in place of
 * jemalloc's mallocx and of aligned_alloc. Only the kernel's own parts, which are stacks and rings,
 * are not asked for here. A job that maru_blocking_abandon left running gives its memory back when
 * it ends, be it after the runtime. Both functions are called by any thread, several at a time,
 * also under locks of ours, so they call nothing of Maru. */
typedef struct maru_allocator {
    /* A block of `size` > 0 bytes, aligned to `align`, a power of two of at least 8; NULL: none
     * is left. */
    void *(*get)(void *arg, size_t size, size_t align);
    /* Takes it back, with the size and align that it was asked for. */
    void (*put)(void *arg, void *block, size_t size, size_t align);
    void *arg;
} maru_allocator;

/* ---- telling ---- */

/* INFO: how the runtime has set itself up. WARNING: something that the program, or the machine,
 * should not do, and that the runtime can live with. */
enum maru_log_level { MARU_LOG_INFO, MARU_LOG_WARNING };

/* One line without its newline; `text` is the callee's until it returns. By any thread, several at
 * a time; it must not wait for tasks. The library itself never prints. */
typedef void maru_log_fn(void *arg, int level, const char *text);

/* ---- threads and tasks ---- */

/* Which task a hook is about. What is not known is NULL or 0. */
typedef struct maru_task_info {
    uint32_t size;               /* sizeof(maru_task_info) of the library */
    uint32_t spawner_line;       /* the await at which the spawner was resumed last; 0: none yet */
    uint64_t id;                 /* of all tasks that live at the same time, only this one's */
    const char *function;        /* the async function that it runs, and its source */
    const char *file;
    const char *spawner;         /* of on_task_spawn: the async function that spawned it, and its */
    const char *spawner_file;    /* source; NULL: it was spawned from outside of tasks */
} maru_task_info;

/* Each is called on the thread that it speaks of, with no lock of ours held. maru_runtime_current
 * is the runtime there; NULL where a thread from outside spawns. A hook may spawn (maru_spawn_on)
 * and wake tasks; work that on_park makes ready is not slept over. It must return soon, and must
 * not block on a runtime: -EDEADLK. A hook of tasks that spawns is called again for what it
 * spawns. */
typedef struct maru_hooks {
    uint32_t size;               /* sizeof(maru_hooks), set by the caller */
    uint32_t reserved;
    void *arg;                   /* of every call */
    /* A thread that the runtime made begins and ends: workers, by number, and threads for blocking
     * calls, numbered from MARU_FIRST_BLOCKING_THREAD. A calling thread that works is not ours. A
     * thread that maru_blocking_abandon keeps busy may end after the runtime. */
    void (*on_thread_start)(void *arg, uint32_t thread);
    void (*on_thread_stop)(void *arg, uint32_t thread);
    /* A worker is about to sleep until something happens, and is back. They alternate. */
    void (*on_park)(void *arg, uint32_t worker);
    void (*on_unpark)(void *arg, uint32_t worker);
    /* Once before a task can run, and once after it has ended; children of scopes are tasks. */
    void (*on_task_spawn)(void *arg, const maru_task_info *task);
    void (*on_task_end)(void *arg, const maru_task_info *task);
} maru_hooks;

/* The number of the first thread for blocking calls in the hooks of threads. */
#define MARU_FIRST_BLOCKING_THREAD 1024u

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
