/* hook.h - telling the user's hooks of tasks that come and go: once before a task can run, once
 * after its end, never under a lock. */
#ifndef MARU_TASK_HOOK_H
#define MARU_TASK_HOOK_H

#include "runtime/task/task.h"

COLD void hook_tell_spawned(const maru_hooks *hooks, maru_task *task);
COLD void hook_tell_ended(const maru_hooks *hooks, maru_task *task);

/* Before the task is put in its first queue. `local` is of the task's runtime. Any thread. */
static inline void hook_spawned(const struct local *local, maru_task *task)
{
    if (UNLIKELY(local->hooks != NULL))
        hook_tell_spawned(local->hooks, task);
}

/* After its last poll, while its memory is there. The runner. */
static inline void hook_ended(const struct local *local, maru_task *task)
{
    if (UNLIKELY(local->hooks != NULL))
        hook_tell_ended(local->hooks, task);
}

#endif
