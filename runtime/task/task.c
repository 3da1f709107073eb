/* task.c - see task.h. */
#include "runtime/task/task.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/task/frame.h"
#include "runtime/task/hook.h"
#include "runtime/task/waker.h"

#include <string.h>

/* ---- making and freeing ---- */

/* A walker that comes upon the slot may be reading its first word (task_function). */
static void copy_image(maru_frame *root, const maru_frame *image, size_t size)
{
    const size_t first = sizeof root->future_.type_;
    _Static_assert(offsetof(maru_frame, future_.type_) == 0, "the type is the first word");
    atomic_store_rlx(&root->future_.type_, image->future_.type_);   /* pairs with task_function */
    memcpy((char *)root + first, (const char *)image + first, size - first);
}

bool image_is_valid(const maru_frame *image, size_t size)
{
    return image && size >= sizeof *image && size <= UINT32_MAX && image->future_.type_;
}

maru_task *task_new(struct local *local, const maru_frame *image, size_t size, uint64_t flags)
{
    bool is_child = flags & STATE_CHILD;
    size_t before = is_child ? offsetof(struct maru_child, task) : 0;
    if (!image_is_valid(image, size))
        return NULL;
    char *slot = slab_get(is_child ? &local->children : &local->tasks,
                          before + sizeof(maru_task) + size);
    if (!slot)
        return NULL;
    if (is_child)
        ((struct maru_child *)(void *)slot)->linked = 0;
    maru_task *task = (maru_task *)(void *)(slot + before);
    task->waker.ops_ = &local->ops->waker;
    task->owner = NULL;
    copy_image(task_root(task), image, size);
    const uint64_t fresh = STATE_LIVE | STATE_FRESH | STATE_NOTIFIED | STATE_ROOT;
    atomic_store_rel(&task->state, fresh | flags);      /* pairs with state_hold: load */
    metric_add(&local->spawned, 1);
    return task;
}

static void put_slot(maru_task *task, uint64_t word)
{
    atomic_store_rlx(&task->state, 0u);         /* no partner: walkers look again (SL5) */
    slab_put(word & STATE_CHILD ? (void *)task_child(task) : (void *)task,
             context_here()->local);
}

void task_free(maru_task *task)
{
    put_slot(task, atomic_load_rlx(&task->state));  /* owner: nobody else knows the task */
}

void task_unspawn(struct local *local, maru_task *task)
{
    metric_add(&local->ended, 1);
    uint64_t word = atomic_load_rlx(&task->state);  /* owner: nobody else knows the task */
    atomic_store_rlx(&task->state, 0u);             /* no partner: walkers look again */
    slab_put(word & STATE_CHILD ? (void *)task_child(task) : (void *)task, local);
}

/* ---- polling ---- */

/* A child of a scope that was never polled: nobody else can know it. */
static bool is_unknown(uint64_t word)
{
    return (word & (STATE_FRESH | STATE_CHILD | STATE_HANDLE)) == (STATE_FRESH | STATE_CHILD);
}

/* Takes the queue entry. Of a task that nobody else knows, plain stores do. */
static uint64_t take_entry(maru_task *task)
{
    uint64_t word = atomic_load_rlx(&task->state);      /* no partner: FRESH changes only here */
    if (!is_unknown(word))
        return state_to_running(&task->state);
    const uint64_t gone = STATE_NOTIFIED | STATE_ROOT | STATE_FRESH;
    atomic_store_rel(&task->state, (word & ~gone) | STATE_RUNNING);     /* pairs with state_hold */
    return word;
}

static void suspended(struct context *here, maru_task *task, uint64_t word)
{
    maru_frame *root = task_root(task);
    if (word & STATE_CHILD && !task_child(task)->linked)
        scope_child_suspends(task->owner, task_child(task));
    if (here->again) {
        root->parent_ = here->again_from_root ? NULL : here->self_hint;
        task_schedule(task, SCHEDULE_AGAIN);    /* RUNNING goes along with the entry (T1) */
        return;
    }
    task->since_ns = here->local->now_ns;
    if (state_to_idle(&task->state) == STATE_QUEUE)
        task_schedule(task, SCHEDULE_AGAIN);
}

static void child_ended(struct context *here, maru_task *task, uint64_t word, maru_result result)
{
    maru_scope *scope = task->owner;
    bool unknown = word & STATE_FRESH && !here->exposed;    /* no waker of it can be anywhere */
    if (task_child(task)->linked) {
        if (word & STATE_HANDLE) {
            join_set_task_ended(task);
            return;
        }
        scope_child_unlink(scope, task_child(task));
    }
    if (unknown || state_is_unowned(state_to_done(&task->state)))
        put_slot(task, word);
    scope_child_ended(scope, result);
}

static void detached_ended(maru_task *task)
{
    uint64_t word = state_to_done(&task->state);
    if (word & STATE_JOINER)
        maru_leaf_complete(task->owner);        /* who joins may free the task from here on */
    else if (state_is_unowned(word))
        put_slot(task, word);
}

void task_run(struct context *here, maru_task *task)
{
    maru_frame *root = task_root(task);
    uint64_t word = take_entry(task);
    /* A yielded task that nobody woke keeps ROOT clear: then its hint is the runner's own. */
    bool from_root = word & STATE_ROOT || !root->parent_;
    if (word & STATE_CANCELLED ||
        (is_unknown(word) && scope_is_cancelled(task->owner)))
        frame_cancel(root);
    struct local *local = here->local;
    here->task = task;
    atomic_store_rlx(&local->polled, task);     /* no partner: a dump tells who polls */
    here->self_hint = NULL;
    here->budget = local->budget;
    here->again = here->again_from_root = here->exposed = false;
    maru_frame *first = from_root ? root : root->parent_;
    root->parent_ = NULL;
    maru_result result = frame_resume(task, first);
    here->task = NULL;
    here->budget = 0;                           /* outside of tasks there is none */
    atomic_store_rlx(&local->polled, (maru_task *)NULL);    /* no partner: as above */
    if (result == MARU_PENDING) {
        suspended(here, task, word);
        return;
    }
    hook_ended(here->local, task);
    if (word & STATE_CHILD)
        child_ended(here, task, word, result);
    else
        detached_ended(task);
    metric_add(&local->ended, 1);
}

/* ---- onlookers ---- */

void task_let_go(maru_task *task)
{
    if (state_let_go(&task->state) == STATE_QUEUE)
        task_schedule(task, SCHEDULE_WOKEN);
}
