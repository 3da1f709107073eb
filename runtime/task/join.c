/* join.c - handles of detached tasks: spawn, cancel, detach, and the wait for a task's end.
 *
 * J1 The handle is given back once: by a join that delivers, or by detach. A wait that is no join
 *    leaves it alone.
 * J2 A join that waits is the task's owner word, published by JOINER in the state word; the
 *    task's end completes it if JOINER was set before DONE.
 * J3 A cancelled join takes itself back, or stays pending until the end has completed it. */
#include "runtime/task/task.h"

#include "runtime/base/atomic.h"
#include "maru/err.h"
#include "runtime/base/check.h"
#include "runtime/task/frame.h"
#include "runtime/task/hook.h"
#include "runtime/task/waker.h"

/* ---- the handle ---- */

maru_task *maru_spawn_image(const maru_frame *image, size_t size)
{
    struct context *here = context_here();
    if (!here->task || here->local->closed)
        return NULL;
    maru_task *task = task_new(here->local, image, size, STATE_HANDLE);
    if (!task)
        return NULL;
    hook_spawned(here->local, task);
    task_schedule(task, SCHEDULE_SPAWNED);
    return task;
}

void maru_cancel(maru_task *task)
{
    if (task && state_cancel(&task->state) == STATE_QUEUE)
        task_schedule(task, SCHEDULE_WOKEN);
}

void maru_detach(maru_task *task)
{
    if (task && state_drop_handle(&task->state) == STATE_FREE)
        task_free(task);
}

bool maru_task_is_finished(const maru_task *task)
{
    return !task || atomic_load_acq(&task->state) & STATE_DONE;     /* pairs with state_to_done */
}

/* ---- waiting ---- */

/* The task is done: its result, and of a join our handle with it (J1). After a wait another one may
 * follow. */
static maru_result deliver(maru_join_wait *wait)
{
    maru_task *task = wait->task_;
    maru_result result = task_root(task)->future_.u_.result_;
    bool keeps_handle = wait->leaf_.future.type_ == &task_wait_type;
    wait->task_ = NULL;
    if (keeps_handle)
        atomic_store_rel(&task->owner, NULL);   /* pairs with the next join: cas of owner */
    else
        maru_detach(task);
    return result;
}

bool maru_join_delivered(const maru_join_wait *wait)
{
    return !wait || !wait->task_;
}

static maru_result give_up(maru_join_wait *wait)
{
    if (!state_unjoin(&wait->task_->state))
        return MARU_PENDING;                    /* its end is about to complete us (J3) */
    atomic_store_rel(&wait->task_->owner, NULL);    /* pairs with the next join: cas of owner */
    return -ECANCELED;
}

static maru_result first_poll(maru_join_wait *wait, const maru_context *cx)
{
    void *nobody = NULL;
    maru_task *task = wait->task_;
    if (cx->ending != MARU_GO && !maru_task_is_finished(task))
        return -ECANCELED;
    if (task == context_here()->task)
        return -EDEADLK;
    if (!atomic_cas_ar(&task->owner, &nobody, (void *)wait))    /* pairs with give_up: owner */
        return -EBUSY;
    maru_leaf_wait(&wait->leaf_, cx);
    return state_join(&task->state) ? MARU_PENDING : deliver(wait);
}

static maru_result join_poll(maru_future *self, maru_context *cx)
{
    maru_join_wait *wait = (maru_join_wait *)(void *)self;
    if (leaf_is_idle(&wait->leaf_))
        return first_poll(wait, cx);
    if (maru_leaf_is_complete(&wait->leaf_))
        return deliver(wait);
    return cx->ending == MARU_GO ? MARU_PENDING : give_up(wait);
}

const maru_future_type join_type = { join_poll, "join" };
const maru_future_type task_wait_type = { join_poll, "wait" };

static maru_future *start(maru_join_wait *wait, maru_task *task, const maru_future_type *type)
{
    if (!wait)
        return NULL;
    maru_future *self = maru_future_init(&wait->leaf_.future, type);
    wait->task_ = task;
    return task ? self : maru_future_ready(self, -EINVAL);
}

maru_future *maru_join_task(maru_join_wait *wait, maru_task *task)
{
    return start(wait, task, &join_type);
}

maru_future *maru_wait_task(maru_join_wait *wait, maru_task *task)
{
    return start(wait, task, &task_wait_type);
}

/* ---- asking ---- */

maru_frame *maru_task_root(maru_task *task, const maru_function *function)
{
    if (!task || !function || task_root(task)->future_.type_ != &function->type)
        return NULL;
    return maru_task_is_finished(task) ? task_root(task) : NULL;
}

const char *maru_task_function(const maru_task *task)
{
    return task ? ((const maru_frame *)(const void *)(task + 1))->future_.type_->name : NULL;
}

uint64_t maru_task_id(const maru_task *task)
{
    return (uintptr_t)task;
}

uint64_t maru_task_id_here(void)
{
    return maru_task_id(context_here()->task);
}
