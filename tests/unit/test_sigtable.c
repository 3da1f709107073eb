/* test_sigtable.c - the table of listeners: who is told, who is not, slots used again, exhaustion,
 * and no handler inside once a listener is gone. */
#include "io/sigtable.h"
#include "maru/err.h"
#include "runtime/base/atomic.h"

#include <criterion/criterion.h>
#include <pthread.h>

static struct sigtable table;
static unsigned told[8];

static void tell(int fd)
{
    told[fd]++;
}

static uint32_t publish(int signo, int fd)
{
    uint32_t slot = UINT32_MAX;
    cr_assert_eq(sigtable_publish(&table, signo, fd, &slot), 0);
    return slot;
}

Test(sigtable, an_empty_one_tells_nobody)
{
    for (int signo = 1; signo <= 64; signo++)
        cr_assert_eq(sigtable_tell(&table, signo, tell), 0);
}

Test(sigtable, each_listener_of_the_signal_is_told_and_no_other)
{
    publish(10, 1);
    publish(12, 2);
    publish(10, 3);
    cr_assert_eq(sigtable_tell(&table, 10, tell), 2);
    cr_assert_eq(sigtable_tell(&table, 11, tell), 0);
    cr_assert(told[1] == 1 && told[2] == 0 && told[3] == 1);
    cr_assert_eq(sigtable_tell(&table, 12, tell), 1);
    cr_assert(told[1] == 1 && told[2] == 1 && told[3] == 1);
}

Test(sigtable, who_has_retracted_is_not_told_and_others_still_are)
{
    uint32_t one = publish(64, 1);
    publish(64, 2);
    sigtable_retract(&table, one);
    cr_assert_eq(sigtable_tell(&table, 64, tell), 1);
    cr_assert(told[1] == 0 && told[2] == 1);
}

Test(sigtable, a_slot_is_used_again_for_another_signal)
{
    uint32_t slot = publish(1, 1);
    sigtable_retract(&table, slot);
    cr_assert_eq(publish(2, 2), slot);
    cr_assert_eq(sigtable_tell(&table, 1, tell), 0);
    cr_assert_eq(sigtable_tell(&table, 2, tell), 1);
    cr_assert(told[1] == 0 && told[2] == 1);
}

Test(sigtable, a_full_one_refuses_and_goes_on)
{
    uint32_t slot = 7;
    for (uint32_t i = 0; i < SIGNAL_LISTENERS_MAX; i++)
        cr_assert_eq(publish(1 + (int)(i % 2), 1 + (int)(i % 2)), i);
    cr_assert_eq(sigtable_publish(&table, 3, 3, &slot), -EMFILE);
    cr_assert_eq(slot, 7);
    cr_assert_eq(sigtable_tell(&table, 2, tell), SIGNAL_LISTENERS_MAX / 2);
    sigtable_retract(&table, SIGNAL_LISTENERS_MAX - 1);
    cr_assert_eq(publish(3, 3), SIGNAL_LISTENERS_MAX - 1);
    cr_assert_eq(sigtable_tell(&table, 3, tell), 1);
}

Test(sigtable, a_forgotten_one_is_empty)
{
    publish(10, 1);
    table.slots[0].state += 0x100;              /* a handler that fork has left behind */
    sigtable_forget(&table);
    cr_assert_eq(sigtable_tell(&table, 10, tell), 0);
    cr_assert_eq(publish(10, 2), 0);
    cr_assert_eq(sigtable_tell(&table, 10, tell), 1);
    sigtable_retract(&table, 0);
    cr_assert(told[1] == 0 && told[2] == 1);
}

/* ---- threads: a descriptor is told only while its listener is there (G2) ---- */

enum { ROUNDS = 20000, SIGNO = 10 };

static uint32_t is_there[2], wrong, stop;

static void tell_checked(int fd)
{
    if (!atomic_load_acq(&is_there[fd]))        /* pairs with come_and_go */
        atomic_add_ar(&wrong, 1u);              /* pairs with the end of the test */
}

static void *deliver(void *unused)
{
    while (!atomic_load_acq(&stop))             /* pairs with the end of the test */
        sigtable_tell(&table, SIGNO, tell_checked);
    return unused;
}

static void come_and_go(int fd)
{
    uint32_t slot;
    atomic_store_rel(&is_there[fd], 1u);        /* pairs with tell_checked */
    slot = publish(SIGNO, fd);
    sigtable_retract(&table, slot);
    atomic_store_rel(&is_there[fd], 0u);        /* pairs with tell_checked */
}

Test(sigtable, nobody_is_told_after_a_retract, .timeout = 60)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, deliver, NULL), 0);
    for (int i = 0; i < ROUNDS; i++)
        come_and_go(i % 2);
    atomic_store_rel(&stop, 1u);                /* pairs with deliver */
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(atomic_load_acq(&wrong), 0);   /* pairs with tell_checked */
}
