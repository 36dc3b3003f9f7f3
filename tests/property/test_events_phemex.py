"""The compiled reader of Phemex's private messages says what the general one says, or leaves it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector._speedups.events_phemex import Reader
from connector.model.instrument import Instrument
from connector.model.reports import OrderStatus
from connector.venues.phemex import user
from connector.venues.phemex.answers import STATUSES, TIMES
from connector.venues.phemex.numbers import NOBODY
from connector.venues.trading_contract import Execution, OrderEvent, Source, UserEvent
from tests.reference.mutations import mutated

GOLDEN = Path(__file__).parents[1] / "golden" / "phemex" / "aop.jsonl"
FRAMES = {
    row["name"]: row["raw"].encode() for row in map(json.loads, GOLDEN.read_text().splitlines())
}
SCALES = {
    symbol: Instrument(
        symbol=symbol,
        exchange="Phemex",
        margin=margin,
        price_exponent=price,
        qty_exponent=qty,
        price_digits=1,
        qty_digits=0,
        tick_e=1,
        step_e=1,
    )
    for symbol, margin, price, qty in (
        ("BTCUSD", "BTC", 4, 0),
        ("ETHUSD", "USD", 4, 0),
        ("BTCUSDT", "USDT", 2, 3),
        ("u1000SHIBUSDT", "USDT", 18, 0),
    )
}
MEANT = [
    Execution.NEW,
    Execution.TRADE,
    Execution.CANCELLED,
    Execution.EXPIRED,
    Execution.AMENDED,
]
"""By their numbers in the compiled reader."""
EXECUTIONS = [
    "New", "MakerFill", "TakerFill", "Canceled", "Aborted", "Expired", "Replaced", "ReAdded",
    "ReplaceToCanceled", "CreateRejected", "CancelRejected", "PendingCancel", "Init",
]  # fmt: skip
ACTIONS = ["New", "Cancel", "Replace", "CancelAll", "LiqRequest", "SettleFundingFee"]
KINDS = ["Trade", "LiqTrade", "AdlTrade", "Amend", "Funding", "TakeOver", ""]
FILL: dict[str, Any] = json.loads(FRAMES["incremental_2019"])["orders"][1]
# Section 10.3: texts in the place of scaled integers, quantities without a suffix.
HEDGED: dict[str, Any] = {
    "accountID": 9328670003, "action": "New", "actionBy": "ByUser", "clOrdID": "t-9",
    "closedPnlRv": "1.5", "code": 0, "cumQty": "0.001", "currency": "USDT", "cxlRejReason": 0,
    "execFeeRv": "0.0125094", "execID": "x-9", "execPriceRp": "20849", "execQty": "0.001",
    "execStatus": "TakerFill", "execValueRv": "20.849", "feeRateRr": "0.0006",
    "leavesQty": "0", "ordStatus": "Filled", "ordType": "Limit", "orderID": "o-9",
    "orderQty": "0.001", "posSide": "Merged", "priceRp": "20850.5", "side": "Sell",
    "stopPxRp": "0", "symbol": "BTCUSDT", "timeInForce": "PostOnly", "tradeType": "Trade",
    "transactTimeNs": 1573717286765896560, "curAccBalanceRv": "1000",
}  # fmt: skip
FAMILIES = {"": FILL, "_p": HEDGED}
ENDED = {"ordStatus": "Canceled", "execID": NOBODY}


LEARNT = Reader()
"""What it has read before changes nothing."""


def scales(symbol: str) -> Instrument | None:
    return SCALES.get(symbol)


def plain(event: UserEvent) -> bool:
    """What the compiled reader is for."""
    if not isinstance(event, OrderEvent) or event.source is not Source.STREAM:
        return False
    partial = OrderStatus.PARTIALLY_FILLED
    return not event.liquidation and event.status in {
        Execution.NEW: {OrderStatus.NEW},
        Execution.AMENDED: {OrderStatus.NEW, partial},
        Execution.TRADE: {partial, OrderStatus.FILLED},
        Execution.CANCELLED: {OrderStatus.CANCELLED},
        Execution.EXPIRED: {OrderStatus.EXPIRED},
    }.get(event.execution, set())


def taken(frame: bytes) -> int:
    """How many events of a message the compiled reader took; each is what the other one says."""
    reader = Reader()
    found = reader.told(frame, scales)
    assert LEARNT.told(frame, scales) == found
    if not found:
        return 0
    events = user.decode(frame, scales)
    orders = [event for event in events if isinstance(event, OrderEvent)]
    assert reader.count == len(orders)
    assert events[: len(orders)] == orders
    assert reader.more or len(orders) == len(events)
    if len(found) == len(orders):  # then it can say what else is in the message
        assert reader.said_besides(frame, scales) in (None, list(events[len(orders) :]))
    for row, event in zip(found, orders, strict=False):
        assert plain(event), event
        assert MEANT[row.pop("execution")] is event.execution
        told = {name: getattr(event, name) for name in row}
        told["transaction_ns"] = event.transaction_ns or event.venue_ns
        told["fee_asset"] = event.fee_asset if event.execution is Execution.TRADE else ""
        assert row == told
    return len(found)


def message(orders: list[dict[str, Any]], suffix: str = "", **more: Any) -> bytes:
    """As the venue writes: no blanks."""
    frame: dict[str, Any] = {
        f"accounts{suffix}": [],
        f"orders{suffix}": orders,
        f"positions{suffix}": [],
    }
    frame |= {"sequence": 1, "timestamp": 1573717286767188294, "type": "incremental"} | more
    return json.dumps(frame, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def test_the_published_messages() -> None:
    assert taken(FRAMES["incremental_2019"]) == 2
    assert taken(message([HEDGED], "_p")) == 1
    # Of before the connection: history.
    assert taken(FRAMES["snapshot_2019"]) == 0


@pytest.mark.parametrize(
    ("fields", "execution"),
    [
        ({}, Execution.TRADE),
        # A cancel has a quantity, and nobody's execution.
        (
            {
                "ordStatus": "Canceled",
                "execStatus": "Canceled",
                "execID": NOBODY,
                "action": "Cancel",
            },
            Execution.CANCELLED,
        ),
        (
            {"ordStatus": "Canceled", "execStatus": "Expired", "cxlRejReason": 101},
            Execution.EXPIRED,
        ),
        ({"ordStatus": "New", "execStatus": "ReAdded", "action": "Replace"}, Execution.AMENDED),
        ({"ordStatus": "Filled", "execStatus": "MakerFill", "action": "Replace"}, Execution.TRADE),
        # Taken off to be put back.
        (ENDED | {"execStatus": "ReplaceToCanceled", "action": "Replace"}, None),
        (ENDED | {"execStatus": "Canceled", "action": "Replace"}, None),
        ({"ordStatus": "Rejected", "execStatus": "CreateRejected", "execID": NOBODY}, None),
        ({"tradeType": "LiqTrade"}, None),
        ({"tradeType": "Funding"}, None),
        ({"orderID": NOBODY}, None),
        ({"execQty": 0}, None),
    ],
)
@pytest.mark.parametrize("suffix", FAMILIES)
def test_the_traps_of_an_entry(
    fields: dict[str, Any], execution: Execution | None, suffix: str
) -> None:
    entry = FAMILIES[suffix] | fields
    if suffix:
        entry["execQty"] = str(fields.get("execQty", "0.001"))
    assert taken(message([entry], suffix)) == (execution is not None)
    if execution is not None:
        (found,) = Reader().told(message([entry], suffix), scales)
        assert MEANT[found["execution"]] is execution
        assert (found["last_qty_e"] > 0) == (execution is Execution.TRADE)


def test_entries_up_to_the_first_that_is_not_plain() -> None:
    amended = FILL | {
        "ordStatus": "Canceled",
        "execStatus": "ReplaceToCanceled",
        "action": "Replace",
    }
    amended["execID"] = NOBODY
    assert taken(message([FILL] * 3)) == 3
    assert taken(message([FILL, FILL, amended, FILL])) == 2
    assert taken(message([amended, FILL])) == 0
    assert taken(message([FILL] * 32)) == 32
    assert taken(message([FILL] * 33)) == 0
    # An entry that moves the numbers of the others, or makes the message none.
    assert taken(message([FILL, FILL | {"tradeType": "Funding"}])) == 0
    assert taken(message([FILL, FILL | {"symbol": None}])) == 0
    assert taken(message([FILL], orders_p=[HEDGED])) == 0


def test_what_is_left_to_the_general_reader() -> None:
    whole = message([FILL])
    assert taken(whole) == 1
    for changed in (
        whole.replace(b":", b": "),
        whole + b"\n",
        whole.replace(b"BTCUSD", b"BTC\\u0055SD"),
        whole.replace(b'"No error"', '"誤"'.encode()),
        whole.replace(b"incremental", b"snapshot"),
        whole.replace(b'"sequence"', b'"id"'),
        message([FILL], type="incremental", result=None),
        whole.replace(b'"accounts":[]', b'"accounts":[[]]'),
        b"",
        b"{}",
        b"[]",
    ):
        assert changed != whole
        assert taken(changed) == 0


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([*FAMILIES]),
    st.sampled_from([*STATUSES, "PendingNew", "ODD"]),
    st.sampled_from([*EXECUTIONS, "ODD"]),
    st.sampled_from(ACTIONS),
    st.sampled_from(["ByUser", "BySystem", ""]),
    st.sampled_from([0, 100, 101, 7]),
    st.sampled_from([0, 11011, 11057, 11001]),
    st.sampled_from([*TIMES, "ODD"]),
    st.sampled_from([NOBODY, "x-1"]),
    st.sampled_from(["BTC", "USD", "ETH", "USDT", ""]),
)
def test_whatever_happens(
    suffix: str, status: str, execution: str, action: str, by: str, engine: int, code: int,
    time_in_force: str, exec_id: str, currency: str,
) -> None:  # fmt: skip
    entry = FAMILIES[suffix] | {
        "ordStatus": status, "execStatus": execution, "action": action, "actionBy": by,
        "cxlRejReason": engine, "code": code, "timeInForce": time_in_force, "execID": exec_id,
        "currency": currency,
    }  # fmt: skip
    frame = message([entry], suffix)
    (event,) = user.decode(frame, scales)
    waiting = status in ("Untriggered", "Deactivated")
    assert taken(frame) == (plain(event) and not waiting)


number = st.one_of(
    st.integers(-(10**3), 10**22),
    st.decimals(-(10**6), 10**6, places=13, allow_nan=False).map(lambda value: f"{value:f}"),
    st.decimals(0, 10**6, places=3, allow_nan=False).map(lambda value: f"{value:f}"),
)
anything = st.one_of(
    number,
    st.booleans(),
    st.none(),
    st.text(max_size=8),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "0", "-0", "01", "1e3", "1e-9", "+5", " 7", "1_0", "true", "9" * 19, "1" * 19, ".5",
         "5.", "-0.000000001", "0.0000000019", "-", "x" * 41, NOBODY]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)  # fmt: skip
words = st.sampled_from([*STATUSES, *EXECUTIONS, *ACTIONS, *KINDS, *TIMES])


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from([*FAMILIES]),
    st.data(),
    st.sampled_from([*SCALES, "NEWUSD"]),
    st.randoms(use_true_random=False),
)
def test_whatever_the_fields_are(suffix: str, data: Any, symbol: str, chance: Any) -> None:
    entry = FAMILIES[suffix]
    keys = st.one_of(st.sampled_from(sorted(FILL | HEDGED)), st.text(max_size=3))
    more = data.draw(st.dictionaries(keys, st.one_of(anything, words), max_size=3))
    missing = data.draw(st.sets(st.sampled_from(sorted(entry)), max_size=3))
    values = {**entry, "symbol": symbol, **more}
    rows = [(key, value) for key, value in values.items() if key not in missing or key in more]
    chance.shuffle(rows)
    taken(message([dict(rows), entry], suffix))


LINE: dict[str, Any] = {"currency": "BTC", "accountBalanceEv": 99999989, "totalUsedBalanceEv": 1803}
HELD: dict[str, Any] = {
    "currency": "BTC", "symbol": "BTCUSD", "side": "Sell", "size": 13, "avgEntryPriceEp": 86843828,
    "leverageEr": 1000000000, "unrealisedPnlEv": -192, "cumClosedPnlEv": 7,
    "transactTimeNs": 1573717286765896560,
}  # fmt: skip
HEDGED_LINE: dict[str, Any] = {
    "currency": "USDT", "accountBalanceRv": "1000.0000000000123", "totalUsedBalanceRv": "2.5",
}  # fmt: skip
HEDGED_HELD: dict[str, Any] = {
    "currency": "USDT", "symbol": "BTCUSDT", "side": "Buy", "size": "0.013", "posSide": "Long",
    "avgEntryPriceRp": "20849.123456", "leverageRr": "-10.00", "unrealisedPnlRv": "-0.5",
    "cumClosedPnlRv": "-0.000000001", "transactTimeNs": 1573717286765896560,
}  # fmt: skip
ROWS = {"": (FILL, LINE, HELD), "_p": (HEDGED, HEDGED_LINE, HEDGED_HELD)}


def besides(suffix: str, line: dict[str, Any], held: dict[str, Any]) -> list[UserEvent] | None:
    """What the compiled reader said of a fill's balance and position: what the other one says."""
    rows = {f"accounts{suffix}": [line], f"positions{suffix}": [held]}
    frame = message([ROWS[suffix][0]], suffix, **rows)
    if not taken(frame):
        return None
    found: list[UserEvent] | None = LEARNT.said_besides(frame, scales)
    assert found in (None, list(user.decode(frame, scales))[1:])
    return found


CASES: list[tuple[str, dict[str, Any]]] = [
    (suffix, fields)
    for suffix in ROWS
    for fields in (
        {}, {"side": "Buy"}, {"side": "None", "size": 0}, {"side": ""}, {"currency": None},
        {"leverage": -2500000}, {"leverage": 0}, {"leverage": None}, {"avgEntryPrice": 0},
        {"avgEntryPrice": 86843800}, {"unrealisedPnl": None}, {"transactTimeNs": None},
        {"posSide": "Short"}, {"posSide": "Merged"}, {"size": -2},
    )
]  # fmt: skip


@pytest.mark.parametrize(
    ("suffix", "fields"), [*CASES, ("_p", {"leverage": "-2.5"}), ("_p", {"leverage": "0.99"})]
)
def test_positions_and_balances(suffix: str, fields: dict[str, Any]) -> None:
    _, line, held = ROWS[suffix]
    endings = {"leverage": "Er", "avgEntryPrice": "Ep", "unrealisedPnl": "Ev"}
    changed = {}
    for name, value in fields.items():
        ending = endings.get(name, "")
        if suffix:
            value, ending = value if value is None else str(value), ending.replace("E", "R")
        changed[name + ending] = value
    found = besides(suffix, line, held | changed)
    assert found is not None
    assert len(found) == 2


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*ROWS]), st.data(), st.sampled_from([*SCALES, "NEWUSD"]))
def test_whatever_is_said_besides(suffix: str, data: Any, symbol: str) -> None:
    _, line, held = ROWS[suffix]
    values = st.one_of(
        anything, number.map(str), st.sampled_from(["Buy", "Sell", "None", "BTC", "USD", "USDT"])
    )
    wrong = [
        data.draw(st.dictionaries(st.sampled_from([*row]), values, max_size=2))
        for row in (line, held)
    ]
    besides(suffix, line | wrong[0], held | {"symbol": symbol} | wrong[1])


@settings(max_examples=250, deadline=None)
@given(mutated([FRAMES["incremental_2019"], message([FILL]), message([HEDGED], "_p")]))
def test_whatever_was_garbled(frame: bytes) -> None:
    taken(frame)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["accounts", "positions", "accounts_p", "orders_p", "positions_p", "type", "timestamp",
             "sequence", "version", "other", "id"]
        ),
        st.one_of(
            anything,
            st.lists(st.dictionaries(st.sampled_from(["currency", "size"]), anything), max_size=2),
        ),
        max_size=2,
    )
)  # fmt: skip
def test_whatever_stands_around(more: dict[str, Any]) -> None:
    taken(message([FILL], **more))
