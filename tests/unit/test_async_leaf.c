/* test_async_leaf.c - futures written by hand: leaves that threads complete, wakers that are kept,
 * wrappers, and futures that were ready from the start. */
#include "async_world.h"

#include <pthread.h>
#include <sched.h>

ASYNC_SUITE(async_leaf);

/* ---- a thread that completes what it is given ---- */

struct event {
    maru_leaf leaf;
    struct completer *by;        /* to be given to; NULL once it was */
    struct event *next;
    int64_t value;               /* written before it is completed */
};

struct completer {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct event *given;         /* under mutex */
    bool over;                   /* under mutex */
    int64_t completed;
};

static struct event *take_event(struct completer *completer)
{
    pthread_mutex_lock(&completer->mutex);
    while (!completer->given && !completer->over)
        pthread_cond_wait(&completer->changed, &completer->mutex);
    struct event *event = completer->given;
    if (event)
        completer->given = event->next;
    pthread_mutex_unlock(&completer->mutex);
    return event;
}

static void *complete_all(void *arg)
{
    struct completer *completer = arg;
    struct event *event;
    while ((event = take_event(completer))) {
        if (completer->completed % 3 == 0)
            sched_yield();
        event->value = ++completer->completed;
        maru_leaf_complete(&event->leaf);       /* the event may be gone from here on */
    }
    return NULL;
}

static void completer_begin(struct completer *completer)
{
    *completer = (struct completer){ .mutex = PTHREAD_MUTEX_INITIALIZER,
                                     .changed = PTHREAD_COND_INITIALIZER };
    cr_assert_eq(pthread_create(&completer->thread, NULL, complete_all, completer), 0);
}

static void completer_end(struct completer *completer)
{
    pthread_mutex_lock(&completer->mutex);
    completer->over = true;
    pthread_cond_signal(&completer->changed);
    pthread_mutex_unlock(&completer->mutex);
    pthread_join(completer->thread, NULL);
}

static void give_event(struct event *event)
{
    struct completer *completer = event->by;
    pthread_mutex_lock(&completer->mutex);
    event->next = completer->given;
    completer->given = event;
    pthread_cond_signal(&completer->changed);
    pthread_mutex_unlock(&completer->mutex);
}

/* Asked to end it cannot take itself back, so it stays pending until the thread has come. */
static maru_result event_poll(maru_future *self, maru_context *cx)
{
    struct event *event = (struct event *)(void *)self;
    if (event->by == NULL)
        return maru_leaf_is_complete(&event->leaf) ? event->value : MARU_PENDING;
    if (cx->ending != MARU_GO)
        return -ECANCELED;
    maru_leaf_wait(&event->leaf, cx);
    give_event(event);
    event->by = NULL;
    return MARU_PENDING;
}

static const maru_future_type event_type = { event_poll, "event" };

static maru_future *event_start(struct event *event, struct completer *by)
{
    event->value = 0;
    event->by = by;
    return maru_future_init(&event->leaf.future, &event_type);
}

struct waits {
    maru_frame frame;
    struct completer *by;
    int i, rounds;
    struct event event;
};

maru_async(waits)
{
    maru_result n;
    for (me->i = 0; me->i < me->rounds; me->i++) {
        maru_try(n, event_start(&me->event, me->by));
        WANT(n > 0 && n == me->event.value);
    }
}
maru_end;

struct crowd {
    maru_frame frame;
    struct completer *by;
    int tasks, rounds;
    maru_scope scope;
};

maru_async(crowd)
{
    for (int i = 0; i < me->tasks; i++)
        maru_check(maru_scope_spawn(&me->scope, waits, .by = me->by, .rounds = me->rounds));
    maru_try(maru_scope_wait(&me->scope));
}
maru_end;

Test(async_leaf, a_thread_completes_each_wait_once_and_what_it_wrote_is_seen)
{
    struct completer completer;
    completer_begin(&completer);
    EVERYWHERE(0, crowd, .by = &completer, .tasks = 20, .rounds = 100);
    completer_end(&completer);
    cr_assert_eq(completer.completed, WORLDS_COUNT * 20 * 100);
}

struct selects {
    maru_frame frame;
    struct completer *by, *other;
    int i, rounds;
    struct event a, b;
    maru_timeout limit;
};

maru_async(selects)
{
    maru_result arm;
    for (me->i = 0; me->i < me->rounds; me->i++) {
        maru_select(arm, event_start(&me->a, me->by), event_start(&me->b, me->other));
        WANT(arm == 0 || arm == 1);
        WANT(maru_result_of(&me->a) > 0 && maru_result_of(&me->b) > 0);
        maru_await(arm, maru_within(&me->limit, 1, event_start(&me->a, me->by)));
        WANT(arm > 0 && !maru_timed_out(&me->limit));
    }
}
maru_end;

struct select_crowd {
    maru_frame frame;
    struct completer *by, *other;
    maru_scope scope;
};

maru_async(select_crowd)
{
    for (int i = 0; i < 10; i++)
        maru_check(maru_scope_spawn(&me->scope, selects, .by = me->by, .other = me->other,
                                    .rounds = 50));
    maru_try(maru_scope_wait(&me->scope));
}
maru_end;

Test(async_leaf, two_threads_complete_the_arms_of_selects_and_nothing_ends_before_they_came)
{
    struct completer a, b;
    completer_begin(&a);
    completer_begin(&b);
    EVERYWHERE(0, select_crowd, .by = &a, .other = &b);
    completer_end(&a);
    completer_end(&b);
    cr_assert_eq(a.completed, WORLDS_COUNT * 10 * 50 * 2);
    cr_assert_eq(b.completed, WORLDS_COUNT * 10 * 50);
}

/* ---- completing within the poll ---- */

struct at_once {
    maru_leaf leaf;
};

static maru_result at_once_poll(maru_future *self, maru_context *cx)
{
    struct at_once *at_once = (struct at_once *)(void *)self;
    if (maru_leaf_is_complete(&at_once->leaf))
        return 5;
    maru_leaf_wait(&at_once->leaf, cx);
    maru_leaf_complete(&at_once->leaf);
    return MARU_PENDING;
}

static const maru_future_type at_once_type = { at_once_poll, "at_once" };

struct completes_itself {
    maru_frame frame;
    struct at_once wait;
};

maru_async(completes_itself)
{
    maru_result n;
    maru_await(n, maru_future_init(&me->wait.leaf.future, &at_once_type));
    maru_return(n);
}
maru_end;

Test(async_leaf, a_wait_completed_within_its_own_poll_is_not_lost)
{
    EVERYWHERE(5, completes_itself);
}

/* ---- a waker that is kept ---- */

struct kept {
    maru_future future;
    maru_waker **waker;
    uint32_t *woken;
};

static maru_result kept_poll(maru_future *self, maru_context *cx)
{
    struct kept *kept = (struct kept *)(void *)self;
    if (!*kept->waker) {
        cx->waker->ops_->retain(cx->waker);
        atomic_store_sc(kept->waker, cx->waker);
    }
    return flag_is_up(kept->woken) ? 9 : MARU_PENDING;
}

static const maru_future_type kept_type = { kept_poll, "kept" };

struct keeps {
    maru_frame frame;
    maru_waker **waker;
    uint32_t *woken;
    struct kept wait;
};

maru_async(keeps)
{
    maru_result n;
    me->wait.waker = me->waker;
    me->wait.woken = me->woken;
    maru_await(n, maru_future_init(&me->wait.future, &kept_type));
    maru_return(n);
}
maru_end;

struct waking {
    maru_waker *waker;
    uint32_t woken, ended;
};

static void *wake_often(void *arg)
{
    struct waking *waking = arg;
    maru_waker *waker;
    while (!(waker = atomic_load_sc(&waking->waker)))
        sched_yield();
    for (int i = 0; i < 100; i++)
        waker->ops_->wake(waker);               /* for nothing, which is allowed */
    flag_raise(&waking->woken);
    waker->ops_->wake(waker);
    while (!flag_is_up(&waking->ended))
        sched_yield();
    waker->ops_->wake(waker);                   /* the task has ended: changes nothing */
    waker->ops_->release(waker);
    return NULL;
}

Test(async_leaf, a_waker_may_be_kept_and_used_after_the_tasks_end)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        struct waking waking = { .waker = NULL };
        maru_runtime *runtime = world_new(WORLDS[i]);
        pthread_t thread;
        cr_assert_eq(pthread_create(&thread, NULL, wake_often, &waking), 0);
        maru_result n = maru_block_on(runtime, keeps, .waker = &waking.waker,
                                      .woken = &waking.woken);
        cr_assert_eq(n, 9);
        flag_raise(&waking.ended);
        pthread_join(thread, NULL);
        world_free(runtime);
    }
}

/* ---- the rest of the contract ---- */

struct twice_wrapper {
    maru_future future;
    maru_future *inner;
};

static maru_result twice_poll(maru_future *self, maru_context *cx)
{
    struct twice_wrapper *wrapper = (struct twice_wrapper *)(void *)self;
    maru_result n = maru_future_poll(wrapper->inner, cx);
    if (n == MARU_PENDING)
        return MARU_PENDING;
    WANT(maru_future_poll(wrapper->inner, cx) == n);    /* an ended one tells it again */
    return n < 0 ? n : 2 * n;
}

static const maru_future_type twice_type = { twice_poll, "twice" };

struct contract {
    maru_frame frame;
    maru_future future;
    struct later later;
    struct ready ready;
    struct twice_wrapper twice;
};

maru_async(contract)
{
    maru_result n;
    maru_await(n, maru_future_ready(&me->future, -EXDEV));
    WANT(n == -EXDEV && maru_result_of(&me->future) == -EXDEV);
    maru_await(n, &me->future);                 /* again */
    WANT(n == -EXDEV);
    me->twice.inner = later_start(&me->later, 3, 21);
    WANT(maru_result_of(&me->later) == MARU_PENDING);
    maru_await(n, maru_future_init(&me->twice.future, &twice_type));
    WANT(n == 42 && maru_result_of(&me->later) == 21);
    maru_future *future = ready_start(&me->ready, 1);
    WANT(future == &me->ready.future && me->ready.acquired == 0);
    WANT(maru_future_fresh(future) == future);
}
maru_end;

Test(async_leaf, starting_polling_and_results_are_as_the_contract_says)
{
    EVERYWHERE(0, contract);
}
