/* runtime_backtrace.c - see runtime_backtrace.h.
 *
 * The frames stand still while the task is held, but completers come and go: of a future only
 * what its runner alone writes may be read, and the words that are atomic (T9). */
#include "runtime/runtime_backtrace.h"

#include "maru/net.h"
#include "runtime/base/check.h"
#include "runtime/task/frame.h"
#include "runtime/task/locals.h"
#include "timer/timer.h"

/* ---- a frame's line ---- */

static const char *wait_of(const maru_frame *frame)
{
    switch (frame->mode_) {
    case MARU_ONE_:
        return NULL;
    case MARU_ALL_:
        return "join";
    case MARU_EACH_:
        return "settle";
    case MARU_ANY_:
    case MARU_FIRST_:
        return "select";
    case MARU_RACE_:
        return "race";
    case MARU_CANCEL_:
        return "await_cancel";
    default:
        return "set";
    }
}

static void add_phase(struct text *text, const maru_frame *frame)
{
    const maru_future *self = &frame->future_;
    bool leaves = self->phase_ == BODY_ENDS || self->phase_ == FINALLY_ENDS;
    const char *wait = leaves ? NULL : wait_of(frame);
    if (self->line_ == 0)
        text_add(text, " not-started");
    if (leaves)
        text_add(text, " leaving");
    if (self->phase_ == FINALLY)
        text_add(text, " finally");
    if (self->flags_ & FRAME_CANCELLED)
        text_add(text, " cancelled");
    if (wait && self->line_ != 0)
        text_add(text, " in=%s", wait);
}

static void add_frame(struct text *text, const maru_frame *frame)
{
    const maru_future *self = &frame->future_;
    const maru_function *function = (const maru_function *)(const void *)self->type_;
    text_add(text, "frame ");
    text_add_name(text, function->type.name);
    text_add(text, " ");
    text_add_name(text, function->file);
    if (self->line_ != 0 && self->line_ != MARU_FINALLY_LINE_)
        text_add(text, ":%u", self->line_);
    add_phase(text, frame);
}

/* ---- the line of any other future ---- */

static void add_left(struct text *text, const maru_sleep *sleep, int64_t now_ns)
{
    text_add(text, " left=");
    text_add_seconds(text, maru_sleep_deadline(sleep) - now_ns);
}

static void add_timeout(struct text *text, const maru_timeout *timeout, int64_t now_ns)
{
    if (timeout->fired_)
        text_add(text, " expired");
    else
        add_left(text, &timeout->sleep_, now_ns);
}

static void add_join(struct text *text, const maru_join_wait *wait)
{
    if (!wait->task_)
        return;
    text_add(text, " task=%p function=", (void *)wait->task_);
    text_add_name(text, task_function(wait->task_)->type.name);
}

static void add_wait(struct text *text, const maru_future *future, int64_t now_ns)
{
    const void *self = future;
    const maru_future_type *type = future->type_;
    text_add(text, "wait ");
    text_add_name(text, type->name);
    if (future->flags_ & FUTURE_OP)
        text_add(text, " fd=%d", ((const maru_op *)self)->fd_);
    else if (type == &sleep_type)
        add_left(text, self, now_ns);
    else if (type == &timeout_type)
        add_timeout(text, self, now_ns);
    else if (type == &join_type || type == &task_wait_type)
        add_join(text, self);
    else if (type == &scope_type)
        text_add(text, " scope=%p children=%zu", self, maru_scope_count(self));
}

/* ---- the tree ---- */

static bool is_frame(const maru_future *future)
{
    return future->type_->poll == maru_frame_poll;
}

/* What is in flight inside of it: the first, or NULL. */
static struct backtrace_place inside(const maru_future *future)
{
    const void *self = future;
    if (is_frame(future))
        return (struct backtrace_place){ ((const maru_frame *)self)->live_, false };
    if (future->type_ == &timeout_type)
        return (struct backtrace_place){ ((const maru_timeout *)self)->inner_, true };
    return (struct backtrace_place){ NULL, true };
}

static void add_line(struct text *text, const maru_future *future, unsigned level, bool is_inner,
                     int64_t now_ns)
{
    text_indent(text, 2 + 2 * (level < DUMP_INDENTED ? level : DUMP_INDENTED));
    text_add(text, "#%u ", level);
    if (is_frame(future))
        add_frame(text, (const maru_frame *)(const void *)future);
    else
        add_wait(text, future, now_ns);
    if (!is_inner && !(future->flags_ & FUTURE_WANTED))
        text_add(text, " unawaited");
    if (future->flags_ & FUTURE_LOSING)
        text_add(text, " ending");
    text_add(text, "\n");
}

void backtrace_add(struct text *text, struct backtrace *backtrace, maru_task *task, int64_t now_ns)
{
    struct backtrace_place *places = backtrace->places;
    unsigned depth = 1;
    places[0] = (struct backtrace_place){ &task_root(task)->future_, true };
    while (depth > 0 && !text->cut) {
        struct backtrace_place *place = &places[depth - 1];
        const maru_future *future = place->next;
        if (!future) {
            depth--;
            continue;
        }
        place->next = place->is_inner ? NULL : future->next_;
        if (future->type_ == &local_type)
            continue;
        add_line(text, future, depth - 1, place->is_inner, now_ns);
        if (depth < DUMP_LEVELS)
            places[depth++] = inside(future);
        else if (inside(future).next)
            text_add(text, "  #%u ...\n", depth);
    }
}
