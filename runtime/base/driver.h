/* driver.h - the interface to what a worker sleeps on: a ring, an epoll, or a test's own.
 *
 * One driver a worker. turn is called by its worker only; it takes what has happened, wakes
 * tasks, and may wait for more. kick is called by any thread and is level-like: a kick that
 * comes before the wait ends the next wait at once. */
#ifndef MARU_BASE_DRIVER_H
#define MARU_BASE_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

struct driver;

/* Waits of turn: not at all, or until something happens. */
#define DRIVER_NO_WAIT   INT64_C(0)
#define DRIVER_FOR_EVER  INT64_C(-1)

struct driver_ops {
    /* Hands over what was queued for the kernel, takes events, waits up to timeout_ns if there
     * are none. Returns how many events it took; never fails for good. */
    unsigned (*turn)(struct driver *driver, int64_t timeout_ns);
    /* Ends the wait of the owner, or its next one. */
    void (*kick)(struct driver *driver);
    /* A cheap guess, without a system call where there is a way: is there something to take? */
    bool (*has_events)(struct driver *driver);
};

struct driver {
    const struct driver_ops *ops;
    uint64_t kicks;              /* metrics: kicks by anybody, relaxed; the others by the owner */
    uint64_t enters;
    uint64_t empty_enters;
    uint64_t events;
};

#endif
