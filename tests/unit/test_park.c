/* test_park.c - the word of three states: P4 and P5. */
#include "runtime/sched/park.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

static struct park park;

Test(park, a_worker_that_nobody_notified_may_sleep)
{
    cr_assert(park_begin(&park));
    park_end(&park);
    cr_assert(park_begin(&park));
    park_end(&park);
}

Test(park, a_notification_before_the_sleep_prevents_it_once)
{
    cr_assert_not(park_notify(&park), "it is awake: no kick");
    cr_assert_not(park_begin(&park), "P4");
    cr_assert(park_begin(&park));
    park_end(&park);
}

Test(park, a_sleeper_is_kicked_once)
{
    cr_assert(park_begin(&park));
    cr_assert(park_notify(&park));
    cr_assert_not(park_notify(&park));
    cr_assert_not(park_notify(&park));
    park_end(&park);
    cr_assert(park_begin(&park), "taken with the end of the sleep");
    park_end(&park);
}

Test(park, many_notifications_count_as_one)
{
    for (int i = 0; i < 5; i++)
        cr_assert_not(park_notify(&park));
    cr_assert_not(park_begin(&park));
    cr_assert(park_begin(&park));
    park_end(&park);
}

Test(park, a_notification_after_the_sleep_counts_for_the_next)
{
    cr_assert(park_begin(&park));
    park_end(&park);
    cr_assert_not(park_notify(&park));
    cr_assert_not(park_begin(&park));
}

enum { ROUNDS = 20000 };

static uint32_t work, kicked;

static void *produce(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        __atomic_fetch_add(&work, 1, __ATOMIC_SEQ_CST);
        if (park_notify(&park))
            __atomic_store_n(&kicked, 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

/* The driver's wait is a look at a flag: if a kick were lost, this would never end. */
Test(park, no_notification_is_lost_between_two_threads, .timeout = 60)
{
    pthread_t thread;
    uint32_t seen = 0;
    cr_assert_eq(pthread_create(&thread, NULL, produce, NULL), 0);
    while (seen < ROUNDS) {
        seen = __atomic_load_n(&work, __ATOMIC_SEQ_CST);
        if (seen == ROUNDS || !park_begin(&park))
            continue;
        while (!__atomic_exchange_n(&kicked, 0, __ATOMIC_ACQUIRE))
            sched_yield();
        park_end(&park);
    }
    pthread_join(thread, NULL);
    cr_assert_eq(work, (uint32_t)ROUNDS);
}
