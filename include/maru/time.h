/* time.h - time: int64_t nanoseconds of the runtime's monotonic clock; sleeping, time limits, and
 * clocks that stand still for tests.
 *
 * Nothing fires early. A timer is late by at most a tick (131 us) and the turn that is running;
 * a deadline in the past is due now, and the deadline INT64_MAX never comes. */
#ifndef MARU_TIME_H
#define MARU_TIME_H

#include "future.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define MARU_USEC 1000ll
#define MARU_MSEC 1000000ll
#define MARU_SEC  1000000000ll

/* Now, in nanoseconds: of the runtime's clock inside of its tasks, elsewhere of the machine's.
 * Threads: any thread, signal-safe. */
int64_t maru_now(void);

/* ---- sleeping ---- */

/* 64 bytes. */
typedef struct maru_sleep {
    maru_leaf leaf_;
    maru_link link_;         /* in a slot of a wheel, under the wheel's lock */
    int64_t deadline_ns_;
} maru_sleep;

/* A future that ends with 0 after `ns` nanoseconds; zero or negative: at once. So long that it
 * leads beyond the end of time: never.
 * Threads: start function, task only.
 * Errors: -ECANCELED cancelled first. */
maru_future *maru_sleep_for(maru_sleep *sleep, int64_t ns) MARU_MUST_USE;

/* The same until `deadline_ns` of maru_now.
 * Threads: start function, task only.
 * Errors: -ECANCELED cancelled first. */
maru_future *maru_sleep_until(maru_sleep *sleep, int64_t deadline_ns) MARU_MUST_USE;

/* Gives a sleep another deadline, earlier or later, in whatever state it is: not polled yet, in
 * flight in a race, in a maru_keep or inside of a wrapper, fired, ended, or never started. One
 * that is in flight goes on for whoever awaits it; one that has fired waits again.
 * Threads: task only, the task whose frame holds the sleep.
 * Returns its future, for those who want to await it; NULL: sleep is NULL, or no task runs here,
 * and nothing has changed. */
maru_future *maru_sleep_reset(maru_sleep *sleep, int64_t deadline_ns);

/* The same to `ns` nanoseconds from now.
 * Threads: task only, the task whose frame holds the sleep. */
maru_future *maru_sleep_reset_after(maru_sleep *sleep, int64_t ns);

/* When it is due, or was: the last deadline that it was given; 0 for NULL.
 * Threads: task only, the task whose frame holds the sleep. */
int64_t maru_sleep_deadline(const maru_sleep *sleep);

/* True if it has fired and was not reset since; false for one that was cancelled, and for NULL.
 * Threads: task only, the task whose frame holds the sleep. */
bool maru_sleep_is_elapsed(const maru_sleep *sleep);

/* ---- time limits ---- */

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

/* The same with a limit at `deadline_ns` of maru_now.
 * Threads: start function, task only.
 * Errors: as maru_within. */
maru_future *maru_within_until(maru_timeout *timeout, int64_t deadline_ns,
                               maru_future *inner) MARU_MUST_USE;

/* Moves the limit of a future that has not ended: for what may go on as long as it gets on.
 * Threads: task only, the task whose frame holds the timeout.
 * Returns 0. Errors: -EINVAL timeout is NULL, was not started or has ended; -ETIMEDOUT its time is
 * up already, and the inner future is being ended. Nothing has changed then. */
int maru_timeout_reset(maru_timeout *timeout, int64_t deadline_ns);

/* The same to `ns` nanoseconds from now.
 * Threads: task only, the task whose frame holds the timeout. */
int maru_timeout_reset_after(maru_timeout *timeout, int64_t ns);

/* True if the -ETIMEDOUT is the timeout's own, not the inner future's. False for NULL.
 * Threads: task only. */
bool maru_timed_out(const maru_timeout *timeout);

/* ---- clocks that stand still ----
 *
 * The clock of a SINGLE runtime can be paused: by these calls, or from its start, with
 * MARU_CLOCK_VIRTUAL in its options. Then it moves only when it is told to, and when all tasks
 * wait and nothing has happened: it jumps to the next deadline instead of waiting for it. So what
 * takes hours runs in no time, and always in the same order: timers fire at exactly their
 * deadlines, equal ones in the order in which they were set. Jobs of the blocking pool that are
 * awaited keep it from jumping; sockets do not, for who can tell whether anything will come.
 * All of maru_now, sleeps, limits and intervals follow it. */

/* Stops the clock of the calling task's runtime where it is.
 * Threads: task only.
 * Returns 0. Errors: -EPERM no task of a SINGLE runtime runs here; -EALREADY it stands. */
int maru_clock_pause(void) MARU_MUST_USE;

/* Lets it run again, from where it stands.
 * Threads: task only.
 * Returns 0. Errors: -EPERM no task of a SINGLE runtime runs here; -EALREADY it runs. */
int maru_clock_resume(void) MARU_MUST_USE;

/* Moves a paused clock by `ns` nanoseconds at once, as if all had slept through them. Who waited
 * for a moment on the way is woken, in the order of deadlines, and runs when the caller next
 * waits or yields; by then it is the later moment for all. To pass through every moment in turn,
 * sleep instead.
 * Threads: task only.
 * Returns 0. Errors: -EPERM the clock is not paused, or no task of a SINGLE runtime runs here;
 * -EINVAL ns is negative or leads beyond the end of time. */
int maru_clock_advance(int64_t ns) MARU_MUST_USE;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
