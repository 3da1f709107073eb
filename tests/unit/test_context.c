/* test_context.c - the one thread-local, and whether an address is on this thread's stack. */
#include "runtime/base/context.h"

#include "runtime/base/local.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

Test(context, outside_of_workers_it_is_zero)
{
    const struct context *here = context_here();
    cr_assert_null(here->local);
    cr_assert_null(here->task);
    cr_assert_null(here->self_hint);
    cr_assert_eq(here->budget, 0u);
    cr_assert_not(here->again);
    cr_assert_not(here->exposed);
}

Test(context, it_is_the_same_one_at_every_call)
{
    cr_assert_eq(context_here(), context_here());
}

struct seen {
    struct context *context;
    bool was_zero, own_stack, other_stack;
    const void *on_other_stack;
};

static void *look(void *arg)
{
    struct seen *seen = arg;
    int here = 0;
    seen->context = context_here();
    seen->was_zero = seen->context->worker_id == 0;
    seen->own_stack = context_on_stack(&here);
    seen->other_stack = context_on_stack(seen->on_other_stack);
    return NULL;
}

Test(context, every_thread_has_its_own)
{
    int mine = 0;
    struct seen seen = { .on_other_stack = &mine };
    pthread_t thread;
    context_here()->worker_id = 9;
    cr_assert_eq(pthread_create(&thread, NULL, look, &seen), 0);
    pthread_join(thread, NULL);
    cr_assert_neq(seen.context, context_here());
    cr_assert(seen.was_zero);
    cr_assert_eq(context_here()->worker_id, 9u);
}

Test(context, a_thread_knows_its_own_stack_from_another_thread_s)
{
    int mine = 0;
    struct seen seen = { .on_other_stack = &mine };
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, look, &seen), 0);
    pthread_join(thread, NULL);
    cr_assert(seen.own_stack);
    cr_assert_not(seen.other_stack);
    cr_assert(context_on_stack(&mine));
}

Test(context, neither_heap_nor_statics_nor_null_are_on_the_stack)
{
    static int fixed;
    int *heap = calloc(1, sizeof *heap);
    cr_assert_not(context_on_stack(heap));
    cr_assert_not(context_on_stack(&fixed));
    cr_assert_not(context_on_stack(NULL));
    free(heap);
}

Test(context, the_bounds_of_the_stack_are_exact)
{
    int here = 0;
    cr_assert(context_on_stack(&here));
    uintptr_t low = context_here()->stack_low, high = context_here()->stack_high;
    cr_assert_lt(low, (uintptr_t)&here);
    cr_assert_gt(high, (uintptr_t)&here);
    cr_assert(context_on_stack((const void *)low));
    cr_assert_not(context_on_stack((const void *)(low - 1)));
    cr_assert(context_on_stack((const void *)(high - 1)));
    cr_assert_not(context_on_stack((const void *)high));
}

Test(context, unknown_bounds_contain_nothing)
{
    int here = 0;
    context_here()->stack_low = context_here()->stack_high = 1;
    cr_assert_not(context_on_stack(&here));
}

Test(context, the_seed_is_the_worker_s)
{
    struct local local = { .seed = 123456789012345 };
    context_here()->local = &local;
    cr_assert_eq(context_seed(context_here()), 123456789012345u);
    context_here()->local = NULL;
}
