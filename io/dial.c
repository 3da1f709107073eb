/* dial.c - connecting to a host, and listening on one, by name: written as any program could. */
#include "maru/async.h"
#include "maru/err.h"
#include "maru/resolve.h"

/* ---- connecting ---- */

/* The first error is kept: the first address is the one that the system thinks best. */
static void keep_error(maru_dialer *me, maru_result error)
{
    if (me->error_ == 0)
        me->error_ = (int)error;
}

static int open_socket(maru_dialer *me)
{
    const struct sockaddr *address = maru_addresses_at(me->found_, me->next_, NULL);
    me->fd_ = address ? maru_socket(address->sa_family) : -EINVAL;
    return me->fd_;
}

static maru_future *connect_it(maru_dialer *me)
{
    socklen_t len = 0;
    const struct sockaddr *address = maru_addresses_at(me->found_, me->next_, &len);
    return maru_connect(&me->io_, me->fd_, address, len);
}

static int give_away(int *fd)
{
    int given = *fd;
    *fd = -1;
    return given;
}

maru_async(maru_dialer)
{
    maru_result n;
    me->fd_ = -1;
    maru_try(&me->resolver_.future_);
    for (; me->next_ < maru_addresses_count(me->found_); me->next_++) {
        n = open_socket(me);
        if (n >= 0) {
            maru_await(n, connect_it(me));
            if (n == 0)
                maru_return(give_away(&me->fd_));
            if (n == -ECANCELED)
                maru_return(n);
            keep_error(me, n);
            maru_await(maru_close(&me->io_, give_away(&me->fd_)));
        } else {
            keep_error(me, n);
        }
    }
    maru_return(me->error_);
maru_finally:
    maru_addresses_free(me->found_);
    if (me->fd_ >= 0)
        maru_await(maru_close(&me->io_, give_away(&me->fd_)));
}
maru_end;

maru_future *maru_dial(maru_dialer *dialer, const char *host, const char *port)
{
    if (!dialer)
        return NULL;
    maru_future *self = maru_call(maru_dialer, dialer);
    if (!port)
        host = NULL;                            /* port 0 is nobody's: refused with the rest */
    maru_future *lookup = maru_resolve(&dialer->resolver_, host, port, &dialer->found_);
    (void)lookup;                               /* the body awaits it */
    return self;
}

/* ---- listening ---- */

maru_async(maru_binder)
{
    maru_result error, fd;
    maru_try(&me->resolver_.future_);
    error = fd = -EINVAL;
    for (size_t i = 0; i < maru_addresses_count(me->found_) && fd < 0; i++) {
        socklen_t len = 0;
        const struct sockaddr *address = maru_addresses_at(me->found_, i, &len);
        fd = maru_listen(address, len, me->backlog_);
        error = i == 0 ? fd : error;
    }
    maru_return(fd >= 0 ? fd : error);
maru_finally:
    maru_addresses_free(me->found_);
}
maru_end;

maru_future *maru_listen_host(maru_binder *binder, const char *host, const char *port, int backlog)
{
    if (!binder)
        return NULL;
    maru_future *self = maru_call(maru_binder, binder, .backlog_ = backlog);
    maru_future *lookup = maru_resolve(&binder->resolver_, host, port, &binder->found_);
    (void)lookup;                               /* the body awaits it */
    return self;
}
