/* atomic.h - the only vocabulary of atomics, over the compiler's builtins on plain words.
 *
 * The memory order is the suffix: _rlx relaxed, _acq acquire, _rel release, _ar both, _sc
 * sequentially consistent. Plain words and not _Atomic, so that structs with such words are
 * valid C++ too. There are no fences: what orders is always a named operation, whose comment
 * names its partner (ThreadSanitizer and the explorer see all of it, and a seq_cst store costs
 * less than a fence). Read-modify-write operations return the old value. */
#ifndef MARU_BASE_ATOMIC_H
#define MARU_BASE_ATOMIC_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#define atomic_load_rlx(p)         __atomic_load_n((p), __ATOMIC_RELAXED)
#define atomic_load_acq(p)         __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define atomic_load_sc(p)          __atomic_load_n((p), __ATOMIC_SEQ_CST)

#define atomic_store_rlx(p, v)     __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define atomic_store_rel(p, v)     __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define atomic_store_sc(p, v)      __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)

#define atomic_exchange_acq(p, v)  __atomic_exchange_n((p), (v), __ATOMIC_ACQUIRE)
#define atomic_exchange_rel(p, v)  __atomic_exchange_n((p), (v), __ATOMIC_RELEASE)
#define atomic_exchange_ar(p, v)   __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
#define atomic_exchange_sc(p, v)   __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)

#define atomic_add_rlx(p, v)       __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define atomic_add_ar(p, v)        __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL)
#define atomic_add_sc(p, v)        __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define atomic_sub_rlx(p, v)       __atomic_fetch_sub((p), (v), __ATOMIC_RELAXED)
#define atomic_sub_ar(p, v)        __atomic_fetch_sub((p), (v), __ATOMIC_ACQ_REL)
#define atomic_sub_sc(p, v)        __atomic_fetch_sub((p), (v), __ATOMIC_SEQ_CST)
#define atomic_or_ar(p, v)         __atomic_fetch_or((p), (v), __ATOMIC_ACQ_REL)
#define atomic_or_sc(p, v)         __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define atomic_and_ar(p, v)        __atomic_fetch_and((p), (v), __ATOMIC_ACQ_REL)
#define atomic_and_sc(p, v)        __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)

/* Compare and swap: true if *p was *expected and is now v; else *expected is what it was, read
 * with the second order. None of them fails without a reason. */
#define atomic_cas_rlx(p, expected, v)                                                          \
    __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define atomic_cas_acq(p, expected, v)                                                          \
    __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)
#define atomic_cas_rel(p, expected, v)                                                          \
    __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define atomic_cas_ar(p, expected, v)                                                           \
    __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define atomic_cas_sc(p, expected, v)                                                           \
    __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

/* Owner-written counters that others read at any time. */
static inline void metric_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline uint64_t metric_read(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* One turn of a loop that waits for another thread: the explorer treats it as wait-for-change;
 * a real thread gives its CPU away after a while, for the other may be waiting for one. */
struct relax {
    unsigned turns;
};

/* So many pauses are about a microsecond; longer than that, whoever we wait for is not running. */
enum { RELAX_TURNS = 64 };

#ifdef MARU_MODEL
void mc_relax(void);
static inline void relax_turn(struct relax *relax)
{
    (void)relax;
    mc_relax();
}
#else
static inline void relax_turn(struct relax *relax)
{
    if (++relax->turns > RELAX_TURNS) {
        relax->turns = 0;
        sched_yield();
        return;
    }
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
#endif

#endif
