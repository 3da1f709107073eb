/*
 * What the compilers' -fsanitize=thread calls: one entry point for each kind of access and size.
 * They only spell; the meaning is in mc_access.c (plain) and mc_memory.c (atomic).  Outside of an
 * execution they do what the access would have done.
 */
#include <string.h>

#include "mc_engine.h"

/* The signatures are the sanitizer's own and no header declares them. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

static inline void plain(const volatile void *memory, size_t len, int kind)
{
    if (!mc.inside)
        return;
    mc.inside = false;
    access_plain((uintptr_t)memory, len, kind);
    mc.inside = true;
}

void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc)
{
    (void)pc;
}

void __tsan_func_exit(void)
{
}

void __tsan_ignore_thread_begin(void)
{
}

void __tsan_ignore_thread_end(void)
{
}

#define PLAIN(name, len, kind)                                                                     \
    void __tsan_##name(void *memory) { plain(memory, len, kind); }
#define PLAIN_SIZE(size)                                                                           \
    PLAIN(read##size, size, ACCESS_READ)                                                           \
    PLAIN(write##size, size, ACCESS_WRITE)                                                         \
    PLAIN(unaligned_read##size, size, ACCESS_READ)                                                 \
    PLAIN(unaligned_write##size, size, ACCESS_WRITE)                                               \
    PLAIN(volatile_read##size, size, ACCESS_READ)                                                  \
    PLAIN(volatile_write##size, size, ACCESS_WRITE)                                                \
    PLAIN(unaligned_volatile_read##size, size, ACCESS_READ)                                        \
    PLAIN(unaligned_volatile_write##size, size, ACCESS_WRITE)                                      \
    PLAIN(read_write##size, size, ACCESS_WRITE)                                                    \
    PLAIN(unaligned_read_write##size, size, ACCESS_WRITE)

PLAIN_SIZE(1)
PLAIN_SIZE(2)
PLAIN_SIZE(4)
PLAIN_SIZE(8)
PLAIN_SIZE(16)
PLAIN(vptr_read, sizeof(void *), ACCESS_READ)

void __tsan_vptr_update(void *memory, void *value)
{
    (void)value;
    plain(memory, sizeof(void *), ACCESS_WRITE);
}

void __tsan_read_range(void *memory, size_t len)
{
    plain(memory, len, ACCESS_READ);
}

void __tsan_write_range(void *memory, size_t len)
{
    plain(memory, len, ACCESS_WRITE);
}

/* Copies are calls into the libc: seen because the linker wraps them (clang: because of both). */
void *__real_memcpy(void *to, const void *from, size_t len);
void *__real_memmove(void *to, const void *from, size_t len);
void *__real_memset(void *to, int byte, size_t len);

void *__wrap_memcpy(void *to, const void *from, size_t len)
{
    plain(from, len, ACCESS_READ);
    plain(to, len, ACCESS_WRITE);
    return __real_memcpy(to, from, len);
}

void *__wrap_memmove(void *to, const void *from, size_t len)
{
    plain(from, len, ACCESS_READ);
    plain(to, len, ACCESS_WRITE);
    return __real_memmove(to, from, len);
}

void *__wrap_memset(void *to, int byte, size_t len)
{
    plain(to, len, ACCESS_WRITE);
    return __real_memset(to, byte, len);
}

void *__tsan_memcpy(void *to, const void *from, size_t len)
{
    return __wrap_memcpy(to, from, len);
}

void *__tsan_memmove(void *to, const void *from, size_t len)
{
    return __wrap_memmove(to, from, len);
}
void *__tsan_memset(void *to, int byte, size_t len)
{
    return __wrap_memset(to, byte, len);
}

/* Atomics of thread-local storage are nobody else's and have no history. */
static inline bool is_direct(const volatile void *memory)
{
    return !mc.inside || thread_local_covers((uintptr_t)memory);
}

#define MODELLED(variable, expression)                                                             \
    do {                                                                                           \
        mc.inside = false;                                                                         \
        variable = (expression);                                                                   \
        mc.inside = true;                                                                          \
    } while (0)

#define ATOMIC_RMW(bits, name, op, builtin)                                                        \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *memory,                   \
                                                uint##bits##_t operand, int order)                 \
    {                                                                                              \
        if (is_direct(memory))                                                                     \
            return builtin(memory, operand, __ATOMIC_SEQ_CST);                                     \
        uint64_t old;                                                                              \
        MODELLED(old, memory_rmw((uintptr_t)memory, bits / 8, op, operand, order & 7));            \
        return (uint##bits##_t)old;                                                                \
    }

#define ATOMIC_CAS(bits, name, is_weak)                                                            \
    int __tsan_atomic##bits##_compare_exchange_##name(volatile uint##bits##_t *memory,             \
                                                      uint##bits##_t *expected,                    \
                                                      uint##bits##_t desired, int order,           \
                                                      int failure_order)                           \
    {                                                                                              \
        return cas##bits(memory, expected, desired, order, failure_order, is_weak);                \
    }

#define ATOMIC(bits)                                                                               \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *memory, int order)    \
    {                                                                                              \
        if (is_direct(memory))                                                                     \
            return __atomic_load_n(memory, __ATOMIC_SEQ_CST);                                      \
        uint64_t value;                                                                            \
        MODELLED(value, memory_load((uintptr_t)memory, bits / 8, order & 7));                      \
        return (uint##bits##_t)value;                                                              \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *memory, uint##bits##_t value,        \
                                     int order)                                                    \
    {                                                                                              \
        if (is_direct(memory)) {                                                                   \
            __atomic_store_n(memory, value, __ATOMIC_SEQ_CST);                                     \
            return;                                                                                \
        }                                                                                          \
        mc.inside = false;                                                                         \
        memory_store((uintptr_t)memory, bits / 8, value, order & 7);                               \
        mc.inside = true;                                                                          \
    }                                                                                              \
    static int cas##bits(volatile uint##bits##_t *memory, uint##bits##_t *expected,                \
                         uint##bits##_t desired, int order, int failure_order, bool is_weak)       \
    {                                                                                              \
        bool is_done;                                                                              \
        if (is_direct(memory))                                                                     \
            return __atomic_compare_exchange_n(memory, expected, desired, 0, __ATOMIC_SEQ_CST,     \
                                               __ATOMIC_SEQ_CST);                                  \
        uint64_t seen;                                                                             \
        MODELLED(seen, memory_cas((uintptr_t)memory, bits / 8, *expected, desired, order & 7,      \
                                  failure_order & 7, is_weak, &is_done));                          \
        if (!is_done)                                                                              \
            *expected = (uint##bits##_t)seen;                                                      \
        return is_done;                                                                            \
    }                                                                                              \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                     \
        volatile uint##bits##_t *memory, uint##bits##_t expected, uint##bits##_t desired,          \
        int order, int failure_order)                                                              \
    {                                                                                              \
        cas##bits(memory, &expected, desired, order, failure_order, false);                        \
        return expected;                                                                           \
    }                                                                                              \
    ATOMIC_CAS(bits, strong, false)                                                                \
    ATOMIC_CAS(bits, weak, true)                                                                   \
    ATOMIC_RMW(bits, exchange, RMW_EXCHANGE, __atomic_exchange_n)                                  \
    ATOMIC_RMW(bits, fetch_add, RMW_ADD, __atomic_fetch_add)                                       \
    ATOMIC_RMW(bits, fetch_sub, RMW_SUB, __atomic_fetch_sub)                                       \
    ATOMIC_RMW(bits, fetch_and, RMW_AND, __atomic_fetch_and)                                       \
    ATOMIC_RMW(bits, fetch_or, RMW_OR, __atomic_fetch_or)                                          \
    ATOMIC_RMW(bits, fetch_xor, RMW_XOR, __atomic_fetch_xor)                                       \
    ATOMIC_RMW(bits, fetch_nand, RMW_NAND, __atomic_fetch_nand)

ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

void __tsan_atomic_thread_fence(int order)
{
    (void)order;
    mc_fail("a thread fence: Maru writes no fences");
}

void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}
