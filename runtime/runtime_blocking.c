/* runtime_blocking.c - the runtime's pool for blocking functions: from its options, and the way to
 * it from outside. */
#include "runtime/runtime_cpus.h"
#include "runtime/runtime_parts.h"

#include <limits.h>
#include <string.h>

/* Its own, else that of all threads; no smaller than the system allows. */
static size_t stack_bytes(const maru_options *options)
{
    size_t wanted = (size_t)options->blocking_stack_kib * 1024;
    size_t least = (size_t)PTHREAD_STACK_MIN;
    if (wanted == 0)
        wanted = (size_t)options->stack_bytes;
    return wanted > 0 && wanted < least ? least : wanted;
}

int runtime_make_blocking(maru_runtime *runtime, const maru_options *options)
{
    bool for_ever = options->blocking_keep_alive_ms == UINT32_MAX;
    struct blocking_options blocking = {
        .threads = options->blocking_threads,
        .queue = options->blocking_queue,
        .keep_alive_ns = for_ever ? NAP_FOR_EVER
                                  : options->blocking_keep_alive_ms * INT64_C(1000000),
        .stack_bytes = stack_bytes(options),
        .allocator = runtime->alloc.user,
        .hooks = runtime->hooks,
        .on_end = options->flavor == MARU_FLAVOR_SINGLE ? sched_release_clock : NULL,
        .sched = &runtime->sched,
    };
    if (options->pin) {                         /* a pinned worker must not pin what it starts */
        struct cpus allowed;
        (void)cpus_allowed(&allowed);
        memcpy(blocking.cpus, allowed.bytes, sizeof blocking.cpus);
        blocking.has_cpus = cpus_count(&allowed) > 0;
    }
    return blocking_new(&blocking, &runtime->blocking);
}

int maru_blocking_abandon(maru_runtime *runtime, maru_blocking_fn *fn, const void *arg, size_t size)
{
    maru_runtime *to = runtime ? runtime : maru_runtime_current();
    if (!to)
        return -EINVAL;
    return runtime_is_dead(to) ? -EOWNERDEAD : blocking_abandon(to->blocking, fn, arg, size);
}
