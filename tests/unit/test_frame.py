"""The live view says what the samples say: rates between two of them, latencies of the window."""

import io
import re
from typing import Any

import orjson
import pytest
from rich.console import Console
from rich.screen import Screen

from connector.cli import _frame
from connector.cli._frame import Book, Buckets, Reader, Sample
from connector.cli._screen import Screenful
from connector.ipc.counters import Budget
from connector.model.counters import Counter, Hop
from connector.model.histogram import BUCKETS, bucket
from connector.model.states import State

SECOND = 1_000_000_000


def book(**changes: Any) -> Book:
    given: dict[str, Any] = {
        "index": 0, "exchange": "BinanceU", "symbol": "BTCUSDT", "state": State.LIVE,
        "bbo_state": State.LIVE, "bid_e": 6_800_480_000_000, "bid_qty_e": 1_900_000,
        "ask_e": 6_800_500_000_000, "ask_qty_e": 250_000_000, "price_exponent": 8,
        "qty_exponent": 8, "price_digits": 2, "qty_digits": 3, "tick_e": 10_000_000,
        "last_data_ns": 1, "deltas": 100, "bbos": 50, "trades": 10, "marks": 1, "gaps": 0,
        "resyncs": 0, "crossed": 0,
    }  # fmt: skip
    return Book(**(given | changes))


def histogram(*values_ns: int) -> Buckets:
    counts = [0] * BUCKETS
    for value_ns in values_ns:
        counts[bucket(value_ns)] += 1
    return Buckets(counts, sum(values_ns), max(values_ns, default=0))


def sample(**changes: Any) -> Sample:
    given: dict[str, Any] = {
        "now_ns": 100 * SECOND, "epoch": 0xABC, "version": "0.1.0", "pid": 77,
        "started_ns": 10 * SECOND, "heartbeat_ns": 100 * SECOND - 20_000_000, "ring_written": 6400,
        "ring_capacity": 1 << 26, "sequence": 100, "books": [book()],
        "counters": dict.fromkeys(Counter, 0), "hops": {Hop.RECV_TO_PUBLISH: histogram(1000, 1000)},
        "readers": [],
    }  # fmt: skip
    return Sample(**(given | changes))


def shown(now: Sample, before: Sample | None = None, rows: int = 40) -> str:
    file = io.StringIO()
    Console(width=200, file=file).print(_frame.frame(now, before, rows))
    return file.getvalue()


def test_a_book_is_shown_with_the_venues_decimals() -> None:
    text = shown(sample())
    for word in ("BTCUSDT", "LIVE", "68004.80", "68005.00", "0.019", "2.500", "2 t", "up 0:01:30"):
        assert word in text
    assert "1 of 1 books live" in text
    assert "nothing went wrong so far" in text


def test_rates_are_between_the_samples() -> None:
    later = sample(
        now_ns=102 * SECOND,
        sequence=500,
        books=[book(deltas=300, bbos=51, trades=10)],
        counters=dict.fromkeys(Counter, 0) | {Counter.FRAMES: 1000},
    )
    (row,) = _frame.numbers(later, sample())["books"]
    assert row["rates"] == {"depth": 100.0, "bbo": 0.5, "trade": 0.0, "mark": 0.0}
    assert "200 records/s" in shown(later, sample())
    assert "500 frames/s" in shown(later, sample())
    (row,) = _frame.numbers(later, None)["books"]
    assert set(row["rates"].values()) == {None}


def test_latencies_are_of_the_window_and_of_the_run_without_one() -> None:
    before = sample(hops={Hop.RECV_TO_PUBLISH: histogram(*[1000] * 100)})
    now = sample(hops={Hop.RECV_TO_PUBLISH: histogram(*[1000] * 100, *[50_000] * 10)})
    window = _frame.numbers(now, None, before)["latency_ns"]["recv_to_publish"]
    run = _frame.numbers(now, None)["latency_ns"]["recv_to_publish"]
    assert window["count"] == 10
    assert window["p50"] == pytest.approx(50_000, rel=0.04)
    assert run["count"] == 110
    assert run["p50"] == pytest.approx(1000, rel=0.04)


def test_what_is_wrong_stands_out() -> None:
    gapped = sample(
        heartbeat_ns=90 * SECOND,
        books=[book(state=State.GAP, gaps=3), book(index=1, symbol="ETHUSDT")],
        counters=dict.fromkeys(Counter, 0) | {Counter.GAPS: 3},
    )
    text = shown(gapped)
    assert "no heartbeat for 10 s" in text
    assert "1 of 2 books live" in text
    assert "GAP" in text
    assert f"3  {Counter.GAPS.sentence}" in text


def link(name: str, **changes: Any) -> dict[str, Any]:
    """As a connection says how it is."""
    audit = {"age_s": 65.0, "missing": [], "stray": [], "error": ""}
    given = {"exchange": "BinanceU", "name": name, "open": True, "streams": 9, "granted": 9,
             "silent": [], "audit": audit}  # fmt: skip
    return given | changes


def test_connections_show_what_the_venue_says_and_those_with_trouble_come_first() -> None:
    audit = link("")["audit"]
    links = [link(f"public/{number}") for number in range(10)]
    links += [
        link("public/10", audit=audit | {"missing": ["a", "b"], "stray": ["c"]}),
        link("public/11", audit=audit | {"error": "streams: never answered"}),
        link("public/12", granted=7),
        link("phemex/0", audit=None, silent=["x"]),
    ]
    lines = shown(sample(connections=links)).splitlines()

    def line(name: str) -> list[str]:
        return next(line.split() for line in lines if f"{name} " in line)

    assert line("public/0") == ["public/0", "9/9", "0:01:05", "ago"]
    assert line("public/10")[-4:] == ["2", "missing,", "1", "stray"]
    assert line("public/11")[-2:] == ["no", "answer"]
    assert line("public/12")[1] == "7/9"
    assert line("phemex/0") == ["phemex/0", "9/9", "1"]
    assert any("and 8 more" in line for line in lines)
    assert _frame.numbers(sample(connections=links), None)["connections"] == links


def test_a_side_that_is_empty_has_no_price() -> None:
    empty = sample(books=[book(bid_qty_e=0)])
    assert "68004.80" not in shown(empty)
    (row,) = _frame.numbers(empty, None)["books"]
    assert (row["bid"], row["ask"]) == (None, "68005.00")


def test_readers_show_their_lag() -> None:
    readers = [
        Reader("alpha", 11, 40 * SECOND, 2048, False),
        Reader("beta", 12, 99 * SECOND, 1 << 30, True),
        Reader("gamma", 13, 99 * SECOND, None, False),
    ]
    lines = shown(sample(readers=readers)).splitlines()

    def line(name: str) -> str:
        return next(line for line in lines if name in line)

    assert line("alpha").split()[-5:] == ["alpha", "11", "0:01:00", "2.0", "KiB"]
    assert line("beta").split()[-4:] == ["beta", "12", "0:00:01", "lapped"]
    assert line("gamma").split()[-1] == "?"


def test_more_instruments_than_rows_are_counted() -> None:
    many = sample(books=[book(index=index, symbol=f"S{index}USDT") for index in range(10)])
    text = shown(many, rows=3)
    assert "S2USDT" in text
    assert "S3USDT" not in text
    assert "and 7 more" in text


def test_json_has_everything_and_is_json() -> None:
    data = orjson.loads(orjson.dumps(_frame.numbers(sample(), None)))
    assert data["epoch"] == "0000000000000abc"
    assert data["books"][0]["bid"] == "68004.80"
    assert set(data["counters"]) == {counter.name.lower() for counter in Counter}


@pytest.mark.parametrize(
    ("value_ns", "text"),
    [(0, "0 ns"), (999, "999 ns"), (1000, "1 µs"), (12_345, "12.3 µs"), (123_456, "123 µs"),
     (1_234_567, "1.23 ms"), (2_500_000_000, "2.5 s"), (100_000_000_000, "100 s")],
)  # fmt: skip
def test_durations_have_a_unit(value_ns: int, text: str) -> None:
    assert _frame.nanoseconds(value_ns) == text


def account(**changes: Any) -> dict[str, Any]:
    """As the daemon answers the request ``trading``."""
    order = {"order_key": 7, "strategy": "maker", "symbol": "BTCUSDT", "side": "BUY",
             "type": "LIMIT", "price": "67000.10", "stop_price": None, "qty": "0.030",
             "filled_qty": "0.010", "status": "PARTIALLY_FILLED",
             "client_order_id": "c7"}  # fmt: skip
    position = {"symbol": "ETHUSDT", "position_side": "BOTH", "qty": "-1.500",
                "own": {"maker": "-2.000", "hedger": "0.500"}, "entry": "3300.5",
                "unrealised": "-1.25"}  # fmt: skip
    given = {"name": "main", "exchange": "BinanceU", "index": 0, "ready": True, "stream": True,
             "reconciled": True, "open": {"maker": 1, "": 2}, "orders": [order],
             "positions": [position],
             "balances": [{"asset": "USDT", "wallet": "950.25", "available": None},
                          {"asset": "BNB", "wallet": "0.00", "available": None}]}  # fmt: skip
    return given | changes


def pool(used: int, account: int | None = 0) -> Budget:
    return Budget(used, 300, 10 * SECOND, 101 * SECOND, 0, account, "orders")


def test_accounts_orders_positions_and_budgets_are_shown() -> None:
    hops = {Hop.RECV_TO_PUBLISH: histogram(1000), Hop.RECV_TO_REPORT: histogram(20_000)}
    orders = account()["orders"]
    orders += [
        {**orders[0], "status": "NEW", "stop_price": "66000.00", "price": None},
        {**orders[0], "status": "TRIGGERED", "stop_price": "65000.00", "price": None},
    ]
    told = {"accounts": [account(orders=orders)]}
    now = sample(trading=told, budgets=[pool(290), pool(3, None)], hops=hops)
    text = shown(now)
    for words in (
        "ready   foreign 2, maker 1   950.25 USDT ",
        "orders        main       290     300   10 s",
        "orders        address      3     300   10 s",
        "c7      maker      main      BTCUSDT      BUY    0.030    0.010            67000.10   PA",
        "   66000.00 > market   NEW",
        "             market   TRIGGERED",
        "ETHUSDT    main      BOTH   -1.500   3300.5        -1.25   hedger 0.500, maker -2.000",
        "private frame callback to reports readable",
    ):
        assert words in text, text
    numbers = orjson.loads(orjson.dumps(_frame.numbers(now, None)))
    assert numbers["trading"]["accounts"][0]["orders"][0]["price"] == "67000.10"
    assert numbers["budgets"][0] == {
        "pool": "orders", "venue": 0, "account": 0, "used": 290, "limit": 300,
        "window_ns": 10 * SECOND, "resets_ms": 1000.0,
    }  # fmt: skip


def test_a_daemon_without_accounts_shows_nothing_of_orders() -> None:
    text = shown(sample(hops={Hop.RECV_TO_REPORT: histogram(20_000)}))
    assert "account" not in text
    assert "private frame" not in text


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "ready"),
        ({"ready": False}, "not ready"),
        ({"ready": False, "stream": False}, "no stream"),
        ({"ready": False, "reconciled": False}, "reconciling"),
    ],
)
def test_the_state_of_an_account_is_one_word_or_two(changes: dict[str, Any], state: str) -> None:
    text = shown(sample(trading={"accounts": [account(**changes)]}))
    assert f"BinanceU   {state} " in text


def test_a_paper_account_is_called_one() -> None:
    named = account()["name"]
    assert f"{named} PAPER" in shown(sample(trading={"accounts": [account(type="paper")]}))
    assert "PAPER" not in shown(sample(trading={"accounts": [account()]}))


def test_what_does_not_fit_is_counted() -> None:
    many = account(orders=account()["orders"] * 20, open={"maker": 1000})
    text = shown(sample(trading={"accounts": [many]}))
    assert text.count("PARTIALLY_FILLED") == 8
    assert "and 992 more" in text


@pytest.mark.parametrize("height", [1, 2, 10, 24, 200])
def test_a_low_window_says_how_much_it_leaves_out(height: int) -> None:
    now = sample(books=[book(symbol=f"S{number}USDT") for number in range(30)])
    whole = shown(now).splitlines()
    file = io.StringIO()
    console = Console(width=200, height=height, file=file, force_terminal=True, color_system=None)
    view = Screenful(_frame.frame(now, None, 40), "Ctrl-C ends it")
    console.print(Screen(view))
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    assert len(lines) <= height
    assert any("Ctrl-C ends it" in line for line in lines)
    if height >= len(whole) + 2:
        assert [line for line in lines if line][:-1] == [
            line.rstrip() for line in whole if line.strip()
        ]
        return
    (left,) = re.findall(r"… (\d+) more lines", lines[-1])
    kept = lines[:-1]
    assert [line.strip() for line in kept] == [line.strip() for line in whole[: len(kept)]]
    assert len(kept) + int(left) == len(whole)
