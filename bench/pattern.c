/*
 * pattern.c - a message is a row of 64-bit words, each its predecessor plus a constant, from a
 * start that mixes connection and sequence number. Whole words are the fast path: a 64-byte
 * message costs eight additions to make and eight comparisons to check.
 */
#include "pattern.h"

#include <string.h>

enum { WORD = 8 };

/* The odd number nearest to 2^64 divided by the golden ratio: multiples of it fill all bytes. */
#define STEP UINT64_C(0x9e3779b97f4a7c15)

/* A second odd number with bits in every byte, so that two multiplications do not cancel. */
#define MIX UINT64_C(0xd6e8feb86659fd93)

/* A part of one message: never longer than what is left of it. */
struct piece {
    uint64_t start; /* the first word of the message */
    size_t   offset;
    size_t   len;
};

static struct piece piece_at(const struct pattern *pattern, uint64_t position, size_t len)
{
    uint64_t sequence = position / pattern->message_bytes;
    size_t   offset = (size_t)(position % pattern->message_bytes);
    uint64_t start = (pattern->connection + 1) * MIX ^ (sequence + 1) * STEP;
    start = (start ^ start >> 32) * MIX;
    size_t left = pattern->message_bytes - offset;
    return (struct piece){ start ^ start >> 32, offset, len < left ? len : left };
}

static void piece_fill(struct piece piece, unsigned char *out)
{
    while (piece.len > 0) {
        uint64_t word = piece.start + piece.offset / WORD * STEP;
        size_t   skip = piece.offset % WORD;
        size_t   count = WORD - skip < piece.len ? WORD - skip : piece.len;
        if (count == WORD)
            memcpy(out, &word, WORD);
        else
            memcpy(out, (const unsigned char *)&word + skip, count);
        out += count;
        piece.offset += count;
        piece.len -= count;
    }
}

static size_t bytes_equal(const unsigned char *left, const unsigned char *right, size_t len)
{
    size_t equal = 0;
    while (equal < len && left[equal] == right[equal])
        equal++;
    return equal;
}

static size_t piece_check(struct piece piece, const unsigned char *bytes)
{
    size_t right = 0;
    while (right < piece.len) {
        uint64_t word = piece.start + (piece.offset + right) / WORD * STEP;
        size_t   skip = (piece.offset + right) % WORD;
        size_t   left = piece.len - right;
        size_t   count = WORD - skip < left ? WORD - skip : left;
        uint64_t found = 0;
        if (count == WORD)
            memcpy(&found, bytes + right, WORD);
        if (count != WORD || found != word) {
            size_t equal = bytes_equal((const unsigned char *)&word + skip, bytes + right, count);
            if (equal < count)
                return right + equal;
        }
        right += count;
    }
    return right;
}

void pattern_fill(const struct pattern *pattern, uint64_t position, void *out, size_t len)
{
    unsigned char *next = out;
    while (len > 0) {
        struct piece piece = piece_at(pattern, position, len);
        piece_fill(piece, next);
        next += piece.len;
        position += piece.len;
        len -= piece.len;
    }
}

size_t pattern_check(const struct pattern *pattern, uint64_t position, const void *bytes,
                     size_t len)
{
    const unsigned char *next = bytes;
    size_t               right = 0;
    while (right < len) {
        struct piece piece = piece_at(pattern, position + right, len - right);
        size_t       equal = piece_check(piece, next + right);
        right += equal;
        if (equal < piece.len)
            break;
    }
    return right;
}
