/* See items.h. */
#include "support/items.h"

#define UNSEEN __attribute__((no_sanitize("thread")))

static maru_task items[ITEMS];

static struct {
    unsigned takes[ITEMS];
    unsigned sum;
} books;

UNSEEN void items_begin(void)
{
    static const char *const names[] = {"item 0", "item 1", "item 2", "item 3", "item 4", "item 5"};
    for (unsigned i = 0; i < ITEMS; i++)
        books.takes[i] = 0;
    books.sum = 0;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        mc_label(&items[i], names[i]);
}

static UNSEEN unsigned count_take(unsigned i)
{
    books.sum++;
    return ++books.takes[i];
}

UNSEEN unsigned items_taken(void)
{
    return books.sum;
}

UNSEEN bool item_is_taken(unsigned i)
{
    return books.takes[i] > 0;
}

maru_task *item_new(unsigned i)
{
    items[i].owner = &items[i]; /* the payload */
    return &items[i];
}

unsigned item_taken(maru_task *item)
{
    unsigned i = (unsigned)(item - items);
    if (!item || i >= ITEMS)
        mc_fail("something was taken that is no item: %p", (void *)item);
    if (count_take(i) > 1)
        mc_fail("item %u was taken twice", i);
    MC_CHECK(item->owner == item);
    item->owner = NULL;
    return i;
}
