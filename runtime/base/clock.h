/* clock.h - the only reader of time: nanoseconds of the monotonic clock, or a virtual one. */
#ifndef MARU_BASE_CLOCK_H
#define MARU_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock {
    int64_t virtual_ns;      /* written by whoever steps a simulated runtime */
    bool is_virtual;
};

int64_t clock_now(const struct clock *clock);

/* Of the real one, without a runtime. */
int64_t clock_real_now(void);

#endif
