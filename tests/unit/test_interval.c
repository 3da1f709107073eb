/* test_interval.c - ticks a period apart, on a virtual clock: what comes when, what becomes of what
 * was missed, and that nothing is lost by cancelling. */
#include "maru/interval.h"

#include "async_world.h"
#include "runtime/base/context.h"
#include "timer/timer.h"

ASYNC_SUITE(interval);

#define VIRTUALLY(expected, ...)                                                                \
    do {                                                                                        \
        maru_options options_;                                                                  \
        maru_runtime *runtime_ = NULL;                                                          \
        maru_options_init(&options_, sizeof options_);                                          \
        options_.flavor = MARU_FLAVOR_SINGLE;                                                   \
        options_.clock = MARU_CLOCK_VIRTUAL;                                                    \
        cr_assert_eq(maru_runtime_new(&options_, &runtime_), 0);                                \
        cr_assert_eq(maru_block_on(runtime_, __VA_ARGS__), (expected), "%s", #__VA_ARGS__);     \
        world_free(runtime_);                                                                   \
    } while (0)

/* ---- schedules ---- */

struct times {
    int64_t at;                  /* when the tick came */
    maru_result late;            /* what it said */
};

struct ticks {
    maru_frame frame;
    int64_t start, period;
    int missed, count, i;
    int stall_at;                /* the tick after which work takes `stall` */
    int64_t stall;
    const struct times *expected;
    maru_interval tick;
    maru_sleep work;
};

maru_async(ticks)
{
    maru_result late;
    maru_check(me->start ? maru_interval_init_at(&me->tick, me->start, me->period)
                         : maru_interval_init(&me->tick, me->period));
    maru_check(maru_interval_set_missed(&me->tick, me->missed));
    for (me->i = 0; me->i < me->count; me->i++) {
        maru_try(late, maru_interval_tick(&me->tick));
        if (maru_now() != me->expected[me->i].at || late != me->expected[me->i].late)
            fprintf(stderr, "tick %d at %lld, %lld late\n", me->i, (long long)maru_now(),
                    (long long)late);
        WANT(maru_now() == me->expected[me->i].at && late == me->expected[me->i].late);
        if (me->i == me->stall_at)
            maru_try(maru_sleep_for(&me->work, me->stall));
    }
}
maru_end;

#define MS(n) ((n) * MARU_MSEC)

#define TICKS_ARE(times, ...)                                                                   \
    VIRTUALLY(0, ticks, .expected = (times), .count = sizeof(times) / sizeof *(times),          \
              __VA_ARGS__)

/* conformance 32 */
Test(interval, the_first_tick_comes_at_once_and_then_one_a_period)
{
    static const struct times times[] = { { 0, 0 }, { 50, 0 }, { 100, 0 }, { 150, 0 } };
    for (int missed = MARU_MISSED_BURST; missed <= MARU_MISSED_SKIP; missed++)
        TICKS_ARE(times, .period = 50, .missed = missed, .stall = 20);
    static const struct times later[] = { { 7, 0 }, { 57, 0 }, { 107, 0 } };
    for (int missed = MARU_MISSED_BURST; missed <= MARU_MISSED_SKIP; missed++)
        TICKS_ARE(later, .period = 50, .missed = missed, .stall = 49, .start = 7);
}

/* conformance 32 */
Test(interval, burst_catches_up)
{
    static const struct times times[] = { { MS(0), 0 },   { MS(180), 2 }, { MS(180), 1 },
                                          { MS(180), 0 }, { MS(200), 0 }, { MS(250), 0 } };
    TICKS_ARE(times, .period = MS(50), .missed = MARU_MISSED_BURST, .stall = MS(180));
}

/* conformance 32 */
Test(interval, delay_begins_anew)
{
    static const struct times times[] = { { 0, 0 }, { MS(180), 2 }, { MS(230), 0 } };
    TICKS_ARE(times, .period = MS(50), .missed = MARU_MISSED_DELAY, .stall = MS(180));
    static const struct times late[] = { { MS(0), 0 }, { MS(58), 0 }, { MS(108), 0 } };
    TICKS_ARE(late, .period = MS(50), .missed = MARU_MISSED_DELAY, .stall = MS(58));
    static const struct times hardly[] = { { MS(0), 0 }, { MS(54), 0 }, { MS(100), 0 } };
    TICKS_ARE(hardly, .period = MS(50), .missed = MARU_MISSED_DELAY, .stall = MS(54));
    static const struct times quick[] = { { 0, 0 }, { MS(3), 2 }, { MS(4), 0 } };
    TICKS_ARE(quick, .period = MS(1), .missed = MARU_MISSED_DELAY, .stall = MS(3));
}

/* conformance 32 */
Test(interval, skip_leaves_out_what_was_missed_and_keeps_the_schedule)
{
    static const struct times times[] = { { 0, 0 }, { MS(180), 2 }, { MS(200), 0 } };
    TICKS_ARE(times, .period = MS(50), .missed = MARU_MISSED_SKIP, .stall = MS(180));
    static const struct times just[] = { { 0, 0 }, { 150, 2 }, { 200, 0 } };
    TICKS_ARE(just, .period = 50, .missed = MARU_MISSED_SKIP, .stall = 150);
}

Test(interval, one_that_began_in_the_past_has_missed_ticks)
{
    static const struct times burst[] = { { 0, 2 }, { 0, 1 }, { 0, 0 }, { 30, 0 }, { 80, 0 } };
    TICKS_ARE(burst, .period = 50, .start = -120);
    static const struct times skip[] = { { 0, 2 }, { 30, 0 }, { 80, 0 } };
    TICKS_ARE(skip, .period = 50, .start = -120, .missed = MARU_MISSED_SKIP);
    static const struct times ages[] = { { 0, INT64_MAX } };
    TICKS_ARE(ages, .period = 1, .start = INT64_MIN, .missed = MARU_MISSED_SKIP);
}

/* ---- resets ---- */

struct resets {
    maru_frame frame;
    maru_interval tick;
    maru_sleep work;
};

#define TICKS_AT(ns)                                                                            \
    do {                                                                                        \
        maru_try(maru_interval_tick(&me->tick));                                                \
        WANT(maru_now() == (ns));                                                               \
    } while (0)

maru_async(resets)
{
    maru_check(maru_interval_init(&me->tick, 100));
    TICKS_AT(0);
    WANT(maru_interval_period(&me->tick) == 100 && maru_interval_next(&me->tick) == 100);
    maru_try(maru_sleep_for(&me->work, 30));
    maru_check(maru_interval_reset(&me->tick));
    TICKS_AT(130);
    maru_try(maru_sleep_for(&me->work, 30));
    maru_check(maru_interval_reset_immediately(&me->tick));
    TICKS_AT(160);
    TICKS_AT(260);
    maru_check(maru_interval_reset_after(&me->tick, 7));
    TICKS_AT(267);
    maru_check(maru_interval_reset_after(&me->tick, -7));
    TICKS_AT(267);
    TICKS_AT(367);
    maru_check(maru_interval_reset_at(&me->tick, 1000));
    WANT(maru_interval_next(&me->tick) == 1000);
    TICKS_AT(1000);
    maru_check(maru_interval_reset_at(&me->tick, 900));
    TICKS_AT(1000);
    TICKS_AT(1000);
    TICKS_AT(1100);
    maru_check(maru_interval_reset_after(&me->tick, INT64_MAX));
    WANT(maru_interval_next(&me->tick) == INT64_MAX);
}
maru_end;

/* conformance 32 */
Test(interval, it_can_be_moved_in_four_ways)
{
    VIRTUALLY(0, resets);
}

struct mover {
    maru_frame frame;
    maru_interval *tick;
    maru_sleep nap;
};

maru_async(mover)
{
    maru_try(maru_sleep_until(&me->nap, 10));
    WANT(maru_interval_init(me->tick, 5) == -EBUSY && maru_interval_next(me->tick) == 50);
    maru_check(maru_interval_reset_at(me->tick, 500));      /* later */
    maru_try(maru_sleep_until(&me->nap, 20));
    maru_check(maru_interval_reset(me->tick));              /* earlier */
}
maru_end;

struct moved {
    maru_frame frame;
    maru_interval tick;
    struct mover mover;
    struct moved_tick {
        maru_frame frame;
        maru_interval *tick;
    } kid;
};

maru_async(moved_tick)
{
    maru_try(maru_interval_tick(me->tick));
    WANT(maru_now() == 120);
    maru_try(maru_interval_tick(me->tick));
    WANT(maru_now() == 220);
}
maru_end;

maru_async(moved)
{
    maru_result rc;
    maru_check(maru_interval_init_at(&me->tick, 50, 100));
    maru_join(rc, maru_call(moved_tick, &me->kid, .tick = &me->tick),
              maru_call(mover, &me->mover, .tick = &me->tick));
    maru_return(rc);
}
maru_end;

Test(interval, a_tick_that_is_in_flight_is_moved_too)
{
    VIRTUALLY(0, moved);
}

/* ---- cancelling ---- */

struct loses {
    maru_frame frame;
    maru_interval tick;
    maru_sleep other;
    maru_timeout limit;
    int i;
};

maru_async(loses)
{
    maru_result n;
    maru_check(maru_interval_init_at(&me->tick, 100, 100));
    for (me->i = 0; me->i < 33; me->i++) {              /* loses at 3, 6, ... 99 */
        maru_select(n, maru_interval_tick(&me->tick), maru_sleep_for(&me->other, 3));
        WANT(n == 1 && maru_result_of(&me->tick) == -ECANCELED);
        WANT(maru_interval_next(&me->tick) == 100);
    }
    maru_select(n, maru_interval_tick(&me->tick), maru_sleep_for(&me->other, 3));
    WANT(n == 0 && maru_now() == 100 && maru_result_of(&me->tick) == 0);
    maru_await(n, maru_within(&me->limit, 99, maru_interval_tick(&me->tick)));
    WANT(n == -ETIMEDOUT && maru_interval_next(&me->tick) == 200);
    maru_await(n, maru_interval_tick(&me->tick));
    WANT(n == 0 && maru_now() == 200);
}
maru_end;

/* conformance 32 */
Test(interval, an_arm_that_loses_loses_no_tick)
{
    VIRTUALLY(0, loses);
}

struct ties {
    maru_frame frame;
    maru_interval tick;
    maru_sleep other;
    int i, ticks;
};

/* Both arms are due at the same moment: whoever loses is due at once afterwards. */
maru_async(ties)
{
    maru_result arm;
    maru_check(maru_interval_init_at(&me->tick, 10, 10));
    for (me->i = 0; me->i < 1000; me->i++) {
        maru_select(arm, maru_interval_tick(&me->tick),
                    maru_sleep_until(&me->other, 10 * (me->ticks + 1)));
        WANT(arm == 0 || arm == 1);
        WANT(maru_now() == 10 * (me->ticks + 1));
        me->ticks += arm == 0;
        WANT(maru_interval_next(&me->tick) == 10 * (me->ticks + 1));
    }
    WANT(me->ticks > 0 && me->ticks < 1000);
}
maru_end;

Test(interval, a_tick_that_was_due_and_lost_comes_at_once)
{
    VIRTUALLY(0, ties);
}

struct cancelled {
    maru_frame frame;
    maru_interval tick;
    maru_result *told;
};

maru_async(cancelled)
{
    maru_check(maru_interval_init_at(&me->tick, 3600 * MARU_SEC, 1));
    maru_await(*me->told, maru_interval_tick(&me->tick));
    maru_await(*me->told, maru_interval_tick(&me->tick));
    WANT(maru_interval_next(&me->tick) == 3600 * MARU_SEC);
}
maru_end;

struct cancels {
    maru_frame frame;
    maru_result told;
    maru_task *task;
    maru_pause pause;
    maru_join_wait join;
};

maru_async(cancels)
{
    me->task = maru_spawn(cancelled, .told = &me->told);
    maru_try(maru_yield(&me->pause));
    maru_cancel(me->task);
    maru_await(maru_join_task(&me->join, me->task));
    WANT(context_here()->local->wheels[0].count == 0 && maru_now() == 0);
    maru_return(me->told);
}
maru_end;

Test(interval, a_cancelled_task_gets_no_tick)
{
    VIRTUALLY(-ECANCELED, cancels);
}

/* ---- real clocks ---- */

struct beats {
    maru_frame frame;
    maru_interval tick;
    int64_t began;
    int i;
};

maru_async(beats)
{
    me->began = maru_now();
    maru_check(maru_interval_init(&me->tick, MARU_MSEC));
    for (me->i = 0; me->i < 20; me->i++) {
        maru_try(maru_interval_tick(&me->tick));
        WANT(maru_now() >= me->began + me->i * MARU_MSEC);
    }
}
maru_end;

Test(interval, on_every_kind_of_runtime_no_tick_is_early)
{
    EVERYWHERE(0, beats);
}

/* ---- bad arguments ---- */

struct bad {
    maru_frame frame;
    maru_interval tick;
    maru_interval none;
};

maru_async(bad)
{
    maru_result rc;
    WANT(maru_interval_init(&me->tick, 0) == -EINVAL);
    WANT(maru_interval_init(&me->tick, -1) == -EINVAL);
    WANT(maru_interval_init_at(&me->tick, 0, INT64_MIN) == -EINVAL);
    WANT(maru_interval_init(NULL, 1) == -EINVAL && maru_interval_init_at(NULL, 0, 1) == -EINVAL);
    WANT(maru_interval_period(&me->tick) == 0 && maru_interval_period(NULL) == 0);
    WANT(maru_interval_next(NULL) == 0 && maru_interval_tick(NULL) == NULL);
    WANT(maru_interval_reset(NULL) == -EINVAL && maru_interval_reset(&me->none) == -EINVAL);
    WANT(maru_interval_reset_at(NULL, 5) == -EINVAL);
    WANT(maru_interval_reset_after(NULL, 5) == -EINVAL);
    WANT(maru_interval_reset_immediately(NULL) == -EINVAL);
    WANT(maru_interval_set_missed(NULL, MARU_MISSED_SKIP) == -EINVAL);
    WANT(maru_interval_set_missed(&me->tick, -1) == -EINVAL);
    WANT(maru_interval_set_missed(&me->tick, MARU_MISSED_SKIP + 1) == -EINVAL);
    maru_await(rc, maru_interval_tick(&me->none));
    WANT(rc == -EINVAL);
    maru_check(maru_interval_init(&me->tick, INT64_MAX));
    maru_try(maru_interval_tick(&me->tick));
    WANT(maru_now() == 0 && maru_interval_next(&me->tick) == INT64_MAX);
}
maru_end;

/* conformance 32 */
Test(interval, bad_arguments_are_refused)
{
    VIRTUALLY(0, bad);
    maru_interval tick;
    memset(&tick, 0, sizeof tick);
    cr_assert_eq(maru_interval_init(&tick, 1), 0);
    cr_assert_eq(maru_interval_reset(&tick), -EPERM, "no task runs here");
}
