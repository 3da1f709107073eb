/* log.h - telling the program something, through the function that its options named. */
#ifndef MARU_BASE_LOG_H
#define MARU_BASE_LOG_H

#include "maru/hooks.h"

struct log {
    maru_log_fn *fn;             /* NULL: nobody listens */
    void *arg;
};

/* One line, cut at LOG_BYTES. `log` may be NULL. Any thread, not under a lock. */
void log_write(const struct log *log, enum maru_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
