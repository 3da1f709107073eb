/* several.c - awaiting several futures at once: all, each, the first of them, a race (A2 to A4 of
 * set.c). The arms are marked in the frame's list of what it has in flight, and numbered. */
#include "runtime/task/set.h"

#include "maru/err.h"
#include "runtime/base/context.h"
#include "runtime/base/local.h"
#include "runtime/task/frame.h"
#include "runtime/task/task.h"

enum { UNDECIDED = INT32_MAX };

/* Up to so many arms are polled in any order with equal chances; the array is on the stack. */
enum { SHUFFLED_ARMS_MAX = 16 };

/* ---- deciding ---- */

/* Settling: how many have failed; that the cancel ended one of them is told instead. */
static void count_failed(maru_frame *frame, maru_result result, bool cancel)
{
    if (cancel && result == -ECANCELED)
        frame->outcome_ = -ECANCELED;
    else if (result < 0 && frame->outcome_ >= 0)
        frame->outcome_++;
}

/* Takes the result of an arm that has ended. True: the set is decided by it. */
static bool decide(maru_frame *frame, uint16_t arm, maru_result result, bool cancel)
{
    if (frame->mode_ == MARU_EACH_) {
        count_failed(frame, result, cancel);
        return false;
    }
    if (frame->mode_ == MARU_ALL_) {
        if (result >= 0 || frame->outcome_ < 0)
            return false;
        frame->outcome_ = (int32_t)result;
        return true;
    }
    if (frame->outcome_ != UNDECIDED || (cancel && result == -ECANCELED))
        return false;                   /* there is a winner; or an arm that our cancel ended */
    frame->outcome_ = arm;
    return true;
}

/* Takes awaited futures that are not to be ended out of the set: as what they stay (A3, A4). */
static void spare(maru_frame *frame, uint8_t which, uint16_t as)
{
    maru_future **at = &frame->live_;
    while (*at) {
        maru_future *future = *at;
        if ((future->flags_ & which) == which) {
            future->flags_ = (uint8_t)((future->flags_ & ~FUTURE_WANTED) | FUTURE_STAYS);
            future->arm_ = as;
        }
        if (future->flags_ & FUTURE_ENDED && set_is_spared(future))
            set_unlink_at(at);                  /* resumed by a hint, it has ended unseen (A1) */
        else
            at = &future->next_;
    }
}

static void release_losers(maru_frame *frame)
{
    if (frame->mode_ == MARU_RACE_)
        spare(frame, FUTURE_WANTED, ARM_GOES_ON);
    else if (frame->mode_ != MARU_ALL_)
        spare(frame, FUTURE_WANTED | FUTURE_STAYS, ARM_RESTS);
    for (maru_future *future = frame->live_; future; future = future->next_)
        if (future->flags_ & FUTURE_WANTED)
            future->flags_ |= FUTURE_LOSING;
}

/* ---- polling ---- */

static bool poll_arm(maru_frame *frame, maru_context *cx, maru_future *future)
{
    maru_result result = maru_future_poll(future, cx);
    if (result == MARU_PENDING)
        return false;
    (void)set_take_out(frame, future);
    return decide(frame, future->arm_, result, cx->ending != MARU_GO);
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
        at = set_take_out(frame, future);
        if (decide(frame, future->arm_, result, cx->ending != MARU_GO))
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

/* How many arms are awaited, and the first of them. */
static uint32_t awaited_arms(const maru_frame *frame, maru_future *arms[SHUFFLED_ARMS_MAX])
{
    uint32_t count = 0;
    for (maru_future *future = frame->live_; future; future = future->next_)
        if (future->flags_ & FUTURE_WANTED && count++ < SHUFFLED_ARMS_MAX)
            arms[count - 1] = future;
    return count;
}

/* Every order is as likely as any other, for no arm of a loop shall starve, nor gain from standing
 * behind one that waits. Of many arms only the start is random. */
static bool poll_shuffled(maru_frame *frame, maru_context *cx)
{
    maru_future *arms[SHUFFLED_ARMS_MAX];
    struct rng *rng = &context_here()->local->rng;
    uint32_t left = awaited_arms(frame, arms);
    if (left > SHUFFLED_ARMS_MAX) {
        uint32_t from = rng_below(rng, left);
        return poll_arms(frame, cx, from, ARMS_MAX) || poll_arms(frame, cx, 0, from);
    }
    while (left > 0) {
        uint32_t i = left > 1 ? rng_below(rng, left) : 0;
        maru_future *arm = arms[i];
        arms[i] = arms[--left];
        if (poll_arm(frame, cx, arm))
            return true;
    }
    return false;
}

static bool poll_in_order(maru_frame *frame, maru_context *cx)
{
    if (frame->mode_ == MARU_ANY_ || frame->mode_ == MARU_RACE_)
        return poll_shuffled(frame, cx);
    return poll_arms(frame, cx, 0, ARMS_MAX);
}

static maru_result poll_set(maru_frame *frame)
{
    struct context *here = context_here();
    maru_context cx = { &here->task->waker, frame, frame_ending(frame) };
    if (poll_in_order(frame, &cx)) {
        release_losers(frame);
        poll_arms(frame, &cx, 0, ARMS_MAX);     /* once decided, no other arm decides */
    } else if (frame->mode_ == MARU_RACE_ && cx.ending != MARU_GO) {
        spare(frame, FUTURE_WANTED, ARM_GOES_ON);
    }
    if (is_waited_for(frame))
        return set_suspend(frame);
    return set_hear(frame, frame->outcome_ == UNDECIDED ? -ECANCELED : frame->outcome_);
}

/* Of those that are awaited together the first goes last: children that never wait would else keep
 * the others from their budget, poll after poll. */
static void rotate(maru_frame *frame)
{
    maru_future **at = &frame->live_;
    while (*at && !((*at)->flags_ & FUTURE_WANTED))
        at = &(*at)->next_;
    maru_future *first = *at;
    if (!first || !first->next_)
        return;
    *at = first->next_;
    while (*at)
        at = &(*at)->next_;
    *at = first;
    first->next_ = NULL;
}

maru_result several_wait(maru_frame *frame)
{
    if (frame->mode_ == MARU_ALL_ || frame->mode_ == MARU_EACH_)
        rotate(frame);
    return poll_set(frame);
}

/* ---- starting ---- */

/* Takes what is wanted out of the list, in which some of it may be from before. How many. */
static size_t take_out_wanted(maru_frame *frame)
{
    size_t count = 0;
    maru_future **at = &frame->live_;
    while (*at) {
        maru_future *future = *at;
        if (!(future->flags_ & FUTURE_WANTED)) {
            at = &future->next_;
            continue;
        }
        *at = future->next_;
        count++;
    }
    return count;
}

/* Links the arms in the order of their numbers, each once. */
static void want_all(maru_frame *frame, size_t count, maru_future *const *futures)
{
    size_t linked = 0;
    for (size_t i = 0; i < count; i++) {
        if (!futures[i])
            continue;
        linked += futures[i]->flags_ & FUTURE_LINKED ? 1 : 0;
        set_want(frame, futures[i], i);
    }
    if (UNLIKELY(linked > 0) && take_out_wanted(frame) != linked)
        frame_misuse(frame, "an await of what is a part of another wait");
    for (size_t i = count; i-- > 0;)
        if (futures[i]) {
            futures[i]->flags_ &= (uint8_t)~FUTURE_LINKED;
            frame_link(frame, futures[i]);
        }
}

static bool is_set(int mode)
{
    return mode == MARU_ALL_ || mode == MARU_EACH_ || mode == MARU_ANY_ || mode == MARU_FIRST_ ||
           mode == MARU_RACE_;
}

maru_result maru_frame_start_set(maru_frame *frame, int mode, size_t count,
                                 maru_future *const *futures)
{
    if (UNLIKELY(!frame))
        return -EINVAL;
    if (mode == MARU_CANCEL_ && count == 0) {
        frame->mode_ = MARU_CANCEL_;
        return maru_frame_wait(frame);
    }
    if (!is_set(mode) || count > ARMS_MAX || (count > 0 && !futures))
        return -EINVAL;
    bool any = false, all = mode == MARU_ALL_ || mode == MARU_EACH_;
    for (size_t i = 0; i < count; i++) {
        any |= futures[i] != NULL;
        if (UNLIKELY(!futures[i] && all))
            frame_misuse(frame, "an await of NULL");
        if (UNLIKELY(futures[i] && !futures[i]->type_))
            frame_misuse(frame, "an await of a future that was never started");
    }
    if (!any)
        return all ? 0 : -EINVAL;
    frame->mode_ = (uint8_t)mode;
    frame->outcome_ = all ? 0 : UNDECIDED;
    want_all(frame, count, futures);
    struct context *here = context_here();
    if (set_is_spent(here, frame))
        return set_postpone(frame);
    maru_result result = poll_set(frame);
    here->budget -= result != MARU_PENDING && here->budget > 0;
    return result;
}
