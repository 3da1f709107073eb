/* test_runtime.c - the composition root: making and freeing without a trace, who may enter, and a
 * whole program. */
#include "maru/runtime.h"

#include "runtime/base/atomic.h"
#include "tests/support/last_words.h"
#include "tests/unit/runtime_world.h"

#include <pthread.h>
#include <stdio.h>

TestSuite(runtime, .timeout = 60);

/* ---- making and freeing ---- */

Test(runtime, freeing_nothing_is_fine)
{
    cr_assert_eq(maru_runtime_free(NULL), 0);
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
