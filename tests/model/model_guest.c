/*
 * Models of guests (runtime/sched/seat.h, guest.c): thread 0 polls its own future, others wake it
 * and take what it wakes.  Real tasks with their slabs, real workers.  A wake that is lost leaves a
 * guest asleep for ever, and shows as a deadlock.
 */
#include "maru/async.h"
#include "maru/err.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/sched/guest.h"
#include "runtime/sched/seat.h"
#include "support/workers.h"

static struct alloc memory;

void check_misuse(const char *function, const char *file, unsigned line, const char *why)
{
    mc_fail("misuse of %s at %s:%u: %s", function, file ? file : "?", line, why);
}

/* ---- the stage ---- */

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
}

static void local_end(struct local *local)
{
    slab_fini(&local->tasks);
    slab_fini(&local->children);
}

/* Everybody has gone: no task is live, and no memory left. */
static void check_over(uint32_t workers)
{
    uint64_t live = 0;
    for (struct seat *seat = stage_sched.seats; seat; seat = seat->next) {
        live += seat->local.spawned - seat->local.ended;
        MC_CHECK(!seat->next_slot && !seat->ready && !seat->taken);
    }
    live += stage_sched.outside.spawned - stage_sched.outside.ended;
    for (uint32_t i = 0; i < workers; i++)
        live += stage_workers[i].local.spawned - stage_workers[i].local.ended;
    MC_CHECK(live == 0);
    seats_free(&stage_sched, &memory);
    for (uint32_t i = 0; i < workers; i++)
        local_end(&stage_workers[i].local);
    local_end(&stage_sched.outside);
    MC_CHECK(memory.live_blocks == 0);
}

#define IMAGE(...)  IMAGE_(__VA_ARGS__, )
#define IMAGE_(...) MARU_NEW_(__VA_ARGS__)

/* ---- leaves ---- */

/* Waits to be rung, by any thread, once. */
struct bell {
    maru_leaf leaf;
    maru_leaf **place; /* where it is told that it waits */
};

static maru_result bell_poll(maru_future *self, maru_context *cx)
{
    struct bell *bell = (struct bell *)(void *)self;
    if (!bell->place)
        return maru_leaf_is_complete(&bell->leaf) ? 5 : MARU_PENDING;
    maru_leaf **place = bell->place;
    bell->place = NULL;
    maru_leaf_wait(&bell->leaf, cx);
    atomic_store_rel(place, &bell->leaf);
    return MARU_PENDING;
}

static const maru_future_type bell_type = {bell_poll, "bell"};

static maru_future *bell_wait(struct bell *bell, maru_leaf **place)
{
    bell->place = place;
    return maru_future_init(&bell->leaf.future, &bell_type);
}

static maru_leaf *bells[2];

static void ring(void *arg)
{
    maru_leaf **place = arg, *leaf;
    while (!(leaf = atomic_load_acq(place)))
        mc_relax();
    maru_leaf_complete(leaf);
}

/* ---- G2: a guest that is woken polls again ---- */

struct waits {
    maru_frame frame;
    struct bell bell;
};

maru_async(waits)
{
    maru_result n;
    maru_await(n, bell_wait(&me->bell, &bells[0]));
    maru_return(n);
}
maru_end;

static void sleeper_is_woken(void)
{
    begin(1);
    mc_spawn(ring, &bells[0]);
    MC_CHECK(guest_run(&stage_sched, IMAGE(waits)) == 5);
    mc_join_all();
    check_over(1);
}

struct waits_twice {
    maru_frame frame;
    struct bell bells[2];
};

maru_async(waits_twice)
{
    maru_result rc;
    maru_join(rc, bell_wait(&me->bells[0], &bells[0]), bell_wait(&me->bells[1], &bells[1]));
    maru_return(rc);
}
maru_end;

static void two_wakers(void)
{
    begin(1);
    mc_spawn(ring, &bells[0]);
    mc_spawn(ring, &bells[1]);
    MC_CHECK(guest_run(&stage_sched, IMAGE(waits_twice)) == 0);
    mc_join_all();
    check_over(1);
}

/* Two guests in turn: a late waker of the first one meets the second one in the seat. */
static void seat_is_used_again(void)
{
    begin(1);
    mc_spawn(ring, &bells[0]);
    MC_CHECK(guest_run(&stage_sched, IMAGE(waits)) == 5);
    atomic_store_rlx(&bells[0], NULL);
    mc_spawn(ring, &bells[0]);
    MC_CHECK(guest_run(&stage_sched, IMAGE(waits)) == 5);
    mc_join_all();
    MC_CHECK(stage_sched.seats && !stage_sched.seats->next);
    check_over(1);
}

/* ---- the next-slot ---- */

static uint32_t ran;

struct server {
    maru_frame frame;
    struct bell bell;
};

maru_async(server)
{
    maru_await(bell_wait(&me->bell, &bells[1]));
    atomic_store_rel(&ran, 1u);
    workers_end();
}
maru_end;

/* A task that waits for its bell, before anything else happens. */
static maru_task *server_begin(void)
{
    worker_enter(&stage_workers[0]);
    maru_task *task = task_new(&stage_workers[0].local, IMAGE(server), STATE_HANDLE);
    task_run(context_here(), task);
    worker_leave(&stage_workers[0]);
    worker_set_asleep(0);
    return task;
}

static void wait_for_server(void)
{
    while (!atomic_load_acq(&ran))
        mc_relax();
}

struct rings_and_blocks {
    maru_frame frame;
};

maru_async(rings_and_blocks)
{
    maru_leaf_complete(bells[1]);
    wait_for_server();
}
maru_end;

/* The poll does not end before the task that it has woken runs: only the watch can find it. */
static void stuck_guest_is_robbed(void)
{
    begin(1);
    maru_task *task = server_begin();
    mc_spawn(workers_run, &worker_numbers[0]);
    MC_CHECK(guest_run(&stage_sched, IMAGE(rings_and_blocks)) == 0);
    mc_join_all();
    maru_detach(task);
    check_over(1);
}

struct rings {
    maru_frame frame;
};

maru_async(rings)
{
    maru_leaf_complete(bells[1]);
}
maru_end;

/* It leaves with the task in its slot. */
static void slot_is_handed_on(void)
{
    begin(1);
    maru_task *task = server_begin();
    mc_spawn(workers_run, &worker_numbers[0]);
    MC_CHECK(guest_run(&stage_sched, IMAGE(rings)) == 0);
    wait_for_server();
    mc_join_all();
    maru_detach(task);
    check_over(1);
}

/* ---- G5: a guest in a runtime that closes ---- */

struct patient {
    maru_frame frame;
};

maru_async(patient)
{
    maru_await_cancel();
}
maru_end;

static void close_it(void *unused)
{
    (void)unused;
    sched_close(&stage_sched);
}

/* Its future, the last task there is, ends on its own thread: a worker must hear of it. */
static void leaves_while_closing(void)
{
    begin(1);
    worker_set_asleep(0);
    mc_spawn(workers_run, &worker_numbers[0]);
    mc_spawn(close_it, NULL);
    maru_result result = guest_run(&stage_sched, IMAGE(patient));
    MC_CHECK(result == 0 || result == -MARU_ESHUTDOWN);
    mc_join_all();
    check_over(1);
}

static const struct mc_model models[] = {
    {.name = "sleeper_is_woken",
     .claim = "G2: a wake and a guest that falls asleep do not both miss",
     .body = sleeper_is_woken,
     .bound = 4},
    {.name = "two_wakers",
     .claim = "G1 G2 T6: two wakers, one end, freed once",
     .body = two_wakers,
     .bound = 1,
     .limit = 100000},
    {.name = "seat_is_used_again",
     .claim = "G3: a late waker of the guest before does no harm",
     .body = seat_is_used_again,
     .bound = 2},
    {.name = "stuck_guest_is_robbed",
     .claim = "N1 N2: a guest's silent wake is found although its poll does not end",
     .body = stuck_guest_is_robbed,
     .bound = 2},
    {.name = "slot_is_handed_on",
     .claim = "G4: what a guest leaves in its slot runs",
     .body = slot_is_handed_on,
     .bound = 2},
    {.name = "leaves_while_closing",
     .claim = "G5 X2: a guest ends the last task of a closing runtime, and the worker stops",
     .body = leaves_while_closing,
     .bound = 1,
     .limit = 100000},
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
