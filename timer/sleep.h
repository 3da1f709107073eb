/* sleep.h - what is built on a sleep: an interval's ticks. */
#ifndef MARU_TIMER_SLEEP_H
#define MARU_TIMER_SLEEP_H

#include "maru/time.h"

/* The moment `ns` after now: not before now, and at the latest INT64_MAX, which never comes. */
int64_t sleep_deadline_after(int64_t now_ns, int64_t ns);

/* Starts a sleep whose future is of the given type; its poll is made of sleep_poll. Task only. */
maru_future *sleep_start(maru_sleep *sleep, const maru_future_type *type, int64_t deadline_ns,
                         int64_t now_ns);

/* 0 at the deadline, -ECANCELED told to end before it, or pending. Task only. */
maru_result sleep_poll(maru_future *self, maru_context *cx);

/* True from its first pending poll until it has ended. The task whose frame holds it. */
bool sleep_is_waiting(const maru_sleep *sleep);

/* Gives a sleep that has been started another deadline, in whatever state it is; one that has
 * ended is as if it had not been polled yet. The task whose frame holds it. */
void sleep_move(maru_sleep *sleep, int64_t deadline_ns);

#endif
