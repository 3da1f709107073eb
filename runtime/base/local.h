/* local.h - what the lower rooms use of the worker that they run on.
 *
 * A worker begins with a struct local; a runtime has one more for calls from outside, under a
 * lock. Only its own worker writes it, but for what names another rule. */
#ifndef MARU_BASE_LOCAL_H
#define MARU_BASE_LOCAL_H

#include "maru/future.h"
#include "runtime/base/atomic.h"
#include "runtime/base/clock.h"
#include "runtime/base/driver.h"
#include "runtime/base/hooks.h"
#include "runtime/base/log.h"
#include "runtime/base/rng.h"
#include "runtime/base/slab.h"

struct blocking;
struct task_ops;
struct wheel;

struct local {
    const struct task_ops *ops;  /* of the runtime; also tells runtimes apart */
    struct slab tasks;           /* detached tasks */
    struct slab children;        /* of scopes */
    struct rng rng;
    /* From wheels to seed all are constant: a guest's are copied from there (seat.c). */
    struct wheel *wheels;        /* of all workers, by id; the own one is wheels[id] */
    struct driver *driver;       /* NULL outside of workers */
    struct driver **drivers;     /* of all workers, by id */
    struct clock *clock;         /* of the runtime */
    void *io;                    /* what all drivers of the runtime share; io's own */
    struct blocking *blocking;   /* the pool for blocking functions; constant */
    const maru_hooks *hooks;     /* the user's; NULL: none */
    const struct log *log;       /* NULL: nobody listens */
    uint64_t seed;
    uint64_t spawned;            /* owner writes; metrics and shutdown read */
    uint64_t ended;              /* likewise */
    uint64_t timers_fired;       /* likewise; metric */
    uint64_t budget_yields;      /* likewise; metric */
    int64_t now_ns;              /* the clock at the last turn, or after a guest's last sleep */
    maru_task *polled;           /* by this thread now, or NULL; dumps read */
    uint32_t id;                 /* of the worker; of a guest: of the worker that it is homed on */
    uint32_t budget;
    bool closed;                 /* no new tasks from here: the runtime is shutting down */
    bool is_guest;               /* constant: driver and wheel are another thread's */
};

#endif
