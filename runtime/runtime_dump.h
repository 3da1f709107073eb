/* runtime_dump.h - internal face of dumps: with a buffer made before, and broken off at will. */
#ifndef MARU_RUNTIME_DUMP_H
#define MARU_RUNTIME_DUMP_H

#include "maru/dump.h"
#include "runtime/base/alloc.h"

struct dump;

/* Everything that a dump needs; NULL: no memory. */
struct dump *dump_new(struct alloc *alloc) MARU_MUST_USE;
void dump_free(struct dump *dump, struct alloc *alloc);

/* As maru_dump. `stop_fd`: -ECANCELED as soon as it can be read from; -1: never. */
int dump_write(struct dump *dump, maru_runtime *runtime, int fd, int stop_fd) MARU_MUST_USE;

/* Undoes maru_dump_on_signal, if it was done (runtime_dump_signal.c). */
void dump_signal_fini(maru_runtime *runtime);

/* The same in the child of a fork. */
void dump_signal_abandon(maru_runtime *runtime);

#endif
