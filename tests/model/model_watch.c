/*
 * Models of the watch over silent next-slots (runtime/sched/watch.c), with real workers.  Thread 0
 * is worker 0 inside a poll: it wakes a task, which nobody is told of, and then blocks until that
 * task has run.  Only the watch can find it.  Sleeps of the watch may end at any time.
 */
#include "runtime/base/atomic.h"
#include "support/fakes.h"
#include "support/workers.h"

static uint32_t place;
static uint32_t party; /* who meets: the poll, the task it woke, perhaps another one */

static void meet(void)
{
    fakes_meet(&place, atomic_load_rlx(&party));
}

static void begin(uint32_t workers, unsigned runs)
{
    workers_begin(workers);
    fakes_begin(runs);
    party = runs + 1;
    for (unsigned i = 0; i < runs; i++)
        fake_set(i, meet);
    mc_label(&place, "meeting place");
    worker_set_polling(0);
}

static void set_on_watch(uint32_t id)
{
    MC_CHECK(idle_watch_begin(&stage_sched.idle, id));
    stage_workers[id].watching = true;
}

static void fill_and_block(void)
{
    fake_schedule(0, SCHEDULE_WOKEN);
    meet();
    mc_join_all();
    MC_CHECK(fake_runs(0) == 1);
}

static void fill_meets_sleeper(void)
{
    begin(2, 1);
    worker_set_asleep(1);
    mc_spawn(workers_run, &worker_numbers[1]);
    fill_and_block();
}

/* Under a watch the first wake of a poll is silent, and the second tells of the first. */
static void watched_fill_is_silent(void)
{
    begin(2, 2);
    worker_set_asleep(1);
    set_on_watch(1);
    fake_schedule(0, SCHEDULE_WOKEN);
    MC_CHECK(worker_kicks() == 0);
    fake_schedule(1, SCHEDULE_WOKEN);
    MC_CHECK(worker_kicks() == 1);
}

/* Worker 1 is about to fall asleep: it sees the fill, or is seen. */
static void fill_meets_falling(void)
{
    begin(2, 1);
    mc_spawn(workers_run, &worker_numbers[1]);
    fill_and_block();
}

/* Worker 1 is on watch over nothing, so it resigns. */
static void fill_meets_resigning(void)
{
    begin(2, 1);
    worker_set_asleep(1);
    set_on_watch(1);
    mc_spawn(workers_run, &worker_numbers[1]);
    fill_and_block();
}

/* Worker 1 is on watch and gets a task that blocks too: worker 2 must watch now. */
static void watch_is_handed_on(void)
{
    begin(3, 2);
    worker_set_asleep(1);
    worker_set_asleep(2);
    set_on_watch(1);
    mc_spawn(workers_run, &worker_numbers[2]);
    mc_spawn(workers_run, &worker_numbers[1]);
    fake_schedule(1, SCHEDULE_SPAWNED);
    fill_and_block();
    MC_CHECK(fake_runs(1) == 1);
}

/* Worker 1 is woken to watch, and finds a task that blocks too, whose push it has hushed. */
static void woken_to_watch_finds_work(void)
{
    begin(3, 2);
    worker_set_asleep(1);
    worker_set_asleep(2);
    mc_spawn(workers_run, &worker_numbers[2]);
    mc_spawn(workers_run, &worker_numbers[1]);
    fake_schedule(0, SCHEDULE_WOKEN);
    fake_schedule(1, SCHEDULE_SPAWNED);
    meet();
    mc_join_all();
    MC_CHECK(fake_runs(0) == 1 && fake_runs(1) == 1);
}

/* The watch that found the task runs it, and it wakes another one there: silent again. */
static void fill_and_meet_again(void)
{
    fake_schedule(1, SCHEDULE_WOKEN);
    meet();
}

static void found_task_fills_too(void)
{
    begin(3, 2);
    fake_set(0, fill_and_meet_again);
    worker_set_asleep(1);
    worker_set_asleep(2);
    mc_spawn(workers_run, &worker_numbers[2]);
    mc_spawn(workers_run, &worker_numbers[1]);
    fill_and_block();
    MC_CHECK(fake_runs(1) == 1);
}

/* Owner and watch both want the task of the slot. */
static void owner_meets_watch(void)
{
    begin(2, 1);
    fake_set(0, NULL);
    worker_set_asleep(1);
    set_on_watch(1);
    mc_spawn(workers_run, &worker_numbers[1]);
    fake_schedule(0, SCHEDULE_WOKEN);
    stage_workers[0].polling = false;
    workers_run(&worker_numbers[0]);
    mc_join_all();
    MC_CHECK(fake_runs(0) == 1);
}

static const struct mc_model models[] = {
    {.name = "fill_meets_sleeper",
     .claim = "N2: a fill that finds no watch wakes a sleeper, who finds the task",
     .body = fill_meets_sleeper,
     .bound = 3},
    {.name = "watched_fill_is_silent",
     .claim = "N3 P2: a watched fill kicks nobody, a task that it displaces does",
     .body = watched_fill_is_silent},
    {.name = "fill_meets_falling",
     .claim = "N1 N2: a fill and a worker that falls asleep do not both miss",
     .body = fill_meets_falling,
     .bound = 2},
    {.name = "fill_meets_resigning",
     .claim = "N1: a fill and a watch that resigns do not both miss",
     .body = fill_meets_resigning,
     .bound = 2},
    {.name = "watch_is_handed_on",
     .claim = "N4: a watch that goes to work leaves another one",
     .body = watch_is_handed_on,
     .bound = 1,
     .limit = 80000},
    {.name = "woken_to_watch_finds_work",
     .claim = "P2 N2: who was woken to watch and finds work wakes another watch",
     .body = woken_to_watch_finds_work,
     .bound = 1,
     .limit = 80000},
    {.name = "found_task_fills_too",
     .claim = "N2 N4: a task found by the watch fills its slot: a second watch",
     .body = found_task_fills_too,
     .bound = 1,
     .limit = 80000},
    {.name = "owner_meets_watch",
     .claim = "T1: owner and watch take the task of a slot once",
     .body = owner_meets_watch,
     .bound = 2},
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
