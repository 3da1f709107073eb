/* interval.h - ticks: a moment to wait for again and again, a period apart.
 *
 *     struct beat { maru_frame frame; maru_interval tick; };
 *
 *     maru_check(maru_interval_init(&me->tick, 100 * MARU_MSEC));
 *     for (;;) {
 *         maru_try(maru_interval_tick(&me->tick));         // at once, then each 100 ms
 *         ...
 *     }
 *
 * Ticks keep to their schedule, however long the work between them takes. An arm of a select that
 * loses keeps its tick: the next maru_interval_tick gives it, at once if it is due by then. */
#ifndef MARU_INTERVAL_H
#define MARU_INTERVAL_H

#include "time.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What becomes of ticks that were missed because nobody awaited them in time. With a period of 50
 * and work that took from 0 until 180:
 *
 *     BURST  | 0 . . . 180 180 180 200 250       all come, at once, until it has caught up
 *     DELAY  | 0 . . . 180 230 280 330           one comes, and the schedule begins anew with it
 *     SKIP   | 0 . . . 180 200 250 300           one comes, the others do not; the schedule stays
 *
 * For DELAY a tick is missed when it is late by 5 ms or by a whole period: less is only the time
 * that waking takes, and does not add up. */
enum maru_missed { MARU_MISSED_BURST, MARU_MISSED_DELAY, MARU_MISSED_SKIP };

typedef struct maru_interval {
    maru_sleep sleep_;       /* its deadline is that of the next tick */
    int64_t period_ns_;
    uint32_t missed_;        /* enum maru_missed */
} maru_interval;

/* Makes an interval whose first tick is due now; policy BURST.
 * Threads: task only.
 * Returns 0. Errors: -EINVAL interval is NULL or the period is not positive; -EBUSY one of its
 * ticks is in flight. Nothing has changed then. */
int maru_interval_init(maru_interval *interval, int64_t period_ns) MARU_MUST_USE;

/* The same with a first tick at `start_ns` of maru_now.
 * Threads: task only. Errors: as maru_interval_init. */
int maru_interval_init_at(maru_interval *interval, int64_t start_ns,
                          int64_t period_ns) MARU_MUST_USE;

/* What becomes of missed ticks, enum maru_missed, from the next tick on.
 * Threads: task only, the task whose frame holds the interval.
 * Returns 0. Errors: -EINVAL interval is NULL or there is no such policy. */
int maru_interval_set_missed(maru_interval *interval, int policy);

/* A future that ends at the next tick. One tick may be in flight at a time.
 * Threads: start function, task only.
 * Result: how many whole periods the tick is late, so 0 in good time. With BURST so many more
 * ticks are due at once, with SKIP so many were skipped. Errors: -ECANCELED cancelled first, or
 * another arm won: the tick is not lost; -EINVAL the interval was not made. */
maru_future *maru_interval_tick(maru_interval *interval) MARU_MUST_USE;

/* Moves the next tick, and the schedule with it: to a period from now; to now; to `ns` from now;
 * to a moment of maru_now. One that is in flight is moved, too.
 * Threads: task only, the task whose frame holds the interval.
 * Return 0. Errors: -EINVAL interval is NULL or was not made; -EPERM no task runs here. */
int maru_interval_reset(maru_interval *interval);
int maru_interval_reset_immediately(maru_interval *interval);
int maru_interval_reset_after(maru_interval *interval, int64_t ns);
int maru_interval_reset_at(maru_interval *interval, int64_t deadline_ns);

/* The period, and when the next tick is due; 0 for NULL.
 * Threads: task only, the task whose frame holds the interval. */
int64_t maru_interval_period(const maru_interval *interval);
int64_t maru_interval_next(const maru_interval *interval);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
