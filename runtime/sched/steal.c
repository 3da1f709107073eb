/* steal.c - taking work from others, and the look at all queues before sleep.
 *
 * A thief starts at a random victim and passes all of them: half of a fifo, one of a deque.
 * Next-slots are left to the watch (watch.c): the task in one is about to run where its data are,
 * and taking it would tear two tasks apart that wake each other. */
#include "runtime/sched/worker.h"

#include "runtime/base/atomic.h"

static maru_task *steal_child(struct worker *victim)
{
    maru_task *task;
    for (;;) {
        switch (deque_steal(&victim->deque, &task)) {
        case DEQUE_OK:
            return task;
        case DEQUE_EMPTY:
            return NULL;
        case DEQUE_RETRY:
            break;                      /* somebody got one: that is progress (D6) */
        }
    }
}

static maru_task *steal_from(struct worker *thief, struct worker *victim)
{
    uint64_t more;
    maru_task *task = fifo_steal(&victim->fifo, &thief->fifo, &more);
    if (task) {
        metric_add(&thief->steals, 1 + more);
        return task;
    }
    task = steal_child(victim);
    if (task)
        metric_add(&thief->steals, 1);
    return task;
}

maru_task *worker_steal(struct worker *worker)
{
    struct sched *sched = worker->sched;
    uint32_t first = rng_below(&worker->local.rng, sched->count);
    for (uint32_t i = 0; i < sched->count; i++) {
        struct worker *victim = &sched->workers[(first + i) % sched->count];
        maru_task *task = victim == worker ? NULL : steal_from(worker, victim);
        if (task)
            return task;
    }
    return NULL;
}

bool sched_has_work(struct sched *sched)
{
    if (inject_len(&sched->inject) > 0)
        return true;
    for (uint32_t i = 0; i < sched->count; i++)
        if (fifo_len(&sched->workers[i].fifo) > 0 || deque_len(&sched->workers[i].deque) > 0)
            return true;
    return false;
}
