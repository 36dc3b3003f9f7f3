"""`connector journal` on journals with every kind of entry."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector._speedups.segment import Segment
from connector.model import intents, reports
from connector.model.instrument import Instrument
from connector.model.packing import layout
from connector.model.records import RecordType, Side
from connector.trading.journal import Journals
from tests.reference import starter

WALL_NS = 1_700_000_000_123_456_789  # 2023-11-14 22:13:20
SECOND = 1_000_000_000
BUY = {
    "side": Side.BUY,
    "order_type": intents.OrderType.LIMIT,
    "time_in_force": intents.TimeInForce.GTC,
}


def instrument(symbol: str, price_exponent: int) -> Instrument:
    return Instrument(
        symbol=symbol,
        exchange="BinanceU",
        price_exponent=price_exponent,
        qty_exponent=3,
        price_digits=2,
        qty_digits=3,
        tick_e=1,
        step_e=1,
    )


def place_an_order(journals: Journals, key: int, index: int, wall_ns: int) -> None:
    """A command, its request, the answer and two reports."""
    client, account = f"order-{key}", 1

    def append(kind: RecordType, name: str, text: bytes = b"", **values: Any) -> None:
        body = layout(name).pack(wall_ns=wall_ns, order_key=key, **values) + text
        named = 0 if kind is RecordType.COMMAND else index  # a command says it itself
        journals.append("alpha", kind, body, instrument=named, account=account, order_key=key)

    slot = layout("Command").pack(
        stamp=key, price_e=12345, qty_e=1500, stop_price_e=None, instrument=index,
        action=intents.Action.PLACE, account=account, label="mine", **BUY,
    )  # fmt: skip
    append(RecordType.COMMAND, "CommandBody", command=slot, client_order_id=client)
    append(RecordType.SENT, "SentBody", command=key, action=intents.Action.PLACE)
    append(
        RecordType.COMMAND_ANSWER, "CommandAnswerBody", b"a text", command=key, order_id=key + 900,
        result=reports.Result.REFUSED, text_bytes=6, client_order_id=client, value_e=5,
        field=reports.Field.PRICE, action=intents.Action.PLACE,
    )  # fmt: skip
    append(
        RecordType.ORDER_REPORT, "OrderReportBody", command=key, order_id=None, price_e=12345,
        qty_e=1500, filled_qty_e=500, average_e=777, average_exponent=1, fee_e=-25,
        update=reports.Update.EXECUTED, status=reports.OrderStatus.PARTIALLY_FILLED,
        reason=reports.EndReason.NONE, client_order_id=client, **BUY,
    )  # fmt: skip


class Place:
    def __init__(self, runtime: Path, state: Path) -> None:
        self.runtime, self.state = runtime, state

    def journal(self, *options: str, code: int = 0) -> str:
        done = starter.run(
            "journal", "--runtime-dir", self.runtime, "--state-dir", self.state, *options
        )
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    def json(self, *options: str) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.journal("--json", *options).splitlines()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    runtime = Path(f"/dev/shm/journal-{os.getpid()}-{time.monotonic_ns()}")
    made = Place(runtime, tmp_path_factory.mktemp("state"))
    segment = Segment.create(1 << 18)
    for symbol, exponent in (("BTCUSDT", 2), ("ETHUSDT", 4)):
        segment.add_instrument(instrument(symbol, exponent))
    journals = Journals(runtime, made.state, capacity=1 << 18, describe=segment.entry)
    place_an_order(journals, 7, 0, WALL_NS)
    journals.roll("alpha")
    place_an_order(journals, 8, 1, WALL_NS + 10 * SECOND)
    body = layout("BalanceUpdateBody").pack(
        wall_ns=WALL_NS + 5 * SECOND, wallet_e=10**10, asset="USDT",
        reason=reports.BalanceReason.FUNDING,
    )  # fmt: skip
    journals.append("-", RecordType.BALANCE_UPDATE, body, account=3)
    body = layout("AccountConfigBody").pack(wall_ns=WALL_NS + 6 * SECOND, multi_assets=1, hedge=2)
    journals.append("-", RecordType.ACCOUNT_CONFIG, body, account=3)
    body = layout("TextBody").pack(
        wall_ns=WALL_NS + 7 * SECOND, what=reports.Text.COMMAND, text_bytes=2
    )
    journals.append("-", RecordType.TEXT, body + b"{}", account=3)
    yield made
    journals.close()
    shutil.rmtree(runtime)


def test_everything_in_the_order_of_time(place: Place) -> None:
    told = place.json()
    kinds = ["command", "sent", "command_answer", "order_report"]
    assert [one["type"] for one in told] == [
        *kinds, "balance_update", "account_config", "text", *kinds,
    ]  # fmt: skip
    assert [one["strategy"] for one in told] == [*["alpha"] * 4, *"---", *["alpha"] * 4]
    assert [one.get("sequence") for one in told] == [
        None, None, 1, 2, 1, 2, None, None, None, 3, 4,
    ]  # fmt: skip


def test_numbers_are_exact_and_named(place: Place) -> None:
    told = place.json("--strategy", "alpha")
    command, _, answer, report, later = told[0], *told[1:4], told[4]
    assert command["instrument"] == "BTCUSDT"
    assert (command["price"], command["qty"]) == ("123.45", "1.5")
    assert later["instrument"] == "ETHUSDT"
    assert later["price"] == "1.2345"
    assert "stop_price" not in command
    names = {"action": "PLACE", "side": "BUY", "order_type": "LIMIT", "time_in_force": "GTC"}
    assert names.items() <= command.items()
    assert (command["client_order_id"], command["label"]) == ("order-7", "mine")
    assert (command["command"], command["order_key"], command["account"]) == (7, 7, 1)
    assert (answer["result"], answer["field"], answer["text"]) == ("REFUSED", "PRICE", "a text")
    assert (answer["order_id"], answer["value_e"]) == (907, 5)
    assert (report["filled_qty"], report["average"], report["fee"]) == (
        "0.5",
        "77.7",
        "-0.00000025",
    )
    assert (report["status"], report["update"]) == ("PARTIALLY_FILLED", "EXECUTED")
    assert report["wall_ns"] == WALL_NS
    assert "order_id" not in report
    balance, config, text = place.json("--strategy", "-")
    assert "instrument" not in config  # of the whole account
    assert (config["multi_assets"], config["hedge"]) == (False, True)
    assert (text["text"], "status" in text) == ("{}", False)
    assert "instrument" not in balance
    assert (balance["wallet"], balance["asset"], balance["reason"]) == ("100", "USDT", "FUNDING")


@pytest.mark.parametrize("name", ["8", "order-8", "908"])
def test_one_order_by_any_of_its_names(place: Place, name: str) -> None:
    told = place.json("--order", name)
    assert [one["order_key"] for one in told] == [8] * 4
    assert told[0]["type"] == "command"


def test_by_time_and_account(place: Place) -> None:
    assert len(place.json("--since", "2023-11-14T22:13:25")) == 7
    assert len(place.json("--since", "2023-11-14T22:13:25", "--until", "2023-11-14T22:13:26")) == 1
    assert len(place.json("--until", "2023-11-15T00:13:21+02:00")) == 4
    assert place.json("--since", "1h") == []
    assert [one["type"] for one in place.json("--account", "3")] == [
        "balance_update", "account_config", "text",
    ]  # fmt: skip


def test_for_people(place: Place) -> None:
    line = place.journal("--strategy", "alpha").splitlines()[3]
    assert line.startswith("2023-11-14 22:13:20.123456 alpha #2     order_report    BTCUSDT ")
    assert "status=PARTIALLY_FILLED" in line
    assert "multi_assets=False hedge=True" in place.journal("--strategy", "-")
    assert "price=123.45" in line
    assert "ABSENT" not in line
    assert "reason" not in line


def test_what_cannot_be_is_said(place: Place) -> None:
    assert "has journals of -, alpha" in place.journal("--strategy", "gone", code=2)
    assert "--account gone: what was looked at names 1, 3" in place.journal(
        "--account", "gone", code=2
    )
    assert "--from noon: neither" in place.journal("--since", "noon", code=2)
