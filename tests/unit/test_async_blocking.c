/* test_async_blocking.c - ten thousand blocking jobs, cancelled at random, on every runtime. */
#include "tests/support/blocking_jobs.h"

#include <criterion/criterion.h>

TestSuite(async_blocking, .timeout = 120);

Test(async_blocking, ten_thousand_jobs_with_random_cancels_resolve_once)
{
    static const uint32_t workers[] = { 0, 1, 2, 4 };
    for (uint32_t run = 0; run < 4; run++)
        cr_assert(jobs_run(run, workers[run], 0), "%u workers", workers[run]);
}

Test(async_blocking, and_so_they_do_with_threads_that_come_and_go)
{
    cr_assert(jobs_run(0, 2, 1));
}
