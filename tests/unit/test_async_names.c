/* test_async_names.c - what a dump tells of names, join sets, races and waits. */
#include "async_world.h"

#include <sched.h>
#include <string.h>

ASYNC_SUITE(async_names);

struct page {
    char bytes[1 << 16];
    size_t used;
};

static int add_to_page(void *arg, const char *text, size_t len)
{
    struct page *page = arg;
    if (page->used + len >= sizeof page->bytes)
        return -ENOSPC;
    memcpy(page->bytes + page->used, text, len + 1);
    page->used += len;
    return 0;
}

static bool has_all(const char *text, const char *const *parts)
{
    for (; *parts; parts++)
        if (!strstr(text, *parts))
            return false;
    return true;
}

/* Dumps until all parts stand in one dump: what stops a wait in vain is the suite. */
static void dump_until(maru_runtime *runtime, struct page *page, const char *const *parts)
{
    do {
        sched_yield();
        page->used = 0;
        cr_assert_eq(maru_dump_each(runtime, add_to_page, page), 0);
    } while (!has_all(page->bytes, parts));
}

static const maru_local_key KEY = { "key" };

struct member {
    maru_frame frame;
};

maru_async(member)
{
    maru_await_cancel();
}
maru_end;

struct conn {
    maru_frame frame;
    maru_name name;
    maru_local local;
    struct never a, b;
    maru_join_set set;
    maru_task *task;
    maru_join_wait wait;
};

maru_async(conn)
{
    maru_result rc;
    maru_check(maru_task_name_set(&me->name, "conn 5"));
    maru_check(maru_local_set(&me->local, &KEY, me));
    me->task = maru_join_set_spawn(&me->set, member);
    WANT(me->task);
    WANT((me->task = maru_spawn(member)) != NULL);
    maru_race(rc, never_start(&me->a, 0, NULL), never_start(&me->b, 0, NULL),
              maru_wait_task(&me->wait, me->task));
    maru_return(rc);
maru_finally:
    maru_cancel(me->task);
    maru_await(rc, maru_join_task(&me->wait, me->task));
}
maru_end;

Test(async_names, a_dump_tells_them_and_no_locals)
{
    static const char *const parts[] = { "function=conn name=conn 5", "in=race", "wait wait task=",
                                         "join_set=0x", NULL };
    static struct page page;
    for (int world = 1; world < WORLDS_COUNT; world++) {
        maru_runtime *runtime = world_new(WORLDS[world]);
        maru_task *task = maru_spawn_on(runtime, conn);
        cr_assert_not_null(task);
        dump_until(runtime, &page, parts);
        cr_assert_null(strstr(page.bytes, "wait local"), "%s", page.bytes);
        maru_cancel(task);
        maru_detach(task);
        world_free(runtime);
    }
}
