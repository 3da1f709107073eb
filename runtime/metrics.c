/* metrics.c - reading the counters of a runtime's parts, and adding them up. */
#include "maru/metrics.h"

#include "runtime/base/lock.h"
#include "runtime/runtime_parts.h"
#include "runtime/sched/seat.h"
#include "timer/wheel.h"

#include <string.h>

static uint64_t live_timers(struct wheel *wheel)
{
    lock_take(&wheel->lock);
    uint64_t count = wheel->count;
    lock_give(&wheel->lock);
    return count;
}

static uint64_t live_in(const struct local *local)
{
    return metric_read(&local->spawned) - metric_read(&local->ended);
}

uint64_t metrics_live_tasks(maru_runtime *runtime)
{
    struct sched *sched = &runtime->sched;
    uint64_t live = live_in(&sched->outside);
    for (const struct seat *seat = seats_of(sched); seat; seat = seat->next)
        live += live_in(&seat->local);
    for (uint32_t id = 0; id < sched->count; id++)
        live += live_in(&sched->workers[id].local);
    return live;
}

/* ---- one worker ---- */

/* Tasks that stand in its queues; the next-slot is one of them. */
static uint64_t queue_depth(struct worker *worker)
{
    return fifo_len(&worker->fifo) + deque_len(&worker->deque) +
           (atomic_load_rlx(&worker->next_slot) != NULL);   /* no partner: a metric */
}

static maru_worker_metrics of_worker(maru_runtime *runtime, uint32_t id)
{
    struct worker *worker = &runtime->sched.workers[id];
    const struct local *local = &worker->local;
    const struct io_driver *io_driver = &runtime->io.drivers[id];
    return (maru_worker_metrics){
        .worker = id,
        .polls = metric_read(&worker->polls),
        .steals = metric_read(&worker->steals),
        .parks = metric_read(&worker->parks),
        .parked_ns = metric_read(&worker->parked_ns),
        .kicks = metric_read(&io_driver->driver.kicks),
        .enters = metric_read(&io_driver->driver.enters),
        .empty_enters = metric_read(&io_driver->driver.empty_enters),
        .events = metric_read(&io_driver->driver.events),
        .timers_fired = metric_read(&local->timers_fired),
        .watch_steals = metric_read(&worker->watch_steals),
        .stale_fds = metric_read(&io_driver->stale_fds),
        .spawned_tasks = metric_read(&local->spawned),
        .budget_yields = metric_read(&local->budget_yields),
        .queue_depth = queue_depth(worker),
        .live_timers = live_timers(&runtime->sched.wheels[id]),
    };
}

/* ---- the sums ---- */

static void add_worker(maru_metrics *sum, const maru_worker_metrics *one)
{
    sum->polls += one->polls;
    sum->steals += one->steals;
    sum->parks += one->parks;
    sum->kicks += one->kicks;
    sum->enters += one->enters;
    sum->empty_enters += one->empty_enters;
    sum->events += one->events;
    sum->timers_fired += one->timers_fired;
    sum->watch_steals += one->watch_steals;
    sum->stale_fds += one->stale_fds;
    sum->spawned_tasks += one->spawned_tasks;
    sum->budget_yields += one->budget_yields;
    sum->parked_ns += one->parked_ns;
    sum->queue_depth += one->queue_depth;
    sum->live_timers += one->live_timers;
}

/* Guests poll, spawn and are made to yield, too. */
static void add_guest(maru_metrics *sum, const struct seat *seat)
{
    sum->polls += metric_read(&seat->polls);
    sum->spawned_tasks += metric_read(&seat->local.spawned);
    sum->budget_yields += metric_read(&seat->local.budget_yields);
}

static void add_pool(maru_metrics *sum, struct blocking *pool)
{
    struct blocking_counts counts;
    blocking_count(pool, &counts);
    sum->bytes_allocated += counts.bytes;
    sum->blocking_threads = counts.threads;
    sum->blocking_idle = counts.idle;
    sum->blocking_queued = counts.queued;
}

static maru_metrics of_all(maru_runtime *runtime)
{
    struct sched *sched = &runtime->sched;
    maru_metrics sum = { .workers = sched->count, .live_tasks = metrics_live_tasks(runtime) };
    for (const struct seat *seat = seats_of(sched); seat; seat = seat->next)
        add_guest(&sum, seat);
    for (uint32_t id = 0; id < sched->count; id++) {
        const maru_worker_metrics one = of_worker(runtime, id);
        add_worker(&sum, &one);
        sum.live_waits += metric_read(&runtime->io.drivers[id].live_polls);
    }
    sum.spawned_tasks += metric_read(&sched->outside.spawned);
    sum.bytes_allocated = atomic_load_rlx(&runtime->alloc.live_bytes);  /* no partner: a metric */
    sum.injects = inject_pushes(&sched->inject);
    sum.inject_depth = inject_len(&sched->inject);
    sum.live_waits += fd_table_waiters(&runtime->io.table);
    add_pool(&sum, runtime->blocking);
    return sum;
}

/* ---- reading ---- */

/* What both the caller and the library know of a struct that begins with the caller's size. */
static void copy_sized(void *to, void *from, uint32_t size, size_t our_size)
{
    memcpy(from, &size, sizeof size);
    memcpy(to, from, size < our_size ? size : our_size);
}

int maru_metrics_read(maru_runtime *runtime, maru_metrics *metrics)
{
    if (!runtime || !metrics || metrics->size < offsetof(maru_metrics, live_tasks))
        return -EINVAL;
    if (runtime_is_dead(runtime))
        return -EOWNERDEAD;
    maru_metrics sum = of_all(runtime);
    copy_sized(metrics, &sum, metrics->size, sizeof sum);
    return 0;
}

int maru_metrics_worker(maru_runtime *runtime, uint32_t worker, maru_worker_metrics *metrics)
{
    if (!runtime || !metrics || metrics->size < offsetof(maru_worker_metrics, polls) ||
        worker >= runtime->sched.count)
        return -EINVAL;
    if (runtime_is_dead(runtime))
        return -EOWNERDEAD;
    maru_worker_metrics one = of_worker(runtime, worker);
    copy_sized(metrics, &one, metrics->size, sizeof one);
    return 0;
}
