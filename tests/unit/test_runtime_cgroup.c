/* test_runtime_cgroup.c - quotas of cgroups, read from files like those of real machines. */
#include "runtime/runtime_cpus.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

/* Puts a file below the root, with all folders above it. */
static void put(const char *path, const char *text)
{
    char whole[512];
    (void)snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *at = whole + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        (void)mkdir(whole, 0700);
        *at = '/';
    }
    FILE *file = fopen(whole, "w");
    cr_assert_not_null(file);
    (void)fputs(text, file);
    cr_assert_eq(fclose(file), 0);
}

static void begin(void)
{
    (void)snprintf(root, sizeof root, "%s", P_tmpdir "/maru-cgroup-XXXXXX");
    cr_assert_not_null(mkdtemp(root));
}

static void end(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", root);
    cr_assert_eq(system(command), 0);
}

TestSuite(runtime_cgroup, .init = begin, .fini = end);

#define MOUNTS_V2                                                                               \
    "22 1 8:1 / / rw,relatime - ext4 /dev/root rw\n"                                            \
    "31 23 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"

#define MOUNTS_V1(top)                                                                          \
    "30 22 0:25 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755\n"                         \
    "34 30 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"                         \
    "35 30 0:30 " top " /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct\n"

static void version_2(const char *group, const char *folder, const char *max)
{
    char path[256], line[256];
    (void)snprintf(line, sizeof line, "0::%s\n", group);
    (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", folder);
    put("/proc/self/cgroup", line);
    put("/proc/self/mountinfo", MOUNTS_V2);
    put(path, max);
}

Test(runtime_cgroup, without_files_there_is_no_quota)
{
    cr_assert_eq(cpus_of_cgroup(root), 0u);
    cr_assert_eq(cpus_of_cgroup("/nowhere/at/all"), 0u);
}

Test(runtime_cgroup, version_2_quotas_are_rounded_up)
{
    version_2("/a/b", "/a/b", "150000 100000\n");
    cr_assert_eq(cpus_of_cgroup(root), 2u);
    version_2("/a/b", "/a/b", "200000 100000\n");
    cr_assert_eq(cpus_of_cgroup(root), 2u);
    version_2("/a/b", "/a/b", "200001 100000\n");
    cr_assert_eq(cpus_of_cgroup(root), 3u);
    version_2("/a/b", "/a/b", "1000 100000\n");
    cr_assert_eq(cpus_of_cgroup(root), 1u);
    version_2("/a/b", "/a/b", "max 100000\n");
    cr_assert_eq(cpus_of_cgroup(root), 0u);
}

Test(runtime_cgroup, the_least_quota_of_all_groups_above_counts)
{
    version_2("/a/b/c", "/a/b/c", "800000 100000\n");
    put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    cr_assert_eq(cpus_of_cgroup(root), 3u);
    put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
    cr_assert_eq(cpus_of_cgroup(root), 2u, "a container sees its own quota at the mount");
}

Test(runtime_cgroup, a_group_at_the_top_of_the_mount_is_found)
{
    version_2("/", "", "500000 100000\n");
    cr_assert_eq(cpus_of_cgroup(root), 5u);
}

Test(runtime_cgroup, a_group_out_of_sight_counts_as_the_mount)
{
    version_2("/../other", "", "400000 100000\n");
    cr_assert_eq(cpus_of_cgroup(root), 4u);
}

static void version_1(const char *top, const char *folder, const char *quota, const char *period)
{
    char path[256];
    put("/proc/self/cgroup", "12:cpuset:/docker/x\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/\n");
    put("/proc/self/mountinfo", strcmp(top, "/") == 0 ? MOUNTS_V1("/") : MOUNTS_V1("/docker/x"));
    (void)snprintf(path, sizeof path, "/sys/fs/cgroup/cpu,cpuacct%s/cpu.cfs_quota_us", folder);
    put(path, quota);
    (void)snprintf(path, sizeof path, "/sys/fs/cgroup/cpu,cpuacct%s/cpu.cfs_period_us", folder);
    put(path, period);
}

Test(runtime_cgroup, version_1_is_two_files)
{
    version_1("/", "/docker/x", "250000\n", "100000\n");
    cr_assert_eq(cpus_of_cgroup(root), 3u);
    version_1("/", "/docker/x", "-1\n", "100000\n");
    cr_assert_eq(cpus_of_cgroup(root), 0u);
}

Test(runtime_cgroup, version_1_in_a_container_is_mounted_from_its_group)
{
    version_1("/docker/x", "", "120000\n", "100000\n");
    cr_assert_eq(cpus_of_cgroup(root), 2u);
}

Test(runtime_cgroup, of_two_versions_the_one_with_a_quota_counts)
{
    version_1("/", "/docker/x", "250000\n", "100000\n");
    put("/proc/self/cgroup", "4:cpu,cpuacct:/docker/x\n0::/user\n");
    cr_assert_eq(cpus_of_cgroup(root), 3u);
}

Test(runtime_cgroup, odd_files_mean_no_quota)
{
    static const char *const odd[] = { "", "\n", "200000", "200000 ", "200000 0", "0 100000",
                                       "-5 100000", "x y", "max", " 1 2", "\xff\xff\xff" };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        version_2("/a", "/a", odd[i]);
        cr_assert_eq(cpus_of_cgroup(root), 0u, "cpu.max: '%s'", odd[i]);
    }
    version_2("/a", "/a", "99999999999999999999999999 1\n");
    cr_assert_leq(cpus_of_cgroup(root), CPUS_MAX);
    static const char *const lines[] = { "", "0", "0:", "0:cpu", ":::", "0::", "\n\n", "4:cpu:" };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        put("/proc/self/cgroup", lines[i]);
        put("/proc/self/mountinfo", MOUNTS_V2);
        cr_assert_eq(cpus_of_cgroup(root), 0u, "cgroup: '%s'", lines[i]);
    }
    version_2("/a", "/a", "100000 100000\n");
    static const char *const mounts[] = { "", " - ", "1 - cgroup2 x y", "1 2 3 / - cgroup2 c o",
                                          "1 2 3 4 5 6 - cgroup2", " -  - cgroup2 a b" };
    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
        put("/proc/self/mountinfo", mounts[i]);
        cr_assert_eq(cpus_of_cgroup(root), 0u, "mountinfo: '%s'", mounts[i]);
    }
}

Test(runtime_cgroup, lines_longer_than_any_of_ours_are_passed)
{
    static char text[20000];
    version_2("/a", "/a", "300000 100000\n");
    memset(text, 'x', sizeof text - 1);
    (void)snprintf(text + 15000, sizeof text - 15000, "\n%s", MOUNTS_V2);
    put("/proc/self/mountinfo", text);
    cr_assert_eq(cpus_of_cgroup(root), 3u);
}
