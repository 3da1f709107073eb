/* metrics.c - adding up the counters of a runtime's parts. */
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

static void add_worker(maru_metrics *metrics, const struct worker *worker,
                       const struct io_driver *io_driver)
{
    metrics->polls += metric_read(&worker->polls);
    metrics->steals += metric_read(&worker->steals);
    metrics->parks += metric_read(&worker->parks);
    metrics->watch_steals += metric_read(&worker->watch_steals);
    metrics->timers_fired += metric_read(&worker->local.timers_fired);
    metrics->kicks += metric_read(&io_driver->driver.kicks);
    metrics->enters += metric_read(&io_driver->driver.enters);
    metrics->empty_enters += metric_read(&io_driver->driver.empty_enters);
    metrics->events += metric_read(&io_driver->driver.events);
    metrics->stale_fds += metric_read(&io_driver->stale_fds);
    metrics->live_waits += metric_read(&io_driver->live_polls);
    metrics->live_timers += live_timers(&worker->local.wheels[worker->local.id]);
}

int maru_metrics_read(maru_runtime *runtime, maru_metrics *metrics)
{
    if (!runtime || !metrics || metrics->size < offsetof(maru_metrics, live_tasks))
        return -EINVAL;
    if (runtime_is_dead(runtime))
        return -EOWNERDEAD;
    uint32_t size = metrics->size < sizeof *metrics ? metrics->size : sizeof *metrics;
    const struct sched *sched = &runtime->sched;
    maru_metrics sum = { .size = metrics->size, .workers = sched->count };
    sum.live_tasks = metrics_live_tasks(runtime);
    for (const struct seat *seat = seats_of(&runtime->sched); seat; seat = seat->next)
        sum.polls += metric_read(&seat->polls);
    for (uint32_t id = 0; id < sched->count; id++)
        add_worker(&sum, &sched->workers[id], &runtime->io.drivers[id]);
    sum.bytes_allocated = atomic_load_rlx(&runtime->alloc.live_bytes);  /* no partner: a metric */
    sum.live_waits += fd_table_waiters(&runtime->io.table);
    memcpy(metrics, &sum, size);
    return 0;
}
