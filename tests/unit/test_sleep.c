/* test_sleep.c - waiting for a moment. */
#include "maru/time.h"

#include "tests/support/fake_tasks.h"

static struct fake fake;

static void begin(void)
{
    fake_begin(&fake);
}

static void end(void)
{
    fake_end(&fake);
}

TestSuite(sleep, .init = begin, .fini = end);

struct sleeps {
    maru_frame frame;
    maru_sleep nap;
    int64_t ns;
    bool until;
};

maru_async(sleeps)
{
    maru_result rc;
    maru_await(rc, me->until ? maru_sleep_until(&me->nap, me->ns)
                             : maru_sleep_for(&me->nap, me->ns));
    maru_return(rc);
}
maru_end;

Test(sleep, now_is_the_runtime_s_clock_inside_and_the_real_one_outside)
{
    cr_assert_eq(maru_now(), MARU_SEC);
    fake.clock.virtual_ns = 77;
    cr_assert_eq(maru_now(), 77);
    context_here()->local = NULL;
    int64_t before = clock_real_now();
    cr_assert_geq(maru_now(), before);
    context_here()->local = &fake.local;
}

Test(sleep, no_time_at_all_is_over_at_once_and_touches_no_wheel)
{
    const int64_t times[] = { 0, -1, INT64_MIN };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        maru_task *task = FAKE_START(&fake, STATE_HANDLE, sleeps, .ns = times[i]);
        fake_run_one(&fake);
        cr_assert_eq(fake.wheel.count, 0u);
        cr_assert_eq(fake_take_result(task), 0);
    }
}

Test(sleep, a_deadline_that_has_passed_or_is_now_is_over_at_once)
{
    const int64_t deadlines[] = { INT64_MIN, -1, 0, 1, MARU_SEC };
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++) {
        maru_task *task =
            FAKE_START(&fake, STATE_HANDLE, sleeps, .ns = deadlines[i], .until = true);
        fake_run_one(&fake);
        cr_assert_eq(fake_take_result(task), 0);
    }
}

Test(sleep, it_ends_with_zero_when_its_time_has_come)
{
    for (int until = 0; until < 2; until++) {
        int64_t at = maru_now() + 5 * MARU_MSEC;
        maru_task *task = FAKE_START(&fake, STATE_HANDLE, sleeps, .until = until,
                                     .ns = until ? at : 5 * MARU_MSEC);
        fake_run(&fake);
        fake_advance(&fake, 5 * MARU_MSEC - 1);
        fake_run(&fake);
        cr_assert_not(maru_task_is_finished(task), "W1");
        fake_advance(&fake, MARU_MSEC);
        fake_run(&fake);
        cr_assert_eq(fake_take_result(task), 0);
    }
}

Test(sleep, the_longest_sleep_does_not_overflow_into_the_past)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, sleeps, .ns = INT64_MAX);
    fake_run(&fake);
    fake_advance(&fake, 100 * 365 * 86400ll * MARU_SEC);
    cr_assert_eq(fake_queued(&fake), 0u);
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), -ECANCELED);
}

Test(sleep, a_cancelled_sleep_leaves_the_wheel_at_once)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, sleeps, .ns = MARU_SEC);
    fake_run(&fake);
    cr_assert_eq(fake.wheel.count, 1u);
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_eq(fake.wheel.count, 0u);
    cr_assert_eq(fake_take_result(task), -ECANCELED);
}

Test(sleep, a_cancelled_task_does_not_begin_to_sleep)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, sleeps, .ns = MARU_SEC);
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_eq(fake.polls, 1u);
    cr_assert_eq(fake_take_result(task), -ECANCELED);
}

Test(sleep, one_that_has_fired_before_the_cancel_was_seen_is_over)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, sleeps, .ns = MARU_MSEC);
    fake_run(&fake);
    fake_advance(&fake, MARU_SEC);
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), 0, "W3: fired or removed, never both");
}

Test(sleep, a_stray_wake_does_not_end_it)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, sleeps, .ns = MARU_SEC);
    fake_run(&fake);
    task->waker.ops_->wake(&task->waker);
    fake_run(&fake);
    cr_assert_not(maru_task_is_finished(task));
    cr_assert_eq(fake.wheel.count, 1u);
    fake_advance(&fake, 2 * MARU_SEC);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), 0);
}

struct loops {
    maru_frame frame;
    maru_sleep nap;
    unsigned times;
};

maru_async(loops)
{
    while (me->times-- > 0)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
}
maru_end;

Test(sleep, one_object_sleeps_as_often_as_one_likes)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, loops, .times = 100);
    unsigned rounds = 0;
    for (fake_run(&fake); !maru_task_is_finished(task); fake_run(&fake), rounds++)
        fake_advance(&fake, 2 * MARU_MSEC);
    cr_assert_eq(rounds, 100u);
    cr_assert_eq(fake_take_result(task), 0);
}
