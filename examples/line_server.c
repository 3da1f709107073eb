/* line_server.c [PORT] - a protocol of lines: "echo TEXT", "sum N N ...", "time" and "quit"; each
 * gets a line of answer. A line is short, a request has five seconds, a client is a task. */
#include <maru.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct client { maru_frame frame; int fd; maru_op io; maru_timeout limit; maru_reader in;
                maru_writer out; char received[256], answers[512]; };

static int sum(maru_writer *out, const char *text)
{
    double total = 0;
    for (char *end; total += strtod(text, &end), end != text; text = end)
        continue;
    return maru_writer_printf(out, "%g\n", total);
}

static int answer(maru_writer *out, const char *line)
{
    if (strncmp(line, "echo ", 5) == 0)
        return maru_writer_printf(out, "%s\n", line + 5);
    if (strncmp(line, "sum ", 4) == 0)
        return sum(out, line + 4);
    if (strcmp(line, "time") == 0)
        return maru_writer_printf(out, "%lld\n", (long long)time(NULL));
    return maru_writer_printf(out, "error: %s\n", *line ? "unknown command" : "empty line");
}

maru_async(client)
{
    maru_reader_init(&me->in, me->fd, me->received, sizeof me->received);
    maru_writer_init(&me->out, me->fd, me->answers, sizeof me->answers);
    for (maru_result n;;) {
        maru_await(n, maru_within(&me->limit, 5 * MARU_SEC, maru_reader_line(&me->in, 0)));
        if (n == -EMSGSIZE) {
            maru_try(maru_within(&me->limit, 5 * MARU_SEC, maru_reader_skip_until(&me->in, '\n')));
            maru_check(maru_writer_printf(&me->out, "error: line too long\n"));
        } else {
            maru_check(n);                      /* it stalls, it is gone, or we are to end */
            if (n == 0 || strcmp(maru_reader_data(&me->in), "quit") == 0)
                break;
            maru_check(answer(&me->out, maru_reader_data(&me->in)));
        }
        maru_try(maru_within(&me->limit, 5 * MARU_SEC, maru_writer_flush(&me->out)));
    }
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

struct server { maru_frame frame; int port, fd; maru_op io; maru_sleep pause; maru_scope clients; };

maru_async(server)
{
    maru_scope_init(&me->clients, MARU_SCOPE_EACH);         /* a client's error is its own */
    maru_check(me->fd = maru_listen_ip("127.0.0.1", (uint16_t)me->port, 1024));
    printf("listening on 127.0.0.1:%d\n", maru_local_port(me->fd));
    fflush(stdout);
    for (maru_result fd;;) {
        maru_await(fd, maru_accept(&me->io, me->fd));
        if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
            maru_try(maru_sleep_for(&me->pause, 50 * MARU_MSEC));
        else if (fd < 0)
            maru_return(fd);
        else if (maru_scope_spawn(&me->clients, client, .fd = (int)fd) < 0)
            close((int)fd);
    }
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

int main(int argc, char **argv)
{
    return maru_main(server, .port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 7778);
}
