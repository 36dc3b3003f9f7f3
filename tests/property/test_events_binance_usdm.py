"""The compiled readers of events and answers say what the general ones say, or leave it."""

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector._speedups.events_binance_usdm import answered, traded
from connector.model.instrument import Instrument
from connector.model.intents import Action
from connector.venues.binance_usdm import answers, user
from connector.venues.binance_usdm.answers import (
    LIQUIDATIONS,
    POSITION_SIDES,
    SIDES,
    STATUSES,
    TIMES,
    TYPES,
)
from connector.venues.binance_usdm.errors import judge_order
from connector.venues.trading_contract import Execution, Source

SCALES = {
    symbol: Instrument(
        symbol=symbol,
        exchange="BinanceU",
        price_exponent=price,
        qty_exponent=qty,
        price_digits=2,
        qty_digits=3,
        tick_e=1,
        step_e=1,
    )
    for symbol, price, qty in (("BTCUSDT", 8, 8), ("ETHUSDT", 2, 0), ("1000SHIBUSDT", 18, 18))
}
ORDER: dict[str, Any] = {
    "s": "BTCUSDT", "c": "R01a", "S": "SELL", "o": "LIMIT", "f": "GTC", "q": "0.010",
    "p": "7103.04", "ap": "7103.50", "sp": "0", "x": "TRADE", "X": "PARTIALLY_FILLED",
    "i": 8886774, "l": "0.003", "z": "0.005", "L": "7103.61", "N": "USDT", "n": "-0.00012",
    "T": 1568879465649, "t": 77, "b": "0", "a": "9.91", "m": True, "R": True,
    "wt": "CONTRACT_PRICE", "ot": "LIMIT", "ps": "SHORT", "cp": False, "rp": "-1.25",
    "pP": False, "si": 0, "ss": 0, "V": "EXPIRE_MAKER", "pm": "NONE", "gtd": 0, "er": "0",
}  # fmt: skip
EVENT: dict[str, Any] = {"e": "ORDER_TRADE_UPDATE", "E": 1568879465651, "T": 1568879465650}

number = st.decimals(-(10**6), 10**6, places=8, allow_nan=False).map(lambda value: f"{value:f}")
anything = st.one_of(
    st.integers(-(10**4), 10**20),
    st.booleans(),
    st.none(),
    number,
    st.text(max_size=8),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "0", "0.000", "-0", "01", "1e3", "true", "TRUE", "False", "9" * 19, ".5"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
TABLES: tuple[Iterable[str], ...] = (
    user.EXECUTIONS,
    user.EXPIRY_REASONS,
    STATUSES,
    SIDES,
    TYPES,
    TIMES,
    POSITION_SIDES,
)
words = st.sampled_from(
    [
        *(word for table in TABLES for word in table),
        *(f"{start}7" for start in LIQUIDATIONS),
        "EXPIRED_IN_MATCH",
        "LIQUIDATION",
    ]
)
fields = st.dictionaries(
    st.one_of(st.sampled_from(list(ORDER)), st.text(max_size=3)), st.one_of(anything, words)
)


def both(frame: bytes) -> bool:
    """Whether the compiled reader took it; then the other one says the same."""
    found = traded(frame, SCALES.get)
    if found is not None:
        assert user.decode_any(frame, SCALES.get) == (found,)
    return found is not None


def written(event: dict[str, Any], order: dict[str, Any], wrapped: bool = False) -> bytes:
    """As the venue writes: no blanks."""
    text = json.dumps({**event, "o": order}, separators=(",", ":"), ensure_ascii=False)
    return (f'{{"stream":"abc","data":{text}}}' if wrapped else text).encode(errors="replace")


@settings(max_examples=250)
@given(
    fields,
    st.sets(st.sampled_from(list(ORDER)), max_size=6),
    st.sampled_from([*SCALES, "BNBUSDT"]),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_whatever_the_fields_are(
    more: dict[str, Any], missing: set[str], symbol: str, chance: Any, wrapped: bool
) -> None:
    order = {**ORDER, "s": symbol, **more}
    rows = [(key, value) for key, value in order.items() if key not in missing or key in more]
    chance.shuffle(rows)
    both(written(EVENT, dict(rows), wrapped))


@settings(max_examples=300)
@given(
    st.sampled_from([*user.EXECUTIONS, "ODD"]),
    st.sampled_from([*STATUSES, "EXPIRED_IN_MATCH", "ODD"]),
    st.sampled_from(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", ""]),
    st.sampled_from([*TIMES, "ODD"]),
    st.booleans(),
)
def test_ordinary_events_are_taken(
    execution: str, status: str, expiry: str, time_in_force: str, wrapped: bool
) -> None:
    order = {**ORDER, "x": execution, "X": status, "er": expiry, "f": time_in_force}
    assert both(written(EVENT, order, wrapped))


@settings(max_examples=400)
@given(
    st.lists(
        st.tuples(st.integers(0, 600), st.binary(max_size=3), st.integers(0, 3)),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)
@example([(0, b" ", 0)], False)
@example([(600, b"x", 0)], False)
@example([(600, b"}", 0)], True)
def test_whatever_was_garbled(cuts: list[tuple[int, bytes, int]], wrapped: bool) -> None:
    frame = written(EVENT, ORDER, wrapped)
    for at, put, length in cuts:
        frame = frame[:at] + put + frame[at + length :]
    both(frame)


def test_what_is_left_to_the_general_reader() -> None:
    plain = written(EVENT, ORDER)
    assert both(plain)
    assert not both(plain.replace(b'"R01a"', b'"R\\u0030"'))
    assert not both(plain.replace(b'"R01a"', '"測"'.encode()))
    assert not both(plain.replace(b":", b": "))
    assert not both(written(EVENT | {"e": "TRADE_LITE"}, ORDER))
    assert not both(written(EVENT, ORDER | {"i": 0}))
    assert not both(plain + b"\n")
    assert not both(b"")


# Section R15.
ROW: dict[str, Any] = {
    "clientOrderId": "testOrder", "cumQty": "0", "cumQuote": "0", "executedQty": "0.003",
    "orderId": 22542179, "avgPrice": "7103.50", "origQty": "10", "price": "7103.04",
    "reduceOnly": False, "side": "BUY", "positionSide": "SHORT", "status": "NEW",
    "stopPrice": "9300", "closePosition": False, "symbol": "BTCUSDT", "timeInForce": "GTD",
    "type": "TRAILING_STOP_MARKET", "origType": "TRAILING_STOP_MARKET",
    "activatePrice": "9020", "priceRate": "0.3", "updateTime": 1566818724722, "time": 0,
    "workingType": "CONTRACT_PRICE", "priceProtect": False, "priceMatch": "NONE",
    "selfTradePreventionMode": "NONE", "goodTillDate": 1693207680000,
}  # fmt: skip
MEANT = (Source.ANSWER, Execution.STATE)


def same_answer(body: bytes) -> bool:
    """Whether the compiled reader took it; then the other one says the same."""
    found = answered(body, SCALES.get, *MEANT)
    if found is not None:
        assert answers.order_event_any(body, SCALES.get, *MEANT) == found
    return found is not None


def row(values: dict[str, Any]) -> bytes:
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="replace")


@settings(max_examples=250)
@given(
    st.dictionaries(
        st.one_of(st.sampled_from([*ROW, "code", "msg"]), st.text(max_size=13)),
        st.one_of(anything, words),
    ),
    st.sets(st.sampled_from(list(ROW)), max_size=6),
    st.sampled_from([*SCALES, "BNBUSDT"]),
    st.randoms(use_true_random=False),
)
def test_whatever_an_answer_says(
    more: dict[str, Any], missing: set[str], symbol: str, chance: Any
) -> None:
    values = {**ROW, "symbol": symbol, **more}
    rows = [(key, value) for key, value in values.items() if key not in missing or key in more]
    chance.shuffle(rows)
    taken = same_answer(row(dict(rows)))
    if taken:
        assert judge_order(Action.PLACE, 200, {}, row(dict(rows))) is None


@settings(max_examples=300)
@given(
    st.sampled_from([*STATUSES, "EXPIRED_IN_MATCH", "ODD"]),
    st.sampled_from([*TYPES, "ODD"]),
    st.sampled_from([*TIMES, "ODD"]),
    st.sampled_from([*LIQUIDATIONS, "mine"]),
    st.integers(0, 1),
)
def test_ordinary_answers_are_taken(
    status: str, kind: str, time_in_force: str, name: str, updated: int
) -> None:
    values = {"status": status, "type": kind, "timeInForce": time_in_force, "clientOrderId": name}
    times = {"updateTime": 1566818724722 * updated, "time": 1566818724700}
    assert same_answer(row(ROW | values | times))


@settings(max_examples=400)
@given(
    st.lists(
        st.tuples(st.integers(0, 600), st.binary(max_size=3), st.integers(0, 3)),
        min_size=1,
        max_size=4,
    )
)
@example([(0, b" ", 0)])
@example([(700, b"}", 0)])
def test_whatever_was_garbled_in_an_answer(cuts: list[tuple[int, bytes, int]]) -> None:
    body = row(ROW)
    for at, put, length in cuts:
        body = body[:at] + put + body[at + length :]
    same_answer(body)
