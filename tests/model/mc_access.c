/*
 * Who touched which byte: finds data races (two accesses of different threads to a byte, one of
 * them a write, not both atomic, neither ordered before the other), tells the histories of plain
 * writes to atomic words, and remembers what globals held before the execution.
 *
 * Memory is kept by granules of 8 bytes, each with the accesses that could still race with a later
 * one.  The table is stamped with the execution's number, so a new execution finds it empty.
 */
#include <stdlib.h>
#include <string.h>

#include "mc_engine.h"

struct access {
    struct access *next;
    uint32_t clock; /* the thread's own, when it happened */
    uint8_t thread;
    uint8_t bytes; /* bit b: byte b of the granule */
    uint8_t kind;
};

struct granule {
    uintptr_t number; /* address / 8 */
    uint32_t stamp;
    uint8_t saved_bytes; /* already in the log of old contents */
    struct access *accesses;
    struct location *locations;
};

struct old_content {
    uintptr_t granule;
    uint8_t bytes;
    uint8_t content[8];
};

static struct granule *table;
static size_t table_size; /* a power of two, at most half full */
static size_t table_used;

static struct old_content *undo_log;
static size_t undo_count;
static size_t undo_room;

static struct location *dirty[16];
static unsigned dirty_count;

static void *must(void *memory)
{
    if (!memory)
        mc_fail("the explorer is out of memory");
    return memory;
}

void access_begin(void)
{
    if (!table) {
        table_size = 1 << 12;
        table = must(calloc(table_size, sizeof(*table)));
    }
    table_used = 0;
    undo_count = 0;
    dirty_count = 0;
}

void access_end(void)
{
    for (size_t i = undo_count; i-- > 0;)
        for (unsigned b = 0; b < 8; b++)
            if (undo_log[i].bytes >> b & 1)
                ((uint8_t *)undo_log[i].granule)[b] = undo_log[i].content[b];
    undo_count = 0;
}

static struct granule *granule_slot(uintptr_t number)
{
    size_t at = (size_t)(number * 0x9e3779b97f4a7c15u >> 20) & (table_size - 1);
    while (table[at].stamp == mc.serial && table[at].number != number)
        at = (at + 1) & (table_size - 1);
    return &table[at];
}

static void table_grow(void)
{
    struct granule *old = table;
    size_t old_size = table_size;
    table_size *= 2;
    table = must(calloc(table_size, sizeof(*table)));
    for (size_t i = 0; i < old_size; i++)
        if (old[i].stamp == mc.serial)
            *granule_slot(old[i].number) = old[i];
    free(old);
}

static struct granule *granule_find(uintptr_t number)
{
    struct granule *granule = granule_slot(number);
    if (granule->stamp == mc.serial)
        return granule;
    if (2 * ++table_used > table_size) {
        table_grow();
        granule = granule_slot(number);
    }
    *granule = (struct granule){.number = number, .stamp = mc.serial};
    return granule;
}

static bool is_conflict(const struct access *a, unsigned kind)
{
    return a->thread != mc.current && ((a->kind | kind) & ACCESS_WRITE) &&
           !(a->kind & kind & ACCESS_ATOMIC);
}

static bool is_ordered_before_now(const struct access *a)
{
    return a->clock <= view_at(self()->view, a->thread);
}

static _Noreturn void report_race(uintptr_t addr, unsigned kind, const struct access *a)
{
    mc_fail("data race: %s %s of %s by thread %u, unordered with %s %s by thread %u",
            kind & ACCESS_ATOMIC ? "atomic" : "plain", kind & ACCESS_WRITE ? "write" : "read",
            trace_name(addr), mc.current, a->kind & ACCESS_ATOMIC ? "an atomic" : "a plain",
            a->kind & ACCESS_WRITE ? "write" : "read", a->thread);
}

/*
 * An old access may be forgotten when whatever races with it also races with the new one: when the
 * new one follows it, covers its bytes and conflicts with as much.
 */
static bool is_subsumed(const struct access *a, unsigned bytes, unsigned kind)
{
    if (a->bytes & ~bytes)
        return false;
    if (kind == ACCESS_WRITE)
        return true;
    return a->thread == mc.current && (kind & ACCESS_WRITE) >= (a->kind & ACCESS_WRITE) &&
           (kind & ACCESS_ATOMIC) <= (a->kind & ACCESS_ATOMIC);
}

static void granule_touch(struct granule *granule, unsigned bytes, unsigned kind)
{
    struct thread *thread = self();
    uint32_t clock = thread->view->at[mc.current];
    struct access *reuse = NULL;
    struct access **link = &granule->accesses;
    while (*link) {
        struct access *a = *link;
        if ((a->bytes & bytes) && is_conflict(a, kind) && !is_ordered_before_now(a)) {
            unsigned byte = (unsigned)__builtin_ctz(a->bytes & bytes);
            report_race(granule->number * 8 + byte, kind, a);
        }
        if (is_subsumed(a, bytes, kind)) {
            *link = a->next;
            reuse = a;
        } else {
            link = &a->next;
        }
    }
    if (!reuse)
        reuse = scratch_alloc(sizeof(*reuse));
    *reuse = (struct access){granule->accesses, clock, (uint8_t)mc.current, (uint8_t)bytes,
                             (uint8_t)kind};
    granule->accesses = reuse;
}

/* Globals only: heap and stacks are made anew for each execution. */
static void granule_save(struct granule *granule, unsigned bytes)
{
    uintptr_t addr = granule->number * 8;
    bytes &= ~(unsigned)granule->saved_bytes;
    if (!bytes || heap_covers(addr) || thread_stack_covers(addr))
        return;
    granule->saved_bytes |= (uint8_t)bytes;
    if (undo_count == undo_room) {
        undo_room = undo_room ? 2 * undo_room : 64;
        undo_log = must(realloc(undo_log, undo_room * sizeof(*undo_log)));
    }
    struct old_content *old = &undo_log[undo_count];
    old->granule = addr;
    old->bytes = (uint8_t)bytes;
    for (unsigned b = 0; b < 8; b++)
        if (bytes >> b & 1)
            old->content[b] = ((uint8_t *)addr)[b];
    undo_count++; /* last: reading a wild address ends the execution above */
}

void mc_reset_global(void *memory, size_t len)
{
    bool was_inside = engine_enter();
    for (uintptr_t addr = (uintptr_t)memory; addr < (uintptr_t)memory + len; addr++)
        granule_save(granule_find(addr / 8), 1u << addr % 8);
    engine_leave(was_inside);
}

/* The hook comes before the write, so its value can only be read at the thread's next event. */
static void locations_soil(struct granule *granule, unsigned bytes)
{
    for (struct location *l = granule->locations; l; l = l->next) {
        unsigned mine = ((1u << l->size) - 1) << l->addr % 8;
        if (!(mine & bytes))
            continue;
        l->is_rewritten = true;
        if (l->is_dirty)
            continue;
        if (dirty_count == sizeof(dirty) / sizeof(dirty[0]))
            access_absorb();
        l->is_dirty = true;
        dirty[dirty_count++] = l;
    }
}

void access_absorb(void)
{
    unsigned count = dirty_count;
    dirty_count = 0;
    for (unsigned i = 0; i < count; i++)
        location_absorb(dirty[i]);
}

/* The end of an object's life must be ordered after all that was done to it, like a write. */
void access_retire(uintptr_t addr, size_t len)
{
    for (uintptr_t number = addr / 8; number * 8 < addr + len; number++) {
        struct granule *granule = granule_slot(number);
        if (granule->stamp != mc.serial)
            continue;
        granule_touch(granule, 0xff, ACCESS_WRITE);
        for (struct location *l = granule->locations; l; l = l->next)
            l->is_rewritten = true;
    }
}

void access_plain(uintptr_t addr, size_t len, int kind)
{
    if (len == 0 || thread_local_covers(addr))
        return;
    heap_check(addr, len, kind & ACCESS_WRITE ? "write" : "read");
    uintptr_t end = addr + len;
    while (addr < end) {
        unsigned from = addr % 8;
        unsigned to = end - addr + from > 8 ? 8 : (unsigned)(end - addr + from);
        unsigned bytes = (1u << to) - (1u << from);
        struct granule *granule = granule_find(addr / 8);
        granule_touch(granule, bytes, (unsigned)kind);
        if (kind & ACCESS_WRITE) {
            granule_save(granule, bytes);
            locations_soil(granule, bytes);
        }
        addr += to - from;
    }
}

/* Returns where the list of atomic words of this granule begins. */
struct location **access_atomic(uintptr_t addr, unsigned size, int kind)
{
    heap_check(addr, size, "atomic access");
    if (addr % size != 0)
        mc_fail("misaligned atomic access of %u bytes to %s", size, trace_name(addr));
    struct granule *granule = granule_find(addr / 8);
    unsigned bytes = ((1u << size) - 1) << addr % 8;
    granule_touch(granule, bytes, (unsigned)kind);
    if (kind & ACCESS_WRITE)
        granule_save(granule, bytes);
    return &granule->locations;
}
