/* test_fdtable.c - the table of descriptors: an entry a number, made once, never moved. */
#include "io/fdtable.h"
#include "maru/err.h"
#include "runtime/base/atomic.h"
#include "runtime/base/list.h"

#include <criterion/criterion.h>
#include <pthread.h>

Test(fdtable, a_number_has_one_entry_for_ever, .timeout = 30)
{
    const int fds[] = { 0, 1, FD_PAGE_ENTRIES - 1, FD_PAGE_ENTRIES, (int)FD_MAX - 1 };
    struct alloc alloc = { 0 };
    struct fd_table table;
    fd_table_init(&table, &alloc);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        struct fd_entry *entry, *again, *other;
        cr_assert_eq(fd_table_get(&table, fds[i], &entry), 0);
        cr_assert_eq(fd_table_get(&table, fds[i] ^ 1, &other), 0);
        cr_assert_eq(fd_table_get(&table, fds[i], &again), 0);
        cr_assert(entry == again && entry != other);
        for (unsigned side = 0; side < SIDES; side++) {
            cr_assert(list_is_empty(&entry->sides[side].waiters));
            cr_assert_eq(entry->sides[side].armed, ARMED_NOT);
            cr_assert_eq(entry->sides[side].state, 0);
        }
    }
    fd_table_fini(&table);
    cr_assert_eq(alloc.live_blocks, 0);
}

Test(fdtable, numbers_outside_of_it_are_refused, .timeout = 30)
{
    const int fds[] = { -1, INT32_MIN, (int)FD_MAX, INT32_MAX };
    struct alloc alloc = { 0 };
    struct fd_table table;
    fd_table_init(&table, &alloc);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        struct fd_entry *entry = NULL;
        cr_assert_eq(fd_table_get(&table, fds[i], &entry), -EBADF);
        cr_assert_null(entry);
    }
    cr_assert_eq(alloc.live_blocks, 0);
    fd_table_fini(&table);
}

Test(fdtable, without_memory_it_says_so_and_goes_on_later, .timeout = 30)
{
    struct alloc alloc = { .fail_at = 1 };
    struct fd_table table;
    struct fd_entry *entry = NULL;
    fd_table_init(&table, &alloc);
    cr_assert_eq(fd_table_get(&table, 7, &entry), -ENOMEM);
    cr_assert_null(entry);
    cr_assert_eq(fd_table_get(&table, 7, &entry), 0);
    cr_assert_not_null(entry);
    fd_table_fini(&table);
    cr_assert_eq(alloc.live_blocks, 0);
}

enum { THREADS = 4 };

struct getter {
    struct fd_table *table;
    uint32_t *here;
    struct fd_entry *entries[32];
};

static void *get_all(void *arg)
{
    struct getter *getter = arg;
    atomic_add_ar(getter->here, 1u);            /* pairs with the load below */
    while (atomic_load_acq(getter->here) < THREADS)     /* pairs with the add above */
        sched_yield();
    for (int i = 0; i < 32; i++)
        cr_assert_eq(fd_table_get(getter->table, i * ((int)FD_PAGE_ENTRIES + 1),
                                  &getter->entries[i]),
                     0);
    return NULL;
}

Test(fdtable, threads_that_come_first_together_see_one_page, .timeout = 30)
{
    struct alloc alloc = { 0 };
    struct fd_table table;
    struct getter getters[THREADS];
    pthread_t threads[THREADS];
    uint32_t here = 0;
    fd_table_init(&table, &alloc);
    for (int i = 0; i < THREADS; i++) {
        getters[i] = (struct getter){ .table = &table, .here = &here };
        cr_assert_eq(pthread_create(&threads[i], NULL, get_all, &getters[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < THREADS; i++)
        cr_assert_arr_eq(getters[i].entries, getters[0].entries, sizeof getters[0].entries);
    cr_assert_eq(alloc.live_blocks, 32);
    fd_table_fini(&table);
    cr_assert_eq(alloc.live_blocks, 0);
}
