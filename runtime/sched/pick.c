/* pick.c - which of its tasks a worker polls next.
 *
 * F1 A woken or detached task is polled before the worker that holds it (while it is in the
 *    inject queue: any one worker) has made 4 x runnable + 256 polls.
 *
 * Four polls make a round: next-slot, next-slot, fifo, deque; each falls back to the others when
 * its own source is empty. So the fifo is served at least once in four polls whatever chains of
 * wakes and spawns run beside it, and a chain alone is served at full speed. When the fifo's
 * turn comes, the inject queue joins behind it in batches; while there is no room, the two are
 * served in proportion to their lengths, which is as good as one line. */
#include "runtime/sched/worker.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"

/* Less room than this is not worth taking the inject queue's lock for. */
enum { ROOM_MIN = QUEUE_SLOTS / 8 + 1 };

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

static maru_task *take_injected(struct worker *worker)
{
    maru_task *task = NULL;
    (void)inject_pop(&worker->sched->inject, &task, 1);     /* none: it stays NULL */
    return task;
}

static maru_task *take_fifo(struct worker *worker)
{
    uint64_t waiting = inject_len(&worker->sched->inject);
    if (LIKELY(waiting == 0))
        return fifo_pop(&worker->fifo);
    uint64_t len = fifo_len(&worker->fifo), room = QUEUE_SLOTS - len;
    if (room >= ROOM_MIN) {
        refill(worker, waiting, room);
        return fifo_pop(&worker->fifo);
    }
    worker->inject_credit += (uint32_t)(waiting < UINT16_MAX ? waiting : UINT16_MAX);
    if (worker->inject_credit < len + waiting)
        return fifo_pop(&worker->fifo);
    worker->inject_credit = 0;
    maru_task *task = take_injected(worker);
    return task ? task : fifo_pop(&worker->fifo);
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
