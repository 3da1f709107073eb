/* sizes.h - the public types and their sizes; written by tests/outside/update.py. */
#ifndef MARU_BASE_SIZES_H
#define MARU_BASE_SIZES_H

#include "maru.h"

static const struct size_row {
    const char *type;
    size_t size;
} size_rows[] = {
    { "maru_context", sizeof(maru_context) },
    { "maru_frame", sizeof(struct maru_frame) },
    { "maru_function", sizeof(maru_function) },
    { "maru_future", sizeof(struct maru_future) },
    { "maru_future_type", sizeof(maru_future_type) },
    { "maru_join_wait", sizeof(maru_join_wait) },
    { "maru_leaf", sizeof(maru_leaf) },
    { "maru_link", sizeof(maru_link) },
    { "maru_metrics", sizeof(maru_metrics) },
    { "maru_op", sizeof(maru_op) },
    { "maru_options", sizeof(maru_options) },
    { "maru_pause", sizeof(maru_pause) },
    { "maru_scope", sizeof(maru_scope) },
    { "maru_sleep", sizeof(maru_sleep) },
    { "maru_timeout", sizeof(maru_timeout) },
    { "maru_waker", sizeof(struct maru_waker) },
    { "maru_waker_ops", sizeof(maru_waker_ops) },
};

#endif
