/* test_steal.c - taking from others, and the look at all queues before a sleep. */
#include "tests/support/sim.h"

#include <criterion/criterion.h>

static struct sim sim;
static maru_task tasks[512];

static void begin(void)
{
    cr_assert_eq(sim_init(&sim, 4, 1, 0), 0);
}

static void end(void)
{
    sim_fini(&sim);
}

TestSuite(steal, .init = begin, .fini = end);

Test(steal, where_there_is_nothing_nothing_is_stolen)
{
    for (uint32_t id = 0; id < 4; id++)
        cr_assert_null(worker_steal(sim_worker(&sim, id)));
    cr_assert_eq(sim_worker(&sim, 0)->steals, 0u);
}

Test(steal, half_of_a_fifo_is_taken_and_counted)
{
    struct worker *victim = sim_worker(&sim, 2), *thief = sim_worker(&sim, 0);
    for (unsigned i = 0; i < 10; i++)
        cr_assert(fifo_push(&victim->fifo, &tasks[i]));
    cr_assert_eq(worker_steal(thief), &tasks[0]);
    cr_assert_eq(thief->steals, 5u);
    cr_assert_eq(fifo_len(&thief->fifo), 4u);
    cr_assert_eq(fifo_len(&victim->fifo), 5u);
}

Test(steal, of_a_deque_one_is_taken_the_oldest)
{
    struct worker *victim = sim_worker(&sim, 3), *thief = sim_worker(&sim, 1);
    for (unsigned i = 0; i < 10; i++)
        cr_assert(deque_push(&victim->deque, &tasks[i]));
    cr_assert_eq(worker_steal(thief), &tasks[0]);
    cr_assert_eq(thief->steals, 1u);
    cr_assert_eq(deque_len(&victim->deque), 9u);
}

Test(steal, nobody_steals_from_himself)
{
    struct worker *thief = sim_worker(&sim, 1);
    cr_assert(fifo_push(&thief->fifo, &tasks[0]));
    cr_assert(deque_push(&thief->deque, &tasks[1]));
    for (int i = 0; i < 20; i++)
        cr_assert_null(worker_steal(thief));
}

Test(steal, next_slots_are_left_alone)
{
    sim_worker(&sim, 1)->next_slot = &tasks[0];
    for (int i = 0; i < 20; i++)
        cr_assert_null(worker_steal(sim_worker(&sim, 0)));
    cr_assert_not(sched_has_work(&sim.sched), "and are no work for others");
    sim_worker(&sim, 1)->next_slot = NULL;
}

Test(steal, whoever_has_work_is_found_and_nobody_is_always_first)
{
    unsigned hits[4] = { 0 };
    for (int round = 0; round < 300; round++) {
        for (uint32_t id = 1; id < 4; id++)
            cr_assert(fifo_push(&sim_worker(&sim, id)->fifo, &tasks[id]));
        maru_task *task = worker_steal(sim_worker(&sim, 0));
        cr_assert_not_null(task);
        hits[task - tasks]++;
        for (uint32_t id = 1; id < 4; id++)
            (void)fifo_pop(&sim_worker(&sim, id)->fifo);
    }
    for (uint32_t id = 1; id < 4; id++)
        cr_assert_gt(hits[id], 30u, "victim %u", id);
}

Test(steal, work_in_any_queue_is_seen_before_a_sleep)
{
    cr_assert_not(sched_has_work(&sim.sched));
    for (uint32_t id = 0; id < 4; id++) {
        struct worker *worker = sim_worker(&sim, id);
        cr_assert(fifo_push(&worker->fifo, &tasks[0]));
        cr_assert(sched_has_work(&sim.sched));
        (void)fifo_pop(&worker->fifo);
        cr_assert(deque_push(&worker->deque, &tasks[0]));
        cr_assert(sched_has_work(&sim.sched));
        (void)deque_take(&worker->deque);
    }
    cr_assert(inject_push(&sim.sched.inject, &tasks[0]));
    cr_assert(sched_has_work(&sim.sched));
    maru_task *task;
    cr_assert_eq(inject_pop(&sim.sched.inject, &task, 1), 1u);
    cr_assert_not(sched_has_work(&sim.sched));
}
