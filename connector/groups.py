"""Which connections a venue has open: groups of them, one for each shard of its instruments."""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence

from connector.connections import Connection, Lines, Owner
from connector.market.selection import Chosen, Shard, fitting, shards
from connector.venues.contract import Channel


class Group:
    """The connections of one shard: one a route and line. ``label`` takes route and line.

    ``connections`` is filled in order; who runs them puts their tasks there."""

    def __init__(self, owner: Owner, shard: Shard, numbers: Iterator[int], label: str) -> None:
        venue, lines = owner.venue, Lines()
        self._most = venue.limits.streams
        self.connections: dict[Connection, asyncio.Task[None] | None] = {
            Connection(owner, shard, route, lines, numbers, label.format(route.name, line)): None
            for route in venue.routes
            for line in range(venue.lines if shard.streams[route.name] else 0)
        }

    def takes(self, chosen: Chosen) -> bool:
        """Is there a connection, and room on each, for all streams of the instrument?"""
        served = frozenset[Channel]().union(*(one.channels for one in self.connections))
        wanted = [row.channel for row in chosen.subscriptions]
        return served.issuperset(wanted) and all(
            one.streams + sum(channel in one.channels for channel in wanted) <= self._most
            for one in self.connections
        )

    def join(self, chosen: Chosen, now_ns: int) -> None:
        """Carry this instrument, too."""
        for connection in self.connections:
            connection.join(chosen, now_ns)

    def leave(self, symbol: str, now_ns: int) -> None:
        """Carry this instrument no longer; a connection without streams is closed."""
        for connection, task in list(self.connections.items()):
            connection.leave(symbol, now_ns)
            if not connection.streams:
                del self.connections[connection]
                if task is not None:
                    task.cancel()


class Groups:
    """The groups of one venue. No more connections than ``most`` are open at once; None: as many as
    it takes."""

    def __init__(self, owner: Owner, most: int | None) -> None:
        self._owner, self.most = owner, most
        self._groups: list[Group] = []
        self._numbers, self._labels = itertools.count(1), itertools.count()

    def clear(self) -> None:
        """Begin with none; they are numbered on."""
        self._groups = []

    @property
    def connections(self) -> list[Connection]:
        """All that are open or opening."""
        return [connection for group in self._groups for connection in group.connections]

    def leave(self, symbol: str, now_ns: int) -> None:
        """Carry this instrument no longer."""
        for group in self._groups:
            group.leave(symbol, now_ns)
        self._groups = [group for group in self._groups if group.connections]

    def place(
        self,
        wanted: Sequence[Chosen],
        add: Callable[[Chosen], bool],
        start: Callable[[Connection], asyncio.Task[None]],
        now_ns: int,
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
                group.join(chosen, now_ns)
        venue = self._owner.venue
        found = shards(venue, rest)
        left = None if self.most is None else self.most - len(self.connections)
        fit = fitting(venue, found, left)
        for shard in found[:fit]:
            # As many streams or fewer: it stays one shard.
            for added in shards(venue, [chosen for chosen in shard.chosen if add(chosen)]):
                label = f"{venue.folder}/{{}}/{next(self._labels)}/{{}}"
                group = Group(self._owner, added, self._numbers, label)
                self._groups.append(group)
                for connection in group.connections:
                    group.connections[connection] = start(connection)
        return [chosen for shard in found[fit:] for chosen in shard.chosen]
