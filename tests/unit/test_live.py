"""A stream that several instruments have is theirs until the last one leaves."""

from types import SimpleNamespace
from typing import Any

from connector.market.live import Names
from connector.venues.contract import Channel, Subscription


def live(symbol: str, *streams: str) -> Any:
    rows = tuple(Subscription(symbol, Channel.TICKER, stream, 1) for stream in streams)
    return SimpleNamespace(
        instrument=SimpleNamespace(symbol=symbol), chosen=SimpleNamespace(subscriptions=rows)
    )


def test_streams_are_gone_with_the_last_who_has_them() -> None:
    names = Names()
    first = live("A", "!ticker@arr", "a@ticker", "a@ticker")
    second, again = live("B", "!ticker@arr"), live("A", "!ticker@arr", "a@ticker")
    names.add(first)
    names.add(second)
    assert names.remove(first) == {"a@ticker"}
    assert not names.of("A")
    names.add(again)
    assert names.remove(second) == set()
    assert names.remove(again) == {"!ticker@arr", "a@ticker"}
