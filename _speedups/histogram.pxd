# Log-linear latency histograms: 32 buckets to a power of two, so that a bucket is at most 1/32 of its value wide.
#
#   value < 32:   bucket = value
#   otherwise:    e = floor(log2(value)); bucket = (e - 4) * 32 + ((value >> (e - 5)) & 31)
#
# Bucket 1023 takes 2^36 ns (68.7 s) and everything above. connector/model/histogram.py reads them back.
from libc.stdint cimport int64_t, uint64_t

from .atomics cimport load_relaxed, store_relaxed, unlikely
from .layout cimport CONNECTOR_HISTOGRAM_BUCKETS, Histogram

cdef extern from *:
    int __builtin_clzll(unsigned long long) noexcept nogil


cdef inline uint64_t histogram_bucket(uint64_t value) noexcept nogil:
    cdef uint64_t e, bucket
    if value < 32:
        return value
    e = 63 - __builtin_clzll(value)
    bucket = (e - 4) * 32 + ((value >> (e - 5)) & 31)
    return bucket if bucket < CONNECTOR_HISTOGRAM_BUCKETS else CONNECTOR_HISTOGRAM_BUCKETS - 1


# One writer; readers see each word whole. Negative durations (two clocks) count as 0.
cdef inline void histogram_add(Histogram* histogram, int64_t duration_ns) noexcept nogil:
    cdef uint64_t value = <uint64_t>duration_ns if duration_ns > 0 else 0
    cdef uint64_t bucket = histogram_bucket(value)
    store_relaxed(&histogram.bucket[bucket], histogram.bucket[bucket] + 1)
    store_relaxed(&histogram.sum_ns, histogram.sum_ns + value)
    if unlikely(value > histogram.max_ns):
        store_relaxed(&histogram.max_ns, value)
    store_relaxed(&histogram.count, histogram.count + 1)
