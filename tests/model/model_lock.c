/* The lock bit (runtime/base/lock.h): who holds it is alone, and sees what the last holder did. */
#include "mc.h"
#include "runtime/base/lock.h"

static uint32_t lock;
static uint64_t inside, turns; /* plain: races, if two were inside */

static void section(void)
{
    MC_CHECK(inside == 0);
    inside = 1;
    turns++;
    inside = 0;
    lock_give(&lock);
}

static void taker(void *unused)
{
    (void)unused;
    lock_take(&lock);
    section();
}

static void exclusion(void)
{
    mc_spawn(taker, NULL);
    mc_spawn(taker, NULL);
    taker(NULL);
    mc_join_all();
    MC_CHECK(turns == 3);
}

static void again(void *unused)
{
    taker(unused);
    taker(unused);
}

static void handover(void)
{
    mc_spawn(again, NULL);
    again(NULL);
    mc_join_all();
    MC_CHECK(turns == 4);
}

static uint64_t got;

static void trier(void *unused)
{
    (void)unused;
    if (lock_try(&lock)) {
        got++;
        section();
    }
}

/* A try may fail, but never for nothing: with nobody inside it succeeds. */
static void trying(void)
{
    mc_spawn(trier, NULL);
    mc_spawn(taker, NULL);
    mc_join_all();
    MC_CHECK(turns == 1 + got);
    MC_CHECK(lock_try(&lock) && !lock_try(&lock));
}

#define MODEL(symbol, text) {.name = #symbol, .claim = text, .body = symbol, .bound = -1}

static const struct mc_model models[] = {
    MODEL(exclusion, "one holder at a time"),
    MODEL(handover, "the next holder sees what the last one wrote"),
    MODEL(trying, "a try takes an open lock, and no other"),
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
