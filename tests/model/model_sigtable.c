/*
 * The table of awaited signals (io/sigtable.c): handlers on other threads, while listeners come
 * and go.  A descriptor is a plain word that its listener writes when it closes it: a handler that
 * still used it then would be a race, and one that used it later is told apart by its value.
 */
#include "io/sigtable.h"
#include "mc.h"
#include "runtime/base/atomic.h"
#include "runtime/base/lock.h"

enum { ONE = 10, OTHER = 12, FDS = 3 };

static struct sigtable table;
static uint32_t lock;
static int is_open[FDS], belongs_to[FDS];
static uint64_t told[FDS];

static void tell(int fd)
{
    MC_CHECK(is_open[fd]);
    MC_CHECK(belongs_to[fd] == ONE);
    atomic_add_rlx(&told[fd], 1u);
}

static void handler(void *unused)
{
    (void)unused;
    sigtable_tell(&table, ONE, tell);
}

/* As signal.c does it, but for the system calls. */
static uint32_t come(int fd, int signo)
{
    uint32_t slot = 0;
    is_open[fd] = 1;
    belongs_to[fd] = signo;
    lock_take(&lock);
    MC_CHECK(sigtable_publish(&table, signo, fd, &slot) == 0);
    lock_give(&lock);
    return slot;
}

static void go(int fd, uint32_t slot)
{
    lock_take(&lock);
    sigtable_retract(&table, slot);
    lock_give(&lock);
    is_open[fd] = 0;
}

static void handlers(unsigned count)
{
    mc_label(&table.slots[0].state, "slot 0");
    mc_label(&table.slots[1].state, "slot 1");
    mc_label(&table.used, "used");
    while (count-- > 0)
        mc_spawn(handler, NULL);
}

static void descriptor_of_nobody(void)
{
    uint32_t slot = come(0, ONE);
    handlers(2);
    go(0, slot);
}

/* The slot's next life: the same signal, or another one. */
static void slot_used_again(void)
{
    uint32_t slot = come(0, ONE);
    handlers(2);
    go(0, slot);
    slot = come(1, mc_choose(2) ? ONE : OTHER);
    go(1, slot);
}

static void listens_after_it_came(void)
{
    come(0, ONE);
    handlers(1);
    mc_join_all();
    MC_CHECK(told[0] == 1);
}

static void come_and_go(void *unused)
{
    (void)unused;
    go(1, come(1, ONE));
}

/* Who stays is told by each handler, whoever comes and goes beside it. */
static void neighbours(void)
{
    mc_spawn(come_and_go, NULL);
    come(0, ONE);
    handlers(1);
    mc_join_all();
    MC_CHECK(told[0] == 1);
}

static void two_come_and_go(void)
{
    handlers(1);
    mc_spawn(come_and_go, NULL);
    go(0, come(0, ONE));
    mc_join_all();
    for (unsigned i = 0; i < SIGNAL_LISTENERS_MAX; i++)
        MC_CHECK(table.slots[i].state == 0);
}

#define MODEL(symbol, most, text) {.name = #symbol, .claim = text, .body = symbol, .bound = most}

static const struct mc_model models[] = {
    MODEL(descriptor_of_nobody, -1, "G2: no handler uses a descriptor after the retract"),
    MODEL(slot_used_again, 3, "G2, G4: a handler that is late tells no listener of another signal"),
    MODEL(listens_after_it_came, -1, "G3: a handler after the publish tells the listener"),
    MODEL(neighbours, 3, "G3: also beside others that come and go"),
    MODEL(two_come_and_go, 3, "G2: of two listeners, too, and the table is empty in the end"),
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
