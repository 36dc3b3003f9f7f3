"""Cadenza's books over REST, in each published form: what is read, and what is refused."""

import json
from typing import Any

import pytest

from connector.model.instrument import Instrument
from connector.venues.cadenza import VENUE
from tests.reference.cadenza_rest import Cadenza, User

BTC = Instrument(
    symbol="BINANCE:BTC/USDT", exchange="Cadenza", price_exponent=8, qty_exponent=8,
    price_digits=2, qty_digits=5, tick_e=10**6, step_e=10**3,
)  # fmt: skip
E8 = 10**8


def book(**given: Any) -> bytes:
    usual = {
        "instrumentId": BTC.symbol, "venue": "BINANCE", "symbol": "BTC/USDT",
        "bids": [["50000.00", "1.5"]], "asks": [["50001.00", "2"]], "timestamp": 1703052635110,
    }  # fmt: skip
    return json.dumps({"success": True, "errno": 0, "data": usual | given}).encode()


def test_a_book_is_asked_for_by_its_instrument() -> None:
    request = VENUE.snapshot_request(BTC)
    assert request.target == ("/api/v3/market/orderBook/get?instrumentId=BINANCE:BTC/USDT&depth=50")


def test_a_book_has_a_time_and_no_id() -> None:
    found = VENUE.snapshot(book(), BTC)
    assert (found.last_id, found.venue_ns) == (0, 1703052635110 * 10**6)
    assert found.bids == [50_000 * E8, 3 * E8 // 2]
    assert found.asks == [50_001 * E8, 2 * E8]


@pytest.mark.parametrize(
    ("given", "bids"),
    [
        ({"bids": [["1", "1"], ["3", "1"], ["2", "1"]]}, [3, 1, 2, 1, 1, 1]),
        ({"bids": [["2", "0.0"], ["1", "1"]]}, [1, 1]),
        ({"bids": []}, []),
        ({"orderBookType": "L2", "columns": ["price", "quantity"], "bids": [["2", "1"]]}, [2, 1]),
        (
            {"orderBookType": "L2_COUNTED", "columns": ["price", "quantity", "orderCount"],
             "bids": [["2", "1", "7"]]},
            [2, 1],
        ),
        (
            {"orderBookType": "L3_COUNTED", "columns": ["orderId", "quantity", "price"],
             "bids": [["a", "1", "2"], ["b", "3", "2"], ["c", "1", "1"]]},
            [2, 4, 1, 1],
        ),
        (
            {"orderBookType": "L2_EXCHANGE", "columns": ["price", "quantity", "exchange"],
             "bids": [["2", "1", "x"], ["2", "1", "y"]]},
            [2, 2],
        ),
        ({"bids": [[2, 1]]}, [2, 1]),
        ({"instrumentId": None, "bids": [["2", "1"]]}, [2, 1]),
    ],
)  # fmt: skip
def test_levels_are_read_by_their_columns(given: dict[str, Any], bids: list[int]) -> None:
    assert VENUE.snapshot(book(**{"asks": []} | given), BTC).bids == [
        number * E8 for number in bids
    ]


@pytest.mark.parametrize(
    "given",
    [
        {"orderBookType": "VWAP"},
        {"orderBookType": "L9"},
        {"columns": ["price", "size"]},
        {"bids": [["1"]]},
        {"bids": [["x", "1"]]},
        {"bids": None},
        {"asks": None},
        {"timestamp": None},
        {"instrumentId": "OKX:BTC/USDT"},
        {"bids": {"1": "2"}},
    ],
)
def test_what_is_no_book_of_it_is_an_error(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        VENUE.snapshot(book(**given), BTC)


@pytest.mark.parametrize("profile", ["seed", "current"])
def test_the_simulated_venues_books_are_read_exactly(profile: str) -> None:
    user = User(Cadenza(profile))
    answer = user.ask("orderBookGet", instrumentId=BTC.symbol, depth=20)
    found = VENUE.snapshot(answer.body, BTC)
    rows = json.loads(answer.body)["data"]
    assert len(found.bids) == len(found.asks) == 40
    assert found.bids[0] == round(float(rows["bids"][0][0]) * 100) * 10**6
    assert found.bids[::2] == sorted(found.bids[::2], reverse=True)
    assert found.asks[::2] == sorted(found.asks[::2])
    assert VENUE.recorded(answer.body) == "orderBookGet"
    listing = user.ask("instrumentList")
    assert VENUE.recorded(listing.body) == "instrumentList"
    assert VENUE.recorded(user.ask("venueList").body) == ""
