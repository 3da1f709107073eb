/* worker.c - the loop of one worker: poll, look around, spin, sleep.
 *
 *     step:  pick a task -> poll it
 *            none: a turn of the driver and the wheel -> steal -> spin -> announce the sleep
 *     sleep: wait in the driver until an event, a deadline, a kick; or, if the clock is paused and
 *            nothing else can happen, move it to the first deadline (pace.c)
 *
 * The order in which a worker falls asleep is that of idle.h: give up searching, set the bit,
 * look again, then wait. */
#include "runtime/sched/worker.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "timer/timer.h"

static void wake_up(struct worker *worker)
{
    if (idle_sleep_end(&worker->sched->idle, worker->local.id))
        worker->searching = true;               /* P6: who cleared the bit has counted us */
}

static void end_sleep(struct worker *worker)
{
    worker->parked_outside = false;
    park_end(&worker->park);
    wake_up(worker);
    hooks_unpark(worker->local.hooks, worker->local.id);
}

void worker_enter(struct worker *worker)
{
    struct context *here = context_here();
    worker->context = here;
    here->local = &worker->local;
    here->worker_id = worker->local.id;
    if (UNLIKELY(worker->parked_outside))
        end_sleep(worker);
}

void worker_leave(struct worker *worker)
{
    worker->context->local = NULL;
    worker->context = NULL;
}

/* ---- the driver and the wheel ---- */

static void expire(struct worker *worker)
{
    worker->local.now_ns = clock_coarse_now(&worker->sched->clock);
    if (timer_is_due(&worker->local))
        timer_expire(&worker->local);
}

/* Tasks that a turn has made ready are announced together, unless there is just one, which this
 * worker polls next. */
static void announce_turn(struct worker *worker)
{
    if (!worker->dirty)
        return;
    worker->dirty = false;
    fifo_publish(&worker->fifo);
    if (fifo_len(&worker->fifo) > 1)
        sched_announce(worker->sched);
}

void worker_expire(struct worker *worker)
{
    bool polling = worker->polling;
    worker->polling = false;                    /* woken tasks queue, in order */
    expire(worker);
    announce_turn(worker);
    worker->polling = polling;
}

static void turn(struct worker *worker, int64_t timeout_ns)
{
    struct driver *driver = worker->local.driver;
    driver->ops->turn(driver, timeout_ns);
    worker->turn_at = worker->polls + worker->sched->turn_interval;
    expire(worker);
    announce_turn(worker);
}

static bool is_turn_due(struct worker *worker)
{
    return worker->polls >= worker->turn_at;
}

/* ---- searching ---- */

static void stop_searching(struct worker *worker)
{
    worker->searching = false;
    if (idle_search_end(&worker->sched->idle) &&
        (sched_has_work(worker->sched) || watch_is_missing(worker->sched)))
        sched_announce(worker->sched);          /* P3: the last one looks again */
}

static void run(struct worker *worker, maru_task *task)
{
    worker->idle_since_ns = 0;
    if (worker->searching)
        stop_searching(worker);
    if (worker->watching)
        watch_give_up(worker);
    metric_add(&worker->polls, 1);
    worker->polling = true;
    task_run(worker->context, task);
    worker->polling = false;
    sched_must_be_alive(worker->sched);
}

static maru_task *search(struct worker *worker)
{
    if (worker->sched->count == 1)
        return NULL;
    if (!worker->searching)
        worker->searching = idle_search_begin(&worker->sched->idle);
    return worker->searching ? worker_steal(worker) : NULL;
}

/* ---- spinning and sleeping ---- */

/* A worker that searches looks around for a while before it sleeps: waking it costs the waker
 * more than the whole spin is worth, if work comes soon. */
static bool may_spin(struct worker *worker)
{
    if (worker->spin_ns == 0 || UNLIKELY(worker->sched->clock.is_paused))
        return false;
    int64_t now = clock_now(&worker->sched->clock);
    if (worker->idle_since_ns == 0)
        worker->idle_since_ns = now;
    return now - worker->idle_since_ns < worker->spin_ns;
}

/* Sleeps that end soon were not worth it: spin longer next time; long ones: spin less. */
static void adapt_spin(struct worker *worker, int64_t slept_ns)
{
    int64_t most = worker->sched->spin_ns_max;
    if (slept_ns < 4 * most)
        worker->spin_ns = most;
    else
        worker->spin_ns /= 2;
    worker->idle_since_ns = 0;
}

static bool has_work(struct worker *worker)
{
    struct driver *driver = worker->local.driver;
    return sched_has_work(worker->sched) || timer_is_due(&worker->local) ||
           driver->ops->has_events(driver);
}

/* The re-check found work, maybe that of several producers who saw us search and stopped: as a
 * searcher again we look for more of it when we take the first (P3). */
static void search_again(struct worker *worker)
{
    if (!worker->searching)
        worker->searching = idle_search_begin(&worker->sched->idle);
}

/* The hook may make work: then it is not slept over. */
static bool has_work_of_hook(struct worker *worker)
{
    if (LIKELY(!hooks_park(worker->local.hooks, worker->local.id)))
        return false;
    announce_turn(worker);
    return has_work(worker);
}

static enum step stay_awake(struct worker *worker)
{
    wake_up(worker);
    hooks_unpark(worker->local.hooks, worker->local.id);
    return STEP_IDLE;
}

static enum step fall_asleep(struct worker *worker)
{
    struct idle *idle = &worker->sched->idle;
    if (worker->searching) {
        bool was_last = idle_search_end(idle);
        (void)was_last;                         /* everybody looks again, below (P3) */
        worker->searching = false;
    }
    idle_sleep_begin(idle, worker->local.id);
    if (has_work(worker)) {
        wake_up(worker);
        search_again(worker);
        return STEP_IDLE;
    }
    if (has_work_of_hook(worker))
        return stay_awake(worker);
    watch_before_sleep(worker);
    if (!park_begin(&worker->park))
        return stay_awake(worker);
    return STEP_PARK;
}

int64_t worker_sleep_limit(struct worker *worker)
{
    if (UNLIKELY(worker->sched->clock.is_paused))
        return pace_sleep_limit(worker);
    int64_t limit = timer_wait(&worker->local);
    if (worker->watching && (limit < 0 || limit > WATCH_NS))
        limit = WATCH_NS;
    return limit;
}

void worker_sleep(struct worker *worker)
{
    worker_sleep_at_most(worker, INT64_MAX);
}

void worker_sleep_at_most(struct worker *worker, int64_t most_ns)
{
    int64_t limit = worker_sleep_limit(worker);
    if (most_ns != INT64_MAX && (limit < 0 || limit > most_ns))
        limit = most_ns;
    int64_t began = clock_now(&worker->sched->clock);
    struct driver *driver = worker->local.driver;
    metric_add(&worker->parks, 1);
    unsigned events = driver->ops->turn(driver, limit);
    end_sleep(worker);
    int64_t slept_ns = clock_now(&worker->sched->clock) - began;
    metric_add(&worker->parked_ns, (uint64_t)slept_ns);
    adapt_spin(worker, slept_ns);
    if (events == 0)
        pace_jump(worker);
    expire(worker);
    announce_turn(worker);
    maru_task *task = watch_after_sleep(worker);
    if (task)
        run(worker, task);
}

/* ---- the loop ---- */

enum step worker_step(struct worker *worker)
{
    struct sched *sched = worker->sched;
    if (UNLIKELY(atomic_load_acq(&sched->closing)) &&    /* pairs with sched_close: store */
        shutdown_step(worker))
        return STEP_STOPPED;
    bool turned = UNLIKELY(is_turn_due(worker));
    if (turned)
        turn(worker, DRIVER_NO_WAIT);
    maru_task *task = worker_pick(worker);
    if (!task && !turned) {
        turn(worker, DRIVER_NO_WAIT);
        task = worker_pick(worker);
    }
    if (!task)
        task = search(worker);
    if (task) {
        run(worker, task);
        return STEP_RAN;
    }
    if ((worker->searching || sched->count == 1) && may_spin(worker))
        return STEP_IDLE;
    return fall_asleep(worker);
}
