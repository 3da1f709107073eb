/* park.c - see park.h. */
#include "runtime/sched/park.h"

#include "runtime/base/atomic.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/* The kernel compares the word once more, so a notification in between is not slept over. */
static void wait_while_parked(uint32_t *word)
{
#ifdef MARU_MODEL
    (void)word;
    mc_relax();
#else
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, (uint32_t)PARKED, NULL);
#endif
}

void park_wait(struct park *park)
{
    while (atomic_load_acq(&park->word) == PARKED)              /* pairs with park_notify */
        wait_while_parked(&park->word);
}

void park_kick(struct park *park)
{
#ifdef MARU_MODEL
    (void)park;
#else
    (void)syscall(SYS_futex, &park->word, FUTEX_WAKE_PRIVATE, 1);
#endif
}
