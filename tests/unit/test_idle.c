/* test_idle.c - who sleeps and who searches, in one thread: P1, P3 and P6 as far as one thread can
 * see them. Their races are searched by model_idle. */
#include "runtime/sched/idle.h"

#include "runtime/base/rng.h"
#include "tests/support/last_words.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct idle idle;

static void sleep_all(uint32_t workers)
{
    idle_init(&idle, workers);
    for (uint32_t id = 0; id < workers; id++)
        idle_sleep_begin(&idle, id);
}

Test(idle, at_first_nobody_sleeps_searches_or_watches)
{
    idle_init(&idle, 4);
    cr_assert_not(idle_any_asleep(&idle));
    cr_assert_eq(idle_wake_one(&idle), -1);
    cr_assert_eq(idle.searchers, 0u);
    cr_assert_not(idle_is_watched(&idle));
}

static void init_with(void *workers)
{
    idle_init(&idle, *(uint32_t *)workers);
}

Test(idle, no_workers_or_too_many_are_a_bug)
{
    uint32_t none = 0, many = WORKERS_MAX + 1, most = WORKERS_MAX;
    cr_assert_eq(last_words_of(init_with, &none).signal, SIGABRT);
    cr_assert_eq(last_words_of(init_with, &many).signal, SIGABRT);
    cr_assert_eq(last_words_of(init_with, &most).signal, 0);
}

Test(idle, a_sleeper_is_woken_once_and_counted_as_a_searcher)
{
    idle_init(&idle, 4);
    idle_sleep_begin(&idle, 2);
    cr_assert(idle_any_asleep(&idle));
    cr_assert_eq(idle_wake_one(&idle), 2);
    cr_assert_eq(idle.searchers, 1u, "P6");
    cr_assert_not(idle_any_asleep(&idle));
    cr_assert(idle_sleep_end(&idle, 2), "so it is told that it searches");
}

Test(idle, a_sleeper_that_wakes_by_itself_is_no_searcher)
{
    idle_init(&idle, 4);
    idle_sleep_begin(&idle, 3);
    cr_assert_not(idle_sleep_end(&idle, 3));
    cr_assert_not(idle_any_asleep(&idle));
    cr_assert_eq(idle.searchers, 0u);
}

Test(idle, while_somebody_searches_nobody_is_woken)
{
    sleep_all(4);
    cr_assert_eq(idle_wake_one(&idle), 0);
    for (int burst = 0; burst < 10; burst++)
        cr_assert_eq(idle_wake_one(&idle), -1, "P6: a burst kicks one worker");
    cr_assert(idle_search_end(&idle));
    cr_assert_eq(idle_wake_one(&idle), 1);
}

Test(idle, when_nobody_sleeps_no_token_is_left_behind)
{
    idle_init(&idle, 4);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(idle_wake_one(&idle), -1);
    cr_assert_eq(idle.searchers, 0u);
}

Test(idle, every_worker_of_the_largest_runtime_can_be_woken)
{
    sleep_all(WORKERS_MAX);
    for (uint32_t id = 0; id < WORKERS_MAX; id++) {
        cr_assert_eq(idle_wake_one(&idle), (int)id);
        cr_assert(idle_search_end(&idle));
    }
    cr_assert_eq(idle_wake_one(&idle), -1);
}

Test(idle, bits_beyond_the_first_word_are_looked_at)
{
    idle_init(&idle, 130);
    idle_sleep_begin(&idle, 129);
    cr_assert(idle_any_asleep(&idle));
    cr_assert_eq(idle_wake_one(&idle), 129);
}

Test(idle, at_most_half_of_the_workers_search_rounded_up)
{
    for (uint32_t workers = 1; workers <= 9; workers++) {
        uint32_t searching = 0;
        idle_init(&idle, workers);
        while (idle_search_begin(&idle))
            searching++;
        cr_assert_eq(searching, (workers + 1) / 2, "of %u", workers);
        cr_assert_not(idle_search_begin(&idle));
        for (uint32_t i = 1; i < searching; i++)
            cr_assert_not(idle_search_end(&idle));
        cr_assert(idle_search_end(&idle), "P3: the last one is told");
        cr_assert(idle_search_begin(&idle));
    }
}

static void end_too_often(void *unused)
{
    (void)unused;
    idle_init(&idle, 2);
    (void)!idle_search_end(&idle);
}

static void sleep_twice(void *unused)
{
    (void)unused;
    idle_init(&idle, 2);
    idle_sleep_begin(&idle, 1);
    idle_sleep_begin(&idle, 1);
}

Test(idle, missteps_are_bugs)
{
    cr_assert_eq(last_words_of(end_too_often, NULL).signal, SIGABRT);
#ifndef NDEBUG
    cr_assert_eq(last_words_of(sleep_twice, NULL).signal, SIGABRT);
#else
    (void)sleep_twice;
#endif
}

Test(idle, one_worker_watches_at_a_time)
{
    idle_init(&idle, 3);
    cr_assert(idle_watch_begin(&idle, 0));
    cr_assert(idle_is_watched(&idle));
    cr_assert_not(idle_watch_begin(&idle, 1));
    idle_watch_end(&idle);
    cr_assert_not(idle_is_watched(&idle));
    cr_assert(idle_watch_begin(&idle, 2));
}

/* Random sleeps, wakes and searches against plain sets. */
Test(idle, random_sequences_agree_with_plain_sets)
{
    enum { WORKERS = 100 };
    for (uint32_t seed = 1; seed <= 20; seed++) {
        bool asleep[WORKERS] = { false };
        uint32_t sleepers = 0, searchers = 0;
        struct rng rng = { seed };
        idle_init(&idle, WORKERS);
        for (int step = 0; step < 5000; step++) {
            uint32_t id = rng_below(&rng, WORKERS), dice = rng_below(&rng, 4);
            if (dice == 0 && !asleep[id]) {
                idle_sleep_begin(&idle, id);
                asleep[id] = true;
                sleepers++;
            } else if (dice == 1 && asleep[id]) {
                cr_assert_not(idle_sleep_end(&idle, id));
                asleep[id] = false;
                sleepers--;
            } else if (dice == 2 && searchers > 0) {
                cr_assert_eq(idle_search_end(&idle), --searchers == 0);
            } else {
                int woken = idle_wake_one(&idle);
                cr_assert_eq(woken >= 0, searchers == 0 && sleepers > 0);
                if (woken >= 0) {
                    cr_assert(asleep[woken]);
                    asleep[woken] = false;
                    sleepers--;
                    searchers++;
                }
            }
            cr_assert_eq(idle_any_asleep(&idle), sleepers > 0);
        }
    }
}
