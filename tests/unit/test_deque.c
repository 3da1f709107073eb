/* test_deque.c - the deque in one thread, against an array: D1 to D5 and D8. What two threads do
 * to it is searched by model_deque. */
#include "runtime/queue/deque.h"

#include "runtime/base/rng.h"
#include "runtime/task/task.h"

#include <criterion/criterion.h>

enum { TASKS = 1024 };

static struct deque deque;
static maru_task tasks[TASKS];

static void begin(void)
{
    deque_init(&deque);
}

TestSuite(deque, .init = begin);

static void fill(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cr_assert(deque_push(&deque, &tasks[i]));
}

static maru_task *steal(void)
{
    maru_task *task = NULL;
    enum deque_result result = deque_steal(&deque, &task);
    cr_assert_neq(result, DEQUE_RETRY, "D6: nobody else is here");
    cr_assert_eq(result == DEQUE_OK, task != NULL);
    return task;
}

Test(deque, a_new_one_is_empty_for_everybody)
{
    maru_task *task = &tasks[7];
    cr_assert_null(deque_take(&deque));
    cr_assert_eq(deque_steal(&deque, &task), DEQUE_EMPTY);
    cr_assert_eq(task, &tasks[7]);
    cr_assert_eq(deque_len(&deque), 0u);
}

Test(deque, taking_from_an_empty_one_never_underflows)
{
    for (int i = 0; i < 10; i++) {
        cr_assert_null(deque_take(&deque));
        cr_assert_eq(deque.bottom, deque.top);
        cr_assert_null(steal());
    }
    cr_assert(deque_push(&deque, &tasks[0]));
    cr_assert_eq(deque_take(&deque), &tasks[0]);
    cr_assert_null(deque_take(&deque));
}

Test(deque, the_owner_takes_the_newest_first)
{
    fill(100);
    for (unsigned i = 100; i-- > 0;)
        cr_assert_eq(deque_take(&deque), &tasks[i]);
    cr_assert_null(deque_take(&deque));
}

Test(deque, a_thief_takes_the_oldest_first)
{
    fill(100);
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(steal(), &tasks[i]);
    cr_assert_null(steal());
    cr_assert_null(deque_take(&deque));
}

Test(deque, owner_and_thief_meet_in_the_middle)
{
    fill(QUEUE_SLOTS);
    for (unsigned i = 0; i < QUEUE_SLOTS / 2; i++) {
        cr_assert_eq(steal(), &tasks[i]);
        cr_assert_eq(deque_take(&deque), &tasks[QUEUE_SLOTS - 1 - i]);
    }
    cr_assert_null(steal());
    cr_assert_null(deque_take(&deque));
}

Test(deque, the_last_task_goes_to_whoever_comes_first)
{
    for (int i = 0; i < 20; i++) {
        fill(1);
        cr_assert_eq(i % 2 ? steal() : deque_take(&deque), &tasks[0]);
        cr_assert_null(i % 3 ? steal() : deque_take(&deque));
        cr_assert_eq(deque_len(&deque), 0u);
    }
}

Test(deque, a_full_one_refuses_and_is_unchanged)
{
    fill(QUEUE_SLOTS);
    uint64_t bottom = deque.bottom;
    cr_assert_not(deque_push(&deque, &tasks[999]));
    cr_assert_not(deque_push(&deque, &tasks[999]));
    cr_assert_eq(deque.bottom, bottom);
    cr_assert_eq(deque_len(&deque), QUEUE_SLOTS);
    for (unsigned i = QUEUE_SLOTS; i-- > 0;)
        cr_assert_eq(deque_take(&deque), &tasks[i]);
}

Test(deque, room_made_by_a_thief_is_seen_by_the_owner)
{
    fill(QUEUE_SLOTS);
    cr_assert_not(deque_push(&deque, &tasks[999]));
    cr_assert_eq(steal(), &tasks[0]);
    cr_assert(deque_push(&deque, &tasks[999]));
    cr_assert_not(deque_push(&deque, &tasks[998]));
    cr_assert_eq(deque_take(&deque), &tasks[999]);
}

Test(deque, the_indices_pass_the_end_of_their_range)
{
    cr_assert_gt(deque.top, UINT64_MAX - QUEUE_SLOTS);
    for (unsigned i = 0; i < 3 * QUEUE_SLOTS; i++) {
        cr_assert(deque_push(&deque, &tasks[i % TASKS]));
        cr_assert(deque_push(&deque, &tasks[(i + 1) % TASKS]));
        cr_assert_eq(steal(), &tasks[i % TASKS]);
        cr_assert_eq(deque_take(&deque), &tasks[(i + 1) % TASKS]);
    }
    cr_assert_lt(deque.top, 6 * QUEUE_SLOTS);
    cr_assert_eq(deque_len(&deque), 0u);
}

Test(deque, a_full_one_may_lie_across_the_end_of_the_range)
{
    fill(QUEUE_SLOTS);
    cr_assert_lt(deque.bottom, deque.top);
    cr_assert_eq(deque_len(&deque), QUEUE_SLOTS);
    cr_assert_not(deque_push(&deque, &tasks[0]));
}

Test(deque, the_length_is_what_was_pushed_less_what_was_taken)
{
    fill(10);
    cr_assert_eq(deque_len(&deque), 10u);
    (void)deque_take(&deque);
    (void)steal();
    cr_assert_eq(deque_len(&deque), 8u);
}

/* The reference: a plain array with two ends. */
static void walk_with_reference(uint64_t seed, uint32_t pushes_of_ten)
{
    struct rng rng = { seed };
    static maru_task *expected[TASKS * 64];
    unsigned first = 0, end = 0;
    deque_init(&deque);
    for (int step = 0; step < 30000; step++) {
        uint64_t top = deque.top;
        uint32_t dice = rng_below(&rng, 10);
        if (dice < pushes_of_ten) {
            maru_task *task = &tasks[rng_below(&rng, TASKS)];
            bool pushed = deque_push(&deque, task);
            cr_assert_eq(pushed, end - first < QUEUE_SLOTS, "seed %d", (int)seed);
            if (pushed)
                expected[end++] = task;
        } else if (dice % 2) {
            cr_assert_eq(deque_take(&deque), end > first ? expected[end - 1] : NULL);
            end -= end > first;
        } else {
            cr_assert_eq(steal(), end > first ? expected[first] : NULL);
            first += end > first;
        }
        cr_assert_eq(deque_len(&deque), end - first);
        cr_assert_leq(deque.top - top, 1u, "D1");
    }
}

Test(deque, random_sequences_agree_with_a_plain_array)
{
    for (uint32_t seed = 1; seed <= 20; seed++)
        walk_with_reference(seed, 3 + seed % 5);
}
