/*
 * machine.h - what a benchmark has to know of the machine it runs on: which CPU it may stand on,
 * and how much of the CPUs' time others took while it measured (foreign: other processes here;
 * steal: the host's other guests).
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

/* A moment's totals over all CPUs since boot, beside this process's own use. */
struct machine_reading {
    uint64_t total_ticks; /* of CLK_TCK, mostly 10 ms each */
    uint64_t busy_ticks;  /* user, nice, system and interrupts */
    uint64_t steal_ticks;
    int64_t  own_ns; /* this process and the children it has waited for */
};

/* Shares of all CPUs' time between two readings, in percent. */
struct machine_noise {
    bool   known; /* false where too few ticks passed for a share to mean anything */
    double foreign_percent;
    double steal_percent;
};

/* 0, or a negative errno where /proc/stat or the process's own use cannot be read. */
int machine_read(struct machine_reading *ret_reading);

struct machine_noise machine_noise_between(const struct machine_reading *from,
                                           const struct machine_reading *to);

/* The greater of the two shares; 0 while it is not known. */
double machine_noise_worst(const struct machine_noise *noise);

/* The last CPU of a set, or -ENOENT where it is empty. The first ones serve most interrupts. */
int machine_last_cpu(const cpu_set_t *cpus);

/* Keeps the calling thread, and every thread it starts from now on, on one CPU. */
int machine_pin(int cpu);

#endif
