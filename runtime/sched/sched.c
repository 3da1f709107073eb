/* sched.c - making and unmaking the workers of a runtime, without drivers and threads. */
#include "runtime/sched/worker.h"

#include "maru/err.h"
#include "runtime/base/check.h"
#include "runtime/sched/seat.h"

#include <string.h>

static void local_init(struct local *local, struct sched *sched,
                       const struct sched_options *options, uint32_t id)
{
    local->ops = &sched->ops;
    slab_init(&local->tasks, options->alloc, local, TASK_LIVENESS);
    slab_init(&local->children, options->alloc, local, CHILD_LIVENESS);
    local->rng.state = options->seed + id;
    local->seed = options->seed;
    local->wheels = sched->wheels;
    local->clock = &sched->clock;
    local->now_ns = clock_coarse_now(&sched->clock);
    local->id = id;
    local->budget = options->budget;
    local->hooks = options->hooks;
    local->log = options->log;
}

static int worker_init(struct worker *worker, struct sched *sched,
                       const struct sched_options *options, uint32_t id)
{
    size_t bytes = sched->count * sizeof(uint64_t);
    local_init(&worker->local, sched, options, id);
    worker->sched = sched;
    worker->spin_ns = options->spin_ns;
    fifo_init(&worker->fifo);
    deque_init(&worker->deque);
    worker->polls_seen = alloc_get_zeroed(options->alloc, bytes, sizeof(uint64_t));
    worker->fills_seen = alloc_get_zeroed(options->alloc, bytes, sizeof(uint64_t));
    return worker->polls_seen && worker->fills_seen ? 0 : -ENOMEM;
}

int sched_init(struct sched *sched, const struct sched_options *options)
{
    memset(sched, 0, sizeof *sched);
    sched->ops = (struct task_ops){ .waker = task_waker_ops,
                                    .schedule = sched_schedule,
                                    .runtime = options->runtime,
                                    .visitors = &sched->visitors,
                                    .nudge = sched_nudge,
                                    .alive = options->alive };
    sched->count = options->workers;
    sched->clock = options->clock;
    sched->spin_ns_max = options->spin_ns;
    sched->turn_interval = options->turn_interval ? options->turn_interval : TURN_INTERVAL;
    inject_init(&sched->inject);
    idle_init(&sched->idle, options->workers);
    sched->wheels = alloc_get_zeroed(options->alloc, sched->count * sizeof(struct wheel), 64);
    sched->workers = alloc_get_zeroed(options->alloc, sched->count * sizeof(struct worker), 64);
    if (!sched->wheels || !sched->workers)
        return -ENOMEM;
    local_init(&sched->outside, sched, options, sched->count);
    int rc = 0;
    for (uint32_t i = 0; i < sched->count; i++) {
        wheel_init(&sched->wheels[i], clock_now(&sched->clock));
        if (worker_init(&sched->workers[i], sched, options, i) < 0)
            rc = -ENOMEM;
    }
    return rc;
}

static void worker_fini(struct worker *worker, struct alloc *alloc, uint32_t count)
{
    size_t bytes = count * sizeof(uint64_t);
    slab_fini(&worker->local.tasks);
    slab_fini(&worker->local.children);
    alloc_put(alloc, worker->polls_seen, bytes, sizeof(uint64_t));
    alloc_put(alloc, worker->fills_seen, bytes, sizeof(uint64_t));
}

void sched_fini(struct sched *sched, struct alloc *alloc)
{
    seats_free(sched, alloc);
    if (sched->workers) {
        for (uint32_t i = 0; i < sched->count; i++)
            worker_fini(&sched->workers[i], alloc, sched->count);
        slab_fini(&sched->outside.tasks);
        slab_fini(&sched->outside.children);
    }
    alloc_put(alloc, sched->workers, sched->count * sizeof(struct worker), 64);
    alloc_put(alloc, sched->wheels, sched->count * sizeof(struct wheel), 64);
}
