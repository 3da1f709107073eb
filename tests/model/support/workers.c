/* See workers.h. */
#include "support/workers.h"

#include "runtime/base/atomic.h"
#include "timer/timer.h"

#define UNSEEN __attribute__((no_sanitize("thread")))

struct stage_driver {
    struct driver driver;
    uint32_t kicked; /* level-like, as an eventfd */
};

struct sched stage_sched;
struct worker stage_workers[STAGE_WORKERS];
uint32_t worker_numbers[STAGE_WORKERS] = {0, 1, 2};
void (*worker_on_turn)(struct worker *worker);

static struct stage_driver drivers[STAGE_WORKERS];
static uint64_t polls_seen[STAGE_WORKERS][STAGE_WORKERS];
static uint64_t fills_seen[STAGE_WORKERS][STAGE_WORKERS];
static uint32_t ended; /* what workers that wait read */

static struct {
    bool is_over;
    unsigned kicks;
    bool begins_asleep[STAGE_WORKERS];
} books;

static UNSEEN bool is_over(void)
{
    return books.is_over;
}

static UNSEEN void count_kick(void)
{
    books.kicks++;
}

UNSEEN unsigned worker_kicks(void)
{
    return books.kicks;
}

static UNSEEN bool begins_asleep(uint32_t id)
{
    return books.begins_asleep[id];
}

static UNSEEN void set_asleep(uint32_t id)
{
    books.begins_asleep[id] = true;
}

static UNSEEN void set_over(void)
{
    books.is_over = true;
}

void workers_end(void)
{
    set_over();
    atomic_store_rlx(&ended, 1u);
}

/* For who waits: looks so that news of the end ends its wait. */
static bool has_ended(void)
{
    return is_over() || atomic_load_rlx(&ended);
}

/* ---- the driver ---- */

static struct stage_driver *stage_driver(struct driver *driver)
{
    return (struct stage_driver *)(void *)driver;
}

static UNSEEN void on_turn(struct driver *driver)
{
    if (worker_on_turn)
        worker_on_turn(&stage_workers[stage_driver(driver) - drivers]);
}

static void wait(struct stage_driver *driver, bool has_limit)
{
    while (!atomic_exchange_acq(&driver->kicked, 0u) && !has_ended()) { /* pairs with kick */
        if (has_limit) {
            mc_yield();
            return;
        }
        mc_relax();
    }
}

static unsigned turn(struct driver *driver, int64_t timeout_ns)
{
    on_turn(driver);
    if (timeout_ns != DRIVER_NO_WAIT) {
        wait(stage_driver(driver), timeout_ns > 0);
        on_turn(driver);
    }
    return 0;
}

static void kick(struct driver *driver)
{
    count_kick();
    atomic_store_rel(&stage_driver(driver)->kicked, 1u); /* pairs with wait */
}

void worker_event(uint32_t id)
{
    atomic_store_rel(&drivers[id].kicked, 1u); /* pairs with wait */
}

static bool has_events(struct driver *driver)
{
    (void)driver;
    return false;
}

static const struct driver_ops driver_ops = {turn, kick, has_events};

/* ---- one timer, or none ---- */

int64_t worker_deadline_ns;
void (*worker_on_timer)(void);

static UNSEEN bool is_due(const struct local *local)
{
    return worker_deadline_ns <= local->clock->virtual_ns;
}

static UNSEEN void forget_timer(void)
{
    worker_deadline_ns = INT64_MAX;
}

void timer_expire(struct local *local)
{
    if (!is_due(local))
        return;
    forget_timer();
    worker_on_timer();
}

bool timer_is_due(const struct local *local)
{
    return is_due(local);
}

int64_t timer_wait(const struct local *local)
{
    (void)local;
    return DRIVER_FOR_EVER;
}

UNSEEN int64_t timer_first(const struct local *local)
{
    (void)local;
    return worker_deadline_ns;
}

void timer_set_shift(struct local *local, uint32_t shift)
{
    (void)local;
    (void)shift;
}

/* ---- making ---- */

static UNSEEN void zero(void *memory, size_t bytes)
{
    volatile uint64_t *words = memory; /* a memset would be seen */
    for (size_t i = 0; i < bytes / sizeof(*words); i++)
        words[i] = 0;
}

static UNSEEN void worker_make(uint32_t id)
{
    struct worker *worker = &stage_workers[id];
    worker->local.ops = &stage_sched.ops;
    worker->local.id = id;
    worker->local.rng.state = id;
    worker->local.budget = BUDGET_DEFAULT;
    worker->local.clock = &stage_sched.clock;
    worker->local.driver = &drivers[id].driver;
    worker->sched = &stage_sched;
    worker->polls_seen = polls_seen[id];
    worker->fills_seen = fills_seen[id];
    drivers[id].driver.ops = &driver_ops;
    drivers[id].kicked = 0;
    fifo_init(&worker->fifo);
    deque_init(&worker->deque);
}

static UNSEEN void sched_make(uint32_t count)
{
    zero(&stage_sched, sizeof(stage_sched));
    zero(stage_workers, sizeof(stage_workers));
    zero(polls_seen, sizeof(polls_seen));
    zero(fills_seen, sizeof(fills_seen));
    books.is_over = false;
    books.kicks = 0;
    for (uint32_t i = 0; i < STAGE_WORKERS; i++)
        books.begins_asleep[i] = false;
    worker_on_turn = NULL;
    forget_timer();
    stage_sched.ops.schedule = sched_schedule;
    stage_sched.workers = stage_workers;
    stage_sched.count = count;
    stage_sched.turn_interval = TURN_INTERVAL;
    stage_sched.clock.is_virtual = true;
    stage_sched.outside.ops = &stage_sched.ops;
    for (uint32_t i = 0; i < count; i++)
        worker_make(i);
}

static void label(void)
{
    static const char *const names[STAGE_WORKERS][7] = {
        {"next slot 0", "fifo 0 head", "fifo 0 tail", "deque 0 top", "deque 0 bottom", "park 0",
         "driver 0"},
        {"next slot 1", "fifo 1 head", "fifo 1 tail", "deque 1 top", "deque 1 bottom", "park 1",
         "driver 1"},
        {"next slot 2", "fifo 2 head", "fifo 2 tail", "deque 2 top", "deque 2 bottom", "park 2",
         "driver 2"},
    };
    for (unsigned i = 0; i < STAGE_WORKERS; i++) {
        struct worker *worker = &stage_workers[i];
        const void *words[7] = {&worker->next_slot,  &worker->fifo.head,    &worker->fifo.tail,
                                &worker->deque.top,  &worker->deque.bottom, &worker->park.word,
                                &drivers[i].kicked};
        for (unsigned k = 0; k < 7; k++)
            mc_label(words[k], names[i][k]);
    }
    mc_label(&stage_sched.idle.sleeping[0], "sleeping");
    mc_label(&stage_sched.idle.searchers, "searchers");
    mc_label(&stage_sched.idle.on_watch, "on watch");
    mc_label(&stage_sched.inject.lock, "inject lock");
    mc_label(&stage_sched.inject.len, "inject len");
    mc_label(&stage_sched.closing, "closing");
    mc_label(&stage_sched.stopped, "stopped");
}

void workers_begin(uint32_t count)
{
    mc_thread_local(context_here(), sizeof(struct context));
    sched_make(count);
    idle_init(&stage_sched.idle, count);
    inject_init(&stage_sched.inject);
    label();
}

/* ---- running ---- */

enum { IDLE_MOST = 4 }; /* steps in a row that found nothing new before a worker waits for news */

static void enter(uint32_t id)
{
    worker_enter(&stage_workers[id]);
    struct context *here = context_here();
    here->stack_low = here->stack_high = 1; /* nobody asks the system for the stack's bounds */
}

void workers_run(void *number)
{
    uint32_t id = *(uint32_t *)number;
    struct worker *worker = &stage_workers[id];
    enter(id);
    if (begins_asleep(id))
        worker_sleep(worker);
    unsigned idle = 0;
    while (!is_over()) {
        bool was_searching = worker->searching;
        enum step step = worker_step(worker);
        if (step == STEP_STOPPED)
            break;
        if (step == STEP_PARK)
            worker_sleep(worker);
        if (step != STEP_IDLE || (worker->searching && !was_searching)) {
            idle = 0;
        } else if (++idle > IDLE_MOST && !has_ended()) {
            mc_relax();
        }
    }
    worker_leave(worker);
}

void worker_set_asleep(uint32_t id)
{
    set_asleep(id);
    idle_sleep_begin(&stage_sched.idle, id);
    MC_CHECK(park_begin(&stage_workers[id].park));
}

void worker_set_polling(uint32_t id)
{
    enter(id);
    stage_workers[id].polling = true;
    stage_workers[id].polls = 1;
}
