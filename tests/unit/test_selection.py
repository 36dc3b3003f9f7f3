"""Which wishes are looked at again when the venue's list comes anew."""

import pytest

from connector.market.selection import Wish, left
from connector.venues.contract import Channel


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
