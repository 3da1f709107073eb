/* frame.c - the phases of an async function (maru/frame.h), and resuming the innermost one.
 *
 * A frame's coming result is kept in its future's result word, which nobody reads as long as the
 * future is not marked ended; DONE marks it, once. */
#include "runtime/task/frame.h"

#include "maru/err.h"
#include "runtime/base/check.h"
#include "runtime/base/config.h"
#include "runtime/base/context.h"
#include "runtime/task/set.h"
#include "runtime/task/task.h"

static const maru_function *function_of(const maru_frame *frame)
{
    return (const maru_function *)(const void *)frame->future_.type_;
}

NORETURN COLD void frame_misuse(const maru_frame *frame, const char *why)
{
    const maru_function *function = function_of(frame);
    check_misuse(function->type.name, function->file, frame->future_.line_, why);
}

enum maru_ending frame_ending(const maru_frame *frame)
{
    bool shielded = frame->future_.phase_ >= FINALLY;
    return frame->future_.flags_ & FRAME_CANCELLED && !shielded ? MARU_CANCEL : MARU_GO;
}

void frame_cancel(maru_frame *frame)
{
    frame->future_.flags_ |= FRAME_CANCELLED;
}

/* A root that runs has no parent. */
bool frame_is_running(const maru_frame *frame)
{
    const maru_frame *running = context_here()->frame;
    while (running && running != frame)
        running = running->parent_;
    return running;
}

/* ---- what the macros call ---- */

void maru_frame_return(maru_frame *frame, maru_result value)
{
    if (UNLIKELY(!frame))
        return;
    maru_future *self = &frame->future_;
    if (UNLIKELY(value < INT32_MIN))
        frame_misuse(frame, "a negative result must be an errno, and never MARU_PENDING");
    if (self->phase_ == BODY || (self->u_.result_ >= 0 && value < 0))
        self->u_.result_ = value;       /* finally can add an error, never hide one */
    self->phase_++;
}

bool maru_frame_leave(maru_frame *frame)
{
    if (UNLIKELY(frame && !(frame->future_.flags_ & FRAME_HIT)))
        frame_misuse(frame, "unknown resume line: is there an await inside a switch?");
    maru_frame_return(frame, 0);
    return false;
}

/* ---- phases ---- */

/* False: the body has suspended. */
static bool run_body(maru_frame *frame)
{
    maru_future *self = &frame->future_;
    uint8_t phase = self->phase_;
    self->flags_ &= (uint8_t)~(FRAME_SUSPENDED | FRAME_HIT);
    if (self->line_ == 0 || self->line_ == MARU_FINALLY_LINE_)
        self->flags_ |= FRAME_HIT;
    struct context *here = context_here();
    maru_frame *caller = here->frame;
    here->frame = frame;
    function_of(frame)->body(frame);
    here->frame = caller;
    if (self->phase_ != phase)
        return true;
    if (UNLIKELY(!(self->flags_ & FRAME_SUSPENDED)))
        frame_misuse(frame, "plain return in an async function: use maru_return");
    return false;
}

static maru_result run_phases(maru_frame *frame, maru_waker *waker)
{
    maru_future *self = &frame->future_;
    for (;;) {
        if (!run_body(frame))
            return MARU_PENDING;
        do {
            if (UNLIKELY(frame->live_) && !set_end_all(frame, waker))
                return MARU_PENDING;
            self->line_ = MARU_FINALLY_LINE_;
            self->phase_++;
            if (self->phase_ == DONE)
                return self->u_.result_;
        } while (self->phase_ != FINALLY);
    }
}

/* The phases that wait for what is in flight are entered again without running the body. */
static maru_result go_on(maru_frame *frame, maru_waker *waker)
{
    maru_future *self = &frame->future_;
    if (self->phase_ == BODY_ENDS || self->phase_ == FINALLY_ENDS) {
        if (!set_end_all(frame, waker))
            return MARU_PENDING;
        self->line_ = MARU_FINALLY_LINE_;
        self->phase_++;
        if (self->phase_ == DONE)
            return self->u_.result_;
    }
    return run_phases(frame, waker);
}

/* An ended frame must not be resumed by the task's own hint. */
static void forget(struct context *here, const maru_frame *frame)
{
    here->again_from_root |= here->again && here->self_hint == frame;
}

maru_result maru_frame_poll(maru_future *self, maru_context *cx)
{
    maru_frame *frame = (maru_frame *)(void *)self;
    if (UNLIKELY(!frame || !cx))
        return -EINVAL;
    if (cx->frame) {
        frame->parent_ = cx->frame;
        frame->depth_ = (uint16_t)(cx->frame->depth_ + 1);
        if (UNLIKELY(frame->depth_ > MARU_DEPTH_MAX))
            return -MARU_EDEPTH;
    }
    if (UNLIKELY(cx->ending != MARU_GO))
        frame_cancel(frame);
    maru_result result = go_on(frame, cx->waker);
    if (result != MARU_PENDING) {
        self->flags_ |= FUTURE_ENDED;
        forget(context_here(), frame);
    }
    return result;
}

maru_result frame_resume(maru_task *task, maru_frame *frame)
{
    maru_frame *root = task_root(task);
    for (;;) {
        maru_frame *parent = frame == root ? NULL : frame->parent_;
        maru_context cx = { &task->waker, parent, MARU_GO };
        maru_result result = maru_frame_poll(&frame->future_, &cx);
        if (result == MARU_PENDING || !parent)
            return result;
        if (UNLIKELY(frame->future_.flags_ & FUTURE_STAYS))
            set_child_ended(parent, &frame->future_);
        frame = parent;
    }
}
