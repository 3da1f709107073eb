/* test_runtime_options.c - sizes of options, defaults, the environment, and what is refused. */
#include "runtime/base/atomic.h"
#include "tests/unit/runtime_world.h"
#include "tests/unit/seccomp.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

TestSuite(runtime_options, .timeout = 60);

Test(runtime_options, options_are_zero_but_for_their_size)
{
    static const maru_options zero;
    maru_options options;
    memset(&options, 0xff, sizeof options);
    maru_options_init(&options, sizeof options);
    cr_assert_eq(options.size, (uint32_t)sizeof options);
    options.size = 0;
    cr_assert_arr_eq(&options, &zero, sizeof options);
}

Test(runtime_options, options_of_an_older_caller_are_not_written_beyond_their_end)
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

Test(runtime_options, values_out_of_range_are_refused)
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
    options.clock = 2;
    refuse(options, -EINVAL);
    options = options_with(1);
    options.clock = MARU_CLOCK_VIRTUAL;
    refuse(options, -EINVAL);
    options = options_with(1);
    options.turn_interval = 4097;
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

Test(runtime_options, options_of_a_newer_caller_are_taken_if_what_we_do_not_know_is_zero)
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

Test(runtime_options, options_of_an_older_caller_are_filled_up)
{
    maru_options options = options_with(3);
    options.size = 8;
    options.clock = 77;          /* beyond what this caller knows */
    maru_runtime *runtime;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    cr_assert_eq(maru_runtime_workers(runtime), 3u);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(runtime_options, without_options_there_are_defaults)
{
    maru_runtime *runtime;
    cr_assert_eq(maru_runtime_new(NULL, &runtime), 0);
    cr_assert_geq(maru_runtime_workers(runtime), 1u);
    cr_assert_eq(maru_block_on(runtime, value, .result = 4), 4);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(runtime_options, the_environment_chooses_the_number_of_workers_unless_it_was_said)
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

Test(runtime_options, an_environment_that_is_not_understood_is_refused)
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

Test(runtime_options, an_empty_environment_means_the_default)
{
    maru_runtime *runtime;
    setenv("MARU_WORKERS", "", 1);
    cr_assert_eq(maru_runtime_new(NULL, &runtime), 0);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(runtime_options, the_backend_that_was_asked_for_is_the_one_that_runs)
{
    maru_options options = options_with(1);
    maru_runtime *runtime;
    options.io = MARU_IO_EPOLL;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    cr_assert_str_eq(maru_runtime_io(runtime), "epoll");
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

/* ---- memory ---- */

struct counted {
    uint64_t out, gets;
    uint64_t fail_at;            /* this request fails; 0: none */
};

static void *counted_get(void *arg, size_t size, size_t align)
{
    struct counted *counted = arg;
    if (atomic_add_ar(&counted->gets, 1u) + 1 == counted->fail_at)
        return NULL;
    atomic_add_ar(&counted->out, size);
    return aligned_alloc(align, (size + align - 1) & ~(align - 1));
}

static void counted_put(void *arg, void *block, size_t size, size_t align)
{
    struct counted *counted = arg;
    (void)align;
    atomic_sub_ar(&counted->out, size);
    free(block);
}

static int new_counted(struct counted *counted, maru_runtime **ret_runtime)
{
    const maru_allocator allocator = { counted_get, counted_put, counted };
    maru_options options = options_with(2);
    options.allocator = &allocator;             /* it is copied */
    return maru_runtime_new(&options, ret_runtime);
}

Test(runtime_options, all_memory_comes_from_the_allocator_and_goes_back_to_it)
{
    struct counted counted = { .out = 0 };
    maru_metrics metrics = { .size = sizeof metrics };
    maru_runtime *runtime;
    cr_assert_eq(new_counted(&counted, &runtime), 0);
    cr_assert_eq(maru_block_on(runtime, value, .yields = 100), 0);
    cr_assert_eq(maru_metrics_read(runtime, &metrics), 0);
    cr_assert_eq(metrics.bytes_allocated, counted.out);
    cr_assert_eq(maru_runtime_free(runtime), 0);
    cr_assert_eq(counted.out, 0u);
}

Test(runtime_options, an_allocator_may_fail_at_any_time)
{
    struct counted counted = { .out = 0 };
    maru_runtime *runtime;
    unsigned refused = 0;
    for (uint64_t nth = 1;; nth++) {
        counted = (struct counted){ .fail_at = nth };
        int rc = new_counted(&counted, &runtime);
        cr_assert(rc == 0 || rc == -ENOMEM, "%s", maru_err_name(rc));
        refused += rc < 0;
        bool failed = counted.gets >= nth;
        if (rc == 0) {
            maru_result result = maru_block_on(runtime, value, .yields = 3);
            cr_assert(result == 0 || (result == -ENOMEM && counted.gets >= nth));
            cr_assert_eq(maru_runtime_free(runtime), 0);
        }
        cr_assert_eq(counted.out, 0u);
        if (rc == 0 && !failed && counted.gets < nth)
            break;
    }
    cr_assert_gt(refused, 3u);
}

Test(runtime_options, half_an_allocator_is_refused)
{
    const maru_allocator no_put = { counted_get, NULL, NULL }, no_get = { NULL, counted_put, NULL };
    maru_options options = options_with(1);
    options.allocator = &no_put;
    refuse(options, -EINVAL);
    options.allocator = &no_get;
    refuse(options, -EINVAL);
}

/* ---- telling ---- */

static void hear(void *arg, int level, const char *text)
{
    (void)level;
    (void)snprintf(arg, 256, "%s", text);
}

static void hear_backend(char *said)
{
    maru_options options = options_with(1);
    maru_runtime *runtime;
    options.log = hear;
    options.log_arg = said;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    cr_assert(strstr(said, maru_runtime_io(runtime)), "%s", said);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(runtime_options, the_log_tells_which_backend_was_chosen)
{
    char said[256] = "";
    hear_backend(said);
    cr_assert(strncmp(said, "I/O backend: ", 13) == 0, "%s", said);
}

Test(runtime_options, the_log_tells_why_it_is_epoll)
{
    char said[256] = "";
    if (!refuse_call(__NR_io_uring_setup, -1, EPERM))
        cr_skip_test("this machine allows no filters");
    unsetenv("MARU_IO");
    hear_backend(said);
    cr_assert_str_eq(said, "I/O backend: epoll, for a ring is refused: Operation not permitted");
}

/* ---- turns ---- */

struct chain {
    maru_frame frame;
    uint64_t *runs;
    uint64_t left;
};

maru_async(chain)
{
    atomic_add_ar(me->runs, UINT64_C(1));
    if (me->left > 0)
        maru_detach(maru_spawn(chain, .runs = me->runs, .left = me->left - 1));
}
maru_end;

/* conformance 4 */
Test(runtime_options, an_interval_of_one_poll_between_turns_works_and_zero_is_the_default)
{
    static const uint32_t intervals[] = { 0, 1, 2, 4096 };
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        maru_options options = options_with(2);
        maru_runtime *runtime;
        uint64_t runs = 0;
        options.turn_interval = intervals[i];
        cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
        for (int k = 0; k < 10; k++)
            maru_detach(maru_spawn_on(runtime, chain, .runs = &runs, .left = 99));
        cr_assert_eq(maru_block_on(runtime, value, .yields = 100), 0);
        while (atomic_load_acq(&runs) < 1000)
            sched_yield();
        cr_assert_eq(maru_runtime_free(runtime), 0);
    }
}
