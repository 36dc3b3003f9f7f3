"""The sums of the demo's journal: what counts, and as what; what the demo judges by them."""

from collections import deque
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.cli._demo_trades import Tally, Trades
from connector.cli._processes import Family
from connector.cli.demo import SEEN, Demo, whole
from connector.venues.contract import load

TICK_NS, WRITTEN_NS, SENT_NS, LEFT_NS = 1_000, 5_000, 8_000, 9_000


def summed(entries: list[dict[str, Any]]) -> Trades:
    tally = Tally()
    for entry in entries:
        tally.take(entry)
    return tally.sums()


def command(number: int, action: str, cause_ns: int = TICK_NS) -> dict[str, Any]:
    return {
        "type": "command", "command": number, "action": action, "created_ns": WRITTEN_NS,
        "cause_recv_ns": cause_ns,
    }  # fmt: skip


def answer(
    number: int,
    action: str,
    result: str,
    *,
    code: int = 0,
    status: int = 200,
    sent: int = SENT_NS,
    account: int = 0,
) -> dict[str, Any]:
    return {
        "type": "command_answer", "command": number, "action": action, "result": result,
        "code": code, "http_status": status, "sent_ns": sent, "order_key": 1, "account": account,
        "left_ns": LEFT_NS if status else 0,
    }  # fmt: skip


def report(
    update: str, status: str, qty: str = "0", side: str = "BUY", account: int = 0
) -> dict[str, Any]:
    return {
        "type": "order_report", "order_key": 1, "update": update, "status": status,
        "last_qty": qty, "side": side, "instrument": "BTCUSDT", "account": account,
    }  # fmt: skip


def test_fills_make_orders_fills_and_positions() -> None:
    found = summed(
        [
            report("STATE", "NEW"),
            report("SUBMITTED", "NEW"),
            report("EXECUTED", "PARTIALLY_FILLED", "0.003"),
            report("EXECUTED", "FILLED"),
            report("EXECUTED", "FILLED", "0.001", "SELL"),
            report("CANCELLED", "CANCELLED"),
        ]
    )
    assert (found.orders, found.fills, found.cancels, found.rejects) == (1, 2, 1, 0)
    assert found.positions == {"BTCUSDT": Decimal("0.002")}


def test_a_flat_position_is_none() -> None:
    bought_and_sold = [
        report("EXECUTED", "FILLED", "0.30"),
        report("EXECUTED", "FILLED", "0.3", "SELL"),
    ]
    assert summed(bought_and_sold).positions == {}


@pytest.mark.parametrize(
    ("action", "cause_ns", "ticks"),
    [("PLACE", TICK_NS, 1), ("AMEND", TICK_NS, 1), ("CANCEL", TICK_NS, 0), ("PLACE", 0, 0)],
)
def test_a_trade_answers_the_tick_that_was_read_last(
    action: str, cause_ns: int, ticks: int
) -> None:
    answers = [answer(number, action, "ACCEPTED") for number in (7, 8)]
    found = summed([command(7, action, cause_ns), command(9, action), *answers, answers[0]])
    assert found.command_to_wire_ns == deque([LEFT_NS - WRITTEN_NS])
    assert found.tick_to_trade_ns == deque([LEFT_NS - TICK_NS] * ticks)


@pytest.mark.parametrize(
    ("answers", "resolved", "unknown"),
    [
        ([answer(1, "PLACE", "ACCEPTED")], 0, 0),
        ([answer(1, "PLACE", "UNKNOWN", status=0, code=900100)], 0, 1),
        (
            [
                answer(1, "PLACE", "UNKNOWN", status=503, code=900100),
                answer(1, "PLACE", "ACCEPTED", status=0),
            ],
            1,
            0,
        ),
        ([answer(1, "PLACE", "ACCEPTED", status=0)], 1, 0),
        ([answer(1, "CANCEL_ALL", "ACCEPTED", status=0, sent=0)], 0, 0),
        ([answer(1, "PLACE", "REFUSED", status=0, code=900012)], 0, 0),
    ],
)
def test_an_outcome_without_an_answer_was_found_out(
    answers: list[dict[str, Any]], resolved: int, unknown: int
) -> None:
    found = summed(answers)
    assert (found.unknown_resolved, found.unknown) == (resolved, unknown)


@pytest.mark.parametrize(
    ("action", "status", "rejects"),
    [("PLACE", "REJECTED", 1), ("AMEND", "FILLED", 0), ("AMEND", "CANCELLED", 1)],
)
def test_an_amend_may_come_too_late_for_a_filled_order(
    action: str, status: str, rejects: int
) -> None:
    told = [answer(1, action, "REFUSED", code=999999, status=400), report("EXECUTED", status)]
    assert summed(told).rejects == rejects


def test_nothing_told_is_nothing() -> None:
    assert summed([]) == Trades()


def test_what_happened_is_told_of_each_account() -> None:
    found = summed(
        [
            report("EXECUTED", "FILLED", "0.1", account=1),
            report("EXECUTED", "PARTIALLY_FILLED", "0.1", account=2),
            report("EXECUTED", "FILLED", "0.1", account=2),
            report("EXECUTED", "FILLED", account=0),
            answer(1, "PLACE", "ACCEPTED", status=0, account=2),
            answer(2, "PLACE", "ACCEPTED", account=1),
        ]
    )
    assert (found.fills, found.fills_of) == (3, {1: 1, 2: 2})
    assert (found.unknown_resolved, found.resolved_of) == (1, {2: 1})


def test_each_venue_is_judged_by_its_own_account(tmp_path: Path) -> None:
    with Family(tmp_path) as family:
        demo = Demo(
            tmp_path, family, [load(name) for name in ("cadenza", "phemex", "binance_usdm")]
        )
        places = {name: number for number, name in enumerate(demo._accounts)}
    assert sorted(places) == ["binance_usdm", "cadenza", "phemex"]
    assert demo._without({}) == ["Cadenza", "Phemex", "BinanceU"]
    assert demo._without({places["phemex"]: 100, places["cadenza"]: 0}) == ["Cadenza", "BinanceU"]
    assert demo._without(dict.fromkeys(places.values(), 1)) == []


@pytest.mark.parametrize("there", [1, 5, SEEN, 3 * SEEN])
def test_a_side_of_a_book_is_the_venues_when_no_level_is_missing(there: int) -> None:
    levels = [(1000 - place, place + 1) for place in range(there)]
    flat = [number for level in levels for number in level]
    seen = levels[:SEEN]
    assert whole(seen, flat)
    for place in range(len(seen)):
        price, quantity = seen[place]
        assert not whole(seen[:place], flat), "all but the best may be lost"
        assert not whole(seen[:place] + seen[place + 1 :], flat)
        assert not whole([*seen[:place], (price, quantity + 1), *seen[place + 1 :]], flat)
    assert not whole([*seen, (1, 1)], flat)
