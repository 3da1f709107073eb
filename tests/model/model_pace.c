/*
 * Paused clocks (runtime/sched/pace.c): a job on another thread holds the clock, wakes its task and
 * lets go, while the worker would jump to the next timer or falls asleep because it may not.
 */
#include "support/fakes.h"
#include "support/workers.h"

static void wake_by_timer(void)
{
    fake_schedule(1, SCHEDULE_WOKEN);
}

static int64_t now(void)
{
    return stage_sched.clock.virtual_ns;
}

static void no_time_has_passed(void)
{
    MC_CHECK(now() == 0);
}

static void it_is_time(void)
{
    MC_CHECK(now() == 5);
}

static void begin(unsigned runs)
{
    workers_begin(1);
    fakes_begin(runs);
    stage_sched.clock.can_pause = stage_sched.clock.is_paused = true;
    mc_label(&stage_sched.clock.holds, "holds");
    worker_deadline_ns = 5;
    worker_on_timer = wake_by_timer;
    fake_set(0, no_time_has_passed);
    fake_set(1, it_is_time);
}

static void job(void *unused)
{
    (void)unused;
    fake_schedule(0, SCHEDULE_WOKEN);
    sched_release_clock(&stage_sched);
}

static void job_takes_no_time(void)
{
    begin(2);
    clock_hold(&stage_sched.clock);
    mc_spawn(job, NULL);
    workers_run(&worker_numbers[0]);
    mc_join_all();
    MC_CHECK(fake_runs(0) == 1 && fake_runs(1) == 1);
}

static void let_go(void *unused)
{
    (void)unused;
    sched_release_clock(&stage_sched);
}

static void letting_go_wakes(void)
{
    begin(1);
    clock_hold(&stage_sched.clock);
    mc_spawn(let_go, NULL);
    workers_run(&worker_numbers[0]);
    mc_join_all();
    MC_CHECK(fake_runs(1) == 1);
}

static void two_hold(void)
{
    begin(2);
    clock_hold(&stage_sched.clock);
    clock_hold(&stage_sched.clock);
    mc_spawn(let_go, NULL);
    mc_spawn(job, NULL);
    workers_run(&worker_numbers[0]);
    mc_join_all();
    MC_CHECK(fake_runs(0) == 1 && fake_runs(1) == 1);
}

static const struct mc_model models[] = {
    {.name = "job_takes_no_time",
     .claim = "V2 V3: the clock does not move before the task of a job has run",
     .body = job_takes_no_time,
     .bound = 2},
    {.name = "letting_go_wakes",
     .claim = "V4: a worker that waits because of a hold hears that it is gone",
     .body = letting_go_wakes,
     .bound = 3},
    {.name = "two_hold",
     .claim = "V2 V4: the last of two who let go sets the clock free",
     .body = two_hold,
     .bound = 1},
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
