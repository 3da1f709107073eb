/* pace.c - clocks that stand still: maru_clock_pause and what follows from it.
 *
 * V1 A paused clock moves in two ways only: by maru_clock_advance, and by a jump to the first
 *    timer when its worker would wait otherwise. Its wheel's ticks are nanoseconds, so what is due
 *    fires at exactly its deadline, in the order of deadlines, equal ones as they were armed.
 * V2 The clock jumps only if the driver had nothing to say without a wait, no task is queued, and
 *    nobody outside holds it: work and events take no time.
 * V3 Who holds the clock (clock_hold) lets go after the wake of what it did. The worker asks for
 *    holds first and looks at its queues then, so it finds either the hold or the woken task.
 * V4 Letting go by another thread notifies the worker as a wake does (P4, P5): one that waits
 *    because of the hold looks again.
 *
 * All of it needs a runtime of one thread, for the clock and the wheel have one owner here. */
#include "maru/err.h"
#include "maru/time.h"

#include "runtime/base/atomic.h"
#include "runtime/base/context.h"
#include "runtime/sched/worker.h"
#include "timer/timer.h"

/* ---- what the worker does instead of waiting ---- */

int64_t pace_sleep_limit(const struct worker *worker)
{
    bool stands = clock_is_held(worker->local.clock) || timer_first(&worker->local) == INT64_MAX;
    return stands ? DRIVER_FOR_EVER : DRIVER_NO_WAIT;
}

bool pace_can_jump(const struct worker *worker)
{
    return worker->local.clock->is_paused && pace_sleep_limit(worker) == DRIVER_NO_WAIT;
}

void pace_jump(struct worker *worker)
{
    struct sched *sched = worker->sched;
    struct clock *clock = &sched->clock;
    if (!clock->is_paused || clock_is_held(clock) || worker->dirty || sched_has_work(sched))
        return;
    int64_t first = timer_first(&worker->local);
    if (first != INT64_MAX && first > clock->virtual_ns)
        clock_set(clock, first);
}

void sched_release_clock(struct sched *sched)
{
    clock_release(&sched->clock);
    if (sched->clock.can_pause)
        worker_notify(&sched->workers[0]);
}

/* ---- pausing ---- */

static void pause_clock(struct sched *sched)
{
    clock_pause(&sched->clock);
    timer_set_shift(&sched->workers[0].local, TICK_SHIFT_EXACT);
}

void sched_start_paused(struct sched *sched)
{
    sched->clock.is_virtual = true;                 /* from zero on, not from now */
    pause_clock(sched);
}

/* The scheduler whose task runs here, if its clock may be touched. */
static struct sched *sched_here(void)
{
    const struct local *local = context_here()->local;
    if (!local || !local->clock->can_pause)
        return NULL;
    return (struct sched *)(uintptr_t)local->ops;
}

int maru_clock_pause(void)
{
    struct sched *sched = sched_here();
    if (!sched)
        return -EPERM;
    if (sched->clock.is_paused)
        return -EALREADY;
    pause_clock(sched);
    return 0;
}

int maru_clock_resume(void)
{
    struct sched *sched = sched_here();
    if (!sched)
        return -EPERM;
    if (!sched->clock.is_paused)
        return -EALREADY;
    clock_resume(&sched->clock);
    timer_set_shift(&sched->workers[0].local, TICK_SHIFT);
    return 0;
}

int maru_clock_advance(int64_t ns)
{
    struct sched *sched = sched_here();
    if (!sched || !sched->clock.is_paused)
        return -EPERM;
    if (ns < 0 || ns >= INT64_MAX - sched->clock.virtual_ns)
        return -EINVAL;
    clock_set(&sched->clock, sched->clock.virtual_ns + ns);
    worker_expire(&sched->workers[0]);
    return 0;
}
