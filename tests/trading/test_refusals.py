"""Every refusal of our own, by a daemon's real inside on a simulated venue: answered at once with
code, field, value and limit, and not one request for an order reaches the venue."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.clock import monotonic_ns
from connector.model.intents import Action, CommandFlag, OrderType, PriceMatch, TimeInForce
from connector.model.packing import layout
from connector.model.records import RecordType, Side
from connector.model.reports import Code, Field, Result
from connector.trading.halts import Halt, Scope, clear, set_halt, writing
from tests.reference.ground import Client
from tests.reference.grounds import PRICED
from tests.reference.trading_rig import Place, Rig, Strategy, place_of

ANSWER, SLOT = layout("CommandAnswerBody"), layout("Command")
M, F, R = Code.MALFORMED, Code.FILTER, Code.RISK_LIMIT
LIMIT = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC, "side": Side.BUY}
MARKET = {"order_type": OrderType.MARKET, "time_in_force": 0, "price_e": None}
ABSURD = 255

MALFORMED: list[tuple[Action, dict[str, Any], Field]] = [
    (Action.PLACE, {"action": ABSURD}, Field.ACTION),
    (Action.PLACE, {"action": 0}, Field.ACTION),
    (Action.PLACE, {"order_type": ABSURD}, Field.ORDER_TYPE),
    (Action.PLACE, {"order_type": OrderType.LIQUIDATION}, Field.ORDER_TYPE),
    (Action.PLACE, {"time_in_force": ABSURD}, Field.TIME_IN_FORCE),
    (Action.PLACE, {"position_side": ABSURD}, Field.POSITION_SIDE),
    (Action.PLACE, {"working_type": ABSURD}, Field.WORKING_TYPE),
    (Action.PLACE, {"self_trade": ABSURD}, Field.SELF_TRADE),
    (Action.PLACE, {"price_match": ABSURD}, Field.PRICE_MATCH),
    (Action.PLACE, {"side": 0}, Field.DIRECTION),
    (Action.PLACE, {"side": ABSURD}, Field.DIRECTION),
    (Action.PLACE, {"flags": 1 << 31}, Field.NONE),
    (Action.PLACE, {"price_e": None}, Field.PRICE),
    (Action.PLACE, {"price_e": 0}, Field.PRICE),
    (Action.PLACE, {"price_e": -1}, Field.PRICE),
    (Action.PLACE, {"price_match": PriceMatch.OPPONENT}, Field.PRICE),
    (Action.PLACE, {**MARKET, "price_e": 10**10}, Field.PRICE),
    (Action.PLACE, {**MARKET, "price_match": PriceMatch.QUEUE}, Field.PRICE_MATCH),
    (Action.PLACE, {"qty_e": None}, Field.QUANTITY),
    (Action.PLACE, {"qty_e": 0}, Field.QUANTITY),
    (Action.PLACE, {"qty_e": -(2**62)}, Field.QUANTITY),
    (Action.PLACE, {"flags": CommandFlag.CLOSE_POSITION}, Field.CLOSE_POSITION),
    (Action.PLACE, {"stop_price_e": 10**10}, Field.STOP_PRICE),
    (Action.PLACE, {"order_type": OrderType.STOP}, Field.STOP_PRICE),
    (Action.PLACE, {"order_type": OrderType.STOP, "stop_price_e": -7}, Field.STOP_PRICE),
    (Action.PLACE, {"callback_rate_e": 10**6}, Field.CALLBACK_RATE),
    (Action.PLACE, {"activation_price_e": 10**10}, Field.ACTIVATION_PRICE),
    (Action.PLACE, {"order_type": OrderType.TRAILING_STOP_MARKET, "price_e": None},
     Field.CALLBACK_RATE),
    (Action.PLACE, {"order_type": OrderType.TRAILING_STOP_MARKET, "price_e": None,
                    "callback_rate_e": -1}, Field.CALLBACK_RATE),
    (Action.PLACE, {"time_in_force": TimeInForce.GTD}, Field.GOOD_TILL),
    (Action.PLACE, {"good_till_ns": 10**18}, Field.GOOD_TILL),
    (Action.PLACE, {"client_order_id": "not allowed!"}, Field.CLIENT_ORDER_ID),
    (Action.PLACE, {"client_order_id": "a\0b"}, Field.CLIENT_ORDER_ID),
    (Action.PLACE, {"ref_id": "a\0b"}, Field.REF_ID),
    (Action.PLACE, {"label": "\0a"}, Field.LABEL),
    (Action.PLACE, {"target": "123456789\0" + "a" * 54}, Field.TARGET),
    (Action.CANCEL, {}, Field.ORDER_ID),
    (Action.CANCEL, {"order_key": 2**63}, Field.ORDER_ID),
    (Action.CANCEL, {"placed_by": 2**40}, Field.ORDER_ID),
    (Action.CANCEL, {"client_order_id": "one", "order_id": 5}, Field.ORDER_ID),
    (Action.CANCEL, {"client_order_id": "a", "venue_order_id": "a\0b"}, Field.ORDER_ID),
    (Action.CANCEL, {"client_order_id": "a", "side": ABSURD}, Field.DIRECTION),
    (Action.AMEND, {"client_order_id": "a"}, Field.PRICE),
    (Action.AMEND, {"client_order_id": "a", "qty_e": -1}, Field.QUANTITY),
    (Action.AMEND, {"price_e": 10**10}, Field.ORDER_ID),
    (Action.QUERY, {}, Field.ORDER_ID),
]  # fmt: skip
NOT_UTF8 = [("ref_id", Field.REF_ID), ("client_order_id", Field.CLIENT_ORDER_ID),
            ("label", Field.LABEL), ("target", Field.TARGET)]  # fmt: skip


def limits(symbol: str, mark: float) -> dict[str, Any]:
    """Room for two orders of 0.01, one of 0.02."""
    return {
        "order_notional": f"{mark * 0.04:.2f}",
        "order_quantity": {symbol: "0.03"},
        "exposure": f"{mark * 0.025:.2f}",
        "open_orders": 2,
        "collar_bps": 100,
    }


class Stage:
    """The daemon's inside, and what of orders the venue has heard."""

    def __init__(self, made: Rig, client: Client) -> None:
        self.rig, self.client = made, client
        self.maker: Strategy = made.strategy()
        self.far = client.far()
        self.good = {**LIMIT, **made.order(self.far, "0.01")}

    def said(self, command: int, who: Strategy | None = None) -> Any:
        """The answer to a command, which is there at once, and the only one."""
        found = [ANSWER.unpack(entry.body) for entry in (who or self.maker).entries()
                 if entry.kind == RecordType.COMMAND_ANSWER]  # fmt: skip
        (answer,) = [one for one in found if one.command == command]
        return answer

    def refused(self, code: Code, field: Field, who: Strategy | None = None, **fields: Any) -> Any:
        """A new order is refused so, at once; its answer."""
        number = (who or self.maker).place(**{**self.good, **fields})
        answer = self.said(number, who)
        assert (Result(answer.result), Code(answer.code), Field(answer.field)) == (
            Result.REFUSED, code, field,
        ), fields  # fmt: skip
        return answer

    def nothing_left(self, orders: int = 0) -> None:
        """The venue knows of so many orders, and nothing of ours is on its way."""
        assert len(self.client.history()) == orders
        sent = [one for name in ("maker", "taker") for one in self.rig.strategy(name).entries()
                if one.kind == RecordType.SENT]  # fmt: skip
        assert len(sent) == orders


@pytest.fixture(scope="module", params=PRICED, ids=[one.name for one in PRICED])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with place_of(request.param.few(), 3, *request.param.few_orders) as found:
        yield found


def test_what_is_malformed_is_refused_by_field(place: Place, tmp_path: Path) -> None:
    async def main() -> None:
        async with place.rig(tmp_path) as (made, client):
            stage = Stage(made, client)
            desk, index = made.trading.desk, made.index(made.symbol)
            for action, fields, field in MALFORMED:
                given = {**stage.good, **fields} if action is Action.PLACE else dict(fields)
                said = given.pop("action", action)
                number = stage.maker.send(said, instrument=index, **given)
                answer = stage.said(number)
                assert (Code(answer.code), Field(answer.field)) == (M, field), fields
                assert answer.result == Result.REFUSED
            for name, field in NOT_UTF8:
                stage.maker.commands += 1
                slot = SLOT.pack(stamp=stage.maker.commands, action=Action.PLACE, instrument=index,
                                 **{**dict.fromkeys(("order_id", "stop_price_e", "good_till_ns",
                                    "activation_price_e", "callback_rate_e")), **stage.good,
                                    name: "@@@@"})  # fmt: skip
                desk.take(stage.maker, slot.replace(b"@@@@", b"\xff\xfe@@"), monotonic_ns())
                answer = stage.said(stage.maker.commands)
                assert (Code(answer.code), Field(answer.field)) == (M, field)
            stage.nothing_left()

    asyncio.run(main())


def test_what_a_strategy_may_not_do_is_refused_with_value_and_limit(
    place: Place, tmp_path: Path
) -> None:
    async def main() -> None:
        own = limits(place.ground.symbol, place.middle())
        async with place.rig(tmp_path, limits=own) as (made, client):
            stage = Stage(made, client)
            refused, at = stage.refused, stage.rig.order
            refused(Code.UNKNOWN_INSTRUMENT, Field.INSTRUMENT, instrument=4000)
            refused(Code.UNKNOWN_ACCOUNT, Field.ACCOUNT, account=9)
            stranger = made.strategy("stranger")
            made.trading.journals.open("stranger")
            refused(Code.NOT_PERMITTED, Field.ACCOUNT, stranger)
            answer = refused(F, Field.PRICE, price_e=stage.good["price_e"] + 1)
            assert answer.value_e == stage.good["price_e"] + 1
            assert answer.limit_e > 1
            assert refused(F, Field.QUANTITY, qty_e=stage.good["qty_e"] + 1).limit_e > 0
            answer = refused(F, Field.NOTIONAL, **at("900", "0.001"))
            assert 9 * 10**7 == answer.value_e < answer.limit_e
            high = f"{int(float(stage.far) * 1.045)}"
            answer = refused(R, Field.PRICE, **at(high, "0.01"))
            assert answer.value_e == at(high, "0.01")["price_e"] > answer.limit_e > 0
            answer = refused(R, Field.QUANTITY, **at(stage.far, "0.031"))
            most = at(stage.far, "0.03")["qty_e"]
            assert (answer.value_e, answer.limit_e) == (at(stage.far, "0.031")["qty_e"], most)
            answer = refused(R, Field.NOTIONAL, **at(stage.far, "0.042"))
            assert answer.value_e > answer.limit_e > 10**8
            answer = refused(R, Field.EXPOSURE, **at(stage.far, "0.029"))
            assert answer.value_e > answer.limit_e > 10**8
            long_ago = monotonic_ns() - 5
            answer = refused(Code.STALE_COMMAND, Field.VALID_UNTIL, valid_until_ns=long_ago)
            assert answer.limit_e == long_ago < answer.value_e
            stage.nothing_left()
            runtime = made.app._runtime_dir
            with writing(runtime) as fd:
                set_halt(fd, Halt(Scope.STRATEGY, "maker", "tea time"))
            refused(Code.HALTED, Field.NONE)
            with writing(runtime) as fd:
                clear(fd)
            made.trading.desk.admission.draining = True
            refused(Code.DRAINING, Field.NONE)
            made.trading.desk.admission.draining = False
            stage.nothing_left()
            first = stage.maker.place(**stage.good, client_order_id="once", ref_id="r1")
            await made.until(lambda: stage.maker.answers(first))
            assert stage.maker.answers(first) == [(Result.ACCEPTED, 0)]
            refused(Code.DUPLICATE_CLIENT_ID, Field.CLIENT_ORDER_ID, client_order_id="once")
            refused(Code.DUPLICATE_REF, Field.REF_ID, ref_id="r1", label="other")
            refused(R, Field.EXPOSURE, **at(stage.far, "0.02"))
            second = stage.maker.place(**stage.good)
            await made.until(lambda: stage.maker.answers(second))
            answer = refused(R, Field.OPEN_ORDERS)
            assert (answer.value_e, answer.limit_e) == (3, 2)
            stage.nothing_left(2)

    asyncio.run(main())


def test_a_book_that_is_not_live_and_a_budget_that_is_used_up(place: Place, tmp_path: Path) -> None:
    async def main() -> None:
        async with place.rig(tmp_path) as (made, client):
            stage = Stage(made, client)
            for sent in itertools.count():
                assert sent < 100, "no budget was used up"
                client.crowd()
                number = stage.maker.place(**stage.good)
                await made.until(lambda n=number: stage.maker.answers(n))  # type: ignore[misc]
                answer = stage.said(number)
                if answer.result == Result.REFUSED:
                    break
                assert Code(answer.code) is Code.ACCEPTED
            assert (Code(answer.code), Field(answer.field)) == (
                Code.RATE_BUDGET, Field.RATE_BUDGET,
            )  # fmt: skip
            assert answer.value_e >= answer.limit_e > 0
            assert sent >= 2
            assert place.venue.status()["throttled"] == 0
            prices = {"stream": place.ground.prices}
            place.venue.fault(kind="stall", **prices, ms=60_000)
            place.venue.fault(kind="cut", **prices)
            await made.until(lambda: not made.touches())
            stage.refused(Code.STALE_BOOK, Field.INSTRUMENT)
            stage.nothing_left(sent)

    asyncio.run(main())
