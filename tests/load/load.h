/* load.h - what the programs of the load suite share: options, checks that are counted, figures,
 * and the look at the process before and after: descriptors, threads, heap.
 *
 * Each program runs one load on the backend that MARU_IO names, prints a line a figure and a line a
 * failed check, and ends with "N passed, N failed, N skipped". */
#ifndef MARU_TESTS_LOAD_H
#define MARU_TESTS_LOAD_H

#include <maru.h>

#include "runtime/base/atomic.h"

#include <stdio.h>

struct load {
    const char *name;
    bool quick;
    unsigned passed, failed, skipped;
    unsigned fds, threads;       /* before the runtime */
    size_t heap;
};

/* Reads the command line and looks around. False: it says how it is used. */
bool load_begin(struct load *load, const char *name, int argc, char **argv);

/* The runtime is gone: is everything as it was? */
void load_look_back(struct load *load);

/* Looks back and prints the counts; the program's exit code. */
int load_end(struct load *load);

/* Counts a check; tells of a failed one. Returns ok. */
bool load_check(struct load *load, bool ok, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Counts as skipped, and says why. */
void load_skip(struct load *load, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line of the result. */
void load_figure(const struct load *load, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A runtime with default options; ends the program where the backend is refused (exit code 77). */
maru_runtime *load_runtime(void);

maru_metrics load_metrics(maru_runtime *runtime);

/* Waits, as the sums of metrics may be a moment old, until nothing lives in the runtime; checks
 * that, and frees it. */
void load_runtime_end(struct load *load, maru_runtime *runtime);

/* Raises the soft limit of descriptors for `want`; how many connections of `most` fit. */
unsigned load_room(unsigned most);

/* Bytes of memory that this process occupies. */
size_t load_resident(void);

#endif
