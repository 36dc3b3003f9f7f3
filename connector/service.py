"""One venue's running market side: instruments, connections, rare frames, snapshots, timers.

Everything that decides is elsewhere and pure; this file brings it events and does what it says."""

import asyncio
import itertools
import logging
import os
import random
from collections import deque
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from connector._speedups.bell import Bell
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.clock import monotonic_ns, wall_ns
from connector.config import VenueSettings, configured
from connector.connections import LINES, Connection, Lines
from connector.errors import Rejected, Throttled, VenueError
from connector.ipc.segments import LEVEL, BookImage
from connector.market.feed import KIND, Base, InstrumentFeed
from connector.market.selection import Chosen, Selection, Wish, select, shards
from connector.market.snapshots import RUNNING_SHARE, STARTING_SHARE, Want, choose
from connector.model.counters import Counter, Hop
from connector.model.instrument import Instrument, Status
from connector.model.states import VALID, FeedKind, State
from connector.protocol.backoff import Backoff
from connector.protocol.ratelimit import RollingWindow
from connector.transport.http import HttpClient
from connector.transport.rest import Rest
from connector.transport.tls import client_context
from connector.venues.contract import (
    Channel,
    Control,
    Event,
    Subscription,
    UnknownEvent,
    UnknownSymbol,
)

log = logging.getLogger("connector.service")

SECOND_NS = 1_000_000_000
FEEDS_A_TICK = 32
"""Feeds looked at in one tick of 50 ms."""
SLICE_NS = 50_000
"""Then frames that wait come first: no callback may take longer than 200 us."""
SAMPLES = 5
"""Unknown events that are written to the log, a kind once; the rest is only counted."""


class _Live:
    """An instrument that is served: its description, its place in the segment, its feed."""

    def __init__(self, chosen: Chosen, index: int, kernel: Feed, feed: InstrumentFeed) -> None:
        self.chosen, self.index, self.kernel, self.feed = chosen, index, kernel, feed
        self.asked_ns = 0


class MarketService:
    """The market data of one venue, written into ``segment``.

    ``run`` until cancelled; ``tick`` about every 50 ms; ``pending`` names what READY still waits
    for."""

    def __init__(
        self,
        name: str,
        settings: VenueSettings,
        segment: Segment,
        bell: Bell,
        venue_index: int,
        state_dir: Path,
    ) -> None:
        self.venue = configured(name, settings)
        self.settings = settings
        self.bell = bell
        self._segment, self._index = segment, venue_index
        self._cache = state_dir / f"instruments-{self.venue.folder}.json"
        secure = self.venue.ws_url.startswith("wss:") or self.venue.rest_url.startswith("https:")
        self.context = client_context(settings.ca_file) if secure else None
        self.gate = RollingWindow(self.venue.limits.connects, self.venue.limits.connects_window_ns)
        client = HttpClient(
            self.venue.rest_url,
            self.context,
            timeout_s=settings.request_s,
            local_address=settings.local_address,
        )
        self._rest = Rest(self.venue, client, self.count)
        self.codec = self.venue.codec(segment)
        self._live: dict[str, _Live] = {}
        self._by_index: dict[int, _Live] = {}
        self._turn: deque[_Live] = deque()
        self._to_look_at = 0
        self._books: list[Feed] = []
        self._budgets_ns = 0
        self._connections: list[Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking: set[str] = set()
        self._granted: set[str] = set()
        self._sampled: set[str] = set()
        self._selected = False
        self._ready = False
        self.old = False
        """The instruments come from the disk: the venue did not give them."""
        self.unavailable: dict[str, str] = {}

    # Life

    async def run(self) -> None:
        """Load the instruments, open the connections, serve until cancelled."""
        try:
            body = await self._instruments()
            selection = self._select(body)
            connections = self._plan(selection)
            async with asyncio.TaskGroup() as group:
                for connection in connections:
                    group.create_task(connection.run(), name=connection.supervisor.name)
                if self.old:
                    group.create_task(self._refresh(), name=f"{self.venue.folder}/instruments")
                group.create_task(_for_ever())
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._rest.close()

    def tick(self, now_ns: int) -> None:
        """Timers: silence, gaps whose patience ended, snapshots that are due."""
        loop = asyncio.get_running_loop()
        for connection in self._connections:
            loop.call_soon(connection.tick, now_ns)
        loop.call_soon(self._ask_snapshot)
        if now_ns >= self._budgets_ns:
            self._budgets_ns = now_ns + SECOND_NS
            self._publish_budgets(now_ns)
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

    def _look_at(self, live: "_Live", now_ns: int) -> None:
        symbol = live.chosen.instrument.symbol
        if live.kernel.crossed and live.kernel.state(FeedKind.BOOK) in VALID:
            log.error("crossed book, fetching it anew", extra={"symbol": symbol})
        self._quiet(live, now_ns)
        if live.kernel.edge_near:
            live.kernel.recentre()

    def _quiet(self, live: "_Live", now_ns: int) -> None:
        symbol = live.chosen.instrument.symbol
        for kind in live.feed.on_timer(now_ns):
            log.warning("silent", extra={"symbol": symbol, "feed": kind.name})

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

    def book(self, index: int) -> BookImage | None:
        """The full book of the instrument at ``index``; None: not ours, or not valid now."""
        live = self._by_index.get(index)
        if live is None:
            return None
        state = State(live.kernel.state(FeedKind.BOOK))
        if state not in VALID:
            return None
        levels = sum(live.kernel.counts)
        buffer = bytearray(levels * LEVEL.size)
        bids, _asks, update_id = live.kernel.dump(buffer)
        middle = bids * LEVEL.size
        venue_ns = max(live.kernel.line_venue_ns(line) for line in range(LINES))
        return BookImage(state, update_id, venue_ns, bytes(buffer[:middle]), bytes(buffer[middle:]))

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

    def feed(self, symbol: str) -> InstrumentFeed:
        return self._live[symbol].feed

    def heard_ns(self, symbol: str, kind: FeedKind, line: int | None = None) -> int:
        """When data of a stream last came on a line, or on any; 0: never."""
        kernel = self._live[symbol].kernel
        return kernel.last_recv_ns(kind) if line is None else kernel.line_recv_ns(kind, line)

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
        self.unavailable.pop(_label(subscription), None)

    def refused(self, subscription: Subscription, why: str) -> None:
        self.unavailable[_label(subscription)] = why
        log.error(
            "unavailable: %s",
            why,
            extra={"venue": self.venue.folder, "stream": subscription.stream},
        )

    def rare(
        self, connection: Connection, epoch: int, line: int, frame: bytes, recv_ns: int
    ) -> None:
        """A frame that the compiled codec left to us."""
        packed = self.codec.depth(frame, recv_ns, line)
        if packed is not None:
            self._live[packed.symbol].feed.on_depth(packed, line, recv_ns)
            return
        try:
            events = self.venue.decode(frame, self._scales)
        except ValueError as error:
            self.count(Counter.UNDECODABLE)
            self._sample("undecodable", f"{error}: {frame[:200]!r}")
            return
        for event in events if isinstance(events, list) else [events]:
            self._event(connection, epoch, line, event, recv_ns)

    def _event(
        self, connection: Connection, epoch: int, line: int, event: Event, recv_ns: int
    ) -> None:
        if isinstance(event, Control):
            connection.on_control(epoch, event, recv_ns)
        elif isinstance(event, UnknownEvent):
            self.count(Counter.UNKNOWN_EVENT)
            self._sample(f"unknown event {event.kind}", "")
        elif isinstance(event, UnknownSymbol):
            self.count(Counter.UNKNOWN_SYMBOL)
            self._sample(f"{event.kind} of {event.symbol}, which is not configured", "")
        else:
            self._live[event.symbol].feed.on_event(event, line, recv_ns)

    def _sample(self, what: str, detail: str) -> None:
        if what in self._sampled or len(self._sampled) >= SAMPLES:
            return
        self._sampled.add(what)
        log.warning("%s %s", what, detail, extra={"venue": self.venue.folder})

    def _scales(self, symbol: str) -> Instrument | None:
        live = self._live.get(symbol)
        return live.chosen.instrument if live is not None else None

    # Instruments

    async def _instruments(self) -> bytes:
        """The venue's answer; the one on the disk while the venue gives none."""
        backoff = Backoff(SECOND_NS, 30 * SECOND_NS, random.random, SECOND_NS // 4)
        while True:
            try:
                return await self._fetch_instruments()
            except (VenueError, ValueError) as error:
                log.warning("no instruments: %s", error, extra={"venue": self.venue.folder})
                cached = self._cached()
                if cached is not None:
                    self.old = True
                    return cached
                retry_ns = error.retry_ns if isinstance(error, Throttled) else 0
                wait_ns = max(backoff.next_ns(), retry_ns - monotonic_ns())
                await asyncio.sleep(wait_ns / SECOND_NS)

    async def _fetch_instruments(self) -> bytes:
        body = await self._rest.ask(self.venue.instruments_request())
        self.venue.instruments(body)
        pools = self.venue.pools_of(body)
        if pools:
            self._rest.set_pools(pools)
        part = self._cache.with_suffix(f".{os.getpid()}")
        try:
            part.write_bytes(body)
            part.replace(self._cache)
        except OSError as error:
            log.warning("the instruments cannot be kept: %s", error)
        return body

    def _cached(self) -> bytes | None:
        try:
            body = self._cache.read_bytes()
            self.venue.instruments(body)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("the instruments on disk are of no use: %s", error)
            return None
        age_s = wall_ns() // SECOND_NS - int(self._cache.stat().st_mtime)
        log.warning("instruments are OLD", extra={"venue": self.venue.folder, "age_s": age_s})
        return body

    async def _refresh(self) -> None:
        """Replace instruments from the disk by the venue's as soon as it gives them."""
        backoff = Backoff(5 * SECOND_NS, 60 * SECOND_NS, random.random, SECOND_NS)
        while self.old:
            await asyncio.sleep(backoff.next_ns() / SECOND_NS)
            try:
                body = await self._fetch_instruments()
            except (VenueError, ValueError) as error:
                log.info("still no instruments: %s", error, extra={"venue": self.venue.folder})
                continue
            self.old = False
            self._update(body)
            log.info("instruments are fresh", extra={"venue": self.venue.folder})

    def _update(self, body: bytes) -> None:
        for fresh in self.venue.instruments(body).instruments:
            live = self._live.get(fresh.symbol)
            if live is None or fresh == live.chosen.instrument:
                continue
            was = live.chosen.instrument
            if (fresh.price_exponent, fresh.qty_exponent) != (was.price_exponent, was.qty_exponent):
                log.error("scale changed; restart to use it", extra={"symbol": fresh.symbol})
                continue
            self._segment.update_instrument(live.index, fresh)
            self.count(Counter.INSTRUMENT_CHANGES)

    def _select(self, body: bytes) -> Selection:
        listing = self.venue.instruments(body)
        selection = select(self.venue, listing.instruments, listing.faults, wishes(self.settings))
        for name, why in selection.unavailable.items():
            self.unavailable[name] = why
            log.error("unavailable: %s: %s", name, why, extra={"venue": self.venue.folder})
        return selection

    def _plan(self, selection: Selection) -> list[Connection]:
        served = [chosen for chosen in selection.chosen if self._add(chosen)]
        numbers = itertools.count(1)
        for number, shard in enumerate(shards(self.venue, served)):
            lines = Lines()
            for route in self.venue.routes:
                for line in range(self.venue.lines if shard.streams[route.name] else 0):
                    label = f"{self.venue.folder}/{route.name}/{number}/{line}"
                    self._connections.append(Connection(self, shard, route, lines, numbers, label))
        self._selected = True
        return self._connections

    def _add(self, chosen: Chosen) -> bool:
        """Give an instrument its place; one that has none costs only itself."""
        instrument = chosen.instrument
        try:
            index = self._segment.add_instrument(instrument, self._index)
        except ValueError as error:  # a name longer than its field, a full directory
            self.unavailable[instrument.symbol] = str(error)
            log.error("unavailable: %s", error, extra={"venue": self.venue.folder})
            return False
        kernel = Feed(self._segment, index, instrument, self._index)
        feed = InstrumentFeed(kernel, chosen.subscriptions, count=self.count, seed=index)
        live = _Live(chosen, index, kernel, feed)
        self._live[instrument.symbol] = live
        self._by_index[index] = live
        self._turn.append(live)
        if any(row.channel is Channel.DEPTH for row in chosen.subscriptions):
            self._books.append(kernel)
        self.codec.add(instrument.symbol, kernel)
        return True

    def _served(self, live: _Live, row: Subscription) -> bool:
        if _label(row) in self.unavailable:
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
        self._start(self._snapshot(want.symbol, share), f"snapshot/{want.symbol}")
        asyncio.get_running_loop().call_soon(self._ask_snapshot)

    async def _snapshot(self, symbol: str, share: float) -> None:
        live = self._live[symbol]
        asked_ns, epoch = monotonic_ns(), live.feed.epoch
        live.feed.on_snapshot_asked(asked_ns)
        try:
            request = self.venue.snapshot_request(live.chosen.instrument)
            body = await self._rest.ask(request, share)
            snapshot = self._decoded(body, live)
            await asyncio.sleep(0)  # frames that wait come before the new book is put in place
            now_ns = monotonic_ns()
            live.feed.on_snapshot(snapshot, epoch, now_ns)
            if State(live.kernel.state(FeedKind.BOOK)) in VALID:
                self._segment.observe(Hop.SNAPSHOT.value, now_ns - asked_ns)
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

    def _decoded(self, body: bytes, live: _Live) -> Base:
        """A depth answer; what the compiled codec does not take, the venue's decoder judges."""
        symbol = live.chosen.instrument.symbol
        packed: Base | None = self.codec.snapshot(body, symbol)
        if packed is not None:
            return packed
        return self.venue.snapshot(body, live.chosen.instrument)

    def _publish_budgets(self, now_ns: int) -> None:
        wall = wall_ns()
        for index, (pool, budget) in enumerate(self._rest.pools):
            resets_ns = now_ns + pool.window_ns - wall % pool.window_ns
            used = budget.used(now_ns, wall)
            self._segment.set_budget(index, used, pool.limit, pool.window_ns, resets_ns)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("task %s failed", task.get_name(), exc_info=task.exception())


def wishes(settings: VenueSettings) -> list[Wish]:
    """What the configuration wants of a venue."""
    return [
        Wish(
            feeds.instruments,
            feeds.channels,
            feeds.required,
            {"quiet_ms": feeds.quiet_ms} if feeds.quiet_ms else {},
        )
        for feeds in settings.feeds
    ]


async def _for_ever() -> None:
    await asyncio.Event().wait()


def _label(row: Subscription) -> str:
    return f"{row.instrument} {row.channel.value}"
