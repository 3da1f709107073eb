/* cpp_futures.cpp - futures written by hand in C++17, over the plain layer: no macro, no callback.
 *
 * A future is a struct whose first member is a maru_future, or a maru_leaf if somebody outside
 * completes it, and a poll function, through which no exception may fly. Two of them: one waits for
 * other futures, one for a thread. */
#include <maru.h>

#include <cstdio>
#include <memory>
#include <thread>

namespace {

/* Sleeps `left` times in a row; its result is how often it has slept. */
struct Countdown {
    maru_future future;
    maru_sleep nap;
    maru_future *inner; /* what is awaited now */
    int left, slept;

    static maru_result poll(maru_future *self, maru_context *cx) noexcept;
};

maru_result Countdown::poll(maru_future *self, maru_context *cx) noexcept
{
    auto *me = reinterpret_cast<Countdown *>(self);
    while (me->left > 0) {
        if (!me->inner)
            me->inner = maru_sleep_for(&me->nap, 5 * MARU_MSEC);
        maru_result rc = maru_future_poll(me->inner, cx);
        if (rc < 0)
            return rc; /* MARU_PENDING is negative too, and so is -ECANCELED */
        me->inner = nullptr;
        me->left--;
        me->slept++;
    }
    return me->slept;
}

/* Asks a thread of its own. Asked to end, it still waits for the thread, which holds the leaf. */
struct Answer {
    maru_leaf leaf;
    std::thread thread;
    maru_result value;

    static maru_result poll(maru_future *self, maru_context *cx) noexcept;
};

maru_result Answer::poll(maru_future *self, maru_context *cx) noexcept
{
    auto *me = reinterpret_cast<Answer *>(self);
    if (!me->thread.joinable()) {
        maru_leaf_wait(&me->leaf, cx);
        me->thread = std::thread([me] {
            me->value = 42;
            maru_leaf_complete(&me->leaf);
        });
    }
    if (!maru_leaf_is_complete(&me->leaf))
        return MARU_PENDING;
    me->thread.join();
    return me->value;
}

const maru_future_type countdown_type = { Countdown::poll, "countdown" };
const maru_future_type answer_type = { Answer::poll, "answer" };

int fail(const char *what, maru_result rc)
{
    std::fprintf(stderr, "%s: %s\n", what, maru_err_text(static_cast<int>(rc)));
    return 1;
}

} // namespace

int main()
{
    maru_runtime *runtime = nullptr;
    int rc = maru_runtime_new(nullptr, &runtime);
    if (rc < 0)
        return fail("no runtime", rc);

    /* On the heap: a task on another thread looks at them. */
    auto countdown = std::make_unique<Countdown>();
    auto answer = std::make_unique<Answer>();
    auto join = std::make_unique<maru_join_wait>();

    countdown->left = 3;
    maru_task *task =
        maru_spawn_future_on(runtime, maru_future_init(&countdown->future, &countdown_type));
    if (!task)
        return fail("no task", -ENOMEM);

    maru_result result =
        maru_block_on_future(runtime, maru_future_init(&answer->leaf.future, &answer_type));
    if (result < 0)
        return fail("no answer", result);
    std::printf("the thread says %d\n", static_cast<int>(result));

    result = maru_block_on_future(runtime, maru_join_task(join.get(), task));
    if (result < 0)
        return fail("no countdown", result);
    std::printf("the task has slept %d times\n", static_cast<int>(result));
    return maru_runtime_free(runtime) < 0;
}
