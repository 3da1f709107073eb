/* test_bad_time.c - bad arguments of sleeps, limits, intervals and clocks; and times at the ends of
 * what an int64_t can tell. */
#include "tests/unit/bad_world.h"

static void keep(maru_waker *waker)
{
    (void)waker;
}

static maru_result poll_of(maru_future *future)
{
    static const maru_waker_ops ops = { keep, keep, keep };
    maru_waker waker = { &ops };
    maru_context cx = { &waker, NULL, MARU_GO };
    return maru_future_poll(future, &cx);
}

/* ---- nothing to work on ---- */

static void no_timers(struct bad *bad)
{
    maru_sleep sleep = { .deadline_ns_ = 0 };
    maru_interval zeroed = { .period_ns_ = 0 };
    maru_timeout unused = { .fired_ = false };
    BAD(true, maru_now() > 0);
    NONE(maru_sleep_for(NULL, 1));
    NONE(maru_sleep_until(NULL, INT64_MIN));
    NONE(maru_sleep_reset(NULL, 1));
    NONE(maru_sleep_reset_after(NULL, INT64_MAX));
    BAD(bad->inside, maru_sleep_reset(&sleep, 1) != NULL);
    BAD(bad->inside, maru_sleep_reset_after(&sleep, -1) != NULL);
    BAD(0, maru_sleep_deadline(NULL));
    BAD(false, maru_sleep_is_elapsed(NULL));
    NONE(maru_within(NULL, 1, &sleep.leaf_.future));
    NONE(maru_within(NULL, 1, NULL));
    NONE(maru_within_until(NULL, 1, NULL));
    BAD(-EINVAL, maru_timeout_reset(NULL, 1));
    BAD(-EINVAL, maru_timeout_reset(&unused, 1));
    BAD(-EINVAL, maru_timeout_reset_after(NULL, 1));
    BAD(-EINVAL, maru_timeout_reset_after(&unused, 1));
    BAD(false, maru_timed_out(NULL));
    BAD(false, maru_timed_out(&unused));
    BAD(-EINVAL, maru_interval_init(NULL, 1));
    BAD(-EINVAL, maru_interval_init(&zeroed, 0));
    BAD(-EINVAL, maru_interval_init(&zeroed, INT64_MIN));
    BAD(-EINVAL, maru_interval_init_at(NULL, 0, 1));
    BAD(-EINVAL, maru_interval_init_at(&zeroed, 0, 0));
    BAD(-EINVAL, maru_interval_init_at(&zeroed, INT64_MAX, -1));
    BAD(-EINVAL, maru_interval_set_missed(NULL, MARU_MISSED_SKIP));
    BAD(-EINVAL, maru_interval_set_missed(&zeroed, -1));
    BAD(-EINVAL, maru_interval_set_missed(&zeroed, MARU_MISSED_SKIP + 1));
    BAD(-EINVAL, maru_interval_set_missed(&zeroed, INT32_MAX));
    NONE(maru_interval_tick(NULL));
    BAD(-EINVAL, maru_interval_reset(NULL));
    BAD(-EINVAL, maru_interval_reset(&zeroed));
    BAD(-EINVAL, maru_interval_reset_immediately(NULL));
    BAD(-EINVAL, maru_interval_reset_immediately(&zeroed));
    BAD(-EINVAL, maru_interval_reset_after(NULL, 1));
    BAD(-EINVAL, maru_interval_reset_after(&zeroed, 1));
    BAD(-EINVAL, maru_interval_reset_at(NULL, 1));
    BAD(-EINVAL, maru_interval_reset_at(&zeroed, 1));
    BAD(0, maru_interval_period(NULL));
    BAD(0, maru_interval_period(&zeroed));
    BAD(0, maru_interval_next(NULL));
}

Test(bad_time, no_timer_is_no_timer, .timeout = 30)
{
    bad_calls(no_timers);
}

/* ---- where no task runs ---- */

Test(bad_time, polled_outside_of_tasks_timers_say_so, .timeout = 30)
{
    struct bad here = { .place = "outside", .looks = true }, *bad = &here;
    maru_sleep sleep = { .deadline_ns_ = 0 };
    maru_interval interval = { .period_ns_ = 0 };
    maru_timeout limit = { .fired_ = false };
    maru_leaf leaf = { .waker_ = NULL };
    BAD(-EPERM, poll_of(maru_sleep_for(&sleep, MARU_SEC)));
    BAD(-EPERM, poll_of(maru_sleep_until(&sleep, INT64_MAX)));
    BAD(0, poll_of(maru_sleep_for(&sleep, -1)));
    BAD(-EPERM, poll_of(maru_within(&limit, 1, maru_sleep_for(&sleep, MARU_SEC))));
    BAD(7, poll_of(maru_within_until(&limit, 0, maru_future_ready(&leaf.future, 7))));
    BAD(0, maru_interval_init_at(&interval, INT64_MAX, 1));
    BAD(-EPERM, poll_of(maru_interval_tick(&interval)));
    BAD(-EPERM, maru_interval_reset(&interval));
    BAD(-EPERM, maru_interval_reset_immediately(&interval));
    BAD(-EPERM, maru_interval_reset_after(&interval, 1));
    BAD(-EPERM, maru_interval_reset_at(&interval, 1));
    BAD(INT64_MAX, maru_interval_next(&interval));
    BAD(-EPERM, maru_clock_pause());
    BAD(-EPERM, maru_clock_resume());
    BAD(-EPERM, maru_clock_advance(1));
    cr_assert_eq(bad->wrong, 0);
}

/* ---- clocks ---- */

struct clocks {
    maru_frame frame;
    struct bad *bad;
    maru_pause pause;
};

maru_async(clocks)
{
    struct bad *bad = me->bad;
    bool is_single = strstr(bad->place, "SINGLE") != NULL;
    if (!is_single) {
        BAD(-EPERM, maru_clock_pause());
        BAD(-EPERM, maru_clock_resume());
        BAD(-EPERM, maru_clock_advance(1));
    } else {
        BAD(-EALREADY, maru_clock_resume());
        BAD(-EPERM, maru_clock_advance(1));
        BAD(0, maru_clock_pause());
        BAD(-EALREADY, maru_clock_pause());
        BAD(-EINVAL, maru_clock_advance(-1));
        BAD(-EINVAL, maru_clock_advance(INT64_MIN));
        BAD(-EINVAL, maru_clock_advance(INT64_MAX));
        BAD(0, maru_clock_advance(0));
        BAD(0, maru_clock_resume());
    }
}
maru_end;

Test(bad_time, clocks_do_only_what_they_can, .timeout = 30)
{
    BAD_TASKS(clocks);
}

/* ---- the ends of time ---- */

struct ends_of_time {
    maru_frame frame;
    struct bad *bad;
    maru_result got;
    maru_sleep sleep, other;
    maru_timeout limit;
    maru_interval interval, zeroed;
};

maru_async(ends_of_time)
{
    AWAITED(0, maru_sleep_for(&me->sleep, 0));
    AWAITED(0, maru_sleep_for(&me->sleep, INT64_MIN));
    AWAITED(0, maru_sleep_until(&me->sleep, INT64_MIN));
    AWAITED(0, maru_sleep_until(&me->sleep, -1));
    AWAITED(-ETIMEDOUT, maru_within(&me->limit, 1, maru_sleep_for(&me->sleep, INT64_MAX)));
    AWAITED(-ETIMEDOUT, maru_within(&me->limit, -1, maru_sleep_until(&me->sleep, INT64_MAX)));
    AWAITED(-ETIMEDOUT, maru_within_until(&me->limit, INT64_MIN,
                                          maru_sleep_for(&me->sleep, INT64_MAX - 1)));
    AWAITED(0, maru_within(&me->limit, INT64_MAX, maru_sleep_for(&me->sleep, 1)));
    struct bad *bad = me->bad;
    BAD(-EINVAL, maru_timeout_reset(&me->limit, INT64_MAX));
    BAD(-EINVAL, maru_timeout_reset_after(&me->limit, 1));
    BAD(false, maru_timed_out(&me->limit));
    AWAITED(-EINVAL, maru_interval_tick(&me->zeroed));
    maru_check(maru_interval_init_at(&me->interval, INT64_MIN, 1));
    AWAITED(INT64_MAX, maru_interval_tick(&me->interval));
    maru_check(maru_interval_init_at(&me->interval, INT64_MIN, INT64_MAX));
    maru_check(maru_interval_set_missed(&me->interval, MARU_MISSED_SKIP));
    AWAITED(1, maru_interval_tick(&me->interval));
    maru_check(maru_interval_init(&me->interval, INT64_MAX));
    AWAITED(0, maru_interval_tick(&me->interval));
    bad = me->bad;
    BAD(INT64_MAX, maru_interval_next(&me->interval));
    BAD(0, maru_interval_reset(&me->interval));
    BAD(0, maru_interval_reset_after(&me->interval, INT64_MIN));
    AWAITED(0, maru_interval_tick(&me->interval));
    maru_check(maru_interval_init_at(&me->interval, INT64_MAX, 1));
    AWAITED(-ETIMEDOUT, maru_within(&me->limit, 1, maru_interval_tick(&me->interval)));
    bad = me->bad;
    BAD(-EINVAL, maru_interval_init(&me->interval, 0));
    BAD(1, maru_interval_period(&me->interval));
}
maru_end;

Test(bad_time, times_beyond_the_ends_of_time_are_at_the_ends, .timeout = 30)
{
    BAD_TASKS(ends_of_time);
}

/* ---- what is in flight ---- */

struct in_flight {
    maru_frame frame;
    struct bad *bad;
    maru_result got;
    maru_interval interval;
    maru_sleep nap;
};

/* The tick stays in flight beside the nap that wins. */
maru_async(in_flight)
{
    maru_check(maru_interval_init_at(&me->interval, INT64_MAX, MARU_SEC));
    maru_race(me->got, maru_interval_tick(&me->interval), maru_sleep_for(&me->nap, 1));
    struct bad *bad = me->bad;
    BAD(1, me->got);
    BAD(-EBUSY, maru_interval_init(&me->interval, 1));
    BAD(-EBUSY, maru_interval_init_at(&me->interval, 0, 1));
    BAD(MARU_SEC, maru_interval_period(&me->interval));
}
maru_end;

Test(bad_time, an_interval_whose_tick_is_in_flight_is_not_made_anew, .timeout = 30)
{
    BAD_TASKS(in_flight);
}
