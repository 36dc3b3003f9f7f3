"""The second family of the simulated Phemex, whose numbers are decimal texts: its market side."""

import json
from decimal import Decimal
from typing import Any

import pytest

from connector.venues.phemex.sim import SIM
from tests.reference.phemex_venue import Phemex

SYMBOLS = ["BTCUSDT", "ETHUSDT", "BTCUSD"]


class TextBook:
    """A book kept by the venue's recipe from texts."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[str, str]] = {"asks": {}, "bids": {}}

    def take(self, message: dict[str, Any]) -> None:
        for side, rows in message["orderbook_p"].items():
            if message["type"] == "snapshot":
                self.sides[side] = {}
            for price, qty in rows:
                if qty == "0":
                    del self.sides[side][price]
                else:
                    self.sides[side][price] = qty

    def book(self) -> dict[str, list[list[str]]]:
        def ordered(side: str, sign: int) -> list[list[str]]:
            rows = map(list, self.sides[side].items())
            return sorted(rows, key=lambda row: sign * Decimal(row[0]))

        return {"asks": ordered("asks", 1), "bids": ordered("bids", -1)}


@pytest.mark.parametrize(("form", "depth"), [([], 30), ([False, 5], 5), ([True], 0)])
def test_a_book_of_texts_follows_the_same_rules(form: list[Any], depth: int) -> None:
    venue = Phemex(SYMBOLS)
    client = venue.client()
    assert client.ask("orderbook_p.subscribe", ["ETHUSDT", *form])["error"] is None
    venue.run(1500)
    venue.market.repeat("ETHUSDT")
    venue.run(125)
    messages = client.of("orderbook_p")
    while messages[-1]["type"] == "incremental":
        messages.pop()
    assert len(messages) > 10
    book, last = TextBook(), 0
    for message in messages[:-1]:
        book.take(message)
        assert message["sequence"] > last
        last = message["sequence"]
        assert message["depth"] == depth
        assert message["timestamp"] <= message["mts"] <= message["dts"]
        if depth:
            assert {len(side) for side in book.sides.values()} == {depth}
        for rows in message["orderbook_p"].values():
            for row in rows:
                assert all(text == f"{Decimal(text).normalize():f}" for text in row)
    assert messages[-1]["orderbook_p"] == book.book()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("orderbook.subscribe", ["BTCUSDT"]),
        ("orderbook_p.subscribe", ["BTCUSD"]),
        ("trade.subscribe", ["BTCUSDT"]),
        ("trade_p.subscribe", ["BTCUSD"]),
        ("kline_p.subscribe", ["BTCUSD", 60]),
        ("tick_p.subscribe", [".MBTC"]),
        ("tick.subscribe", [".MBTCUSDT"]),
        ("perp_market24h_pack_p.subscribe", ["BTCUSDT"]),
        ("orderbook_p.subscribe", ["BTCUSDT", False, 20]),
    ],
)
def test_a_channel_takes_its_own_family_only(method: str, params: list[Any]) -> None:
    client = Phemex(SYMBOLS).client()
    assert client.ask(method, params)["error"]["code"] == 6001
    assert client.heard == set()


def test_trades_candles_ticks_and_the_pack_of_days() -> None:
    venue = Phemex(SYMBOLS)
    client = venue.client()
    for method, params in (
        ("trade_p.subscribe", ["BTCUSDT"]),
        ("kline_p.subscribe", ["BTCUSDT", 60]),
        ("tick_p.subscribe", [".MBTCUSDT"]),
        ("tick_p.subscribe", [".BTCUSDTFR"]),
        ("perp_market24h_pack_p.subscribe", []),
    ):
        assert client.ask(method, params)["error"] is None
    venue.run(6500)
    history, *fresh = client.of("trades_p")
    assert (history["type"], {each["type"] for each in fresh}) == ("snapshot", {"incremental"})
    numbers = [each["sequence"] for each in [history, *fresh]]
    assert numbers == sorted(set(numbers))
    assert all(isinstance(text, str) for row in fresh[0]["trades_p"] for text in row[1:])
    candle = client.of("kline_p")[-1]["kline_p"][0]
    assert Decimal(candle[5]) <= Decimal(candle[6]) <= Decimal(candle[4])
    ticks = {each["tick_p"]["symbol"]: each["tick_p"] for each in client.of("tick_p")}
    assert set(ticks) == {".MBTCUSDT", ".BTCUSDTFR"}
    assert "scale" not in ticks[".MBTCUSDT"]
    whole, *changes = client.of("fields")
    assert whole["method"] == "perp_market24h_pack_p.update"
    assert [row[0] for row in whole["data"]] == ["BTCUSDT", "ETHUSDT"]
    assert (whole["type"], {each["type"] for each in changes}) == ("snapshot", {"incremental"})
    columns = whole["fields"]
    row = dict(zip(columns, changes[-1]["data"][0], strict=True))
    assert Decimal(row["lowRp"]) <= Decimal(row["lastRp"]) <= Decimal(row["highRp"])
    assert client.ask("orderbook_p.unsubscribe", [])["error"] is None
    assert client.ask("trade_p.unsubscribe", ["BTCUSDT"])["error"] is None
    assert "BTCUSDT@trade_p" not in client.heard


def test_rest_and_products_of_the_family() -> None:
    venue = Phemex(SYMBOLS)
    info = venue.get("/public/products").body
    data = json.loads(info)["data"]
    (btc, _) = data["perpProductsV2"]
    assert (btc["symbol"], btc["type"], btc["tickSize"], btc["qtyStepSize"]) == (
        "BTCUSDT", "PerpetualV2", "0.1", "0.0001",
    )  # fmt: skip
    assert (btc["markSymbol"], btc["indexSymbol"]) == (".MBTCUSDT", ".BTCUSDT")
    assert {row.symbol for row in SIM.contracts(info)} == set(SYMBOLS)
    assert {row.symbol for row in SIM.rules(info)} == set(SYMBOLS)
    client = venue.client()
    client.ask("orderbook_p.subscribe", ["BTCUSDT"])
    answer = json.loads(venue.get("/md/v2/orderbook", "symbol=BTCUSDT").body)["result"]
    assert [answer] == client.of("orderbook_p")
    full = json.loads(venue.get("/md/v2/fullbook", "symbol=BTCUSDT").body)["result"]
    assert full["orderbook_p"]["asks"][:30] == answer["orderbook_p"]["asks"]
    trades = json.loads(venue.get("/md/v2/trade", "symbol=BTCUSDT").body)["result"]
    assert len(trades["trades_p"]) > 0
    day = json.loads(venue.get("/md/v3/ticker/24hr", "symbol=BTCUSDT").body)["result"]
    assert Decimal(day["lowRp"]) <= Decimal(day["lastRp"]) <= Decimal(day["highRp"])
    assert Decimal(day["bidRp"]) < Decimal(day["askRp"])
    second = json.loads(venue.get("/md/v2/ticker/24hr", "symbol=BTCUSDT").body)["result"]
    assert (second["closeRp"], second["markPriceRp"]) == (day["lastRp"], day["markRp"])
    query = "symbol=BTCUSDT&resolution=60&limit=5"
    rows = json.loads(venue.get("/exchange/public/md/v2/kline", query).body)["data"]["rows"]
    assert isinstance(rows[0][3], str)
    for path, symbol in (("/md/orderbook", "BTCUSDT"), ("/md/v2/orderbook", "BTCUSD")):
        assert venue.get(path, f"symbol={symbol}").status == 500
