/*
 * The memory of an execution: an arena at a fixed address that is handed out once and never twice,
 * so that a pointer kept too long always points to dead memory.  A shadow byte for every 8 bytes
 * says how many of them may be touched, or why none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mc_engine.h"

enum {
    GRANULE = 8,
    RED_ZONE = 16, /* untouchable bytes after each block, at least */
    SHADOW_NONE = 0,
    SHADOW_ALL = 8, /* 1 .. 8: so many bytes of the granule are alive */
    SHADOW_FREED = 0xfd,
    SHADOW_POISONED = 0xf7,
};

struct block {
    uintptr_t addr;
    size_t size;
    bool is_live;
};

static const size_t arena_size = (size_t)1 << 30;
static char *arena;
static uint8_t *shadow;
static size_t arena_used;

static struct block *blocks; /* in order of address */
static size_t block_count;
static size_t block_room;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **ret_memory, size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **ret_memory, size_t alignment, size_t size);

static void *map(uintptr_t addr, size_t size)
{
    void *memory = mmap((void *)addr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        mc_fail("no address space for the heap");
    return memory;
}

void heap_begin(void)
{
    if (!arena) {
        arena = map(0x300000000000, arena_size);
        shadow = map(0, arena_size / GRANULE);
    }
    memset(shadow, SHADOW_NONE, arena_used / GRANULE);
    arena_used = 0;
    block_count = 0;
    mc.expected_leaks = 0;
}

bool heap_covers(uintptr_t addr)
{
    return addr - (uintptr_t)arena < arena_size;
}

/* The last block that begins at addr or before. */
static struct block *block_before(uintptr_t addr)
{
    size_t low = 0;
    size_t high = block_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (blocks[middle].addr <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &blocks[low - 1] : NULL;
}

void heap_name(uintptr_t addr, char *text, size_t room)
{
    struct block *block = block_before(addr);
    if (block)
        snprintf(text, room, "block %zu (%zu bytes) + %zu", (size_t)(block - blocks), block->size,
                 (size_t)(addr - block->addr));
    else
        snprintf(text, room, "heap + %#zx", (size_t)(addr - (uintptr_t)arena));
}

static bool granule_allows(size_t offset, size_t end)
{
    uint8_t alive = shadow[offset / GRANULE];
    size_t first = offset / GRANULE * GRANULE;
    return alive <= SHADOW_ALL && end - first <= alive;
}

static _Noreturn void report(size_t offset, size_t len, const char *what)
{
    uint8_t state = shadow[offset / GRANULE];
    const char *why = state == SHADOW_FREED      ? "use after free"
                      : state == SHADOW_POISONED ? "use after free of slab slot (poisoned memory)"
                                                 : "out of bounds";
    mc_fail("%s: %s of %zu bytes at %s", why, what, len, trace_name((uintptr_t)arena + offset));
}

void heap_check(uintptr_t addr, size_t len, const char *what)
{
    if (addr < 4096)
        mc_fail("null pointer: %s of %zu bytes at %#lx", what, len, (unsigned long)addr);
    if (!heap_covers(addr))
        return;
    size_t offset = addr - (uintptr_t)arena;
    for (size_t end = offset + len; offset < end; offset = (offset / GRANULE + 1) * GRANULE) {
        size_t next = (offset / GRANULE + 1) * GRANULE;
        if (!granule_allows(offset, next < end ? next : end))
            report(offset, len, what);
    }
}

static void shadow_live(size_t offset, size_t size)
{
    memset(shadow + offset / GRANULE, SHADOW_ALL, size / GRANULE);
    if (size % GRANULE)
        shadow[(offset + size) / GRANULE] = (uint8_t)(size % GRANULE);
}

static void *block_new(size_t alignment, size_t size)
{
    size_t offset = (arena_used + alignment - 1) & ~(alignment - 1);
    if (size > arena_size || offset + size + 2 * RED_ZONE > arena_size)
        return NULL;
    if (block_count == block_room) {
        block_room = block_room ? 2 * block_room : 256;
        blocks = __real_realloc(blocks, block_room * sizeof(*blocks));
        if (!blocks)
            mc_fail("the explorer is out of memory");
    }
    arena_used = (offset + size + RED_ZONE + 15) & ~(size_t)15;
    blocks[block_count++] = (struct block){(uintptr_t)arena + offset, size, true};
    shadow_live(offset, size);
    return memset(arena + offset, 0xaa, size);
}

static void *block_alloc(size_t alignment, size_t size)
{
    bool was_inside = engine_enter();
    void *memory = block_new(alignment < 16 ? 16 : alignment, size);
    engine_leave(was_inside);
    return memory;
}

static void block_free(void *memory)
{
    bool was_inside = engine_enter();
    uintptr_t addr = (uintptr_t)memory;
    struct block *block = block_before(addr);
    if (!block || block->addr != addr)
        mc_fail("free of %s, which no allocation returned", trace_name(addr));
    if (!block->is_live)
        mc_fail("double free of %s", trace_name(addr));
    access_retire(addr, block->size);
    block->is_live = false;
    memset(shadow + (addr - (uintptr_t)arena) / GRANULE, SHADOW_FREED,
           (block->size + GRANULE - 1) / GRANULE);
    engine_leave(was_inside);
}

void heap_end(void)
{
    size_t leaks = 0;
    const struct block *first = NULL;
    for (size_t i = block_count; i-- > 0;)
        if (blocks[i].is_live) {
            leaks++;
            first = &blocks[i];
        }
    if (mc.expected_leaks == MC_ANY_LEAKS || leaks == mc.expected_leaks)
        return;
    mc_fail("leak: %zu blocks are left and %zu were expected, the first is %s", leaks,
            (size_t)mc.expected_leaks, first ? trace_name(first->addr) : "none");
}

void *mc_alloc(size_t size)
{
    return block_alloc(16, size);
}

void mc_free(void *memory)
{
    if (memory)
        block_free(memory);
}

void mc_expect_leaks(uint64_t count)
{
    mc.expected_leaks = count;
}

/* Whole granules inside the range; returns their number. */
static size_t poison_range(const void *memory, size_t len, uint8_t **ret_shadow)
{
    uintptr_t from = ((uintptr_t)memory + GRANULE - 1) / GRANULE * GRANULE;
    uintptr_t to = ((uintptr_t)memory + len) / GRANULE * GRANULE;
    if (!heap_covers((uintptr_t)memory))
        mc_fail("only memory of the execution's heap can be poisoned");
    *ret_shadow = shadow + (from - (uintptr_t)arena) / GRANULE;
    return to > from ? (to - from) / GRANULE : 0;
}

void mc_poison(const void *memory, size_t len)
{
    bool was_inside = engine_enter();
    uint8_t *range;
    size_t count = poison_range(memory, len, &range);
    access_retire((uintptr_t)memory, len);
    memset(range, SHADOW_POISONED, count);
    engine_leave(was_inside);
}

void mc_unpoison(const void *memory, size_t len)
{
    bool was_inside = engine_enter();
    uint8_t *range;
    size_t count = poison_range(memory, len, &range);
    memset(range, SHADOW_ALL, count);
    engine_leave(was_inside);
}

/* The malloc family, by the linker's --wrap: model code gets the arena, all else the libc. */
void *__wrap_malloc(size_t size)
{
    return mc.inside ? block_alloc(16, size) : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    if (!mc.inside)
        return __real_calloc(count, size);
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    void *memory = block_alloc(16, total);
    bool was_inside = engine_enter();
    if (memory) {
        access_plain((uintptr_t)memory, total, ACCESS_WRITE);
        memset(memory, 0, total);
    }
    engine_leave(was_inside);
    return memory;
}

void __wrap_free(void *memory)
{
    if (memory && heap_covers((uintptr_t)memory))
        block_free(memory);
    else
        __real_free(memory);
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (!mc.inside)
        return __real_realloc(memory, size);
    void *larger = block_alloc(16, size);
    if (!memory || !larger)
        return larger;
    bool was_inside = engine_enter();
    struct block *block = block_before((uintptr_t)memory);
    size_t old_size = block ? block->size : 0;
    size_t len = old_size < size ? old_size : size;
    access_plain((uintptr_t)memory, len, ACCESS_READ);
    access_plain((uintptr_t)larger, len, ACCESS_WRITE);
    memcpy(larger, memory, len);
    block_free(memory);
    engine_leave(was_inside);
    return larger;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return mc.inside ? block_alloc(alignment, size) : __real_aligned_alloc(alignment, size);
}

int __wrap_posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
    if (!mc.inside)
        return __real_posix_memalign(ret_memory, alignment, size);
    *ret_memory = block_alloc(alignment, size);
    return *ret_memory ? 0 : ENOMEM;
}
