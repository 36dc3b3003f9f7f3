"""Records beside book, trades and mark prices, from a daemon's ring to a strategy's events."""

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import connector
from connector.market.bodies import BODIES
from connector.model.instrument import ABSENT
from connector.model.records import DepthViewKind, IndexKind, KlineSource, RecordType, Side
from connector.model.reports import OrderStatus
from connector.venues.contract import (
    ContractInfo,
    DepthLevels,
    Index,
    Kline,
    Liquidation,
    MarketHours,
    StreamEvent,
    Ticker,
)
from connector.venues.stream_events import Bracket, Component
from tests.ipc.test_client import Daemon

UNIT = 10**8
KLINE = Kline(
    symbol="BTCUSDT", venue_ns=7, interval_s=60, open_ns=60, end_ns=120, open_e=3 * UNIT,
    high_e=5 * UNIT, low_e=2 * UNIT, close_e=4 * UNIT, qty_exponent=4, qty_e=502, buy_qty_e=100,
    value_exponent=6, value_e=3230204340, buy_value_e=1, trades=11, first_trade_id=521512559,
    last_trade_id=521512569, closed=True, source=KlineSource.CONTINUOUS, update_id=9,
)  # fmt: skip
TICKER = Ticker(
    symbol="BTCUSDT", venue_ns=7, open_e=2 * UNIT, high_e=5 * UNIT, low_e=UNIT, last_e=4 * UNIT,
    average_e=UNIT // 2, qty_exponent=0, qty_e=1000, last_qty_e=3, value_exponent=2, value_e=150,
    open_ns=1, close_ns=2, first_trade_id=0, last_trade_id=8, trades=9,
)  # fmt: skip
ASSET = Index(
    symbol="BTCUSDT", venue_ns=7, kind=IndexKind.ASSET, name="BTCUSD", value_e=27462452,
    bid_buffer_e=UNIT // 10, ask_buffer_e=UNIT // 5, bid_rate_e=1, ask_rate_e=2,
    auto_bid_buffer_e=3, auto_ask_buffer_e=4, auto_bid_rate_e=5, auto_ask_rate_e=6,
)  # fmt: skip
COMPOSITE = Index(
    symbol="BTCUSDT", venue_ns=7, kind=IndexKind.COMPOSITE, name="DEFIUSDT", value_e=55441604065,
    components=(
        Component(base="BAL", quote="USDT", quantity_e=UNIT, share_e=1457800, price_e=2 * UNIT),
        Component(base="BAND", quantity_e=2 * UNIT, share_e=3935200),
    ),
)  # fmt: skip
LIQUIDATION = Liquidation(
    symbol="BTCUSDT", venue_ns=7, transaction_ns=6, side=Side.SELL, order_type=1, time_in_force=2,
    status=OrderStatus.FILLED, price_e=9910 * UNIT, average_e=9909 * UNIT, qty_e=1400000,
    last_qty_e=400000, filled_qty_e=1400000,
)  # fmt: skip
CONTRACT = ContractInfo(
    symbol="BTCUSDT", venue_ns=7, status=connector.Status.SETTLING,
    contract=connector.ContractType.PERPETUAL, onboard_ns=1, delivery_ns=2,
    brackets=(
        Bracket(number=1, floor_e=0, cap_e=5000 * UNIT, maintenance_e=UNIT // 100, deduction_e=0,
                min_leverage=21, max_leverage=50),
    ),
)  # fmt: skip
TOP = DepthLevels(
    symbol="BTCUSDT", venue_ns=7, view=DepthViewKind.TOP, levels=5, first_id=3, update_id=5,
    prev_id=2, transaction_ns=6, bids=[10 * UNIT, 1, 9 * UNIT, 2], asks=[11 * UNIT, 3],
)  # fmt: skip
HOURS = MarketHours(
    symbol="BTCUSDT", venue_ns=7, market="Equity", session="REGULAR", open_ns=1, end_ns=2
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Publishes an event and gives what a strategy reads."""
    running = Daemon(Path(tmp_path_factory.mktemp("streams")))
    with connector.attach("reader", running.folder) as session:

        def publish(event: StreamEvent) -> Any:
            body = BODIES[type(event)]
            running.do(
                "record", type=int(body.type), body=body.pack(event).hex(), recv_ns=1,
                venue_ns=event.venue_ns, update_id=event.update_id,
            )  # fmt: skip
            found = session.poll()
            assert found is not None
            assert found.record_type == body.type
            assert (found.venue_ns, found.update_id) == (7, event.update_id)
            assert session.poll() is None
            return found

        yield publish
    running.stop()


def said(event: connector.Event) -> dict[str, Any]:
    """The event's JSON without what every event has."""
    found = json.loads(event.to_json(), parse_float=Decimal)
    common = ("type", "exchange", "symbol", "sequence", "venue_ns", "recv_ns", "publish_ns")
    assert [found.pop(name) for name in common[:3]] == [event.type, "BinanceU", "BTCUSDT"]
    for name in (*common[3:], "update_id", "line"):
        del found[name]
    return found


def test_a_candle(told: Any) -> None:
    found = told(KLINE)
    assert isinstance(found, connector.Kline)
    assert (found.open, found.high, found.low, found.close) == (3.0, 5.0, 2.0, 4.0)
    assert (found.qty, found.buy_qty, found.value) == (0.0502, 0.01, 3230.20434)
    assert (found.source, found.closed, found.interval_s) == (KlineSource.CONTINUOUS, True, 60)
    assert math.isnan(found.last_close)
    assert found.last_close_e == ABSENT
    assert said(found) == {
        "interval_s": 60, "source": "CONTINUOUS", "open_ns": 60, "end_ns": 120, "closed": True,
        "backfill": False, "open": 3, "high": 5, "low": 2, "close": 4, "last_close": None,
        "qty": Decimal("0.0502"), "buy_qty": Decimal("0.01"), "value": Decimal("3230.20434"),
        "buy_value": Decimal("0.000001"), "trades": 11, "first_trade_id": 521512559,
        "last_trade_id": 521512569,
    }  # fmt: skip


def test_a_ticker(told: Any) -> None:
    found = told(TICKER)
    assert isinstance(found, connector.Ticker)
    assert (found.last, found.change, found.average) == (4.0, 2.0, 0.5)
    assert (found.qty, found.last_qty, found.value, found.mini) == (1000.0, 3.0, 1.5, False)
    assert math.isnan(found.open_interest)
    assert said(found) == {
        "mini": False, "open_ns": 1, "close_ns": 2, "open": 2, "high": 5, "low": 1, "last": 4,
        "average": Decimal("0.5"), "last_qty": 3, "qty": 1000, "open_interest": None,
        "value": Decimal("1.5"), "trades": 9, "first_trade_id": 0, "last_trade_id": 8,
    }  # fmt: skip


def test_an_assets_index(told: Any) -> None:
    found = told(ASSET)
    assert isinstance(found, connector.Index)
    assert (found.kind, found.name, found.value) == (IndexKind.ASSET, "BTCUSD", 0.27462452)
    assert found.margin == (0.1, 0.2, 1e-8, 2e-8)
    assert found.auto_margin == (3e-8, 4e-8, 5e-8, 6e-8)
    assert found.components == []
    assert said(found) == {
        "kind": "ASSET", "name": "BTCUSD", "value": Decimal("0.27462452"),
        "bid_buffer": Decimal("0.1"), "ask_buffer": Decimal("0.2"),
        "bid_rate": Decimal("0.00000001"), "ask_rate": Decimal("0.00000002"),
        "auto_bid_buffer": Decimal("0.00000003"), "auto_ask_buffer": Decimal("0.00000004"),
        "auto_bid_rate": Decimal("0.00000005"), "auto_ask_rate": Decimal("0.00000006"),
    }  # fmt: skip


def test_a_composite_index(told: Any) -> None:
    found = told(COMPOSITE)
    assert found.margin is None
    assert said(found) == {
        "kind": "COMPOSITE", "name": "DEFIUSDT", "value": Decimal("554.41604065"),
        "components": [
            {"base": "BAL", "quote": "USDT", "quantity": 1, "share": Decimal("0.014578"),
             "price": 2},
            {"base": "BAND", "quote": None, "quantity": 2, "share": Decimal("0.039352"),
             "price": None},
        ],
    }  # fmt: skip


def test_a_liquidation(told: Any) -> None:
    found = told(LIQUIDATION)
    assert isinstance(found, connector.Liquidation)
    assert (found.side, found.status) == (Side.SELL, OrderStatus.FILLED)
    assert said(found) == {
        "side": "SELL", "order_type": "LIMIT", "time_in_force": "IOC", "status": "FILLED",
        "price": 9910, "average": 9909, "qty": Decimal("0.014"), "last_qty": Decimal("0.004"),
        "filled_qty": Decimal("0.014"), "transaction_ns": 6,
    }  # fmt: skip


def test_a_contract(told: Any) -> None:
    found = told(CONTRACT)
    assert isinstance(found, connector.Contract)
    assert said(found) == {
        "status": "SETTLING", "contract": "PERPETUAL", "onboard_ns": 1, "delivery_ns": 2,
        "brackets": [
            {"number": 1, "floor": 0, "cap": 5000, "maintenance": Decimal("0.01"), "deduction": 0,
             "min_leverage": 21, "max_leverage": 50}
        ],
    }  # fmt: skip


def test_levels_beside_the_book(told: Any) -> None:
    found = told(TOP)
    assert isinstance(found, connector.DepthView)
    assert found.view is DepthViewKind.TOP
    assert found.bids_e == [(10 * UNIT, 1), (9 * UNIT, 2)]
    assert found.asks == [(11.0, 3e-8)]
    assert said(found)["bids"] == [[10, Decimal("0.00000001")], [9, Decimal("0.00000002")]]


def test_market_hours(told: Any) -> None:
    found = told(HOURS)
    assert isinstance(found, connector.MarketHours)
    assert said(found) == {"market": "Equity", "session": "REGULAR", "open_ns": 1, "end_ns": 2}


def test_every_type_of_record_has_an_event() -> None:
    beside = {body.type for body in BODIES.values()}
    assert beside == {one for one in RecordType if 6 <= one <= 9 or 12 <= one < 29}, (
        "and every event a record"
    )
