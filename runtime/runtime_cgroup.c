/* runtime_cgroup.c - the CPU quota of this process's cgroup.
 *
 *     /proc/self/cgroup      "0::/a/b"  or  "4:cpu,cpuacct:/a/b": where we are
 *     /proc/self/mountinfo   where that hierarchy is mounted, and which part of it
 *     <mount>/a/b/cpu.max    "200000 100000": version 2
 *     <mount>/a/b/cpu.cfs_quota_us, cpu.cfs_period_us: version 1
 *
 * Every group above us limits us, too, so we walk up to the mount and take the least. Whatever is
 * missing or odd means that there is no quota: a runtime is never refused for it. */
#include "runtime/runtime_cpus.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line of these files that is longer is not one of ours. */
enum { LINE_BYTES = 1024, PATH_BYTES = 2048 };

/* ---- reading lines ---- */

struct lines {
    int fd;
    size_t at, len;
    char buf[LINE_BYTES];
    char line[LINE_BYTES];
};

static bool lines_open(struct lines *lines, const char *root, const char *path)
{
    char whole[PATH_BYTES];
    lines->at = lines->len = 0;
    lines->fd = -1;
    int len = snprintf(whole, sizeof whole, "%s%s", root, path);
    if (len > 0 && (size_t)len < sizeof whole)
        lines->fd = open(whole, O_RDONLY | O_CLOEXEC);
    return lines->fd >= 0;
}

static int next_char(struct lines *lines)
{
    if (lines->at == lines->len) {
        ssize_t n = read(lines->fd, lines->buf, sizeof lines->buf);
        if (n <= 0)
            return -1;
        lines->len = (size_t)n;
        lines->at = 0;
    }
    return (unsigned char)lines->buf[lines->at++];
}

/* The next line without its end, cut where it is too long; NULL: there is none. */
static char *lines_next(struct lines *lines)
{
    size_t len = 0;
    int c = next_char(lines);
    if (c < 0)
        return NULL;
    for (; c >= 0 && c != '\n'; c = next_char(lines))
        if (len < sizeof lines->line - 1)
            lines->line[len++] = (char)c;
    lines->line[len] = '\0';
    return lines->line;
}

static void lines_close(struct lines *lines)
{
    (void)close(lines->fd);             /* it was only read */
}

/* ---- taking lines apart ---- */

/* Is `word` one of the words of a list with commas? */
static bool is_in_list(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
    }
    return false;
}

/* Cuts a field off the front of *rest; NULL: there is none. */
static char *cut(char **rest, char end)
{
    char *field = *rest;
    if (!field)
        return NULL;
    char *at = strchr(field, end);
    *rest = at ? at + 1 : NULL;
    if (at)
        *at = '\0';
    return field;
}

static bool copy_path(char *to, const char *from)
{
    size_t len = strlen(from);
    if (len >= LINE_BYTES)
        return false;
    memcpy(to, from, len + 1);
    return true;
}

/* ---- where we are ---- */

struct place {
    bool is_v2;
    char group[LINE_BYTES];      /* our group's path in its hierarchy */
    char mount[LINE_BYTES];      /* where the hierarchy is mounted */
    char top[LINE_BYTES];        /* the group that is mounted there */
};

/* A line of /proc/self/cgroup: id:controllers:path. */
static bool take_group(struct place *place, char *line)
{
    char *id = cut(&line, ':'), *controllers = cut(&line, ':');
    if (!id || !controllers || !line)
        return false;
    bool fits = place->is_v2 ? strcmp(id, "0") == 0 && !*controllers
                             : is_in_list(controllers, "cpu");
    return fits && copy_path(place->group, line);
}

static bool find_group(struct place *place, const char *root)
{
    struct lines lines;
    char *line;
    bool found = false;
    if (!lines_open(&lines, root, "/proc/self/cgroup"))
        return false;
    while (!found && (line = lines_next(&lines)))
        found = take_group(place, line);
    lines_close(&lines);
    return found;
}

/* A line of /proc/self/mountinfo:
 * 36 35 98:0 <top> <mount> rw,noatime master:1 ... - <type> <source> <options> */
static bool take_mount(struct place *place, char *line)
{
    char *after = strstr(line, " - ");
    if (!after)
        return false;
    *after = '\0';
    after += strlen(" - ");
    for (int i = 0; i < 3; i++)
        (void)cut(&line, ' ');
    char *top = cut(&line, ' '), *mount = cut(&line, ' ');
    char *type = cut(&after, ' '), *source = cut(&after, ' ');
    if (!top || !mount || !type || !source || !after)
        return false;
    bool fits = place->is_v2 ? strcmp(type, "cgroup2") == 0
                             : strcmp(type, "cgroup") == 0 && is_in_list(after, "cpu");
    return fits && copy_path(place->top, top) && copy_path(place->mount, mount);
}

static bool find_mount(struct place *place, const char *root)
{
    struct lines lines;
    char *line;
    bool found = false;
    if (!lines_open(&lines, root, "/proc/self/mountinfo"))
        return false;
    while (!found && (line = lines_next(&lines)))
        found = take_mount(place, line);
    lines_close(&lines);
    return found;
}

/* Our group's path below the mount: "" or "/a/b". */
static const char *path_below(const struct place *place)
{
    size_t len = strcmp(place->top, "/") == 0 ? 0 : strlen(place->top);
    if (strncmp(place->group, place->top, len) != 0)
        return "";                      /* mounted from elsewhere: a container's own view */
    const char *below = place->group + len;
    return *below == '/' && below[1] && !strstr(below, "/..") ? below : "";
}

/* ---- quotas ---- */

static bool read_line(char *ret_line, const char *root, const char *folder, const char *file)
{
    struct lines lines;
    char path[PATH_BYTES];
    int len = snprintf(path, sizeof path, "%s/%s", folder, file);
    if (len < 0 || (size_t)len >= sizeof path || !lines_open(&lines, root, path))
        return false;
    char *line = lines_next(&lines);
    bool read = line && copy_path(ret_line, line);
    lines_close(&lines);
    return read;
}

/* A positive number; 0: it is none ("max", "-1", rubbish). */
static unsigned long long number_of(const char *text)
{
    if (!text || *text < '0' || *text > '9')
        return 0;
    return strtoull(text, NULL, 10);
}

static uint32_t cpus_of(unsigned long long quota_us, unsigned long long period_us)
{
    if (quota_us == 0 || period_us == 0)
        return 0;
    unsigned long long cpus = quota_us / period_us + (quota_us % period_us != 0);
    return cpus < CPUS_MAX ? (uint32_t)cpus : CPUS_MAX;
}

static uint32_t quota_in(const struct place *place, const char *root, const char *folder)
{
    char quota[LINE_BYTES], period[LINE_BYTES];
    if (place->is_v2) {
        char *rest = quota;
        if (!read_line(quota, root, folder, "cpu.max"))
            return 0;
        unsigned long long quota_us = number_of(cut(&rest, ' '));
        return cpus_of(quota_us, number_of(rest));
    }
    if (!read_line(quota, root, folder, "cpu.cfs_quota_us") ||
        !read_line(period, root, folder, "cpu.cfs_period_us"))
        return 0;
    return cpus_of(number_of(quota), number_of(period));
}

/* The least quota of our group and of all above it, up to the mount. */
static uint32_t least_quota(const struct place *place, const char *root)
{
    char folder[PATH_BYTES];
    uint32_t least = 0;
    size_t mount_len = strlen(place->mount);
    int len = snprintf(folder, sizeof folder, "%s%s", place->mount, path_below(place));
    if (len < 0 || (size_t)len >= sizeof folder)
        return 0;
    for (;;) {
        uint32_t cpus = quota_in(place, root, folder);
        least = cpus > 0 && (least == 0 || cpus < least) ? cpus : least;
        if (strlen(folder) <= mount_len)
            return least;
        *strrchr(folder, '/') = '\0';   /* there is one: the part below the mount begins with it */
    }
}

uint32_t cpus_of_cgroup(const char *root)
{
    uint32_t least = 0;
    for (int version = 1; version <= 2; version++) {
        struct place place = { .is_v2 = version == 2 };
        if (!find_group(&place, root) || !find_mount(&place, root))
            continue;
        uint32_t cpus = least_quota(&place, root);
        least = cpus > 0 && (least == 0 || cpus < least) ? cpus : least;
    }
    return least;
}
