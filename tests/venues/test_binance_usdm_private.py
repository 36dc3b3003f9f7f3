"""Binance USD-M, what the venue tells and what it is asked: private events and lookups, against the
simulated venue and the samples of the reference, whatever is missing or odd in them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.instrument import Instrument
from connector.model.intents import Action, CommandFlag, OrderType, PositionSide, TimeInForce
from connector.model.records import Side
from connector.model.reports import BalanceReason, EndReason, OrderStatus
from connector.venues.trading_contract import (
    AccountConfigEvent,
    BalanceEvent,
    Execution,
    Intent,
    MarginCallEvent,
    OrderEvent,
    PositionEvent,
    Source,
    StreamExpired,
    UnknownUserEvent,
)
from tests.reference.binance_desk import OTHER, UNIT
from tests.reference.both_sides import MS, TRADING, Desk, price, qty

STREAM, LOOKUPS = TRADING.stream, TRADING.lookups
assert STREAM.key is not None
KEY = STREAM.key


@pytest.fixture
def desk() -> Desk:
    made = Desk("http")
    made.ask(KEY.start())
    made.heard()
    return made


def orders(events: list[Any], source: Source = Source.STREAM) -> list[OrderEvent]:
    return [one for one in events if isinstance(one, OrderEvent) and one.source is source]


# Against the simulated venue


def test_an_order_is_told_from_its_start_to_its_end(desk: Desk) -> None:
    placed = desk.placed(
        side=Side.BUY, price_e=price(desk, "29999.90"), qty_e=qty(desk, 300),
        time_in_force=TimeInForce.GTC,
    )  # fmt: skip
    (new,) = orders(desk.heard())
    assert (new.execution, new.status) == (Execution.NEW, OrderStatus.NEW)
    assert (new.order_id, new.client_order_id) == (placed.order_id, placed.client_order_id)
    assert (new.side, new.order_type, new.time_in_force) == (
        Side.BUY,
        OrderType.LIMIT,
        TimeInForce.GTC,
    )
    assert (new.price_e, new.qty_e, new.filled_qty_e) == (placed.price_e, placed.qty_e, 0)
    assert (new.trade_id, new.fee_e, new.last_qty_e) == (None, None, 0)
    change: dict[str, Any] = {"price_e": price(desk, "29999.80"), "qty_e": qty(desk, 250)}
    desk.do(action=Action.AMEND, side=Side.BUY, order_id=placed.order_id, **change)
    (amended,) = orders(desk.heard())
    assert amended.execution is Execution.AMENDED
    assert (amended.price_e, amended.qty_e) == (change["price_e"], change["qty_e"])
    desk.do(action=Action.CANCEL, order_id=placed.order_id)
    (gone,) = orders(desk.heard())
    assert (gone.execution, gone.status, gone.reason) == (
        Execution.CANCELLED,
        OrderStatus.CANCELLED,
        EndReason.COMMAND,
    )


def test_a_fill_brings_its_trade_its_fee_the_balance_and_the_position(desk: Desk) -> None:
    desk.placed(side=Side.BUY, order_type=OrderType.MARKET, qty_e=qty(desk, 100))
    events = desk.heard()
    (fill,) = [one for one in orders(events) if one.execution is Execution.TRADE]
    assert (fill.status, fill.order_type) == (OrderStatus.FILLED, OrderType.MARKET)
    assert (fill.last_qty_e, fill.filled_qty_e) == (qty(desk, 100), qty(desk, 100))
    assert fill.last_price_e == price(desk, "30000.10")
    assert float(fill.average) == 30000.1
    assert (fill.maker, fill.fee_asset) == (False, "USDT")
    assert fill.fee_e is not None
    assert fill.fee_e > 0
    assert fill.trade_id is not None
    assert fill.venue_ns == fill.transaction_ns == desk.venue.now_ms * MS
    (lite,) = orders(events, Source.LITE)
    assert (lite.trade_id, lite.order_id, lite.status) == (fill.trade_id, fill.order_id, None)
    assert (lite.last_qty_e, lite.last_price_e) == (fill.last_qty_e, fill.last_price_e)
    (position,) = [one for one in events if isinstance(one, PositionEvent)]
    assert (position.symbol, position.position_side) == ("BTCUSDT", PositionSide.BOTH)
    assert position.qty_e == qty(desk, 100)
    assert float(position.entry) == 30000.1
    (balance,) = [one for one in events if isinstance(one, BalanceEvent)]
    assert (balance.asset, balance.reason) == ("USDT", BalanceReason.ORDER)
    assert balance.wallet_e == 100_000 * UNIT - fill.fee_e

    rows = LOOKUPS.fill_events(
        desk.ask(LOOKUPS.fills(desk.btc, None, desk.now_ns - MS, 1000)), desk.instruments.get
    )
    (asked,) = rows
    assert (asked.source, asked.execution) == (Source.QUERY, Execution.TRADE)
    assert (asked.trade_id, asked.order_id) == (fill.trade_id, fill.order_id)
    assert (asked.last_qty_e, asked.last_price_e) == (fill.last_qty_e, fill.last_price_e)
    assert (asked.side, asked.maker, asked.fee_e) == (Side.BUY, False, None)
    assert (asked.fee_listed_e, asked.fee_asset) == (fill.fee_e, fill.fee_asset)
    (held,) = LOOKUPS.position_events(desk.ask(*LOOKUPS.positions(())), desk.instruments.get)
    assert (held.symbol, held.qty_e, held.isolated) == ("BTCUSDT", qty(desk, 100), False)
    assert float(held.entry) == 30000.1
    found = {one.asset: one for one in LOOKUPS.balance_events(desk.ask(*LOOKUPS.balances(())))}
    assert found["USDT"].wallet_e == balance.wallet_e


def test_a_short_position_is_negative(desk: Desk) -> None:
    desk.placed(side=Side.SELL, order_type=OrderType.MARKET, qty_e=qty(desk, 100))
    (told,) = [one for one in desk.heard() if isinstance(one, PositionEvent)]
    (asked,) = LOOKUPS.position_events(desk.ask(*LOOKUPS.positions(())), desk.instruments.get)
    assert told.qty_e == asked.qty_e == -qty(desk, 100)


def test_what_ioc_leaves_expires(desk: Desk) -> None:
    desk.placed(
        side=Side.BUY, price_e=price(desk, "30000.10"), qty_e=qty(desk, 2500),
        time_in_force=TimeInForce.IOC,
    )  # fmt: skip
    last = orders(desk.heard())[-1]
    assert (last.execution, last.status, last.reason) == (
        Execution.EXPIRED,
        OrderStatus.EXPIRED,
        EndReason.REMAINDER,
    )
    assert last.filled_qty_e == qty(desk, 1900), "what the book had at that price"


def test_a_conditional_order_is_told_by_its_own_event_and_then_by_the_order_it_becomes(
    desk: Desk,
) -> None:
    stop = desk.placed(
        side=Side.BUY, order_type=OrderType.STOP_MARKET, qty_e=qty(desk, 100),
        stop_price_e=price(desk, "30000.30"),
    )  # fmt: skip
    (new,) = orders(desk.heard())
    assert (new.conditional, new.status) == (True, OrderStatus.NEW)
    assert (new.order_id, new.client_order_id) == (stop.order_id, stop.client_order_id)
    assert (new.stop_price_e, new.born_order_id) == (stop.stop_price_e, None)
    open_now = [
        event
        for request in LOOKUPS.open_orders(())
        for event in LOOKUPS.order_events(desk.ask(request), desk.instruments.get)
    ]
    assert [(one.conditional, one.order_id) for one in open_now] == [(True, stop.order_id)]
    desk.venue.place(OTHER, side="BUY", price="30000.30", quantity="5.000")
    told = []
    for _ in range(3):
        told += orders(desk.heard())
        desk.venue.now_ms += 1000
    own = [one for one in told if one.conditional]
    assert [one.execution for one in own][:2] == [Execution.TRIGGERED] * 2
    born = own[-1].born_order_id
    assert born is not None
    normal = [one for one in told if not one.conditional]
    assert {one.order_id for one in normal} == {born}
    assert normal[-1].status is OrderStatus.FILLED
    found = LOOKUPS.order_event(
        desk.ask(
            LOOKUPS.order(
                Intent(
                    action=Action.QUERY,
                    instrument=desk.btc,
                    order_id=stop.order_id,
                    conditional=True,
                )
            )
        ),
        desk.instruments.get,
    )
    assert (found.status, found.born_order_id) == (OrderStatus.TRIGGERED, born)


def test_a_conditional_order_that_is_cancelled_says_so(desk: Desk) -> None:
    stop = desk.placed(
        side=Side.BUY, order_type=OrderType.STOP_MARKET, stop_price_e=price(desk, "30050.00"),
        qty_e=qty(desk, 100), flags=CommandFlag.REDUCE_ONLY,
    )  # fmt: skip
    desk.heard()
    desk.do(action=Action.CANCEL, order_id=stop.order_id, conditional=True)
    (gone,) = orders(desk.heard())
    assert (gone.execution, gone.status, gone.conditional) == (
        Execution.CANCELLED,
        OrderStatus.CANCELLED,
        True,
    )


def test_what_is_open_is_what_was_placed(desk: Desk) -> None:
    placed = [
        desk.placed(side=Side.BUY, price_e=price(desk, f"2999{n}.00"), qty_e=qty(desk, 100))
        for n in range(3)
    ]
    found = [
        event
        for request in LOOKUPS.open_orders(())
        for event in LOOKUPS.order_events(desk.ask(request), desk.instruments.get)
    ]
    assert {one.order_id for one in found} == {one.order_id for one in placed}
    assert {(one.source, one.status) for one in found} == {(Source.QUERY, OrderStatus.NEW)}


def test_the_settings_of_the_account_and_the_time_are_asked_for(desk: Desk) -> None:
    config = LOOKUPS.config_event(desk.ask(LOOKUPS.config()))
    assert (config.hedge, config.multi_assets) == (False, False)
    assert LOOKUPS.server_ns(desk.ask(LOOKUPS.time())) == desk.venue.now_ms * MS


def test_the_key_of_the_stream_is_made_and_kept(desk: Desk) -> None:
    key = KEY.read(desk.ask(KEY.start()))
    assert key
    assert KEY.read(desk.ask(KEY.start())) == key, "asking again gives the same"
    assert KEY.keep is not None
    desk.ask(KEY.keep())
    target = STREAM.target(key)
    assert target.startswith(f"/private/ws?listenKey={key}&events=")
    assert "ORDER_TRADE_UPDATE" in target
    with pytest.raises(ValueError, match="listenKey"):
        KEY.read(b"{}")


def test_the_countdown_is_taken(desk: Desk) -> None:
    assert TRADING.countdown is not None
    answer = json.loads(desk.ask(TRADING.countdown(desk.btc, 5000)))
    assert (answer["symbol"], str(answer["countdownTime"])) == ("BTCUSDT", "5000")


# Samples of the reference


def scales(symbol: str) -> Instrument | None:
    if symbol not in {"BNBUSDT", "ETHUSDT"}:
        return None
    return Instrument(
        symbol=symbol, exchange="BinanceU", price_exponent=4, qty_exponent=4, price_digits=2,
        qty_digits=3, tick_e=1, step_e=1,
    )  # fmt: skip


def decode(row: Any) -> list[Any]:
    return list(STREAM.decode(json.dumps(row).encode(), scales))


# The page of 2025, which labels T and E the other way round.
ALGO = {
    "e": "ALGO_UPDATE", "T": 1750515742297, "E": 1750515742303,
    "o": {
        "caid": "Q5xaq5EGKgXXa0fD7fs0Ip", "aid": 2148719, "at": "CONDITIONAL", "o": "TAKE_PROFIT",
        "s": "BNBUSDT", "S": "SELL", "ps": "BOTH", "f": "GTC", "q": "0.01", "X": "CANCELED",
        "ai": "", "ap": "0.00000", "aq": "0.00000", "act": "0", "tp": "750", "p": "750",
        "V": "EXPIRE_MAKER", "wt": "CONTRACT_PRICE", "pm": "NONE", "cp": False, "pP": False,
        "R": False, "tt": 0, "gtd": 0,
    },
}  # fmt: skip
ALGO_STATUSES = {
    "NEW": (Execution.NEW, OrderStatus.NEW),
    "CANCELED": (Execution.CANCELLED, OrderStatus.CANCELLED),
    "TRIGGERING": (Execution.TRIGGERED, OrderStatus.TRIGGERED),
    "TRIGGERED": (Execution.TRIGGERED, OrderStatus.TRIGGERED),
    "FINISHED": (Execution.TRIGGERED, OrderStatus.TRIGGERED),
    "REJECTED": (Execution.REJECTED, OrderStatus.REJECTED),
    "EXPIRED": (Execution.EXPIRED, OrderStatus.EXPIRED),
    "ANOTHER": (Execution.STATE, None),
}


def test_the_sample_of_an_algo_update() -> None:
    (event,) = decode(ALGO)
    assert (event.order_id, event.client_order_id) == (2148719, "Q5xaq5EGKgXXa0fD7fs0Ip")
    assert (event.conditional, event.born_order_id) == (True, None)
    assert (event.side, event.order_type) == (Side.SELL, OrderType.TAKE_PROFIT)
    assert (event.price_e, event.qty_e, event.stop_price_e) == (7_500_000, 100, 7_500_000)
    assert event.venue_ns == 1750515742303 * MS
    assert event.trade_id is None, "fills are the normal order's"


@pytest.mark.parametrize("status", ALGO_STATUSES)
def test_every_status_of_a_conditional_order(status: str) -> None:
    body: Any = {**ALGO["o"], "X": status, "ai": "998877", "rm": "Margin"}  # type: ignore[dict-item]
    (event,) = decode({**ALGO, "o": body})
    assert (event.execution, event.status) == ALGO_STATUSES[status]
    assert event.born_order_id == 998877
    assert (event.reason is EndReason.TRIGGER_REJECTED) == (status == "REJECTED")


def test_an_algo_update_needs_only_five_fields() -> None:
    (event,) = decode(
        {"e": "ALGO_UPDATE", "E": 1, "o": {"aid": 5, "caid": "a", "s": "X", "S": "BUY", "X": "NEW"}}
    )
    assert (event.order_id, event.status, event.price_e) == (5, OrderStatus.NEW, None)


TRADED = {
    "e": "ORDER_TRADE_UPDATE", "E": 1568879465651, "T": 1568879465650,
    "o": {
        "s": "ETHUSDT", "c": "TEST", "S": "SELL", "o": "LIMIT", "f": "GTC", "q": "0.5", "p": "200",
        "ap": "200.5", "sp": "0", "x": "TRADE", "X": "PARTIALLY_FILLED", "i": 8886774, "l": "0.1",
        "z": "0.3", "L": "201", "N": "USDT", "n": "0.00804", "T": 1568879465650, "t": 7, "b": "0",
        "a": "9.91", "m": True, "R": False, "wt": "CONTRACT_PRICE", "ot": "LIMIT", "ps": "LONG",
        "cp": False, "rp": "-1.25", "V": "EXPIRE_MAKER", "pm": "NONE", "gtd": 0, "er": "0",
    },
}  # fmt: skip


def traded(**changes: Any) -> OrderEvent:
    body: Any = TRADED["o"]
    (event,) = decode({**TRADED, "o": {**body, **changes}})
    assert isinstance(event, OrderEvent)
    return event


def test_a_trade_is_told_field_by_field_bare_and_wrapped() -> None:
    event = traded()
    assert (event.symbol, event.order_id, event.client_order_id) == ("ETHUSDT", 8886774, "TEST")
    assert (event.execution, event.status) == (Execution.TRADE, OrderStatus.PARTIALLY_FILLED)
    assert (event.last_qty_e, event.last_price_e, event.filled_qty_e) == (1000, 2_010_000, 3000)
    assert (event.trade_id, event.maker, event.position_side) == (7, True, PositionSide.LONG)
    assert (event.fee_e, event.fee_asset, event.realised_e) == (804_000, "USDT", -125_000_000)
    assert event.average == "200.5"
    assert (event.venue_ns, event.transaction_ns) == (1568879465651 * MS, 1568879465650 * MS)
    assert decode({"stream": "key", "data": TRADED}) == [event]


def test_a_rebate_is_negative() -> None:
    assert traded(n="-0.01").fee_e == -1_000_000


@pytest.mark.parametrize(
    ("changes", "execution", "status", "reason"),
    [
        ({"x": "NEW", "X": "NEW", "t": 0}, Execution.NEW, OrderStatus.NEW, EndReason.NONE),
        (
            {"x": "CANCELED", "X": "CANCELED", "t": 0},
            Execution.CANCELLED,
            OrderStatus.CANCELLED,
            EndReason.COMMAND,
        ),
        (
            {"x": "EXPIRED", "X": "EXPIRED", "t": 0, "er": "2"},
            Execution.EXPIRED,
            OrderStatus.EXPIRED,
            EndReason.REMAINDER,
        ),
        (
            {"x": "EXPIRED", "X": "EXPIRED_IN_MATCH", "t": 0, "er": 1},
            Execution.EXPIRED,
            OrderStatus.EXPIRED,
            EndReason.SELF_TRADE,
        ),
        (
            {"x": "AMENDMENT", "X": "NEW", "t": 0, "M": 5},
            Execution.AMENDED,
            OrderStatus.NEW,
            EndReason.NONE,
        ),
        ({"x": "NEVER_SEEN", "X": "ODD"}, Execution.STATE, None, EndReason.NONE),
    ],
)
def test_execution_types_and_statuses(
    changes: dict[str, Any], execution: Execution, status: OrderStatus | None, reason: EndReason
) -> None:
    event = traded(**changes)
    assert (event.execution, event.status, event.reason) == (execution, status, reason)


@pytest.mark.parametrize(
    "changes",
    [{"c": "autoclose-1"}, {"c": "adl_autoclose"}, {"o": "LIQUIDATION", "x": "CALCULATED"}],
)
def test_the_venues_own_orders_are_told_apart(changes: dict[str, Any]) -> None:
    assert traded(**changes).liquidation
    assert not traded().liquidation


ODD = st.sampled_from([None, "", "x", -1, 0, "1e400", "0.00001", [], {}, True, 2**70])


@given(st.dictionaries(st.sampled_from(sorted(TRADED["o"])), ODD))  # type: ignore[arg-type]
def test_no_odd_value_loses_the_rest_of_an_event(odd: dict[str, Any]) -> None:
    for name in ("s", "i"):
        odd.pop(name, None)
    event, expected = traded(**odd), traded()
    assert (event.order_id, event.symbol) == (8886774, "ETHUSDT")
    for name, field in (("c", "client_order_id"), ("z", "filled_qty_e"), ("p", "price_e")):
        if name not in odd:
            assert getattr(event, field) == getattr(expected, field)
    if not odd.keys() & {"x", "t", "l"}:
        assert event.last_qty_e == 1000


def test_configuration_margin_calls_and_the_end_of_the_key() -> None:
    assert decode({"e": "ACCOUNT_CONFIG_UPDATE", "E": 5, "ac": {"s": "BNBUSDT", "l": 25}}) == [
        AccountConfigEvent(symbol="BNBUSDT", leverage=25, venue_ns=5 * MS)
    ]
    assert decode({"e": "ACCOUNT_CONFIG_UPDATE", "E": 5, "ai": {"j": True}}) == [
        AccountConfigEvent(multi_assets=True, venue_ns=5 * MS)
    ]
    row = {
        "s": "ETHUSDT", "ps": "LONG", "pa": "1.327", "mt": "CROSSED", "iw": "0", "mp": "187.17127",
        "up": "-1.166074", "mm": "1.614445",
    }  # fmt: skip
    (call,) = decode({"e": "MARGIN_CALL", "E": 9, "cw": "3.16812045", "p": [row]})
    assert isinstance(call, MarginCallEvent)
    assert (call.symbol, call.position_side, call.qty_e) == ("ETHUSDT", PositionSide.LONG, 13270)
    assert (call.mark_e, call.unrealised_e, call.maintenance_e) == (
        18717127000,
        -116607400,
        161444500,
    )
    assert (call.isolated, call.wallet_e) == (False, 316812045)
    assert decode({"e": "listenKeyExpired", "E": "7", "listenKey": "k"}) == [StreamExpired(7 * MS)]


def test_what_is_not_known_is_named() -> None:
    for name in ("GRID_UPDATE", "STRATEGY_UPDATE", "CONDITIONAL_ORDER_TRIGGER_REJECT", "NEW_THING"):
        assert decode({"e": name, "E": 1, "x": []}) == [UnknownUserEvent(name)]


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"[]", b"{}", b'{"e":1}', b'{"e":"ORDER_TRADE_UPDATE"}', b'{"e":"ALGO_UPDATE","o":{}}',
        b'{"e":"TRADE_LITE","s":"X"}', b'{"data":{}}',
    ],
)  # fmt: skip
def test_what_is_no_event_is_said_to_be_none(frame: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        STREAM.decode(frame, scales)
