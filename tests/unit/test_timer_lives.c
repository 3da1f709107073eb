/* test_timer_lives.c - random lives of a hundred sleeps against a sorted list: started, moved,
 * cancelled in every state, while a virtual clock advances by small and by huge steps; with the
 * exact ticks of a paused clock and the long ones of a running one. */
#include "tests/support/fake_tasks.h"

#include <stdlib.h>

enum { SLEEPS = 100, STEPS = 600, LIVES = 2000 };

enum life { RESTS, WAITS, FIRED };

struct bell {
    maru_waker waker;            /* first */
    maru_sleep sleep;
    enum life life;
    int64_t deadline_ns;
    uint64_t due;                /* the tick at which it fires */
    uint64_t number;             /* of its arming */
};

static struct fake fake;
static struct bell bells[SLEEPS];
static struct bell *rung[SLEEPS];
static unsigned rung_count;
static uint64_t armings;

static void keep(maru_waker *waker)
{
    (void)waker;
}

static void ring(maru_waker *waker)
{
    rung[rung_count++] = (struct bell *)(void *)waker;
}

static const maru_waker_ops bell_ops = { keep, ring, keep };

/* ---- the list ---- */

static void note_armed(struct bell *bell, int64_t deadline_ns)
{
    uint64_t tick = wheel_tick_after(&fake.wheel, deadline_ns);
    bell->life = WAITS;
    bell->deadline_ns = deadline_ns;
    bell->due = tick < fake.wheel.hand ? fake.wheel.hand : tick;
    bell->number = armings++;
}

static int compare(const void *a, const void *b)
{
    const struct bell *x = *(struct bell *const *)a, *y = *(struct bell *const *)b;
    if (x->due != y->due)
        return x->due < y->due ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static unsigned expect_rung(struct bell **list)
{
    uint64_t tick = wheel_tick_of(&fake.wheel, fake.clock.virtual_ns);
    unsigned count = 0;
    for (int i = 0; i < SLEEPS; i++)
        if (bells[i].life == WAITS && bells[i].due <= tick && bells[i].due != WHEEL_NEVER)
            list[count++] = &bells[i];
    qsort(list, count, sizeof *list, compare);
    return count;
}

/* ---- what happens ---- */

static maru_result poll(struct bell *bell, enum maru_ending ending)
{
    maru_context cx = { &bell->waker, NULL, ending };
    return maru_future_poll(&bell->sleep.leaf_.future, &cx);
}

static int64_t random_ns(struct rng *rng)
{
    switch (rng_below(rng, 8)) {
    case 0:
        return (int64_t)rng_below(rng, 5) - 2;
    case 1:
        return INT64_MAX;
    case 2:
        return (int64_t)(rng_next(rng) >> 2);
    default:
        return (int64_t)(rng_next(rng) >> (24 + rng_below(rng, 30)));
    }
}

static int64_t later(int64_t ns)
{
    int64_t now = fake.clock.virtual_ns;
    return ns <= 0 ? now : ns > INT64_MAX - now ? INT64_MAX : now + ns;
}

static void first_poll(struct bell *bell, int64_t deadline_ns)
{
    cr_assert_eq(maru_sleep_deadline(&bell->sleep), deadline_ns);
    maru_result result = poll(bell, MARU_GO);
    if (deadline_ns <= fake.clock.virtual_ns) {
        cr_assert_eq(result, 0);
        bell->life = RESTS;
    } else {
        cr_assert_eq(result, MARU_PENDING);
        note_armed(bell, deadline_ns);
    }
}

static void start(struct bell *bell, struct rng *rng)
{
    int64_t ns = random_ns(rng);
    (void)!maru_sleep_for(&bell->sleep, ns);
    first_poll(bell, later(ns));
}

static void move(struct bell *bell, struct rng *rng)
{
    int64_t ns = random_ns(rng), deadline = later(ns);
    if (rng_below(rng, 4) == 0)
        deadline = fake.clock.virtual_ns - (int64_t)rng_below(rng, 1000000);
    cr_assert_not_null(maru_sleep_reset(&bell->sleep, deadline));
    if (bell->life == RESTS)
        first_poll(bell, deadline);
    else
        note_armed(bell, deadline);
    cr_assert_not(bell->life == WAITS && maru_sleep_is_elapsed(&bell->sleep));
}

static void look(struct bell *bell)
{
    cr_assert_eq(poll(bell, MARU_GO), bell->life == WAITS ? MARU_PENDING : 0);
    if (bell->life == FIRED)
        bell->life = RESTS;
}

static void cancel(struct bell *bell, struct rng *rng)
{
    enum maru_ending ending = rng_below(rng, 2) ? MARU_CANCEL : MARU_LOSE;
    cr_assert_eq(poll(bell, ending), bell->life == WAITS ? -ECANCELED : 0);
    cr_assert_eq(maru_sleep_is_elapsed(&bell->sleep), bell->life == FIRED);
    bell->life = RESTS;
}

static void advance(int64_t ns)
{
    struct bell *expected[SLEEPS];
    fake.clock.virtual_ns = later(ns) == INT64_MAX ? fake.clock.virtual_ns : later(ns);
    unsigned count = expect_rung(expected);
    rung_count = 0;
    timer_expire(&fake.local);
    cr_assert_eq(rung_count, count);
    cr_assert_arr_eq(rung, expected, count * sizeof *rung);
    for (unsigned i = 0; i < count; i++) {
        cr_assert_leq(rung[i]->deadline_ns, fake.clock.virtual_ns, "W1");
        cr_assert(maru_sleep_is_elapsed(&rung[i]->sleep));
        rung[i]->life = FIRED;
    }
}

static unsigned waiting(void)
{
    unsigned count = 0;
    for (int i = 0; i < SLEEPS; i++)
        count += bells[i].life == WAITS;
    return count;
}

static void step(struct rng *rng)
{
    struct bell *bell = &bells[rng_below(rng, SLEEPS)];
    switch (rng_below(rng, 6)) {
    case 0:
    case 1:
        if (bell->life == RESTS)
            start(bell, rng);
        break;
    case 2:
        if (bell->sleep.leaf_.future.type_)
            move(bell, rng);
        break;
    case 3:
        if (bell->life != RESTS)
            cancel(bell, rng);
        break;
    case 4:
        if (bell->life != RESTS)
            look(bell);
        break;
    case 5:
        advance(rng_below(rng, 50) ? (int64_t)(rng_next(rng) >> (28 + rng_below(rng, 34)))
                                   : (int64_t)(rng_next(rng) >> 6));
        break;
    }
}

static void live(uint32_t seed)
{
    struct rng rng = { seed };
    memset(bells, 0, sizeof bells);
    for (int i = 0; i < SLEEPS; i++)
        bells[i].waker.ops_ = &bell_ops;
    wheel_init(&fake.wheel, fake.clock.virtual_ns = MARU_SEC);
    timer_set_shift(&fake.local, seed % 2 ? TICK_SHIFT_EXACT : TICK_SHIFT);
    for (int i = 0; i < STEPS; i++) {
        step(&rng);
        cr_assert_eq(fake.wheel.count, waiting(), "seed %u, step %d", seed, i);
    }
    for (int i = 0; i < SLEEPS; i++)
        if (bells[i].life != RESTS)
            cancel(&bells[i], &rng);
    cr_assert_eq(fake.wheel.count, 0u);
}

Test(timer_lives, random_lives_agree_with_a_sorted_list, .timeout = 60)
{
    fake_begin(&fake);
    for (uint32_t seed = 1; seed <= LIVES; seed++)
        live(seed);
    fake_end(&fake);
}
