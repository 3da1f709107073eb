/* test_async_join_set.c - join sets and batches of children on real runtimes. */
#include "async_world.h"

ASYNC_SUITE(async_join_set);

struct square {
    maru_frame frame;
    int n, turns;
    int64_t result;
    maru_pause pause;
};

maru_async(square)
{
    for (; me->turns > 0; me->turns--)
        maru_try(maru_yield(&me->pause));
    me->result = (int64_t)me->n * me->n;
    maru_return(me->n);
}
maru_end;

enum { TASKS = 1000 };

struct adds {
    maru_frame frame;
    int64_t sum;
    int joined;
    maru_join_set set;
};

maru_async(adds)
{
    maru_result rc;
    for (int i = 0; i < TASKS; i++)
        if (!maru_join_set_spawn(&me->set, square, .n = i, .turns = i % 5))
            maru_return(-ENOMEM);
    for (;;) {
        maru_await(rc, maru_join_next(&me->set));
        if (rc == -MARU_EEMPTY)
            break;
        const struct square *square = maru_task_frame(maru_joined(&me->set), square);
        WANT(square && square->n == rc && square->result == rc * rc);
        WANT(maru_task_id(maru_joined(&me->set)) != 0);
        me->sum += square->result;
        me->joined++;
        WANT(maru_join_set_count(&me->set) == (size_t)(TASKS - me->joined));
    }
    WANT(me->joined == TASKS);
    maru_return(me->sum);
}
maru_end;

/* conformance 23 */
Test(async_join_set, each_result_is_joined_once_with_its_frame)
{
    EVERYWHERE(332833500, adds);
}

struct forever {
    maru_frame frame;
    uint32_t *tidied;
};

maru_async(forever)
{
    maru_await_cancel();
maru_finally:
    flag_raise(me->tidied);
}
maru_end;

struct drops {
    maru_frame frame;
    maru_result value;
    uint32_t *tidied;
    maru_join_set set;
    maru_sleep nap;
};

maru_async(drops)
{
    for (int i = 0; i < 20; i++)
        WANT(maru_join_set_spawn(&me->set, forever, .tidied = me->tidied));
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC / 4));
    for (int i = 0; i < 20; i++)
        WANT(maru_join_set_spawn(&me->set, square, .n = i, .turns = i));
    maru_return(me->value);
maru_finally:
    WANT(*me->tidied == 20);
}
maru_end;

struct sees {
    maru_frame frame;
    uint32_t tidied;
    struct drops drops;
};

maru_async(sees)
{
    maru_result rc;
    maru_await(rc, maru_call(drops, &me->drops, .value = 5, .tidied = &me->tidied));
    WANT(rc == 5 && me->tidied == 20);
    me->tidied = 0;
    maru_await(rc, maru_call(drops, &me->drops, .value = -EIO, .tidied = &me->tidied));
    maru_return(rc);
}
maru_end;

/* conformance 23 */
Test(async_join_set, leaving_cancels_all_before_finally)
{
    EVERYWHERE(-EIO, sees);
}

struct lets_go {
    maru_frame frame;
    uint32_t *tidied;
    maru_join_set set;
};

maru_async(lets_go)
{
    for (int i = 0; i < 50; i++)
        WANT(maru_join_set_spawn(&me->set, forever, .tidied = me->tidied));
    for (int i = 0; i < 50; i++)
        WANT(maru_join_set_spawn(&me->set, square, .n = i, .turns = i));
    maru_join_set_detach(&me->set);
    WANT(maru_join_set_count(&me->set) == 0);
}
maru_end;

/* conformance 23 */
Test(async_join_set, detached_tasks_end_with_the_runtime)
{
    for (int world = 0; world < WORLDS_COUNT; world++) {
        uint32_t tidied = 0;
        maru_runtime *runtime = world_new(WORLDS[world]);
        cr_assert_eq(maru_block_on(runtime, lets_go, .tidied = &tidied), 0);
        world_free(runtime);
        cr_assert_eq(tidied, 50u);
    }
}

struct cancels {
    maru_frame frame;
    int round, cancelled, done;
    maru_join_set set;
};

maru_async(cancels)
{
    maru_result rc;
    for (me->round = 0; me->round < 50; me->round++) {
        for (int i = 0; i < 20; i++)
            WANT(maru_join_set_spawn(&me->set, square, .n = 1, .turns = i));
        maru_await(rc, maru_join_next(&me->set));
        WANT(rc == 1);
        maru_join_set_cancel(&me->set);         /* while others are ending */
        for (;;) {
            maru_await(rc, maru_join_next(&me->set));
            if (rc == -MARU_EEMPTY)
                break;
            WANT(maru_joined(&me->set) && (rc == 1 || rc == -ECANCELED));
            me->cancelled += rc < 0;
            me->done++;
        }
        WANT(!maru_joined(&me->set));
    }
    WANT(me->done == 50 * 19);
    maru_await(rc, maru_join_set_shutdown(&me->set));
    WANT(rc == 0);
}
maru_end;

/* conformance 23 */
Test(async_join_set, cancelling_while_tasks_end_is_safe)
{
    EVERYWHERE(0, cancels);
}

struct looks {
    maru_frame frame;
    uint32_t *stop;
};

maru_async(looks)
{
    flag_raise(me->stop);
}
maru_end;

struct yields {
    maru_frame frame;
    int i, joined;
    uint32_t stop;
    maru_join_set set;
    maru_scope scope;
    maru_pause pause;
};

maru_async(yields)
{
    maru_result rc;
    for (int i = 0; i < TASKS; i++)
        WANT(maru_join_set_spawn(&me->set, square, .n = i));
    for (me->i = 0; me->i < 2 * TASKS / 61; me->i++)
        maru_await(maru_yield(&me->pause));     /* all have ended */
    maru_check(maru_scope_spawn(&me->scope, looks, .stop = &me->stop));
    while (!flag_is_up(&me->stop)) {
        maru_await(rc, maru_join_next(&me->set));
        WANT(rc >= 0);
        me->joined++;
    }
    WANT(me->joined <= 129);
}
maru_end;

/* conformance 6, 23 */
Test(async_join_set, a_thousand_ready_joins_let_others_run)
{
    maru_runtime *runtime = world_new(0);
    cr_assert_eq(maru_block_on(runtime, yields), 0);
    world_free(runtime);
}

/* ---- batches ---- */

struct marks {
    maru_frame frame;
    int *at;
};

maru_async(marks)
{
    ++*me->at;
}
maru_end;

struct many {
    maru_frame frame;
    enum maru_scope_policy policy;
    int round, marked[TASKS];
    maru_scope kids;
    struct marks images[100];
};

maru_async(many)
{
    int rc;
    maru_scope_init(&me->kids, me->policy);
    for (me->round = 0; me->round < 20; me->round++) {
        maru_scope_spawn_many(rc, &me->kids, i, TASKS, marks, .at = &me->marked[i]);
        maru_check(rc);
        WANT(maru_scope_count(&me->kids) <= TASKS);
        maru_try(maru_scope_wait(&me->kids));
        for (int i = 0; i < TASKS; i++)
            WANT(me->marked[i] == me->round + 1);
    }
    for (int i = 0; i < 100; i++)
        (void)maru_call(marks, &me->images[i], .at = &me->marked[i]);
    maru_check(maru_scope_spawn_images(&me->frame, &me->kids, &me->images[0].frame,
                                       sizeof me->images[0], 100));
    maru_try(maru_scope_wait(&me->kids));
    for (int i = 0; i < TASKS; i++)
        WANT(me->marked[i] == (i < 100 ? 21 : 20));
    maru_scope_spawn_many(rc, &me->kids, i, 0, marks, .at = &me->marked[i]);
    WANT(rc == 0 && maru_scope_count(&me->kids) == 0);
    WANT(maru_scope_spawn_images(&me->frame, &me->kids, NULL, 0, 3) == -EINVAL);
    WANT(maru_scope_spawn_images(&me->frame, NULL, &me->images[0].frame, 64, 3) == -EINVAL);
    WANT(maru_scope_spawn_images(NULL, &me->kids, &me->images[0].frame, 64, 3) == -EINVAL);
    maru_scope_cancel(&me->kids);
    maru_scope_spawn_many(rc, &me->kids, i, 5, marks, .at = &me->marked[i]);
    WANT(rc == -ECANCELED && maru_scope_count(&me->kids) == 0);
}
maru_end;

Test(async_join_set, a_batch_of_children_is_spawned_as_a_whole_or_not_at_all)
{
    EVERYWHERE(0, many, .policy = MARU_SCOPE_ALL);
    EVERYWHERE(0, many, .policy = MARU_SCOPE_EACH);
}
