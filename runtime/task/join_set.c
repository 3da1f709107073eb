/* join_set.c - tasks that are joined in the order in which they end.
 *
 *     set, in the owner's frame        core, on the heap            tasks: children with a handle
 *     [ leaf | next | core ] --------> [ kids | ended | waits ] <-- owner
 *
 * Whatever an ending task and the owner both touch is in the core, under its lock. The core is not
 * in the frame, so that the owner can let its tasks go.
 *
 * JS1 A task is in kids from its spawn to its end, then in ended until it is joined; the set holds
 *     its handle all the time, so its memory stays.
 * JS2 A task's end publishes under the lock: it leaves kids, enters ended, and completes the waits
 *     that it decides (steps 1 and 2). Releasing the lock is its last touch of the core, unless
 *     JS4 makes the core its own.
 * JS3 A wait stands in the core from its registration, under the lock that found nothing ended, to
 *     its completion or withdrawal, under the lock.
 * JS4 An abandoned core belongs to its tasks: each gives its own handle back at its end, and the
 *     last one frees the core. */
#include "maru/join_set.h"

#include "maru/err.h"
#include "runtime/base/check.h"
#include "runtime/base/list.h"
#include "runtime/base/lock.h"
#include "runtime/task/frame.h"
#include "runtime/task/hook.h"
#include "runtime/task/task.h"
#include "runtime/task/waker.h"

struct maru_join_core {
    struct alloc *alloc;         /* constant */
    struct maru_child *kids;     /* tasks that have not ended (JS1) */
    maru_task *first, *last;     /* ended, oldest first, through next */
    maru_leaf *next_wait;        /* for one to end (JS3); NULL: nobody waits */
    maru_leaf *end_wait;         /* for all to end */
    uint64_t running;            /* tasks in kids */
    uint32_t lock;               /* guards all but alloc */
    bool abandoned;
};

static void core_free(struct maru_join_core *core)
{
    alloc_put(core->alloc, core, sizeof *core, 64);
}

/* ---- the end of a task ---- */

static void append(struct maru_join_core *core, maru_task *task)
{
    task->next = NULL;
    if (core->first)
        core->last->next = task;
    else
        core->first = task;
    core->last = task;
}

/* Steps 1 and 2 of completing a wait, if there is one. */
static bool publish(maru_leaf **wait, struct wake *ret_wake)
{
    maru_leaf *leaf = *wait;
    if (!leaf)
        return false;
    *wait = NULL;
    *ret_wake = leaf_publish(leaf);
    return true;
}

void join_set_task_ended(maru_task *task)
{
    struct maru_join_core *core = task->owner;
    struct wake next, end;
    uint64_t word = state_to_done(&task->state);
    DCHECK(word & STATE_HANDLE);
    (void)word;                                     /* the handle is the set's: we free nothing */
    lock_take(&core->lock);
    child_unlink(task_child(task));
    bool abandoned = core->abandoned, is_last = --core->running == 0;
    if (!abandoned)
        append(core, task);
    bool wakes_next = publish(&core->next_wait, &next);
    bool wakes_end = is_last && publish(&core->end_wait, &end);
    lock_give(&core->lock);                         /* not abandoned: our last touch (JS2) */
    if (wakes_next)
        wake_finish(next);
    if (wakes_end)
        wake_finish(end);
    if (!abandoned)
        return;
    maru_detach(task);
    if (is_last)
        core_free(core);                            /* JS4 */
}

/* ---- spawning ---- */

static struct maru_join_core *core_new(struct local *local)
{
    struct alloc *alloc = local->children.alloc;
    struct maru_join_core *core = alloc_get_zeroed(alloc, sizeof *core, 64);
    if (core)
        core->alloc = alloc;
    return core;
}

/* Nobody would free it: a set that is in no frame's list has no end. */
static void drop_unused_core(maru_join_set *set)
{
    if (set->leaf_.future.flags_ & FUTURE_LINKED)
        return;
    core_free(set->core_);
    set->core_ = NULL;
}

static bool is_refused(const struct context *here, const maru_frame *owner,
                       const maru_join_set *set)
{
    if (!set || !owner || !here->task || !frame_is_running(owner))
        return true;
    return set->closing_ || here->local->closed ||
           (owner->future_.flags_ & FRAME_CANCELLED && owner->future_.phase_ == BODY);
}

static void enter(struct maru_join_core *core, maru_task *task)
{
    task->owner = core;
    task_child(task)->linked = 1;
    lock_take(&core->lock);
    child_link(&core->kids, task_child(task));
    core->running++;
    lock_give(&core->lock);
}

static const maru_future_type join_set_type;

maru_task *maru_join_set_spawn_image(maru_frame *owner, maru_join_set *set,
                                     const maru_frame *image, size_t size)
{
    struct context *here = context_here();
    if (is_refused(here, owner, set))
        return NULL;
    if (!set->core_ && !(set->core_ = core_new(here->local)))
        return NULL;
    maru_task *task = task_new(here->local, image, size, STATE_CHILD | STATE_HANDLE);
    if (!task) {
        drop_unused_core(set);
        return NULL;
    }
    enter(set->core_, task);
    set->count_++;
    if (!(set->leaf_.future.flags_ & FUTURE_LINKED))
        set->leaf_.future = (maru_future){ .type_ = &join_set_type };
    frame_link(owner, &set->leaf_.future);          /* the owner cannot end before its task */
    hook_spawned(here->local, task);
    task_schedule(task, SCHEDULE_SPAWNED);
    return task;
}

/* ---- joining ---- */

/* The oldest that has ended, or NULL; then `wait` is to be told, if there is one (JS3). */
static maru_task *take_ended(struct maru_join_core *core, maru_leaf *wait, const maru_context *cx)
{
    lock_take(&core->lock);
    maru_task *task = core->first;
    if (task)
        core->first = task->next;
    if (task && core->next_wait == wait)
        core->next_wait = NULL;
    if (!task && wait && !core->next_wait) {
        maru_leaf_wait(wait, cx);
        core->next_wait = wait;
    }
    lock_give(&core->lock);
    return task;
}

static void withdraw(struct maru_join_core *core, const maru_leaf *wait)
{
    if (!core)
        return;
    lock_take(&core->lock);
    if (core->next_wait == wait)
        core->next_wait = NULL;
    lock_give(&core->lock);
}

static void release_joined(maru_join_set *set)
{
    maru_detach(set->joined_);
    set->joined_ = NULL;
}

static maru_result join(maru_join_set *set, maru_task *task)
{
    release_joined(set);
    set->joined_ = task;
    set->count_--;
    return task_root(task)->future_.u_.result_;
}

static maru_result next_poll(maru_future *self, maru_context *cx)
{
    maru_join_set *set = container_of(self, maru_join_set, next_.future);
    bool is_won = maru_leaf_is_complete(&set->next_);
    if (cx->ending == MARU_LOSE || (cx->ending == MARU_CANCEL && !is_won)) {
        withdraw(set->core_, &set->next_);
        return -ECANCELED;
    }
    if (set->count_ == 0)
        return -MARU_EEMPTY;
    maru_leaf *wait = cx->ending == MARU_GO ? &set->next_ : NULL;
    maru_task *task = take_ended(set->core_, wait, cx);
    if (task)
        return join(set, task);
    return wait ? MARU_PENDING : -ECANCELED;
}

static const maru_future_type next_type = { next_poll, "join_next" };

maru_future *maru_join_next(maru_join_set *set)
{
    if (!set)
        return NULL;
    maru_future_init(&set->next_.future, &next_type);
    release_joined(set);
    return &set->next_.future;
}

int maru_join_set_try_next(maru_join_set *set, maru_result *ret_result)
{
    if (!set || !ret_result)
        return -EINVAL;
    release_joined(set);
    if (set->count_ == 0)
        return -MARU_EEMPTY;
    maru_task *task = take_ended(set->core_, NULL, NULL);
    if (!task)
        return -EAGAIN;
    *ret_result = join(set, task);
    return 0;
}

maru_task *maru_joined(const maru_join_set *set)
{
    return set ? set->joined_ : NULL;
}

size_t maru_join_set_count(const maru_join_set *set)
{
    return set ? (size_t)set->count_ : 0;
}

/* ---- the end of the set ---- */

void maru_join_set_cancel(maru_join_set *set)
{
    struct maru_join_core *core = set ? set->core_ : NULL;
    if (!core)
        return;
    lock_take(&core->lock);
    maru_task *woken = child_cancel_all(core->kids);
    lock_give(&core->lock);
    child_queue_all(woken);
}

static void detach_all(maru_task *task)
{
    while (task) {
        maru_task *next = task->next;
        maru_detach(task);
        task = next;
    }
}

/* True if none is running any more; else `set` is told when that is so. */
static bool have_ended(maru_join_set *set, struct maru_join_core *core, const maru_context *cx)
{
    lock_take(&core->lock);
    bool ended = core->running == 0;
    if (!ended && !core->end_wait) {
        maru_leaf_wait(&set->leaf_, cx);
        core->end_wait = &set->leaf_;
    }
    lock_give(&core->lock);
    return ended;
}

static maru_result end_poll(maru_future *self, maru_context *cx)
{
    maru_join_set *set = (maru_join_set *)(void *)self;
    struct maru_join_core *core = set->core_;
    if (core && !set->closing_)
        maru_join_set_cancel(set);
    set->closing_ = true;
    if (core && !have_ended(set, core, cx))
        return MARU_PENDING;
    release_joined(set);
    if (core) {
        detach_all(core->first);                    /* nobody else knows the core any more */
        core_free(core);
    }
    set->core_ = NULL;
    set->count_ = 0;
    set->closing_ = false;
    return 0;
}

static const maru_future_type join_set_type = { end_poll, "join_set" };

maru_future *maru_join_set_shutdown(maru_join_set *set)
{
    if (!set)
        return NULL;
    if (!(set->leaf_.future.flags_ & FUTURE_LINKED))
        set->leaf_.future = (maru_future){ .type_ = &join_set_type };
    return &set->leaf_.future;
}

void maru_join_set_detach(maru_join_set *set)
{
    struct maru_join_core *core = set ? set->core_ : NULL;
    struct wake next;
    if (!core)
        return;
    lock_take(&core->lock);
    core->abandoned = true;
    maru_task *ended = core->first;
    bool is_unused = core->running == 0;
    bool wakes = publish(&core->next_wait, &next);  /* it finds the set empty */
    core->end_wait = NULL;
    lock_give(&core->lock);                         /* others run: our last touch (JS4) */
    set->core_ = NULL;
    set->count_ = 0;
    if (wakes)
        wake_finish(next);
    detach_all(ended);
    if (is_unused)
        core_free(core);
}
