"""Which instruments of a venue are served, and with which streams: what the configuration and
strategies want, of what the venue lists.

A change touches the streams it names and nothing else: no connection is closed that carries
others, and no other book has a gap."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable

from msgspec.structs import replace

from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.clock import monotonic_ns
from connector.connections import Owner
from connector.groups import Groups, Start
from connector.instruments import Directory, wishes
from connector.market.asked import Asked
from connector.market.feeds import make_feed
from connector.market.live import Live, Names
from connector.market.refresh import Change, change, fit
from connector.market.selection import EVERY, Chosen, Wish, label, left, no_room, select
from connector.market.streams import KIND
from connector.model.counters import Counter
from connector.model.instrument import Instrument, Status
from connector.model.states import VALID, FeedKind, Reason, State
from connector.venues.contract import Channel, Listing, Subscription

log = logging.getLogger("connector.serving")

COMPARED = 32
"""Instruments compared with the venue's answer in one turn of the loop."""


class Serving:
    """The instruments of one venue that are served. ``clear`` begins with none of them; what
    strategies asked for outlives it."""

    def __init__(
        self,
        host: Owner,
        segment: Segment,
        venue_index: int,
        directory: Directory,
        groups: Groups,
        start: Start,
    ) -> None:
        self._host, self._segment, self._index = host, segment, venue_index
        self._directory, self.groups, self._start = directory, groups, start
        self.asked = Asked()
        self.by_index: dict[int, Live] = {}
        self.clear()

    def clear(self) -> None:
        """Begin with nothing that is served."""
        while self.by_index:
            self.by_index.popitem()[1].served = False
        self.live: dict[str, Live] = {}
        self.names = Names()
        self.turn: deque[Live] = deque()
        self.books: list[Feed] = []
        self.groups.clear()
        self.granted: set[str] = set()
        """Names of streams."""
        self.selected = False
        """What is wanted was matched with what the venue lists."""
        self.unavailable: dict[str, str] = {}
        self._listed: list[Instrument] = []
        self._faults: list[str] = []
        self._news = asyncio.Event()
        self._left: set[str] = set()

    def pending(self) -> list[str]:
        """What is required and neither there nor named unavailable."""
        if not self.selected:
            return [f"{self._host.venue.folder}: instruments"]
        waiting = []
        for symbol, live in self.live.items():
            for row in live.chosen.subscriptions:
                if row.channel in live.chosen.required and not self._served(live, row):
                    waiting.append(f"{symbol} {row.channel.value}")
        return waiting

    def _served(self, live: Live, row: Subscription) -> bool:
        if label(row) in self.unavailable:
            return True
        if row.channel is Channel.DEPTH:
            return State(live.kernel.state(FeedKind.BOOK)) in VALID
        # Trades and the best prices of a quiet market may not move for hours.
        return row.stream in self.granted and live.kernel.state(KIND[row.channel]) != State.DOWN

    @property
    def symbols(self) -> list[str]:
        """What the venue lists."""
        return [one.symbol for one in self._listed]

    def was_served(self, symbol: str) -> bool:
        """It was until lately: what still comes of it is no news."""
        return symbol in self._left

    # What the connections tell

    def on_granted(self, subscription: Subscription) -> None:
        """The venue grants a stream."""
        self.granted.add(subscription.stream)
        self.unavailable.pop(label(subscription), None)
        self._news.set()

    def on_refused(self, subscription: Subscription, why: str) -> None:
        """The venue refuses a stream, or grants it and never serves it."""
        self.unavailable[label(subscription)] = why
        told = {"venue": self._host.venue.folder, "stream": subscription.stream}
        log.error("unavailable: %s", why, extra=told)
        self._news.set()

    async def verdict(
        self, symbol: str, channels: Iterable[Channel], patience_s: float
    ) -> dict[Channel, str | None]:
        """What became of an instrument's channels, at most ``patience_s`` later: "" where all
        streams are granted, why not, or None where the venue has not said."""
        until_ns = monotonic_ns() + int(patience_s * 1e9)
        while True:
            found = {channel: self._verdict(symbol, channel) for channel in channels}
            left_s = (until_ns - monotonic_ns()) / 1e9
            if None not in found.values() or left_s <= 0:
                return found
            self._news.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._news.wait()
            except TimeoutError:
                continue

    def _verdict(self, symbol: str, channel: Channel) -> str | None:
        live = self.live.get(symbol)
        for name in (f"{symbol} {channel.value}", symbol):
            if name in self.unavailable:
                return self.unavailable[name]
        if live is None:
            return "not served any more"
        rows = [row for row in live.chosen.subscriptions if row.channel is channel]
        if not rows:
            return "taken back meanwhile"
        return "" if all(row.stream in self.granted for row in rows) else None

    # What the venue lists

    async def apply(self, listing: Listing) -> None:
        """Bring directory, books and connections into line with what the venue lists."""
        fresh = {one.symbol: one for one in listing.instruments}
        faults = {fault.partition(":")[0]: fault for fault in listing.faults}
        for number, (symbol, was) in enumerate(list(self._directory.listed.items()), 1):
            why, fixed = faults.get(symbol, ""), self._host.venue.fixed_scale
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
        self._listed, self._faults = list(fresh.values()), list(faults.values())
        self._select()

    def _change(self, found: Change) -> None:
        """An instrument that strategies know is another now, or cannot be served any more."""
        instrument = found.instrument
        symbol, told = instrument.symbol, {"venue": self._host.venue.folder}
        live = self.live.get(symbol)
        if found.down:
            if live is not None:
                log.error("down: %s", found.down, extra=told)
                self._retire(live)
            if found.misfit and self.unavailable.get(symbol) != found.down:
                self._host.count(Counter.MISFITS)
            self.unavailable[symbol] = found.down
        elif live is not None:
            self._move(live, instrument)
        try:
            self._directory.put(instrument)
        except ValueError as error:
            self._host.count(Counter.MISFITS)
            log.error("down: %s", error, extra=told)
            if symbol in self.live:
                self._retire(self.live[symbol])
        self._host.touched()

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

    def _retire(self, live: Live, reason: Reason = Reason.UNAVAILABLE) -> None:
        """Serve an instrument no longer: DOWN first, then off the connections."""
        symbol, now_ns = live.chosen.instrument.symbol, monotonic_ns()
        self._host.codec.remove(symbol)
        live.close(now_ns, reason)
        self.groups.leave(symbol, now_ns)
        del self.live[symbol], self.by_index[live.index]
        self.granted -= self.names.remove(live)
        self._left.add(symbol)
        self.turn.remove(live)
        if live.kernel in self.books:
            self.books.remove(live.kernel)

    # What is wanted

    def _wishes(self) -> list[Wish]:
        return [*wishes(self._host.settings), *self.asked.wishes()]

    def _select(self) -> None:
        """Serve what is wanted and is not served yet."""
        known = {one.symbol.upper() for one in self._listed} | {
            fault.partition(":")[0].upper() for fault in self._faults
        }
        served = {symbol.upper() for symbol in self.live}
        wanted = left(self._wishes(), served, known, self.unavailable)
        free = [one for one in self._listed if one.symbol not in self.live]
        selection = select(self._host.venue, free, self._faults, wanted)
        self._missing(selection.unavailable)
        self._place(selection.chosen)
        self.selected = True

    def _missing(self, names: dict[str, str]) -> None:
        for name, why in names.items():
            if self.unavailable.get(name) != why:
                self.unavailable[name] = why
                told = {"venue": self._host.venue.folder}
                log.error("unavailable: %s: %s", name, why, extra=told)

    def _place(self, chosen: list[Chosen]) -> None:
        homeless = self.groups.place(chosen, self._add, self._start, monotonic_ns())
        if homeless:
            assert self.groups.most is not None
            why = no_room(self._host.venue, self.groups.most)
            told = {"venue": self._host.venue.folder, "instruments": len(homeless)}
            rows = {one.instrument.symbol: why for one in homeless}
            if not rows.items() <= self.unavailable.items():
                log.error("unavailable: %s", why, extra=told)
            self.unavailable |= rows

    def _add(self, chosen: Chosen) -> bool:
        """Give an instrument its place; one that has none costs only itself."""
        instrument, host = chosen.instrument, self._host
        try:
            index = self._directory.put(instrument)
        except ValueError as error:  # a name longer than its field, a full directory
            self.unavailable[instrument.symbol] = str(error)
            log.error("unavailable: %s", error, extra={"venue": host.venue.folder})
            return False
        kernel = Feed(self._segment, index, instrument, self._index)
        feed = make_feed(host.venue, kernel, chosen.subscriptions, host.count, index)
        live = Live(chosen, index, self._index, kernel, feed)
        self.live[instrument.symbol] = live
        self.names.add(live)
        self.by_index[index] = live
        self.unavailable.pop(instrument.symbol, None)
        self._left.discard(instrument.symbol)
        self.turn.append(live)
        if any(row.channel is Channel.DEPTH for row in chosen.subscriptions):
            self.books.append(kernel)
        host.codec.add(instrument.symbol, kernel)
        return True

    # Changes of it while it is served

    async def wanted_anew(self) -> None:
        """The configuration is another: bring everything into line with it."""
        for symbol in list(self.live):
            self.settle(symbol)
            await asyncio.sleep(0)
        named = {name.upper() for wish in self._wishes() for name in wish.instruments}
        for name in list(self.unavailable):
            if EVERY not in named and name.partition(" ")[0].upper() not in named:
                del self.unavailable[name]
        if self.selected:
            self._select()

    def settle(self, symbol: str) -> None:
        """Bring one instrument into line with what is wanted of it now."""
        live = self.live.get(symbol)
        instrument = live.instrument if live is not None else self._directory.known(symbol)
        if instrument is None or not self.selected:
            return
        selection = select(self._host.venue, [instrument], [], self._wishes_of(instrument))
        chosen = selection.chosen[0] if selection.chosen else None
        wanted = {label(row) for row in chosen.subscriptions} if chosen is not None else set()
        for name in list(self.unavailable):
            if name.partition(" ")[0] == symbol and name not in wanted | {symbol}:
                del self.unavailable[name]
        self._missing(selection.unavailable)
        if live is None:
            self._place([chosen] if chosen is not None else [])
        elif chosen is None:
            self._retire(live, Reason.UNWANTED)
        elif chosen != live.chosen:
            self._alter(live, chosen)
        self._host.touched()
        self._news.set()

    def _wishes_of(self, instrument: Instrument) -> list[Wish]:
        """What is wanted of one instrument, by its name. What ``*`` brought stays while it does not
        trade, as it does when the venue says so."""
        symbol, every, named = instrument.symbol, [], []
        trades = instrument.status is Status.TRADING or symbol in self.live
        for wish in self._wishes():
            one = replace(wish, instruments=[symbol])
            if symbol.upper() in {name.upper() for name in wish.instruments}:
                named.append(one)
            elif EVERY in wish.instruments and trades:
                every.append(one)
        return [*every, *named]

    def _alter(self, live: Live, chosen: Chosen) -> None:
        """Other streams of an instrument that is served; those that stay notice nothing."""
        now_ns = monotonic_ns()
        self._rewrite(live, chosen, now_ns)
        homeless = self.groups.carry(chosen, self._start, now_ns)
        if homeless:
            why = "no room for it on the instrument's connections, and none more may be opened"
            self._missing({label(row): why for row in homeless})
            rows = tuple(row for row in chosen.subscriptions if row not in homeless)
            if not rows:
                self._retire(live)
                return
            self._rewrite(live, replace(chosen, subscriptions=rows), now_ns)

    def _rewrite(self, live: Live, chosen: Chosen, now_ns: int) -> None:
        gone = self.names.remove(live)
        live.chosen = chosen
        self.names.add(live)
        self.granted -= gone - {row.stream for row in chosen.subscriptions}
        live.feed.change(chosen.subscriptions, now_ns)
        book = any(row.channel is Channel.DEPTH for row in chosen.subscriptions)
        if book and live.kernel not in self.books:
            self.books.append(live.kernel)
        elif not book and live.kernel in self.books:
            self.books.remove(live.kernel)
