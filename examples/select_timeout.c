/* select_timeout.c - a select over two sources and a time limit, and a timeout around a slow call.
 *
 * A select ends those that it does not choose. maru_keep spares the sources: the one that lost goes
 * on, and the next select finds it further along. The limit is not kept, for it is a moment: it can
 * be awaited anew each time.
 *
 * It prints:
 *
 *     at 400 ms: 1 from the sea
 *     at 700 ms: 1 from the hills
 *     at 800 ms: 2 from the sea
 *     at 1200 ms: 3 from the sea
 *     at 1400 ms: 2 from the hills
 *     at 1500 ms: no more
 *     a call of 300 ms within 500 ms: 42
 *     a call of 700 ms within 500 ms: its time was up
 *     at 2300 ms: all is done
 */
#include <maru.h>
#include <stdio.h>

static long long ms_since(int64_t began)
{
    return (maru_now() - began) / MARU_MSEC;
}

/* A message comes in its own time; the result is its number. */
struct message { maru_frame frame; int number; int64_t takes_ns; maru_sleep way; };

maru_async(message)
{
    maru_try(maru_sleep_for(&me->way, me->takes_ns));
    maru_return(me->number);
}
maru_end;

struct listen { maru_frame frame; int64_t began; int seas, hills; struct message sea, hill;
                maru_sleep limit; };

maru_async(listen)
{
    for (;;) {
        maru_result arm;
        maru_select(arm,
                    maru_keep(&me->sea, maru_call(message, &me->sea, .number = ++me->seas,
                                                  .takes_ns = 400 * MARU_MSEC)),
                    maru_keep(&me->hill, maru_call(message, &me->hill, .number = ++me->hills,
                                                   .takes_ns = 700 * MARU_MSEC)),
                    maru_sleep_until(&me->limit, me->began + 1500 * MARU_MSEC));
        maru_check(arm);                /* this task is being cancelled */
        if (arm == 2)
            break;
        printf("at %lld ms: %lld from the %s\n", ms_since(me->began),
               (long long)(arm == 0 ? maru_result_of(&me->sea) : maru_result_of(&me->hill)),
               arm == 0 ? "sea" : "hills");
    }
    printf("at %lld ms: no more\n", ms_since(me->began));
}
maru_end;

struct slow { maru_frame frame; int64_t takes_ns; maru_sleep work; };

maru_async(slow)
{
    maru_try(maru_sleep_for(&me->work, me->takes_ns));
    maru_return(42);
}
maru_end;

struct program { maru_frame frame; int64_t began; int turn; struct listen listen; struct slow slow;
                 maru_timeout limit; };

maru_async(program)
{
    static const int takes_ms[] = { 300, 700 };
    me->began = maru_now();
    maru_try(maru_call(listen, &me->listen, .began = me->began));
    for (me->turn = 0; me->turn < 2; me->turn++) {
        maru_result rc;
        maru_await(rc, maru_within(&me->limit, 500 * MARU_MSEC,
                                   maru_call(slow, &me->slow,
                                             .takes_ns = takes_ms[me->turn] * MARU_MSEC)));
        printf("a call of %d ms within 500 ms: ", takes_ms[me->turn]);
        if (maru_timed_out(&me->limit))         /* the call has ended: nothing is left of it */
            puts("its time was up");
        else
            printf("%lld\n", (long long)rc);
    }
    printf("at %lld ms: all is done\n", ms_since(me->began));
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
        fprintf(stderr, "select_timeout: %s\n", maru_err_text((int)rc));
    return rc < 0;
}
