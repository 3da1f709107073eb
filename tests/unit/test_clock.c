/* test_clock.c - real time never goes back; virtual time stands still; a pause changes neither the
 * one nor the other by itself. */
#include "runtime/base/clock.h"

#include <criterion/criterion.h>
#include <time.h>

Test(clock, real_time_never_goes_back)
{
    int64_t before = clock_real_now();
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_real_now();
        cr_assert_geq(now, before);
        before = now;
    }
}

Test(clock, real_time_is_the_monotonic_clock_in_nanoseconds)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    int64_t now = clock_real_now();
    clock_gettime(CLOCK_MONOTONIC, &end);
    cr_assert_geq(now, begin.tv_sec * INT64_C(1000000000) + begin.tv_nsec);
    cr_assert_leq(now, end.tv_sec * INT64_C(1000000000) + end.tv_nsec);
}

Test(clock, a_clock_that_is_not_virtual_tells_real_time)
{
    struct clock clock = { .virtual_ns = 5, .is_virtual = false };
    int64_t before = clock_real_now(), now = clock_now(&clock);
    cr_assert_geq(now, before);
    cr_assert_leq(now, clock_real_now());
}

Test(clock, virtual_time_moves_only_when_it_is_moved)
{
    struct clock clock = { .virtual_ns = 5, .is_virtual = true };
    cr_assert_eq(clock_now(&clock), 5);
    cr_assert_eq(clock_now(&clock), 5);
    clock.virtual_ns += 1000;
    cr_assert_eq(clock_now(&clock), 1005);
}

Test(clock, the_coarse_clock_is_never_ahead)
{
    struct clock clock = { 0 };
    int64_t coarse = clock_coarse_now(&clock);
    cr_assert_gt(coarse, 0);
    cr_assert_leq(coarse, clock_now(&clock));
}

Test(clock, virtual_time_has_one_grain)
{
    struct clock clock = { .virtual_ns = 77, .is_virtual = true };
    cr_assert_eq(clock_coarse_now(&clock), 77);
}

Test(clock, virtual_time_may_be_any_moment)
{
    struct clock clock = { .is_virtual = true };
    const int64_t moments[] = { INT64_MIN, -1, 0, 1, INT64_MAX };
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        clock.virtual_ns = moments[i];
        cr_assert_eq(clock_now(&clock), moments[i]);
    }
}

Test(clock, a_pause_stops_it_where_it_is_and_it_runs_on_from_there)
{
    struct clock clock = { .can_pause = true };
    int64_t before = clock_now(&clock);
    clock_pause(&clock);
    cr_assert(clock.is_paused && clock.is_virtual);
    int64_t paused = clock_now(&clock);
    cr_assert_geq(paused, before);
    cr_assert_eq(clock_now(&clock), paused);
    clock.virtual_ns += INT64_C(3600000000000);
    clock_resume(&clock);
    cr_assert_not(clock.is_paused || clock.is_virtual);
    int64_t now = clock_now(&clock), real = clock_real_now();
    cr_assert_geq(now, paused + INT64_C(3600000000000));
    cr_assert_lt(now - real, INT64_C(3600000000000));
    clock_pause(&clock);
    cr_assert_geq(clock_now(&clock), now, "its lead is kept");
}

Test(clock, one_that_begins_at_zero_runs_on_from_zero)
{
    struct clock clock = { .is_virtual = true };
    clock_pause(&clock);
    cr_assert_eq(clock_now(&clock), 0);
    int64_t before = clock_real_now();
    clock_resume(&clock);
    int64_t now = clock_now(&clock);
    cr_assert_geq(now, 0);
    cr_assert_leq(now, clock_real_now() - before);
}
