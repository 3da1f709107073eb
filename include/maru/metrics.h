/* metrics.h - counters of a runtime, readable at any time: each is written by one worker and
 * read without locks, so a sum may be a moment old. */
#ifndef MARU_METRICS_H
#define MARU_METRICS_H

#include "runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct maru_metrics {
    uint32_t size;           /* sizeof(maru_metrics), set by the caller */
    uint32_t workers;
    uint64_t live_tasks;
    uint64_t polls;
    uint64_t steals;         /* tasks taken from another worker */
    uint64_t parks;          /* times a worker went to sleep */
    uint64_t kicks;          /* system calls that woke a sleeping worker */
    uint64_t enters;         /* times a driver entered the kernel */
    uint64_t empty_enters;   /* of these: without a wait and without an event */
    uint64_t events;         /* completions and readiness events taken */
    uint64_t timers_fired;
    uint64_t watch_steals;   /* tasks taken out of a stuck worker's next-slot */
    uint64_t stale_fds;      /* numbers handed out while still registered */
    uint64_t bytes_allocated; /* held by the runtime now */
    uint64_t live_timers;    /* armed now */
    uint64_t live_waits;     /* operations that wait for a descriptor now */
} maru_metrics;

/* Fills in *metrics up to metrics->size.
 * Threads: any thread, while the runtime exists.
 * Returns 0. Errors: -EINVAL a NULL argument, or size smaller than the first two fields;
 * -EOWNERDEAD in the child of a fork. */
int maru_metrics_read(maru_runtime *runtime, maru_metrics *metrics) MARU_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
