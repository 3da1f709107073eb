/* runtime_options.c - what a runtime is to be like: the user's options, the environment's word, and
 * the machine's defaults. */
#include "runtime/runtime_parts.h"

#include "runtime/runtime_cpus.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void maru_options_init(maru_options *options, size_t size)
{
    if (!options || size < sizeof options->size)
        return;
    memset(options, 0, size);
    options->size = (uint32_t)size;
}

/* ---- structs of another size than ours ---- */

static bool is_zero(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

/* Takes what both sides know of a struct whose first field is its size; the rest is zero. */
static int take_sized(void *to, size_t to_size, const void *from)
{
    uint32_t size;
    memcpy(&size, from, sizeof size);
    if (size < sizeof size)
        return -EINVAL;
    if (size > to_size && !is_zero((const unsigned char *)from + to_size, size - to_size))
        return -E2BIG;
    memcpy(to, from, size < to_size ? size : to_size);
    return 0;
}

/* ---- workers ---- */

static int workers_from_env(uint32_t *ret_workers)
{
    const char *value = getenv("MARU_WORKERS");
    char *end;
    if (!value || !*value)
        return 0;
    unsigned long workers = strtoul(value, &end, 10);
    if (*end || *value < '0' || *value > '9' || workers == 0 || workers > WORKERS_MAX)
        return -EINVAL;
    *ret_workers = (uint32_t)workers;
    return 0;
}

/* As many as can run at the same time: more of them would only take each other's CPU. */
static uint32_t usable_cpus(void)
{
    struct cpus allowed;
    uint32_t count = cpus_allowed(&allowed), quota = cpus_of_cgroup("");
    return quota > 0 && quota < count ? quota : count;
}

/* ---- filling in ---- */

static void fill_in_blocking(maru_options *options)
{
    if (options->blocking_threads == 0)
        options->blocking_threads = BLOCKING_THREADS_DEFAULT;
    if (options->blocking_queue == 0)
        options->blocking_queue = BLOCKING_QUEUE_DEFAULT;
    if (options->blocking_keep_alive_ms == 0)
        options->blocking_keep_alive_ms = BLOCKING_KEEP_ALIVE_MS;
}

/* What the user left at zero; with the environment's word in between. */
static int fill_in(maru_options *options)
{
    uint32_t cpus = usable_cpus();
    if (options->flavor == MARU_FLAVOR_SINGLE)
        options->workers = 1;
    int rc = options->workers == 0 ? workers_from_env(&options->workers) : 0;
    if (rc < 0)
        return rc;
    if (options->workers == 0)
        options->workers = cpus < WORKERS_MAX ? cpus : WORKERS_MAX;
    if (options->budget == 0)
        options->budget = BUDGET_DEFAULT;
    if (options->turn_interval == 0)
        options->turn_interval = TURN_INTERVAL;
    if (options->spin_us == 0)                  /* spinning takes the CPU from who would wake us */
        options->spin_us = options->workers > cpus ? UINT32_MAX
                                                   : (uint32_t)(SPIN_NS_DEFAULT / 1000);
    if (options->seed == 0 && getrandom(&options->seed, sizeof options->seed, GRND_NONBLOCK) < 0)
        options->seed = (uint64_t)clock_real_now();
    if (!options->name || !*options->name)
        options->name = "maru";
    fill_in_blocking(options);
    return options->io == MARU_IO_AUTO ? io_kind_from_env(&options->io) : 0;
}

static bool is_in_range(const maru_options *options)
{
    const maru_allocator *allocator = options->allocator;
    if (options->workers > WORKERS_MAX || options->flavor > MARU_FLAVOR_SINGLE ||
        options->io > MARU_IO_EPOLL || options->pin > 1 ||
        options->clock > MARU_CLOCK_VIRTUAL || options->turn_interval > TURN_INTERVAL_MAX ||
        options->blocking_threads > BLOCKING_THREADS_MAX || options->reserved)
        return false;
    if (options->clock == MARU_CLOCK_VIRTUAL && options->flavor != MARU_FLAVOR_SINGLE)
        return false;
    if (options->flavor == MARU_FLAVOR_SINGLE && options->workers > 1)
        return false;
    if (options->stack_bytes > 0 && options->stack_bytes < STACK_MIN_BYTES)
        return false;
    return !allocator || (allocator->get && allocator->put);
}

int runtime_options_of(const maru_options *user, maru_options *ret_options)
{
    maru_options options = { .size = sizeof options };
    int rc = user ? take_sized(&options, sizeof options, user) : 0;
    if (rc == 0 && !is_in_range(&options))
        rc = -EINVAL;
    if (rc == 0)
        rc = fill_in(&options);
    *ret_options = options;
    return rc;
}

int runtime_hooks_of(const maru_options *options, maru_hooks *ret_hooks)
{
    maru_hooks hooks = { .size = sizeof hooks };
    int rc = take_sized(&hooks, sizeof hooks, options->hooks);
    if (rc == 0 && hooks.reserved)
        rc = -EINVAL;
    if (rc == 0)
        *ret_hooks = hooks;
    return rc;
}
