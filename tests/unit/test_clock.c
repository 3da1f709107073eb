/* test_clock.c - real time never goes back; virtual time stands still. */
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

Test(clock, virtual_time_may_be_any_moment)
{
    struct clock clock = { .is_virtual = true };
    const int64_t moments[] = { INT64_MIN, -1, 0, 1, INT64_MAX };
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        clock.virtual_ns = moments[i];
        cr_assert_eq(clock_now(&clock), moments[i]);
    }
}
