"""What a daemon that starts again makes of what the last one wrote."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.clock import monotonic_ns
from connector.model.intents import Action, TimeInForce
from connector.model.reports import Code, OrderStatus, Result, Update
from tests.reference.signed_client import ORDER, Trader
from tests.reference.sim_process import Simulator, simulator
from tests.reference.trading_rig import Rig, rig

PLENTY = ("--symbols", "BTCUSDT", "--rate", "20", "--weight-limit", "100000", "--connects", "10000",
          "--account", "main=KEY:SECRET")  # fmt: skip


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def venue() -> Iterator[Simulator]:
    with simulator(*PLENTY) as running:
        yield running


def test_a_command_that_was_written_down_and_never_sent(venue: Simulator, tmp_path: Path) -> None:
    """Before a send: answered as not sent, once, and nothing is at the venue."""

    async def main() -> None:
        trader = Trader(venue, "KEY", "SECRET")
        async with rig(venue, tmp_path, "KEY", "SECRET") as stage:

            def killed(*_: object) -> None:
                raise Killed

            stage.trading.desk._ledger.sent = killed  # type: ignore[method-assign]
            with pytest.raises(Killed):
                stage.strategy().place(**stage.order(trader.far(), "0.01"), client_order_id="mine")
            stage.trading.desk.tracker.requests.clear()  # a killed process settles nothing
        for _ in range(2):
            async with rig(venue, tmp_path, "KEY", "SECRET") as stage:
                maker = stage.strategy()
                assert maker.answers() == [(Result.REFUSED, Code.NOT_SENT.value)]
                assert maker.reports() == []
                order = stage.trading.desk.tracker.orders.by_client_id(0, "mine")
                assert order is not None
                assert order.status is OrderStatus.REJECTED
        assert trader.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT") == []

    asyncio.run(main())


def test_fills_before_and_between_runs_are_reported_once(venue: Simulator, tmp_path: Path) -> None:
    async def bought(stage: Rig, name: str) -> None:
        maker = stage.strategy()
        maker.commands = len(maker.answers())
        maker.place(
            **stage.order("1", "0.01") | {"price_e": None},
            order_type=2,
            time_in_force=TimeInForce.NONE,
            client_order_id=name,
        )
        await stage.until(lambda: (Update.EXECUTED, OrderStatus.FILLED) in maker.reports(name))

    async def main() -> None:
        trader = Trader(venue, "KEY", "SECRET")
        async with rig(venue, tmp_path, "KEY", "SECRET") as stage:
            await bought(stage, "first")
            maker = stage.strategy()
            maker.commands = 1
            maker.place(**stage.order(trader.far(), "0.02"), client_order_id="resting")
            await stage.until(lambda: maker.reports("resting"))
        trader.ok("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="resting")
        async with rig(venue, tmp_path, "KEY", "SECRET") as stage:
            maker = stage.strategy()
            await stage.until(lambda: len(maker.reports("resting")) == 2)
            assert maker.reports("resting")[-1] == (Update.CANCELLED, OrderStatus.CANCELLED)
            await bought(stage, "second")
            rows = trader.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")
            assert sorted(name for name, _ in maker.fills()) == sorted(row["id"] for row in rows)
            (own,) = stage.trading.desk.positions.owned("maker")
            assert own[1] == 2 * stage.order("1", "0.01")["qty_e"]

    asyncio.run(main())


def test_a_client_id_of_an_earlier_run_is_refused(venue: Simulator, tmp_path: Path) -> None:
    async def main() -> None:
        far = Trader(venue, "KEY", "SECRET").far()
        async with rig(venue, tmp_path, "KEY", "SECRET") as stage:
            maker = stage.strategy()
            maker.place(**stage.order(far, "0.01"), client_order_id="mine")
            await stage.until(lambda: maker.reports())
            maker.send(Action.CANCEL_ALL, instrument=stage.index("BTCUSDT"))
            await stage.until(lambda: len(maker.reports()) == 2)
        async with rig(venue, tmp_path, "KEY", "SECRET") as stage:
            maker = stage.strategy()
            maker.commands = 2
            again = maker.place(**stage.order(far, "0.01"), client_order_id="mine")
            assert maker.answers(again) == [(Result.REFUSED, Code.DUPLICATE_CLIENT_ID.value)]

    asyncio.run(main())


def test_a_request_of_an_earlier_run_is_not_executed_again(
    venue: Simulator, tmp_path: Path
) -> None:
    async def main() -> None:
        trader = Trader(venue, "KEY", "SECRET")
        far = trader.far()
        for run in range(3):
            async with rig(venue, tmp_path, "KEY", "SECRET") as stage:
                maker = stage.strategy()
                maker.commands = run
                number = maker.place(**stage.order(far, "0.01"), ref_id="r1")
                await stage.until(lambda: maker.answers(number))  # noqa: B023
                assert maker.answers(number) == [(Result.ACCEPTED, 0)]
        assert len(trader.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT")) == 1

    asyncio.run(main())


def test_a_tick_that_comes_while_all_ends_looks_at_nothing_behind_it(
    venue: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with rig(venue, tmp_path, "KEY", "SECRET") as stage:
            app, orders, server = stage.app, stage.app._orders, stage.app._server
            assert orders is not None
            assert server is not None
            closes = server.close

            async def closing() -> None:
                await closes()
                app.tick(monotonic_ns())

            monkeypatch.setattr(server, "close", closing)
        for _ in range(200):
            await asyncio.sleep(0)
        assert orders.halts._fd == -1  # its first piece would have opened the file again

    asyncio.run(main())
