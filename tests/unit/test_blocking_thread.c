/* test_blocking_thread.c - what a thread of the pool is like: name, signals, stack, CPUs. */
#include "tests/support/blocking_world.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

TestSuite(blocking_thread, .timeout = 20);

struct likeness {
    char name[16];
    sigset_t blocked;
    size_t stack_bytes;
    cpu_set_t cpus;
    uint32_t done;
};

static maru_result look(void *arg)
{
    struct likeness *likeness = arg;
    pthread_attr_t attr;
    pthread_getname_np(pthread_self(), likeness->name, sizeof likeness->name);
    pthread_sigmask(SIG_BLOCK, NULL, &likeness->blocked);
    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstacksize(&attr, &likeness->stack_bytes);
    pthread_attr_destroy(&attr);
    sched_getaffinity(0, sizeof likeness->cpus, &likeness->cpus);
    atomic_add_sc(&likeness->done, 1u);
    return 0;
}

static struct likeness look_with(const struct blocking_options *options)
{
    static struct likeness likeness;
    struct blocking *pool;
    memset(&likeness, 0, sizeof likeness);
    cr_assert_eq(blocking_new(options, &pool), 0);
    cr_assert_eq(blocking_abandon(pool, look, &likeness, 0), 0);
    EVENTUALLY(atomic_load_sc(&likeness.done));
    blocking_free(pool);
    return likeness;
}

Test(blocking_thread, it_has_a_name_and_takes_no_signals_but_those_it_causes)
{
    const struct blocking_options options = { .threads = 1 };
    struct likeness likeness = look_with(&options);
    cr_assert_str_eq(likeness.name, "maru-blk-0");
    static const int blocked[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE, SIGALRM };
    for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++)
        cr_assert(sigismember(&likeness.blocked, blocked[i]), "%d", blocked[i]);
    static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        cr_assert_not(sigismember(&likeness.blocked, own[i]), "%d", own[i]);
}

Test(blocking_thread, the_signals_of_who_makes_it_stay_as_they_are)
{
    sigset_t before, after;
    const struct blocking_options options = { .threads = 1 };
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    (void)look_with(&options);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (int number = 1; number < SIGRTMAX; number++)
        cr_assert_eq(sigismember(&before, number), sigismember(&after, number), "%d", number);
}

Test(blocking_thread, its_stack_is_as_large_as_asked)
{
    const struct blocking_options options = { .threads = 1, .stack_bytes = 384 * 1024 };
    struct likeness likeness = look_with(&options);
    cr_assert_geq(likeness.stack_bytes, 384u * 1024);
    cr_assert_lt(likeness.stack_bytes, 1024u * 1024);
}

/* A pinned worker must not pin the threads that it starts. */
Test(blocking_thread, it_runs_where_the_pool_says)
{
    struct blocking_options options = { .threads = 1, .has_cpus = true };
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof all, &all);
    memcpy(options.cpus, &all, sizeof all);
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    struct likeness likeness = look_with(&options);
    sched_setaffinity(0, sizeof all, &all);
    cr_assert(CPU_EQUAL(&likeness.cpus, &all));
}
