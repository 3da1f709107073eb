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
