/*
 * What a reader sees of an execution: names for addresses, a line per event, and the failure.
 * Lines are only written when a trace was asked for; a failure found without one is run again.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mc_engine.h"

enum {
    MAX_LABELS = 256,
    NAME_ROOM = 128,
    TRACE_ROOM = 1 << 20, /* some 20,000 lines; of a longer execution the beginning is shown */
};

static struct {
    const void *memory;
    const char *name;
} labels[MAX_LABELS];
static unsigned label_count;

static char *trace;
static size_t trace_used;

void trace_begin(void)
{
    label_count = 0;
    trace_used = 0;
    mc.has_failed = false;
    mc.failure[0] = '\0';
    mc.outcome[0] = '\0';
    if (mc.is_tracing && !trace)
        trace = malloc(TRACE_ROOM);
}

void mc_label(const void *memory, const char *name)
{
    if (label_count == MAX_LABELS)
        return;
    labels[label_count].memory = memory;
    labels[label_count++].name = name;
}

const char *trace_order(int order)
{
    static const char *const names[] = {"rlx", "con", "acq", "rel", "a-r", "sc "};
    return order >= 0 && order < 6 ? names[order] : "???";
}

const char *trace_name(uintptr_t addr)
{
    static char rooms[2][NAME_ROOM];
    static unsigned turn;
    char *text = rooms[turn++ % 2];
    for (unsigned i = label_count; i-- > 0;)
        if ((uintptr_t)labels[i].memory == addr)
            return labels[i].name;
    Dl_info info;
    if (heap_covers(addr))
        heap_name(addr, text, NAME_ROOM);
    else if (thread_stack_covers(addr))
        return thread_stack_name(addr);
    else if (dladdr((void *)addr, &info) && info.dli_sname)
        snprintf(text, NAME_ROOM, "%s + %#lx", info.dli_sname,
                 (unsigned long)(addr - (uintptr_t)info.dli_saddr));
    else if (dladdr((void *)addr, &info) && info.dli_fbase)
        snprintf(text, NAME_ROOM, "image + %#lx",
                 (unsigned long)(addr - (uintptr_t)info.dli_fbase));
    else
        snprintf(text, NAME_ROOM, "%#lx", (unsigned long)addr);
    return text;
}

static void trace_append(const char *format, va_list args)
{
    if (!trace || TRACE_ROOM - trace_used < 512)
        return;
    trace_used += (size_t)snprintf(trace + trace_used, 32, "    thread %u  ", mc.current);
    int len = vsnprintf(trace + trace_used, 400, format, args);
    trace_used += len < 400 ? (size_t)len : 399;
    trace[trace_used++] = '\n';
}

void trace_line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    trace_append(format, args);
    va_end(args);
}

void trace_print(void)
{
    if (trace)
        fwrite(trace, 1, trace_used, stdout);
}

void mc_note(const char *format, ...)
{
    if (!mc.is_tracing)
        return;
    bool was_inside = engine_enter();
    va_list args;
    va_start(args, format);
    trace_append(format, args);
    va_end(args);
    engine_leave(was_inside);
}

void mc_outcome(const char *format, ...)
{
    bool was_inside = engine_enter();
    size_t used = strlen(mc.outcome);
    if (used && used + 1 < sizeof(mc.outcome))
        mc.outcome[used++] = ' ';
    va_list args;
    va_start(args, format);
    vsnprintf(mc.outcome + used, sizeof(mc.outcome) - used, format, args);
    va_end(args);
    engine_leave(was_inside);
}

void fail_at(const char *format, va_list args)
{
    mc.inside = false;
    mc.has_failed = true;
    vsnprintf(mc.failure, sizeof(mc.failure), format, args);
    if (mc.is_active)
        thread_abandon();
}

void mc_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail_at(format, args);
    va_end(args);
    fprintf(stderr, "explorer: %s\n", mc.failure);
    exit(2);
}

void mc_check_failed(const char *file, int line, const char *what)
{
    const char *slash = strrchr(file, '/');
    mc_fail("%s:%d: %s does not hold", slash ? slash + 1 : file, line, what);
}

/* The library's CHECK ends here; its own check_failed is not linked into models. */
_Noreturn void check_failed(const char *file, int line, const char *what);

void check_failed(const char *file, int line, const char *what)
{
    mc_check_failed(file, line, what);
}
