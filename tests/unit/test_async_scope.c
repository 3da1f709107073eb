/* test_async_scope.c - nurseries: policies, errors, cancelling, and that children end first. */
#include "async_world.h"

ASYNC_SUITE(async_scope);

/* What the children of a test share. */
struct tally {
    uint32_t begun, tidied, errors;
    int64_t sum;
};

struct child {
    maru_frame frame;
    struct tally *tally;
    maru_result result;
    int turns;
    bool stays;                  /* until it is cancelled */
    struct never wait;
    maru_pause pause;
};

maru_async(child)
{
    flag_raise(&me->tally->begun);
    while (me->turns-- > 0)
        maru_try(maru_yield(&me->pause));
    if (me->stays)
        maru_try(never_start(&me->wait, 1, NULL));
    maru_check(me->result);
    atomic_add_ar(&me->tally->sum, me->result);
maru_finally:
    maru_await(maru_yield(&me->pause));
    flag_raise(&me->tally->tidied);
}
maru_end;

/* ---- waiting ---- */

struct adds {
    maru_frame frame;
    int n, round;
    enum maru_scope_policy policy;
    struct tally tally;
    maru_scope scope;
};

maru_async(adds)
{
    maru_scope_init(&me->scope, me->policy);
    for (me->round = 0; me->round < 3; me->round++) {
        me->tally = (struct tally){ 0, 0, 0, 0 };
        for (int i = 0; i < me->n; i++)
            maru_check(maru_scope_spawn(&me->scope, child, .tally = &me->tally, .result = i,
                                        .turns = i % 3));
        maru_try(maru_scope_wait(&me->scope));
        WANT(maru_scope_count(&me->scope) == 0 && maru_scope_failed(&me->scope) == 0);
        WANT((int)me->tally.begun == me->n && (int)me->tally.tidied == me->n);
        WANT(me->tally.sum == (int64_t)me->n * (me->n - 1) / 2);
    }
}
maru_end;

Test(async_scope, wait_sees_all_children_ended_and_the_scope_is_as_good_as_new)
{
    EVERYWHERE(0, adds, .n = 0, .policy = MARU_SCOPE_ALL);
    EVERYWHERE(0, adds, .n = 1, .policy = MARU_SCOPE_ALL);
    EVERYWHERE(0, adds, .n = 100, .policy = MARU_SCOPE_ALL);
    EVERYWHERE(0, adds, .n = 100, .policy = MARU_SCOPE_EACH);
}

Test(async_scope, ten_thousand_children_are_no_more_than_a_hundred)
{
    EVERYWHERE(0, adds, .n = 10000, .policy = MARU_SCOPE_ALL);
    EVERYWHERE(0, adds, .n = 10000, .policy = MARU_SCOPE_EACH);
}

struct stay {
    maru_frame frame;
    int n;
    struct tally tally;
    maru_pause pause;
    maru_scope scope;
};

maru_async(stay)
{
    maru_result rc;
    for (int i = 0; i < me->n; i++)
        maru_check(maru_scope_spawn(&me->scope, child, .tally = &me->tally, .stays = true));
    WANT((int)maru_scope_count(&me->scope) == me->n);
    while ((int)atomic_load_sc(&me->tally.begun) < me->n)
        maru_await(maru_yield(&me->pause));
    maru_scope_cancel(&me->scope);
    maru_await(rc, maru_scope_wait(&me->scope));
    WANT(rc == -ECANCELED && (int)me->tally.tidied == me->n);
    WANT(maru_scope_failed(&me->scope) == 0);       /* -ECANCELED is not counted */
}
maru_end;

Test(async_scope, cancel_ends_ten_thousand_that_wait)
{
    EVERYWHERE(0, stay, .n = 1);
    EVERYWHERE(0, stay, .n = 10000);
}

/* ---- ALL ---- */

struct all {
    maru_frame frame;
    bool wait;
    struct tally tally;
    maru_scope scope;
};

maru_async(all)
{
    maru_result rc;
    for (int i = 0; i < 20; i++)
        maru_check(maru_scope_spawn(&me->scope, child, .tally = &me->tally, .stays = true));
    maru_check(maru_scope_spawn(&me->scope, child, .tally = &me->tally, .result = -EIO,
                                .turns = 3));
    if (!me->wait)
        maru_return(7);
    maru_await(rc, maru_scope_wait(&me->scope));
    WANT(me->tally.tidied == 21);
    WANT(maru_scope_failed(&me->scope) == 1);
    maru_return(rc);
maru_finally:
    WANT(me->tally.tidied == 21 && maru_scope_count(&me->scope) == 0);
}
maru_end;

Test(async_scope, all_the_first_error_cancels_the_others_and_is_what_wait_returns)
{
    EVERYWHERE(-EIO, all, .wait = true);
}

Test(async_scope, all_an_error_that_nobody_waited_for_becomes_the_result)
{
    EVERYWHERE(-EIO, all);
}

struct unwaited {
    maru_frame frame;
    maru_result result;
    struct tally tally;
    maru_scope scope;
};

maru_async(unwaited)
{
    for (int i = 0; i < 20; i++)
        maru_check(maru_scope_spawn(&me->scope, child, .tally = &me->tally, .turns = i,
                                    .stays = me->result < 0));
    maru_return(me->result);
maru_finally:
    WANT(me->tally.begun == 20 && me->tally.tidied == 20);
}
maru_end;

Test(async_scope, leaving_with_a_value_lets_the_children_finish)
{
    EVERYWHERE(7, unwaited, .result = 7);
}

Test(async_scope, leaving_with_an_error_cancels_them_first_and_keeps_the_error)
{
    EVERYWHERE(-EPERM, unwaited, .result = -EPERM);
}

/* ---- EACH ---- */

static void count_error(void *arg, maru_result error)
{
    struct tally *tally = arg;
    WANT(error == -EIO);
    atomic_add_ar(&tally->errors, 1u);
}

static const maru_result results[] = { -EIO, -ECANCELED, 1 };

struct each {
    maru_frame frame;
    bool told;
    struct tally tally;
    maru_scope scope;
};

maru_async(each)
{
    maru_result rc;
    maru_scope_init(&me->scope, MARU_SCOPE_EACH);
    if (me->told)
        maru_scope_on_error(&me->scope, count_error, &me->tally);
    for (int i = 0; i < 30; i++)
        maru_check(maru_scope_spawn(&me->scope, child, .tally = &me->tally, .turns = i,
                                    .result = results[i % 3]));
    maru_await(rc, maru_scope_wait(&me->scope));
    WANT(rc == 0 && me->tally.tidied == 30 && me->tally.sum == 10);
    WANT(maru_scope_failed(&me->scope) == 10);
    maru_return((maru_result)me->tally.errors);
}
maru_end;

Test(async_scope, each_an_error_is_counted_and_told_and_concerns_no_other_child)
{
    EVERYWHERE(10, each, .told = true);
    EVERYWHERE(0, each, .told = false);
}

struct each_unwaited {
    maru_frame frame;
    struct tally tally;
    maru_scope scope;
};

maru_async(each_unwaited)
{
    maru_scope_init(&me->scope, MARU_SCOPE_EACH);
    maru_check(maru_scope_spawn(&me->scope, child, .tally = &me->tally, .result = -EIO));
    maru_return(4);
}
maru_end;

Test(async_scope, each_an_error_that_nobody_waited_for_is_not_the_owners)
{
    EVERYWHERE(4, each_unwaited);
}

struct each_cancelled {
    maru_frame frame;
    struct tally tally;
    maru_scope scope;
};

maru_async(each_cancelled)
{
    maru_scope_init(&me->scope, MARU_SCOPE_EACH);
    maru_check(maru_scope_spawn(&me->scope, child, .tally = &me->tally, .stays = true));
    maru_scope_cancel(&me->scope);
    maru_return(4);
maru_finally:
    WANT(me->tally.tidied == 1);
}
maru_end;

Test(async_scope, each_cancelling_it_on_the_way_out_is_not_an_error_of_the_owner)
{
    EVERYWHERE(4, each_cancelled);
}

/* ---- refusing ---- */

struct refuses {
    maru_frame frame;
    struct tally tally;
    maru_scope scope;
};

maru_async(refuses)
{
    maru_result rc;
    maru_scope_cancel(&me->scope);
    WANT(maru_scope_spawn(&me->scope, child, .tally = &me->tally) == -ECANCELED);
    maru_await(rc, maru_scope_wait(&me->scope));
    WANT(rc == -ECANCELED && me->tally.begun == 0);
    maru_check(maru_scope_spawn(&me->scope, child, .tally = &me->tally));
    maru_try(maru_scope_wait(&me->scope));
    WANT(me->tally.begun == 1);
}
maru_end;

Test(async_scope, a_cancelled_scope_takes_no_child_until_it_was_waited_for)
{
    EVERYWHERE(0, refuses);
}

struct refuses_error {
    maru_frame frame;
    struct tally tally;
    maru_pause pause;
    maru_scope scope;
};

maru_async(refuses_error)
{
    maru_result rc;
    maru_check(maru_scope_spawn(&me->scope, child, .tally = &me->tally, .result = -EIO));
    while (!flag_is_up(&me->tally.tidied) || maru_scope_count(&me->scope) > 0)
        maru_await(maru_yield(&me->pause));
    WANT(maru_scope_spawn(&me->scope, child, .tally = &me->tally) == -EIO);
    maru_await(rc, maru_scope_wait(&me->scope));
    WANT(rc == -EIO && me->tally.begun == 1);
}
maru_end;

Test(async_scope, a_failed_scope_refuses_with_its_error)
{
    EVERYWHERE(0, refuses_error);
}

/* ---- the owner's end ---- */

struct outlived {
    maru_frame frame;
    struct tally *tally;
    maru_scope scope;
    struct never wait;
};

maru_async(outlived)
{
    for (int i = 0; i < 10; i++)
        maru_check(maru_scope_spawn(&me->scope, child, .tally = me->tally, .stays = true));
    maru_try(never_start(&me->wait, 0, NULL));
}
maru_end;

struct outlives {
    maru_frame frame;
    int way;
    struct tally tally;
    maru_task *task;
    maru_join_wait join;
    maru_timeout limit;
    maru_pause pause;
    struct outlived *kid;
};

maru_async(outlives)
{
    maru_result rc;
    if (me->way == 0) {                         /* by a time limit; the frame is freed at once */
        me->kid = calloc(1, sizeof *me->kid);
        maru_await(rc, maru_within(&me->limit, 1,
                                   maru_call(outlived, me->kid, .tally = &me->tally)));
        free(me->kid);
        WANT(rc == -ETIMEDOUT);
    } else {                                    /* by a cancel of its task */
        me->task = maru_spawn(outlived, .tally = &me->tally);
        while (!flag_is_up(&me->tally.begun))
            maru_await(maru_yield(&me->pause));
        maru_cancel(me->task);
        maru_await(rc, maru_join_task(&me->join, me->task));
        WANT(rc == -ECANCELED);
    }
    WANT(me->tally.begun == me->tally.tidied && me->tally.begun > 0);
}
maru_end;

Test(async_scope, children_do_not_outlive_the_owner_whatever_ends_it)
{
    EVERYWHERE(0, outlives, .way = 0);
    EVERYWHERE(0, outlives, .way = 1);
}

/* ---- a wait that is given up ---- */

struct gives_up {
    maru_frame frame;
    int round;
    struct tally tally;
    maru_timeout limit;
    maru_scope scope;
};

maru_async(gives_up)
{
    maru_result rc;
    maru_scope_init(&me->scope, MARU_SCOPE_EACH);
    for (me->round = 1; me->round <= 3; me->round++) {
        maru_check(maru_scope_spawn(&me->scope, child, .tally = &me->tally, .stays = true));
        maru_await(rc, maru_within(&me->limit, 1, maru_scope_wait(&me->scope)));
        WANT(rc == -ETIMEDOUT && maru_timed_out(&me->limit));
        WANT((int)me->tally.tidied == me->round && maru_scope_count(&me->scope) == 0);
    }
}
maru_end;

Test(async_scope, a_wait_that_is_cancelled_cancels_the_children_and_waits_for_them)
{
    EVERYWHERE(0, gives_up);
}

/* ---- trees ---- */

struct tree {
    maru_frame frame;
    int depth;
    int64_t *leaves;
    maru_scope scope;
};

maru_async(tree)
{
    if (me->depth == 0) {
        atomic_add_ar(me->leaves, (int64_t)1);
        maru_return(0);
    }
    maru_check(maru_scope_spawn(&me->scope, tree, .depth = me->depth - 1, .leaves = me->leaves));
    maru_check(maru_scope_spawn(&me->scope, tree, .depth = me->depth - 1, .leaves = me->leaves));
}
maru_end;

struct plants {
    maru_frame frame;
    int64_t leaves;
    struct tree tree;
};

maru_async(plants)
{
    maru_try(maru_call(tree, &me->tree, .depth = 12, .leaves = &me->leaves));
    maru_return(me->leaves);
}
maru_end;

Test(async_scope, scopes_of_scopes_end_from_the_leaves_up)
{
    EVERYWHERE(4096, plants);
}

/* ---- a function that the owner awaits spawns into its scope ---- */

struct ends_late {
    maru_frame frame;
    int *ended;
    maru_pause pause;
    int i;
};

maru_async(ends_late)
{
    for (me->i = 0; me->i < 100; me->i++)
        maru_await(maru_yield(&me->pause));
maru_finally:
    ++*me->ended;
}
maru_end;

struct plants_for {
    maru_frame frame;
    maru_frame *owner;
    maru_scope *scope;
    int *ended;
    bool in_finally;
};

maru_async(plants_for)
{
    if (!me->in_finally)
        maru_check(maru_scope_spawn_image(me->owner, me->scope,
                                          MARU_NEW_(ends_late, .ended = me->ended)));
maru_finally:
    if (me->in_finally)
        maru_check(maru_scope_spawn_image(me->owner, me->scope,
                                          MARU_NEW_(ends_late, .ended = me->ended)));
}
maru_end;

struct lends {
    maru_frame frame;
    maru_scope scope;
    struct plants_for planter;
    maru_pause pause;
    int ended;
    bool in_finally;
};

/* The planter is an arm of a join: the list of futures in flight is walked while the scope is put
 * in front of it. */
maru_async(lends)
{
    maru_result rc;
    maru_join(rc,
              maru_call(plants_for, &me->planter, .owner = &me->frame, .scope = &me->scope,
                        .ended = &me->ended, .in_finally = me->in_finally),
              maru_yield(&me->pause));
    WANT(rc == 0);
maru_finally:
    WANT(maru_scope_count(&me->scope) == 0 && me->ended == 1);
}
maru_end;

Test(async_scope, a_function_that_the_owner_awaits_may_be_the_first_to_spawn)
{
    EVERYWHERE(0, lends);
    EVERYWHERE(0, lends, .in_finally = true);
}

struct begins_anew {
    maru_frame frame;
    maru_scope scope;
    struct never other;
    maru_pause pause;
    int ended, others_ended;
};

maru_async(begins_anew)
{
    maru_result arm;
    maru_check(maru_scope_spawn(&me->scope, ends_late, .ended = &me->ended));
    while (maru_scope_count(&me->scope) > 0)
        maru_await(maru_yield(&me->pause));
    maru_scope_init(&me->scope, MARU_SCOPE_EACH);       /* nobody has waited for it */
    maru_select(arm, never_start(&me->other, 0, &me->others_ended), maru_yield(&me->pause));
    WANT(arm == 1 && me->others_ended == 1);
}
maru_end;

Test(async_scope, a_scope_that_nobody_waited_for_may_be_made_anew)
{
    EVERYWHERE(0, begins_anew);
}

/* ---- bad arguments ---- */

struct bad {
    maru_frame frame;
    maru_scope scope;
};

maru_async(bad)
{
    maru_frame image = { .future_ = { .type_ = &bad_async.type } };
    maru_frame *frame = &me->frame;
    WANT(maru_scope_spawn_image(NULL, &me->scope, &image, sizeof image) == -EINVAL);
    WANT(maru_scope_spawn_image(frame, NULL, &image, sizeof image) == -EINVAL);
    WANT(maru_scope_spawn_image(frame, &me->scope, NULL, sizeof image) == -EINVAL);
    WANT(maru_scope_spawn_image(frame, &me->scope, &image, sizeof image - 1) == -EINVAL);
    WANT(maru_scope_count(&me->scope) == 0);
}
maru_end;

Test(async_scope, bad_arguments_are_refused)
{
    maru_frame owner = { .parent_ = NULL }, image = { .parent_ = NULL };
    maru_scope scope = { .count_ = 0 };
    EVERYWHERE(0, bad);
    int rc = maru_scope_spawn_image(&owner, &scope, &image, sizeof image);
    cr_assert_eq(rc, -EINVAL);                  /* not inside a task */
}
