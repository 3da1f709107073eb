/* test_seat.c - seats of guests: taken, given, used again; what is woken from one, and where it
 * goes. Guests at work are test_guest.c's. */
#include "runtime/sched/seat.h"
#include "tests/support/sim.h"

#include <criterion/criterion.h>

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

TestSuite(seat, .init = begin, .fini = end, .timeout = 60);

struct brief {
    maru_frame frame;
};

maru_async(brief)
{
}
maru_end;

#define IMAGE_(...) MARU_NEW_(__VA_ARGS__, )

Test(seat, a_seat_is_taken_once_and_used_again)
{
    struct seat *a = take(), *b = take();
    cr_assert(a && b && a != b);
    seat_give(a);
    cr_assert_eq(take(), a);
    seat_give(a);
    seat_give(b);
}

Test(seat, seats_are_homed_on_all_workers)
{
    bool homed[2] = { false, false };
    struct seat *seats[4];
    for (int i = 0; i < 4; i++) {
        seats[i] = take();
        homed[seats[i]->local.id] = true;
        cr_assert(seats[i]->local.is_guest);
        cr_assert_eq(seats[i]->local.driver, &sim.drivers[seats[i]->local.id].driver);
    }
    cr_assert(homed[0] && homed[1]);
    for (int i = 0; i < 4; i++)
        seat_give(seats[i]);
}

Test(seat, without_memory_there_is_no_seat_and_nothing_is_left)
{
    for (uint64_t n = 1; n <= 2; n++) {
        sim.alloc.fail_at = n;
        cr_assert_null(take());
        cr_assert_null(seats_of(&sim.sched));
    }
    sim.alloc.fail_at = 0;
}

Test(seat, its_own_future_is_ready_at_once_and_in_no_queue)
{
    struct seat *seat = take();
    bool is_own = false;
    maru_task *own = seat_spawn(seat, IMAGE_(brief));
    cr_assert_not_null(own);
    cr_assert_eq(inject_len(&sim.sched.inject), 0u);
    cr_assert_eq(seat_next(seat, &is_own), own);
    cr_assert(is_own);
    struct context *here = context_here();
    here->local = &seat->local;
    task_run(here, own);
    cr_assert(maru_task_is_finished(own));
    maru_detach(own);
    seat_give(seat);
    here->local = NULL;
    cr_assert_eq(seat->local.spawned, seat->local.ended);
}

Test(seat, a_closing_runtime_takes_no_future)
{
    struct seat *seat = take();
    sched_close(&sim.sched);
    cr_assert_null(seat_spawn(seat, IMAGE_(brief)));
    cr_assert_eq(seat->local.spawned, 0u);
    seat_give(seat);
}

Test(seat, only_what_its_own_poll_wakes_goes_into_the_slot)
{
    struct seat *seat = take();
    maru_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = task_new(&seat->local, IMAGE_(brief), 0);
    seat->polling = true;
    seat_schedule(seat, tasks[0], SCHEDULE_WOKEN);
    cr_assert_eq(seat->next_slot, tasks[0]);
    cr_assert_eq(inject_len(&sim.sched.inject), 0u);
    seat_schedule(seat, tasks[1], SCHEDULE_WOKEN);
    cr_assert_eq(seat->next_slot, tasks[1], "the newest");
    cr_assert_eq(inject_len(&sim.sched.inject), 1u, "and the one before is handed on");
    seat_schedule(seat, tasks[2], SCHEDULE_SPAWNED);
    cr_assert_eq(inject_len(&sim.sched.inject), 2u);
    seat->polling = false;
    seat_schedule(seat, tasks[3], SCHEDULE_WOKEN);
    cr_assert_eq(inject_len(&sim.sched.inject), 3u, "a stranger's wake");
    seat_give(seat);
    cr_assert_eq(inject_len(&sim.sched.inject), 4u, "G4");
    cr_assert(!sim_settle(&sim));
    cr_assert_eq(sim_worker(&sim, 0)->polls + sim_worker(&sim, 1)->polls, 4u);
}

Test(seat, there_is_a_limit)
{
    struct seat **seats = calloc(GUESTS_MAX, sizeof *seats), *one_more = NULL;
    for (uint32_t i = 0; i < GUESTS_MAX; i++)
        seats[i] = take();
    size_t blocks = sim.alloc.live_blocks;
    cr_assert_eq(seat_take(&sim.sched, &one_more), -EAGAIN);
    cr_assert_eq(sim.alloc.live_blocks, blocks, "nothing has changed");
    seat_give(seats[7]);
    cr_assert_eq(take(), seats[7]);
    for (uint32_t i = 0; i < GUESTS_MAX; i++)
        seat_give(seats[i]);
    free(seats);
}
