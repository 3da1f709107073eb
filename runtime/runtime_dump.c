/* runtime_dump.c - walking over all tasks and telling what each is doing.
 *
 *     sched_each_local -> slab_walk -> state_hold -> text -> task_let_go -> sink
 *
 * A slot of a slab is never unmapped before the runtime ends, and its state word tells at any time
 * whether it is a task (SL5). A task that waits is held while its lines are formatted (T11), and
 * has been let go when they are written. Of the others only words are read that may be read at any
 * time: the state, and what the task runs (task_function).
 *
 * A dump counts as a visitor until its last byte is written: it may queue a task, and so touches
 * the runtime after that task may have ended. The thread of a signal is joined instead. */
#include "runtime/runtime_dump.h"

#include "runtime/base/text.h"
#include "runtime/runtime_backtrace.h"
#include "runtime/runtime_parts.h"
#include "runtime/task/locals.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum task_kind { KIND_IDLE, KIND_QUEUED, KIND_RUNNING, KIND_DONE, KINDS };

struct dump {
    maru_runtime *runtime;
    maru_dump_fn *fn;
    void *arg;
    int rc;                      /* the first negative result: nothing more is told */
    int64_t now_ns;
    uint64_t counts[KINDS];
    int fd, stop_fd;             /* dump_write's */
    size_t unwritten;            /* in pieces */
    struct text text;
    struct backtrace backtrace;
    char bytes[DUMP_TEXT_BYTES];
    char pieces[DUMP_TEXT_BYTES];
};

struct dump *dump_new(struct alloc *alloc)
{
    return alloc_get(alloc, sizeof(struct dump), _Alignof(struct dump));
}

void dump_free(struct dump *dump, struct alloc *alloc)
{
    alloc_put(alloc, dump, sizeof *dump, _Alignof(struct dump));
}

static struct text *begin_text(struct dump *dump)
{
    text_init(&dump->text, dump->bytes, sizeof dump->bytes);
    return &dump->text;
}

static void tell(struct dump *dump)
{
    int rc = dump->fn(dump->arg, dump->text.bytes, dump->text.used);
    if (rc < 0)
        dump->rc = rc;
}

/* ---- one task ---- */

static enum task_kind kind_of(uint64_t word, const struct local *runner)
{
    if (word & STATE_DONE)
        return KIND_DONE;
    if (runner)
        return KIND_RUNNING;
    return word & (STATE_NOTIFIED | STATE_RUNNING) ? KIND_QUEUED : KIND_IDLE;
}

/* Words of a task that only who holds it may read. */
static void add_name(struct text *text, maru_task *task)
{
    const char *name = locals_name(task_root(task));
    if (!name)
        return;
    text_add(text, " name=");
    text_add_name(text, name);
}

static void add_since(struct text *text, const maru_task *task, int64_t now_ns)
{
    if (task->since_ns == 0)
        return;
    text_add(text, " for=");
    text_add_seconds(text, now_ns - task->since_ns);
}

static void add_flags(struct text *text, uint64_t word)
{
    if (word & STATE_FRESH)
        text_add(text, " new");
    if (word & STATE_CANCELLED)
        text_add(text, " cancelled");
    if (word & STATE_HANDLE)
        text_add(text, " handle");
}

static void add_header(struct text *text, maru_task *task, enum task_kind kind)
{
    static const char *const words[] = { "idle", "queued", "running", "done" };
    text_add(text, "task %p %s function=", (void *)task, words[kind]);
    text_add_name(text, task_function(task)->type.name);
}

static void add_held(struct dump *dump, maru_task *task, uint64_t word)
{
    struct text *text = &dump->text;
    add_header(text, task, KIND_IDLE);
    add_name(text, task);
    add_since(text, task, dump->now_ns);
    add_flags(text, word);
    if (word & STATE_CHILD)
        text_add(text, " %s=%p", word & STATE_HANDLE ? "join_set" : "scope", task->owner);
    text_add(text, "\n");
    backtrace_add(text, &dump->backtrace, task, dump->now_ns);
}

/* Whose thread polls it. */
struct runner {
    const maru_task *task;
    const struct local *local;
};

static void compare_runner(struct local *local, void *arg)
{
    struct runner *runner = arg;
    if (atomic_load_rlx(&local->polled) == runner->task)    /* no partner: a glance */
        runner->local = local;
}

static void add_busy(struct dump *dump, maru_task *task, uint64_t word)
{
    struct text *text = &dump->text;
    struct runner runner = { task, NULL };
    if (word & STATE_RUNNING)
        sched_each_local(&dump->runtime->sched, compare_runner, &runner);
    enum task_kind kind = kind_of(word, runner.local);
    dump->counts[kind]++;
    add_header(text, task, kind);
    if (runner.local && runner.local->is_guest)
        text_add(text, " worker=guest");
    else if (runner.local)
        text_add(text, " worker=%u", runner.local->id);
    add_flags(text, word);
    text_add(text, "\n");
}

static void look_at(struct dump *dump, maru_task *task)
{
    uint64_t word;
    if (dump->rc < 0)
        return;
    begin_text(dump);
    if (state_hold(&task->state, &word)) {
        dump->counts[KIND_IDLE]++;
        add_held(dump, task, word);
        task_let_go(task);
    } else if (word & STATE_LIVE) {
        add_busy(dump, task, word);
    } else {
        return;                                 /* it has ended since the walk came by */
    }
    tell(dump);
}

/* ---- all tasks ---- */

static void look_at_detached(void *slot, void *dump)
{
    look_at(dump, slot);
}

static void look_at_child(void *slot, void *dump)
{
    look_at(dump, &((struct maru_child *)slot)->task);
}

static void look_at_tasks_of(struct local *local, void *dump)
{
    slab_walk(&local->tasks, look_at_detached, dump);
    slab_walk(&local->children, look_at_child, dump);
}

static void tell_begin(struct dump *dump)
{
    text_add(begin_text(dump), "runtime %p workers=%u io=%s\n", (void *)dump->runtime,
             dump->runtime->sched.count, dump->runtime->io.backend->name);
    tell(dump);
}

static void tell_end(struct dump *dump)
{
    const uint64_t *n = dump->counts;
    uint64_t tasks = n[KIND_IDLE] + n[KIND_QUEUED] + n[KIND_RUNNING] + n[KIND_DONE];
    text_add(begin_text(dump), "end tasks=%llu idle=%llu queued=%llu running=%llu done=%llu\n",
             (unsigned long long)tasks, (unsigned long long)n[KIND_IDLE],
             (unsigned long long)n[KIND_QUEUED], (unsigned long long)n[KIND_RUNNING],
             (unsigned long long)n[KIND_DONE]);
    tell(dump);
}

static int dump_each(struct dump *dump, maru_runtime *runtime, maru_dump_fn *fn, void *arg)
{
    struct sched *sched = &runtime->sched;
    dump->runtime = runtime;
    dump->fn = fn;
    dump->arg = arg;
    dump->rc = 0;
    dump->now_ns = clock_now(&sched->clock);
    memset(dump->counts, 0, sizeof dump->counts);
    tell_begin(dump);
    sched_each_local(sched, look_at_tasks_of, dump);
    if (dump->rc == 0)
        tell_end(dump);
    return dump->rc;
}

/* ---- writing ---- */

/* Until the descriptor takes something; -ECANCELED: there is a reason to stop. */
static int wait_for_room(const struct dump *dump)
{
    struct pollfd fds[] = { { .fd = dump->fd, .events = POLLOUT },
                            { .fd = dump->stop_fd, .events = POLLIN } };
    if (poll(fds, 2, -1) < 0)
        return errno == EINTR ? 0 : -errno;
    return fds[1].revents ? -ECANCELED : 0;
}

/* A pipe or socket that is ready takes a piece without blocking, so a dump can be broken off. */
static int write_some(const struct dump *dump, const char *bytes, size_t len)
{
    int rc = dump->stop_fd >= 0 ? wait_for_room(dump) : 0;
    if (rc < 0)
        return rc;
    if (dump->stop_fd >= 0 && len > DUMP_PIECE_BYTES)
        len = DUMP_PIECE_BYTES;
    ssize_t n = write(dump->fd, bytes, len);
    if (n >= 0)
        return (int)n;
    if (errno == EAGAIN)
        return wait_for_room(dump);
    return errno == EINTR ? 0 : -errno;
}

static int write_all(const struct dump *dump, const char *bytes, size_t len)
{
    while (len > 0) {
        int n = write_some(dump, bytes, len);
        if (n < 0)
            return n;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

static int flush(struct dump *dump)
{
    size_t len = dump->unwritten;
    dump->unwritten = 0;
    return write_all(dump, dump->pieces, len);
}

static int collect(void *arg, const char *text, size_t len)
{
    struct dump *dump = arg;
    int rc = len > sizeof dump->pieces - dump->unwritten ? flush(dump) : 0;
    if (rc < 0)
        return rc;
    memcpy(dump->pieces + dump->unwritten, text, len);
    dump->unwritten += len;
    return 0;
}

/* A reader that has gone is an error of this call, not the end of the program. */
struct no_pipe_signal {
    sigset_t before;
    bool was_pending;
};

static void only_pipe(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGPIPE);
}

static struct no_pipe_signal pipe_signal_off(void)
{
    struct no_pipe_signal off;
    sigset_t pending, pipe;
    only_pipe(&pipe);
    sigpending(&pending);
    off.was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &off.before);
    return off;
}

static void pipe_signal_on(const struct no_pipe_signal *off, bool may_be_ours)
{
    const struct timespec no_wait = { 0, 0 };
    sigset_t pipe;
    only_pipe(&pipe);
    if (may_be_ours && !off->was_pending)
        while (sigtimedwait(&pipe, NULL, &no_wait) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &off->before, NULL);
}

int dump_write(struct dump *dump, maru_runtime *runtime, int fd, int stop_fd)
{
    int before = errno;
    struct no_pipe_signal off = pipe_signal_off();
    dump->fd = fd;
    dump->stop_fd = stop_fd;
    dump->unwritten = 0;
    int rc = dump_each(dump, runtime, collect, dump);
    if (rc == 0)
        rc = flush(dump);
    pipe_signal_on(&off, rc == -EPIPE);
    errno = before;
    return rc;
}

/* ---- the public face ---- */

/* From before its buffer is made until after that was given back. */
static struct dump *visit_begin(maru_runtime *runtime)
{
    /* with the caller's own word: the runtime exists by now */
    atomic_add_rlx(&runtime->sched.visitors, 1u);
    return dump_new(&runtime->alloc);
}

static void visit_end(maru_runtime *runtime, struct dump *dump)
{
    dump_free(dump, &runtime->alloc);
    atomic_sub_ar(&runtime->sched.visitors, 1u);    /* pairs with sched_wait_for_visitors: load */
}

int maru_dump(maru_runtime *runtime, int fd)
{
    if (!runtime)
        return -EINVAL;
    if (runtime_is_dead(runtime))
        return -EOWNERDEAD;
    if (fd < 0)
        return -EBADF;
    struct dump *dump = visit_begin(runtime);
    int rc = dump ? dump_write(dump, runtime, fd, -1) : -ENOMEM;
    visit_end(runtime, dump);
    return rc;
}

int maru_dump_each(maru_runtime *runtime, maru_dump_fn *fn, void *arg)
{
    if (!runtime || !fn)
        return -EINVAL;
    if (runtime_is_dead(runtime))
        return -EOWNERDEAD;
    struct dump *dump = visit_begin(runtime);
    int rc = dump ? dump_each(dump, runtime, fn, arg) : -ENOMEM;
    visit_end(runtime, dump);
    return rc;
}
