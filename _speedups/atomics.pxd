# C11 fences and orderings as gcc builtins, so that x86-64 and aarch64 both get what the ring and the cells need.
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <time.h>
    #define CONNECTOR_LOAD_ACQUIRE(p)      __atomic_load_n((p), __ATOMIC_ACQUIRE)
    #define CONNECTOR_LOAD_RELAXED(p)      __atomic_load_n((p), __ATOMIC_RELAXED)
    #define CONNECTOR_STORE_RELAXED(p, v)  __atomic_store_n((p), (v), __ATOMIC_RELAXED)
    #define CONNECTOR_STORE_RELEASE(p, v)  __atomic_store_n((p), (v), __ATOMIC_RELEASE)
    #define CONNECTOR_FENCE_RELEASE()      __atomic_thread_fence(__ATOMIC_RELEASE)
    #define CONNECTOR_FENCE_ACQUIRE()      __atomic_thread_fence(__ATOMIC_ACQUIRE)
    #define CONNECTOR_FENCE_SEQ_CST()      __atomic_thread_fence(__ATOMIC_SEQ_CST)
    #if defined(__x86_64__)
    #define CONNECTOR_PAUSE()              __builtin_ia32_pause()
    #elif defined(__aarch64__)
    #define CONNECTOR_PAUSE()              __asm__ __volatile__("yield")
    #else
    #define CONNECTOR_PAUSE()              ((void)0)
    #endif
    /* Ask for a line to write or to read, without waiting. gcc makes a plain prefetch of the first one unless the target
       has PREFETCHW, whose bytes every x86-64 takes: as a hint or as nothing. */
    #if defined(__x86_64__)
    #define CONNECTOR_FETCH_TO_WRITE(p)    __asm__ __volatile__("prefetchw %0" : : "m"(*(const char*)(p)))
    #else
    #define CONNECTOR_FETCH_TO_WRITE(p)    __builtin_prefetch((p), 1)
    #endif
    #define CONNECTOR_FETCH_TO_READ(p)     __builtin_prefetch((p), 0)
    #define CONNECTOR_LIKELY(x)            __builtin_expect(!!(x), 1)
    #define CONNECTOR_UNLIKELY(x)          __builtin_expect(!!(x), 0)
    static inline int64_t connector_monotonic_ns(void) {
      struct timespec now;
      clock_gettime(CLOCK_MONOTONIC, &now);
      return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    /* The same clock as of the last timer tick (1 to 10 ms ago), at a fifth of the price. */
    static inline int64_t connector_coarse_ns(void) {
      struct timespec now;
      clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
      return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    /* CLOCK_REALTIME less CLOCK_MONOTONIC, of the tightest of a few pairs of readings. */
    static inline int64_t connector_wall_offset_ns(void) {
      struct timespec wall;
      int64_t offset = 0, least = INT64_MAX, before, width;
      for (int i = 0; i < 3; i++) {
        before = connector_monotonic_ns();
        clock_gettime(CLOCK_REALTIME, &wall);
        width = connector_monotonic_ns() - before;
        if (width < least) {
          least = width;
          offset = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec - before - width / 2;
        }
      }
      return offset;
    }
    """
    uint64_t load_acquire "CONNECTOR_LOAD_ACQUIRE" (const uint64_t* p) noexcept nogil
    uint64_t load_relaxed "CONNECTOR_LOAD_RELAXED" (const uint64_t* p) noexcept nogil
    void store_relaxed "CONNECTOR_STORE_RELAXED" (uint64_t* p, uint64_t v) noexcept nogil
    void store_release "CONNECTOR_STORE_RELEASE" (uint64_t* p, uint64_t v) noexcept nogil
    void fence_release "CONNECTOR_FENCE_RELEASE" () noexcept nogil
    void fence_acquire "CONNECTOR_FENCE_ACQUIRE" () noexcept nogil
    void fence_seq_cst "CONNECTOR_FENCE_SEQ_CST" () noexcept nogil
    void pause "CONNECTOR_PAUSE" () noexcept nogil
    void fetch_to_write "CONNECTOR_FETCH_TO_WRITE" (const void* p) noexcept nogil
    void fetch_to_read "CONNECTOR_FETCH_TO_READ" (const void* p) noexcept nogil
    bint likely "CONNECTOR_LIKELY" (bint x) noexcept nogil
    bint unlikely "CONNECTOR_UNLIKELY" (bint x) noexcept nogil
    int64_t monotonic_ns "connector_monotonic_ns" () noexcept nogil
    int64_t coarse_ns "connector_coarse_ns" () noexcept nogil
    int64_t wall_offset_ns "connector_wall_offset_ns" () noexcept nogil
