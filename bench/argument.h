/*
 * argument.h - numbers on a command line, read strictly: a typing error is told, never guessed at.
 */
#ifndef BENCH_ARGUMENT_H
#define BENCH_ARGUMENT_H

#include <stdint.h>

/*
 * Each returns 0 and stores the number, or -EINVAL after saying on stderr what was wrong with it
 * (the option, the text that was given, and what would have been accepted).
 */
int argument_number(const char *option, const char *text, uint64_t min, uint64_t max,
                    uint64_t *ret_number);

/* Seconds may have a fraction; they are stored as nanoseconds. */
int argument_seconds(const char *option, const char *text, double min, double max, int64_t *ret_ns);

#endif
