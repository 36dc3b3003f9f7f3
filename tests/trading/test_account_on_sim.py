"""One account on a simulated venue: from a command to its reports and back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.clock import monotonic_ns
from connector.model.intents import Action, OrderType, TimeInForce
from connector.model.records import RecordType
from connector.model.reports import Code, OrderStatus, Result, Update
from connector.venues.trading_contract import Transport
from tests.reference.signed_client import Trader
from tests.reference.sim_process import Simulator, simulator
from tests.reference.trading_rig import rig

PLENTY = ("--symbols", "BTCUSDT,ETHUSDT", "--rate", "20", "--weight-limit", "100000",
          "--connects", "10000")  # fmt: skip


@pytest.fixture
def venue() -> Iterator[Simulator]:
    with simulator(*PLENTY, "--account", "main=KEY:SECRET") as running:
        yield running


@pytest.fixture(params=list(Transport), ids=lambda transport: transport.value)
def transport(request: pytest.FixtureRequest) -> str:
    """How the account's orders travel."""
    chosen: str = request.param.value
    return chosen


def test_the_account_s_own_order_limits_are_kept(tmp_path: Path) -> None:
    """Not those of the table: the venue states what this account may, and here it is less."""

    async def main(venue: Simulator) -> None:
        far = Trader(venue, "KEY", "SECRET").far()
        async with rig(venue, tmp_path, "KEY", "SECRET") as stage:
            maker = stage.strategy()
            numbers = [maker.place(**stage.order(far, "0.01")) for _ in range(5)]
            await stage.until(lambda: all(maker.answers(number) for number in numbers))
            (refused,) = maker.answers(numbers[-1])
            assert refused == (Result.REFUSED, Code.RATE_BUDGET.value)
            assert [maker.answers(number) for number in numbers[:-1]] == [
                [(Result.ACCEPTED, 0)]
            ] * 4

    with simulator(*PLENTY, "--account", "main=KEY:SECRET", "--order-limits", "4,100") as venue:
        asyncio.run(main(venue))


def test_what_the_stream_tells_carries_when_its_frame_was_received(
    venue: Simulator, tmp_path: Path
) -> None:
    """And what was asked for, such as the positions at the start, was no frame."""

    async def main() -> None:
        async with rig(venue, tmp_path, "KEY", "SECRET") as stage:
            maker = stage.strategy()
            kinds = RecordType.ORDER_REPORT, RecordType.POSITION_UPDATE
            begun_ns = monotonic_ns()
            maker.place(order_type=OrderType.MARKET, time_in_force=TimeInForce.NONE,
                        qty_e=stage.order("1", "0.01")["qty_e"])  # fmt: skip
            await stage.until(maker.fills)
            await stage.until(lambda: kinds[1] in {entry.kind for entry in maker.entries()})
            entries = [entry for entry in maker.entries() if entry.kind in kinds]
            heard = [entry for entry in entries if entry.recv_ns]
            assert {entry.kind for entry in heard} == set(kinds)
            for entry in heard:
                assert begun_ns < entry.recv_ns <= entry.publish_ns < monotonic_ns()
            asked = [e for e in maker.entries() if e.kind == RecordType.BALANCE_UPDATE]
            assert any(entry.recv_ns == 0 for entry in asked if entry.publish_ns < begun_ns)

    asyncio.run(main())


def over_socket(venue: Simulator, name: str) -> int:
    """Requests of the WebSocket order API of that name."""
    return int(venue.status()["requests"].get(name, 0))


def test_an_order_is_placed_and_cancelled(venue: Simulator, transport: str, tmp_path: Path) -> None:
    async def main() -> None:
        far = Trader(venue, "KEY", "SECRET").far()
        async with rig(venue, tmp_path, "KEY", "SECRET", transport=transport) as stage:
            maker = stage.strategy()
            number = maker.place(**stage.order(far, "0.01"), client_order_id="mine-1")
            await stage.until(lambda: maker.answers(number))
            assert maker.answers(number) == [(Result.ACCEPTED, 0)]
            assert maker.reports() == [(Update.SUBMITTED, OrderStatus.NEW)]
            gone = maker.send(
                Action.CANCEL, instrument=stage.index("BTCUSDT"), client_order_id="mine-1"
            )
            await stage.until(lambda: len(maker.reports()) > 1)
            assert maker.answers(gone) == [(Result.ACCEPTED, 0)]
            assert maker.reports()[1:] == [(Update.CANCELLED, OrderStatus.CANCELLED)]
            for name in ("order.place", "order.cancel"):
                assert over_socket(venue, name) == (transport == "ws_api")

    asyncio.run(main())
