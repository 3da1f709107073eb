/* budget.c - how much a task may do before the others get a turn, and sections without that limit.
 *
 * A section is a frame like any other, so it stands in the chain of those that await: who has no
 * budget left looks for it there, and nobody else pays for it. */
#include "runtime/task/budget.h"

#include "maru/async.h"
#include "maru/err.h"
#include "runtime/base/check.h"
#include "runtime/base/context.h"
#include "runtime/base/local.h"

/* ---- taking it ---- */

/* In a section there is always more; outside of tasks there is none to spend. */
static bool take_spent(const struct context *here)
{
    if (here->frame && budget_is_free(here->frame))
        return true;
    if (here->local)
        metric_add(&here->local->budget_yields, 1);
    return false;
}

bool maru_budget_take(void)
{
    struct context *here = context_here();
    if (UNLIKELY(here->budget == 0))
        return take_spent(here);
    here->budget--;
    return true;
}

/* The await of it is what takes a unit, or waits for the next turn. */
static maru_result consume_poll(maru_future *self, maru_context *cx)
{
    (void)self;
    return cx->ending == MARU_GO ? 0 : -ECANCELED;
}

static const maru_future_type consume_type = { consume_poll, "budget" };

maru_future *maru_budget_consume(maru_pause *pause)
{
    return pause ? maru_future_init(&pause->future_, &consume_type) : NULL;
}

/* ---- sections without it ---- */

maru_async(maru_section)
{
    maru_result result;
    maru_await(result, me->inner_);
    maru_return(result);
}
maru_end;

bool budget_is_free(const maru_frame *frame)
{
    while (frame && frame->future_.type_ != &maru_section_async.type)
        frame = frame->parent_;
    return frame;
}

maru_future *maru_unconstrained(maru_section *section, maru_future *inner)
{
    if (UNLIKELY(!inner))
        check_misuse("section", NULL, 0, "an await of NULL");
    return section ? maru_call(maru_section, section, .inner_ = inner) : NULL;
}
