/* test_runtime_cpus.c - sets of CPUs, those beyond 1,024 too, and pinning to one of them. */
#include "runtime/runtime_cpus.h"

#include "tests/unit/runtime_world.h"

#include <pthread.h>

static void add(struct cpus *cpus, unsigned cpu)
{
    cpus->bytes[cpu / 8] |= (unsigned char)(1u << (cpu % 8));
}

Test(runtime_cpus, the_nth_is_counted_from_the_lowest_round_and_round)
{
    struct cpus cpus = { { 0 } };
    cr_assert_eq(cpus_nth(&cpus, 0), -1);
    add(&cpus, 3);
    add(&cpus, 5);
    add(&cpus, 64);
    cr_assert_eq(cpus_count(&cpus), 3u);
    static const int expected[] = { 3, 5, 64, 3, 5, 64, 3 };
    for (uint32_t n = 0; n < sizeof expected / sizeof *expected; n++)
        cr_assert_eq(cpus_nth(&cpus, n), expected[n]);
}

Test(runtime_cpus, there_is_no_end_at_1024)
{
    struct cpus cpus = { { 0 } };
    add(&cpus, 1023);
    add(&cpus, 1024);
    add(&cpus, CPUS_MAX - 1);
    cr_assert_eq(cpus_count(&cpus), 3u);
    cr_assert_eq(cpus_nth(&cpus, 1), 1024);
    cr_assert_eq(cpus_nth(&cpus, 2), (int)CPUS_MAX - 1);
}

Test(runtime_cpus, those_allowed_are_those_of_the_system)
{
    struct cpus cpus;
    cpu_set_t set;
    cr_assert_eq(sched_getaffinity(0, sizeof set, &set), 0, "this machine has at most 1,024");
    cr_assert_eq(cpus_allowed(&cpus), (uint32_t)CPU_COUNT(&set));
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        cr_assert_eq(!!CPU_ISSET(cpu, &set), cpus.bytes[cpu / 8] >> (cpu % 8) & 1);
}

Test(runtime_cpus, a_thread_can_be_pinned_to_one)
{
    struct cpus before, after;
    uint32_t count = cpus_allowed(&before);
    int last = cpus_nth(&before, count - 1);
    cpus_pin(-1);
    cpus_pin((int)CPUS_MAX);
    cpus_pin((int)CPUS_MAX - 1);
    cr_assert_eq(cpus_allowed(&after), count, "what cannot be is not");
    cpus_pin(last);
    cr_assert_eq(cpus_allowed(&after), 1u);
    cr_assert_eq(cpus_nth(&after, 0), last);
}

static void look(void *arg, uint32_t worker)
{
    int *seen = arg;
    struct cpus cpus;
    seen[worker] = cpus_allowed(&cpus) == 1 ? cpus_nth(&cpus, 0) : -1;
}

Test(runtime_cpus, the_nth_worker_is_pinned_to_the_nth_one_allowed)
{
    int seen[4] = { -1, -1, -1, -1 };
    struct cpus cpus;
    maru_hooks hooks = { .size = sizeof hooks, .arg = seen, .on_thread_start = look };
    maru_options options = options_with(4);
    maru_runtime *runtime;
    options.pin = 1;
    options.hooks = &hooks;
    (void)cpus_allowed(&cpus);
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    cr_assert_eq(maru_runtime_free(runtime), 0);
    for (uint32_t id = 0; id < 4; id++)
        cr_assert_eq(seen[id], cpus_nth(&cpus, id));
}
