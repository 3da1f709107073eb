/* test_resolve.c - looking up names: what is found, what fails and how, what is given up. */
#include "tests/unit/async_world.h"
#include "tests/unit/resolve_world.h"

#include <arpa/inet.h>
#include <netinet/in.h>

ASYNC_SUITE(resolve);

static bool is_address(const maru_addresses *list, size_t index, const char *ip, uint16_t port)
{
    struct sockaddr_storage wanted;
    socklen_t len = 0;
    int wanted_len = maru_address(ip, port, &wanted);
    const struct sockaddr *found = maru_addresses_at(list, index, &len);
    return found && wanted_len == (int)len && memcmp(found, &wanted, len) == 0;
}

/* ---- numbers ---- */

struct numbers {
    maru_frame frame;
    maru_resolver resolver;
    maru_addresses *list;
    uint32_t asked;
};

maru_async(numbers)
{
    maru_result n;
    me->asked = atomic_load_sc(&service.asked);
    maru_try(n, maru_resolve(&me->resolver, "127.0.0.1", "8080", &me->list));
    WANT(n == 1 && maru_addresses_count(me->list) == 1);
    WANT(is_address(me->list, 0, "127.0.0.1", 8080));
    WANT(maru_addresses_at(me->list, 1, NULL) == NULL);
    maru_addresses_free(me->list);
    maru_try(n, maru_resolve(&me->resolver, "::1", "65535", &me->list));
    WANT(n == 1 && is_address(me->list, 0, "::1", 65535));
    maru_addresses_free(me->list);
    maru_try(n, maru_resolve(&me->resolver, "0.0.0.0", NULL, &me->list));
    WANT(n == 1 && is_address(me->list, 0, "0.0.0.0", 0));
    maru_addresses_free(me->list);
    WANT(atomic_load_sc(&service.asked) == me->asked);
    WANT(counts_of(pool_here()).threads == 0);
}
maru_end;

Test(resolve, a_numeric_host_never_touches_the_pool)
{
    EVERYWHERE(0, numbers);
}

Test(resolve, an_empty_list_is_harmless)
{
    socklen_t len = 77;
    maru_addresses_free(NULL);
    cr_assert_eq(maru_addresses_count(NULL), 0);
    cr_assert_null(maru_addresses_at(NULL, 0, &len));
    cr_assert_eq(len, 77);
}

/* ---- names ---- */

struct names {
    maru_frame frame;
    maru_resolver resolver;
    maru_addresses *list;
    char host[32], port[8];
};

maru_async(names)
{
    maru_result n;
    maru_future *lookup;
    snprintf(me->host, sizeof me->host, "localhost");
    snprintf(me->port, sizeof me->port, "80");
    lookup = maru_resolve(&me->resolver, me->host, me->port, &me->list);
    me->host[0] = me->port[0] = '?';            /* they were copied */
    maru_try(n, lookup);
    WANT(n >= 1 && (size_t)n == maru_addresses_count(me->list));
    WANT(is_address(me->list, 0, "127.0.0.1", 80) || is_address(me->list, 0, "::1", 80));
    maru_addresses_free(me->list);
    maru_try(n, maru_resolve(&me->resolver, "127.0.0.2+::1+127.0.0.1.test", "5", &me->list));
    WANT(n == 3 && is_address(me->list, 0, "127.0.0.2", 5));
    WANT(is_address(me->list, 1, "::1", 5) && is_address(me->list, 2, "127.0.0.1", 5));
maru_finally:
    maru_addresses_free(me->list);
}
maru_end;

Test(resolve, names_are_looked_up_in_order)
{
    EVERYWHERE(0, names);
}

/* ---- errors ---- */

struct fails {
    maru_frame frame;
    const char *host, *port;
    maru_resolver resolver;
    maru_addresses *list, *untouched;
};

maru_async(fails)
{
    maru_result n;
    me->list = me->untouched = (maru_addresses *)(void *)me;
    maru_await(n, maru_resolve(&me->resolver, me->host, me->port, &me->list));
    WANT(me->list == me->untouched);
    maru_return(n);
}
maru_end;

Test(resolve, each_failure_has_its_code)
{
    static const struct {
        const char *host;
        int error;
    } rows[] = {
        { "EAI_NONAME.test", -MARU_EHOST },     { "EAI_NODATA.test", -MARU_EHOST },
        { "EAI_ADDRFAMILY.test", -MARU_EHOST }, { "EAI_SERVICE.test", -MARU_ESERVICE },
        { "EAI_AGAIN.test", -MARU_EHOSTLATER }, { "EAI_FAIL.test", -MARU_EHOSTFAIL },
        { "EAI_MEMORY.test", -ENOMEM },         { "EAI_FAMILY.test", -EAFNOSUPPORT },
        { "EAI_OVERFLOW.test", -EOVERFLOW },    { "EAI_SOCKTYPE.test", -ESOCKTNOSUPPORT },
        { "EAI_SYSTEM.test", -ENOENT },         { ".test", -MARU_EHOST },
    };
    maru_runtime *runtime = world_new(2);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        maru_result n = maru_block_on(runtime, fails, .host = rows[i].host, .port = "80");
        cr_assert_eq(n, rows[i].error, "%s: %s", rows[i].host, maru_err_name(n));
    }
    world_free(runtime);
}

Test(resolve, a_port_that_is_none_is_told)
{
    static const char *const ports[] = { "65536", "99999999999", "-1", "+1", " 1", "8x",
                                         "no such service" };
    maru_runtime *runtime = world_new(1);
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        maru_result n = maru_block_on(runtime, fails, .host = "127.0.0.1", .port = ports[i]);
        cr_assert_eq(n, -MARU_ESERVICE, "%s: %s", ports[i], maru_err_name(n));
    }
    world_free(runtime);
}

static char long_name[400];

struct misused {
    maru_frame frame;
    maru_resolver resolver;
    maru_addresses *list;
};

maru_async(misused)
{
    maru_result n;
    maru_await(n, maru_resolve(&me->resolver, NULL, "80", &me->list));
    WANT(n == -EINVAL);
    maru_await(n, maru_resolve(&me->resolver, "127.0.0.1", "80", NULL));
    WANT(n == -EINVAL);
    memset(long_name, 'a', sizeof long_name - 1);
    maru_await(n, maru_resolve(&me->resolver, long_name, "80", &me->list));
    WANT(n == -ENAMETOOLONG);
    maru_await(n, maru_resolve(&me->resolver, "127.0.0.1", long_name, &me->list));
    WANT(n == -ENAMETOOLONG);
    long_name[MARU_HOST_MAX] = '\0';
    memcpy(long_name + MARU_HOST_MAX - 14, "EAI_AGAIN.test", 14);
    maru_await(n, maru_resolve(&me->resolver, long_name, "80", &me->list));
    WANT(n < 0 && n != -ENAMETOOLONG);
    pool_here()->alloc.fail_at = 1;
    maru_await(n, maru_resolve(&me->resolver, "EAI_AGAIN.test", "80", &me->list));
    WANT(n == -ENOMEM);
    WANT(me->list == NULL);
}
maru_end;

Test(resolve, bad_arguments_are_errors)
{
    EVERYWHERE(0, misused);
}

struct threadless {
    maru_frame frame;
    maru_resolver resolver;
    maru_addresses *list;
};

maru_async(threadless)
{
    maru_result n;
    pool_here()->options.stack_bytes = (size_t)1 << 46;
    maru_await(n, maru_resolve(&me->resolver, "EAI_AGAIN.test", "80", &me->list));
    WANT(n == -EAGAIN);
    maru_try(n, maru_resolve(&me->resolver, "127.0.0.1", "80", &me->list));
    WANT(n == 1);
maru_finally:
    maru_addresses_free(me->list);
}
maru_end;

Test(resolve, without_a_thread_only_numbers_are_found)
{
    EVERYWHERE(0, threadless);
}

/* ---- giving up ---- */

struct gives_up {
    maru_frame frame;
    maru_resolver resolver;
    maru_addresses *list;
    maru_timeout limit;
    maru_sleep nap;
};

maru_async(gives_up)
{
    maru_result n;
    maru_await(n, maru_within(&me->limit, 2 * MARU_MSEC,
                              maru_resolve(&me->resolver, "hangs.test", "80", &me->list)));
    WANT(n == -ETIMEDOUT && me->list == NULL);
    gate_open(&service.gate);
    while (!pool_rests(pool_here()))
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    WANT(me->list == NULL);                     /* it was dropped there */
    WANT(counts_of(pool_here()).bytes == sizeof(struct blocking));
}
maru_end;

Test(resolve, a_lookup_that_hangs_is_given_up_at_once)
{
    for (int world = 0; world < WORLDS_COUNT; world++) {
        maru_runtime *runtime = world_new(WORLDS[world]);
        memset(&service.gate, 0, sizeof service.gate);
        maru_result n = maru_block_on(runtime, gives_up);
        cr_assert_eq(n, 0);
        world_free(runtime);
    }
}

/* Loses when the lookup has been answered already, but the task has not seen it yet. */
struct too_late {
    maru_future future;
    maru_resolver *resolver;
    enum maru_ending ending;
};

static maru_result too_late_poll(maru_future *self, maru_context *cx)
{
    struct too_late *late = (struct too_late *)(void *)self;
    maru_context ends = { cx->waker, cx->frame, late->ending };
    maru_result n = maru_future_poll(&late->resolver->future_, cx);
    WANT(n == MARU_PENDING);
    EVENTUALLY(maru_leaf_is_complete(&late->resolver->job_.leaf_));
    return maru_future_poll(&late->resolver->future_, &ends);
}

static const maru_future_type too_late_type = { too_late_poll, "too late" };

static maru_future *too_late_start(struct too_late *late, maru_resolver *resolver,
                                   enum maru_ending ending, maru_addresses **list)
{
    late->resolver = resolver;
    late->ending = ending;
    maru_future *lookup = maru_resolve(resolver, "localhost", "80", list);
    WANT(lookup == &resolver->future_);
    return maru_future_init(&late->future, &too_late_type);
}

struct answers_late {
    maru_frame frame;
    struct too_late late;
    maru_resolver resolver;
    maru_addresses *list;
};

maru_async(answers_late)
{
    maru_result n;
    maru_await(n, too_late_start(&me->late, &me->resolver, MARU_LOSE, &me->list));
    WANT(n == -ECANCELED && me->list == NULL);
    maru_await(n, too_late_start(&me->late, &me->resolver, MARU_CANCEL, &me->list));
    WANT(n == -ECANCELED && me->list == NULL);
    maru_await(n, too_late_start(&me->late, &me->resolver, MARU_GO, &me->list));
    WANT(n >= 1 && me->list != NULL);
maru_finally:
    maru_addresses_free(me->list);
}
maru_end;

Test(resolve, an_answer_that_comes_too_late_is_given_back)
{
    EVERYWHERE(0, answers_late);
}
