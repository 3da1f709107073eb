/* pair.c - see pair.h. */
#include "pair.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

/* ---- the server ---- */

struct echo {
    maru_frame frame;
    int fd;
    maru_op io;
    char buf[1024];
};

maru_async(echo)
{
    maru_result n;
    for (;;) {
        maru_try(n, maru_recv(&me->io, me->fd, me->buf, sizeof me->buf));
        if (n == 0)
            break;
        maru_try(maru_send_all(&me->io, me->fd, me->buf, (size_t)n));
        if (me->buf[0] == PAIR_SERVER_CLOSES)
            break;
    }
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

struct acceptor {
    maru_frame frame;
    int fd;
    maru_op io;
    maru_scope connections;
};

/* Until somebody closes the listening socket. */
maru_async(acceptor)
{
    maru_result fd;
    maru_scope_init(&me->connections, MARU_SCOPE_EACH);
    for (;;) {
        maru_await(fd, maru_accept(&me->io, me->fd));
        if (fd == -EBADF)
            break;
        maru_check(fd);
        maru_check(maru_scope_spawn(&me->connections, echo, .fd = (int)fd));
    }
    maru_try(maru_scope_wait(&me->connections));
}
maru_end;

struct server {
    maru_frame frame;
    struct pair *pair;
    const int *fds;
    int from_clients, closed;
    maru_op io;
    maru_scope acceptors;
};

maru_async(server)
{
    for (int i = 0; i < PAIR_ADDRESSES; i++)
        maru_check(maru_scope_spawn(&me->acceptors, acceptor, .fd = me->fds[i]));
    maru_try(maru_fd_ready(&me->io, me->from_clients, MARU_READABLE));
    for (me->closed = 0; me->closed < PAIR_ADDRESSES; me->closed++)
        maru_try(maru_close(&me->io, me->fds[me->closed]));
    maru_try(maru_scope_wait(&me->acceptors));
}
maru_end;

static bool listen_all(struct pair *pair, int *fds)
{
    for (int i = 0; i < PAIR_ADDRESSES; i++) {
        char host[] = "127.0.0.xx";
        snprintf(host, sizeof host, "127.0.0.%d", 1 + i);
        fds[i] = maru_listen_ip(host, 0, BACKLOG);
        if (!load_check(pair->load, fds[i] >= 0, "%s: %s", host, maru_err_name(fds[i])))
            return false;
        pair->ports[i] = (uint16_t)maru_local_port(fds[i]);
    }
    return true;
}

static void serve(struct pair *pair, const int *fds, int from_clients)
{
    maru_runtime *runtime = load_runtime();
    maru_result rc = maru_block_on(runtime, server, .pair = pair, .fds = fds,
                                   .from_clients = from_clients);
    load_check(pair->load, rc == 0, "the server: %s", maru_err_name(rc));
    load_check(pair->load, load_metrics(runtime).stale_fds == 0, "numbers were handed out twice");
    load_runtime_end(pair->load, runtime);
}

/* ---- the clients' process ---- */

/* Its descriptors and heap are its own to look at; a parent that is killed takes it along. */
_Noreturn static void be_clients(struct pair *pair, const int *fds, int to_server,
                                 pair_clients *clients)
{
    struct pair_result result = { 0 };
    struct load own;
    char *arguments[] = { (char *)"clients", NULL };
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);     /* or an orphan would end by itself, later */
    for (int i = 0; i < PAIR_ADDRESSES; i++)
        (void)close(fds[i]);
    (void)load_begin(&own, "clients", 1, arguments);
    own.quick = pair->load->quick;
    pair->load = &own;
    maru_runtime *runtime = load_runtime();
    clients(pair, runtime, &result);
    load_runtime_end(&own, runtime);
    load_look_back(&own);
    result.passed = own.passed;
    result.failed_checks = own.failed;
    _exit(write(to_server, &result, sizeof result) == (ssize_t)sizeof result ? 0 : 1);
}

/* ---- both ---- */

static bool take_result(struct pair *pair, int from_clients, pid_t child,
                        struct pair_result *ret_result)
{
    int status = 0;
    bool whole = read(from_clients, ret_result, sizeof *ret_result) == (ssize_t)sizeof *ret_result;
    (void)waitpid(child, &status, 0);
    if (!load_check(pair->load, whole && WIFEXITED(status) && WEXITSTATUS(status) == 0,
                    "the clients ended with %#x", (unsigned)status))
        return false;
    pair->load->passed += ret_result->passed;
    pair->load->failed += ret_result->failed_checks;
    return true;
}

bool pair_run(struct pair *pair, pair_clients *clients, struct pair_result *ret_result)
{
    int fds[PAIR_ADDRESSES], ends[2];
    if (!listen_all(pair, fds) || !load_check(pair->load, pipe(ends) == 0, "no pipe"))
        return false;
    pid_t child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        be_clients(pair, fds, ends[1], clients);
    }
    (void)close(ends[1]);
    bool ok = load_check(pair->load, child > 0, "no second process");
    if (ok) {
        serve(pair, fds, ends[0]);
        ok = take_result(pair, ends[0], child, ret_result);
    }
    (void)close(ends[0]);
    return ok;
}

socklen_t pair_address(const struct pair *pair, unsigned nth, struct sockaddr_storage *ret_address)
{
    char host[] = "127.0.0.xx";
    snprintf(host, sizeof host, "127.0.0.%u", 1 + nth % PAIR_ADDRESSES);
    int len = maru_address(host, pair->ports[nth % PAIR_ADDRESSES], ret_address);
    if (len < 0)
        abort();
    return (socklen_t)len;
}
