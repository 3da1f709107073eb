/* test_timer.c - sleeps in wheels: arming, disarming from anywhere, expiry in batches; W1 to W4. */
#include "timer/timer.h"

#include "tests/support/fake_tasks.h"

#define TICK (INT64_C(1) << TICK_SHIFT)

static struct fake fake;

static void begin(void)
{
    fake_begin(&fake);
}

static void end(void)
{
    fake_end(&fake);
}

TestSuite(timer, .init = begin, .fini = end);

static unsigned woken;

struct naps {
    maru_frame frame;
    maru_sleep nap;
    int64_t ns;
};

maru_async(naps)
{
    maru_try(maru_sleep_for(&me->nap, me->ns));
    woken++;
    maru_return(1);
}
maru_end;

static maru_task *nap(int64_t ns)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, naps, .ns = ns);
    fake_run(&fake);
    return task;
}

static maru_sleep *sleep_of(maru_task *task)
{
    return &((struct naps *)(void *)task_root(task))->nap;
}

Test(timer, an_armed_sleep_is_in_the_worker_s_own_wheel)
{
    maru_task *task = nap(MARU_MSEC);
    cr_assert_eq(fake.wheel.count, 1u);
    cr_assert_eq(sleep_of(task)->leaf_.future.phase_, 0u);
    cr_assert_eq(sleep_of(task)->deadline_ns_, MARU_SEC + MARU_MSEC);
    fake_advance(&fake, 2 * MARU_MSEC);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), 1);
}

Test(timer, it_is_due_when_its_tick_is_over_and_not_before)
{
    maru_task *task = nap(MARU_MSEC);
    cr_assert_not(timer_is_due(&fake.local));
    fake_advance(&fake, MARU_MSEC - 1);
    cr_assert_not(timer_is_due(&fake.local), "W1");
    cr_assert_eq(fake_queued(&fake), 0u);
    fake.clock.virtual_ns += TICK;
    cr_assert(timer_is_due(&fake.local), "W4");
    timer_expire(&fake.local);
    cr_assert_eq(fake_queued(&fake), 1u);
    cr_assert_eq(fake.local.timers_fired, 1u);
    fake_run(&fake);
    maru_detach(task);
}

Test(timer, the_wait_is_until_the_first_timer)
{
    cr_assert_eq(timer_wait(&fake.local), DRIVER_FOR_EVER);
    maru_task *late = nap(MARU_SEC), *early = nap(MARU_MSEC);
    int64_t wait = timer_wait(&fake.local);
    cr_assert_geq(wait, MARU_MSEC);
    cr_assert_leq(wait, MARU_MSEC + TICK);
    fake.clock.virtual_ns += wait;
    cr_assert_eq(timer_wait(&fake.local), DRIVER_NO_WAIT);
    timer_expire(&fake.local);
    fake_run(&fake);
    cr_assert(maru_task_is_finished(early));
    cr_assert_gt(timer_wait(&fake.local), MARU_MSEC);
    fake_advance(&fake, 2 * MARU_SEC);
    fake_run(&fake);
    cr_assert_eq(timer_wait(&fake.local), DRIVER_FOR_EVER);
    maru_detach(early);
    maru_detach(late);
}

Test(timer, waiting_for_the_end_of_time_does_not_overflow)
{
    maru_task *task = nap(INT64_MAX - 2 * MARU_SEC);
    cr_assert_gt(timer_wait(&fake.local), 100 * 365 * 86400ll * MARU_SEC);
    maru_task *never = nap(INT64_MAX);
    cr_assert_gt(timer_wait(&fake.local), 100 * 365 * 86400ll * MARU_SEC);
    maru_cancel(task);
    maru_cancel(never);
    fake_run(&fake);
    maru_detach(task);
    maru_detach(never);
}

Test(timer, nobody_wakes_up_for_what_never_comes)
{
    maru_task *never = nap(INT64_MAX);
    cr_assert_eq(fake.wheel.count, 1u);
    cr_assert_eq(timer_wait(&fake.local), DRIVER_FOR_EVER);
    cr_assert_eq(timer_first(&fake.local), INT64_MAX);
    cr_assert_not(timer_is_due(&fake.local));
    maru_cancel(never);
    fake_run(&fake);
    maru_detach(never);
}

Test(timer, the_first_timer_is_known_exactly_when_ticks_are_exact)
{
    timer_set_shift(&fake.local, TICK_SHIFT_EXACT);
    maru_task *late = nap(3600 * MARU_SEC + 7), *early = nap(3600 * MARU_SEC + 5);
    cr_assert_eq(timer_first(&fake.local), 3601 * MARU_SEC + 5);
    fake_advance(&fake, 3600 * MARU_SEC + 4);
    cr_assert_eq(fake_queued(&fake), 0u, "W1");
    fake_advance(&fake, 1);
    fake_run(&fake);
    cr_assert(maru_task_is_finished(early));
    cr_assert_not(maru_task_is_finished(late));
    timer_set_shift(&fake.local, TICK_SHIFT);
    fake_advance(&fake, 1);
    cr_assert_eq(fake_queued(&fake), 0u, "its tick is long again, and not over");
    fake_advance(&fake, TICK);
    fake_run(&fake);
    maru_detach(early);
    maru_detach(late);
}

Test(timer, more_than_a_batch_expires_at_once_each_once)
{
    enum { COUNT = 5 * EXPIRE_BATCH + 3 };
    maru_task *tasks[COUNT];
    for (int i = 0; i < COUNT; i++)
        tasks[i] = nap(MARU_MSEC + i % 3);
    fake_advance(&fake, 2 * MARU_MSEC);
    cr_assert_eq(fake_queued(&fake), (unsigned)COUNT);
    cr_assert_eq(fake.local.timers_fired, (uint64_t)COUNT);
    timer_expire(&fake.local);
    cr_assert_eq(fake_queued(&fake), (unsigned)COUNT, "W2");
    fake_run(&fake);
    cr_assert_eq(woken, (unsigned)COUNT);
    for (int i = 0; i < COUNT; i++)
        maru_detach(tasks[i]);
}

Test(timer, a_disarmed_sleep_does_not_fire_and_a_fired_one_cannot_be_disarmed)
{
    maru_task *gone = nap(MARU_MSEC), *fired = nap(MARU_MSEC);
    cr_assert(timer_disarm(&fake.local, sleep_of(gone)));
    cr_assert_not(timer_disarm(&fake.local, sleep_of(gone)), "W3");
    fake_advance(&fake, MARU_SEC);
    cr_assert_not(timer_disarm(&fake.local, sleep_of(fired)), "W3");
    cr_assert_eq(fake_queued(&fake), 1u);
    fake_run(&fake);
    cr_assert_not(maru_task_is_finished(gone));
    timer_arm(&fake.local, sleep_of(gone), 0);
    timer_expire(&fake.local);
    fake_run(&fake);
    maru_detach(gone);
    maru_detach(fired);
}

Test(timer, a_deadline_in_the_past_is_due_at_once)
{
    maru_task *task = nap(MARU_SEC);
    cr_assert(timer_disarm(&fake.local, sleep_of(task)));
    timer_arm(&fake.local, sleep_of(task), -5);
    cr_assert(timer_is_due(&fake.local));
    cr_assert_eq(timer_wait(&fake.local), DRIVER_NO_WAIT);
    timer_expire(&fake.local);
    fake_run(&fake);
    maru_detach(task);
}

Test(timer, another_worker_finds_the_wheel_of_a_task_it_has_stolen)
{
    static struct wheel wheels[3];
    for (int i = 0; i < 3; i++)
        wheel_init(&wheels[i], fake.clock.virtual_ns);
    struct local other = fake.local;
    fake.local.wheels = other.wheels = wheels;
    fake.local.id = 2;
    other.id = 0;
    maru_task *task = nap(MARU_MSEC);
    cr_assert_eq(wheels[2].count, 1u);
    cr_assert_eq(sleep_of(task)->leaf_.future.phase_, 2u);
    cr_assert(timer_disarm(&other, sleep_of(task)));
    cr_assert_eq(wheels[2].count, 0u);
    timer_arm(&other, sleep_of(task), 0);
    cr_assert_eq(wheels[0].count, 1u);
    cr_assert_not(timer_is_due(&fake.local));
    cr_assert(timer_is_due(&other));
    timer_expire(&other);
    fake_run(&fake);
    maru_detach(task);
    fake.local.id = 0;
}

Test(timer, a_thousand_random_naps_are_never_early_and_at_most_a_tick_late)
{
    struct rng rng = { 11 };
    for (int round = 0; round < 1000; round++) {
        int64_t ns = (int64_t)(rng_next(&rng) >> (30 + rng_below(&rng, 30))) + 1;
        fake.clock.virtual_ns += rng_below(&rng, 1000000);
        maru_task *task = nap(ns);
        fake_advance(&fake, ns - 1);
        cr_assert_eq(fake_queued(&fake), 0u, "W1");
        fake_advance(&fake, 1 + TICK);
        cr_assert_eq(fake_queued(&fake), 1u, "W4");
        fake_run(&fake);
        maru_detach(task);
    }
}
