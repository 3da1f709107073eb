/* test_wheel.c - the timer wheel against a plain table: W1, W2, W5, W6 and W7, at the edges of
 * levels, with long ticks and exact ones, and over random lives. */
#include "timer/wheel.h"

#include "runtime/base/list.h"
#include "runtime/base/rng.h"

#include <criterion/criterion.h>

#define TICK (INT64_C(1) << TICK_SHIFT)

struct entry {
    maru_link link;
    uint64_t tick;               /* as it was asked for */
    uint64_t due;                /* W6: not before the hand it was inserted at */
    uint64_t number;             /* of its insertion */
    bool in;
};

static struct wheel wheel;

static void begin(void)
{
    wheel_init(&wheel, 0);
}

TestSuite(wheel, .init = begin);

static uint64_t tick_of(const struct wheel *unused, const maru_link *link)
{
    (void)unused;
    return container_of(link, const struct entry, link)->tick;
}

static void insert(struct entry *entry, uint64_t tick)
{
    static uint64_t number;
    entry->tick = tick;
    entry->due = tick < wheel.hand ? wheel.hand : tick;
    entry->number = number++;
    entry->in = true;
    wheel_insert(&wheel, &entry->link, tick);
}

static struct entry *pop(uint64_t tick)
{
    maru_link *link = wheel_pop(&wheel, tick, tick_of);
    if (!link)
        return NULL;
    struct entry *entry = container_of(link, struct entry, link);
    cr_assert(entry->in, "W2");
    cr_assert_not(list_is_linked(link));
    cr_assert_leq(entry->due, tick, "W1");
    entry->in = false;
    return entry;
}

/* ---- ticks ---- */

Test(wheel, a_deadline_is_rounded_up_and_now_is_rounded_down)
{
    cr_assert_eq(wheel_tick_after(&wheel, 0), 0u);
    cr_assert_eq(wheel_tick_after(&wheel, 1), 1u);
    cr_assert_eq(wheel_tick_after(&wheel, TICK - 1), 1u);
    cr_assert_eq(wheel_tick_after(&wheel, TICK), 1u);
    cr_assert_eq(wheel_tick_after(&wheel, TICK + 1), 2u);
    cr_assert_eq(wheel_tick_of(&wheel, 0), 0u);
    cr_assert_eq(wheel_tick_of(&wheel, TICK - 1), 0u);
    cr_assert_eq(wheel_tick_of(&wheel, TICK), 1u);
}

Test(wheel, no_moment_is_before_its_deadline_s_tick_is_over)
{
    struct rng rng = { 3 };
    for (int i = 0; i < 100000; i++) {
        int64_t deadline = (int64_t)(rng_next(&rng) >> (1 + rng_below(&rng, 62)));
        int64_t now = deadline - (int64_t)rng_below(&rng, (uint32_t)(3 * TICK));
        if (now >= 0 && wheel_tick_after(&wheel, deadline) <= wheel_tick_of(&wheel, now))
            cr_assert_geq(now, deadline, "W1");
    }
}

Test(wheel, the_past_is_due_now_and_the_end_of_time_has_a_tick)
{
    cr_assert_eq(wheel_tick_after(&wheel, -1), 0u);
    cr_assert_eq(wheel_tick_after(&wheel, INT64_MIN), 0u);
    cr_assert_eq(wheel_tick_after(&wheel, INT64_MAX - 1), UINT64_C(1) << (63 - TICK_SHIFT));
    cr_assert_eq(wheel_tick_after(&wheel, INT64_MAX), WHEEL_NEVER, "W7");
}

Test(wheel, an_exact_tick_is_a_nanosecond)
{
    wheel_set_shift(&wheel, TICK_SHIFT_EXACT, 12345, tick_of);
    cr_assert_eq(wheel.hand, 12345u);
    cr_assert_eq(wheel_tick_after(&wheel, 12346), 12346u);
    cr_assert_eq(wheel_tick_of(&wheel, 12346), 12346u);
    cr_assert_eq(wheel_tick_of(&wheel, -1), 0u);
    cr_assert_eq(wheel_tick_after(&wheel, INT64_MAX - 1), (uint64_t)INT64_MAX - 1);
    cr_assert_eq(wheel_tick_after(&wheel, INT64_MAX), WHEEL_NEVER, "W7");
}

/* ---- one timer ---- */

Test(wheel, an_empty_one_gives_nothing_and_its_hand_moves)
{
    cr_assert_eq(wheel_next_tick(&wheel), WHEEL_NEVER);
    cr_assert_null(pop(1000));
    cr_assert_eq(wheel.hand, 1000u);
    cr_assert_eq(wheel_next_tick(&wheel), WHEEL_NEVER);
}

static void check_one(uint64_t hand, uint64_t tick)
{
    struct entry entry = { .tick = 0 };
    wheel_init(&wheel, (int64_t)(hand << TICK_SHIFT));
    insert(&entry, tick);
    cr_assert_eq(wheel.count, 1u);
    cr_assert_leq(wheel_next_tick(&wheel), tick);
    if (tick > hand) {
        cr_assert_null(pop(tick - 1), "hand %llu, tick %llu: early", (unsigned long long)hand,
                       (unsigned long long)tick);
        cr_assert_leq(wheel_next_tick(&wheel), tick);
    }
    cr_assert_eq(pop(tick), &entry);
    cr_assert_null(pop(tick));
    cr_assert_eq(wheel.count, 0u);
    cr_assert_eq(wheel.hand, tick);
}

Test(wheel, at_the_edges_of_every_level_it_is_neither_early_nor_late)
{
    for (unsigned level = 0; level < WHEEL_LEVELS - 2; level++) {  /* 57 bits, and 7 spans */
        uint64_t span = UINT64_C(1) << (6 * (level + 1));
        for (uint64_t off = 0; off < 3; off++) {
            check_one(0, span - 1 + off);
            check_one(span - 1, span - 1 + off);
            check_one(span - 1, 2 * span - 1 + off);
            check_one(5 * span + 17, 5 * span + 17 + off);
            check_one(3 * span - 2, 7 * span + off);
        }
    }
    check_one(63, 64);
    check_one(4095, 4096);
    check_one(0, 262143);
}

Test(wheel, the_end_of_time_can_be_waited_for)
{
    uint64_t last = wheel_tick_after(&wheel, INT64_MAX - 1);
    struct entry entry = { .tick = 0 };
    insert(&entry, last);
    for (uint64_t tick = 1; tick < last; tick = tick * 2 + 1)
        cr_assert_null(pop(tick));
    cr_assert_eq(pop(last), &entry);
}

/* conformance 29 */
Test(wheel, what_never_comes_is_in_no_slot_and_tells_of_nothing_to_do)
{
    struct entry never[2], entry;
    insert(&never[0], WHEEL_NEVER);
    cr_assert_eq(wheel_next_tick(&wheel), WHEEL_NEVER);
    cr_assert_eq(wheel_first_tick(&wheel, tick_of), WHEEL_NEVER);
    insert(&never[1], WHEEL_NEVER);
    insert(&entry, 5);
    cr_assert_eq(wheel.count, 3u);
    cr_assert_eq(wheel_first_tick(&wheel, tick_of), 5u);
    cr_assert_eq(pop(UINT64_MAX - 1), &entry);
    cr_assert_null(pop(UINT64_MAX - 1), "W7");
    wheel_set_shift(&wheel, TICK_SHIFT_EXACT, 77, tick_of);
    cr_assert_eq(wheel.count, 2u);
    wheel_remove(&wheel, &never[0].link);
    wheel_remove(&wheel, &never[1].link);
    cr_assert_eq(wheel.count, 0u);
    cr_assert_eq(wheel_next_tick(&wheel), WHEEL_NEVER);
}

Test(wheel, a_timer_of_the_past_is_due_in_the_hand_s_own_slot)
{
    struct entry entry = { .tick = 0 };
    cr_assert_null(pop(5000));
    insert(&entry, 12);
    cr_assert_eq(wheel_next_tick(&wheel), 5000u);
    cr_assert_eq(pop(5000), &entry, "W6");
}

Test(wheel, a_removed_timer_never_comes)
{
    static const uint64_t ticks[] = { 0, 1, 63, 64, 4095, 4096, 1000000 };
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++) {
        struct entry entry = { .tick = 0 };
        begin();
        insert(&entry, ticks[i]);
        wheel_remove(&wheel, &entry.link);
        cr_assert_eq(wheel.count, 0u);
        cr_assert_eq(wheel_next_tick(&wheel), WHEEL_NEVER);
        for (unsigned level = 0; level < WHEEL_LEVELS; level++)
            cr_assert_eq(wheel.occupied[level], 0u);
        cr_assert_null(pop(2000000));
    }
}

Test(wheel, a_removed_timer_may_be_inserted_again)
{
    struct entry entry = { .tick = 0 };
    insert(&entry, 100);
    wheel_remove(&wheel, &entry.link);
    insert(&entry, 50);
    cr_assert_eq(pop(50), &entry);
}

/* ---- several ---- */

Test(wheel, timers_of_one_tick_come_in_the_order_of_their_insertion)
{
    static const uint64_t ticks[] = { 3, 64, 70, 4096, 5000, 300000 };
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++) {
        struct entry entries[20];
        begin();
        for (int n = 0; n < 10; n++)
            insert(&entries[n], ticks[i]);
        cr_assert_null(pop(ticks[i] - 1));
        for (int n = 10; n < 20; n++)
            insert(&entries[n], ticks[i]);
        for (int n = 0; n < 20; n++)
            cr_assert_eq(pop(ticks[i] + 9), &entries[n], "W5");
    }
}

Test(wheel, removing_one_leaves_its_neighbours)
{
    for (int gone = 0; gone < 3; gone++) {
        struct entry entries[3];
        begin();
        for (int n = 0; n < 3; n++)
            insert(&entries[n], 500);
        wheel_remove(&wheel, &entries[gone].link);
        for (int n = 0; n < 3; n++)
            if (n != gone)
                cr_assert_eq(pop(500), &entries[n]);
        cr_assert_null(pop(500));
    }
}

Test(wheel, earlier_ticks_come_first_whatever_their_level)
{
    static const uint64_t ticks[] = { 400000, 5, 70, 64, 5000, 63, 4096, 4095, 0 };
    struct entry entries[9];
    for (int n = 0; n < 9; n++)
        insert(&entries[n], ticks[n]);
    uint64_t before = 0;
    for (int n = 0; n < 9; n++) {
        struct entry *entry = pop(1000000);
        cr_assert_not_null(entry);
        cr_assert_geq(entry->tick, before);
        before = entry->tick;
    }
}

Test(wheel, the_next_tick_is_never_later_than_the_first_timer)
{
    struct entry entries[4];
    insert(&entries[0], 10000);
    cr_assert_leq(wheel_next_tick(&wheel), 10000u);
    insert(&entries[1], 70);
    cr_assert_leq(wheel_next_tick(&wheel), 70u);
    cr_assert_eq(pop(70), &entries[1]);
    cr_assert_null(pop(70));
    cr_assert_leq(wheel_next_tick(&wheel), 10000u);
    cr_assert_gt(wheel_next_tick(&wheel), 70u);
}

/* ---- against a table ---- */

enum { ENTRIES = 400 };

static struct entry table[ENTRIES];

static struct entry *expected_at(uint64_t tick)
{
    struct entry *first = NULL;
    for (int i = 0; i < ENTRIES; i++) {
        struct entry *entry = &table[i];
        if (!entry->in || entry->due > tick)
            continue;
        if (!first || entry->due < first->due ||
            (entry->due == first->due && entry->number < first->number))
            first = entry;
    }
    return first;
}

static uint64_t first_due(void)
{
    uint64_t first = WHEEL_NEVER;
    for (int i = 0; i < ENTRIES; i++)
        if (table[i].in && table[i].due < first)
            first = table[i].due;
    return first;
}

/* A timer of the past is in the hand's own slot: the first tick is the hand's. */
static void check_first_tick(void)
{
    uint64_t due = first_due(), first = wheel_first_tick(&wheel, tick_of);
    cr_assert_eq(first, due < wheel.hand ? wheel.hand : due);
}

static uint64_t random_distance(struct rng *rng)
{
    return rng_next(rng) >> (40 + rng_below(rng, 24));
}

static void live_a_life(uint32_t seed)
{
    struct rng rng = { seed };
    uint64_t now = rng_next(&rng) >> (24 + rng_below(&rng, 30));
    wheel_init(&wheel, (int64_t)(now << TICK_SHIFT));
    if (seed % 2)
        wheel_set_shift(&wheel, TICK_SHIFT_EXACT, (int64_t)now, tick_of);
    for (int i = 0; i < ENTRIES; i++)
        table[i].in = false;
    for (int step = 0; step < 4000; step++) {
        struct entry *entry = &table[rng_below(&rng, ENTRIES)];
        uint32_t dice = rng_below(&rng, 8);
        if (dice < 5 && !entry->in) {
            uint64_t back = rng_below(&rng, 10) ? 0 : rng_below(&rng, 100);
            insert(entry, now + random_distance(&rng) - (back < now ? back : 0));
        } else if (dice < 6 && entry->in) {
            wheel_remove(&wheel, &entry->link);
            entry->in = false;
        } else {
            now += random_distance(&rng) >> rng_below(&rng, 12);
            for (unsigned most = rng_below(&rng, 3) ? UINT32_MAX : rng_below(&rng, 5); most > 0;
                 most--) {
                struct entry *expected = expected_at(now), *got = pop(now);
                cr_assert_eq(got, expected, "seed %u, step %d", seed, step);
                if (!got)
                    break;
            }
        }
        cr_assert_leq(wheel_next_tick(&wheel), first_due());
        check_first_tick();
        cr_assert_leq(wheel.hand, now);
        cr_assert_leq(wheel.hand, first_due(), "no timer is passed");
    }
}

Test(wheel, random_lives_agree_with_a_plain_table)
{
    for (uint32_t seed = 1; seed <= 40; seed++)
        live_a_life(seed);
}

/* ---- another tick ---- */

Test(wheel, with_another_tick_timers_keep_their_order)
{
    enum { COUNT = 200 };
    static struct entry entries[COUNT];
    struct rng rng = { 9 };
    for (int n = 0; n < COUNT; n++)
        insert(&entries[n], 1000 + rng_below(&rng, 3) * 5000);
    wheel_set_shift(&wheel, TICK_SHIFT_EXACT, 900, tick_of);
    cr_assert_eq(wheel.count, (uint64_t)COUNT);
    cr_assert_eq(wheel.hand, 900u);
    cr_assert_eq(wheel_next_tick(&wheel), 1000u);
    uint64_t tick = 0, number = 0;
    for (int n = 0; n < COUNT; n++) {
        struct entry *entry = pop(1000000);
        cr_assert_not_null(entry);
        cr_assert_geq(entry->tick, tick);
        if (entry->tick == tick)
            cr_assert_gt(entry->number, number, "W5");
        tick = entry->tick;
        number = entry->number;
    }
    cr_assert_null(pop(1000000));
}
