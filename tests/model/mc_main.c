/*
 * The command line and the report: runs each model of a program's table in the chosen mode, one
 * line each, and for a failure the trace and the line that runs that execution again.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <time.h>
#include <unistd.h>

#include "mc_engine.h"

enum {
    DEFAULT_BOUND = 2,          /* most bugs need two preemptions or fewer (CHESS, PLDI 2007) */
    DEFAULT_STEPS = 100 * 1000, /* of one execution; a model that needs more has an endless loop */
    MAX_OUTCOMES = 256,
    REPLAY_ROOM = 1 << 16,
    CLOCK_ROUNDS = 256, /* executions between two looks at the clock */
};

static struct {
    const char *program;
    const char *only;
    const char *replay;
    uint64_t random; /* executions to draw; 0 is exhaustive search */
    uint64_t seed;
    uint64_t limit;
    uint64_t steps;
    double seconds;
    unsigned pct_depth;
    int bound;
    bool has_bound;
    bool has_limit;
    bool is_list;
    bool is_tracing;
} options;

static struct {
    char texts[MAX_OUTCOMES][sizeof(mc.outcome)];
    unsigned count;
} outcomes;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* 1877 is "1,877"; valid until the third next call. */
static const char *grouped(uint64_t number)
{
    static char rooms[3][32];
    static unsigned turn;
    char *text = rooms[turn++ % 3] + 31;
    *text = '\0';
    for (unsigned digits = 0; digits == 0 || number; digits++, number /= 10) {
        if (digits && digits % 3 == 0)
            *--text = ',';
        *--text = (char)('0' + number % 10);
    }
    return text;
}

/* Whether text is one of the strings between the bars of set. */
static bool outcome_is_in(const char *text, const char *set)
{
    size_t len = strlen(text);
    for (const char *at = set;; at++) {
        size_t item = strcspn(at, "|");
        if (item == len && memcmp(at, text, len) == 0)
            return true;
        at += item;
        if (!*at)
            return false;
    }
}

static bool outcome_was_seen(const char *text, size_t len)
{
    for (unsigned i = 0; i < outcomes.count; i++)
        if (strlen(outcomes.texts[i]) == len && memcmp(outcomes.texts[i], text, len) == 0)
            return true;
    return false;
}

static void outcome_collect(const struct mc_model *model)
{
    if (mc.has_failed || !model->outcomes || outcome_was_seen(mc.outcome, strlen(mc.outcome)))
        return;
    if (!outcome_is_in(mc.outcome, model->outcomes) || outcomes.count == MAX_OUTCOMES) {
        mc.has_failed = true;
        snprintf(mc.failure, sizeof(mc.failure), "the outcome \"%s\" is not among those expected",
                 mc.outcome);
        return;
    }
    char *text = outcomes.texts[outcomes.count++];
    snprintf(text, sizeof(outcomes.texts[0]), "%s", mc.outcome);
}

/* After a complete search: fails for the first outcome that never came. */
static void outcomes_compare(const struct mc_model *model)
{
    for (const char *at = model->outcomes; at; at++) {
        size_t len = strcspn(at, "|");
        if (!outcome_was_seen(at, len)) {
            mc.has_failed = true;
            snprintf(mc.failure, sizeof(mc.failure), "the outcome \"%.*s\" was never seen",
                     (int)len, at);
            return;
        }
        at += len;
        if (!*at)
            return;
    }
}

static void run_once(const struct mc_model *model)
{
    mc.serial++;
    mc.steps = 0;
    mc.max_steps = options.steps;
    mc.preemptions = 0;
    mc.location_count = 0;
    mc.sc_rank = 0;
    trace_begin();
    scratch_begin();
    heap_begin();
    access_begin();
    thread_run_execution(model->body);
    access_end();
    outcome_collect(model);
}

/* The failing execution once more, this time with its events; the first report is kept. */
static void print_trace(const struct mc_model *model)
{
    char failure[sizeof(mc.failure)];
    memcpy(failure, mc.failure, sizeof(failure));
    if (!mc.is_tracing) {
        mc.is_tracing = true;
        explore_restart();
        run_once(model);
        mc.is_tracing = false;
    }
    trace_print();
    memcpy(mc.failure, failure, sizeof(failure));
    mc.has_failed = true;
}

struct verdict {
    const char *word;
    bool has_trace; /* one execution is to blame */
};

/* Turns what the search found into a verdict: a model may be there to fail. */
static struct verdict judge(const struct mc_model *model, bool is_complete)
{
    if (!mc.has_failed && is_complete)
        outcomes_compare(model);
    bool has_trace = mc.has_failed && !is_complete;
    if (model->fails && mc.has_failed && strstr(mc.failure, model->fails))
        return (struct verdict){"ok", false};
    if (mc.has_failed)
        return (struct verdict){"FAILED", has_trace};
    if (model->fails && !options.replay) {
        snprintf(mc.failure, sizeof(mc.failure), "no execution fails with \"%s\"", model->fails);
        return (struct verdict){"FAILED", false};
    }
    return (struct verdict){is_complete || options.random || options.replay ? "ok" : "limited",
                            false};
}

static void print_mode(void)
{
    if (options.replay)
        printf("replay");
    else if (options.random && options.pct_depth)
        printf("pct %u seed %" PRIu64, options.pct_depth, options.seed);
    else if (options.random)
        printf("random seed %" PRIu64, options.seed);
    else if (mc.bound < 0)
        printf("no bound");
    else
        printf("bound %d", mc.bound);
}

static void report(const struct mc_model *model, struct verdict verdict, uint64_t executions,
                   double seconds)
{
    static char replay[REPLAY_ROOM];
    printf("%-7s %-24s  %s  ", verdict.word, model->name, model->claim);
    print_mode();
    printf("  %s executions  %.2f s\n", grouped(executions), seconds);
    if (strcmp(verdict.word, "FAILED") == 0)
        printf("    %s\n", mc.failure);
    if (verdict.has_trace) {
        explore_save(replay, sizeof(replay));
        print_trace(model);
        printf("    => %s\nreplay: %s --only %s --replay %s\n", mc.failure, options.program,
               model->name, replay);
    } else if (options.is_tracing) {
        trace_print();
    }
    fflush(stdout);
}

static void choose_mode(const struct mc_model *model)
{
    mc.bound = options.has_bound ? options.bound : model->bound ? model->bound : DEFAULT_BOUND;
    enum mc_mode mode = MODE_EXHAUSTIVE;
    if (options.random) {
        mode = options.pct_depth ? MODE_PCT : MODE_RANDOM;
        mc.bound = options.has_bound ? options.bound : -1;
    }
    explore_begin(options.replay ? MODE_REPLAY : mode, options.seed, options.pct_depth);
    if (options.replay && !explore_load(options.replay)) {
        fprintf(stderr, "%s: not a replay string: %s\n", options.program, options.replay);
        exit(2);
    }
}

/* Returns the number of executions; ret_failed as the model's verdict. */
static uint64_t run_model(const struct mc_model *model, bool *ret_failed)
{
    double start = now();
    uint64_t limit = options.has_limit ? options.limit : model->limit;
    if (options.random)
        limit = options.random;
    choose_mode(model);
    outcomes.count = 0;
    mc.is_tracing = options.is_tracing || options.replay;
    uint64_t executions = 0;
    bool is_complete = false;
    for (;;) {
        run_once(model);
        executions++;
        if (mc.has_failed || executions == limit)
            break;
        if (options.seconds > 0 && executions % CLOCK_ROUNDS == 0 &&
            now() - start > options.seconds)
            break;
        if (!explore_next()) {
            is_complete = !options.replay;
            break;
        }
    }
    struct verdict verdict = judge(model, is_complete);
    *ret_failed = strcmp(verdict.word, "FAILED") == 0;
    report(model, verdict, executions, now() - start);
    return executions;
}

static void on_crash(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (mc.is_active)
        mc_fail("crash: %s at %#lx", strsignal(number), (unsigned long)(uintptr_t)info->si_addr);
    signal(number, SIG_DFL);
    raise(number);
}

/* A crash of the model is a failure like others; the handler runs on a stack of its own. */
static void catch_crashes(void)
{
    static char stack[1 << 16];
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_sigaction = on_crash,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    if (sigaltstack(&alternate, NULL) < 0)
        return;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaction(numbers[i], &action, NULL);
}

/*
 * Starts the program again without address randomisation: pointers in traces are then the same each
 * time, and so is a model that hashes one.  Where that is not allowed, only traces suffer.
 */
static void fix_addresses(char **argv)
{
    static const char guard[] = "MC_ADDRESSES_FIXED";
    int old = personality(0xffffffff);
    if (old < 0 || old & ADDR_NO_RANDOMIZE || getenv(guard) || setenv(guard, "1", 1) < 0)
        return;
    if (personality((unsigned long)old | ADDR_NO_RANDOMIZE) >= 0)
        execv("/proc/self/exe", argv);
}

static _Noreturn void usage(void)
{
    fprintf(stderr,
            "usage: %s [--list] [--only NAME] [--bound N] [--limit N] [--seconds S] [--steps N]\n"
            "       [--random N] [--seed S] [--pct DEPTH] [--trace] [--replay STRING]\n",
            options.program);
    exit(2);
}

static uint64_t number_of(const char *text)
{
    char *end = NULL;
    uint64_t number = text ? strtoull(text, &end, 10) : 0;
    if (!text || end == text || *end)
        usage();
    return number;
}

/* Takes one option with its value; returns how many words it was. */
static int option_take(const char *name, const char *value)
{
    if (strcmp(name, "--list") == 0)
        return options.is_list = true;
    if (strcmp(name, "--trace") == 0)
        return options.is_tracing = true;
    if (!value)
        usage();
    if (strcmp(name, "--only") == 0) {
        options.only = value;
    } else if (strcmp(name, "--replay") == 0) {
        options.replay = value;
    } else if (strcmp(name, "--random") == 0) {
        options.random = number_of(value);
    } else if (strcmp(name, "--seed") == 0) {
        options.seed = number_of(value);
    } else if (strcmp(name, "--pct") == 0) {
        options.pct_depth = (unsigned)number_of(value);
    } else if (strcmp(name, "--steps") == 0) {
        options.steps = number_of(value);
    } else if (strcmp(name, "--seconds") == 0) {
        options.seconds = (double)number_of(value);
    } else if (strcmp(name, "--limit") == 0) {
        options.limit = number_of(value);
        options.has_limit = true;
    } else if (strcmp(name, "--bound") == 0) {
        options.bound = *value == '-' ? -1 : (int)number_of(value);
        options.has_bound = true;
    } else {
        usage();
    }
    return 2;
}

int mc_main(int argc, char **argv, const struct mc_model *models, size_t count)
{
    options.program = argv[0];
    options.steps = DEFAULT_STEPS;
    options.seed = 1;
    for (int i = 1; i < argc;)
        i += option_take(argv[i], i + 1 < argc ? argv[i + 1] : NULL);
    fix_addresses(argv);
    catch_crashes();
    uint64_t ran = 0;
    uint64_t failed = 0;
    uint64_t executions = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_exact = options.replay && options.only;
        if (options.only && (is_exact ? strcmp(models[i].name, options.only) != 0
                                      : !strstr(models[i].name, options.only)))
            continue;
        ran++;
        if (options.is_list) {
            printf("%-24s  %s\n", models[i].name, models[i].claim);
            continue;
        }
        bool has_failed;
        executions += run_model(&models[i], &has_failed);
        failed += has_failed;
    }
    printf("%s models, %s executions, %s failed\n", grouped(ran), grouped(executions),
           grouped(failed));
    return failed || !ran;
}
