/* clock.h - the only reader of time: nanoseconds of the monotonic clock, or a virtual one. */
#ifndef MARU_BASE_CLOCK_H
#define MARU_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Its owner writes it, the one thread of a runtime whose clock can pause; anybody may ask. */
struct clock {
    int64_t virtual_ns;      /* while it is virtual: written by whoever steps or pauses it */
    int64_t offset_ns;       /* while it runs: what it is ahead of the real one, by its pauses */
    bool is_virtual;
    bool is_paused;          /* virtual, and its worker moves it when there is nothing else to do */
    bool can_pause;          /* constant: its runtime has one thread */
    uint32_t holds;          /* what outside keeps it from moving by itself; any thread */
};

int64_t clock_now(const struct clock *clock);

/* Stands still from now on; is moved, while it stands; runs again from where it stands. Owner. */
void clock_pause(struct clock *clock);
void clock_set(struct clock *clock, int64_t now_ns);
void clock_resume(struct clock *clock);

/* While it is held a paused clock does not move by itself: what goes on outside of the runtime's
 * thread takes no time. Held and let go inside of a poll, or else see sched_release_clock. */
void clock_hold(struct clock *clock);
void clock_release(struct clock *clock);
bool clock_is_held(const struct clock *clock);

/* The same at a fraction of the price, and up to a tick of the kernel (1 to 10 ms) behind. */
int64_t clock_coarse_now(const struct clock *clock);

/* Of the real one, without a runtime. */
int64_t clock_real_now(void);

#endif
