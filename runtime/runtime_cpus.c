/* runtime_cpus.c - see runtime_cpus.h. */
#include "runtime/runtime_cpus.h"

#include <sched.h>
#include <string.h>

static bool has(const struct cpus *cpus, uint32_t cpu)
{
    return cpus->bytes[cpu / 8] >> (cpu % 8) & 1;
}

static cpu_set_t *set_of(struct cpus *cpus)
{
    return (cpu_set_t *)(void *)cpus;
}

uint32_t cpus_allowed(struct cpus *ret_cpus)
{
    memset(ret_cpus, 0, sizeof *ret_cpus);
    if (sched_getaffinity(0, sizeof *ret_cpus, set_of(ret_cpus)) < 0)
        return 1;
    uint32_t count = cpus_count(ret_cpus);
    return count > 0 ? count : 1;
}

uint32_t cpus_count(const struct cpus *cpus)
{
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof cpus->bytes; i++)
        count += (uint32_t)__builtin_popcount(cpus->bytes[i]);
    return count;
}

int cpus_nth(const struct cpus *cpus, uint32_t n)
{
    uint32_t count = cpus_count(cpus);
    if (count == 0)
        return -1;
    n %= count;
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++)
        if (has(cpus, cpu) && n-- == 0)
            return (int)cpu;
    return -1;
}

void cpus_pin(int cpu)
{
    struct cpus one = { { 0 } };
    if (cpu < 0 || cpu >= (int)CPUS_MAX)
        return;
    one.bytes[cpu / 8] = (unsigned char)(1u << (cpu % 8));
    (void)sched_setaffinity(0, sizeof one, set_of(&one));   /* a wish */
}
