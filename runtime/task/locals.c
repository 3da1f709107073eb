/* locals.c - task-locals: futures that are never awaited, in the list of what a frame has in
 * flight. To look one up is to walk from the running frame to the root.
 *
 * L1 A local is in the list of the frame whose function has set it, and in no other.
 * L2 It leaves the list when it is cleared, or when what finally had in flight has ended: so
 *    whatever ends with the function can still see it. */
#include "runtime/task/locals.h"

#include "maru/err.h"
#include "runtime/base/check.h"
#include "runtime/base/context.h"
#include "runtime/task/frame.h"
#include "runtime/task/set.h"

#include <string.h>

/* Nothing polls a local: the end of a phase passes it by. */
const maru_future_type local_type = { NULL, "local" };

static bool is_in(const maru_frame *frame, const maru_local *slot)
{
    const maru_future *future = frame->live_;
    while (future && future != &slot->future_)
        future = future->next_;
    return future;
}

int maru_local_set(maru_local *slot, const maru_local_key *key, void *value)
{
    maru_frame *frame = context_here()->frame;
    if (!slot || !key || !frame)
        return -EINVAL;
    if (!(slot->future_.flags_ & FUTURE_LINKED)) {
        slot->future_ = (maru_future){ .type_ = &local_type };
        frame_link(frame, &slot->future_);
    } else if (UNLIKELY(!is_in(frame, slot))) {
        frame_misuse(frame, "a task-local that another function has set");
    }
    slot->key_ = key;
    slot->value_ = value;
    return 0;
}

void maru_local_clear(maru_local *slot)
{
    maru_frame *frame = context_here()->frame;
    if (slot && frame && slot->future_.flags_ & FUTURE_LINKED && is_in(frame, slot))
        frame_unlink(frame, &slot->future_);
}

const maru_local *locals_find(const maru_frame *frame, const maru_local_key *key)
{
    for (const maru_future *future = frame->live_; future; future = future->next_) {
        const maru_local *local = (const maru_local *)(const void *)future;
        if (future->type_ == &local_type && local->key_ == key)
            return local;
    }
    return NULL;
}

int maru_local_get(const maru_local_key *key, void **ret_value)
{
    if (!key || !ret_value)
        return -EINVAL;
    const maru_local *local = NULL;
    const maru_frame *frame = context_here()->frame;
    for (; frame && !local; frame = frame->parent_)
        local = locals_find(frame, key);
    if (!local)
        return -ENOENT;
    *ret_value = local->value_;
    return 0;
}

/* ---- names ---- */

static const maru_local_key NAME = { "name" };

int maru_task_name_set(maru_name *slot, const char *name)
{
    if (!slot || !name)
        return -EINVAL;
    int rc = maru_local_set(&slot->local_, &NAME, slot->text_);
    if (rc < 0)
        return rc;
    size_t len = strnlen(name, sizeof slot->text_ - 1);
    memmove(slot->text_, name, len);
    slot->text_[len] = '\0';
    return 0;
}

const char *maru_task_name(void)
{
    void *text = NULL;
    return maru_local_get(&NAME, &text) == 0 ? text : NULL;
}

/* The awaited frame below this one, or any that is in flight. */
static const maru_frame *inner_of(const maru_frame *frame)
{
    const maru_future *inner = NULL;
    for (const maru_future *future = frame->live_; future; future = future->next_)
        if (future->type_->poll == maru_frame_poll &&
            (!inner || future->flags_ & FUTURE_WANTED))
            inner = future;
    return (const maru_frame *)(const void *)inner;
}

const char *locals_name(const maru_frame *root)
{
    for (const maru_frame *frame = root; frame; frame = inner_of(frame)) {
        const maru_local *name = locals_find(frame, &NAME);
        if (name)
            return name->value_;
    }
    return NULL;
}
