/* test_async_matrix.c - every way in which a task can end, be cancelled and have its handle given
 * back, in every combination, on every kind of runtime. */
#include "async_world.h"

TestSuite(async_matrix, .timeout = 60);

enum body { ENDS, FAILS, YIELDS, WAITS, TIDIES_SLOWLY, FAILS_IN_FINALLY, BODIES };
enum moment { NEVER, FRESH, STARTED, ENDED, MOMENTS };
enum fate {
    DETACHED_FRESH,
    DETACHED_STARTED,
    DETACHED_ENDED,
    JOINED,
    JOIN_LOST_FIRST,
    WAITED_FOR,
    WAITED_FOR_AND_JOINED,
    IN_JOIN_SET,
    FATES
};

/* What is known of a task from outside of its memory. */
struct record {
    uint32_t started, tidied;
};

struct subject {
    maru_frame frame;
    enum body body;
    struct record *record;
    int i;
    int64_t typed;
    maru_pause pause;
};

maru_async(subject)
{
    flag_raise(&me->record->started);
    if (me->body == YIELDS)
        for (me->i = 0; me->i < 3; me->i++)
            maru_try(maru_yield(&me->pause));
    if (me->body == WAITS || me->body == TIDIES_SLOWLY)
        maru_await_cancel();
    if (me->body == WAITS || me->body == TIDIES_SLOWLY)
        maru_return(-ECANCELED);
    maru_return(me->body == FAILS ? -EIO : 7);
maru_finally:
    if (me->body == TIDIES_SLOWLY)
        for (me->i = 0; me->i < 3; me->i++)
            maru_try(maru_yield(&me->pause));
    me->typed = 99;
    flag_raise(&me->record->tidied);
    maru_return(me->body == FAILS_IN_FINALLY ? -EPROTO : 0);
}
maru_end;

/* False: it makes no sense: what waits must be cancelled, and only who has a handle can cancel. */
static bool is_possible(enum body body, enum moment moment, enum fate fate)
{
    if (moment == NEVER)
        return body != WAITS && body != TIDIES_SLOWLY;
    if (moment == ENDED)
        return body != WAITS && body != TIDIES_SLOWLY && fate >= DETACHED_ENDED &&
               fate != IN_JOIN_SET;
    if (moment == STARTED)
        return fate != DETACHED_FRESH;
    return true;
}

static void check_result(enum body body, enum moment moment, maru_result result)
{
    bool cancelled = moment == FRESH || moment == STARTED;
    if (body == ENDS)
        WANT(result == 7);
    if (body == FAILS)
        WANT(result == -EIO);
    if (body == YIELDS)
        WANT(result == 7 || (cancelled && result == -ECANCELED));
    if (body == WAITS || body == TIDIES_SLOWLY)
        WANT(result == -ECANCELED);
    if (body == FAILS_IN_FINALLY)
        WANT(result == -EPROTO);
}

struct one_case {
    maru_frame frame;
    enum body body;
    enum moment moment;
    enum fate fate;
    bool from_outside;
    struct record record;
    maru_task *task;
    maru_join_wait wait;
    maru_join_set set;
    maru_pause pause;
    maru_result result;
};

static maru_task *spawn_subject(struct one_case *me)
{
    if (me->fate == IN_JOIN_SET)
        return maru_join_set_spawn(&me->set, subject, .body = me->body, .record = &me->record);
    if (me->from_outside)
        return maru_spawn_on(maru_runtime_current(), subject, .body = me->body,
                             .record = &me->record);
    return maru_spawn(subject, .body = me->body, .record = &me->record);
}

maru_async(one_case)
{
    me->task = spawn_subject(me);
    WANT(me->task);
    if (me->moment == FRESH)
        maru_cancel(me->task);
    if (me->fate == DETACHED_FRESH)
        maru_detach(me->task);
    while (me->moment == STARTED && !flag_is_up(&me->record.started))
        maru_try(maru_yield(&me->pause));
    if (me->moment == STARTED)
        maru_cancel(me->task);
    if (me->fate == DETACHED_STARTED) {
        while (!flag_is_up(&me->record.started))
            maru_try(maru_yield(&me->pause));
        maru_detach(me->task);
    }
    if (me->fate == DETACHED_FRESH || me->fate == DETACHED_STARTED) {
        while (!flag_is_up(&me->record.tidied))
            maru_try(maru_yield(&me->pause));
        maru_return(0);
    }
    if (me->fate == IN_JOIN_SET) {
        maru_await(me->result, maru_join_next(&me->set));
        WANT(maru_joined(&me->set) == me->task);
        WANT(maru_task_frame(me->task, subject)->typed == 99);
    } else if (me->moment == ENDED || me->fate == DETACHED_ENDED) {
        while (!maru_task_is_finished(me->task))
            maru_try(maru_yield(&me->pause));
        maru_cancel(me->task);
        me->result = maru_task_root(me->task, &subject_async)->future_.u_.result_;
    }
    if (me->fate == JOIN_LOST_FIRST)
        maru_select_biased(me->result, maru_join_task(&me->wait, me->task),
                           maru_yield(&me->pause));
    if (me->fate == WAITED_FOR || me->fate == WAITED_FOR_AND_JOINED) {
        maru_await(me->result, maru_wait_task(&me->wait, me->task));
        WANT(maru_task_frame(me->task, subject)->typed == 99);
    }
    if (me->fate == JOIN_LOST_FIRST && me->wait.task_ == NULL)
        me->result = maru_result_of(&me->wait);
    else if (me->fate == JOINED || me->fate == JOIN_LOST_FIRST ||
             me->fate == WAITED_FOR_AND_JOINED)
        maru_await(me->result, maru_join_task(&me->wait, me->task));
    WANT(me->record.tidied == 1);               /* before anybody heard of the end, and once */
    if (me->fate == WAITED_FOR || me->fate == DETACHED_ENDED)
        maru_detach(me->task);
    check_result(me->body, me->moment, me->result);
}
maru_end;

struct matrix {
    maru_frame frame;
    int i, round, cases;
    struct one_case one_case;
};

/* The i-th combination; false: there is none. */
static bool is_case(int i, enum body *body, enum moment *moment, enum fate *fate)
{
    *body = (enum body)(i % BODIES);
    *moment = (enum moment)(i / BODIES % MOMENTS);
    *fate = (enum fate)(i / BODIES / MOMENTS % FATES);
    return is_possible(*body, *moment, *fate);
}

maru_async(matrix)
{
    for (me->round = 0; me->round < 6; me->round++)
        for (me->i = 0; me->i < BODIES * MOMENTS * FATES * 2; me->i++) {
            enum body body;
            enum moment moment;
            enum fate fate;
            if (!is_case(me->i, &body, &moment, &fate))
                continue;
            maru_try(maru_call(one_case, &me->one_case, .body = body, .moment = moment,
                               .fate = fate,
                               .from_outside = me->i >= BODIES * MOMENTS * FATES));
            me->cases++;
        }
    maru_return(me->cases);
}
maru_end;

static int count_cases(void)
{
    int count = 0;
    enum body body;
    enum moment moment;
    enum fate fate;
    for (int i = 0; i < BODIES * MOMENTS * FATES * 2; i++)
        count += is_case(i, &body, &moment, &fate);
    return 6 * count;
}

/* conformance 19, 20, 21, 22, 25 */
Test(async_matrix, every_task_ends_once_with_its_result_whatever_happens_to_its_handle)
{
    cr_assert_gt(count_cases(), 1000);
    EVERYWHERE(count_cases(), matrix);
}

/* conformance 22 */
Test(async_matrix, handles_given_back_at_any_moment_leak_no_memory)
{
    maru_runtime *runtime = world_new(0);
    maru_metrics first = { .size = sizeof first }, then = first;
    cr_assert_eq(maru_block_on(runtime, matrix), count_cases());
    cr_assert_eq(maru_metrics_read(runtime, &first), 0);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(maru_block_on(runtime, matrix), count_cases());
    cr_assert_eq(maru_metrics_read(runtime, &then), 0);
    cr_assert_eq(then.live_tasks, 0u);
    cr_assert_eq(then.bytes_allocated, first.bytes_allocated);
    world_free(runtime);
}

/* ---- what the matrix does not see ---- */

struct fails {
    maru_frame frame;
    maru_result body, finally;
};

maru_async(fails)
{
    maru_return(me->body);
maru_finally:
    maru_return(me->finally);
}
maru_end;

struct goes_on {
    maru_frame frame;
    uint32_t *stop;
    maru_pause pause;
};

maru_async(goes_on)
{
    while (!flag_is_up(me->stop))
        maru_try(maru_yield(&me->pause));
    maru_return(5);
}
maru_end;

struct contains {
    maru_frame frame;
    uint32_t stop;
    maru_task *other, *task;
    maru_join_wait wait;
};

maru_async(contains)
{
    maru_result rc;
    me->other = maru_spawn(goes_on, .stop = &me->stop);
    me->task = maru_spawn(fails, .body = -EIO);
    WANT(me->other && me->task);
    maru_await(rc, maru_join_task(&me->wait, me->task));
    WANT(rc == -EIO);
    WANT((me->task = maru_spawn(fails, .body = 1, .finally = -EPIPE)) != NULL);
    maru_await(rc, maru_join_task(&me->wait, me->task));
    WANT(rc == -EPIPE);
    WANT((me->task = maru_spawn(fails, .body = -EIO, .finally = -EPIPE)) != NULL);
    maru_await(rc, maru_join_task(&me->wait, me->task));
    WANT(rc == -EIO);
    flag_raise(&me->stop);
    maru_await(rc, maru_join_task(&me->wait, me->other));
    maru_return(rc);
}
maru_end;

/* conformance 18 */
Test(async_matrix, an_error_reaches_the_handle_alone)
{
    EVERYWHERE(5, contains);
}

struct tidies {
    maru_frame frame;
    uint32_t *tidying, *may_end;
    maru_pause pause;
};

maru_async(tidies)
{
    maru_await_cancel();
maru_finally:
    flag_raise(me->tidying);
    while (!flag_is_up(me->may_end))
        maru_try(maru_yield(&me->pause));
}
maru_end;

struct watches {
    maru_frame frame;
    uint32_t tidying, may_end;
    maru_task *task;
    maru_pause pause;
    maru_join_wait wait;
};

maru_async(watches)
{
    maru_result rc;
    me->task = maru_spawn(tidies, .tidying = &me->tidying, .may_end = &me->may_end);
    WANT(me->task);
    maru_cancel(me->task);                      /* wakes it, or is there at its first poll */
    while (!flag_is_up(&me->tidying))
        maru_try(maru_yield(&me->pause));
    WANT(!maru_task_is_finished(me->task));
    flag_raise(&me->may_end);
    maru_await(rc, maru_wait_task(&me->wait, me->task));
    WANT(maru_task_is_finished(me->task));
    maru_cancel(me->task);                      /* changes nothing */
    maru_await(rc, maru_join_task(&me->wait, me->task));
    maru_return(rc);
}
maru_end;

/* conformance 20 */
Test(async_matrix, a_cancelled_task_is_not_finished_before_its_finally_is)
{
    EVERYWHERE(0, watches);
}

struct joins_later {
    maru_frame frame;
    maru_task *task;
    maru_join_wait wait;
};

maru_async(joins_later)
{
    maru_result rc;
    maru_await(rc, maru_join_task(&me->wait, me->task));
    maru_return(rc);
}
maru_end;

struct hands_over {
    maru_frame frame;
    uint32_t stop;
    maru_task *task, *joiner;
    maru_pause pause;
    maru_join_wait wait;
};

maru_async(hands_over)
{
    maru_result rc;
    me->task = maru_spawn(goes_on, .stop = &me->stop);
    WANT(me->task);
    maru_select_biased(rc, maru_join_task(&me->wait, me->task), maru_yield(&me->pause));
    WANT(rc == 1 && !maru_join_delivered(&me->wait));
    me->joiner = maru_spawn(joins_later, .task = me->task);
    WANT(me->joiner);
    flag_raise(&me->stop);
    maru_await(rc, maru_join_task(&me->wait, me->joiner));
    maru_return(rc);
}
maru_end;

/* conformance 22 */
Test(async_matrix, only_the_latest_join_is_woken)
{
    EVERYWHERE(5, hands_over);
}

/* ---- yields and the driver ---- */

struct sleeper {
    maru_frame frame;
    uint32_t *woken;
    maru_sleep nap;
};

maru_async(sleeper)
{
    maru_try(maru_sleep_for(&me->nap, MARU_MSEC / 4));
    flag_raise(me->woken);
}
maru_end;

struct yielder {
    maru_frame frame;
    bool spends;                 /* yields because its budget is spent, not of itself */
    uint32_t woken;
    maru_scope scope;
    maru_pause pause;
};

maru_async(yielder)
{
    maru_check(maru_scope_spawn(&me->scope, sleeper, .woken = &me->woken));
    while (!flag_is_up(&me->woken)) {
        if (me->spends)
            maru_try(maru_budget_consume(&me->pause));
        else
            maru_try(maru_yield(&me->pause));
    }
}
maru_end;

/* conformance 5: a driver that was never polled would never fire the timer */
Test(async_matrix, yields_and_spent_budgets_let_the_driver_have_its_turn)
{
    EVERYWHERE(0, yielder, .spends = false);
    EVERYWHERE(0, yielder, .spends = true);
}
