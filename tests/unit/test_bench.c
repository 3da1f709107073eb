/*
 * test_bench.c - the bench harness, with samples whose figures are known: no clock decides here.
 */
#include "../../bench/bench.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the samples of one row did, in order. */
static char     trace[4096];
static uint64_t rounds_asked;

static void trace_add(char what)
{
    size_t len = strlen(trace);
    cr_assert_lt(len + 1, sizeof(trace));
    trace[len] = what;
}

static int setup_traced(const struct bench_row *row, const struct bench_impl *impl,
                        void **ret_state)
{
    (void)row;
    trace_add('(');
    *ret_state = (void *)(uintptr_t)impl->argument;
    return 0;
}

static int setup_failing(const struct bench_row *row, const struct bench_impl *impl,
                         void **ret_state)
{
    (void)row;
    (void)impl;
    (void)ret_state;
    return -ENOSPC;
}

/* The state is the implementation's argument: a letter. 'A' takes 200 a round, all others 100. */
static int64_t sample_traced(void *state, uint64_t rounds)
{
    const char *letter = state;
    trace_add(*letter);
    rounds_asked = rounds;
    return (int64_t)(rounds * (*letter == 'A' ? 200 : 100));
}

static void teardown_traced(void *state)
{
    (void)state;
    trace_add(')');
}

static int64_t sample_failing(void *state, uint64_t rounds)
{
    (void)state;
    bench_fail("%d messages of %d came back", (int)rounds, 9);
}

static int64_t sample_negative(void *state, uint64_t rounds)
{
    (void)state;
    (void)rounds;
    return -EIO;
}

static int64_t sample_clock(void *state, uint64_t rounds)
{
    (void)state;
    int64_t start_ns = stopwatch_ns();
    for (uint64_t round = 0; round < rounds; round++)
        bench_keep(round);
    return stopwatch_ns() - start_ns;
}

#define TRACED(letter)                                                                  \
    .name = letter, .argument = letter, .setup = setup_traced, .sample = sample_traced, \
    .teardown = teardown_traced

static const struct bench_impl two_impls[] = { { TRACED("A") }, { TRACED("B"), .is_limit = true } };

static const struct bench_row two_row = {
    .name = "two", .unit = "ns", .rounds = 3, .impls = two_impls, .impl_count = 2
};

static const struct bench_options seven = { .samples = 7 };

static int run_main(const struct bench_row *row, int argc, char **argv)
{
    const struct bench_suite suite = {
        .name = "suite", .question = "Does it work?", .rows = row, .row_count = 1
    };
    return bench_main(&suite, argc, argv);
}

Test(bench, a_spread_interpolates_between_ranks)
{
    double              values[] = { 5, 1, 4, 2, 3 };
    struct bench_spread spread = bench_spread_of(values, 5);
    cr_assert_float_eq(spread.median, 3, 1e-9);
    cr_assert_float_eq(spread.p5, 1.2, 1e-9);
    cr_assert_float_eq(spread.p95, 4.8, 1e-9);
}

Test(bench, a_spread_of_one_value_is_that_value)
{
    double              value = 42;
    struct bench_spread spread = bench_spread_of(&value, 1);
    cr_assert_float_eq(spread.median, 42, 1e-9);
    cr_assert_float_eq(spread.p5, 42, 1e-9);
    cr_assert_float_eq(spread.p95, 42, 1e-9);
}

Test(bench, implementations_take_turns)
{
    struct bench_result  results[2];
    struct machine_noise noise;
    cr_assert_eq(bench_row_run(&two_row, &seven, results, &noise), 0);
    /* Set up both, two runs each to calibrate, seven turns, and tear down both. */
    cr_assert_str_eq(trace, "((AABBABABABABABABAB))");
}

Test(bench, figures_are_per_unit_and_scaled)
{
    struct bench_row row = two_row;
    row.units_per_round = 4;
    row.scale = 0.5;
    struct bench_result  results[2];
    struct machine_noise noise;
    cr_assert_eq(bench_row_run(&row, &seven, results, &noise), 0);
    cr_assert_float_eq(results[0].value.median, 100, 1e-9);
    cr_assert_float_eq(results[1].value.p95, 50, 1e-9);
    cr_assert_eq(results[0].samples, 7);
}

Test(bench, the_ratio_is_to_the_limit_and_the_limit_has_none)
{
    struct bench_result  results[2];
    struct machine_noise noise;
    cr_assert_eq(bench_row_run(&two_row, &seven, results, &noise), 0);
    cr_assert(results[0].has_ratio);
    cr_assert_float_eq(results[0].ratio.median, 2, 1e-9);
    cr_assert_not(results[1].has_ratio);
}

Test(bench, where_more_is_better_the_ratio_is_turned_over)
{
    struct bench_row row = two_row;
    row.more_is_better = true;
    struct bench_result  results[2];
    struct machine_noise noise;
    cr_assert_eq(bench_row_run(&row, &seven, results, &noise), 0);
    cr_assert_float_eq(results[0].ratio.median, 0.5, 1e-9);
}

Test(bench, a_row_without_a_limit_has_no_ratio)
{
    const struct bench_impl impl = { TRACED("A") };
    struct bench_row        row = two_row;
    row.impls = &impl;
    row.impl_count = 1;
    struct bench_result  result;
    struct machine_noise noise;
    cr_assert_eq(bench_row_run(&row, &seven, &result, &noise), 0);
    cr_assert_not(result.has_ratio);
}

Test(bench, rounds_asked_for_go_before_the_rows_own)
{
    const struct bench_options options = { .samples = 7, .rounds = 11 };
    struct bench_result        results[2];
    struct machine_noise       noise;
    cr_assert_eq(bench_row_run(&two_row, &options, results, &noise), 0);
    cr_assert_eq(rounds_asked, 11);
}

Test(bench, short_rounds_are_repeated_until_they_can_be_timed)
{
    const struct bench_impl impl = { .name = "clock", .sample = sample_clock };
    const struct bench_row row = { .name = "clock", .unit = "ns", .impls = &impl, .impl_count = 1 };
    const struct bench_options options = { .quick = true };
    struct bench_result        result;
    struct machine_noise       noise;
    cr_assert_eq(bench_row_run(&row, &options, &result, &noise), 0);
    cr_assert_gt(result.value.median, 0);
    cr_assert_geq(result.samples, BENCH_SAMPLES_MIN);
}

Test(bench, a_failing_setup_is_returned_and_what_was_set_up_is_torn_down)
{
    const struct bench_impl impls[] = {
        { TRACED("A") }, { .name = "bad", .setup = setup_failing, .sample = sample_traced }
    };
    struct bench_row row = two_row;
    row.impls = impls;
    struct bench_result  results[2];
    struct machine_noise noise;
    cr_assert_eq(bench_row_run(&row, &seven, results, &noise), -ENOSPC);
    cr_assert_str_eq(trace, "()");
}

Test(bench, json_lines_have_exactly_the_agreed_fields)
{
    const struct bench_result results[] = {
        { .value = { 2, 1, 3 }, .has_ratio = true, .ratio = { 1.5, 1.25, 1.75 }, .samples = 7 },
        { .value = { 1e9, 0.125, 12345678 }, .samples = 8 },
    };
    char  *text = NULL;
    size_t size = 0;
    FILE  *file = open_memstream(&text, &size);
    cr_assert_not_null(file);
    bench_row_print_json(file, "suite", &two_row, results);
    cr_assert_eq(fclose(file), 0);
    cr_assert_str_eq(text, "{\"bench\":\"suite/two\",\"impl\":\"A\",\"unit\":\"ns\",\"median\":2,"
                           "\"p5\":1,\"p95\":3,\"samples\":7}\n"
                           "{\"bench\":\"suite/two\",\"impl\":\"A\",\"unit\":\"ratio\","
                           "\"median\":1.5,\"p5\":1.25,\"p95\":1.75,\"samples\":7}\n"
                           "{\"bench\":\"suite/two\",\"impl\":\"B\",\"unit\":\"ns\","
                           "\"median\":1e+09,\"p5\":0.125,\"p95\":1.23457e+07,\"samples\":8}\n");
    free(text);
}

Test(bench, options_are_understood)
{
    char *argv[] = { "b", "--quick",   "--only", "x",     "--json", "-",        "--rounds",
                     "5", "--samples", "9",      "--cpu", "0",      "--no-pin", NULL };
    struct bench_options options;
    cr_assert_eq(bench_options_parse(13, argv, &options), 0);
    cr_assert(options.quick);
    cr_assert_str_eq(options.only, "x");
    cr_assert_str_eq(options.json, "-");
    cr_assert_eq(options.rounds, 5);
    cr_assert_eq(options.samples, 9);
    cr_assert_eq(options.cpu, 0);
    cr_assert_not(options.pin);
}

Test(bench, without_options_it_pins_and_calibrates)
{
    char                *argv[] = { "b", NULL };
    struct bench_options options;
    cr_assert_eq(bench_options_parse(1, argv, &options), 0);
    cr_assert(options.pin);
    cr_assert_eq(options.cpu, -1);
    cr_assert_eq(options.rounds, 0);
}

static void assert_usage_error(char *option, char *value)
{
    char *argv[] = { "b", option, value, NULL };
    cr_assert_eq(run_main(&two_row, value != NULL ? 3 : 2, argv), 2, "%s", option);
}

Test(bench, a_wrong_argument_ends_with_code_2_and_runs_nothing)
{
    assert_usage_error("--frobnicate", NULL);
    assert_usage_error("stray", NULL);
    assert_usage_error("--json", NULL);
    assert_usage_error("--rounds", "0");
    assert_usage_error("--rounds", "-1");
    assert_usage_error("--rounds", "12x");
    assert_usage_error("--rounds", "99999999999999999999999");
    assert_usage_error("--samples", "6");
    assert_usage_error("--cpu", "100000");
    assert_usage_error("--cpu", "1023"); /* in range, but not a CPU that this process has */
    assert_usage_error("--only", "no such row");
    assert_usage_error("--json", "/no/such/folder/report");
    cr_assert_str_eq(trace, "");
}

Test(bench, listing_runs_nothing)
{
    char *argv[] = { "b", "--list", NULL };
    cr_redirect_stdout();
    cr_assert_eq(run_main(&two_row, 2, argv), 0);
    (void)fflush(stdout);
    cr_assert_stdout_eq_str("suite/two: A B (limit)\n");
    cr_assert_str_eq(trace, "");
}

Test(bench, only_selects_by_a_part_of_the_full_name)
{
    char *argv[] = { "b", "--only", "ite/tw", "--samples", "7", NULL };
    cr_assert_eq(run_main(&two_row, 5, argv), 0);
    cr_assert_str_neq(trace, "");
}

Test(bench, a_wrong_result_ends_the_program_with_code_1, .exit_code = 1)
{
    const struct bench_impl impl = { .name = "bad", .sample = sample_failing };
    const struct bench_row  row = { .name = "bad", .unit = "ns", .impls = &impl, .impl_count = 1 };
    char                   *argv[] = { "b", NULL };
    _exit(100 + run_main(&row, 1, argv)); /* never reached */
}

Test(bench, a_negative_sample_is_a_wrong_result, .exit_code = 1)
{
    const struct bench_impl impl = { .name = "bad", .sample = sample_negative };
    const struct bench_row  row = { .name = "bad", .unit = "ns", .impls = &impl, .impl_count = 1 };
    char                   *argv[] = { "b", NULL };
    _exit(100 + run_main(&row, 1, argv)); /* never reached */
}
