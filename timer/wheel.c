/* wheel.c - see wheel.h. */
#include "timer/wheel.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/base/list.h"

uint64_t wheel_tick_after(int64_t deadline_ns)
{
    const uint64_t last = (UINT64_C(1) << TICK_SHIFT) - 1;
    return deadline_ns <= 0 ? 0 : ((uint64_t)deadline_ns + last) >> TICK_SHIFT;
}

uint64_t wheel_tick_of(int64_t now_ns)
{
    return (uint64_t)now_ns >> TICK_SHIFT;
}

void wheel_init(struct wheel *wheel, int64_t now_ns)
{
    wheel->lock = 0;
    wheel->next_tick = WHEEL_NEVER;
    wheel->hand = wheel_tick_of(now_ns);
    wheel->count = 0;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    }
}

static unsigned level_of(const struct wheel *wheel, uint64_t tick)
{
    uint64_t differs = (wheel->hand ^ tick) | (WHEEL_SLOTS - 1);
    return (63u - (unsigned)__builtin_clzll(differs)) / 6;
}

static unsigned slot_of(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (6 * level)) % WHEEL_SLOTS;
}

static void place(struct wheel *wheel, maru_link *link, uint64_t tick)
{
    unsigned level = level_of(wheel, tick), slot = slot_of(tick, level);
    CHECK(level < WHEEL_LEVELS);
    list_append(&wheel->slots[level][slot], link);
    wheel->occupied[level] |= UINT64_C(1) << slot;
}

static void hint(struct wheel *wheel, uint64_t tick)
{
    atomic_store_rlx(&wheel->next_tick, tick);      /* with wheel_next_tick: only a hint */
}

void wheel_insert(struct wheel *wheel, maru_link *link, uint64_t tick)
{
    if (tick < wheel->hand)
        tick = wheel->hand;                         /* W6 */
    place(wheel, link, tick);
    wheel->count++;
    if (tick < wheel->next_tick)
        hint(wheel, tick);
}

/* Of a list that has just lost a link: the neighbour is the head itself when it is empty. */
static void note_if_empty(struct wheel *wheel, const maru_link *head)
{
    const maru_link *first = &wheel->slots[0][0], *end = first + WHEEL_LEVELS * WHEEL_SLOTS;
    if (!list_is_empty(head) || head < first || head >= end)
        return;
    size_t index = (size_t)(head - first);
    wheel->occupied[index / WHEEL_SLOTS] &= ~(UINT64_C(1) << (index % WHEEL_SLOTS));
}

void wheel_remove(struct wheel *wheel, maru_link *link)
{
    const maru_link *neighbour = link->prev_;
    list_remove(link);
    note_if_empty(wheel, neighbour);
    wheel->count--;
    if (wheel->count == 0)
        hint(wheel, WHEEL_NEVER);
}

/* The first slot that is not empty: lower levels come before higher ones. False: none. */
static bool first_slot(const struct wheel *wheel, unsigned *ret_level, unsigned *ret_slot)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        if (!wheel->occupied[level])
            continue;
        *ret_level = level;
        *ret_slot = (unsigned)__builtin_ctzll(wheel->occupied[level]);
        return true;
    }
    return false;
}

/* The first tick that a slot spans, given that the hand is not past it. */
static uint64_t start_of(const struct wheel *wheel, unsigned level, unsigned slot)
{
    uint64_t above = level + 1 < WHEEL_LEVELS ? wheel->hand >> (6 * (level + 1)) : 0;
    return ((above << 6) | slot) << (6 * level);
}

static void move_down(struct wheel *wheel, unsigned level, unsigned slot,
                      uint64_t (*tick_of)(maru_link *))
{
    maru_link links;
    list_move(&links, &wheel->slots[level][slot]);
    wheel->occupied[level] &= ~(UINT64_C(1) << slot);
    while (!list_is_empty(&links)) {
        maru_link *link = links.next_;
        list_remove(link);
        place(wheel, link, tick_of(link));
    }
}

maru_link *wheel_pop(struct wheel *wheel, uint64_t tick, uint64_t (*tick_of)(maru_link *))
{
    unsigned level, slot;
    while (first_slot(wheel, &level, &slot)) {
        uint64_t start = start_of(wheel, level, slot);
        if (start > tick) {
            wheel->hand = tick > wheel->hand ? tick : wheel->hand;
            hint(wheel, start);
            return NULL;
        }
        if (level == 0) {
            maru_link *link = wheel->slots[0][slot].next_;
            wheel->hand = start;
            wheel_remove(wheel, link);
            return link;
        }
        wheel->hand = start;
        move_down(wheel, level, slot, tick_of);
    }
    wheel->hand = tick > wheel->hand ? tick : wheel->hand;
    hint(wheel, WHEEL_NEVER);
    return NULL;
}

uint64_t wheel_next_tick(const struct wheel *wheel)
{
    return atomic_load_rlx(&wheel->next_tick);      /* no partner: only a hint */
}
