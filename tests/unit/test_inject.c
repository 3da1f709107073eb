/* test_inject.c - the global queue in one thread: I1 to I4, and what closing means. */
#include "runtime/queue/inject.h"

#include "runtime/base/rng.h"
#include "runtime/task/task.h"

#include <criterion/criterion.h>

enum { TASKS = 2000 };

static struct inject inject;
static maru_task tasks[TASKS];

static void begin(void)
{
    memset(&inject, 0xff, sizeof inject);
    inject_init(&inject);
}

TestSuite(inject, .init = begin);

static void fill(unsigned from, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cr_assert(inject_push(&inject, &tasks[from + i]));
}

static void expect(unsigned from, unsigned count, unsigned most)
{
    maru_task *batch[TASKS];
    while (count > 0) {
        unsigned n = inject_pop(&inject, batch, most);
        cr_assert_eq(n, count < most ? count : most);
        for (unsigned i = 0; i < n; i++)
            cr_assert_eq(batch[i], &tasks[from + i]);
        from += n;
        count -= n;
    }
}

Test(inject, a_new_one_is_empty_and_open)
{
    maru_task *task = &tasks[7];
    cr_assert_eq(inject_len(&inject), 0u);
    cr_assert_eq(inject_pop(&inject, &task, 1), 0u);
    cr_assert_eq(task, &tasks[7]);
    cr_assert(inject_push(&inject, &tasks[0]));
}

Test(inject, first_in_is_first_out_in_batches_of_any_size)
{
    for (unsigned most = 1; most <= 300; most += 13) {
        fill(0, 256);
        expect(0, 256, most);
        cr_assert_eq(inject_len(&inject), 0u);
    }
}

Test(inject, a_batch_takes_what_is_there_and_no_more)
{
    maru_task *batch[10] = { NULL };
    fill(0, 4);
    cr_assert_eq(inject_pop(&inject, batch, 10), 4u);
    cr_assert_eq(batch[3], &tasks[3]);
    cr_assert_null(batch[4]);
}

Test(inject, asking_for_none_takes_none)
{
    maru_task *task = NULL;
    fill(0, 2);
    cr_assert_eq(inject_pop(&inject, &task, 0), 0u);
    cr_assert_eq(inject_len(&inject), 2u);
    expect(0, 2, 2);
}

Test(inject, it_can_be_filled_again_after_it_was_emptied)
{
    for (int i = 0; i < 5; i++) {
        fill(0, 3);
        expect(0, 3, 64);
        cr_assert_null(inject.first);
        cr_assert_null(inject.last);
    }
}

Test(inject, a_task_s_old_link_does_not_lead_anywhere)
{
    tasks[0].next = &tasks[999];
    cr_assert(inject_push(&inject, &tasks[0]));
    expect(0, 1, 64);
    cr_assert_eq(inject_len(&inject), 0u);
}

Test(inject, it_has_no_limit)
{
    fill(0, TASKS);
    cr_assert_eq(inject_len(&inject), (uint64_t)TASKS);
    expect(0, TASKS, 64);
}

Test(inject, after_closing_no_task_enters)
{
    fill(0, 2);
    inject_close(&inject);
    cr_assert_not(inject_push(&inject, &tasks[5]));
    cr_assert_eq(inject_len(&inject), 2u);
    expect(0, 2, 64);
    cr_assert_not(inject_push(&inject, &tasks[5]));
    cr_assert_eq(inject_len(&inject), 0u);
}

Test(inject, a_wake_up_reaches_its_task_also_while_closing)
{
    fill(0, 1);
    inject_close(&inject);
    inject_push_live(&inject, &tasks[1]);
    cr_assert_eq(inject_len(&inject), 2u);
    expect(0, 2, 64);
}

Test(inject, closing_twice_is_closing)
{
    inject_close(&inject);
    inject_close(&inject);
    cr_assert_not(inject_push(&inject, &tasks[0]));
}

Test(inject, random_sequences_agree_with_a_plain_array)
{
    static maru_task *expected[400000];
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rng rng = { seed };
        unsigned first = 0, end = 0, unused = 0;
        begin();
        for (int step = 0; step < 20000; step++) {
            maru_task *batch[64];
            uint32_t most = rng_below(&rng, 64);
            if (rng_below(&rng, 40) && end - first < TASKS) {
                expected[end] = &tasks[unused++ % TASKS];
                inject_push_live(&inject, expected[end++]);
            } else {
                unsigned n = inject_pop(&inject, batch, most);
                cr_assert_eq(n, end - first < most ? end - first : most);
                for (unsigned i = 0; i < n; i++)
                    cr_assert_eq(batch[i], expected[first++]);
            }
            cr_assert_eq(inject_len(&inject), end - first);
        }
    }
}
