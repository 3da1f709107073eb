/* waker.c - see waker.h. */
#include "runtime/task/waker.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/task/task.h"

static maru_task *task_of(maru_waker *waker)
{
    return (maru_task *)(void *)waker;
}

/* ---- a task as somebody's waker, kept over many wakes ---- */

static void after(maru_task *task, enum state_after after)
{
    switch (after) {
    case STATE_NOTHING:
        break;
    case STATE_QUEUE:
        task_schedule(task, SCHEDULE_WOKEN);
        break;
    case STATE_FREE:
        task_free(task);
        break;
    }
}

static void task_retain(maru_waker *waker)
{
    context_here()->exposed = true;
    state_pin(&task_of(waker)->state);
}

static void task_wake(maru_waker *waker)
{
    after(task_of(waker), state_notify(&task_of(waker)->state));
}

static void task_release(maru_waker *waker)
{
    after(task_of(waker), state_unpin(&task_of(waker)->state));
}

const maru_waker_ops task_waker_ops = { task_retain, task_wake, task_release };

static bool is_task(const maru_waker *waker)
{
    return waker->ops_->retain == task_retain;
}

/* ---- visitors ---- */

/* Counts a thread from outside; where, or NULL. Whoever sees the task end sees the count, too, for
 * the state word is released after it. */
static uint32_t *visit_begin(const maru_task *task)
{
    const struct local *local = context_here()->local;
    uint32_t *visitors = task_ops(task)->visitors;
    if (LIKELY(local && local->ops == task_ops(task)) || !visitors)
        return NULL;
    if (local && local->ops->visitors == visitors)      /* a guest's own future, of this runtime */
        return NULL;
    atomic_add_rlx(visitors, 1u);       /* with sched_wait_for_visitors, by way of the state word */
    return visitors;
}

static void visit_end(uint32_t *visitors)
{
    if (visitors)
        atomic_sub_ar(visitors, 1u);            /* pairs with sched_wait_for_visitors: load */
}

/* ---- the three steps ---- */

struct wake wake_begin(maru_waker *waker, maru_frame *hint)
{
    struct wake wake = { waker, hint, NULL, false };
    if (UNLIKELY(!is_task(waker))) {
        waker->ops_->retain(waker);
        return wake;
    }
    wake.visitors = visit_begin(task_of(waker));
    wake.ticket = state_wake_begin(&task_of(waker)->state) == STATE_TICKET;
    return wake;
}

struct wake leaf_publish(maru_leaf *leaf)
{
    struct wake wake = wake_begin(leaf->waker_, leaf->future.u_.awaiter_);
    atomic_store_rel(&leaf->future.line_, (uint32_t)LEAF_COMPLETE);     /* pairs with is_complete */
    return wake;
}

void wake_finish(struct wake wake)
{
    if (UNLIKELY(!is_task(wake.waker))) {
        wake.waker->ops_->wake(wake.waker);
        wake.waker->ops_->release(wake.waker);
        return;
    }
    maru_task *task = task_of(wake.waker);
    if (LIKELY(wake.ticket)) {
        task_root(task)->parent_ = wake.hint;
        task_schedule(task, SCHEDULE_WOKEN);
    } else {
        after(task, state_wake_pinned(&task->state));
    }
    visit_end(wake.visitors);
}

void wake_self(maru_frame *frame)
{
    struct context *here = context_here();
    here->again_from_root |= here->again && here->self_hint != frame;
    here->again = true;
    here->self_hint = frame;
}

/* ---- leaves ---- */

void maru_leaf_wait(maru_leaf *leaf, const maru_context *cx)
{
    if (UNLIKELY(!leaf || !cx))
        return;
    context_here()->exposed = true;
    leaf->waker_ = cx->waker;
    leaf->future.u_.awaiter_ = cx->frame;
    /* owner: whoever hands the leaf to its completer publishes it */
    atomic_store_rlx(&leaf->future.line_, (uint32_t)LEAF_WAITING);
}

bool maru_leaf_is_complete(const maru_leaf *leaf)
{
    /* pairs with leaf_publish */
    return leaf && atomic_load_acq(&leaf->future.line_) == LEAF_COMPLETE;
}

void maru_leaf_complete(maru_leaf *leaf)
{
    if (LIKELY(leaf && leaf->waker_))
        wake_finish(leaf_publish(leaf));
}
