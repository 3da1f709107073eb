/* host.h - a SINGLE runtime inside somebody else's loop: poll(2), libuv, asyncio, a GUI's.
 *
 * The foreign loop waits, Maru never does:
 *
 *     int fd = maru_backend_fd(runtime);
 *     for (;;) {
 *         int64_t ns = maru_next_deadline(runtime);
 *         wait until fd is readable, for at most ns nanoseconds (-1: no limit)
 *         maru_turn(runtime, 0);
 *     }
 *
 * Tasks are started by maru_spawn_on, also between turns and by other threads: the descriptor
 * becomes readable then. maru_block_on may still be called between two turns. */
#ifndef MARU_HOST_H
#define MARU_HOST_H

#include "runtime.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* A descriptor that is readable (poll: POLLIN) when the runtime has something to do, timers aside.
 * It is the runtime's own: wait on it, but do not read or close it; level-triggered waits suit it.
 * Threads: one thread at a time: the runtime's own.
 * Returns the descriptor. Errors: -EINVAL runtime is NULL or not SINGLE; -EPERM another thread;
 * -EOWNERDEAD in the child of a fork; -EMFILE, -ENFILE, -ENOMEM no descriptor could be made (on
 * rings the first call makes one). */
int maru_backend_fd(maru_runtime *runtime) MARU_MUST_USE;

/* How long the foreign loop may wait: 0 not at all, -1 until the descriptor is readable, else at
 * most so many nanoseconds, because a timer is due then. Ask again after each turn.
 * Threads: one thread at a time: the runtime's own.
 * Errors: -EINVAL runtime is NULL or not SINGLE; -EPERM another thread; -EOWNERDEAD in the child of
 * a fork. */
int64_t maru_next_deadline(maru_runtime *runtime) MARU_MUST_USE;

/* Takes events, fires what is due, and polls tasks, at most `budget` polls (0: until nothing is
 * left to do; beware of tasks that always have something to do). Never waits. A paused clock jumps
 * at most once in a turn.
 * Threads: one thread at a time: the runtime's own, not inside a task.
 * Returns how many polls it made. Errors: -EINVAL runtime is NULL or not SINGLE; -EPERM another
 * thread; -EDEADLK inside a task or hook; -EOWNERDEAD in the child of a fork. */
int maru_turn(maru_runtime *runtime, uint32_t budget) MARU_MUST_USE;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
