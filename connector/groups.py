"""Which connections a venue has open: groups of them, one for each shard of its instruments."""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence

from connector.connections import Connection, Owner
from connector.lines import LINES, Lines, overlaps
from connector.market.selection import Chosen, Shard, fitting, shards
from connector.venues.contract import Route, Subscription

Start = Callable[[Connection], asyncio.Task[None]]
"""Runs a connection."""


class Group:
    """The connections of one shard: one a route and line, and more where streams were added later
    than fit. An instrument's streams are in one group: the lines of its feed have numbers of their
    own there.

    ``connections`` is filled in order; who runs them puts their tasks there."""

    def __init__(self, owner: Owner, shard: Shard, numbers: Iterator[int], label: str) -> None:
        self._owner, self._numbers, self._label = owner, numbers, label
        self._lines = Lines()
        self.connections: dict[Connection, asyncio.Task[None] | None] = {}
        self._sets: dict[str, list[list[Connection]]] = {}
        """By route: connections that carry the same streams, one a line."""
        for route in owner.venue.routes:
            self._sets[route.name] = []
            if shard.streams[route.name]:
                self._open(route, shard)

    def _open(self, route: Route, shard: Shard) -> list[Connection]:
        owner, sets = self._owner, self._sets[route.name]
        more = f"+{len(sets)}" if sets else ""
        made = []
        for line in range(owner.venue.lines):
            label = self._label.format(route.name + more, line)
            one = Connection(owner, shard, route, self._lines, self._numbers, label)
            self.connections[one] = None
            made.append(one)
        sets.append(made)
        return made

    def takes(self, chosen: Chosen) -> bool:
        """Is there a connection, and room on it, for all streams of the instrument?"""
        for route in self._owner.venue.routes:
            names = {row.stream for row in chosen.subscriptions if row.channel in route.channels}
            if names and not any(_room(one, names) for one in self._sets[route.name]):
                return False
        return True

    def has(self, symbol: str) -> bool:
        """Does it carry this instrument?"""
        return any(one.carried(symbol) for one in self.connections)

    def carry(
        self, chosen: Chosen, start: Start | None, left: int | None, now_ns: int
    ) -> list[Subscription]:
        """Carry these streams of the instrument from now on, and no others of it: what goes on is
        not touched. With ``start`` up to ``left`` connections more may be opened (None: as many as
        have line numbers); returns what found no place."""
        homeless: list[Subscription] = []
        symbol = chosen.instrument.symbol
        for route in self._owner.venue.routes:
            rows = [row for row in chosen.subscriptions if row.channel in route.channels]
            sets = [*self._sets[route.name]]
            had = [{row.stream for row in some[0].carried(symbol)} for some in sets]
            stays = set[str]().union(*had)  # each where it is, though another has room by now
            fresh = {row.stream for row in rows} - stays
            for some, names in zip(sets, had, strict=True):
                if fresh and _room(some, fresh):
                    names, fresh = names | fresh, set[str]()
                for one in some:
                    one.carry(symbol, [row for row in rows if row.stream in names], now_ns)
            rows = [row for row in rows if row.stream in fresh]
            if rows and start is not None and self._may_open(left):
                shard = Shard([chosen], {route.name: rows})
                for one in self._open(route, shard):
                    self.connections[one] = start(one)
                    left = None if left is None else left - 1
            else:
                homeless += rows
        self._close_empty()
        return homeless

    def leave(self, symbol: str, now_ns: int) -> None:
        """Carry this instrument no longer; a connection without streams is closed."""
        for connection in self.connections:
            connection.carry(symbol, [], now_ns)
        self._close_empty()

    def _may_open(self, left: int | None) -> bool:
        """Are there connections and line numbers for one more of each line? One that is replaced
        while it serves needs two."""
        venue = self._owner.venue
        each = 2 if overlaps(venue) else 1
        numbers = (len(self.connections) + venue.lines) * each
        return numbers <= LINES and (left is None or left >= venue.lines)

    def _close_empty(self) -> None:
        for connection, task in list(self.connections.items()):
            if not connection.streams:
                del self.connections[connection]
                if task is not None:
                    task.cancel()
        for name, sets in self._sets.items():
            self._sets[name] = [some for some in sets if some[0].streams]


def _room(some: Sequence[Connection], names: set[str]) -> bool:
    return all(one.room(names) for one in some)


class Groups:
    """The groups of one venue. No more connections than ``most`` are open at once; None: as many as
    it takes."""

    def __init__(self, owner: Owner, most: int | None) -> None:
        self._owner, self.most = owner, most
        self._groups: list[Group] = []
        self._numbers, self._labels = itertools.count(1), itertools.count()

    @property
    def spare(self) -> bool:
        """Whether one more may be open."""
        return self.most is None or sum(one.sockets for one in self.connections) < self.most

    def clear(self) -> None:
        """Begin with none; they are numbered on."""
        self._groups = []

    @property
    def connections(self) -> list[Connection]:
        """All that are open or opening."""
        return [connection for group in self._groups for connection in group.connections]

    @property
    def _left(self) -> int | None:
        return None if self.most is None else self.most - len(self.connections)

    def leave(self, symbol: str, now_ns: int) -> None:
        """Carry this instrument no longer."""
        for group in self._groups:
            group.leave(symbol, now_ns)
        self._groups = [group for group in self._groups if group.connections]

    def carry(self, chosen: Chosen, start: Start, now_ns: int) -> list[Subscription]:
        """An instrument that is carried has these streams from now on; returns those that found no
        place. Nothing of another instrument is touched."""
        symbol = chosen.instrument.symbol
        group = next(one for one in self._groups if one.has(symbol))
        homeless = group.carry(chosen, start, self._left, now_ns)
        self._groups = [group for group in self._groups if group.connections]
        return homeless

    def place(
        self, wanted: Sequence[Chosen], add: Callable[[Chosen], bool], start: Start, now_ns: int
    ) -> list[Chosen]:
        """Give instruments to connections that have room and open more for the rest; returns those
        for which none may be opened. ``add`` is called before an instrument is given to one; False
        drops it."""
        rest = []
        for chosen in wanted:
            group = next((one for one in self._groups if one.takes(chosen)), None)
            if group is None:
                rest.append(chosen)
            elif add(chosen):
                group.carry(chosen, None, None, now_ns)
        venue = self._owner.venue
        found = shards(venue, rest)
        fit = fitting(venue, found, self._left)
        for shard in found[:fit]:
            # As many streams or fewer: it stays one shard.
            for added in shards(venue, [chosen for chosen in shard.chosen if add(chosen)]):
                label = f"{venue.folder}/{{}}/{next(self._labels)}/{{}}"
                group = Group(self._owner, added, self._numbers, label)
                self._groups.append(group)
                for connection in group.connections:
                    group.connections[connection] = start(connection)
        return [chosen for shard in found[fit:] for chosen in shard.chosen]
