/* shutdown.c - closing, in numbered steps.
 *
 *  1. sched_close, under the lock of spawns from outside: no task enters from there any more (X1),
 *     and whoever sees closing sees those that were in time. All workers are woken.
 *  2. Each worker acknowledges between two polls: from then on it spawns nothing.
 *  3. The last to acknowledge cancels every detached task, and those of join sets, which may have
 *     been let go, by walking over the slabs; scopes cancel their children themselves. Every task
 *     runs its finally.
 *  4. A worker that falls idle counts tasks: those that were spawned, less those that have ended.
 *     None left: stopped, and everybody is woken to see it.
 *  5. When the workers are gone: sched_wait_for_visitors. A thread from outside that completed
 *     the last task's wait may be looking for sleepers yet, or hold a pin.
 *
 * X1 After step 2 the number of spawned tasks stands still.
 * X2 Every live task ends once, by its own poll.
 *
 * Why the count of step 4 is right: workers count after a read-modify-write of one word (quiet),
 * so of two workers that fall idle the later one sees all ends of the earlier one; the last one
 * sees all. */
#include "runtime/sched/worker.h"

#include "runtime/base/check.h"
#include "runtime/base/lock.h"
#include "runtime/sched/seat.h"

static void notify_all(struct sched *sched)
{
    for (uint32_t i = 0; i < sched->count; i++)
        worker_notify(&sched->workers[i]);
}

void sched_close(struct sched *sched)
{
    lock_take(&sched->outside_lock);
    inject_close(&sched->inject);
    atomic_store_sc(&sched->closing, 1u);       /* pairs with worker_step: load of closing */
    lock_give(&sched->outside_lock);
    notify_all(sched);
}

void sched_each_local(struct sched *sched, void (*fn)(struct local *local, void *arg), void *arg)
{
    fn(&sched->outside, arg);
    for (struct seat *seat = seats_of(sched); seat; seat = seat->next)
        fn(&seat->local, arg);
    for (uint32_t i = 0; i < sched->count; i++)
        fn(&sched->workers[i].local, arg);
}

static void cancel_task(void *slot, void *unused)
{
    (void)unused;
    maru_task *task = slot;
    if (state_cancel(&task->state) == STATE_QUEUE)
        task_schedule(task, SCHEDULE_WOKEN);
}

/* Of the children only those with a handle: others may be unknown to all but their runner. */
static void cancel_member(void *slot, void *unused)
{
    maru_task *task = &((struct maru_child *)slot)->task;
    if (atomic_load_rlx(&task->state) & STATE_HANDLE)   /* no partner: nobody spawns any more */
        cancel_task(task, unused);
}

static void cancel_tasks_of(struct local *local, void *unused)
{
    slab_walk(&local->tasks, cancel_task, unused);
    slab_walk(&local->children, cancel_member, unused);
}

static void cancel_all(struct sched *sched)
{
    sched_each_local(sched, cancel_tasks_of, NULL);
}

static void acknowledge(struct worker *worker)
{
    struct sched *sched = worker->sched;
    worker->closed = worker->local.closed = true;
    if (atomic_add_ar(&sched->closed_workers, 1u) + 1 == sched->count)  /* pairs with itself */
        cancel_all(sched);
}

static uint64_t live_tasks(struct sched *sched)
{
    uint64_t live = metric_read(&sched->outside.spawned);
    for (uint32_t i = 0; i < sched->count; i++)
        live += metric_read(&sched->workers[i].local.spawned);
    for (struct seat *seat = seats_of(sched); seat; seat = seat->next)
        live += metric_read(&seat->local.spawned) - metric_read(&seat->local.ended);
    live -= metric_read(&sched->outside.ended);
    for (uint32_t i = 0; i < sched->count; i++)
        live -= metric_read(&sched->workers[i].local.ended);
    return live;
}

static bool is_over(struct sched *sched)
{
    if (atomic_load_acq(&sched->stopped))       /* pairs with is_over: store */
        return true;
    if (atomic_add_ar(&sched->closed_workers, 0u) != sched->count)      /* pairs with acknowledge */
        return false;
    atomic_add_ar(&sched->quiet, 1u);           /* pairs with itself: orders the counts */
    if (live_tasks(sched) != 0)
        return false;
    atomic_store_rel(&sched->stopped, 1u);      /* pairs with is_over: load */
    notify_all(sched);
    return true;
}

/* True: all tasks have ended, the worker may leave. */
bool shutdown_step(struct worker *worker)
{
    if (!worker->closed)
        acknowledge(worker);
    if (fifo_len(&worker->fifo) > 0 || deque_len(&worker->deque) > 0)
        return false;
    return is_over(worker->sched);
}

/* After all tasks have ended nobody new can come: there is nothing left to complete. */
void sched_wait_for_visitors(struct sched *sched)
{
    struct relax relax = { 0 };
    while (atomic_load_acq(&sched->visitors) > 0)   /* pairs with visit_end */
        relax_turn(&relax);
}
