/* test_guest.c - spawning from outside, and a thread that waits for a task from there. */
#include "tests/support/sim.h"

#include <criterion/criterion.h>
#include <pthread.h>

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

TestSuite(guest, .init = begin, .fini = end, .timeout = 60);

struct counts {
    maru_frame frame;
    maru_pause pause;
    unsigned yields;
    maru_result result;
};

maru_async(counts)
{
    while (me->yields-- > 0)
        maru_try(maru_yield(&me->pause));
    maru_return(me->result);
}
maru_end;

Test(guest, a_task_from_outside_is_injected_and_announced)
{
    cr_assert(!sim_settle(&sim));
    maru_task *task = SIM_SPAWN(&sim, counts);
    cr_assert_not_null(task);
    cr_assert(task->state & STATE_HANDLE);
    cr_assert_eq(inject_len(&sim.sched.inject), 1u);
    cr_assert(sim.drivers[0].kicked || sim.drivers[1].kicked);
    cr_assert_eq(sim.sched.outside.spawned, 1u);
    cr_assert(!sim_settle(&sim));
    cr_assert(maru_task_is_finished(task));
    maru_detach(task);
}

Test(guest, a_bad_image_or_no_memory_is_no_task)
{
    maru_frame frame = { .depth_ = 0 };
    cr_assert_null(guest_spawn(&sim.sched, NULL, 100));
    cr_assert_null(guest_spawn(&sim.sched, &frame, 8));
    sim.alloc.fail_at = 1;
    cr_assert_null(SIM_SPAWN(&sim, counts));
    cr_assert_eq(sim.sched.outside.spawned, 0u);
    cr_assert_eq(inject_len(&sim.sched.inject), 0u);
}

Test(guest, after_closing_a_task_is_taken_back_whole)
{
    sched_close(&sim.sched);
    for (int i = 0; i < 10; i++)
        cr_assert_null(SIM_SPAWN(&sim, counts));
    cr_assert_eq(sim.sched.outside.spawned, sim.sched.outside.ended);
    cr_assert(sim_settle(&sim), "nothing keeps it open");
}

static void *spawn_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < 500; i++) {
        maru_task *task = SIM_SPAWN(&sim, counts, .yields = 1);
        if (task)
            maru_detach(task);
    }
    return NULL;
}

Test(guest, many_threads_may_spawn_at_once)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, spawn_many, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(inject_len(&sim.sched.inject), 2000u);
    cr_assert(!sim_settle(&sim));
    cr_assert_eq(sim_worker(&sim, 0)->polls + sim_worker(&sim, 1)->polls, 4000u);
}

/* ---- waiting ---- */

static maru_result run_as_worker(unsigned yields, maru_result result)
{
    struct worker *worker = sim_worker(&sim, 0);
    maru_task *task = SIM_SPAWN(&sim, counts, .yields = yields, .result = result);
    cr_assert_not_null(task);
    worker_enter(worker);
    maru_result joined = guest_join(task, worker);
    worker_leave(worker);
    return joined;
}

Test(guest, a_guest_that_is_a_worker_runs_its_loop_meanwhile)
{
    cr_assert_eq(run_as_worker(0, 5), 5);
    cr_assert_eq(run_as_worker(100, -EIO), -EIO);
    cr_assert_eq(sim_worker(&sim, 0)->polls, 102u);
}

Test(guest, a_task_that_has_ended_already_needs_no_wait)
{
    maru_task *task = SIM_SPAWN(&sim, counts, .result = 8);
    cr_assert(!sim_settle(&sim));
    uint64_t polls = sim_worker(&sim, 0)->polls;
    worker_enter(sim_worker(&sim, 0));
    cr_assert_eq(guest_join(task, sim_worker(&sim, 0)), 8);
    worker_leave(sim_worker(&sim, 0));
    cr_assert_eq(sim_worker(&sim, 0)->polls, polls);
}

static void *wait_outside(void *task)
{
    maru_result *result = malloc(sizeof *result);
    *result = guest_join(task, NULL);
    return result;
}

Test(guest, a_guest_that_is_no_worker_sleeps_until_the_end)
{
    for (int i = 0; i < 50; i++) {
        void *result;
        pthread_t thread;
        maru_task *task = SIM_SPAWN(&sim, counts, .yields = 20, .result = i);
        cr_assert_eq(pthread_create(&thread, NULL, wait_outside, task), 0);
        sim_settle(&sim);
        pthread_join(thread, &result);
        cr_assert_eq(*(maru_result *)result, i);
        free(result);
    }
}

static void count_slot(void *slot, void *count)
{
    (void)slot;
    ++*(unsigned *)count;
}

Test(guest, the_handle_is_given_back_by_the_join)
{
    (void)run_as_worker(3, 0);
    unsigned count = 0;
    slab_walk(&sim.sched.outside.tasks, count_slot, &count);
    cr_assert_eq(count, 0u);
    cr_assert_eq(sim_worker(&sim, 0)->local.ended, 1u);
    sim_stop(&sim);
}
