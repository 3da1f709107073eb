/* context.c - the thread-local itself, and this thread's real stack bounds. */
#include "runtime/base/context.h"

#include "runtime/base/check.h"
#include "runtime/base/local.h"

#include <pthread.h>

/* glibc keeps a small reserve, so that a dlopen of us succeeds; other libcs refuse that. */
#ifdef __GLIBC__
#define CONTEXT_TLS __attribute__((tls_model("initial-exec")))
#else
#define CONTEXT_TLS
#endif

static __thread struct context context CONTEXT_TLS;

struct context *context_here(void)
{
    return &context;
}

uint64_t context_seed(const struct context *here)
{
    return here->local->seed;
}

/* Never by distance to the stack pointer: our own slabs may lie right above a thread's stack. */
static COLD void find_stack(void)
{
    pthread_attr_t attr;
    void *low;
    size_t size;
    context.stack_low = context.stack_high = 1;
    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return;
    if (pthread_attr_getstack(&attr, &low, &size) == 0) {
        context.stack_low = (uintptr_t)low;
        context.stack_high = (uintptr_t)low + size;
    }
    (void)pthread_attr_destroy(&attr);          /* frees only what getattr allocated */
}

bool context_on_stack(const void *address)
{
    if (UNLIKELY(context.stack_high == 0))
        find_stack();
    uintptr_t at = (uintptr_t)address;
    return at >= context.stack_low && at < context.stack_high;
}
