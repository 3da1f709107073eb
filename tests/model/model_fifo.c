/*
 * Models of the run queue (runtime/queue/fifo.c): the owner is thread 0, everybody else a thief
 * with a queue of its own.  The number in each claim is an invariant of fifo.h.
 */
#include "runtime/base/atomic.h"
#include "runtime/queue/fifo.h"
#include "support/items.h"

static struct fifo fifo;
static struct fifo thieves[2];
static uint32_t asleep; /* stands for a sleeper's bit (P1) */

static void begin(void)
{
    items_begin();
    fifo_init(&fifo);
    fifo_init(&thieves[0]);
    fifo_init(&thieves[1]);
    mc_label(&fifo.head, "head");
    mc_label(&fifo.tail, "tail");
    mc_label(&thieves[0].head, "thief's head");
    mc_label(&thieves[0].tail, "thief's tail");
    mc_label(&asleep, "asleep");
}

static void push(unsigned i)
{
    MC_CHECK(fifo_push(&fifo, item_new(i)));
}

/* Fills the queue from item 0 on; returns how many that were. */
static unsigned fill(void)
{
    unsigned pushed = 0;
    while (pushed < QUEUE_SLOTS)
        push(pushed++);
    return pushed;
}

static bool pop(struct fifo *from)
{
    maru_task *item = fifo_pop(from);
    if (item)
        item_taken(item);
    return item;
}

/* The number of items that were taken, those in the thief's own queue included. */
static unsigned steal(struct fifo *victim, struct fifo *mine)
{
    uint64_t more;
    maru_task *item = fifo_steal(victim, mine, &more);
    if (!item)
        return 0;
    item_taken(item);
    MC_CHECK(more < QUEUE_SLOTS);
    return 1 + (unsigned)more;
}

static void steal_once(void *mine)
{
    steal(&fifo, mine);
}

static void steal_and_pop(void *mine)
{
    steal(&fifo, mine);
    while (pop(mine))
        ;
}

/* What is left belongs to the owners; then all of them must have been taken. */
static void pop_rest(unsigned pushed)
{
    mc_join_all();
    while (pop(&fifo) || pop(&thieves[0]) || pop(&thieves[1]))
        ;
    if (items_taken() != pushed)
        mc_fail("%u items were pushed and %u taken", pushed, items_taken());
}

/* ---- taken once ---- */

static void pop_against_steal(void)
{
    begin();
    mc_spawn(steal_and_pop, &thieves[0]);
    push(0);
    push(1);
    pop(&fifo);
    push(2);
    pop(&fifo);
    pop_rest(3);
}

static void two_thieves(void)
{
    begin();
    push(0);
    push(1);
    push(2);
    mc_spawn(steal_once, &thieves[0]);
    mc_spawn(steal_once, &thieves[1]);
    pop(&fifo);
    pop_rest(3);
}

/* The second thief knows of the push only through the first one's taking. */
static void two_thieves_quiet(void)
{
    begin();
    mc_spawn(steal_once, &thieves[0]);
    mc_spawn(steal_once, &thieves[1]);
    MC_CHECK(fifo_push_quietly(&fifo, item_new(0)));
    MC_CHECK(fifo_push_quietly(&fifo, item_new(1)));
    pop_rest(2);
}

static void steal_from_thief(void *mine)
{
    steal(&thieves[0], mine);
}

/* Half of the queue moves to the thief's, where a second thief takes some of it at once. */
static void batch(void)
{
    begin();
    unsigned pushed = fill();
    mc_spawn(steal_and_pop, &thieves[0]);
    mc_spawn(steal_from_thief, &thieves[1]);
    pop(&fifo);
    pop_rest(pushed);
}

/* A thief whose own queue has room for one takes no more along. */
static void small_room(void)
{
    begin();
    unsigned pushed = fill();
    for (unsigned i = 0; i < QUEUE_SLOTS; i++)
        MC_CHECK(fifo_push(&thieves[0], item_new(pushed++)));
    mc_spawn(steal_from_thief, &thieves[1]);
    unsigned got = steal(&fifo, &thieves[0]);
    MC_CHECK(got == 1 || got == 2);
    MC_CHECK(fifo_len(&thieves[0]) <= QUEUE_SLOTS);
    pop_rest(pushed);
}

/* ---- order ---- */

static void steal_in_order(void *mine)
{
    int last = -1;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t more;
        maru_task *item = fifo_steal(&fifo, mine, &more);
        for (; item; item = fifo_pop(mine)) {
            int number = (int)item_taken(item);
            MC_CHECK(number > last);
            last = number;
        }
    }
}

static void order(void)
{
    begin();
    push(0);
    push(1);
    mc_spawn(steal_in_order, &thieves[0]);
    push(2);
    int last = -1;
    for (maru_task *item = fifo_pop(&fifo); item; item = fifo_pop(&fifo)) {
        int number = (int)item_taken(item);
        MC_CHECK(number > last);
        last = number;
    }
    pop_rest(3);
}

/* ---- full and wrapped ---- */

/* A slow thief has copied slots when the owner pops and writes them anew. */
static void slot_reuse(void)
{
    begin();
    unsigned pushed = fill();
    mc_spawn(steal_and_pop, &thieves[0]);
    pop(&fifo);
    for (unsigned i = 0; i < 2; i++)
        if (fifo_push(&fifo, item_new(pushed)))
            pushed++; /* the second only if the thief has made room */
    pop(&fifo);
    pop_rest(pushed);
}

static void overflow(void)
{
    begin();
    unsigned pushed = fill();
    MC_CHECK(!fifo_push(&fifo, item_new(pushed)));
    MC_CHECK(!fifo_push_quietly(&fifo, item_new(pushed)));
    mc_spawn(steal_once, &thieves[0]);
    bool fits = fifo_push(&fifo, item_new(pushed));
    pop_rest(QUEUE_SLOTS + fits);
    MC_CHECK(item_is_taken(QUEUE_SLOTS) == fits);
}

/* ---- what is said of it ---- */

static void steal_until_one(void *mine)
{
    while (!steal(&fifo, mine))
        mc_relax();
}

static void publication(void)
{
    begin();
    mc_spawn(steal_until_one, &thieves[0]);
    push(0);
    mc_join_all();
    MC_CHECK(items_taken() == 1);
}

static void quiet_publication(void)
{
    begin();
    mc_spawn(steal_until_one, &thieves[0]);
    MC_CHECK(fifo_push_quietly(&fifo, item_new(0)));
    mc_join_all();
    MC_CHECK(items_taken() == 1);
}

/* Of two items the owner takes one at most, so one is always there. */
static void steal_must_succeed(void *mine)
{
    MC_CHECK(fifo_len(&fifo) > 0);
    MC_CHECK(steal(&fifo, mine) == 1);
}

static void never_empty(void)
{
    begin();
    push(0);
    push(1);
    mc_spawn(steal_must_succeed, &thieves[0]);
    pop(&fifo);
    pop_rest(2);
}

/* Two takers for two items: neither may be told that there is none. */
static void pop_must_succeed(void)
{
    begin();
    push(0);
    push(1);
    push(2);
    mc_spawn(steal_once, &thieves[0]); /* takes two of three, or one of two */
    MC_CHECK(pop(&fifo));
    pop_rest(3);
}

static void len_is_sane(void *unused)
{
    (void)unused;
    MC_CHECK(fifo_len(&fifo) <= 3);
}

static void len_never_negative(void)
{
    begin();
    mc_spawn(len_is_sane, NULL);
    mc_spawn(steal_once, &thieves[0]);
    for (unsigned i = 0; i < 3; i++)
        MC_CHECK(fifo_push_quietly(&fifo, item_new(i)));
    pop(&fifo);
    pop_rest(3);
}

static bool thief_missed;

static void announce_and_look(void *unused)
{
    (void)unused;
    atomic_store_sc(&asleep, 1u);
    thief_missed = fifo_len(&fifo) == 0;
}

static void announce_and_steal(void *unused)
{
    (void)unused;
    atomic_store_sc(&asleep, 1u);
    thief_missed = steal(&fifo, &thieves[0]) == 0;
}

static void look_after_push(bool quietly, void (*thief)(void *))
{
    begin();
    mc_spawn(thief, NULL);
    if (quietly) {
        MC_CHECK(fifo_push_quietly(&fifo, item_new(0)));
        fifo_publish(&fifo);
    } else {
        push(0);
    }
    bool owner_missed = !atomic_load_sc(&asleep);
    mc_join_all();
    MC_CHECK(!(owner_missed && thief_missed));
}

static void len_and_sleep(void)
{
    look_after_push(false, announce_and_look);
}

static void empty_and_sleep(void)
{
    look_after_push(false, announce_and_steal);
}

static void quiet_and_sleep(void)
{
    look_after_push(true, announce_and_look);
}

static void announce_and_look_at_thief(void *unused)
{
    (void)unused;
    atomic_store_sc(&asleep, 1u);
    thief_missed = fifo_len(&thieves[0]) == 0;
}

/* A thief that has moved a batch to its own queue is its producer. */
static void batch_and_sleep(void)
{
    begin();
    fill();
    mc_spawn(announce_and_look_at_thief, NULL);
    MC_CHECK(steal(&fifo, &thieves[0]) == QUEUE_SLOTS / 2);
    bool missed = !atomic_load_sc(&asleep);
    mc_join_all();
    MC_CHECK(!(missed && thief_missed));
}

static const struct mc_model models[] = {
    {.name = "pop_against_steal",
     .claim = "Q5: each item is taken once, by the owner or by a thief",
     .body = pop_against_steal,
     .bound = 4},
    {.name = "two_thieves",
     .claim = "Q5: two thieves and the owner share three items",
     .body = two_thieves,
     .bound = 4},
    {.name = "two_thieves_quiet",
     .claim = "Q5 Q7: a thief behind another one sees the pushes that one saw",
     .body = two_thieves_quiet,
     .bound = 4},
    {.name = "batch",
     .claim = "Q5 Q7: what a thief moves to its own queue can be stolen from there",
     .body = batch,
     .bound = 4},
    {.name = "small_room",
     .claim = "Q3: a thief moves no more than fits in its own queue",
     .body = small_room,
     .bound = 4},
    {.name = "order",
     .claim = "Q1: each taker gets items in the order of their pushes",
     .body = order,
     .bound = 4},
    {.name = "slot_reuse",
     .claim = "Q4: a slow thief never gets the newer item of a slot",
     .body = slot_reuse,
     .bound = 4},
    {.name = "overflow",
     .claim = "Q3: what does not fit is given back and changes nothing",
     .body = overflow,
     .bound = 4},
    {.name = "publication",
     .claim = "Q7: what was written before the push is seen by the thief",
     .body = publication,
     .bound = 4},
    {.name = "quiet_publication",
     .claim = "Q7: a quiet push publishes too, to who finds it",
     .body = quiet_publication,
     .bound = 4},
    {.name = "never_empty",
     .claim = "Q6 Q8: a thief is told empty only of an empty queue",
     .body = never_empty,
     .bound = 4},
    {.name = "pop_must_succeed",
     .claim = "Q6: the owner's pop fails only on an empty queue",
     .body = pop_must_succeed,
     .bound = 4},
    {.name = "len_never_negative",
     .claim = "Q1 Q3: the length is a guess, but never less than none",
     .body = len_never_negative,
     .bound = 4},
    {.name = "len_and_sleep",
     .claim = "Q8 P1: push and look, announce and count: not both miss",
     .body = len_and_sleep,
     .bound = 4},
    {.name = "empty_and_sleep",
     .claim = "Q8 P1: push and look, announce and steal: not both miss",
     .body = empty_and_sleep,
     .bound = 4},
    {.name = "quiet_and_sleep",
     .claim = "P1: a quiet push that was published is a push",
     .body = quiet_and_sleep,
     .bound = 4},
    {.name = "batch_and_sleep",
     .claim = "P1: a thief that moved a batch is its producer",
     .body = batch_and_sleep,
     .bound = 4},
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
