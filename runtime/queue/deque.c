/* deque.c - see deque.h. */
#include "runtime/queue/deque.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"

enum { MASK = QUEUE_SLOTS - 1 };

void deque_init(struct deque *deque)
{
    /* Near the end of the range: a wrong comparison by order shows at once. */
    deque->top = deque->bottom = deque->top_seen = UINT64_MAX - QUEUE_SLOTS / 2;
}

/* Looks at top again only when the copy says full. */
static bool has_room(struct deque *deque)
{
    if (LIKELY(deque->bottom - deque->top_seen < QUEUE_SLOTS))
        return true;
    deque->top_seen = atomic_load_acq(&deque->top);     /* pairs with deque_steal: cas, for D4 */
    return deque->bottom - deque->top_seen < QUEUE_SLOTS;
}

bool deque_push(struct deque *deque, maru_task *task)
{
    if (UNLIKELY(!has_room(deque)))
        return false;
    atomic_store_rlx(&deque->slots[deque->bottom & MASK], task);    /* with deque_steal: slots */
    atomic_store_sc(&deque->bottom, deque->bottom + 1);     /* pairs with deque_steal: bottom */
    return true;
}

/* The last task: whoever moves top has it. Either way the deque is empty then. */
static maru_task *take_last(struct deque *deque, uint64_t top, maru_task *task)
{
    bool won = atomic_cas_sc(&deque->top, &top, top + 1);   /* pairs with deque_steal: cas */
    atomic_store_rlx(&deque->bottom, deque->bottom + 1);    /* with steal: empty before */
    return won ? task : NULL;
}

maru_task *deque_take(struct deque *deque)
{
    /* The owner's own bottom and an old top say empty: no thief can make it less so. */
    if (deque->bottom == atomic_load_rlx(&deque->top))      /* no partner: top only grows */
        return NULL;
    uint64_t bottom = deque->bottom - 1;
    atomic_store_sc(&deque->bottom, bottom);                /* pairs with deque_steal: bottom */
    uint64_t top = atomic_load_sc(&deque->top);             /* pairs with deque_steal: cas */
    int64_t left = (int64_t)(bottom - top);
    if (LIKELY(left > 0))
        return atomic_load_rlx(&deque->slots[bottom & MASK]);   /* owner wrote it */
    if (left == 0)
        return take_last(deque, top, atomic_load_rlx(&deque->slots[bottom & MASK])); /* owner */
    atomic_store_rlx(&deque->bottom, bottom + 1);           /* with steal: empty before, too */
    return NULL;
}

enum deque_result deque_steal(struct deque *deque, maru_task **ret_task)
{
    uint64_t top = atomic_load_sc(&deque->top);             /* pairs with deque_take: top, bottom */
    uint64_t bottom = atomic_load_sc(&deque->bottom);       /* pairs with deque_push, deque_take */
    if ((int64_t)(bottom - top) <= 0)
        return DEQUE_EMPTY;
    maru_task *task = atomic_load_rlx(&deque->slots[top & MASK]);   /* with deque_push: slots */
    if (!atomic_cas_sc(&deque->top, &top, top + 1))         /* pairs with take_last, has_room */
        return DEQUE_RETRY;
    *ret_task = task;
    return DEQUE_OK;
}

uint64_t deque_len(struct deque *deque)
{
    uint64_t top = atomic_load_sc(&deque->top);             /* pairs with deque_steal: cas */
    uint64_t bottom = atomic_load_sc(&deque->bottom);       /* pairs with deque_push: bottom */
    int64_t len = (int64_t)(bottom - top);
    return len > 0 ? (uint64_t)len : 0;
}
