/* echo_server.c - sends back what it receives: a task a connection, a limit for the idle ones, and
 * an end that lets the others finish.
 *
 *     echo_server [--port P] [--host IP] [--idle-seconds S] [--grace S]
 *
 * Prints "listening on IP:PORT". A client's reset ends its own task only; when descriptors run
 * out it waits a moment and goes on.
 *
 * Ctrl-C (SIGINT) or SIGTERM closes the listening socket and gives the open connections --grace
 * seconds (5) to finish; a second one cuts them at once. The exit code is 0 if all have finished, 1
 * if some were cut. */
#include <maru.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct echo {
    maru_frame frame;
    int fd;                  /* ours from the spawn on */
    int64_t idle_ns;
    maru_op io;
    maru_timeout idle;
    char buf[2048];
};

maru_async(echo)
{
    maru_result n;
    for (;;) {
        maru_try(n, maru_within(&me->idle, me->idle_ns,
                                maru_recv(&me->io, me->fd, me->buf, sizeof me->buf)));
        if (n == 0)
            break;
        maru_try(maru_send_all(&me->io, me->fd, me->buf, (size_t)n));
    }
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

/* ---- taking connections, until somebody closes the listening socket ---- */

struct serve {
    maru_frame frame;
    int listen_fd;           /* stop closes it */
    int64_t idle_ns;
    maru_op io;
    maru_sleep pause;
    maru_scope connections;
};

static bool is_exhausted(maru_result fd)
{
    return fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS;
}

static void tell_stopping(size_t open)
{
    printf("stopping: %zu open connection%s\n", open, open == 1 ? "" : "s");
    fflush(stdout);
}

maru_async(serve)
{
    maru_result fd;
    maru_scope_init(&me->connections, MARU_SCOPE_EACH);
    for (;;) {
        maru_await(fd, maru_accept(&me->io, me->listen_fd));
        if (is_exhausted(fd)) {
            maru_try(maru_sleep_for(&me->pause, 50 * MARU_MSEC));
            continue;
        }
        if (fd == -EBADF)
            break;
        maru_check(fd);
        if (maru_scope_spawn(&me->connections, echo, .fd = (int)fd, .idle_ns = me->idle_ns) < 0)
            close((int)fd);
    }
    tell_stopping(maru_scope_count(&me->connections));
    maru_try(maru_scope_wait(&me->connections));
    puts("stopped");
}
maru_end;

/* ---- stopping: ends when it is time to cut what is still open ---- */

struct stop {
    maru_frame frame;
    int listen_fd;
    int64_t grace_ns;
    maru_signal *interrupt, *terminate;
    maru_signal_wait interrupted, terminated;
    maru_sleep grace;
    maru_op io;
};

maru_async(stop)
{
    maru_result arm;
    maru_select(arm, maru_signal_next(&me->interrupted, me->interrupt),
                     maru_signal_next(&me->terminated, me->terminate));
    maru_check(arm);
    maru_check(maru_result_of(arm == 0 ? &me->interrupted : &me->terminated));
    maru_await(maru_close(&me->io, me->listen_fd));         /* serve's accept gives -EBADF */
    maru_select(arm, maru_signal_next(&me->interrupted, me->interrupt),
                     maru_signal_next(&me->terminated, me->terminate),
                     maru_sleep_for(&me->grace, me->grace_ns));
    maru_check(arm);
    puts(arm == 2 ? "time is up: cutting what is open" : "asked again: cutting what is open");
    maru_return(arm == 2 ? -ETIMEDOUT : -EINTR);
}
maru_end;

/* ---- both: the first that ends, ends the other, and with serve its connections ---- */

struct server {
    maru_frame frame;
    int listen_fd;
    int64_t idle_ns, grace_ns;
    maru_signal interrupt, terminate;
    struct serve serve;
    struct stop stop;
};

maru_async(server)
{
    maru_result arm;
    maru_check(maru_signal_open(&me->interrupt, SIGINT));   /* before clients take descriptors */
    maru_check(maru_signal_open(&me->terminate, SIGTERM));
    maru_select(arm,
                maru_call(serve, &me->serve, .listen_fd = me->listen_fd, .idle_ns = me->idle_ns),
                maru_call(stop, &me->stop, .listen_fd = me->listen_fd, .grace_ns = me->grace_ns,
                          .interrupt = &me->interrupt, .terminate = &me->terminate));
    maru_check(arm);
    maru_return(arm == 0 ? maru_result_of(&me->serve) : maru_result_of(&me->stop));
maru_finally:
    maru_signal_close(&me->interrupt);
    maru_signal_close(&me->terminate);
}
maru_end;

/* ---- main ---- */

struct settings {
    const char *host;
    int port, idle_seconds, grace_seconds;
};

static int number(const char *text, int most)
{
    char *end;
    long value = strtol(text, &end, 10);
    return *text && !*end && value >= 0 && value <= most ? (int)value : -1;
}

static bool parse(int argc, char **argv, struct settings *settings)
{
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            return false;
        if (strcmp(argv[i], "--host") == 0)
            settings->host = argv[i + 1];
        else if (strcmp(argv[i], "--port") == 0)
            settings->port = number(argv[i + 1], 65535);
        else if (strcmp(argv[i], "--idle-seconds") == 0)
            settings->idle_seconds = number(argv[i + 1], 86400);
        else if (strcmp(argv[i], "--grace") == 0)
            settings->grace_seconds = number(argv[i + 1], 86400);
        else
            return false;
    }
    return settings->port >= 0 && settings->idle_seconds > 0 && settings->grace_seconds >= 0;
}

int main(int argc, char **argv)
{
    struct settings settings = { "127.0.0.1", 7777, 30, 5 };
    if (!parse(argc, argv, &settings)) {
        fprintf(stderr, "usage: %s [--port P] [--host IP] [--idle-seconds S] [--grace S]\n",
                argv[0]);
        return 2;
    }
    int fd = maru_listen_ip(settings.host, (uint16_t)settings.port, 1024);
    if (fd < 0) {
        fprintf(stderr, "%s:%d: %s\n", settings.host, settings.port, maru_err_text(fd));
        return 1;
    }
    printf("listening on %s:%d\n", settings.host, maru_local_port(fd));
    fflush(stdout);
    return maru_main(server, .listen_fd = fd, .idle_ns = settings.idle_seconds * MARU_SEC,
                     .grace_ns = settings.grace_seconds * MARU_SEC);
}
