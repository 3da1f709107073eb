/* test_metrics.c - what the counters of a runtime say. */
#include "maru/metrics.h"

#include "tests/unit/runtime_world.h"

TestSuite(metrics, .timeout = 60);

Test(metrics, count_what_was_done)
{
    maru_runtime *runtime = new_runtime(2);
    maru_metrics metrics = { .size = sizeof metrics };
    for (int i = 0; i < 10; i++)
        cr_assert_eq(maru_block_on(runtime, value, .yields = 9), 0);
    cr_assert_eq(maru_metrics_read(runtime, &metrics), 0);
    cr_assert_eq(metrics.size, (uint32_t)sizeof metrics);
    cr_assert_eq(metrics.workers, 2u);
    cr_assert_geq(metrics.polls, 99u);
    cr_assert_leq(metrics.polls, 100u);
    cr_assert_gt(metrics.bytes_allocated, 0u);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(metrics, of_an_older_caller_are_not_written_beyond_their_end)
{
    maru_runtime *runtime = new_runtime(1);
    maru_metrics metrics;
    memset(&metrics, 0xaa, sizeof metrics);
    metrics.size = offsetof(maru_metrics, polls);
    cr_assert_eq(maru_metrics_read(runtime, &metrics), 0);
    cr_assert_eq(metrics.workers, 1u);
    cr_assert_eq(metrics.polls, UINT64_C(0xaaaaaaaaaaaaaaaa));
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(metrics, of_nothing_are_invalid)
{
    maru_runtime *runtime = new_runtime(1);
    maru_metrics metrics = { .size = 4 };
    cr_assert_eq(maru_metrics_read(runtime, &metrics), -EINVAL);
    cr_assert_eq(maru_metrics_read(runtime, NULL), -EINVAL);
    metrics.size = sizeof metrics;
    cr_assert_eq(maru_metrics_read(NULL, &metrics), -EINVAL);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}
