/*
 * Models of the inject queue (runtime/queue/inject.c).  The number in each claim is an invariant of
 * inject.h.
 */
#include "runtime/queue/inject.h"

#include "runtime/base/atomic.h"
#include "support/items.h"

static struct inject inject;
static uint32_t flag; /* a sleeper's bit (P1), or "close has returned" */

static void begin(void)
{
    items_begin();
    inject_init(&inject);
    mc_label(&inject.lock, "lock");
    mc_label(&inject.len, "len");
    mc_label(&flag, "flag");
}

/* Pops up to `most`, tells their numbers. */
static unsigned pop(unsigned most, unsigned *ret_numbers)
{
    maru_task *tasks[4];
    unsigned n = inject_pop(&inject, tasks, most);
    MC_CHECK(n <= most);
    for (unsigned i = 0; i < n; i++)
        ret_numbers[i] = item_taken(tasks[i]);
    return n;
}

static void push_two(void *arg)
{
    unsigned first = *(unsigned *)arg;
    MC_CHECK(inject_push(&inject, item_new(first)));
    MC_CHECK(inject_push(&inject, item_new(first + 1)));
}

static void pop_two(void *unused)
{
    unsigned numbers[2];
    (void)unused;
    (void)pop(2, numbers); /* the body counts */
}

static unsigned pop_rest(void)
{
    unsigned numbers[4], n, all = 0;
    mc_join_all();
    while ((n = pop(4, numbers)) > 0)
        all += n;
    MC_CHECK(inject_len(&inject) == 0);
    return all;
}

/* ---- order, once ---- */

static unsigned zero = 0, two = 2; /* arguments of push_two */

static void order(void)
{
    begin();
    unsigned numbers[4], n = 0, place[4] = {0};
    mc_spawn(push_two, &zero);
    mc_spawn(push_two, &two);
    while (n < 4) {
        unsigned more = pop(2, numbers + n);
        if (more == 0)
            mc_relax();
        n += more;
    }
    for (unsigned i = 0; i < 4; i++)
        place[numbers[i]] = i;
    MC_CHECK(place[0] < place[1] && place[2] < place[3]);
    MC_CHECK(pop_rest() == 0);
}

static void two_poppers(void)
{
    begin();
    push_two(&zero);
    mc_spawn(pop_two, NULL);
    mc_spawn(pop_two, NULL);
    inject_push_live(&inject, item_new(2));
    MC_CHECK(inject_push(&inject, item_new(3)));
    pop_rest();
    MC_CHECK(items_taken() == 4);
}

/* The popper empties the list while its end is being appended to. */
static void pop_the_last(void)
{
    begin();
    MC_CHECK(inject_push(&inject, item_new(3)));
    mc_spawn(pop_two, NULL);
    push_two(&zero);
    pop_rest();
    MC_CHECK(items_taken() == 3);
}

/* ---- closing ---- */

static bool accepted;

static void push_unless_closed(void *unused)
{
    (void)unused;
    bool is_closed = atomic_load_acq(&flag); /* pairs with close_and_pop */
    accepted = inject_push(&inject, item_new(0));
    MC_CHECK(!(is_closed && accepted));
}

static void push_against_close(void)
{
    begin();
    mc_spawn(push_unless_closed, NULL);
    inject_close(&inject);
    uint64_t entered = inject_len(&inject);
    atomic_store_rel(&flag, 1u); /* pairs with push_unless_closed */
    mc_join_all();
    MC_CHECK(entered == accepted); /* none enters after the close, and none is missed by it */
    MC_CHECK(pop_rest() == accepted);
}

static void push_live_once(void *unused)
{
    (void)unused;
    inject_push_live(&inject, item_new(0));
}

static void live_after_close(void)
{
    begin();
    mc_spawn(push_live_once, NULL);
    inject_close(&inject);
    MC_CHECK(!inject_push(&inject, item_new(1)));
    MC_CHECK(inject_len(&inject) <= 1);
    pop_rest();
    MC_CHECK(items_taken() == 1 && item_is_taken(0));
}

/* ---- the length ---- */

static bool sleeper_missed;

static void announce_and_look(void *unused)
{
    (void)unused;
    atomic_store_sc(&flag, 1u);
    sleeper_missed = inject_len(&inject) == 0;
}

static void push_and_look(bool is_live)
{
    begin();
    mc_spawn(announce_and_look, NULL);
    if (is_live)
        inject_push_live(&inject, item_new(0));
    else
        MC_CHECK(inject_push(&inject, item_new(0)));
    bool producer_missed = !atomic_load_sc(&flag);
    mc_join_all();
    MC_CHECK(!(producer_missed && sleeper_missed));
    pop_rest();
}

static void len_and_sleep(void)
{
    push_and_look(false);
}

static void live_len_and_sleep(void)
{
    push_and_look(true);
}

static void look_twice(void *unused)
{
    (void)unused;
    MC_CHECK(inject_len(&inject) > 0);
    MC_CHECK(inject_len(&inject) > 0);
}

/* One of two is taken and one is added: whoever looks must never be told that none is there. */
static void never_empty(void)
{
    begin();
    push_two(&zero);
    mc_spawn(look_twice, NULL);
    unsigned number;
    MC_CHECK(pop(1, &number) == 1);
    MC_CHECK(inject_push(&inject, item_new(2)));
    MC_CHECK(pop(1, &number) == 1);
    pop_rest();
}

/* The lock is the only thing that publishes: a popper that was told of an item must find it. */
static void publication(void)
{
    begin();
    mc_spawn(push_live_once, NULL);
    while (inject_len(&inject) == 0)
        mc_relax();
    unsigned number;
    MC_CHECK(pop(1, &number) == 1 && number == 0);
    MC_CHECK(pop_rest() == 0);
}

static const struct mc_model models[] = {
    {.name = "order",
     .claim = "I1 I2: two pushers' items are popped once, each pusher's in their order",
     .body = order},
    {.name = "two_poppers",
     .claim = "I2: two poppers and a pusher lose and double nothing",
     .body = two_poppers},
    {.name = "pop_the_last",
     .claim = "I2: a list that is emptied while it is appended to stays whole",
     .body = pop_the_last},
    {.name = "push_against_close",
     .claim = "I3: no task enters after the close, none that entered is missed",
     .body = push_against_close},
    {.name = "live_after_close",
     .claim = "I3: tasks that are in already are queued after the close too",
     .body = live_after_close},
    {.name = "len_and_sleep",
     .claim = "I4 P1: push and look, announce and count: not both miss",
     .body = len_and_sleep},
    {.name = "live_len_and_sleep",
     .claim = "I4 P1: the same for tasks that are in already",
     .body = live_len_and_sleep},
    {.name = "never_empty",
     .claim = "I4: the length is 0 only if the queue was empty",
     .body = never_empty},
    {.name = "publication",
     .claim = "I2 I4: whoever sees the length finds the item, with its memory",
     .body = publication},
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
