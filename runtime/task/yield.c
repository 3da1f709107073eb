/* yield.c - letting the others run. */
#include "maru/task.h"

#include "maru/err.h"
#include "runtime/base/check.h"
#include "runtime/task/frame.h"
#include "runtime/task/waker.h"

static maru_result pause_poll(maru_future *self, maru_context *cx)
{
    if (cx->ending != MARU_GO)
        return -ECANCELED;
    if (self->line_ == LEAF_COMPLETE)
        return 0;
    self->line_ = LEAF_COMPLETE;
    wake_self(cx->frame);
    return MARU_PENDING;
}

static const maru_future_type pause_type = { pause_poll, "yield" };

maru_future *maru_yield(maru_pause *pause)
{
    return pause ? maru_future_init(&pause->future_, &pause_type) : NULL;
}
