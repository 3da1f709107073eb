/* clock.c - see clock.h. */
#include "runtime/base/clock.h"

#include "runtime/base/check.h"

#include <time.h>

int64_t clock_real_now(void)
{
    struct timespec t;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int64_t clock_now(const struct clock *clock)
{
    return clock->is_virtual ? clock->virtual_ns : clock_real_now();
}
