/* abort_ticker.c - two spawned tasks. One ends by itself: wait for its handle, and use what it
 * returned. The other one would tick for ever: after 2 s it is cancelled. That is a request: its
 * awaits give -ECANCELED, its finally runs, and whoever waits for the handle sees it end.
 *
 * It prints:
 *
 *     the answer is 42
 *     tick 1
 *     tick 2
 *     tick 3
 *     tick 4
 *     the ticker tidies up
 *     it ended with ECANCELED after 4 ticks
 */
#include <maru.h>
#include <stdio.h>

struct answer { maru_frame frame; int a, b; maru_sleep thinks; };

maru_async(answer)
{
    maru_try(maru_sleep_for(&me->thinks, MARU_SEC));
    maru_return(me->a * me->b);
}
maru_end;

struct ticker { maru_frame frame; int *count; maru_interval tick; };

maru_async(ticker)
{
    maru_check(maru_interval_init(&me->tick, 600 * MARU_MSEC));
    for (;;) {
        maru_try(maru_interval_tick(&me->tick));        /* the first one is due at once */
        printf("tick %d\n", ++*me->count);
    }
maru_finally:
    puts("the ticker tidies up");
}
maru_end;

struct program { maru_frame frame; maru_task *task; maru_join_wait wait; int ticks;
                 maru_sleep nap; };

maru_async(program)
{
    maru_result rc;
    me->task = maru_spawn(answer, .a = 6, .b = 7);
    if (!me->task)
        maru_return(-ENOMEM);
    maru_try(rc, maru_join_task(&me->wait, me->task));
    printf("the answer is %lld\n", (long long)rc);

    me->task = maru_spawn(ticker, .count = &me->ticks);
    if (!me->task)
        maru_return(-ENOMEM);
    maru_try(maru_sleep_for(&me->nap, 2 * MARU_SEC));
    maru_cancel(me->task);
    maru_await(rc, maru_join_task(&me->wait, me->task));
    printf("it ended with %s after %d ticks\n", maru_err_name((int)rc), me->ticks);
}
maru_end;

/* On a virtual clock the seconds take no time, and always pass in the same order. */
int main(void)
{
    maru_runtime *runtime;
    maru_options options;
    maru_options_init(&options, sizeof options);
    options.flavor = MARU_FLAVOR_SINGLE;
    options.clock = MARU_CLOCK_VIRTUAL;
    maru_result rc = maru_runtime_new(&options, &runtime);
    if (rc == 0) {
        rc = maru_block_on(runtime, program);
        (void)maru_runtime_free(runtime);       /* we are its owner, and outside of its tasks */
    }
    if (rc < 0)
        fprintf(stderr, "abort_ticker: %s\n", maru_err_text((int)rc));
    return rc < 0;
}
