"""The full event of a fill is lost on its way from the simulated venue: its fee is asked for."""

import asyncio
from pathlib import Path

from connector.model.intents import OrderType, TimeInForce
from connector.model.packing import layout
from connector.model.records import RecordType
from tests.reference.sim_process import simulator
from tests.reference.trading_rig import Rig, Strategy, rig

OPTIONS = ("--symbols", "BTCUSDT", "--rate", "20", "--weight-limit", "100000",
           "--connects", "10000", "--account", "main=KEY:SECRET")  # fmt: skip
DETAIL = layout("FillDetailBody")


def details(strategy: Strategy) -> dict[int, int | None]:
    """Fee of each trade as it was told later."""
    found = (
        DETAIL.unpack(one.body) for one in strategy.entries() if one.kind == RecordType.FILL_DETAIL
    )
    return {one.trade_id: one.fee_e for one in found}


def test_a_fee_whose_event_is_lost_is_told(tmp_path: Path) -> None:
    """By the run that missed it, or by the next one."""

    async def act(stage: Rig) -> set[int]:
        maker = stage.strategy()
        order = {"qty_e": stage.order("1", "0.01")["qty_e"], "order_type": OrderType.MARKET,
                 "time_in_force": TimeInForce.NONE}  # fmt: skip
        maker.place(**order)
        await stage.until(maker.fills)
        await stage.until(lambda: known(stage))
        heard = {trade_id for trade_id, _ in maker.fills()}
        stage.venue.fault(kind="drop", stream="*@ORDER_TRADE_UPDATE", count=0)
        maker.place(**order)
        lost = await stage.until(lambda: {one for one, _ in maker.fills()} - heard)
        assert await stage.until(lambda: lost <= details(maker).keys(), 40)
        assert all(details(maker)[one] for one in lost)
        heard |= lost
        maker.place(**order)
        owed: set[int] = await stage.until(lambda: {one for one, _ in maker.fills()} - heard)
        assert not owed & details(maker).keys()
        return owed

    def known(stage: Rig) -> bool:
        orders = stage.trading.desk.tracker.orders
        return all(fill.fee_known for order in orders for fill in order.fills.values())

    async def main() -> None:
        with simulator(*OPTIONS) as venue:
            async with rig(venue, tmp_path, "KEY", "SECRET") as stage:
                owed = await act(stage)
            async with rig(venue, tmp_path, "KEY", "SECRET") as stage:
                maker = stage.strategy()
                assert await stage.until(lambda: owed <= details(maker).keys(), 40)
                assert all(details(maker)[one] for one in owed)

    asyncio.run(main())
