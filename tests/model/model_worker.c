/*
 * Models of the whole scheduler: real workers with their queues, searching, sleeping and waking,
 * with fake tasks and a driver that sleeps until it is kicked.  Tasks that wait for each other
 * inside their polls can end only if the scheduler puts each on a worker of its own; a wake-up that
 * is lost is a deadlock.
 */
#include "runtime/base/atomic.h"
#include "support/fakes.h"
#include "support/workers.h"

static uint32_t place;

static void begin(uint32_t workers, unsigned runs)
{
    workers_begin(workers);
    fakes_begin(runs);
    mc_label(&place, "meeting place");
}

static void start(uint32_t workers)
{
    for (uint32_t i = 0; i < workers; i++)
        mc_spawn(workers_run, &worker_numbers[i]);
}

static void meet(void)
{
    fakes_meet(&place, 2);
}

static void inject(unsigned i)
{
    fake_schedule(i, SCHEDULE_WOKEN);
}

/* Nobody searches, sleeps or is on watch any more; each task ran once. */
static void check_end(unsigned tasks)
{
    mc_join_all();
    for (unsigned i = 0; i < tasks; i++)
        MC_CHECK(fake_runs(i) == 1);
    MC_CHECK(fakes_runs() == tasks);
}

/* ---- from outside ---- */

static void injected_is_run(void)
{
    begin(2, 1);
    fake_set(0, NULL);
    start(2);
    inject(0);
    check_end(1);
}

static void one_worker_alone(void)
{
    begin(1, 2);
    fake_set(0, NULL);
    fake_set(1, NULL);
    start(1);
    inject(0);
    inject(1);
    check_end(2);
}

static void injected_meet(void)
{
    begin(2, 2);
    fake_set(0, meet);
    fake_set(1, meet);
    start(2);
    inject(0);
    inject(1);
    check_end(2);
}

/*
 * Of three workers the third is busy elsewhere.  Both announcements can be hushed by one searcher,
 * who then falls asleep, finds the work, and takes only its share of the inject queue.
 */
static void inject_two(void *unused)
{
    (void)unused;
    inject(0);
    inject(1);
}

static void hushed_by_a_searcher(void)
{
    begin(3, 2);
    worker_set_asleep(0);
    fake_set(0, meet);
    fake_set(1, meet);
    mc_spawn(workers_run, &worker_numbers[0]);
    mc_spawn(inject_two, NULL);
    workers_run(&worker_numbers[1]);
    check_end(2);
}

/* ---- from a poll ---- */

static void spawn_and_meet(void)
{
    fake_schedule(1, SCHEDULE_SPAWNED);
    meet();
}

static void spawned_meets(void)
{
    begin(2, 2);
    worker_set_asleep(1);
    fake_set(0, spawn_and_meet);
    fake_set(1, meet);
    start(2);
    inject(0);
    check_end(2);
}

static void child_and_meet(void)
{
    fake_schedule(1, SCHEDULE_CHILD);
    meet();
}

static void child_meets(void)
{
    begin(2, 2);
    worker_set_asleep(1);
    fake_set(0, child_and_meet);
    fake_set(1, meet);
    start(2);
    inject(0);
    check_end(2);
}

static void wake_another(void)
{
    fake_schedule(1, SCHEDULE_WOKEN);
}

static void wake_runs(void)
{
    begin(2, 2);
    worker_set_asleep(1);
    fake_set(0, wake_another);
    fake_set(1, NULL);
    start(2);
    inject(0);
    check_end(2);
}

/* The second wake moves the first task out of the next-slot: that one is for everybody. */
static void wake_two_and_meet(void)
{
    fake_schedule(1, SCHEDULE_WOKEN);
    fake_schedule(2, SCHEDULE_WOKEN);
    meet();
}

static void displaced_meets(void)
{
    begin(2, 3);
    worker_set_asleep(1);
    fake_set(0, wake_two_and_meet);
    fake_set(1, meet);
    fake_set(2, NULL);
    start(2);
    inject(0);
    check_end(3);
}

static void again_until_met(void)
{
    if (fake_runs(0) == 1)
        fake_schedule(0, SCHEDULE_AGAIN);
}

static void again_with_others(void)
{
    begin(2, 3);
    fake_set(0, again_until_met);
    fake_set(1, NULL);
    start(2);
    inject(0);
    inject(1);
    mc_join_all();
    MC_CHECK(fake_runs(0) == 2 && fake_runs(1) == 1);
}

/* A task that yields tells others only if there is something for them. */
static void again_is_told(void)
{
    begin(2, 0);
    worker_set_polling(0);
    worker_set_asleep(1);
    fake_schedule(0, SCHEDULE_AGAIN);
    MC_CHECK(worker_kicks() == 0);
    fake_schedule(1, SCHEDULE_AGAIN);
    MC_CHECK(worker_kicks() == 1);
}

/* More than a fifo holds: the rest goes through the inject queue. */
static void spawn_many(void)
{
    for (unsigned i = 1; i <= QUEUE_SLOTS + 1; i++)
        fake_schedule(i, SCHEDULE_SPAWNED);
}

static void overflow(void)
{
    begin(2, QUEUE_SLOTS + 2);
    worker_set_asleep(1);
    fake_set(0, spawn_many);
    for (unsigned i = 1; i <= QUEUE_SLOTS + 1; i++)
        fake_set(i, NULL);
    start(2);
    inject(0);
    check_end(QUEUE_SLOTS + 2);
}

static void children_many(void)
{
    for (unsigned i = 1; i <= QUEUE_SLOTS + 1; i++)
        fake_schedule(i, SCHEDULE_CHILD);
}

static void overflow_of_children(void)
{
    begin(2, QUEUE_SLOTS + 2);
    worker_set_asleep(1);
    fake_set(0, children_many);
    for (unsigned i = 1; i <= QUEUE_SLOTS + 1; i++)
        fake_set(i, NULL);
    start(2);
    inject(0);
    check_end(QUEUE_SLOTS + 2);
}

/* ---- from the driver ---- */

static uint32_t event_came;

static void complete_two(struct worker *worker)
{
    if (worker->local.id != 0 || !atomic_exchange_acq(&event_came, 0u))
        return;
    fake_schedule(0, SCHEDULE_WOKEN);
    fake_schedule(1, SCHEDULE_WOKEN);
}

/* One turn makes two tasks ready: one is for another worker. */
static void completed_meet(void)
{
    begin(2, 2);
    worker_on_turn = complete_two;
    fake_set(0, meet);
    fake_set(1, meet);
    start(2);
    atomic_store_rel(&event_came, 1u); /* pairs with complete_two */
    worker_event(0);
    check_end(2);
}

/* ---- fairness ---- */

static void ping(void)
{
    if (fakes_runs() > 64)
        mc_fail("F1: a task was not polled within 64 polls of two others");
    fake_schedule(fake_runs(0) > fake_runs(1), SCHEDULE_WOKEN);
}

static void end_after_both(void)
{
    if (fake_runs(2) && fake_runs(3))
        workers_end();
}

/* Two tasks that wake each other for ever starve neither the fifo nor the inject queue. */
static void ping_pong(void)
{
    begin(1, 0);
    fake_set(0, ping);
    fake_set(1, ping);
    fake_set(2, end_after_both);
    fake_set(3, end_after_both);
    for (unsigned i = 0; i < 4; i++)
        if (i != 1)
            inject(i);
    workers_run(&worker_numbers[0]);
}

static unsigned turns;

static void run_again(void)
{
    if (fakes_runs() > 64)
        mc_fail("F1: injected tasks were not polled within 64 polls of a full fifo");
    fake_schedule(turns++ % QUEUE_SLOTS, SCHEDULE_AGAIN);
}

/* A fifo that is full for ever of tasks that yield starves no injected task. */
static void full_fifo(void)
{
    begin(1, 0);
    for (unsigned i = 0; i < QUEUE_SLOTS; i++)
        fake_set(i, run_again);
    fake_set(QUEUE_SLOTS, workers_end);
    for (unsigned i = 0; i <= QUEUE_SLOTS; i++)
        inject(i);
    workers_run(&worker_numbers[0]);
}

static const struct mc_model models[] = {
    {.name = "one_worker_alone",
     .claim = "P1: one worker runs two tasks from outside",
     .body = one_worker_alone,
     .bound = 3},
    {.name = "injected_is_run",
     .claim = "P1 P2: a task from outside is run by one of two workers",
     .body = injected_is_run,
     .bound = 1},
    {.name = "injected_meet",
     .claim = "P2: two tasks from outside get two workers",
     .body = injected_meet,
     .bound = 1},
    {.name = "hushed_by_a_searcher",
     .claim = "P2 P3: a searcher that falls asleep answers for all it has hushed",
     .body = hushed_by_a_searcher,
     .bound = 1},
    {.name = "spawned_meets",
     .claim = "P1 P2: what a poll spawns gets another worker",
     .body = spawned_meets,
     .bound = 1},
    {.name = "child_meets",
     .claim = "P1 P2: what a poll pushes to its deque gets another worker",
     .body = child_meets,
     .bound = 1},
    {.name = "wake_runs",
     .claim = "P2: what a poll wakes is run",
     .body = wake_runs,
     .bound = 1},
    {.name = "displaced_meets",
     .claim = "P2: what a second wake displaces gets another worker",
     .body = displaced_meets,
     .bound = 1},
    {.name = "again_with_others",
     .claim = "T1: a task that yields runs twice, another beside it once",
     .body = again_with_others,
     .bound = 1},
    {.name = "again_is_told",
     .claim = "P2: a task that yields beside others wakes a sleeper, alone it does not",
     .body = again_is_told},
    {.name = "overflow",
     .claim = "Q3 I2: what does not fit in the fifo is run all the same",
     .body = overflow,
     .bound = 1},
    {.name = "overflow_of_children",
     .claim = "D3 I2: what does not fit in the deque is run all the same",
     .body = overflow_of_children,
     .bound = 1},
    {.name = "completed_meet",
     .claim = "P2: of two tasks that a turn completes one is announced",
     .body = completed_meet,
     .bound = 2},
    {.name = "ping_pong",
     .claim = "F1: a chain of wakes starves no other task",
     .body = ping_pong,
     .bound = 1},
    {.name = "full_fifo",
     .claim = "F1: a full fifo starves no task from outside",
     .body = full_fifo,
     .bound = 1},
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
