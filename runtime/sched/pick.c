/* pick.c - which of its tasks a worker polls next.
 *
 * F1 A woken or detached task is polled before the worker that holds it (while it is in the
 *    inject queue: any one worker) has made 4 x runnable + 256 polls.
 *
 * Four polls make a round: next-slot, next-slot, fifo, deque; each falls back to the others when
 * its own source is empty. So the fifo is served at least once in four polls whatever chains of
 * wakes and spawns run beside it, and a chain alone is served at full speed.
 *
 * Fifo and inject queue are one line: when the fifo's turn comes, the inject queue joins behind
 * it in batches, and while it has tasks waiting the room for a batch is kept free of others
 * (worker_push). So in each of the fifo's turns one task, on average, comes in from it, however
 * many yield beside it. (Serving the two in proportion to their lengths let the last ones of a
 * short inject queue wait for many rounds of a full fifo.) */
#include "runtime/sched/worker.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"

static maru_task *take_next_slot(struct worker *worker)
{
    if (!atomic_load_rlx(&worker->next_slot))           /* owner: only the watch empties it */
        return NULL;
    return atomic_exchange_acq(&worker->next_slot, NULL);   /* pairs with watch.c: exchange */
}

/* Appends a fair share of the inject queue to the fifo. */
static void refill(struct worker *worker, uint64_t waiting, uint64_t room)
{
    maru_task *batch[INJECT_BATCH];
    uint64_t most = waiting / worker->sched->count + 1;
    most = most < room ? most : room;
    most = most < INJECT_BATCH ? most : INJECT_BATCH;
    unsigned n = inject_pop(&worker->sched->inject, batch, (unsigned)most);
    for (unsigned i = 0; i < n; i++) {
        bool fits = fifo_push_quietly(&worker->fifo, batch[i]);
        CHECK(fits);
    }
    if (n > 1) {
        fifo_publish(&worker->fifo);
        sched_announce(worker->sched);
    }
}

static maru_task *take_fifo(struct worker *worker)
{
    uint64_t waiting = inject_len(&worker->sched->inject);
    uint64_t room = QUEUE_SLOTS - fifo_len(&worker->fifo);
    if (UNLIKELY(waiting > 0) && room >= INJECT_ROOM)
        refill(worker, waiting, room);
    return fifo_pop(&worker->fifo);
}

static maru_task *take_deque(struct worker *worker)
{
    return deque_take(&worker->deque);
}

maru_task *worker_pick(struct worker *worker)
{
    typedef maru_task *source(struct worker *);
    static source *const rounds[4][3] = {
        { take_next_slot, take_fifo, take_deque },
        { take_next_slot, take_deque, take_fifo },
        { take_fifo, take_next_slot, take_deque },
        { take_deque, take_fifo, take_next_slot },
    };
    source *const *order = rounds[worker->polls % 4];
    for (int i = 0; i < 3; i++) {
        maru_task *task = order[i](worker);
        if (task)
            return task;
    }
    return NULL;
}
