"""Cadenza's instruments: read exactly, by pages and venues, and what cannot be used is named."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from connector.instruments import BETWEEN, Instruments, following, joined, kept
from connector.model.instrument import ABSENT, ContractType, Status
from connector.sim.listings import contracts
from connector.venues.cadenza import VENUE, configured
from connector.venues.cadenza.config import Config
from connector.venues.cadenza.instruments import MOST, PAGE
from connector.venues.cadenza.sim import SIM
from connector.venues.contract import Request
from tests.reference.cadenza_rest import Cadenza, User

ROW = {
    "instrumentId": "BINANCE:BTC/USDT", "venue": "BINANCE", "symbol": "BTC/USDT",
    "externalSymbol": "BTCUSDT", "instrumentType": "SPOT", "status": "ACTIVE", "baseAsset": "BTC",
    "quoteAsset": "USDT", "basePrecision": 5, "quotePrecision": 2, "lotSize": "0.00001",
    "pipSize": "0.01", "minQuantity": "0.00001", "maxQuantity": "9000", "minNotional": "5",
    "orderTypes": ["LIMIT"], "timeInForceOptions": ["GTC"],
}  # fmt: skip


def body(*rows: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"success": True, "errno": 0, "data": rows, **more}).encode()


def drained(steps: Any) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_an_instrument_has_the_venues_steps_and_bounds() -> None:
    listing = VENUE.instruments(body(ROW))
    (one,) = listing.instruments
    assert listing.faults == []
    assert (one.symbol, one.exchange, one.base, one.quote) == (
        "BINANCE:BTC/USDT", "Cadenza", "BTC", "USDT",
    )  # fmt: skip
    assert (one.contract, one.status) == (ContractType.SPOT, Status.TRADING)
    assert (one.price_exponent, one.qty_exponent) == (8, 8)
    assert (one.price_digits, one.qty_digits) == (2, 5)
    assert (one.tick_e, one.step_e) == (10**6, 10**3)
    assert (one.min_qty_e, one.max_qty_e) == (10**3, 9000 * 10**8)
    assert one.min_notional_e == 5 * 10**8
    assert drained(VENUE.instruments_in_pieces(body(ROW))) == (listing, ())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lotSize": None}, "lotSize: missing"),
        ({"pipSize": ""}, "pipSize: missing"),
        ({"lotSize": "0"}, "lotSize: not above zero"),
        ({"pipSize": "0.00"}, "pipSize: not above zero"),
        ({"pipSize": "-0.1"}, "pipSize: not above zero"),
        ({"pipSize": "a"}, "pipSize"),
        ({"pipSize": "0.0000000000001"}, "pipSize"),
        ({"minQuantity": "x"}, "minQuantity"),
        ({"instrumentId": "BTCUSDT"}, "not VENUE:SYMBOL"),
        ({"instrumentId": ""}, "data[0]"),
        ({"instrumentId": "B:" + "x" * 70}, "longer"),
        ({"instrumentId": 7}, "data[0]"),
        ({"venue": 7}, "data[0]"),
    ],
)
def test_what_cannot_be_used_is_named_and_costs_nobody_else(
    change: dict[str, Any], words: str
) -> None:
    other = ROW | {"instrumentId": "OKX:BTC/USDT", "venue": "OKX"}
    listing = VENUE.instruments(body(ROW | change, other))
    assert [one.symbol for one in listing.instruments] == ["OKX:BTC/USDT"]
    (fault,) = listing.faults
    assert words in fault
    assert drained(VENUE.instruments_in_pieces(body(ROW | change, other))) == (listing, ())


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"status": "DISABLED"}, "status", Status.HALTED),
        ({"status": "DELISTED"}, "status", Status.CLOSED),
        ({"status": "BRAND_NEW"}, "status", Status.UNKNOWN),
        ({"status": None}, "status", Status.UNKNOWN),
        ({"instrumentType": "PERPETUAL"}, "contract", ContractType.PERPETUAL),
        ({"instrumentType": "CFD"}, "contract", ContractType.UNKNOWN),
        ({"maxQuantity": None}, "max_qty_e", ABSENT),
        ({"maxQuantity": "0"}, "max_qty_e", ABSENT),
        ({"maxQuantity": "9" * 40}, "max_qty_e", ABSENT),
        ({"minNotional": 5}, "min_notional_e", 5 * 10**8),
        ({"pipSize": 0.5}, "tick_e", 5 * 10**7),
        ({"pipSize": "0.000000001"}, "price_exponent", 9),
        ({"lotSize": "0.010"}, "qty_digits", 2),
    ],
)
def test_odd_values_lose_only_themselves(change: dict[str, Any], field: str, value: Any) -> None:
    (one,) = VENUE.instruments(body(ROW | change)).instruments
    assert getattr(one, field) == value


@pytest.mark.parametrize("bad", [b"", b"[]", b"{}", b'{"errno":22016}', b'{"errno":0}', b"<html>"])
def test_what_is_no_list_is_an_error(bad: bytes) -> None:
    with pytest.raises(ValueError, match="instruments"):
        VENUE.instruments(bad)
    with pytest.raises(ValueError, match="instruments"):
        drained(VENUE.instruments_in_pieces(bad))


@pytest.mark.parametrize("profile", ["seed", "current"])
def test_all_that_the_venue_lists_is_read(profile: str) -> None:
    user = User(Cadenza(profile))
    answer = user.ask("instrumentList", limit=1000)
    listing = VENUE.instruments(answer.body)
    assert listing.faults == []
    assert len(listing.instruments) == 5


def test_instruments_nobody_lists_are_instruments_too() -> None:
    rows = contracts(SIM.listings, 40, 1, SIM.invented)
    listing = VENUE.instruments(SIM.exchange_info(rows, 0, 0))
    assert listing.faults == []
    assert len(listing.instruments) == 40
    last = listing.instruments[-1]
    assert (last.symbol, last.base, last.quote) == ("MOCK:SIM030/USDT", "SIM030", "USDT")


# Pages


def asked(request: Request) -> tuple[str, int]:
    query = parse_qs(request.query)
    assert query["limit"] == [str(PAGE)]
    return query.get("venue", [""])[0], int(query["offset"][0])


def page(count: int, more: bool) -> bytes:
    rows = [ROW | {"instrumentId": f"OKX:N{number}/X"} for number in range(count)]
    pagination = {"offset": 0, "limit": PAGE, "total": 9999, "cursor": "", "hasNext": more}
    return body(*rows, pagination=pagination)


def walk(config: Config, answers: list[bytes]) -> list[tuple[str, int]]:
    venue = configured(config)
    request: Request | None = venue.instruments_request()
    seen = []
    for answer in answers:
        assert request is not None
        seen.append(asked(request))
        request = following(venue, request, answer)
    assert request is None
    return seen


def test_pages_are_asked_for_until_there_are_no_more() -> None:
    seen = walk(Config(), [page(3, True), page(2, True), page(1, False)])
    assert seen == [("", 0), ("", 3), ("", 5)]


def test_an_empty_page_is_the_last_whatever_it_says() -> None:
    assert walk(Config(), [page(3, True), page(0, True)]) == [("", 0), ("", 3)]


def test_each_configured_venue_has_its_own_pages() -> None:
    config = Config(venues=("OKX", "BINANCE"))
    seen = walk(config, [page(2, True), page(1, False), page(1, False)])
    assert seen == [("OKX", 0), ("OKX", 2), ("BINANCE", 0)]


def test_there_is_an_end_to_a_list_without_one() -> None:
    seen = walk(Config(), [page(1000, True)] * (MOST // 1000))
    assert len(seen) == MOST // 1000


@pytest.mark.parametrize("cursor", ["", '{"last":"x"}', "}", 'a"{', "\\"])
@pytest.mark.parametrize("first", [True, False])
def test_whatever_a_cursor_is_made_of_the_rest_is_asked_for(cursor: str, first: bool) -> None:
    pagination = {"pagination": {"cursor": cursor, "hasNext": True, "limit": PAGE}}
    rest = {"errno": 0, "data": [ROW]}
    whole = pagination | rest if first else rest | pagination
    assert walk(Config(), [json.dumps(whole).encode(), body()]) == [("", 0), ("", 1)]


def test_an_answer_that_says_nothing_of_pages_is_whole() -> None:
    assert walk(Config(), [body(ROW)]) == [("", 0)]


class Door:
    """Answers by venue and offset, from a list of so many rows."""

    def __init__(self, rows: list[dict[str, Any]], size: int) -> None:
        self.rows, self.size = rows, size
        self.asked = 0

    async def ask(self, request: Request) -> bytes:
        self.asked += 1
        _, offset = asked(request)
        shown = self.rows[offset : offset + self.size]
        more = offset + len(shown) < len(self.rows)
        return body(*shown, pagination={"offset": offset, "hasNext": more})


def test_a_listing_is_put_together_and_kept_whole(tmp_path: Path) -> None:
    rows = [ROW | {"instrumentId": f"OKX:N{number}/X"} for number in range(7)]
    rows[3] = rows[3] | {"lotSize": "0"}
    door = Door(rows, 3)
    cache = tmp_path / "instruments"
    feed = Instruments(VENUE, door, cache, 600, lambda counter: None)  # type: ignore[arg-type]
    listing = asyncio.run(feed.first())
    assert door.asked == 3
    assert [one.symbol for one in listing.instruments] == [
        f"OKX:N{number}/X" for number in (0, 1, 2, 4, 5, 6)
    ]
    assert len(listing.faults) == 1
    assert cache.read_bytes().count(BETWEEN) == 2
    assert kept(VENUE, cache.read_bytes()) == listing


def test_what_moved_to_the_next_page_meanwhile_is_there_once() -> None:
    one = VENUE.instruments(body(ROW))
    assert joined([one, one]).instruments == one.instruments
