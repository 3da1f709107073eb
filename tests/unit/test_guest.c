/* test_guest.c - spawning from outside, and a thread that waits for a task from there. */
#include "runtime/sched/seat.h"
#include "tests/support/sim.h"

#include <criterion/criterion.h>
#include <pthread.h>

static struct sim sim;

static void begin(void)
{
    cr_assert_eq(sim_init(&sim, 2, 1, 0), 0);
}

static void end(void)
{
    sim_fini(&sim);
    cr_assert_eq(sim.alloc.live_blocks, 0u);
}

static struct seat *take(void)
{
    struct seat *seat = NULL;
    int rc = seat_take(&sim.sched, &seat);
    cr_assert_eq(rc, seat ? 0 : -ENOMEM);
    return seat;
}

TestSuite(guest, .init = begin, .fini = end, .timeout = 60);

struct counts {
    maru_frame frame;
    maru_pause pause;
    unsigned yields;
    maru_result result;
};

maru_async(counts)
{
    while (me->yields-- > 0)
        maru_try(maru_yield(&me->pause));
    maru_return(me->result);
}
maru_end;

Test(guest, a_task_from_outside_is_injected_and_announced)
{
    cr_assert(!sim_settle(&sim));
    maru_task *task = SIM_SPAWN(&sim, counts);
    cr_assert_not_null(task);
    cr_assert(task->state & STATE_HANDLE);
    cr_assert_eq(inject_len(&sim.sched.inject), 1u);
    cr_assert(sim.drivers[0].kicked || sim.drivers[1].kicked);
    cr_assert_eq(sim.sched.outside.spawned, 1u);
    cr_assert(!sim_settle(&sim));
    cr_assert(maru_task_is_finished(task));
    maru_detach(task);
}

Test(guest, a_bad_image_or_no_memory_is_no_task)
{
    maru_frame frame = { .depth_ = 0 };
    cr_assert_null(guest_spawn(&sim.sched, NULL, 100));
    cr_assert_null(guest_spawn(&sim.sched, &frame, 8));
    sim.alloc.fail_at = 1;
    cr_assert_null(SIM_SPAWN(&sim, counts));
    cr_assert_eq(sim.sched.outside.spawned, 0u);
    cr_assert_eq(inject_len(&sim.sched.inject), 0u);
}

Test(guest, after_closing_a_task_is_taken_back_whole)
{
    sched_close(&sim.sched);
    for (int i = 0; i < 10; i++)
        cr_assert_null(SIM_SPAWN(&sim, counts));
    cr_assert_eq(sim.sched.outside.spawned, sim.sched.outside.ended);
    cr_assert(sim_settle(&sim), "nothing keeps it open");
}

static void *spawn_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < 500; i++) {
        maru_task *task = SIM_SPAWN(&sim, counts, .yields = 1);
        if (task)
            maru_detach(task);
    }
    return NULL;
}

Test(guest, many_threads_may_spawn_at_once)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, spawn_many, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(inject_len(&sim.sched.inject), 2000u);
    cr_assert(!sim_settle(&sim));
    cr_assert_eq(sim_worker(&sim, 0)->polls + sim_worker(&sim, 1)->polls, 4000u);
}

/* ---- waiting ---- */

static maru_result run_as_worker(unsigned yields, maru_result result)
{
    struct worker *worker = sim_worker(&sim, 0);
    maru_task *task = SIM_SPAWN(&sim, counts, .yields = yields, .result = result);
    cr_assert_not_null(task);
    worker_enter(worker);
    maru_result joined = host_join(worker, task);
    worker_leave(worker);
    return joined;
}

Test(guest, a_host_runs_its_workers_loop_meanwhile)
{
    cr_assert_eq(run_as_worker(0, 5), 5);
    cr_assert_eq(run_as_worker(100, -EIO), -EIO);
    cr_assert_eq(sim_worker(&sim, 0)->polls, 102u);
}

Test(guest, a_task_that_has_ended_already_needs_no_wait)
{
    maru_task *task = SIM_SPAWN(&sim, counts, .result = 8);
    cr_assert(!sim_settle(&sim));
    uint64_t polls = sim_worker(&sim, 0)->polls;
    worker_enter(sim_worker(&sim, 0));
    cr_assert_eq(host_join(sim_worker(&sim, 0), task), 8);
    worker_leave(sim_worker(&sim, 0));
    cr_assert_eq(sim_worker(&sim, 0)->polls, polls);
}

#define IMAGE_(...) MARU_NEW_(__VA_ARGS__)

struct visit {
    unsigned yields;
    maru_result result, expected;
};

static void *be_guest(void *arg)
{
    struct visit *visit = arg;
    visit->result = guest_run(&sim.sched, IMAGE_(counts, .yields = visit->yields,
                                                 .result = visit->expected));
    return NULL;
}

Test(guest, a_guest_polls_its_own_future_and_needs_no_worker)
{
    struct visit visit = { .yields = 100, .expected = 5 };
    (void)be_guest(&visit);
    cr_assert_eq(visit.result, 5);
    cr_assert_null(context_here()->local, "it has left");
    cr_assert_eq(sim_worker(&sim, 0)->polls + sim_worker(&sim, 1)->polls, 0u);
    cr_assert_eq(inject_len(&sim.sched.inject), 0u);
}

Test(guest, guests_sit_down_again_and_several_at_once)
{
    enum { GUESTS = 4 };
    struct visit visits[GUESTS];
    pthread_t threads[GUESTS];
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < GUESTS; i++) {
            visits[i] = (struct visit){ .yields = 50, .expected = round * GUESTS + i };
            cr_assert_eq(pthread_create(&threads[i], NULL, be_guest, &visits[i]), 0);
        }
        for (int i = 0; i < GUESTS; i++) {
            pthread_join(threads[i], NULL);
            cr_assert_eq(visits[i].result, visits[i].expected);
        }
    }
    unsigned seats = 0;
    for (struct seat *seat = seats_of(&sim.sched); seat; seat = seat->next)
        seats++;
    cr_assert(seats >= 1 && seats <= GUESTS, "seats are used again: %u", seats);
}

Test(guest, no_seat_and_no_task_without_memory)
{
    for (uint64_t n = 1; n <= 3; n++) {
        sim.alloc.fail_at = n;
        maru_result result = guest_run(&sim.sched, IMAGE_(counts, .result = 1));
        cr_assert(result == -ENOMEM || (n == 3 && result == 1), "%d: %ld", (int)n, (long)result);
        sim.alloc.fail_at = 0;
        cr_assert_null(context_here()->local);
    }
}

Test(guest, a_closed_runtime_takes_no_guest)
{
    sched_close(&sim.sched);
    cr_assert_eq(guest_run(&sim.sched, IMAGE_(counts, .result = 1)), -MARU_ESHUTDOWN);
    cr_assert(sim_settle(&sim), "nothing keeps it open");
}

/* A server that answers: woken by the guest's poll, it runs in the guest's next-slot. */
struct bell {
    maru_leaf leaf;
    int rings;
};

static maru_result bell_poll(maru_future *self, maru_context *cx)
{
    struct bell *bell = (struct bell *)(void *)self;
    if (cx->ending != MARU_GO)
        return -ECANCELED;
    if (bell->rings > 0)
        return maru_leaf_is_complete(&bell->leaf) ? bell->rings : MARU_PENDING;
    bell->rings = 1;
    maru_leaf_wait(&bell->leaf, cx);
    return MARU_PENDING;
}

static const maru_future_type bell_type = { bell_poll, "bell" };

static maru_future *bell_wait(struct bell *bell)
{
    bell->rings = 0;
    return maru_future_init(&bell->leaf.future, &bell_type);
}

static struct bell *request, *answer;
static pthread_t answered_on;

struct answers {
    maru_frame frame;
    struct bell bell;
    int left;
};

maru_async(answers)
{
    while (me->left-- > 0) {
        request = &me->bell;
        maru_try(bell_wait(&me->bell));
        answered_on = pthread_self();
        maru_leaf_complete(&answer->leaf);
    }
}
maru_end;

struct asks {
    maru_frame frame;
    struct bell bell;
    int left;
};

static maru_result ask_poll(maru_future *self, maru_context *cx)
{
    struct bell *bell = (struct bell *)(void *)self;
    if (bell->rings == 0)
        maru_leaf_complete(&request->leaf);
    answer = bell;
    return bell_poll(self, cx);
}

static const maru_future_type ask_type = { ask_poll, "ask" };

maru_async(asks)
{
    while (me->left-- > 0) {
        me->bell.rings = 0;
        maru_try(maru_future_init(&me->bell.leaf.future, &ask_type));
    }
    maru_return(7);
}
maru_end;

Test(guest, request_and_reply_stay_on_the_guests_thread)
{
    enum { ROUNDS = 100 };
    maru_task *server = SIM_SPAWN(&sim, answers, .left = ROUNDS);
    cr_assert(!sim_settle(&sim));
    uint64_t polls = sim_worker(&sim, 0)->polls + sim_worker(&sim, 1)->polls;
    cr_assert_eq(guest_run(&sim.sched, IMAGE_(asks, .left = ROUNDS)), 7);
    cr_assert_eq(sim_worker(&sim, 0)->polls + sim_worker(&sim, 1)->polls, polls);
    cr_assert(pthread_equal(answered_on, pthread_self()));
    cr_assert(maru_task_is_finished(server));
    maru_detach(server);
}

Test(guest, what_a_guest_leaves_in_its_slot_is_handed_on)
{
    maru_task *server = SIM_SPAWN(&sim, answers, .left = 1);
    cr_assert(!sim_settle(&sim));
    struct seat *seat = take();
    maru_task *own = seat_spawn(seat, IMAGE_(asks, .left = 1));
    struct context *here = context_here();
    bool is_own;
    here->local = &seat->local;
    cr_assert_eq(seat_next(seat, &is_own), own);
    cr_assert(is_own);
    seat->polling = true;
    task_run(here, own);
    seat->polling = false;
    cr_assert_eq(seat->next_slot, server);
    seat_give(seat);
    here->local = NULL;
    cr_assert_eq(inject_len(&sim.sched.inject), 1u, "G4");
    cr_assert(!sim_settle(&sim));
    cr_assert(maru_task_is_finished(server));
    maru_detach(server);
    seat = take();       /* the same one: its own future has been answered */
    here->local = &seat->local;
    cr_assert_eq(seat_next(seat, &is_own), own);
    task_run(here, own);
    cr_assert(maru_task_is_finished(own));
    maru_detach(own);
    seat_give(seat);
    here->local = NULL;
}

static void count_slot(void *slot, void *count)
{
    (void)slot;
    ++*(unsigned *)count;
}

Test(guest, the_handle_is_given_back_by_the_join)
{
    (void)run_as_worker(3, 0);
    unsigned count = 0;
    slab_walk(&sim.sched.outside.tasks, count_slot, &count);
    cr_assert_eq(count, 0u);
    cr_assert_eq(sim_worker(&sim, 0)->local.ended, 1u);
    sim_stop(&sim);
}
