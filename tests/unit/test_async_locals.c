/* test_async_locals.c - task-locals on runtimes of every kind: whoever runs the task, and whatever
 * ends it. The rules one by one are in test_locals.c. */
#include "async_world.h"

ASYNC_SUITE(async_locals);

static const maru_local_key KEY = { "key" };

static void *value_here(void)
{
    void *value = NULL;
    int rc = maru_local_get(&KEY, &value);
    WANT(rc == (value ? 0 : -ENOENT));
    return value;
}

enum ending { COMPLETES, FAILS, IS_CANCELLED, IS_CANCELLED_AT_ONCE, ENDINGS };

/* Looks for the value after each thing that may have brought it to another worker. */
struct looks {
    maru_frame frame;
    void *value;
    enum ending ending;
    uint32_t *waits;
    maru_pause pause;
    maru_sleep nap;
};

maru_async(looks)
{
    WANT(value_here() == me->value);
    maru_try(maru_yield(&me->pause));
    WANT(value_here() == me->value);
    maru_try(maru_sleep_for(&me->nap, 1000));
    WANT(value_here() == me->value);
    flag_raise(me->waits);
    if (me->ending == IS_CANCELLED)
        maru_await_cancel();
    maru_return(me->ending == FAILS ? -EIO : 3);
maru_finally:
    WANT(value_here() == me->value);
    maru_await(maru_yield(&me->pause));
    WANT(value_here() == me->value);
}
maru_end;

struct stranger {
    maru_frame frame;
};

maru_async(stranger)
{
    WANT(!value_here());
}
maru_end;

struct carries {
    maru_frame frame;
    enum ending ending;
    uint32_t *waits;
    maru_local local;
    struct looks kid;
    maru_scope strangers;
    maru_pause pause;
};

maru_async(carries)
{
    WANT(!value_here());
    maru_check(maru_local_set(&me->local, &KEY, me));
    maru_check(maru_scope_spawn(&me->strangers, stranger));
    maru_try(maru_call(looks, &me->kid, .value = me, .ending = me->ending, .waits = me->waits));
    WANT(value_here() == me);
    maru_return(maru_result_of(&me->kid));
maru_finally:
    WANT(value_here() == me);
    maru_await(maru_yield(&me->pause));
    WANT(value_here() == me);
}
maru_end;

struct crowd {
    maru_frame frame;
    int i;
    uint32_t waits[8 * ENDINGS];
    maru_task *tasks[8 * ENDINGS];
    maru_pause pause;
    maru_join_wait join;
};

maru_async(crowd)
{
    static const maru_result results[ENDINGS] = { 3, -EIO, 3, -ECANCELED };
    for (int i = 0; i < 8 * ENDINGS; i++) {
        me->tasks[i] = maru_spawn(carries, .ending = (enum ending)(i % ENDINGS),
                                  .waits = &me->waits[i]);
        WANT(me->tasks[i]);
        if (i % ENDINGS == IS_CANCELLED_AT_ONCE)
            maru_cancel(me->tasks[i]);
    }
    for (me->i = 0; me->i < 8 * ENDINGS; me->i++) {
        maru_result n;
        while (me->i % ENDINGS == IS_CANCELLED && !flag_is_up(&me->waits[me->i]))
            maru_try(maru_yield(&me->pause));
        if (me->i % ENDINGS == IS_CANCELLED)
            maru_cancel(me->tasks[me->i]);
        maru_await(n, maru_join_task(&me->join, me->tasks[me->i]));
        WANT(n == results[me->i % ENDINGS]);
    }
}
maru_end;

/* conformance 24 */
Test(async_locals, are_seen_to_the_last_of_finally_whatever_ends_the_task)
{
    EVERYWHERE(0, crowd);
    AS_GUEST(0, crowd);
}
