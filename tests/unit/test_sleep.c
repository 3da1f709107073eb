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

/* ---- another deadline ---- */

static maru_sleep *nap_of(maru_task *task)
{
    return &((struct sleeps *)(void *)task_root(task))->nap;
}

static maru_task *asleep(int64_t ns)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, sleeps, .ns = ns);
    fake_run(&fake);
    return task;
}

static void fires_after(maru_task *task, int64_t ns)
{
    fake_advance(&fake, ns - 1);
    fake_run(&fake);
    cr_assert_not(maru_task_is_finished(task), "W1");
    fake_advance(&fake, MARU_MSEC);
    fake_run(&fake);
    cr_assert_eq(fake.wheel.count, 0u);
    cr_assert_eq(fake_take_result(task), 0);
}

struct resets_first {
    maru_frame frame;
    maru_sleep nap;
    int64_t first_ns, ns;
};

maru_async(resets_first)
{
    maru_result rc;
    (void)!maru_sleep_for(&me->nap, me->first_ns);
    cr_assert_eq(maru_sleep_deadline(&me->nap), MARU_SEC + (me->first_ns > 0 ? me->first_ns : 0));
    maru_await(rc, maru_sleep_reset_after(&me->nap, me->ns));
    maru_return(rc);
}
maru_end;

/* conformance 28 */
Test(sleep, before_its_first_poll_it_may_be_given_another_deadline)
{
    const int64_t firsts[] = { 0, MARU_MSEC, 3600 * MARU_SEC, INT64_MAX - MARU_SEC };
    for (size_t i = 0; i < 4; i++) {
        fake.clock.virtual_ns = MARU_SEC;
        maru_task *task = FAKE_START(&fake, STATE_HANDLE, resets_first, .first_ns = firsts[i]);
        fake_run_one(&fake);
        cr_assert_eq(fake_take_result(task), 0, "to now");
        task = FAKE_START(&fake, STATE_HANDLE, resets_first, .first_ns = firsts[i],
                          .ns = 5 * MARU_MSEC);
        fake_run(&fake);
        fires_after(task, 5 * MARU_MSEC);
    }
}

/* conformance 28 */
Test(sleep, while_it_waits_it_can_be_moved_to_earlier_later_and_past)
{
    maru_task *task = asleep(MARU_SEC);
    cr_assert_eq(maru_sleep_reset_after(nap_of(task), 5 * MARU_MSEC), &nap_of(task)->leaf_.future);
    cr_assert_eq(fake.wheel.count, 1u);
    fires_after(task, 5 * MARU_MSEC);

    task = asleep(MARU_MSEC);
    (void)maru_sleep_reset_after(nap_of(task), MARU_SEC);
    cr_assert_eq(maru_sleep_deadline(nap_of(task)), maru_now() + MARU_SEC);
    fires_after(task, MARU_SEC);

    const int64_t past[] = { INT64_MIN, -1, 0, 5 };
    for (size_t i = 0; i < 4; i++) {
        task = asleep(MARU_SEC);
        (void)maru_sleep_reset(nap_of(task), past[i]);
        cr_assert(timer_is_due(&fake.local));
        fake_advance(&fake, 0);
        fake_run(&fake);
        cr_assert_eq(fake_take_result(task), 0);
    }
}

/* conformance 28 */
Test(sleep, one_that_has_fired_unseen_waits_again_after_a_reset)
{
    maru_task *task = asleep(MARU_MSEC);
    fake_advance(&fake, 2 * MARU_MSEC);
    cr_assert_eq(fake_queued(&fake), 1u);
    cr_assert(maru_sleep_is_elapsed(nap_of(task)));
    (void)maru_sleep_reset_after(nap_of(task), MARU_SEC);
    cr_assert_not(maru_sleep_is_elapsed(nap_of(task)));
    fake_run(&fake);
    cr_assert_not(maru_task_is_finished(task), "the wake of before is a stray one now");
    fires_after(task, MARU_SEC);
}

/* conformance 28 */
Test(sleep, cancelled_after_a_reset_it_leaves_the_wheel)
{
    for (int fired = 0; fired < 2; fired++) {
        maru_task *task = asleep(MARU_MSEC);
        if (fired)
            fake_advance(&fake, 2 * MARU_MSEC);
        (void)maru_sleep_reset_after(nap_of(task), MARU_SEC);
        maru_cancel(task);
        fake_run(&fake);
        cr_assert_eq(fake.wheel.count, 0u);
        cr_assert_eq(fake_take_result(task), -ECANCELED);
    }
}

Test(sleep, moved_to_never_it_does_not_come)
{
    maru_task *task = asleep(MARU_MSEC);
    (void)maru_sleep_reset_after(nap_of(task), INT64_MAX);
    cr_assert_eq(maru_sleep_deadline(nap_of(task)), INT64_MAX);
    fake_advance(&fake, 1000000 * MARU_SEC);
    cr_assert_eq(fake_queued(&fake), 0u);
    (void)maru_sleep_reset_after(nap_of(task), MARU_MSEC);
    fires_after(task, MARU_MSEC);
}

struct resets_last {
    maru_frame frame;
    maru_sleep nap;
    int stage;
};

maru_async(resets_last)
{
    maru_try(maru_sleep_reset_after(&me->nap, MARU_MSEC));      /* it was never started */
    cr_assert(maru_sleep_is_elapsed(&me->nap));
    me->stage = 1;
    (void)maru_sleep_reset_after(&me->nap, MARU_MSEC);
    cr_assert_eq(maru_result_of(&me->nap), MARU_PENDING);
    cr_assert_not(maru_sleep_is_elapsed(&me->nap));
    maru_try(&me->nap.leaf_.future);
    me->stage = 2;
    maru_try(maru_sleep_reset(&me->nap, maru_now() - 1));
    me->stage = 3;
}
maru_end;

/* conformance 28 */
Test(sleep, one_that_has_ended_can_be_awaited_again)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, resets_last);
    struct resets_last *frame = (struct resets_last *)(void *)task_root(task);
    fake_run(&fake);
    cr_assert_eq(frame->stage, 0);
    fake_advance(&fake, 2 * MARU_MSEC);
    fake_run(&fake);
    cr_assert_eq(frame->stage, 1);
    fake_advance(&fake, 2 * MARU_MSEC);
    fake_run(&fake);
    cr_assert_eq(frame->stage, 3);
    cr_assert_eq(fake_take_result(task), 0);
}

struct limited {
    maru_frame frame;
    maru_sleep nap;
    maru_timeout limit;
};

maru_async(limited)
{
    maru_result rc;
    maru_await(rc, maru_within(&me->limit, 60 * MARU_SEC, maru_sleep_for(&me->nap, MARU_MSEC)));
    maru_return(rc);
}
maru_end;

Test(sleep, as_a_part_of_a_wrapper_it_can_be_moved_too)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, limited);
    fake_run(&fake);
    maru_sleep *nap = &((struct limited *)(void *)task_root(task))->nap;
    (void)maru_sleep_reset_after(nap, MARU_SEC);
    fires_after(task, MARU_SEC);
}

Test(sleep, a_reset_of_nothing_or_by_nobody_does_nothing)
{
    maru_sleep sleep = { .deadline_ns_ = 5 };
    cr_assert_null(maru_sleep_reset(NULL, 1));
    cr_assert_null(maru_sleep_reset_after(NULL, 1));
    cr_assert_null(maru_sleep_for(NULL, 1));
    cr_assert_null(maru_sleep_until(NULL, 1));
    cr_assert_eq(maru_sleep_deadline(NULL), 0);
    cr_assert_not(maru_sleep_is_elapsed(NULL));
    cr_assert_not(maru_sleep_is_elapsed(&sleep));
    context_here()->local = NULL;
    cr_assert_null(maru_sleep_reset(&sleep, 1));
    cr_assert_eq(maru_sleep_deadline(&sleep), 5);
    context_here()->local = &fake.local;
}

Test(sleep, elapsed_means_fired)
{
    maru_sleep sleep = { .deadline_ns_ = 0 };
    (void)!maru_sleep_for(&sleep, 0);
    cr_assert(maru_sleep_is_elapsed(&sleep), "it is due before any poll");
    (void)!maru_sleep_for(&sleep, 1);
    cr_assert_not(maru_sleep_is_elapsed(&sleep));
    maru_task *task = asleep(MARU_SEC);
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_not(maru_sleep_is_elapsed(nap_of(task)), "it was cancelled");
    cr_assert_eq(fake_take_result(task), -ECANCELED);
}

/* ---- by hand: wakers of our own ---- */

struct bell {
    maru_waker waker;            /* first */
    unsigned rung;
};

static void bell_keep(maru_waker *waker)
{
    (void)waker;
}

static void bell_ring(maru_waker *waker)
{
    ((struct bell *)(void *)waker)->rung++;
}

static const maru_waker_ops bell_ops = { bell_keep, bell_ring, bell_keep };

/* conformance 30 */
Test(sleep, only_the_last_waker_that_polled_is_woken)
{
    struct bell bells[3] = { { { &bell_ops }, 0 }, { { &bell_ops }, 0 }, { { &bell_ops }, 0 } };
    maru_sleep sleep = { .deadline_ns_ = 0 };
    maru_future *future = maru_sleep_for(&sleep, MARU_MSEC);
    for (int round = 0; round < 7; round++) {
        maru_context cx = { &bells[round % 3].waker, NULL, MARU_GO };
        cr_assert_eq(maru_future_poll(future, &cx), MARU_PENDING);
        cr_assert_eq(fake.wheel.count, 1u);
    }
    fake_advance(&fake, 2 * MARU_MSEC);
    cr_assert_eq(bells[0].rung, 1u);
    cr_assert_eq(bells[1].rung + bells[2].rung, 0u);
    maru_context late = { &bells[1].waker, NULL, MARU_GO };
    cr_assert_eq(maru_future_poll(future, &late), 0);
}

/* conformance 35 */
Test(sleep, a_hundred_thousand_polled_once_and_dropped_leave_the_wheel_empty)
{
    enum { COUNT = 100000 };
    static maru_sleep sleeps[COUNT];
    struct bell bell = { { &bell_ops }, 0 };
    struct rng rng = { 35 };
    maru_context go = { &bell.waker, NULL, MARU_GO }, lose = { &bell.waker, NULL, MARU_LOSE };
    for (int i = 0; i < COUNT; i++) {
        maru_future *future = maru_sleep_for(&sleeps[i], 1 + (int64_t)(rng_next(&rng) >> 20));
        cr_assert_eq(maru_future_poll(future, &go), MARU_PENDING);
    }
    cr_assert_eq(fake.wheel.count, (uint64_t)COUNT);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(maru_future_poll(&sleeps[i].leaf_.future, &lose), -ECANCELED);
    cr_assert_eq(fake.wheel.count, 0u);
    cr_assert_eq(timer_wait(&fake.local), DRIVER_FOR_EVER);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++)
        cr_assert_eq(fake.wheel.occupied[level], 0u);
    cr_assert_eq(bell.rung, 0u);
}

/* conformance 27 */
Test(sleep, at_the_edges_of_milliseconds_and_after_years_it_is_not_early)
{
    const int64_t edges[] = { 63 * MARU_MSEC, 64 * MARU_MSEC, 4095 * MARU_MSEC, 4096 * MARU_MSEC,
                              2 * 365 * 86400 * MARU_SEC, 200 * 365 * 86400ll * MARU_SEC };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        fake.clock.virtual_ns = 17 * MARU_SEC;
        wheel_init(&fake.wheel, fake.clock.virtual_ns);
        fires_after(asleep(edges[i]), edges[i]);
    }
}
