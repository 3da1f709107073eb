/*
 * machine.c - reads /proc/stat and getrusage, and subtracts.
 */
#include "machine.h"

#include "stopwatch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* Below this one tick would be more than 5 % of the whole, half of what makes a row be repeated. */
enum { TICKS_MIN = 20 };

static int own_cpu_ns(int who, int64_t *ret_ns)
{
    struct rusage usage;
    if (getrusage(who, &usage) != 0)
        return -errno;
    int64_t seconds = (int64_t)usage.ru_utime.tv_sec + (int64_t)usage.ru_stime.tv_sec;
    int64_t us = (int64_t)usage.ru_utime.tv_usec + (int64_t)usage.ru_stime.tv_usec;
    *ret_ns = seconds * NS_PER_SECOND + us * 1000;
    return 0;
}

static int read_cpu_line(struct machine_reading *ret_reading)
{
    FILE *file = fopen("/proc/stat", "re");
    if (file == NULL)
        return -errno;
    uint64_t user, nice, system, idle, iowait, irq, softirq, steal;
    int found = fscanf(file,
                       "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                       " %" SCNu64 " %" SCNu64,
                       &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal);
    (void)fclose(file); /* It was only read: nothing can be lost. */
    if (found != 8)
        return -ENODATA;
    ret_reading->busy_ticks = user + nice + system + irq + softirq;
    ret_reading->steal_ticks = steal;
    ret_reading->total_ticks = ret_reading->busy_ticks + steal + idle + iowait;
    return 0;
}

int machine_read(struct machine_reading *ret_reading)
{
    int64_t self_ns = 0, children_ns = 0;
    int     error = own_cpu_ns(RUSAGE_SELF, &self_ns);
    if (error == 0)
        error = own_cpu_ns(RUSAGE_CHILDREN, &children_ns);
    if (error == 0)
        error = read_cpu_line(ret_reading);
    if (error == 0)
        ret_reading->own_ns = self_ns + children_ns;
    return error;
}

struct machine_noise machine_noise_between(const struct machine_reading *from,
                                           const struct machine_reading *to)
{
    struct machine_noise noise = { 0 };
    /* Idle and iowait of /proc/stat may step back a little, so a total may as well. */
    if (to->total_ticks < from->total_ticks + TICKS_MIN)
        return noise;
    double total = (double)(to->total_ticks - from->total_ticks);
    double busy = (double)(to->busy_ticks - from->busy_ticks);
    double steal = (double)(to->steal_ticks - from->steal_ticks);
    double own = (double)(to->own_ns - from->own_ns) * (double)sysconf(_SC_CLK_TCK) / 1e9;
    /* Ticks are samples and our own use is exact, so a quiet machine may come out below zero. */
    double foreign = busy > own ? busy - own : 0;
    noise.known = true;
    noise.foreign_percent = 100 * foreign / total;
    noise.steal_percent = 100 * steal / total;
    return noise;
}

double machine_noise_worst(const struct machine_noise *noise)
{
    if (!noise->known)
        return 0;
    return noise->foreign_percent > noise->steal_percent ? noise->foreign_percent
                                                         : noise->steal_percent;
}

int machine_last_cpu(const cpu_set_t *cpus)
{
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--)
        if (CPU_ISSET((size_t)cpu, cpus))
            return cpu;
    return -ENOENT;
}

int machine_pin(int cpu)
{
    if (cpu < 0 || cpu >= CPU_SETSIZE)
        return -EINVAL;
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET((size_t)cpu, &only);
    return sched_setaffinity(0, sizeof(only), &only) == 0 ? 0 : -errno;
}
