/* load.c - see load.h. */
#include "load.h"

#include <dirent.h>
#include <malloc.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* What libc keeps for itself between one look and the next: buffers, the tables of threads. */
enum { HEAP_SLACK = 64 * 1024, FDS_BESIDE = 200, SETTLING_MS = 5000 };

static unsigned entries_of(const char *folder)
{
    unsigned count = 0;
    DIR *dir = opendir(folder);
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

static size_t heap_now(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

bool load_begin(struct load *load, const char *name, int argc, char **argv)
{
    *load = (struct load){ .name = name };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") != 0) {
            fprintf(stderr, "usage: %s [--quick]\n", argv[0]);
            return false;
        }
        load->quick = true;
    }
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    load->fds = entries_of("/proc/self/fd");
    load->threads = entries_of("/proc/self/task");
    load->heap = heap_now();
    return true;
}

/* A joined thread leaves /proc a moment later. */
static bool threads_are_back(const struct load *load)
{
    for (int ms = 0; ms < SETTLING_MS; ms++) {
        if (entries_of("/proc/self/task") == load->threads)
            return true;
        (void)poll(NULL, 0, 1);
    }
    return false;
}

void load_look_back(struct load *load)
{
    unsigned fds = entries_of("/proc/self/fd");
    size_t heap = heap_now();
    load_check(load, fds == load->fds, "%u descriptors, %u at the start", fds, load->fds);
    load_check(load, threads_are_back(load), "threads are left");
    load_check(load, heap <= load->heap + HEAP_SLACK, "%zu bytes of heap, %zu at the start", heap,
               load->heap);
}

int load_end(struct load *load)
{
    load_look_back(load);
    printf("%u passed, %u failed, %u skipped\n", load->passed, load->failed, load->skipped);
    return load->failed > 0;
}

bool load_check(struct load *load, bool ok, const char *format, ...)
{
    va_list arguments;
    load->passed += ok;
    load->failed += !ok;
    if (ok)
        return true;
    printf("FAILED %s: ", load->name);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    puts("");
    return false;
}

void load_skip(struct load *load, const char *format, ...)
{
    va_list arguments;
    load->skipped++;
    printf("skipped %s: ", load->name);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    puts("");
}

void load_figure(const struct load *load, const char *format, ...)
{
    const char *io = getenv("MARU_IO");
    va_list arguments;
    printf("figure %s, %s: ", load->name, io ? io : "auto");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    puts("");
}

maru_runtime *load_runtime(void)
{
    enum { REFUSED = 77 };
    maru_runtime *runtime = NULL;
    int rc = maru_runtime_new(NULL, &runtime);
    if (rc == 0)
        return runtime;
    printf("no runtime: %s\n", maru_err_text(rc));
    exit(rc == -ENOSYS || rc == -EPERM ? REFUSED : EXIT_FAILURE);
}

maru_metrics load_metrics(maru_runtime *runtime)
{
    maru_metrics metrics = { .size = sizeof metrics };
    if (maru_metrics_read(runtime, &metrics) < 0)
        abort();
    return metrics;
}

void load_runtime_end(struct load *load, maru_runtime *runtime)
{
    maru_metrics now = load_metrics(runtime);
    for (int ms = 0; ms < SETTLING_MS && now.live_tasks > 0; ms++) {
        (void)poll(NULL, 0, 1);
        now = load_metrics(runtime);
    }
    load_check(load, now.live_tasks == 0, "%llu tasks live", (unsigned long long)now.live_tasks);
    load_check(load, now.live_timers == 0, "%llu timers live",
               (unsigned long long)now.live_timers);
    load_check(load, now.live_waits == 0, "%llu waits live", (unsigned long long)now.live_waits);
    load_check(load, maru_runtime_free(runtime) == 0, "the runtime was not freed");
}

unsigned load_room(unsigned most)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return most;
    if (limit.rlim_cur < most + FDS_BESIDE) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* what is in force is told by the next line */
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= most + FDS_BESIDE)
        return most;
    return limit.rlim_cur > 2 * FDS_BESIDE ? (unsigned)limit.rlim_cur - FDS_BESIDE : FDS_BESIDE / 4;
}

size_t load_resident(void)
{
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (!statm || fscanf(statm, "%*u %lu", &pages) != 1)
        pages = 0;
    if (statm)
        fclose(statm);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}
