/*
 * bench.h - the harness of every benchmark: a program declares rows, each row its implementations,
 * and the harness decides how often to run them and what to say about it.
 *
 * On a shared machine one binary runs up to twice as slow in phases of seconds. So what is compared
 * is measured side by side:
 *
 *   B1  The implementations of a row take turns, one sample each (A, B, A, B, ...), at least 7.
 *   B2  A ratio is formed inside each turn, sample by sample, and its median is reported: a slow
 *       phase hits both sides of a pair.
 *   B3  A figure is a median with the 5th and 95th percentile, never a mean.
 *   B4  Foreign CPU use and steal are told beside each row; a row that saw more than 10 % of either
 *       is measured once more, and the calmer run counts.
 *   B5  The thread that samples stays on one CPU, unless the row starts threads of its own: they
 *       would inherit that CPU and share it.
 *   B6  A wrong result ends the program: a figure for wrong work is worse than none.
 *
 * A whole program:
 *
 *     static int64_t sample_yield(void *state, uint64_t rounds)
 *     {
 *         int64_t start = stopwatch_ns();
 *         for (uint64_t i = 0; i < rounds; i++)
 *             ...
 *         return stopwatch_ns() - start;
 *     }
 *
 *     static const struct bench_impl impls[] = {
 *         {.name = "maru", .setup = maru_setup, .sample = sample_yield, .teardown = maru_teardown},
 *         {.name = "plain-c", .sample = sample_call, .is_limit = true},
 *     };
 *     static const struct bench_row rows[] = {
 *         {.name = "yield", .unit = "ns", .impls = impls, .impl_count = 2},
 *     };
 *     static const struct bench_suite suite = {
 *         .name = "yield", .question = "What does giving up the turn cost?",
 *         .rows = rows, .row_count = 1,
 *     };
 *
 *     int main(int argc, char **argv)
 *     {
 *         return bench_main(&suite, argc, argv);
 *     }
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "machine.h"
#include "stopwatch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    BENCH_IMPLS_MAX = 8,   /* per row: more no reader compares at once */
    BENCH_SAMPLES_MIN = 7, /* fewer have no 5th and 95th percentile worth the name */
    BENCH_SAMPLES_MAX = 10000,
    BENCH_NOISE_PERCENT_MAX = 10, /* of all CPUs' time; above it a row is measured again (B4) */
};

struct bench_row;

struct bench_impl {
    const char *name;
    /* Whatever this implementation needs to know; the harness does not look at it. */
    const void *argument;
    /*
     * Optional. Makes what the samples work on; all implementations of a row are set up before its
     * first sample and torn down after its last. A negative errno ends the program.
     */
    int (*setup)(const struct bench_row *row, const struct bench_impl *impl, void **ret_state);
    /*
     * Does the work `rounds` times and returns what that took: nanoseconds of whatever part counts,
     * or any other amount the row's unit speaks of (bytes, messages per second).
     */
    int64_t (*sample)(void *state, uint64_t rounds);
    /* Optional; frees the state. */
    void (*teardown)(void *state);
    /* The row's ratios are formed to this one: "the best plain C does". At most one per row. */
    bool is_limit;
};

struct bench_row {
    const char *name;
    const char *unit;            /* as printed: "ns/message", "ms", "B/task" */
    double      scale;           /* how many of the sample's amount make one unit; 0 means 1 */
    uint64_t    units_per_round; /* messages, tasks ... that one round does; 0 means 1 */
    uint64_t    rounds;          /* per sample; 0 lets the harness find what takes a few ms */
    bool        more_is_better;  /* turns the ratio over, so that less than 1 is always better */
    bool        has_threads;     /* the row starts threads of its own: do not pin (B5) */
    const void *argument;        /* for the implementations; the harness does not look at it */
    const struct bench_impl *impls;
    size_t                   impl_count;
};

struct bench_suite {
    const char             *name;     /* of the program; a row is called "suite/row" */
    const char             *question; /* one sentence: what the program asks */
    const struct bench_row *rows;
    size_t                  row_count;
};

/* Runs the rows that the command line asks for; returns main's exit code: 0, 1 or 2 (usage). */
int bench_main(const struct bench_suite *suite, int argc, char **argv);

/*
 * For a sample that finds its own result wrong, or cannot go on: says so with the row's name and
 * ends the program with exit code 1. Callable from any thread.
 */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes the compiler believe that the value is used, so that the work behind it stays. */
static inline void bench_keep(uint64_t value)
{
    __asm__ volatile("" : : "r"(value) : "memory");
}

/* --- What follows is the inside of bench_main, in parts that tests can reach. --- */

struct bench_options {
    bool        quick;
    bool        list;
    bool        help;
    bool        pin;
    int         cpu;     /* -1: the last allowed one */
    uint64_t    rounds;  /* 0: calibrate */
    uint64_t    samples; /* 0: as many as the time allows */
    const char *only;    /* NULL: every row */
    const char *json;    /* NULL: none; "-": stdout */
};

struct bench_spread {
    double median;
    double p5;
    double p95;
};

/* One implementation's figures within a row. */
struct bench_result {
    struct bench_spread value; /* in the row's unit */
    bool                has_ratio;
    struct bench_spread ratio; /* to the limit, paired (B2) */
    size_t              samples;
};

/* 0, or -EINVAL after saying on stderr what was wrong. */
int bench_options_parse(int argc, char **argv, struct bench_options *ret_options);

/* Sorts the values; count must not be 0. Between two ranks it interpolates. */
struct bench_spread bench_spread_of(double *values, size_t count);

/*
 * Measures one row into results[0 .. impl_count). 0, or a negative errno: -ENOMEM, or what a setup
 * returned.
 */
int bench_row_run(const struct bench_row *row, const struct bench_options *options,
                  struct bench_result *results, struct machine_noise *ret_noise);

/* One line per implementation, and one more with the unit "ratio" for each that has one. */
void bench_row_print_json(FILE *file, const char *suite, const struct bench_row *row,
                          const struct bench_result *results);

#endif
