/* check.c - the last words of a program that broke an invariant. */
#include "runtime/base/check.h"

#include "runtime/base/context.h"

#include <stdio.h>
#include <stdlib.h>

static void print_worker(void)
{
    const struct context *context = context_here();
    if (context->local)
        fprintf(stderr, " (worker %u, seed %llu)\n", context->worker_id,
                (unsigned long long)context_seed(context));
    else
        fputc('\n', stderr);
}

void check_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "maru: %s:%d: not true: %s", file, line, what);
    print_worker();
    abort();
}

void check_misuse(const char *function, const char *file, unsigned line, const char *why)
{
    if (file)
        fprintf(stderr, "maru: %s (%s:%u): %s", function, file, line, why);
    else
        fprintf(stderr, "maru: %s: %s", function, why);
    print_worker();
    abort();
}
