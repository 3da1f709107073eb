/* test_sched.c - making and unmaking the workers of a runtime. */
#include "tests/support/sim.h"

#include <criterion/criterion.h>

static struct sim sim;

Test(sched, workers_know_their_number_their_ops_and_each_other_s_wheels)
{
    cr_assert_eq(sim_init(&sim, 4, 77, 500), 0);
    for (uint32_t id = 0; id < 4; id++) {
        struct worker *worker = sim_worker(&sim, id);
        cr_assert_eq(worker->local.id, id);
        cr_assert_eq(worker->local.seed, 77u);
        cr_assert_eq(worker->local.ops, &sim.sched.ops);
        cr_assert_eq(worker->local.wheels, sim.sched.wheels);
        cr_assert_eq(worker->local.budget, BUDGET_DEFAULT);
        cr_assert_eq(worker->spin_ns, 500);
        cr_assert_eq(worker->sched, &sim.sched);
        cr_assert_eq((void *)&worker->local, (void *)worker, "a context's local is its worker");
    }
    sim_fini(&sim);
}

Test(sched, workers_choose_differently_and_a_seed_gives_the_same_choices)
{
    cr_assert_eq(sim_init(&sim, 2, 5, 0), 0);
    uint64_t first = rng_next(&sim_worker(&sim, 0)->local.rng);
    cr_assert_neq(first, rng_next(&sim_worker(&sim, 1)->local.rng));
    sim_fini(&sim);
    cr_assert_eq(sim_init(&sim, 2, 5, 0), 0);
    cr_assert_eq(first, rng_next(&sim_worker(&sim, 0)->local.rng));
    sim_fini(&sim);
}

Test(sched, what_is_shared_between_threads_begins_its_own_cache_line)
{
    cr_assert_eq(sim_init(&sim, 2, 5, 0), 0);
    cr_assert_eq((uintptr_t)sim.sched.workers % 64, 0u);
    cr_assert_eq((uintptr_t)&sim_worker(&sim, 1)->fifo.tail % 64, 0u);
    cr_assert_eq((uintptr_t)&sim_worker(&sim, 1)->deque.top % 64, 0u);
    sim_fini(&sim);
}

Test(sched, everything_is_given_back)
{
    for (uint32_t workers = 1; workers <= SIM_WORKERS; workers++) {
        cr_assert_eq(sim_init(&sim, workers, 1, 0), 0);
        cr_assert_gt(sim.alloc.live_blocks, 0u);
        sim_fini(&sim);
        cr_assert_eq(sim.alloc.live_blocks, 0u);
        cr_assert_eq(sim.alloc.live_bytes, 0u);
    }
}

Test(sched, every_failed_allocation_is_an_error_without_a_leak)
{
    uint64_t nth = 1;
    for (;; nth++) {
        sim.alloc.fail_at = nth;
        int rc = sim_init(&sim, 3, 1, 0);
        bool failed = rc == -ENOMEM;
        cr_assert(rc == 0 || failed);
        sim_fini(&sim);
        cr_assert_eq(sim.alloc.live_blocks, 0u, "nth %d", (int)nth);
        cr_assert_eq(sim.alloc.live_bytes, 0u);
        sim.alloc.fail_at = 0;
        if (!failed)
            break;
    }
    cr_assert_gt(nth, 5u);
}
