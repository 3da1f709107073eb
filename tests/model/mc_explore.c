/*
 * The search: every choice of an execution (who runs next, which message a load reads) is an entry
 * of the trail.  Exhaustive search is depth first over trails, by running the model again with the
 * last entry that still has alternatives moved on.  The random modes draw the entries instead, but
 * write the same trail, so that any execution of any mode can be run again from its trail alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mc_engine.h"

struct choice {
    uint16_t taken;
    uint16_t out_of; /* 0 if the entry comes from a replay string and was not reached yet */
};

static struct {
    enum mc_mode mode;
    struct choice *trail;
    size_t len;
    size_t room;
    size_t reached; /* entries used by the execution that is running */
    uint64_t random;
    /* Probabilistic concurrency testing: Burckhardt et al., ASPLOS 2010. */
    unsigned depth;
    uint64_t decisions;     /* of this execution */
    uint64_t most_decisions; /* of any execution so far: where change points may lie */
    uint64_t change_at[MC_MAX_THREADS];
    uint64_t priority[MC_MAX_THREADS];
} search;

/* splitmix64: one multiplication chain, no state worth protecting, the same on every machine. */
static uint64_t random_next(void)
{
    uint64_t x = search.random += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Priorities above depth are the threads' own; a change point i lowers one thread to i. */
static void pct_prepare(void)
{
    if (search.decisions > search.most_decisions)
        search.most_decisions = search.decisions;
    search.decisions = 0;
    for (unsigned i = 0; i < MC_MAX_THREADS; i++) {
        search.priority[i] = MC_MAX_THREADS + (random_next() >> 8);
        search.change_at[i] = 1 + random_next() % (search.most_decisions + 1);
    }
}

void explore_begin(enum mc_mode mode, uint64_t seed, unsigned depth)
{
    search.mode = mode;
    search.random = seed;
    search.depth = depth;
    search.len = 0;
    search.reached = 0;
    search.decisions = 0;
    search.most_decisions = 0;
    pct_prepare();
}

void explore_restart(void)
{
    search.reached = 0;
}

bool explore_next(void)
{
    search.reached = 0;
    if (search.mode == MODE_REPLAY)
        return false;
    if (search.mode != MODE_EXHAUSTIVE) {
        search.len = 0;
        pct_prepare();
        return true;
    }
    while (search.len > 0) {
        struct choice *last = &search.trail[search.len - 1];
        if (last->taken + 1 < last->out_of) {
            last->taken++;
            return true;
        }
        search.len--;
    }
    return false;
}

static void trail_push(unsigned taken, unsigned out_of)
{
    if (search.len == search.room) {
        search.room = search.room ? 2 * search.room : 1024;
        search.trail = realloc(search.trail, search.room * sizeof(*search.trail));
        if (!search.trail) {
            fputs("explorer: no memory for the trail\n", stderr);
            exit(2);
        }
    }
    search.trail[search.len++] = (struct choice){(uint16_t)taken, (uint16_t)out_of};
}

/* The entry of the trail that comes next, if it was decided before; else -1. */
static int trail_follow(unsigned n)
{
    if (search.reached >= search.len)
        return -1;
    struct choice *choice = &search.trail[search.reached++];
    if (choice->out_of == 0)
        choice->out_of = (uint16_t)n;
    if (choice->out_of != n || choice->taken >= n)
        mc_fail("the model is not deterministic, or the replay string is another's: choice %zu was "
                "%u of %u and now has %u alternatives",
                search.reached, choice->taken, choice->out_of, n);
    return choice->taken;
}

static unsigned trail_extend(unsigned taken, unsigned n)
{
    trail_push(taken, n);
    search.reached = search.len;
    return taken;
}

unsigned pick(unsigned n)
{
    if (n < 2)
        return 0;
    int known = trail_follow(n);
    if (known >= 0)
        return (unsigned)known;
    bool is_random = search.mode == MODE_RANDOM || search.mode == MODE_PCT;
    return trail_extend(is_random ? (unsigned)(random_next() % n) : 0, n);
}

unsigned mc_choose(unsigned n)
{
    bool was_inside = engine_enter();
    unsigned taken = pick(n);
    if (mc.is_tracing)
        trace_line("chooses %u of %u", taken, n);
    engine_leave(was_inside);
    return taken;
}

static unsigned pct_pick(const uint8_t *candidates, unsigned n, bool is_yield)
{
    search.decisions++;
    for (unsigned i = 0; i + 1 < search.depth && i < MC_MAX_THREADS; i++)
        if (search.change_at[i] == search.decisions)
            search.priority[mc.current] = i + 1;
    if (is_yield)
        search.priority[mc.current] = 0;
    unsigned best = 0;
    for (unsigned i = 1; i < n; i++)
        if (search.priority[candidates[i]] > search.priority[candidates[best]])
            best = i;
    return best;
}

unsigned pick_thread(const uint8_t *candidates, unsigned n, bool is_yield)
{
    if (search.mode != MODE_PCT || n < 2)
        return pick(n);
    int known = trail_follow(n);
    if (known >= 0)
        return (unsigned)known;
    return trail_extend(pct_pick(candidates, n, is_yield), n);
}

/*
 * A replay string is the preemption bound ("-" for none), a colon, and the entries separated by
 * dots, where z12 stands for twelve zeros and zeros at the end are left out.
 */
void explore_save(char *text, size_t room)
{
    int bound = mc.bound;
    size_t used = (size_t)(bound < 0 ? snprintf(text, room, "-:")
                                     : snprintf(text, room, "%d:", bound));
    size_t end = search.len;
    while (end > 0 && search.trail[end - 1].taken == 0)
        end--;
    for (size_t i = 0; i < end && used + 16 < room;) {
        size_t zeros = 0;
        while (search.trail[i + zeros].taken == 0)
            zeros++;
        const char *dot = i ? "." : "";
        if (zeros > 1)
            used += (size_t)snprintf(text + used, room - used, "%sz%zu", dot, zeros);
        else
            used += (size_t)snprintf(text + used, room - used, "%s%u", dot, search.trail[i].taken);
        i += zeros > 1 ? zeros : 1;
    }
}

bool explore_load(const char *replay)
{
    char *end;
    if (*replay == '-') {
        mc.bound = -1;
        end = (char *)replay + 1;
    } else {
        mc.bound = (int)strtol(replay, &end, 10);
    }
    if (*end != ':')
        return false;
    for (const char *at = end + 1; *at; at = *end == '.' ? end + 1 : end) {
        bool is_run = *at == 'z';
        unsigned long number = strtoul(at + is_run, &end, 10);
        if (end == at + is_run || (*end && *end != '.') || number > UINT16_MAX)
            return false;
        for (unsigned long i = 0; i < (is_run ? number : 1); i++)
            trail_push(is_run ? 0 : (unsigned)number, 0);
    }
    return true;
}
