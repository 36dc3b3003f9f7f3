"""A private stream that loses a message and goes on: a look at the venue's lists finds out."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.clock import monotonic_ns, wall_ns
from connector.ipc.counters import Counters
from connector.model.counters import Counter
from connector.model.intents import Action
from connector.model.reports import OrderStatus, Result, Update
from tests.reference.ground import Client
from tests.reference.grounds import EACH
from tests.reference.trading_rig import Place, Rig, place_of


@pytest.fixture(scope="module", params=EACH, ids=[one.name for one in EACH])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with place_of(request.param, 8) as found:
        yield found


def counted(stage: Rig, counter: Counter) -> int:
    segment = stage.app._segment
    assert segment is not None
    return Counters(segment.memory)[counter]


async def rests(place: Place, stage: Rig, trader: Client) -> None:
    maker = stage.strategy()
    maker.place(**place.order(stage, trader.far()), client_order_id="mine")
    await stage.until(lambda: maker.reports("mine"))


def test_an_end_that_the_stream_kept_back_is_found(place: Place, tmp_path: Path) -> None:
    async def main() -> None:
        async with place.rig(tmp_path, reconcile_s=0.5) as (stage, trader):
            await rests(place, stage, trader)
            place.venue.fault(kind="drop", stream="*", count=0)
            trader.cancel("mine")
            maker = stage.strategy()
            await stage.until(
                lambda: maker.reports("mine")[-1] == (Update.CANCELLED, OrderStatus.CANCELLED)
            )
            assert counted(stage, Counter.RECONCILE_FIXED) == 1
            assert counted(stage, Counter.STREAM_GAPS) == 0

    asyncio.run(main())


def test_a_fill_that_the_stream_kept_back_is_found(place: Place, tmp_path: Path) -> None:
    """It was not ours: position and wallet differ, no order does."""

    async def main() -> None:
        async with place.rig(tmp_path, reconcile_s=0.5) as (stage, trader):
            await rests(place, stage, trader)
            place.venue.fault(kind="drop", stream="*", count=0)
            trader.take("BUY", place.ground.amount(0.02))
            await stage.until(lambda: counted(stage, Counter.RECONCILE_FIXED) >= 2)
            (held,) = stage.trading.desk.positions.account(0)
            assert held.qty_e == place.order(stage, "1", 0.02)["qty_e"]

    asyncio.run(main())


def test_looks_that_find_nothing_change_nothing(
    place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with place.rig(tmp_path, reconcile_s=0.3) as (stage, trader):
            assert counted(stage, Counter.RECONCILED) == 1
            await rests(place, stage, trader)
            # The first one may tell what is free now: no stream does.
            await stage.until(lambda: counted(stage, Counter.RECONCILED) >= 3)
            entries = len(stage.strategy().entries())
            await stage.until(lambda: counted(stage, Counter.RECONCILED) >= 5)
            assert counted(stage, Counter.RECONCILE_FIXED) == 0, caplog.text
            assert len(stage.strategy().entries()) == entries

    asyncio.run(main())


def test_looks_wait_for_weight(place: Place, tmp_path: Path) -> None:
    async def main() -> None:
        async with place.rig(tmp_path, reconcile_s=0.3) as (stage, trader):
            await rests(place, stage, trader)
            (market,) = stage.app._services.values()
            for pool, budget in market.rest.pools:
                budget.take(monotonic_ns(), wall_ns(), int(pool.limit * 0.6))
            before = counted(stage, Counter.RECONCILED)
            await stage.until(lambda: counted(stage, Counter.RECONCILE_SKIPPED) >= 2)
            assert counted(stage, Counter.RECONCILED) <= before + 1

    asyncio.run(main())


def test_a_doubt_waits_for_weight_and_a_gap_does_not(place: Place, tmp_path: Path) -> None:
    """That there is nothing to reduce is a doubt, and a strategy can send many such orders."""

    async def main() -> None:
        async with place.rig(tmp_path, reconcile_s=0) as (stage, trader):
            await rests(place, stage, trader)
            (market,) = stage.app._services.values()
            for pool, budget in market.rest.pools:
                budget.take(monotonic_ns(), wall_ns(), int(pool.limit * 0.6))
            before = counted(stage, Counter.RECONCILED)
            maker = stage.strategy()
            number = maker.place(**place.beyond(stage, trader.far()))
            await stage.until(lambda: maker.answers(number))
            await stage.until(lambda: counted(stage, Counter.RECONCILE_SKIPPED) >= 1)
            assert counted(stage, Counter.RECONCILED) == before
            place.venue.fault(kind="cut")
            await stage.until(lambda: counted(stage, Counter.RECONCILED) > before)

    asyncio.run(main())


def test_a_cancel_that_comes_too_late_is_a_doubt_where_the_answer_says_so_little(
    place: Place, tmp_path: Path
) -> None:
    """An order that is known is asked for by itself, on any venue; of one that is not there is
    nothing to ask for but everything."""

    async def main() -> None:
        async with place.rig(tmp_path, reconcile_s=0) as (stage, trader):
            await rests(place, stage, trader)
            (market,) = stage.app._services.values()
            for pool, budget in market.rest.pools:
                budget.take(monotonic_ns(), wall_ns(), int(pool.limit * 0.6))
            other, symbol = stage.strategy("taker"), stage.index(place.ground.symbol)
            for _ in range(2):  # a doubt of the first is counted before the second is answered
                late = other.send(Action.CANCEL, instrument=symbol, client_order_id="nobodys")
                await stage.until(lambda number=late: other.answers(number))
                assert [result for result, _ in other.answers(late)] == [Result.REFUSED]
            doubts = counted(stage, Counter.RECONCILE_SKIPPED)
            assert bool(doubts) == place.ground.late_cancel_doubted

    asyncio.run(main())
