/*
 * Models of closing a runtime: the real workers, the real shutdown.c, and real tasks with their
 * slabs.  A worker thread ends only when its step says STOPPED, so a worker that is not told, or a
 * task that is not, shows as a deadlock.
 */
#include "maru/async.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/sched/guest.h"
#include "support/workers.h"

static struct alloc memory;
static uint32_t started, ended_tasks, cancelled; /* counts by the tasks themselves */

void check_misuse(const char *function, const char *file, unsigned line, const char *why)
{
    mc_fail("misuse of %s at %s:%u: %s", function, file ? file : "?", line, why);
}

static void local_begin(struct local *local)
{
    local->ops = &stage_sched.ops;
    slab_init(&local->tasks, &memory, local, TASK_LIVENESS);
    slab_init(&local->children, &memory, local, CHILD_LIVENESS);
}

static void begin(uint32_t workers)
{
    workers_begin(workers);
    stage_sched.ops.waker = task_waker_ops;
    local_begin(&stage_sched.outside);
    for (uint32_t i = 0; i < workers; i++)
        local_begin(&stage_workers[i].local);
    mc_label(&stage_sched.closed_workers, "closed workers");
    mc_label(&stage_sched.quiet, "quiet");
    mc_label(&stage_sched.outside.spawned, "spawned outside");
    mc_label(&stage_sched.outside.ended, "ended outside");
    mc_label(&started, "started");
    mc_label(&ended_tasks, "ended");
}

static void start(uint32_t workers)
{
    for (uint32_t i = 0; i < workers; i++)
        mc_spawn(workers_run, &worker_numbers[i]);
}

static void local_end(struct local *local)
{
    slab_fini(&local->tasks);
    slab_fini(&local->children);
}

static uint64_t live_in(const struct local *local)
{
    return local->spawned - local->ended;
}

/* All workers have stopped: no task is left, in no queue and in no slab, nor any memory. */
static void check_stopped(uint32_t workers)
{
    mc_join_all();
    uint64_t live = live_in(&stage_sched.outside);
    for (uint32_t i = 0; i < workers; i++) {
        struct worker *worker = &stage_workers[i];
        live += live_in(&worker->local);
        MC_CHECK(fifo_len(&worker->fifo) == 0 && deque_len(&worker->deque) == 0);
        MC_CHECK(!worker->next_slot);
        local_end(&worker->local);
    }
    local_end(&stage_sched.outside);
    MC_CHECK(live == 0);
    MC_CHECK(inject_len(&stage_sched.inject) == 0);
    MC_CHECK(started == ended_tasks);
    MC_CHECK(memory.live_blocks == 0);
}

/* ---- tasks ---- */

struct brief {
    maru_frame frame;
};

maru_async(brief)
{
    atomic_add_rlx(&started, 1u);
    atomic_add_rlx(&ended_tasks, 1u);
}
maru_end;

struct patient {
    maru_frame frame;
};

/* Waits until it is cancelled. */
maru_async(patient)
{
    atomic_add_rlx(&started, 1u);
    maru_await_cancel();
    atomic_add_rlx(&cancelled, 1u);
maru_finally:
    atomic_add_rlx(&ended_tasks, 1u);
}
maru_end;

struct parent {
    maru_frame frame;
    maru_task *child;
};

static uint32_t refused;

/* Spawns a task that waits for its end, and waits for nobody itself. */
maru_async(parent)
{
    atomic_add_rlx(&started, 1u);
    me->child = maru_spawn(patient);
    if (!me->child)
        atomic_add_rlx(&refused, 1u);
    maru_detach(me->child);
    atomic_add_rlx(&ended_tasks, 1u);
}
maru_end;

/* ---- from outside ---- */

#define SPAWN_OUTSIDE(...)  SPAWN_OUTSIDE_(__VA_ARGS__, )
#define SPAWN_OUTSIDE_(...) guest_spawn(&stage_sched, MARU_NEW_(__VA_ARGS__))

static bool entered;

static void spawn_brief(void *unused)
{
    (void)unused;
    maru_task *task = SPAWN_OUTSIDE(brief);
    entered = task;
    maru_detach(task);
}

static void close_it(void *unused)
{
    (void)unused;
    sched_close(&stage_sched);
}

/* ---- models ---- */

static void close_idle(void)
{
    begin(2);
    worker_set_asleep(0);
    start(2);
    close_it(NULL);
    check_stopped(2);
}

/* Before any close: a spawn from outside wakes a worker. */
static void spawn_wakes(void)
{
    begin(1);
    worker_set_asleep(0);
    start(1);
    spawn_brief(NULL);
    while (!atomic_load_acq(&ended_tasks))
        mc_relax();
    close_it(NULL);
    check_stopped(1);
    MC_CHECK(entered && started == 1);
}

static void spawn_against_close(void)
{
    begin(1);
    worker_set_asleep(0);
    start(1);
    mc_spawn(close_it, NULL);
    spawn_brief(NULL);
    check_stopped(1);
    MC_CHECK(started == entered);
}

static void spawn_against_close_of_two(void)
{
    begin(2);
    worker_set_asleep(0);
    worker_set_asleep(1);
    start(2);
    mc_spawn(close_it, NULL);
    spawn_brief(NULL);
    check_stopped(2);
    MC_CHECK(started == entered);
}

/* What was spawned before the close is run, with two workers that may both think they are done. */
static void close_after_spawn(void)
{
    begin(2);
    worker_set_asleep(0);
    start(2);
    spawn_brief(NULL);
    close_it(NULL);
    check_stopped(2);
    MC_CHECK(entered && started == 1);
}

static void waiting_task_is_cancelled(void)
{
    begin(1);
    start(1);
    maru_task *task = SPAWN_OUTSIDE(patient);
    MC_CHECK(task);
    maru_detach(task);
    close_it(NULL);
    check_stopped(1);
    MC_CHECK(cancelled == started);
}

static void waiting_task_of_two(void)
{
    begin(2);
    worker_set_asleep(1);
    start(2);
    maru_task *task = SPAWN_OUTSIDE(patient);
    MC_CHECK(task);
    maru_detach(task);
    close_it(NULL);
    check_stopped(2);
    MC_CHECK(cancelled == started);
}

/* A poll spawns while the runtime is being closed: the child is refused, or cancelled too. */
static void spawn_in_poll_against_close(void)
{
    begin(2);
    worker_set_asleep(1);
    start(2);
    maru_task *task = SPAWN_OUTSIDE(parent);
    MC_CHECK(task);
    maru_detach(task);
    close_it(NULL);
    check_stopped(2);
    MC_CHECK(started + refused == 2);
}

/* A worker may still spawn until it acknowledges; whoever cancels all must see that task. */
static void born_before_acknowledging(void)
{
    begin(2);
    worker_set_asleep(1);
    mc_spawn(workers_run, &worker_numbers[1]);
    worker_set_polling(0);
    close_it(NULL);
    struct patient image = MARU_IMAGE_(patient, );
    maru_task *task = task_new(&stage_workers[0].local, &image.frame, sizeof(image), 0);
    MC_CHECK(task);
    task_schedule(task, SCHEDULE_SPAWNED);
    stage_workers[0].polling = false;
    workers_run(&worker_numbers[0]);
    check_stopped(2);
    MC_CHECK(cancelled == started);
}

static const struct mc_model models[] = {
    {.name = "close_idle",
     .claim = "X1: two idle workers stop, asleep or falling asleep",
     .body = close_idle,
     .bound = 1},
    {.name = "spawn_wakes",
     .claim = "P1: a spawn from outside is run by a worker that sleeps",
     .body = spawn_wakes,
     .bound = 1},
    {.name = "spawn_against_close",
     .claim = "X1 X2: a spawn from outside runs and ends, or is refused",
     .body = spawn_against_close,
     .bound = 1},
    {.name = "spawn_against_close_of_two",
     .claim = "X1 X2: the same with two workers that sleep",
     .body = spawn_against_close_of_two,
     .bound = 1,
     .limit = 40000},
    {.name = "close_after_spawn",
     .claim = "X2: what came before the close is run before the workers stop",
     .body = close_after_spawn,
     .bound = 1,
     .limit = 60000},
    {.name = "waiting_task_is_cancelled",
     .claim = "X2: a task that waits is cancelled by the close, once",
     .body = waiting_task_is_cancelled},
    {.name = "waiting_task_of_two",
     .claim = "X2: the same with two workers, who agree on the end",
     .body = waiting_task_of_two,
     .bound = 1,
     .limit = 60000},
    {.name = "born_before_acknowledging",
     .claim = "X1 X2: a task spawned until the last moment is cancelled too",
     .body = born_before_acknowledging},
    {.name = "spawn_in_poll_against_close",
     .claim = "X1: a poll that spawns is refused, or its child is cancelled too",
     .body = spawn_in_poll_against_close,
     .bound = 1,
     .limit = 60000},
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
