/* runtime_world.h - what the tests of the runtime object share: making one, counting what a process
 * has, and the smallest async function. */
#ifndef MARU_TESTS_UNIT_RUNTIME_WORLD_H
#define MARU_TESTS_UNIT_RUNTIME_WORLD_H

#include "maru.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <sched.h>

#define UNUSED __attribute__((unused))

UNUSED static maru_options options_with(uint32_t workers)
{
    maru_options options;
    maru_options_init(&options, sizeof options);
    options.workers = workers;
    return options;
}

UNUSED static maru_runtime *new_runtime(uint32_t workers)
{
    maru_options options = options_with(workers);
    maru_runtime *runtime = NULL;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    return runtime;
}

UNUSED static unsigned entries_of(const char *folder)
{
    unsigned count = 0;
    DIR *directory = opendir(folder);
    cr_assert_not_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* A thread that was joined may be listed for a moment longer. */
UNUSED static bool are_entries_of(const char *folder, unsigned count)
{
    for (int tries = 0; tries < 100000; tries++) {
        if (entries_of(folder) == count)
            return true;
        sched_yield();
    }
    return false;
}

struct value {
    maru_frame frame;
    maru_pause pause;
    unsigned yields;
    maru_result result;
};

UNUSED maru_async(value)
{
    while (me->yields-- > 0)
        maru_try(maru_yield(&me->pause));
    maru_return(me->result);
}
maru_end;

#endif
