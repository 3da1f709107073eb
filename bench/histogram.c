/*
 * histogram.c - the arithmetic between a value and its bucket, and the walk that finds a rank.
 */
#include "histogram.h"

#include <assert.h>
#include <string.h>

enum { SPLIT = 1 << HISTOGRAM_SPLIT_BITS };

/*
 * A value is shifted right until its leading bit stands at SPLIT; the buckets of one shift lie
 * side by side after those of the shift before. Values below 2 * SPLIT need no shift.
 */
static unsigned bucket_shift(uint64_t value)
{
    unsigned leading_bit = 63 - (unsigned)__builtin_clzll(value | 1);
    return leading_bit > HISTOGRAM_SPLIT_BITS ? leading_bit - HISTOGRAM_SPLIT_BITS : 0;
}

static unsigned bucket_of(uint64_t value)
{
    unsigned shift = bucket_shift(value);
    return (shift << HISTOGRAM_SPLIT_BITS) + (unsigned)(value >> shift);
}

/* The value halfway through a bucket: the estimate with the smallest possible error. */
static uint64_t bucket_middle(unsigned bucket)
{
    if (bucket < 2 * SPLIT)
        return bucket;
    unsigned shift = (bucket >> HISTOGRAM_SPLIT_BITS) - 1;
    uint64_t first = (uint64_t)(bucket - (shift << HISTOGRAM_SPLIT_BITS)) << shift;
    return first + (UINT64_C(1) << shift) / 2;
}

void histogram_reset(struct histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
    histogram->min = UINT64_MAX;
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    histogram->buckets[bucket_of(value)]++;
    histogram->count++;
    if (value < histogram->min)
        histogram->min = value;
    if (value > histogram->max)
        histogram->max = value;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++)
        into->buckets[bucket] += from->buckets[bucket];
    into->count += from->count;
    if (from->min < into->min)
        into->min = from->min;
    if (from->max > into->max)
        into->max = from->max;
}

/* The middle of a bucket may lie outside what was seen; the exact bounds are known, so use them. */
static uint64_t clamp_to_seen(const struct histogram *histogram, uint64_t value)
{
    if (value < histogram->min)
        return histogram->min;
    return value > histogram->max ? histogram->max : value;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
    assert(percent >= 0 && percent <= 100);
    if (histogram->count == 0)
        return 0;
    if (percent <= 0)
        return histogram->min;

    double   wanted = (double)histogram->count * percent / 100;
    uint64_t seen = 0;
    for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen == histogram->count)
            break; /* The last bucket in use: its best known value is the largest one seen. */
        if ((double)seen >= wanted)
            return clamp_to_seen(histogram, bucket_middle(bucket));
    }
    return histogram->max;
}
