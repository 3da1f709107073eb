/* worker.h - the scheduler's objects: a worker, and what all workers of a runtime share.
 *
 * worker_step is the whole loop without its waiting, so that one thread can drive many workers
 * from a seed; worker_sleep is the waiting. */
#ifndef MARU_SCHED_WORKER_H
#define MARU_SCHED_WORKER_H

#include "runtime/base/check.h"
#include "runtime/base/local.h"
#include "runtime/queue/deque.h"
#include "runtime/queue/fifo.h"
#include "runtime/queue/inject.h"
#include "runtime/sched/idle.h"
#include "runtime/sched/park.h"
#include "runtime/task/task.h"
#include "timer/wheel.h"

struct sched;
struct seat;

struct worker {
    struct local local;          /* first: a context's local is its worker */
    struct sched *sched;
    struct fifo fifo;            /* woken and detached tasks, children of EACH scopes */
    struct deque deque;          /* children of ALL scopes */
    maru_task *next_slot;        /* woken by the running poll; the owner and the watch exchange */
    uint64_t fills;              /* times it was filled; owner writes, the watch reads */
    struct park park;
    struct context *context;     /* the thread-local of who runs it */
    uint64_t polls;              /* owner writes; the watch and metrics read */
    uint64_t turn_at;            /* polls at which the driver has its next turn */
    uint64_t steals, parks, watch_steals, parked_ns;     /* metrics */
    bool polling;                /* owner only: a wake from here fills the next-slot */
    bool searching;              /* counted in idle.searchers */
    bool watching;               /* idle.on_watch is this worker */
    bool dirty;                  /* a turn has pushed tasks that are not announced yet */
    bool closed;                 /* has acknowledged the shutdown */
    bool parked_outside;         /* its sleep is announced, and its thread is in a foreign loop */
    int64_t spin_ns;             /* how long it looks around before it sleeps; adapts */
    int64_t idle_since_ns;       /* 0: not idle */
    uint64_t *polls_seen;        /* of every worker, at the last look of the watch */
    uint64_t *fills_seen;        /* likewise */
};

struct sched {
    struct task_ops ops;         /* first: a task's waker leads here */
    struct worker *workers;
    uint32_t count;
    int64_t spin_ns_max;         /* 0: never spin */
    uint32_t turn_interval;      /* polls between two turns of a driver while there is work */
    struct clock clock;
    struct wheel *wheels;        /* one a worker */
    struct inject inject;
    struct idle idle;
    struct local outside;        /* spawns from outside, under outside_lock */
    struct seat *seats;          /* of guests (seat.h), pushed under outside_lock, never removed */
    uint32_t outside_lock;
    uint32_t closing;            /* set once; everybody reads */
    uint32_t closed_workers;     /* acknowledgements */
    uint32_t quiet;              /* orders the counts of tasks at the end (shutdown.c) */
    uint32_t stopped;            /* set once all tasks have ended */
    uint32_t visitors;           /* threads from outside that complete something; any thread */
};

enum step { STEP_RAN, STEP_IDLE, STEP_PARK, STEP_STOPPED };

struct sched_options {
    struct alloc *alloc;
    uint32_t workers;
    uint32_t budget;
    uint64_t seed;
    int64_t spin_ns;
    uint32_t turn_interval;      /* 0: the default */
    const maru_hooks *hooks;     /* NULL: none */
    const struct log *log;       /* NULL: nobody listens */
    struct clock clock;
    maru_runtime *runtime;
    const uint32_t *alive;       /* 0 in the child of a fork; NULL: nobody asks */
};

/* Everything but drivers and threads. 0 or -ENOMEM; sched_fini accepts half of it. */
int sched_init(struct sched *sched, const struct sched_options *options) MARU_MUST_USE;
void sched_fini(struct sched *sched, struct alloc *alloc);

/* The calling thread is this worker from now on / is none any more. */
void worker_enter(struct worker *worker);
void worker_leave(struct worker *worker);

/* One poll, one look around, or the decision to sleep. PARK: the worker has announced its sleep;
 * worker_sleep must follow, by the same thread. */
enum step worker_step(struct worker *worker);

/* Waits in the driver until something happens, and takes the announcement back. */
void worker_sleep(struct worker *worker);

/* The same for `most_ns` at most; 0: takes the announcement back at once. */
void worker_sleep_at_most(struct worker *worker, int64_t most_ns);

/* How long that may take: DRIVER_FOR_EVER, or nanoseconds from now. */
int64_t worker_sleep_limit(struct worker *worker);

/* Completes the timers that are due, as a turn does; in the middle of a poll, too. Its worker. */
void worker_expire(struct worker *worker);

/* Wakes a worker that sleeps, or makes it not sleep. Any thread. */
void worker_notify(struct worker *worker);

/* Ends the child of a fork whose task goes on as if it were the parent: descriptors and rings are
 * the parent's. After each poll. */
static inline void sched_must_be_alive(const struct sched *sched)
{
    if (UNLIKELY(!task_ops_is_alive(&sched->ops)))
        check_misuse("fork", NULL, 0, "a task came back to its worker in the child of a fork");
}

/* Looks for sleepers after work was published (P1). Any thread. */
void sched_announce(struct sched *sched);

/* The next task of the worker's own and of the inject queue, or NULL (pick.c). */
maru_task *worker_pick(struct worker *worker);

/* A task of another worker's, or NULL (steal.c). */
maru_task *worker_steal(struct worker *worker);

/* True if any queue has a task that this worker could take: the re-check of P1 (steal.c). */
bool sched_has_work(struct sched *sched);

/* The watch over silent next-slots (watch.c). */
void watch_after_fill(struct sched *sched);
void watch_before_sleep(struct worker *worker);
maru_task *watch_after_sleep(struct worker *worker);
void watch_give_up(struct worker *worker);
bool watch_is_missing(struct sched *sched);

/* Paused clocks (pace.c): how long the worker waits then; whether its sleep would be a jump of the
 * clock; moves the clock if nothing else can happen. Its worker. */
int64_t pace_sleep_limit(const struct worker *worker);
bool pace_can_jump(const struct worker *worker);
void pace_jump(struct worker *worker);

/* A clock that was never anything but paused, and begins at zero. Before any task. */
void sched_start_paused(struct sched *sched);

/* Ends a clock_hold that is not let go inside of a poll, after what it did has woken its task: the
 * worker looks again. Any thread, as long as the runtime lives. */
void sched_release_clock(struct sched *sched);

/* Where a task goes (schedule.c). */
void sched_nudge(const struct task_ops *ops, uint32_t worker_id);
void sched_schedule(const struct task_ops *ops, maru_task *task, enum schedule_why why);
void sched_inject(struct sched *sched, maru_task *task);
void worker_push(struct worker *worker, maru_task *task);

/* Shutdown (shutdown.c). */
void sched_close(struct sched *sched);
bool shutdown_step(struct worker *worker);
void sched_wait_for_visitors(struct sched *sched);

/* Calls fn for every local of the runtime: whoever walks over all tasks walks over their slabs.
 * Any thread, while the sched exists (shutdown.c). */
void sched_each_local(struct sched *sched, void (*fn)(struct local *local, void *arg), void *arg);

#endif
