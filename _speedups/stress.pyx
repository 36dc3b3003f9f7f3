"""Loops that two processes run against each other to prove the ring and the cells: for tests, never imported by the
daemon.

Every word of a record's body is a function of its sequence number and its place, every word of a cell of its own first
number: a torn copy cannot go unnoticed.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from .atomics cimport monotonic_ns, pause
from .layout cimport BboCell, LevelsCell, RecordHeader, SegmentHeader, TopEntry
from .ring cimport RingReader, ring_claim, ring_commit, ring_length, ring_peek, ring_take
from .segment cimport Mapping, Segment
from .seqlock cimport cell_begin, cell_end, cell_read

cdef enum:
    MOST_WORDS = 4096


cdef inline uint64_t pattern(uint64_t number, uint64_t place) noexcept nogil:
    return (number + place) * <uint64_t>0x9e3779b97f4a7c15


cdef void fill_cell(void* cell, size_t size, uint64_t number) noexcept nogil:
    cdef uint64_t* words = <uint64_t*>cell
    cdef size_t i
    cell_begin(words)
    words[1] = number
    for i in range(2, size // 8):
        words[i] = pattern(number, i)
    cell_end(words, number & 255)


cdef bint cell_is_whole(const void* cell, size_t size) noexcept nogil:
    cdef const uint64_t* words = <const uint64_t*>cell
    cdef size_t i
    if words[0] == 0:
        return True  # never written
    if words[0] & 255 != words[1] & 255:
        return False
    for i in range(2, size // 8):
        if words[i] != pattern(words[1], i):
            return False
    return True


def write(Segment segment not None, uint64_t records, uint64_t seed=1, *, uint64_t pause_every=0):
    """Write ``records`` records of many lengths, aborting some claims, and the cells of instrument 0 on the way."""
    cdef uint64_t state = seed * 2 + 1, i, k, words, sequence
    cdef uint64_t* body
    cdef RecordHeader* record
    if segment.ring.capacity >> 3 < 64 + MOST_WORDS * 8:
        raise ValueError("the ring is too small for the longest record")
    with nogil:
        for i in range(records):
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            words = 1 + (state & 15)
            if state >> 8 & 127 == 0:
                words = 1 + (state >> 16) % MOST_WORDS
            if state >> 32 & 255 == 0:  # a claim that is given up, with bytes in it that look like a stamp
                record = ring_claim(&segment.ring, 64 + MOST_WORDS * 8)
                body = <uint64_t*>(record + 1)
                for k in range(words):
                    body[k] = segment.ring.position + 64 * (k // 8 + 1) + 1
            record = ring_claim(&segment.ring, 64 + words * 8)
            sequence = segment.ring.sequence
            record.type = 255
            record.update_id = <int64_t>words
            body = <uint64_t*>(record + 1)
            for k in range(words):
                body[k] = pattern(sequence, k)
            if i & 7 == 0:
                fill_cell(&segment.table.bbo, sizeof(BboCell), sequence)
                if i & 63 == 0:
                    fill_cell(&segment.table.levels, sizeof(LevelsCell), sequence)
            ring_commit(&segment.ring, record, 64 + words * 8)
            if pause_every and i % pause_every == 0:
                for k in range(200):
                    pause()


def read(RingReader reader not None, uint64_t until, double seconds=60):
    """Read up to sequence ``until``; returns (received, lost, laps, torn, cells, torn_cells, finished)."""
    cdef uint64_t torn = 0, cells = 0, torn_cells = 0, words, k, length, next_sequence = reader.view.sequence
    cdef uint64_t polls = 0
    cdef const RecordHeader* record
    cdef Mapping memory = reader.memory
    cdef const SegmentHeader* header = <const SegmentHeader*>memory.base
    cdef const TopEntry* top = <const TopEntry*>(memory.base + header.table_offset)
    cdef RecordHeader* copy = <RecordHeader*>malloc(reader.view.capacity >> 3)
    cdef uint64_t* body = <uint64_t*>(copy + 1)
    cdef BboCell bbo
    cdef LevelsCell levels
    cdef int64_t until_ns = monotonic_ns() + <int64_t>(seconds * 1e9)
    if copy == NULL:
        raise MemoryError()
    with nogil:
        while reader.view.sequence <= until:
            polls += 1
            if polls & 15 == 0:
                if cell_read(&top.bbo, &bbo, sizeof(bbo)):
                    cells += 1
                    torn_cells += not cell_is_whole(&bbo, sizeof(bbo))
                if polls & 63 == 0 and cell_read(&top.levels, &levels, sizeof(levels)):
                    cells += 1
                    torn_cells += not cell_is_whole(&levels, sizeof(levels))
                if polls & 0xffff == 0 and monotonic_ns() > until_ns:
                    break
            record = ring_peek(&reader.view)
            if record == NULL:
                pause()
                continue
            length = ring_length(&reader.view, record)
            memcpy(copy, record, length)
            if not ring_take(&reader.view, copy.sequence, length):
                continue
            words = <uint64_t>copy.update_id
            if copy.type != 255 or copy.sequence < next_sequence or length != 64 + ((words * 8 + 63) & ~<uint64_t>63):
                torn += 1
                continue
            next_sequence = copy.sequence + 1
            for k in range(words):
                if body[k] != pattern(copy.sequence, k):
                    torn += 1
                    break
    free(copy)
    return (
        reader.view.received, reader.view.lost, reader.view.laps, torn, cells, torn_cells,
        reader.view.sequence > until,
    )


def stop_half_way(Segment segment not None, index=0):
    """Leave the cells of an instrument as a writer does that is killed while it writes."""
    cdef TopEntry* top = segment.table + <int>index
    cell_begin(&top.bbo.word)
    cell_begin(&top.trade.word)
    cell_begin(&top.levels.word)
