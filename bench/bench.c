/*
 * bench.c - measures rows: calibrate, interleave, summarise, and repeat where the machine was busy.
 * The command line and the words are in bench_main.c.
 */
#include "bench.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Long enough that a clock read and a cold start vanish, short enough to fit between phases. */
enum { SAMPLE_NS = 5000000, SAMPLE_NS_QUICK = 1000000 };

/* Samples taken where a turn is short: 25 leave one beyond each of the 5th and 95th percentile. */
enum { SAMPLES_USUAL = 25 };

/* What all turns of a row may take before it makes do with fewer samples, though never below 7. */
enum { ROW_NS = 2000000000, ROW_NS_QUICK = 200000000 };

/* Beyond this a round is too short to be timed at all: its work was optimised away. */
#define ROUNDS_MAX (UINT64_C(1) << 40)

/* The row and implementation at work, so that bench_fail can name them. */
static const struct bench_row  *current_row;
static const struct bench_impl *current_impl;

void bench_fail(const char *format, ...)
{
    va_list arguments;
    /* Rows already reported, perhaps to a file, stay valid and are kept. */
    (void)fflush(NULL);
    fprintf(stderr, "FAILED %s (%s): ", current_row != NULL ? current_row->name : "-",
            current_impl != NULL ? current_impl->name : "-");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    /* Other threads may be in the middle of anything, so no exit handlers. */
    _exit(EXIT_FAILURE);
}

static int double_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double percentile_of(const double *sorted, size_t count, double percent)
{
    double rank = percent / 100 * (double)(count - 1);
    size_t below = (size_t)rank;
    size_t above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (sorted[above] - sorted[below]) * (rank - (double)below);
}

struct bench_spread bench_spread_of(double *values, size_t count)
{
    assert(count > 0);
    qsort(values, count, sizeof(*values), double_compare);
    return (struct bench_spread){ .median = percentile_of(values, count, 50),
                                  .p5 = percentile_of(values, count, 5),
                                  .p95 = percentile_of(values, count, 95) };
}

/* One row while it is measured. */
struct run {
    const struct bench_row     *row;
    const struct bench_options *options;
    size_t                      set_up; /* how many implementations have a state */
    void                       *states[BENCH_IMPLS_MAX];
    uint64_t                    rounds[BENCH_IMPLS_MAX];
    int64_t                     turn_ns; /* one sample of each, by the wall clock */
    size_t                      samples;
    double                     *values[BENCH_IMPLS_MAX]; /* by implementation, in the order taken */
    double                     *scratch;                 /* for sorting and for ratios */
};

static int64_t take_sample(struct run *run, size_t which, uint64_t rounds, int64_t *ret_wall_ns)
{
    current_impl = &run->row->impls[which];
    int64_t start = stopwatch_ns();
    int64_t amount = current_impl->sample(run->states[which], rounds);
    *ret_wall_ns = stopwatch_ns() - start;
    if (amount < 0)
        bench_fail("a sample returned %lld", (long long)amount);
    return amount;
}

/* The smaller of two runs: one that was interrupted must not pass for a slow round. */
static int64_t wall_ns_of(struct run *run, size_t which, uint64_t rounds)
{
    int64_t first, second;
    (void)take_sample(run, which, rounds, &first);
    (void)take_sample(run, which, rounds, &second);
    return first < second ? first : second;
}

/*
 * Finds the rounds that fill a sample, and by that warms up caches and branch predictors. The wall
 * clock decides, not what a sample returns: that may be a part of the time, or no time at all.
 */
static void calibrate(struct run *run, size_t which)
{
    int64_t  target_ns = run->options->quick ? SAMPLE_NS_QUICK : SAMPLE_NS;
    uint64_t fixed = run->options->rounds != 0 ? run->options->rounds : run->row->rounds;
    uint64_t rounds = fixed != 0 ? fixed : 1;
    int64_t  wall_ns = wall_ns_of(run, which, rounds);
    while (fixed == 0 && wall_ns < target_ns / 2) {
        /* At most tenfold at a time, since the first rounds are the ones that tell least. */
        double factor = wall_ns > target_ns / 10 ? (double)target_ns / (double)wall_ns : 10;
        rounds = (uint64_t)((double)rounds * factor) + 1;
        if (rounds > ROUNDS_MAX)
            bench_fail("a round takes no time: is its work optimised away?");
        wall_ns = wall_ns_of(run, which, rounds);
    }
    run->rounds[which] = rounds;
    run->turn_ns += wall_ns;
}

static size_t samples_affordable(const struct run *run)
{
    if (run->options->samples != 0)
        return (size_t)run->options->samples;
    int64_t row_ns = run->options->quick ? ROW_NS_QUICK : ROW_NS;
    int64_t turns = row_ns / (run->turn_ns + 1);
    if (turns < BENCH_SAMPLES_MIN || run->options->quick)
        return BENCH_SAMPLES_MIN;
    return turns < SAMPLES_USUAL ? (size_t)turns : SAMPLES_USUAL;
}

static int run_allocate(struct run *run)
{
    run->scratch = calloc(run->samples, sizeof(double));
    if (run->scratch == NULL)
        return -ENOMEM;
    for (size_t which = 0; which < run->row->impl_count; which++) {
        run->values[which] = calloc(run->samples, sizeof(double));
        if (run->values[which] == NULL)
            return -ENOMEM;
    }
    return 0;
}

static int run_set_up(struct run *run)
{
    for (; run->set_up < run->row->impl_count; run->set_up++) {
        const struct bench_impl *impl = &run->row->impls[run->set_up];
        current_impl = impl;
        int error = 0;
        if (impl->setup != NULL)
            error = impl->setup(run->row, impl, &run->states[run->set_up]);
        if (error != 0)
            return error;
    }
    for (size_t which = 0; which < run->row->impl_count; which++)
        calibrate(run, which);
    run->samples = samples_affordable(run);
    return run_allocate(run);
}

/* Accepts a run that was set up only in part. */
static void run_tear_down(struct run *run)
{
    while (run->set_up > 0) {
        current_impl = &run->row->impls[--run->set_up];
        if (current_impl->teardown != NULL)
            current_impl->teardown(run->states[run->set_up]);
    }
    for (size_t which = 0; which < run->row->impl_count; which++)
        free(run->values[which]);
    free(run->scratch);
    current_impl = NULL;
}

/* B1: one sample of each, then again. */
static void run_interleaved(struct run *run)
{
    const struct bench_row *row = run->row;
    double                  units = (double)(row->units_per_round != 0 ? row->units_per_round : 1);
    double                  scale = row->scale > 0 ? row->scale : 1;
    for (size_t turn = 0; turn < run->samples; turn++) {
        for (size_t which = 0; which < row->impl_count; which++) {
            int64_t wall_ns;
            int64_t amount = take_sample(run, which, run->rounds[which], &wall_ns);
            run->values[which][turn] = (double)amount / (double)run->rounds[which] / units / scale;
        }
    }
}

static struct machine_noise run_observed(struct run *run)
{
    struct machine_reading before, after;
    bool                   readable = machine_read(&before) == 0;
    run_interleaved(run);
    readable = readable && machine_read(&after) == 0;
    return readable ? machine_noise_between(&before, &after) : (struct machine_noise){ 0 };
}

static size_t limit_of(const struct bench_row *row)
{
    size_t which = 0;
    while (which < row->impl_count && !row->impls[which].is_limit)
        which++;
    return which;
}

/* B2: each sample against the limit's of the same turn. */
static struct bench_spread ratio_spread(const struct run *run, size_t which, size_t limit)
{
    for (size_t turn = 0; turn < run->samples; turn++) {
        double value = run->values[which][turn];
        double bound = run->values[limit][turn];
        double ratio = run->row->more_is_better ? bound / value : value / bound;
        run->scratch[turn] = ratio;
    }
    return bench_spread_of(run->scratch, run->samples);
}

static void run_summarise(const struct run *run, struct bench_result *results)
{
    size_t limit = limit_of(run->row);
    for (size_t which = 0; which < run->row->impl_count; which++) {
        struct bench_result *result = &results[which];
        memcpy(run->scratch, run->values[which], run->samples * sizeof(double));
        *result = (struct bench_result){ .samples = run->samples };
        result->value = bench_spread_of(run->scratch, run->samples);
        result->has_ratio = limit < run->row->impl_count && which != limit;
        if (result->has_ratio)
            result->ratio = ratio_spread(run, which, limit);
    }
}

/* B4: the second run counts only if it was the calmer one. */
static void run_measure(struct run *run, struct bench_result *results,
                        struct machine_noise *ret_noise)
{
    *ret_noise = run_observed(run);
    run_summarise(run, results);
    if (machine_noise_worst(ret_noise) <= BENCH_NOISE_PERCENT_MAX)
        return;
    struct machine_noise again = run_observed(run);
    if (again.known && machine_noise_worst(&again) < machine_noise_worst(ret_noise)) {
        *ret_noise = again;
        run_summarise(run, results);
    }
}

int bench_row_run(const struct bench_row *row, const struct bench_options *options,
                  struct bench_result *results, struct machine_noise *ret_noise)
{
    assert(row->impl_count > 0 && row->impl_count <= BENCH_IMPLS_MAX);
    struct run run = { .row = row, .options = options };
    current_row = row;
    int error = run_set_up(&run);
    if (error == 0)
        run_measure(&run, results, ret_noise);
    run_tear_down(&run);
    current_row = NULL;
    return error;
}
