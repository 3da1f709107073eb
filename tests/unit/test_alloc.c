/* test_alloc.c - the gate to memory: what it counts, and what it refuses on demand. */
#include "runtime/base/alloc.h"

#include "tests/support/last_words.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>

Test(alloc, a_block_is_counted_until_it_is_given_back)
{
    struct alloc alloc = { 0 };
    void *one = alloc_get(&alloc, 100, 8), *two = alloc_get(&alloc, 28, 64);
    cr_assert_eq(alloc.live_blocks, 2u);
    cr_assert_eq(alloc.live_bytes, 128u);
    alloc_put(&alloc, one, 100, 8);
    cr_assert_eq(alloc.live_blocks, 1u);
    cr_assert_eq(alloc.live_bytes, 28u);
    alloc_put(&alloc, two, 28, 64);
    cr_assert_eq(alloc.live_blocks, 0u);
    cr_assert_eq(alloc.live_bytes, 0u);
}

Test(alloc, every_power_of_two_is_kept_as_alignment)
{
    struct alloc alloc = { 0 };
    for (size_t align = sizeof(void *); align <= 1u << 16; align *= 2) {
        for (size_t size = 1; size < 200; size += 33) {
            char *block = alloc_get(&alloc, size, align);
            cr_assert_not_null(block);
            cr_assert_eq((uintptr_t)block % align, 0u, "align %zu", align);
            memset(block, 0xa5, size);
            alloc_put(&alloc, block, size, align);
        }
    }
    cr_assert_eq(alloc.live_blocks, 0u);
}

Test(alloc, zeroed_memory_is_zero_also_where_it_was_used_before)
{
    static const unsigned char zeroes[4096];
    struct alloc alloc = { 0 };
    for (int i = 0; i < 50; i++) {
        unsigned char *block = alloc_get_zeroed(&alloc, sizeof zeroes, 16);
        cr_assert_arr_eq(block, zeroes, sizeof zeroes);
        memset(block, 0xff, sizeof zeroes);
        alloc_put(&alloc, block, sizeof zeroes, 16);
    }
}

Test(alloc, the_nth_request_fails_and_only_that_one)
{
    for (uint64_t nth = 1; nth < 8; nth++) {
        struct alloc alloc = { .fail_at = nth };
        for (uint64_t i = 1; i < 12; i++) {
            void *block = alloc_get(&alloc, 10, 8);
            cr_assert_eq(block == NULL, i == nth, "request %d of nth %d", (int)i, (int)nth);
            alloc_put(&alloc, block, 10, 8);
        }
    }
}

Test(alloc, a_zeroed_request_fails_in_its_turn_too)
{
    struct alloc alloc = { .fail_at = 2 };
    void *first = alloc_get_zeroed(&alloc, 10, 8);
    cr_assert_not_null(first);
    cr_assert_null(alloc_get_zeroed(&alloc, 10, 8));
    alloc_put(&alloc, first, 10, 8);
}

Test(alloc, a_failed_request_counts_nothing)
{
    struct alloc alloc = { .fail_at = 1 };
    cr_assert_null(alloc_get(&alloc, 1000, 8));
    cr_assert_eq(alloc.live_blocks, 0u);
    cr_assert_eq(alloc.live_bytes, 0u);
}

Test(alloc, a_request_beyond_all_memory_fails_and_counts_nothing)
{
    struct alloc alloc = { 0 };
    cr_assert_null(alloc_get(&alloc, SIZE_MAX / 4, 64));
    cr_assert_eq(alloc.live_blocks, 0u);
}

Test(alloc, nothing_may_be_given_back)
{
    struct alloc alloc = { 0 };
    alloc_put(&alloc, NULL, 100, 8);
    cr_assert_eq(alloc.live_blocks, 0u);
    cr_assert_eq(alloc.live_bytes, 0u);
}

static void ask_for_nothing(void *alloc)
{
    (void)!alloc_get(alloc, 0, 8);
}

static void ask_for_a_crooked_alignment(void *alloc)
{
    (void)!alloc_get(alloc, 8, 24);
}

Test(alloc, no_bytes_or_a_crooked_alignment_are_a_bug)
{
    struct alloc alloc = { 0 };
    struct last_words words = last_words_of(ask_for_nothing, &alloc);
    cr_assert_eq(words.signal, SIGABRT);
    cr_assert(last_words_have(&words, "alloc.c"), "%s", words.text);
    words = last_words_of(ask_for_a_crooked_alignment, &alloc);
    cr_assert_eq(words.signal, SIGABRT);
}

static void *get_and_put(void *alloc)
{
    for (size_t i = 1; i < 5000; i++)
        alloc_put(alloc, alloc_get(alloc, i % 512 + 1, 16), i % 512 + 1, 16);
    return NULL;
}

Test(alloc, the_counts_of_many_threads_meet_at_zero)
{
    struct alloc alloc = { 0 };
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, get_and_put, &alloc), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(alloc.live_blocks, 0u);
    cr_assert_eq(alloc.live_bytes, 0u);
}
