/* test_async_load.c - while tasks that never rest keep every worker busy, everything else still
 * gets on: yields, tasks, timers, sockets, wakes and tasks from outside. */
#include "async_world.h"

#include "runtime/base/config.h"

#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(async_load, .timeout = 60);

enum { CROWD = 100, VISITORS = 20 };

/* What never rests: tasks that wake themselves in their polls, yield, always spend their whole
 * budget, wake each other in pairs, and tasks that spawn the next one and end. */
enum load { SELF_WAKING, YIELDING, SPENDING, PAIRS, CHAINS, LOADS };

static uint32_t stop;
static uint32_t alive;           /* of the chains' links */
static uint64_t polls;           /* of all of them together */

static bool goes_on(void)
{
    atomic_add_sc(&polls, 1u);
    return !flag_is_up(&stop);
}

/* ---- the loads ---- */

static maru_result restless_poll(maru_future *self, maru_context *cx)
{
    (void)self;
    if (!goes_on())
        return 0;
    cx->waker->ops_->wake(cx->waker);
    return MARU_PENDING;
}

static const maru_future_type restless_type = { restless_poll, "restless" };

/* A ball that two tasks throw to each other. A hand is empty, holds the ball, or is held out. */
struct hand {
    maru_leaf leaf;
    void *holds;                 /* NULL, BALL, or the leaf that waits for it */
    bool waits;
};

static char ball;
#define BALL ((void *)&ball)

static void ball_throw(struct hand *to)
{
    void *before = atomic_exchange_ar(&to->holds, BALL);
    if (before && before != BALL)
        maru_leaf_complete(before);
}

static maru_result catch_poll(maru_future *self, maru_context *cx)
{
    struct hand *hand = (struct hand *)(void *)self;
    void *empty = NULL;
    if (hand->waits ? maru_leaf_is_complete(&hand->leaf)
                    : atomic_load_acq(&hand->holds) == BALL) {
        atomic_store_rel(&hand->holds, NULL);
        return 0;
    }
    (void)goes_on();                            /* counts: here a poll of the task ends */
    if (hand->waits)
        return MARU_PENDING;
    hand->waits = true;
    maru_leaf_wait(&hand->leaf, cx);
    if (!atomic_cas_ar(&hand->holds, &empty, (void *)&hand->leaf))
        maru_leaf_complete(&hand->leaf);        /* it has come meanwhile */
    return MARU_PENDING;
}

static const maru_future_type catch_type = { catch_poll, "catch" };

static maru_future *ball_catch(struct hand *hand)
{
    hand->waits = false;
    return maru_future_init(&hand->leaf.future, &catch_type);
}

struct player {
    maru_frame frame;
    struct hand *own, *other;
    bool begins;
};

/* Whoever ends throws once more, so that nobody waits for ever. */
maru_async(player)
{
    if (me->begins)
        ball_throw(me->other);
    while (!flag_is_up(&stop)) {
        maru_try(ball_catch(me->own));
        ball_throw(me->other);
    }
    ball_throw(me->other);
}
maru_end;

struct link {
    maru_frame frame;
};

static void add_link(void);

maru_async(link)
{
    if (goes_on())
        add_link();
    atomic_sub_sc(&alive, 1u);
}
maru_end;

static void add_link(void)
{
    atomic_add_sc(&alive, 1u);
    maru_task *task = maru_spawn(link);
    WANT(task);
    maru_detach(task);
}

struct burden {
    maru_frame frame;
    enum load load;
    unsigned spent;
    maru_future restless;
    maru_pause pause;
    struct ready ready;
};

maru_async(burden)
{
    if (me->load == SELF_WAKING)
        maru_try(maru_future_init(&me->restless, &restless_type));
    while (me->load == YIELDING && goes_on())
        maru_try(maru_yield(&me->pause));
    while (me->load == SPENDING && (++me->spent % BUDGET_DEFAULT || goes_on()))
        maru_try(ready_start(&me->ready, 1));
}
maru_end;

/* Carries a load until it is told to stop. */
struct carrier {
    maru_frame frame;
    enum load load;
    struct hand hands[CROWD];
    maru_scope crowd;
    maru_pause pause;
};

maru_async(carrier)
{
    for (int i = 0; i < CROWD; i++)
        if (me->load == CHAINS)
            add_link();
        else if (me->load == PAIRS)
            maru_check(maru_scope_spawn(&me->crowd, player, .own = &me->hands[i],
                                        .other = &me->hands[i ^ 1], .begins = i % 2));
        else
            maru_check(maru_scope_spawn(&me->crowd, burden, .load = me->load));
    maru_try(maru_scope_wait(&me->crowd));
    while (atomic_load_sc(&alive) > 0)
        maru_try(maru_yield(&me->pause));
}
maru_end;

/* ---- what gets on beside them ---- */

enum deed { YIELDS, JOINS, SLEEPS, TALKS, WAITS, RECEIVES, DEEDS };

struct errand {
    maru_frame frame;
    int laps;
    maru_pause pause;
};

maru_async(errand)
{
    while (me->laps-- > 0)
        maru_try(maru_yield(&me->pause));
    maru_return(42);
}
maru_end;

struct talker {
    maru_frame frame;
    int fd, listener;
    struct sockaddr_in to;
    maru_op io;
    char text[12];
};

maru_async(talker)
{
    maru_result n;
    if (me->listener >= 0) {
        maru_try(n, maru_accept(&me->io, me->listener));
        me->fd = (int)n;
        maru_try(maru_send_all(&me->io, me->fd, "hello world", 11));
    } else {
        me->fd = maru_socket(AF_INET);
        maru_try(maru_connect(&me->io, me->fd, (struct sockaddr *)&me->to, sizeof me->to));
        maru_try(n, maru_recv(&me->io, me->fd, me->text, 11));
        WANT(n == 11 && memcmp(me->text, "hello world", 11) == 0);
    }
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

/* Two tasks, a connection between them. */
struct conversation {
    maru_frame frame;
    int listener;
    struct sockaddr_in at;
    maru_scope scope;
    maru_op io;
};

maru_async(conversation)
{
    socklen_t len = sizeof me->at;
    me->listener = maru_listen_ip("127.0.0.1", 0, 1);
    WANT(getsockname(me->listener, (struct sockaddr *)&me->at, &len) == 0);
    maru_check(maru_scope_spawn(&me->scope, talker, .listener = me->listener));
    maru_check(maru_scope_spawn(&me->scope, talker, .listener = -1, .to = me->at));
    maru_try(maru_scope_wait(&me->scope));
maru_finally:
    maru_await(maru_close(&me->io, me->listener));
}
maru_end;

/* What a thread from outside does: throws the ball once, or brings tasks. */
struct visitor {
    pthread_t thread;
    maru_runtime *runtime;       /* NULL: it throws */
    struct hand *hand;
    uint32_t *arrived;
};

struct arrives {
    maru_frame frame;
    uint32_t *arrived;
};

maru_async(arrives)
{
    flag_raise(me->arrived);
}
maru_end;

static void *visit(void *arg)
{
    struct visitor *visitor = arg;
    for (int i = 0; visitor->runtime && i < VISITORS; i++) {
        maru_task *task = maru_spawn_on(visitor->runtime, arrives, .arrived = visitor->arrived);
        WANT(task);
        maru_detach(task);
    }
    if (!visitor->runtime)
        ball_throw(visitor->hand);
    return NULL;
}

static void visitor_begin(struct visitor *visitor)
{
    WANT(pthread_create(&visitor->thread, NULL, visit, visitor) == 0);
}

struct under_load {
    maru_frame frame;
    enum load load;
    enum deed deed;
    int i;
    uint32_t arrived;
    maru_scope load_scope;
    maru_pause pause;
    maru_sleep nap;
    maru_task *task;
    maru_join_wait join;
    struct conversation talk;
    struct hand hand;
    struct visitor visitor;
};

maru_async(under_load)
{
    maru_result n;
    stop = 0;
    maru_check(maru_scope_spawn(&me->load_scope, carrier, .load = me->load));
    while (atomic_load_sc(&polls) < 2 * CROWD)
        maru_try(maru_yield(&me->pause));
    for (me->i = 0; me->i < 5; me->i++) {
        if (me->deed == YIELDS)
            maru_try(maru_yield(&me->pause));
        if (me->deed == JOINS) {
            WANT((me->task = maru_spawn(errand, .laps = me->i)) != NULL);
            maru_try(n, maru_join_task(&me->join, me->task));
            WANT(n == 42);
        }
        if (me->deed == SLEEPS)
            maru_try(maru_sleep_for(&me->nap, MARU_MSEC / 4));
        if (me->deed == TALKS)
            maru_try(maru_call(conversation, &me->talk));
        if (me->deed == WAITS || me->deed == RECEIVES) {
            me->visitor = (struct visitor){ .hand = &me->hand, .arrived = &me->arrived };
            me->visitor.runtime = me->deed == RECEIVES ? maru_runtime_current() : NULL;
            visitor_begin(&me->visitor);
        }
        if (me->deed == WAITS)
            maru_try(ball_catch(&me->hand));
        while (me->deed == RECEIVES && atomic_load_sc(&me->arrived) < (uint32_t)VISITORS)
            maru_try(maru_yield(&me->pause));
        if (me->deed == WAITS || me->deed == RECEIVES)
            WANT(pthread_join(me->visitor.thread, NULL) == 0);
        me->arrived = 0;
    }
    flag_raise(&stop);
    maru_try(maru_scope_wait(&me->load_scope));
}
maru_end;

/* As a task of the workers and as a guest, on every kind of runtime, beside every load. */
static void gets_on(enum deed deed)
{
    for (int load = 0; load < LOADS; load++) {
        EVERYWHERE(0, under_load, .load = (enum load)load, .deed = deed);
        AS_GUEST(0, under_load, .load = (enum load)load, .deed = deed);
    }
}

/* conformance 1 */
Test(async_load, sockets_get_on)
{
    gets_on(TALKS);
}

/* conformance 1 */
Test(async_load, who_is_woken_from_outside_gets_on)
{
    gets_on(WAITS);
}

/* conformance 2 */
Test(async_load, who_only_yields_gets_on_and_so_does_a_block_on)
{
    gets_on(YIELDS);
}

/* conformance 2 */
Test(async_load, a_task_that_is_spawned_now_ends_and_is_joined)
{
    gets_on(JOINS);
}

/* conformance 3 */
Test(async_load, tasks_from_outside_run)
{
    gets_on(RECEIVES);
}

/* conformance 5 */
Test(async_load, timers_fire)
{
    gets_on(SLEEPS);
}

/* ---- how soon ----
 *
 * On one worker a woken task runs before the tasks of the load have been polled so often: F1 of
 * runtime/sched/pick.c. Whoever wakes looks at the count after it has, so however long its thread
 * is held up, the two counts are never too far apart by that. */

enum { ROUNDS = 30, RUNNABLE = CROWD + 4, BOUND = 4 * RUNNABLE + 256 };

struct wakes {
    uint64_t after[ROUNDS];      /* the count right after each wake */
    uint64_t seen[ROUNDS];       /* the count when the woken task ran */
};

struct sleepy {
    maru_frame frame;
    struct hand *hand;
    struct wakes *wakes;
    uint32_t *round;
    int i;
};

maru_async(sleepy)
{
    for (me->i = 0; me->i < ROUNDS; me->i++) {
        maru_try(ball_catch(me->hand));
        me->wakes->seen[me->i] = atomic_load_sc(&polls);
        atomic_add_sc(me->round, 1u);
    }
}
maru_end;

static bool is_held_out(struct hand *hand)
{
    void *holds = atomic_load_acq(&hand->holds);
    return holds && holds != BALL;
}

struct waker {
    maru_frame frame;
    struct hand *hand;
    struct wakes *wakes;
    uint32_t *round;
    int i;
    maru_pause pause;
};

maru_async(waker)
{
    for (me->i = 0; me->i < ROUNDS; me->i++) {
        while (!is_held_out(me->hand))
            maru_try(maru_yield(&me->pause));
        ball_throw(me->hand);
        me->wakes->after[me->i] = atomic_load_sc(&polls);
        while (atomic_load_sc(me->round) == (uint32_t)me->i)
            maru_try(maru_yield(&me->pause));
    }
}
maru_end;

/* By a task, by a thread from outside, or that thread spawns it instead of waking it. */
enum road { BY_TASK, BY_THREAD, SPAWNED, ROADS };

struct outside {
    maru_runtime *runtime;
    enum road road;
    struct hand *hand;
    struct wakes *wakes;
    uint32_t *round;
};

struct spawned {
    maru_frame frame;
    uint64_t *seen;
    uint32_t *round;
};

maru_async(spawned)
{
    *me->seen = atomic_load_sc(&polls);
    atomic_add_sc(me->round, 1u);
}
maru_end;

static void *come_from_outside(void *arg)
{
    struct outside *outside = arg;
    struct relax relax = { 0 };
    for (uint32_t i = 0; i < ROUNDS; i++) {
        while (outside->road == BY_THREAD && !is_held_out(outside->hand))
            relax_turn(&relax);
        if (outside->road == BY_THREAD)
            ball_throw(outside->hand);
        else
            maru_detach(maru_spawn_on(outside->runtime, spawned, .seen = &outside->wakes->seen[i],
                                      .round = outside->round));
        outside->wakes->after[i] = atomic_load_sc(&polls);
        while (atomic_load_sc(outside->round) == i)
            relax_turn(&relax);
    }
    return NULL;
}

struct how_soon {
    maru_frame frame;
    enum load load;
    enum road road;
    uint32_t round;
    struct hand hand;
    struct wakes wakes;
    maru_scope load_scope, scope;
    maru_pause pause;
    pthread_t thread;
    struct outside outside;
};

maru_async(how_soon)
{
    stop = 0;
    me->outside = (struct outside){ maru_runtime_current(), me->road, &me->hand, &me->wakes,
                                    &me->round };
    maru_check(maru_scope_spawn(&me->load_scope, carrier, .load = me->load));
    if (me->road != SPAWNED)
        maru_check(maru_scope_spawn(&me->scope, sleepy, .hand = &me->hand, .wakes = &me->wakes,
                                    .round = &me->round));
    if (me->road == BY_TASK)
        maru_check(maru_scope_spawn(&me->scope, waker, .hand = &me->hand, .wakes = &me->wakes,
                                    .round = &me->round));
    else
        WANT(pthread_create(&me->thread, NULL, come_from_outside, &me->outside) == 0);
    while (atomic_load_sc(&me->round) < ROUNDS)
        maru_try(maru_yield(&me->pause));
    maru_try(maru_scope_wait(&me->scope));
    if (me->road != BY_TASK)
        WANT(pthread_join(me->thread, NULL) == 0);
    flag_raise(&stop);
    maru_try(maru_scope_wait(&me->load_scope));
    for (int i = 0; i < ROUNDS; i++)
        WANT(me->wakes.seen[i] <= me->wakes.after[i] + BOUND);
}
maru_end;

static void comes_soon(enum road road)
{
    for (int load = 0; load < LOADS; load++) {
        for (uint32_t workers = 0; workers < 2; workers++) {
            maru_runtime *runtime = world_new(workers);
            maru_task *task = maru_spawn_on(runtime, how_soon, .load = (enum load)load,
                                            .road = road);
            cr_assert_eq(world_join(runtime, task), 0);
            world_free(runtime);
        }
    }
}

/* conformance 1, 2 */
Test(async_load, a_woken_task_runs_within_a_bounded_number_of_polls)
{
    comes_soon(BY_TASK);
    comes_soon(BY_THREAD);
}

/* conformance 3 */
Test(async_load, a_task_from_outside_runs_within_a_bounded_number_of_polls)
{
    comes_soon(SPAWNED);
}

/* ---- how soon the driver has its turn ---- */

struct listens {
    maru_frame frame;
    int fd;
    uint32_t *heard;
    maru_op io;
    char byte;
};

maru_async(listens)
{
    maru_result n;
    for (;;) {
        maru_try(n, maru_recv(&me->io, me->fd, &me->byte, 1));
        if (n == 0)
            break;
        flag_raise(me->heard);
    }
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

struct speaks {
    maru_frame frame;
    bool spends;                 /* yields because its budget is spent, not of itself */
    int interval;                /* of the driver's turns */
    int fds[2], i, laps;
    uint32_t heard;
    maru_scope scope;
    maru_pause pause;
    struct ready ready;
};

/* The first byte finds a poll that is not yet armed, so it is left out of the count. */
maru_async(speaks)
{
    WANT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, me->fds) == 0);
    maru_check(maru_scope_spawn(&me->scope, listens, .fd = me->fds[0], .heard = &me->heard));
    for (me->i = 0; me->i < 20; me->i++) {
        WANT(send(me->fds[1], "x", 1, 0) == 1);
        for (me->laps = 0; atomic_load_sc(&me->heard) == (uint32_t)me->i; me->laps++) {
            while (me->spends && maru_budget_take())
                continue;
            if (me->spends)
                maru_try(ready_start(&me->ready, 1));
            else
                maru_try(maru_yield(&me->pause));
        }
        WANT(me->i == 0 || me->laps <= me->interval + 3);
    }
    close(me->fds[1]);
    maru_try(maru_scope_wait(&me->scope));
}
maru_end;

static void speaks_on(uint32_t workers, uint32_t interval, bool spends)
{
    maru_options options;
    maru_runtime *runtime;
    maru_options_init(&options, sizeof options);
    options.flavor = workers == 0 ? MARU_FLAVOR_SINGLE : MARU_FLAVOR_MULTI;
    options.workers = workers;
    options.turn_interval = interval;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    int polls_between = interval == 0 ? (int)TURN_INTERVAL : (int)interval;
    maru_task *task = maru_spawn_on(runtime, speaks, .spends = spends, .interval = polls_between);
    cr_assert_eq(world_join(runtime, task), 0);
    world_free(runtime);
}

/* conformance 4, 5: the driver has its turns by itself; with an interval of one poll it has one
 * before whoever yields runs again. */
Test(async_load, between_two_turns_of_the_driver_are_no_more_polls_than_promised)
{
    static const uint32_t intervals[] = { 0, 1, 10 };
    for (uint32_t workers = 0; workers < 2; workers++)
        for (int i = 0; i < 3; i++)
            for (int spends = 0; spends < 2; spends++)
                speaks_on(workers, intervals[i], spends);
}
