# Seqlocked cells of one writer: word = count << 8 | state, count odd while the cell is being written.
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from .atomics cimport fence_acquire, fence_release, load_acquire, load_relaxed, pause, store_relaxed, store_release

cdef enum:
    CELL_TRIES = 1000             # a writer is done within 100 ns; longer means that it was stopped half-way


cdef inline void cell_begin(uint64_t* word) noexcept nogil:
    store_relaxed(word, load_relaxed(word) + 256)
    fence_release()


cdef inline void cell_end(uint64_t* word, uint8_t state) noexcept nogil:
    store_release(word, ((load_relaxed(word) & ~<uint64_t>255) + 256) | state)


# Changes the state alone.
cdef inline void cell_state(uint64_t* word, uint8_t state) noexcept nogil:
    cell_begin(word)
    cell_end(word, state)


# Copies a whole cell whose first field is its word; False when no copy was whole within CELL_TRIES.
cdef inline bint cell_read(const void* cell, void* out, size_t size) noexcept nogil:
    cdef const uint64_t* word = <const uint64_t*>cell
    cdef uint64_t before
    cdef int tries
    for tries in range(CELL_TRIES):
        before = load_acquire(word)
        if not (before >> 8) & 1:
            memcpy(out, cell, size)
            fence_acquire()
            if load_relaxed(word) == before:
                return True
        pause()
    return False
