/* test_async_task.c - detached tasks: spawning, joining, cancelling, giving the handle back. */
#include "async_world.h"

#include <pthread.h>

ASYNC_SUITE(async_task);

struct gives {
    maru_frame frame;
    int turns;
    maru_result value;
    uint32_t *ended;
    maru_pause pause;
};

maru_async(gives)
{
    while (me->turns-- > 0)
        maru_try(maru_yield(&me->pause));
    maru_return(me->value);
maru_finally:
    maru_await(maru_yield(&me->pause));
    if (me->ended)
        flag_raise(me->ended);
}
maru_end;

struct stays {
    maru_frame frame;
    uint32_t *begun;
};

maru_async(stays)
{
    if (me->begun)
        flag_raise(me->begun);
    maru_await_cancel();
    maru_return(-ECANCELED);
}
maru_end;

/* ---- joining ---- */

struct joins {
    maru_frame frame;
    int turns;
    bool late;
    maru_task *task;
    maru_join_wait join;
    maru_pause pause;
};

maru_async(joins)
{
    maru_result n;
    me->task = maru_spawn(gives, .turns = me->turns, .value = 42);
    WANT(me->task);
    while (me->late && !maru_task_is_finished(me->task))
        maru_await(maru_yield(&me->pause));
    maru_await(n, maru_join_task(&me->join, me->task));
    WANT(n == 42);
    me->task = maru_spawn(gives, .turns = me->turns, .value = -EIO);
    WANT(me->task);
    maru_try(n, maru_join_task(&me->join, me->task));
}
maru_end;

Test(async_task, a_join_gives_the_result_and_errors_are_results)
{
    EVERYWHERE(-EIO, joins, .turns = 0);
    EVERYWHERE(-EIO, joins, .turns = 5);
}

Test(async_task, a_task_that_has_ended_can_be_joined)
{
    EVERYWHERE(-EIO, joins, .turns = 3, .late = true);
}

struct many {
    maru_frame frame;
    int i;
    maru_result sum;
    maru_task *tasks[500];
    maru_join_wait join;
};

maru_async(many)
{
    for (int i = 0; i < 500; i++) {
        me->tasks[i] = maru_spawn(gives, .turns = i % 7, .value = i);
        WANT(me->tasks[i]);
    }
    for (me->i = 499; me->i >= 0; me->i--) {
        maru_result n;
        maru_try(n, maru_join_task(&me->join, me->tasks[me->i]));
        WANT(n == me->i);
        me->sum += n;
    }
    maru_return(me->sum);
}
maru_end;

Test(async_task, many_can_be_joined_in_any_order)
{
    EVERYWHERE(500 * 499 / 2, many);
}

struct joins_two {
    maru_frame frame;
    maru_task *a, *b;
    maru_join_wait join_a, join_b;
};

maru_async(joins_two)
{
    maru_result rc;
    me->a = maru_spawn(gives, .turns = 5, .value = 1);
    me->b = maru_spawn(gives, .turns = 2, .value = 2);
    maru_join(rc, maru_join_task(&me->join_a, me->a), maru_join_task(&me->join_b, me->b));
    WANT(rc == 0);
    maru_return(10 * maru_result_of(&me->join_a) + maru_result_of(&me->join_b));
}
maru_end;

Test(async_task, joins_are_futures_like_others)
{
    EVERYWHERE(12, joins_two);
}

/* ---- misuse that is an error ---- */

struct joins_twice {
    maru_frame frame;
    maru_task *task;
    maru_join_wait a, b;
};

maru_async(joins_twice)
{
    maru_result rc;
    me->task = maru_spawn(stays);
    WANT(me->task);
    maru_join(rc, maru_join_task(&me->a, me->task), maru_join_task(&me->b, me->task));
    WANT(rc == -EBUSY);
    WANT(maru_result_of(&me->a) == -ECANCELED && maru_result_of(&me->b) == -EBUSY);
    maru_cancel(me->task);                      /* the handle is still ours */
    maru_await(rc, maru_join_task(&me->a, me->task));
    WANT(rc == -ECANCELED);
}
maru_end;

Test(async_task, a_second_join_is_busy_and_spoils_nothing)
{
    EVERYWHERE(0, joins_twice);
}

struct joins_itself {
    maru_frame frame;
    maru_task **self;
    maru_join_wait join;
    maru_pause pause;
};

maru_async(joins_itself)
{
    maru_result rc;
    while (!atomic_load_sc(me->self))
        maru_try(maru_yield(&me->pause));
    maru_await(rc, maru_join_task(&me->join, *me->self));
    maru_return(rc == -EDEADLK ? 1 : 0);
}
maru_end;

struct deadlocks {
    maru_frame frame;
    maru_task *self, *task;
    maru_join_wait join;
};

maru_async(deadlocks)
{
    maru_result n;
    me->task = maru_spawn(joins_itself, .self = &me->self);
    WANT(me->task);
    atomic_store_sc(&me->self, me->task);
    maru_await(n, maru_join_task(&me->join, me->task));
    WANT(n == 1);
    maru_await(n, maru_join_task(&me->join, NULL));
    WANT(n == -EINVAL);
}
maru_end;

Test(async_task, joining_oneself_is_a_deadlock_and_joining_null_is_invalid)
{
    EVERYWHERE(0, deadlocks);
}

/* ---- giving up ---- */

struct waits_for {
    maru_frame frame;
    maru_task *task;
    uint32_t *begun;
    maru_join_wait join;
};

maru_async(waits_for)
{
    maru_result rc;
    flag_raise(me->begun);
    maru_await(rc, maru_join_task(&me->join, me->task));
    maru_return(rc);
}
maru_end;

struct gives_up {
    maru_frame frame;
    uint32_t begun;
    maru_task *task, *waiter;
    maru_timeout limit;
    maru_pause pause;
    maru_join_wait join;
};

maru_async(gives_up)
{
    maru_result rc;
    me->task = maru_spawn(stays);
    me->waiter = maru_spawn(waits_for, .task = me->task, .begun = &me->begun);
    WANT(me->task && me->waiter);
    while (!flag_is_up(&me->begun))
        maru_await(maru_yield(&me->pause));
    maru_cancel(me->waiter);
    maru_await(rc, maru_join_task(&me->join, me->waiter));
    WANT(rc == -ECANCELED && !maru_task_is_finished(me->task));
    maru_await(rc, maru_within(&me->limit, 1, maru_join_task(&me->join, me->task)));
    WANT(rc == -ETIMEDOUT && !maru_task_is_finished(me->task));
    WANT(!maru_join_delivered(&me->join));
    maru_cancel(me->task);
    maru_await(rc, maru_join_task(&me->join, me->task));
    WANT(rc == -ECANCELED && maru_join_delivered(&me->join));   /* the task's own */
}
maru_end;

Test(async_task, a_join_that_is_cancelled_leaves_the_task_and_its_handle_alone)
{
    EVERYWHERE(0, gives_up);
}

/* ---- cancel and detach ---- */

struct cancels {
    maru_frame frame;
    maru_task *task;
    maru_join_wait join;
    maru_pause pause;
};

maru_async(cancels)
{
    maru_result n;
    me->task = maru_spawn(gives, .value = 3);
    while (!maru_task_is_finished(me->task))
        maru_await(maru_yield(&me->pause));
    maru_cancel(me->task);                      /* too late: nothing changes */
    maru_await(n, maru_join_task(&me->join, me->task));
    WANT(n == 3);
    maru_cancel(NULL);
    maru_detach(NULL);
}
maru_end;

Test(async_task, cancelling_an_ended_task_or_none_changes_nothing)
{
    EVERYWHERE(0, cancels);
}

struct detaches {
    maru_frame frame;
    bool late, cancelled;
    uint32_t ended;
    maru_task *task;
    maru_pause pause;
};

maru_async(detaches)
{
    me->task = maru_spawn(gives, .turns = 3, .ended = &me->ended);
    WANT(me->task);
    if (me->cancelled)
        maru_cancel(me->task);
    while (me->late && !maru_task_is_finished(me->task))
        maru_await(maru_yield(&me->pause));
    WANT(!me->late || flag_is_up(&me->ended));
    maru_detach(me->task);
    while (!flag_is_up(&me->ended))
        maru_await(maru_yield(&me->pause));
}
maru_end;

Test(async_task, a_detached_task_goes_on_to_its_end)
{
    EVERYWHERE(0, detaches);
    EVERYWHERE(0, detaches, .cancelled = true);
}

/* conformance 20 */
Test(async_task, is_finished_comes_after_finally_and_the_handle_can_be_given_back_then)
{
    EVERYWHERE(0, detaches, .late = true);
    EVERYWHERE(0, detaches, .late = true, .cancelled = true);
}

/* ---- from other threads ---- */

struct outsider {
    maru_runtime *runtime;
    uint32_t ended;
    int failed;
};

enum { OUTSIDE = 200 };

static void *spawn_some(void *arg)
{
    struct outsider *outsider = arg;
    for (int i = 0; i < OUTSIDE; i++) {
        maru_task *task = maru_spawn_on(outsider->runtime, gives, .turns = i % 4,
                                        .ended = &outsider->ended);
        outsider->failed += task == NULL;
        if (i % 2)
            maru_cancel(task);
        maru_detach(task);
    }
    return NULL;
}

struct expects {
    maru_frame frame;
    uint32_t *count, all;
    maru_pause pause;
};

maru_async(expects)
{
    while (atomic_load_sc(me->count) < me->all)
        maru_await(maru_yield(&me->pause));
}
maru_end;

Test(async_task, any_thread_may_spawn_cancel_and_detach)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        pthread_t threads[2];
        struct outsider outsider = { .runtime = world_new(WORLDS[i]) };
        struct outsider other = { .runtime = outsider.runtime };
        cr_assert_eq(pthread_create(&threads[0], NULL, spawn_some, &outsider), 0);
        cr_assert_eq(pthread_create(&threads[1], NULL, spawn_some, &other), 0);
        maru_result rc = maru_block_on(outsider.runtime, expects, .count = &outsider.ended,
                                       .all = OUTSIDE);
        cr_assert_eq(rc, 0);
        rc = maru_block_on(outsider.runtime, expects, .count = &other.ended, .all = OUTSIDE);
        cr_assert_eq(rc, 0);
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
        cr_assert_eq(outsider.failed + other.failed, 0);
        world_free(outsider.runtime);
    }
}

Test(async_task, outside_of_tasks_there_is_nowhere_to_spawn)
{
    maru_task *task = maru_spawn(gives);
    cr_assert_null(task);
    task = maru_spawn_on(NULL, gives);
    cr_assert_null(task);
    maru_runtime *runtime = world_new(1);
    task = maru_spawn_image_on(runtime, NULL, 0);
    cr_assert_null(task);
    maru_frame image = { .future_ = { .type_ = &gives_async.type } };
    task = maru_spawn_image_on(runtime, &image, sizeof image - 1);
    cr_assert_null(task);
    world_free(runtime);
}

/* ---- from one runtime to another ---- */

struct visits {
    maru_frame frame;
    maru_runtime *other;
    maru_task *task;
    maru_join_wait join;
};

maru_async(visits)
{
    maru_result n;
    me->task = maru_spawn_on(me->other, gives, .turns = 3, .value = 8);
    WANT(me->task);
    maru_await(n, maru_join_task(&me->join, me->task));
    maru_return(n);
}
maru_end;

Test(async_task, a_task_of_another_runtime_can_be_spawned_and_joined)
{
    maru_runtime *other = world_new(2);
    EVERYWHERE(8, visits, .other = other);
    world_free(other);
}
