"""Recorded Phemex sessions through the simulator: what it sends leads to the recorded books."""

import hashlib
import json
from pathlib import Path

import pytest

from connector.sim.replay import ReplayMarket
from connector.venues.phemex.sim import SIM
from tests.reference.phemex_venue import ClientBook, Phemex

SYMBOLS = ("ATOMUSD", "XTZUSD", "YFIUSD", "sGRTUSDT", "sSUSHIUSDT")


def digest(book: ClientBook) -> str:
    both = book.book()
    text = "|".join(",".join(f"{p}:{q}" for p, q in both[side]) for side in ("bids", "asks"))
    return hashlib.sha256(text.encode()).hexdigest()


def played(venue: Phemex, market: ReplayMarket) -> None:
    """The whole recording; it begins by the machine's clock, which the venue's is behind of where
    the machine is busy."""
    for _ in range(2000):
        if market.done:
            return
        venue.run(10)
    raise AssertionError("the recording does not end")


@pytest.fixture
def market(recordings: Path) -> ReplayMarket:
    path = recordings / "phemex" / "book_trade_202107.gz"
    return ReplayMarket(SIM, [path], speed=0.0, settle_s=0.0)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_every_checkpoint_of_the_oracles_is_met(
    market: ReplayMarket, recordings: Path, symbol: str
) -> None:
    oracle = json.loads(
        (recordings / "oracle" / f"phemex_202107_{symbol.lower()}.json").read_text()
    )
    wanted = {row["inc"]: row for row in oracle["checkpoints"]}
    venue = Phemex(market=market)
    client = venue.client()
    assert client.ask("orderbook.subscribe", [symbol])["error"] is None
    played(venue, market)
    book, applied = ClientBook(), 0
    for message in client.of("book"):
        book.take(message)
        if message["type"] == "incremental":
            applied += 1
            if applied in wanted:
                row = wanted.pop(applied)
                assert (book.sequence, digest(book)) == (row["sequence"], row["full"])
    assert applied == oracle["incrementals"]
    assert wanted == {}
    late = venue.client()
    late.ask("orderbook.subscribe", [symbol])
    (snapshot,) = late.of("book")
    assert (snapshot["sequence"], snapshot["book"]) == (book.sequence, book.book())


def test_who_comes_before_the_first_full_book_waits_for_it(market: ReplayMarket) -> None:
    """A later subscription during the replay hears no empty book."""
    venue = Phemex(market=market)
    first, second = venue.client(), venue.client()
    first.ask("orderbook.subscribe", ["YFIUSD"])
    market.run_until(venue.now_ns + 10**9, 1)
    assert market.sent == 1
    second.ask("orderbook.subscribe", ["XTZUSD"])
    assert second.of("book") == []
    played(venue, market)
    assert second.of("book")[0]["type"] == "snapshot"
    assert len(second.of("book")[0]["book"]["asks"]) == 30


def test_recorded_books_tell_what_is_listed(market: ReplayMarket) -> None:
    """Prices of contracts have four decimals on the wire."""
    rows = {row["symbol"]: row for row in json.loads(market.exchange_info(0))["data"]["products"]}
    assert set(SYMBOLS) < set(rows)
    xtz = rows["XTZUSD"]
    assert (xtz["priceScale"], xtz["tickSize"], xtz["settleCurrency"]) == (4, 0.001, "USD")
    assert rows["sGRTUSDT"]["priceScale"] == 8


def test_recorded_trades_reach_rest(market: ReplayMarket) -> None:
    venue = Phemex(market=market)
    client = venue.client()
    client.ask("trade.subscribe", ["YFIUSD"])
    played(venue, market)
    fresh = [each for each in client.of("trades") if each["type"] == "incremental"]
    answer = json.loads(venue.get("/md/trade", "symbol=YFIUSD").body)["result"]
    assert len(fresh) > 1
    assert [row[1:] for row in answer["trades"]] == [
        row[1:] for each in reversed(fresh) for row in each["trades"]
    ]
    assert answer["sequence"] == fresh[-1]["sequence"]
