"""A triggered conditional order against the simulated venue that gives what it becomes another
client id, and tells of that before it tells whose it is."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connector.model.intents import OrderType, PositionSide, TimeInForce
from connector.model.reports import OrderStatus, Update
from tests.reference.signed_client import Trader
from tests.reference.sim_process import simulator
from tests.reference.trading_rig import Rig, rig

OPTIONS = ("--symbols", "BTCUSDT", "--rate", "20", "--weight-limit", "100000",
           "--connects", "10000", "--account", "main=KEY:SECRET",
           "--account", "other=OTHERKEY:SECRET", "--born-names")  # fmt: skip
ALGO = "*@ALGO_UPDATE"


def lift(trader: Trader, price: float) -> None:
    """Somebody buys up to a price."""
    asks = trader.venue.get("/fapi/v1/depth", symbol="BTCUSDT", limit=50).json()["asks"]
    quantity = sum(float(size) for level, size in asks if float(level) <= price) + 0.001
    order = trader.limit(price=f"{price:.1f}", quantity=f"{quantity:.3f}", timeInForce="IOC")
    trader.ok("POST", "/fapi/v1/order", **order)


@pytest.mark.parametrize(
    "fault", [{"kind": "delay", "ms": 1500, "count": 0}, {"kind": "drop", "count": 0}]
)
def test_its_fills_are_the_strategys(tmp_path: Path, fault: dict[str, Any]) -> None:
    async def act(stage: Rig, other: Trader) -> None:
        maker = stage.strategy()
        depth = other.venue.get("/fapi/v1/depth", symbol="BTCUSDT", limit=5).json()
        stop = float(depth["asks"][2][0]) + 5
        scaled = stage.order(f"{stop:.1f}", "0.01")
        number = maker.place(
            order_type=OrderType.STOP_MARKET, time_in_force=TimeInForce.NONE,
            qty_e=scaled["qty_e"], stop_price_e=scaled["price_e"], client_order_id="mine",
        )  # fmt: skip
        await stage.until(lambda: maker.answers(number) and maker.reports("mine"))
        other.venue.fault(**fault, stream=ALGO)

        def filled() -> bool:
            lift(other, stop + 1)
            return (Update.EXECUTED, OrderStatus.FILLED) in maker.reports()

        await stage.until(filled)
        own = Trader(stage.venue, "KEY", "SECRET")
        (row,) = own.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT")
        assert row["clientOrderId"] != "mine"
        ids = [trade_id for trade_id, _ in maker.fills()]
        assert len(ids) == len(set(ids))
        assert sum(qty_e for _, qty_e in maker.fills()) == scaled["qty_e"]
        assert stage.strategy("taker").reports() == []  # it would hear of foreign ones
        place = (0, "BTCUSDT", PositionSide.BOTH)
        positions = stage.trading.desk.positions
        assert (positions.own("maker", place), positions.own("", place)) == (scaled["qty_e"], 0)

    async def main() -> None:
        with simulator(*OPTIONS) as venue:
            async with rig(venue, tmp_path, "KEY", "SECRET", foreign_to=["taker"]) as stage:
                await act(stage, Trader(venue, "OTHERKEY", "SECRET"))

    asyncio.run(main())
