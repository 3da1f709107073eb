/* race.c - runners, and the first one wins. After a race the losers go on, and can be waited for
 * later; those that nobody waits for are ended with the function that raced them. After a select
 * the losers have ended.
 *
 * It prints:
 *
 *     a race: the hare wins
 *     the fox comes in, too, after 2 s
 *     the snail is called off
 *     the race is over after 2 s
 *     a select:
 *     the fox is called off
 *     the snail is called off
 *     the hare wins, and nobody runs any more, after 1 s
 */
#include <maru.h>
#include <stdio.h>

static long long seconds_since(int64_t began)
{
    return (maru_now() - began) / MARU_SEC;
}

struct runner { maru_frame frame; const char *name; int64_t takes_ns; maru_sleep way; };

maru_async(runner)
{
    maru_result rc;
    maru_await(rc, maru_sleep_for(&me->way, me->takes_ns));
    if (rc == -ECANCELED)
        printf("the %s is called off\n", me->name);
    maru_return(rc);
}
maru_end;

struct race { maru_frame frame; int64_t began; struct runner hare, fox, snail; };

maru_async(race)
{
    maru_result winner;
    me->began = maru_now();
    maru_race(winner,
              maru_call(runner, &me->hare, .name = "hare", .takes_ns = 1 * MARU_SEC),
              maru_call(runner, &me->fox, .name = "fox", .takes_ns = 2 * MARU_SEC),
              maru_call(runner, &me->snail, .name = "snail", .takes_ns = 3600 * MARU_SEC));
    maru_check(winner);
    printf("a race: the %s wins\n", winner == 0 ? "hare" : "slower one");
    maru_try(maru_keep(&me->fox, NULL));        /* it runs already: there is nothing to start */
    printf("the fox comes in, too, after %lld s\n", seconds_since(me->began));
}                                               /* here the snail is still on its way */
maru_end;

struct choice { maru_frame frame; int64_t began; struct runner hare, fox, snail; };

maru_async(choice)
{
    maru_result winner;
    me->began = maru_now();
    puts("a select:");
    maru_select(winner,
                maru_call(runner, &me->hare, .name = "hare", .takes_ns = 1 * MARU_SEC),
                maru_call(runner, &me->fox, .name = "fox", .takes_ns = 2 * MARU_SEC),
                maru_call(runner, &me->snail, .name = "snail", .takes_ns = 3600 * MARU_SEC));
    maru_check(winner);
    printf("the %s wins, and nobody runs any more, after %lld s\n",
           winner == 0 ? "hare" : "slower one", seconds_since(me->began));
}
maru_end;

struct program { maru_frame frame; int64_t began; struct race race; struct choice choice; };

maru_async(program)
{
    me->began = maru_now();
    maru_try(maru_call(race, &me->race));
    printf("the race is over after %lld s\n", seconds_since(me->began));
    maru_try(maru_call(choice, &me->choice));
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
        fprintf(stderr, "race: %s\n", maru_err_text((int)rc));
    return rc < 0;
}
