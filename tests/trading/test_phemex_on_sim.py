"""Phemex accounts against the simulated venue: an order's whole life, answers and events that get
lost, a key that is wrong."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.model.counters import Counter
from connector.model.intents import OrderType, TimeInForce, WorkingType
from connector.model.records import Side
from connector.model.reports import Code, OrderStatus, Result, Update
from tests.reference.sim_process import Simulator, simulator
from tests.reference.trading_rig import Action, Rig, rig

KEY, SECRET = "806066b0-f02b-4d3e-b444-76ec718e1023", "canary-_0c9e5e1d"
NEW = (Update.SUBMITTED, OrderStatus.NEW)
FILLED = (Update.EXECUTED, OrderStatus.FILLED)
CANCELLED = (Update.CANCELLED, OrderStatus.CANCELLED)
MARKET = {"order_type": OrderType.MARKET, "time_in_force": TimeInForce.NONE}


@pytest.fixture(scope="module")
def venue() -> Iterator[Simulator]:
    with simulator(
        "--venue", "phemex", "--symbols", "BTCUSD", "--rate", "20",
        "--account", f"main={KEY}:{SECRET}",
    ) as made:  # fmt: skip
        yield made


def staged(venue: Simulator, folder: Path, act: Callable[[Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        async with rig(venue, folder, KEY, SECRET, name="phemex", symbol="BTCUSD") as stage:
            try:
                await act(stage)
            finally:
                venue.heal()

    asyncio.run(main())


def bid_e(stage: Rig) -> int:
    (market,) = stage.app._services.values()
    found = market.find("BTCUSD")
    assert found is not None
    assert found.touch is not None
    return found.touch[0]


def test_orders_from_their_start_to_their_end(venue: Simulator, tmp_path: Path) -> None:
    async def act(stage: Rig) -> None:
        maker, place = stage.strategy(), {"instrument": stage.index("BTCUSD")}
        price_e = bid_e(stage) - 500 * 10**4
        resting = maker.place(price_e=price_e, qty_e=10, client_order_id="rests")
        await stage.until(lambda: maker.reports("rests") == [NEW])
        maker.send(Action.AMEND, placed_by=resting, price_e=price_e + 10**4, qty_e=12, **place)
        await stage.until(lambda: len(maker.reports("rests")) == 2)
        assert maker.reports("rests")[1] == (Update.AMENDED, OrderStatus.NEW)
        maker.send(Action.CANCEL, placed_by=resting, **place)
        await stage.until(lambda: CANCELLED in maker.reports("rests"))
        maker.place(qty_e=5, client_order_id="takes", **MARKET)
        await stage.until(lambda: FILLED in maker.reports("takes"))
        assert maker.reports("takes") == [NEW, FILLED]
        stop = maker.place(
            **MARKET | {"order_type": OrderType.STOP_MARKET}, side=Side.SELL, qty_e=5,
            stop_price_e=price_e, client_order_id="waits",
        )  # fmt: skip
        await stage.until(lambda: maker.reports("waits") == [NEW])
        maker.send(Action.CANCEL, placed_by=stop, **place)
        await stage.until(lambda: CANCELLED in maker.reports("waits"))
        # A rate becomes an offset of the price: far off the order waits, a tick away it trades.
        trails = {**MARKET, "order_type": OrderType.TRAILING_STOP_MARKET, "side": Side.SELL}
        far = maker.place(
            **trails, qty_e=5, callback_rate_e=10**7, activation_price_e=price_e + 10**8,
            client_order_id="far",
        )  # fmt: skip
        await stage.until(lambda: maker.reports("far") == [NEW])
        maker.send(Action.CANCEL, placed_by=far, **place)
        await stage.until(lambda: CANCELLED in maker.reports("far"))
        maker.place(
            **trails, qty_e=2, callback_rate_e=1, working_type=WorkingType.LAST,
            client_order_id="near",
        )  # fmt: skip
        await stage.until(lambda: FILLED in maker.reports("near"))
        assert maker.reports("near")[0] == NEW
        assert {result for result, _ in maker.answers()} == {Result.ACCEPTED}
        (held,) = [one for one in stage.trading.desk.positions.account(0) if one.qty_e]
        assert (held.symbol, held.qty_e) == ("BTCUSD", 3)
        segment = stage.app._segment
        assert segment is not None
        assert segment.counter(Counter.REQUESTS_ENCODED.value) >= 3
        assert segment.counter(Counter.HEARD.value) >= 3

    staged(venue, tmp_path, act)


def test_a_stream_that_keeps_a_fill_back_is_replaced_and_the_fill_recovered_once(
    venue: Simulator, tmp_path: Path
) -> None:
    async def act(stage: Rig) -> None:
        maker = stage.strategy()
        venue.fault(kind="drop", stream="*@aop", count=0)
        maker.place(qty_e=5, client_order_id="unheard", **MARKET)
        await stage.until(lambda: FILLED in maker.reports("unheard"), 30)
        venue.heal()
        await stage.until(lambda: stage.trading.accounts[0].ready)
        assert len(maker.fills()) == 1

    staged(venue, tmp_path, act)


def test_a_wrong_secret_is_never_ready(venue: Simulator, tmp_path: Path) -> None:
    async def main() -> None:
        async with rig(
            venue, tmp_path, KEY, SECRET + "x", name="phemex", symbol="BTCUSD", required=False
        ) as stage:
            segment, account = stage.app._segment, stage.trading.accounts[0]
            assert segment is not None
            await stage.until(lambda: segment.counter(Counter.DISCONNECTS.value))
            assert not account.ready
            maker = stage.strategy()
            maker.place(price_e=bid_e(stage), qty_e=1)
            assert [result for result, _ in maker.answers()] == [Result.REFUSED]

    asyncio.run(main())


EXPIRED = '{"code":"401","msg":"401 Request Expired at 1580533239","data":null}'
THROTTLED = {
    "kind": "status", "status": 429, "retry_after": 2, "execute": False,
    "body": '{"code":"39995","msg":"Too many requests.","data":null}',
}  # fmt: skip
FAULTS: list[dict[str, Any]] = [
    {"kind": "lost"},
    {"kind": "status", "status": 500, "body": '{"code":11001,"msg":"internal","data":null}'},
    {"kind": "status", "status": 502, "body": "<html>"},
    {"kind": "truncate"},
]
"""The order was placed, and no answer says so."""


def test_what_goes_wrong_with_requests(venue: Simulator, tmp_path: Path) -> None:
    async def act(stage: Rig) -> None:
        maker, place = stage.strategy(), {"instrument": stage.index("BTCUSD")}
        price_e = bid_e(stage) - 500 * 10**4

        async def placed(name: str, **fault: Any) -> int:
            venue.fault(path="/orders/create", method="PUT", **fault)
            return maker.place(price_e=price_e, qty_e=10, client_order_id=name)

        for number, fault in enumerate(FAULTS):
            name = f"unknown-{number}"
            command = await placed(name, **fault)
            await stage.until(
                lambda command=command: (Result.ACCEPTED, 0) in maker.answers(command)
            )
            assert maker.reports(name) == [NEW], fault

        # Too many requests: the group is left alone for as long as the venue says.
        many = await placed("many", **THROTTLED)
        await stage.until(lambda: maker.answers(many))
        assert [result for result, _ in maker.answers(many)] == [Result.REFUSED]
        served = venue.status()["requests"]["/orders/create"]
        soon = maker.place(price_e=price_e, qty_e=10, client_order_id="soon")
        await stage.until(lambda: maker.answers(soon))
        assert maker.answers(soon) == [(Result.REFUSED, Code.RATE_BUDGET.value)]
        assert venue.status()["requests"]["/orders/create"] == served
        async with asyncio.timeout(40):
            for number in itertools.count():
                again = maker.place(price_e=price_e, qty_e=1, client_order_id=f"again-{number}")
                (answer,) = await stage.until(lambda: maker.answers(again))  # noqa: B023
                if answer == (Result.ACCEPTED, 0):
                    break
                assert answer == (Result.REFUSED, Code.RATE_BUDGET.value)
                await asyncio.sleep(0.1)

        # The venue's clock is measured anew, and the next order goes through.
        late = await placed("late", kind="status", status=401, body=EXPIRED, execute=False)
        await stage.until(lambda: maker.answers(late))
        assert [result for result, _ in maker.answers(late)] == [Result.REFUSED]
        await stage.until(lambda: stage.trading.accounts[0].ready)
        maker.place(price_e=price_e, qty_e=10, client_order_id="next")
        await stage.until(lambda: maker.reports("next") == [NEW])

        # A cancel is pursued whatever is answered.
        venue.fault(
            kind="status", status=503, body="", execute=False, count=2,
            path="/orders/cancel", method="DELETE",
        )  # fmt: skip
        maker.send(Action.CANCEL, client_order_id="next", **place)
        await stage.until(lambda: CANCELLED in maker.reports("next"))

        # An amend that comes after the fill is refused, and the order stays filled.
        taken = maker.place(qty_e=5, client_order_id="taken", **MARKET)
        await stage.until(lambda: FILLED in maker.reports("taken"))
        amend = maker.send(Action.AMEND, placed_by=taken, price_e=price_e, qty_e=9, **place)
        await stage.until(lambda: maker.answers(amend))
        assert [result for result, _ in maker.answers(amend)] == [Result.REFUSED]
        assert maker.reports("taken")[-1] == FILLED

        # An amend that crosses ends a post-only order, and trades another.
        for name, kind in (("post", TimeInForce.GTX), ("cross", TimeInForce.GTC)):
            resting = maker.place(
                price_e=price_e, qty_e=3, time_in_force=kind, client_order_id=name
            )
            await stage.until(lambda name=name: maker.reports(name) == [NEW])
            ask_e = bid_e(stage) + 200 * 10**4
            maker.send(Action.AMEND, placed_by=resting, price_e=ask_e, qty_e=3, **place)
            await stage.until(lambda name=name: maker.reports(name)[-1][1].terminal)
        assert maker.reports("post")[-1] == (Update.CANCELLED, OrderStatus.EXPIRED)
        assert maker.reports("cross")[-1] == FILLED

    staged(venue, tmp_path, act)
