/*
 * Models of the work-stealing deque (runtime/queue/deque.c): the owner is thread 0, everybody else
 * a thief.  The number in each claim is an invariant of deque.h.
 */
#include "runtime/base/atomic.h"
#include "runtime/queue/deque.h"
#include "support/items.h"

static struct deque deque;
static uint32_t asleep; /* stands for a sleeper's bit (P1) */

static void begin(void)
{
    items_begin();
    deque_init(&deque);
    mc_label(&deque.top, "top");
    mc_label(&deque.bottom, "bottom");
    mc_label(&asleep, "asleep");
}

static void push(unsigned i)
{
    MC_CHECK(deque_push(&deque, item_new(i)));
}

static bool take(void)
{
    maru_task *item = deque_take(&deque);
    if (item)
        item_taken(item);
    return item;
}

static enum deque_result steal(void)
{
    maru_task *item;
    enum deque_result result = deque_steal(&deque, &item);
    if (result == DEQUE_OK)
        item_taken(item);
    return result;
}

static void steal_once(void *unused)
{
    (void)unused;
    (void)steal(); /* any answer is fine: the body counts */
}

static void steal_twice(void *unused)
{
    steal_once(unused);
    steal_once(unused);
}

/* What is left belongs to the owner; then all of them must have been taken. */
static void take_rest(unsigned pushed)
{
    mc_join_all();
    while (take())
        ;
    if (items_taken() != pushed)
        mc_fail("%u items were pushed and %u taken", pushed, items_taken());
}

static void one_thief(void)
{
    begin();
    mc_spawn(steal_twice, NULL);
    push(0);
    push(1);
    take();
    push(2);
    take();
    take_rest(3);
}

static void two_thieves(void)
{
    begin();
    push(0);
    push(1);
    mc_spawn(steal_once, NULL);
    mc_spawn(steal_once, NULL);
    take();
    take();
    take_rest(2);
}

static void three_pushes_two_thieves(void)
{
    begin();
    mc_spawn(steal_once, NULL);
    mc_spawn(steal_once, NULL);
    push(0);
    push(1);
    take();
    take_rest(2);
}

/* ---- the last one ---- */

static void steal_and_tell(void *unused)
{
    (void)unused;
    if (steal() == DEQUE_OK)
        mc_outcome("thief");
}

static void last_item(void)
{
    begin();
    push(0);
    mc_spawn(steal_and_tell, NULL);
    if (take())
        mc_outcome("owner");
    mc_join_all();
    MC_CHECK(items_taken() == 1);
    MC_CHECK(deque_len(&deque) == 0);
}

/* After the fight for the last item the deque must work on as if nothing had been. */
static void push_after_last(void)
{
    begin();
    push(0);
    mc_spawn(steal_twice, NULL);
    take();
    push(1);
    take();
    take_rest(2);
}

/* ---- full and wrapped ---- */

static void full_and_wrapped(void)
{
    begin();
    unsigned pushed = 0;
    while (pushed < QUEUE_SLOTS)
        push(pushed++);
    mc_spawn(steal_twice, NULL);
    for (unsigned i = 0; i < 2; i++)
        if (deque_push(&deque, item_new(pushed)))
            pushed++; /* only if the thief has made room */
    take();
    take_rest(pushed);
}

/* A slow thief has read slot 0 when the owner writes the slot anew. */
static void slot_reuse(void)
{
    begin();
    unsigned pushed = 0;
    while (pushed < QUEUE_SLOTS)
        push(pushed++);
    mc_spawn(steal_once, NULL);
    mc_spawn(steal_once, NULL);
    if (deque_push(&deque, item_new(pushed)))
        pushed++;
    take_rest(pushed);
}

static void overflow(void)
{
    begin();
    for (unsigned i = 0; i < QUEUE_SLOTS; i++)
        push(i);
    MC_CHECK(!deque_push(&deque, item_new(QUEUE_SLOTS)));
    mc_spawn(steal_once, NULL);
    bool fits = deque_push(&deque, item_new(QUEUE_SLOTS));
    MC_CHECK(deque_len(&deque) >= QUEUE_SLOTS - 1);
    take_rest(QUEUE_SLOTS + fits);
    MC_CHECK(item_is_taken(QUEUE_SLOTS) == fits);
}

/* ---- what is said of it ---- */

static void steal_until_one(void *unused)
{
    (void)unused;
    while (steal() != DEQUE_OK)
        mc_relax();
}

static void publication(void)
{
    begin();
    mc_spawn(steal_until_one, NULL);
    push(0);
    mc_join_all();
    MC_CHECK(items_taken() == 1);
}

/* Of two items the owner takes one at most, so one is always there and nobody else takes it. */
static void steal_must_succeed(void *unused)
{
    (void)unused;
    MC_CHECK(deque_len(&deque) > 0);
    MC_CHECK(steal() == DEQUE_OK);
}

static void never_empty(void)
{
    begin();
    push(0);
    push(1);
    mc_spawn(steal_must_succeed, NULL);
    take();
    take_rest(2);
}

static bool thief_missed;

static void announce_and_look(void *unused)
{
    (void)unused;
    atomic_store_sc(&asleep, 1u);
    thief_missed = deque_len(&deque) == 0;
}

static void announce_and_steal(void *unused)
{
    (void)unused;
    atomic_store_sc(&asleep, 1u);
    thief_missed = steal() == DEQUE_EMPTY;
}

static void push_and_look(void (*thief)(void *))
{
    begin();
    mc_spawn(thief, NULL);
    push(0);
    bool owner_missed = !atomic_load_sc(&asleep);
    mc_join_all();
    MC_CHECK(!(owner_missed && thief_missed));
}

static void len_and_sleep(void)
{
    push_and_look(announce_and_look);
}

static void empty_and_sleep(void)
{
    push_and_look(announce_and_steal);
}

static const struct mc_model models[] = {
    {.name = "one_thief",
     .claim = "D5: each item is taken once, by the owner or by a thief",
     .body = one_thief,
     .bound = 4},
    {.name = "two_thieves",
     .claim = "D5: two thieves and the owner share two items",
     .body = two_thieves,
     .bound = 4},
    {.name = "two_thieves_and_pushes",
     .claim = "D5: two thieves steal what is just being pushed",
     .body = three_pushes_two_thieves,
     .bound = 4},
    {.name = "last_item",
     .claim = "D5: owner or thief gets the last item, never both, never none",
     .body = last_item,
     .bound = 4,
     .outcomes = "owner|thief"},
    {.name = "push_after_last",
     .claim = "D1 D5: the deque works on after a fight for its last item",
     .body = push_after_last,
     .bound = 4},
    {.name = "full_and_wrapped",
     .claim = "D3 D5: no item is lost or overwritten in a full deque that wraps",
     .body = full_and_wrapped,
     .bound = 4},
    {.name = "slot_reuse",
     .claim = "D4: a slow thief never gets the newer item of a slot",
     .body = slot_reuse,
     .bound = 4},
    {.name = "overflow",
     .claim = "D3: what does not fit is given back and changes nothing",
     .body = overflow,
     .bound = 4},
    {.name = "publication",
     .claim = "D7: what was written before the push is seen by the thief",
     .body = publication,
     .bound = 4},
    {.name = "never_empty",
     .claim = "D6 D8: a steal fails only on an empty deque or by another's take",
     .body = never_empty,
     .bound = 4},
    {.name = "len_and_sleep",
     .claim = "D8 P1: push and look, announce and count: not both miss",
     .body = len_and_sleep,
     .bound = 4},
    {.name = "empty_and_sleep",
     .claim = "D8 P1: push and look, announce and steal: not both miss",
     .body = empty_and_sleep,
     .bound = 4},
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
