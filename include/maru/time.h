/* time.h - time: int64_t nanoseconds of the runtime's monotonic clock; sleeping, time limits.
 *
 * Nothing fires early. A timer is late by at most a tick (131 us) and the turn that is running;
 * a deadline in the past is due now. */
#ifndef MARU_TIME_H
#define MARU_TIME_H

#include "future.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MARU_USEC 1000ll
#define MARU_MSEC 1000000ll
#define MARU_SEC  1000000000ll

/* Now, in nanoseconds.
 * Threads: any thread, signal-safe. */
int64_t maru_now(void);

/* 64 bytes. */
typedef struct maru_sleep {
    maru_leaf leaf_;
    maru_link link_;         /* in a slot of a wheel, under the wheel's lock */
    uint64_t when_;          /* the tick it is due, and the wheel it is in */
} maru_sleep;

/* A future that ends with 0 after `ns` nanoseconds; zero or negative: at once.
 * Threads: start function, task only.
 * Errors: -ECANCELED cancelled first. */
maru_future *maru_sleep_for(maru_sleep *sleep, int64_t ns) MARU_MUST_USE;

/* The same until `deadline_ns` of maru_now.
 * Threads: start function, task only.
 * Errors: -ECANCELED cancelled first. */
maru_future *maru_sleep_until(maru_sleep *sleep, int64_t deadline_ns) MARU_MUST_USE;

typedef struct maru_timeout {
    maru_future future_;
    maru_sleep sleep_;
    maru_future *inner_;
    bool fired_;
    bool marked_;            /* it is we who marked the inner one as in flight */
} maru_timeout;

/* A future of `inner` with a time limit. What is guarded is polled first: a ready inner wins
 * also after the deadline, and the wheel is touched only when it is pending. When time is up the
 * inner future is told to end, and is waited for.
 * Threads: start function, task only.
 * Errors: -ETIMEDOUT time was up and the inner future gave in; else the inner result. */
maru_future *maru_within(maru_timeout *timeout, int64_t ns, maru_future *inner) MARU_MUST_USE;

/* True if the -ETIMEDOUT is the timeout's own, not the inner future's.
 * Threads: task only. */
bool maru_timed_out(const maru_timeout *timeout);

#ifdef __cplusplus
}
#endif
#endif
