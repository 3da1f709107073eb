/* test_async_in_place.c - blocking calls in the midst of a task: what others promise of blocking in
 * place, for a task that hands its call to the pool and waits. */
#include "async_world.h"

#include "runtime/base/config.h"

#include <sched.h>

ASYNC_SUITE(async_in_place);

/* ---- budgets ---- */

enum { ROUNDS = 10 * BUDGET_DEFAULT };

static int spend(void)
{
    int units = 0;
    while (units <= 2 * (int)BUDGET_DEFAULT && maru_budget_take())
        units++;
    return units;
}

struct never_waits {
    maru_frame frame;
    int i;
    struct ready ready;
};

maru_async(never_waits)
{
    for (me->i = 0; me->i < ROUNDS; me->i++)
        maru_try(ready_start(&me->ready, 1));
    maru_return(me->i);
}
maru_end;

/* Outside of tasks there is no budget, and so nothing that could run out: a function that is run
 * from here to its end has one of its own. */
static maru_result look_for_budget(void *runtime)
{
    if (maru_budget_take())
        return -EPROTO;
    maru_result n = maru_block_on(runtime, never_waits);
    return n == -EPERM ? ROUNDS : n;            /* a SINGLE one is its own thread's */
}

struct spends {
    maru_frame frame;
    int i;
    maru_blocking_job job;
};

maru_async(spends)
{
    maru_result n;
    for (me->i = 0; me->i < 20; me->i++) {
        int units = spend();
        WANT(me->i == 0 || (units > 0 && units <= (int)BUDGET_DEFAULT));
        maru_try(n, maru_blocking(&me->job, look_for_budget, maru_runtime_current()));
        WANT(n == ROUNDS);
    }
}
maru_end;

/* conformance 7 */
Test(async_in_place, a_call_has_no_budget_and_its_task_has_a_whole_one_after_it)
{
    EVERYWHERE(0, spends);
    AS_GUEST(0, spends);
}

/* ---- who was woken before ---- */

struct has_run {
    maru_frame frame;
    uint32_t *ran;
};

maru_async(has_run)
{
    flag_raise(me->ran);
}
maru_end;

static maru_result wait_until_run(void *ran)
{
    while (!flag_is_up(ran))
        sched_yield();
    return 5;
}

struct blocks {
    maru_frame frame;
    int i;
    uint32_t ran;
    maru_scope scope;
    maru_blocking_job job;
};

/* What it has just spawned is in the next-slot of its worker, or with its guest. */
maru_async(blocks)
{
    maru_result n;
    for (me->i = 0; me->i < 50; me->i++) {
        me->ran = 0;
        maru_check(maru_scope_spawn(&me->scope, has_run, .ran = &me->ran));
        maru_try(n, maru_blocking(&me->job, wait_until_run, &me->ran));
        WANT(n == 5);
        maru_try(maru_scope_wait(&me->scope));
    }
}
maru_end;

/* conformance 15 */
Test(async_in_place, who_was_made_ready_before_a_call_runs_while_it_blocks)
{
    EVERYWHERE(0, blocks);
    AS_GUEST(0, blocks);
}
