/* good.c - every macro of the vocabulary, used as it should be: no compiler has a word to say,
 * and the program runs to its end. Exit code 0: all was as expected. */
#include <maru.h>
#include <stdio.h>

maru_async_decl(twice);

struct twice {
    maru_frame frame;
    int value;
    maru_pause pause;
};

maru_async_extern(twice)
{
    maru_try(maru_yield(&me->pause));
    maru_return(2 * me->value);
}
maru_end;

/* Nothing to await, nothing to tidy up. */
struct plain {
    maru_frame frame;
};

maru_async(plain)
{
}
maru_end;

struct guarded {
    maru_frame frame;
    int *ended, rounds;
    maru_sleep nap;
    maru_pause pause;
    maru_timeout limit;
};

/* Awaits without braces, in loops and branches; leaving early; finally awaits too. */
maru_async(guarded)
{
    maru_result rc;
    while (me->rounds-- > 0)
        maru_await(maru_yield(&me->pause));
    if (me->limit.fired_)
        maru_return(-EINVAL);
    else
        maru_await(rc, maru_within(&me->limit, MARU_MSEC, maru_sleep_for(&me->nap, MARU_SEC)));
    if (rc == -ETIMEDOUT && maru_timed_out(&me->limit))
        maru_return(7);
    else if (rc < 0)
        maru_return(rc);
    for (;;) {
        maru_check(rc);
        break;
    }
maru_finally:
    for (me->rounds = 0; me->rounds < 2; me->rounds++)
        maru_try(rc, maru_yield(&me->pause));
    ++*me->ended;
}
maru_end;

struct patient {
    maru_frame frame;
};

maru_async(patient)
{
    maru_await_cancel();
}
maru_end;

static const maru_local_key KEY = { "key" };

struct everything {
    maru_frame frame;
    maru_future *arms[2];
    maru_local local;
    maru_name name;
    maru_pause pause;
    maru_section section;
    int ended;
    struct twice a, b;
    struct guarded guarded;
    struct plain plain;
    maru_sleep short_nap, long_nap;
    maru_scope scope;
    maru_join_set set;
    maru_join_wait join;
    maru_task *task;
};

maru_async(everything)
{
    maru_result n;
    maru_await(maru_call(plain, &me->plain));
    maru_await(n, maru_call(twice, &me->a, .value = 4));
    maru_check(n == 8 ? 0 : -EPROTO);
    maru_try(n, maru_call(guarded, &me->guarded, .ended = &me->ended, .rounds = 3));
    maru_check(n == 7 && me->ended == 1 ? 0 : -EPROTO);

    maru_join(n, maru_call(twice, &me->a, .value = 1), maru_call(twice, &me->b, .value = 2));
    maru_check(n);
    maru_check(maru_result_of(&me->a) + maru_result_of(&me->b) == 6 ? 0 : -EPROTO);
    maru_select(n, maru_sleep_for(&me->long_nap, 60 * MARU_SEC), maru_sleep_for(&me->short_nap, 1),
                NULL);
    maru_check(n == 1 && maru_result_of(&me->long_nap) == -ECANCELED ? 0 : -EPROTO);

    maru_settle(n, maru_call(twice, &me->a, .value = 1), maru_call(plain, &me->plain));
    maru_check(n == 0 ? 0 : -EPROTO);
    maru_race(n, maru_sleep_for(&me->short_nap, 1), maru_call(twice, &me->b, .value = 2));
    maru_check(n);
    maru_await(n, maru_keep(&me->b, maru_call(twice, &me->b, .value = 2)));
    maru_check(n == 4 ? 0 : -EPROTO);
    maru_select_biased(n, NULL, maru_call(plain, &me->plain),
                       maru_keep(&me->short_nap, maru_sleep_for(&me->short_nap, 1)));
    maru_check(n == 1 ? 0 : -EPROTO);
    me->arms[0] = maru_call(plain, &me->plain);
    me->arms[1] = maru_call(twice, &me->a, .value = 1);
    maru_join_all(n, me->arms, 2);
    me->arms[0] = maru_call(plain, &me->plain);
    me->arms[1] = NULL;
    maru_select_any(n, me->arms, 2);
    me->arms[0] = maru_call(plain, &me->plain);
    maru_race_any(n, me->arms, 2);
    maru_settle_all(n, me->arms, 0);
    maru_check(n);
    maru_check(maru_local_set(&me->local, &KEY, me));
    maru_check(maru_task_name_set(&me->name, "everything"));
    maru_await(maru_budget_consume(&me->pause));
    maru_try(n, maru_unconstrained(&me->section, maru_call(twice, &me->a, .value = 1)));

    maru_scope_init(&me->scope, MARU_SCOPE_ALL);
    maru_check(maru_scope_spawn(&me->scope, twice, .value = 5));
    maru_check(maru_scope_spawn(&me->scope, plain));
    maru_try(maru_scope_wait(&me->scope));

    maru_scope_spawn_many(n, &me->scope, i, 3, twice, .value = (int)i);
    maru_check(n);
    maru_try(maru_scope_wait(&me->scope));
    maru_check(maru_join_set_spawn(&me->set, twice, .value = 3) ? 0 : -ENOMEM);
    maru_try(n, maru_join_next(&me->set));
    maru_check(maru_task_frame(maru_joined(&me->set), twice)->value == 3 ? 0 : -EPROTO);
    maru_await(n, maru_join_next(&me->set));
    maru_check(n == -MARU_EEMPTY ? 0 : -EPROTO);

    me->task = maru_spawn(patient);
    maru_check(me->task ? 0 : -ENOMEM);
    maru_cancel(me->task);
    maru_await(n, maru_wait_task(&me->join, me->task));
    maru_await(n, maru_join_task(&me->join, me->task));
    me->task = maru_spawn_on(maru_runtime_current(), twice, .value = 6);
    maru_check(me->task ? 0 : -ENOMEM);
    maru_try(n, maru_join_task(&me->join, me->task));
    maru_return(n);
maru_finally:
    me->ended++;
}
maru_end;

struct program {
    maru_frame frame;
    struct everything everything;
};

maru_async(program)
{
    maru_result n;
    maru_try(n, maru_call(everything, &me->everything));
    printf("%d\n", (int)n);
}
maru_end;

int main(void)
{
    maru_runtime *runtime;
    int rc = maru_runtime_new(NULL, &runtime);
    if (rc < 0)
        return 1;
    maru_result n = maru_block_on(runtime, everything);
    rc = maru_runtime_free(runtime);
    return rc < 0 || n != 12 || maru_main(program) != 0;
}
