/* hand_written.c - futures without the vocabulary: one with an enum state, a combinator made of
 * two, and boxed ones of a kind that is chosen at run time. A C++ program, or the binding of
 * another language, writes them so.
 *
 * A future is a struct that begins with a maru_future, and a poll function. poll returns a result,
 * or MARU_PENDING if it will be woken: the ones here wait for nothing but other futures, which have
 * seen to that when they were pending themselves. Nothing is ever just dropped: a future that is no
 * longer wanted is polled with an ending, until it has a result.
 *
 * It prints:
 *
 *     at 300 ms: a lamp has blinked 3 times
 *     at 400 ms: a nap of 100 ms and 9 blinks: the first to end was the nap
 *     at 600 ms: a nap of 9000 ms and 2 blinks: the first to end was the lamp
 *     at 700 ms: a box gave 100
 *     at 1200 ms: another box gave 5
 */
#include <maru.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- a future with an enum state: a lamp that blinks so many times ---- */

enum light { DARK, LIGHT };

struct blink {
    maru_future future;
    enum light state;
    int times, left;
    maru_sleep sleep;
    maru_future *sleeping;              /* the sleep, once it was started */
};

static void blink_to(struct blink *blink, enum light state)
{
    blink->state = state;
    blink->sleeping = maru_sleep_for(&blink->sleep, 50 * MARU_MSEC);
}

/* The result is the number of blinks. */
static maru_result blink_poll(maru_future *self, maru_context *cx)
{
    struct blink *blink = (struct blink *)(void *)self;
    while (blink->left > 0) {
        if (!blink->sleeping)
            blink_to(blink, LIGHT);
        maru_result rc = maru_future_poll(blink->sleeping, cx);
        if (rc < 0)
            return rc;                  /* it is pending, or has ended before its time: so are we */
        if (blink->state == DARK)
            blink->left--;
        blink_to(blink, blink->state == DARK ? LIGHT : DARK);
    }
    return blink->times;
}

static maru_future *blink_start(struct blink *blink, int times)
{
    static const maru_future_type type = { blink_poll, "blink" };
    blink->times = blink->left = times;
    blink->sleeping = NULL;
    return maru_future_init(&blink->future, &type);
}

/* ---- a combinator: the first of two; when it has a result, the other one has ended, too ---- */

struct first {
    maru_future future;
    maru_future *arms[2];
    int winner;                         /* -1: nobody yet */
};

/* The result is the winner's number, or its error. */
static maru_result first_poll(maru_future *self, maru_context *cx)
{
    struct first *first = (struct first *)(void *)self;
    for (int i = 0; first->winner < 0 && i < 2; i++)
        if (maru_future_poll(first->arms[i], cx) != MARU_PENDING)
            first->winner = i;
    if (first->winner < 0)
        return MARU_PENDING;
    maru_context losing = *cx;
    if (losing.ending == MARU_GO)
        losing.ending = MARU_LOSE;
    if (maru_future_poll(first->arms[1 - first->winner], &losing) == MARU_PENDING)
        return MARU_PENDING;            /* its cleanup waits for something */
    maru_result rc = maru_future_result(first->arms[first->winner]);
    return rc < 0 ? rc : first->winner;
}

static maru_future *first_start(struct first *first, maru_future *a, maru_future *b)
{
    static const maru_future_type type = { first_poll, "first" };
    first->arms[0] = a;
    first->arms[1] = b;
    first->winner = -1;
    return maru_future_init(&first->future, &type);
}

/* ---- a box: an async function or a lamp, on the heap ---- */

struct nap { maru_frame frame; int ms; maru_sleep sleep; };

maru_async(nap)
{
    maru_try(maru_sleep_for(&me->sleep, me->ms * MARU_MSEC));
    maru_return(me->ms);
}
maru_end;

/* Every future is the first thing in its struct: so whoever has waited for the box frees it. */
static maru_future *box_new(bool is_nap, int number)
{
    struct nap *nap = is_nap ? calloc(1, sizeof *nap) : NULL;
    struct blink *blink = is_nap ? NULL : calloc(1, sizeof *blink);
    return nap ? maru_call(nap, nap, .ms = number) : blink ? blink_start(blink, number) : NULL;
}

/* ---- all of them, awaited as any other future ---- */

struct program {
    maru_frame frame;
    int64_t began;
    struct blink blink;
    struct nap nap;
    struct first first;
    maru_future *box;
};

static long long ms_since(int64_t began)
{
    return (maru_now() - began) / MARU_MSEC;
}

maru_async(program)
{
    static const char *const arms[] = { "nap", "lamp" };
    maru_result rc;
    me->began = maru_now();
    maru_try(rc, blink_start(&me->blink, 3));
    printf("at %lld ms: a lamp has blinked %d times\n", ms_since(me->began), (int)rc);

    maru_try(rc, first_start(&me->first, maru_call(nap, &me->nap, .ms = 100),
                             blink_start(&me->blink, 9)));
    printf("at %lld ms: a nap of 100 ms and 9 blinks: the first to end was the %s\n",
           ms_since(me->began), arms[rc]);
    maru_try(rc, first_start(&me->first, maru_call(nap, &me->nap, .ms = 9000),
                             blink_start(&me->blink, 2)));
    printf("at %lld ms: a nap of 9000 ms and 2 blinks: the first to end was the %s\n",
           ms_since(me->began), arms[rc]);

    me->box = box_new(true, 100);
    if (!me->box)
        maru_return(-ENOMEM);
    maru_try(rc, me->box);
    printf("at %lld ms: a box gave %d\n", ms_since(me->began), (int)rc);
    free(me->box);
    me->box = box_new(false, 5);
    if (!me->box)
        maru_return(-ENOMEM);
    maru_try(rc, me->box);
    printf("at %lld ms: another box gave %d\n", ms_since(me->began), (int)rc);
maru_finally:                           /* whatever was in flight has ended */
    free(me->box);
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
        fprintf(stderr, "hand_written: %s\n", maru_err_text((int)rc));
    return rc < 0;
}
