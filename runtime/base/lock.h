/* lock.h - the lock bit: a word that guards a handful of instructions.
 *
 * For sections of a few dozen instructions that never block, call out or poll. Uncontended it is
 * one locked operation. A holder may lose its CPU, so waiters give theirs away after a short
 * spin (relax_turn). A word of zeroes is an open lock. */
#ifndef MARU_BASE_LOCK_H
#define MARU_BASE_LOCK_H

#include "runtime/base/atomic.h"

static inline bool lock_try(uint32_t *lock)
{
    uint32_t open = 0;
    return atomic_cas_acq(lock, &open, 1u);     /* pairs with lock_give: store */
}

static inline void lock_take(uint32_t *lock)
{
    struct relax relax = { 0 };
    while (!lock_try(lock))
        relax_turn(&relax);
}

static inline void lock_give(uint32_t *lock)
{
    atomic_store_rel(lock, 0u);                 /* pairs with lock_try: cas */
}

#endif
