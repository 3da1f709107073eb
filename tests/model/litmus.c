/*
 * The explorer's own proof: litmus tests whose allowed outcomes are known, compared in both
 * directions, and small wrong programs that it must refuse.  The names are those of the literature
 * (Alglave, Maranget, Tautschnig: Herding cats); "never" in a claim means C11 forbids it.
 *
 * Where the exact set is smaller than C11 allows, the claim says "ours".
 */
#include <stdlib.h>
#include <string.h>

#include "mc.h"

#define RLX __ATOMIC_RELAXED
#define ACQ __ATOMIC_ACQUIRE
#define REL __ATOMIC_RELEASE
#define AR __ATOMIC_ACQ_REL
#define SC __ATOMIC_SEQ_CST

#define LOAD(word, order) __atomic_load_n(&(word), (order))
#define STORE(word, value, order) __atomic_store_n(&(word), (value), (order))
#define ADD(word, value, order) __atomic_fetch_add(&(word), (value), (order))

/* The stage: every execution finds all of it zero. */
static int x, y, z;
static int r[4];

/* One thread of a test; written as in the literature, one statement list per thread. */
#define THREAD(name, ...)                                                                          \
    static void name(void *unused)                                                                 \
    {                                                                                              \
        (void)unused;                                                                              \
        __VA_ARGS__;                                                                               \
    }

static void run(void (*a)(void *), void (*b)(void *), void (*c)(void *), void (*d)(void *))
{
    void (*const threads[])(void *) = {a, b, c, d};
    mc_label(&x, "x");
    mc_label(&y, "y");
    mc_label(&z, "z");
    for (unsigned i = 0; i < 4; i++)
        if (threads[i])
            mc_spawn(threads[i], NULL);
    mc_join_all();
}

/* SB: store buffering, the shape of every "announce, then look" protocol. */
#define SB(name, write, read)                                                                      \
    THREAD(name##_1, STORE(x, 1, write); r[0] = LOAD(y, read))                                     \
    THREAD(name##_2, STORE(y, 1, write); r[1] = LOAD(x, read))                                     \
    static void name(void)                                                                         \
    {                                                                                              \
        run(name##_1, name##_2, NULL, NULL);                                                       \
        mc_outcome("%d %d", r[0], r[1]);                                                           \
    }
SB(sb_rlx, RLX, RLX)
SB(sb_ra, REL, ACQ)
SB(sb_sc, SC, SC)
SB(sb_sc_acq, SC, ACQ)

THREAD(sb_rmw_1, __atomic_exchange_n(&x, 1, SC); r[0] = LOAD(y, SC))
THREAD(sb_rmw_2, __atomic_exchange_n(&y, 1, SC); r[1] = LOAD(x, SC))
static void sb_rmw(void)
{
    run(sb_rmw_1, sb_rmw_2, NULL, NULL);
    mc_outcome("%d %d", r[0], r[1]);
}

/* MP: message passing. */
#define MP(name, write, read)                                                                      \
    THREAD(name##_1, STORE(x, 1, RLX); STORE(y, 1, write))                                         \
    THREAD(name##_2, r[0] = LOAD(y, read); r[1] = LOAD(x, RLX))                                    \
    static void name(void)                                                                         \
    {                                                                                              \
        run(name##_1, name##_2, NULL, NULL);                                                       \
        mc_outcome("%d %d", r[0], r[1]);                                                           \
    }
MP(mp_rlx, RLX, RLX)
MP(mp_rel_rlx, REL, RLX)
MP(mp_rlx_acq, RLX, ACQ)
MP(mp_ra, REL, ACQ)
MP(mp_sc, SC, SC)

/* LB: load buffering. */
THREAD(lb_1, r[0] = LOAD(x, RLX); STORE(y, 1, RLX))
THREAD(lb_2, r[1] = LOAD(y, RLX); STORE(x, 1, RLX))
static void lb(void)
{
    run(lb_1, lb_2, NULL, NULL);
    mc_outcome("%d %d", r[0], r[1]);
}

/* IRIW: independent reads of independent writes. */
#define IRIW(name, write, read)                                                                    \
    THREAD(name##_1, STORE(x, 1, write))                                                           \
    THREAD(name##_2, STORE(y, 1, write))                                                           \
    THREAD(name##_3, r[0] = LOAD(x, read); r[1] = LOAD(y, read))                                   \
    THREAD(name##_4, r[2] = LOAD(y, read); r[3] = LOAD(x, read))                                   \
    static void name(void)                                                                         \
    {                                                                                              \
        run(name##_1, name##_2, name##_3, name##_4);                                               \
        mc_outcome("%d%d %d%d", r[0], r[1], r[2], r[3]);                                           \
    }
IRIW(iriw_ra, REL, ACQ)
IRIW(iriw_sc, SC, SC)
#define IRIW_SC_SET                                                                                \
    "00 00|00 01|00 10|00 11|01 00|01 01|01 10|01 11|10 00|10 01|10 11|11 00|11 01|11 10|11 11"

/* Coherence: all threads agree on the order of writes to one location. */
THREAD(corr_1, STORE(x, 1, RLX); STORE(x, 2, RLX))
THREAD(corr_2, r[0] = LOAD(x, RLX); r[1] = LOAD(x, RLX))
static void corr(void)
{
    run(corr_1, corr_2, NULL, NULL);
    mc_outcome("%d %d", r[0], r[1]);
}

THREAD(cowr_1, STORE(x, 1, RLX); r[0] = LOAD(x, RLX))
THREAD(cowr_2, STORE(x, 2, RLX))
static void cowr(void)
{
    run(cowr_1, cowr_2, NULL, NULL);
    mc_outcome("%d %d", r[0], LOAD(x, RLX));
}

THREAD(corw_1, r[0] = LOAD(x, RLX); STORE(x, 1, RLX))
static void corw(void)
{
    run(corw_1, cowr_2, NULL, NULL);
    mc_outcome("%d %d", r[0], LOAD(x, RLX));
}

/* 2+2W, S and R: what a store's place in modification order may be. */
#define TWO_WRITES(name, order)                                                                    \
    THREAD(name##_1, STORE(x, 1, order); STORE(y, 2, order))                                       \
    THREAD(name##_2, STORE(y, 1, order); STORE(x, 2, order))                                       \
    static void name(void)                                                                         \
    {                                                                                              \
        run(name##_1, name##_2, NULL, NULL);                                                       \
        mc_outcome("%d %d", x, y);                                                                 \
    }
TWO_WRITES(w22_rlx, RLX)
TWO_WRITES(w22_rel, REL)
TWO_WRITES(w22_sc, SC)

#define S_SHAPE(name, write, read)                                                                 \
    THREAD(name##_1, STORE(x, 2, RLX); STORE(y, 1, write))                                         \
    THREAD(name##_2, r[0] = LOAD(y, read); STORE(x, 1, RLX))                                       \
    static void name(void)                                                                         \
    {                                                                                              \
        run(name##_1, name##_2, NULL, NULL);                                                       \
        mc_outcome("%d %d", r[0], x);                                                              \
    }
S_SHAPE(s_rlx, RLX, RLX)
S_SHAPE(s_ra, REL, ACQ)

#define R_SHAPE(name, write, read)                                                                 \
    THREAD(name##_1, STORE(x, 1, write); STORE(y, 1, write))                                       \
    THREAD(name##_2, STORE(y, 2, write); r[0] = LOAD(x, read))                                     \
    static void name(void)                                                                         \
    {                                                                                              \
        run(name##_1, name##_2, NULL, NULL);                                                       \
        mc_outcome("%d %d", y, r[0]);                                                              \
    }
R_SHAPE(r_ra, REL, ACQ)
R_SHAPE(r_sc, SC, SC)

/* RWC: a seq_cst write seen with acquire alone does not yet take its place in S (C++20, RC11). */
#define RWC(name, order)                                                                           \
    THREAD(name##_1, STORE(y, 1, SC); r[0] = LOAD(x, SC))                                          \
    THREAD(name##_2, ADD(x, 1, SC))                                                                \
    THREAD(name##_3, r[1] = LOAD(x, order); r[2] = LOAD(y, SC))                                    \
    static void name(void)                                                                         \
    {                                                                                              \
        run(name##_1, name##_2, name##_3, NULL);                                                   \
        mc_outcome("%d %d %d", r[0], r[1], r[2]);                                                  \
    }
RWC(rwc_acq, ACQ)
RWC(rwc_sc, SC)
#define RWC_SC_SET "0 0 0|0 0 1|0 1 1|1 0 0|1 0 1|1 1 0|1 1 1"

/* WRC: what a thread acquired it passes on. */
THREAD(wrc_1, STORE(x, 1, RLX); STORE(y, 1, REL))
THREAD(wrc_2, r[0] = LOAD(y, ACQ); STORE(z, 1, REL))
THREAD(wrc_3, r[1] = LOAD(z, ACQ); r[2] = LOAD(x, RLX))
static void wrc(void)
{
    run(wrc_1, wrc_2, wrc_3, NULL);
    mc_outcome("%d %d %d", r[0], r[1], r[2]);
}

/* Release sequences: a read-modify-write continues one, another thread's store ends it. */
THREAD(relseq_1, STORE(x, 1, RLX); STORE(y, 1, REL))
THREAD(relseq_rmw_2, ADD(y, 10, RLX))
THREAD(relseq_store_2, STORE(y, 2, RLX))
THREAD(relseq_3, r[0] = LOAD(y, ACQ); r[1] = LOAD(x, RLX))
static void relseq_rmw(void)
{
    run(relseq_1, relseq_rmw_2, relseq_3, NULL);
    mc_outcome("%d %d", r[0], r[1]);
}

static void relseq_store(void)
{
    run(relseq_1, relseq_store_2, relseq_3, NULL);
    mc_outcome("%d %d", r[0], r[1]);
}

/* Read-modify-writes. */
THREAD(count_1, r[0] = ADD(x, 1, RLX))
THREAD(count_2, r[1] = ADD(x, 1, RLX))
THREAD(count_3, r[2] = ADD(x, 1, RLX))
static void rmw_counts(void)
{
    run(count_1, count_2, count_3, NULL);
    MC_CHECK(LOAD(x, RLX) == 3);
    mc_outcome("%d%d%d", r[0], r[1], r[2]);
}

THREAD(ticket_1, r[0] = __atomic_exchange_n(&x, 1, RLX))
THREAD(ticket_2, r[1] = __atomic_exchange_n(&x, 2, RLX))
static void rmw_takes_once(void)
{
    run(ticket_1, ticket_2, NULL, NULL);
    mc_outcome("%d %d %d", r[0], r[1], LOAD(x, RLX));
}

static int cas(int *word, int expected, int desired, int is_weak)
{
    if (is_weak)
        return __atomic_compare_exchange_n(word, &expected, desired, 1, AR, RLX);
    return __atomic_compare_exchange_n(word, &expected, desired, 0, AR, RLX);
}

THREAD(cas_1, r[0] = cas(&x, 0, 1, 0))
THREAD(cas_2, r[1] = cas(&x, 0, 2, 0))
static void cas_one_wins(void)
{
    run(cas_1, cas_2, NULL, NULL);
    mc_outcome("%d %d", r[0], r[1]);
}

THREAD(cas_stale_1, STORE(x, 1, RLX))
THREAD(cas_stale_2, int seen = 5; __atomic_compare_exchange_n(&x, &seen, 6, 0, AR, RLX);
       r[0] = seen;
       r[1] = LOAD(y, RLX))
THREAD(cas_stale_3, STORE(y, LOAD(x, RLX), RLX))
static void cas_reads_old(void)
{
    run(cas_stale_1, cas_stale_2, cas_stale_3, NULL);
    mc_outcome("%d %d", r[0], r[1]);
}

static void cas_weak(void)
{
    mc_outcome("%d", cas(&x, 0, 1, 1));
}

/* clang 14 reports both kinds of compare-exchange by one entry point, which cannot fail so. */
#ifdef __clang__
#define CAS_WEAK_SET "1"
#else
#define CAS_WEAK_SET "0|1"
#endif

/* Plain memory. */
static int message;
THREAD(publish_1, message = 42; STORE(y, 1, REL))
THREAD(publish_2, r[0] = LOAD(y, ACQ) ? message : 0)
THREAD(publish_rlx_1, message = 42; STORE(y, 1, RLX))
static void publish_ra(void)
{
    run(publish_1, publish_2, NULL, NULL);
    mc_outcome("%d", r[0]);
}

static void publish_rlx(void)
{
    run(publish_rlx_1, publish_2, NULL, NULL);
}

static char text[2][32];
THREAD(copy_1, memcpy(text[0], text[1], sizeof(text[0])))
static void race_memcpy(void)
{
    run(copy_1, copy_1, NULL, NULL);
}

static char bytes[2];
THREAD(byte_1, bytes[0] = 1)
THREAD(byte_2, bytes[1] = 1)
static void neighbours(void)
{
    run(byte_1, byte_2, NULL, NULL);
    mc_outcome("%d%d", bytes[0], bytes[1]);
}

THREAD(mixed_1, x = 1)
static void race_plain_atomic(void)
{
    run(mixed_1, count_1, NULL, NULL);
}

/* Initialised plainly, used atomically, read plainly by its owner, and the same again. */
static void plain_then_atomic(void)
{
    for (int i = 0; i < 2; i++) {
        x = 10 * i;
        mc_join(mc_spawn(count_1, NULL));
        MC_CHECK(x == 10 * i + 1);
    }
    mc_outcome("%d %d", r[0], LOAD(x, RLX));
}

static uint64_t wide;
THREAD(size_1, __atomic_fetch_add((uint32_t *)(void *)&wide, 1, RLX))
THREAD(size_2, ADD(wide, 1, RLX))
static void mixed_size(void)
{
    run(size_1, size_2, NULL, NULL);
}

/* The heap. */
static int *shared;
THREAD(freed_1, r[0] = LOAD(*shared, RLX))
static void use_after_free(void)
{
    shared = malloc(sizeof(*shared));
    if (!shared)
        return;
    *shared = 1;
    mc_spawn(freed_1, NULL);
    free(shared);
}

static void double_free(void)
{
    int *block = malloc(sizeof(*block));
    void *volatile again = block;
    free(block);
    free(again);
}

static void leak(void)
{
    shared = malloc(sizeof(*shared));
}

static void leak_expected(void)
{
    leak();
    mc_expect_leaks(1);
}

static void out_of_bounds(void)
{
    char *volatile block = mc_alloc(13);
    block[12] = 1;
    block[13] = 1;
}

static void poison(void)
{
    int *slots = mc_alloc(64);
    mc_poison(slots + 4, 16);
    mc_unpoison(slots + 6, 8);
    slots[6] = 1;
    slots[4] = 1;
}

/* Waiting. */
THREAD(wait_1, while (!LOAD(y, ACQ)) mc_relax(); r[0] = message)
static void relax_wakes(void)
{
    run(publish_1, wait_1, NULL, NULL);
    mc_outcome("%d", r[0]);
}

THREAD(lost_1, STORE(x, 1, RLX))
static void relax_deadlock(void)
{
    run(lost_1, wait_1, NULL, NULL);
}

/* Two spinners that write while they wait must not keep each other awake. */
THREAD(spinlock, while (__atomic_exchange_n(&x, 1, ACQ)) mc_relax(); message++; STORE(x, 0, REL))
static void spinlocks(void)
{
    run(spinlock, spinlock, spinlock, NULL);
    mc_outcome("%d", message);
}

/* The rest of the explorer's promises. */
static void chooses(void)
{
    unsigned a = mc_choose(2);
    mc_outcome("%u %u", a, mc_choose(a + 1));
}

static __thread int own;
THREAD(own_1, int before = own; own = 1; ADD(x, 1, RLX); r[0] = before + own)
THREAD(own_2, int before = own; own = 2; ADD(x, 1, RLX); r[1] = before + own)
static void thread_locals(void)
{
    mc_thread_local(&own, sizeof(own));
    run(own_1, own_2, NULL, NULL);
    mc_outcome("%d %d %d", own, r[0], r[1]);
}

static void crash(void)
{
    int *volatile nowhere = (int *)(uintptr_t)8;
    *nowhere = 1;
}

#define ALL4 "0 0|0 1|1 0|1 1"
#define MODEL(symbol, text, set) {.name = #symbol, .claim = text, .body = symbol, .outcomes = set}
#define WRONG(symbol, text, why) {.name = #symbol, .claim = text, .body = symbol, .fails = why}

static const struct mc_model models[] = {
    MODEL(sb_rlx, "both may read 0", ALL4),
    MODEL(sb_ra, "release and acquire do not order a store with a later load", ALL4),
    MODEL(sb_sc, "never 0 0", "0 1|1 0|1 1"),
    MODEL(sb_sc_acq, "a seq_cst store needs a seq_cst load", ALL4),
    MODEL(sb_rmw, "never 0 0", "0 1|1 0|1 1"),
    MODEL(mp_rlx, "the flag may overtake the message", ALL4),
    MODEL(mp_rel_rlx, "release alone does nothing", ALL4),
    MODEL(mp_rlx_acq, "acquire alone does nothing", ALL4),
    MODEL(mp_ra, "never 1 0", "0 0|0 1|1 1"),
    MODEL(mp_sc, "never 1 0", "0 0|0 1|1 1"),
    MODEL(lb, "ours: no load reads a store that has yet to come", "0 0|0 1|1 0"),
    {.name = "iriw_ra", .claim = "readers may disagree", .body = iriw_ra,
     .outcomes = IRIW_SC_SET "|10 10"},
    {.name = "iriw_sc", .claim = "never 10 10", .body = iriw_sc, .outcomes = IRIW_SC_SET},
    MODEL(corr, "reads never go back", "0 0|0 1|0 2|1 1|1 2|2 2"),
    MODEL(cowr, "never 2 1: own write, then the other's, is the final order", "1 1|1 2|2 2"),
    MODEL(corw, "a write follows what its thread has read", "0 1|0 2|2 1"),
    MODEL(w22_rlx, "both first writes may be last", "1 1|1 2|2 1|2 2"),
    MODEL(w22_rel, "both first writes may be last", "1 1|1 2|2 1|2 2"),
    MODEL(w22_sc, "never 1 1", "1 2|2 1|2 2"),
    MODEL(s_rlx, "a write may come before one it knows of by hearsay", "0 1|0 2|1 1|1 2"),
    MODEL(s_ra, "never 1 2", "0 1|0 2|1 1"),
    MODEL(r_ra, "a late write may be first", "1 0|1 1|2 0|2 1"),
    MODEL(r_sc, "never 2 0", "1 0|1 1|2 1"),
    MODEL(rwc_acq, "0 1 0 may be", RWC_SC_SET "|0 1 0"),
    MODEL(rwc_sc, "never 0 1 0", RWC_SC_SET),
    MODEL(wrc, "never 1 1 0", "0 0 0|0 0 1|0 1 0|0 1 1|1 0 0|1 0 1|1 1 1"),
    MODEL(relseq_rmw, "never 11 0", "0 0|0 1|1 1|10 0|10 1|11 1"),
    MODEL(relseq_store, "2 0 may be, 1 0 never", "0 0|0 1|1 1|2 0|2 1"),
    MODEL(rmw_counts, "no increment is lost", "012|021|102|120|201|210"),
    MODEL(rmw_takes_once, "two never take the same", "0 1 2|2 0 1"),
    MODEL(cas_one_wins, "exactly one", "0 1|1 0"),
    MODEL(cas_reads_old, "a failed one is a load", "0 0|0 1|1 0|1 1"),
    MODEL(cas_weak, "may fail for nothing", CAS_WEAK_SET),
    MODEL(publish_ra, "plain memory is handed over", "0|42"),
    WRONG(publish_rlx, "plain memory is not handed over", "data race: plain read of"),
    WRONG(race_memcpy, "ranges race too", "data race: plain write of"),
    WRONG(race_plain_atomic, "plain and atomic accesses race", "data race:"),
    MODEL(neighbours, "two bytes of a word do not race", "11"),
    MODEL(plain_then_atomic, "what is ordered may be plain", "10 11"),
    WRONG(mixed_size, "an atomic word has one size", "mixed size:"),
    WRONG(use_after_free, "found in the schedule where it happens", "use after free"),
    WRONG(double_free, "is refused", "double free"),
    WRONG(leak, "is found", "leak: 1 blocks"),
    MODEL(leak_expected, "may be announced", ""),
    WRONG(out_of_bounds, "is found to the byte", "out of bounds: write of 1 bytes"),
    WRONG(poison, "a free slot is not touched", "slab slot"),
    MODEL(relax_wakes, "a spin loop ends with its news", "42"),
    WRONG(relax_deadlock, "no news ever: a lost wake-up", "deadlock"),
    MODEL(spinlocks, "two spinners do not keep each other awake", "3"),
    MODEL(chooses, "every choice is tried", "0 0|1 0|1 1"),
    MODEL(thread_locals, "each thread has its own, zeroed", "0 1 2"),
    WRONG(crash, "is a failure like others", "null pointer"),
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
