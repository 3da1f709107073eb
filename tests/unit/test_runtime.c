/* test_runtime.c - the composition root: options and environment, making and freeing without a
 * trace, who may enter, and what metrics say. */
#include "maru/runtime.h"

#include "maru.h"
#include "runtime/base/atomic.h"
#include "tests/support/last_words.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

TestSuite(runtime, .timeout = 60);

static maru_options options_with(uint32_t workers)
{
    maru_options options;
    maru_options_init(&options, sizeof options);
    options.workers = workers;
    return options;
}

static maru_runtime *new_runtime(uint32_t workers)
{
    maru_options options = options_with(workers);
    maru_runtime *runtime = NULL;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    return runtime;
}

static unsigned entries_of(const char *folder)
{
    unsigned count = 0;
    DIR *directory = opendir(folder);
    cr_assert_not_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* A thread that was joined may be listed for a moment longer. */
static bool are_entries_of(const char *folder, unsigned count)
{
    for (int tries = 0; tries < 100000; tries++) {
        if (entries_of(folder) == count)
            return true;
        sched_yield();
    }
    return false;
}

struct value {
    maru_frame frame;
    maru_pause pause;
    unsigned yields;
    maru_result result;
};

maru_async(value)
{
    while (me->yields-- > 0)
        maru_try(maru_yield(&me->pause));
    maru_return(me->result);
}
maru_end;

/* ---- options ---- */

Test(runtime, options_are_zero_but_for_their_size)
{
    static const maru_options zero;
    maru_options options;
    memset(&options, 0xff, sizeof options);
    maru_options_init(&options, sizeof options);
    cr_assert_eq(options.size, (uint32_t)sizeof options);
    options.size = 0;
    cr_assert_arr_eq(&options, &zero, sizeof options);
}

Test(runtime, options_of_an_older_caller_are_not_written_beyond_their_end)
{
    unsigned char bytes[sizeof(maru_options)];
    memset(bytes, 0xaa, sizeof bytes);
    maru_options_init((maru_options *)(void *)bytes, 12);
    cr_assert_eq(bytes[11], 0u);
    cr_assert_eq(bytes[12], 0xaau);
    maru_options_init(NULL, 12);
    maru_options_init((maru_options *)(void *)bytes, 2);
    cr_assert_eq(bytes[12], 0xaau);
}

static void refuse(maru_options options, int expected)
{
    maru_runtime *runtime = (maru_runtime *)&options;
    cr_assert_eq(maru_runtime_new(&options, &runtime), expected);
    cr_assert_eq((void *)runtime, (void *)&options, "on error nothing has changed");
}

Test(runtime, values_out_of_range_are_refused)
{
    maru_options options = options_with(257);
    refuse(options, -EINVAL);
    options = options_with(UINT32_MAX);
    refuse(options, -EINVAL);
    options = options_with(1);
    options.flavor = 2;
    refuse(options, -EINVAL);
    options = options_with(1);
    options.io = 5;
    refuse(options, -EINVAL);
    options = options_with(1);
    options.pin = 2;
    refuse(options, -EINVAL);
    options = options_with(1);
    options.reserved = 1;
    refuse(options, -EINVAL);
    options = options_with(1);
    options.size = 3;
    refuse(options, -EINVAL);
    options = options_with(2);
    options.flavor = MARU_FLAVOR_SINGLE;
    refuse(options, -EINVAL);
    cr_assert_eq(maru_runtime_new(&options, NULL), -EINVAL);
}

Test(runtime, options_of_a_newer_caller_are_taken_if_what_we_do_not_know_is_zero)
{
    struct {
        maru_options known;
        uint64_t unknown[2];
    } newer = { .known = { .size = sizeof newer, .workers = 1 } };
    maru_runtime *runtime;
    cr_assert_eq(maru_runtime_new(&newer.known, &runtime), 0);
    cr_assert_eq(maru_runtime_free(runtime), 0);
    newer.unknown[1] = 1;
    cr_assert_eq(maru_runtime_new(&newer.known, &runtime), -E2BIG);
}

Test(runtime, options_of_an_older_caller_are_filled_up)
{
    maru_options options = options_with(3);
    options.size = 8;
    options.reserved = 77;       /* beyond what this caller knows */
    maru_runtime *runtime;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    cr_assert_eq(maru_runtime_workers(runtime), 3u);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(runtime, without_options_there_are_defaults)
{
    maru_runtime *runtime;
    cr_assert_eq(maru_runtime_new(NULL, &runtime), 0);
    cr_assert_geq(maru_runtime_workers(runtime), 1u);
    cr_assert_eq(maru_block_on(runtime, value, .result = 4), 4);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(runtime, the_environment_chooses_the_number_of_workers_unless_it_was_said)
{
    maru_runtime *runtime;
    setenv("MARU_WORKERS", "3", 1);
    cr_assert_eq(maru_runtime_new(NULL, &runtime), 0);
    cr_assert_eq(maru_runtime_workers(runtime), 3u);
    cr_assert_eq(maru_runtime_free(runtime), 0);
    runtime = new_runtime(2);
    cr_assert_eq(maru_runtime_workers(runtime), 2u);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(runtime, an_environment_that_is_not_understood_is_refused)
{
    static const char *const counts[] = { "0", "257", "-1", "two", "3 ", "99999999999999999999" };
    maru_runtime *runtime;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        setenv("MARU_WORKERS", counts[i], 1);
        cr_assert_eq(maru_runtime_new(NULL, &runtime), -EINVAL, "MARU_WORKERS=%s", counts[i]);
    }
    unsetenv("MARU_WORKERS");
    setenv("MARU_IO", "carrier-pigeon", 1);
    cr_assert_eq(maru_runtime_new(NULL, &runtime), -EINVAL);
}

Test(runtime, an_empty_environment_means_the_default)
{
    maru_runtime *runtime;
    setenv("MARU_WORKERS", "", 1);
    cr_assert_eq(maru_runtime_new(NULL, &runtime), 0);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(runtime, the_backend_that_was_asked_for_is_the_one_that_runs)
{
    maru_options options = options_with(1);
    maru_runtime *runtime;
    options.io = MARU_IO_EPOLL;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    cr_assert_str_eq(maru_runtime_io(runtime), "epoll");
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

/* ---- making and freeing ---- */

Test(runtime, freeing_nothing_is_fine)
{
    cr_assert_eq(maru_runtime_free(NULL), 0);
}

Test(runtime, no_thread_and_no_descriptor_is_left)
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

Test(runtime, a_single_one_has_no_thread_of_its_own)
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

Test(runtime, descriptors_that_run_out_are_an_error_and_leave_nothing)
{
    struct rlimit limit, tight;
    unsigned fds = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    unsigned refused = 0;
    for (unsigned room = 0; room < 12; room++) {
        maru_options options = options_with(4);
        maru_runtime *runtime = NULL;
        tight = limit;
        tight.rlim_cur = fds - 3 + room; /* . and .. and the folder itself are no descriptors */
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
        int rc = maru_runtime_new(&options, &runtime);
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        cr_assert(rc == 0 || rc == -EMFILE, "%s", maru_err_name(rc));
        refused += rc < 0;
        if (rc == 0)
            cr_assert_eq(maru_runtime_free(runtime), 0);
        cr_assert_eq(entries_of("/proc/self/fd"), fds);
        cr_assert(are_entries_of("/proc/self/task", threads));
    }
    cr_assert_gt(refused, 3u);
}

Test(runtime, two_live_side_by_side)
{
    maru_runtime *one = new_runtime(1), *two = new_runtime(2);
    cr_assert_eq(maru_block_on(one, value, .result = 1), 1);
    cr_assert_eq(maru_block_on(two, value, .result = 2), 2);
    cr_assert_eq(maru_runtime_free(one), 0);
    cr_assert_eq(maru_block_on(two, value, .yields = 50, .result = 3), 3);
    cr_assert_eq(maru_runtime_free(two), 0);
}

Test(runtime, its_threads_take_no_signals_of_the_program)
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

/* ---- entering ---- */

Test(runtime, blocking_on_nothing_is_invalid)
{
    maru_runtime *runtime = new_runtime(1);
    struct value image = { .frame = { .future_ = { .type_ = &value_async.type } } };
    cr_assert_eq(maru_block_on_image(NULL, &image.frame, sizeof image), -EINVAL);
    cr_assert_eq(maru_block_on_image(runtime, NULL, sizeof image), -EINVAL);
    cr_assert_eq(maru_block_on_image(runtime, &image.frame, 4), -EINVAL);
    cr_assert_null(maru_spawn_image_on(NULL, &image.frame, sizeof image));
    cr_assert_null(maru_spawn_image_on(runtime, NULL, sizeof image));
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

struct nosy {
    maru_frame frame;
    maru_runtime *runtime;
    bool *right;
};

maru_async(nosy)
{
    bool right = maru_runtime_current() == me->runtime;
    right = right && maru_block_on(me->runtime, value) == -EDEADLK;
    right = right && maru_runtime_free(me->runtime) == -EDEADLK;
    maru_task *task = maru_spawn_on(me->runtime, value);
    right = right && task;
    maru_detach(task);
    *me->right = right;
}
maru_end;

Test(runtime, inside_a_task_one_can_spawn_but_neither_block_nor_free)
{
    bool right = false;
    maru_runtime *runtime = new_runtime(2);
    cr_assert_null(maru_runtime_current());
    cr_assert_eq(maru_block_on(runtime, nosy, .runtime = runtime, .right = &right), 0);
    cr_assert(right);
    cr_assert_null(maru_runtime_current());
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

static void *use_foreign(void *arg)
{
    maru_runtime *runtime = arg;
    maru_result blocked = maru_block_on(runtime, value);
    int freed = maru_runtime_free(runtime);
    return blocked == -EPERM && freed == -EPERM ? arg : NULL;
}

Test(runtime, a_single_one_belongs_to_its_maker)
{
    maru_options options = options_with(0);
    maru_runtime *runtime;
    pthread_t thread;
    void *result;
    options.flavor = MARU_FLAVOR_SINGLE;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    cr_assert_eq(pthread_create(&thread, NULL, use_foreign, runtime), 0);
    pthread_join(thread, &result);
    cr_assert_eq(result, runtime);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

struct holds {
    maru_frame frame;
    int write_fd;
};

maru_async(holds)
{
    maru_check(write(me->write_fd, "x", 1));
    maru_await_cancel();
}
maru_end;

static uint32_t stop;

struct stays {
    maru_frame frame;
    maru_pause pause;
};

maru_async(stays)
{
    while (!atomic_load_acq(&stop))
        maru_try(maru_yield(&me->pause));
}
maru_end;

static void *block_in(void *runtime)
{
    return maru_block_on(runtime, stays) == 0 ? runtime : NULL;
}

Test(runtime, with_a_guest_inside_it_is_busy)
{
    maru_runtime *runtime = new_runtime(1);
    pthread_t thread;
    void *result;
    cr_assert_eq(pthread_create(&thread, NULL, block_in, runtime), 0);
    maru_metrics metrics = { .size = sizeof metrics };
    do
        cr_assert_eq(maru_metrics_read(runtime, &metrics), 0);
    while (metrics.polls == 0);
    cr_assert_eq(maru_runtime_free(runtime), -EBUSY);
    atomic_store_rel(&stop, 1u);
    pthread_join(thread, &result);
    cr_assert_eq(result, runtime);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(runtime, freeing_ends_tasks_that_would_wait_for_ever)
{
    int fds[2];
    char byte;
    maru_runtime *runtime = new_runtime(2);
    cr_assert_eq(pipe(fds), 0);
    maru_task *held = maru_spawn_on(runtime, holds, .write_fd = fds[1]);
    cr_assert_not_null(held);
    cr_assert_eq(read(fds[0], &byte, 1), 1);
    maru_detach(held);
    cr_assert_eq(maru_runtime_free(runtime), 0);
    close(fds[0]);
    close(fds[1]);
}

/* ---- a whole program ---- */

static void main_with(void *result)
{
    _exit(maru_main(value, .yields = 3, .result = *(maru_result *)result));
}

static int status_of_main(maru_result result)
{
    pid_t pid = fork();
    int status = -1;
    if (pid == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        main_with(&result);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(runtime, a_program_ends_with_zero_or_with_one_and_a_line)
{
    cr_assert_eq(status_of_main(0), 0);
    cr_assert_eq(status_of_main(12345), 0);
    cr_assert_eq(status_of_main(-EIO), 1);
    maru_result error = -ECONNRESET;
    struct last_words words = last_words_of(main_with, &error);
    cr_assert_str_eq(words.text, "value: Connection reset by peer (ECONNRESET)\n");
    error = 0;
    words = last_words_of(main_with, &error);
    cr_assert_str_eq(words.text, "");
}

/* ---- metrics ---- */

Test(runtime, metrics_count_what_was_done)
{
    maru_runtime *runtime = new_runtime(2);
    maru_metrics metrics = { .size = sizeof metrics };
    for (int i = 0; i < 10; i++)
        cr_assert_eq(maru_block_on(runtime, value, .yields = 9), 0);
    cr_assert_eq(maru_metrics_read(runtime, &metrics), 0);
    cr_assert_eq(metrics.size, (uint32_t)sizeof metrics);
    cr_assert_eq(metrics.workers, 2u);
    cr_assert_geq(metrics.polls, 99u);
    cr_assert_leq(metrics.polls, 100u);
    cr_assert_gt(metrics.bytes_allocated, 0u);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(runtime, metrics_of_an_older_caller_are_not_written_beyond_their_end)
{
    maru_runtime *runtime = new_runtime(1);
    maru_metrics metrics;
    memset(&metrics, 0xaa, sizeof metrics);
    metrics.size = offsetof(maru_metrics, polls);
    cr_assert_eq(maru_metrics_read(runtime, &metrics), 0);
    cr_assert_eq(metrics.workers, 1u);
    cr_assert_eq(metrics.polls, UINT64_C(0xaaaaaaaaaaaaaaaa));
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(runtime, metrics_of_nothing_are_invalid)
{
    maru_runtime *runtime = new_runtime(1);
    maru_metrics metrics = { .size = 4 };
    cr_assert_eq(maru_metrics_read(runtime, &metrics), -EINVAL);
    cr_assert_eq(maru_metrics_read(runtime, NULL), -EINVAL);
    metrics.size = sizeof metrics;
    cr_assert_eq(maru_metrics_read(NULL, &metrics), -EINVAL);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}
