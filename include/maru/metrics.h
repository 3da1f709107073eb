/* metrics.h - counters of a runtime, readable at any time: each is written by one worker and
 * read without locks, so a sum may be a moment old. */
#ifndef MARU_METRICS_H
#define MARU_METRICS_H

#include "runtime.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

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
    uint64_t spawned_tasks;  /* children of scopes and functions of maru_block_on among them */
    uint64_t injects;        /* tasks put in the common queue: made ready by a thread that is no
                                worker of the runtime, or for want of room in a worker's own */
    uint64_t budget_yields;  /* polls that ended because the task's budget was spent */
    uint64_t parked_ns;      /* time that workers slept, added up; what is left they were busy */
    uint64_t inject_depth;   /* tasks in the common queue now */
    uint64_t queue_depth;    /* tasks in the workers' own queues now */
    uint64_t blocking_threads;  /* of the pool now; */
    uint64_t blocking_idle;     /* of these: without a job */
    uint64_t blocking_queued;   /* jobs that wait for a thread now */
} maru_metrics;

/* Of one worker; the sums above, where it has a part in them. */
typedef struct maru_worker_metrics {
    uint32_t size;           /* sizeof(maru_worker_metrics), set by the caller */
    uint32_t worker;
    uint64_t polls;
    uint64_t steals;
    uint64_t parks;
    uint64_t parked_ns;
    uint64_t kicks;
    uint64_t enters;
    uint64_t empty_enters;
    uint64_t events;
    uint64_t timers_fired;
    uint64_t watch_steals;
    uint64_t stale_fds;
    uint64_t spawned_tasks;
    uint64_t budget_yields;
    uint64_t queue_depth;
    uint64_t live_timers;
} maru_worker_metrics;

/* Fills in *metrics up to metrics->size.
 * Threads: any thread, while the runtime exists.
 * Returns 0. Errors: -EINVAL a NULL argument, or size smaller than the first two fields;
 * -EOWNERDEAD in the child of a fork. */
int maru_metrics_read(maru_runtime *runtime, maru_metrics *metrics) MARU_MUST_USE;

/* The same for one worker: 0 and up to maru_runtime_workers.
 * Threads: any thread, while the runtime exists.
 * Returns 0. Errors: -EINVAL a NULL argument, no such worker, or size smaller than the first two
 * fields; -EOWNERDEAD in the child of a fork. */
int maru_metrics_worker(maru_runtime *runtime, uint32_t worker,
                        maru_worker_metrics *metrics) MARU_MUST_USE;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
