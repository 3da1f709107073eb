/* test_pace.c - what a worker does instead of waiting when its clock is paused: V1 to V4, on the
 * real scheduler with drivers that only count. */
#include "tests/support/sim.h"

#include <criterion/criterion.h>

static struct sim sim;

static void begin(void)
{
    cr_assert_eq(sim_init(&sim, 1, 7, 0), 0);
    sim.sched.clock.can_pause = true;
    sim.sched.clock.virtual_ns = 0;
    sched_start_paused(&sim.sched);
}

static void end(void)
{
    sim_stop(&sim);
    sim_fini(&sim);
    cr_assert_eq(sim.alloc.live_blocks, 0u);
}

TestSuite(pace, .init = begin, .fini = end, .timeout = 20);

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

static void nap(int64_t ns, int64_t *woke_ns)
{
    *woke_ns = -1;
    maru_detach(SIM_SPAWN(&sim, naps, .ns = ns, .woke_ns = woke_ns));
}

/* Steps up to the sleep, and the sleep itself, if it would not wait. */
static bool sleeps_on(void)
{
    struct worker *worker = sim_worker(&sim, 0);
    enum step step;
    worker_enter(worker);
    do
        step = worker_step(worker);
    while (step != STEP_PARK);
    bool waits = worker_sleep_limit(worker) != DRIVER_NO_WAIT;
    worker_sleep(worker);
    worker_leave(worker);
    return waits;
}

Test(pace, it_begins_at_zero)
{
    cr_assert_eq(clock_now(&sim.sched.clock), 0);
    cr_assert(sim.sched.clock.is_paused);
    cr_assert(sleeps_on(), "nothing will ever happen by itself");
    cr_assert_eq(clock_now(&sim.sched.clock), 0);
}

Test(pace, instead_of_waiting_it_jumps_to_exactly_the_first_deadline)
{
    int64_t woke_ns[3];
    nap(3600 * MARU_SEC + 1, &woke_ns[0]);
    nap(7, &woke_ns[1]);
    nap(8, &woke_ns[2]);
    for (int i = 0; i < 3; i++)
        cr_assert_not(sleeps_on());
    cr_assert(sleeps_on());
    cr_assert_eq(woke_ns[0], 3600 * MARU_SEC + 1);
    cr_assert_eq(woke_ns[1], 7);
    cr_assert_eq(woke_ns[2], 8);
}

Test(pace, it_does_not_jump_to_what_never_comes)
{
    int64_t woke_ns;
    nap(INT64_MAX, &woke_ns);
    cr_assert(sleeps_on());
    cr_assert_eq(clock_now(&sim.sched.clock), 0);
}

Test(pace, a_timer_that_is_gone_moves_nothing)
{
    int64_t woke_ns[2];
    maru_task *task = SIM_SPAWN(&sim, naps, .ns = 5 * MARU_SEC, .woke_ns = &woke_ns[0]);
    nap(INT64_MAX, &woke_ns[1]);
    while (sim_step(&sim, 0) != STEP_PARK)
        ;
    maru_cancel(task);
    maru_detach(task);
    sim_sleep(&sim, 0);
    while (!sleeps_on())
        ;
    cr_assert_eq(clock_now(&sim.sched.clock), 0);
}

static int64_t eventful_woke_ns;

static unsigned make_work(void *unused)
{
    (void)unused;
    sim.drivers[0].on_turn = NULL;
    maru_detach(SIM_SPAWN(&sim, naps, .ns = 1, .woke_ns = &eventful_woke_ns));
    return 0;
}

static unsigned say_something(void *unused)
{
    (void)unused;
    sim.drivers[0].on_turn = NULL;
    return 1;
}

Test(pace, events_and_work_come_before_time)
{
    int64_t woke_ns;
    nap(MARU_SEC, &woke_ns);
    while (sim_step(&sim, 0) != STEP_PARK)
        ;
    sim.drivers[0].on_turn = make_work;
    sim_sleep(&sim, 0);
    cr_assert_eq(clock_now(&sim.sched.clock), 0, "V2: a task came");
    while (sim_step(&sim, 0) != STEP_PARK)
        ;
    sim.drivers[0].on_turn = say_something;
    sim_sleep(&sim, 0);
    cr_assert_eq(clock_now(&sim.sched.clock), 0, "V2: an event came");
    cr_assert_not(sleeps_on());
    cr_assert_not(sleeps_on());
    cr_assert(sleeps_on());
    cr_assert_eq(eventful_woke_ns, 1);
    cr_assert_eq(woke_ns, MARU_SEC);
}

/* conformance 33 */
Test(pace, a_held_clock_does_not_move_and_who_lets_go_wakes_the_worker)
{
    int64_t woke_ns;
    nap(MARU_SEC, &woke_ns);
    clock_hold(&sim.sched.clock);
    clock_hold(&sim.sched.clock);
    cr_assert(sleeps_on());
    cr_assert_eq(clock_now(&sim.sched.clock), 0, "V2");
    while (sim_step(&sim, 0) != STEP_PARK)
        ;
    uint64_t kicks = sim.drivers[0].driver.kicks;
    sched_release_clock(&sim.sched);
    cr_assert_eq(sim.drivers[0].driver.kicks, kicks + 1, "V4");
    sim_sleep(&sim, 0);
    cr_assert_eq(clock_now(&sim.sched.clock), 0, "one still holds it");
    sched_release_clock(&sim.sched);
    while (!sleeps_on())
        ;
    cr_assert_eq(woke_ns, MARU_SEC);
}

Test(pace, a_clock_that_cannot_pause_is_not_held)
{
    sim.sched.clock.can_pause = false;
    clock_hold(&sim.sched.clock);
    cr_assert_eq(sim.sched.clock.holds, 0u);
    sched_release_clock(&sim.sched);
    cr_assert_eq(sim.sched.clock.holds, 0u);
    sim.sched.clock.can_pause = true;
}

Test(pace, outside_of_tasks_no_clock_can_be_touched)
{
    cr_assert_eq(maru_clock_pause(), -EPERM);
    cr_assert_eq(maru_clock_resume(), -EPERM);
    cr_assert_eq(maru_clock_advance(1), -EPERM);
}

Test(pace, pausing_keeps_what_is_in_the_wheel)
{
    int64_t woke_ns[2];
    worker_enter(sim_worker(&sim, 0));
    cr_assert_eq(maru_clock_pause(), -EALREADY);
    cr_assert_eq(maru_clock_resume(), 0);
    cr_assert_eq(maru_clock_resume(), -EALREADY);
    cr_assert_eq(maru_clock_advance(1), -EPERM);
    worker_leave(sim_worker(&sim, 0));
    nap(3600 * MARU_SEC, &woke_ns[0]);
    nap(3600 * MARU_SEC, &woke_ns[1]);
    while (sim_step(&sim, 0) != STEP_PARK)
        ;
    int64_t limit = worker_sleep_limit(sim_worker(&sim, 0));
    cr_assert(limit > 0 && limit <= 3601 * MARU_SEC, "it runs");
    worker_enter(sim_worker(&sim, 0));
    cr_assert_eq(maru_clock_pause(), 0);
    int64_t now = maru_now();
    worker_leave(sim_worker(&sim, 0));
    sim_sleep(&sim, 0);
    while (!sleeps_on())
        ;
    cr_assert(woke_ns[0] > now && woke_ns[0] <= now + 3600 * MARU_SEC);
    cr_assert_geq(woke_ns[1], woke_ns[0]);
}

Test(pace, an_advance_fires_what_is_due_in_order_and_nothing_else)
{
    int64_t woke_ns[3];
    nap(30, &woke_ns[0]);
    nap(10, &woke_ns[1]);
    nap(20, &woke_ns[2]);
    while (sim_step(&sim, 0) != STEP_PARK)
        ;
    struct worker *worker = sim_worker(&sim, 0);
    worker_enter(worker);
    worker->polling = true;
    const int64_t bad[] = { -1, INT64_MIN, INT64_MAX };
    for (int i = 0; i < 3; i++)
        cr_assert_eq(maru_clock_advance(bad[i]), -EINVAL);
    cr_assert_eq(maru_clock_advance(0), 0);
    cr_assert_eq(fifo_len(&worker->fifo), 0u);
    cr_assert_eq(maru_clock_advance(19), 0);
    cr_assert_eq(fifo_len(&worker->fifo), 1u);
    cr_assert_eq(maru_clock_advance(1), 0);
    cr_assert_eq(fifo_len(&worker->fifo), 2u);
    cr_assert_null(worker->next_slot);
    cr_assert(worker->polling);
    worker->polling = false;
    worker_leave(worker);
    sim_sleep(&sim, 0);
    cr_assert_eq(sim_step(&sim, 0), STEP_RAN);
    cr_assert_eq(woke_ns[1], 20);
    cr_assert_eq(woke_ns[2], -1);
    cr_assert_eq(sim_step(&sim, 0), STEP_RAN);
    cr_assert_eq(woke_ns[2], 20);
    while (!sleeps_on())
        ;
    cr_assert_eq(woke_ns[0], 30);
}
