/* check_fairness.c - F1, on workers that one thread steps from a seed.
 *
 *     check_fairness [--seeds N] [--seed S] [--verbose]
 *
 * F1 A woken or detached task is polled before the worker that holds it (while it is in the
 *    inject queue: any one worker) has made 4 x runnable + 256 polls.
 *
 * waits.h tells how a wait is measured.
 *
 * Every scenario is a random mix of rings whose members wake each other (next-slot chains),
 * yielders, scopes of both policies, detached spawns, sleepers, and waiters that are woken by
 * other tasks, by a driver's turn and from outside; some seeds begin with thousands of tasks.
 * Also checked: every task ends within a bound of steps, no wake-up is lost (workers that all
 * sleep while a task is queued), shutdown leaves nothing, and a seed gives one trace. */
#include "runtime/base/rng.h"
#include "runtime/task/waker.h"
#include "tests/check/waits.h"
#include "tests/support/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ACTORS = WAITS_MOST,         /* of one scenario at any moment */
    STEPS_MAX = 20000000,        /* liveness: what no scenario comes near */
};
_Static_assert((int)WAITS_WORKERS == (int)SIM_WORKERS, "each worker's polls are noted");

/* ---- actors: what the books know of each task ---- */

struct box {                     /* where a waiter and whoever wakes it meet */
    maru_leaf *leaf;
    uint32_t tokens;
    int32_t pool_index;          /* in the pool of those that anybody may wake; -1 */
};

struct entry {
    uint32_t id;
    struct box box;
    struct entry *next;          /* free: the list; in a ring: the next member */
    struct wait wait;
};

struct queued {
    struct entry *entry;
    uint32_t serial;             /* of its wait */
};

static struct scenario {
    struct sim sim;
    struct rng rng;
    uint64_t seed;
    struct entry entries[ACTORS], *free;
    uint32_t live, napping;
    struct entry *pool[ACTORS];
    uint32_t pool_count;
    struct queued inject[1 << 16];      /* what should be in the inject queue, in order */
    uint32_t inject_first, inject_end;
    struct waits waits;
    uint64_t steals[SIM_WORKERS];       /* metric at the last look */
    uint32_t chance[8];                 /* of each act, out of their sum */
    uint32_t arrivals;                  /* tasks that still come from outside */
    uint64_t steps, polls, hash;
    char failure[200];
} world;

static maru_function actor_function;

static void fail(const char *what, uint64_t a, uint64_t b)
{
    if (!world.failure[0])
        snprintf(world.failure, sizeof world.failure, "%s (%llu, %llu)", what,
                 (unsigned long long)a, (unsigned long long)b);
}

static void trace(uint64_t word)
{
    for (int i = 0; i < 8; i++, word >>= 8)
        world.hash = (world.hash ^ (word & 255)) * 0x100000001b3u;
}

/* ---- who holds what ---- */

static struct entry *entry_of(const maru_task *task);

static void inject_note(struct entry *entry)
{
    uint32_t at = world.inject_end++ % (1 << 16);
    CHECK(world.inject_end - world.inject_first <= 1 << 16);
    world.inject[at] = (struct queued){ entry, entry->wait.serial };
}

/* Stands in for the scheduler's own entry, and sees where it has put the task. */
static void schedule(const struct task_ops *ops, maru_task *task, enum schedule_why why)
{
    struct sched *sched = &world.sim.sched;
    struct local *local = context_here()->local;
    struct worker *here = (struct worker *)(void *)local;
    maru_task *before = here ? here->next_slot : NULL;
    sched_schedule(ops, task, why);
    bool injected = sched->inject.last == task;
    wait_begin(&world.waits, &entry_of(task)->wait, injected ? NOBODY : local->id,
               why != SCHEDULE_CHILD);
    if (injected)
        inject_note(entry_of(task));
    if (before && before != here->next_slot && sched->inject.last == before) {
        wait_moves(&world.waits, &entry_of(before)->wait, NOBODY);
        inject_note(entry_of(before));
    }
}

/* After a step: what its worker took out of the inject queue, or stole, it holds now. */
static void note_moves(uint32_t id)
{
    struct worker *worker = sim_worker(&world.sim, id);
    uint32_t len = (uint32_t)inject_len(&world.sim.sched.inject);
    while (world.inject_end - world.inject_first > len) {
        struct queued *queued = &world.inject[world.inject_first++ % (1 << 16)];
        struct wait *wait = &queued->entry->wait;
        if (wait->is_on && wait->serial == queued->serial)
            wait_moves(&world.waits, wait, id);
    }
    if (worker->steals == world.steals[id])
        return;
    world.steals[id] = worker->steals;
    for (uint64_t at = worker->fifo.head; at != worker->fifo.tail; at++) {
        struct wait *wait = &entry_of(worker->fifo.slots[at % QUEUE_SLOTS])->wait;
        if (wait->holder != id)
            wait_moves(&world.waits, wait, id);
    }
}

/* ---- waiting and waking ---- */

struct mail {
    maru_leaf leaf;
    struct box *box;
};

static void pool_enter(struct entry *entry)
{
    entry->box.pool_index = (int32_t)world.pool_count;
    world.pool[world.pool_count++] = entry;
}

static void pool_leave(struct entry *entry)
{
    int32_t at = entry->box.pool_index;
    if (at < 0)
        return;
    world.pool[at] = world.pool[--world.pool_count];
    world.pool[at]->box.pool_index = at;
    entry->box.pool_index = -1;
}

static void post(struct entry *entry)
{
    maru_leaf *leaf = entry->box.leaf;
    pool_leave(entry);
    if (!leaf) {
        entry->box.tokens++;
        return;
    }
    entry->box.leaf = NULL;
    maru_leaf_complete(leaf);
}

static void post_some(uint32_t most)
{
    for (uint32_t n = rng_below(&world.rng, most) + 1; n > 0 && world.pool_count > 0; n--)
        post(world.pool[rng_below(&world.rng, world.pool_count)]);
}

static maru_result mail_poll(maru_future *self, maru_context *cx)
{
    struct mail *mail = (struct mail *)(void *)self;
    if (self->line_ == LEAF_IDLE) {
        if (cx->ending != MARU_GO)
            return -ECANCELED;
        if (mail->box->tokens > 0) {
            mail->box->tokens--;
            return 0;
        }
        mail->box->leaf = &mail->leaf;
        maru_leaf_wait(&mail->leaf, cx);
        return MARU_PENDING;
    }
    if (maru_leaf_is_complete(&mail->leaf))
        return 0;
    if (cx->ending == MARU_GO)
        return MARU_PENDING;
    mail->box->leaf = NULL;
    return -ECANCELED;
}

static const maru_future_type mail_type = { mail_poll, "mail" };

static maru_future *mail_wait(struct mail *mail, struct entry *entry, bool anybody_wakes)
{
    mail->box = &entry->box;
    if (anybody_wakes && entry->box.tokens == 0 && entry->box.pool_index < 0)
        pool_enter(entry);
    return maru_future_init(&mail->leaf.future, &mail_type);
}

/* ---- acting ---- */

enum act { YIELD, WAIT, NAP, FAN, SERVE, SPAWN, WAKE, PASS };

/* What an actor does: one thing for all its life, or each time another. */
struct role {
    uint32_t life;               /* acts */
    uint32_t breadth;            /* children, spawns, wakes of an act */
    uint8_t act;
    bool mixed;
    bool fails;                  /* ends with an error */
    bool brief;                  /* its children end in their first poll */
    uint8_t depth;               /* above it */
};

struct actor {
    maru_frame frame;
    struct entry *entry;
    struct role role;
    maru_pause pause;
    struct mail mail;
    maru_scope scope;
    maru_sleep nap;
};

static struct entry *entry_of(const maru_task *task)
{
    return ((const struct actor *)(const void *)(task + 1))->entry;
}

static struct entry *entry_new(void)
{
    struct entry *entry = world.free;
    if (!entry)
        return NULL;
    world.free = entry->next;
    entry->next = entry;
    entry->box = (struct box){ .pool_index = -1 };
    world.live++;
    return entry;
}

static void entry_free(struct entry *entry)
{
    pool_leave(entry);
    entry->next = world.free;
    world.free = entry;
    world.live--;
}

static struct actor actor_image(struct entry *entry, struct role role)
{
    return (struct actor){ .frame = { .future_ = { .type_ = &actor_function.type } },
                           .entry = entry,
                           .role = role };
}

static uint8_t random_act(void)
{
    uint32_t sum = 0, act = 0;
    for (uint32_t i = 0; i < PASS; i++)
        sum += world.chance[i];
    uint32_t dice = rng_below(&world.rng, sum);
    while (dice >= world.chance[act])
        dice -= world.chance[act++];
    return (uint8_t)act;
}

static struct role child_role(const struct role *parent)
{
    struct role role = { .depth = (uint8_t)(parent->depth + 1) };
    uint32_t kind = parent->brief ? 0 : rng_below(&world.rng, 8);
    if (kind < 5)
        return role;                    /* ends in its first poll */
    role.life = 1 + rng_below(&world.rng, 3);
    role.act = kind == 5 ? YIELD : kind == 6 ? WAIT : random_act();
    role.breadth = 1 + rng_below(&world.rng, 4);
    role.fails = rng_below(&world.rng, 16) == 0;
    if (role.depth > 3 && (role.act == FAN || role.act == SERVE || role.act == SPAWN))
        role.act = YIELD;
    return role;
}

static void spawn_children(struct actor *me, enum maru_scope_policy policy)
{
    maru_scope_init(&me->scope, policy);
    for (uint32_t i = 0; i < me->role.breadth; i++) {
        struct entry *entry = entry_new();
        if (!entry)
            return;
        struct actor image = actor_image(entry, child_role(&me->role));
        if (maru_scope_spawn_image(&me->frame, &me->scope, &image.frame, sizeof image) < 0)
            entry_free(entry);
    }
}

static void spawn_detached(struct actor *me)
{
    for (uint32_t i = 0; i < me->role.breadth && me->role.depth < 4; i++) {
        struct entry *entry = entry_new();
        if (!entry)
            return;
        struct actor image = actor_image(entry, child_role(&me->role));
        maru_task *task = maru_spawn_image(&image.frame, sizeof image);
        if (task)
            maru_detach(task);
        else
            entry_free(entry);
    }
}

maru_async(actor)
{
    for (; me->role.life > 0; me->role.life--) {
        if (me->role.mixed)
            me->role.act = random_act();
        if (me->role.act == PASS) {
            maru_try(mail_wait(&me->mail, me->entry, false));
            post(me->entry->next);
        } else if (me->role.act == WAIT) {
            maru_try(mail_wait(&me->mail, me->entry, true));
        } else if (me->role.act == NAP) {
            world.napping++;
            maru_await(maru_sleep_for(&me->nap, rng_below(&world.rng, 4000) * MARU_USEC));
            world.napping--;
        } else if (me->role.act == FAN || me->role.act == SERVE) {
            spawn_children(me, me->role.act == FAN ? MARU_SCOPE_ALL : MARU_SCOPE_EACH);
            maru_try(maru_scope_wait(&me->scope));
        } else {
            if (me->role.act == SPAWN)
                spawn_detached(me);
            else if (me->role.act == WAKE)
                post_some(me->role.breadth);
            maru_try(maru_yield(&me->pause));
        }
    }
    maru_return(me->role.fails ? -EIO : 0);
maru_finally:
    entry_free(me->entry);
}
maru_end;

/* Every poll of an actor passes here first: its frame has nobody above and nobody below. */
static void actor_body(maru_frame *frame)
{
    struct entry *entry = ((struct actor *)(void *)frame)->entry;
    if (entry->wait.is_on) {
        uint64_t runnable = 0, too_long = wait_end(&world.waits, &entry->wait, &runnable);
        world.polls++;
        trace(entry->id);
        trace(context_here()->worker_id);
        if (too_long)
            fail("F1: a task waited too long (polls, runnable)", too_long, runnable);
    }
    actor_async.body(frame);
}

/* ---- from outside ---- */

static struct entry *arrive(struct role role)
{
    struct entry *entry = entry_new();
    if (!entry)
        return NULL;
    struct actor image = actor_image(entry, role);
    maru_task *task = guest_spawn(&world.sim.sched, &image.frame, sizeof image);
    CHECK(task);
    maru_detach(task);
    wait_begin(&world.waits, &entry->wait, NOBODY, true);
    inject_note(entry);
    return entry;
}

/* A ring hands one token around: a chain of wakes through next-slots. */
static void arrive_ring(uint32_t members, uint32_t life)
{
    struct entry *first = NULL, *last = NULL;
    while (members-- > 0) {
        struct entry *entry = arrive((struct role){ .life = life, .act = PASS });
        if (!entry)
            break;
        first = first ? first : entry;
        if (last)
            last->next = entry;
        last = entry;
    }
    if (!first)
        return;
    last->next = first;
    first->box.tokens = 1;
}

static void arrive_someone(void)
{
    struct role role = { .life = 1 + rng_below(&world.rng, 20),
                         .act = random_act(),
                         .breadth = 1 + rng_below(&world.rng, 12),
                         .mixed = rng_below(&world.rng, 3) == 0 };
    arrive(role);
}

static unsigned on_turn(void *unused)
{
    (void)unused;
    if (rng_below(&world.rng, 4) == 0)
        post_some(3);
    return 0;
}

/* A next-slot and a deque that are hardly ever empty, about as many yielders as a queue has slots,
 * and now and then somebody from outside, behind all of them. */
static void siege_begin(void)
{
    struct rng *rng = &world.rng;
    uint32_t workers = world.sim.sched.count, life = 30 + rng_below(rng, 40);
    uint32_t breadth = 10 + rng_below(rng, 1u << (4 + rng_below(rng, 4)));
    for (uint32_t i = 0; i < workers; i++) {
        arrive_ring(2, 300 * life);
        for (int fan = 0; fan < 2; fan++)
            arrive((struct role){
                .life = 130 * life / breadth, .act = FAN, .breadth = breadth, .brief = true });
    }
    for (uint32_t i = workers * (235 + rng_below(rng, 40)); i > 0; i--)
        arrive((struct role){ .life = life, .act = YIELD });
    world.arrivals = rng_below(rng, 100);
}

/* The tasks of the beginning, from a handful to thousands, and what keeps the queues busy. */
static void scenario_begin(void)
{
    struct rng *rng = &world.rng;
    static const uint32_t crowds[] = { 4, 40, 400, 400, 5000 };
    uint32_t crowd = 1 + rng_below(rng, crowds[rng_below(rng, 5)]);
    for (uint32_t i = 0; i < PASS; i++)
        world.chance[i] = 1 + rng_below(rng, 1u << rng_below(rng, 6));
    if (rng_below(rng, 8) == 0) {
        siege_begin();
        return;
    }
    for (uint32_t rings = rng_below(rng, 4); rings > 0; rings--)
        arrive_ring(2 + rng_below(rng, 3), 500 + rng_below(rng, 4000));
    for (uint32_t fans = rng_below(rng, 3); fans > 0; fans--)
        arrive((struct role){ .life = 4 + rng_below(rng, 30),
                              .act = FAN,
                              .breadth = 1 + rng_below(rng, 400),
                              .brief = rng_below(rng, 2) });
    for (uint32_t yielders = rng_below(rng, 8); yielders > 0; yielders--)
        arrive((struct role){ .life = 1 + rng_below(rng, 3000), .act = YIELD });
    for (; crowd > 0; crowd--)
        arrive_someone();
    world.arrivals = rng_below(rng, 600);
}

/* ---- stepping ---- */

static void run_worker(uint32_t id, uint32_t steps)
{
    struct sim *sim = &world.sim;
    for (; steps > 0 && sim_is_awake(sim, id); steps--) {
        if (sim->parked[id])
            sim_sleep(sim, id);
        else
            (void)sim_step(sim, id);
        world.steps++;
        note_moves(id);
    }
}

static bool all_sleep(void)
{
    for (uint32_t id = 0; id < world.sim.sched.count; id++)
        if (sim_is_awake(&world.sim, id))
            return false;
    return true;
}

/* Everybody sleeps: time passes, or somebody outside does something. False: it is over. */
static bool end_of_rest(void)
{
    struct sim *sim = &world.sim;
    int64_t first = INT64_MAX;
    if (world.waits.runnable > 0)
        fail("lost wake-up: all workers sleep beside tasks that can run", world.waits.runnable, 0);
    if (world.live == 0 || world.failure[0])
        return false;
    for (uint32_t id = 0; id < sim->sched.count; id++)
        first = sim->deadline_ns[id] < first ? sim->deadline_ns[id] : first;
    if (world.pool_count > 0)
        post_some(8);
    else if (first != INT64_MAX)
        sim->sched.clock.virtual_ns = first;
    else
        fail("lost task: nobody will ever wake it (live, napping)", world.live, world.napping);
    return !world.failure[0];
}

static void something_outside(void)
{
    struct rng *rng = &world.rng;
    if (world.arrivals > 0 && rng_below(rng, 30) == 0) {
        arrive_someone();
        world.arrivals--;
    }
    if (rng_below(rng, 50) == 0)
        post_some(4);
}

static void run_to_end(void)
{
    static const uint32_t bursts[] = { 2, 8, 8, 64, 800 };
    struct rng *rng = &world.rng;
    while (!world.failure[0]) {
        if (all_sleep() && !end_of_rest() && !world.arrivals)
            break;
        world.arrivals -= world.live == 0 && world.arrivals > 0;
        uint32_t steps = 1 + rng_below(rng, bursts[rng_below(rng, 5)]);
        run_worker(rng_below(rng, world.sim.sched.count), steps);
        world.sim.sched.clock.virtual_ns += (int64_t)rng_below(rng, 20000);
        something_outside();
        if (world.steps > STEPS_MAX)
            fail("liveness: tasks do not end (live, steps)", world.live, world.steps);
    }
}

static void world_init(uint64_t seed)
{
    memset(&world, 0, sizeof world);
    world.seed = seed;
    world.rng.state = seed;
    world.hash = 0xcbf29ce484222325u;
    world.waits.worst_bound = 1;
    world.waits.sched = &world.sim.sched;
    for (uint32_t i = ACTORS; i-- > 0;) {
        world.entries[i].id = i;
        world.entries[i].next = world.free;
        world.free = &world.entries[i];
    }
    uint32_t workers = 1 + rng_below(&world.rng, SIM_WORKERS);
    int64_t spin_ns = rng_below(&world.rng, 2) ? 20 * MARU_USEC : 0;
    CHECK(sim_init(&world.sim, workers, seed, spin_ns) == 0);
    world.sim.sched.ops.schedule = schedule;
    for (uint32_t id = 0; id < workers; id++)
        world.sim.drivers[id].on_turn = on_turn;
}

static void world_fini(void)
{
    if (world.failure[0])
        return;                         /* tasks may be anywhere: leave them */
    sim_stop(&world.sim);
    sim_fini(&world.sim);
    if (world.sim.alloc.live_blocks > 0)
        fail("shutdown left memory (blocks, bytes)", world.sim.alloc.live_blocks,
             world.sim.alloc.live_bytes);
}

static uint64_t run_seed(uint64_t seed)
{
    world_init(seed);
    scenario_begin();
    run_to_end();
    trace(world.steps);
    world_fini();
    return world.hash;
}

/* ---- the program ---- */

struct settings {
    uint64_t first, count;
    bool verbose;
};

static bool parse(int argc, char **argv, struct settings *settings)
{
    for (int i = 1; i < argc; i++) {
        char *end = NULL;
        uint64_t value = i + 1 < argc ? strtoull(argv[i + 1], &end, 10) : 0;
        if (strcmp(argv[i], "--verbose") == 0)
            settings->verbose = true;
        else if (!end || *end || end == argv[i + 1])
            return false;
        else if (strcmp(argv[i], "--seeds") == 0)
            settings->count = value, i++;
        else if (strcmp(argv[i], "--seed") == 0)
            settings->first = value, settings->count = 1, i++;
        else
            return false;
    }
    return true;
}

/* The worst wait of all seeds. */
struct worst {
    uint64_t polls, bound, runnable, seed;
};

static void note_worst(struct worst *worst, uint64_t seed)
{
    const struct waits *waits = &world.waits;
    if (waits->worst_polls * worst->bound > worst->polls * waits->worst_bound)
        *worst = (struct worst){ waits->worst_polls, waits->worst_bound, waits->worst_runnable,
                                 seed };
}

static void print_seed(uint64_t seed)
{
    printf("seed %llu: %u workers, %llu polls, %llu steps, worst wait %llu of %llu\n",
           (unsigned long long)seed, world.sim.sched.count, (unsigned long long)world.polls,
           (unsigned long long)world.steps, (unsigned long long)world.waits.worst_polls,
           (unsigned long long)world.waits.worst_bound);
}

static void print_failure(uint64_t seed)
{
    printf("FAILED: check_fairness --seed %llu: %s\n", (unsigned long long)seed, world.failure);
}

int main(int argc, char **argv)
{
    enum { TWICE = 10 };                /* of so many seeds one is run again */
    struct settings settings = { .first = 1, .count = 1000 };
    struct worst worst = { .bound = 1 };
    uint64_t failed = 0, polls = 0;
    if (!parse(argc, argv, &settings)) {
        fprintf(stderr, "usage: check_fairness [--seeds N] [--seed S] [--verbose]\n");
        return 2;
    }
    actor_function = actor_async;
    actor_function.body = actor_body;
    for (uint64_t i = 0; i < settings.count; i++) {
        uint64_t seed = settings.first + i, hash = run_seed(seed);
        polls += world.polls;
        note_worst(&worst, seed);
        if (settings.verbose)
            print_seed(seed);
        if (!world.failure[0] && i % TWICE == 0 && run_seed(seed) != hash)
            fail("the same seed gave another trace", hash, world.hash);
        if (world.failure[0])
            print_failure(seed);
        failed += world.failure[0] != 0;
    }
    printf("worst wait: %llu polls, bound %llu (%.2f), %llu runnable, seed %llu; %llu polls\n",
           (unsigned long long)worst.polls, (unsigned long long)worst.bound,
           (double)worst.polls / (double)worst.bound, (unsigned long long)worst.runnable,
           (unsigned long long)worst.seed, (unsigned long long)polls);
    printf("%llu passed, %llu failed\n", (unsigned long long)(settings.count - failed),
           (unsigned long long)failed);
    return failed > 0;
}
