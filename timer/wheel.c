/* wheel.c - see wheel.h. */
#include "timer/wheel.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/base/list.h"

uint64_t wheel_tick_after(const struct wheel *wheel, int64_t deadline_ns)
{
    const uint64_t last = (UINT64_C(1) << wheel->shift) - 1;
    if (UNLIKELY(deadline_ns == INT64_MAX))
        return WHEEL_NEVER;
    return deadline_ns <= 0 ? 0 : ((uint64_t)deadline_ns + last) >> wheel->shift;
}

uint64_t wheel_tick_of(const struct wheel *wheel, int64_t now_ns)
{
    return now_ns <= 0 ? 0 : (uint64_t)now_ns >> wheel->shift;
}

static void make_empty(struct wheel *wheel, uint32_t shift, int64_t now_ns)
{
    wheel->shift = shift;
    wheel->next_tick = WHEEL_NEVER;
    wheel->hand = wheel_tick_of(wheel, now_ns);
    wheel->count = 0;
    list_init(&wheel->never);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    }
}

void wheel_init(struct wheel *wheel, int64_t now_ns)
{
    wheel->lock = 0;
    make_empty(wheel, TICK_SHIFT, now_ns);
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
    wheel->count++;
    if (UNLIKELY(tick == WHEEL_NEVER)) {
        list_append(&wheel->never, link);           /* W7 */
        return;
    }
    if (tick < wheel->hand)
        tick = wheel->hand;                         /* W6 */
    place(wheel, link, tick);
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

static void move_down(struct wheel *wheel, unsigned level, unsigned slot, wheel_tick_fn *tick_of)
{
    maru_link links;
    list_move(&links, &wheel->slots[level][slot]);
    wheel->occupied[level] &= ~(UINT64_C(1) << slot);
    while (!list_is_empty(&links)) {
        maru_link *link = links.next_;
        list_remove(link);
        place(wheel, link, tick_of(wheel, link));
    }
}

maru_link *wheel_pop(struct wheel *wheel, uint64_t tick, wheel_tick_fn *tick_of)
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

uint64_t wheel_first_tick(const struct wheel *wheel, wheel_tick_fn *tick_of)
{
    unsigned level, slot;
    uint64_t first = WHEEL_NEVER;
    if (!first_slot(wheel, &level, &slot))
        return WHEEL_NEVER;
    if (level == 0)
        return start_of(wheel, level, slot);
    const maru_link *head = &wheel->slots[level][slot];
    for (const maru_link *link = head->next_; link != head; link = link->next_) {
        uint64_t tick = tick_of(wheel, link);
        first = tick < first ? tick : first;
    }
    return first;
}

/* ---- another tick ---- */

static void move_all(maru_link *to, maru_link *from)
{
    while (!list_is_empty(from)) {
        maru_link *link = from->next_;
        list_remove(link);
        list_append(to, link);
    }
}

/* Slot by slot is in the order of time: what is of one tick now, and what will be, stays in its
 * order. */
void wheel_set_shift(struct wheel *wheel, uint32_t shift, int64_t now_ns, wheel_tick_fn *tick_of)
{
    maru_link all;
    unsigned level, slot;
    list_init(&all);
    while (first_slot(wheel, &level, &slot)) {
        move_all(&all, &wheel->slots[level][slot]);
        wheel->occupied[level] &= ~(UINT64_C(1) << slot);
    }
    move_all(&all, &wheel->never);
    make_empty(wheel, shift, now_ns);
    while (!list_is_empty(&all)) {
        maru_link *link = all.next_;
        list_remove(link);
        wheel_insert(wheel, link, tick_of(wheel, link));
    }
}
