"""Which instruments and streams a configuration means, and on which connections they go.

Pure: the venue's listing and the wishes in, streams by shard and route out."""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from connector.model.instrument import Instrument, Status
from connector.venues.contract import Channel, Subscription, Venue

EVERY = "*"


class Wish(Struct, frozen=True):
    """Some instruments and what is wanted of them (``config.Feeds`` without its defaults)."""

    instruments: Sequence[str]
    channels: Sequence[Channel]
    required: bool
    options: Mapping[str, Any]
    beside: bool = False
    """Whatever another wish says of the same stream holds."""


class Chosen(Struct, frozen=True):
    """An instrument and its streams."""

    instrument: Instrument
    subscriptions: tuple[Subscription, ...]
    required: frozenset[Channel]


class Selection(Struct, frozen=True):
    """What can be had of what was wanted."""

    chosen: list[Chosen]
    unavailable: dict[str, str]
    """Names that were wanted and cannot be had, with the reason; the others go on without them."""


class Shard(Struct, frozen=True):
    """Instruments whose streams fit one connection a route."""

    chosen: list[Chosen]
    streams: dict[str, list[Subscription]]
    """By the route's name."""


def select(
    venue: Venue, listed: Sequence[Instrument], faults: Sequence[str], wishes: Iterable[Wish]
) -> Selection:
    """Match the wishes with what the venue lists; ``faults`` are its unusable symbols, one sentence
    each."""
    known = {instrument.symbol.upper(): instrument for instrument in listed}
    broken = {fault.partition(":")[0].upper(): fault for fault in faults}
    served = frozenset[Channel]().union(*(route.channels for route in venue.routes))
    wanted: dict[str, dict[Channel, tuple[bool, Mapping[str, Any]]]] = {}
    unavailable: dict[str, str] = {}
    for wish in wishes:
        for name in _names(wish, known):
            instrument = known.get(name)
            if instrument is None:
                unavailable[name] = broken.get(name) or _unknown(name, known)
                continue
            if instrument.status is Status.CLOSED:
                unavailable[name] = "the venue has closed it"
                continue
            for channel in wish.channels:
                if channel not in served:
                    unavailable[f"{name} {channel.value}"] = f"{venue.folder} has no such channel"
                    continue
                named = EVERY not in wish.instruments and not wish.beside
                if named or channel not in wanted.get(name, {}):
                    wanted.setdefault(name, {})[channel] = (wish.required, wish.options)
    chosen = []
    for name, channels in wanted.items():
        instrument = known[name]
        try:
            streams = tuple(
                row
                for channel, (_, options) in channels.items()
                for row in _rows(venue.subscription(instrument, channel, options))
            )
        except ValueError as error:
            unavailable[name] = str(error)
            continue
        required = frozenset(channel for channel, (must, _) in channels.items() if must)
        chosen.append(Chosen(instrument, streams, required))
    return Selection(chosen, unavailable)


def left(
    wishes: Iterable[Wish], served: Collection[str], known: Collection[str], named: Collection[str]
) -> list[Wish]:
    """What of the wishes is still to be looked at: not what is ``served``, and not what the venue
    does not list (``known``) and is ``named`` unavailable for it already. Names in capitals."""
    found = []
    for wish in wishes:
        names = [
            name
            for name in wish.instruments
            if name == EVERY
            or (name.upper() not in served and (name.upper() in known or name.upper() not in named))
        ]
        if names:
            found.append(replace(wish, instruments=names))
    return found


def shards(venue: Venue, chosen: Sequence[Chosen]) -> list[Shard]:
    """Spread instruments so that no connection carries more streams than the venue allows."""
    found: list[Shard] = []
    for one in chosen:
        wanted = {
            route.name: [row for row in one.subscriptions if row.channel in route.channels]
            for route in venue.routes
        }
        if not found or any(
            len({row.stream for row in (*found[-1].streams[name], *rows)}) > venue.limits.streams
            for name, rows in wanted.items()
        ):
            found.append(Shard([], {route.name: [] for route in venue.routes}))
        found[-1].chosen.append(one)
        for name, rows in wanted.items():
            found[-1].streams[name].extend(rows)
    return found


def room(venue: Venue, own: int, private: int) -> int | None:
    """How many connections market data may have: what the configuration says (``own``), or what the
    venue allows less the ``private`` ones; None: as many as it takes."""
    if own or not venue.limits.open:
        return own or None
    return max(0, venue.limits.open - private)


def connections(venue: Venue, shard: Shard) -> int:
    """How many connections a shard takes."""
    return venue.lines * sum(bool(rows) for rows in shard.streams.values())


def fitting(venue: Venue, found: Sequence[Shard], most: int | None) -> int:
    """How many of the shards, from the first, fit so many connections."""
    used = 0
    for number, shard in enumerate(found):
        used += connections(venue, shard)
        if most is not None and used > most:
            return number
    return len(found)


def no_room(venue: Venue, most: int) -> str:
    """Why an instrument without a connection is unavailable."""
    return (
        f"no connection is left for it: {most} of {venue.limits.streams} streams each may be open"
        f" (max_connections)"
    )


def _rows(found: Subscription | tuple[Subscription, ...]) -> tuple[Subscription, ...]:
    return found if isinstance(found, tuple) else (found,)


def _names(wish: Wish, known: Mapping[str, Instrument]) -> list[str]:
    names = [name.upper() for name in wish.instruments if name != EVERY]
    if EVERY in wish.instruments:
        names += [name for name, one in known.items() if one.status is Status.TRADING]
    return list(dict.fromkeys(names))


def _unknown(name: str, known: Mapping[str, Instrument]) -> str:
    near = difflib.get_close_matches(name, known, 1, 0.6)
    return f"not listed{f'; the nearest is {near[0]}' if near else ''}"


def label(row: Subscription) -> str:
    """A stream as people are told of it."""
    return f"{row.instrument} {row.channel.value}"
