/* log.c - see log.h. */
#include "runtime/base/log.h"

#include "runtime/base/config.h"

#include <stdarg.h>
#include <stdio.h>

void log_write(const struct log *log, enum maru_log_level level, const char *format, ...)
{
    char text[LOG_BYTES];
    va_list args;
    if (!log || !log->fn)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);       /* too long: cut */
    va_end(args);
    log->fn(log->arg, (int)level, text);
}
