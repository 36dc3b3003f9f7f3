"""The memfds of a session and of a full book: made, filled in and sealed by the daemon."""

import os
import struct

from msgspec import Struct

from connector._speedups.segment import ABI_HASH, Mapping, create_memfd, seal

PAGE = 4096
"""Bytes of an ``up`` and of a ``down`` segment."""
LEVEL = struct.Struct("<qq")
_SESSION = struct.Struct("<8sQ")
_STATE = struct.Struct("<QQ")
_BOOK = struct.Struct("<8sQIIqqQIIQ")
_STATE_OFFSET = 128

OPEN = 1
ENDED = 2


class SessionMemory:
    """What one session shares: ``up``, written by the strategy, ``down``, written by the daemon.

    The daemon maps ``up`` read-only; ``down`` is sealed against writable mappings of anybody else.
    """

    def __init__(self, session: int) -> None:
        self.up_fd = self.down_fd = self.eventfd = -1
        try:
            self.up_fd = create_memfd("connector-up", PAGE)
            os.pwrite(self.up_fd, _SESSION.pack(b"CNNTSSUP", session), 0)
            seal(self.up_fd, read_only=False)
            self.up = Mapping(self.up_fd, PAGE)
            self.down_fd = create_memfd("connector-down", PAGE)
            self.down = Mapping(self.down_fd, PAGE, writable=True)
            seal(self.down_fd, read_only=True)
            self.eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        except BaseException:
            self.close()
            raise
        view = memoryview(self.down).cast("B")
        _SESSION.pack_into(view, 0, b"CNNTSSDN", session)
        _STATE.pack_into(view, _STATE_OFFSET, OPEN, 0)

    @property
    def fds(self) -> tuple[int, int, int]:
        """What the strategy gets besides the market segment: up, down, eventfd."""
        return self.up_fd, self.down_fd, self.eventfd

    def handed_over(self) -> None:
        """The strategy has its descriptors; the daemon needs no more than its mappings."""
        for name in ("up_fd", "down_fd"):
            os.close(getattr(self, name))
            setattr(self, name, -1)

    def market_cursor(self) -> int:
        """The reader's position in the market ring as it last stored it; not checked."""
        (cursor,) = struct.unpack_from("<Q", self.up, 128)
        return int(cursor)

    def end(self) -> None:
        """Tell the strategy, if it still looks, that its session is over."""
        _STATE.pack_into(memoryview(self.down).cast("B"), _STATE_OFFSET, ENDED, 0)

    def close(self) -> None:
        """Close the daemon's descriptors; the mappings go with the object."""
        for name in ("up_fd", "down_fd", "eventfd"):
            if getattr(self, name) >= 0:
                os.close(getattr(self, name))
                setattr(self, name, -1)


class BookImage(Struct, frozen=True):
    """A full book at one update id."""

    state: int
    update_id: int
    venue_ns: int
    bids: bytes
    """``Level`` structs (price_e, qty_e as int64), best first."""
    asks: bytes


def book_memfd(instrument: int, sequence: int, image: BookImage) -> int:
    """A sealed memfd with ``BookHeader`` and the levels; records from ``sequence`` on follow it."""
    header = _BOOK.pack(
        b"CNNTBOOK",
        ABI_HASH,
        instrument,
        image.state,
        image.update_id,
        image.venue_ns,
        sequence,
        len(image.bids) // LEVEL.size,
        len(image.asks) // LEVEL.size,
        0,
    )
    size = len(header) + len(image.bids) + len(image.asks)
    fd = create_memfd("connector-book", size)
    try:
        if os.pwritev(fd, [header, image.bids, image.asks], 0) != size:
            raise MemoryError(f"a book of {size:,} bytes was not written whole")
        seal(fd, read_only=True)
    except BaseException:
        os.close(fd)
        raise
    return fd


def read_book(fd: int) -> tuple[int, int, BookImage]:
    """Instrument, sequence and image of what ``book_memfd`` made; ValueError when it is not."""
    size = os.fstat(fd).st_size
    data = os.pread(fd, size, 0)
    if len(data) < _BOOK.size:
        raise ValueError(f"a book of {len(data)} bytes")
    magic, abi, instrument, state, update_id, venue_ns, sequence, bids, asks, _ = _BOOK.unpack_from(
        data
    )
    middle = _BOOK.size + bids * LEVEL.size
    end = middle + asks * LEVEL.size
    if magic != b"CNNTBOOK" or abi != ABI_HASH or end != len(data):
        raise ValueError("not a book of this layout")
    image = BookImage(state, update_id, venue_ns, data[_BOOK.size : middle], data[middle:])
    return instrument, sequence, image
