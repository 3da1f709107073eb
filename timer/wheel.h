/* wheel.h - a hierarchical timer wheel: eleven levels of 64 slots, each a list in order of
 * insertion. After Varghese and Lauck, "Hashed and hierarchical timing wheels" (SOSP 1987).
 *
 *     level 10|  ...  |             a slot of level L spans 64^L ticks
 *      ...                          the level of a tick is that of the highest bit in which it
 *     level 1 |.|x|.|.|.|.|         differs from the hand, so within a level slots never wrap
 *     level 0 |.|.|.|x|x|.|  <- hand
 *
 * W1 Never early: a timer's tick is its deadline rounded up, the hand's is now rounded down.
 * W2 A timer is given out once.
 * W3 Given out and removed exclude each other: both unlink under the lock bit.
 * W5 Timers of one tick come in the order of their insertion: they are always in one slot
 *    together, and a slot moves down as a whole, before anything is inserted below it.
 * W6 No timer stands behind the hand: what is due already goes into the hand's own slot.
 * W7 The last moment there is, INT64_MAX, never comes: its timers stand in a list of their own.
 *
 * A tick is 2^shift ns. Of a clock that runs it is long, so that timers of about the same moment
 * are one wake-up; of a clock that stands it is a nanosecond, and the order is exact.
 *
 * The wheel itself knows no lock but holds it: every call but wheel_next_tick wants it taken, so
 * that any worker may insert, remove and expire. */
#ifndef MARU_TIMER_WHEEL_H
#define MARU_TIMER_WHEEL_H

#include "maru/time.h"
#include "runtime/base/config.h"

enum { WHEEL_SLOTS = 64 };

#define WHEEL_NEVER UINT64_MAX

struct wheel {
    uint32_t lock __attribute__((aligned(64)));  /* lock.h */
    uint64_t next_tick;          /* not later than the first timer's; written under the lock,
                                    read by anybody */
    uint64_t hand;               /* all ticks before it have been given out */
    uint64_t count;
    uint32_t shift;              /* log2 of a tick in nanoseconds; changes only while one thread
                                    has the wheel to itself */
    maru_link never;             /* W7 */
    uint64_t occupied[WHEEL_LEVELS];             /* a bit a slot that is not empty */
    maru_link slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

/* What a wheel asks its user: the tick of a link that is in it. */
typedef uint64_t wheel_tick_fn(const struct wheel *wheel, const maru_link *link);

/* An empty one of ticks of TICK_SHIFT. */
void wheel_init(struct wheel *wheel, int64_t now_ns);

/* Changes the length of a tick to 2^shift ns; what is in it stays in its order. The wheel's only
 * thread, under the lock. */
void wheel_set_shift(struct wheel *wheel, uint32_t shift, int64_t now_ns, wheel_tick_fn *tick_of);

/* The tick at which a deadline is over, WHEEL_NEVER for INT64_MAX; and the one that now is in. */
uint64_t wheel_tick_after(const struct wheel *wheel, int64_t deadline_ns);
uint64_t wheel_tick_of(const struct wheel *wheel, int64_t now_ns);

/* Inserts a link for a tick. Under the lock. */
void wheel_insert(struct wheel *wheel, maru_link *link, uint64_t tick);

/* Removes a link that is in it. Under the lock. */
void wheel_remove(struct wheel *wheel, maru_link *link);

/* Unlinks and returns the first link whose tick is at most `tick`, which never goes back;
 * NULL: none is due, the hand stands at `tick`. Moving a slot down needs the links' ticks.
 * Under the lock. */
maru_link *wheel_pop(struct wheel *wheel, uint64_t tick, wheel_tick_fn *tick_of);

/* The tick of the first timer, exactly, or WHEEL_NEVER: looks at every link of one slot. Under the
 * lock. */
uint64_t wheel_first_tick(const struct wheel *wheel, wheel_tick_fn *tick_of);

/* When there is something to do, at the latest; WHEEL_NEVER. Any thread. */
uint64_t wheel_next_tick(const struct wheel *wheel);

#endif
