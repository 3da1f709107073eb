/* runtime_dump_signal.c - a dump on a signal: the handler rings, a thread kept for it dumps.
 *
 * The table of signals is the process's, for so are handlers; each line of it belongs to whoever
 * has hung up its bell (doorbell.h). A forked child has the handlers, but no thread, and shares
 * the descriptors: there the handler does nothing.
 *
 * The handler enters the kernel by syscall(2): write(2) is a point of cancellation, and a thread
 * that was ended by it would stay inside of the bell for ever. */
#include "runtime/base/signals.h"
#include "runtime/base/doorbell.h"
#include "runtime/runtime_dump.h"
#include "runtime/runtime_parts.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SIGNALS = 65 };           /* Linux numbers them from 1 to 64 */

static struct {
    struct doorbell bell;
    pid_t pid;                   /* the process whose thread listens; constant while it hangs */
} table[SIGNALS];

struct dump_signal {
    maru_runtime *runtime;
    struct dump *dump;           /* made before: a dump needs no memory when memory is short */
    int signo;
    int fd;                      /* our duplicate */
    int bell_fd;                 /* an eventfd: the signal has come */
    int stop_fd;                 /* an eventfd: leave */
    pthread_t thread;
    struct sigaction before;
};

static bool is_our_process(int signo)
{
    return atomic_load_rlx(&table[signo].pid) == getpid();  /* no partner: sigaction came after */
}

static void on_signal(int signo)
{
    const uint64_t one = 1;
    int before = errno;
    int fd = doorbell_enter(&table[signo].bell);
    if (fd >= 0 && is_our_process(signo)) {
        (void)syscall(SYS_write, fd, &one, sizeof one); /* EAGAIN: it has been rung enough */
    }
    doorbell_leave(&table[signo].bell);
    errno = before;
}

/* ---- the thread ---- */

/* False: leave. */
static bool wait_for_bell(const struct dump_signal *signal)
{
    uint64_t times;
    struct pollfd fds[] = { { .fd = signal->bell_fd, .events = POLLIN },
                            { .fd = signal->stop_fd, .events = POLLIN } };
    while (poll(fds, 2, -1) < 0)
        continue;                               /* EINTR, or no memory for a moment */
    ssize_t n = fds[0].revents ? read(signal->bell_fd, &times, sizeof times) : 0;
    (void)n;                                    /* the poll has told; nobody else reads */
    return !fds[1].revents;
}

static void *dump_signal_main(void *arg)
{
    struct dump_signal *signal = arg;
    while (wait_for_bell(signal)) {
        int rc = dump_write(signal->dump, signal->runtime, signal->fd, signal->stop_fd);
        (void)rc;                               /* there is nobody to tell */
    }
    return NULL;
}

static int start_thread(struct dump_signal *signal)
{
    sigset_t before;
    signals_block(&before);
    int rc = -pthread_create(&signal->thread, NULL, dump_signal_main, signal);
    signals_restore(&before);
    return rc;
}

static void stop_thread(struct dump_signal *signal)
{
    const uint64_t one = 1;
    ssize_t n = write(signal->stop_fd, &one, sizeof one);
    CHECK(n == sizeof one);
    pthread_join(signal->thread, NULL);
}

/* ---- the handler ---- */

static bool may_return(int signo)
{
    static const int fatal[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP,
                                 SIGABRT, SIGSYS };
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        if (signo == fatal[i])
            return false;
    return signo > 0 && signo < SIGNALS;
}

static bool is_free(const struct sigaction *action)
{
    return !(action->sa_flags & SA_SIGINFO) &&
           (action->sa_handler == SIG_DFL || action->sa_handler == SIG_IGN);
}

static int install(struct dump_signal *signal)
{
    struct sigaction ours = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigfillset(&ours.sa_mask);
    if (sigaction(signal->signo, NULL, &signal->before) < 0)
        return -errno;
    if (!is_free(&signal->before) || !doorbell_hang(&table[signal->signo].bell, signal->bell_fd))
        return -EBUSY;
    /* no partner: a late handler of an earlier one may read it; it is the same */
    atomic_store_rlx(&table[signal->signo].pid, getpid());
    if (sigaction(signal->signo, &ours, NULL) == 0)
        return 0;
    int rc = -errno;
    doorbell_take_down(&table[signal->signo].bell);
    return rc;
}

/* Somebody may have put another handler in our place: then that one stays. */
static void restore_handler(const struct dump_signal *signal)
{
    struct sigaction now;
    if (sigaction(signal->signo, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
        now.sa_handler == on_signal)
        (void)sigaction(signal->signo, &signal->before, NULL);     /* it was accepted before */
}

static void uninstall(struct dump_signal *signal)
{
    restore_handler(signal);
    doorbell_take_down(&table[signal->signo].bell);
}

/* ---- making and unmaking ---- */

static void close_if_open(int fd)
{
    if (fd >= 0)
        (void)close(fd);                        /* eventfds and a duplicate: nothing to report */
}

static void release(maru_runtime *runtime, struct dump_signal *signal)
{
    close_if_open(signal->fd);
    close_if_open(signal->bell_fd);
    close_if_open(signal->stop_fd);
    dump_free(signal->dump, &runtime->alloc);
    alloc_put(&runtime->alloc, signal, sizeof *signal, _Alignof(struct dump_signal));
}

static int open_all(struct dump_signal *signal, int fd)
{
    signal->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (signal->fd < 0)
        return -errno;
    signal->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    signal->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return signal->bell_fd < 0 || signal->stop_fd < 0 ? -errno : 0;
}

static int start(struct dump_signal *signal)
{
    int rc = start_thread(signal);
    if (rc < 0)
        return rc;
    rc = install(signal);
    if (rc < 0)
        stop_thread(signal);
    return rc;
}

static int dump_signal_new(maru_runtime *runtime, int signo, int fd)
{
    struct dump_signal *signal = alloc_get(&runtime->alloc, sizeof *signal,
                                           _Alignof(struct dump_signal));
    if (!signal)
        return -ENOMEM;
    *signal = (struct dump_signal){ .runtime = runtime, .signo = signo };
    signal->fd = signal->bell_fd = signal->stop_fd = -1;
    signal->dump = dump_new(&runtime->alloc);
    int rc = signal->dump ? open_all(signal, fd) : -ENOMEM;
    if (rc == 0)
        rc = start(signal);
    if (rc < 0)
        release(runtime, signal);
    else
        runtime->dump_signal = signal;
    return rc;
}

void dump_signal_fini(maru_runtime *runtime)
{
    struct dump_signal *signal = runtime->dump_signal;
    if (!signal)
        return;
    runtime->dump_signal = NULL;
    uninstall(signal);
    stop_thread(signal);
    release(runtime, signal);
}

/* Those who were at the bell are in the parent: nobody is waited for. */
void dump_signal_abandon(maru_runtime *runtime)
{
    struct dump_signal *signal = runtime->dump_signal;
    if (!signal)
        return;
    runtime->dump_signal = NULL;
    restore_handler(signal);
    memset(&table[signal->signo].bell, 0, sizeof table[signal->signo].bell);
    release(runtime, signal);
}

int maru_dump_on_signal(maru_runtime *runtime, int signo, int fd)
{
    if (!runtime)
        return -EINVAL;
    if (runtime_is_dead(runtime))
        return -EOWNERDEAD;
    if (signo == 0) {
        dump_signal_fini(runtime);
        return 0;
    }
    if (!may_return(signo))
        return -EINVAL;
    return runtime->dump_signal ? -EBUSY : dump_signal_new(runtime, signo, fd);
}
