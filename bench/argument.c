/*
 * argument.c - strict numbers: the whole text must be the number, and it must lie in its range.
 */
#include "argument.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int argument_number(const char *option, const char *text, uint64_t min, uint64_t max,
                    uint64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    /* strtoull takes "-1" for a very large number, so the first character has to be a digit. */
    uint64_t number = isdigit((unsigned char)text[0]) ? strtoull(text, &end, 10) : 0;
    if (end == NULL || *end != '\0' || errno != 0 || number < min || number > max) {
        fprintf(stderr, "%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64 "\n", option,
                text, min, max);
        return -EINVAL;
    }
    *ret_number = number;
    return 0;
}

int argument_seconds(const char *option, const char *text, double min, double max, int64_t *ret_ns)
{
    char  *end = NULL;
    double seconds = isdigit((unsigned char)text[0]) ? strtod(text, &end) : 0;
    /* Written so that a NaN fails too. */
    if (end == NULL || *end != '\0' || !(seconds >= min && seconds <= max)) {
        fprintf(stderr, "%s: '%s' is not a number of seconds from %g to %g\n", option, text, min,
                max);
        return -EINVAL;
    }
    *ret_ns = (int64_t)(seconds * 1e9);
    return 0;
}
