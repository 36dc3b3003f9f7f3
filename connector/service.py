"""One venue's running market side: instruments, connections, rare frames, snapshots, timers.

Everything that decides is elsewhere and pure; this file brings it events and does what it says."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

from connector._speedups.base import PreparedBase
from connector._speedups.bell import Bell
from connector._speedups.segment import Segment
from connector._speedups.snapshot import PackedSnapshot
from connector.budget_board import BudgetBoard
from connector.clock import monotonic_ns, wall_ns
from connector.config import VenueSettings
from connector.connections import Connection
from connector.errors import Rejected, VenueError
from connector.groups import Groups
from connector.instruments import Directory, Instruments, Unserved, cache
from connector.ipc.segments import BookSource
from connector.market.beside import Misfit
from connector.market.live import Live
from connector.market.selection import room
from connector.market.snapshots import RUNNING_SHARE, STARTING_SHARE, Want, choose
from connector.market.streams import Streams
from connector.model.counters import Counter, Hop
from connector.model.instrument import Instrument, Status
from connector.model.states import VALID, FeedKind, Reason, State
from connector.pieces import KernelBook, in_turns
from connector.protocol.ratelimit import RollingWindow
from connector.serving import Serving
from connector.transport.http import HttpClient
from connector.transport.rest import Rest
from connector.transport.tls import client_context
from connector.venues.contract import (
    Channel,
    ContractInfo,
    Control,
    Event,
    Snapshot,
    Subscription,
    UnknownEvent,
    UnknownSymbol,
    Unreadable,
    Venue,
)

log = logging.getLogger("connector.service")

SECOND_NS = 1_000_000_000
FEEDS_A_TICK = 32
"""Feeds looked at in one tick of 50 ms."""
SLICE_NS = 20_000
"""Then frames that wait come first: no callback may take longer than 200 us."""
SAMPLES = 5
"""Unknown events that are written to the log, a kind once; the rest is only counted."""


class MarketService:
    """The market data of one venue, written into ``segment``; ``private`` connections to it are
    somebody else's.

    ``run`` until cancelled; when it raised, everything of the venue is DOWN and it may be run
    again: places in the directory, rate budgets and what is known of the instruments stay.
    ``tick`` about every 50 ms; ``pending`` names what READY still waits for."""

    def __init__(
        self,
        venue: Venue,
        settings: VenueSettings,
        segment: Segment,
        bell: Bell,
        venue_index: int,
        state_dir: Path,
        private: int = 0,
    ) -> None:
        self.venue = venue
        self.settings = settings
        self.bell = bell
        self._segment, self._index = segment, venue_index
        secure = self.venue.ws_url.startswith("wss:") or self.venue.rest_url.startswith("https:")
        self.context = client_context(settings.ca_file) if secure else None
        self.gate = RollingWindow(self.venue.limits.connects, self.venue.limits.connects_window_ns)
        self._rest = Rest(self.venue, self._client(), self.count)
        self._instruments = Instruments(
            self.venue, self._rest, cache(venue, state_dir), settings.refresh_s, self.count
        )
        self._directory = Directory(segment, venue_index)
        self.gone, self.instruments = self._directory.gone, self._directory.listed.values
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._serving = Serving(
            self,
            segment,
            venue_index,
            self._directory,
            Groups(self, room(venue, settings.max_connections, private)),
            self._start_connection,
        )
        self._board = BudgetBoard(segment, venue_index)
        trading = self.venue.trading
        self._of_accounts = {pool.name for pool in trading.pools} if trading else set()
        self._sampled: set[str] = set()
        self._ready = False
        self.loaded = asyncio.Event()
        """The venue's instruments are known."""
        self._clear()

    def _client(self) -> HttpClient:
        return HttpClient(
            self.venue.rest_url,
            self.context,
            timeout_s=self.settings.request_s,
            local_address=self.settings.local_address,
        )

    def _clear(self) -> None:
        """Begin with nothing that is served."""
        self.codec = self.venue.codec(self._segment)
        self._serving.clear()
        self._to_look_at = 0
        self._asking: set[str] = set()
        self._down = False

    # Life

    async def run(self) -> None:
        """Load the instruments, open the connections, serve until cancelled.

        Raises what a part of ours raised, after everything was marked DOWN."""
        self._clear()
        self._rest.client = self._client()
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self._guarded(self._serve()), name=self.venue.folder)
        finally:
            self._group = None
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._rest.close()

    async def _serve(self) -> None:
        await self._serving.apply(await self._instruments.first())
        self.loaded.set()
        while True:
            await self._serving.apply(await self._instruments.next())

    def _start_connection(self, connection: Connection) -> "asyncio.Task[None]":
        assert self._group is not None
        work, name = self._guarded(connection.run()), connection.supervisor.name
        return self._group.create_task(work, name=name)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Ending the other parts takes time: readers learn first that nothing is served."""
        try:
            await work
        except Exception:
            self.down(Reason.RESTART)
            raise

    def down(self, reason: Reason) -> None:
        """Mark everything DOWN and take nothing in any more."""
        if self._down:
            return
        self._down, self._serving.selected = True, False
        self.codec.clear()
        now_ns = monotonic_ns()
        for live in self._serving.live.values():
            try:
                live.feed.close(reason, now_ns)
            except Exception:  # it may be what failed; the others must be marked all the same
                log.exception("no end", extra={"symbol": live.chosen.instrument.symbol})
        self.touched()

    @property
    def index(self) -> int:
        """The venue's number in the segment."""
        return self._index

    @property
    def rest(self) -> Rest:
        """The venue's REST door, under the budget of this address."""
        return self._rest

    @property
    def old(self) -> bool:
        """The instruments come from the disk: the venue did not give them."""
        return self._instruments.old

    def tick(self) -> Iterator[None]:
        """Timers: silence, gaps whose patience ended, snapshots that are due. A piece in each turn
        of the loop."""
        loop = asyncio.get_running_loop()
        for connection in tuple(self._connections):
            loop.call_soon(connection.tick, monotonic_ns())
            yield
        loop.call_soon(self._ask_snapshot)
        # What counts by account is the accounts' to publish.
        mine = [one for one in self._rest.pools if one[0].name not in self._of_accounts]
        self._board.publish(mine, monotonic_ns(), wall_ns())
        self.touched()
        idle = not self._to_look_at
        self._to_look_at = min(FEEDS_A_TICK, len(self._serving.turn))
        if idle and self._to_look_at:
            loop.call_soon(self._look)

    def _look(self) -> None:
        """Look at feeds for as long as one callback may take, then let the loop turn."""
        now_ns, turn = monotonic_ns(), self._serving.turn
        end_ns = now_ns + SLICE_NS
        try:
            while self._to_look_at and turn:  # some may have left since the last turn
                self._to_look_at -= 1
                turn.rotate(-1)
                self._look_at(turn[0], now_ns)
                if monotonic_ns() >= end_ns:
                    break
        finally:
            self.touched()
            if self._to_look_at:
                asyncio.get_running_loop().call_soon(self._look)

    def _look_at(self, live: Live, now_ns: int) -> None:
        symbol = live.chosen.instrument.symbol
        if live.kernel.crossed and live.kernel.state(FeedKind.BOOK) in VALID:
            log.error("crossed book, fetching it anew", extra={"symbol": symbol})
        self._quiet(live, now_ns)
        if live.kernel.edge_near:
            live.kernel.recentre()
        # A book may also be replaced long after its snapshot came.
        live.kernel.sweep()

    def _quiet(self, live: Live, now_ns: int) -> None:
        symbol = live.chosen.instrument.symbol
        for kind in live.feed.on_timer(now_ns):
            log.warning("silent", extra={"symbol": symbol, "feed": kind.name})
            if kind is FeedKind.BOOK:
                self._instruments.hurry()  # it may have stopped trading

    def ready(self) -> None:
        """The daemon is READY: from now on snapshots leave the budget to others."""
        self._ready = True

    def pending(self) -> list[str]:
        """What is required and neither there nor named unavailable."""
        return self._serving.pending()

    @property
    def serving(self) -> Serving:
        """Which instruments are served, and with which streams."""
        return self._serving

    @property
    def unavailable(self) -> dict[str, str]:
        """What is wanted and cannot be had, with the reason."""
        return self._serving.unavailable

    def books(self) -> tuple[int, int]:
        """Live books, and all books."""
        return sum(kernel.state(FeedKind.BOOK) in VALID for kernel in self._serving.books), len(
            self._serving.books
        )

    def book(self, index: int) -> BookSource | None:
        """The full book of the instrument at ``index``, to be copied; None: not ours."""
        live = self._serving.by_index.get(index)
        return KernelBook(live.kernel) if live is not None else None

    def at(self, index: int) -> Live | Unserved | None:
        """The instrument of a place in the directory."""
        return self._serving.by_index.get(index) or self._directory.unserved.get(index)

    def find(self, symbol: str) -> Live | Unserved | None:
        """The same by its symbol; one that nobody reads gets a place for the orders in it."""
        return self._serving.live.get(symbol) or self._directory.place(symbol)

    def instrument(self, symbol: str) -> Instrument | None:
        """Any instrument that the venue lists or listed, served or not, always in one scale."""
        return self._directory.known(symbol)

    def remember(self, instrument: Instrument) -> None:
        """One the venue does not list any more, but orders of earlier runs are in it."""
        self._directory.know(instrument)

    def state(self) -> dict[str, Any]:
        """How things are, for ``connector top`` and whoever asks on the control socket."""
        live, books = self.books()
        return {
            "venue": self.venue.folder,
            "exchange": self.venue.name,
            "instruments": len(self._serving.live),
            "books_live": live,
            "books": books,
            "old": self.old,
            "unavailable": dict(self.unavailable),
            "connections": [connection.state() for connection in self._connections],
        }

    # What the connections need (``connections.Owner``)

    def count(self, counter: Counter, amount: int = 1) -> None:
        self._segment.count(counter.value, amount)

    def feed(self, symbol: str) -> Streams:
        return self._serving.live[symbol].feed

    def heard_ns(self, symbol: str, channel: Channel, line: int | None = None) -> int:
        """When data of a stream last came on a line, or on any; 0: never."""
        return self._serving.live[symbol].feed.heard_ns(channel, line)

    def trading(self, symbol: str) -> bool:
        """Whether the instrument trades, as far as the venue told: its streams should speak."""
        return self._serving.live[symbol].chosen.instrument.status is Status.TRADING

    def waits(self, symbol: str) -> bool:
        """Whether the book waits for a message that one of its lines has not brought yet."""
        return State(self._serving.live[symbol].kernel.state(FeedKind.BOOK)) is State.BEHIND

    def spare(self) -> bool:
        """Whether one more connection may be open beside those that are."""
        return self._serving.groups.spare

    def silent(self, symbol: str, now_ns: int) -> None:
        """A stream of the instrument is silent: say so before anything is tried."""
        self._quiet(self._serving.live[symbol], now_ns)

    def touched(self) -> None:
        self.bell.touch()

    def granted(self, subscription: Subscription) -> None:
        self._serving.on_granted(subscription)

    def refused(self, subscription: Subscription, why: str) -> None:
        self._serving.on_refused(subscription, why)

    def rare(
        self, connection: Connection, epoch: int, line: int, frame: bytes, recv_ns: int
    ) -> None:
        """A frame that the compiled codec left to us."""
        if self._down:
            return
        if connection.talks:
            connection.on_frame(epoch, line, frame, recv_ns)
            return
        packed = self.codec.depth(frame, recv_ns, line)
        if packed is not None:
            self._serving.live[packed.symbol].feed.on_depth(packed, line, recv_ns)
            return
        if (book := self.codec.book(frame)) is not None:
            self._serving.live[book.symbol].feed.on_book(book, line, recv_ns)
            return
        try:
            events = self.venue.decode(frame, self._serving.names.scales)
        except ValueError as error:
            events = Unreadable(f"{error}: {frame[:200]!r}")
        for event in events if isinstance(events, list) else [events]:
            self.event(connection, epoch, line, event, recv_ns)

    def event(
        self, connection: Connection, epoch: int, line: int, event: Event, recv_ns: int
    ) -> None:
        if isinstance(event, Control):
            connection.on_control(epoch, event, recv_ns)
        elif isinstance(event, Unreadable):
            self.count(Counter.UNDECODABLE)
            self._sample("undecodable", event.words)
        elif isinstance(event, UnknownEvent):
            self.count(Counter.UNKNOWN_EVENT)
            self._sample(f"unknown event {event.kind}", "")
        elif isinstance(event, UnknownSymbol):
            if self._serving.was_served(event.symbol):
                return
            self.count(Counter.UNKNOWN_SYMBOL)
            self._sample(f"{event.kind} of {event.symbol}, which is not configured", "")
        else:
            for live in self._serving.names.of(event.symbol):
                try:
                    live.feed.on_event(event, line, recv_ns)
                except Misfit as error:
                    self.count(Counter.UNDECODABLE)
                    self._sample("longer than its record", str(error))
            if isinstance(event, ContractInfo):
                self._instruments.hurry()  # the directory follows

    def _sample(self, what: str, detail: str) -> None:
        if what in self._sampled or len(self._sampled) >= SAMPLES:
            return
        self._sampled.add(what)
        log.warning("%s %s", what, detail, extra={"venue": self.venue.folder})

    @property
    def _connections(self) -> list[Connection]:
        return self._serving.groups.connections

    # Snapshots

    def _ask_snapshot(self) -> None:
        """Ask for the most urgent snapshot, one a turn of the loop."""
        now_ns = monotonic_ns()
        wants = [
            Want(1 if live.chosen.required else 2, live.feed.snapshot_due_ns, symbol)
            for symbol, live in self._serving.live.items()
            if live.feed.snapshot_due_ns is not None and symbol not in self._asking
        ]
        share = RUNNING_SHARE if self._ready else STARTING_SHARE
        if not wants:
            return
        request = self.venue.snapshot_request(self._serving.live[wants[0].symbol].chosen.instrument)
        admit_ns = self._rest.admit_ns(request, now_ns, share)
        want = choose(wants, len(self._asking), admit_ns, now_ns)
        if want is None:
            return
        self._asking.add(want.symbol)
        live = self._serving.live[want.symbol]
        self._start(self._snapshot(live, share), f"snapshot/{want.symbol}")
        asyncio.get_running_loop().call_soon(self._ask_snapshot)

    async def _snapshot(self, live: Live, share: float) -> None:
        symbol = live.chosen.instrument.symbol
        asked_ns, epoch = monotonic_ns(), live.feed.epoch
        live.feed.on_snapshot_asked(asked_ns)
        try:
            request = self.venue.snapshot_request(live.chosen.instrument)
            body = await self._rest.ask(request, share)
            await asyncio.sleep(0)  # frames that wait come between the pieces of this
            if self._serving.live.get(symbol) is not live or self._down:
                return  # served no longer
            snapshot = self._decoded(body, live)
            await asyncio.sleep(0)
            base = PreparedBase(snapshot, live.kernel.tick_e)
            await in_turns(base.more)
            if self._serving.live.get(symbol) is not live or self._down:
                return  # served no longer
            now_ns = monotonic_ns()
            live.feed.on_snapshot(base, epoch, now_ns)
            if State(live.kernel.state(FeedKind.BOOK)) in VALID:
                self._segment.observe(Hop.SNAPSHOT.value, now_ns - asked_ns)
            await asyncio.sleep(0)
            await in_turns(live.kernel.sweep)
        except (VenueError, ValueError) as error:
            retryable = not isinstance(error, Rejected)
            live.feed.on_snapshot_failed(epoch, monotonic_ns(), retryable=retryable)
            log.warning("no snapshot: %s", error, extra={"symbol": symbol})
        except Exception:  # ours, or no memory: the book must be asked for again all the same
            live.feed.on_snapshot_failed(epoch, monotonic_ns())
            log.exception("a snapshot could not be used", extra={"symbol": symbol})
        finally:
            self._asking.discard(symbol)
            self.touched()

    def _decoded(self, body: bytes, live: Live) -> PackedSnapshot | Snapshot:
        """A depth answer; what the compiled codec does not take, the venue's decoder judges."""
        symbol = live.chosen.instrument.symbol
        packed: PackedSnapshot | None = self.codec.snapshot(body, symbol)
        if packed is not None:
            return packed
        return self.venue.snapshot(body, live.chosen.instrument)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("task %s failed", task.get_name(), exc_info=task.exception())
