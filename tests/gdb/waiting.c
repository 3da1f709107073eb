/* waiting.c - a program for a debugger to look at: tasks that wait in every way, one that never
 * gives its worker back, and one that is queued behind it. Prints its own dump, then `ready`, and
 * ends when its standard input does. */
#include <maru.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct sleeper {
    maru_frame frame;
    maru_sleep nap;
};

maru_async(sleeper)
{
    maru_try(maru_sleep_for(&me->nap, 3600 * MARU_SEC));
}
maru_end;

struct limited {
    maru_frame frame;
    int fd;
    char byte;
    maru_timeout limit;
    maru_op op;
};

maru_async(limited)
{
    maru_try(maru_within(&me->limit, 1800 * MARU_SEC, maru_recv(&me->op, me->fd, &me->byte, 1)));
}
maru_end;

struct owner {
    maru_frame frame;
    int fd;
    maru_scope kids;
    struct limited limited;
    struct sleeper sleeper;
    maru_join_wait join;
    maru_task *friend;
};

maru_async(owner)
{
    maru_result rc;
    for (int i = 0; i < 3; i++)
        maru_check(maru_scope_spawn(&me->kids, sleeper));
    me->friend = maru_spawn(sleeper);
    maru_join(rc, maru_call(limited, &me->limited, .fd = me->fd), maru_call(sleeper, &me->sleeper),
              maru_join_task(&me->join, me->friend));
    maru_check(rc);
maru_finally:
    maru_detach(me->friend);
}
maru_end;

static volatile int leave, spinning;

struct spinner {
    maru_frame frame;
};

maru_async(spinner)
{
    spinning = 1;
    while (!leave)
        usleep(1000);
}
maru_end;

struct ends {
    maru_frame frame;
};

maru_async(ends)
{
    maru_return(3);
}
maru_end;

static unsigned idle;

static int count(void *arg, const char *text, size_t len)
{
    (void)arg;
    (void)len;
    (void)sscanf(text, "end tasks=%*u idle=%u", &idle);
    return 0;
}

static void wait_for_idle(maru_runtime *runtime, unsigned wanted)
{
    do
        usleep(1000);
    while (maru_dump_each(runtime, count, NULL) == 0 && idle != wanted);
}

int main(void)
{
    int fds[2];
    char byte;
    maru_options options;
    maru_runtime *runtime = NULL;
    maru_options_init(&options, sizeof options);
    options.workers = 1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 || maru_runtime_new(&options, &runtime) < 0)
        return 1;
    maru_task *done = maru_spawn_on(runtime, ends);
    maru_task *tree = maru_spawn_on(runtime, owner, .fd = fds[0]);
    wait_for_idle(runtime, 5);
    maru_task *busy = maru_spawn_on(runtime, spinner);
    while (!spinning)
        usleep(1000);
    maru_task *queued = maru_spawn_on(runtime, sleeper);
    int rc = maru_dump(runtime, STDOUT_FILENO);
    puts(rc == 0 ? "ready" : "no dump");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    leave = 1;
    maru_task *const handles[] = { done, tree, busy, queued };
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
        maru_detach(handles[i]);
    return maru_runtime_free(runtime) < 0;
}
