/* timer.h - the wheels of a runtime's workers, and the entries in them (maru_sleep). */
#ifndef MARU_TIMER_TIMER_H
#define MARU_TIMER_TIMER_H

#include "runtime/base/local.h"
#include "timer/wheel.h"

extern const maru_future_type sleep_type, timeout_type;

/* Puts a sleep whose leaf waits into the calling worker's wheel. A deadline in the past is due
 * now. Worker only. */
void timer_arm(struct local *local, maru_sleep *sleep, int64_t deadline_ns);

/* True: it was removed and will not fire. False: it has been completed. Any worker. */
bool timer_disarm(struct local *local, maru_sleep *sleep);

/* Completes what is due in the worker's own wheel. Its worker. */
void timer_expire(struct local *local);

/* A cheap question before it. Its worker. */
bool timer_is_due(const struct local *local);

/* How long until the first timer, at most: nanoseconds, or DRIVER_FOR_EVER. Its worker. */
int64_t timer_wait(const struct local *local);

/* When the first timer is due, exactly, if ticks are; INT64_MAX: there is none. Its worker. */
int64_t timer_first(const struct local *local);

/* Another tick for a wheel whose runtime has no other thread. Its worker. */
void timer_set_shift(struct local *local, uint32_t shift);

#endif
