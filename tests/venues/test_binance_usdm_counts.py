"""Binance USD-M, whole: what the venue's reference and its page of 2021 list, counted off against
what the connector has. Left out is only what the reference itself has out of scope or removed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from connector.venues.binance_usdm import VENUE, user
from connector.venues.binance_usdm.error_codes import ROWS
from connector.venues.binance_usdm.sim import SIM
from connector.venues.contract import Status, UnknownEvent
from connector.venues.trading_contract import UnknownUserEvent
from tests.reference.binance_usdm_reference import Page, Reference
from tests.reference.decoding import instrument
from tests.reference.every_stream import every_stream

CALLS = {f"{row.method} {row.path}": row for row in VENUE.endpoints.values()}
Counted = Callable[[str], None]


@pytest.fixture(scope="module")
def then(reference: Path) -> Page:
    return Page(reference / "sources" / "binance-usdm-2021.txt")


@pytest.fixture(scope="module")
def now(reference: Path) -> Reference:
    return Reference(reference / "specs" / "binance-usdm.md")


def test_endpoints(then: Page, now: Reference, counted: Counted) -> None:
    old = {**now.calls("6.1"), **now.calls("6.2")}
    assert sorted(then.calls) == sorted(call for row in old.values() for call in row)
    assert len(then.calls) == 44
    since = now.calls("6.3")
    added = [call for row in since.values() for call in row]
    assert {*then.calls, *added} == CALLS.keys()
    foreign = now.rows("6.3").keys() - since.keys()
    assert foreign == {"A33"}, "portfolio margin and conversions"
    status = {word: sum(row.status is word for row in CALLS.values()) for word in Status}
    counted(
        f"BinanceU: {len(CALLS.keys() & set(then.calls))} of {len(then.calls)} endpoints of 2021, "
        f"{len(since)} of {len(since)} rows since ({len(added)} endpoints; out of scope: "
        f"{', '.join(foreign)}); "
        + ", ".join(f"{number} {word.name.lower()}" for word, number in status.items() if number)
    )


def test_streams(then: Page, now: Reference, counted: Counted) -> None:
    had = every_stream(replace(instrument("BTCUSDT"), base="BTC", series="PERPETUAL"))
    old, since = now.streams("10.1"), now.streams("10.2")
    assert sorted(then.streams) == sorted(old)
    assert len(old) == 15
    assert {name for row in (*old.values(), *since.values()) for name in row} == had.keys()
    assert all(SIM.stream(name, {"BTCUSDT": None}) is not None for name in had)
    counted(
        f"BinanceU: {len(old)} of {len(then.streams)} stream kinds of 2021, {len(since)} since; "
        f"{len(had)} streams of one symbol and of all"
    )


def market_event_is_known(name: str) -> bool:
    try:
        found = VENUE.decode(json.dumps({"e": name}).encode(), lambda symbol: None)
    except ValueError as error:  # it is known, so its fields are missed
        return str(error).startswith(f"{name}: ")
    return not isinstance(found, UnknownEvent)


def user_event_is_acted_on(name: str) -> bool:
    try:
        found = user.decode(json.dumps({"e": name, "E": 1}).encode(), lambda symbol: None)
    except ValueError as error:
        return str(error).startswith(f"{name}: ")
    return not any(isinstance(one, UnknownUserEvent) for one in found)


def test_events(then: Page, now: Reference, counted: Counted) -> None:
    market, private = now.market_events(), now.user_events()
    assert then.events | {"listenKeyExpired"} <= market | private
    assert len(market) >= 15
    assert all(map(market_event_is_known, market))
    assert not market_event_is_known("eventOf2027")
    named = {name for name in private if not user_event_is_acted_on(name)}
    assert named == {"STRATEGY_UPDATE", "GRID_UPDATE", "CONDITIONAL_ORDER_TRIGGER_REJECT"}
    counted(
        f"BinanceU: {len(market)} of {len(market)} market events; {len(private)} of "
        f"{len(private)} user events, {len(named)} of them named without effect"
    )


def test_error_codes(then: Page, now: Reference, counted: Counted) -> None:
    codes = now.codes()
    assert {code for code, old in codes.items() if old} == then.codes
    assert len(then.codes) == 146
    assert ROWS.keys() == codes.keys()
    counted(
        f"BinanceU: {len(ROWS.keys() & then.codes)} of {len(then.codes)} error codes of 2021, "
        f"{len(ROWS)} of {len(codes)} today"
    )
