"""The daemon's market data for its paper accounts: one reader of its own ring, as any strategy is
one. Who has no paper account pays nothing for it.

The reader keeps whole books by the same rules as every reader's, and sleeps on the doorbell."""

import asyncio
import logging
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from connector._speedups.bell import Bell
from connector._speedups.events import BookDelta, Event, MarkPrice, Trade
from connector._speedups.reader import FullBook, MarketReader
from connector._speedups.segment import Mapping, Segment, create_memfd
from connector.clock import monotonic_ns
from connector.ipc import client as client  # gives the events their enums
from connector.ipc.segments import PAGE
from connector.market.live import Live
from connector.model.instrument import ABSENT
from connector.model.records import RecordType, Side
from connector.model.states import VALID, FeedKind
from connector.paper.exchange import Exchange, Floor
from connector.venues.contract import Channel

log = logging.getLogger("connector.paper")

SLICE_NS = 20_000
"""No step begins in a callback that has gone on for so long: none should take longer than 200 us,
and a step that matches an order or tells the desk takes most of that."""
_UP = struct.Struct("<8sQ")


class _Tape(MarketReader):
    """Reads the segment of this process. ``find`` gives the instrument of a directory index."""

    def __init__(self, segment: Segment, find: Callable[[int], Live | None]) -> None:
        self._segment, self._find = segment, find
        self.since: dict[int, int] = {}
        """The first record that follows a book as it was fetched, by instrument."""

    def fetch_book(self, index: int) -> tuple[int, int, int, int, bytes, bytes] | None:
        live = self._find(index)
        if live is None or live.kernel.state(FeedKind.BOOK) not in VALID:
            return None
        kernel = live.kernel
        out = bytearray(16 * sum(kernel.counts))
        bids, asks, last_id = kernel.dump(out)
        sequence = self.since[index] = self._segment.sequence
        state, middle = kernel.state(FeedKind.BOOK), 16 * bids
        levels = bytes(out[:middle]), bytes(out[middle : middle + 16 * asks])
        return sequence, state, last_id, live.kernel.venue_ns, *levels


class _Watched:
    """One instrument that somebody trades on paper."""

    def __init__(self, live: Live, book: FullBook) -> None:
        self.live, self.book = live, book
        self.images = book.images
        self.valid = False
        """Whether the floors have the book."""
        self.update_id = 0
        self.floors: dict[Exchange, Floor] = {}
        self.fresh: list[tuple[Floor, int]] = []
        """Those that wait for their first book, and since when."""

    def aggregates(self) -> bool:
        """Whether aggregate trades count: the single ones do if they come, never both."""
        return all(row.channel is not Channel.TRADE for row in self.live.chosen.subscriptions)


class _Served(NamedTuple):
    said: deque[Callable[[], None]]
    failed: Callable[[Exception], None]


class PaperMarket:
    """Feeds the exchanges. ``find`` gives the instrument of a directory index, None when nobody
    serves it."""

    def __init__(
        self,
        segment: Segment,
        bell: Bell,
        find: Callable[[int], Live | None],
    ) -> None:
        self._segment, self._bell, self._find = segment, bell, find
        self._tape: _Tape | None = None
        self._fds: list[int] = []
        self._sockets: tuple[socket.socket, ...] = ()
        self._watched: dict[int, _Watched] = {}
        self._exchanges: dict[Exchange, _Served] = {}
        self._work = self._steps()
        self._scheduled = self._asleep = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0

    # Who is fed

    def add(
        self,
        exchange: Exchange,
        said: deque[Callable[[], None]],
        failed: Callable[[Exception], None],
    ) -> None:
        """Begin to serve an exchange. What is in ``said`` is called, one a step, before anything
        else happens to it; what it raises goes to ``failed`` and ends that."""
        self._exchanges[exchange] = _Served(said, failed)

    def remove(self, exchange: Exchange) -> None:
        """Serve it no longer."""
        self._exchanges.pop(exchange, None)
        for watched in self._watched.values():
            watched.floors.pop(exchange, None)
            watched.fresh = [row for row in watched.fresh if row[0].exchange is not exchange]

    def watch(self, exchange: Exchange, live: Live) -> None:
        """The exchange needs this instrument's market from now on: commands sent after this find
        it as it is now, or later."""
        watched = self._watched.get(live.index)
        if watched is not None and watched.live is not live:
            watched.live = live  # the venue's side began anew
        if watched is None:
            tape = self._tape or self._begin()
            tape.since[live.index] = self._segment.sequence
            instrument = tape.listed_now()[live.index]
            watched = self._watched[live.index] = _Watched(live, tape.keep_book(instrument))
        if exchange not in watched.floors:
            floor = watched.floors[exchange] = exchange.floor(live.instrument)
            watched.fresh.append((floor, monotonic_ns()))
            self.soon()

    def _begin(self) -> _Tape:
        """Open the ring at its end and ask for the doorbell."""
        up_fd = create_memfd("connector-paper-up", PAGE)
        os.pwrite(up_fd, _UP.pack(b"CNNTSSUP", 0), 0)
        up = Mapping(up_fd, PAGE, writable=True)
        event_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._fds = [up_fd, event_fd]
        # The reader looks whether its daemon lives: this one does as long as it looks.
        self._sockets = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        tape = self._tape = _Tape(self._segment, self._find)
        tape.open(self._segment.memory, up, self._sockets[0].fileno(), event_fd)
        self._bell.add_session(up, event_fd)
        asyncio.get_running_loop().add_reader(event_fd, self._rung)
        return tape

    def close(self) -> None:
        """Read nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._tape is not None:
            asyncio.get_running_loop().remove_reader(self._fds[1])
            self._bell.remove(self._fds[1])
            self._tape.shut()
            self._tape = None
        for end in self._sockets:
            end.close()
        for fd in self._fds:
            os.close(fd)
        self._fds, self._sockets = [], ()
        self._watched.clear()
        self._exchanges.clear()

    # When

    def soon(self) -> None:
        """There is something to do: in this or the next turn of the loop."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._pump)

    def arm(self) -> None:
        """Look again when the next command is there."""
        times = [due for one in self._exchanges if (due := one.due_ns) is not None]
        if not times:
            return
        due_ns = min(times)
        if self._timer is not None and self._timer_ns <= due_ns:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ns = due_ns
        # The loop's timers know milliseconds: a shorter wait would be none, again and again. What
        # is late by that is told later and happens no later: every command has its time.
        wait_ms = -(-max(0, due_ns - monotonic_ns()) // 1_000_000)
        self._timer = asyncio.get_running_loop().call_later(wait_ms / 1000, self._rang)

    def _rang(self) -> None:
        self._timer = None
        self._pump()

    def _rung(self) -> None:
        assert self._tape is not None
        self._asleep = False
        self._tape.wake_up()
        self._pump()

    def _pump(self) -> None:
        """Go on for as long as one callback may; then the loop turns."""
        self._scheduled = False
        end_ns = monotonic_ns() + SLICE_NS
        while next(self._work):
            if monotonic_ns() >= end_ns:
                self.soon()
                return
        if self._tape is not None and not self._asleep:
            self._asleep = self._tape.fall_asleep()
            if not self._asleep:
                self.soon()
        self.arm()

    # What

    def _steps(self) -> Iterator[bool]:
        """The work, for ever; False: there is none now."""
        while True:
            for exchange, served in [*self._exchanges.items()]:
                while served.said and exchange in self._exchanges:
                    self._guard(exchange, served.said.popleft())
                    yield True
            now_ns = monotonic_ns()
            for watched in [*self._watched.values()]:
                fresh, watched.fresh = watched.fresh, []
                if fresh and not watched.valid and watched.book.valid:
                    watched.valid, watched.update_id = True, watched.book.update_id
                for floor, since_ns in fresh if watched.valid else ():
                    yield from self._load(watched, floor, since_ns)
            event = self._tape.poll() if self._tape is not None else None
            if event is None:
                # Everything that was received before ``now_ns`` has been read.
                idle = True
                for exchange in [*self._exchanges]:
                    if self._guard(exchange, exchange.step, now_ns):
                        idle = False
                yield not idle
                continue
            watched_one = self._watched.get(event.instrument.index)
            if watched_one is not None:
                recv_ns = event.recv_ns or event.publish_ns
                for exchange in [*watched_one.floors]:
                    while self._guard(exchange, exchange.step, recv_ns - 1):
                        yield True
                yield from self._look(watched_one, event, recv_ns)
            yield True

    def _look(self, watched: _Watched, event: Event, now_ns: int) -> Iterator[bool]:
        """A record of an instrument that is watched; its book has it already."""
        assert self._tape is not None
        book = watched.book
        if isinstance(event, BookDelta) and event.more:
            if watched.valid and event.update_id > watched.update_id:
                self._tell(watched, event, now_ns)
            return
        index = watched.live.index
        if event.record_type == RecordType.INSTRUMENT_CHANGE:
            watched.live = self._find(index) or watched.live
            for exchange in [*watched.floors]:
                self._guard(exchange, exchange.relist, watched.live.instrument, now_ns)
        anew, watched.images = book.images != watched.images, book.images
        if not book.valid:
            watched.valid = False
            for exchange, floor in [*watched.floors.items()]:
                self._guard(exchange, floor.down, now_ns)
        elif anew or not watched.valid:
            watched.valid, watched.update_id = True, book.update_id
            watched.live = self._find(index) or watched.live  # the venue's side may have begun anew
            for floor in [*watched.floors.values()]:
                yield from self._load(watched, floor, now_ns)
        if not watched.valid:
            return
        if event.sequence < self._tape.since.get(index, 0):
            return  # from before the book as it is known
        if not anew:
            self._tell(watched, event, now_ns)
        if isinstance(event, BookDelta):
            watched.update_id = book.update_id

    def _load(self, watched: _Watched, floor: Floor, now_ns: int) -> Iterator[bool]:
        """Give a floor the whole book, and the mark price that is known."""
        mark_e8 = watched.live.mark_e
        steps = floor.load(watched.book.bids_e(), watched.book.asks_e(), now_ns)
        while self._guard(floor.exchange, self._next, steps):
            yield True
        if mark_e8 is not None:
            self._guard(floor.exchange, floor.mark, mark_e8, None, 0, now_ns)

    @staticmethod
    def _next(steps: Iterator[None]) -> bool:
        try:
            next(steps)
        except StopIteration:
            return False
        return True

    def _tell(self, watched: _Watched, event: Event, now_ns: int) -> None:
        for exchange, floor in [*watched.floors.items()]:
            self._guard(exchange, self._hear, floor, event, now_ns, watched)

    @staticmethod
    def _hear(floor: Floor, event: Event, now_ns: int, watched: _Watched) -> None:
        if isinstance(event, BookDelta):
            if event.update_id > watched.update_id:
                floor.delta(event.bids_e, event.asks_e, now_ns, more=event.more)
        elif isinstance(event, Trade):
            if event.is_market and event.aggregate == watched.aggregates():
                sold = event.side is Side.SELL
                floor.trade(event.price_e, event.normal_qty_e, sold, now_ns)
        elif isinstance(event, MarkPrice):
            rate_r = event.rate_e if event.rate_e != ABSENT else None
            floor.mark(event.mark_e, rate_r, max(0, event.next_funding_ns), now_ns)

    def _guard(self, exchange: Exchange, call: Callable[..., bool | None], *args: object) -> bool:
        """A fault of one account is not the others'."""
        served = self._exchanges.get(exchange)
        if served is None:
            return False
        try:
            return bool(call(*args))
        except Exception as error:
            log.exception("a paper account failed", extra={"account": exchange.name})
            self.remove(exchange)
            served.failed(error)
            return False
