/* test_shutdown.c - closing in numbered steps: X1 to X3, and threads that are on their way yet. */
#include "tests/support/sim.h"

#include <criterion/criterion.h>
#include <pthread.h>

static struct sim sim;

static void begin(void)
{
    cr_assert_eq(sim_init(&sim, 3, 1, 0), 0);
}

static void end(void)
{
    sim_fini(&sim);
    cr_assert_eq(sim.alloc.live_blocks, 0u);
}

TestSuite(shutdown, .init = begin, .fini = end);

static unsigned cancelled, finished;

struct waits {
    maru_frame frame;
    maru_pause pause;
    unsigned cleanup;            /* yields of its finally */
};

maru_async(waits)
{
    maru_await_cancel();
    cancelled++;
    maru_return(0);
maru_finally:
    while (me->cleanup-- > 0)
        maru_await(maru_yield(&me->pause));
    finished++;
}
maru_end;

struct family {
    maru_frame frame;
    maru_scope kids;
    enum maru_scope_policy policy;
};

maru_async(family)
{
    maru_scope_init(&me->kids, me->policy);
    for (int i = 0; i < 4; i++)
        maru_check(maru_scope_spawn(&me->kids, waits, .cleanup = 1));
    maru_try(maru_scope_wait(&me->kids));
}
maru_end;

static void spawn_waits(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        maru_detach(SIM_SPAWN(&sim, waits, .cleanup = i % 3));
}

static uint64_t live(void)
{
    uint64_t count = sim.sched.outside.spawned - sim.sched.outside.ended;
    for (uint32_t id = 0; id < sim.sched.count; id++)
        count += sim_worker(&sim, id)->local.spawned - sim_worker(&sim, id)->local.ended;
    return count;
}

Test(shutdown, without_tasks_all_workers_stop)
{
    sim_stop(&sim);
    cr_assert_eq(sim.sched.stopped, 1u);
    cr_assert_eq(sim.sched.closed_workers, 3u);
    for (uint32_t id = 0; id < 3; id++)
        cr_assert_eq(sim_step(&sim, id), STEP_STOPPED, "and stay so");
}

Test(shutdown, sleepers_are_woken_to_see_it)
{
    cr_assert(!sim_settle(&sim));
    sched_close(&sim.sched);
    for (uint32_t id = 0; id < 3; id++)
        cr_assert(sim.drivers[id].kicked);
    cr_assert(sim_settle(&sim));
}

Test(shutdown, every_live_task_ends_once_through_its_finally)
{
    spawn_waits(50);
    cr_assert(!sim_settle(&sim));
    cr_assert_eq(live(), 50u);
    sim_stop(&sim);
    cr_assert_eq(cancelled, 50u);
    cr_assert_eq(finished, 50u, "X2");
    cr_assert_eq(live(), 0u);
}

Test(shutdown, tasks_that_were_never_polled_end_too)
{
    spawn_waits(500);
    sim_stop(&sim);
    cr_assert_eq(finished, 500u);
    cr_assert_eq(inject_len(&sim.sched.inject), 0u, "X3");
}

Test(shutdown, children_end_with_their_parents)
{
    maru_detach(SIM_SPAWN(&sim, family, .policy = MARU_SCOPE_ALL));
    maru_detach(SIM_SPAWN(&sim, family, .policy = MARU_SCOPE_EACH));
    cr_assert(!sim_settle(&sim));
    sim_stop(&sim);
    cr_assert_eq(finished, 8u);
    cr_assert_eq(live(), 0u);
}

Test(shutdown, nothing_enters_from_outside_after_closing)
{
    sched_close(&sim.sched);
    cr_assert_null(SIM_SPAWN(&sim, waits));
    cr_assert_eq(live(), 0u, "X1");
    cr_assert(sim_settle(&sim));
}

static int refused;

struct spawner {
    maru_frame frame;
    maru_scope kids;
};

maru_async(spawner)
{
    maru_await_cancel();
    maru_return(0);
maru_finally:
    refused += maru_spawn(waits) == NULL;
    refused += maru_scope_spawn(&me->kids, waits) == -MARU_ESHUTDOWN;
}
maru_end;

Test(shutdown, nothing_enters_from_inside_after_the_worker_has_acknowledged)
{
    maru_detach(SIM_SPAWN(&sim, spawner));
    cr_assert(!sim_settle(&sim));
    sim_stop(&sim);
    cr_assert_eq(refused, 2);
}

Test(shutdown, the_last_worker_to_acknowledge_cancels_and_not_before)
{
    spawn_waits(3);
    cr_assert(!sim_settle(&sim));
    sched_close(&sim.sched);
    for (uint32_t id = 0; id < 3; id++)
        if (sim.parked[id])
            sim_sleep(&sim, id);
    (void)sim_step(&sim, 0);
    (void)sim_step(&sim, 1);
    cr_assert_eq(sim.sched.closed_workers, 2u);
    cr_assert_eq(cancelled, 0u);
    cr_assert(!sim.sched.stopped);
    (void)sim_step(&sim, 2);
    cr_assert(sim_settle(&sim));
    cr_assert_eq(finished, 3u);
}

Test(shutdown, a_task_that_ended_while_its_handle_is_held_does_not_keep_it_open)
{
    maru_task *task = SIM_SPAWN(&sim, waits);
    cr_assert(!sim_settle(&sim));
    sim_stop(&sim);
    cr_assert(maru_task_is_finished(task));
    maru_detach(task);
}

/* ---- visitors ---- */

static void *leave_late(void *unused)
{
    (void)unused;
    for (int i = 0; i < 1000; i++)
        sched_yield();
    atomic_sub_ar(&sim.sched.visitors, 1u);
    return NULL;
}

Test(shutdown, it_waits_for_a_thread_that_is_still_completing_something, .timeout = 30)
{
    pthread_t thread;
    sim_stop(&sim);
    sched_wait_for_visitors(&sim.sched);
    sim.sched.visitors = 1;
    cr_assert_eq(pthread_create(&thread, NULL, leave_late, NULL), 0);
    sched_wait_for_visitors(&sim.sched);
    cr_assert_eq(sim.sched.visitors, 0u);
    pthread_join(thread, NULL);
}

Test(shutdown, the_runtime_s_tasks_know_where_visitors_are_counted)
{
    cr_assert_eq(sim.sched.ops.visitors, &sim.sched.visitors);
}
