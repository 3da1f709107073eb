/*
 * stopwatch.h - the one clock of the benches: monotonic nanoseconds, read through the vDSO.
 */
#ifndef BENCH_STOPWATCH_H
#define BENCH_STOPWATCH_H

#include <stdint.h>
#include <time.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MS     INT64_C(1000000)

static inline int64_t stopwatch_ns(void)
{
    struct timespec now;
    /* CLOCK_MONOTONIC cannot fail on Linux when given a valid pointer. */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_SECOND + (int64_t)now.tv_nsec;
}

#endif
