/* test_bad_runtime.c - bad arguments of runtimes, foreign loops, dumps, metrics and errors; and
 * calls from the wrong thread. */
#include "tests/unit/bad_world.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>

struct value {
    maru_frame frame;
    maru_result value;
};

maru_async(value)
{
    maru_return(me->value);
}
maru_end;

static const struct value good = { .frame = { .future_ = { .type_ = &value_async.type } } };

/* ---- options ---- */

static maru_options options(void)
{
    maru_options options;
    maru_options_init(&options, sizeof options);
    return options;
}

/* Each with one field that is out of range. */
static const maru_allocator NO_GET = { .put = NULL };
static const maru_options WRONG[] = {
    { .workers = 257 },
    { .workers = UINT32_MAX },
    { .flavor = MARU_FLAVOR_SINGLE + 1 },
    { .flavor = UINT32_MAX },
    { .io = MARU_IO_EPOLL + 1 },
    { .io = UINT32_MAX },
    { .pin = 2 },
    { .clock = MARU_CLOCK_VIRTUAL },
    { .flavor = MARU_FLAVOR_SINGLE, .clock = MARU_CLOCK_VIRTUAL + 1 },
    { .flavor = MARU_FLAVOR_SINGLE, .workers = 2 },
    { .turn_interval = 4097 },
    { .turn_interval = UINT32_MAX },
    { .stack_bytes = 1 },
    { .stack_bytes = 512 * 1024 - 1 },
    { .allocator = &NO_GET },
    { .blocking_threads = 16385 },
    { .blocking_threads = UINT32_MAX },
};

static void news(struct bad *bad)
{
    struct {
        maru_options known;
        uint64_t newer;
    } larger = { .newer = 1 };
    struct {
        maru_hooks known;
        uint64_t newer;
    } hooks = { .known = { .size = sizeof hooks }, .newer = 1 };
    maru_runtime *const none = (maru_runtime *)&larger, *runtime = none;
    /* In a task nothing of it is looked at. */
    const int wrong = bad->inside ? -EDEADLK : -EINVAL, more = bad->inside ? -EDEADLK : -E2BIG;
    maru_options user = options();
    BAD(-EINVAL, maru_runtime_new(NULL, NULL));
    BAD(-EINVAL, maru_runtime_new(&user, NULL));
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        user = WRONG[i];
        user.size = sizeof user;
        BAD(wrong, maru_runtime_new(&user, &runtime));
    }
    user = options();
    for (user.size = 0; user.size < sizeof user.size; user.size++)
        BAD(wrong, maru_runtime_new(&user, &runtime));
    user = options();
    larger.known.size = sizeof larger;
    BAD(more, maru_runtime_new(&larger.known, &runtime));
    user.hooks = &hooks.known;
    BAD(more, maru_runtime_new(&user, &runtime));
    hooks.known.size = 3;
    BAD(wrong, maru_runtime_new(&user, &runtime));
    BAD(-MARU_EABI, maru_runtime_new_abi(MARU_ABI + 1, NULL, &runtime));
    BAD(-MARU_EABI, maru_runtime_new_abi(0, NULL, NULL));
    BAD(-EINVAL, maru_runtime_new_abi(MARU_ABI, NULL, NULL));
    BAD(true, runtime == none);
    user = options();
    NOTHING(maru_options_init(NULL, sizeof user));
    NOTHING(maru_options_init(&user, 0));
    NOTHING(maru_options_init(&user, 3));
    BAD(sizeof user, user.size);
    BAD(true, maru_abi() == MARU_ABI);
    BAD(MARU_VERSION, maru_version_number());
    BAD(0, strcmp(maru_version(), "0.1.0"));
}

Test(bad_runtime, no_runtime_is_made_from_nonsense, .timeout = 30)
{
    bad_calls(news);
}

/* ---- asking, ending, entering ---- */

static int put_off(void *arg, const char *text, size_t len)
{
    (void)text, (void)len;
    return *(int *)arg;
}

static void calls_of(struct bad *bad)
{
    maru_metrics metrics = { .size = sizeof metrics, .polls = 77 };
    maru_worker_metrics worker = { .size = sizeof worker, .polls = 77 };
    int error = -EXFULL;
    BAD(0, maru_runtime_free(NULL));
    BAD(-EINVAL, maru_runtime_shutdown(NULL, 0, -1));
    if (bad->inside) {
        BAD(-EDEADLK, maru_runtime_free(bad->runtime));
        BAD(-EDEADLK, maru_runtime_shutdown(bad->runtime, 0, -1));
        BAD(-EDEADLK, maru_runtime_shutdown(bad->runtime, INT64_MIN, INT_MAX));
        BAD(true, maru_runtime_current() == bad->runtime);
    } else {
        NONE(maru_runtime_current());
    }
    BAD(0, maru_runtime_workers(NULL));
    BAD(0, strcmp(maru_runtime_io(NULL), ""));
    BAD(-EINVAL, maru_metrics_read(NULL, &metrics));
    BAD(-EINVAL, maru_metrics_read(bad->runtime, NULL));
    metrics.size = 0;
    BAD(-EINVAL, maru_metrics_read(bad->runtime, &metrics));
    metrics.size = 7;
    BAD(-EINVAL, maru_metrics_read(bad->runtime, &metrics));
    BAD(77, metrics.polls);
    BAD(-EINVAL, maru_metrics_worker(NULL, 0, &worker));
    BAD(-EINVAL, maru_metrics_worker(bad->runtime, 0, NULL));
    BAD(-EINVAL, maru_metrics_worker(bad->runtime, 2, &worker));
    BAD(-EINVAL, maru_metrics_worker(bad->runtime, UINT32_MAX, &worker));
    worker.size = 7;
    BAD(-EINVAL, maru_metrics_worker(bad->runtime, 0, &worker));
    BAD(77, worker.polls);
    BAD(-EINVAL, maru_dump(NULL, 1));
    BAD(-EBADF, maru_dump(bad->runtime, -1));
    BAD(-EBADF, maru_dump(bad->runtime, INT_MIN));
    BAD(-EBADF, maru_dump(bad->runtime, FD_CLOSED));
    BAD(-EBADF, maru_dump(bad->runtime, FD_BEYOND));
    BAD(-EBADF, maru_dump(bad->runtime, bad->file));
    BAD(-EINVAL, maru_dump_each(NULL, put_off, &error));
    BAD(-EINVAL, maru_dump_each(bad->runtime, NULL, NULL));
    BAD(-EXFULL, maru_dump_each(bad->runtime, put_off, &error));
    BAD(-EINVAL, maru_dump_on_signal(NULL, SIGUSR1, 1));
    BAD(-EINVAL, maru_dump_on_signal(NULL, 0, -1));
    BAD(-EINVAL, maru_dump_on_signal(bad->runtime, -1, 1));
    BAD(-EINVAL, maru_dump_on_signal(bad->runtime, INT_MAX, 1));
    BAD(-EINVAL, maru_dump_on_signal(bad->runtime, NSIG, 1));
    BAD(-EINVAL, maru_dump_on_signal(bad->runtime, SIGSEGV, 1));
    BAD(-EINVAL, maru_dump_on_signal(bad->runtime, SIGKILL, 1));
    BAD(-EBADF, maru_dump_on_signal(bad->runtime, SIGUSR1, -1));
    BAD(-EBADF, maru_dump_on_signal(bad->runtime, SIGUSR1, FD_CLOSED));
    BAD(0, maru_dump_on_signal(bad->runtime, 0, -1));
}

Test(bad_runtime, calls_on_no_runtime_or_with_nonsense_are_refused, .timeout = 30)
{
    bad_calls(calls_of);
}

/* ---- foreign loops ---- */

static void hosts(struct bad *bad)
{
    bool is_single = strstr(bad->place, "SINGLE") != NULL;
    BAD(-EINVAL, maru_backend_fd(NULL));
    BAD(-EINVAL, maru_next_deadline(NULL));
    BAD(-EINVAL, maru_turn(NULL, 0));
    if (is_single) {
        BAD(-EDEADLK, maru_turn(bad->runtime, 0));
        BAD(-EDEADLK, maru_turn(bad->runtime, UINT32_MAX));
        return;
    }
    BAD(-EINVAL, maru_backend_fd(bad->runtime));
    BAD(-EINVAL, maru_next_deadline(bad->runtime));
    BAD(-EINVAL, maru_turn(bad->runtime, 0));
}

Test(bad_runtime, only_single_runtimes_have_a_host, .timeout = 30)
{
    bad_calls(hosts);
}

/* ---- a thread that is not the runtime's ---- */

static void *from_elsewhere(void *arg)
{
    struct bad *bad = arg;
    for (int round = 0; round < 2; round++) {
        bad->looks = round == 1;
        BAD(-EPERM, maru_block_on_image(bad->runtime, &good.frame, sizeof good));
        BAD(-EPERM, maru_block_on(bad->runtime, value, .value = 1));
        BAD(-EPERM, maru_runtime_free(bad->runtime));
        BAD(-EPERM, maru_runtime_shutdown(bad->runtime, 0, -1));
        BAD(-EPERM, maru_backend_fd(bad->runtime));
        BAD(-EPERM, maru_next_deadline(bad->runtime));
        BAD(-EPERM, maru_turn(bad->runtime, 0));
    }
    return NULL;
}

Test(bad_runtime, a_single_runtime_is_its_own_threads, .timeout = 30)
{
    struct bad bad = { .place = "another thread", .runtime = bad_runtime(0) };
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, from_elsewhere, &bad), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(bad.wrong, 0);
    cr_assert_eq(maru_block_on(bad.runtime, value, .value = 9), 9);
    cr_assert_eq(maru_runtime_free(bad.runtime), 0);
}

/* ---- whole programs ---- */

static void mains(void *unused)
{
    static const struct value zeroed = { .value = 1 };
    (void)unused;
    int wrong = maru_main_image(NULL, 0) != 1;
    wrong += maru_main_image(NULL, sizeof good) != 1;
    wrong += maru_main_image(&zeroed.frame, sizeof zeroed) != 1;
    wrong += maru_main_image(&good.frame, sizeof(maru_frame) - 1) != 1;
    wrong += maru_main_image(&good.frame, SIZE_MAX) != 1;
    wrong += maru_main_image_abi(0, &good.frame, sizeof good) != 1;
    wrong += maru_main_image(&good.frame, sizeof good) != 0;
    if (wrong > 0)
        abort();
}

Test(bad_runtime, a_program_of_nothing_ends_with_one_and_says_why, .timeout = 30)
{
    struct last_words words = last_words_of(mains, NULL);
    int lines = 0;
    for (const char *at = words.text; (at = strchr(at, '\n')); at++)
        lines++;
    cr_assert_eq(words.signal, 0, "%s", words.text);
    cr_assert_eq(lines, 6, "%s", words.text);
    cr_assert(last_words_have(&words, "EINVAL"), "%s", words.text);
    cr_assert(last_words_have(&words, "MARU_EABI"), "%s", words.text);
}

struct in_task {
    maru_frame frame;
    struct bad *bad;
};

maru_async(in_task)
{
    struct bad *bad = me->bad;
    BAD(1, maru_main_image(&good.frame, sizeof good));
    BAD(1, maru_main_image(NULL, 0));
}
maru_end;

Test(bad_runtime, a_task_is_no_place_for_a_program, .timeout = 30)
{
    BAD_TASKS(in_task);
}

/* ---- errors ---- */

static void errors(struct bad *bad)
{
    static const int unknown[] = { INT_MIN, -1000000, -4000, -5000 };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        BAD(0, strcmp(maru_err_name(unknown[i]), "unknown"));
        BAD(0, strcmp(maru_err_text(unknown[i]), "unknown error"));
    }
    BAD(0, maru_size_of(NULL));
    BAD(0, maru_size_of(""));
    BAD(0, maru_size_of("maru_"));
    BAD(0, maru_size_of("maru_sleep "));
    BAD(0, strcmp(maru_err_name(INT_MAX), "0"));
    BAD(0, strcmp(maru_err_text(INT_MAX), "no error"));
}

Test(bad_runtime, numbers_and_names_that_say_nothing_are_answered, .timeout = 30)
{
    bad_calls(errors);
}
