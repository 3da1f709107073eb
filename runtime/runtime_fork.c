/* runtime_fork.c - noticing that the process is the child of a fork.
 *
 * A fork copies a runtime's memory but not its threads, and shares its descriptors; so a runtime
 * that lived at the fork is dead in the child. It is noticed without a handler that would stay in
 * the process for ever, and without a system call a question: by a page that the kernel hands to a
 * child zeroed (MADV_WIPEONFORK). Kernels before 4.14 do not know it; there we ask who we are.
 *
 * What may be asked of a dead runtime is to be freed: memory and descriptors go, and nothing is
 * waited for, for there is nobody who would come. */
#include "runtime/runtime_parts.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

int runtime_mark_alive(maru_runtime *runtime)
{
    void *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                      0);
    if (page == MAP_FAILED)
        return -errno;
    runtime->is_wiped_by_fork = madvise(page, page_size(), MADV_WIPEONFORK) == 0;
    runtime->pid = getpid();
    runtime->alive = page;
    *runtime->alive = 1;
    return 0;
}

void runtime_unmark(maru_runtime *runtime)
{
    if (runtime->alive)
        (void)munmap(runtime->alive, page_size());      /* it cannot fail: the page is ours */
    runtime->alive = NULL;
}

bool runtime_is_dead(const maru_runtime *runtime)
{
    if (runtime->is_wiped_by_fork)
        return *runtime->alive == 0;
    return runtime->pid != getpid();
}

/* ---- who calls ---- */

bool runtime_is_inside(void)
{
    const struct context *here = context_here();
    return here->local && !runtime_is_dead(here->local->ops->runtime);
}

struct context runtime_step_out(void)
{
    struct context *here = context_here();
    const struct context before = *here;
    if (UNLIKELY(before.local != NULL))
        *here = (struct context){ .stack_low = before.stack_low, .stack_high = before.stack_high };
    return before;
}

void runtime_step_back(const struct context *before)
{
    if (UNLIKELY(before->local != NULL))
        *context_here() = *before;
}

bool runtime_is_host(const maru_runtime *runtime)
{
    return runtime->first_thread && pthread_equal(runtime->owner, pthread_self());
}

int runtime_may_enter(const maru_runtime *runtime, bool runs_workers)
{
    if (runtime_is_dead(runtime))
        return -EOWNERDEAD;
    if (runtime_is_inside() || (runs_workers && blocking_is_here(runtime->blocking)))
        return -EDEADLK;
    bool is_foreign = runtime->first_thread && !runtime_is_host(runtime);
    if (is_foreign && (runs_workers || runtime->flavor == MARU_FLAVOR_SINGLE))
        return -EPERM;
    return 0;
}
