/* test_runtime_threads.c - the threads of workers: how many, which signals they take, and that
 * none is left. */
#include "tests/unit/runtime_world.h"

#include <pthread.h>
#include <signal.h>

TestSuite(runtime_threads, .timeout = 60);

Test(runtime_threads, no_thread_and_no_descriptor_is_left)
{
    maru_runtime *warm = new_runtime(1);
    cr_assert_eq(maru_runtime_free(warm), 0);
    unsigned fds = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
    for (uint32_t workers = 1; workers <= 5; workers++) {
        maru_runtime *runtime = new_runtime(workers);
        cr_assert_eq(entries_of("/proc/self/task"), threads + workers);
        cr_assert_gt(entries_of("/proc/self/fd"), fds);
        cr_assert_eq(maru_block_on(runtime, value, .yields = 100), 0);
        cr_assert_eq(maru_runtime_free(runtime), 0);
        cr_assert_eq(entries_of("/proc/self/fd"), fds, "X5");
        cr_assert(are_entries_of("/proc/self/task", threads), "X5");
    }
}

Test(runtime_threads, a_single_one_has_no_thread_of_its_own)
{
    unsigned threads = entries_of("/proc/self/task");
    maru_options options = options_with(0);
    maru_runtime *runtime;
    options.flavor = MARU_FLAVOR_SINGLE;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    cr_assert_eq(entries_of("/proc/self/task"), threads);
    cr_assert_eq(maru_runtime_workers(runtime), 1u);
    cr_assert_eq(maru_block_on(runtime, value, .yields = 10, .result = 6), 6);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(runtime_threads, its_threads_take_no_signals_of_the_program)
{
    sigset_t before, after;
    sigset_t usr;
    sigemptyset(&usr);
    sigaddset(&usr, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr, &before);
    maru_runtime *runtime = new_runtime(3);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    cr_assert(sigismember(&after, SIGUSR1));
    cr_assert_eq(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM), "ours is as it was");
    kill(getpid(), SIGUSR1);
    cr_assert_eq(maru_block_on(runtime, value, .yields = 100), 0);
    sigset_t pending;
    sigpending(&pending);
    cr_assert(sigismember(&pending, SIGUSR1), "nobody has taken it");
    cr_assert_eq(maru_runtime_free(runtime), 0);
    int signal_number;
    sigwait(&usr, &signal_number);
}

/* ---- what they are like ---- */

struct seen {
    char names[4][16];
    size_t stack_bytes[4];
};

static void look(void *arg, uint32_t thread)
{
    struct seen *seen = arg;
    pthread_attr_t attr;
    void *low;
    (void)pthread_getname_np(pthread_self(), seen->names[thread], sizeof seen->names[thread]);
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        (void)pthread_attr_getstack(&attr, &low, &seen->stack_bytes[thread]);
        (void)pthread_attr_destroy(&attr);
    }
}

static struct seen look_at(const char *name, uint64_t stack_bytes)
{
    struct seen seen = { .stack_bytes = { 0 } };
    maru_hooks hooks = { .size = sizeof hooks, .arg = &seen, .on_thread_start = look };
    maru_options options = options_with(4);
    maru_runtime *runtime;
    options.hooks = &hooks;
    options.name = name;
    options.stack_bytes = stack_bytes;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    cr_assert_eq(maru_runtime_free(runtime), 0);
    return seen;
}

Test(runtime_threads, they_are_named_and_numbered)
{
    struct seen seen = look_at(NULL, 0);
    cr_assert_str_eq(seen.names[0], "maru-w-0");
    cr_assert_str_eq(seen.names[3], "maru-w-3");
    seen = look_at("server", 0);
    cr_assert_str_eq(seen.names[2], "server-w-2");
    seen = look_at("a-name-that-is-far-too-long", 0);
    cr_assert_str_eq(seen.names[1], "a-name-that-w-1");
}

Test(runtime_threads, their_stacks_are_as_large_as_asked_for)
{
    struct seen seen = look_at(NULL, UINT64_C(3) << 20);
    for (int i = 0; i < 4; i++)
        cr_assert(seen.stack_bytes[i] >= 3u << 20 && seen.stack_bytes[i] < 4u << 20, "%zu",
                  seen.stack_bytes[i]);
    maru_options options = options_with(1);
    maru_runtime *runtime;
    options.stack_bytes = (512 << 10) - 1;
    cr_assert_eq(maru_runtime_new(&options, &runtime), -EINVAL);
    options.stack_bytes = 512 << 10;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(runtime_threads, those_that_cannot_be_made_are_an_error_that_leaves_nothing)
{
    unsigned fds = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
    maru_options options = options_with(3);
    maru_runtime *runtime = NULL;
    options.stack_bytes = UINT64_C(1) << 60;    /* no address space is that large */
    int rc = maru_runtime_new(&options, &runtime);
    cr_assert(rc == -EAGAIN || rc == -ENOMEM, "%s", maru_err_name(rc));
    cr_assert_null(runtime);
    cr_assert_eq(entries_of("/proc/self/fd"), fds);
    cr_assert(are_entries_of("/proc/self/task", threads));
}
