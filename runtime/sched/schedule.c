/* schedule.c - where a task goes that can run.
 *
 *     woken by the running poll     -> the worker's next-slot, silently (the watch sees to it)
 *     woken by the worker's driver  -> its fifo, announced once a batch
 *     spawned by the running poll   -> its fifo, announced
 *     child of an ALL scope         -> its deque, announced
 *     one of a batch of either      -> the same, announced with the last one
 *     again, by itself              -> its fifo, announced if other work is there too
 *     woken by a guest's future     -> the guest's next-slot, silently (seat.c)
 *     anything from other threads   -> the inject queue, announced
 *     what does not fit             -> the inject queue
 *     what would jump the line      -> the inject queue, if that is not empty (is_crowded) */
#include "runtime/sched/worker.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/sched/seat.h"

static struct sched *sched_of(const struct task_ops *ops)
{
    return (struct sched *)(uintptr_t)ops;
}

void worker_notify(struct worker *worker)
{
    struct driver *driver = worker->local.driver;
    if (park_notify(&worker->park) && task_ops_is_alive(&worker->sched->ops))
        driver->ops->kick(driver);              /* a dead one's driver is the parent's */
}

void sched_nudge(const struct task_ops *ops, uint32_t worker_id)
{
    worker_notify(&sched_of(ops)->workers[worker_id]);
}

void sched_announce(struct sched *sched)
{
    int id = idle_wake_one(&sched->idle);
    if (id >= 0)
        worker_notify(&sched->workers[id]);
}

/* The last slots are for those who wait in the inject queue already (pick.c): who comes later
 * goes behind them. */
static bool is_crowded(struct worker *worker)
{
    return UNLIKELY(fifo_len(&worker->fifo) >= QUEUE_SLOTS - INJECT_ROOM) &&
           inject_len(&worker->sched->inject) > 0;
}

void worker_push(struct worker *worker, maru_task *task)
{
    if (UNLIKELY(is_crowded(worker)) || UNLIKELY(!fifo_push(&worker->fifo, task)))
        inject_push_live(&worker->sched->inject, task);
}

void sched_inject(struct sched *sched, maru_task *task)
{
    inject_push_live(&sched->inject, task);
    sched_announce(sched);
}

static void push_child(struct worker *worker, maru_task *task)
{
    if (UNLIKELY(!deque_push(&worker->deque, task)))
        inject_push_live(&worker->sched->inject, task);
}

static bool has_other_work(struct worker *worker)
{
    return fifo_len(&worker->fifo) > 1 || deque_len(&worker->deque) > 0 ||
           atomic_load_rlx(&worker->next_slot) ||       /* owner: only the watch empties it */
           inject_len(&worker->sched->inject) > 0;
}

/* The newest wake runs next, for its data are in the cache; the one before it queues. */
static void fill_next_slot(struct worker *worker, maru_task *task)
{
    maru_task *before = atomic_exchange_sc(&worker->next_slot, task);   /* pairs with watch.c */
    metric_add(&worker->fills, 1);
    if (before) {
        worker_push(worker, before);
        sched_announce(worker->sched);
    }
    watch_after_fill(worker->sched);
}

static void push_quietly(struct worker *worker, maru_task *task)
{
    worker->dirty = true;
    if (UNLIKELY(is_crowded(worker)) || UNLIKELY(!fifo_push_quietly(&worker->fifo, task)))
        inject_push_live(&worker->sched->inject, task);
}

/* One of a batch, whose last one is going to be announced. */
static void schedule_more(struct worker *worker, maru_task *task, enum schedule_why why)
{
    if (why == SCHEDULE_CHILD_MORE)
        push_child(worker, task);
    else
        worker_push(worker, task);
}

static void schedule_here(struct worker *worker, maru_task *task, enum schedule_why why)
{
    if (UNLIKELY(why >= SCHEDULE_SPAWNED_MORE)) {
        schedule_more(worker, task, why);
        return;
    }
    switch (why) {
    case SCHEDULE_WOKEN:
        if (worker->polling)
            fill_next_slot(worker, task);
        else
            push_quietly(worker, task);
        return;
    case SCHEDULE_AGAIN:
        worker_push(worker, task);
        if (has_other_work(worker))
            sched_announce(worker->sched);
        return;
    case SCHEDULE_CHILD:
        push_child(worker, task);
        break;
    default:
        worker_push(worker, task);
        break;
    }
    sched_announce(worker->sched);
}

void sched_schedule(const struct task_ops *ops, maru_task *task, enum schedule_why why)
{
    struct local *local = context_here()->local;
    if (LIKELY(local && local->ops == ops && !local->is_guest))
        schedule_here((struct worker *)(void *)local, task, why);
    else if (local && local->ops == ops)
        seat_schedule((struct seat *)(void *)local, task, why);
    else if (LIKELY(task_ops_is_alive(ops)))
        sched_inject(sched_of(ops), task);
    /* Else nobody runs it any more, and the queue's lock may be held for ever. */
}
