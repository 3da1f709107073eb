/* set.c - arming and awaiting futures: one, all, the first of several.
 *
 * What a frame has in flight is one list through the futures, awaited or not. A set that is
 * awaited is marked in it.
 *
 * A1 A future in flight is in exactly one list, marked LINKED; an ended one is in none.
 * A2 Of an ANY set at most one arm acquires: polling stops at the first winner, and every other
 *    arm is told to lose, which gives back what it was granted.
 * A3 A set is over only when all its arms have ended. */
#include "runtime/task/set.h"

#include "maru/err.h"
#include "runtime/base/config.h"
#include "runtime/base/context.h"
#include "runtime/base/local.h"
#include "runtime/task/frame.h"
#include "runtime/task/task.h"
#include "runtime/task/waker.h"

#include <stdio.h>

enum { UNDECIDED = INT32_MAX, ARMS_MAX = UINT16_MAX };

/* ---- the list ---- */

static NORETURN COLD void future_misuse(const maru_future *future, const char *why)
{
    char text[256];
    const maru_frame *frame = context_here()->frame;
    const char *name = future->type_ ? future->type_->name : "future";
    if (!frame)
        check_misuse(name, NULL, 0, why);
    (void)snprintf(text, sizeof text, "%s: %s", name, why);     /* cut off is still a text */
    frame_misuse(frame, text);
}

maru_future *maru_future_fresh(maru_future *future)
{
    if (UNLIKELY(future->flags_ & FUTURE_LINKED))
        future_misuse(future, "restarted while it is still in flight");
    return future;
}

maru_future *maru_future_init(maru_future *future, const maru_future_type *type)
{
    maru_future_fresh(future);
    *future = (maru_future){ .type_ = type };
    return future;
}

static const maru_future_type ready_type = { NULL, "ready" };

maru_future *maru_future_ready(maru_future *future, maru_result result)
{
    maru_future_init(future, &ready_type);
    future->u_.result_ = result;
    future->flags_ = FUTURE_ENDED;
    return future;
}

maru_result maru_future_result(const maru_future *future)
{
    return future->flags_ & FUTURE_ENDED ? future->u_.result_ : MARU_PENDING;
}

static void mark(const maru_frame *frame, maru_future *future)
{
    if (UNLIKELY(frame && context_on_stack(future)))
        frame_misuse(frame, "a future on the C stack: make it a member of the frame");
    future->flags_ |= FUTURE_LINKED;
}

void frame_link(maru_frame *frame, maru_future *future)
{
    if (future->flags_ & FUTURE_LINKED)
        return;
    mark(frame, future);
    future->next_ = frame->live_;
    frame->live_ = future;
}

bool frame_mark_inner(const maru_frame *frame, maru_future *future)
{
    if (LIKELY(!(future->flags_ & FUTURE_LINKED))) {
        mark(frame, future);
        return true;
    }
    if (UNLIKELY(frame && future->flags_ & FUTURE_WANTED))
        frame_misuse(frame, "the same future twice in one wait");
    return false;
}

static void unlink_at(maru_future **at)
{
    maru_future *future = *at;
    *at = future->next_;
    future->flags_ &= (uint8_t)~(FUTURE_LINKED | FUTURE_WANTED | FUTURE_LOSING);
}

/* Looks for the place anew: a poll may have put another future in front, by a spawn into a scope
 * of this frame, or taken one out. What followed it. */
static maru_future **take_out(maru_frame *frame, const maru_future *future)
{
    maru_future **at = &frame->live_;
    while (*at != future)
        at = &(*at)->next_;
    unlink_at(at);
    return at;
}

void frame_unlink(maru_frame *frame, const maru_future *future)
{
    (void)take_out(frame, future);
}

maru_result maru_future_poll(maru_future *future, maru_context *cx)
{
    if (future->flags_ & FUTURE_ENDED)
        return future->u_.result_;
    maru_result result;
    if (UNLIKELY(future->flags_ & FUTURE_LOSING)) {
        maru_context losing = { cx->waker, cx->frame, MARU_LOSE };
        result = future->type_->poll(future, &losing);
    } else {
        result = future->type_->poll(future, cx);
    }
    if (result != MARU_PENDING) {
        future->u_.result_ = result;
        future->flags_ |= FUTURE_ENDED;
    }
    return result;
}

/* ---- budget and deafness ---- */

bool maru_budget_take(void)
{
    struct context *here = context_here();
    if (here->budget == 0)
        return false;
    here->budget--;
    return true;
}

/* A function that goes on awaiting after -ECANCELED would never end. Each function counts for
 * itself: cancelling a deep chain is one await a level. */
static maru_result hear(maru_frame *frame, maru_result result)
{
    if (UNLIKELY(result == -ECANCELED) && frame_ending(frame) != MARU_GO &&
        ++frame->deaf_ > DEAF_AWAITS)
        frame_misuse(frame, "keeps awaiting after cancellation: leave on a negative result");
    return result;
}

static maru_result suspend(maru_frame *frame)
{
    frame->future_.flags_ |= FRAME_SUSPENDED;
    return MARU_PENDING;
}

/* ---- one ---- */

/* Out of budget: the future is polled in the next turn, behind the other tasks. */
static maru_result postpone(maru_frame *frame)
{
    wake_self(frame);
    return suspend(frame);
}

static void want(maru_frame *frame, maru_future *future, size_t arm)
{
    if (UNLIKELY(future->flags_ & FUTURE_WANTED))
        frame_misuse(frame, "the same future twice in one wait");
    future->arm_ = (uint16_t)arm;
    frame_link(frame, future);
    future->flags_ |= FUTURE_WANTED;
}

static maru_result wait_one(maru_frame *frame, struct context *here)
{
    maru_context cx = { &here->task->waker, frame, frame_ending(frame) };
    maru_future *future = frame->live_;
    while (future && !(future->flags_ & FUTURE_WANTED))
        future = future->next_;
    if (UNLIKELY(!future))
        frame_misuse(frame, "an await of what is a part of another wait");
    maru_result result = maru_future_poll(future, &cx);
    if (result == MARU_PENDING)
        return suspend(frame);
    (void)take_out(frame, future);
    return hear(frame, result);
}

maru_result maru_frame_start(maru_frame *frame, maru_future *future)
{
    struct context *here = context_here();
    if (UNLIKELY(!future))
        frame_misuse(frame, "an await of NULL");
    if (UNLIKELY(future->flags_ & FUTURE_LINKED)) {     /* in flight since an earlier race */
        frame->mode_ = MARU_ONE_;
        want(frame, future, 0);
        return wait_one(frame, here);
    }
    maru_context cx = { &here->task->waker, frame, frame_ending(frame) };
    bool is_frame = future->type_->poll == maru_frame_poll;
    bool spent = here->budget == 0 && !is_frame && cx.ending == MARU_GO;
    maru_result result = LIKELY(!spent) ? maru_future_poll(future, &cx) : MARU_PENDING;
    if (result == MARU_PENDING) {
        frame->mode_ = MARU_ONE_;
        want(frame, future, 0);
        return spent ? postpone(frame) : suspend(frame);
    }
    here->budget -= here->budget > 0 && !is_frame;
    return hear(frame, result);
}

/* ---- several ---- */

/* Takes the result of an arm that has ended. True: the set is decided by it. */
static bool decide(maru_frame *frame, const maru_future *arm, maru_result result, bool cancel)
{
    if (frame->mode_ == MARU_ALL_) {
        if (result >= 0 || frame->outcome_ < 0)
            return false;
        frame->outcome_ = (int32_t)result;
        return true;
    }
    if (frame->outcome_ != UNDECIDED || (cancel && result == -ECANCELED))
        return false;                   /* there is a winner; or an arm that our cancel ended */
    frame->outcome_ = arm->arm_;
    return true;
}

static void release_losers(maru_frame *frame)
{
    for (maru_future *future = frame->live_; future; future = future->next_)
        if (future->flags_ & FUTURE_WANTED)
            future->flags_ |= FUTURE_LOSING;
}

/* Polls the awaited arms [from, to), up to the first that decides the set. True: one did. */
static bool poll_arms(maru_frame *frame, maru_context *cx, size_t from, size_t to)
{
    maru_future **at = &frame->live_;
    while (*at) {
        maru_future *future = *at;
        bool skip = !(future->flags_ & FUTURE_WANTED) || future->arm_ < from || future->arm_ >= to;
        maru_result result = skip ? MARU_PENDING : maru_future_poll(future, cx);
        if (result == MARU_PENDING) {
            at = &future->next_;
            continue;
        }
        at = take_out(frame, future);
        if (decide(frame, future, result, cx->ending != MARU_GO))
            return true;
    }
    return false;
}

static bool is_waited_for(const maru_frame *frame)
{
    for (const maru_future *future = frame->live_; future; future = future->next_)
        if (future->flags_ & FUTURE_WANTED)
            return true;
    return false;
}

/* A random arm goes first, for no arm of a loop shall starve. */
static size_t first_arm(const maru_frame *frame)
{
    uint32_t count = 0;
    if (frame->mode_ != MARU_ANY_)
        return 0;
    for (const maru_future *future = frame->live_; future; future = future->next_)
        if (future->flags_ & FUTURE_WANTED && future->arm_ >= count)
            count = future->arm_ + 1u;
    return count < 2 ? 0 : rng_below(&context_here()->local->rng, count);
}

static maru_result poll_set(maru_frame *frame)
{
    struct context *here = context_here();
    maru_context cx = { &here->task->waker, frame, frame_ending(frame) };
    size_t from = first_arm(frame);
    if (poll_arms(frame, &cx, from, ARMS_MAX) || (from > 0 && poll_arms(frame, &cx, 0, from))) {
        release_losers(frame);
        poll_arms(frame, &cx, 0, ARMS_MAX);     /* once decided, no other arm decides */
    }
    if (is_waited_for(frame))
        return suspend(frame);
    if (frame->mode_ == MARU_ANY_ && frame->outcome_ == UNDECIDED)
        return hear(frame, -ECANCELED);
    return hear(frame, frame->outcome_);
}

/* Links the arms in the order of their numbers, each once. */
static void want_all(maru_frame *frame, size_t count, maru_future *const *futures)
{
    for (size_t i = count; i-- > 0;)
        if (futures[i])
            want(frame, futures[i], i);
}

maru_result maru_frame_start_set(maru_frame *frame, int mode, size_t count,
                                 maru_future *const *futures)
{
    if (count > ARMS_MAX)
        return -EINVAL;
    frame->mode_ = (uint8_t)mode;
    if (mode == MARU_CANCEL_)
        return maru_frame_wait(frame);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        any |= futures[i] != NULL;
        if (UNLIKELY(!futures[i] && mode == MARU_ALL_))
            frame_misuse(frame, "an await of NULL");
    }
    if (!any)
        return mode == MARU_ALL_ ? 0 : -EINVAL;
    frame->outcome_ = mode == MARU_ANY_ ? UNDECIDED : 0;
    want_all(frame, count, futures);
    struct context *here = context_here();
    if (here->budget == 0 && frame_ending(frame) == MARU_GO)
        return postpone(frame);
    maru_result result = poll_set(frame);
    here->budget -= result != MARU_PENDING && here->budget > 0;
    return result;
}

/* ---- going on ---- */

maru_result maru_frame_wait(maru_frame *frame)
{
    struct context *here = context_here();
    frame->future_.flags_ |= FRAME_HIT;
    if (frame->mode_ == MARU_CANCEL_)
        return frame_ending(frame) == MARU_GO ? suspend(frame) : hear(frame, -ECANCELED);
    here->budget -= here->budget > 0;
    return frame->mode_ == MARU_ONE_ ? wait_one(frame, here) : poll_set(frame);
}

/* ---- the end of a phase ---- */

/* A scope is waited for; it is cancelled first if the function failed or was cancelled. */
static bool is_to_go_on(const maru_frame *frame, const maru_future *future)
{
    return future->type_ == &scope_type && frame->future_.u_.result_ >= 0 &&
           frame_ending(frame) == MARU_GO;
}

/* Of an EACH scope the errors were told; that its owner cancelled a scope is none. */
static bool is_lost_error(const maru_future *future, maru_result result)
{
    return result < 0 && result != MARU_PENDING && result != -ECANCELED &&
           future->type_ == &scope_type &&
           ((const maru_scope *)(const void *)future)->policy_ == MARU_SCOPE_ALL;
}

bool set_end_all(maru_frame *frame, maru_waker *waker)
{
    maru_context cx = { waker, frame, MARU_GO };
    maru_future **at = &frame->live_;
    while (*at) {
        maru_future *future = *at;
        maru_future *first = frame->live_;
        if (!is_to_go_on(frame, future))
            future->flags_ |= FUTURE_LOSING;
        maru_result result = maru_future_poll(future, &cx);
        bool again = frame->live_ != first;         /* the poll has spawned into a new scope */
        at = result == MARU_PENDING ? &future->next_ : take_out(frame, future);
        if (is_lost_error(future, result) && frame->future_.u_.result_ >= 0) {
            frame->future_.u_.result_ = result;     /* now it is not lost, */
            again = true;                           /* and it cancels the others */
        }
        if (again)
            at = &frame->live_;
    }
    return !frame->live_;
}
