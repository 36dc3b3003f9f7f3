"""A venue's instruments over time: asked for, kept on disk, placed in the segment's directory."""

import asyncio
import logging
import os
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from connector._speedups.segment import Segment
from connector.clock import monotonic_ns, wall_ns
from connector.config import VenueSettings
from connector.errors import Throttled, VenueError
from connector.market.refresh import fit
from connector.market.selection import Wish
from connector.model.counters import Counter
from connector.model.instrument import ContractType, Instrument, Status
from connector.model.packing import layout
from connector.pieces import result_of
from connector.protocol.backoff import Backoff
from connector.transport.rest import Rest
from connector.venues.contract import Listing, Pool, Request, Venue

_ENTRY = layout("InstrumentEntry")
NO_VENUE = 0xFFFF
"""Number of a venue that is not configured."""
log = logging.getLogger("connector.instruments")

SECOND_NS = 1_000_000_000
HURRY_NS = 60 * SECOND_NS
"""A book that fell silent may mean that the venue stopped trading there: it is asked at once, but
not more often than this."""
LOOK_NS = 60 * SECOND_NS
"""A wait for the budget looks again after this long."""
SET_BACK_NS = 3600 * SECOND_NS
"""An answer so much older than the last one is no late copy: the venue's clock was set back."""


BETWEEN = b"\n\x1e\n"
"""Between the answers in the file, where there are several: no JSON has such a character."""


def following(venue: Venue, request: Request, body: bytes) -> Request | None:
    """What has to be asked after this answer for the rest of the instruments."""
    return venue.next_page(request, body) if venue.next_page is not None else None


def joined(listings: Sequence[Listing]) -> Listing:
    """One listing of several answers. What comes twice moved from one to the next meanwhile."""
    if len(listings) == 1:
        return listings[0]
    found = {one.symbol: one for listing in listings for one in listing.instruments}
    faults = [fault for listing in listings for fault in listing.faults]
    return Listing(list(found.values()), faults, min(one.venue_ns for one in listings))


def kept(venue: Venue, data: bytes) -> Listing:
    """The listing in a file of `cache`; raises ValueError."""
    return joined([venue.instruments(body) for body in data.split(BETWEEN)])


class Instruments:
    """Asks the venue for its instruments, first and again every ``refresh_s`` (with jitter).

    One request is in flight at a time, so answers come in the order of the requests; what is older
    by the venue's own time (a copy somewhere on the way) is dropped."""

    def __init__(
        self,
        venue: Venue,
        rest: Rest,
        cache: Path,
        refresh_s: float,
        count: Callable[[Counter], None],
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._venue, self._rest, self._cache, self._count = venue, rest, cache, count
        self._refresh_ns = int(refresh_s * SECOND_NS)
        self._uniform = uniform
        self._last: Listing | None = None
        self._asked_ns = 0
        self._wanted = asyncio.Event()
        self.old = False
        """The instruments come from the disk: the venue did not give them."""

    async def first(self) -> Listing:
        """The venue's answer; while it gives none, the last one, be it from the disk."""
        backoff = Backoff(SECOND_NS, 30 * SECOND_NS, self._uniform, SECOND_NS // 4)
        while True:
            try:
                return await self._ask()
            except (VenueError, ValueError) as error:
                log.warning("no instruments: %s", error, extra={"venue": self._venue.folder})
                last = self._last or self._cached()
                if last is not None:
                    self.old = True
                    return last
                retry_ns = error.retry_ns if isinstance(error, Throttled) else 0
                wait_ns = max(backoff.next_ns(), retry_ns - monotonic_ns())
                await asyncio.sleep(wait_ns / SECOND_NS)

    async def next(self) -> Listing:
        """The next answer that is not older than the last, when it is due."""
        backoff = Backoff(5 * SECOND_NS, 60 * SECOND_NS, self._uniform, SECOND_NS)
        wait_ns = backoff.next_ns() if self.old else self._interval_ns()
        while True:
            await self._until(monotonic_ns() + wait_ns)
            wait_ns = self._interval_ns()
            try:
                listing = await self._ask()
            except (VenueError, ValueError) as error:
                log.info("no instruments: %s", error, extra={"venue": self._venue.folder})
                wait_ns = min(backoff.next_ns(), max(wait_ns, SECOND_NS))
                continue
            if self.old:
                self.old = False
                log.info("instruments are fresh", extra={"venue": self._venue.folder})
            return listing

    def hurry(self) -> None:
        """Something suggests that an instrument changed: ask soon."""
        self._wanted.set()

    def _interval_ns(self) -> int:
        """Full intervals of many daemons must not fall together."""
        return int(self._refresh_ns * (0.9 + 0.2 * self._uniform()))

    async def _until(self, due_ns: int) -> None:
        """Wait for the time, or for a hurry, and then for the budget: a ban is waited out."""
        self._wanted.clear()
        while (left_ns := due_ns - monotonic_ns()) > 0:
            try:
                async with asyncio.timeout(left_ns / SECOND_NS):
                    await self._wanted.wait()
            except TimeoutError:
                continue
            self._wanted.clear()
            due_ns = min(due_ns, self._asked_ns + min(HURRY_NS, self._refresh_ns))
        request = self._venue.instruments_request()
        while True:
            now_ns = monotonic_ns()
            wait_ns = self._rest.admit_ns(request, now_ns) - now_ns
            if wait_ns <= 0:
                return
            await asyncio.sleep(min(wait_ns, LOOK_NS) / SECOND_NS)

    async def _ask(self) -> Listing:
        """One answer, taken over; ValueError when it is of no use, also because it is older."""
        self._asked_ns = monotonic_ns()
        bodies, listings = [], []
        pools: tuple[Pool, ...] = ()
        request: Request | None = self._venue.instruments_request()
        while request is not None:
            body = await self._rest.ask(request)
            bodies.append(body)
            await asyncio.sleep(0)  # frames that wait come between the pieces of this
            page, found = await result_of(self._venue.instruments_in_pieces(body))
            await asyncio.sleep(0)
            listings.append(page)
            pools += found
            request = following(self._venue, request, body)
        listing = joined(listings)
        last_ns = self._last.venue_ns if self._last is not None and not self.old else 0
        if last_ns - SET_BACK_NS < listing.venue_ns < last_ns:
            self._count(Counter.INSTRUMENTS_OLD)
            age_ms = (last_ns - listing.venue_ns) // 1_000_000
            raise ValueError(f"an answer {age_ms} ms older than the last one")
        if pools:
            self._rest.set_pools(pools)
        self._last = listing
        await asyncio.to_thread(self._keep, BETWEEN.join(bodies))  # disks are slow
        return listing

    def _keep(self, body: bytes) -> None:
        part = self._cache.with_suffix(f".{os.getpid()}")
        try:
            part.write_bytes(body)
            part.replace(self._cache)
        except OSError as error:
            log.warning("the instruments cannot be kept: %s", error)

    def _cached(self) -> Listing | None:
        try:
            listing = kept(self._venue, self._cache.read_bytes())
            age_s = wall_ns() // SECOND_NS - int(self._cache.stat().st_mtime)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("the instruments on disk are of no use: %s", error)
            return None
        log.warning("instruments are OLD", extra={"venue": self._venue.folder, "age_s": age_s})
        return listing


def instrument_of(entry: bytes) -> Instrument:
    """What a directory entry, a drawn ``InstrumentEntry``, says; it does not say everything."""
    was: Any = _ENTRY.unpack(entry)
    named = was._asdict()
    named |= {"contract": ContractType(was.contract), "status": Status(was.status)}
    return Instrument(
        **{name: named[name] for name in Instrument.__struct_fields__ if name in named}
    )


class Unserved(Struct, frozen=True):
    """An instrument that has a place in the directory for the orders in it, and no market data."""

    index: int
    venue: int
    instrument: Instrument
    mark_e: int | None = None
    touch: tuple[int, int] | None = None
    served: bool = False


class Directory:
    """A venue's part of the segment's directory, by symbol; it outlives whatever serves it.

    An instrument is listed once for the life of the segment: it keeps its place and its
    exponents."""

    def __init__(self, segment: Segment, venue_index: int) -> None:
        self._segment, self._venue_index = segment, venue_index
        self._places: dict[str, int] = {}
        self._listed: dict[str, Instrument] = {}
        self._known: dict[str, Instrument] = {}
        self.unserved: dict[int, Unserved] = {}
        """By their places."""

    @property
    def listed(self) -> Mapping[str, Instrument]:
        """Every instrument as readers see it."""
        return self._listed

    def known(self, symbol: str) -> Instrument | None:
        """An instrument that is listed here or that the venue told of: orders of others may be in
        what nobody here reads."""
        return self._listed.get(symbol) or self._known.get(symbol)

    def know(self, instrument: Instrument) -> Instrument:
        """Remember what the venue lists, in the exponents it first came with.

        ValueError: its numbers do not fit them."""
        was = self.known(instrument.symbol)
        if was is not None:
            instrument = fit(instrument, was.price_exponent, was.qty_exponent)
        self._known[instrument.symbol] = instrument
        return instrument

    def place(self, symbol: str) -> Unserved | None:
        """An instrument nobody reads; it gets a place if there is one."""
        instrument = self.known(symbol)
        if instrument is None:
            return None
        try:
            index = self.put(instrument)
        except ValueError as error:
            log.error("no place: %s", error)
            return None
        found = self.unserved[index] = Unserved(index, self._venue_index, instrument)
        return found

    def gone(self, instrument: Instrument) -> Unserved | None:
        """One that the venue lists no longer, for old reports of it; it gets a place if there is
        one."""
        self._known.setdefault(instrument.symbol, replace(instrument, status=Status.CLOSED))
        return self.place(instrument.symbol)

    def put(self, instrument: Instrument) -> int:
        """The index of the instrument, listed or brought up to date as needed.

        ValueError: it is new and has no room, or a number or name does not fit."""
        symbol = instrument.symbol
        index = self._places.get(symbol)
        if index is None:
            index = self._places[symbol] = self._segment.add_instrument(
                instrument, self._venue_index
            )
        elif instrument != self._listed[symbol]:
            self._segment.update_instrument(index, instrument)
            self._segment.count(Counter.INSTRUMENT_CHANGES.value)
        self._listed[symbol] = instrument
        return index


def cache(venue: Venue, state_dir: Path) -> Path:
    """Where a venue's last answer is kept."""
    return state_dir / f"instruments-{venue.folder}.json"


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
