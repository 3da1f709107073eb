/* give_order.c - three calls, joined: the first given sleeps longest. Lines come in the order in
 * which the calls end; results stay where the calls are, in the order of the arguments.
 *
 * It prints:
 *
 *     order 3 is done
 *     order 2 is done
 *     order 1 is done
 *     results: 10 20 30
 */
#include <maru.h>
#include <stdio.h>

struct give_order { maru_frame frame; int n; maru_sleep nap; };

maru_async(give_order)
{
    maru_try(maru_sleep_for(&me->nap, (3 - me->n) * MARU_SEC));
    printf("order %d is done\n", me->n);
    maru_return(10 * me->n);
}
maru_end;

struct program { maru_frame frame; struct give_order first, second, third; };

maru_async(program)
{
    maru_result rc;
    maru_join(rc, maru_call(give_order, &me->first, .n = 1),
              maru_call(give_order, &me->second, .n = 2),
              maru_call(give_order, &me->third, .n = 3));
    maru_check(rc);                     /* the first error; it would have ended the others */
    printf("results: %lld %lld %lld\n", (long long)maru_result_of(&me->first),
           (long long)maru_result_of(&me->second), (long long)maru_result_of(&me->third));
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
        fprintf(stderr, "give_order: %s\n", maru_err_text((int)rc));
    return rc < 0;
}
