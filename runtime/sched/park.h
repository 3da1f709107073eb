/* park.h - putting one worker to sleep and waking it: a word of three states.
 *
 *     RUNNING --park_begin--> PARKED --driver's wait--> --park_end--> RUNNING
 *        \                      |
 *         `----park_notify------+--> NOTIFIED (and a kick, only if it was PARKED)
 *
 * P4 A notification is never lost: one that comes before the sleep makes park_begin fail.
 * P5 A worker that waits in its driver can always be woken: the kick is level-like, so it does
 *    not matter whether the wait has begun. */
#ifndef MARU_SCHED_PARK_H
#define MARU_SCHED_PARK_H

#include "maru/future.h"

struct park {
    uint32_t word;
};

/* False: somebody has notified; do not sleep. Its own worker. */
bool park_begin(struct park *park) MARU_MUST_USE;

/* After the wait. Its own worker. */
void park_end(struct park *park);

/* True: the caller must kick the worker's driver. Any thread. */
bool park_notify(struct park *park) MARU_MUST_USE;

/* For who has no driver to wait in: sleeps on the word itself, after park_begin and until
 * park_notify. Its own thread. */
void park_wait(struct park *park);

/* The kick that goes with it. Any thread. */
void park_kick(struct park *park);

#endif
