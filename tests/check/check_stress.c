/* check_stress.c - real threads on the queues, the slab and whole runtimes; for ThreadSanitizer
 * and AddressSanitizer as well as for the plain build.
 *
 *     check_stress [--items N] [--rounds N] [--seed S] [--only NAME] [--quick]
 *
 * Queues and slab: every item goes through exactly once, with what was written before. Runtimes:
 * tasks that spawn, join, cancel, race, sleep and wait for foreign threads, on one worker, two,
 * and more than there are cores, until the runtime is freed in the middle of it all; then as many
 * have ended as have begun. MARU_IO chooses the backend. Timing decides nothing. */
#include "runtime/base/rng.h"
#include "runtime/base/slab.h"
#include "runtime/queue/deque.h"
#include "runtime/queue/fifo.h"
#include "runtime/queue/inject.h"
#include "runtime/task/task.h"
#include "tests/check/stress.h"

#include <unistd.h>

enum { THIEVES = 3, WORKERS_MOST = 4 };

/* ---- deque ---- */

static struct deque deque;

static void *deque_thief(void *unused)
{
    struct relax relax = { 0 };
    maru_task *task;
    (void)unused;
    for (;;) {
        bool last_look = is_finished();
        enum deque_result result = deque_steal(&deque, &task);
        if (result == DEQUE_OK)
            item_taken(task);
        else if (result == DEQUE_EMPTY && last_look)
            return NULL;
        else
            relax_turn(&relax);
    }
}

static bool deque_owner(void)
{
    struct rng rng = { settings.seed };
    for (uint64_t next = 0; next < items.count;) {
        for (uint32_t n = rng_below(&rng, 40); n > 0 && next < items.count; n--) {
            if (!deque_push(&deque, item_make(next)))
                break;
            next++;
        }
        for (uint32_t n = rng_below(&rng, 40); n > 0; n--) {
            maru_task *task = deque_take(&deque);
            if (task)
                item_taken(task);
        }
    }
    return true;
}

static bool part_deque(void)
{
    deque_init(&deque);
    REQUIRE(items_begin(settings.items));
    bool right = with_threads(THIEVES, deque_thief, deque_owner);
    return items_end() && right;
}

/* ---- fifo ---- */

static struct fifo fifo;

static void *fifo_thief(void *unused)
{
    struct relax relax = { 0 };
    struct fifo *mine = aligned_alloc(64, sizeof *mine);
    (void)unused;
    if (!mine)
        return NULL;
    fifo_init(mine);
    for (;;) {
        uint64_t more;
        bool last_look = is_finished();
        maru_task *task = fifo_steal(&fifo, mine, &more);
        if (!task && last_look)
            break;
        if (!task)
            relax_turn(&relax);
        for (; task; task = fifo_pop(mine))
            item_taken(task);
    }
    free(mine);
    return NULL;
}

static bool fifo_owner(void)
{
    struct rng rng = { settings.seed };
    for (uint64_t next = 0; next < items.count;) {
        for (uint32_t n = rng_below(&rng, 100); n > 0 && next < items.count; n--) {
            maru_task *task = item_make(next);
            if (!(n % 3 ? fifo_push(&fifo, task) : fifo_push_quietly(&fifo, task)))
                break;
            next++;
        }
        fifo_publish(&fifo);
        for (uint32_t n = rng_below(&rng, 60); n > 0; n--) {
            maru_task *task = fifo_pop(&fifo);
            if (task)
                item_taken(task);
        }
    }
    return true;
}

static bool part_fifo(void)
{
    fifo_init(&fifo);
    REQUIRE(items_begin(settings.items));
    bool right = with_threads(THIEVES, fifo_thief, fifo_owner);
    return items_end() && right;
}

/* ---- inject: its links are in the tasks, so these are real headers ---- */

static struct inject inject;
static maru_task *headers;
static uint64_t next_header;

static void item_taken_header(const maru_task *task)
{
    item_taken((maru_task *)(uintptr_t)(task - headers + 1));
}

static void *inject_user(void *seed)
{
    struct rng rng = { *(uint64_t *)seed };
    maru_task *batch[64];
    for (;;) {
        uint64_t index = atomic_add_rlx(&next_header, UINT64_C(1));
        if (index < items.count) {
            (void)item_make(index);
            inject_push_live(&inject, &headers[index]);
        }
        unsigned n = rng_below(&rng, 3) ? 0 : inject_pop(&inject, batch, rng_below(&rng, 64));
        for (unsigned i = 0; i < n; i++)
            item_taken_header(batch[i]);
        if (index >= items.count && inject_len(&inject) == 0)
            return NULL;
    }
}

static bool inject_owner(void)
{
    return inject_user(&settings.seed) == NULL;
}

static bool part_inject(void)
{
    REQUIRE(items_begin(settings.items / 4));
    headers = calloc(items.count, sizeof *headers);
    REQUIRE(headers);
    next_header = 0;
    inject_init(&inject);
    bool right = with_threads(THIEVES, inject_user, inject_owner);
    right = right && inject_len(&inject) == 0 && !inject.first && !inject.last;
    free(headers);
    return items_end() && right;
}

/* ---- slab: the owner gets, others put; somebody walks all the time ---- */

static struct slab slab;
static struct alloc slab_alloc;

enum { SLOT_LIVENESS = 8 };

static uint64_t *slot_word(void *slot)
{
    return (uint64_t *)(void *)((char *)slot + SLOT_LIVENESS);
}

static void slot_drop(void *slot, const void *as)
{
    uint64_t *payload = (uint64_t *)slot + 2;
    uint64_t index = *slot_word(slot) - 1;
    if (*payload == ~index)
        item_taken((maru_task *)(uintptr_t)(index + 1));
    atomic_store_rlx(slot_word(slot), UINT64_C(0));
    slab_put(slot, as);
}

static void *slab_dropper(void *unused)
{
    struct relax relax = { 0 };
    maru_task *slot;
    (void)unused;
    for (;;) {
        bool last_look = is_finished();
        enum deque_result result = deque_steal(&deque, &slot);
        if (result == DEQUE_OK)
            slot_drop(slot, NULL);
        else if (result == DEQUE_EMPTY && last_look)
            return NULL;
        else
            relax_turn(&relax);
    }
}

static void count_slot(void *slot, void *count)
{
    *(uint64_t *)count += atomic_load_rlx(slot_word(slot)) != 0;
}

static void *slab_user(void *seed)
{
    uint64_t count = 0;
    if (*(uint64_t *)seed % 100 != 0)
        return slab_dropper(NULL);
    while (!is_finished())
        slab_walk(&slab, count_slot, &count);
    return NULL;
}

static bool slab_owner(void)
{
    struct rng rng = { settings.seed };
    for (uint64_t next = 0; next < items.count; next++) {
        size_t size = 24 + rng_below(&rng, rng_below(&rng, 200) ? 700 : 20000);
        uint64_t *slot = slab_get(&slab, size);
        REQUIRE(slot);
        (void)item_make(next);
        slot[2] = ~next;
        atomic_store_rlx(slot_word(slot), next + 1);
        if (rng_below(&rng, 4) == 0 || !deque_push(&deque, (maru_task *)(void *)slot))
            slot_drop(slot, &slab);
    }
    return true;
}

static bool part_slab(void)
{
    deque_init(&deque);
    slab_init(&slab, &slab_alloc, &slab, SLOT_LIVENESS);
    REQUIRE(items_begin(settings.items / 4));
    bool right = with_threads(THIEVES, slab_user, slab_owner);
    slab_fini(&slab);
    right = right && slab_alloc.live_blocks == 0 && slab_alloc.live_bytes == 0;
    return items_end() && right;
}

/* ---- foreign threads: they complete whatever leaf hangs on a door ---- */

enum { DOORS = 64, FOREIGNERS = 2 };

static maru_leaf *doors[DOORS]; /* a leaf that waits, or NULL; any thread */
static uint32_t doors_closed;

struct knock {
    maru_leaf leaf;
    uint32_t door;
    bool waits;                  /* its own word: a completer may be writing the leaf's */
};

static maru_result knock_poll(maru_future *self, maru_context *cx)
{
    struct knock *knock = (struct knock *)(void *)self;
    maru_leaf *expected = NULL;
    if (!knock->waits) {
        if (cx->ending != MARU_GO)
            return -ECANCELED;
        knock->waits = true;
        maru_leaf_wait(&knock->leaf, cx);
        /* Somebody else waits there: nothing was published, so this one goes in. */
        return atomic_cas_ar(&doors[knock->door], &expected, &knock->leaf) ? MARU_PENDING : 1;
    }
    if (maru_leaf_is_complete(&knock->leaf))
        return 0;
    if (cx->ending == MARU_GO)
        return MARU_PENDING;
    expected = &knock->leaf;
    return atomic_cas_ar(&doors[knock->door], &expected, NULL) ? -ECANCELED : MARU_PENDING;
}

static const maru_future_type knock_type = { knock_poll, "knock" };

static maru_future *knock_at(struct knock *knock, uint32_t door)
{
    knock->door = door;
    knock->waits = false;
    return maru_future_init(&knock->leaf.future, &knock_type);
}

static void *foreigner(void *seed)
{
    struct rng rng = { *(uint64_t *)seed };
    while (!atomic_load_acq(&doors_closed)) {
        maru_leaf *leaf = NULL;
        leaf = atomic_exchange_ar(&doors[rng_below(&rng, DOORS)], leaf);
        if (leaf)
            maru_leaf_complete(leaf);
        else if (rng_below(&rng, 16) == 0)
            usleep(rng_below(&rng, 40));
    }
    return NULL;
}

/* ---- churn: tasks that do everything to each other ---- */

static uint64_t begun, ended; /* any thread */

enum act { YIELD, KNOCK, NAP, LIMIT, RACE, BOTH, SCOPE, JOIN, CANCEL, DETACH, ACTS };

struct churn {
    maru_frame frame;
    struct rng rng;
    uint32_t acts, depth;
    uint32_t act;
    maru_pause pause;
    struct knock knock;
    maru_sleep nap;
    maru_timeout limit;
    maru_scope kids;
    maru_task *task;
    maru_join_wait join;
};

static uint32_t below(struct churn *me, uint32_t n)
{
    return rng_below(&me->rng, n);
}

static maru_future *some_knock(struct churn *me)
{
    return knock_at(&me->knock, below(me, DOORS));
}

static maru_future *some_nap(struct churn *me)
{
    return maru_sleep_for(&me->nap, below(me, 600) * MARU_USEC);
}

static void spawn_kids(struct churn *me);
static void spawn_task(struct churn *me);

/* A join that was cancelled leaves the handle; one that has delivered has taken it. */
static void after_join(struct churn *me)
{
    if (maru_join_delivered(&me->join))
        me->task = NULL;
}

maru_async(churn)
{
    maru_result rc;
    atomic_add_rlx(&begun, UINT64_C(1));
    while (me->acts-- > 0) {
        me->act = below(me, ACTS);
        if (me->act == YIELD) {
            maru_try(maru_yield(&me->pause));
        } else if (me->act == KNOCK) {
            maru_try(some_knock(me));
        } else if (me->act == NAP) {
            maru_try(some_nap(me));
        } else if (me->act == LIMIT) {
            maru_await(rc, maru_within(&me->limit, below(me, 300) * MARU_USEC, some_knock(me)));
            if (rc < 0 && rc != -ETIMEDOUT)
                maru_return(rc);
        } else if (me->act == RACE) {
            maru_select(rc, some_knock(me), some_nap(me));
            maru_check(rc);
        } else if (me->act == BOTH) {
            maru_join(rc, some_knock(me), some_nap(me));
            maru_check(rc);
        } else if (me->act == SCOPE) {
            maru_scope_init(&me->kids, below(me, 2) ? MARU_SCOPE_ALL : MARU_SCOPE_EACH);
            spawn_kids(me);
            maru_await(rc, maru_scope_wait(&me->kids));
        } else {
            spawn_task(me);
            if (me->act == CANCEL)
                maru_cancel(me->task);
            if (me->task && me->act != DETACH) {
                maru_await(rc, maru_join_task(&me->join, me->task));
                after_join(me);
            }
            maru_detach(me->task);
            me->task = NULL;
        }
    }
    maru_return(below(me, 8) ? 0 : -EIO);
maru_finally:
    maru_await(maru_yield(&me->pause));
    atomic_add_rlx(&ended, UINT64_C(1));
}
maru_end;

#define CHURN(me, least)                                                                        \
    churn, .rng = { rng_next(&(me)->rng) }, .acts = least + rng_below(&(me)->rng, 4),           \
           .depth = (me)->depth + 1

static void spawn_kids(struct churn *me)
{
    for (uint32_t n = me->depth < 3 ? below(me, 6) : 0; n > 0; n--)
        if (maru_scope_spawn(&me->kids, CHURN(me, 0u)) < 0)
            break;
    if (below(me, 4) == 0)
        maru_scope_cancel(&me->kids);
}

static void spawn_task(struct churn *me)
{
    me->task = me->depth < 3 ? maru_spawn(CHURN(me, 0u)) : NULL;
}

static maru_runtime *new_runtime(uint32_t workers, uint64_t seed)
{
    maru_options options;
    maru_runtime *runtime = NULL;
    maru_options_init(&options, sizeof options);
    options.workers = workers;
    options.seed = seed;
    int rc = maru_runtime_new(&options, &runtime);
    if (rc < 0)
        printf("no runtime: %s\n", maru_err_name(rc));
    return runtime;
}

/* A plain thread that spawns, cancels and detaches while the runtime runs. */
struct outsider {
    maru_runtime *runtime;
    struct rng rng;
    uint32_t depth;              /* for CHURN */
    bool right;
};

static void *be_outside(void *arg)
{
    struct outsider *outsider = arg;
    maru_task *tasks[16] = { NULL };
    outsider->right = true;
    for (unsigned i = 0; i < 100; i++) {
        maru_task **task = &tasks[rng_below(&outsider->rng, 16)];
        if (*task && rng_below(&outsider->rng, 2))
            maru_cancel(*task);
        maru_detach(*task);
        *task = maru_spawn_on(outsider->runtime, CHURN(outsider, 1u));
        outsider->right &= *task != NULL;
        if (rng_below(&outsider->rng, 10) == 0)
            usleep(rng_below(&outsider->rng, 300));
    }
    for (unsigned i = 0; i < 16; i++)
        maru_detach(tasks[i]);
    return NULL;
}

static bool churn_once(uint32_t workers, struct rng *rng)
{
    maru_runtime *runtime = new_runtime(workers, rng_next(rng));
    struct outsider outsider = { .runtime = runtime, .rng = { rng_next(rng) } }, mine = outsider;
    pthread_t thread;
    REQUIRE(runtime);
    REQUIRE(pthread_create(&thread, NULL, be_outside, &outsider) == 0);
    for (uint32_t n = rng_below(rng, 4); n > 0; n--) {
        maru_result result = maru_block_on(runtime, CHURN(&mine, 2u));
        REQUIRE(result == 0 || result == -EIO);
    }
    pthread_join(thread, NULL);
    REQUIRE(outsider.right);
    if (rng_below(rng, 2))
        usleep(rng_below(rng, 1500));
    REQUIRE(maru_runtime_free(runtime) == 0);
    REQUIRE(begun == ended);
    return true;
}

static bool churn_on(uint32_t workers)
{
    struct rng rng = { settings.seed * 10 + workers };
    bool right = true;
    for (uint64_t i = 0; i < settings.rounds && right; i++)
        right = churn_once(workers, &rng);
    return right;
}

static bool churn_one(void)
{
    return churn_on(1);
}

static bool churn_two(void)
{
    return churn_on(2);
}

static bool churn_more_than_cores(void)
{
    return churn_on(WORKERS_MOST);
}

static bool with_foreigners(bool (*fn)(void))
{
    memset(&items, 0, sizeof items);
    doors_closed = 0;
    pthread_t threads[FOREIGNERS];
    uint64_t seeds[FOREIGNERS];
    for (unsigned i = 0; i < FOREIGNERS; i++) {
        seeds[i] = settings.seed + i;
        REQUIRE(pthread_create(&threads[i], NULL, foreigner, &seeds[i]) == 0);
    }
    bool right = fn();
    atomic_store_rel(&doors_closed, 1u);
    for (unsigned i = 0; i < FOREIGNERS; i++)
        pthread_join(threads[i], NULL);
    return right;
}

static bool part_churn_1(void)
{
    return with_foreigners(churn_one);
}

static bool part_churn_2(void)
{
    return with_foreigners(churn_two);
}

static bool part_churn_4(void)
{
    return with_foreigners(churn_more_than_cores);
}

/* ---- timers: cancelled at random, never early, each ends once ---- */

static uint64_t naps_early, naps_fired, naps_cancelled; /* any thread */

struct napper {
    maru_frame frame;
    int64_t until_ns;
    maru_sleep nap;
};

maru_async(napper)
{
    maru_result rc;
    maru_await(rc, maru_sleep_until(&me->nap, me->until_ns));
    if (rc == 0 && maru_now() < me->until_ns)
        atomic_add_rlx(&naps_early, UINT64_C(1));
    atomic_add_rlx(rc == 0 ? &naps_fired : &naps_cancelled, UINT64_C(1));
}
maru_end;

struct dormitory {
    maru_frame frame;
    struct rng rng;
    uint32_t beds;
    maru_task *tasks[256];
    maru_join_wait join;
    maru_pause pause;
    uint32_t i;
};

maru_async(dormitory)
{
    for (me->i = 0; me->i < me->beds; me->i++) {
        int64_t ns = rng_below(&me->rng, 8000) * MARU_USEC;
        me->tasks[me->i] = maru_spawn(napper, .until_ns = maru_now() + ns);
        if (me->i % 16 == 0)
            maru_try(maru_yield(&me->pause));
    }
    for (me->i = 0; me->i < me->beds; me->i++)
        if (rng_below(&me->rng, 2))
            maru_cancel(me->tasks[rng_below(&me->rng, me->beds)]);
    for (me->i = 0; me->i < me->beds; me->i++)
        maru_await(maru_join_task(&me->join, me->tasks[me->i]));
}
maru_end;

static bool part_timers(void)
{
    struct rng rng = { settings.seed };
    uint64_t naps = 0;
    maru_runtime *runtime = new_runtime(WORKERS_MOST, settings.seed);
    REQUIRE(runtime);
    naps_early = naps_fired = naps_cancelled = 0;
    for (uint64_t i = 0; i < settings.rounds; i += 4) {
        uint32_t beds = 1 + rng_below(&rng, 255);
        naps += beds;
        REQUIRE(maru_block_on(runtime, dormitory, .rng = { rng_next(&rng) }, .beds = beds) == 0);
    }
    REQUIRE(maru_runtime_free(runtime) == 0);
    REQUIRE(naps_early == 0);
    REQUIRE(naps_fired + naps_cancelled == naps);
    return true;
}

/* ---- guests: several threads block on one runtime, which is refused its end meanwhile ---- */

static maru_runtime *guests_runtime;
static uint64_t guests_wrong;

static void *guest_thread(void *seed)
{
    struct outsider mine = { .rng = { *(uint64_t *)seed } };
    for (int i = 0; i < 40; i++) {
        maru_result result = maru_block_on(guests_runtime, CHURN(&mine, 1u));
        if (result != 0 && result != -EIO)
            atomic_add_rlx(&guests_wrong, UINT64_C(1));
    }
    return NULL;
}

static bool guests_own(void)
{
    uint64_t seed = 99;
    return guest_thread(&seed) == NULL;
}

static bool guests_main(void)
{
    return with_threads(THIEVES, guest_thread, guests_own);
}

static bool part_guests(void)
{
    guests_wrong = 0;
    guests_runtime = new_runtime(2, settings.seed);
    REQUIRE(guests_runtime);
    bool right = with_foreigners(guests_main);
    REQUIRE(maru_runtime_free(guests_runtime) == 0);
    REQUIRE(begun == ended);
    return right && guests_wrong == 0;
}

/* ---- the program ---- */

static const struct part {
    const char *name;
    bool (*run)(void);
} parts[] = {
    { "deque", part_deque },     { "fifo", part_fifo },       { "inject", part_inject },
    { "slab", part_slab },       { "churn-1", part_churn_1 }, { "churn-2", part_churn_2 },
    { "churn-4", part_churn_4 }, { "timers", part_timers },   { "guests", part_guests },
};

static bool parse(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *end = NULL;
        uint64_t value = i + 1 < argc ? strtoull(argv[i + 1], &end, 10) : 0;
        bool is_number = end && !*end && end != argv[i + 1];
        if (strcmp(argv[i], "--quick") == 0) {
            settings.items = 200000;
            settings.rounds = 40;
            continue;
        }
        if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            settings.only = argv[i + 1];
        else if (strcmp(argv[i], "--items") == 0 && is_number)
            settings.items = value;
        else if (strcmp(argv[i], "--rounds") == 0 && is_number)
            settings.rounds = value;
        else if (strcmp(argv[i], "--seed") == 0 && is_number)
            settings.seed = value;
        else
            return false;
        i++;
    }
    return true;
}

int main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0;
    if (!parse(argc, argv)) {
        fprintf(stderr, "usage: check_stress [--items N] [--rounds N] [--seed S] [--only NAME] "
                        "[--quick]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (settings.only && strcmp(settings.only, parts[i].name) != 0)
            continue;
        int64_t began = maru_now();
        bool right = parts[i].run();
        printf("%-6s  %-8s %6.2f s\n", right ? "ok" : "FAILED", parts[i].name,
               (double)(maru_now() - began) / 1e9);
        if (!right)
            printf("again: check_stress --only %s --seed %llu\n", parts[i].name,
                   (unsigned long long)settings.seed);
        fflush(stdout);
        passed += right;
        failed += !right;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0;
}
