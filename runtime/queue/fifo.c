/* fifo.c - see fifo.h. */
#include "runtime/queue/fifo.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"

enum { MASK = QUEUE_SLOTS - 1 };

void fifo_init(struct fifo *fifo)
{
    /* Near the end of the range: a wrong comparison by order shows at once. */
    fifo->head = fifo->tail = fifo->head_seen = UINT64_MAX - QUEUE_SLOTS / 2;
}

/* Looks at head again only when the copy says full. */
static bool has_room(struct fifo *fifo)
{
    if (LIKELY(fifo->tail - fifo->head_seen < QUEUE_SLOTS))
        return true;
    fifo->head_seen = atomic_load_acq(&fifo->head);     /* pairs with take: cas, for Q4 */
    return fifo->tail - fifo->head_seen < QUEUE_SLOTS;
}

static void put(struct fifo *fifo, maru_task *task)
{
    atomic_store_rlx(&fifo->slots[fifo->tail & MASK], task);    /* with fifo_steal: by tail */
}

bool fifo_push(struct fifo *fifo, maru_task *task)
{
    if (UNLIKELY(!has_room(fifo)))
        return false;
    put(fifo, task);
    atomic_store_sc(&fifo->tail, fifo->tail + 1);       /* pairs with fifo_len: load of tail */
    return true;
}

bool fifo_push_quietly(struct fifo *fifo, maru_task *task)
{
    if (UNLIKELY(!has_room(fifo)))
        return false;
    put(fifo, task);
    atomic_store_rel(&fifo->tail, fifo->tail + 1);      /* pairs with fifo_steal: load of tail */
    return true;
}

void fifo_publish(struct fifo *fifo)
{
    atomic_store_sc(&fifo->tail, fifo->tail);           /* pairs with fifo_len: load of tail */
}

maru_task *fifo_pop(struct fifo *fifo)
{
    uint64_t head = atomic_load_rlx(&fifo->head);       /* no partner: the cas decides */
    while (head != fifo->tail) {
        maru_task *task = atomic_load_rlx(&fifo->slots[head & MASK]);   /* owner wrote it */
        if (atomic_cas_rel(&fifo->head, &head, head + 1))   /* pairs with has_room: head */
            return task;
    }
    return NULL;
}

/* Copies n tasks from the victim's head; valid only if the CAS that follows succeeds. */
static void copy(struct fifo *victim, uint64_t head, struct fifo *mine, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        maru_task *task = atomic_load_rlx(&victim->slots[(head + i) & MASK]);   /* with put */
        atomic_store_rlx(&mine->slots[(mine->tail + i) & MASK], task);  /* with steal, by tail */
    }
}

maru_task *fifo_steal(struct fifo *victim, struct fifo *mine, uint64_t *ret_more)
{
    uint64_t room = QUEUE_SLOTS - fifo_len(mine);
    uint64_t head = atomic_load_acq(&victim->head);     /* pairs with another taker's cas */
    *ret_more = 0;
    for (;;) {
        uint64_t tail = atomic_load_sc(&victim->tail);  /* pairs with fifo_push: store of tail */
        uint64_t n = tail - head;
        if (n == 0)
            return NULL;
        if (n > QUEUE_SLOTS)                /* head has moved on since we read it: the CAS fails */
            n = 1;
        uint64_t more = (n + 1) / 2 - 1;
        more = more < room ? more : room;
        maru_task *first = atomic_load_rlx(&victim->slots[head & MASK]);    /* with put, by tail */
        copy(victim, head + 1, mine, more);
        if (atomic_cas_ar(&victim->head, &head, head + 1 + more)) {     /* pairs with has_room */
            if (more)
                atomic_store_sc(&mine->tail, mine->tail + more);    /* pairs with fifo_len */
            *ret_more = more;
            return first;
        }
    }
}

uint64_t fifo_len(struct fifo *fifo)
{
    uint64_t head = atomic_load_acq(&fifo->head);       /* no partner: only makes the guess newer */
    uint64_t tail = atomic_load_sc(&fifo->tail);        /* pairs with fifo_push: store of tail */
    return tail - head;
}
