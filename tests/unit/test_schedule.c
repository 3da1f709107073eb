/* test_schedule.c - where a task goes that can run, and who is told. */
#include "tests/support/sim.h"

#include <criterion/criterion.h>

static struct sim sim;
static struct worker *worker;
static maru_task tasks[512];

static void begin(void)
{
    cr_assert_eq(sim_init(&sim, 2, 1, 0), 0);
    worker = sim_worker(&sim, 0);
    worker_enter(worker);
}

static void end(void)
{
    worker_leave(worker);
    sim_fini(&sim);
}

TestSuite(schedule, .init = begin, .fini = end);

static void schedule(unsigned index, enum schedule_why why)
{
    sched_schedule(&sim.sched.ops, &tasks[index], why);
}

/* Worker 1 sleeps, so that whoever is told of work can be seen. */
static void other_sleeps(void)
{
    idle_sleep_begin(&sim.sched.idle, 1);
    cr_assert(park_begin(&sim_worker(&sim, 1)->park));
}

static bool is_kicked(void)
{
    return sim.drivers[1].kicked;
}

Test(schedule, a_wake_in_a_poll_fills_the_next_slot)
{
    worker->polling = true;
    schedule(0, SCHEDULE_WOKEN);
    cr_assert_eq(worker->next_slot, &tasks[0]);
    cr_assert_eq(worker->fills, 1u);
    cr_assert_eq(fifo_len(&worker->fifo), 0u);
}

Test(schedule, the_newest_wake_has_the_slot_and_the_one_before_it_queues)
{
    worker->polling = true;
    for (unsigned i = 0; i < 5; i++)
        schedule(i, SCHEDULE_WOKEN);
    cr_assert_eq(worker->next_slot, &tasks[4]);
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(fifo_pop(&worker->fifo), &tasks[i]);
}

Test(schedule, a_silent_fill_under_a_watch_kicks_nobody)
{
    other_sleeps();
    cr_assert(idle_watch_begin(&sim.sched.idle, 1));
    worker->polling = true;
    schedule(0, SCHEDULE_WOKEN);
    cr_assert_not(is_kicked());
}

Test(schedule, a_silent_fill_without_a_watch_wakes_a_sleeper_to_become_it)
{
    other_sleeps();
    worker->polling = true;
    schedule(0, SCHEDULE_WOKEN);
    cr_assert(is_kicked(), "N2");
}

Test(schedule, a_displaced_task_is_announced)
{
    other_sleeps();
    cr_assert(idle_watch_begin(&sim.sched.idle, 1));
    worker->polling = true;
    schedule(0, SCHEDULE_WOKEN);
    schedule(1, SCHEDULE_WOKEN);
    cr_assert(is_kicked());
}

Test(schedule, a_wake_by_the_driver_is_queued_and_announced_later)
{
    other_sleeps();
    schedule(0, SCHEDULE_WOKEN);
    schedule(1, SCHEDULE_WOKEN);
    cr_assert_null(worker->next_slot);
    cr_assert(worker->dirty);
    cr_assert_eq(fifo_len(&worker->fifo), 2u);
    cr_assert_not(is_kicked());
}

Test(schedule, a_spawn_is_queued_and_announced)
{
    other_sleeps();
    worker->polling = true;
    schedule(0, SCHEDULE_SPAWNED);
    cr_assert_null(worker->next_slot);
    cr_assert_eq(fifo_pop(&worker->fifo), &tasks[0]);
    cr_assert(is_kicked());
}

Test(schedule, a_child_of_an_all_scope_goes_to_the_deque_and_is_announced)
{
    other_sleeps();
    worker->polling = true;
    schedule(0, SCHEDULE_CHILD);
    cr_assert_eq(fifo_len(&worker->fifo), 0u);
    cr_assert_eq(deque_take(&worker->deque), &tasks[0]);
    cr_assert(is_kicked());
}

Test(schedule, a_task_that_is_alone_yields_without_a_word)
{
    other_sleeps();
    schedule(0, SCHEDULE_AGAIN);
    cr_assert_eq(fifo_len(&worker->fifo), 1u);
    cr_assert_not(is_kicked());
}

static void yields_beside_other_work(void (*make_work)(void))
{
    other_sleeps();
    make_work();
    schedule(0, SCHEDULE_AGAIN);
    cr_assert(is_kicked());
}

static void work_in_fifo(void)
{
    cr_assert(fifo_push(&worker->fifo, &tasks[1]));
}

static void work_in_deque(void)
{
    cr_assert(deque_push(&worker->deque, &tasks[1]));
}

static void work_in_slot(void)
{
    worker->next_slot = &tasks[1];
}

static void work_in_inject(void)
{
    cr_assert(inject_push(&sim.sched.inject, &tasks[1]));
}

Test(schedule, a_yield_beside_a_queued_task_is_announced)
{
    yields_beside_other_work(work_in_fifo);
}

Test(schedule, a_yield_beside_a_child_is_announced)
{
    yields_beside_other_work(work_in_deque);
}

Test(schedule, a_yield_beside_a_filled_slot_is_announced)
{
    yields_beside_other_work(work_in_slot);
}

Test(schedule, a_yield_beside_an_injected_task_is_announced)
{
    yields_beside_other_work(work_in_inject);
}

Test(schedule, what_does_not_fit_goes_to_the_inject_queue)
{
    static const enum schedule_why whys[] = { SCHEDULE_SPAWNED, SCHEDULE_AGAIN, SCHEDULE_WOKEN };
    for (unsigned i = 0; i < QUEUE_SLOTS; i++)
        cr_assert(fifo_push(&worker->fifo, &tasks[i]));
    for (unsigned i = 0; i < 3; i++) {
        schedule(300 + i, whys[i]);
        cr_assert_eq(sim.sched.inject.last, &tasks[300 + i]);
    }
    for (unsigned i = 0; i < QUEUE_SLOTS; i++)
        cr_assert(deque_push(&worker->deque, &tasks[i]));
    schedule(400, SCHEDULE_CHILD);
    cr_assert_eq(sim.sched.inject.last, &tasks[400]);
    cr_assert_eq(inject_len(&sim.sched.inject), 4u);
}

Test(schedule, from_another_thread_everything_goes_to_the_inject_queue_and_is_announced)
{
    static const enum schedule_why whys[] = { SCHEDULE_WOKEN, SCHEDULE_SPAWNED, SCHEDULE_CHILD };
    worker_leave(worker);
    for (unsigned i = 0; i < 3; i++)
        schedule(i, whys[i]);
    cr_assert_eq(inject_len(&sim.sched.inject), 3u);
    other_sleeps();
    schedule(3, SCHEDULE_WOKEN);
    cr_assert(is_kicked());
    worker_enter(worker);
}

Test(schedule, from_a_worker_of_another_runtime_too)
{
    struct sim other = { .alloc = { 0 } };
    cr_assert_eq(sim_init(&other, 1, 2, 0), 0);
    sched_schedule(&other.sched.ops, &tasks[0], SCHEDULE_WOKEN);
    cr_assert_eq(inject_len(&other.sched.inject), 1u);
    cr_assert_eq(fifo_len(&worker->fifo), 0u);
    sim_fini(&other);
}

Test(schedule, a_closed_inject_queue_still_takes_wakes)
{
    inject_close(&sim.sched.inject);
    worker_leave(worker);
    schedule(0, SCHEDULE_WOKEN);
    cr_assert_eq(inject_len(&sim.sched.inject), 1u);
    worker_enter(worker);
}

Test(schedule, a_worker_that_is_awake_is_notified_without_a_kick)
{
    worker_notify(sim_worker(&sim, 1));
    cr_assert_not(is_kicked());
    cr_assert_not(park_begin(&sim_worker(&sim, 1)->park), "P4");
}

Test(schedule, announcing_to_nobody_is_fine)
{
    sched_announce(&sim.sched);
    cr_assert_eq(sim.sched.idle.searchers, 0u);
}
