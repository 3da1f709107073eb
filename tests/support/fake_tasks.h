/* fake_tasks.h - the least that tasks need in order to run: one local, one queue, one wheel on a
 * virtual clock, and no scheduler. For unit tests of runtime/task and timer, in one thread.
 *
 * What is scheduled is kept in order, with its reason; fake_run polls it. A gate is a leaf that a
 * test opens by hand. Gates are awaited where they are, so they must not be on the C stack. */
#ifndef MARU_TESTS_FAKE_TASKS_H
#define MARU_TESTS_FAKE_TASKS_H

#include "maru.h"
#include "runtime/base/config.h"
#include "runtime/base/context.h"
#include "runtime/task/task.h"
#include "runtime/task/waker.h"
#include "timer/timer.h"

#include <criterion/criterion.h>
#include <string.h>

enum { FAKE_QUEUE = 4096 };

struct fake {
    struct task_ops ops;         /* first: schedule finds the rest */
    struct local local;
    struct alloc alloc;
    struct clock clock;
    struct wheel wheel;
    maru_task *queue[FAKE_QUEUE];
    enum schedule_why why[FAKE_QUEUE];
    unsigned head, tail;
    unsigned polls;
};

static inline void fake_schedule(const struct task_ops *ops, maru_task *task,
                                 enum schedule_why why)
{
    struct fake *fake = (struct fake *)(uintptr_t)ops;
    cr_assert_lt(fake->tail - fake->head, (unsigned)FAKE_QUEUE);
    for (unsigned i = fake->head; i != fake->tail; i++)
        cr_assert_neq(fake->queue[i % FAKE_QUEUE], task, "T1: two queue entries of one task");
    fake->queue[fake->tail % FAKE_QUEUE] = task;
    fake->why[fake->tail % FAKE_QUEUE] = why;
    fake->tail++;
}

/* The calling thread is a worker from here on. */
static inline void fake_begin(struct fake *fake)
{
    memset(fake, 0, sizeof *fake);
    fake->ops = (struct task_ops){ .waker = task_waker_ops, .schedule = fake_schedule };
    fake->clock = (struct clock){ .virtual_ns = MARU_SEC, .is_virtual = true };
    wheel_init(&fake->wheel, fake->clock.virtual_ns);
    struct local *local = &fake->local;
    local->ops = &fake->ops;
    local->wheels = &fake->wheel;
    local->clock = &fake->clock;
    local->budget = BUDGET_DEFAULT;
    local->seed = 77;
    slab_init(&local->tasks, &fake->alloc, local, TASK_LIVENESS);
    slab_init(&local->children, &fake->alloc, local, CHILD_LIVENESS);
    context_here()->local = local;
}

static inline void fake_count_slot(void *slot, void *count)
{
    (void)slot;
    ++*(unsigned *)count;
}

/* Slots that are in use: tasks that live, or that a handle or a pin keeps. */
static inline unsigned fake_live(struct fake *fake)
{
    unsigned count = 0;
    slab_walk(&fake->local.tasks, fake_count_slot, &count);
    slab_walk(&fake->local.children, fake_count_slot, &count);
    return count;
}

/* Nothing is queued, no task is left, and every byte comes back. */
static inline void fake_end(struct fake *fake)
{
    cr_assert_eq(fake->head, fake->tail);
    cr_assert_eq(fake_live(fake), 0u);
    cr_assert_eq(fake->local.spawned, fake->local.ended);
    cr_assert_eq(fake->wheel.count, 0u);
    slab_fini(&fake->local.tasks);
    slab_fini(&fake->local.children);
    cr_assert_eq(fake->alloc.live_blocks, 0u);
    cr_assert_eq(fake->alloc.live_bytes, 0u);
    context_here()->local = NULL;
}

static inline maru_task *fake_start(struct fake *fake, uint64_t flags, const maru_frame *image,
                                    size_t size)
{
    maru_task *task = task_new(&fake->local, image, size, flags);
    cr_assert_not_null(task);
    task_schedule(task, SCHEDULE_SPAWNED);
    return task;
}

/* FAKE_START(&fake, STATE_HANDLE, f, .arg = v): a detached task, queued. */
#define FAKE_START(fake, flags, ...)        FAKE_START_((fake), (flags), __VA_ARGS__, )
#define FAKE_START_(fake, flags, name, ...) fake_start(fake, flags, MARU_NEW_(name, __VA_ARGS__))

static inline unsigned fake_queued(const struct fake *fake)
{
    return fake->tail - fake->head;
}

/* Why the task that was scheduled last was. */
static inline enum schedule_why fake_last_why(const struct fake *fake)
{
    return fake->why[(fake->tail - 1) % FAKE_QUEUE];
}

static inline bool fake_run_one(struct fake *fake)
{
    if (fake->head == fake->tail)
        return false;
    maru_task *task = fake->queue[fake->head++ % FAKE_QUEUE];
    fake->polls++;
    task_run(context_here(), task);
    return true;
}

/* Polls until nothing is queued. */
static inline void fake_run(struct fake *fake)
{
    while (fake_run_one(fake))
        cr_assert_lt(fake->polls, 10000000u);
}

/* Time goes on; what is due is woken. */
static inline void fake_advance(struct fake *fake, int64_t ns)
{
    fake->clock.virtual_ns += ns;
    timer_expire(&fake->local);
}

/* The result of a task that has ended, and its handle given back. */
static inline maru_result fake_take_result(maru_task *task)
{
    cr_assert(maru_task_is_finished(task));
    maru_result result = task_root(task)->future_.u_.result_;
    maru_detach(task);
    return result;
}

/* ---- gates ---- */

struct gate {
    maru_leaf leaf;
    maru_result value;
    bool stubborn;               /* stays pending until it is opened, also when told to end */
    unsigned polls;
    enum maru_ending ending;     /* of the last poll */
};

static inline maru_result gate_poll(maru_future *self, maru_context *cx)
{
    struct gate *gate = (struct gate *)(void *)self;
    gate->polls++;
    gate->ending = cx->ending;
    if (self->line_ == LEAF_IDLE) {
        if (cx->ending != MARU_GO)
            return -ECANCELED;
        maru_leaf_wait(&gate->leaf, cx);
        return MARU_PENDING;
    }
    if (maru_leaf_is_complete(&gate->leaf))
        return gate->value;
    return cx->ending == MARU_GO || gate->stubborn ? MARU_PENDING : -ECANCELED;
}

static const maru_future_type gate_type = { gate_poll, "gate" };

static inline maru_future *gate_wait(struct gate *gate)
{
    return maru_future_init(&gate->leaf.future, &gate_type);
}

static inline void gate_open(struct gate *gate, maru_result value)
{
    cr_assert_eq(gate->leaf.future.line_, (uint32_t)LEAF_WAITING);
    gate->value = value;
    maru_leaf_complete(&gate->leaf);
}

#endif
