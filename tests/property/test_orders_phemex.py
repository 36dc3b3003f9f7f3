"""The compiled order encoder writes what the venue's Python encoder writes, byte for byte, or
leaves the command to it."""

import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector._speedups.orders_phemex import PhemexEncoder
from connector._speedups.signer import HmacSigner
from connector.model.instrument import Instrument
from connector.model.intents import (
    Action,
    CommandFlag,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    TimeInForce,
    WorkingType,
)
from connector.model.records import Side
from connector.protocol.http1 import encode_request
from connector.venues.phemex import orders
from connector.venues.phemex.numbers import HEDGED
from connector.venues.phemex.params import CLIENT_ID
from connector.venues.phemex.signing import signer
from connector.venues.trading_contract import CannotEncode
from tests.reference.order_slots import slot, wish

KEY, SECRET = "k" * 36, b"--__cGhlbWV4LXRlc3QtdmVjdG9yLXNlY3JldC0wMTIzNDU2Nzg5-_8"
HOST, PREFIX = "api.example:8443", "/gate"
NOW_NS = 1591702613943_999_999
"""As a strategy's library writes it."""
SIGNER = signer(KEY, SECRET)


def instrument(symbol: str, margin: str, **digits: int) -> Instrument:
    scale = {"price_exponent": 4, "qty_exponent": 0, "price_digits": 1, "qty_digits": 0} | digits
    return Instrument(symbol=symbol, exchange="Phemex", margin=margin, tick_e=1, step_e=1, **scale)


LISTED = [
    instrument("BTCUSD", "BTC"),
    instrument("ETHUSD", "USD"),
    instrument("BTCUSDT", "USDT", price_exponent=2, qty_exponent=3, qty_digits=3),
    instrument("u1000SHIBUSDT", "USDC", price_exponent=18, qty_exponent=18, price_digits=0),
    instrument("测试USDT", "USDT", price_digits=7),
    instrument("sGRTUSDT", "USDT"),  # of spot: counted in whole numbers, as the contract API does
]
PLAIN = st.sampled_from([0, 1, 2, 3, 5])
UNKNOWN = 7


def made(window_ms: int = 10_000) -> PhemexEncoder:
    encoder = PhemexEncoder(HmacSigner(SECRET), KEY, HOST, PREFIX, window_ms, hedged=HEDGED)
    for index, one in enumerate(LISTED):
        encoder.add(index, one)
    return encoder


ENCODER = made()


def oracle(slot: bytes, venue_ns: int = NOW_NS, window_ms: int = 10_000) -> bytes | None:
    """The same command through the Python encoder; None where the venue has no such order."""
    try:
        request = orders.encode(wish(slot, LISTED), SIGNER, venue_ns, window_ms)
    except CannotEncode:
        return None
    return encode_request(request.method, PREFIX + request.target, HOST, request.headers)


def a(kind: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(list(kind))


ids = st.from_regex(CLIENT_ID[1:-1], fullmatch=True)
venue_ids = st.from_regex(orders.ORDER_ID.pattern, fullmatch=True)
round_ = st.builds(
    lambda digits, zeros: digits * 10**zeros, st.integers(1, 99999), st.integers(0, 13)
)
amounts = st.integers(1, 2**63 - 1) | round_
nothing = st.none()
HOT_TIMES = [*orders.TIMES][:4]
places = st.fixed_dictionaries(
    {
        "action": st.just(Action.PLACE),
        "instrument": PLAIN,
        "client_order_id": ids,
        "side": a(Side),
        "position_side": st.just(PositionSide.BOTH) | a(PositionSide),
        "flags": st.sampled_from([0, CommandFlag.REDUCE_ONLY, CommandFlag.TEXT]),
        "qty_e": amounts,
    }
)
limits = st.fixed_dictionaries(
    {
        "order_type": st.just(OrderType.LIMIT),
        "price_e": amounts,
        "time_in_force": st.sampled_from([TimeInForce.NONE, *HOT_TIMES]),
    }
)
cancels = st.fixed_dictionaries(
    {
        "action": st.just(Action.CANCEL),
        "instrument": PLAIN,
        "client_order_id": ids,
        "venue_order_id": st.just("") | venue_ids,
        "position_side": a(PositionSide),
        "side": a(Side),
    }
)
odd = st.fixed_dictionaries(
    {},
    optional={
        "action": a(Action),
        "instrument": st.integers(0, len(LISTED) - 1),
        "client_order_id": st.text(max_size=10) | st.text("a/:.", min_size=35, max_size=40),
        "order_id": nothing | st.integers(-(2**63), 2**63 - 1),
        "venue_order_id": st.sampled_from(["", "u-1", "u_1", "a" * 40, "ä"]),
        "order_type": a(OrderType),
        "time_in_force": a(TimeInForce),
        "position_side": a(PositionSide),
        "self_trade": a(SelfTrade),
        "price_e": nothing | st.integers(-5, 5),
        "qty_e": nothing | st.integers(-5, 5),
        "stop_price_e": nothing | amounts,
        "activation_price_e": nothing | amounts,
        "callback_rate_e": nothing | st.just(10**6),
        "good_till_ns": nothing | st.just(NOW_NS + 10**15),
        "working_type": a(WorkingType),
        "price_match": a(PriceMatch),
        "flags": st.integers(0, 7),
    },
)


@settings(max_examples=300, deadline=None)
@given(places, st.just({"order_type": OrderType.MARKET}) | limits)
def test_a_plain_order_gives_the_bytes_of_the_oracle(
    order: dict[str, Any], terms: dict[str, Any]
) -> None:
    data = slot(**order, **terms)
    expected = oracle(data)
    one_way = order["position_side"] is PositionSide.BOTH
    assert (expected is not None) == (one_way or order["instrument"] in (2, 3))
    assert ENCODER.encode(data, NOW_NS) == expected


@settings(max_examples=200, deadline=None)
@given(cancels)
def test_a_cancel_gives_the_bytes_of_the_oracle(values: dict[str, Any]) -> None:
    data = slot(**values)
    expected = oracle(data)
    assert expected is not None
    assert ENCODER.encode(data, NOW_NS) == expected


@settings(max_examples=400, deadline=None)
@given(st.tuples(places, limits).map(lambda both: both[0] | both[1]) | cancels, odd)
def test_whatever_is_odd_is_left_to_python_or_gives_the_same_bytes(
    values: dict[str, Any], changed: dict[str, Any]
) -> None:
    try:
        data = slot(**values | changed)
    except ValueError:
        return  # a text that fits no slot
    found = ENCODER.encode(data, NOW_NS)
    if found is not None:
        assert found == oracle(data)


def test_a_vector_of_the_reference() -> None:
    """Number 4 of section 2.4; the window before it is part of the expiry."""
    encoder = PhemexEncoder(HmacSigner(SECRET), KEY, HOST, hedged=HEDGED)
    encoder.add(0, LISTED[0])
    data = slot(
        action=Action.CANCEL, client_order_id="t-1",
        venue_order_id="2585817b-85df-4dea-8507-5db1920b9954",
    )  # fmt: skip
    assert encoder.encode(data, (1580533239 - 10) * 10**9) == (
        b"DELETE /orders/cancel?symbol=BTCUSD&orderID=2585817b-85df-4dea-8507-5db1920b9954"
        b" HTTP/1.1\r\nHost: api.example:8443\r\nx-phemex-access-token: " + KEY.encode() + b"\r\n"
        b"x-phemex-request-expiry: 1580533239\r\nx-phemex-request-signature: "
        b"c265f43940f508af9af71343e685b0e2da996a6a435ae03f9dc737eb4347d0e3\r\n"
        b"Accept-Encoding: identity\r\n\r\n"
    )


@settings(deadline=None)
@given(st.binary(min_size=512, max_size=512), st.integers(0, 3), a(Action))
def test_no_bytes_of_a_command_break_the_encoder(noise: bytes, index: int, action: Action) -> None:
    data = bytearray(noise)
    data[104:108] = struct.pack("<I", index)
    data[118] = action
    found = ENCODER.encode(bytes(data), NOW_NS)
    if found is not None:
        assert found.count(b"\r\n\r\n") == 1


@settings(deadline=None)
@given(st.integers(0, 2**63 - 1), st.integers(1, 120_000))
def test_time_and_window_are_those_of_the_oracle(venue_ns: int, window_ms: int) -> None:
    data = slot(action=Action.CANCEL, client_order_id="a")
    found = made(window_ms).encode(data, venue_ns)
    if venue_ns + window_ms * 10**6 < 2**63:
        assert found == oracle(data, venue_ns, window_ms)
    else:
        assert found is None


def test_what_the_encoder_was_not_told_of_is_left_to_python() -> None:
    encoder = made()
    data = slot(action=Action.CANCEL, client_order_id="a", instrument=2)
    assert encoder.encode(data, NOW_NS) is not None
    assert encoder.encode(slot(action=Action.CANCEL, instrument=UNKNOWN), NOW_NS) is None
    assert encoder.encode(slot(action=Action.AMEND, client_order_id="a", qty_e=1), NOW_NS) is None
    encoder.remove(2)
    encoder.remove(UNKNOWN)
    assert encoder.encode(data, NOW_NS) is None
    assert encoder.encode(slot(action=Action.CANCEL, client_order_id="a"), -1) is None
    # Python would percent-encode its name.
    assert encoder.encode(slot(action=Action.CANCEL, client_order_id="a", instrument=4), 1) is None


def test_an_instrument_may_change_its_family_and_its_decimals() -> None:
    encoder = made()
    data = slot(action=Action.PLACE, client_order_id="a", price_e=10**9, qty_e=10**8)
    encoder.add(0, msgspec.structs.replace(LISTED[2], price_exponent=4, price_digits=5))
    found = encoder.encode(data, NOW_NS)
    assert found is not None
    assert b"PUT /gate/g-orders/create?" in found
    assert b"&priceRp=100000.00000&" in found


def test_a_wiped_key_signs_nothing() -> None:
    key = HmacSigner(SECRET)
    encoder = PhemexEncoder(key, KEY, HOST, hedged=HEDGED)
    encoder.add(0, LISTED[0])
    key.wipe()
    assert encoder.encode(slot(action=Action.CANCEL, client_order_id="a"), NOW_NS) is None


def test_too_little_room_is_said() -> None:
    data = slot(action=Action.CANCEL, client_order_id="a")
    whole = ENCODER.encode(data, NOW_NS)
    assert whole is not None
    for room in (0, len(whole) - 1):
        with pytest.raises(ValueError, match=f"fit {room} bytes"):
            ENCODER.encode(data, NOW_NS, room)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("k\r\nX: y", HOST), "line break"),
        ((KEY, "h\n"), "line break"),
        ((KEY, "h" * 1000), "too many"),
        ((KEY, HOST, "/" * 600), "too many"),
        ((KEY, HOST, "", 0), "a window of 0"),
    ],
)
def test_a_head_that_cannot_be_is_refused(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PhemexEncoder(HmacSigner(SECRET), *arguments, hedged=HEDGED)
