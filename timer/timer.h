/* timer.h - the wheels of a runtime's workers, and the entries in them (maru_sleep). */
#ifndef MARU_TIMER_TIMER_H
#define MARU_TIMER_TIMER_H

#include "runtime/base/local.h"
#include "timer/wheel.h"

/* Puts a sleep whose leaf waits into the calling worker's wheel. Worker only. */
void timer_arm(struct local *local, maru_sleep *sleep, int64_t deadline_ns);

/* True: it was removed and will not fire. False: it has been completed. Any worker. */
bool timer_disarm(struct local *local, maru_sleep *sleep);

/* Completes what is due in the worker's own wheel. Its worker. */
void timer_expire(struct local *local);

/* A cheap question before it. Its worker. */
bool timer_is_due(const struct local *local);

/* How long until the first timer: nanoseconds, or DRIVER_FOR_EVER. Its worker. */
int64_t timer_wait(const struct local *local);

#endif
