/* runtime_options.c - what a runtime is to be like: the user's options, the environment's word, and
 * the machine's defaults. */
#include "runtime/runtime_parts.h"

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

static bool is_zero(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

uint32_t runtime_allowed_cpus(cpu_set_t *ret_set)
{
    CPU_ZERO(ret_set);
    if (sched_getaffinity(0, sizeof *ret_set, ret_set) < 0)
        return 1;
    int count = CPU_COUNT(ret_set);
    return count > 0 ? (uint32_t)count : 1;
}

static int workers_from_env(uint32_t *ret_workers)
{
    const char *value = getenv("MARU_WORKERS");
    char *end;
    if (!value || !*value)
        return 0;
    unsigned long workers = strtoul(value, &end, 10);
    if (*end || value[0] == '-' || workers == 0 || workers > WORKERS_MAX)
        return -EINVAL;
    *ret_workers = (uint32_t)workers;
    return 0;
}

/* What the user left at zero; with the environment's word in between. */
static int fill_in(maru_options *options)
{
    cpu_set_t set;
    uint32_t cpus = runtime_allowed_cpus(&set);
    if (options->flavor == MARU_FLAVOR_SINGLE)
        options->workers = 1;
    int rc = options->workers == 0 ? workers_from_env(&options->workers) : 0;
    if (rc < 0)
        return rc;
    if (options->workers == 0)
        options->workers = cpus < WORKERS_MAX ? cpus : WORKERS_MAX;
    if (options->budget == 0)
        options->budget = BUDGET_DEFAULT;
    if (options->spin_us == 0)                  /* spinning takes the CPU from who would wake us */
        options->spin_us = options->workers > cpus ? UINT32_MAX
                                                   : (uint32_t)(SPIN_NS_DEFAULT / 1000);
    if (options->seed == 0 && getrandom(&options->seed, sizeof options->seed, GRND_NONBLOCK) < 0)
        options->seed = (uint64_t)clock_real_now();
    return options->io == MARU_IO_AUTO ? io_kind_from_env(&options->io) : 0;
}

int runtime_options_of(const maru_options *user, maru_options *ret_options)
{
    maru_options options = { .size = sizeof options };
    if (user && user->size < sizeof user->size)
        return -EINVAL;
    if (user && user->size > sizeof options &&
        !is_zero((const unsigned char *)user + sizeof options, user->size - sizeof options))
        return -E2BIG;
    if (user)
        memcpy(&options, user, user->size < sizeof options ? user->size : sizeof options);
    if (options.workers > WORKERS_MAX || options.flavor > MARU_FLAVOR_SINGLE ||
        options.io > MARU_IO_EPOLL || options.pin > 1 || options.clock > MARU_CLOCK_VIRTUAL)
        return -EINVAL;
    if (options.clock == MARU_CLOCK_VIRTUAL && options.flavor != MARU_FLAVOR_SINGLE)
        return -EINVAL;
    if (options.flavor == MARU_FLAVOR_SINGLE && options.workers > 1)
        return -EINVAL;
    int rc = fill_in(&options);
    *ret_options = options;
    return rc;
}
