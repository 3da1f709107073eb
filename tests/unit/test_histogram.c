/*
 * test_histogram.c - the latency histogram against exact arithmetic on the same values.
 */
#include "../../bench/histogram.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>

static struct histogram *new_histogram(void)
{
    struct histogram *histogram = malloc(sizeof(*histogram));
    cr_assert_not_null(histogram);
    histogram_reset(histogram);
    return histogram;
}

static void assert_within_one_percent(uint64_t found, uint64_t exact)
{
    double error = (double)found - (double)exact;
    cr_assert(error <= 0.01 * (double)exact && -error <= 0.01 * (double)exact,
              "%" PRIu64 " is not within 1 %% of %" PRIu64, found, exact);
}

Test(histogram, an_empty_one_answers_zero)
{
    struct histogram *histogram = new_histogram();
    cr_assert_eq(histogram_percentile(histogram, 0), 0);
    cr_assert_eq(histogram_percentile(histogram, 50), 0);
    cr_assert_eq(histogram_percentile(histogram, 100), 0);
    free(histogram);
}

Test(histogram, a_single_value_is_every_percentile)
{
    struct histogram *histogram = new_histogram();
    histogram_record(histogram, 123456789);
    for (int percent = 0; percent <= 100; percent += 10)
        cr_assert_eq(histogram_percentile(histogram, percent), 123456789);
    free(histogram);
}

Test(histogram, small_values_are_exact)
{
    struct histogram *histogram = new_histogram();
    for (uint64_t value = 0; value < 200; value++)
        histogram_record(histogram, value);
    cr_assert_eq(histogram_percentile(histogram, 0.5), 0);
    cr_assert_eq(histogram_percentile(histogram, 50), 99);
    cr_assert_eq(histogram_percentile(histogram, 99), 197);
    free(histogram);
}

Test(histogram, every_magnitude_is_kept_to_one_percent)
{
    struct histogram *histogram = new_histogram();
    for (unsigned shift = 0; shift < 64; shift++) {
        for (uint64_t part = 0; part < 16; part++) {
            uint64_t value = (UINT64_C(1) << shift) + ((UINT64_C(1) << shift) / 16) * part;
            histogram_reset(histogram);
            /* A smaller and a larger neighbour, lest the exact bounds answer for the bucket. */
            histogram_record(histogram, 0);
            histogram_record(histogram, value);
            histogram_record(histogram, UINT64_MAX);
            assert_within_one_percent(histogram_percentile(histogram, 50), value);
        }
    }
    free(histogram);
}

Test(histogram, the_ends_are_exact_even_at_the_largest_value)
{
    struct histogram *histogram = new_histogram();
    histogram_record(histogram, 1000003);
    histogram_record(histogram, UINT64_MAX);
    cr_assert_eq(histogram_percentile(histogram, 0), 1000003);
    cr_assert_eq(histogram_percentile(histogram, 100), UINT64_MAX);
    free(histogram);
}

Test(histogram, percentiles_of_a_long_row_agree_with_its_ranks)
{
    struct histogram *histogram = new_histogram();
    for (uint64_t value = 1; value <= 100000; value++)
        histogram_record(histogram, value * 37);
    assert_within_one_percent(histogram_percentile(histogram, 50), 50000 * 37);
    assert_within_one_percent(histogram_percentile(histogram, 99), 99000 * 37);
    assert_within_one_percent(histogram_percentile(histogram, 99.9), 99900 * 37);
    free(histogram);
}

Test(histogram, percentiles_never_fall_as_the_percentage_rises)
{
    struct histogram *histogram = new_histogram();
    uint64_t          value = 1;
    for (int count = 0; count < 1000; count++) {
        value = value * 6364136223846793005U + 1442695040888963407U;
        histogram_record(histogram, value >> (value % 60));
    }
    uint64_t before = 0;
    for (int tenth = 0; tenth <= 1000; tenth++) {
        uint64_t now = histogram_percentile(histogram, tenth / 10.0);
        cr_assert_geq(now, before);
        before = now;
    }
    free(histogram);
}

Test(histogram, merging_equals_recording_into_one)
{
    struct histogram *one = new_histogram(), *left = new_histogram(), *right = new_histogram();
    for (uint64_t value = 1; value < 10000; value += 3) {
        histogram_record(one, value * value);
        histogram_record(value % 2 == 0 ? left : right, value * value);
    }
    histogram_merge(left, right);
    cr_assert_arr_eq(left, one, sizeof(*one));
    free(one);
    free(left);
    free(right);
}

Test(histogram, merging_an_empty_one_changes_nothing)
{
    struct histogram *some = new_histogram(), *none = new_histogram();
    histogram_record(some, 5000);
    histogram_merge(some, none);
    cr_assert_eq(some->count, 1);
    cr_assert_eq(histogram_percentile(some, 0), 5000);
    histogram_merge(none, some);
    cr_assert_arr_eq(none, some, sizeof(*some));
    free(some);
    free(none);
}

Test(histogram, a_reset_one_is_empty_again)
{
    struct histogram *histogram = new_histogram();
    histogram_record(histogram, 77);
    histogram_reset(histogram);
    cr_assert_eq(histogram->count, 0);
    cr_assert_eq(histogram_percentile(histogram, 50), 0);
    free(histogram);
}
