/* test_watch.c - the watch over silent next-slots: N1 to N4, with workers that one thread steps. */
#include "tests/support/sim.h"

#include <criterion/criterion.h>

static struct sim sim;
static struct worker *stuck, *watch;
static maru_task tasks[4];

static void begin(void)
{
    cr_assert_eq(sim_init(&sim, 3, 1, 0), 0);
    stuck = sim_worker(&sim, 0);
    watch = sim_worker(&sim, 1);
}

static void end(void)
{
    for (uint32_t id = 0; id < sim.sched.count; id++)
        sim_worker(&sim, id)->next_slot = NULL;
    sim_fini(&sim);
}

TestSuite(watch, .init = begin, .fini = end);

static void fill(struct worker *worker, maru_task *task)
{
    worker->next_slot = task;
    worker->fills++;
}

Test(watch, while_no_slot_is_filled_nobody_watches)
{
    watch_before_sleep(watch);
    cr_assert_not(watch->watching);
    cr_assert_eq(worker_sleep_limit(watch), DRIVER_FOR_EVER);
    cr_assert_null(watch_after_sleep(watch));
}

Test(watch, who_falls_asleep_beside_a_filled_slot_becomes_the_watch)
{
    fill(stuck, &tasks[0]);
    watch_before_sleep(watch);
    cr_assert(watch->watching);
    cr_assert(idle_is_watched(&sim.sched.idle));
    cr_assert_eq(worker_sleep_limit(watch), WATCH_NS);
}

Test(watch, there_is_one_watch_at_a_time)
{
    fill(stuck, &tasks[0]);
    watch_before_sleep(watch);
    watch_before_sleep(sim_worker(&sim, 2));
    cr_assert(watch->watching);
    cr_assert_not(sim_worker(&sim, 2)->watching);
}

Test(watch, the_slot_of_a_worker_whose_polls_stand_still_is_taken)
{
    fill(stuck, &tasks[0]);
    watch_before_sleep(watch);
    cr_assert_eq(watch_after_sleep(watch), &tasks[0]);
    cr_assert_null(stuck->next_slot);
    cr_assert_eq(watch->watch_steals, 1u);
}

Test(watch, a_worker_that_has_polled_since_keeps_its_slot)
{
    fill(stuck, &tasks[0]);
    watch_before_sleep(watch);
    stuck->polls++;
    cr_assert_null(watch_after_sleep(watch));
    cr_assert_eq(stuck->next_slot, &tasks[0]);
}

Test(watch, a_worker_that_is_stuck_later_is_found_at_the_next_look)
{
    fill(stuck, &tasks[0]);
    watch_before_sleep(watch);
    stuck->polls++;
    cr_assert_null(watch_after_sleep(watch));
    watch_before_sleep(watch);
    cr_assert(watch->watching);
    cr_assert_eq(watch_after_sleep(watch), &tasks[0]);
}

Test(watch, who_does_not_watch_takes_nothing)
{
    fill(stuck, &tasks[0]);
    cr_assert_null(watch_after_sleep(watch));
    cr_assert_eq(stuck->next_slot, &tasks[0]);
}

Test(watch, nobody_takes_his_own_slot)
{
    fill(watch, &tasks[0]);
    watch_before_sleep(watch);
    cr_assert_null(watch_after_sleep(watch));
}

Test(watch, it_stays_while_slots_are_filled_and_resigns_when_none_was)
{
    fill(stuck, &tasks[0]);
    watch_before_sleep(watch);
    stuck->next_slot = NULL;
    stuck->fills++;
    watch_before_sleep(watch);
    cr_assert(watch->watching, "N3: filled since the last look");
    watch_before_sleep(watch);
    cr_assert_not(watch->watching);
    cr_assert_not(idle_is_watched(&sim.sched.idle));
}

Test(watch, a_watch_that_goes_to_work_hands_the_watch_on_if_a_slot_is_filled)
{
    fill(stuck, &tasks[0]);
    watch_before_sleep(watch);
    idle_sleep_begin(&sim.sched.idle, 2);
    cr_assert(park_begin(&sim_worker(&sim, 2)->park));
    watch_give_up(watch);
    cr_assert_not(watch->watching);
    cr_assert(sim.drivers[2].kicked, "N4");
}

Test(watch, a_watch_that_goes_to_work_beside_empty_slots_wakes_nobody)
{
    fill(stuck, &tasks[0]);
    watch_before_sleep(watch);
    stuck->next_slot = NULL;
    idle_sleep_begin(&sim.sched.idle, 2);
    cr_assert(park_begin(&sim_worker(&sim, 2)->park));
    watch_give_up(watch);
    cr_assert_not(idle_is_watched(&sim.sched.idle));
    cr_assert_not(sim.drivers[2].kicked);
    watch_give_up(watch);
}

Test(watch, a_single_worker_needs_none)
{
    end();
    cr_assert_eq(sim_init(&sim, 1, 1, 0), 0);
    fill(sim_worker(&sim, 0), &tasks[0]);
    watch_after_fill(&sim.sched);
    watch_before_sleep(sim_worker(&sim, 0));
    cr_assert_not(sim_worker(&sim, 0)->watching);
}

/* A wakes B and then blocks its thread on what B does: the program that would hang. */

struct second {
    maru_frame frame;
    bool *done;
};

maru_async(second)
{
    *me->done = true;
}
maru_end;

struct wakes_and_blocks {
    maru_frame frame;
    maru_task *sleeper;
    maru_scope kids;
    bool done;
    bool *ret_done;
};

maru_async(wakes_and_blocks)
{
    maru_check(maru_scope_spawn(&me->kids, second, .done = &me->done));
    struct worker *worker = (struct worker *)(void *)context_here()->local;
    worker->next_slot = deque_take(&worker->deque); /* as if it had been woken */
    worker->fills++;
    watch_after_fill(worker->sched);
    /* This thread is stuck here: another one steps the others. */
    worker_leave(worker);
    for (int i = 0; i < 100 && !me->done; i++) {
        for (uint32_t id = 1; id < 3; id++) {
            if (sim.parked[id] && sim_is_awake(&sim, id))
                sim_sleep(&sim, id);
            else if (!sim.parked[id])
                (void)sim_step(&sim, id);
        }
        sim.sched.clock.virtual_ns += MARU_MSEC;
    }
    worker_enter(worker);
    context_here()->task = (maru_task *)(void *)me - 1;
    *me->ret_done = me->done;
    maru_await(maru_scope_wait(&me->kids));
}
maru_end;

Test(watch, a_task_in_the_slot_of_a_blocked_worker_runs_within_a_few_milliseconds)
{
    bool done = false;
    sim_settle(&sim);
    maru_task *task = SIM_SPAWN(&sim, wakes_and_blocks, .ret_done = &done);
    cr_assert_not_null(task);
    maru_detach(task);
    if (sim.parked[0])
        sim_sleep(&sim, 0);
    int64_t began = sim.sched.clock.virtual_ns;
    while (sim_step(&sim, 0) != STEP_RAN)
        cr_assert_lt(sim.sched.clock.virtual_ns, began + MARU_SEC);
    cr_assert(done);
    cr_assert_leq(sim.sched.clock.virtual_ns - began, 10 * MARU_MSEC);
    sim_stop(&sim);
}
