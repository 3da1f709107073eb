/*
 * The slab (runtime/base/slab.c): its owner against those who give slots back from other threads,
 * and against walkers.  Each slot carries its holder's mark in plain memory: a slot that has two
 * holders, or that came back unseen, is a race or a wrong mark.
 */
#include "mc.h"
#include "runtime/base/atomic.h"
#include "runtime/base/slab.h"

enum { SMALL = 96, LARGE = 160, LIVENESS = 8, LIVE = 7 };

struct thing {
    uint64_t link; /* the slab's while the slot is free */
    uint64_t live; /* what walkers look at */
    uint64_t mark;
    uint64_t tail[9];
};
_Static_assert(sizeof(struct thing) == SMALL, "a size class");

static struct alloc gate;
static struct slab slab;
static struct thing *handed; /* between threads, with its contents */

/* Chunks stay until the slab ends, which no model waits for. */
static void slab_begin(uint64_t chunks)
{
    slab_init(&slab, &gate, &slab, LIVENESS);
    mc_label(&slab.remote, "remote");
    mc_label(&slab.chunks, "chunks");
    mc_expect_leaks(chunks);
}

static struct thing *get(uint64_t mark)
{
    struct thing *thing = slab_get(&slab, SMALL);
    MC_CHECK(thing);
    thing->mark = mark;
    thing->tail[8] = mark;
    return thing;
}

static void put_remotely(void *arg)
{
    struct thing *thing = arg;
    MC_CHECK(thing->mark == 1 && thing->tail[8] == 1);
    thing->mark = 2;
    slab_put(thing, NULL);
}

static void check_held(const struct thing *thing, uint64_t mark)
{
    MC_CHECK(thing->mark == mark && thing->tail[8] == mark);
}

/* ---- slots ---- */

static void remote_put_meets_get(void)
{
    slab_begin(1);
    struct thing *a = get(1);
    mc_spawn(put_remotely, a);
    struct thing *b = get(3), *c = get(4);
    MC_CHECK(b != c);
    check_held(b, 3);
    check_held(c, 4);
    mc_join_all();
    if (b != a && c != a)
        MC_CHECK(get(5) == a);
}

static void two_remote_puts(void)
{
    slab_begin(1);
    struct thing *a = get(1), *b = get(1);
    mc_spawn(put_remotely, a);
    mc_spawn(put_remotely, b);
    struct thing *held[4];
    for (unsigned i = 0; i < 2; i++)
        held[i] = get(3 + i);
    mc_join_all();
    for (unsigned i = 2; i < 4; i++)
        held[i] = get(3 + i);
    unsigned back = 0;
    for (unsigned i = 0; i < 4; i++) {
        check_held(held[i], 3 + i);
        back += held[i] == a || held[i] == b;
    }
    MC_CHECK(back == 2);
}

/* What its user left in a slot is there for the next one. */
static void put_with_message(void *arg)
{
    struct thing *thing = arg;
    thing->link = thing->live = 42;
    slab_put(thing, NULL);
}

static void publication(void)
{
    slab_begin(1);
    struct thing *a = get(1);
    mc_spawn(put_with_message, a);
    struct thing *b = slab_get(&slab, SMALL);
    MC_CHECK(b != a || b->live == 42);
}

static void put_large(void *slot)
{
    slab_put(slot, NULL);
}

/* One remote list serves all classes: a slot returns to its own. */
static void mixed_classes(void)
{
    slab_begin(2);
    struct thing *a = get(1);
    void *large = slab_get(&slab, LARGE);
    mc_spawn(put_remotely, a);
    mc_spawn(put_large, large);
    struct thing *b = get(3);
    uint64_t *other = slab_get(&slab, LARGE);
    MC_CHECK(other != (void *)a && b != large);
    other[LARGE / 8 - 1] = 1;
    check_held(b, 3);
}

/* ---- a slot that comes back while somebody pushes ---- */

static void put_twice(void *arg)
{
    put_remotely(arg);
    struct thing *again;
    while (!(again = atomic_exchange_acq(&handed, NULL)))
        mc_relax();
    slab_put(again, NULL);
}

/* The same slot is pushed, taken, handed out and pushed again around another thread's push. */
static void comes_back(void)
{
    slab_begin(1);
    struct thing *a = get(1), *b = get(1);
    mc_spawn(put_remotely, b);
    mc_spawn(put_twice, a);
    struct thing *c = get(3);
    check_held(c, 3);
    (void)atomic_exchange_rel(&handed, c);
    struct thing *d = get(4);
    check_held(d, 4);
    mc_join_all();
    struct thing *e = get(5), *f = get(6);
    MC_CHECK(e != f && d != e && d != f);
}

/* ---- walkers ---- */

static uint32_t met;

static void meet(void *slot, void *unused)
{
    (void)unused;
    struct thing *thing = slot;
    uint64_t live = atomic_load_rlx(&thing->live);
    MC_CHECK(live == LIVE || live == 0);
    met++;
}

static void walk(void *unused)
{
    slab_walk(&slab, meet, unused);
}

static struct thing *get_live(void)
{
    struct thing *thing = slab_get(&slab, SMALL);
    atomic_store_rlx(&thing->live, (uint64_t)LIVE);
    return thing;
}

static void put_dead(struct thing *thing)
{
    atomic_store_rlx(&thing->live, (uint64_t)0);
    slab_put(thing, &slab);
}

static void walk_meets_carve(void)
{
    slab_begin(1);
    mc_spawn(walk, NULL);
    get_live();
    get_live();
    mc_join_all();
    MC_CHECK(met <= 2);
}

static void walk_meets_reuse(void)
{
    slab_begin(1);
    struct thing *thing = get_live();
    get_live();
    mc_spawn(walk, NULL);
    put_dead(thing);
    MC_CHECK(get_live() == thing);
    mc_join_all();
    MC_CHECK(met == 1 || met == 2);
}

static void put_dead_remotely(void *arg)
{
    struct thing *thing = arg;
    atomic_store_rlx(&thing->live, (uint64_t)0);
    slab_put(thing, NULL);
}

static void walk_meets_remote_put(void)
{
    slab_begin(1);
    struct thing *thing = get_live();
    mc_spawn(walk, NULL);
    mc_spawn(put_dead_remotely, thing);
    get_live();
}

static void walk_meets_chunk(void)
{
    slab_begin(2);
    get_live();
    mc_spawn(walk, NULL);
    uint64_t *large = slab_get(&slab, LARGE);
    atomic_store_rlx(&large[1], (uint64_t)LIVE);
    mc_join_all();
    MC_CHECK(met == 1 || met == 2);
}

#define MODEL(symbol, most, text) {.name = #symbol, .claim = text, .body = symbol, .bound = most}

static const struct mc_model models[] = {
    MODEL(remote_put_meets_get, -1, "SL1, SL4: a slot given back elsewhere has one holder"),
    MODEL(two_remote_puts, 3, "SL1, SL3: none of two slots given back at once is lost"),
    MODEL(publication, -1, "SL4: what was written before the put is seen after the get"),
    MODEL(mixed_classes, 3, "SL1: a slot returns to its own class"),
    MODEL(comes_back, 2, "SL3: a slot that comes back in between does no harm"),
    MODEL(walk_meets_carve, -1, "SL5: a walker sees no slot before its liveness is there"),
    MODEL(walk_meets_reuse, -1, "SL5: a slot that is free is not live, and stays readable"),
    MODEL(walk_meets_remote_put, 3, "SL5: the same when another thread gives it back"),
    MODEL(walk_meets_chunk, -1, "SL5: a walker sees no chunk before its header is there"),
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
