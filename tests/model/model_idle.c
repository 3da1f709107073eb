/*
 * Models of who sleeps and who searches (runtime/sched/idle.c) and of putting one worker to sleep
 * (park.c).  Work is a word that a producer sets and a worker takes; a worker is the order of calls
 * in worker.c without anything else; its driver is a word that a kick sets.  Work that is left
 * while all workers sleep shows as a deadlock.
 */
#include "runtime/base/atomic.h"
#include "runtime/sched/idle.h"
#include "runtime/sched/park.h"

#include "mc.h"

#define UNSEEN __attribute__((no_sanitize("thread")))

enum { WORKERS = 2, WORKS = 2 };

static struct idle idle;
static struct park parks[WORKERS];
static uint32_t kicked[WORKERS];
static uint32_t works[WORKS];

static struct {
    unsigned kicks;
    unsigned self_wakes; /* how often a wait may still end by itself */
} books;

static UNSEEN void books_begin(void)
{
    books.kicks = books.self_wakes = 0;
}

static UNSEEN void count_kick(void)
{
    books.kicks++;
}

static UNSEEN unsigned kicks(void)
{
    return books.kicks;
}

static UNSEEN void allow_self_wakes(unsigned n)
{
    books.self_wakes = n;
}

static UNSEEN bool may_wake_itself(void)
{
    return books.self_wakes > 0 && books.self_wakes--;
}

static void begin(uint32_t workers)
{
    books_begin();
    idle_init(&idle, workers);
    mc_label(&idle.sleeping[0], "sleeping");
    mc_label(&idle.searchers, "searchers");
    mc_label(&idle.on_watch, "on watch");
    mc_label(&works[0], "work 0");
    mc_label(&works[1], "work 1");
    mc_label(&parks[0].word, "park 0");
    mc_label(&parks[1].word, "park 1");
    mc_label(&kicked[0], "driver 0");
    mc_label(&kicked[1], "driver 1");
}

/* ---- producers ---- */

static void notify(int id)
{
    if (!park_notify(&parks[id]))
        return;
    count_kick();
    atomic_store_rel(&kicked[id], 1u); /* pairs with wait */
}

static void announce(void)
{
    int id = idle_wake_one(&idle);
    if (id >= 0)
        notify(id);
}

static unsigned numbers[] = {0, 1};

static void produce(void *number)
{
    atomic_store_sc(&works[*(unsigned *)number], 1u); /* pairs with is_there */
    announce();
}

/* ---- workers ---- */

static bool is_there(void)
{
    return atomic_load_sc(&works[0]) || atomic_load_sc(&works[1]);
}

static bool take(void)
{
    for (unsigned i = 0; i < WORKS; i++)
        if (atomic_load_rlx(&works[i]) && atomic_exchange_acq(&works[i], 0u))
            return true;
    return false;
}

static void wait(uint32_t id)
{
    while (!atomic_exchange_acq(&kicked[id], 0u)) {
        if (may_wake_itself()) {
            mc_yield(); /* a deadline, at any time */
            return;
        }
        mc_relax();
    }
}

static void wake_up(uint32_t id, bool *searching)
{
    if (idle_sleep_end(&idle, id))
        *searching = true;
}

/* False: there is a reason to look around again at once. */
static bool fall_asleep(uint32_t id, bool *searching)
{
    bool was_last = *searching && idle_search_end(&idle);
    (void)was_last; /* it looks again in any case */
    *searching = false;
    idle_sleep_begin(&idle, id);
    bool sleeps = !is_there() && park_begin(&parks[id]);
    if (sleeps) {
        wait(id);
        park_end(&parks[id]);
    }
    wake_up(id, searching);
    if (!sleeps && !*searching)
        *searching = idle_search_begin(&idle); /* P3: it was relied on for all that is there */
    return sleeps;
}

static void stop_searching(bool *searching)
{
    if (*searching && idle_search_end(&idle) && is_there())
        announce();
    *searching = false;
}

/* Looks for work until it has got some; then it runs that. */
static void work_once(uint32_t id, bool *searching)
{
    unsigned awake = 0;
    for (;;) {
        if (take())
            break;
        if (!*searching)
            *searching = idle_search_begin(&idle);
        if (*searching && take())
            break;
        if (fall_asleep(id, searching) || *searching)
            awake = 0;
        else if (++awake > 2)
            mc_relax(); /* the same again and again: what it sees is in others' hands */
    }
    stop_searching(searching);
}

static void worker_for_one(void *number)
{
    bool searching = false;
    work_once(*(unsigned *)number, &searching);
}

static void worker_for_two(void *number)
{
    bool searching = false;
    work_once(*(unsigned *)number, &searching);
    mc_yield(); /* work takes its time */
    work_once(*(unsigned *)number, &searching);
}

/* Worker `id` sleeps already when the model begins. */
static void set_asleep(uint32_t id)
{
    idle_sleep_begin(&idle, id);
    MC_CHECK(park_begin(&parks[id]));
}

static void check_all_at_rest(void)
{
    mc_join_all();
    MC_CHECK(idle.searchers == 0 && idle.sleeping[0] == 0);
    MC_CHECK(!works[0] && !works[1]);
}

/* ---- work and sleepers ---- */

static void producer_and_sleeper(void)
{
    begin(1);
    mc_spawn(worker_for_one, &numbers[0]);
    produce(&numbers[0]);
    check_all_at_rest();
}

static void two_producers_one_sleeper(void)
{
    begin(1);
    mc_spawn(worker_for_two, &numbers[0]);
    mc_spawn(produce, &numbers[0]);
    produce(&numbers[1]);
    check_all_at_rest();
}

static void two_works_two_sleepers(void)
{
    begin(2);
    mc_spawn(worker_for_one, &numbers[0]);
    mc_spawn(worker_for_one, &numbers[1]);
    produce(&numbers[0]);
    produce(&numbers[1]);
    check_all_at_rest();
}

/* The race of idle.h: the bit that a producer has seen is gone when it holds the token. */
static void token_without_bit(void)
{
    begin(2);
    allow_self_wakes(1);
    mc_spawn(worker_for_two, &numbers[0]);
    mc_spawn(produce, &numbers[0]);
    produce(&numbers[1]);
    check_all_at_rest();
}

static void wake_against_deadline(void)
{
    begin(1);
    allow_self_wakes(2);
    mc_spawn(worker_for_one, &numbers[0]);
    produce(&numbers[0]);
    check_all_at_rest();
}

/* ---- kicks ---- */

static void burst(void)
{
    begin(2);
    set_asleep(0);
    set_asleep(1);
    mc_spawn(produce, &numbers[0]);
    produce(&numbers[1]);
    mc_join_all();
    MC_CHECK(kicks() == 1);
    MC_CHECK(idle.searchers == 1);
    MC_CHECK(__builtin_popcountll(idle.sleeping[0]) == 1);
}

static void producer_and_searcher(void)
{
    begin(2);
    bool searching = idle_search_begin(&idle);
    set_asleep(1);
    mc_spawn(produce, &numbers[0]);
    stop_searching(&searching); /* it has found something else */
    mc_join_all();
    MC_CHECK(kicks() == 1 && kicked[1]);
    MC_CHECK(idle.searchers == 1);
}

static void hushed_while_searching(void)
{
    begin(2);
    MC_CHECK(idle_search_begin(&idle));
    set_asleep(1);
    mc_spawn(produce, &numbers[0]);
    produce(&numbers[1]);
    mc_join_all();
    MC_CHECK(kicks() == 0);
}

/* The owner takes its bit back while a producer clears it. */
static int woken;

static void wake_one(void *unused)
{
    (void)unused;
    woken = idle_wake_one(&idle);
}

static void bit_is_cleared_once(void)
{
    begin(2);
    idle_sleep_begin(&idle, 1);
    mc_spawn(wake_one, NULL);
    bool was_cleared = idle_sleep_end(&idle, 1);
    mc_join_all();
    MC_CHECK(was_cleared == (woken == 1));
    MC_CHECK(idle.searchers == was_cleared);
    MC_CHECK(idle.sleeping[0] == 0);
}

/* ---- searching ---- */

static void search(void *unused)
{
    (void)unused;
    if (!idle_search_begin(&idle))
        return;
    MC_CHECK(atomic_load_rlx(&idle.searchers) <= 1);
    MC_CHECK(idle_search_end(&idle));
}

/* Of one worker at most one searches, however many ask. */
static void search_limit(void)
{
    begin(1);
    mc_spawn(search, NULL);
    search(NULL);
    mc_join_all();
    MC_CHECK(idle.searchers == 0);
}

static uint32_t last_ones;

static void end_search(void *unused)
{
    (void)unused;
    if (idle_search_end(&idle))
        atomic_add_rlx(&last_ones, 1u);
}

static void one_is_last(void)
{
    begin(4);
    MC_CHECK(idle_search_begin(&idle) && idle_search_begin(&idle));
    mc_spawn(end_search, NULL);
    end_search(NULL);
    mc_join_all();
    MC_CHECK(last_ones == 1);
}

static uint32_t watches;

static void begin_watch(void *number)
{
    if (idle_watch_begin(&idle, *(unsigned *)number)) {
        MC_CHECK(idle_is_watched(&idle));
        MC_CHECK(atomic_add_rlx(&watches, 1u) == 0);
        atomic_sub_rlx(&watches, 1u);
        idle_watch_end(&idle);
    }
}

static void one_watch(void)
{
    begin(2);
    mc_spawn(begin_watch, &numbers[0]);
    begin_watch(&numbers[1]);
    mc_join_all();
    MC_CHECK(!idle_is_watched(&idle));
}

/* ---- park ---- */

static int message; /* plain */

static void write_and_notify(void *unused)
{
    (void)unused;
    message = 1;
    notify(0);
}

static void notify_before_park(void)
{
    begin(1);
    mc_spawn(write_and_notify, NULL);
    if (park_begin(&parks[0])) {
        wait(0);
        park_end(&parks[0]);
    }
    MC_CHECK(message == 1);
    mc_join_all();
}

/* The wait ends by itself; a notification is seen by this sleep or by the next one. */
static void notify_against_deadline(void)
{
    begin(1);
    allow_self_wakes(1);
    mc_spawn(write_and_notify, NULL);
    unsigned sleeps = 0;
    while (sleeps < 2 && park_begin(&parks[0])) {
        wait(0);
        bool was_notified = atomic_load_rlx(&parks[0].word) == 2;
        park_end(&parks[0]);
        if (was_notified)
            break;
        sleeps++;
    }
    MC_CHECK(message == 1);
    mc_join_all();
}

static void notify_zero(void *unused)
{
    (void)unused;
    notify(0);
}

static void one_kick_a_sleep(void)
{
    begin(1);
    MC_CHECK(park_begin(&parks[0]));
    mc_spawn(notify_zero, NULL);
    mc_spawn(notify_zero, NULL);
    mc_join_all();
    MC_CHECK(kicks() == 1);
    park_end(&parks[0]);
    MC_CHECK(park_begin(&parks[0])); /* a notification is used up by the sleep that it ended */
    park_end(&parks[0]);
    notify(0);
    MC_CHECK(kicks() == 1);           /* nobody kicks who is awake */
    MC_CHECK(!park_begin(&parks[0])); /* but it does not sleep, once */
    MC_CHECK(park_begin(&parks[0]));
}

static uint32_t messages[2]; /* relaxed: only the park word orders */

static void tell_and_notify(void *number)
{
    atomic_store_rlx(&messages[*(unsigned *)number], 1u);
    notify(0);
}

static void each_notify_counts(void)
{
    begin(1);
    mc_spawn(tell_and_notify, &numbers[0]);
    mc_spawn(tell_and_notify, &numbers[1]);
    while (!atomic_load_rlx(&messages[0]) || !atomic_load_rlx(&messages[1])) {
        if (!park_begin(&parks[0]))
            continue;
        wait(0);
        park_end(&parks[0]);
    }
    mc_join_all();
}

static const struct mc_model models[] = {
    {.name = "producer_and_sleeper",
     .claim = "P1: a producer and a worker that falls asleep do not both miss",
     .body = producer_and_sleeper,
     .bound = 4},
    {.name = "two_producers_one_sleeper",
     .claim = "P1 P2: two works reach a worker that sleeps in between",
     .body = two_producers_one_sleeper},
    {.name = "two_works_two_sleepers",
     .claim = "P2 P3: two works wake two workers, by the producer or by the first",
     .body = two_works_two_sleepers},
    {.name = "token_without_bit",
     .claim = "P1 P6: who holds the token and finds no bit looks again (idle.h's race)",
     .body = token_without_bit,
     .bound = 3},
    {.name = "wake_against_deadline",
     .claim = "P1 P4: a wake and a sleep that ends by itself lose nothing",
     .body = wake_against_deadline,
     .bound = 3},
    {.name = "burst",
     .claim = "P6: two producers kick one of two sleepers",
     .body = burst,
     .bound = -1},
    {.name = "producer_and_searcher",
     .claim = "P3: work that came while one searched is announced once, by either",
     .body = producer_and_searcher,
     .bound = -1},
    {.name = "hushed_while_searching",
     .claim = "P6: nobody is kicked while somebody searches",
     .body = hushed_while_searching,
     .bound = -1},
    {.name = "bit_is_cleared_once",
     .claim = "P6: a bit is cleared by its worker or by a producer, who counts it",
     .body = bit_is_cleared_once,
     .bound = -1},
    {.name = "search_limit",
     .claim = "P6: no more search than may",
     .body = search_limit,
     .bound = -1},
    {.name = "one_is_last",
     .claim = "P3: of two that stop searching one is the last",
     .body = one_is_last,
     .bound = -1},
    {.name = "one_watch",
     .claim = "N2: one worker is on watch, and says so",
     .body = one_watch,
     .bound = -1},
    {.name = "notify_before_park",
     .claim = "P4 P5: a notification ends the sleep, or comes before it; it publishes",
     .body = notify_before_park,
     .bound = -1},
    {.name = "notify_against_deadline",
     .claim = "P4: a notification at the end of a sleep counts for it or for the next",
     .body = notify_against_deadline,
     .bound = -1},
    {.name = "one_kick_a_sleep",
     .claim = "P4: a sleep is kicked once, and nobody who is awake",
     .body = one_kick_a_sleep,
     .bound = -1},
    {.name = "each_notify_counts",
     .claim = "P4: of two notifications none is lost, nor what was written before it",
     .body = each_notify_counts,
     .bound = 4},
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
