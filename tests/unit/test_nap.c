/* test_nap.c - one post ends one wait, before it or during it, and time runs out. */
#include "runtime/sched/nap.h"

#include <criterion/criterion.h>
#include <pthread.h>

static struct nap nap, back;

static void begin(void)
{
    nap_init(&nap);
    nap_init(&back);
}

static void end(void)
{
    nap_fini(&nap);
    nap_fini(&back);
}

TestSuite(nap, .init = begin, .fini = end, .timeout = 20);

Test(nap, a_post_before_the_wait_ends_it_at_once)
{
    nap_post(&nap);
    cr_assert(nap_wait(&nap, NAP_FOR_EVER));
    nap_post(&nap);
    cr_assert(nap_wait(&nap, 0));
}

Test(nap, without_a_post_time_runs_out)
{
    cr_assert_not(nap_wait(&nap, 0));
    cr_assert_not(nap_wait(&nap, 1000));
}

Test(nap, each_post_ends_one_wait)
{
    nap_post(&nap);
    nap_post(&nap);
    cr_assert(nap_wait(&nap, 0));
    cr_assert(nap_wait(&nap, INT64_MAX));
    cr_assert_not(nap_wait(&nap, 0));
}

static void *answer(void *unused)
{
    for (int i = 0; i < 1000; i++) {
        (void)nap_wait(&nap, NAP_FOR_EVER);
        nap_post(&back);
    }
    return unused;
}

Test(nap, a_sleeper_is_woken)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, answer, NULL), 0);
    for (int i = 0; i < 1000; i++) {
        nap_post(&nap);
        cr_assert(nap_wait(&back, INT64_MAX));
    }
    pthread_join(thread, NULL);
}
