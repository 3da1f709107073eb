/* set.c - arming and awaiting futures: one, all, the first of several.
 *
 * What a frame has in flight is one list through the futures, awaited or not. A set that is
 * awaited is marked in it, WANTED; what lost and was spared is marked STAYS.
 *
 *     select:  [ a WANTED ]--[ b WANTED STAYS ]     b is maru_keep's
 *     a wins:                [ b STAYS        ]     b rests: nobody polls it, unless it is a frame
 *
 * A1 A future in flight is in exactly one list, marked LINKED; an ended one is in none while the
 *    body runs.
 * A2 Of a select or race at most one arm acquires: polling stops at the first winner. Every other
 *    arm of a select that is not kept is told to lose, which gives back what it was granted.
 * A3 A set is over when all its arms have ended or were spared.
 * A4 What was spared by a race goes on: it is polled when the function suspends. What was spared
 *    by a select rests until it is awaited again; a called function goes on in either case, for
 *    the wake of what it waits for may lead to the root alone.
 * A5 The arm_ of a spared future says which of the two it is. If it ends unawaited it keeps STAYS
 *    until an await has delivered its result. */
#include "runtime/task/set.h"

#include "maru/err.h"
#include "runtime/base/config.h"
#include "runtime/base/context.h"
#include "runtime/base/local.h"
#include "runtime/task/budget.h"
#include "runtime/task/frame.h"
#include "runtime/task/locals.h"
#include "runtime/task/task.h"
#include "runtime/task/waker.h"

#include <stdio.h>

/* ---- the list ---- */

static NORETURN COLD void future_misuse(const maru_future *future, const char *why)
{
    char text[256];
    const maru_frame *frame = context_here()->frame;
    const char *name = future && future->type_ ? future->type_->name : "future";
    if (!frame)
        check_misuse(name, NULL, 0, why);
    (void)snprintf(text, sizeof text, "%s: %s", name, why);     /* cut off is still a text */
    frame_misuse(frame, text);
}

maru_future *maru_future_fresh(maru_future *future)
{
    if (UNLIKELY(!future))
        future_misuse(NULL, "a call into NULL");
    if (UNLIKELY(future->flags_ & FUTURE_LINKED))
        future_misuse(future, "restarted while it is still in flight");
    return future;
}

maru_future *maru_future_init(maru_future *future, const maru_future_type *type)
{
    if (UNLIKELY(!future))
        return NULL;
    maru_future_fresh(future);
    *future = (maru_future){ .type_ = type };
    return future;
}

static const maru_future_type ready_type = { NULL, "ready" };

maru_future *maru_future_ready(maru_future *future, maru_result result)
{
    if (UNLIKELY(!maru_future_init(future, &ready_type)))
        return NULL;
    future->u_.result_ = result;
    future->flags_ = FUTURE_ENDED;
    return future;
}

maru_result maru_future_result(const maru_future *future)
{
    return future && future->flags_ & FUTURE_ENDED ? future->u_.result_ : MARU_PENDING;
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

void frame_unlink(maru_frame *frame, const maru_future *future)
{
    (void)set_take_out(frame, future);
}

maru_result maru_future_poll(maru_future *future, maru_context *cx)
{
    if (UNLIKELY(!future || !cx))
        return -EINVAL;
    if (future->flags_ & FUTURE_ENDED)
        return future->u_.result_;
    if (UNLIKELY(!future->type_))
        return -EINVAL;
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

/* ---- deafness ---- */

/* A function that goes on awaiting after -ECANCELED would never end. Each function counts for
 * itself: cancelling a deep chain is one await a level. */
static maru_result hear(maru_frame *frame, maru_result result)
{
    if (UNLIKELY(result == -ECANCELED) && frame_ending(frame) != MARU_GO &&
        ++frame->deaf_ > DEAF_AWAITS)
        frame_misuse(frame, "keeps awaiting after cancellation: leave on a negative result");
    return result;
}

/* ---- what is in flight and not awaited ---- */

bool set_is_spared(const maru_future *future)
{
    return (future->flags_ & (FUTURE_WANTED | FUTURE_STAYS)) == FUTURE_STAYS &&
           future->arm_ >= ARM_RESTS;
}

static bool goes_on(const maru_future *future)
{
    return set_is_spared(future) &&
           (future->arm_ == ARM_GOES_ON || future->type_->poll == maru_frame_poll);
}

static COLD void poll_others(maru_frame *frame)
{
    struct context *here = context_here();
    maru_context cx = { &here->task->waker, frame, frame_ending(frame) };
    maru_future **at = &frame->live_;
    while (*at) {
        maru_future *future = *at;
        if (goes_on(future) && maru_future_poll(future, &cx) != MARU_PENDING)
            at = set_take_out(frame, future);
        else
            at = &future->next_;
    }
}

static bool has_others(const maru_frame *frame)
{
    const maru_future *future = frame->live_;
    if (LIKELY(!future || !future->next_))
        return false;
    while (future && !goes_on(future))
        future = future->next_;
    return future;
}

bool maru_future_is_in_flight(const maru_future *future)
{
    if (!future)
        return false;
    return future->flags_ & FUTURE_LINKED ||
           (future->flags_ & FUTURE_ENDED && set_is_spared(future));
}

maru_future *maru_future_keep(maru_future *future)
{
    if (!future)
        return NULL;
    if (!(future->flags_ & FUTURE_WANTED))
        future->arm_ = ARM_KEPT;
    future->flags_ |= FUTURE_STAYS;
    return future;
}

void set_child_ended(maru_frame *parent, const maru_future *child)
{
    if (set_is_spared(child) && child->flags_ & FUTURE_LINKED)
        (void)set_take_out(parent, child);
}

static maru_result suspend(maru_frame *frame)
{
    frame->future_.flags_ |= FRAME_SUSPENDED;
    if (UNLIKELY(has_others(frame)))
        poll_others(frame);
    return MARU_PENDING;
}

/* ---- one ---- */

/* Out of budget: the future is polled in the next turn, behind the other tasks. */
static maru_result postpone(maru_frame *frame)
{
    metric_add(&context_here()->local->budget_yields, 1);
    wake_self(frame);
    return suspend(frame);
}

/* True if the budget is spent and counts here. */
static bool is_spent(const struct context *here, const maru_frame *frame)
{
    return UNLIKELY(here->budget == 0) && frame_ending(frame) == MARU_GO &&
           !budget_is_free(frame);
}

/* It is to be spared only if maru_keep was asked just now (A5). */
void set_want(const maru_frame *frame, maru_future *future, size_t arm)
{
    if (UNLIKELY(future->flags_ & FUTURE_WANTED))
        frame_misuse(frame, "the same future twice in one wait");
    if (future->arm_ != ARM_KEPT)
        future->flags_ &= (uint8_t)~FUTURE_STAYS;
    future->arm_ = (uint16_t)arm;
    future->flags_ |= FUTURE_WANTED;
}

/* The only future that is awaited, and it was in flight nowhere before its poll. */
static void want_fresh(maru_frame *frame, maru_future *future)
{
    frame->mode_ = MARU_ONE_;
    future->arm_ = 0;
    frame_link(frame, future);
    future->flags_ |= FUTURE_WANTED;
}

static void want_one(maru_frame *frame, maru_future *future)
{
    frame->mode_ = MARU_ONE_;
    set_want(frame, future, 0);
    frame_link(frame, future);
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
    (void)set_take_out(frame, future);
    return hear(frame, result);
}

/* It is in flight already: a scope, or what was spared; or it is to be kept. */
static maru_result start_again(maru_frame *frame, struct context *here, maru_future *future)
{
    bool is_frame = future->type_->poll == maru_frame_poll;
    want_one(frame, future);
    if (!is_frame && is_spent(here, frame))
        return postpone(frame);
    maru_result result = wait_one(frame, here);
    here->budget -= result != MARU_PENDING && !is_frame && here->budget > 0;
    return result;
}

maru_result maru_frame_start(maru_frame *frame, maru_future *future)
{
    struct context *here = context_here();
    if (UNLIKELY(!frame))
        return -EINVAL;
    if (UNLIKELY(!future))
        frame_misuse(frame, "an await of NULL");
    if (UNLIKELY(!future->type_))
        frame_misuse(frame, "an await of a future that was never started");
    if (UNLIKELY(future->flags_ & (FUTURE_LINKED | FUTURE_STAYS)))
        return start_again(frame, here, future);
    maru_context cx = { &here->task->waker, frame, frame_ending(frame) };
    bool is_frame = future->type_->poll == maru_frame_poll;
    bool spent = UNLIKELY(here->budget == 0) && !is_frame && is_spent(here, frame);
    maru_result result = LIKELY(!spent) ? maru_future_poll(future, &cx) : MARU_PENDING;
    if (result == MARU_PENDING) {
        want_fresh(frame, future);
        return spent ? postpone(frame) : suspend(frame);
    }
    here->budget -= here->budget > 0 && !is_frame;
    return hear(frame, result);
}

/* ---- going on ---- */

maru_result maru_frame_wait(maru_frame *frame)
{
    struct context *here = context_here();
    if (UNLIKELY(!frame))
        return -EINVAL;
    frame->future_.flags_ |= FRAME_HIT;
    if (frame->mode_ == MARU_CANCEL_)
        return frame_ending(frame) == MARU_GO ? suspend(frame) : hear(frame, -ECANCELED);
    here->budget -= here->budget > 0;
    if (UNLIKELY(has_others(frame)) && rng_below(&here->local->rng, 2) == 0)
        poll_others(frame);             /* else after it: so neither can take all the budget */
    return frame->mode_ == MARU_ONE_ ? wait_one(frame, here) : several_wait(frame);
}

/* ---- what several.c uses: the same, where no await of one future pays for a call ---- */

maru_result set_hear(maru_frame *frame, maru_result result)
{
    return hear(frame, result);
}

maru_result set_suspend(maru_frame *frame)
{
    return suspend(frame);
}

maru_result set_postpone(maru_frame *frame)
{
    return postpone(frame);
}

bool set_is_spent(const struct context *here, const maru_frame *frame)
{
    return is_spent(here, frame);
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

/* A local can be seen up to the end of finally, by whatever ends then, too. */
static bool is_local(const maru_future *future)
{
    return future->type_ == &local_type;
}

/* True when nothing is left but locals; after finally they go, too. */
static bool end_locals(maru_frame *frame)
{
    for (const maru_future *future = frame->live_; future; future = future->next_)
        if (!is_local(future))
            return false;
    if (frame->future_.phase_ > FINALLY)
        while (frame->live_)
            set_unlink_at(&frame->live_);
    return true;
}

bool set_end_all(maru_frame *frame, maru_waker *waker)
{
    struct context *here = context_here();
    maru_context cx = { waker, frame, MARU_GO };
    maru_frame *caller = here->frame;
    here->frame = frame;                            /* its locals are seen by what ends */
    maru_future **at = &frame->live_;
    while (*at) {
        maru_future *future = *at;
        maru_future *first = frame->live_;
        if (UNLIKELY(is_local(future))) {
            at = &future->next_;
            continue;
        }
        if (!is_to_go_on(frame, future))
            future->flags_ |= FUTURE_LOSING;
        future->flags_ &= (uint8_t)~FUTURE_STAYS;
        maru_result result = maru_future_poll(future, &cx);
        bool again = frame->live_ != first;         /* the poll has spawned into a new scope */
        at = result == MARU_PENDING ? &future->next_ : set_take_out(frame, future);
        if (is_lost_error(future, result) && frame->future_.u_.result_ >= 0) {
            frame->future_.u_.result_ = result;     /* now it is not lost, */
            again = true;                           /* and it cancels the others */
        }
        if (again)
            at = &frame->live_;
    }
    here->frame = caller;
    return !frame->live_ || end_locals(frame);
}
