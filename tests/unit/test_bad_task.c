/* test_bad_task.c - bad arguments of futures, frames, tasks, scopes, join sets and task-locals. */
#include "tests/unit/bad_world.h"

#include "runtime/base/context.h"

#include <pthread.h>

struct child {
    maru_frame frame;
    maru_result value;
};

maru_async(child)
{
    maru_return(me->value);
}
maru_end;

struct bad_image {
    const char *what;
    const maru_frame *image;
    size_t size;
};

/* A frame that names no function, and sizes that no frame can have. */
static const maru_frame *const zeroed = (const maru_frame *)&(const struct child){ .value = 0 };
static const struct child good = { .frame = { .future_ = { .type_ = &child_async.type } } };
static const struct bad_image IMAGES[] = { { "NULL", NULL, sizeof(struct child) },
                                           { "NULL of no size", NULL, 0 },
                                           { "zeroed", NULL, 1 },
                                           { "empty", &good.frame, 0 },
                                           { "short", &good.frame, sizeof(maru_frame) - 1 },
                                           { "huge", &good.frame, SIZE_MAX },
                                           { "4 GiB", &good.frame, (size_t)UINT32_MAX + 1 } };
enum { IMAGES_COUNT = sizeof IMAGES / sizeof *IMAGES };

static struct bad_image image_at(int i)
{
    struct bad_image image = IMAGES[i];
    if (strcmp(image.what, "zeroed") == 0) {
        image.image = zeroed;
        image.size = sizeof(struct child);
    }
    return image;
}

/* ---- futures ---- */

static maru_result never_poll(maru_future *self, maru_context *cx)
{
    (void)self;
    return cx->ending == MARU_GO ? MARU_PENDING : -ECANCELED;
}

static const maru_future_type never_type = { never_poll, "never" };

static void keep(maru_waker *waker)
{
    (void)waker;
}

static void futures(struct bad *bad)
{
    static const maru_waker_ops ops = { keep, keep, keep };
    maru_waker waker = { &ops };
    maru_context cx = { &waker, NULL, MARU_GO };
    maru_future future = { .type_ = NULL };
    maru_leaf leaf = { .waker_ = NULL };
    NONE(maru_future_init(NULL, &never_type));
    NONE(maru_future_ready(NULL, 0));
    BAD(-EINVAL, maru_future_poll(NULL, &cx));
    BAD(-EINVAL, maru_future_poll(&future, NULL));
    BAD(-EINVAL, maru_future_poll(&future, &cx));
    BAD(MARU_PENDING, maru_future_result(NULL));
    BAD(MARU_PENDING, maru_future_result(&future));
    BAD(false, maru_future_is_in_flight(NULL));
    BAD(false, maru_future_is_in_flight(&future));
    NONE(maru_future_keep(NULL));
    BAD(true, maru_future_fresh(&future) == &future);
    NOTHING(maru_leaf_wait(NULL, &cx));
    NOTHING(maru_leaf_wait(&leaf, NULL));
    BAD(false, maru_leaf_is_complete(NULL));
    BAD(false, maru_leaf_is_complete(&leaf));
    NOTHING(maru_leaf_complete(NULL));
    NOTHING(maru_leaf_complete(&leaf));
    BAD(false, maru_leaf_is_complete(&leaf));
    BAD(bad->inside, maru_budget_take());
    BAD(true, maru_future_ready(&future, 5) == &future);
    BAD(5, maru_future_poll(&future, &cx));
    BAD(5, maru_future_result(&future));
}

Test(bad_task, futures_that_are_none_have_no_result, .timeout = 30)
{
    bad_calls(futures);
}

/* ---- frames ---- */

static void frames(struct bad *bad)
{
    static const maru_waker_ops ops = { keep, keep, keep };
    maru_waker waker = { &ops };
    maru_context cx = { &waker, NULL, MARU_GO };
    maru_future future = { .type_ = &never_type }, *futures[] = { &future };
    BAD(-EINVAL, maru_frame_poll(NULL, &cx));
    BAD(-EINVAL, maru_frame_poll(&future, NULL));
    BAD(-EINVAL, maru_frame_start(NULL, &future));
    BAD(-EINVAL, maru_frame_start(NULL, NULL));
    BAD(-EINVAL, maru_frame_start_set(NULL, MARU_ALL_, 1, futures));
    BAD(-EINVAL, maru_frame_start_set(NULL, MARU_CANCEL_, 0, NULL));
    BAD(-EINVAL, maru_frame_wait(NULL));
    NOTHING(maru_frame_return(NULL, 0));
    BAD(false, maru_frame_leave(NULL));
}

struct sets {
    maru_frame frame;
    struct bad *bad;
    maru_pause pause;
    maru_future *none[2], *some[2];
    maru_result n;
};

maru_async(sets)
{
    struct bad *bad = me->bad;
    BAD(-EINVAL, maru_frame_start_set(&me->frame, -1, 2, me->some));
    BAD(-EINVAL, maru_frame_start_set(&me->frame, MARU_ONE_, 2, me->some));
    BAD(-EINVAL, maru_frame_start_set(&me->frame, MARU_RACE_ + 1, 2, me->some));
    BAD(-EINVAL, maru_frame_start_set(&me->frame, 256 + MARU_ALL_, 2, me->some));
    BAD(-EINVAL, maru_frame_start_set(&me->frame, INT32_MAX, 2, me->some));
    BAD(-EINVAL, maru_frame_start_set(&me->frame, MARU_CANCEL_, 1, me->some));
    BAD(-EINVAL, maru_frame_start_set(&me->frame, MARU_ALL_, 1, NULL));
    BAD(-EINVAL, maru_frame_start_set(&me->frame, MARU_ALL_, 65001, me->some));
    BAD(-EINVAL, maru_frame_start_set(&me->frame, MARU_ANY_, SIZE_MAX, me->some));
    BAD(-EINVAL, maru_frame_start_set(&me->frame, MARU_ANY_, 2, me->none));
    BAD(-EINVAL, maru_frame_start_set(&me->frame, MARU_FIRST_, 2, me->none));
    BAD(-EINVAL, maru_frame_start_set(&me->frame, MARU_RACE_, 1, me->none));
    BAD(-EINVAL, maru_frame_start_set(&me->frame, MARU_RACE_, 0, NULL));
    BAD(0, maru_frame_start_set(&me->frame, MARU_ALL_, 0, NULL));
    BAD(0, maru_frame_start_set(&me->frame, MARU_EACH_, 0, NULL));
    me->some[1] = maru_yield(&me->pause);
    maru_select_any(me->n, me->some, 2);
    bad = me->bad;
    BAD(1, me->n);
}
maru_end;

Test(bad_task, frames_and_sets_that_are_none_are_not_awaited, .timeout = 30)
{
    bad_calls(frames);
    BAD_TASKS(sets);
}

/* ---- what aborts, and says where ---- */

struct abuses {
    maru_frame frame;
    int kind;
    maru_pause pause;
    struct child child;
    maru_section section;
    maru_timeout limit;
    maru_scope scope;
    maru_reader in;
    maru_writer out;
    maru_socket_stream socket;
    maru_future *arms[2];
    maru_result n;
    char buffer[8];
};

enum {
    AWAIT_NULL,
    JOIN_NULL,
    AWAIT_UNSTARTED,
    SELECT_UNSTARTED,
    CALL_INTO_NULL,
    SECTION_OF_NULL,
    LIMIT_OF_NULL,
    SCOPE_WITH_CHILDREN,
    READER_IN_FLIGHT,
    WRITER_IN_FLIGHT,
    STREAM_IN_FLIGHT,
    ABUSES
};

static const char *const LAST_WORDS[ABUSES] = {
    [AWAIT_NULL] = "an await of NULL",
    [JOIN_NULL] = "an await of NULL",
    [AWAIT_UNSTARTED] = "never started",
    [SELECT_UNSTARTED] = "never started",
    [CALL_INTO_NULL] = "into NULL",
    [SECTION_OF_NULL] = "an await of NULL",
    [LIMIT_OF_NULL] = "an await of NULL",
    [SCOPE_WITH_CHILDREN] = "not true: children",
    [READER_IN_FLIGHT] = "still in flight",
    [WRITER_IN_FLIGHT] = "still in flight",
    [STREAM_IN_FLIGHT] = "still in flight",
};

static void abuse(struct abuses *me)
{
    maru_future *future = NULL;
    switch (me->kind) {
    case CALL_INTO_NULL:
        future = maru_call(child, (struct child *)NULL, .value = 1);
        break;
    case SECTION_OF_NULL:
        future = maru_unconstrained(&me->section, NULL);
        break;
    case LIMIT_OF_NULL:
        future = maru_within_until(&me->limit, 1, NULL);
        break;
    case SCOPE_WITH_CHILDREN:
        me->n = maru_scope_spawn(&me->scope, child, .value = 1);
        maru_scope_init(&me->scope, MARU_SCOPE_EACH);
        break;
    case READER_IN_FLIGHT:
        maru_reader_init(&me->in, 0, me->buffer, sizeof me->buffer);
        break;
    case WRITER_IN_FLIGHT:
        maru_writer_init_stream(&me->out, NULL, me->buffer, sizeof me->buffer);
        break;
    case STREAM_IN_FLIGHT:
        maru_socket_stream_init(&me->socket, 0);
        break;
    }
    (void)future;
}

maru_async(abuses)
{
    if (me->kind == AWAIT_NULL)
        maru_await(NULL);
    if (me->kind == JOIN_NULL)
        maru_join_all(me->n, me->arms, 2);
    if (me->kind == AWAIT_UNSTARTED)
        maru_await(&me->pause.future_);
    me->arms[0] = &me->pause.future_;
    if (me->kind == SELECT_UNSTARTED)
        maru_select_any(me->n, me->arms, 2);
    /* As if it were in flight: what is asked is the same flag. */
    me->in.future_.flags_ = me->out.future_.flags_ = me->socket.in_.leaf_.future.flags_ = 1;
    abuse(me);
}
maru_end;

static void run_abuse(void *kind)
{
    maru_options options;
    maru_runtime *runtime;
    maru_options_init(&options, sizeof options);
    options.flavor = MARU_FLAVOR_SINGLE;
    if (maru_runtime_new(&options, &runtime) == 0)
        (void)!maru_block_on(runtime, abuses, .kind = *(int *)kind);
}

Test(bad_task, misuse_that_no_code_can_tell_aborts_and_says_what, .timeout = 60)
{
    for (int kind = 0; kind < ABUSES; kind++) {
        struct last_words words = last_words_of(run_abuse, &kind);
        cr_expect_eq(words.signal, SIGABRT, "%d: %d", kind, words.signal);
        cr_expect(last_words_have(&words, LAST_WORDS[kind]), "%d: %s", kind, words.text);
    }
}

/* ---- tasks ---- */

static void tasks(struct bad *bad)
{
    for (int i = 0; i < IMAGES_COUNT; i++) {
        struct bad_image image = image_at(i);
        NONE(maru_spawn_image(image.image, image.size));
        NONE(maru_spawn_image_on(NULL, image.image, image.size));
        NONE(maru_spawn_image_on(bad->runtime, image.image, image.size));
        if (!bad->inside)
            BAD(-EINVAL, maru_block_on_image(bad->runtime, image.image, image.size));
        BAD(-EINVAL, maru_block_on_image(NULL, image.image, image.size));
    }
    maru_future future = { .type_ = NULL };
    NONE(maru_spawn_image_on(NULL, &good.frame, sizeof good));
    if (bad->inside)
        BAD(-EDEADLK, maru_block_on_image(bad->runtime, &good.frame, sizeof good));
    else
        NONE(maru_spawn_image(&good.frame, sizeof good));
    NOTHING(maru_cancel(NULL));
    NOTHING(maru_detach(NULL));
    BAD(true, maru_task_is_finished(NULL));
    BAD(true, maru_join_delivered(NULL));
    NONE(maru_join_task(NULL, NULL));
    NONE(maru_wait_task(NULL, NULL));
    NONE(maru_task_root(NULL, &child_async));
    NONE(maru_task_function(NULL));
    BAD(0, maru_task_id(NULL));
    BAD(bad->inside, maru_task_id_here() != 0);
    NONE(maru_spawn_future(NULL));
    NONE(maru_spawn_future_on(NULL, NULL));
    NONE(maru_spawn_future_on(bad->runtime, NULL));
    NONE(maru_spawn_future_on(NULL, &future));
    BAD(-EINVAL, maru_block_on_future(NULL, NULL));
    BAD(-EINVAL, maru_block_on_future(bad->runtime, NULL));
    BAD(-EINVAL, maru_block_on_future(NULL, &future));
    NONE(maru_yield(NULL));
    NONE(maru_budget_consume(NULL));
    NONE(maru_unconstrained(NULL, &future));
    if (!bad->inside)
        NONE(maru_spawn_future(&future));
}

struct waits {
    maru_frame frame;
};

maru_async(waits)
{
    maru_await_cancel();
    maru_return(7);
}
maru_end;

struct handles {
    maru_frame frame;
    struct bad *bad;
    maru_result got;
    maru_task *task;
    maru_join_wait wait;
};

maru_async(handles)
{
    struct bad *bad = me->bad;
    AWAITED(-EINVAL, maru_join_task(&me->wait, NULL));
    AWAITED(-EINVAL, maru_wait_task(&me->wait, NULL));
    AWAITED(-EDEADLK, maru_join_task(&me->wait, context_here()->task));
    AWAITED(-EDEADLK, maru_wait_task(&me->wait, context_here()->task));
    me->task = maru_spawn(waits);
    bad = me->bad;
    NONE(maru_task_root(me->task, &waits_async));
    NONE(maru_task_root(me->task, &joins_async));
    NONE(maru_task_root(me->task, NULL));
    maru_cancel(me->task);
    maru_await(me->got, maru_join_task(&me->wait, me->task));
    maru_return(me->got == 7 && maru_join_delivered(&me->wait) ? 0 : -EPROTO);
}
maru_end;

Test(bad_task, tasks_are_not_made_from_nonsense, .timeout = 30)
{
    bad_calls(tasks);
    BAD_TASKS(handles);
}

/* ---- scopes and join sets ---- */

static void nurseries(struct bad *bad)
{
    maru_batch batch = { .error_ = 0 };
    maru_scope scope = { .count_ = 0 };
    maru_join_set set = { .count_ = 0 };
    maru_frame frame = { .depth_ = 0 };
    maru_result result = 77;
    NOTHING(maru_scope_init(NULL, MARU_SCOPE_ALL));
    NOTHING(maru_scope_on_error(NULL, NULL, NULL));
    BAD(-EINVAL, maru_scope_spawn_image(NULL, &scope, &good.frame, sizeof good));
    BAD(-EINVAL, maru_scope_spawn_image(&frame, &scope, &good.frame, sizeof good));
    BAD(-EINVAL, maru_scope_spawn_image(&frame, NULL, &good.frame, sizeof good));
    BAD(-EINVAL, maru_scope_spawn_images(NULL, &scope, &good.frame, sizeof good, 1));
    BAD(-EINVAL, maru_scope_spawn_images(&frame, &scope, &good.frame, sizeof good, 1));
    BAD(-EINVAL, maru_scope_spawn_images(NULL, NULL, NULL, 0, 0));
    NOTHING(maru_batch_begin(NULL, &frame, &scope));
    BAD(false, maru_batch_add(NULL, &good.frame, sizeof good));
    BAD(-EINVAL, maru_batch_end(NULL));
    BAD(false, maru_batch_add(&batch, &good.frame, sizeof good));
    BAD(-EINVAL, maru_batch_end(&batch));
    NOTHING(maru_batch_begin(&batch, &frame, &scope));
    BAD(false, maru_batch_add(&batch, &good.frame, sizeof good));
    BAD(-EINVAL, maru_batch_end(&batch));
    NONE(maru_scope_wait(NULL));
    NOTHING(maru_scope_cancel(NULL));
    BAD(0, maru_scope_count(NULL));
    BAD(0, maru_scope_failed(NULL));
    BAD(0, maru_scope_count(&scope));
    NONE(maru_join_set_spawn_image(NULL, &set, &good.frame, sizeof good));
    NONE(maru_join_set_spawn_image(&frame, &set, &good.frame, sizeof good));
    NONE(maru_join_set_spawn_image(&frame, NULL, &good.frame, sizeof good));
    NONE(maru_join_next(NULL));
    BAD(-EINVAL, maru_join_set_try_next(NULL, &result));
    BAD(-EINVAL, maru_join_set_try_next(&set, NULL));
    BAD(-MARU_EEMPTY, maru_join_set_try_next(&set, &result));
    BAD(77, result);
    NONE(maru_joined(NULL));
    BAD(0, maru_join_set_count(NULL));
    NOTHING(maru_join_set_cancel(NULL));
    NOTHING(maru_join_set_cancel(&set));
    NONE(maru_join_set_shutdown(NULL));
    NOTHING(maru_join_set_detach(NULL));
    NOTHING(maru_join_set_detach(&set));
}

struct nursery {
    maru_frame frame;
    struct bad *bad;
    maru_result got;
    maru_scope scope;
    maru_join_set set;
    int i;
};

/* One bad child spoils those before and after it. */
static int spoiled_batch(maru_frame *owner, maru_scope *scope, struct bad_image image)
{
    maru_batch batch;
    maru_batch_begin(&batch, owner, scope);
    if (!maru_batch_add(&batch, &good.frame, sizeof good) ||
        maru_batch_add(&batch, image.image, image.size) ||
        maru_batch_add(&batch, &good.frame, sizeof good))
        return 0;
    return maru_batch_end(&batch);
}

/* Nothing that was refused has begun anything: neither has anything to wait for. */
maru_async(nursery)
{
    struct bad *bad = me->bad;
    for (me->i = 0; me->i < IMAGES_COUNT; me->i++) {
        struct bad_image image = image_at(me->i);
        BAD(-EINVAL, maru_scope_spawn_image(&me->frame, &me->scope, image.image, image.size));
        BAD(-EINVAL, maru_scope_spawn_images(&me->frame, &me->scope, image.image, image.size, 2));
        BAD(-EINVAL, spoiled_batch(&me->frame, &me->scope, image));
        NONE(maru_join_set_spawn_image(&me->frame, &me->set, image.image, image.size));
    }
    BAD(-EINVAL, maru_scope_spawn_image(&me->frame, NULL, &good.frame, sizeof good));
    BAD(0, maru_scope_spawn_images(&me->frame, &me->scope, NULL, 0, 0));
    NOTHING(maru_scope_init(&me->scope, (enum maru_scope_policy)77));
    NOTHING(maru_scope_on_error(&me->scope, NULL, NULL));
    BAD(0, maru_scope_count(&me->scope));
    BAD(0, maru_join_set_count(&me->set));
    NONE(maru_joined(&me->set));
    AWAITED(0, maru_scope_wait(&me->scope));
    AWAITED(-MARU_EEMPTY, maru_join_next(&me->set));
    AWAITED(0, maru_join_set_shutdown(&me->set));
    maru_scope_cancel(&me->scope);
    bad = me->bad;
    BAD(-ECANCELED, maru_scope_spawn_image(&me->frame, &me->scope, &good.frame, sizeof good));
    maru_scope_init(&me->scope, MARU_SCOPE_ALL);
    maru_check(maru_scope_spawn(&me->scope, child, .value = 0));
    maru_try(maru_scope_wait(&me->scope));
}
maru_end;

Test(bad_task, scopes_and_join_sets_refuse_what_is_no_child, .timeout = 30)
{
    bad_calls(nurseries);
    BAD_TASKS(nursery);
}

/* A refused spawn must not leave what only a task of the set would free. */
struct only_refused {
    maru_frame frame;
    struct bad *bad;
    maru_join_set set;
};

maru_async(only_refused)
{
    struct bad *bad = me->bad;
    NONE(maru_join_set_spawn_image(&me->frame, &me->set, NULL, 0));
}
maru_end;

Test(bad_task, a_join_set_without_tasks_holds_no_memory, .timeout = 30)
{
    BAD_TASKS(only_refused);
}

/* ---- task-locals ---- */

static const maru_local_key KEY = { "key" };

static void locals(struct bad *bad)
{
    maru_local slot = { .value_ = NULL };
    maru_name name = { .text_ = "" };
    void *value = bad;
    BAD(-EINVAL, maru_local_set(NULL, &KEY, bad));
    BAD(-EINVAL, maru_local_set(&slot, NULL, bad));
    if (!bad->inside)
        BAD(-EINVAL, maru_local_set(&slot, &KEY, bad));
    NOTHING(maru_local_clear(NULL));
    NOTHING(maru_local_clear(&slot));
    BAD(-EINVAL, maru_local_get(NULL, &value));
    BAD(-EINVAL, maru_local_get(&KEY, NULL));
    BAD(-ENOENT, maru_local_get(&KEY, &value));
    BAD(true, value == bad);
    BAD(-EINVAL, maru_task_name_set(NULL, "name"));
    BAD(-EINVAL, maru_task_name_set(&name, NULL));
    if (!bad->inside)
        BAD(-EINVAL, maru_task_name_set(&name, "name"));
    NONE(maru_task_name());
}

Test(bad_task, locals_without_a_place_or_a_key_are_none, .timeout = 30)
{
    bad_calls(locals);
}
