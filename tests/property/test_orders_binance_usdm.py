"""The compiled order encoder writes what the venue's Python encoder writes, byte for byte, or
leaves the command to it."""

import struct
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from connector._speedups.orders_binance_usdm import BinanceUsdmApiEncoder, BinanceUsdmEncoder
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
from connector.venues.binance_usdm import orders, ws_api
from connector.venues.binance_usdm.params import ORDER_ID
from connector.venues.binance_usdm.signing import signer
from connector.venues.trading_contract import CannotEncode
from tests.reference.order_slots import slot, wish

KEY, SECRET = "k" * 64, b"s" * 64
HOST, PREFIX = "fapi.example:8443", "/gate"
NOW_NS = 1591702613943_999_999
"""As a strategy's library writes it."""


def instrument(symbol: str = "BTCUSDT", **digits: int) -> Instrument:
    scale = {"price_exponent": 8, "qty_exponent": 8, "price_digits": 2, "qty_digits": 3} | digits
    return Instrument(symbol=symbol, exchange="BinanceU", tick_e=1, step_e=1, **scale)


LISTED = [
    instrument(),
    instrument("测试USDT", price_exponent=4, qty_exponent=0, price_digits=7, qty_digits=0),
    instrument("1000SHIBUSDT", price_exponent=18, qty_exponent=18, price_digits=0, qty_digits=18),
    instrument("BTCUSDT_260925", price_exponent=0, qty_exponent=2, price_digits=0, qty_digits=4),
]
UNKNOWN = 7


def made(window_ms: int = 5000) -> BinanceUsdmEncoder:
    encoder = BinanceUsdmEncoder(HmacSigner(SECRET), KEY, HOST, PREFIX, window_ms)
    for index, one in enumerate(LISTED):
        encoder.add(index, one)
    return encoder


ENCODER = made()
NUMBER = 123_456
SIGNER = signer(KEY, SECRET, "hmac")


def made_for_api(window_ms: int = 5000) -> BinanceUsdmApiEncoder:
    encoder = BinanceUsdmApiEncoder(HmacSigner(SECRET), KEY, window_ms)
    for index, one in enumerate(LISTED):
        encoder.add(index, one)
    encoder.number = NUMBER
    return encoder


def oracle(slot: bytes, venue_ns: int = NOW_NS, window_ms: int = 5000) -> bytes | None:
    """The same command through the Python encoder; None where the venue has no such order."""
    try:
        request = orders.encode(wish(slot, LISTED), SIGNER, venue_ns, window_ms)
    except CannotEncode:
        return None
    return encode_request(request.method, PREFIX + request.target, HOST, request.headers)


def api_oracle(slot: bytes, venue_ns: int = NOW_NS, window_ms: int = 5000) -> bytes | None:
    """The same for the WebSocket API."""
    try:
        asked = ws_api.encode(wish(slot, LISTED), SIGNER, venue_ns, NUMBER, False, window_ms)
    except CannotEncode:
        return None
    return asked.frame if asked is not None else None


API_ENCODER = made_for_api()


def a(kind: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(list(kind))


ids = st.from_regex(ORDER_ID[1:-1], fullmatch=True)
round_ = st.builds(
    lambda digits, zeros: digits * 10**zeros, st.integers(1, 99999), st.integers(0, 13)
)
amounts = st.integers(1, 2**63 - 1) | round_
nothing = st.none()
places = st.fixed_dictionaries(
    {
        "action": st.just(Action.PLACE),
        "instrument": st.integers(0, len(LISTED) - 1),
        "client_order_id": ids,
        "side": a(Side),
        "order_type": st.sampled_from([OrderType.LIMIT, OrderType.MARKET]),
        "time_in_force": a(TimeInForce),
        "position_side": a(PositionSide),
        "self_trade": a(SelfTrade),
        "price_e": nothing | amounts,
        "qty_e": amounts,
        "flags": st.sampled_from([0, CommandFlag.REDUCE_ONLY, CommandFlag.TEXT]),
    }
)
changes = st.fixed_dictionaries(
    {
        "action": st.sampled_from([Action.AMEND, Action.CANCEL]),
        "instrument": st.integers(0, len(LISTED) - 1),
        "client_order_id": ids,
        "order_id": nothing | st.integers(0, 2**63 - 1),
        "side": a(Side),
        "price_e": amounts,
        "qty_e": amounts,
    }
)
odd = st.fixed_dictionaries(
    {},
    optional={
        "action": a(Action),
        "client_order_id": st.text(max_size=10) | st.text("a/:.", min_size=35, max_size=40),
        "order_id": nothing | st.integers(-(2**63), 2**63 - 1),
        "venue_order_id": st.sampled_from(["", "u-1"]),
        "order_type": a(OrderType),
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


@settings(max_examples=700)
@given(places | changes)
def test_a_hot_command_gives_the_bytes_of_the_oracle(values: dict[str, Any]) -> None:
    data = slot(**values)
    expected = oracle(data)
    found = ENCODER.encode(data, NOW_NS)
    if values.get("time_in_force") is TimeInForce.GTD:
        assert found is None
    else:
        assert found == expected
    framed = API_ENCODER.encode(data, NOW_NS)
    if (
        values.get("time_in_force") is TimeInForce.GTD
        or not LISTED[values["instrument"]].symbol.isascii()
    ):
        assert framed is None
    else:
        assert framed == api_oracle(data)


@settings(max_examples=700)
@given(places | changes, odd)
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
    framed = API_ENCODER.encode(data, NOW_NS)
    if framed is not None:
        assert framed == api_oracle(data)


@pytest.mark.parametrize(
    "values",
    [
        {"action": Action.PLACE, "price_e": 900010000000, "qty_e": 1500000},
        {"action": Action.PLACE, "order_type": OrderType.MARKET, "qty_e": 1500000},
        {"action": Action.AMEND, "price_e": 900010000000, "qty_e": 1500000, "order_id": 5},
        {"action": Action.CANCEL},
    ],
)
def test_the_hot_commands_are_encoded(values: dict[str, Any]) -> None:
    """Else the laws above would hold of an encoder that leaves everything to Python."""
    data = slot(**{"client_order_id": "R01a", **values})
    found = ENCODER.encode(data, NOW_NS)
    assert found is not None
    assert found == oracle(data)
    assert found.endswith(b"\r\n\r\n")
    assert b"&signature=" in found
    framed = API_ENCODER.encode(data, NOW_NS)
    assert framed is not None
    assert framed == api_oracle(data)


@given(st.binary(min_size=512, max_size=512), st.integers(0, 3), a(Action))
def test_no_bytes_of_a_command_break_the_encoder(noise: bytes, index: int, action: Action) -> None:
    data = bytearray(noise)
    data[104:108] = struct.pack("<I", index)
    data[118] = action
    found = ENCODER.encode(bytes(data), NOW_NS)
    if found is not None:
        assert found.count(b"\r\n\r\n") == 1
    framed = API_ENCODER.encode(bytes(data), NOW_NS)
    if framed is not None:
        assert msgspec.json.decode(framed)["id"] == NUMBER


@given(st.integers(0, 2**63 - 1), st.integers(1, 60_000))
def test_time_and_window_are_those_of_the_oracle(venue_ns: int, window_ms: int) -> None:
    data = slot(action=Action.CANCEL, client_order_id="a")
    assert made(window_ms).encode(data, venue_ns) == oracle(data, venue_ns, window_ms)
    framed = made_for_api(window_ms).encode(data, venue_ns)
    assert framed == api_oracle(data, venue_ns, window_ms)


def test_a_number_that_json_does_not_keep_and_a_key_it_would_escape_are_left_to_python() -> None:
    encoder = made_for_api()
    data = slot(action=Action.CANCEL, client_order_id="a")
    for wrong in (0, 2**53, 2**64 - 1):
        encoder.number = wrong
        assert encoder.encode(data, NOW_NS) is None
    encoder.number = 2**53 - 1
    assert encoder.encode(data, NOW_NS) is not None
    for key in ('k"', "k\\"):
        assert ws_api.encoder(signer(key, SECRET, "hmac")) is None
    assert ws_api.encoder(SIGNER) is not None


@pytest.mark.parametrize("length", [1, 55, 56, 57, 58, 64, 120])
def test_keys_of_any_length_sign_as_the_oracle(length: int) -> None:
    """What all messages begin with, ``apiKey=…&``, is hashed once if it is a whole block."""
    key = "".join(chr(0x30 + i % 10) for i in range(length))
    data = slot(action=Action.CANCEL, client_order_id="a")
    encoder = BinanceUsdmApiEncoder(HmacSigner(SECRET), key)
    encoder.add(0, LISTED[0])
    encoder.number = NUMBER
    asked = ws_api.encode(wish(data, LISTED), signer(key, SECRET, "hmac"), NOW_NS, NUMBER)
    assert asked is not None
    assert encoder.encode(data, NOW_NS) == asked.frame


def test_what_the_encoder_was_not_told_of_is_left_to_python() -> None:
    encoder = made()
    data = slot(action=Action.CANCEL, client_order_id="a", instrument=2)
    assert encoder.encode(data, NOW_NS) is not None
    assert encoder.encode(slot(action=Action.CANCEL, instrument=UNKNOWN), NOW_NS) is None
    encoder.remove(2)
    encoder.remove(UNKNOWN)
    assert encoder.encode(data, NOW_NS) is None
    assert encoder.encode(slot(action=Action.CANCEL, client_order_id="a"), -1) is None


def test_an_instrument_may_change_how_it_is_written() -> None:
    encoder = made()
    data = slot(action=Action.PLACE, client_order_id="a", price_e=10**9, qty_e=10**8)
    encoder.add(0, msgspec.structs.replace(LISTED[0], price_digits=5))
    found = encoder.encode(data, NOW_NS)
    assert found is not None
    assert b"&price=10.00000&" in found


def test_a_wiped_key_signs_nothing() -> None:
    key = HmacSigner(SECRET)
    encoders = [BinanceUsdmEncoder(key, KEY, HOST), BinanceUsdmApiEncoder(key, KEY)]
    key.wipe()
    encoders += [BinanceUsdmEncoder(key, KEY, HOST), BinanceUsdmApiEncoder(key, KEY)]
    for encoder in encoders:
        encoder.add(0, LISTED[0])
        encoder.number = NUMBER
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
        ((KEY, HOST, "/" * 300), "too many"),
        ((KEY, HOST, "", 0), "recvWindow 0"),
        ((KEY, HOST, "", 60_001), "recvWindow"),
    ],
)
def test_a_head_that_cannot_be_is_refused(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        BinanceUsdmEncoder(HmacSigner(SECRET), *arguments)


@pytest.mark.parametrize(
    ("index", "one", "words"),
    [
        (0, instrument(""), "not a name"),
        (0, instrument("x" * 201), "not a name"),
        (0, instrument("测" * 23), "not a name"),
        (4096, LISTED[0], "no directory"),
        (0, instrument(price_exponent=19), "19 decimals"),
        (0, instrument(qty_digits=-1), "-1 decimals"),
    ],
)
def test_an_instrument_that_cannot_be_is_refused(index: int, one: Instrument, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ENCODER.add(index, one)


def test_a_part_of_a_command_is_refused() -> None:
    with pytest.raises(ValueError, match="511 bytes"):
        ENCODER.encode(bytes(511), NOW_NS)


def test_only_keys_that_sign_in_c_have_a_compiled_encoder() -> None:
    encoder = orders.encoder(SIGNER, HOST, PREFIX)
    assert encoder is not None
    encoder.add(0, LISTED[0])
    data = slot(action=Action.CANCEL, client_order_id="a")
    assert encoder.encode(data, NOW_NS) == oracle(data)
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    assert orders.encoder(signer(KEY, pem, "ed25519"), HOST) is None
