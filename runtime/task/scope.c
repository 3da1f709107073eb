/* scope.c - scopes: children that cannot outlive their owner's frame.
 *
 *     count:  [ WAITING | number of children that have not ended ]
 *
 * C1 A child is counted before it can run, and its decrement of the count is its last touch of
 *    the scope.
 * C2 The child that would make the count 0 while the owner waits takes the owner's ticket or a
 *    pin first (T9): the decrement is what publishes the end.
 * C3 Children that have suspended are in the scope's list, under its lock bit; a child that runs
 *    to its end in one poll is never in it.
 * C4 Cancel marks every listed child under the lock and queues those whose ticket it got after
 *    it. A child that is not listed yet sees cancelled when it starts or when it lists itself.
 * C5 The first error of an ALL scope is kept, and cancels the others before its child's C1.
 *
 * A race that is safely handled: the owner spawns again between the load and the CAS of the last
 * child's decrement. The CAS fails, the child gives ticket or pin back (the owner is polled once
 * more than needed), and decrements anew. */
#include "runtime/task/task.h"

#include "maru/err.h"
#include "runtime/base/check.h"
#include "runtime/base/lock.h"
#include "runtime/task/frame.h"
#include "runtime/task/hook.h"
#include "runtime/task/waker.h"

#define WAITING (UINT64_C(1) << 63)

static uint64_t children(uint64_t count)
{
    return count & ~WAITING;
}

/* ---- the list of suspended children ---- */

bool scope_is_cancelled(const maru_scope *scope)
{
    return atomic_load_acq(&scope->cancelled_);     /* pairs with scope_to_cancelled */
}

void scope_child_suspends(maru_scope *scope, struct maru_child *child)
{
    lock_take(&scope->lock_);
    bool cancelled = scope->cancelled_;
    child_link(&scope->kids_, child);
    child->linked = 1;
    lock_give(&scope->lock_);
    enum state_after after = cancelled ? state_cancel(&child->task.state) : STATE_NOTHING;
    CHECK(after == STATE_NOTHING);      /* we run it, so there was no ticket to take */
}

void scope_child_unlink(maru_scope *scope, struct maru_child *child)
{
    lock_take(&scope->lock_);
    child_unlink(child);
    lock_give(&scope->lock_);
}

/* ---- cancelling ---- */

maru_task *child_cancel_all(struct maru_child *first)
{
    maru_task *woken = NULL;
    for (struct maru_child *child = first; child; child = child->next) {
        if (state_cancel(&child->task.state) != STATE_QUEUE)
            continue;
        child->task.next = woken;
        woken = &child->task;
    }
    return woken;
}

void child_queue_all(maru_task *woken)
{
    while (woken) {
        maru_task *next = woken->next;
        task_schedule(woken, SCHEDULE_WOKEN);
        woken = next;
    }
}

static void scope_to_cancelled(maru_scope *scope, int32_t error)
{
    maru_task *woken = NULL;
    lock_take(&scope->lock_);
    if (!scope->cancelled_) {
        scope->error_ = error;
        atomic_store_rel(&scope->cancelled_, (uint8_t)1);   /* pairs with scope_is_cancelled */
        woken = child_cancel_all(scope->kids_);
    }
    lock_give(&scope->lock_);
    child_queue_all(woken);
}

void maru_scope_cancel(maru_scope *scope)
{
    if (scope)
        scope_to_cancelled(scope, -ECANCELED);
}

/* ---- the end of a child ---- */

static void child_failed(maru_scope *scope, int32_t error)
{
    if (error != -ECANCELED)
        atomic_add_rlx(&scope->failed_, 1u);        /* no partner: a count for the owner */
    if (scope->policy_ == MARU_SCOPE_ALL)
        scope_to_cancelled(scope, error);
    else if (error != -ECANCELED && scope->on_error_)
        scope->on_error_(scope->on_error_arg_, error);
}

/* The last child, and the owner waits. False: the owner has spawned again. */
static bool end_last(maru_scope *scope, uint64_t count)
{
    struct wake wake = wake_begin(scope->leaf_.waker_, scope->leaf_.future.u_.awaiter_);
    bool ended = atomic_cas_ar(&scope->count_, &count, 0u);     /* pairs with scope_poll (C2) */
    wake_finish(wake);
    return ended;
}

void scope_child_ended(maru_scope *scope, maru_result result)
{
    if (UNLIKELY(result < 0))
        child_failed(scope, (int32_t)result);
    uint64_t count = atomic_load_acq(&scope->count_);       /* pairs with scope_poll: the waker */
    for (;;) {
        DCHECK(children(count) > 0);
        if (count == (WAITING | 1)) {
            if (end_last(scope, count))
                return;
            count = atomic_load_acq(&scope->count_);        /* pairs with scope_poll: the waker */
        } else if (atomic_cas_ar(&scope->count_, &count, count - 1)) {  /* pairs with scope_poll */
            return;
        }
    }
}

/* ---- the owner's side ---- */

void maru_scope_init(maru_scope *scope, enum maru_scope_policy policy)
{
    if (!scope)
        return;
    CHECK(children(atomic_load_acq(&scope->count_)) == 0);  /* pairs with scope_child_ended */
    maru_leaf place = scope->leaf_;
    *scope = (maru_scope){ .policy_ = (uint8_t)policy };
    if (place.future.flags_ & FUTURE_LINKED)    /* nobody has waited: it is in the frame's list */
        scope->leaf_ = place;
}

void maru_scope_on_error(maru_scope *scope, maru_scope_error_fn *fn, void *arg)
{
    if (!scope)
        return;
    scope->on_error_ = fn;
    scope->on_error_arg_ = arg;
}

size_t maru_scope_count(const maru_scope *scope)
{
    /* pairs with scope_child_ended */
    return scope ? (size_t)children(atomic_load_acq(&scope->count_)) : 0;
}

size_t maru_scope_failed(const maru_scope *scope)
{
    /* no partner: a metric while children run */
    return scope ? atomic_load_rlx(&scope->failed_) : 0;
}

/* All have ended: what they wrote is visible, and the scope is as good as new. */
static maru_result scope_renew(maru_scope *scope)
{
    maru_result error = scope->error_;
    scope->error_ = 0;
    scope->cancelled_ = 0;
    atomic_store_rlx(&scope->count_, 0u);           /* owner: no child is left */
    return error;
}

static maru_result scope_poll(maru_future *self, maru_context *cx)
{
    maru_scope *scope = (maru_scope *)(void *)self;
    uint64_t count = atomic_load_acq(&scope->count_);       /* pairs with scope_child_ended */
    if (children(count) == 0)
        return scope_renew(scope);
    if (cx->ending != MARU_GO)
        scope_to_cancelled(scope, -ECANCELED);
    if (count & WAITING)
        return MARU_PENDING;            /* the waker is there, and a child may be reading it */
    scope->leaf_.waker_ = cx->waker;
    self->u_.awaiter_ = cx->frame;
    context_here()->exposed = true;
    count = atomic_or_ar(&scope->count_, WAITING);          /* pairs with scope_child_ended (C2) */
    return children(count) == 0 ? scope_renew(scope) : MARU_PENDING;
}

const maru_future_type scope_type = { scope_poll, "scope" };

maru_future *maru_scope_wait(maru_scope *scope)
{
    if (UNLIKELY(!scope))
        return NULL;
    maru_future *self = &scope->leaf_.future;
    if (!(self->flags_ & FUTURE_LINKED))
        *self = (maru_future){ .type_ = &scope_type };
    self->flags_ &= (uint8_t)~FUTURE_ENDED;     /* a wrapper may have left it in the frame's list */
    return self;
}

static int refuse(maru_scope *scope)
{
    lock_take(&scope->lock_);
    int error = scope->error_;
    lock_give(&scope->lock_);
    return error;
}

/* 0, or why the scope takes no child from here. */
static int admit(const struct context *here, maru_frame *owner, maru_scope *scope)
{
    if (!scope || !owner || !here->task || !frame_is_running(owner))
        return -EINVAL;
    if (scope_is_cancelled(scope))
        return refuse(scope);
    if (owner->future_.flags_ & FRAME_CANCELLED && owner->future_.phase_ == BODY)
        return -ECANCELED;
    return here->local->closed ? -MARU_ESHUTDOWN : 0;
}

/* An error's child is not counted yet, and known to nobody. */
static int child_new(struct context *here, maru_scope *scope, const maru_frame *image, size_t size,
                     maru_task **ret_task)
{
    const uint64_t lifo = scope->policy_ == MARU_SCOPE_ALL ? STATE_LIFO : 0;
    maru_task *task = task_new(here->local, image, size, STATE_CHILD | lifo);
    if (!task)
        return image_is_valid(image, size) ? -ENOMEM : -EINVAL;
    task->owner = scope;
    *ret_task = task;
    return 0;
}

int maru_scope_spawn_image(maru_frame *owner, maru_scope *scope, const maru_frame *image,
                           size_t size)
{
    struct context *here = context_here();
    maru_task *task = NULL;
    int rc = admit(here, owner, scope);
    if (rc == 0)
        rc = child_new(here, scope, image, size, &task);
    if (rc < 0)
        return rc;
    frame_link(owner, maru_scope_wait(scope));      /* the owner cannot end before its child */
    atomic_add_rlx(&scope->count_, 1u);             /* with the queue, which publishes it (C1) */
    hook_spawned(here->local, task);
    task_schedule(task, scope->policy_ == MARU_SCOPE_ALL ? SCHEDULE_CHILD : SCHEDULE_SPAWNED);
    return 0;
}

/* ---- many children ---- */

void maru_batch_begin(maru_batch *batch, maru_frame *owner, maru_scope *scope)
{
    if (!batch)
        return;
    *batch = (maru_batch){ .owner_ = owner, .scope_ = scope };
    batch->error_ = admit(context_here(), owner, scope);
}

bool maru_batch_add(maru_batch *batch, const maru_frame *image, size_t size)
{
    maru_task *task = NULL;
    if (!batch)
        return false;
    if (batch->error_ == 0 && !batch->scope_)   /* it was never begun */
        batch->error_ = -EINVAL;
    if (batch->error_ == 0)
        batch->error_ = child_new(context_here(), batch->scope_, image, size, &task);
    if (!task)
        return false;
    task->next = NULL;
    if (batch->first_)
        batch->last_->next = task;
    else
        batch->first_ = task;
    batch->last_ = task;
    batch->count_++;
    return true;
}

static void take_back(maru_task *task)
{
    while (task) {
        maru_task *next = task->next;
        task_unspawn(context_here()->local, task);
        task = next;
    }
}

/* The last one is announced: who comes for it finds the others. */
static void schedule_batch(maru_task *task, bool lifo)
{
    while (task) {
        maru_task *next = task->next;
        hook_spawned(context_here()->local, task);
        if (next)
            task_schedule(task, lifo ? SCHEDULE_CHILD_MORE : SCHEDULE_SPAWNED_MORE);
        else
            task_schedule(task, lifo ? SCHEDULE_CHILD : SCHEDULE_SPAWNED);
        task = next;
    }
}

int maru_batch_end(maru_batch *batch)
{
    if (!batch)
        return -EINVAL;
    maru_scope *scope = batch->scope_;
    maru_task *first = batch->first_;
    batch->first_ = batch->last_ = NULL;
    if (batch->error_ < 0)
        take_back(first);
    if (batch->error_ < 0 || !first)
        return batch->error_;
    frame_link(batch->owner_, maru_scope_wait(scope));
    atomic_add_rlx(&scope->count_, batch->count_);  /* with the queue, which publishes it (C1) */
    schedule_batch(first, scope->policy_ == MARU_SCOPE_ALL);
    return 0;
}

int maru_scope_spawn_images(maru_frame *owner, maru_scope *scope, const maru_frame *images,
                            size_t size, size_t count)
{
    maru_batch batch;
    const char *image = (const char *)images;
    maru_batch_begin(&batch, owner, scope);
    for (size_t i = 0; i < count; i++, image += images ? size : 0)
        if (!maru_batch_add(&batch, (const maru_frame *)(const void *)image, size))
            break;
    return maru_batch_end(&batch);
}
