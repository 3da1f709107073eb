/* blocking.c - a function that blocks, beside a task that ticks: the CRC-32 of a file, read with
 * plain fread on a thread of the blocking pool. Name a fifo, and it ticks until somebody writes.
 *
 *     blocking FILE */
#include <maru.h>
#include <stdio.h>

/* What is handed to the pool, and comes back. */
struct file {
    const char *name;
    uint32_t crc;
};

static uint32_t crc_add(uint32_t crc, unsigned char byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    return crc;
}

/* Blocks, and may: it runs on no worker. */
static maru_result crc_of_file(void *arg)
{
    struct file *file = arg;
    unsigned char buf[4096];
    maru_result total = 0;
    size_t n;
    FILE *stream = fopen(file->name, "rb");
    if (!stream)
        return -errno;
    file->crc = UINT32_MAX;
    while ((n = fread(buf, 1, sizeof buf, stream)) > 0) {
        for (size_t i = 0; i < n; i++)
            file->crc = crc_add(file->crc, buf[i]);
        total += (maru_result)n;
    }
    if (ferror(stream))
        total = -EIO;
    file->crc = ~file->crc;
    fclose(stream);
    return total;
}

struct ticker {
    maru_frame frame;
    int ticks;
    maru_sleep nap;
};

/* Ticks until it is cancelled. */
maru_async(ticker)
{
    for (;;) {
        printf("tick %d\n", ++me->ticks);
        fflush(stdout);
        maru_try(maru_sleep_for(&me->nap, 10 * MARU_MSEC));
    }
}
maru_end;

struct program {
    maru_frame frame;
    struct file file;
    maru_blocking_job job;
    struct ticker ticker;
};

maru_async(program)
{
    maru_result arm, bytes;
    maru_select(arm, maru_blocking(&me->job, crc_of_file, &me->file),
                     maru_call(ticker, &me->ticker));
    maru_check(arm);
    bytes = maru_result_of(&me->job);
    maru_check(bytes);
    printf("%08x %lld %s\n", (unsigned)me->file.crc, (long long)bytes, me->file.name);
}
maru_end;

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE\n", argv[0]);
        return 2;
    }
    return maru_main(program, .file = { .name = argv[1] });
}
