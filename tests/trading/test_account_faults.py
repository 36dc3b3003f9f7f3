"""One account on a simulated venue that loses, delays and forgets: every order's story is told
whole, once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.model.counters import Counter
from connector.model.intents import Action, TimeInForce
from connector.model.records import Side
from connector.model.reports import OrderStatus, Result, Update
from tests.reference.signed_client import ORDER, Trader
from tests.reference.sim_process import Simulator, simulator
from tests.reference.trading_rig import Rig, rig

PLENTY = ("--symbols", "BTCUSDT", "--rate", "20", "--weight-limit", "100000", "--connects", "10000",
          "--account", "main=KEY:SECRET")  # fmt: skip


@pytest.fixture
def venue() -> Iterator[Simulator]:
    with simulator(*PLENTY) as running:
        yield running


def staged(venue: Simulator, folder: Path, act: Callable[[Rig, Trader], Awaitable[None]]) -> None:
    async def main() -> None:
        async with rig(venue, folder, "KEY", "SECRET") as stage:
            await act(stage, Trader(venue, "KEY", "SECRET"))

    asyncio.run(main())


def counted(stage: Rig, counter: Counter) -> int:
    segment = stage.app._segment
    assert segment is not None
    return segment.counter(counter.value)


LOST: list[dict[str, Any]] = [
    {"kind": "lost"},
    {"kind": "reset_http"},
    {"kind": "truncate"},
    {"kind": "empty"},
    {"kind": "status", "status": 500, "body": "<html>"},
    {"kind": "status", "status": 503, "body": '{"code":-1000,"msg":"Unknown error, please check '
     'your request or try again later."}'},
    {"kind": "status", "status": 408, "body": '{"code":-1007,"msg":"Timeout waiting for response '
     'from backend server."}'},
]  # fmt: skip


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: f"{fault['kind']}-{fault.get('status')}")
def test_an_answer_that_proves_nothing_is_found_out(
    venue: Simulator, tmp_path: Path, fault: dict[str, Any]
) -> None:
    async def act(stage: Rig, trader: Trader) -> None:
        far = trader.far()
        venue.fault(**fault, path=ORDER, method="POST")
        maker = stage.strategy()
        number = maker.place(**stage.order(far, "0.01"), client_order_id="mine")
        await stage.until(
            lambda: [one for one in maker.answers(number) if one[0] is Result.ACCEPTED]
        )
        answers = [result for result, _ in maker.answers(number)]
        assert answers in ([Result.UNKNOWN, Result.ACCEPTED], [Result.ACCEPTED])
        assert maker.reports() == [(Update.SUBMITTED, OrderStatus.NEW)]
        assert len(trader.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT")) == 1

    staged(venue, tmp_path, act)


def test_a_cancel_is_pursued_through_lost_requests(venue: Simulator, tmp_path: Path) -> None:
    async def act(stage: Rig, trader: Trader) -> None:
        maker = stage.strategy()
        maker.place(**stage.order(trader.far(), "0.01"), client_order_id="mine")
        await stage.until(lambda: maker.reports())
        venue.fault(kind="reset_http", path=ORDER, method="DELETE", execute=False, count=3)
        maker.send(Action.CANCEL, instrument=stage.index("BTCUSDT"), client_order_id="mine")
        await stage.until(lambda: len(maker.reports()) > 1)
        assert maker.reports()[1:] == [(Update.CANCELLED, OrderStatus.CANCELLED)]
        assert trader.ok("GET", "/fapi/v1/openOrders") == []

    staged(venue, tmp_path, act)


def test_a_fill_is_reported_once_however_often_it_is_told(venue: Simulator, tmp_path: Path) -> None:
    async def act(stage: Rig, trader: Trader) -> None:
        venue.fault(kind="duplicate", stream="*ORDER_TRADE_UPDATE*", count=0)
        maker = stage.strategy()
        maker.place(
            **stage.order("0.01", "0.01") | {"price_e": None},
            order_type=2,
            time_in_force=TimeInForce.NONE,
            side=Side.BUY,
            client_order_id="mine",
        )
        await stage.until(lambda: (Update.EXECUTED, OrderStatus.FILLED) in maker.reports())
        fills = trader.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")
        assert [name for name, _ in maker.fills()] == [row["id"] for row in fills]
        assert sum(qty_e for _, qty_e in maker.fills()) == stage.order("1", "0.01")["qty_e"]
        assert maker.reports()[0][0] is Update.SUBMITTED

    staged(venue, tmp_path, act)


def test_what_happened_while_the_stream_was_away_is_asked_for(
    venue: Simulator, tmp_path: Path
) -> None:
    async def act(stage: Rig, trader: Trader) -> None:
        maker = stage.strategy()
        maker.place(**stage.order(trader.far(), "0.01"), client_order_id="mine")
        await stage.until(lambda: maker.reports())
        before = counted(stage, Counter.RECONCILED)
        venue.fault(kind="stall", stream="*ORDER_TRADE_UPDATE*")
        trader.ok("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="mine")
        venue.fault(kind="cut")
        await stage.until(lambda: len(maker.reports()) > 1)
        assert maker.reports()[1:] == [(Update.CANCELLED, OrderStatus.CANCELLED)]
        await stage.until(lambda: counted(stage, Counter.RECONCILED) > before)

    staged(venue, tmp_path, act)


def test_a_stream_that_says_nothing_is_noticed_and_replaced(
    venue: Simulator, tmp_path: Path
) -> None:
    """Connected, and silent: an accepted order that it does not tell of proves it."""

    async def act(stage: Rig, trader: Trader) -> None:
        venue.fault(kind="stall", stream="*ORDER_TRADE_UPDATE*")
        maker = stage.strategy()
        maker.place(**stage.order(trader.far(), "0.01"), client_order_id="mine")
        await stage.until(lambda: counted(stage, Counter.STREAM_GAPS))
        await stage.until(lambda: stage.trading.accounts[0].ready)
        assert maker.reports() == [(Update.SUBMITTED, OrderStatus.NEW)]

    staged(venue, tmp_path, act)


def test_a_clock_that_is_off_is_measured_anew(venue: Simulator, tmp_path: Path) -> None:
    async def act(stage: Rig, trader: Trader) -> None:
        far = trader.far()
        venue.fault(kind="skew", ms=-60_000)
        maker = stage.strategy()
        first = maker.place(**stage.order(far, "0.01"), client_order_id="early")
        await stage.until(lambda: maker.answers(first))
        assert maker.answers(first)[0][0] is Result.REFUSED
        await stage.until(lambda: stage.trading.accounts[0].ready)
        second = maker.place(**stage.order(far, "0.01"), client_order_id="right")
        await stage.until(lambda: maker.answers(second))
        assert maker.answers(second) == [(Result.ACCEPTED, 0)]
        venue.fault(kind="skew", ms=0)

    staged(venue, tmp_path, act)


def test_a_throttled_venue_is_left_alone(venue: Simulator, tmp_path: Path) -> None:
    async def act(stage: Rig, trader: Trader) -> None:
        far = trader.far()
        venue.fault(kind="status", status=429, body='{"code":-1003,"msg":"Too many requests."}',
                    retry_after=60, path=ORDER, execute=False)  # fmt: skip
        maker = stage.strategy()
        first = maker.place(**stage.order(far, "0.01"))
        await stage.until(lambda: maker.answers(first))
        asked = venue.status()
        second = maker.place(**stage.order(far, "0.01"))
        assert maker.answers(second)[0][0] is Result.REFUSED
        assert venue.status().get("orders") == asked.get("orders")

    staged(venue, tmp_path, act)


def test_foreign_orders_are_told_as_such(venue: Simulator, tmp_path: Path) -> None:
    async def main() -> None:
        async with rig(venue, tmp_path, "KEY", "SECRET", foreign_to=["taker"]) as stage:
            trader = Trader(venue, "KEY", "SECRET")
            trader.ok("POST", ORDER, **trader.limit(newClientOrderId="elsewhere"))
            taker, maker = stage.strategy("taker"), stage.strategy("maker")
            await stage.until(lambda: taker.reports("elsewhere"))
            trader.ok("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="elsewhere")
            await stage.until(lambda: len(taker.reports("elsewhere")) == 2)
            assert [update for update, _ in taker.reports("elsewhere")] == [
                Update.SUBMITTED, Update.CANCELLED,
            ]  # fmt: skip
            assert maker.reports() == []

    asyncio.run(main())


def test_no_secret_in_a_log_of_everything(
    venue: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    async def act(stage: Rig, trader: Trader) -> None:
        maker = stage.strategy()
        venue.fault(kind="status", status=500, body="<html>", path=ORDER, method="POST")
        maker.place(**stage.order(trader.far(), "0.01"), client_order_id="mine")
        await stage.until(lambda: maker.answers())
        venue.fault(kind="cut")
        await stage.until(lambda: counted(stage, Counter.RECONCILED) > 1)

    staged(venue, tmp_path, act)
    assert "reconciled" in caplog.text
    everything = caplog.text + repr([vars(record) for record in caplog.records])
    assert "SECRET" not in everything
    assert "listenKey=" not in everything
    assert "signature=" not in everything
