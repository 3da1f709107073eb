/* test_worker.c - the loop of a worker: poll, look around, spin, sleep; stepped by one thread. */
#include "tests/support/sim.h"

#include <criterion/criterion.h>

static struct sim sim;

static void begin(void)
{
    cr_assert_eq(sim_init(&sim, 2, 1, 0), 0);
}

static void end(void)
{
    sim_fini(&sim);
    cr_assert_eq(sim.alloc.live_blocks, 0u);
}

TestSuite(worker, .init = begin, .fini = end);

static void begin_with(uint32_t workers, int64_t spin_ns)
{
    end();
    cr_assert_eq(sim_init(&sim, workers, 1, spin_ns), 0);
}

struct counts {
    maru_frame frame;
    maru_pause pause;
    unsigned yields;
    unsigned *runs;
};

maru_async(counts)
{
    ++*me->runs;
    while (me->yields-- > 0) {
        maru_try(maru_yield(&me->pause));
        ++*me->runs;
    }
}
maru_end;

static void spawn(unsigned yields, unsigned *runs)
{
    maru_task *task = SIM_SPAWN(&sim, counts, .yields = yields, .runs = runs);
    cr_assert_not_null(task);
    maru_detach(task);
}

Test(worker, the_thread_that_enters_is_the_worker_until_it_leaves)
{
    struct worker *worker = sim_worker(&sim, 1);
    worker_enter(worker);
    cr_assert_eq(context_here()->local, &worker->local);
    cr_assert_eq(context_here()->worker_id, 1u);
    cr_assert_eq(worker->context, context_here());
    worker_leave(worker);
    cr_assert_null(context_here()->local);
    cr_assert_null(worker->context);
}

Test(worker, without_work_it_parks_at_once_when_it_may_not_spin)
{
    cr_assert_eq(sim_step(&sim, 0), STEP_PARK);
    cr_assert(idle_any_asleep(&sim.sched.idle));
    cr_assert_eq(sim.sched.idle.searchers, 0u);
    cr_assert_eq(sim.drivers[0].timeout_ns, DRIVER_NO_WAIT);
    sim_sleep(&sim, 0);
    cr_assert_eq(sim.drivers[0].timeout_ns, DRIVER_FOR_EVER);
    cr_assert_not(idle_any_asleep(&sim.sched.idle));
    cr_assert_eq(sim_worker(&sim, 0)->parks, 1u);
}

Test(worker, a_step_with_work_is_one_poll)
{
    unsigned runs = 0;
    spawn(2, &runs);
    for (unsigned i = 1; i <= 3; i++) {
        cr_assert_eq(sim_step(&sim, 0), STEP_RAN);
        cr_assert_eq(runs, i);
        cr_assert_eq(sim_worker(&sim, 0)->polls, (uint64_t)i);
    }
    cr_assert_eq(sim_step(&sim, 0), STEP_PARK);
}

Test(worker, it_spins_for_its_time_and_then_parks)
{
    begin_with(2, 50 * MARU_USEC);
    cr_assert_eq(sim_step(&sim, 0), STEP_IDLE);
    cr_assert_eq(sim.sched.idle.searchers, 1u);
    sim.sched.clock.virtual_ns += 49 * MARU_USEC;
    cr_assert_eq(sim_step(&sim, 0), STEP_IDLE);
    sim.sched.clock.virtual_ns += 2 * MARU_USEC;
    cr_assert_eq(sim_step(&sim, 0), STEP_PARK);
    cr_assert_eq(sim.sched.idle.searchers, 0u);
}

Test(worker, only_searchers_spin)
{
    begin_with(2, 50 * MARU_USEC);
    cr_assert_eq(sim_step(&sim, 0), STEP_IDLE);
    cr_assert_eq(sim_step(&sim, 1), STEP_PARK, "half of two is one");
}

Test(worker, short_sleeps_restore_the_whole_spin)
{
    begin_with(2, 64 * MARU_USEC);
    struct worker *worker = sim_worker(&sim, 0);
    worker->spin_ns = MARU_USEC;
    while (sim_step(&sim, 0) != STEP_PARK)
        sim.sched.clock.virtual_ns += 10 * MARU_USEC;
    sim_sleep(&sim, 0);
    cr_assert_eq(worker->spin_ns, 64 * MARU_USEC, "it took no time at all");
}

static unsigned sleep_long(void *unused)
{
    (void)unused;
    sim.sched.clock.virtual_ns += MARU_SEC;
    return 0;
}

Test(worker, after_long_sleeps_it_hardly_spins_at_all)
{
    begin_with(2, 64 * MARU_USEC);
    struct worker *worker = sim_worker(&sim, 0);
    for (int64_t expected = 32 * MARU_USEC; expected > 0; expected /= 2) {
        while (sim_step(&sim, 0) != STEP_PARK)
            sim.sched.clock.virtual_ns += 10 * MARU_USEC;
        sim.drivers[0].on_turn = sleep_long;
        sim_sleep(&sim, 0);
        sim.drivers[0].on_turn = NULL;
        cr_assert_eq(worker->spin_ns, expected);
    }
}

Test(worker, a_notification_before_the_sleep_keeps_it_awake)
{
    worker_notify(sim_worker(&sim, 0));
    cr_assert_eq(sim_step(&sim, 0), STEP_IDLE, "P4");
    cr_assert_not(idle_any_asleep(&sim.sched.idle));
    cr_assert_eq(sim_step(&sim, 0), STEP_PARK);
}

Test(worker, an_event_that_is_there_keeps_it_awake)
{
    sim.drivers[0].has_events = true;
    cr_assert_eq(sim_step(&sim, 0), STEP_IDLE);
    cr_assert_not(idle_any_asleep(&sim.sched.idle));
    sim.drivers[0].has_events = false;
    cr_assert_eq(sim_step(&sim, 0), STEP_PARK);
}

Test(worker, a_task_from_outside_wakes_one_sleeper_who_searches)
{
    unsigned runs = 0;
    cr_assert(!sim_settle(&sim));
    spawn(0, &runs);
    cr_assert_eq(sim.drivers[0].kicked + sim.drivers[1].kicked, 1u, "P6");
    cr_assert_eq(sim.sched.idle.searchers, 1u);
    cr_assert(!sim_settle(&sim));
    cr_assert_eq(runs, 1u);
    cr_assert_eq(sim.sched.idle.searchers, 0u);
}

Test(worker, a_burst_wakes_one_sleeper_and_that_one_the_next)
{
    unsigned runs = 0;
    cr_assert(!sim_settle(&sim));
    for (int i = 0; i < 100; i++)
        spawn(3, &runs);
    cr_assert_eq(sim.drivers[0].driver.kicks + sim.drivers[1].driver.kicks, 1u);
    cr_assert(!sim_settle(&sim));
    cr_assert_eq(runs, 400u);
    cr_assert_gt(sim_worker(&sim, 0)->polls, 0u);
    cr_assert_gt(sim_worker(&sim, 1)->polls, 0u);
}

Test(worker, idle_workers_steal_from_a_busy_one)
{
    unsigned runs = 0;
    for (int i = 0; i < 50; i++)
        spawn(0, &runs);
    cr_assert_eq(sim_step(&sim, 0), STEP_RAN);
    cr_assert_gt(fifo_len(&sim_worker(&sim, 0)->fifo), 10u);
    cr_assert_eq(inject_len(&sim.sched.inject), 24u);
    maru_task *batch[64];
    cr_assert_eq(inject_pop(&sim.sched.inject, batch, 64), 24u);
    cr_assert_eq(sim_step(&sim, 1), STEP_RAN);
    cr_assert_gt(sim_worker(&sim, 1)->steals, 5u);
    for (unsigned i = 0; i < 24; i++)
        cr_assert(inject_push(&sim.sched.inject, batch[i]));
    sim_settle(&sim);
    cr_assert_eq(runs, 50u);
}

/* ---- the driver and the wheel ---- */

static unsigned turns_seen;

static unsigned count_turn(void *unused)
{
    (void)unused;
    turns_seen++;
    return 0;
}

Test(worker, while_there_is_work_the_driver_has_its_turn_now_and_then)
{
    unsigned runs = 0;
    sim.drivers[0].on_turn = count_turn;
    spawn(10 * TURN_INTERVAL, &runs);
    while (sim_step(&sim, 0) == STEP_RAN)
        ;
    cr_assert_geq(turns_seen, 10u);
    cr_assert_leq(turns_seen, 14u);
}

static maru_task *to_wake[5];
static unsigned to_wake_count;

static unsigned wake_them(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < to_wake_count; i++)
        to_wake[i]->waker.ops_->wake(&to_wake[i]->waker);
    unsigned woken = to_wake_count;
    to_wake_count = 0;
    return woken;
}

struct waits {
    maru_frame frame;
};

maru_async(waits)
{
    maru_await_cancel();
}
maru_end;

static void wake_in_a_turn(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        to_wake[i] = SIM_SPAWN(&sim, waits);
        maru_detach(to_wake[i]);
    }
    sim_settle(&sim);
    sim.drivers[0].driver.kicks = sim.drivers[1].driver.kicks = 0;
    sim.drivers[0].on_turn = wake_them;
    to_wake_count = count;
    sim_sleep(&sim, 0);
}

Test(worker, one_task_of_a_turn_is_not_announced_for_it_runs_next)
{
    wake_in_a_turn(1);
    cr_assert_eq(sim.drivers[1].driver.kicks, 0u);
    cr_assert_eq(sim_step(&sim, 0), STEP_RAN);
    sim_stop(&sim);
}

Test(worker, several_tasks_of_a_turn_are_announced_once)
{
    wake_in_a_turn(5);
    cr_assert_eq(sim.drivers[1].driver.kicks, 1u);
    cr_assert_not(sim_worker(&sim, 0)->dirty);
    sim_settle(&sim);
    sim_stop(&sim);
}

struct naps {
    maru_frame frame;
    maru_sleep nap;
    int64_t ns;
    int64_t *woke_ns;
};

maru_async(naps)
{
    maru_try(maru_sleep_for(&me->nap, me->ns));
    *me->woke_ns = maru_now();
}
maru_end;

Test(worker, it_sleeps_until_its_first_timer_and_wakes_the_task)
{
    int64_t woke_ns = 0, began = sim.sched.clock.virtual_ns;
    maru_task *task = SIM_SPAWN(&sim, naps, .ns = 10 * MARU_MSEC, .woke_ns = &woke_ns);
    maru_detach(task);
    cr_assert_eq(sim_step(&sim, 0), STEP_RAN);
    cr_assert_eq(sim_step(&sim, 0), STEP_PARK);
    int64_t limit = worker_sleep_limit(sim_worker(&sim, 0));
    cr_assert_geq(limit, 10 * MARU_MSEC, "W1");
    cr_assert_leq(limit, 10 * MARU_MSEC + (1 << TICK_SHIFT));
    sim.sched.clock.virtual_ns += limit;
    sim_sleep(&sim, 0);
    cr_assert_eq(sim_step(&sim, 0), STEP_RAN);
    cr_assert_geq(woke_ns, began + 10 * MARU_MSEC);
    cr_assert_eq(sim_worker(&sim, 0)->local.timers_fired, 1u);
}

Test(worker, a_due_timer_keeps_it_awake)
{
    int64_t woke_ns = 0;
    maru_detach(SIM_SPAWN(&sim, naps, .ns = MARU_MSEC, .woke_ns = &woke_ns));
    cr_assert_eq(sim_step(&sim, 0), STEP_RAN);
    sim.sched.clock.virtual_ns += 2 * MARU_MSEC;
    cr_assert_eq(sim_step(&sim, 0), STEP_RAN);
    cr_assert_gt(woke_ns, 0);
}

Test(worker, the_last_searcher_that_finds_work_wakes_another)
{
    unsigned runs = 0;
    cr_assert(!sim_settle(&sim));
    spawn(5, &runs);
    spawn(5, &runs);
    uint32_t first = sim.drivers[0].kicked ? 0 : 1;
    sim_sleep(&sim, first);
    cr_assert(sim_worker(&sim, first)->searching, "P6");
    cr_assert_eq(sim_step(&sim, first), STEP_RAN);
    cr_assert_not(sim_worker(&sim, first)->searching);
    cr_assert(sim.drivers[1 - first].kicked, "P3");
    sim_settle(&sim);
}
