/* doorbell.h - a descriptor that a signal handler writes to while somebody else may close it.
 *
 *     word:  [ handlers inside, 32 bits | descriptor + 1, 32 bits; 0: none ]
 *
 * B1 A handler counts itself and learns the descriptor in one operation, and leaves in another.
 * B2 Who takes the bell down clears the descriptor and waits until nobody is inside: whoever
 *    counted himself before has left, and whoever comes after finds none. Then it may be closed.
 *
 * A race that is safely handled: the kernel has chosen a handler, which runs only after the bell
 * was taken down and hung up anew: it rings the new one. */
#ifndef MARU_BASE_DOORBELL_H
#define MARU_BASE_DOORBELL_H

#include "runtime/base/atomic.h"

struct doorbell {
    uint64_t word;
};

#define DOORBELL_INSIDE (UINT64_C(1) << 32)

/* The descriptor to write to, or -1. doorbell_leave must follow. Signal-safe. */
static inline int doorbell_enter(struct doorbell *bell)
{
    uint64_t before = atomic_add_ar(&bell->word, DOORBELL_INSIDE);  /* pairs with hang, take_down */
    return (int)(uint32_t)before - 1;
}

static inline void doorbell_leave(struct doorbell *bell)
{
    atomic_sub_ar(&bell->word, DOORBELL_INSIDE);        /* pairs with doorbell_take_down: load */
}

/* False: another one hangs there. */
static inline bool doorbell_hang(struct doorbell *bell, int fd)
{
    uint64_t word = atomic_load_rlx(&bell->word);       /* no partner: the cas decides */
    do {
        if ((uint32_t)word != 0)
            return false;
    } while (!atomic_cas_ar(&bell->word, &word, word | ((uint32_t)fd + 1))); /* with enter */
    return true;
}

/* After it nobody writes to the descriptor any more. Who has hung it up. */
static inline void doorbell_take_down(struct doorbell *bell)
{
    struct relax relax = { 0 };
    atomic_and_ar(&bell->word, ~(uint64_t)UINT32_MAX);  /* pairs with doorbell_enter */
    while (atomic_load_acq(&bell->word) >> 32)          /* pairs with doorbell_leave */
        relax_turn(&relax);
}

#endif
