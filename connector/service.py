"""One venue's running market side: instruments, connections, rare frames, snapshots, timers.

Everything that decides is elsewhere and pure; this file brings it events and does what it says."""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from connector._speedups.base import PreparedBase
from connector._speedups.bell import Bell
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector._speedups.snapshot import PackedSnapshot
from connector.budget_board import BudgetBoard
from connector.clock import monotonic_ns, wall_ns
from connector.config import VenueSettings
from connector.connections import Connection
from connector.errors import Rejected, VenueError
from connector.groups import Groups
from connector.instruments import Directory, Instruments, Unserved, cache, wishes
from connector.ipc.segments import BookSource
from connector.market.feeds import make_feed
from connector.market.live import Live, Names
from connector.market.refresh import Change, change, fit
from connector.market.selection import Chosen, label, left, no_room, room, select
from connector.market.snapshots import RUNNING_SHARE, STARTING_SHARE, Want, choose
from connector.market.streams import KIND, Streams
from connector.model.counters import Counter, Hop
from connector.model.instrument import Instrument, Status
from connector.model.states import VALID, FeedKind, Reason, State
from connector.pieces import KernelBook, in_turns
from connector.protocol.ratelimit import RollingWindow
from connector.transport.http import HttpClient
from connector.transport.rest import Rest
from connector.transport.tls import client_context
from connector.venues.contract import (
    Channel,
    ContractInfo,
    Control,
    Event,
    Listing,
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
SLICE_NS = 50_000
"""Then frames that wait come first: no callback may take longer than 200 us."""
COMPARED = 32
"""Instruments compared with the venue's answer in one turn of the loop."""
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
        self._groups = Groups(self, room(venue, settings.max_connections, private))
        self._board = BudgetBoard(segment, venue_index)
        trading = self.venue.trading
        self._of_accounts = {pool.name for pool in trading.pools} if trading else set()
        self._sampled: set[str] = set()
        self._ready = False
        self.loaded = asyncio.Event()
        """The venue's instruments are known."""
        self._by_index: dict[int, Live] = {}
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
        while self._by_index:
            self._by_index.popitem()[1].served = False
        self.codec = self.venue.codec(self._segment)
        self._live: dict[str, Live] = {}
        self._names = Names()
        self._turn: deque[Live] = deque()
        self._to_look_at = 0
        self._books: list[Feed] = []
        self._groups.clear()
        self._asking: set[str] = set()
        self._granted: set[str] = set()
        self._selected = self._down = False
        self.unavailable: dict[str, str] = {}

    # Life

    async def run(self) -> None:
        """Load the instruments, open the connections, serve until cancelled.

        Raises what a part of ours raised, after everything was marked DOWN."""
        self._clear()
        self._rest.client = self._client()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._guarded(self._serve(group)), name=self.venue.folder)
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._rest.close()

    async def _serve(self, group: asyncio.TaskGroup) -> None:
        await self._apply(await self._instruments.first(), group)
        while True:
            await self._apply(await self._instruments.next(), group)

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
        self._down, self._selected = True, False
        self.codec.clear()
        now_ns = monotonic_ns()
        for live in self._live.values():
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

    def tick(self, now_ns: int) -> None:
        """Timers: silence, gaps whose patience ended, snapshots that are due."""
        loop = asyncio.get_running_loop()
        for connection in self._connections:
            loop.call_soon(connection.tick, now_ns)
        loop.call_soon(self._ask_snapshot)
        # What counts by account is the accounts' to publish.
        mine = [one for one in self._rest.pools if one[0].name not in self._of_accounts]
        self._board.publish(mine, now_ns, wall_ns())
        self.touched()
        idle = not self._to_look_at
        self._to_look_at = min(FEEDS_A_TICK, len(self._turn))
        if idle and self._to_look_at:
            loop.call_soon(self._look)

    def _look(self) -> None:
        """Look at feeds for as long as one callback may take, then let the loop turn."""
        now_ns = monotonic_ns()
        end_ns = now_ns + SLICE_NS
        try:
            while self._to_look_at:
                self._to_look_at -= 1
                self._turn.rotate(-1)
                self._look_at(self._turn[0], now_ns)
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
        if not self._selected:
            return [f"{self.venue.folder}: instruments"]
        waiting = []
        for symbol, live in self._live.items():
            for row in live.chosen.subscriptions:
                if row.channel in live.chosen.required and not self._served(live, row):
                    waiting.append(f"{symbol} {row.channel.value}")
        return waiting

    def books(self) -> tuple[int, int]:
        """Live books, and all books."""
        return sum(kernel.state(FeedKind.BOOK) in VALID for kernel in self._books), len(self._books)

    def book(self, index: int) -> BookSource | None:
        """The full book of the instrument at ``index``, to be copied; None: not ours."""
        live = self._by_index.get(index)
        return KernelBook(live.kernel) if live is not None else None

    def at(self, index: int) -> Live | Unserved | None:
        """The instrument of a place in the directory."""
        return self._by_index.get(index) or self._directory.unserved.get(index)

    def find(self, symbol: str) -> Live | Unserved | None:
        """The same by its symbol; one that nobody reads gets a place for the orders in it."""
        return self._live.get(symbol) or self._directory.place(symbol)

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
            "instruments": len(self._live),
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
        return self._live[symbol].feed

    def heard_ns(self, symbol: str, channel: Channel, line: int | None = None) -> int:
        """When data of a stream last came on a line, or on any; 0: never."""
        return self._live[symbol].feed.heard_ns(channel, line)

    def trading(self, symbol: str) -> bool:
        """Whether the instrument trades, as far as the venue told: its streams should speak."""
        return self._live[symbol].chosen.instrument.status is Status.TRADING

    def waits(self, symbol: str) -> bool:
        """Whether the book waits for a message that one of its lines has not brought yet."""
        return State(self._live[symbol].kernel.state(FeedKind.BOOK)) is State.BEHIND

    def silent(self, symbol: str, now_ns: int) -> None:
        """A stream of the instrument is silent: say so before anything is tried."""
        self._quiet(self._live[symbol], now_ns)

    def touched(self) -> None:
        self.bell.touch()

    def granted(self, subscription: Subscription) -> None:
        self._granted.add(subscription.stream)
        self.unavailable.pop(label(subscription), None)

    def refused(self, subscription: Subscription, why: str) -> None:
        self.unavailable[label(subscription)] = why
        told = {"venue": self.venue.folder, "stream": subscription.stream}
        log.error("unavailable: %s", why, extra=told)

    def rare(
        self, connection: Connection, epoch: int, line: int, frame: bytes, recv_ns: int
    ) -> None:
        """A frame that the compiled codec left to us."""
        if self._down:
            return
        packed = self.codec.depth(frame, recv_ns, line)
        if packed is not None:
            self._live[packed.symbol].feed.on_depth(packed, line, recv_ns)
            return
        if (book := self.codec.book(frame)) is not None:
            self._live[book.symbol].feed.on_book(book, line, recv_ns)
            return
        try:
            events = self.venue.decode(frame, self._names.scales)
        except ValueError as error:
            events = Unreadable(f"{error}: {frame[:200]!r}")
        for event in events if isinstance(events, list) else [events]:
            self._event(connection, epoch, line, event, recv_ns)

    def _event(
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
            self.count(Counter.UNKNOWN_SYMBOL)
            self._sample(f"{event.kind} of {event.symbol}, which is not configured", "")
        else:
            for live in self._names.of(event.symbol):
                live.feed.on_event(event, line, recv_ns)
            if isinstance(event, ContractInfo):
                self._instruments.hurry()  # the directory follows

    def _sample(self, what: str, detail: str) -> None:
        if what in self._sampled or len(self._sampled) >= SAMPLES:
            return
        self._sampled.add(what)
        log.warning("%s %s", what, detail, extra={"venue": self.venue.folder})

    @property
    def _connections(self) -> list[Connection]:
        return self._groups.connections

    # Instruments

    async def _apply(self, listing: Listing, group: asyncio.TaskGroup) -> None:
        """Bring directory, books and connections into line with what the venue lists."""
        fresh = {one.symbol: one for one in listing.instruments}
        faults = {fault.partition(":")[0]: fault for fault in listing.faults}
        for number, (symbol, was) in enumerate(list(self._directory.listed.items()), 1):
            why, fixed = faults.get(symbol, ""), self.venue.fixed_scale
            found = change(was, fresh.get(symbol), why, fixed)
            if found is not None and found.misfit:
                fresh.pop(symbol, None)
                faults[symbol] = found.down
            elif symbol in fresh:
                fresh[symbol] = fit(fresh[symbol], was.price_exponent, was.qty_exponent)
            if found is not None:
                self._change(found)
            if found is not None or number % COMPARED == 0:
                await asyncio.sleep(0)  # frames that wait come first
        await asyncio.sleep(0)
        for number, (symbol, one) in enumerate(list(fresh.items()), 1):
            try:
                fresh[symbol] = self._directory.know(one)
            except ValueError as error:
                faults[symbol] = f"{symbol}: {error}"
                del fresh[symbol]
            if number % COMPARED == 0:
                await asyncio.sleep(0)
        self._select(list(fresh.values()), list(faults.values()), group)
        self.loaded.set()

    def _change(self, found: Change) -> None:
        """An instrument that strategies know is another now, or cannot be served any more."""
        instrument = found.instrument
        symbol = instrument.symbol
        live = self._live.get(symbol)
        if found.down:
            if live is not None:
                log.error("down: %s", found.down, extra={"venue": self.venue.folder})
                self._retire(live)
            if found.misfit and self.unavailable.get(symbol) != found.down:
                self.count(Counter.MISFITS)
            self.unavailable[symbol] = found.down
        elif live is not None:
            self._move(live, instrument)
        try:
            self._directory.put(instrument)
        except ValueError as error:
            self.count(Counter.MISFITS)
            log.error("down: %s", error, extra={"venue": self.venue.folder})
            if symbol in self._live:
                self._retire(self._live[symbol])
        self.touched()

    def _move(self, live: Live, instrument: Instrument) -> None:
        was = live.chosen.instrument
        live.chosen = replace(live.chosen, instrument=instrument)
        log.warning(
            "instrument changed",
            extra={"symbol": instrument.symbol, "status": instrument.status.name},
        )
        if instrument.series != was.series and any(r.about for r in live.chosen.subscriptions):
            self._retire(live)  # those names are another contract's now: it is asked for anew
        elif instrument.tick_e != was.tick_e:
            try:
                live.kernel.set_tick(instrument.tick_e)
            except MemoryError as error:  # the book stays right on its old grid
                log.error("no new grid: %s", error, extra={"symbol": instrument.symbol})

    def _retire(self, live: Live) -> None:
        """Serve an instrument no longer: DOWN first, then off the connections."""
        symbol, now_ns = live.chosen.instrument.symbol, monotonic_ns()
        self.codec.remove(symbol)
        live.close(now_ns)
        self._groups.leave(symbol, now_ns)
        del self._live[symbol], self._by_index[live.index]
        self._granted -= self._names.remove(live)
        self._turn.remove(live)
        self._to_look_at = min(self._to_look_at, len(self._turn))
        if live.kernel in self._books:
            self._books.remove(live.kernel)

    def _select(
        self, listed: list[Instrument], faults: list[str], tasks: asyncio.TaskGroup
    ) -> None:
        """Serve what the configuration means and is not served yet."""
        known = {one.symbol.upper() for one in listed} | {
            fault.partition(":")[0].upper() for fault in faults
        }
        served = {symbol.upper() for symbol in self._live}
        wanted = left(wishes(self.settings), served, known, self.unavailable)
        free = [one for one in listed if one.symbol not in self._live]
        selection = select(self.venue, free, faults, wanted)

        def start(connection: Connection) -> asyncio.Task[None]:
            work, name = self._guarded(connection.run()), connection.supervisor.name
            return tasks.create_task(work, name=name)

        for name, why in selection.unavailable.items():
            if self.unavailable.get(name) != why:
                self.unavailable[name] = why
                log.error("unavailable: %s: %s", name, why, extra={"venue": self.venue.folder})
        homeless = self._groups.place(selection.chosen, self._add, start, monotonic_ns())
        if homeless:
            assert self._groups.most is not None
            why = no_room(self.venue, self._groups.most)
            told = {"venue": self.venue.folder, "instruments": len(homeless)}
            rows = {one.instrument.symbol: why for one in homeless}
            if not rows.items() <= self.unavailable.items():
                log.error("unavailable: %s", why, extra=told)
            self.unavailable |= rows
        self._selected = True

    def _add(self, chosen: Chosen) -> bool:
        """Give an instrument its place; one that has none costs only itself."""
        instrument = chosen.instrument
        try:
            index = self._directory.put(instrument)
        except ValueError as error:  # a name longer than its field, a full directory
            self.unavailable[instrument.symbol] = str(error)
            log.error("unavailable: %s", error, extra={"venue": self.venue.folder})
            return False
        kernel = Feed(self._segment, index, instrument, self._index)
        feed = make_feed(self.venue, kernel, chosen.subscriptions, self.count, index)
        live = Live(chosen, index, self._index, kernel, feed)
        self._live[instrument.symbol] = live
        self._names.add(live)
        self._by_index[index] = live
        self.unavailable.pop(instrument.symbol, None)
        self._turn.append(live)
        if any(row.channel is Channel.DEPTH for row in chosen.subscriptions):
            self._books.append(kernel)
        self.codec.add(instrument.symbol, kernel)
        return True

    def _served(self, live: Live, row: Subscription) -> bool:
        if label(row) in self.unavailable:
            return True
        if row.channel is Channel.DEPTH:
            return State(live.kernel.state(FeedKind.BOOK)) in VALID
        # Trades and the best prices of a quiet market may not move for hours.
        return row.stream in self._granted and live.kernel.state(KIND[row.channel]) != State.DOWN

    # Snapshots

    def _ask_snapshot(self) -> None:
        """Ask for the most urgent snapshot, one a turn of the loop."""
        now_ns = monotonic_ns()
        wants = [
            Want(1 if live.chosen.required else 2, live.feed.snapshot_due_ns, symbol)
            for symbol, live in self._live.items()
            if live.feed.snapshot_due_ns is not None and symbol not in self._asking
        ]
        share = RUNNING_SHARE if self._ready else STARTING_SHARE
        if not wants:
            return
        request = self.venue.snapshot_request(self._live[wants[0].symbol].chosen.instrument)
        admit_ns = self._rest.admit_ns(request, now_ns, share)
        want = choose(wants, len(self._asking), admit_ns, now_ns)
        if want is None:
            return
        self._asking.add(want.symbol)
        live = self._live[want.symbol]
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
            if self._live.get(symbol) is not live or self._down:
                return  # served no longer
            snapshot = self._decoded(body, live)
            await asyncio.sleep(0)
            base = PreparedBase(snapshot, live.kernel.tick_e)
            await in_turns(base.more)
            if self._live.get(symbol) is not live or self._down:
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
