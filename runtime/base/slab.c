/* slab.c - see slab.h. */
#include "runtime/base/slab.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/base/config.h"
#include "runtime/base/poison.h"

#include <string.h>

enum {
    SLOT_STEP = 32,              /* the grain of small classes, and every slot's alignment */
    SLOT_MIN = SLAB_LIVENESS_OFFSET_MAX,    /* the link and the liveness word must fit */
    SMALL_MAX = 512,
    LARGE_MAX = 8192,
};

/* Sits at the start of a chunk, which is aligned to CHUNK_BYTES. */
struct chunk {
    struct slab *slab;
    struct chunk *next;          /* in the slab's chunks; written once, before publication */
    size_t bytes;                /* of the whole chunk */
    uint32_t slot_size;
    uint32_t carved;             /* slots handed out at least once; owner writes, walkers read */
    uint32_t slots;
    uint32_t class_index;
};

enum { CHUNK_HEADER = 64 };
_Static_assert(sizeof(struct chunk) <= CHUNK_HEADER, "slots begin right behind the header");
_Static_assert(CHUNK_HEADER % SLOT_STEP == 0, "slots are aligned");

static unsigned class_of(size_t size)
{
    if (size <= SMALL_MAX)
        return (unsigned)((size + SLOT_STEP - 1) / SLOT_STEP) - 1;
    unsigned log = 63u - (unsigned)__builtin_clzll(size - 1);   /* 2^log < size <= 2^(log+1) */
    unsigned quarter = (unsigned)((size - 1) >> (log - 2)) & 3u;
    return 16u + (log - 9u) * 4u + quarter;
}

static size_t class_size(unsigned index)
{
    if (index < 16)
        return (index + 1) * (size_t)SLOT_STEP;
    unsigned log = 9u + (index - 16u) / 4u, quarter = (index - 16u) % 4u;
    return ((size_t)1 << log) + ((size_t)(quarter + 1) << (log - 2));
}

static struct chunk *chunk_of(const void *slot)
{
    return (struct chunk *)((uintptr_t)slot & ~(uintptr_t)(CHUNK_BYTES - 1));
}

static char *slot_at(struct chunk *chunk, uint32_t index)
{
    return (char *)chunk + CHUNK_HEADER + (size_t)index * chunk->slot_size;
}

static uint64_t *liveness_of(const struct slab *slab, void *slot)
{
    return (uint64_t *)(void *)((char *)slot + slab->liveness_offset);
}

void slab_init(struct slab *slab, struct alloc *alloc, const void *owner,
               uint32_t liveness_offset)
{
    CHECK(liveness_offset >= sizeof(struct slot) && liveness_offset < SLAB_LIVENESS_OFFSET_MAX);
    memset(slab, 0, sizeof *slab);
    slab->alloc = alloc;
    slab->owner = owner;
    slab->liveness_offset = liveness_offset;
}

void slab_fini(struct slab *slab)
{
    struct chunk *chunk = slab->chunks;
    while (chunk) {
        struct chunk *next = chunk->next;
        UNPOISON(chunk, chunk->bytes);
        alloc_put(slab->alloc, chunk, chunk->bytes, CHUNK_BYTES);
        chunk = next;
    }
    slab->chunks = NULL;
}

static COLD struct chunk *chunk_new(struct slab *slab, size_t slot_size, unsigned class_index)
{
    size_t bytes = slot_size > LARGE_MAX ? slot_size + CHUNK_HEADER : CHUNK_BYTES;
    struct chunk *chunk = alloc_get(slab->alloc, bytes, CHUNK_BYTES);
    if (!chunk)
        return NULL;
    *chunk = (struct chunk){ .slab = slab,
                             .next = slab->chunks,
                             .bytes = bytes,
                             .slot_size = (uint32_t)slot_size,
                             .slots = (uint32_t)((bytes - CHUNK_HEADER) / slot_size),
                             .class_index = class_index };
    atomic_store_rel(&slab->chunks, chunk);     /* pairs with slab_walk: load of chunks */
    return chunk;
}

static void *chunk_carve(struct slab *slab, struct chunk *chunk)
{
    void *slot = slot_at(chunk, chunk->carved);
    *liveness_of(slab, slot) = 0;
    atomic_store_rel(&chunk->carved, chunk->carved + 1);    /* pairs with slab_walk: carved */
    return slot;
}

/* Sorts everything that others gave back into the free lists. */
static void take_remote(struct slab *slab)
{
    if (!atomic_load_rlx(&slab->remote))        /* no partner: a hint, the exchange decides */
        return;
    struct slot *slot = atomic_exchange_acq(&slab->remote, NULL);   /* pairs with put_remote */
    while (slot) {
        struct slot *next = slot->next;
        struct slab_class *class = &slab->classes[chunk_of(slot)->class_index];
        slot->next = class->free;
        class->free = slot;
        slot = next;
    }
}

static COLD void *get_slow(struct slab *slab, unsigned index)
{
    struct slab_class *class = &slab->classes[index];
    take_remote(slab);
    if (class->free) {
        struct slot *slot = class->free;
        class->free = slot->next;
        return slot;
    }
    if (!class->bump || class->bump->carved == class->bump->slots)
        class->bump = chunk_new(slab, class_size(index), index);
    return class->bump ? chunk_carve(slab, class->bump) : NULL;
}

/* First fit among what came back, but not by wasting more than half of it. */
static struct slot *reuse_huge(struct slab *slab, size_t size)
{
    take_remote(slab);
    for (struct slot **at = &slab->classes[SLAB_CLASSES].free; *at; at = &(*at)->next) {
        struct slot *slot = *at;
        size_t have = chunk_of(slot)->slot_size;
        if (have < size || have / 2 > size)
            continue;
        *at = slot->next;
        UNPOISON(slot, have);
        return slot;
    }
    return NULL;
}

static COLD void *get_huge(struct slab *slab, size_t size)
{
    if (size > UINT32_MAX - 2 * CHUNK_BYTES)
        return NULL;
    struct slot *slot = reuse_huge(slab, size);
    if (slot)
        return slot;
    size_t slot_size = (size + SLOT_STEP - 1) & ~(size_t)(SLOT_STEP - 1);
    struct chunk *chunk = chunk_new(slab, slot_size, SLAB_CLASSES);
    return chunk ? chunk_carve(slab, chunk) : NULL;
}

void *slab_get(struct slab *slab, size_t size)
{
    if (UNLIKELY(size > LARGE_MAX))
        return get_huge(slab, size);
    unsigned index = class_of(size < SLOT_MIN ? SLOT_MIN : size);
    struct slab_class *class = &slab->classes[index];
    struct slot *slot = class->free;
    if (UNLIKELY(!slot)) {
        slot = get_slow(slab, index);
        if (!slot)
            return NULL;
    } else {
        class->free = slot->next;
    }
    UNPOISON(slot, chunk_of(slot)->slot_size);
    return slot;
}

static void put_remote(struct slab *slab, struct slot *slot)
{
    struct slot *first = atomic_load_rlx(&slab->remote);    /* no partner: the cas decides */
    do
        slot->next = first;
    while (!atomic_cas_rel(&slab->remote, &first, slot));   /* pairs with take_remote */
}

void slab_put(void *memory, const void *owner)
{
    struct slot *slot = memory;
    struct chunk *chunk = chunk_of(slot);
    struct slab *slab = chunk->slab;
    if (chunk->slot_size > SLAB_WALKED_BYTES)
        POISON((char *)slot + SLAB_WALKED_BYTES, chunk->slot_size - SLAB_WALKED_BYTES);
    if (owner != slab->owner) {
        put_remote(slab, slot);
        return;
    }
    struct slab_class *class = &slab->classes[chunk->class_index];
    slot->next = class->free;
    class->free = slot;
}

struct slab *slab_of(const void *slot)
{
    return chunk_of(slot)->slab;
}

void slab_walk(struct slab *slab, void (*fn)(void *slot, void *arg), void *arg)
{
    struct chunk *chunk = atomic_load_acq(&slab->chunks);   /* pairs with chunk_new */
    for (; chunk; chunk = chunk->next) {
        uint32_t carved = atomic_load_acq(&chunk->carved);  /* pairs with chunk_carve */
        for (uint32_t i = 0; i < carved; i++) {
            void *slot = slot_at(chunk, i);
            if (atomic_load_rlx(liveness_of(slab, slot)))   /* no partner: fn looks again */
                fn(slot, arg);
        }
    }
}
