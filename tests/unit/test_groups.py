"""Which instruments get a connection when a venue allows only so many."""

import asyncio
from types import SimpleNamespace
from typing import Any

from msgspec.structs import replace

from connector.config import Feeds, VenueSettings
from connector.connections import Connection
from connector.groups import Groups
from connector.market.selection import Chosen, Wish, select
from connector.model.instrument import Instrument
from connector.protocol.ratelimit import RollingWindow
from connector.venues.contract import Channel, load

VENUE = load("phemex")
VENUE = replace(VENUE, limits=replace(VENUE.limits, streams=4))
CHANNELS = (Channel.DEPTH, Channel.TRADE)


def chosen(*names: str, channels: tuple[Channel, ...] = CHANNELS) -> list[Chosen]:
    """Two streams each: two instruments a connection."""
    listed = [
        Instrument(
            symbol=name,
            exchange="",
            price_exponent=0,
            qty_exponent=0,
            price_digits=0,
            qty_digits=0,
            tick_e=1,
            step_e=1,
        )
        for name in names
    ]
    return select(VENUE, listed, [], [Wish(names, channels, True, {})]).chosen


class Rig:
    def __init__(self, most: int | None) -> None:
        owner: Any = SimpleNamespace(
            venue=VENUE,
            settings=VenueSettings(feeds=(Feeds(instruments=("A",)),)),
            gate=RollingWindow(100, 1),
            context=None,
        )
        self.groups = Groups(owner, most)
        self.added: list[str] = []
        self.started: list[Connection] = []

    def _add(self, one: Chosen) -> bool:
        if one.instrument.symbol == "BAD":
            return False
        self.added.append(one.instrument.symbol)
        return True

    def _start(self, connection: Connection) -> Any:
        self.started.append(connection)
        return asyncio.get_running_loop().create_future()

    def place(self, *names: str) -> list[str]:
        async def work() -> list[Chosen]:
            return self.groups.place(chosen(*names), self._add, self._start, 1)

        return [one.instrument.symbol for one in asyncio.run(work())]


def test_without_a_number_everything_gets_a_connection() -> None:
    rig = Rig(None)
    assert rig.place("A", "B", "C", "D", "E") == []
    assert len(rig.started) == len(rig.groups.connections) == 3


def test_no_more_are_opened_than_allowed_and_the_first_come_first() -> None:
    rig = Rig(2)
    assert rig.place("A", "B", "C", "D", "E", "F") == ["E", "F"]
    assert rig.added == ["A", "B", "C", "D"]
    assert len(rig.started) == 2
    assert rig.place("E", "F") == ["E", "F"]
    assert Rig(0).place("A") == ["A"]


def test_a_place_that_becomes_free_is_given_to_the_next() -> None:
    rig = Rig(2)
    rig.place("A", "B", "C", "D", "E")
    rig.groups.leave("B", 1)
    assert rig.place("E", "F") == ["F"]
    assert rig.added[-1] == "E"
    rig.groups.leave("C", 1)
    rig.groups.leave("D", 1)
    assert len(rig.groups.connections) == 1, "nobody needs it any more"
    assert rig.place("F") == []
    assert len(rig.groups.connections) == 2


def test_an_instrument_that_cannot_be_served_costs_only_itself() -> None:
    rig = Rig(1)
    assert rig.place("BAD", "A", "B") == ["B"], "the room was counted before it was known"
    assert rig.added == ["A"]
    assert rig.place("B") == []
    assert [connection.streams for connection in rig.groups.connections] == [4]


def carried(rig: Rig) -> list[list[str]]:
    """The streams of each connection."""
    return [
        sorted(row.stream for symbol in "ABC" for row in one.carried(symbol))
        for one in rig.groups.connections
    ]


def carry(rig: Rig, name: str, *channels: Channel) -> list[Channel]:
    """Give an instrument these channels; those that found no place."""

    async def work() -> list[Channel]:
        (one,) = chosen(name, channels=channels)
        return [row.channel for row in rig.groups.carry(one, rig._start, 1)]

    return asyncio.run(work())


def test_what_is_added_goes_where_the_instrument_is_or_on_a_connection_of_its_own() -> None:
    rig = Rig(None)
    rig.place("A", "B")
    first = rig.started[0]
    assert carry(rig, "A", *CHANNELS, Channel.KLINE_1m) == []
    assert carried(rig) == [
        ["orderbook.A", "orderbook.B", "trade.A", "trade.B"],
        ["kline.A/60"],
    ]
    assert carry(rig, "A", Channel.DEPTH, Channel.KLINE_1m) == []
    assert carry(rig, "B", *CHANNELS, Channel.KLINE_5m) == []
    assert carried(rig)[0] == ["kline.B/300", "orderbook.A", "orderbook.B", "trade.B"]
    assert rig.started[0] is first
    assert carry(rig, "A", Channel.DEPTH) == []
    assert len(rig.groups.connections) == 1, "one without streams is closed"
    assert rig.groups.connections == [first]


def test_a_stream_stays_where_it_is_though_an_older_connection_has_room_by_now() -> None:
    rig = Rig(None)
    rig.place("A", "B")
    assert carry(rig, "A", *CHANNELS, Channel.KLINE_1m) == []
    second = rig.groups.connections[1]
    rig.groups.leave("B", 1)
    assert carry(rig, "A", *CHANNELS, Channel.KLINE_1m, Channel.KLINE_5m) == []
    assert carried(rig) == [["kline.A/300", "orderbook.A", "trade.A"], ["kline.A/60"]]
    assert rig.groups.connections[1] is second


def test_what_has_no_room_is_named_and_the_rest_goes_on() -> None:
    rig = Rig(1)
    rig.place("A", "B")
    assert carry(rig, "A", *CHANNELS, Channel.KLINE_1m, Channel.KLINE_5m) == [
        Channel.KLINE_1m,
        Channel.KLINE_5m,
    ]
    assert carried(rig) == [["orderbook.A", "orderbook.B", "trade.A", "trade.B"]]
    assert carry(rig, "B", Channel.DEPTH) == []
    assert carry(rig, "A", *CHANNELS, Channel.KLINE_1m) == []
    assert carried(rig) == [["kline.A/60", "orderbook.A", "orderbook.B", "trade.A"]]
