/*
 * The explorer: a model checker for small concurrent C programs, in C.
 *
 * A model is a function that sets a stage, spawns a few threads over the real library sources and
 * checks a claim.  The explorer runs it again and again, each time with another schedule and other
 * values for the loads that may read old ones, until every execution within the bounds was seen or
 * one of them broke the claim.  The sources are the real ones: compiled with -fsanitize=thread, so
 * that each access calls the explorer, and linked without the sanitizer's library (README.md).
 *
 * All model threads are stacks on one OS thread; nothing here may be called from another one, and
 * but for mc_main and mc_relax nothing may be called outside a model's body and its threads.
 */
#ifndef MARU_MODEL_MC_H
#define MARU_MODEL_MC_H

#include <stddef.h>
#include <stdint.h>

/* Model threads of one execution, the body's own (number 0) included. */
#define MC_MAX_THREADS 16

/* Use designated initialisers; only the first three fields are needed. */
struct mc_model {
    const char *name;     /* a short word for --only and --replay */
    const char *claim;    /* the invariant, as in "D5: each pushed task is returned exactly once" */
    void (*body)(void);   /* runs as thread 0 of each execution */
    int bound;            /* preemptions in a search; 0 means 2, negative means no bound */
    uint64_t limit;       /* executions before the search is given up as "limited"; 0 is no limit */
    const char *outcomes; /* exact set of mc_outcome strings, "0 0|0 1"; NULL: any */
    const char *fails;    /* the model must fail, with a report that contains this text */
};

/* Runs the table of models of one program; returns its exit code: 0, 1 (failed) or 2 (usage). */
int mc_main(int argc, char **argv, const struct mc_model *models, size_t count);

/* Threads.  A body need not join: it is over when all its threads are. */
int mc_spawn(void (*fn)(void *), void *arg); /* returns the new thread's number */
void mc_join(int thread);                    /* waits, and synchronises with the thread's end */
void mc_join_all(void);                      /* joins every other thread; for the body only */
unsigned mc_self(void);

/*
 * For spin loops: waits for news.  If a location read since the previous mc_relax has meanwhile got
 * another value, the next read of it sees at least that; else the thread sleeps until another
 * thread changes one of them.  A loop that gives up after some rounds wants mc_yield instead,
 * which only lets others run.
 */
void mc_relax(void);
void mc_yield(void);

/* Each of 0 .. n-1 is tried, in executions of their own. */
unsigned mc_choose(unsigned n);

/* Claims.  A failure ends the execution at once and prints its trace. */
#define MC_CHECK(cond) ((cond) ? (void)0 : mc_check_failed(__FILE__, __LINE__, #cond))
_Noreturn void mc_check_failed(const char *file, int line, const char *what);
_Noreturn void mc_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Adds to the execution's outcome; several calls are joined by a space. */
void mc_outcome(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Memory that lives for one execution.  The malloc family of the sources under test ends here too.
 * Freed memory is not used again in the same execution, fresh memory is filled with 0xaa, and what
 * is still allocated at the end is a leak, unless it was expected.
 */
void *mc_alloc(size_t size);
void mc_free(void *memory);
#define MC_ANY_LEAKS UINT64_MAX
void mc_expect_leaks(uint64_t blocks); /* of this execution: exactly so many */

/* For allocators inside allocations: touching poisoned memory fails.  Whole 8-byte granules. */
void mc_poison(const void *memory, size_t len);
void mc_unpoison(const void *memory, size_t len);

/*
 * A thread-local variable of the sources: each model thread gets its own, zeroed.  Call it at the
 * head of the body; saying it again in the next execution is harmless.
 */
void mc_thread_local(void *memory, size_t len);

/*
 * Globals written by instrumented code get their old contents back after each execution without
 * being told.  This does it for memory that uninstrumented code writes.
 */
void mc_reset_global(void *memory, size_t len);

/* For the trace: a name for a location, and a line of its own. */
void mc_label(const void *memory, const char *name); /* the name must outlive the execution */
void mc_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
