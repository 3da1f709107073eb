/*
 * bench_main.c - the command line of every benchmark, and its two reports: a table to read and
 * JSON lines to compare.
 */
#include "argument.h"
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

enum { EXIT_CODE_FAILED = 1, EXIT_CODE_USAGE = 2 };

enum option_code {
    OPTION_QUICK = 256,
    OPTION_ONLY,
    OPTION_JSON,
    OPTION_ROUNDS,
    OPTION_SAMPLES,
    OPTION_CPU,
    OPTION_NO_PIN,
    OPTION_LIST,
    OPTION_HELP,
};

static const struct option option_table[] = {
    { "quick", no_argument, NULL, OPTION_QUICK },
    { "only", required_argument, NULL, OPTION_ONLY },
    { "json", required_argument, NULL, OPTION_JSON },
    { "rounds", required_argument, NULL, OPTION_ROUNDS },
    { "samples", required_argument, NULL, OPTION_SAMPLES },
    { "cpu", required_argument, NULL, OPTION_CPU },
    { "no-pin", no_argument, NULL, OPTION_NO_PIN },
    { "list", no_argument, NULL, OPTION_LIST },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 },
};

static void print_help(const struct bench_suite *suite)
{
    printf("%s: %s\n\n"
           "usage: %s [options]\n"
           "  --quick         short samples, few of them: a smoke test, not a measurement\n"
           "  --only TEXT     only rows whose name contains TEXT\n"
           "  --json FILE     also write JSON lines; '-' is stdout, the table then goes to stderr\n"
           "  --rounds N      rounds per sample, instead of finding what takes a few ms\n"
           "  --samples N     samples per implementation, from %d\n"
           "  --cpu N         the CPU to stay on (default: the last allowed one)\n"
           "  --no-pin        stay on no CPU in particular\n"
           "  --list          print the rows and their implementations, run nothing\n"
           "  --help          print this\n",
           suite->name, suite->question, suite->name, BENCH_SAMPLES_MIN);
}

static int option_apply(struct bench_options *options, int code, const char *value)
{
    uint64_t cpu;
    int      error;
    switch (code) {
    case OPTION_QUICK: options->quick = true; return 0;
    case OPTION_ONLY: options->only = value; return 0;
    case OPTION_JSON: options->json = value; return 0;
    case OPTION_ROUNDS:
        return argument_number("--rounds", value, 1, UINT64_C(1) << 40, &options->rounds);
    case OPTION_SAMPLES:
        return argument_number("--samples", value, BENCH_SAMPLES_MIN, BENCH_SAMPLES_MAX,
                               &options->samples);
    case OPTION_CPU:
        error = argument_number("--cpu", value, 0, CPU_SETSIZE - 1, &cpu);
        options->cpu = error == 0 ? (int)cpu : -1;
        return error;
    case OPTION_NO_PIN: options->pin = false; return 0;
    case OPTION_LIST: options->list = true; return 0;
    case OPTION_HELP: options->help = true; return 0;
    default: return -EINVAL; /* getopt_long has said what it did not understand. */
    }
}

int bench_options_parse(int argc, char **argv, struct bench_options *ret_options)
{
    *ret_options = (struct bench_options){ .pin = true, .cpu = -1 };
    int code;
    int error = 0;
    optind = 0; /* Lets one process parse more than once, as the tests do. */
    while (error == 0 && (code = getopt_long(argc, argv, "", option_table, NULL)) != -1)
        error = option_apply(ret_options, code, optarg);
    if (error == 0 && optind < argc) {
        fprintf(stderr, "'%s' is not an option\n", argv[optind]);
        error = -EINVAL;
    }
    return error;
}

/* Everything a run of the program needs beside its rows. */
struct session {
    const struct bench_suite *suite;
    struct bench_options      options;
    FILE                     *table;
    FILE                     *json; /* NULL: none wanted */
    cpu_set_t                 allowed;
    int                       cpu; /* to stay on; -1: none */
};

static void row_name_write(const char *suite, const struct bench_row *row, char *out, size_t size)
{
    (void)snprintf(out, size, "%s/%s", suite, row->name);
}

static bool row_is_wanted(const struct session *session, const struct bench_row *row)
{
    char name[256];
    row_name_write(session->suite->name, row, name, sizeof(name));
    return session->options.only == NULL || strstr(name, session->options.only) != NULL;
}

/* The names are literals of the program, so nothing in them needs escaping. */
static void print_json_line(FILE *file, const char *suite, const struct bench_row *row,
                            const struct bench_impl *impl, const char *unit,
                            struct bench_spread spread, size_t samples)
{
    fprintf(file,
            "{\"bench\":\"%s/%s\",\"impl\":\"%s\",\"unit\":\"%s\",\"median\":%.6g,\"p5\":%.6g,"
            "\"p95\":%.6g,\"samples\":%zu}\n",
            suite, row->name, impl->name, unit, spread.median, spread.p5, spread.p95, samples);
}

void bench_row_print_json(FILE *file, const char *suite, const struct bench_row *row,
                          const struct bench_result *results)
{
    for (size_t which = 0; which < row->impl_count; which++) {
        const struct bench_impl   *impl = &row->impls[which];
        const struct bench_result *result = &results[which];
        print_json_line(file, suite, row, impl, row->unit, result->value, result->samples);
        if (result->has_ratio)
            print_json_line(file, suite, row, impl, "ratio", result->ratio, result->samples);
    }
}

static void print_table_head(FILE *file)
{
    fprintf(file, "%-32s %-14s %-12s %10s %10s %10s  %-19s %8s %7s\n", "bench", "impl", "unit",
            "median", "p5", "p95", "ratio (p5-p95)", "foreign", "steal");
}

/* Enough digits to see 1 %, no more than a table can hold. */
static void print_figure(FILE *file, double figure)
{
    int decimals = figure < 10 ? 3 : figure < 1000 ? 1 : 0;
    fprintf(file, " %10.*f", decimals, figure);
}

static void print_ratio(FILE *file, const struct bench_impl *impl,
                        const struct bench_result *result)
{
    char text[48] = "";
    if (result->has_ratio)
        (void)snprintf(text, sizeof(text), "%.2f (%.2f-%.2f)", result->ratio.median,
                       result->ratio.p5, result->ratio.p95);
    fprintf(file, "  %-19s", impl->is_limit ? "limit" : text);
}

/* The mark says: also the calmer of two runs was a busy one, so read it with care. */
static void print_noise(FILE *file, const struct machine_noise *noise)
{
    if (!noise->known) {
        fprintf(file, " %8s %7s\n", "-", "-");
        return;
    }
    bool busy = machine_noise_worst(noise) > BENCH_NOISE_PERCENT_MAX;
    fprintf(file, " %6.1f %% %5.1f %%%s\n", noise->foreign_percent, noise->steal_percent,
            busy ? "  busy" : "");
}

static void print_table_rows(FILE *file, const char *suite, const struct bench_row *row,
                             const struct bench_result *results, const struct machine_noise *noise)
{
    char name[256];
    row_name_write(suite, row, name, sizeof(name));
    for (size_t which = 0; which < row->impl_count; which++) {
        const struct bench_impl *impl = &row->impls[which];
        fprintf(file, "%-32s %-14s %-12s", name, impl->name, row->unit);
        print_figure(file, results[which].value.median);
        print_figure(file, results[which].value.p5);
        print_figure(file, results[which].value.p95);
        print_ratio(file, impl, &results[which]);
        print_noise(file, noise);
    }
    (void)fflush(file);
}

static void print_list(const struct session *session)
{
    for (size_t index = 0; index < session->suite->row_count; index++) {
        const struct bench_row *row = &session->suite->rows[index];
        if (!row_is_wanted(session, row))
            continue;
        printf("%s/%s:", session->suite->name, row->name);
        for (size_t which = 0; which < row->impl_count; which++)
            printf(" %s%s", row->impls[which].name, row->impls[which].is_limit ? " (limit)" : "");
        putchar('\n');
    }
}

/* Chooses the CPU and proves that it may be used; 0 or an exit code. */
static int session_choose_cpu(struct session *session)
{
    session->cpu = -1;
    if (sched_getaffinity(0, sizeof(session->allowed), &session->allowed) != 0) {
        perror("sched_getaffinity");
        return EXIT_CODE_FAILED;
    }
    if (!session->options.pin)
        return 0;
    session->cpu = session->options.cpu;
    if (session->cpu < 0)
        session->cpu = machine_last_cpu(&session->allowed);
    if (session->cpu >= 0 && CPU_ISSET((size_t)session->cpu, &session->allowed))
        return 0;
    fprintf(stderr, "--cpu: %d is not among the CPUs this process may use\n", session->cpu);
    return EXIT_CODE_USAGE;
}

static int session_open(struct session *session)
{
    session->table = stdout;
    if (session->options.json == NULL)
        return 0;
    if (strcmp(session->options.json, "-") == 0) {
        session->json = stdout;
        session->table = stderr;
        return 0;
    }
    session->json = fopen(session->options.json, "we");
    if (session->json != NULL)
        return 0;
    fprintf(stderr, "--json: cannot write '%s': %s\n", session->options.json, strerror(errno));
    return EXIT_CODE_USAGE;
}

/* A report that did not reach its file (a full disk) must not pass for a good one. */
static int session_close(struct session *session)
{
    FILE *last = session->json != NULL ? session->json : session->table;
    bool  lost = ferror(last) != 0;
    if (last == stdout)
        lost = fflush(last) != 0 || lost;
    else
        lost = fclose(last) != 0 || lost;
    if (lost)
        fprintf(stderr, "the report could not be written in full\n");
    return lost ? EXIT_CODE_FAILED : 0;
}

/* B5: on one CPU, or on all that were allowed when the program started. */
static int row_place(const struct session *session, const struct bench_row *row)
{
    if (session->cpu >= 0 && !row->has_threads)
        return machine_pin(session->cpu);
    return sched_setaffinity(0, sizeof(session->allowed), &session->allowed) == 0 ? 0 : -errno;
}

static int row_measure_and_print(const struct session *session, const struct bench_row *row)
{
    struct bench_result  results[BENCH_IMPLS_MAX];
    struct machine_noise noise = { 0 };
    int                  error = row_place(session, row);
    if (error == 0)
        error = bench_row_run(row, &session->options, results, &noise);
    if (error != 0) {
        fprintf(stderr, "FAILED %s/%s: %s\n", session->suite->name, row->name, strerror(-error));
        return EXIT_CODE_FAILED;
    }
    print_table_rows(session->table, session->suite->name, row, results, &noise);
    if (session->json != NULL) {
        bench_row_print_json(session->json, session->suite->name, row, results);
        (void)fflush(session->json); /* Readable while the rest runs; session_close checks. */
    }
    return 0;
}

static int session_run(struct session *session)
{
    int code = session_choose_cpu(session);
    if (code == 0)
        code = session_open(session);
    if (code != 0)
        return code;
    print_table_head(session->table);
    for (size_t index = 0; index < session->suite->row_count && code == 0; index++)
        if (row_is_wanted(session, &session->suite->rows[index]))
            code = row_measure_and_print(session, &session->suite->rows[index]);
    int closed = session_close(session);
    return code != 0 ? code : closed;
}

static bool any_row_is_wanted(const struct session *session)
{
    for (size_t index = 0; index < session->suite->row_count; index++)
        if (row_is_wanted(session, &session->suite->rows[index]))
            return true;
    return false;
}

int bench_main(const struct bench_suite *suite, int argc, char **argv)
{
    struct session session = { .suite = suite };
    if (bench_options_parse(argc, argv, &session.options) != 0) {
        fprintf(stderr, "%s --help lists the options\n", suite->name);
        return EXIT_CODE_USAGE;
    }
    if (session.options.help) {
        print_help(suite);
        return 0;
    }
    if (!any_row_is_wanted(&session)) {
        fprintf(stderr, "--only: no row's name contains '%s'; --list prints them\n",
                session.options.only);
        return EXIT_CODE_USAGE;
    }
    if (session.options.list) {
        print_list(&session);
        return 0;
    }
    return session_run(&session);
}
