/* test_async_cancel.c - cancellation is a level: it ends each kind of wait, acquires nothing
 * more, leaves finally alone, and reaches a function that has not yet begun. */
#include "async_world.h"

#include <pthread.h>
#include <sched.h>

ASYNC_SUITE(async_cancel);

/* ---- every kind of wait ---- */

enum way { AWAIT, SLEEP, JOIN, SELECT, WITHIN, CHILD, FOR_EVER, YIELDS, SCOPE, READY, WAYS };

struct waits {
    maru_frame frame;
    struct never wait;
};

maru_async(waits)
{
    maru_try(never_start(&me->wait, 2, NULL));
}
maru_end;

struct victim {
    maru_frame frame;
    enum way way;
    maru_result rc;
    uint32_t *begun, *tidied;
    struct never a, b;
    struct ready ready;
    struct waits kid;
    maru_sleep nap;
    maru_timeout limit;
    maru_pause pause;
    maru_scope scope;
};

maru_async(victim)
{
    flag_raise(me->begun);
    if (me->way == AWAIT)
        maru_await(me->rc, never_start(&me->a, 2, NULL));
    if (me->way == SLEEP)
        maru_await(me->rc, maru_sleep_for(&me->nap, 3600 * MARU_SEC));
    if (me->way == JOIN)
        maru_join(me->rc, never_start(&me->a, 2, NULL), never_start(&me->b, 0, NULL));
    if (me->way == SELECT)
        maru_select(me->rc, never_start(&me->a, 2, NULL), never_start(&me->b, 0, NULL));
    if (me->way == WITHIN)
        maru_await(me->rc, maru_within(&me->limit, 3600 * MARU_SEC, never_start(&me->a, 2, NULL)));
    if (me->way == CHILD)
        maru_await(me->rc, maru_call(waits, &me->kid));
    if (me->way == FOR_EVER)
        maru_await_cancel();
    while (me->way == YIELDS)
        maru_try(maru_yield(&me->pause));
    if (me->way == SCOPE) {
        me->rc = maru_scope_spawn(&me->scope, waits);
        WANT(me->rc == 0 || me->rc == -ECANCELED);
        maru_await(me->rc, maru_scope_wait(&me->scope));
    }
    while (me->way == READY)
        maru_try(ready_start(&me->ready, 1));
    WANT(me->way == FOR_EVER || me->way == SCOPE || me->rc == -ECANCELED);
    me->ready.acquired = 0;
    maru_await(me->rc, ready_start(&me->ready, 1));
    WANT(me->rc == -ECANCELED && me->ready.acquired == 0);
    maru_return(me->rc);
maru_finally:
    me->ready.acquired = 0;
    maru_await(me->rc, ready_start(&me->ready, 1));
    WANT(me->rc == 1 && me->ready.acquired == 1);
    maru_try(maru_yield(&me->pause));
    maru_try(maru_sleep_for(&me->nap, 1));
    flag_raise(me->tidied);
}
maru_end;

struct killer {
    maru_frame frame;
    int way, begun_ways;
    bool at_once;
    uint32_t begun, tidied;
    maru_task *victim;
    maru_join_wait join;
    maru_pause pause;
};

maru_async(killer)
{
    maru_result rc;
    for (me->way = 0; me->way < WAYS; me->way++) {
        me->begun = me->tidied = 0;
        me->victim = maru_spawn(victim, .way = (enum way)me->way, .begun = &me->begun,
                                .tidied = &me->tidied);
        WANT(me->victim);
        while (!me->at_once && !flag_is_up(&me->begun))
            maru_await(maru_yield(&me->pause));
        maru_cancel(me->victim);
        maru_cancel(me->victim);                /* a level, not a count */
        maru_await(rc, maru_join_task(&me->join, me->victim));
        WANT(rc == -ECANCELED);
        WANT(me->begun == 1 && me->tidied == 1);
    }
    maru_return(me->way);
}
maru_end;

/* conformance 19 */
Test(async_cancel, each_kind_of_wait_ends_and_nothing_is_acquired_after_it)
{
    EVERYWHERE(WAYS, killer);
}

/* conformance 19 */
Test(async_cancel, a_function_cancelled_before_its_first_poll_still_runs)
{
    EVERYWHERE(WAYS, killer, .at_once = true);
}

/* ---- in the middle of its poll ---- */

struct polled {
    maru_frame frame;
    uint32_t *inside, *cancelled;
    struct ready ready;
    struct never wait;
};

/* The cancel comes while this runs, from another thread. */
maru_async(polled)
{
    maru_result rc;
    flag_raise(me->inside);
    while (!flag_is_up(me->cancelled))
        sched_yield();
    maru_await(rc, ready_start(&me->ready, 1));
    WANT(rc == 1 || rc == -ECANCELED);          /* this poll began before the cancel */
    maru_await(rc, never_start(&me->wait, 0, NULL));
    WANT(rc == -ECANCELED);
    maru_return(7);
}
maru_end;

struct canceller {
    maru_task *task;
    uint32_t *inside, *cancelled;
};

static void *cancel_inside(void *arg)
{
    struct canceller *canceller = arg;
    while (!flag_is_up(canceller->inside))
        sched_yield();
    maru_cancel(canceller->task);
    flag_raise(canceller->cancelled);
    return NULL;
}

/* conformance 19 */
Test(async_cancel, one_that_comes_during_a_poll_is_heard_at_the_next_wait)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        uint32_t inside = 0, cancelled = 0;
        pthread_t thread;
        maru_runtime *runtime = world_new(WORLDS[i]);
        maru_task *task = maru_spawn_on(runtime, polled, .inside = &inside,
                                        .cancelled = &cancelled);
        struct canceller canceller = { task, &inside, &cancelled };
        cr_assert_not_null(task);
        cr_assert_eq(pthread_create(&thread, NULL, cancel_inside, &canceller), 0);
        cr_assert_eq(world_join(runtime, task), 7);
        pthread_join(thread, NULL);
        world_free(runtime);
    }
}

/* ---- what had been won stays won ---- */

struct winner {
    maru_frame frame;
    uint32_t *begun;
    struct later slow;
};

maru_async(winner)
{
    maru_result n;
    flag_raise(me->begun);
    maru_await(n, later_start(&me->slow, 5, 42));
    maru_return(n);
}
maru_end;

struct cancels_winner {
    maru_frame frame;
    uint32_t begun;
    maru_task *task;
    maru_join_wait join;
    maru_pause pause;
};

maru_async(cancels_winner)
{
    maru_result n;
    me->task = maru_spawn(winner, .begun = &me->begun);
    while (!flag_is_up(&me->begun))
        maru_await(maru_yield(&me->pause));
    maru_cancel(me->task);
    maru_await(n, maru_join_task(&me->join, me->task));
    maru_return(n);
}
maru_end;

Test(async_cancel, what_cannot_be_given_back_is_delivered_all_the_same)
{
    EVERYWHERE(42, cancels_winner);
}

/* ---- frames under a cancelled one ---- */

struct obedient {
    maru_frame frame;
    int *ran;
    struct ready ready;
};

maru_async(obedient)
{
    ++*me->ran;
    maru_try(ready_start(&me->ready, 1));
    ++*me->ran;
maru_finally:
    *me->ran += 10;
}
maru_end;

struct calls_late {
    maru_frame frame;
    int *ran;
    maru_scope scope;
    struct obedient kid;
};

maru_async(calls_late)
{
    maru_result rc;
    maru_await_cancel();
    maru_await(rc, maru_call(obedient, &me->kid, .ran = me->ran));
    WANT(rc == -ECANCELED);
    WANT(maru_scope_spawn(&me->scope, obedient, .ran = me->ran) == -ECANCELED);
    maru_return(rc);
}
maru_end;

struct cancels_late {
    maru_frame frame;
    int ran;
    maru_task *task;
    maru_join_wait join;
};

maru_async(cancels_late)
{
    maru_result rc;
    me->task = maru_spawn(calls_late, .ran = &me->ran);
    maru_cancel(me->task);
    maru_await(rc, maru_join_task(&me->join, me->task));
    WANT(rc == -ECANCELED);
    maru_return(me->ran);
}
maru_end;

Test(async_cancel, a_child_called_after_it_runs_but_acquires_nothing)
{
    EVERYWHERE(11, cancels_late);
}

/* ---- finally's own children are not cancelled ---- */

struct slow_tidy {
    maru_frame frame;
    int left;
    maru_pause pause;
    maru_sleep nap;
};

maru_async(slow_tidy)
{
    while (me->left-- > 0)
        maru_try(maru_yield(&me->pause));
    maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    maru_return(3);
}
maru_end;

struct shielded {
    maru_frame frame;
    uint32_t *in_finally;
    struct never wait;
    struct slow_tidy kid;
    maru_scope scope;
};

maru_async(shielded)
{
    maru_try(never_start(&me->wait, 0, NULL));
maru_finally:
    flag_raise(me->in_finally);
    maru_result rc;
    maru_await(rc, maru_call(slow_tidy, &me->kid, .left = 200));
    WANT(rc == 3);
    rc = maru_scope_spawn(&me->scope, slow_tidy, .left = 5);
    WANT(rc == 0);
    maru_await(rc, maru_scope_wait(&me->scope));
    WANT(rc == 0);
    flag_raise(me->in_finally);
}
maru_end;

struct cancels_twice {
    maru_frame frame;
    uint32_t in_finally;
    maru_task *task;
    maru_join_wait join;
    maru_pause pause;
};

maru_async(cancels_twice)
{
    maru_result rc;
    me->task = maru_spawn(shielded, .in_finally = &me->in_finally);
    maru_cancel(me->task);
    while (!flag_is_up(&me->in_finally))
        maru_await(maru_yield(&me->pause));
    maru_cancel(me->task);
    maru_await(rc, maru_join_task(&me->join, me->task));
    WANT(rc == -ECANCELED && me->in_finally == 2);
}
maru_end;

Test(async_cancel, finally_and_the_children_it_calls_are_shielded)
{
    EVERYWHERE(0, cancels_twice);
}

/* ---- shutting down is a cancel of everything ---- */

struct lodger {
    maru_frame frame;
    uint32_t *begun, *tidied;
    struct never wait;
    maru_pause pause;
};

maru_async(lodger)
{
    flag_raise(me->begun);
    maru_try(never_start(&me->wait, 1, NULL));
maru_finally:
    maru_await(maru_yield(&me->pause));
    flag_raise(me->tidied);
}
maru_end;

struct host {
    maru_frame frame;
    uint32_t *begun, *tidied;
};

maru_async(host)
{
    for (int i = 0; i < 100; i++) {
        maru_task *task = maru_spawn(lodger, .begun = me->begun, .tidied = me->tidied);
        WANT(task);
        maru_detach(task);
    }
}
maru_end;

/* conformance 8 */
Test(async_cancel, freeing_a_runtime_runs_the_finally_of_every_task)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        uint32_t begun = 0, tidied = 0;
        maru_runtime *runtime = world_new(WORLDS[i]);
        maru_result rc = maru_block_on(runtime, host, .begun = &begun, .tidied = &tidied);
        cr_assert_eq(rc, 0);
        world_free(runtime);
        cr_assert_eq(begun, 100);
        cr_assert_eq(tidied, 100);
    }
}

/* ---- whose -ECANCELED it is ---- */

enum { MANY = 100 };

struct tidies_many {
    maru_frame frame;
    int i;
    maru_task *tasks[MANY];
    maru_join_wait join;
    maru_pause pause;
    struct never wait;
};

maru_async(tidies_many)
{
    for (int i = 0; i < MANY; i++) {
        me->tasks[i] = maru_spawn(waits);
        WANT(me->tasks[i]);
    }
    maru_try(never_start(&me->wait, 0, NULL));
maru_finally:
    for (me->i = 0; me->i < MANY; me->i++)
        maru_cancel(me->tasks[me->i]);
    for (me->i = 0; me->i < MANY; me->i++) {
        maru_result rc;
        while (!maru_task_is_finished(me->tasks[me->i]))
            maru_await(maru_yield(&me->pause));
        maru_await(rc, maru_join_task(&me->join, me->tasks[me->i]));
        WANT(rc == -ECANCELED);
    }
}
maru_end;

struct cancels_tidier {
    maru_frame frame;
    maru_timeout limit;
    struct tidies_many kid;
};

maru_async(cancels_tidier)
{
    maru_result rc;
    maru_await(rc, maru_within(&me->limit, 1, maru_call(tidies_many, &me->kid)));
    maru_return(rc);
}
maru_end;

Test(async_cancel, a_finally_that_hears_of_many_cancelled_tasks_is_not_deaf)
{
    EVERYWHERE(-ETIMEDOUT, cancels_tidier);
}

/* ---- a cancel right behind a wake ---- */

struct bell {
    maru_leaf leaf;
    maru_leaf **where;           /* told who rings */
};

/* Whoever rings comes once and for certain: an end has to wait for it. */
static maru_result bell_poll(maru_future *self, maru_context *cx)
{
    struct bell *bell = (struct bell *)(void *)self;
    if (maru_leaf_is_complete(&bell->leaf))
        return 1;
    if (bell->where) {
        maru_leaf **where = bell->where;
        bell->where = NULL;
        maru_leaf_wait(&bell->leaf, cx);
        atomic_store_sc(where, &bell->leaf);
    }
    return MARU_PENDING;
}

static const maru_future_type bell_type = { bell_poll, "bell" };

struct listens {
    maru_frame frame;
    maru_leaf **where;
    struct bell bell;
    struct never wait;
};

maru_async(listens)
{
    me->bell.where = me->where;
    maru_try(maru_future_init(&me->bell.leaf.future, &bell_type));
    maru_try(never_start(&me->wait, 0, NULL));
}
maru_end;

struct house {
    maru_frame frame;
    maru_leaf **where;
    struct listens kid;
};

maru_async(house)
{
    maru_try(maru_call(listens, &me->kid, .where = me->where));
}
maru_end;

struct rings {
    maru_frame frame;
    maru_leaf *leaf;
    maru_task *task;
    maru_join_wait join;
    maru_pause pause;
};

maru_async(rings)
{
    maru_result rc;
    me->task = maru_spawn(house, .where = &me->leaf);
    WANT(me->task);
    while (!atomic_load_sc(&me->leaf))
        maru_await(maru_yield(&me->pause));
    maru_leaf_complete(me->leaf);               /* names the child as the one to resume, */
    maru_cancel(me->task);                      /* but the cancel begins at the root */
    maru_await(rc, maru_join_task(&me->join, me->task));
    maru_return(rc);
}
maru_end;

Test(async_cancel, a_cancel_behind_a_wake_of_a_child_is_not_lost)
{
    EVERYWHERE(-ECANCELED, rings);
}
