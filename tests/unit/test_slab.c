/* test_slab.c - slots: SL1 to SL5 for every size class and for slots with chunks of their own. */
#include "runtime/base/slab.h"

#include "runtime/base/config.h"
#include "runtime/base/rng.h"
#include "tests/support/last_words.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>

enum { LIVENESS = 8, LARGEST_CLASS = 8192 };

static struct alloc alloc;
static struct slab slab;
static const char owner[1];

static void begin(void)
{
    slab_init(&slab, &alloc, owner, LIVENESS);
}

static void end(void)
{
    slab_fini(&slab);
    cr_assert_eq(alloc.live_blocks, 0u);
    cr_assert_eq(alloc.live_bytes, 0u);
}

TestSuite(slab, .init = begin, .fini = end);

static uint64_t *liveness(void *slot)
{
    return (uint64_t *)(void *)((char *)slot + LIVENESS);
}

static void *get_live(size_t size)
{
    char *slot = slab_get(&slab, size);
    cr_assert_not_null(slot);
    cr_assert_eq((uintptr_t)slot % 32, 0u);
    memset(slot, 0x5a, size < 16 ? 16 : size);
    *liveness(slot) = 1;
    return slot;
}

static void put_dead(void *slot, const void *as)
{
    *liveness(slot) = 0;
    slab_put(slot, as);
}

/* Slots of one size, all of their bytes written with their own number. */
static void check_no_overlap(size_t size)
{
    enum { COUNT = 150 };
    unsigned char *slots[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        slots[i] = get_live(size);
        memset(slots[i], (int)i, size);
    }
    for (unsigned i = 0; i < COUNT; i++)
        for (size_t at = 0; at < size; at++)
            cr_assert_eq(slots[i][at], i, "size %zu", size);
    for (unsigned i = 0; i < COUNT; i++)
        put_dead(slots[i], owner);
}

Test(slab, slots_of_every_class_hold_their_size_and_do_not_overlap)
{
    for (size_t size = 64; size <= LARGEST_CLASS; size += size < 1024 ? 32 : 512)
        check_no_overlap(size);
}

Test(slab, the_edges_of_the_classes_are_on_the_right_side)
{
    for (size_t size = 512; size <= LARGEST_CLASS; size += size / 4) {
        check_no_overlap(size - 1);
        check_no_overlap(size);
        check_no_overlap(size + 1);
        size -= size % 128;
    }
}

Test(slab, the_smallest_request_still_has_room_for_link_and_liveness)
{
    char *one = get_live(1), *two = get_live(0);
    ptrdiff_t apart = one < two ? two - one : one - two;
    cr_assert_geq(apart, 64);
    put_dead(one, owner);
    put_dead(two, owner);
}

Test(slab, what_was_put_is_handed_out_again_before_anything_new)
{
    void *slots[100];
    for (int i = 0; i < 100; i++)
        slots[i] = get_live(200);
    uint64_t blocks = alloc.live_blocks;
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < 100; i++)
            put_dead(slots[i], owner);
        for (int i = 0; i < 100; i++)
            slots[i] = get_live(200);
    }
    cr_assert_eq(alloc.live_blocks, blocks);
}

Test(slab, a_new_slot_says_it_is_not_live)
{
    for (size_t size = 1; size < 3 * (size_t)LARGEST_CLASS; size = size * 2 + 7) {
        void *slot = slab_get(&slab, size);
        cr_assert_eq(*liveness(slot), 0u, "size %zu", size);
        slab_put(slot, owner);
    }
}

Test(slab, liveness_stays_as_the_last_user_left_it)
{
    void *slot = get_live(100);
    *liveness(slot) = 4711;
    slab_put(slot, owner);
    cr_assert_eq(slab_get(&slab, 100), slot);
    cr_assert_eq(*liveness(slot), 4711u);
    put_dead(slot, owner);
}

Test(slab, a_large_slot_has_a_chunk_of_its_own_and_is_whole)
{
    for (size_t size = LARGEST_CLASS + 1; size < 300000; size = size * 2 + 1) {
        uint64_t blocks = alloc.live_blocks;
        void *slot = get_live(size);
        cr_assert_eq(alloc.live_blocks, blocks + 1);
        cr_assert_geq(alloc.live_bytes, size);
        cr_assert_eq(slab_of(slot), &slab);
    }
}

Test(slab, a_large_slot_is_used_again_for_what_fits_but_wastes_no_more_than_half)
{
    void *slot = get_live(100000);
    put_dead(slot, owner);
    void *tiny = get_live(20000);
    cr_assert_neq(tiny, slot);
    void *fits = get_live(99000);
    cr_assert_eq(fits, slot);
    put_dead(fits, owner);
    put_dead(tiny, owner);
    void *larger = get_live(100033);
    cr_assert_neq(larger, slot);
    put_dead(larger, owner);
}

Test(slab, a_large_slot_put_by_another_thread_is_used_again)
{
    void *slot = get_live(50000);
    put_dead(slot, NULL);
    cr_assert_eq(get_live(50000), slot);
    put_dead(slot, owner);
}

Test(slab, an_absurd_size_is_refused)
{
    cr_assert_null(slab_get(&slab, SIZE_MAX));
    cr_assert_null(slab_get(&slab, (size_t)UINT32_MAX));
    cr_assert_eq(alloc.live_blocks, 0u);
}

Test(slab, out_of_memory_is_null_and_passes)
{
    const size_t sizes[] = { 64, 100, 8192, 8193, 100000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t blocks = alloc.live_blocks;
        alloc.fail_at = 1;
        cr_assert_null(slab_get(&slab, sizes[i]));
        cr_assert_eq(alloc.live_blocks, blocks);
        void *slot = get_live(sizes[i]);
        put_dead(slot, owner);
    }
}

Test(slab, out_of_memory_in_the_middle_keeps_what_is_there)
{
    char *first = get_live(8000);
    unsigned count = 1;
    alloc.fail_at = 1;
    while (slab_get(&slab, 8000))
        count++;
    cr_assert_gt(count, 1u);
    cr_assert_eq(first[100], 0x5a);
    put_dead(first, owner);
    cr_assert_eq(slab_get(&slab, 8000), (void *)first);
}

static void *put_all(void *arg)
{
    void **slots = arg;
    for (int i = 0; i < 500; i++)
        put_dead(slots[i], NULL);
    return NULL;
}

Test(slab, slots_put_by_another_thread_come_back_each_once)
{
    void *slots[500], *again[500];
    for (int i = 0; i < 500; i++)
        slots[i] = get_live((size_t)(i % 7) * 100 + 1);
    uint64_t blocks = alloc.live_blocks;
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, put_all, slots), 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < 500; i++) {
        again[i] = get_live((size_t)(i % 7) * 100 + 1);
        *liveness(again[i]) = 1;
        for (int j = 0; j < i; j++)
            cr_assert_neq(again[i], again[j], "SL1");
    }
    cr_assert_eq(alloc.live_blocks, blocks);
    put_all(again);
}

struct found {
    void *slots[600];
    unsigned count;
};

static void note(void *slot, void *arg)
{
    struct found *found = arg;
    cr_assert_lt(found->count, 600u);
    found->slots[found->count++] = slot;
}

static bool has(const struct found *found, const void *slot)
{
    for (unsigned i = 0; i < found->count; i++)
        if (found->slots[i] == slot)
            return true;
    return false;
}

Test(slab, a_walk_sees_exactly_the_live_ones)
{
    static void *live[500];
    struct rng rng = { 5 };
    unsigned count = 0;
    for (int step = 0; step < 20000; step++) {
        if (count < 500 && (count == 0 || rng_below(&rng, 2))) {
            live[count++] = get_live(rng_below(&rng, 100) ? rng_below(&rng, 9000) : 20000);
        } else {
            uint32_t at = rng_below(&rng, count);
            put_dead(live[at], rng_below(&rng, 2) ? owner : NULL);
            live[at] = live[--count];
        }
        if (step % 997 != 0)
            continue;
        struct found found = { .count = 0 };
        slab_walk(&slab, note, &found);
        cr_assert_eq(found.count, count);
        for (unsigned i = 0; i < count; i++)
            cr_assert(has(&found, live[i]));
    }
}

Test(slab, a_walk_over_nothing_calls_nobody)
{
    struct found found = { .count = 0 };
    slab_walk(&slab, note, &found);
    cr_assert_eq(found.count, 0u);
}

Test(slab, a_slot_knows_its_slab)
{
    struct slab other = { .alloc = NULL };
    slab_init(&other, &alloc, &other, LIVENESS);
    void *mine = get_live(10), *its = slab_get(&other, 10);
    cr_assert_eq(slab_of(mine), &slab);
    cr_assert_eq(slab_of(its), &other);
    slab_put(its, &other);
    put_dead(mine, owner);
    slab_fini(&other);
}

Test(slab, a_slot_goes_back_to_its_own_slab_whoever_puts_it)
{
    struct slab other = { .alloc = NULL };
    slab_init(&other, &alloc, &other, LIVENESS);
    void *its = slab_get(&other, 128);
    slab_put(its, owner);
    cr_assert_neq(slab_get(&slab, 128), its);
    cr_assert_eq(slab_get(&other, 128), its);
    slab_fini(&other);
}

static void init_with(void *offset)
{
    slab_init(&slab, &alloc, owner, *(uint32_t *)offset);
}

Test(slab, a_liveness_word_under_the_link_or_out_of_reach_is_a_bug)
{
    uint32_t under = 4, beyond = 64;
    cr_assert_eq(last_words_of(init_with, &under).signal, SIGABRT);
    cr_assert_eq(last_words_of(init_with, &beyond).signal, SIGABRT);
}
