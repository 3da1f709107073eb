/* runtime_cpus.h - the CPUs of this process: which it may run on, and how many of them its cgroup
 * pays for. */
#ifndef MARU_RUNTIME_CPUS_H
#define MARU_RUNTIME_CPUS_H

#include "maru/future.h"
#include "runtime/base/config.h"

/* Larger than the C library's cpu_set_t, which ends at 1,024. */
struct cpus {
    unsigned char bytes[CPUS_MAX / 8] __attribute__((aligned(8)));
};

/* Those that the calling thread may run on; how many, at least 1. */
uint32_t cpus_allowed(struct cpus *ret_cpus);

uint32_t cpus_count(const struct cpus *cpus);

/* The nth of them, round and round; -1: there is none. */
int cpus_nth(const struct cpus *cpus, uint32_t n);

/* The calling thread runs there only from now on, if that can be. */
void cpus_pin(int cpu);

/* How many CPUs the quota of this process's cgroup, version 1 or 2, is worth, rounded up; 0: there
 * is no quota, or nothing that can be understood. `root` stands before every path, for tests; it
 * is "" else. (runtime_cgroup.c) */
uint32_t cpus_of_cgroup(const char *root);

#endif
