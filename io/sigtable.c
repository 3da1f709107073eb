/* sigtable.c - see sigtable.h. */
#include "io/sigtable.h"

#include "maru/err.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"

/* A slot's word: the number of the signal, and a count of the handlers inside. */
enum { NUMBER = 0xff, HANDLER = 0x100 };

/* ---- handlers ---- */

/* True if the slot is live for this signal; then the handler is inside until it leaves. */
static bool enter(struct sig_slot *slot, int signo)
{
    uint32_t state = atomic_add_ar(&slot->state, (uint32_t)HANDLER);    /* with publish, retract */
    return (state & NUMBER) == (uint32_t)signo;
}

static void leave(struct sig_slot *slot)
{
    (void)atomic_sub_ar(&slot->state, (uint32_t)HANDLER);       /* pairs with retract: load */
}

unsigned sigtable_tell(struct sigtable *table, int signo, void (*tell)(int fd))
{
    unsigned told = 0;
    uint32_t used = atomic_load_acq(&table->used);              /* pairs with publish: store */
    for (uint32_t i = 0; i < used; i++) {
        struct sig_slot *slot = &table->slots[i];
        if ((atomic_load_rlx(&slot->state) & NUMBER) != (uint32_t)signo)    /* no partner: a hint */
            continue;
        if (enter(slot, signo)) {
            tell(slot->fd);
            told++;
        }
        leave(slot);
    }
    return told;
}

/* ---- listeners ---- */

int sigtable_publish(struct sigtable *table, int signo, int fd, uint32_t *ret_slot)
{
    CHECK(signo > 0 && signo <= NUMBER);
    for (uint32_t i = 0; i < SIGNAL_LISTENERS_MAX; i++) {
        struct sig_slot *slot = &table->slots[i];
        if (atomic_load_rlx(&slot->state) & NUMBER)         /* no partner: publishers take turns */
            continue;
        slot->fd = fd;
        if (i >= atomic_load_rlx(&table->used))             /* no partner: publishers take turns */
            atomic_store_rel(&table->used, i + 1);          /* pairs with tell: load */
        (void)atomic_or_ar(&slot->state, (uint32_t)signo);  /* pairs with enter */
        *ret_slot = i;
        return 0;
    }
    return -EMFILE;
}

void sigtable_retract(struct sigtable *table, uint32_t slot)
{
    uint32_t *state = &table->slots[slot].state;
    struct relax relax = { 0 };
    CHECK(slot < SIGNAL_LISTENERS_MAX);
    (void)atomic_and_ar(state, ~(uint32_t)NUMBER);              /* pairs with enter */
    while (atomic_load_acq(state) != 0)                         /* pairs with leave */
        relax_turn(&relax);
}

void sigtable_forget(struct sigtable *table)
{
    for (uint32_t i = 0; i < SIGNAL_LISTENERS_MAX; i++)
        atomic_store_rlx(&table->slots[i].state, 0u);       /* no partner: nobody else is here */
    atomic_store_rel(&table->used, 0u);                         /* pairs with tell: load */
}
