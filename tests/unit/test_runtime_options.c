/* test_runtime_options.c - sizes of options, defaults, the environment, and what is refused. */
#include "tests/unit/runtime_world.h"

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
