/* async.h - the vocabulary: async functions as C11 macros over the plain layer of frame.h.
 * C only: the macros need designated initialisers; a C++ program writes futures by hand.
 *
 *     struct greet { maru_frame frame; const char *name; maru_sleep nap; };
 *
 *     maru_async(greet)
 *     {
 *         maru_try(maru_sleep_for(&me->nap, MARU_SEC));
 *         printf("hello %s\n", me->name);
 *     maru_finally:
 *         puts("bye");
 *     }
 *     maru_end;
 *
 *     int main(void) { return maru_main(greet, .name = "world"); }
 *
 * Locals that live across an await are members of the struct, reached through `me`; plain C
 * locals are scratch. The struct's first member is `maru_frame frame`. */
#ifndef MARU_ASYNC_H
#define MARU_ASYNC_H

#include "frame.h"
#include "join_set.h"
#include "runtime.h"
#include "scope.h"
#include "task.h"
#include "time.h"

/* ---- defining ----
 *
 * The block after maru_async is the block of a switch over the resume line, so nothing can stand
 * between the two. Case values are biased by 2^63: an await inside the user's own switch over an
 * int, char, enum or bool is then out of range, which compilers report by default. */

#define maru_async(name)        MARU_ASYNC_(static, name)
#define maru_async_extern(name) MARU_ASYNC_(, name)
#define maru_async_decl(name)   extern const maru_function name##_async

#define MARU_CASE_(line)        (0x8000000000000000u | (line))
#define MARU_CAT_(a, b)         MARU_CAT2_(a, b)
#define MARU_CAT2_(a, b)        a##b

#define MARU_ASYNC_(storage, name)                                                              \
    static void name##_body_(maru_frame *frame_);                                               \
    storage const maru_function name##_async = {                                                \
        { maru_frame_poll, #name }, name##_body_, __FILE__                                      \
    };                                                                                          \
    static void name##_body_(maru_frame *frame_)                                                \
    {                                                                                           \
        _Static_assert(offsetof(struct name, frame) == 0,                                       \
                       "maru_frame frame must be the first member of struct " #name);           \
        struct name *const me = (struct name *)(void *)frame_;                                  \
        (void)me;                                                                               \
        for (bool in_body_ = true; in_body_; in_body_ = maru_frame_leave(frame_))               \
            switch (MARU_CASE_(frame_->future_.line_))                                          \
            case MARU_CASE_(0):

#define maru_end }                                                                              \
    _Static_assert(1, "")

#define maru_finally                                                                            \
    maru_frame_return(&me->frame, 0);                                                           \
    return;                                                                                     \
    case MARU_CASE_(MARU_FINALLY_LINE_)

#define maru_return(value)                                                                      \
    do {                                                                                        \
        maru_frame_return(&me->frame, (value));                                                 \
        return;                                                                                 \
    } while (0)

/* ---- awaiting ----
 *
 * `started` is a result at once, or MARU_PENDING: then the function is left, and the case label
 * is where it goes on. The line is stored before the start, so that a misuse found there names
 * it. A label may exist once per function, and this one's name is the explanation that the
 * compiler prints. */

#define MARU_AWAIT_(started, then)                                                              \
    do {                                                                                        \
        me->frame.future_.line_ = __LINE__;                                                     \
        maru_result r_;                                                                         \
        r_ = (started); /* not an initialiser: the case label jumps over it */                  \
        if (r_ == MARU_PENDING) {                                                               \
            return;                                                                             \
        case MARU_CASE_(__LINE__):                                                              \
            MARU_CAT_(two_awaits_on_one_line_, __LINE__) : __attribute__((unused));             \
            r_ = maru_frame_wait(&me->frame);                                                   \
            if (r_ == MARU_PENDING)                                                             \
                return;                                                                         \
        }                                                                                       \
        then;                                                                                   \
    } while (0)

#define MARU_LEAVE_IF_NEGATIVE_                                                                 \
    if (r_ < 0)                                                                                 \
    maru_return(r_)

#define MARU_ONE_FUTURE_(future) maru_frame_start(&me->frame, (future))
#define MARU_LIST_(...)          (maru_future *[]){ __VA_ARGS__ }
#define MARU_SET_FUTURES_(mode, ...)                                                            \
    maru_frame_start_set(&me->frame, (mode),                                                    \
                         sizeof(MARU_LIST_(__VA_ARGS__)) / sizeof(maru_future *),               \
                         MARU_LIST_(__VA_ARGS__))

#define MARU_PICK2_(a, b, macro, ...) macro
#define MARU_AWAIT1_(future)          MARU_AWAIT_(MARU_ONE_FUTURE_(future), (void)r_)
#define MARU_AWAIT2_(to, future)      MARU_AWAIT_(MARU_ONE_FUTURE_(future), (to) = r_)
#define MARU_TRY1_(future)            MARU_AWAIT_(MARU_ONE_FUTURE_(future), MARU_LEAVE_IF_NEGATIVE_)
#define MARU_TRY2_(to, future)                                                                  \
    MARU_AWAIT_(MARU_ONE_FUTURE_(future), MARU_LEAVE_IF_NEGATIVE_; (to) = r_)

/* maru_await(future) waits; maru_await(n, future) also stores the result, negative included.
 * maru_try is the same, but a negative result leaves the function through finally. */
#define maru_await(...) MARU_PICK2_(__VA_ARGS__, MARU_AWAIT2_, MARU_AWAIT1_, )(__VA_ARGS__)
#define maru_try(...)   MARU_PICK2_(__VA_ARGS__, MARU_TRY2_, MARU_TRY1_, )(__VA_ARGS__)

/* ---- several at once ----
 *
 * A NULL among the arms of a select or race is an arm that is disabled; all disabled is -EINVAL. */

#define MARU_AWAIT_SET_(to, mode, ...) MARU_AWAIT_(MARU_SET_FUTURES_(mode, __VA_ARGS__), (to) = r_)
#define MARU_AWAIT_ARRAY_(to, mode, futures, n)                                                 \
    MARU_AWAIT_(maru_frame_start_set(&me->frame, (mode), (size_t)(n), (futures)), (to) = r_)
#define MARU_FUTURE_OF_(member) ((maru_future *)(void *)(member))

/* maru_join(rc, f1, f2, ...): all; the first error ends the rest, waits for them, is stored. */
#define maru_join(to, ...)          MARU_AWAIT_SET_(to, MARU_ALL_, __VA_ARGS__)
#define maru_join_all(to, futures, n) MARU_AWAIT_ARRAY_(to, MARU_ALL_, futures, n)

/* maru_settle(n, f1, f2, ...): all, and nobody is cancelled; n is how many failed. -ECANCELED when
 * this task is being cancelled and that has ended one of them. */
#define maru_settle(to, ...)        MARU_AWAIT_SET_(to, MARU_EACH_, __VA_ARGS__)
#define maru_settle_all(to, futures, n) MARU_AWAIT_ARRAY_(to, MARU_EACH_, futures, n)

/* maru_select(i, f1, f2, ...): the first; the losers have ended when it returns. They are polled
 * in a random order, up to the first winner: so at most one arm acquires anything. -ECANCELED when
 * this task is being cancelled. maru_select_biased polls them in the order they are written. */
#define maru_select(to, ...)        MARU_AWAIT_SET_(to, MARU_ANY_, __VA_ARGS__)
#define maru_select_biased(to, ...) MARU_AWAIT_SET_(to, MARU_FIRST_, __VA_ARGS__)
#define maru_select_any(to, futures, n) MARU_AWAIT_ARRAY_(to, MARU_ANY_, futures, n)

/* maru_race(i, f1, f2, ...): the first; the losers stay in flight and go on. A loser that ends
 * later keeps its result, for maru_result_of, or for an await of maru_keep; the others are ended
 * when the function ends. -ECANCELED when this task is being cancelled. */
#define maru_race(to, ...)          MARU_AWAIT_SET_(to, MARU_RACE_, __VA_ARGS__)
#define maru_race_any(to, futures, n) MARU_AWAIT_ARRAY_(to, MARU_RACE_, futures, n)

/* maru_keep(&me->x, start): x, if it is in flight or has a result that nobody was given yet; else
 * what `start`, an expression that is only evaluated then, starts in it. As an arm it outlives a
 * select that it has lost. */
#define maru_keep(member, start)                                                                \
    maru_future_keep(maru_future_is_in_flight(MARU_FUTURE_OF_(member)) ? MARU_FUTURE_OF_(member) \
                                                                       : (start))

/* Waits until this task is cancelled; needs no member. */
#define maru_await_cancel()                                                                     \
    MARU_AWAIT_(maru_frame_start_set(&me->frame, MARU_CANCEL_, 0, NULL), (void)r_)

/* A plain value: negative leaves the function through finally. */
#define maru_check(call)                                                                        \
    do {                                                                                        \
        maru_result r_ = (call);                                                                \
        MARU_LEAVE_IF_NEGATIVE_;                                                                \
    } while (0)

/* The result of a member that was awaited; MARU_PENDING if it has not ended. */
#define maru_result_of(member) maru_future_result((const maru_future *)(const void *)(member))

/* ---- calling: an image of the child's frame, type-checked by designated initialisers ---- */

#define MARU_IMAGE_(name, ...)                                                                  \
    { .frame = { .future_ = { .type_ = &name##_async.type } }, __VA_ARGS__ }
#define MARU_NEW_(name, ...)                                                                    \
    &((struct name)MARU_IMAGE_(name, __VA_ARGS__)).frame, sizeof(struct name)

/* maru_call(f, &me->kid, .arg = v): fills a child frame held by value; await what it returns. */
#define maru_call(...)        MARU_CALL_(__VA_ARGS__, )
/* maru_spawn(f, .arg = v): a detached task; the maru_task *, or NULL: no memory, no runtime, or
 * it is shutting down. On NULL ownership of what the arguments name has not moved. */
#define maru_spawn(...)       MARU_SPAWN_(__VA_ARGS__, )
/* maru_spawn_on(runtime, f, .arg = v): the same from any thread. */
#define maru_spawn_on(...)    MARU_SPAWN_ON_(__VA_ARGS__, )
/* maru_task_frame(task, f): the struct f of a task that has ended; NULL if it has not, or is none
 * of f. Valid until the handle is given back. */
#define maru_task_frame(task, name)                                                             \
    ((struct name *)(void *)maru_task_root((task), &name##_async))
/* maru_scope_spawn(&me->kids, f, .arg = v): a child of this function; 0 or a negative errno. */
#define maru_scope_spawn(...) MARU_SCOPE_SPAWN_(__VA_ARGS__, )
/* maru_scope_spawn_many(rc, &me->kids, i, n, f, .arg = v): n children at once, whose arguments may
 * name i, which counts from 0. rc is 0, or a negative errno and none was spawned. */
#define maru_scope_spawn_many(to, scope, i, n, ...)                                             \
    MARU_SCOPE_SPAWN_MANY_(to, scope, i, n, __VA_ARGS__, )
/* maru_join_set_spawn(&me->set, f, .arg = v): a task of a join set of this function; the
 * maru_task *, which the set keeps, or NULL. */
#define maru_join_set_spawn(...) MARU_JOIN_SET_SPAWN_(__VA_ARGS__, )
/* maru_block_on(runtime, f, .arg = v): runs f to its end from outside; its result. */
#define maru_block_on(...)    MARU_BLOCK_ON_(__VA_ARGS__, )
/* maru_main(f, .arg = v): a runtime with default options for the whole program; for main. */
#define maru_main(...)        MARU_MAIN_(__VA_ARGS__, )

#define MARU_CALL_(name, p, ...)                                                                \
    (maru_future_fresh(&(p)->frame.future_),                                                    \
     *(p) = (struct name)MARU_IMAGE_(name, __VA_ARGS__), &(p)->frame.future_)
#define MARU_SPAWN_(name, ...)         maru_spawn_image(MARU_NEW_(name, __VA_ARGS__))
#define MARU_SPAWN_ON_(rt, name, ...)  maru_spawn_image_on((rt), MARU_NEW_(name, __VA_ARGS__))
#define MARU_SCOPE_SPAWN_(scope, name, ...)                                                     \
    maru_scope_spawn_image(&me->frame, (scope), MARU_NEW_(name, __VA_ARGS__))
#define MARU_SCOPE_SPAWN_MANY_(to, scope, i, n, name, ...)                                      \
    do {                                                                                        \
        maru_batch batch_;                                                                      \
        maru_batch_begin(&batch_, &me->frame, (scope));                                         \
        for (size_t i = 0, n_ = (size_t)(n); i < n_; i++)                                       \
            if (!maru_batch_add(&batch_, MARU_NEW_(name, __VA_ARGS__)))                         \
                break;                                                                          \
        (to) = maru_batch_end(&batch_);                                                         \
    } while (0)
#define MARU_JOIN_SET_SPAWN_(set, name, ...)                                                    \
    maru_join_set_spawn_image(&me->frame, (set), MARU_NEW_(name, __VA_ARGS__))
#define MARU_BLOCK_ON_(rt, name, ...)  maru_block_on_image((rt), MARU_NEW_(name, __VA_ARGS__))
#define MARU_MAIN_(name, ...)          maru_main_image(MARU_NEW_(name, __VA_ARGS__))

#endif
