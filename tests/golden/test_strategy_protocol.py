"""The strategy protocol's samples, key by key, type by type, in their order: a strategy's commands
and what it is told, through two processes and shared memory."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import connector
from connector.model.instrument import ABSENT
from connector.model.packing import layout
from connector.model.records import RecordType, Side
from connector.model.reports import OrderStatus, ReportFlag, Result, Update
from tests.ipc.test_client import Daemon

SAMPLES = Path(__file__).parent / "strategy_protocol"
ANSWER, ORDER = layout("CommandAnswerBody"), layout("OrderReportBody")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    running = Daemon(tmp_path_factory.mktemp("daemon"), "--trading", "--timezone", "Asia/Shanghai")
    running.do("add", symbol="XEMUSDT")
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def session(daemon: Daemon) -> Iterator[connector.TradingSession]:
    with connector.attach("RevTrend", daemon.folder, trading=True) as attached:
        yield attached


def sample(name: str) -> dict[str, Any]:
    found = json.loads((SAMPLES / f"{name}.json").read_text(), parse_float=Decimal)
    assert isinstance(found, dict)
    return found


def told(event: Any) -> dict[str, Any]:
    found = json.loads(event.to_json(), parse_float=Decimal)
    assert isinstance(found, dict)
    return found


def same(ours: Any, theirs: Any, where: str = "") -> None:
    """Equal, and of the same JSON types and order of keys."""
    assert type(ours) is type(theirs), where
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        for key, value in theirs.items():
            same(ours[key], value, f"{where}.{key}")
    else:
        assert ours == theirs, where


def scaled(number: Any) -> int:
    value = Decimal(str(number)).scaleb(8)
    assert value == int(value)
    return int(value)


def wall_ns(local: str) -> int:
    """Of a local time of the samples, which are UTC+8."""
    from datetime import UTC, datetime, timedelta

    at = datetime.strptime(local[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC) - timedelta(hours=8)
    return int(at.timestamp()) * 10**9 + int(local[14:]) * 10**6


def account_of(session: connector.TradingSession, name: str) -> int:
    return session.accounts[name]


@pytest.mark.parametrize("name", ["submitted", "executed", "executed_foreign"])
def test_an_order_update(daemon: Daemon, session: connector.TradingSession, name: str) -> None:
    want = sample(name)
    metadata, info = want["metadata"], want["order_info"]
    foreign = metadata["client_order_id"].startswith("web_")
    filled = info["status"] == "filled"
    body = ORDER.pack(
        order_key=1,
        order_id=metadata["order_id"],
        wall_ns=wall_ns(want["timestamp"]),
        price_e=scaled(info["submit_price"]) or ABSENT,
        qty_e=scaled(info["original_amount"]),
        filled_qty_e=scaled(info["filled"]),
        last_qty_e=scaled(info["new_filled"]),
        last_price_e=scaled(info["avg_executed_price"]) if filled else ABSENT,
        average_e=int(Decimal(str(info["avg_executed_price"])).scaleb(12)),
        average_exponent=12,
        stop_price_e=ABSENT,
        fee_e=scaled(metadata["fee"]) if "fee" in metadata else ABSENT,
        realised_e=ABSENT,
        trade_id=ABSENT,
        update=Update[metadata["update_type"].upper()],
        status=OrderStatus[info["status"].upper()],
        side=Side[metadata["direction"].upper()],
        order_type=2 if foreign else 1,
        flags=ReportFlag(0),
        client_order_id=metadata["client_order_id"],
    )
    daemon.do(
        "report",
        strategy="RevTrend",
        kind=RecordType.ORDER_REPORT,
        body=body.hex(),
        instrument=session.instruments["XEMUSDT"].index,
        account=account_of(session, metadata["account_id"]),
        venue_ns=metadata["timestamp"] * 10**6,
        order_key=1,
    )
    event = session.poll()
    assert isinstance(event, connector.OrderReport)
    same(told(event), want)


@pytest.mark.parametrize("name", ["place_refused", "cancel_refused"])
def test_an_answer(daemon: Daemon, session: connector.TradingSession, name: str) -> None:
    want = sample(name)
    request, inner = want["request"], want["metadata"]["metadata"]
    common = {
        "account": request["account_id"],
        "client_order_id": request["client_order_id"],
        "ref_id": request["ref_id"],
    }
    if name == "place_refused":
        ticket = session.place(
            (request["exchange"], request["symbol"]),
            request["direction"],
            request["quantity"],
            request["price"],
            order_type=request["order_type"],
            label=request["label"],
            target=request["target"],
            **common,
        )
    else:
        common.pop("client_order_id")
        ticket = session.cancel(
            request["client_order_id"],
            instrument=(request["exchange"], request["symbol"]),
            **common,
        )
    words = inner["error_code_msg"].removeprefix("StatusCodeError: 400 - ")
    text = json.loads(words).encode()
    body = ANSWER.pack(
        command=ticket.number,
        order_id=ABSENT,
        wall_ns=wall_ns(want["metadata"]["timestamp"]),
        code=inner["error_code"],
        http_status=400,
        venue_code=json.loads(text)["code"],
        text_bytes=len(text),
        result=Result.REFUSED,
        action=ticket.action,
        ref_id=ticket.ref_id,
        client_order_id=request["client_order_id"],
    )
    daemon.do(
        "report",
        strategy="RevTrend",
        kind=RecordType.COMMAND_ANSWER,
        body=(body + text).hex(),
        instrument=session.instruments["XEMUSDT"].index,
        account=account_of(session, request["account_id"]),
    )
    event = session.poll()
    assert isinstance(event, connector.CommandAnswer)
    assert event.venue_code == json.loads(text)["code"]
    assert ticket.answer is event
    found = told(event)
    # Binary commands are rendered in the order of the protocol's table; a limit order without a
    # time in force is GTC, which the sample leaves out.
    order = [
        "ref_id", "exchange", "symbol", "contract_type", "account_id", "client_order_id",
        "price", "quantity", "direction", "order_type", "time_in_force", "label", "target",
    ]  # fmt: skip
    assert list(found["request"]) == [key for key in order if key in found["request"]]
    if name == "place_refused":
        assert found["request"].pop("time_in_force") == "GTC"
    found["request"] = {key: found["request"][key] for key in request}
    same(found, want)
