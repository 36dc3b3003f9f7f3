"""Commands about orders, on the way a daemon takes them: the compiled encoder's request is the
Python encoder's, byte for byte, or there is none."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.model.intents import (
    Action,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    TimeInForce,
    WorkingType,
)
from connector.model.order import Order
from connector.model.packing import layout
from connector.model.records import Side
from connector.trading.admission import encode
from connector.trading.commands import Refusal, intent, read
from connector.trading.encoding import Encoding
from connector.transport.order_pool import OrderPool
from connector.venues.contract import Request, load
from connector.venues.trading_contract import Encoded, Intent

VENUE = load("binance_usdm")
TRADING = VENUE.trading
assert TRADING is not None
SIGNER = TRADING.signer("k" * 64, b"s" * 64, "hmac")
NOW_NS = 1591702613943_999_999
SLOT = layout("Command")
NUMBERS = ("order_id", "price_e", "qty_e", "stop_price_e", "activation_price_e",
           "callback_rate_e", "good_till_ns")  # fmt: skip
INSTRUMENT = Instrument(
    symbol="BTCUSDT", exchange="BinanceU", price_exponent=2, qty_exponent=3, price_digits=2,
    qty_digits=3, tick_e=1, step_e=1,
)  # fmt: skip


class Nobody:
    """Owns a pool that is never connected."""

    def answered(self, *_: Any) -> None: ...
    def lost(self, *_: Any) -> None: ...
    def unsent(self, *_: Any) -> None: ...


class Place:
    index, venue, mark_e, served = 3, 0, None, True

    def __init__(self, instrument: Instrument = INSTRUMENT) -> None:
        self.instrument = instrument


class Account:
    """As far as the Python encoder needs one."""

    def encode(self, wish: Intent, now_ns: int) -> Request:
        assert TRADING is not None
        return TRADING.encode(wish, SIGNER, now_ns)


POOL = OrderPool("https://fapi.example:8443/gate", None, Nobody())
counted: list[Counter] = []
ENCODING = Encoding(
    TRADING.encoder(SIGNER, POOL.host, POOL.prefix), TRADING.charges, counted.append
)


def slot(**values: Any) -> bytes:
    bare = dict.fromkeys(NUMBERS) | {"stamp": 1, "side": 1, "order_type": 1, "instrument": 3}
    return SLOT.pack(**(bare | values))


def an_order(**values: Any) -> Order:
    return Order(key=1, account=0, strategy="maker", instrument=INSTRUMENT, **values)


def both(data: bytes, order: Order) -> tuple[Encoded | None, bytes | None]:
    """By the compiled encoder, and by the other one."""
    command = read(data)
    try:
        wish = encode(Account(), intent(command, INSTRUMENT), order, NOW_NS)  # type: ignore[arg-type]
    except Refusal:
        expected = None
    else:
        assert isinstance(wish, Request)
        expected = POOL.encode(wish.method, wish.target, wish.headers, wish.body)
    return ENCODING.order(command, Place(), order, NOW_NS), expected


def a(kind: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(list(kind))


amounts = st.integers(1, 10**12) | st.integers(1, 2**63 - 1)
orders = st.builds(
    an_order,
    client_order_id=st.sampled_from(["c0mine", "a/b:c", "x" * 36]),
    order_id=st.none() | st.integers(0, 2**63 - 1),
    venue_order_id=st.sampled_from(["", "", "", "u-1"]),
    conditional_id=st.none() | st.just(7),
    conditional=st.sampled_from([False, False, False, True]),
    side=a(Side),
    position_side=a(PositionSide),
    price_e=st.none() | amounts,
    qty_e=st.just(0) | amounts,
)
changes = st.fixed_dictionaries(
    {
        "action": st.sampled_from([Action.AMEND, Action.CANCEL, Action.QUERY]),
        "order_key": st.just(1),
        "side": st.integers(0, 2),
        "price_e": st.none() | amounts,
        "qty_e": st.none() | amounts,
        "price_match": st.just(PriceMatch.NONE) | a(PriceMatch),
    },
    optional={"client_order_id": st.just("other"), "order_id": st.integers(0, 9)},
)
places = st.fixed_dictionaries(
    {
        "action": st.just(Action.PLACE),
        "side": a(Side),
        "order_type": st.sampled_from([OrderType.LIMIT, OrderType.MARKET]) | a(OrderType),
        "time_in_force": a(TimeInForce),
        "position_side": a(PositionSide),
        "self_trade": a(SelfTrade),
        "price_e": st.none() | amounts,
        "qty_e": amounts,
        "flags": st.integers(0, 1) | st.integers(0, 7),
    },
    optional={
        "stop_price_e": amounts,
        "working_type": a(WorkingType),
        "price_match": a(PriceMatch),
    },
)


@settings(max_examples=600)
@given(changes, orders)
def test_a_change_of_an_order_gives_the_bytes_of_the_oracle(
    values: dict[str, Any], order: Order
) -> None:
    try:
        found, expected = both(slot(**values), order)
    except Refusal:
        return  # an amend without anything to change
    if found is not None:
        assert found.data == expected
    else:
        hot = values["action"] is not Action.QUERY and not order.conditional and expected
        assert not hot or values["price_match"] != PriceMatch.NONE


@settings(max_examples=600)
@given(places, orders)
def test_a_new_order_gives_the_bytes_of_the_oracle(values: dict[str, Any], order: Order) -> None:
    data = slot(**values)
    try:
        command = read(data)
    except Refusal:
        return
    order.side, order.conditional = command.side, command.order_type.conditional
    order.price_e, order.qty_e = command.price_e, command.qty_e or 0
    order.order_id, order.venue_order_id = None, ""
    found, expected = both(data, order)
    assert found is None or found.data == expected


@pytest.mark.parametrize(
    "values",
    [
        {"action": Action.PLACE, "price_e": 9000, "qty_e": 1, "time_in_force": 1},
        {"action": Action.PLACE, "order_type": OrderType.MARKET, "qty_e": 1},
        {"action": Action.AMEND, "price_e": 9000, "order_key": 1},
        {"action": Action.AMEND, "qty_e": 9000, "order_key": 1},
        {"action": Action.CANCEL, "order_key": 1},
    ],
)
def test_the_usual_requests_are_encoded_and_cost_what_they_cost(values: dict[str, Any]) -> None:
    order = an_order(client_order_id="mine", price_e=5, qty_e=7, order_id=None)
    counted.clear()
    found, expected = both(slot(**values), order)
    assert found is not None
    assert found.data == expected
    assert counted == [Counter.REQUESTS_ENCODED]
    said = encode(
        Account(), intent(read(slot(**values)), INSTRUMENT), order, NOW_NS  # type: ignore[arg-type]
    )  # fmt: skip
    assert (found.name, found.weight, found.pool, found.orders) == (
        said.name, said.weight, said.pool, said.orders,
    )  # fmt: skip


def test_what_is_left_to_the_other_encoder_is_counted() -> None:
    counted.clear()
    order = an_order(client_order_id="mine", conditional=True, conditional_id=7)
    assert both(slot(action=Action.CANCEL, order_key=1), order)[0] is None
    unwritable = Place(Instrument(
        symbol="x" * 300, exchange="", price_exponent=0, qty_exponent=0, price_digits=0,
        qty_digits=0, tick_e=1, step_e=1,
    ))  # fmt: skip
    command = read(slot(action=Action.CANCEL, order_key=1))
    assert ENCODING.order(command, unwritable, an_order(order_id=5), NOW_NS) is None
    assert counted == [Counter.REQUESTS_RARE] * 2
    found = ENCODING.order(command, Place(), an_order(order_id=5), NOW_NS)
    assert found is not None
    assert b"?symbol=BTCUSDT&orderId=5&" in found.data
