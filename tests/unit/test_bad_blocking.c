/* test_bad_blocking.c - bad arguments of blocking functions and of names of hosts. */
#include "tests/unit/bad_world.h"

#include <limits.h>
#include <sys/wait.h>

static maru_result two(void *arg)
{
    (void)arg;
    return 2;
}

static maru_result pending(void *arg)
{
    (void)arg;
    return MARU_PENDING;
}

static void keep(maru_waker *waker)
{
    (void)waker;
}

static maru_result poll_of(maru_future *future)
{
    static const maru_waker_ops ops = { keep, keep, keep };
    maru_waker waker = { &ops };
    maru_context cx = { &waker, NULL, MARU_GO };
    return maru_future_poll(future, &cx);
}

/* ---- blocking functions ---- */

static void jobs(struct bad *bad)
{
    char byte = 0;
    NONE(maru_blocking(NULL, two, NULL));
    NONE(maru_blocking(NULL, NULL, NULL));
    NONE(maru_blocking_try(NULL, two, NULL));
    NONE(maru_blocking_copy(NULL, two, NULL, &byte, 1));
    NONE(maru_blocking_copy(NULL, NULL, NULL, NULL, SIZE_MAX));
    BAD(-EINVAL, maru_blocking_abandon(bad->runtime, NULL, NULL, 0));
    BAD(-EINVAL, maru_blocking_abandon(bad->runtime, NULL, &byte, 1));
    BAD(-EINVAL, maru_blocking_abandon(bad->runtime, two, NULL, 1));
    BAD(-EINVAL, maru_blocking_abandon(bad->runtime, two, NULL, SIZE_MAX));
    BAD(-ENOMEM, maru_blocking_abandon(bad->runtime, two, &byte, SIZE_MAX));
    BAD(-ENOMEM, maru_blocking_abandon(bad->runtime, two, &byte, PTRDIFF_MAX));
    BAD(-EINVAL, maru_blocking_abandon(NULL, NULL, NULL, 0));
    if (!bad->inside)
        BAD(-EINVAL, maru_blocking_abandon(NULL, two, NULL, 0));
}

struct awaited_jobs {
    maru_frame frame;
    struct bad *bad;
    maru_result got;
    maru_blocking_job job;
    char byte;
};

maru_async(awaited_jobs)
{
    AWAITED(-EINVAL, maru_blocking(&me->job, NULL, NULL));
    AWAITED(-EINVAL, maru_blocking_try(&me->job, NULL, &me->byte));
    AWAITED(-EINVAL, maru_blocking_copy(&me->job, NULL, NULL, &me->byte, 1));
    AWAITED(-EINVAL, maru_blocking_copy(&me->job, two, NULL, NULL, 1));
    AWAITED(-EINVAL, maru_blocking_copy(&me->job, two, NULL, NULL, SIZE_MAX));
    AWAITED(-ENOMEM, maru_blocking_copy(&me->job, two, NULL, &me->byte, SIZE_MAX));
    AWAITED(-ENOMEM, maru_blocking_copy(&me->job, two, NULL, &me->byte, PTRDIFF_MAX));
    AWAITED(-EINVAL, maru_blocking(&me->job, pending, NULL));
    AWAITED(2, maru_blocking(&me->job, two, NULL));
}
maru_end;

Test(bad_blocking, what_is_no_function_does_not_run, .timeout = 30)
{
    bad_calls(jobs);
    BAD_TASKS(awaited_jobs);
}

Test(bad_blocking, polled_outside_of_tasks_jobs_say_so, .timeout = 30)
{
    struct bad here = { .place = "outside", .looks = true }, *bad = &here;
    maru_blocking_job job = { .fn_ = NULL };
    maru_resolver resolver = { .is_looking_ = false };
    maru_addresses *found = NULL;
    char byte = 0;
    BAD(-EPERM, poll_of(maru_blocking(&job, two, NULL)));
    BAD(-EPERM, poll_of(maru_blocking_try(&job, two, NULL)));
    BAD(-EPERM, poll_of(maru_blocking_copy(&job, two, NULL, &byte, 1)));
    BAD(-EPERM, poll_of(maru_resolve(&resolver, "a-name", "1", &found)));
    cr_assert_null(found);
    cr_assert_eq(bad->wrong, 0);
}

static void in_the_child(void *runtime)
{
    if (maru_blocking_abandon(runtime, two, NULL, 0) != -EOWNERDEAD)
        abort();
}

Test(bad_blocking, the_pool_of_a_dead_runtime_takes_nothing, .timeout = 30)
{
    maru_runtime *runtime = bad_runtime(1);
    struct last_words words = last_words_of(in_the_child, runtime);
    cr_assert_eq(words.signal, 0);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

/* ---- names ---- */

static void lists(struct bad *bad)
{
    socklen_t len = 77;
    maru_addresses *found = NULL;
    BAD(0, maru_addresses_count(NULL));
    NONE(maru_addresses_at(NULL, 0, &len));
    NONE(maru_addresses_at(NULL, SIZE_MAX, NULL));
    BAD(77, len);
    NOTHING(maru_addresses_free(NULL));
    NONE(maru_resolve(NULL, "127.0.0.1", "1", &found));
    NONE(maru_resolve(NULL, NULL, NULL, NULL));
    NONE(maru_dial(NULL, "127.0.0.1", "1"));
    NONE(maru_listen_host(NULL, "127.0.0.1", "0", 1));
}

struct names {
    maru_frame frame;
    struct bad *bad;
    maru_result got;
    maru_addresses *found;
    maru_resolver resolver;
    maru_dialer dialer;
    maru_binder binder;
    char host[MARU_HOST_MAX + 2], port[MARU_PORT_MAX + 2];
    socklen_t len;
};

maru_async(names)
{
    memset(me->host, 'a', sizeof me->host - 1);
    memset(me->port, '1', sizeof me->port - 1);
    AWAITED(-EINVAL, maru_resolve(&me->resolver, NULL, "1", &me->found));
    AWAITED(-EINVAL, maru_resolve(&me->resolver, "127.0.0.1", "1", NULL));
    AWAITED(-ENAMETOOLONG, maru_resolve(&me->resolver, me->host, "1", &me->found));
    AWAITED(-ENAMETOOLONG, maru_resolve(&me->resolver, "127.0.0.1", me->port, &me->found));
    AWAITED(-MARU_ESERVICE, maru_resolve(&me->resolver, "127.0.0.1", "65536", &me->found));
    AWAITED(-MARU_ESERVICE, maru_resolve(&me->resolver, "127.0.0.1", "-1", &me->found));
    AWAITED(-EINVAL, maru_dial(&me->dialer, NULL, "1"));
    AWAITED(-EINVAL, maru_dial(&me->dialer, "127.0.0.1", NULL));
    AWAITED(-EINVAL, maru_dial(&me->dialer, NULL, NULL));
    AWAITED(-ENAMETOOLONG, maru_dial(&me->dialer, me->host, "1"));
    AWAITED(-MARU_ESERVICE, maru_dial(&me->dialer, "127.0.0.1", "99999999999999999999"));
    AWAITED(-EINVAL, maru_listen_host(&me->binder, NULL, "0", 1));
    AWAITED(-EINVAL, maru_listen_host(&me->binder, "127.0.0.1", "0", -1));
    AWAITED(-ENAMETOOLONG, maru_listen_host(&me->binder, "127.0.0.1", me->port, 1));
    AWAITED(-EADDRNOTAVAIL, maru_listen_host(&me->binder, "192.0.2.1", "0", 1));
    struct bad *bad = me->bad;
    BAD(true, me->found == NULL);
    maru_try(maru_resolve(&me->resolver, "127.0.0.1", NULL, &me->found));
    me->len = 77;
    bad = me->bad;
    BAD(1, maru_addresses_count(me->found));
    NONE(maru_addresses_at(me->found, 1, &me->len));
    NONE(maru_addresses_at(me->found, SIZE_MAX, &me->len));
    BAD(77, me->len);
    BAD(true, maru_addresses_at(me->found, 0, NULL) != NULL);
    maru_addresses_free(me->found);
    me->found = NULL;
}
maru_end;

Test(bad_blocking, what_is_no_name_is_not_looked_up, .timeout = 30)
{
    bad_calls(lists);
    BAD_TASKS(names);
}
