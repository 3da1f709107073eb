/* task.h - tasks: header, memory, polling, ending.
 *
 * A task is one slab slot: the header, and right behind it the root frame.
 *
 *     detached:          [ header 32 | frame 56 + locals ]
 *     child:    [ link 32 | header 32 | frame 56 + locals ]
 *
 * The root frame has no parent, so its parent_ word is the task's hint: the frame that the next
 * poll resumes; NULL means the root itself. */
#ifndef MARU_TASK_TASK_H
#define MARU_TASK_TASK_H

#include "maru/scope.h"
#include "maru/task.h"
#include "runtime/base/context.h"
#include "runtime/base/local.h"
#include "runtime/task/state.h"

struct maru_task {
    maru_waker waker;            /* its ops tell the runtime; constant */
    uint64_t state;              /* state.c only */
    union {
        maru_task *next;         /* whoever holds the ticket or the queue entry: any chain */
        int64_t since_ns;        /* idle: its runner's clock when it suspended */
    };
    void *owner;                 /* child: its scope, or the core of its join set, constant; else a
                                    join that waits, or NULL */
};
_Static_assert(sizeof(struct maru_task) == 32, "an idle task fits in 96 bytes");
_Static_assert(sizeof(maru_frame) == 56, "an idle task fits in 96 bytes");

/* Where a task of a scope can be found by a cancel once it has suspended, and one of a join set
 * all the time. Of the two only the latter has STATE_HANDLE. */
struct maru_child {
    struct maru_child *next, **at;    /* in the scope's or set's kids; under their lock */
    uint64_t linked;             /* the runner's; 0 or 1 */
    uint64_t unused;
    maru_task task;
};
_Static_assert(sizeof(struct maru_child) == 64, "frames stay aligned");

/* Why a task is put in a queue; tells which. */
enum schedule_why {
    SCHEDULE_WOKEN,              /* by a completion, a cancel, another task */
    SCHEDULE_SPAWNED,
    SCHEDULE_CHILD,              /* of an ALL scope: the newest first */
    SCHEDULE_AGAIN,              /* by itself: behind the others */
    SCHEDULE_SPAWNED_MORE,       /* as the two above, of a batch whose last one follows */
    SCHEDULE_CHILD_MORE,
};

/* One a runtime, and one a guest for its own future; the ops of a task's waker begin with it. */
struct task_ops {
    maru_waker_ops waker;
    /* Puts a task in a queue; the caller holds its ticket or queue entry. Any thread. */
    void (*schedule)(const struct task_ops *ops, maru_task *task, enum schedule_why why);
    maru_runtime *runtime;
    /* 0 in the child of a fork, where this runtime is dead; NULL: nobody asks. */
    const uint32_t *alive;
    /* Threads from outside that are completing something (waker.c); NULL: nobody waits for them. */
    uint32_t *visitors;
    /* Makes a worker look at its wheel again before it sleeps. Any thread. */
    void (*nudge)(const struct task_ops *ops, uint32_t worker_id);
};

static inline maru_frame *task_root(maru_task *task)
{
    return (maru_frame *)(void *)(task + 1);
}

static inline struct maru_child *task_child(maru_task *task)
{
    return (struct maru_child *)(void *)((char *)task - offsetof(struct maru_child, task));
}

static inline bool task_ops_is_alive(const struct task_ops *ops)
{
    return !ops->alive || *ops->alive;
}

static inline const struct task_ops *task_ops(const maru_task *task)
{
    return (const struct task_ops *)(const void *)task->waker.ops_;
}

static inline void task_schedule(maru_task *task, enum schedule_why why)
{
    task_ops(task)->schedule(task_ops(task), task, why);
}

static inline void task_nudge(const struct task_ops *ops, uint32_t worker_id)
{
    ops->nudge(ops, worker_id);
}

/* Where the slabs of detached tasks and of children find a slot's liveness. */
enum {
    TASK_LIVENESS = offsetof(struct maru_task, state),
    CHILD_LIVENESS = offsetof(struct maru_child, task) + offsetof(struct maru_task, state),
};

/* The waker functions that every task_ops begins with. */
extern const maru_waker_ops task_waker_ops;

/* False: there is no image, or it names no function, or its size cannot be. */
bool image_is_valid(const maru_frame *image, size_t size);

/* A task with a copy of the image, NOTIFIED, in no queue, counted as spawned. `flags` are added
 * to the state word. NULL: no memory, or the image is not one. Owner of `local`. */
maru_task *task_new(struct local *local, const maru_frame *image, size_t size, uint64_t flags);

/* Takes a task back that was never scheduled. Owner of `local`. */
void task_unspawn(struct local *local, maru_task *task);

/* One poll, from taking the queue entry to giving the task up: the caller must not touch it
 * after. The worker whose context this is. */
void task_run(struct context *here, maru_task *task);

/* Gives the memory back. Whoever got STATE_FREE. */
void task_free(maru_task *task);

/* Lets a task go that state_hold gave to an onlooker. */
void task_let_go(maru_task *task);

/* What the task runs. The word stays readable, and names a function, as long as the slab: so a
 * walker may ask of any slot whose state word it saw live. Any thread. */
static inline const maru_function *task_function(maru_task *task)
{
    maru_frame *root = task_root(task);
    /* pairs with task_new: store of the type, published by the state word */
    return (const maru_function *)(const void *)atomic_load_rlx(&root->future_.type_);
}

/* A list of children, under its owner's lock. */
static inline void child_link(struct maru_child **first, struct maru_child *child)
{
    child->next = *first;
    child->at = first;
    if (child->next)
        child->next->at = &child->next;
    *first = child;
}

static inline void child_unlink(struct maru_child *child)
{
    *child->at = child->next;
    if (child->next)
        child->next->at = child->at;
}

/* Cancels all of a list, under its lock: a chain of those whose ticket we got. They are queued
 * after it (S4). */
maru_task *child_cancel_all(struct maru_child *first) MARU_MUST_USE;
void child_queue_all(maru_task *woken);

/* The end of a task of a join set (join_set.c). The runner, for whom it is the last touch. */
void join_set_task_ended(maru_task *task);

/* Scopes' part of a child's life (scope.c). Runner only. */
bool scope_is_cancelled(const maru_scope *scope);
void scope_child_suspends(maru_scope *scope, struct maru_child *child);
void scope_child_unlink(maru_scope *scope, struct maru_child *child);
void scope_child_ended(maru_scope *scope, maru_result result);

extern const maru_future_type scope_type, join_type, task_wait_type;

#endif
