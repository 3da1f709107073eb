/* sizes.h - the public types and their sizes; written by tests/outside/update.py. */
#ifndef MARU_BASE_SIZES_H
#define MARU_BASE_SIZES_H

#include "maru.h"

static const struct size_row {
    const char *type;
    size_t size;
} size_rows[] = {
    { "maru_allocator", sizeof(maru_allocator) },
    { "maru_batch", sizeof(maru_batch) },
    { "maru_binder", sizeof(maru_binder) },
    { "maru_blocking_job", sizeof(maru_blocking_job) },
    { "maru_context", sizeof(maru_context) },
    { "maru_dialer", sizeof(maru_dialer) },
    { "maru_endpoint", sizeof(maru_endpoint) },
    { "maru_frame", sizeof(struct maru_frame) },
    { "maru_function", sizeof(maru_function) },
    { "maru_future", sizeof(struct maru_future) },
    { "maru_future_type", sizeof(maru_future_type) },
    { "maru_hooks", sizeof(maru_hooks) },
    { "maru_interval", sizeof(maru_interval) },
    { "maru_join_set", sizeof(maru_join_set) },
    { "maru_join_wait", sizeof(maru_join_wait) },
    { "maru_leaf", sizeof(maru_leaf) },
    { "maru_link", sizeof(maru_link) },
    { "maru_listen_options", sizeof(maru_listen_options) },
    { "maru_local", sizeof(maru_local) },
    { "maru_local_key", sizeof(maru_local_key) },
    { "maru_metrics", sizeof(maru_metrics) },
    { "maru_name", sizeof(maru_name) },
    { "maru_op", sizeof(maru_op) },
    { "maru_options", sizeof(maru_options) },
    { "maru_pause", sizeof(maru_pause) },
    { "maru_reader", sizeof(maru_reader) },
    { "maru_resolver", sizeof(maru_resolver) },
    { "maru_scope", sizeof(maru_scope) },
    { "maru_section", sizeof(maru_section) },
    { "maru_signal", sizeof(maru_signal) },
    { "maru_signal_once_wait", sizeof(maru_signal_once_wait) },
    { "maru_signal_wait", sizeof(maru_signal_wait) },
    { "maru_sleep", sizeof(maru_sleep) },
    { "maru_socket_stream", sizeof(maru_socket_stream) },
    { "maru_stream", sizeof(struct maru_stream) },
    { "maru_stream_ops", sizeof(maru_stream_ops) },
    { "maru_task_info", sizeof(maru_task_info) },
    { "maru_timeout", sizeof(maru_timeout) },
    { "maru_waker", sizeof(struct maru_waker) },
    { "maru_waker_ops", sizeof(maru_waker_ops) },
    { "maru_worker_metrics", sizeof(maru_worker_metrics) },
    { "maru_writer", sizeof(maru_writer) },
};

#endif
