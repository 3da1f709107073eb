/* test_timeout.c - a future with a time limit: who wins, and who is waited for. */
#include "maru/time.h"

#include "tests/support/fake_tasks.h"

static struct fake fake;
static struct gate gates[2];

static void begin(void)
{
    fake_begin(&fake);
}

static void end(void)
{
    fake_end(&fake);
}

TestSuite(timeout, .init = begin, .fini = end);

struct limited {
    maru_frame frame;
    maru_timeout limit;
    int64_t ns;
    bool until;
    struct gate *gate;
    maru_future ready;
    bool is_ready;
    maru_result value;
    bool *timed_out;
};

maru_async(limited)
{
    maru_result rc;
    maru_future *inner = me->is_ready ? maru_future_ready(&me->ready, me->value)
                                      : gate_wait(me->gate);
    maru_await(rc, me->until ? maru_within_until(&me->limit, me->ns, inner)
                             : maru_within(&me->limit, me->ns, inner));
    if (me->timed_out)
        *me->timed_out = maru_timed_out(&me->limit);
    maru_return(rc);
}
maru_end;

static bool timed_out;

static maru_task *start(int64_t ns)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, limited, .ns = ns, .gate = &gates[0],
                                 .timed_out = &timed_out);
    fake_run(&fake);
    return task;
}

static maru_result finish(maru_task *task)
{
    fake_run(&fake);
    return fake_take_result(task);
}

Test(timeout, a_ready_inner_wins_without_touching_the_wheel)
{
    const maru_result results[] = { 7, 0, -EIO, -ETIMEDOUT, -ECANCELED };
    const int64_t limits[] = { MARU_SEC, 0, -1 };
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 3; j++) {
            maru_task *task = FAKE_START(&fake, STATE_HANDLE, limited, .ns = limits[j],
                                         .is_ready = true, .value = results[i],
                                         .timed_out = &timed_out);
            fake_run(&fake);
            cr_assert_eq(fake.wheel.count, 0u);
            cr_assert_not(timed_out);
            cr_assert_eq(finish(task), results[i]);
        }
    }
}

Test(timeout, an_inner_that_ends_in_time_gives_its_result_and_the_timer_goes)
{
    maru_task *task = start(MARU_SEC);
    cr_assert_eq(fake.wheel.count, 1u);
    gate_open(&gates[0], 42);
    fake_run(&fake);
    cr_assert_eq(fake.wheel.count, 0u);
    cr_assert_not(timed_out);
    cr_assert_eq(finish(task), 42);
}

Test(timeout, when_time_is_up_the_inner_is_told_to_end)
{
    maru_task *task = start(MARU_MSEC);
    fake_advance(&fake, MARU_MSEC - 1);
    cr_assert_eq(fake_queued(&fake), 0u, "W1");
    fake_advance(&fake, MARU_MSEC);
    fake_run(&fake);
    cr_assert_eq(gates[0].ending, MARU_CANCEL);
    cr_assert(timed_out);
    cr_assert_eq(finish(task), -ETIMEDOUT);
}

Test(timeout, no_time_at_all_still_polls_the_inner_once)
{
    maru_task *task = start(0);
    cr_assert_eq(gates[0].polls, 2u);
    cr_assert(timed_out);
    cr_assert_eq(finish(task), -ETIMEDOUT);
}

Test(timeout, an_inner_that_takes_its_time_to_end_is_waited_for)
{
    gates[0].stubborn = true;
    maru_task *task = start(MARU_MSEC);
    fake_advance(&fake, MARU_SEC);
    fake_run(&fake);
    cr_assert_not(maru_task_is_finished(task));
    gate_open(&gates[0], -ECANCELED);
    cr_assert_eq(finish(task), -ETIMEDOUT);
}

Test(timeout, an_inner_that_wins_the_race_gives_its_real_result)
{
    gates[0].stubborn = true;
    maru_task *task = start(MARU_MSEC);
    fake_advance(&fake, MARU_SEC);
    fake_run(&fake);
    gate_open(&gates[0], 9);
    fake_run(&fake);
    cr_assert_not(timed_out, "it did not time out, it was just in time");
    cr_assert_eq(finish(task), 9);
}

Test(timeout, both_at_once_is_a_win_of_the_inner)
{
    maru_task *task = start(MARU_MSEC);
    gate_open(&gates[0], 3);
    fake_advance(&fake, MARU_SEC);
    cr_assert_eq(finish(task), 3);
    cr_assert_not(timed_out);
}

Test(timeout, the_inner_s_own_etimedout_is_told_apart)
{
    maru_task *task = start(MARU_SEC);
    gate_open(&gates[0], -ETIMEDOUT);
    cr_assert_eq(finish(task), -ETIMEDOUT);
    cr_assert_not(timed_out);
}

Test(timeout, a_cancelled_task_is_cancelled_and_not_late)
{
    maru_task *task = start(MARU_SEC);
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_eq(fake.wheel.count, 0u);
    cr_assert_not(timed_out);
    cr_assert_eq(finish(task), -ECANCELED);
}

Test(timeout, cancelling_reaches_an_inner_that_is_being_ended)
{
    gates[0].stubborn = true;
    maru_task *task = start(MARU_MSEC);
    fake_advance(&fake, MARU_SEC);
    fake_run(&fake);
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_not(maru_task_is_finished(task));
    gate_open(&gates[0], 5);
    cr_assert_eq(finish(task), 5);
}

struct again {
    maru_frame frame;
    maru_timeout limit;
    unsigned round;
    unsigned late;
};

maru_async(again)
{
    maru_result rc;
    for (; me->round < 10; me->round++) {
        maru_await(rc, maru_within(&me->limit, MARU_MSEC, gate_wait(&gates[0])));
        me->late += rc == -ETIMEDOUT;
    }
    maru_return(me->late);
}
maru_end;

Test(timeout, one_object_limits_as_often_as_one_likes)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, again);
    for (int i = 0; i < 10; i++) {
        fake_run(&fake);
        if (i % 2)
            gate_open(&gates[0], 0);
        else
            fake_advance(&fake, 2 * MARU_MSEC);
    }
    cr_assert_eq(finish(task), 5);
}

struct nested {
    maru_frame frame;
    maru_timeout outer, inner;
    int64_t outer_ns, inner_ns;
};

maru_async(nested)
{
    maru_result rc;
    maru_await(rc, maru_within(&me->outer, me->outer_ns,
                               maru_within(&me->inner, me->inner_ns, gate_wait(&gates[0]))));
    maru_return(rc == -ETIMEDOUT ? (maru_timed_out(&me->outer) ? 1 : 2) : rc);
}
maru_end;

Test(timeout, limits_may_be_nested_and_tell_whose_it_was)
{
    maru_task *outer = FAKE_START(&fake, STATE_HANDLE, nested, .outer_ns = MARU_MSEC,
                                  .inner_ns = MARU_SEC);
    fake_run(&fake);
    fake_advance(&fake, 2 * MARU_MSEC);
    cr_assert_eq(finish(outer), 1);
    maru_task *inner = FAKE_START(&fake, STATE_HANDLE, nested, .outer_ns = MARU_SEC,
                                  .inner_ns = MARU_MSEC);
    fake_run(&fake);
    fake_advance(&fake, 2 * MARU_MSEC);
    cr_assert_eq(finish(inner), 2);
    cr_assert_eq(fake.wheel.count, 0u);
}

/* ---- limits at a moment, and limits that move ---- */

Test(timeout, a_limit_may_be_a_moment)
{
    const int64_t moments[] = { INT64_MIN, 0, MARU_SEC, MARU_SEC + 5 * MARU_MSEC };
    for (size_t i = 0; i < 4; i++) {
        fake.clock.virtual_ns = MARU_SEC;
        wheel_init(&fake.wheel, MARU_SEC);
        maru_task *task = FAKE_START(&fake, STATE_HANDLE, limited, .ns = moments[i], .until = true,
                                     .gate = &gates[0], .timed_out = &timed_out);
        fake_run(&fake);
        cr_assert_eq(maru_task_is_finished(task), i < 3, "the past is up at once");
        fake_advance(&fake, 5 * MARU_MSEC - 1);
        fake_run(&fake);
        cr_assert_eq(maru_task_is_finished(task), i < 3, "W1");
        fake_advance(&fake, MARU_MSEC);
        fake_run(&fake);
        cr_assert(timed_out);
        cr_assert_eq(finish(task), -ETIMEDOUT);
    }
}

/* conformance 31 */
Test(timeout, huge_limits_are_accepted_and_never_up)
{
    const int64_t limits[] = { INT64_MAX, INT64_MAX - 1, INT64_MAX / 2 };
    for (size_t i = 0; i < 6; i++) {
        maru_task *task = FAKE_START(&fake, STATE_HANDLE, limited, .ns = limits[i / 2],
                                     .until = i % 2, .gate = &gates[0], .timed_out = &timed_out);
        fake_run(&fake);
        fake_advance(&fake, 365 * 86400 * MARU_SEC);
        cr_assert_eq(fake_queued(&fake), 0u);
        gate_open(&gates[0], 8);
        cr_assert_eq(finish(task), 8);
        cr_assert_eq(fake.wheel.count, 0u);
    }
}

static maru_timeout *limit_of(maru_task *task)
{
    return &((struct limited *)(void *)task_root(task))->limit;
}

Test(timeout, a_limit_moves_as_long_as_it_is_not_up)
{
    maru_task *task = start(MARU_MSEC);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(maru_timeout_reset_after(limit_of(task), 3 * MARU_MSEC), 0);
        fake_advance(&fake, 2 * MARU_MSEC);
        cr_assert_eq(fake_queued(&fake), 0u);
    }
    cr_assert_eq(maru_timeout_reset(limit_of(task), maru_now() - 1), 0);
    fake_advance(&fake, INT64_C(1) << TICK_SHIFT);
    cr_assert_eq(finish(task), -ETIMEDOUT);
}

Test(timeout, a_limit_that_is_up_does_not_move)
{
    gates[0].stubborn = true;
    maru_task *task = start(MARU_MSEC);
    fake_advance(&fake, MARU_SEC);
    fake_run(&fake);
    cr_assert_eq(maru_timeout_reset_after(limit_of(task), MARU_SEC), -ETIMEDOUT);
    gate_open(&gates[0], -ECANCELED);
    fake_run(&fake);
    cr_assert_eq(maru_timeout_reset_after(limit_of(task), MARU_SEC), -EINVAL, "it has ended");
    cr_assert_eq(fake.wheel.count, 0u);
    cr_assert_eq(finish(task), -ETIMEDOUT);
}

Test(timeout, fired_but_unseen_a_limit_still_moves)
{
    maru_task *task = start(MARU_MSEC);
    fake_advance(&fake, MARU_SEC);
    cr_assert_eq(maru_timeout_reset_after(limit_of(task), MARU_SEC), 0);
    fake_run(&fake);
    cr_assert_not(maru_task_is_finished(task));
    gate_open(&gates[0], 4);
    cr_assert_eq(finish(task), 4);
    cr_assert_not(timed_out);
}

Test(timeout, bad_arguments_change_nothing)
{
    maru_timeout none = { .fired_ = false };
    cr_assert_null(maru_within(NULL, 1, gate_wait(&gates[0])));
    cr_assert_null(maru_within_until(NULL, 1, gate_wait(&gates[0])));
    cr_assert_eq(maru_timeout_reset(NULL, 1), -EINVAL);
    cr_assert_eq(maru_timeout_reset_after(NULL, 1), -EINVAL);
    cr_assert_eq(maru_timeout_reset(&none, 1), -EINVAL);
    cr_assert_null(none.sleep_.leaf_.future.type_);
    cr_assert_not(maru_timed_out(NULL));
}
