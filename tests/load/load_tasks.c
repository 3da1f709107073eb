/* load_tasks.c - a million tasks live at once, each waiting: children of a scope that sleep, and
 * detached tasks that wait to be cancelled. Told: memory a task, times. Later rounds must find
 * room in what the first ones have left. */
#include "load.h"

#include <stdlib.h>

enum { TASKS = 1000000, ROUNDS = 4 };

static uint32_t waiting, ended;

struct sleeper {
    maru_frame frame;
    maru_sleep sleep;
};

maru_async(sleeper)
{
    atomic_add_rlx(&waiting, 1u);
    maru_await(maru_sleep_for(&me->sleep, 3600 * MARU_SEC));
    atomic_add_rlx(&ended, 1u);
}
maru_end;

struct patient {
    maru_frame frame;
};

maru_async(patient)
{
    atomic_add_rlx(&waiting, 1u);
    maru_await_cancel();
    atomic_add_rlx(&ended, 1u);
}
maru_end;

struct round {
    maru_frame frame;
    struct load *load;
    const char *what;
    bool detached, is_first;
    maru_task **tasks;
    int64_t began, all_wait, told;
    maru_metrics before, full;
    size_t resident_before, resident_full;
    maru_scope scope;
    maru_pause pause;
};

static maru_metrics metrics_here(void)
{
    return load_metrics(maru_runtime_current());
}

static int spawn_all(struct round *me)
{
    int rc = 0;
    for (int i = 0; i < TASKS && rc == 0; i++) {
        if (!me->detached)
            rc = maru_scope_spawn(&me->scope, sleeper);
        else if (!(me->tasks[i] = maru_spawn(patient)))
            rc = -ENOMEM;
    }
    return rc;
}

static void end_all(struct round *me)
{
    maru_scope_cancel(&me->scope);
    for (int i = 0; me->detached && i < TASKS; i++) {
        maru_cancel(me->tasks[i]);
        maru_detach(me->tasks[i]);
    }
}

static void report(const struct round *me)
{
    double bytes = (double)(me->full.bytes_allocated - me->before.bytes_allocated);
    double resident = (double)me->resident_full - (double)me->resident_before;
    load_check(me->load, me->full.live_tasks == TASKS + 1, "%llu tasks live",
               (unsigned long long)me->full.live_tasks);
    load_check(me->load, me->full.live_timers == (me->detached ? 0 : TASKS), "%llu timers live",
               (unsigned long long)me->full.live_timers);
    if (!me->is_first)
        return;
    load_figure(me->load,
                "%d %s: %.0f bytes each (%.0f resident), all waiting after %.2f s, ended in %.2f s",
                TASKS, me->what, bytes / TASKS, resident / TASKS,
                (double)(me->all_wait - me->began) / 1e9,
                (double)(maru_now() - me->told) / 1e9);
}

static bool is_full(const struct round *me)
{
    return me->full.live_tasks == TASKS + 1 && me->full.live_timers == (me->detached ? 0 : TASKS);
}

maru_async(round)
{
    waiting = ended = 0;
    me->before = metrics_here();
    me->resident_before = load_resident();
    me->began = maru_now();
    maru_check(spawn_all(me));
    while (atomic_load_acq(&waiting) < TASKS)
        maru_try(maru_yield(&me->pause));
    me->all_wait = maru_now();
    do {                /* a sum may be a moment old, and the last task about to begin its wait */
        maru_try(maru_yield(&me->pause));
        me->full = metrics_here();
    } while (!is_full(me) && maru_now() < me->all_wait + 5 * MARU_SEC);
    me->resident_full = load_resident();
    me->told = maru_now();
    end_all(me);
    maru_await(maru_scope_wait(&me->scope));
    while (atomic_load_acq(&ended) < TASKS)
        maru_try(maru_yield(&me->pause));
    report(me);
}
maru_end;

/* A worker's slabs keep the memory of the tasks that it made until the runtime ends, and the next
 * round may be made by another worker, or by the calling thread: each fills its own once. */
static void rounds(struct load *load, const char *what, bool detached)
{
    maru_runtime *runtime = load_runtime();
    maru_task **tasks = detached ? calloc(TASKS, sizeof *tasks) : NULL;
    uint64_t once = 0, most = 0;
    for (int i = 0; i < ROUNDS; i++) {
        maru_result rc = maru_block_on(runtime, round, .load = load, .what = what,
                                       .detached = detached, .tasks = tasks, .is_first = i == 0);
        load_check(load, rc == 0, "%s: %s", what, maru_err_name(rc));
        most = load_metrics(runtime).bytes_allocated;
        once = i == 0 ? most : once;
    }
    load_check(load, most <= (maru_runtime_workers(runtime) + 1) * (once + once / 16),
               "%s: %llu bytes after one round, %llu after %d", what, (unsigned long long)once,
               (unsigned long long)most, ROUNDS);
    free(tasks);
    load_runtime_end(load, runtime);
}

int main(int argc, char **argv)
{
    struct load load;
    if (!load_begin(&load, "tasks", argc, argv))
        return 2;
    rounds(&load, "sleeping children", false);
    rounds(&load, "detached tasks", true);
    return load_end(&load);
}
