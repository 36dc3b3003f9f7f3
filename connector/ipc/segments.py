"""The memfds of a session and of a full book: made, filled in and sealed by the daemon."""

import os
import struct
from collections.abc import Callable, Generator, Iterator
from enum import IntEnum
from typing import Protocol

from msgspec import Struct

from connector._speedups.segment import ABI_HASH, Mapping, create_memfd, seal
from connector.model.intents import COMMANDS

PAGE = 4096
"""Bytes of an ``up`` and of a ``down`` segment."""
LEVEL = struct.Struct("<qq")
PIECE = 2048
"""Levels of a full book copied in one turn of the loop."""
COPIES = 16
"""A book that changed during so many copies is copied in one turn."""
_SESSION = struct.Struct("<8sQ")
_STATE = struct.Struct("<QQ")
_BOOK = struct.Struct("<8sQIIqqQIIQ")
_STATE_OFFSET = 128

OPEN = 1
ENDED = 2
COMMAND_BYTES = 512
REPORT_CONTROL = PAGE
"""Where the control words of the report ring lie in ``down``."""
REPORT_RING = 2 * PAGE
"""Where its bytes begin."""
REPORT_BYTES = 1 << 20
_PAID_A_TURN = 1 << 18


class End(IntEnum):
    """Why a session ended, in ``SessionDown.reason``."""

    CLOSED = 0
    """The connection was closed, or the process ended."""
    STOPPED = 1
    """The daemon stops."""
    TAKEN_OVER = 2
    """Another session of the same strategy took over."""
    BROKEN = 3
    """The strategy's memory says what cannot be."""
    HUNG = 4
    """The strategy did not look for events for longer than its lease."""


class SessionMemory:
    """What one session shares: ``up``, written by the strategy, ``down``, written by the daemon.

    The daemon maps ``up`` read-only; ``down`` is sealed against writable mappings of anybody else.
    With ``later`` nothing is there until the caller has gone through ``make()``.
    """

    up: Mapping
    down: Mapping
    up_bytes = PAGE
    down_bytes = PAGE

    def __init__(self, session: int, *, later: bool = False) -> None:
        self._session = session
        self.up_fd = self.down_fd = self.eventfd = -1
        if not later:
            for _ in self.make():
                pass

    def make(self) -> Iterator[None]:
        """Make everything, in pieces for a turn of the loop each; what fails closes the rest."""
        try:
            yield from self._make(self._session)
        except BaseException:
            self.close()
            raise

    def _make(self, session: int) -> Iterator[None]:
        self.up_fd = create_memfd("connector-up", self.up_bytes)
        os.pwrite(self.up_fd, _SESSION.pack(b"CNNTSSUP", session), 0)
        seal(self.up_fd, read_only=False)
        self.up = Mapping(self.up_fd, self.up_bytes, populate=True)
        yield
        self.down_fd = create_memfd("connector-down", PAGE)
        yield from pay(self.down_fd, PAGE, self.down_bytes)
        self.down = Mapping(self.down_fd, self.down_bytes, writable=True, populate=True)
        seal(self.down_fd, read_only=True)
        yield
        view = memoryview(self.down).cast("B")
        _SESSION.pack_into(view, 0, b"CNNTSSDN", session)
        _STATE.pack_into(view, _STATE_OFFSET, OPEN, 0)
        self.eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    @property
    def fds(self) -> tuple[int, ...]:
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

    def looked_ns(self) -> int:
        """When the strategy last looked for events (CLOCK_MONOTONIC), some 20 ms late; 0: never.
        Not checked."""
        return int(memoryview(self.up).cast("q")[512 // 8])

    def end(self, why: End = End.CLOSED) -> None:
        """Tell the strategy, if it still looks, that its session is over."""
        _STATE.pack_into(memoryview(self.down).cast("B"), _STATE_OFFSET, ENDED, why)

    def close(self) -> None:
        """Close the daemon's descriptors; the mappings go with the object."""
        for name in ("up_fd", "down_fd", "eventfd"):
            if getattr(self, name) >= 0:
                os.close(getattr(self, name))
                setattr(self, name, -1)


class TradingMemory(SessionMemory):
    """The same for a strategy that trades: its command ring behind ``up``, the report ring behind
    ``down``, and the eventfd by which it wakes the daemon."""

    up_bytes = PAGE + COMMANDS * COMMAND_BYTES

    def __init__(
        self, session: int, *, report_bytes: int = REPORT_BYTES, later: bool = False
    ) -> None:
        self.report_bytes = report_bytes
        self.down_bytes = REPORT_RING + report_bytes
        self.doorbell = -1
        super().__init__(session, later=later)

    def _make(self, session: int) -> Iterator[None]:
        yield from super()._make(session)
        self.doorbell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    @property
    def fds(self) -> tuple[int, ...]:
        """The same, and the daemon's eventfd."""
        return *super().fds, self.doorbell

    def commands_taken(self) -> int:
        """Number of the last command the gateway took."""
        (taken,) = struct.unpack_from("<Q", self.down, 256)
        return int(taken)

    def report_cursor(self) -> int:
        """The position in the report ring up to which the strategy took reports; not checked."""
        (cursor,) = struct.unpack_from("<Q", self.up, 256)
        return int(cursor)

    def close(self) -> None:
        super().close()
        if self.doorbell >= 0:
            os.close(self.doorbell)
            self.doorbell = -1


def pay(fd: int, paid: int, size: int) -> Iterator[None]:
    """Grow a memfd to ``size`` bytes that are all there, a piece a turn; MemoryError."""
    os.ftruncate(fd, size)
    while paid < size:
        piece = min(size - paid, _PAID_A_TURN)
        try:
            os.posix_fallocate(fd, paid, piece)
        except OSError as error:
            raise MemoryError(f"a session needs {size:,} bytes: {error.strerror}") from error
        paid += piece
        yield


class BookHead(Struct, frozen=True):
    """What a full book is at one moment."""

    state: int
    update_id: int
    venue_ns: int
    bids: int
    asks: int
    """Levels of each side."""
    changes: int = 0
    """Another number: other levels."""


class BookSource(Protocol):
    """A book that can be copied in pieces."""

    def head(self) -> BookHead | None:
        """None: it is not valid now."""

    def levels(self, bid: bool, behind: bytes, out: bytearray) -> int:
        """Put ``Level`` structs of one side into ``out``, best first, beginning behind the level
        ``behind`` (empty: with the best); returns how many bytes."""


class BookImage(Struct, frozen=True):
    """A full book at one update id."""

    state: int
    update_id: int
    venue_ns: int
    bids: bytes
    """``Level`` structs (price_e, qty_e as int64), best first."""
    asks: bytes

    def head(self) -> BookHead:
        sides = len(self.bids) // LEVEL.size, len(self.asks) // LEVEL.size
        return BookHead(self.state, self.update_id, self.venue_ns, *sides)

    def levels(self, bid: bool, behind: bytes, out: bytearray) -> int:
        side = self.bids if bid else self.asks
        start = side.index(behind) + LEVEL.size if behind else 0
        part = side[start : start + len(out)]
        out[: len(part)] = part
        return len(part)


def book_memfd(
    instrument: int, sequence: Callable[[], int], source: BookSource
) -> Generator[None, None, int]:
    """Make a sealed memfd with ``BookHeader`` and the levels; -1: the book is not valid now.

    In pieces for a turn of the loop each, between which the book may change: then the copy begins
    again, so that what is handed out is the book at its update id and records from ``sequence``
    on follow it. OSError when there is no memory."""
    fd = os.memfd_create("connector-book", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        for copy in range(COPIES + 1):
            yield
            begun = source.head()
            if begun is None:
                os.close(fd)
                return -1
            end = yield from _levels(fd, source, begun, in_pieces=copy < COPIES)
            head = source.head()
            if head is not None and head.changes == begun.changes:
                os.ftruncate(fd, end)  # an earlier copy may have been longer
                os.pwrite(fd, _book_header(instrument, sequence(), head), 0)
                seal(fd, read_only=True)
                return fd
        raise OSError("the book changes while it is looked at")
    except BaseException:
        os.close(fd)
        raise


def _levels(
    fd: int, source: BookSource, head: BookHead, *, in_pieces: bool
) -> Generator[None, None, int]:
    """Write both sides behind the header; returns where they end."""
    out = bytearray(PIECE * LEVEL.size)
    offset = _BOOK.size
    for bid, count in ((True, head.bids), (False, head.asks)):
        left, behind = count * LEVEL.size, b""
        while left:
            size = min(source.levels(bid, behind, out), left)
            if not size:
                return offset  # it changed
            with memoryview(out) as view:
                _put(fd, view[:size], offset)
            behind = bytes(out[size - LEVEL.size : size])
            offset += size
            left -= size
            if in_pieces:
                yield
    return offset


def _put(fd: int, data: memoryview, offset: int) -> None:
    if os.pwrite(fd, data, offset) != len(data):
        raise MemoryError(f"{len(data):,} bytes of a book were not written whole")


def _book_header(instrument: int, sequence: int, head: BookHead) -> bytes:
    return _BOOK.pack(
        b"CNNTBOOK",
        ABI_HASH,
        instrument,
        head.state,
        head.update_id,
        head.venue_ns,
        sequence,
        head.bids,
        head.asks,
        0,
    )


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
