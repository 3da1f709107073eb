/* test_hook.c - the user's hooks: each is called as often as it should be, tells the truth, and
 * what it makes ready runs. */
#include "runtime/task/hook.h"

#include "tests/unit/async_world.h"

TestSuite(hook, .timeout = 60);

enum { TASKS_MAX = 512 };

/* What the hooks of one runtime have heard. */
static struct heard {
    uint32_t starts, stops, parks, unparks, spawns, ends;
    uint32_t asleep[64];         /* by worker */
    uint64_t ids[TASKS_MAX];     /* of live tasks; 0: free */
    uint32_t lock;
    maru_task_info last_spawn;
    maru_leaf *gate;             /* completed by the next on_park */
    bool gate_by_task;
} heard;

static void lock(void)
{
    struct relax relax = { 0 };
    while (atomic_exchange_acq(&heard.lock, 1u))
        relax_turn(&relax);
}

static void unlock(void)
{
    atomic_store_rel(&heard.lock, 0u);
}

/* ---- the hooks ---- */

static void on_start(void *arg, uint32_t thread)
{
    WANT(arg == &heard && maru_runtime_current() && thread < 64);
    atomic_add_sc(&heard.starts, 1u);
}

static void on_stop(void *arg, uint32_t thread)
{
    WANT(arg == &heard && maru_runtime_current() && thread < 64);
    atomic_add_sc(&heard.stops, 1u);
}

struct opens {
    maru_frame frame;
    maru_leaf *gate;
};

maru_async(opens)
{
    maru_leaf_complete(me->gate);
}
maru_end;

static void on_park(void *arg, uint32_t worker)
{
    WANT(arg == &heard && atomic_exchange_acq(&heard.asleep[worker], 1u) == 0);
    atomic_add_sc(&heard.parks, 1u);
    maru_leaf *gate = atomic_exchange_acq(&heard.gate, NULL);
    if (gate && heard.gate_by_task)
        maru_detach(maru_spawn_on(maru_runtime_current(), opens, .gate = gate));
    else if (gate)
        maru_leaf_complete(gate);
}

static void on_unpark(void *arg, uint32_t worker)
{
    WANT(arg == &heard && atomic_exchange_acq(&heard.asleep[worker], 0u) == 1);
    atomic_add_sc(&heard.unparks, 1u);
}

static uint32_t find(uint64_t id)
{
    uint32_t i = 0;
    while (i < TASKS_MAX && heard.ids[i] != id)
        i++;
    return i;
}

static void on_spawn(void *arg, const maru_task_info *task)
{
    WANT(arg == &heard && task->id && task->size == sizeof *task);
    WANT(task->function && strcmp(task->file, __FILE__) == 0);
    lock();
    heard.spawns++;
    heard.last_spawn = *task;
    WANT(find(task->id) == TASKS_MAX);          /* no two live tasks have one id */
    uint32_t free = find(0);
    WANT(free < TASKS_MAX);
    heard.ids[free] = task->id;
    unlock();
}

static void on_end(void *arg, const maru_task_info *task)
{
    WANT(arg == &heard && !task->spawner && strcmp(task->file, __FILE__) == 0);
    lock();
    heard.ends++;
    uint32_t at = find(task->id);
    WANT(at < TASKS_MAX);                       /* once, and only what was spawned */
    heard.ids[at] = 0;
    unlock();
}

static const maru_hooks all_hooks = { sizeof(maru_hooks), 0,       &heard,   on_start, on_stop,
                                      on_park,            on_unpark, on_spawn, on_end };

static maru_runtime *runtime_with(const maru_hooks *hooks, uint32_t workers)
{
    maru_runtime *runtime = NULL;
    maru_options options;
    memset(&heard, 0, sizeof heard);
    maru_options_init(&options, sizeof options);
    options.flavor = workers == 0 ? MARU_FLAVOR_SINGLE : MARU_FLAVOR_MULTI;
    options.workers = workers;
    options.hooks = hooks;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    return runtime;
}

/* ---- tasks ---- */

struct leaf_task {
    maru_frame frame;
    maru_pause pause;
    int yields;
};

maru_async(leaf_task)
{
    while (me->yields-- > 0)
        maru_try(maru_yield(&me->pause));
}
maru_end;

/* Children of both kinds of scopes, and detached tasks, some of them cancelled at once. */
struct family {
    maru_frame frame;
    maru_scope all, each;
    maru_pause pause;
    maru_join_wait join;
    maru_task *task;
    int i;
};

maru_async(family)
{
    maru_scope_init(&me->all, MARU_SCOPE_ALL);
    maru_scope_init(&me->each, MARU_SCOPE_EACH);
    for (me->i = 0; me->i < 100; me->i++) {
        maru_check(maru_scope_spawn(&me->all, leaf_task, .yields = me->i % 3));
        maru_check(maru_scope_spawn(&me->each, leaf_task, .yields = me->i % 2));
        me->task = maru_spawn(leaf_task, .yields = 2);
        WANT(me->task);
        if (me->i % 2)
            maru_cancel(me->task);
        if (me->i % 3)
            maru_detach(me->task);
        else
            maru_await(maru_join_task(&me->join, me->task));
    }
    maru_scope_cancel(&me->each);
    maru_try(maru_scope_wait(&me->all));
}
maru_end;

/* conformance 26 */
Test(hook, each_task_is_told_of_once_when_it_is_spawned_and_once_when_it_has_ended)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        maru_runtime *runtime = runtime_with(&all_hooks, WORLDS[i]);
        cr_assert_eq(maru_block_on(runtime, family), 0);
        maru_task *task = maru_spawn_on(runtime, leaf_task);
        cr_assert_not_null(task);
        maru_detach(task);
        world_free(runtime);
        cr_assert_geq(heard.spawns, 301u);
        cr_assert_leq(heard.spawns, 302u, "a guest's own function need not be a task");
        cr_assert_eq(heard.ends, heard.spawns);
    }
}

struct spawner {
    maru_frame frame;
    maru_pause pause;
    maru_scope scope;
    uint32_t line;
};

maru_async(spawner)
{
    maru_detach(maru_spawn(leaf_task));
    WANT(strcmp(heard.last_spawn.function, "leaf_task") == 0);
    WANT(strcmp(heard.last_spawn.spawner, "spawner") == 0);
    WANT(strcmp(heard.last_spawn.spawner_file, __FILE__) == 0);
    WANT(heard.last_spawn.spawner_line == 0);
    me->line = __LINE__ + 1;
    maru_try(maru_yield(&me->pause));
    maru_check(maru_scope_spawn(&me->scope, leaf_task));
    WANT(strcmp(heard.last_spawn.spawner, "spawner") == 0);
    WANT(heard.last_spawn.spawner_line == me->line);
}
maru_end;

/* conformance 26 */
Test(hook, the_place_of_a_spawn_is_told)
{
    maru_runtime *runtime = runtime_with(&all_hooks, 0);
    maru_task *task = maru_spawn_on(runtime, spawner);
    cr_assert_str_eq(heard.last_spawn.function, "spawner");
    cr_assert_null(heard.last_spawn.spawner, "from outside");
    cr_assert_eq(heard.last_spawn.spawner_line, 0u);
    maru_detach(task);
    cr_assert_eq(maru_block_on(runtime, leaf_task, .yields = 3), 0);
    world_free(runtime);
    cr_assert_eq(heard.ends, heard.spawns);
}

/* conformance 14 */
Test(hook, threads_that_start_stop_and_those_of_the_program_are_not_ours)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        maru_runtime *runtime = runtime_with(&all_hooks, WORLDS[i]);
        cr_assert_eq(maru_block_on(runtime, family), 0);
        cr_assert_eq(heard.stops, 0u);
        world_free(runtime);
        cr_assert_eq(heard.starts, WORLDS[i]);
        cr_assert_eq(heard.stops, WORLDS[i]);
        cr_assert_eq(heard.parks, heard.unparks);
    }
}

/* ---- work made by hooks ---- */

struct gate {
    maru_leaf leaf;
    bool waits;
};

static maru_result gate_poll(maru_future *self, maru_context *cx)
{
    struct gate *gate = (struct gate *)(void *)self;
    if (gate->waits)
        return maru_leaf_is_complete(&gate->leaf) ? 7 : MARU_PENDING;
    gate->waits = true;
    maru_leaf_wait(&gate->leaf, cx);
    atomic_store_rel(&heard.gate, &gate->leaf);
    return MARU_PENDING;
}

static const maru_future_type gate_type = { gate_poll, "gate" };

struct waits {
    maru_frame frame;
    struct gate gate;
    int i;
};

maru_async(waits)
{
    maru_result rc;
    for (me->i = 0; me->i < 100; me->i++) {
        me->gate.waits = false;
        maru_await(rc, maru_future_init(&me->gate.leaf.future, &gate_type));
        WANT(rc == 7);
    }
}
maru_end;

struct waits_for_waits {
    maru_frame frame;
    maru_join_wait join;
    maru_task *task;
};

maru_async(waits_for_waits)
{
    me->task = maru_spawn(waits);
    WANT(me->task);
    maru_try(maru_join_task(&me->join, me->task));
}
maru_end;

/* conformance 14 */
Test(hook, what_on_park_makes_ready_is_not_slept_over)
{
    for (int by_task = 0; by_task < 2; by_task++) {
        for (int i = 0; i < WORLDS_COUNT; i++) {
            maru_runtime *runtime = runtime_with(&all_hooks, WORLDS[i]);
            heard.gate_by_task = by_task;
            cr_assert_eq(maru_block_on(runtime, waits_for_waits), 0);
            world_free(runtime);
            cr_assert_geq(heard.parks, 100u);
            cr_assert_eq(heard.parks, heard.unparks);
        }
    }
}

static maru_result blocked;

static void block_in_hook(void *arg, const maru_task_info *task)
{
    maru_runtime *other = NULL;
    (void)task;
    maru_runtime **runtime = arg;
    if (*runtime && blocked == 0) {
        blocked = maru_block_on(*runtime, leaf_task);
        WANT(maru_runtime_free(*runtime) == -EDEADLK);
        WANT(maru_runtime_new(NULL, &other) == -EDEADLK);
    }
}

Test(hook, a_hook_cannot_block)
{
    maru_runtime *runtime = NULL;
    maru_hooks hooks = { .size = sizeof hooks, .arg = &runtime, .on_task_end = block_in_hook };
    runtime = runtime_with(&hooks, 1);
    cr_assert_eq(maru_block_on(runtime, family), 0);
    world_free(runtime);
    cr_assert_eq(blocked, -EDEADLK);
}

/* ---- the struct ---- */

Test(hook, some_hooks_alone_are_fine)
{
    maru_hooks none = { .size = sizeof none };
    maru_hooks old = { .size = offsetof(maru_hooks, on_park), .arg = &heard };
    old.on_thread_start = on_start;
    old.on_park = on_park;       /* beyond its size: not called */
    maru_runtime *runtime = runtime_with(&none, 2);
    cr_assert_eq(maru_block_on(runtime, family), 0);
    world_free(runtime);
    runtime = runtime_with(&old, 2);
    cr_assert_eq(maru_block_on(runtime, family), 0);
    world_free(runtime);
    cr_assert_eq(heard.starts, 2u);
    cr_assert_eq(heard.parks, 0u);
}

static int refused(const maru_hooks *hooks)
{
    maru_options options;
    maru_runtime *runtime = NULL;
    maru_options_init(&options, sizeof options);
    options.hooks = hooks;
    int rc = maru_runtime_new(&options, &runtime);
    cr_assert_null(runtime);
    return rc;
}

Test(hook, hooks_of_a_wrong_size_are_refused)
{
    struct {
        maru_hooks known;
        uint64_t unknown;
    } newer = { .known = { .size = sizeof newer }, .unknown = 1 };
    cr_assert_eq(refused(&newer.known), -E2BIG);
    maru_hooks hooks = { .size = 0 };
    cr_assert_eq(refused(&hooks), -EINVAL);
    hooks = (maru_hooks){ .size = sizeof hooks, .reserved = 1 };
    cr_assert_eq(refused(&hooks), -EINVAL);
}
