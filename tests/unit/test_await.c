/* test_await.c - futures as whole tasks, waits that keep the handle, what a task tells. */
#include "async_world.h"

ASYNC_SUITE(await);

struct lookup {
    maru_frame frame;
    maru_result value;
    int answers[4];
    uint64_t id;
    maru_pause pause;
};

maru_async(lookup)
{
    me->id = maru_task_id_here();
    maru_try(maru_yield(&me->pause));
    for (int i = 0; i < 4; i++)
        me->answers[i] = 10 * i;
    maru_return(me->value);
}
maru_end;

struct other {
    maru_frame frame;
};

maru_async(other)
{
    maru_await_cancel();
}
maru_end;

struct asks {
    maru_frame frame;
    int i;
    maru_result value;
    maru_task *task;
    maru_join_wait wait;
};

maru_async(asks)
{
    maru_result rc;
    me->task = maru_spawn(lookup, .value = me->value);
    WANT(me->task);
    for (me->i = 0; me->i < 3; me->i++) {
        maru_await(rc, maru_wait_task(&me->wait, me->task));
        WANT(rc == me->value && maru_join_delivered(&me->wait));
    }
    WANT(maru_task_frame(me->task, lookup)->answers[3] == 30);
    WANT(maru_task_frame(me->task, lookup)->id == maru_task_id(me->task));
    WANT(!maru_task_frame(me->task, other));
    WANT(strcmp(maru_task_function(me->task), "lookup") == 0);
    WANT(maru_task_id(me->task) != maru_task_id_here() && maru_task_id_here() != 0);
    if (me->value == 7) {
        maru_await(rc, maru_join_task(&me->wait, me->task));
        WANT(rc == 7);
    } else {
        maru_detach(me->task);
    }
}
maru_end;

Test(await, a_wait_keeps_the_handle_and_the_typed_results_are_there_until_it_is_given_back)
{
    EVERYWHERE(0, asks, .value = 7);
    EVERYWHERE(0, asks, .value = -EIO);
    EVERYWHERE(0, asks, .value = -ECANCELED);
}

struct asks_early {
    maru_frame frame;
    maru_task *task;
    maru_sleep nap;
    maru_join_wait wait;
};

maru_async(asks_early)
{
    maru_result rc;
    me->task = maru_spawn(other);
    WANT(me->task);
    WANT(!maru_task_frame(me->task, other));
    maru_select(rc, maru_wait_task(&me->wait, me->task), maru_sleep_for(&me->nap, MARU_MSEC));
    WANT(rc == 1 && !maru_join_delivered(&me->wait));
    maru_cancel(me->task);
    maru_await(rc, maru_wait_task(&me->wait, me->task));
    WANT(rc == -ECANCELED || rc == 0);
    WANT(maru_task_frame(me->task, other) && maru_join_delivered(&me->wait));
    maru_detach(me->task);
    maru_await(rc, maru_wait_task(&me->wait, NULL));
    maru_return(rc);
}
maru_end;

Test(await, there_is_no_frame_before_the_end_and_a_lost_wait_can_be_begun_again)
{
    EVERYWHERE(-EINVAL, asks_early);
}

Test(await, of_nothing_there_is_nothing_to_tell)
{
    cr_assert_null(maru_task_frame(NULL, other));
    cr_assert_null(maru_task_root(NULL, NULL));
    cr_assert_null(maru_task_function(NULL));
    cr_assert_eq(maru_task_id(NULL), 0u);
    cr_assert_eq(maru_task_id_here(), 0u);
}

struct ids {
    maru_frame frame;
    int n;
    maru_task *tasks[200];
    maru_join_wait wait;
};

maru_async(ids)
{
    for (int i = 0; i < 200; i++)
        WANT((me->tasks[i] = maru_spawn(lookup)) != NULL);
    for (int i = 0; i < 200; i++)
        for (int k = 0; k < i; k++)
            WANT(maru_task_id(me->tasks[i]) != maru_task_id(me->tasks[k]));
    for (me->n = 0; me->n < 200; me->n++)
        maru_await(maru_join_task(&me->wait, me->tasks[me->n]));
}
maru_end;

/* conformance 26 */
Test(await, tasks_that_exist_have_different_ids)
{
    EVERYWHERE(0, ids);
}

/* ---- futures as tasks ---- */

struct spawns_futures {
    maru_frame frame;
    int ended;
    maru_task *task;
    struct later later;
    struct never never;
    maru_join_wait wait;
};

maru_async(spawns_futures)
{
    maru_result rc;
    me->task = maru_spawn_future(later_start(&me->later, 3, 42));
    WANT(me->task);
    maru_await(rc, maru_join_task(&me->wait, me->task));
    WANT(rc == 42);
    me->task = maru_spawn_future(never_start(&me->never, 2, &me->ended));
    WANT(me->task);
    maru_cancel(me->task);
    maru_await(rc, maru_join_task(&me->wait, me->task));
    WANT(rc == -ECANCELED && me->ended <= 1);
    WANT(!maru_spawn_future(NULL));
    maru_return(maru_block_on_future(maru_runtime_current(), later_start(&me->later, 0, 1)));
}
maru_end;

Test(await, a_future_can_be_a_task)
{
    EVERYWHERE(-EDEADLK, spawns_futures);
}

Test(await, a_future_can_be_waited_for_from_outside)
{
    maru_sleep *nap = calloc(1, sizeof *nap);
    struct later *later = calloc(1, sizeof *later);
    for (int world = 0; world < WORLDS_COUNT; world++) {
        maru_runtime *runtime = world_new(WORLDS[world]);
        cr_assert_eq(maru_block_on_future(runtime, maru_sleep_for(nap, MARU_MSEC)), 0);
        cr_assert_eq(maru_block_on_future(runtime, later_start(later, 5, -EPROTO)), -EPROTO);
        cr_assert_eq(maru_block_on_future(runtime, NULL), -EINVAL);
        maru_task *task = maru_spawn_future_on(runtime, later_start(later, 5, 6));
        cr_assert_not_null(task);
        cr_assert_null(maru_spawn_future_on(runtime, NULL));
        maru_detach(task);
        world_free(runtime);
    }
    cr_assert_eq(maru_block_on_future(NULL, later_start(later, 5, 6)), -EINVAL);
    cr_assert_null(maru_spawn_future_on(NULL, later_start(later, 5, 6)));
    cr_assert_null(maru_spawn_future(later_start(later, 5, 6)));
    free(nap);
    free(later);
}
