/* signal.c - listeners of signals: the handler, the dispositions, the awaits.
 *
 * A listener is an eventfd. The handler writes those of its signal (sigtable.h tells how it walks
 * them without a lock), and a task waits for its own by a one-shot poll of whatever driver it is
 * on: a runtime knows nothing of signals, and signals know no runtime.
 *
 * H1 Our handler is the disposition of a signal from before the first listener's open returns
 *    until its last listener's close, unless somebody else sets another one.
 * H2 What was there before the first listener returns with the last one's close; what somebody
 *    else has put in our place is never replaced by it.
 * H3 A handler writes only descriptors of its own process: after fork the child shares them with
 *    its parent, which would believe that it was signalled.
 * H4 Where nobody listens and the handler is the disposition all the same (in a forked child, or
 *    put back by somebody who had saved it), the signal goes to what was there before.
 * H5 Opening, closing and giving back (H4) take turns by a lock whose word is the holder's process:
 *    a forked child takes over what a thread of its parent held. A handler only tries it.
 *
 * Why the handler enters the kernel by syscall(2): write(2) is a point of cancellation, and a
 * thread that was ended by it would stay inside the table for ever. */
#include "maru/signal.h"

#include "io/io.h"
#include "io/sigtable.h"
#include "maru/err.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux has 64 on every machine that we know but MIPS. */
enum { SIGNALS = 64 + 1 };
_Static_assert(NSIG <= SIGNALS, "every signal has its place");

static struct {
    uint32_t lock;               /* process of the holder, or 0 (H5) */
    uint32_t pid;                /* whose listeners these are; under lock, handlers read */
    struct {
        uint32_t listeners;      /* under lock */
        struct sigaction before; /* under lock */
    } awaited[SIGNALS];
    struct sigtable table;
} signals;

/* ---- taking turns ---- */

static uint32_t own_pid(void)
{
    return (uint32_t)getpid();
}

static bool try_enter(uint32_t self)
{
    uint32_t nobody = 0;
    return atomic_cas_acq(&signals.lock, &nobody, self);        /* pairs with leave */
}

/* It stays with whoever has taken it over. */
static void leave(uint32_t self)
{
    (void)atomic_cas_rel(&signals.lock, &self, 0u);             /* pairs with try_enter */
}

/* The listeners of the process that we were forked from are not ours. */
static void forget_parents(uint32_t self)
{
    for (int signo = 0; signo < SIGNALS; signo++)
        signals.awaited[signo].listeners = 0;
    sigtable_forget(&signals.table);
    atomic_store_rel(&signals.pid, self);                       /* pairs with is_ours_to_tell */
}

/* Returns what to leave with. */
static uint32_t enter(void)
{
    uint32_t self = own_pid();
    struct relax relax = { 0 };
    while (!try_enter(self)) {
        uint32_t holder = atomic_load_rlx(&signals.lock);       /* no partner: the cas decides */
        if (holder != 0 && holder != self && atomic_cas_acq(&signals.lock, &holder, self))
            break;              /* pairs with nobody: who held it was left behind by fork */
        relax_turn(&relax);
    }
    if (signals.pid != self)
        forget_parents(self);
    return self;
}

/* ---- the handler ---- */

static void on_signal(int signo);

static bool is_ours(const struct sigaction *action)
{
    return !(action->sa_flags & SA_SIGINFO) && action->sa_handler == on_signal;
}

/* Puts back what was there before; false: it is not us who would have to go (H2). Looks first, so
 * that nobody else's is ever missing for a moment but in a race that the second look mends. */
static bool restore(int signo)
{
    struct sigaction now;
    if (sigaction(signo, NULL, &now) < 0 || !is_ours(&now))
        return false;
    if (sigaction(signo, &signals.awaited[signo].before, &now) == 0 && is_ours(&now))
        return true;
    (void)sigaction(signo, &now, NULL);         /* as it was; it was valid a moment ago */
    return false;
}

static void tell(int fd)
{
    const uint64_t one = 1;
    (void)syscall(SYS_write, fd, &one, sizeof one);     /* EAGAIN: it has been told often enough */
}

/* H4. The signal is blocked while its handler runs, so raised again it arrives right after. */
static void give_back(int signo)
{
    uint32_t self = own_pid();
    if (!try_enter(self))
        return;                                 /* somebody is coming or going: as if just before */
    if (signals.pid == self && signals.awaited[signo].listeners > 0)
        (void)sigtable_tell(&signals.table, signo, tell);
    else if (restore(signo))
        (void)raise(signo);
    leave(self);
}

static void on_signal(int signo)
{
    int error = errno;
    bool is_own = atomic_load_acq(&signals.pid) == own_pid();   /* pairs with forget_parents (H3) */
    if (!is_own || sigtable_tell(&signals.table, signo, tell) == 0)
        give_back(signo);
    errno = error;
}

/* ---- opening and closing ---- */

static bool can_be_awaited(int signo)
{
    switch (signo) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
    case SIGSYS:
    case SIGABRT:
        return false;
    default:
        return signo > 0 && signo < NSIG;
    }
}

/* Nothing else may interrupt the handler: a thread that left through another one, by a jump, would
 * stay inside the table. */
static int install(int signo)
{
    struct sigaction ours = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK };
    struct sigaction before;
    sigfillset(&ours.sa_mask);
    if (sigaction(signo, &ours, &before) < 0)
        return -errno;
    if (!is_ours(&before))
        signals.awaited[signo].before = before;
    return 0;
}

/* Published first: so no delivery finds our handler and no listener. */
static int listen_to(int signo, int fd, uint32_t *ret_slot)
{
    uint32_t slot;
    int rc = sigtable_publish(&signals.table, signo, fd, &slot);
    if (rc < 0)
        return rc;
    rc = install(signo);
    if (rc < 0) {
        sigtable_retract(&signals.table, slot);
        return rc;
    }
    signals.awaited[signo].listeners++;
    *ret_slot = slot;
    return 0;
}

int maru_signal_open(maru_signal *signal, int signo)
{
    uint32_t slot = 0;
    if (!signal || !can_be_awaited(signo))
        return -EINVAL;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    uint32_t self = enter();
    int rc = listen_to(signo, fd, &slot);
    leave(self);
    if (rc < 0) {
        (void)close(fd);                        /* an eventfd's close has nothing to report */
        return rc;
    }
    *signal = (maru_signal){ .fd_ = fd, .signo_ = signo, .slot_ = slot + 1, .pid_ = getpid() };
    return 0;
}

/* Deliveries that were not told yet; none are left. */
static maru_result take(const maru_signal *signal)
{
    uint64_t count;
    if (read(signal->fd_, &count, sizeof count) != (ssize_t)sizeof count)
        return 0;
    return count > INT64_MAX ? INT64_MAX : (maru_result)count;
}

static bool is_open(const maru_signal *signal)
{
    return signal->slot_ != 0 && signal->pid_ == getpid();
}

/* Before the listener goes, its signal does: what is delivered now is for who was there before. */
static void stop_listening(const maru_signal *signal)
{
    uint32_t self = enter();
    if (--signals.awaited[signal->signo_].listeners == 0)
        (void)restore(signal->signo_);
    sigtable_retract(&signals.table, signal->slot_ - 1);
    leave(self);
}

/* Closes an open listener, or what a forked child inherited of one. What nobody was told. */
static maru_result end(maru_signal *signal)
{
    maru_result untold = 0;
    if (is_open(signal)) {
        stop_listening(signal);
        untold = take(signal);
    }
    (void)close(signal->fd_);                   /* an eventfd's close has nothing to report */
    *signal = (maru_signal){ .fd_ = -1 };
    return untold;
}

int maru_signal_close(maru_signal *signal)
{
    if (!signal || signal->slot_ == 0)
        return 0;
    if (is_open(signal) && atomic_load_acq(&signal->waits_) > 0)    /* pairs with poll_ends */
        return -EBUSY;
    (void)end(signal);
    return 0;
}

/* ---- waiting ---- */

static void poll_begins(maru_signal_wait *wait)
{
    poll_own(&wait->op_, wait->signal_->fd_);
    wait->polling_ = true;
    atomic_add_ar(&wait->signal_->waits_, 1u);          /* pairs with maru_signal_close */
}

static void poll_ends(maru_signal_wait *wait)
{
    wait->polling_ = false;
    atomic_sub_ar(&wait->signal_->waits_, 1u);          /* pairs with maru_signal_close */
}

/* The delivery is taken in the poll that reports it, so a loser leaves it where it is. */
static maru_result next_poll(maru_future *self, maru_context *cx)
{
    maru_signal_wait *wait = (maru_signal_wait *)(void *)self;
    for (;;) {
        if (wait->polling_) {
            maru_result rc = maru_future_poll(&wait->op_.leaf_.future, cx);
            if (rc == MARU_PENDING)
                return MARU_PENDING;
            poll_ends(wait);
            if (rc < 0)
                return rc;
        }
        if (cx->ending != MARU_GO)
            return -ECANCELED;
        if (!is_open(wait->signal_))
            return -EBADF;
        maru_result told = take(wait->signal_);
        if (told > 0)
            return told;
        poll_begins(wait);                      /* or again: another wait was quicker */
    }
}

static const maru_future_type next_type = { next_poll, "signal" };

maru_future *maru_signal_next(maru_signal_wait *wait, maru_signal *signal)
{
    if (!wait)
        return NULL;
    if (!signal)
        return maru_future_ready(&wait->future_, -EINVAL);
    maru_future_init(&wait->future_, &next_type);
    wait->signal_ = signal;
    wait->polling_ = false;
    return &wait->future_;
}

/* ---- waiting once ---- */

static int once_begins(maru_signal_once_wait *wait, const maru_context *cx)
{
    if (cx->ending != MARU_GO)
        return -ECANCELED;
    int rc = maru_signal_open(&wait->signal_, wait->signal_.signo_);
    if (rc < 0)
        return rc;
    maru_future *next = maru_signal_next(&wait->wait_, &wait->signal_);
    DCHECK(next == &wait->wait_.future_);
    (void)next;
    return 0;
}

static maru_result once_poll(maru_future *self, maru_context *cx)
{
    maru_signal_once_wait *wait = (maru_signal_once_wait *)(void *)self;
    int rc = wait->signal_.slot_ == 0 ? once_begins(wait, cx) : 0;
    if (rc < 0)
        return rc;
    maru_result told = maru_future_poll(&wait->wait_.future_, cx);
    if (told == MARU_PENDING)
        return MARU_PENDING;
    maru_result late = end(&wait->signal_);
    return told == -ECANCELED && late > 0 ? late : told;
}

static const maru_future_type once_type = { once_poll, "signal_once" };

maru_future *maru_signal_once(maru_signal_once_wait *wait, int signo)
{
    if (!wait)
        return NULL;
    maru_future_init(&wait->future_, &once_type);
    wait->signal_ = (maru_signal){ .fd_ = -1, .signo_ = signo };
    return &wait->future_;
}
