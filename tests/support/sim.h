/* sim.h - the real scheduler on drivers that only count, under a virtual clock, stepped by one
 * thread: so that a seed decides everything that workers do to each other.
 *
 * A driver of the sim never waits. Who steps the workers moves the clock, and calls sim_sleep for
 * a worker that has parked when something has happened to it: a kick, its deadline, or a whim. */
#ifndef MARU_TESTS_SIM_H
#define MARU_TESTS_SIM_H

#include "maru.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/base/context.h"
#include "runtime/sched/guest.h"
#include "runtime/sched/worker.h"
#include "timer/timer.h"

#include <string.h>

enum { SIM_WORKERS = 4 };

struct sim_driver {
    struct driver driver;        /* first */
    uint32_t kicked;             /* a kick that no turn has taken yet; any thread */
    uint64_t turns;
    int64_t timeout_ns;          /* of the last turn */
    bool has_events;
    unsigned (*on_turn)(void *arg);     /* completes things, in the worker's place; or NULL */
    void *arg;
};

struct sim {
    struct alloc alloc;
    struct sched sched;
    struct sim_driver drivers[SIM_WORKERS];
    bool parked[SIM_WORKERS];
    int64_t deadline_ns[SIM_WORKERS];   /* of a parked worker; INT64_MAX: none */
};

static inline unsigned sim_turn(struct driver *driver, int64_t timeout_ns)
{
    struct sim_driver *sim_driver = (struct sim_driver *)(void *)driver;
    sim_driver->turns++;
    sim_driver->timeout_ns = timeout_ns;
    atomic_store_rlx(&sim_driver->kicked, 0u);
    return sim_driver->on_turn ? sim_driver->on_turn(sim_driver->arg) : 0;
}

static inline void sim_kick(struct driver *driver)
{
    struct sim_driver *sim_driver = (struct sim_driver *)(void *)driver;
    atomic_store_rlx(&sim_driver->kicked, 1u);
    atomic_add_rlx(&driver->kicks, UINT64_C(1));
}

static inline bool sim_has_events(struct driver *driver)
{
    return ((struct sim_driver *)(void *)driver)->has_events;
}

static const struct driver_ops sim_driver_ops = { sim_turn, sim_kick, sim_has_events };

static inline void sim_connect(struct sim *sim)
{
    for (uint32_t id = 0; id < sim->sched.count; id++) {
        sim->drivers[id].driver.ops = &sim_driver_ops;
        sim->sched.workers[id].local.driver = &sim->drivers[id].driver;
    }
}

/* 0 or -ENOMEM; sim_fini accepts half of it. Time begins at one second. */
static inline int sim_init(struct sim *sim, uint32_t workers, uint64_t seed, int64_t spin_ns)
{
    struct alloc alloc = sim->alloc;    /* a test may have told it to fail */
    memset(sim, 0, sizeof *sim);
    sim->alloc = alloc;
    struct sched_options options = { .alloc = &sim->alloc,
                                     .workers = workers,
                                     .budget = BUDGET_DEFAULT,
                                     .seed = seed,
                                     .spin_ns = spin_ns,
                                     .clock = { .virtual_ns = MARU_SEC, .is_virtual = true } };
    CHECK(workers > 0 && workers <= SIM_WORKERS);
    int rc = sched_init(&sim->sched, &options);
    if (rc == 0)
        sim_connect(sim);
    return rc;
}

static inline void sim_fini(struct sim *sim)
{
    sched_fini(&sim->sched, &sim->alloc);
}

static inline struct worker *sim_worker(struct sim *sim, uint32_t id)
{
    return &sim->sched.workers[id];
}

static inline void sim_note_park(struct sim *sim, uint32_t id)
{
    int64_t limit = worker_sleep_limit(sim_worker(sim, id));
    int64_t now = clock_now(&sim->sched.clock);
    sim->parked[id] = true;
    sim->deadline_ns[id] = limit < 0 || limit > INT64_MAX - now ? INT64_MAX : now + limit;
}

/* One step of a worker that is not parked. */
static inline enum step sim_step(struct sim *sim, uint32_t id)
{
    struct worker *worker = sim_worker(sim, id);
    CHECK(!sim->parked[id]);
    worker_enter(worker);
    enum step step = worker_step(worker);
    if (step == STEP_PARK)
        sim_note_park(sim, id);
    worker_leave(worker);
    return step;
}

/* The sleep of a parked worker ends. */
static inline void sim_sleep(struct sim *sim, uint32_t id)
{
    struct worker *worker = sim_worker(sim, id);
    CHECK(sim->parked[id]);
    sim->parked[id] = false;
    worker_enter(worker);
    worker_sleep(worker);
    worker_leave(worker);
}

/* Would a real worker wake up now? */
static inline bool sim_is_awake(struct sim *sim, uint32_t id)
{
    return !sim->parked[id] || atomic_load_rlx(&sim->drivers[id].kicked) ||
           sim->deadline_ns[id] <= clock_now(&sim->sched.clock);
}

/* Steps whoever is awake, in turns, until all sleep or have stopped. True: all have stopped. */
static inline bool sim_settle(struct sim *sim)
{
    for (uint64_t round = 0; round < 10000000; round++) {
        uint32_t asleep = 0, stopped = 0;
        for (uint32_t id = 0; id < sim->sched.count; id++) {
            if (!sim_is_awake(sim, id))
                continue;
            if (sim->parked[id])
                sim_sleep(sim, id);
            else
                stopped += sim_step(sim, id) == STEP_STOPPED;
        }
        for (uint32_t id = 0; id < sim->sched.count; id++)
            asleep += !sim_is_awake(sim, id);
        if (asleep + stopped == sim->sched.count)
            return stopped == sim->sched.count;
        sim->sched.clock.virtual_ns += MARU_USEC;
    }
    check_failed(__FILE__, __LINE__, "the workers come to rest");
}

/* Closes, and runs until every worker has stopped. */
static inline void sim_stop(struct sim *sim)
{
    sched_close(&sim->sched);
    CHECK(sim_settle(sim));
}

/* SIM_SPAWN(&sim, f, .arg = v): a task from outside, with a handle; NULL as guest_spawn. */
#define SIM_SPAWN(sim, ...)        SIM_SPAWN_((sim), __VA_ARGS__, )
#define SIM_SPAWN_(sim, name, ...) guest_spawn(&(sim)->sched, MARU_NEW_(name, __VA_ARGS__))

#endif
