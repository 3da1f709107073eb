/* factorials.c [N...] - factorials at once, with an await in every step, so that they take turns.
 * How many there are is known at run time only: their frames are an array, and maru_join_all takes
 * an array of futures. The results are collected in a list.
 *
 * It prints:
 *
 *     2!: times 2
 *     3!: times 2
 *     4!: times 2
 *     2! = 2
 *     3!: times 3
 *     4!: times 3
 *     3! = 6
 *     4!: times 4
 *     4! = 24
 *     [2, 6, 24]
 */
#include <maru.h>
#include <stdio.h>
#include <stdlib.h>

enum { LARGEST = 20 };                  /* 21! does not fit into 64 bits */

/* A step takes a second, and a little more for larger numbers: so that no two end together. */
struct factorial { maru_frame frame; int n, factor; int64_t product; maru_sleep pause; };

maru_async(factorial)
{
    me->product = 1;
    for (me->factor = 2; me->factor <= me->n; me->factor++) {
        printf("%d!: times %d\n", me->n, me->factor);
        maru_try(maru_sleep_for(&me->pause, MARU_SEC + me->n * MARU_MSEC));
        me->product *= me->factor;
    }
    printf("%d! = %lld\n", me->n, (long long)me->product);
    maru_return(me->product);
}
maru_end;

struct factorials {
    maru_frame frame;
    size_t count;
    const int *numbers;
    struct factorial *each;
    maru_future **futures;
};

maru_async(factorials)
{
    maru_result rc;
    me->each = calloc(me->count, sizeof *me->each);
    me->futures = calloc(me->count, sizeof(maru_future *));
    if (!me->each || !me->futures)
        maru_return(-ENOMEM);
    for (size_t i = 0; i < me->count; i++)
        me->futures[i] = maru_call(factorial, &me->each[i], .n = me->numbers[i]);
    maru_join_all(rc, me->futures, me->count);
    maru_check(rc);
    for (size_t i = 0; i < me->count; i++)
        printf("%s%lld", i == 0 ? "[" : ", ", (long long)maru_result_of(&me->each[i]));
    puts("]");
maru_finally:                           /* none of the calls is in flight any more */
    free(me->each);
    free(me->futures);
}
maru_end;

/* On a virtual clock the seconds take no time, and always pass in the same order. */
static maru_result run(size_t count, const int *numbers)
{
    maru_runtime *runtime;
    maru_options options;
    maru_options_init(&options, sizeof options);
    options.flavor = MARU_FLAVOR_SINGLE;
    options.clock = MARU_CLOCK_VIRTUAL;
    maru_result rc = maru_runtime_new(&options, &runtime);
    if (rc == 0) {
        rc = maru_block_on(runtime, factorials, .count = count, .numbers = numbers);
        (void)maru_runtime_free(runtime);       /* we are its owner, and outside of its tasks */
    }
    return rc;
}

int main(int argc, char **argv)
{
    int numbers[64] = { 2, 3, 4 };
    size_t count = argc > 1 ? (size_t)argc - 1 : 3;
    bool is_wrong = count > sizeof numbers / sizeof numbers[0];
    for (int i = 1; i < argc && !is_wrong; i++) {
        char *end;
        long n = strtol(argv[i], &end, 10);
        is_wrong = end == argv[i] || *end || n < 0 || n > LARGEST;
        numbers[i - 1] = (int)n;
    }
    if (is_wrong) {
        fprintf(stderr, "usage: %s [N...], at most 64 numbers from 0 to %d\n", argv[0], LARGEST);
        return 2;
    }
    maru_result rc = run(count, numbers);
    if (rc < 0)
        fprintf(stderr, "factorials: %s\n", maru_err_text((int)rc));
    return rc < 0;
}
