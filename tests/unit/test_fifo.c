/* test_fifo.c - the run queue in one thread, against arrays: Q1 to Q6 and Q8. What several
 * threads do to it is searched by model_fifo. */
#include "runtime/queue/fifo.h"

#include "runtime/base/rng.h"
#include "runtime/task/task.h"

#include <criterion/criterion.h>

enum { TASKS = 1024 };

static struct fifo fifo, mine;
static maru_task tasks[TASKS];

static void begin(void)
{
    fifo_init(&fifo);
    fifo_init(&mine);
}

TestSuite(fifo, .init = begin);

static void fill(struct fifo *which, unsigned from, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cr_assert(fifo_push(which, &tasks[from + i]));
}

static void expect(struct fifo *which, unsigned from, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cr_assert_eq(fifo_pop(which), &tasks[from + i]);
}

Test(fifo, a_new_one_is_empty_for_everybody)
{
    uint64_t more = 99;
    cr_assert_null(fifo_pop(&fifo));
    cr_assert_null(fifo_steal(&fifo, &mine, &more));
    cr_assert_eq(more, 0u);
    cr_assert_eq(fifo_len(&fifo), 0u);
}

Test(fifo, first_in_is_first_out)
{
    fill(&fifo, 0, 100);
    expect(&fifo, 0, 100);
    cr_assert_null(fifo_pop(&fifo));
}

Test(fifo, a_full_one_refuses_both_kinds_of_push_and_is_unchanged)
{
    fill(&fifo, 0, QUEUE_SLOTS);
    cr_assert_not(fifo_push(&fifo, &tasks[999]));
    cr_assert_not(fifo_push_quietly(&fifo, &tasks[999]));
    cr_assert_eq(fifo_len(&fifo), QUEUE_SLOTS);
    expect(&fifo, 0, QUEUE_SLOTS);
    cr_assert_null(fifo_pop(&fifo));
}

Test(fifo, room_made_by_a_pop_can_be_used)
{
    fill(&fifo, 0, QUEUE_SLOTS);
    cr_assert_not(fifo_push(&fifo, &tasks[999]));
    expect(&fifo, 0, 1);
    cr_assert(fifo_push(&fifo, &tasks[999]));
    cr_assert_not(fifo_push(&fifo, &tasks[998]));
    expect(&fifo, 1, QUEUE_SLOTS - 1);
    expect(&fifo, 999, 1);
}

Test(fifo, a_quiet_push_is_in_its_place)
{
    cr_assert(fifo_push(&fifo, &tasks[0]));
    cr_assert(fifo_push_quietly(&fifo, &tasks[1]));
    cr_assert(fifo_push(&fifo, &tasks[2]));
    cr_assert_eq(fifo_len(&fifo), 3u);
    expect(&fifo, 0, 3);
}

Test(fifo, publishing_changes_nothing_but_order)
{
    fifo_publish(&fifo);
    cr_assert_null(fifo_pop(&fifo));
    cr_assert(fifo_push_quietly(&fifo, &tasks[0]));
    fifo_publish(&fifo);
    cr_assert_eq(fifo_len(&fifo), 1u);
    expect(&fifo, 0, 1);
}

Test(fifo, a_thief_takes_half_rounded_up_in_order)
{
    for (unsigned count = 1; count <= QUEUE_SLOTS; count++) {
        uint64_t more;
        unsigned taken = (count + 1) / 2;
        begin();
        fill(&fifo, 0, count);
        cr_assert_eq(fifo_steal(&fifo, &mine, &more), &tasks[0]);
        cr_assert_eq(more, taken - 1, "of %u", count);
        expect(&mine, 1, taken - 1);
        cr_assert_null(fifo_pop(&mine));
        expect(&fifo, taken, count - taken);
        cr_assert_null(fifo_pop(&fifo));
    }
}

Test(fifo, stolen_tasks_go_behind_the_thief_s_own)
{
    uint64_t more;
    fill(&mine, 500, 3);
    fill(&fifo, 0, 9);
    cr_assert_eq(fifo_steal(&fifo, &mine, &more), &tasks[0]);
    cr_assert_eq(more, 4u);
    expect(&mine, 500, 3);
    expect(&mine, 1, 4);
    expect(&fifo, 5, 4);
}

Test(fifo, a_thief_takes_no_more_than_fit)
{
    for (unsigned room = 0; room < 10; room++) {
        uint64_t more;
        begin();
        fill(&mine, 500, QUEUE_SLOTS - room);
        fill(&fifo, 0, 100);
        cr_assert_eq(fifo_steal(&fifo, &mine, &more), &tasks[0]);
        cr_assert_eq(more, room);
        cr_assert_eq(fifo_len(&mine), QUEUE_SLOTS);
        expect(&mine, 500, QUEUE_SLOTS - room);
        expect(&mine, 1, room);
        expect(&fifo, 1 + room, 99 - room);
    }
}

Test(fifo, room_made_by_a_thief_is_seen_by_the_owner)
{
    uint64_t more;
    fill(&fifo, 0, QUEUE_SLOTS);
    cr_assert_eq(fifo_steal(&fifo, &mine, &more), &tasks[0]);
    fill(&fifo, 500, QUEUE_SLOTS / 2);
    cr_assert_not(fifo_push(&fifo, &tasks[999]));
    expect(&fifo, QUEUE_SLOTS / 2, QUEUE_SLOTS / 2);
    expect(&fifo, 500, QUEUE_SLOTS / 2);
}

Test(fifo, the_indices_pass_the_end_of_their_range)
{
    cr_assert_gt(fifo.head, UINT64_MAX - QUEUE_SLOTS);
    for (unsigned i = 0; i < 3 * QUEUE_SLOTS; i++) {
        uint64_t more;
        fill(&fifo, i % 500, 3);
        expect(&fifo, i % 500, 1);
        cr_assert_eq(fifo_steal(&fifo, &mine, &more), &tasks[i % 500 + 1]);
        cr_assert_eq(more, 0u);
        expect(&fifo, i % 500 + 2, 1);
    }
    cr_assert_lt(fifo.head, 10 * QUEUE_SLOTS);
    cr_assert_eq(fifo_len(&fifo), 0u);
}

Test(fifo, a_full_one_may_lie_across_the_end_of_the_range)
{
    uint64_t more;
    fill(&fifo, 0, QUEUE_SLOTS);
    cr_assert_lt(fifo.tail, fifo.head);
    cr_assert_eq(fifo_len(&fifo), QUEUE_SLOTS);
    cr_assert_eq(fifo_steal(&fifo, &mine, &more), &tasks[0]);
    cr_assert_eq(more, QUEUE_SLOTS / 2 - 1);
    expect(&mine, 1, QUEUE_SLOTS / 2 - 1);
    expect(&fifo, QUEUE_SLOTS / 2, QUEUE_SLOTS / 2);
}

/* ---- against arrays ---- */

struct reference {
    maru_task *tasks[64 * TASKS];
    unsigned first, end;
};

static struct reference theirs_expected, mine_expected;

static void reference_steal(void)
{
    uint64_t more;
    struct reference *from = &theirs_expected, *to = &mine_expected;
    unsigned n = from->end - from->first, room = QUEUE_SLOTS - (to->end - to->first);
    maru_task *task = fifo_steal(&fifo, &mine, &more);
    cr_assert_eq(task, n ? from->tasks[from->first] : NULL);
    if (!n)
        return;
    unsigned rest = (n + 1) / 2 - 1;
    rest = rest < room ? rest : room;
    cr_assert_eq(more, rest);
    from->first++;
    while (rest-- > 0)
        to->tasks[to->end++] = from->tasks[from->first++];
}

static void reference_pop(struct fifo *which, struct reference *expected)
{
    bool any = expected->end > expected->first;
    cr_assert_eq(fifo_pop(which), any ? expected->tasks[expected->first] : NULL);
    expected->first += any;
}

static void reference_push(struct rng *rng)
{
    struct reference *expected = &theirs_expected;
    maru_task *task = &tasks[rng_below(rng, TASKS)];
    bool pushed = rng_below(rng, 2) ? fifo_push(&fifo, task) : fifo_push_quietly(&fifo, task);
    cr_assert_eq(pushed, expected->end - expected->first < QUEUE_SLOTS);
    if (pushed)
        expected->tasks[expected->end++] = task;
}

static void walk_with_reference(uint64_t seed, uint32_t pushes_of_ten)
{
    struct rng rng = { seed };
    begin();
    theirs_expected.first = theirs_expected.end = mine_expected.first = mine_expected.end = 0;
    for (int step = 0; step < 20000; step++) {
        uint64_t head = fifo.head, tail = fifo.tail;
        uint32_t dice = rng_below(&rng, 10);
        if (dice < pushes_of_ten)
            reference_push(&rng);
        else if (dice == 9)
            reference_steal();
        else if (dice % 2)
            reference_pop(&fifo, &theirs_expected);
        else
            reference_pop(&mine, &mine_expected);
        cr_assert_eq(fifo_len(&fifo), theirs_expected.end - theirs_expected.first);
        cr_assert_eq(fifo_len(&mine), mine_expected.end - mine_expected.first);
        cr_assert_leq(fifo_len(&fifo), QUEUE_SLOTS, "Q3");
        cr_assert_leq(fifo.head - head, QUEUE_SLOTS, "Q1");
        cr_assert_leq(fifo.tail - tail, 1u, "Q1");
    }
}

Test(fifo, random_sequences_agree_with_plain_arrays)
{
    for (uint32_t seed = 1; seed <= 20; seed++)
        walk_with_reference(seed, 4 + seed % 5);
}
