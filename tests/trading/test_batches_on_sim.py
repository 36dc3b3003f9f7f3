"""A strategy's batches against the simulated venue: one request, each order its own story."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.model.intents import Action, TimeInForce
from connector.model.reports import Code, Result
from connector.venues.trading_contract import Transport
from tests.reference.signed_client import ORDER, Trader
from tests.reference.sim_process import Simulator, simulator
from tests.reference.trading_rig import Rig, Strategy, rig

BATCH = "/fapi/v1/batchOrders"
PLENTY = ("--symbols", "BTCUSDT", "--rate", "20", "--weight-limit", "100000", "--connects", "10000",
          "--account", "main=KEY:SECRET")  # fmt: skip


@pytest.fixture
def venue() -> Iterator[Simulator]:
    with simulator(*PLENTY) as running:
        yield running


def staged(
    venue: Simulator,
    folder: Path,
    act: Callable[[Rig, Trader], Awaitable[None]],
    transport: Transport = Transport.HTTP,
) -> None:
    async def main() -> None:
        async with rig(venue, folder, "KEY", "SECRET", transport=transport.value) as stage:
            await act(stage, Trader(venue, "KEY", "SECRET"))

    asyncio.run(main())


def batch(
    stage: Rig, strategy: Strategy, action: Action, elements: list[dict[str, Any]]
) -> list[int]:
    """Give a whole batch to the desk; the commands' numbers."""
    given = []
    for place, element in enumerate(elements, 1):
        of = {"batch": place, "batch_size": len(elements)}
        if action is Action.PLACE:
            given.append(strategy.place(**element, **of))
        else:
            instrument = stage.index("BTCUSDT")
            given.append(strategy.send(action, instrument=instrument, **element, **of))
    return given


def asked(venue: Simulator, path: str) -> int:
    """How many requests to a path the venue was sent."""
    found: int = venue.status()["requests"].get(path, 0)
    return found


def final(strategy: Strategy, numbers: list[int]) -> list[tuple[Result, int]]:
    """The last answer of each command, once all have one that ends it."""
    last = [answers[-1] for number in numbers if (answers := strategy.answers(number))]
    whole = len(last) == len(numbers) and all(one is not Result.UNKNOWN for one, _ in last)
    return last if whole else []


@pytest.mark.parametrize("transport", list(Transport))
def test_a_batch_is_placed_amended_and_cancelled(
    venue: Simulator, tmp_path: Path, transport: Transport
) -> None:
    async def act(stage: Rig, trader: Trader) -> None:
        maker, far = stage.strategy(), trader.far()
        low = f"{float(far) - 100:.1f}"
        names = [f"mine-{number}" for number in range(7)]
        done = [(Result.ACCEPTED, 0)]
        numbers = batch(
            stage,
            maker,
            Action.PLACE,
            [{**stage.order(far, "0.01"), "client_order_id": name} for name in names],
        )
        assert await stage.until(lambda: final(maker, numbers)) == done * 7
        assert (asked(venue, BATCH), asked(venue, ORDER)) == (2, 0)
        rows = trader.ok("GET", "/fapi/v1/openOrders")
        assert sorted(row["clientOrderId"] for row in rows) == names

        change = {"price_e": stage.order(low, "0.01")["price_e"]}
        numbers = batch(
            stage, maker, Action.AMEND, [{**change, "client_order_id": name} for name in names[:4]]
        )
        assert await stage.until(lambda: final(maker, numbers)) == done * 4
        assert (asked(venue, BATCH), asked(venue, ORDER)) == (3, 0)
        prices = [row["price"] for row in trader.ok("GET", "/fapi/v1/openOrders")]
        assert sum(float(price) == float(low) for price in prices) == 4

        numbers = batch(stage, maker, Action.CANCEL, [{"client_order_id": name} for name in names])
        assert await stage.until(lambda: final(maker, numbers)) == done * 7
        assert (asked(venue, BATCH), asked(venue, ORDER)) == (4, 0)
        assert trader.ok("GET", "/fapi/v1/openOrders") == []

    staged(venue, tmp_path, act, transport)


def test_the_venue_refuses_one_of_them(venue: Simulator, tmp_path: Path) -> None:
    async def act(stage: Rig, trader: Trader) -> None:
        maker, far = stage.strategy(), trader.far()
        high = f"{float(far) / 0.97 * 1.01:.1f}"  # would trade at once, which post-only must not
        numbers = batch(
            stage,
            maker,
            Action.PLACE,
            [
                {**stage.order(price, "0.01"), "time_in_force": TimeInForce.GTX}
                for price in (far, high, far)
            ],
        )
        ends = await stage.until(lambda: final(maker, numbers))
        assert ends == [
            (Result.ACCEPTED, 0), (Result.REFUSED, Code.VENUE.value), (Result.ACCEPTED, 0),
        ]  # fmt: skip
        assert len(trader.ok("GET", "/fapi/v1/openOrders")) == 2
        assert asked(venue, BATCH) == 1

    staged(venue, tmp_path, act)


@pytest.mark.parametrize("fault", [{"kind": "lost"}, {"kind": "truncate"}, {"kind": "reset_http"}])
def test_a_lost_answer_is_found_out_for_each_order(
    venue: Simulator, tmp_path: Path, fault: dict[str, Any]
) -> None:
    async def act(stage: Rig, trader: Trader) -> None:
        venue.fault(**fault, path=BATCH, method="POST")
        maker, far = stage.strategy(), trader.far()
        numbers = batch(stage, maker, Action.PLACE, [stage.order(far, "0.01")] * 3)
        assert await stage.until(lambda: final(maker, numbers)) == [(Result.ACCEPTED, 0)] * 3
        assert len(trader.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT")) == 3
        assert asked(venue, BATCH) == 1

    staged(venue, tmp_path, act)


def test_a_whole_batch_that_was_certainly_not_executed(venue: Simulator, tmp_path: Path) -> None:
    async def act(stage: Rig, trader: Trader) -> None:
        body = '{"code":-1008,"msg":"Server is currently overloaded with other requests."}'
        venue.fault(kind="status", status=503, body=body, execute=False, path=BATCH, method="POST")
        maker, far = stage.strategy(), trader.far()
        numbers = batch(stage, maker, Action.PLACE, [stage.order(far, "0.01")] * 2)
        ends = await stage.until(lambda: final(maker, numbers))
        assert ends == [(Result.REFUSED, Code.VENUE.value)] * 2
        assert trader.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT") == []
        assert asked(venue, BATCH) == 1  # never sent again

    staged(venue, tmp_path, act)
