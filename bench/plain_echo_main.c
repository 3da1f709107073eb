/*
 * plain_echo_main.c - the plain C echo as a server of its own, for a load generator beside it.
 *
 *     plain_echo --port P      port 0 takes a free one; the line it prints says which
 */
#include "argument.h"
#include "loopback.h"
#include "plain_echo.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_CODE_FAILED = 1, EXIT_CODE_USAGE = 2 };

static const char usage[] = "usage: plain_echo --port P\n"
                            "  an echo server on 127.0.0.1; port 0 takes any free one\n"
                            "  ends on SIGINT and SIGTERM\n";

/* The one echo of this process, for the signal handler; set before the handler is. */
static struct plain_echo *the_echo;

static void stop_on_signal(int signal_number)
{
    (void)signal_number;
    plain_echo_stop(the_echo);
}

static int handle_signals(void)
{
    struct sigaction action = { .sa_handler = stop_on_signal, .sa_flags = SA_RESTART };
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0)
        return -errno;
    return 0;
}

/* Returns 0 with the port, or the exit code to end with in `ret_code`. */
static int parse(int argc, char **argv, uint64_t *ret_port, int *ret_code)
{
    static const struct option options[] = {
        { "port", required_argument, NULL, 'p' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int  option;
    bool has_port = false;
    *ret_code = EXIT_CODE_USAGE;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            *ret_code = 0;
            return -EINVAL;
        }
        if (option != 'p')
            break;
        if (argument_number("--port", optarg, 0, UINT16_MAX, ret_port) != 0)
            return -EINVAL;
        has_port = true;
    }
    if (option == -1 && has_port && optind == argc)
        return 0;
    fputs(usage, stderr);
    return -EINVAL;
}

static int serve(int listen_fd, uint16_t port)
{
    int error = plain_echo_new_listening(listen_fd, &the_echo);
    if (error != 0) {
        (void)close(listen_fd);
        return error;
    }
    error = handle_signals();
    if (error == 0) {
        printf("listening on 127.0.0.1:%" PRIu16 "\n", port);
        (void)fflush(stdout);
        error = plain_echo_serve(the_echo, UINT64_MAX);
    }
    /* From here on a second signal finds nothing to stop. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    plain_echo_free(the_echo);
    return error;
}

int main(int argc, char **argv)
{
    uint64_t wanted_port, limit;
    int      code;
    if (parse(argc, argv, &wanted_port, &code) != 0)
        return code;
    /* As many connections as this process can be given: how many will come is not known. */
    (void)loopback_has_room(UINT32_MAX, &limit);

    uint16_t port;
    int      fd = loopback_listen((uint16_t)wanted_port, &port);
    int      error = fd < 0 ? fd : serve(fd, port);
    if (error == 0)
        return 0;
    fprintf(stderr, "plain_echo: %s\n", strerror(-error));
    return EXIT_CODE_FAILED;
}
