"""Which wishes are looked at again when the venue's list comes anew, and how many connections the
instruments take that are wanted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from connector.market.selection import (
    Chosen,
    Wish,
    connections,
    fitting,
    left,
    no_room,
    room,
    select,
    shards,
)
from connector.model.instrument import Instrument
from connector.venues.contract import Channel, Venue, folders, load


def wish(*names: str) -> Wish:
    return Wish(names, (Channel.DEPTH,), True, {})


@pytest.mark.parametrize(
    ("names", "served", "known", "named", "found"),
    [
        (["a", "B"], set(), {"A", "B"}, set(), ["a", "B"]),
        (["a", "B"], {"A"}, {"B"}, set(), ["B"]),
        (["a"], {"A"}, set(), set(), None),
        (["a"], set(), set(), set(), ["a"]),
        (["a"], set(), set(), {"A"}, None),
        (["a"], set(), {"A"}, {"A"}, ["a"]),
        (["*", "a"], {"A"}, set(), set(), ["*"]),
    ],
    ids=["new", "one served", "served", "unknown", "known as unlisted", "listed again", "every"],
)
def test_what_is_left_to_look_at(
    names: list[str], served: set[str], known: set[str], named: set[str], found: list[str] | None
) -> None:
    wishes = left([wish(*names)], served, known, named)
    assert [list(one.instruments) for one in wishes] == ([found] if found else [])


def instruments(count: int) -> list[Instrument]:
    return [
        Instrument(
            symbol=f"A{number}",
            exchange="",
            price_exponent=0,
            qty_exponent=0,
            price_digits=0,
            qty_digits=0,
            tick_e=1,
            step_e=1,
        )
        for number in range(count)
    ]


def narrow(folder: str, open_: int) -> Venue:
    venue = load(folder)
    return replace(venue, limits=replace(venue.limits, streams=20, open=open_))


def chosen(venue: Venue, count: int, channels: tuple[Channel, ...]) -> list[Chosen]:
    listed = instruments(count)
    wishes = [Wish([one.symbol for one in listed], channels, True, {})]
    return select(venue, listed, [], wishes).chosen


@pytest.mark.parametrize(
    ("open_", "own", "private", "most"),
    [(0, 0, 3, None), (5, 0, 0, 5), (5, 0, 2, 3), (5, 0, 6, 0), (5, 9, 2, 9), (0, 4, 0, 4)],
    ids=["no number", "all", "accounts", "none left", "configured", "configured alone"],
)
def test_how_many_connections_market_data_may_have(
    open_: int, own: int, private: int, most: int | None
) -> None:
    assert room(narrow("phemex", open_), own, private) == most


@pytest.mark.parametrize("folder", folders())
@given(
    count=st.integers(0, 60),
    channels=st.lists(st.sampled_from(list(Channel)), min_size=1, unique=True),
    most=st.integers(0, 6),
)
def test_no_more_connections_are_needed_than_fit_and_none_that_fits_is_left_out(
    folder: str, count: int, channels: list[Channel], most: int
) -> None:
    venue = narrow(folder, 5)
    served = {channel for route in venue.routes for channel in route.channels}
    found = shards(venue, chosen(venue, count, tuple(set(channels) & served)))
    used = [connections(venue, shard) for shard in found]
    fit = fitting(venue, found, most)
    assert sum(used[:fit]) <= most
    assert fit == len(found) or sum(used[: fit + 1]) > most
    assert fitting(venue, found, None) == len(found)
    for shard in found:
        for rows in shard.streams.values():
            assert len({row.stream for row in rows}) <= venue.limits.streams
    if fit < len(found):
        assert str(most) in no_room(venue, most)
