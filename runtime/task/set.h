/* set.h - internal face of set.c and several.c: the futures that a frame has in flight. All of it
 * is the runner's. */
#ifndef MARU_TASK_SET_H
#define MARU_TASK_SET_H

#include "maru/frame.h"
#include "runtime/base/check.h"
#include "runtime/task/frame.h"

struct context;

/* What arm_ says of a future marked STAYS that is no arm now (A5): the next set is to spare it; it
 * was spared and rests; it was spared and goes on. */
enum { ARMS_MAX = 65000, ARM_KEPT = 0xfffd, ARM_RESTS = 0xfffe, ARM_GOES_ON = 0xffff };

/* Tells everything in flight to end, and polls it. True when nothing is left but locals, which
 * stay until after finally. */
bool set_end_all(maru_frame *frame, maru_waker *waker);

/* A child that nobody awaits has ended, resumed by a hint. */
void set_child_ended(maru_frame *parent, const maru_future *child);

/* Waits on with a set of several (several.c). */
maru_result several_wait(maru_frame *frame);

/* ---- what several.c uses of set.c ---- */

/* A result that an await delivers need not be kept any longer (A5). */
static inline void set_unlink_at(maru_future **at)
{
    maru_future *future = *at;
    *at = future->next_;
    uint8_t gone = FUTURE_LINKED | FUTURE_WANTED | FUTURE_LOSING;
    if (future->flags_ & FUTURE_WANTED)
        gone |= FUTURE_STAYS;
    future->flags_ &= (uint8_t)~gone;
}

/* Looks for the place anew: a poll may have put another future in front, by a spawn into a scope
 * of this frame, or taken one out. What followed it. */
static inline maru_future **set_take_out(maru_frame *frame, const maru_future *future)
{
    maru_future **at = &frame->live_;
    while (*at != future)
        at = &(*at)->next_;
    set_unlink_at(at);
    return at;
}

/* Marks a future as an arm of the awaited set. */
void set_want(const maru_frame *frame, maru_future *future, size_t arm);

/* True if it is in flight because a set spared it, or has ended so and nobody has seen it. */
bool set_is_spared(const maru_future *future);

/* The ends of an await: the body is left; the task is out of budget; the result. */
maru_result set_suspend(maru_frame *frame);
maru_result set_postpone(maru_frame *frame);
maru_result set_hear(maru_frame *frame, maru_result result);

/* True if the task's budget is spent, and counts here. */
bool set_is_spent(const struct context *here, const maru_frame *frame);

/* How the awaits of a frame are to end now (frame.c). */
enum maru_ending frame_ending(const maru_frame *frame);

NORETURN void frame_misuse(const maru_frame *frame, const char *why);

#endif
