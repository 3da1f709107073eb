/*
 * The doorbell (runtime/base/doorbell.h): handlers that write to a descriptor against its owner,
 * who takes the bell down, closes the descriptor, and opens another. A descriptor is a block of
 * the heap here, so a write after the close is a use after free.
 */
#include "mc.h"
#include "runtime/base/doorbell.h"

static struct doorbell bell;
static uint32_t *files[3];
static uint32_t rung;

static void handler(void *unused)
{
    (void)unused;
    int fd = doorbell_enter(&bell);
    if (fd >= 0) {
        atomic_add_rlx(files[fd], 1u);
        atomic_add_rlx(&rung, 1u);
    }
    doorbell_leave(&bell);
}

static void open_file(int fd)
{
    files[fd] = mc_alloc(sizeof *files[fd]);
    *files[fd] = 0;
    MC_CHECK(doorbell_hang(&bell, fd));
}

static uint32_t close_file(int fd)
{
    doorbell_take_down(&bell);
    uint32_t count = *files[fd];
    mc_free(files[fd]);
    files[fd] = NULL;
    return count;
}

static void ring_meets_close(void)
{
    open_file(0);
    mc_spawn(handler, NULL);
    mc_spawn(handler, NULL);
    uint32_t count = close_file(0);
    mc_join_all();
    MC_CHECK(count == rung && bell.word == 0);
}

static void ring_meets_next(void)
{
    open_file(1);
    mc_spawn(handler, NULL);
    mc_spawn(handler, NULL);
    uint32_t count = close_file(1);
    open_file(2);
    count += close_file(2);
    mc_join_all();
    MC_CHECK(count == rung && bell.word == 0);
}

static void hang(void *fd)
{
    if (doorbell_hang(&bell, *(int *)fd))
        atomic_add_rlx(&rung, 1u);
}

static void two_hang(void)
{
    static int numbers[] = {0, 1};
    mc_spawn(hang, &numbers[0]);
    mc_spawn(hang, &numbers[1]);
    mc_join_all();
    MC_CHECK(rung == 1);
}

#define MODEL(symbol, text) {.name = #symbol, .claim = text, .body = symbol, .bound = -1}

static const struct mc_model models[] = {
    MODEL(ring_meets_close, "B1, B2: nobody writes to a descriptor that is closed"),
    MODEL(ring_meets_next, "B1, B2: who is late rings the next one, or none"),
    MODEL(two_hang, "B1: one bell hangs in a place"),
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
