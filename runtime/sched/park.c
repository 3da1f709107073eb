/* park.c - see park.h. */
#include "runtime/sched/park.h"

#include "runtime/base/atomic.h"

enum { RUNNING, PARKED, NOTIFIED };

bool park_begin(struct park *park)
{
    uint32_t word = RUNNING;
    if (atomic_cas_ar(&park->word, &word, (uint32_t)PARKED))    /* pairs with park_notify */
        return true;
    park_end(park);
    return false;
}

void park_end(struct park *park)
{
    (void)atomic_exchange_ar(&park->word, (uint32_t)RUNNING);   /* pairs with park_notify */
}

bool park_notify(struct park *park)
{
    return atomic_exchange_ar(&park->word, (uint32_t)NOTIFIED) == PARKED;   /* with park_begin */
}
