/* test_pick.c - the order of a round, and how the inject queue joins behind the fifo. What comes
 * of it over many tasks is the business of check_fairness. */
#include "tests/support/sim.h"

#include <criterion/criterion.h>

enum { TASKS = 3000 };

static struct sim sim;
static struct worker *worker;
static maru_task tasks[TASKS];

static void begin(void)
{
    cr_assert_eq(sim_init(&sim, 1, 1, 0), 0);
    worker = sim_worker(&sim, 0);
}

static void end(void)
{
    sim_fini(&sim);
    cr_assert_eq(sim.alloc.live_blocks, 0u);
}

TestSuite(pick, .init = begin, .fini = end);

static void fill_fifo(unsigned from, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cr_assert(fifo_push(&worker->fifo, &tasks[from + i]));
}

static void fill_deque(unsigned from, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cr_assert(deque_push(&worker->deque, &tasks[from + i]));
}

static void fill_inject(unsigned from, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cr_assert(inject_push(&sim.sched.inject, &tasks[from + i]));
}

/* As run does: every pick is followed by a poll. */
static maru_task *pick(void)
{
    maru_task *task = worker_pick(worker);
    worker->polls += task != NULL;
    return task;
}

static void expect(unsigned from, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cr_assert_eq(pick(), &tasks[from + i], "%u of %u", i, count);
}

Test(pick, from_nothing_nothing_is_picked)
{
    for (worker->polls = 0; worker->polls < 4; worker->polls++)
        cr_assert_null(worker_pick(worker));
}

Test(pick, a_round_is_slot_slot_fifo_deque)
{
    fill_fifo(100, 10);
    fill_deque(200, 10);
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 2; i++) {
            worker->next_slot = &tasks[i];
            cr_assert_eq(pick(), &tasks[i]);
            cr_assert_null(worker->next_slot);
        }
        worker->next_slot = &tasks[2];
        cr_assert_eq(pick(), &tasks[100 + round], "the fifo, although the slot is full");
        cr_assert_eq(pick(), &tasks[209 - round], "the deque, newest first");
        cr_assert_eq(worker->next_slot, &tasks[2]);
        worker->next_slot = NULL;
    }
}

Test(pick, each_source_alone_is_served_at_every_turn)
{
    fill_fifo(0, 12);
    expect(0, 12);
    fill_deque(0, 12);
    for (unsigned i = 12; i-- > 0;)
        cr_assert_eq(pick(), &tasks[i]);
    for (unsigned i = 0; i < 12; i++) {
        worker->next_slot = &tasks[i];
        cr_assert_eq(pick(), &tasks[i]);
    }
    cr_assert_null(pick());
}

Test(pick, the_fifo_is_served_in_every_fourth_poll_whatever_runs_beside_it)
{
    fill_fifo(100, 50);
    unsigned since = 0, served = 0;
    for (unsigned i = 0; i < 200; i++) {
        worker->next_slot = &tasks[1];
        (void)!deque_push(&worker->deque, &tasks[2]);
        maru_task *task = pick();
        since = task == &tasks[100 + served] ? 0 : since + 1;
        served += since == 0;
        cr_assert_lt(since, 4u);
    }
    cr_assert_eq(served, 50u);
}

Test(pick, injected_tasks_go_behind_the_fifo_in_their_order)
{
    fill_fifo(0, 5);
    fill_inject(5, 40);
    expect(0, 45);
    cr_assert_eq(inject_len(&sim.sched.inject), 0u);
}

Test(pick, a_batch_is_no_larger_than_its_limit)
{
    fill_inject(0, 1000);
    cr_assert_eq(pick(), &tasks[0]);
    cr_assert_eq(fifo_len(&worker->fifo), INJECT_BATCH - 1);
    cr_assert_eq(inject_len(&sim.sched.inject), 1000 - INJECT_BATCH);
    expect(1, 999);
}

Test(pick, a_worker_takes_its_share_and_leaves_the_rest_to_others)
{
    end();
    cr_assert_eq(sim_init(&sim, 4, 1, 0), 0);
    worker = sim_worker(&sim, 0);
    fill_inject(0, 40);
    cr_assert_eq(pick(), &tasks[0]);
    cr_assert_eq(fifo_len(&worker->fifo), 10u, "a fourth and one more, one of them picked");
    cr_assert_eq(inject_len(&sim.sched.inject), 29u);
}

Test(pick, a_full_fifo_takes_a_batch_only_when_there_is_room_for_one)
{
    fill_fifo(0, QUEUE_SLOTS);
    fill_inject(QUEUE_SLOTS, 100);
    expect(0, INJECT_ROOM);
    cr_assert_eq(inject_len(&sim.sched.inject), 100u);
    expect(INJECT_ROOM, 1);
    cr_assert_eq(inject_len(&sim.sched.inject), 100u - INJECT_ROOM);
    expect(INJECT_ROOM + 1, QUEUE_SLOTS + 100 - INJECT_ROOM - 1);
    cr_assert_null(pick());
}

Test(pick, with_tasks_waiting_in_inject_who_comes_later_goes_behind_them)
{
    fill_fifo(0, QUEUE_SLOTS - INJECT_ROOM);
    fill_inject(QUEUE_SLOTS - INJECT_ROOM, 10);
    worker_push(worker, &tasks[QUEUE_SLOTS - INJECT_ROOM + 10]);
    cr_assert_eq(fifo_len(&worker->fifo), (uint64_t)(QUEUE_SLOTS - INJECT_ROOM));
    cr_assert_eq(inject_len(&sim.sched.inject), 11u);
    expect(0, QUEUE_SLOTS - INJECT_ROOM + 11);
}

/* A queue full of tasks that yield, and one from outside behind them: it moves at every turn. */
Test(pick, a_full_fifo_of_yielders_does_not_keep_the_injected_out)
{
    fill_fifo(0, QUEUE_SLOTS);
    fill_inject(TASKS - 1, 1);
    for (unsigned polls = 0;; polls++) {
        maru_task *task = pick();
        cr_assert_lt(polls, 2 * QUEUE_SLOTS);
        if (task == &tasks[TASKS - 1])
            break;
        worker_push(worker, task);
    }
}
