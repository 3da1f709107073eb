/*
 * pattern.h - the bytes an echo client sends, so that a reply can be checked byte for byte.
 *
 * One connection's stream is a row of messages of equal size. Every byte follows from the
 * connection, the number of its message and its place in it, so a reply of another connection, of
 * an earlier message, or one shifted by a byte, is told apart, and nothing has to be kept: any
 * piece of the stream can be made or checked again from its position alone.
 */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include <stddef.h>
#include <stdint.h>

struct pattern {
    uint64_t connection;
    size_t   message_bytes; /* at least 1 */
};

/* Writes the `len` bytes of the stream that begin at `position`. */
void pattern_fill(const struct pattern *pattern, uint64_t position, void *out, size_t len);

/* How many of the `len` bytes are right before the first wrong one: `len` when all of them are. */
size_t pattern_check(const struct pattern *pattern, uint64_t position, const void *bytes,
                     size_t len);

#endif
