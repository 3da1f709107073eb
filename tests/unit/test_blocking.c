/* test_blocking.c - the pool alone, without tasks: who runs a job, who waits, who leaves. */
#include "tests/support/blocking_world.h"

#include "maru/err.h"

#include "runtime/base/check.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(blocking, .timeout = 60);

static struct blocking *pool_with(uint32_t threads, uint32_t queue, int64_t keep_alive_ns)
{
    struct blocking_options options = {
        .threads = threads, .queue = queue, .keep_alive_ns = keep_alive_ns
    };
    struct blocking *pool = NULL;
    cr_assert_eq(blocking_new(&options, &pool), 0);
    return pool;
}

static maru_result count(void *counter)
{
    atomic_add_sc((uint32_t *)counter, 1u);
    return 0;
}

static int hand_in(struct blocking *pool, maru_blocking_fn *fn, void *arg)
{
    return blocking_abandon(pool, fn, arg, 0);
}

/* ---- threads ---- */

Test(blocking, a_pool_makes_no_thread_until_it_is_asked)
{
    struct blocking *pool = pool_with(4, 4, NAP_FOR_EVER);
    cr_assert_eq(counts_of(pool).threads, 0);
    blocking_free(pool);
    blocking_free(NULL);
}

Test(blocking, the_maximum_of_threads_is_respected_and_a_queued_job_still_runs)
{
    /* conformance 16 */
    struct blocking *pool = pool_with(2, 100, NAP_FOR_EVER);
    struct gate gate = { 0 };
    for (int i = 0; i < 7; i++)
        cr_assert_eq(hand_in(pool, gate_pass, &gate), 0);
    gate_await(&gate, 2);
    cr_assert_eq(counts_of(pool).threads, 2);
    cr_assert_eq(counts_of(pool).queued, 5);
    cr_assert_eq(counts_of(pool).idle, 0);
    gate_open(&gate);
    EVENTUALLY(atomic_load_sc(&gate.passed) == 7);
    EVENTUALLY(counts_of(pool).idle == 2);
    cr_assert_eq(counts_of(pool).threads, 2);
    blocking_free(pool);
}

Test(blocking, an_idle_thread_is_used_again)
{
    struct blocking *pool = pool_with(100, 100, NAP_FOR_EVER);
    uint32_t ran = 0;
    for (uint32_t i = 1; i <= 200; i++) {
        cr_assert_eq(hand_in(pool, count, &ran), 0);
        EVENTUALLY(atomic_load_sc(&ran) == i && counts_of(pool).idle == 1);
    }
    cr_assert_eq(counts_of(pool).threads, 1);
    blocking_free(pool);
}

Test(blocking, a_thread_without_work_leaves_in_the_end)
{
    struct blocking *pool = pool_with(3, 100, 1000000);
    uint32_t ran = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++)
            cr_assert_eq(hand_in(pool, count, &ran), 0);
        EVENTUALLY(counts_of(pool).threads == 0);
    }
    cr_assert_eq(atomic_load_sc(&ran), 9);
    blocking_free(pool);
}

Test(blocking, threads_that_come_and_go_lose_no_job)
{
    struct blocking *pool = pool_with(2, 1 << 20, 0);
    uint32_t ran = 0;
    for (int i = 0; i < 3000; i++)
        cr_assert_eq(hand_in(pool, count, &ran), 0);
    EVENTUALLY(atomic_load_sc(&ran) == 3000);
    blocking_free(pool);
}

/* ---- what cannot be had ---- */

enum { HUGE_STACK_SHIFT = 46 };         /* more than there are addresses for */

Test(blocking, without_any_thread_a_job_is_refused)
{
    struct blocking *pool = pool_with(2, 4, NAP_FOR_EVER);
    uint32_t ran = 0;
    pool->options.stack_bytes = (size_t)1 << HUGE_STACK_SHIFT;
    uint64_t blocks = pool->alloc.live_blocks;
    cr_assert_eq(hand_in(pool, count, &ran), -EAGAIN);
    cr_assert_eq(pool->alloc.live_blocks, blocks);
    cr_assert_eq(counts_of(pool).threads, 0);
    pool->options.stack_bytes = 0;
    cr_assert_eq(hand_in(pool, count, &ran), 0);
    EVENTUALLY(atomic_load_sc(&ran) == 1);
    blocking_free(pool);
}

Test(blocking, a_job_is_not_orphaned_if_its_thread_cannot_be_made)
{
    /* conformance 16 */
    struct blocking *pool = pool_with(2, 4, NAP_FOR_EVER);
    struct gate gate = { 0 };
    uint32_t ran = 0;
    cr_assert_eq(hand_in(pool, gate_pass, &gate), 0);
    gate_await(&gate, 1);
    pool->options.stack_bytes = (size_t)1 << HUGE_STACK_SHIFT;
    cr_assert_eq(hand_in(pool, count, &ran), 0);
    cr_assert_eq(counts_of(pool).threads, 1);
    cr_assert_eq(counts_of(pool).queued, 1);
    gate_open(&gate);
    EVENTUALLY(atomic_load_sc(&ran) == 1);
    blocking_free(pool);
}

Test(blocking, a_full_queue_refuses_who_must_not_wait)
{
    struct blocking *pool = pool_with(1, 2, NAP_FOR_EVER);
    struct gate gate = { 0 };
    for (int i = 0; i < 3; i++)
        cr_assert_eq(hand_in(pool, gate_pass, &gate), 0);
    cr_assert_eq(hand_in(pool, gate_pass, &gate), -EAGAIN);
    cr_assert_eq(counts_of(pool).queued, 2);
    gate_open(&gate);
    EVENTUALLY(counts_of(pool).idle == 1);
    cr_assert_eq(hand_in(pool, gate_pass, &gate), 0);
    EVENTUALLY(atomic_load_sc(&gate.passed) == 4);
    blocking_free(pool);
}

Test(blocking, bad_arguments_and_no_memory_are_refused)
{
    struct blocking *pool = pool_with(1, 2, NAP_FOR_EVER);
    uint32_t ran = 0;
    cr_assert_eq(blocking_abandon(pool, NULL, &ran, sizeof ran), -EINVAL);
    cr_assert_eq(blocking_abandon(pool, count, NULL, 1), -EINVAL);
    cr_assert_eq(blocking_abandon(pool, count, &ran, SIZE_MAX), -ENOMEM);
    cr_assert_eq(blocking_abandon(pool, count, &ran, PTRDIFF_MAX), -ENOMEM);
    pool->alloc.fail_at = 1;
    cr_assert_eq(blocking_abandon(pool, count, &ran, sizeof ran), -ENOMEM);
    cr_assert_eq(counts_of(pool).threads, 0);
    cr_assert_eq(ran, 0);
    blocking_free(pool);
}

Test(blocking, no_memory_for_a_pool_is_told)
{
    struct blocking *pool = pool_with(1, 1, 0);
    struct blocking_counts counts = counts_of(pool);
    cr_assert_eq(counts.bytes, sizeof(struct blocking));
    blocking_free(pool);
}

/* ---- arguments ---- */

struct message {
    uint32_t *told;
    char text[100];
};

static maru_result read_message(void *arg)
{
    struct message *message = arg;
    CHECK((uintptr_t)message % _Alignof(max_align_t) == 0);
    CHECK(strcmp(message->text, "as it was") == 0);
    atomic_add_sc(message->told, 1u);
    return 0;
}

Test(blocking, the_argument_of_an_abandoned_job_is_a_copy)
{
    struct blocking *pool = pool_with(1, 10, NAP_FOR_EVER);
    struct gate gate = { 0 };
    uint32_t told = 0;
    cr_assert_eq(hand_in(pool, gate_pass, &gate), 0);
    struct message message = { &told, "as it was" };
    cr_assert_eq(blocking_abandon(pool, read_message, &message, sizeof message), 0);
    memset(&message, 0, sizeof message);
    gate_open(&gate);
    EVENTUALLY(atomic_load_sc(&told) == 1);
    EVENTUALLY(counts_of(pool).bytes == sizeof(struct blocking));
    blocking_free(pool);
}

/* ---- the end ---- */

static struct gate late;                /* outlives the test's frame, as an abandoned job does */
static uint32_t queued_ran;

Test(blocking, the_end_waits_for_no_abandoned_job_and_what_was_queued_runs_after_it)
{
    /* conformance 11, 17: an abandoned job is a mandatory one */
    struct blocking *pool = pool_with(1, 10, NAP_FOR_EVER);
    cr_assert_eq(hand_in(pool, gate_pass, &late), 0);
    gate_await(&late, 1);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(hand_in(pool, count, &queued_ran), 0);
    blocking_free(pool);                /* hangs, if it waited */
    cr_assert_eq(atomic_load_sc(&late.passed), 0);
    gate_open(&late);
    EVENTUALLY(atomic_load_sc(&queued_ran) == 5);
}

Test(blocking, the_end_with_threads_in_every_state_leaves_nothing)
{
    for (int round = 0; round < 200; round++) {
        struct blocking *pool = pool_with(4, 100, round % 2 ? 0 : NAP_FOR_EVER);
        uint32_t ran = 0;
        for (int i = 0; i < 8; i++)
            cr_assert_eq(hand_in(pool, count, &ran), 0);
        if (round % 4 < 2)
            EVENTUALLY(pool_rests(pool));
        EVENTUALLY(atomic_load_sc(&ran) == 8);
        blocking_free(pool);
    }
}

static maru_result am_i_here(void *arg)
{
    void **pools = arg;
    bool here = blocking_is_here(pools[0]) && !blocking_is_here(pools[1]);
    atomic_add_sc((uint32_t *)pools[2], here ? 1u : 100u);
    return 0;
}

Test(blocking, a_thread_knows_its_pool)
{
    uint32_t told = 0;
    void *pools[] = { pool_with(1, 1, NAP_FOR_EVER), pool_with(1, 1, NAP_FOR_EVER), &told };
    cr_assert_not(blocking_is_here(NULL));
    cr_assert_not(blocking_is_here(pools[0]));
    cr_assert_eq(blocking_abandon(pools[0], am_i_here, pools, sizeof pools), 0);
    EVENTUALLY(atomic_load_sc(&told) > 0);
    cr_assert_eq(told, 1);
    blocking_free(pools[0]);
    blocking_free(pools[1]);
}
