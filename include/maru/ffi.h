/* ffi.h - everything that other languages call, for readers of C that know no macros, inlines,
 * bitfields or unions: cut the lines that begin with # and give it to cffi's cdef or LuaJIT's.
 *
 * Written by tests/outside/update.py from the other headers, which tell what each function does
 * and from which thread. C and C++ programs include maru.h instead. What is opaque here but lives
 * in your memory is zeroed, aligned to 8 bytes and as large as maru_size_of tells.
 *
 * Constants that are no int: MARU_MSEC 1000000, MARU_PENDING INT64_MIN, MARU_SEC 1000000000,
 * MARU_USEC 1000. */
#ifndef MARU_FFI_H
#define MARU_FFI_H

#ifdef MARU_H
#error "either maru.h or maru/ffi.h"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct maru_addresses maru_addresses;
typedef struct maru_batch maru_batch;
typedef struct maru_binder maru_binder;
typedef struct maru_blocking_job maru_blocking_job;
typedef struct maru_dialer maru_dialer;
typedef struct maru_endpoint maru_endpoint;
typedef struct maru_frame maru_frame;
typedef struct maru_future maru_future;
typedef struct maru_interval maru_interval;
typedef struct maru_join_set maru_join_set;
typedef struct maru_join_wait maru_join_wait;
typedef struct maru_leaf maru_leaf;
typedef struct maru_link maru_link;
typedef struct maru_local maru_local;
typedef struct maru_name maru_name;
typedef struct maru_op maru_op;
typedef struct maru_pause maru_pause;
typedef struct maru_reader maru_reader;
typedef struct maru_resolver maru_resolver;
typedef struct maru_runtime maru_runtime;
typedef struct maru_scope maru_scope;
typedef struct maru_section maru_section;
typedef struct maru_signal maru_signal;
typedef struct maru_signal_once_wait maru_signal_once_wait;
typedef struct maru_signal_wait maru_signal_wait;
typedef struct maru_sleep maru_sleep;
typedef struct maru_socket_stream maru_socket_stream;
typedef struct maru_stream maru_stream;
typedef struct maru_task maru_task;
typedef struct maru_timeout maru_timeout;
typedef struct maru_waker maru_waker;
typedef struct maru_writer maru_writer;
struct iovec;
struct sockaddr;
struct sockaddr_storage;

enum {
    MARU_FIRST_BLOCKING_THREAD = 1024,
    MARU_ENDPOINT_TEXT_MAX = 448,
    MARU_NAME_BYTES = 40,
    MARU_PIECES_MAX = 1024,
    MARU_HOST_MAX = 255,
    MARU_PORT_MAX = 31,
    MARU_VERSION_MAJOR = 0,
    MARU_VERSION_MINOR = 1,
    MARU_VERSION_PATCH = 0,
    MARU_ESHUTDOWN = 4096,
    MARU_EDEPTH = 4097,
    MARU_EEMPTY = 4098,
    MARU_EABI = 4099,
    MARU_EHOST = 4128,
    MARU_ESERVICE = 4129,
    MARU_EHOSTLATER = 4130,
    MARU_EHOSTFAIL = 4131,
    MARU_DEPTH_MAX = 1000,
};

typedef int64_t maru_result;

typedef struct maru_waker_ops {
    void (*retain)(maru_waker *waker);
    void (*wake)(maru_waker *waker);
    void (*release)(maru_waker *waker);
} maru_waker_ops;

enum maru_ending { MARU_GO, MARU_CANCEL, MARU_LOSE };

typedef struct maru_context {
    maru_waker *waker;
    maru_frame *frame;
    enum maru_ending ending;
} maru_context;

typedef struct maru_future_type {
    maru_result (*poll)(maru_future *self, maru_context *cx);
    const char *name;
} maru_future_type;

typedef struct maru_function {
    maru_future_type type;
    void (*body)(maru_frame *frame);
    const char *file;
} maru_function;

enum maru_set {
    MARU_ONE_,
    MARU_ALL_,
    MARU_ANY_,
    MARU_CANCEL_,
    MARU_EACH_,
    MARU_FIRST_,
    MARU_RACE_,
};

typedef struct maru_allocator {
    void *(*get)(void *arg, size_t size, size_t align);
    void (*put)(void *arg, void *block, size_t size, size_t align);
    void *arg;
} maru_allocator;

enum maru_log_level { MARU_LOG_INFO, MARU_LOG_WARNING };

typedef void maru_log_fn(void *arg, int level, const char *text);

typedef struct maru_task_info {
    uint32_t size;
    uint32_t spawner_line;
    uint64_t id;
    const char *function;
    const char *file;
    const char *spawner;
    const char *spawner_file;
} maru_task_info;

typedef struct maru_hooks {
    uint32_t size;
    uint32_t reserved;
    void *arg;
    void (*on_thread_start)(void *arg, uint32_t thread);
    void (*on_thread_stop)(void *arg, uint32_t thread);
    void (*on_park)(void *arg, uint32_t worker);
    void (*on_unpark)(void *arg, uint32_t worker);
    void (*on_task_spawn)(void *arg, const maru_task_info *task);
    void (*on_task_end)(void *arg, const maru_task_info *task);
} maru_hooks;

enum maru_flavor { MARU_FLAVOR_MULTI, MARU_FLAVOR_SINGLE };

enum maru_clock { MARU_CLOCK_REAL, MARU_CLOCK_VIRTUAL };

enum maru_io { MARU_IO_AUTO, MARU_IO_RING, MARU_IO_RING_COOP, MARU_IO_RING_NONE, MARU_IO_EPOLL };

typedef struct maru_options {
    uint32_t size;
    uint32_t workers;
    uint32_t flavor;
    uint32_t io;
    uint32_t budget;
    uint32_t spin_us;
    uint64_t seed;
    uint32_t pin;
    uint32_t clock;
    uint32_t turn_interval;
    uint32_t reserved;
    uint64_t stack_bytes;
    const char *name;
    const maru_allocator *allocator;
    maru_log_fn *log;
    void *log_arg;
    const maru_hooks *hooks;
    uint32_t blocking_threads;
    uint32_t blocking_queue;
    uint32_t blocking_keep_alive_ms;
    uint32_t blocking_stack_kib;
} maru_options;

typedef maru_result maru_blocking_fn(void *arg);

enum maru_missed { MARU_MISSED_BURST, MARU_MISSED_DELAY, MARU_MISSED_SKIP };

typedef struct maru_local_key {
    const char *name;
} maru_local_key;

typedef struct maru_listen_options {
    uint32_t size;
    uint32_t backlog;
    uint32_t reuse_port;
    uint32_t v6only;
    uint32_t recv_buffer;
    uint32_t send_buffer;
} maru_listen_options;

enum { MARU_READABLE = 1, MARU_WRITABLE = 4 };

enum maru_scope_policy { MARU_SCOPE_ALL, MARU_SCOPE_EACH };

typedef void maru_scope_error_fn(void *arg, maru_result error);

typedef struct maru_stream_ops {
    maru_future *(*read)(maru_stream *stream, void *data, size_t len);
    maru_future *(*write)(maru_stream *stream, const void *data, size_t len);
} maru_stream_ops;

struct maru_stream {
    const maru_stream_ops *ops;
};

typedef int maru_dump_fn(void *arg, const char *text, size_t len);

typedef struct maru_metrics {
    uint32_t size;
    uint32_t workers;
    uint64_t live_tasks;
    uint64_t polls;
    uint64_t steals;
    uint64_t parks;
    uint64_t kicks;
    uint64_t enters;
    uint64_t empty_enters;
    uint64_t events;
    uint64_t timers_fired;
    uint64_t watch_steals;
    uint64_t stale_fds;
    uint64_t bytes_allocated;
    uint64_t live_timers;
    uint64_t live_waits;
    uint64_t spawned_tasks;
    uint64_t injects;
    uint64_t budget_yields;
    uint64_t parked_ns;
    uint64_t inject_depth;
    uint64_t queue_depth;
    uint64_t blocking_threads;
    uint64_t blocking_idle;
    uint64_t blocking_queued;
} maru_metrics;

typedef struct maru_worker_metrics {
    uint32_t size;
    uint32_t worker;
    uint64_t polls;
    uint64_t steals;
    uint64_t parks;
    uint64_t parked_ns;
    uint64_t kicks;
    uint64_t enters;
    uint64_t empty_enters;
    uint64_t events;
    uint64_t timers_fired;
    uint64_t watch_steals;
    uint64_t stale_fds;
    uint64_t spawned_tasks;
    uint64_t budget_yields;
    uint64_t queue_depth;
    uint64_t live_timers;
} maru_worker_metrics;

/* ---- future.h ---- */

maru_future *maru_future_init(maru_future *future, const maru_future_type *type);
maru_future *maru_future_ready(maru_future *future, maru_result result);
maru_result maru_future_poll(maru_future *future, maru_context *cx);
maru_result maru_future_result(const maru_future *future);
void maru_leaf_wait(maru_leaf *leaf, const maru_context *cx);
bool maru_leaf_is_complete(const maru_leaf *leaf);
void maru_leaf_complete(maru_leaf *leaf);
bool maru_budget_take(void);

/* ---- frame.h ---- */

maru_result maru_frame_poll(maru_future *self, maru_context *cx);
maru_result maru_frame_start(maru_frame *frame, maru_future *future);
maru_result maru_frame_start_set(maru_frame *frame, int mode, size_t count,
                                 maru_future *const *futures);
maru_result maru_frame_wait(maru_frame *frame);
void maru_frame_return(maru_frame *frame, maru_result value);
bool maru_frame_leave(maru_frame *frame);
bool maru_future_is_in_flight(const maru_future *future);
maru_future *maru_future_keep(maru_future *future);
maru_future *maru_future_fresh(maru_future *future);

/* ---- runtime.h ---- */

void maru_options_init(maru_options *options, size_t size);
int maru_runtime_new(const maru_options *options, maru_runtime **ret_runtime);
int maru_runtime_shutdown(maru_runtime *runtime, int64_t timeout_ns, int report_fd);
int maru_runtime_free(maru_runtime *runtime);
maru_result maru_block_on_image(maru_runtime *runtime, const maru_frame *image,
                                size_t size);
int maru_main_image(const maru_frame *image, size_t size);
maru_runtime *maru_runtime_current(void);
uint32_t maru_runtime_workers(const maru_runtime *runtime);
const char *maru_runtime_io(const maru_runtime *runtime);

/* ---- blocking.h ---- */

maru_future *maru_blocking(maru_blocking_job *job, maru_blocking_fn *fn, void *arg);
maru_future *maru_blocking_try(maru_blocking_job *job, maru_blocking_fn *fn,
                               void *arg);
maru_future *maru_blocking_copy(maru_blocking_job *job, maru_blocking_fn *fn,
                                void (*drop)(void *arg), void *arg, size_t size);
int maru_blocking_abandon(maru_runtime *runtime, maru_blocking_fn *fn, const void *arg,
                          size_t size);

/* ---- endpoint.h ---- */

int maru_endpoint_ip(const char *ip, uint16_t port, maru_endpoint *ret_endpoint);
int maru_endpoint_unix(const char *path, maru_endpoint *ret_endpoint);
int maru_endpoint_text(const maru_endpoint *endpoint, char *text, size_t size);
int maru_endpoint_port(const maru_endpoint *endpoint);
int maru_local_endpoint(int fd, maru_endpoint *ret_endpoint);
int maru_peer_endpoint(int fd, maru_endpoint *ret_endpoint);

/* ---- time.h ---- */

int64_t maru_now(void);
maru_future *maru_sleep_for(maru_sleep *sleep, int64_t ns);
maru_future *maru_sleep_until(maru_sleep *sleep, int64_t deadline_ns);
maru_future *maru_sleep_reset(maru_sleep *sleep, int64_t deadline_ns);
maru_future *maru_sleep_reset_after(maru_sleep *sleep, int64_t ns);
int64_t maru_sleep_deadline(const maru_sleep *sleep);
bool maru_sleep_is_elapsed(const maru_sleep *sleep);
maru_future *maru_within(maru_timeout *timeout, int64_t ns, maru_future *inner);
maru_future *maru_within_until(maru_timeout *timeout, int64_t deadline_ns,
                               maru_future *inner);
int maru_timeout_reset(maru_timeout *timeout, int64_t deadline_ns);
int maru_timeout_reset_after(maru_timeout *timeout, int64_t ns);
bool maru_timed_out(const maru_timeout *timeout);
int maru_clock_pause(void);
int maru_clock_resume(void);
int maru_clock_advance(int64_t ns);

/* ---- interval.h ---- */

int maru_interval_init(maru_interval *interval, int64_t period_ns);
int maru_interval_init_at(maru_interval *interval, int64_t start_ns,
                          int64_t period_ns);
int maru_interval_set_missed(maru_interval *interval, int policy);
maru_future *maru_interval_tick(maru_interval *interval);
int maru_interval_reset(maru_interval *interval);
int maru_interval_reset_immediately(maru_interval *interval);
int maru_interval_reset_after(maru_interval *interval, int64_t ns);
int maru_interval_reset_at(maru_interval *interval, int64_t deadline_ns);
int64_t maru_interval_period(const maru_interval *interval);
int64_t maru_interval_next(const maru_interval *interval);

/* ---- join_set.h ---- */

maru_task *maru_join_set_spawn_image(maru_frame *owner, maru_join_set *set,
                                     const maru_frame *image, size_t size);
maru_future *maru_join_next(maru_join_set *set);
int maru_join_set_try_next(maru_join_set *set, maru_result *ret_result);
maru_task *maru_joined(const maru_join_set *set);
size_t maru_join_set_count(const maru_join_set *set);
void maru_join_set_cancel(maru_join_set *set);
maru_future *maru_join_set_shutdown(maru_join_set *set);
void maru_join_set_detach(maru_join_set *set);

/* ---- local.h ---- */

int maru_local_set(maru_local *slot, const maru_local_key *key, void *value);
void maru_local_clear(maru_local *slot);
int maru_local_get(const maru_local_key *key, void **ret_value);
int maru_task_name_set(maru_name *slot, const char *name);
const char *maru_task_name(void);

/* ---- net.h ---- */

int maru_listen(const struct sockaddr *address, uint32_t len, int backlog);
int maru_listen_ip(const char *ip, uint16_t port, int backlog);
void maru_listen_options_init(maru_listen_options *options, size_t size);
int maru_listen_at(const maru_endpoint *endpoint,
                   const maru_listen_options *options);
int maru_socket(int family);
int maru_socket_of(int family, int type);
int maru_socket_pair(int type, int ret_fds[2]);
int maru_bind(int fd, const maru_endpoint *endpoint);
int maru_datagram_bind(const maru_endpoint *endpoint);
int maru_udp_bind(const char *ip, uint16_t port);
int maru_address(const char *ip, uint16_t port, struct sockaddr_storage *address);
int maru_local_port(int fd);
int maru_fd_adopt(int fd);
maru_future *maru_accept(maru_op *op, int fd);
maru_future *maru_connect(maru_op *op, int fd, const struct sockaddr *address,
                          uint32_t len);
maru_future *maru_recv(maru_op *op, int fd, void *data, size_t len);
maru_future *maru_peek(maru_op *op, int fd, void *data, size_t len);
maru_future *maru_send(maru_op *op, int fd, const void *data, size_t len);
maru_future *maru_send_all(maru_op *op, int fd, const void *data, size_t len);
size_t maru_op_progress(const maru_op *op);
maru_future *maru_recv_vec(maru_op *op, int fd, const struct iovec *pieces,
                           size_t count);
maru_future *maru_send_vec(maru_op *op, int fd, const struct iovec *pieces,
                           size_t count);
maru_future *maru_send_vec_all(maru_op *op, int fd, const struct iovec *pieces,
                               size_t count);
maru_future *maru_recv_from(maru_op *op, int fd, void *data, size_t len,
                            maru_endpoint *ret_from);
bool maru_op_truncated(const maru_op *op);
maru_future *maru_send_to(maru_op *op, int fd, const void *data, size_t len,
                          const maru_endpoint *to);
maru_future *maru_shutdown(maru_op *op, int fd, int how);
maru_future *maru_close(maru_op *op, int fd);
maru_future *maru_fd_ready(maru_op *op, int fd, unsigned interest);

/* ---- resolve.h ---- */

size_t maru_addresses_count(const maru_addresses *addresses);
const struct sockaddr *maru_addresses_at(const maru_addresses *addresses, size_t index,
                                         uint32_t *ret_len);
void maru_addresses_free(maru_addresses *addresses);
maru_future *maru_resolve(maru_resolver *resolver, const char *host, const char *port,
                          maru_addresses **ret_addresses);
maru_future *maru_dial(maru_dialer *dialer, const char *host, const char *port);
maru_future *maru_listen_host(maru_binder *binder, const char *host, const char *port,
                              int backlog);

/* ---- scope.h ---- */

void maru_scope_init(maru_scope *scope, enum maru_scope_policy policy);
void maru_scope_on_error(maru_scope *scope, maru_scope_error_fn *fn, void *arg);
int maru_scope_spawn_image(maru_frame *owner, maru_scope *scope, const maru_frame *image,
                           size_t size);
void maru_batch_begin(maru_batch *batch, maru_frame *owner, maru_scope *scope);
bool maru_batch_add(maru_batch *batch, const maru_frame *image, size_t size);
int maru_batch_end(maru_batch *batch);
int maru_scope_spawn_images(maru_frame *owner, maru_scope *scope, const maru_frame *images,
                            size_t size, size_t count);
maru_future *maru_scope_wait(maru_scope *scope);
void maru_scope_cancel(maru_scope *scope);
size_t maru_scope_count(const maru_scope *scope);
size_t maru_scope_failed(const maru_scope *scope);

/* ---- signal.h ---- */

int maru_signal_open(maru_signal *signal, int signo);
int maru_signal_close(maru_signal *signal);
maru_future *maru_signal_next(maru_signal_wait *wait, maru_signal *signal);
maru_future *maru_signal_once(maru_signal_once_wait *wait, int signo);

/* ---- stream.h ---- */

maru_stream *maru_socket_stream_init(maru_socket_stream *socket, int fd);
void maru_reader_init(maru_reader *reader, int fd, void *buffer, size_t size);
void maru_reader_init_stream(maru_reader *reader, maru_stream *stream, void *buffer, size_t size);
maru_future *maru_reader_line(maru_reader *reader, size_t limit);
maru_future *maru_reader_until(maru_reader *reader, unsigned char delimiter,
                               size_t limit);
maru_future *maru_reader_exact(maru_reader *reader, size_t count);
maru_future *maru_reader_some(maru_reader *reader, size_t most);
maru_future *maru_reader_fill(maru_reader *reader, size_t count);
maru_future *maru_reader_skip_until(maru_reader *reader, unsigned char delimiter);
char *maru_reader_data(const maru_reader *reader);
size_t maru_reader_len(const maru_reader *reader);
bool maru_reader_is_partial(const maru_reader *reader);
size_t maru_reader_buffered(const maru_reader *reader);
size_t maru_reader_take(maru_reader *reader, size_t count);
void maru_writer_init(maru_writer *writer, int fd, void *buffer, size_t size);
void maru_writer_init_stream(maru_writer *writer, maru_stream *stream, void *buffer, size_t size);
maru_future *maru_writer_write(maru_writer *writer, const void *data, size_t len);
maru_future *maru_writer_flush(maru_writer *writer);
int maru_writer_printf(maru_writer *writer, const char *format, ...);
size_t maru_writer_progress(const maru_writer *writer);
size_t maru_writer_buffered(const maru_writer *writer);

/* ---- task.h ---- */

maru_task *maru_spawn_image(const maru_frame *image, size_t size);
maru_task *maru_spawn_image_on(maru_runtime *runtime, const maru_frame *image,
                               size_t size);
void maru_cancel(maru_task *task);
void maru_detach(maru_task *task);
bool maru_task_is_finished(const maru_task *task);
maru_future *maru_join_task(maru_join_wait *wait, maru_task *task);
maru_future *maru_wait_task(maru_join_wait *wait, maru_task *task);
bool maru_join_delivered(const maru_join_wait *wait);
maru_frame *maru_task_root(maru_task *task, const maru_function *function);
const char *maru_task_function(const maru_task *task);
uint64_t maru_task_id(const maru_task *task);
uint64_t maru_task_id_here(void);
maru_task *maru_spawn_future(maru_future *future);
maru_task *maru_spawn_future_on(maru_runtime *runtime, maru_future *future);
maru_result maru_block_on_future(maru_runtime *runtime, maru_future *future);
maru_future *maru_yield(maru_pause *pause);
maru_future *maru_budget_consume(maru_pause *pause);
maru_future *maru_unconstrained(maru_section *section, maru_future *inner);

/* ---- abi.h ---- */

const char *maru_version(void);
uint32_t maru_version_number(void);
uint64_t maru_abi(void);
int maru_runtime_new_abi(uint64_t abi, const maru_options *options,
                         maru_runtime **ret_runtime);
int maru_main_image_abi(uint64_t abi, const maru_frame *image, size_t size);

/* ---- dump.h ---- */

int maru_dump(maru_runtime *runtime, int fd);
int maru_dump_each(maru_runtime *runtime, maru_dump_fn *fn, void *arg);
int maru_dump_on_signal(maru_runtime *runtime, int signo, int fd);

/* ---- err.h ---- */

const char *maru_err_name(int64_t err);
const char *maru_err_text(int64_t err);

/* ---- host.h ---- */

int maru_backend_fd(maru_runtime *runtime);
int64_t maru_next_deadline(maru_runtime *runtime);
int maru_turn(maru_runtime *runtime, uint32_t budget);

/* ---- metrics.h ---- */

int maru_metrics_read(maru_runtime *runtime, maru_metrics *metrics);
int maru_metrics_worker(maru_runtime *runtime, uint32_t worker,
                        maru_worker_metrics *metrics);

/* ---- size.h ---- */

size_t maru_size_of(const char *type);

/* ---- sockopt.h ---- */

int maru_set_nodelay(int fd, bool on);
int maru_set_keepalive(int fd, int64_t idle_ns, int64_t interval_ns, int count);
int maru_set_linger(int fd, int seconds);
int maru_set_reuse_port(int fd, bool on);
int maru_set_reuse_address(int fd, bool on);
int maru_set_v6only(int fd, bool on);
int maru_set_send_buffer(int fd, size_t bytes);
int maru_set_recv_buffer(int fd, size_t bytes);
int maru_set_ttl(int fd, int hops);
int maru_set_broadcast(int fd, bool on);
int maru_take_error(int fd);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
