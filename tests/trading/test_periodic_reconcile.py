"""A private stream that loses a message and goes on: a look at the venue's lists finds out."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.clock import monotonic_ns, wall_ns
from connector.ipc.counters import Counters
from connector.model.counters import Counter
from connector.model.intents import Action
from connector.model.reports import OrderStatus, Update
from tests.reference.signed_client import ORDER, Trader
from tests.reference.sim_process import Simulator, simulator
from tests.reference.trading_rig import Rig, rig

PLENTY = ("--symbols", "BTCUSDT", "--rate", "20", "--weight-limit", "100000", "--connects", "10000",
          "--account", "main=KEY:SECRET")  # fmt: skip


@pytest.fixture
def venue() -> Iterator[Simulator]:
    with simulator(*PLENTY) as running:
        yield running


def counted(stage: Rig, counter: Counter) -> int:
    segment = stage.app._segment
    assert segment is not None
    return Counters(segment.memory)[counter]


async def rests(stage: Rig, trader: Trader) -> None:
    maker = stage.strategy()
    maker.place(**stage.order(trader.far(), "0.01"), client_order_id="mine")
    await stage.until(lambda: maker.reports("mine"))


def test_an_end_that_the_stream_kept_back_is_found(venue: Simulator, tmp_path: Path) -> None:
    async def main() -> None:
        trader = Trader(venue, "KEY", "SECRET")
        async with rig(venue, tmp_path, "KEY", "SECRET", reconcile_s=0.5) as stage:
            await rests(stage, trader)
            venue.fault(kind="drop", stream="*", count=0)
            trader.ok("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="mine")
            maker = stage.strategy()
            await stage.until(
                lambda: maker.reports("mine")[-1] == (Update.CANCELLED, OrderStatus.CANCELLED)
            )
            assert counted(stage, Counter.RECONCILE_FIXED) == 1
            assert counted(stage, Counter.STREAM_GAPS) == 0

    asyncio.run(main())


def test_a_fill_that_the_stream_kept_back_is_found(venue: Simulator, tmp_path: Path) -> None:
    """It was not ours: position and wallet differ, no order does."""

    async def main() -> None:
        trader = Trader(venue, "KEY", "SECRET")
        async with rig(venue, tmp_path, "KEY", "SECRET", reconcile_s=0.5) as stage:
            await rests(stage, trader)
            venue.fault(kind="drop", stream="*", count=0)
            trader.ok("POST", ORDER, symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.02")
            await stage.until(lambda: counted(stage, Counter.RECONCILE_FIXED) >= 2)
            (held,) = stage.trading.desk.positions.account(0)
            assert held.qty_e == stage.order("1", "0.02")["qty_e"]

    asyncio.run(main())


def test_looks_that_find_nothing_change_nothing(
    venue: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        trader = Trader(venue, "KEY", "SECRET")
        async with rig(venue, tmp_path, "KEY", "SECRET", reconcile_s=0.3) as stage:
            assert counted(stage, Counter.RECONCILED) == 1
            await rests(stage, trader)
            # The first one may tell what is free now: no stream does.
            await stage.until(lambda: counted(stage, Counter.RECONCILED) >= 3)
            entries = len(stage.strategy().entries())
            await stage.until(lambda: counted(stage, Counter.RECONCILED) >= 5)
            assert counted(stage, Counter.RECONCILE_FIXED) == 0, caplog.text
            assert len(stage.strategy().entries()) == entries

    asyncio.run(main())


def test_looks_wait_for_weight(venue: Simulator, tmp_path: Path) -> None:
    async def main() -> None:
        trader = Trader(venue, "KEY", "SECRET")
        async with rig(venue, tmp_path, "KEY", "SECRET", reconcile_s=0.3) as stage:
            await rests(stage, trader)
            (market,) = stage.app._services.values()
            for pool, budget in market.rest.pools:
                budget.take(monotonic_ns(), wall_ns(), int(pool.limit * 0.6))
            before = counted(stage, Counter.RECONCILED)
            await stage.until(lambda: counted(stage, Counter.RECONCILE_SKIPPED) >= 2)
            assert counted(stage, Counter.RECONCILED) <= before + 1

    asyncio.run(main())


def test_a_doubt_waits_for_weight_and_a_gap_does_not(venue: Simulator, tmp_path: Path) -> None:
    """A cancel that comes too late is answered -2011: a doubt, and a strategy can send many."""

    async def main() -> None:
        trader = Trader(venue, "KEY", "SECRET")
        async with rig(venue, tmp_path, "KEY", "SECRET", reconcile_s=0) as stage:
            await rests(stage, trader)
            (market,) = stage.app._services.values()
            for pool, budget in market.rest.pools:
                budget.take(monotonic_ns(), wall_ns(), int(pool.limit * 0.6))
            before = counted(stage, Counter.RECONCILED)
            maker = stage.strategy()
            late = maker.send(
                Action.CANCEL, instrument=stage.index("BTCUSDT"), client_order_id="nobodys"
            )
            await stage.until(lambda: maker.answers(late))
            await stage.until(lambda: counted(stage, Counter.RECONCILE_SKIPPED) >= 1)
            assert counted(stage, Counter.RECONCILED) == before
            venue.fault(kind="cut")
            await stage.until(lambda: counted(stage, Counter.RECONCILED) > before)

    asyncio.run(main())
