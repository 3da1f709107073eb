/* fdtable.c - see fdtable.h: the two levels of pages. */
#include "io/fdtable.h"

#include "maru/err.h"
#include "runtime/base/atomic.h"
#include "runtime/base/list.h"
#include "runtime/base/lock.h"

#include <string.h>

enum { PAGE_BYTES = FD_PAGE_ENTRIES * sizeof(struct fd_entry) };

void fd_table_init(struct fd_table *table, struct alloc *alloc)
{
    memset(table, 0, sizeof *table);
    table->alloc = alloc;
}

void fd_table_fini(struct fd_table *table)
{
    for (unsigned i = 0; i < FD_PAGES; i++)
        alloc_put(table->alloc, table->pages[i], PAGE_BYTES, 64);
}

static struct fd_entry *page_new(struct fd_table *table)
{
    struct fd_entry *page = alloc_get_zeroed(table->alloc, PAGE_BYTES, 64);
    for (unsigned i = 0; page && i < FD_PAGE_ENTRIES; i++)
        for (unsigned side = 0; side < SIDES; side++)
            list_init(&page[i].sides[side].waiters);
    return page;
}

static struct fd_entry *page_install(struct fd_table *table, unsigned index)
{
    struct fd_entry *page = page_new(table), *other = NULL;
    if (!page || atomic_cas_ar(&table->pages[index], &other, page))     /* pairs with get: load */
        return page;
    alloc_put(table->alloc, page, PAGE_BYTES, 64);
    return other;
}

int fd_table_get(struct fd_table *table, int fd, struct fd_entry **ret_entry)
{
    if (fd < 0 || (unsigned)fd >= FD_MAX)
        return -EBADF;
    unsigned index = (unsigned)fd / FD_PAGE_ENTRIES;
    struct fd_entry *page = atomic_load_acq(&table->pages[index]);      /* with page_install */
    if (!page)
        page = page_install(table, index);
    if (!page)
        return -ENOMEM;
    *ret_entry = &page[(unsigned)fd % FD_PAGE_ENTRIES];
    return 0;
}

static size_t waiters_of(const maru_link *head)
{
    size_t count = 0;
    for (const maru_link *link = head->next_; link != head; link = link->next_)
        count++;
    return count;
}

size_t fd_table_waiters(struct fd_table *table)
{
    size_t count = 0;
    for (unsigned i = 0; i < FD_PAGES; i++) {
        struct fd_entry *page = atomic_load_acq(&table->pages[i]);      /* with page_install */
        for (unsigned j = 0; page && j < FD_PAGE_ENTRIES; j++) {
            lock_take(&page[j].lock);
            for (unsigned side = 0; side < SIDES; side++)
                count += waiters_of(&page[j].sides[side].waiters);
            lock_give(&page[j].lock);
        }
    }
    return count;
}
