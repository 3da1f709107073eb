/* hooks.h - calling the user's hooks: one predictable branch where there are none. */
#ifndef MARU_BASE_HOOKS_H
#define MARU_BASE_HOOKS_H

#include "maru/hooks.h"
#include "runtime/base/check.h"

#include <stdbool.h>

static inline void hooks_thread_start(const maru_hooks *hooks, uint32_t thread)
{
    if (hooks && hooks->on_thread_start)
        hooks->on_thread_start(hooks->arg, thread);
}

static inline void hooks_thread_stop(const maru_hooks *hooks, uint32_t thread)
{
    if (hooks && hooks->on_thread_stop)
        hooks->on_thread_stop(hooks->arg, thread);
}

/* True: there was one, and it may have made work. */
static inline bool hooks_park(const maru_hooks *hooks, uint32_t worker)
{
    if (LIKELY(!hooks) || !hooks->on_park)
        return false;
    hooks->on_park(hooks->arg, worker);
    return true;
}

static inline void hooks_unpark(const maru_hooks *hooks, uint32_t worker)
{
    if (UNLIKELY(hooks) && hooks->on_unpark)
        hooks->on_unpark(hooks->arg, worker);
}

#endif
