/*
 * histogram.h - how often each latency occurred, in fixed memory and a few nanoseconds a record.
 *
 * The scale is log-linear: every power of two is cut into 128 equal buckets, so that a bucket is
 * never wider than 1/128 (0.8 %) of the values in it, and values below 256 have one of their own.
 * All of uint64_t fits: there is no largest value to choose and nothing to clamp.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_SPLIT_BITS = 7, /* 2^7 buckets a power of two give the 1 % that a report shows */
    HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SPLIT_BITS + 1) << HISTOGRAM_SPLIT_BITS,
};

/* 58 KiB: keep it in a static or on the heap. */
struct histogram {
    uint64_t count;
    uint64_t min; /* exact; UINT64_MAX while nothing is recorded */
    uint64_t max; /* exact; 0 while nothing is recorded */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Empties the histogram; also how a new one is made. */
void histogram_reset(struct histogram *histogram);

void histogram_record(struct histogram *histogram, uint64_t value);

/* Adds all that `from` recorded; the result is as if both had recorded into one. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/*
 * The value that `percent` (0 to 100) of the records do not exceed, to within 1 %. 0 gives the
 * exact smallest, 100 the exact largest, and an empty histogram gives 0.
 */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

#endif
