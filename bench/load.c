/*
 * load.c - the echo load generator: one thread, one epoll, a closed loop on every connection.
 *
 * A connection sends K messages (--pipeline, usually 1), waits until all have come back, checks
 * them byte for byte, and sends the next K. A message's latency runs from before the send of its
 * batch to the recv that brought its last byte. One generator in C drives every server that is
 * compared, so its own cost is the same for all.
 *
 * The run is bounded: connecting may take 5 seconds, and 5 seconds after the measured time the
 * last reply must have come. A connection that breaks, or brings back a wrong byte, is closed,
 * counted, and makes the exit code 1. Only loopback addresses are accepted.
 */
#include "argument.h"
#include "histogram.h"
#include "loopback.h"
#include "machine.h"
#include "pattern.h"
#include "stopwatch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EXIT_CODE_FAILED = 1, EXIT_CODE_USAGE = 2 };

enum {
    CONNECTIONS_MAX = 28000, /* about as many local ports as one address has by default */
    MESSAGE_BYTES_MAX = 16 << 20,
    PIPELINE_MAX = 1024,
    SECONDS_MAX = 3600,
    CHUNK_BYTES = 256 * 1024, /* one send or recv; larger messages take several */
    EVENTS_PER_WAIT = 512,
};

#define CONNECT_NS (5 * NS_PER_SECOND) /* for all connections together */
#define DRAIN_NS   (5 * NS_PER_SECOND) /* for the last replies; a server slower than that stalls */

struct settings {
    struct in_addr address;
    uint16_t       port;
    uint64_t       connections;
    uint64_t       message_bytes;
    uint64_t       pipeline;
    int64_t        measure_ns;
    int64_t        warmup_ns;
    const char    *json; /* NULL: a line to read */
    int            cpu;  /* -1: any */
    bool           progress;
};

/* Positions count the bytes of the stream: what is sent comes back at the same position. */
struct connection {
    int      fd; /* -1: closed */
    uint64_t number;
    uint64_t wanted; /* the end of the batch in flight */
    uint64_t sent;
    uint64_t received;
    int64_t  batch_start_ns;
};

enum stage {
    WARMING_UP,
    MEASURING,
    DRAINING, /* no new batches; the last replies are awaited, and not counted */
};

struct load {
    struct settings    settings;
    enum stage         stage;
    int                epoll_fd;
    struct connection *connections;
    size_t             open;
    size_t             in_flight; /* connections whose batch has not come back in full */
    uint64_t           errors;    /* connections that broke, and at the end those that still wait */
    uint64_t           messages;
    int64_t            measure_start_ns;
    int64_t            measured_ns;
    int64_t            next_progress_ns;
    uint64_t           messages_told;
    struct histogram   latency;
    struct epoll_event events[EVENTS_PER_WAIT];
    char               chunk[CHUNK_BYTES];
};

/* --- The command line --- */

static const char usage[] =
    "usage: load --port P [options]\n"
    "  --host ADDRESS     a loopback address (127.0.0.1)\n"
    "  --connections N    (64)\n"
    "  --size BYTES       of a message (64)\n"
    "  --pipeline K       messages sent at once on a connection (1)\n"
    "  --seconds S        measured time (5)\n"
    "  --warmup S         time before that (1)\n"
    "  --json FILE        one JSON object to FILE ('-': stdout) instead of a line to read\n"
    "  --cpu N            stay on this CPU\n"
    "  --progress         a line each second on stderr, which a terminal gets anyway\n";

enum option_code {
    OPTION_PORT = 256,
    OPTION_HOST,
    OPTION_CONNECTIONS,
    OPTION_SIZE,
    OPTION_PIPELINE,
    OPTION_SECONDS,
    OPTION_WARMUP,
    OPTION_JSON,
    OPTION_CPU,
    OPTION_PROGRESS,
    OPTION_HELP,
};

static const struct option option_table[] = {
    { "port", required_argument, NULL, OPTION_PORT },
    { "host", required_argument, NULL, OPTION_HOST },
    { "connections", required_argument, NULL, OPTION_CONNECTIONS },
    { "size", required_argument, NULL, OPTION_SIZE },
    { "pipeline", required_argument, NULL, OPTION_PIPELINE },
    { "seconds", required_argument, NULL, OPTION_SECONDS },
    { "warmup", required_argument, NULL, OPTION_WARMUP },
    { "json", required_argument, NULL, OPTION_JSON },
    { "cpu", required_argument, NULL, OPTION_CPU },
    { "progress", no_argument, NULL, OPTION_PROGRESS },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 },
};

static int host_apply(struct settings *settings, const char *host)
{
    int error = loopback_address(host, &settings->address);
    if (error != 0)
        fprintf(stderr, "--host: '%s' is not a loopback address (127.x.y.z): load stays there\n",
                host);
    return error;
}

static int option_apply(struct settings *settings, int code, const char *value)
{
    uint64_t number = 0;
    int      error;
    switch (code) {
    case OPTION_PORT:
        error = argument_number("--port", value, 1, UINT16_MAX, &number);
        settings->port = (uint16_t)number;
        return error;
    case OPTION_HOST: return host_apply(settings, value);
    case OPTION_CONNECTIONS:
        return argument_number("--connections", value, 1, CONNECTIONS_MAX, &settings->connections);
    case OPTION_SIZE:
        return argument_number("--size", value, 1, MESSAGE_BYTES_MAX, &settings->message_bytes);
    case OPTION_PIPELINE:
        return argument_number("--pipeline", value, 1, PIPELINE_MAX, &settings->pipeline);
    case OPTION_SECONDS:
        return argument_seconds("--seconds", value, 0.1, SECONDS_MAX, &settings->measure_ns);
    case OPTION_WARMUP:
        return argument_seconds("--warmup", value, 0, SECONDS_MAX, &settings->warmup_ns);
    case OPTION_JSON: settings->json = value; return 0;
    case OPTION_CPU:
        error = argument_number("--cpu", value, 0, CPU_SETSIZE - 1, &number);
        settings->cpu = (int)number;
        return error;
    case OPTION_PROGRESS: settings->progress = true; return 0;
    default: return -EINVAL; /* getopt_long has said what it did not understand. */
    }
}

/* 0, or -EINVAL after saying why; with --help it prints the usage and ends the program. */
static int settings_parse(int argc, char **argv, struct settings *ret_settings)
{
    *ret_settings = (struct settings){
        .address.s_addr = htonl(INADDR_LOOPBACK),
        .connections = 64,
        .message_bytes = 64,
        .pipeline = 1,
        .measure_ns = 5 * NS_PER_SECOND,
        .warmup_ns = NS_PER_SECOND,
        .cpu = -1,
        .progress = isatty(STDERR_FILENO) == 1,
    };
    int code;
    while ((code = getopt_long(argc, argv, "", option_table, NULL)) != -1) {
        if (code == OPTION_HELP) {
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        }
        if (option_apply(ret_settings, code, optarg) != 0)
            return -EINVAL;
    }
    if (optind < argc) {
        fprintf(stderr, "load: '%s' is not an option\n", argv[optind]);
        return -EINVAL;
    }
    if (ret_settings->port == 0) {
        fprintf(stderr, "load: --port is missing\n");
        return -EINVAL;
    }
    return 0;
}

/* --- One connection --- */

static struct pattern pattern_of(const struct load *load, const struct connection *connection)
{
    return (struct pattern){ connection->number, (size_t)load->settings.message_bytes };
}

/* Only the first reason is told: the others are mostly its echo. */
static void connection_break(struct load *load, struct connection *connection, const char *why)
{
    if (load->errors++ == 0)
        fprintf(stderr, "load: connection %" PRIu64 ", byte %" PRIu64 ": %s\n", connection->number,
                connection->received, why);
    if (connection->received < connection->wanted)
        load->in_flight--;
    (void)close(connection->fd);
    connection->fd = -1;
    load->open--;
}

/* Sends until the batch is out or the socket is full; then EPOLLOUT tells when to go on. */
static void connection_send(struct load *load, struct connection *connection)
{
    struct pattern pattern = pattern_of(load, connection);
    while (connection->sent < connection->wanted) {
        uint64_t left = connection->wanted - connection->sent;
        size_t   len = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        pattern_fill(&pattern, connection->sent, load->chunk, len);
        ssize_t count = send(connection->fd, load->chunk, len, MSG_NOSIGNAL);
        if (count >= 0) {
            connection->sent += (uint64_t)count;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            connection_break(load, connection, strerror(errno));
            return;
        }
    }
}

static void connection_start_batch(struct load *load, struct connection *connection, int64_t now_ns)
{
    connection->wanted += load->settings.pipeline * load->settings.message_bytes;
    connection->batch_start_ns = now_ns;
    load->in_flight++;
    connection_send(load, connection);
}

/* Takes `len` new bytes of the reply, and counts each message that they complete. */
static bool connection_take(struct load *load, struct connection *connection, size_t len,
                            int64_t now_ns)
{
    struct pattern pattern = pattern_of(load, connection);
    size_t         right = pattern_check(&pattern, connection->received, load->chunk, len);
    if (right < len || connection->received + len > connection->sent) {
        connection_break(load, connection, "the reply differs from what was sent");
        return false;
    }
    uint64_t complete = connection->received / load->settings.message_bytes;
    connection->received += len;
    complete = connection->received / load->settings.message_bytes - complete;
    if (load->stage == MEASURING) {
        load->messages += complete;
        for (; complete > 0; complete--)
            histogram_record(&load->latency, (uint64_t)(now_ns - connection->batch_start_ns));
    }
    return true;
}

/* One recv and what follows from it; false when the socket is empty or gone. */
static bool connection_receive_once(struct load *load, struct connection *connection)
{
    ssize_t count = recv(connection->fd, load->chunk, sizeof(load->chunk), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return errno == EINTR;
    if (count <= 0) {
        connection_break(load, connection, count == 0 ? "the server closed it" : strerror(errno));
        return false;
    }
    int64_t now_ns = stopwatch_ns();
    if (!connection_take(load, connection, (size_t)count, now_ns))
        return false;
    if (connection->received == connection->wanted) {
        load->in_flight--;
        if (load->stage != DRAINING)
            connection_start_batch(load, connection, now_ns);
    }
    return connection->fd >= 0 && (size_t)count == sizeof(load->chunk);
}

/* Edge-triggered: a recv that fills less than the chunk has emptied the socket. */
static void connection_handle(struct load *load, struct connection *connection, uint32_t events)
{
    bool hung_up = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if ((events & EPOLLOUT) != 0 && connection->sent < connection->wanted)
        connection_send(load, connection);
    while (connection->fd >= 0 && connection_receive_once(load, connection))
        continue;
    if (connection->fd >= 0 && hung_up)
        connection_break(load, connection, "the server closed it");
}

/* --- All connections --- */

/* EPOLLOUT costs nothing while it does not change, so one registration serves for good. */
static int connection_open(struct load *load, struct connection *connection, int64_t deadline_ns)
{
    int64_t left_ns = deadline_ns - stopwatch_ns();
    if (left_ns <= 0)
        return -ETIMEDOUT;
    int fd = loopback_connect(load->settings.address, load->settings.port, left_ns);
    if (fd < 0)
        return fd;
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.ptr = connection };
    connection->fd = fd; /* Closed with the others, should what follows fail. */
    load->open++;
    return epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static int connections_open(struct load *load)
{
    uint64_t limit;
    if (!loopback_has_room(load->settings.connections, &limit)) {
        fprintf(stderr,
                "load: %" PRIu64 " connections do not fit: this process may open %" PRIu64
                " files (ulimit -Hn)\n",
                load->settings.connections, limit);
        return -EMFILE;
    }
    int64_t deadline_ns = stopwatch_ns() + CONNECT_NS;
    for (uint64_t index = 0; index < load->settings.connections; index++) {
        int error = connection_open(load, &load->connections[index], deadline_ns);
        if (error != 0) {
            fprintf(stderr, "load: connection %" PRIu64 " of %" PRIu64 ": %s\n", index + 1,
                    load->settings.connections, strerror(-error));
            return error;
        }
    }
    return 0;
}

static int load_allocate(struct load *load)
{
    load->connections = calloc((size_t)load->settings.connections, sizeof(*load->connections));
    if (load->connections == NULL)
        return -ENOMEM;
    for (uint64_t index = 0; index < load->settings.connections; index++)
        load->connections[index] = (struct connection){ .fd = -1, .number = index };
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return load->epoll_fd >= 0 ? 0 : -errno;
}

static struct load *load_new(const struct settings *settings)
{
    struct load *load = calloc(1, sizeof(*load));
    if (load == NULL)
        return NULL;
    load->settings = *settings;
    load->epoll_fd = -1;
    histogram_reset(&load->latency);
    return load;
}

static void load_free(struct load *load)
{
    uint64_t count = load->connections != NULL ? load->settings.connections : 0;
    for (uint64_t index = 0; index < count; index++)
        if (load->connections[index].fd >= 0)
            (void)close(load->connections[index].fd);
    if (load->epoll_fd >= 0)
        (void)close(load->epoll_fd);
    free(load->connections);
    free(load);
}

/* --- The run --- */

static double us_at(const struct load *load, double percent)
{
    return (double)histogram_percentile(&load->latency, percent) / 1000;
}

static void print_progress(struct load *load, int64_t now_ns)
{
    uint64_t fresh = load->messages - load->messages_told;
    int64_t  elapsed_ns = now_ns - (load->next_progress_ns - NS_PER_SECOND);
    fprintf(stderr, "load: %3" PRId64 " s  %10.0f messages/s  p50 %.1f us  p99 %.1f us\n",
            (now_ns - load->measure_start_ns) / NS_PER_SECOND,
            (double)fresh * 1e9 / (double)elapsed_ns, us_at(load, 50), us_at(load, 99));
    load->messages_told = load->messages;
    load->next_progress_ns = now_ns + NS_PER_SECOND;
}

/* Moves from stage to stage as time passes, and returns when the present one ends. */
static int64_t stage_advance(struct load *load, int64_t start_ns, int64_t now_ns)
{
    int64_t measure_from_ns = start_ns + load->settings.warmup_ns;
    int64_t measure_until_ns = measure_from_ns + load->settings.measure_ns;
    if (load->stage == WARMING_UP && now_ns >= measure_from_ns) {
        load->stage = MEASURING;
        load->measure_start_ns = now_ns;
        load->next_progress_ns = now_ns + NS_PER_SECOND;
    }
    if (load->stage == MEASURING && now_ns >= measure_until_ns) {
        load->stage = DRAINING;
        load->measured_ns = now_ns - load->measure_start_ns;
    }
    if (load->stage == MEASURING && load->settings.progress && now_ns >= load->next_progress_ns)
        print_progress(load, now_ns);
    switch (load->stage) {
    case WARMING_UP: return measure_from_ns;
    case MEASURING:
        if (load->settings.progress && load->next_progress_ns < measure_until_ns)
            return load->next_progress_ns;
        return measure_until_ns;
    case DRAINING: break;
    }
    return measure_until_ns + DRAIN_NS;
}

/* Whole milliseconds, upwards: a wait that ends early would spin through the last one. */
static int wait_ms(int64_t until_ns, int64_t now_ns)
{
    return until_ns > now_ns ? (int)((until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

/* Waits once and handles what came. */
static int handle_events(struct load *load, int timeout_ms)
{
    int count = epoll_wait(load->epoll_fd, load->events, EVENTS_PER_WAIT, timeout_ms);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int index = 0; index < count; index++)
        connection_handle(load, load->events[index].data.ptr, load->events[index].events);
    return 0;
}

static void give_up_waiting(struct load *load)
{
    fprintf(stderr, "load: %zu of %" PRIu64 " connections got no reply: the server stalls\n",
            load->in_flight, load->settings.connections);
    load->errors += load->in_flight;
}

static int load_run(struct load *load)
{
    int64_t start_ns = stopwatch_ns();
    for (uint64_t index = 0; index < load->settings.connections; index++)
        connection_start_batch(load, &load->connections[index], stopwatch_ns());
    for (;;) {
        int64_t now_ns = stopwatch_ns();
        int64_t until_ns = stage_advance(load, start_ns, now_ns);
        if (load->in_flight == 0 && (load->stage == DRAINING || load->open == 0))
            break;
        if (load->stage == DRAINING && now_ns >= until_ns) {
            give_up_waiting(load);
            break;
        }
        int error = handle_events(load, wait_ms(until_ns, now_ns));
        if (error != 0)
            return error;
    }
    /* Every connection broke before the time was over. */
    if (load->stage == MEASURING)
        load->measured_ns = stopwatch_ns() - load->measure_start_ns;
    return 0;
}

/* --- The report --- */

static double messages_per_second(const struct load *load)
{
    return load->measured_ns > 0 ? (double)load->messages * 1e9 / (double)load->measured_ns : 0;
}

static void print_line(const struct load *load)
{
    printf("%.0f messages/s  p50 %.1f us  p99 %.1f us  p99.9 %.1f us  (%" PRIu64
           " connections, %" PRIu64 " bytes, pipeline %" PRIu64 ", %.1f s, %" PRIu64 " errors)\n",
           messages_per_second(load), us_at(load, 50), us_at(load, 99), us_at(load, 99.9),
           load->settings.connections, load->settings.message_bytes, load->settings.pipeline,
           (double)load->measured_ns / 1e9, load->errors);
}

static void print_json(FILE *file, const struct load *load)
{
    fprintf(file,
            "{\"connections\":%" PRIu64 ",\"size\":%" PRIu64 ",\"pipeline\":%" PRIu64
            ",\"seconds\":%.3f,\"messages\":%" PRIu64 ",\"messages_per_second\":%.0f"
            ",\"p50_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f,\"errors\":%" PRIu64 "}\n",
            load->settings.connections, load->settings.message_bytes, load->settings.pipeline,
            (double)load->measured_ns / 1e9, load->messages, messages_per_second(load),
            us_at(load, 50), us_at(load, 99), us_at(load, 99.9), load->errors);
}

static int report(const struct load *load)
{
    const char *path = load->settings.json;
    bool        to_stdout = path == NULL || strcmp(path, "-") == 0;
    FILE       *file = to_stdout ? stdout : fopen(path, "we");
    if (file == NULL)
        return -errno;
    if (path == NULL)
        print_line(load);
    else
        print_json(file, load);
    bool lost = ferror(file) != 0;
    lost = (to_stdout ? fflush(file) : fclose(file)) != 0 || lost;
    return lost ? -EIO : 0;
}

/* Says what failed where nothing nearer to it has said so already. */
static int tell(const char *what, int error)
{
    if (error != 0)
        fprintf(stderr, "load: %s: %s\n", what, strerror(-error));
    return error;
}

static int load_connect_run_report(struct load *load)
{
    int error = tell("cannot begin", load_allocate(load));
    if (error == 0)
        error = connections_open(load);
    if (error == 0)
        error = tell("cannot wait for replies", load_run(load));
    if (error == 0)
        error = tell("cannot write the report", report(load));
    return error;
}

int main(int argc, char **argv)
{
    struct settings settings;
    if (settings_parse(argc, argv, &settings) != 0) {
        fprintf(stderr, "load --help lists the options\n");
        return EXIT_CODE_USAGE;
    }
    if (settings.cpu >= 0 && machine_pin(settings.cpu) != 0) {
        fprintf(stderr, "--cpu: this process may not run on CPU %d\n", settings.cpu);
        return EXIT_CODE_USAGE;
    }
    struct load *load = load_new(&settings);
    if (load == NULL) {
        fprintf(stderr, "load: out of memory\n");
        return EXIT_CODE_FAILED;
    }
    int      error = load_connect_run_report(load);
    uint64_t errors = load->errors;
    load_free(load);
    return error == 0 && errors == 0 ? EXIT_SUCCESS : EXIT_CODE_FAILED;
}
