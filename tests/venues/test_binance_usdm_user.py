"""Binance USD-M, private events: every one of section 13, and whatever a frame may lack or add."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.instrument import Instrument
from connector.model.intents import OrderType, PositionSide, TimeInForce
from connector.model.records import Side
from connector.model.reports import BalanceReason, EndReason, OrderStatus
from connector.venues.binance_usdm.user import decode
from connector.venues.trading_contract import (
    AccountConfigEvent,
    BalanceEvent,
    Execution,
    MarginCallEvent,
    OrderEvent,
    PositionEvent,
    Source,
    StreamExpired,
    UnknownUserEvent,
)

MS = 1_000_000


def scales(symbol: str) -> Instrument | None:
    if symbol not in ("BTCUSDT", "BNBUSDT"):
        return None
    return Instrument(
        symbol=symbol,
        exchange="BinanceU",
        price_exponent=2,
        qty_exponent=3,
        price_digits=2,
        qty_digits=3,
        tick_e=1,
        step_e=1,
    )


def one(frame: dict[str, Any]) -> Any:
    (event,) = decode(json.dumps(frame).encode(), scales)
    return event


# Section 13.3, a fill.
TRADED: dict[str, Any] = {
    "e": "ORDER_TRADE_UPDATE", "E": 1568879465651, "T": 1568879465650,
    "o": {
        "s": "BTCUSDT", "c": "R01a", "S": "SELL", "o": "LIMIT", "f": "GTC", "q": "0.010",
        "p": "7103.04", "ap": "7103.50", "sp": "0", "x": "TRADE", "X": "PARTIALLY_FILLED",
        "i": 8886774, "l": "0.003", "z": "0.005", "L": "7103.61", "N": "USDT", "n": "-0.00012",
        "T": 1568879465649, "t": 77, "b": "0", "a": "9.91", "m": True, "R": True,
        "wt": "CONTRACT_PRICE", "ot": "LIMIT", "ps": "SHORT", "cp": False, "rp": "-1.25",
        "pP": False, "si": 0, "ss": 0, "V": "EXPIRE_MAKER", "pm": "NONE", "gtd": 0, "er": "0",
    },
}  # fmt: skip


def traded(**fields: Any) -> dict[str, Any]:
    return {**TRADED, "o": {**TRADED["o"], **fields}}


def test_a_fill() -> None:
    assert one(TRADED) == OrderEvent(
        source=Source.STREAM,
        execution=Execution.TRADE,
        status=OrderStatus.PARTIALLY_FILLED,
        symbol="BTCUSDT",
        client_order_id="R01a",
        order_id=8886774,
        side=Side.SELL,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        position_side=PositionSide.SHORT,
        reduce_only=True,
        price_e=710304,
        qty_e=10,
        filled_qty_e=5,
        average="7103.50",
        last_qty_e=3,
        last_price_e=710361,
        trade_id=77,
        maker=True,
        fee_e=-12_000,
        fee_asset="USDT",
        realised_e=-125_000_000,
        venue_ns=1568879465651 * MS,
        transaction_ns=1568879465650 * MS,
    )


@pytest.mark.parametrize(
    ("word", "status", "execution", "state"),
    [
        ("NEW", "NEW", Execution.NEW, OrderStatus.NEW),
        ("AMENDMENT", "NEW", Execution.AMENDED, OrderStatus.NEW),
        ("TRADE", "FILLED", Execution.TRADE, OrderStatus.FILLED),
        ("PARTIAL_FILL", "PARTIALLY_FILLED", Execution.TRADE, OrderStatus.PARTIALLY_FILLED),
        ("FILL", "FILLED", Execution.TRADE, OrderStatus.FILLED),
        ("CALCULATED", "FILLED", Execution.TRADE, OrderStatus.FILLED),
        ("CANCELED", "CANCELED", Execution.CANCELLED, OrderStatus.CANCELLED),
        ("EXPIRED", "EXPIRED", Execution.EXPIRED, OrderStatus.EXPIRED),
        ("EXPIRED", "EXPIRED_IN_MATCH", Execution.EXPIRED, OrderStatus.EXPIRED),
        ("NEW", "NEW_INSURANCE", Execution.NEW, OrderStatus.NEW),
        ("NEW", "NEW_ADL", Execution.NEW, OrderStatus.NEW),
        ("SOMETHING", "ELSE", Execution.STATE, None),
    ],
)
def test_words_of_an_order(
    word: str, status: str, execution: Execution, state: OrderStatus | None
) -> None:
    event = one(traded(x=word, X=status))
    assert (event.execution, event.status) == (execution, state)
    assert (event.order_id, event.filled_qty_e) == (8886774, 5)  # the known is never lost


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("0", EndReason.NONE), ("1", EndReason.SELF_TRADE), ("2", EndReason.REMAINDER),
        ("3", EndReason.SELF_TRADE), ("4", EndReason.REDUCE_ONLY), ("5", EndReason.LIQUIDATION),
        ("6", EndReason.REDUCE_ONLY), ("7", EndReason.DELISTING), ("8", EndReason.VENUE),
        ("9", EndReason.REMAINDER), ("77", EndReason.NONE),
    ],
)  # fmt: skip
def test_why_an_order_expired(code: str, reason: EndReason) -> None:
    assert one(traded(x="EXPIRED", X="EXPIRED", er=code)).reason is reason


def test_a_cancel_is_a_commands_unless_the_venue_says_more() -> None:
    assert one(traded(x="CANCELED", X="CANCELED")).reason is EndReason.COMMAND
    assert one(traded(x="CANCELED", X="CANCELED", er="4")).reason is EndReason.REDUCE_ONLY


@pytest.mark.parametrize(
    "fields",
    [{"c": "autoclose-15"}, {"c": "adl_autoclose"}, {"c": "settlement_autoclose-1"},
     {"o": "LIQUIDATION"}],
)  # fmt: skip
def test_the_venues_own_orders(fields: dict[str, str]) -> None:
    assert one(traded(**fields)).liquidation


def test_what_is_no_fill_names_none() -> None:
    event = one(traded(x="NEW", X="NEW", t=0, l="0", L="0", N="USDT", n="0"))
    assert (event.trade_id, event.last_qty_e, event.last_price_e) == (None, 0, None)
    assert (event.fee_e, event.maker) == (None, None)


def test_a_fast_fill() -> None:
    frame = {
        "e": "TRADE_LITE", "E": 1721895408092, "T": 1721895408214, "s": "BTCUSDT", "q": "0.010",
        "p": "0.00", "m": False, "c": "z8hcUoOsqEdKMeKPSABslD", "S": "BUY", "L": "64089.20",
        "l": "0.040", "t": 109100866, "i": 8886774,
    }  # fmt: skip
    event = one(frame)
    assert event.source is Source.LITE
    assert (event.status, event.filled_qty_e, event.qty_e) == (None, None, 10)
    assert (event.last_qty_e, event.last_price_e, event.trade_id) == (40, 6408920, 109100866)
    assert (event.maker, event.side, event.order_id) == (False, Side.BUY, 8886774)


# Section 13.4: the sample of the venue's page of 2025.
ALGO: dict[str, Any] = {
    "e": "ALGO_UPDATE", "T": 1750515742297, "E": 1750515742303,
    "o": {
        "caid": "Q5xaq5EGKgXXa0fD7fs0Ip", "aid": 2148719, "at": "CONDITIONAL", "o": "TAKE_PROFIT",
        "s": "BNBUSDT", "S": "SELL", "ps": "BOTH", "f": "GTC", "q": "0.01", "X": "CANCELED",
        "ai": "", "ap": "0.00000", "aq": "0.00000", "act": "0", "tp": "750", "p": "750",
        "V": "EXPIRE_MAKER", "wt": "CONTRACT_PRICE", "pm": "NONE", "cp": False, "pP": False,
        "R": False, "tt": 0, "gtd": 0,
    },
}  # fmt: skip


def algo(**fields: Any) -> dict[str, Any]:
    return {**ALGO, "o": {**ALGO["o"], **fields}}


def test_the_venues_sample_of_a_conditional_order() -> None:
    assert one(ALGO) == OrderEvent(
        source=Source.STREAM,
        execution=Execution.CANCELLED,
        status=OrderStatus.CANCELLED,
        symbol="BNBUSDT",
        client_order_id="Q5xaq5EGKgXXa0fD7fs0Ip",
        order_id=2148719,
        conditional=True,
        side=Side.SELL,
        order_type=OrderType.TAKE_PROFIT,
        time_in_force=TimeInForce.GTC,
        price_e=75000,
        qty_e=10,
        stop_price_e=75000,
        # E is the later one, whatever the sample calls it.
        venue_ns=1750515742303 * MS,
        transaction_ns=1750515742297 * MS,
    )


@pytest.mark.parametrize(
    ("word", "status", "execution"),
    [
        ("NEW", OrderStatus.NEW, Execution.NEW),
        ("CANCELED", OrderStatus.CANCELLED, Execution.CANCELLED),
        ("TRIGGERING", OrderStatus.TRIGGERED, Execution.TRIGGERED),
        ("TRIGGERED", OrderStatus.TRIGGERED, Execution.TRIGGERED),
        ("FINISHED", OrderStatus.TRIGGERED, Execution.TRIGGERED),
        ("REJECTED", OrderStatus.REJECTED, Execution.REJECTED),
        ("EXPIRED", OrderStatus.EXPIRED, Execution.EXPIRED),
        ("LATER", None, Execution.STATE),
    ],
)
def test_each_status_of_a_conditional_order(
    word: str, status: OrderStatus | None, execution: Execution
) -> None:
    event = one(algo(X=word, ai="5512", rm="Margin is insufficient.", ia=True))
    assert (event.status, event.execution, event.born_order_id) == (status, execution, 5512)
    assert event.trade_id is None  # the order it became tells its fills
    assert event.filled_qty_e is None
    rejected = EndReason.TRIGGER_REJECTED if word == "REJECTED" else EndReason.NONE
    assert event.reason is rejected
    assert event.words == "Margin is insufficient."


def test_a_conditional_order_with_only_what_is_always_there() -> None:
    bare = {name: ALGO["o"][name] for name in ("aid", "caid", "s", "S", "X")}
    event = one({"e": "ALGO_UPDATE", "E": 1, "T": 1, "o": bare})
    assert (event.order_id, event.status, event.side) == (
        2148719, OrderStatus.CANCELLED, Side.SELL,
    )  # fmt: skip
    assert (event.price_e, event.qty_e, event.born_order_id) == (None, None, None)


def test_an_account_update() -> None:
    frame = {
        "e": "ACCOUNT_UPDATE", "E": 1564745798939, "T": 1564745798938,
        "a": {
            "m": "ORDER",
            "B": [{"a": "USDT", "wb": "122624.12345678", "cw": "100.12345678", "bc": "50.12345678"},
                  {"a": "NEW1", "wb": "1.00000000", "cw": "0", "bc": "-49.5"}],
            "P": [{"s": "BTCUSDT", "pa": "-0.015", "ep": "0.00000", "bep": "0", "cr": "200",
                   "up": "-1.5", "mt": "isolated", "iw": "0", "ps": "SHORT", "ma": "USDT"},
                  {"s": "NOSUCH", "pa": "1", "ep": "1", "ps": "BOTH"}],
        },
    }  # fmt: skip
    usdt, other, position = decode(json.dumps(frame).encode(), scales)
    assert usdt == BalanceEvent(
        asset="USDT",
        wallet_e=12_262_412_345_678,
        change_e=5_012_345_678,
        reason=BalanceReason.ORDER,
        venue_ns=1564745798939 * MS,
    )
    assert isinstance(other, BalanceEvent)
    assert other.change_e == -4_950_000_000
    assert position == PositionEvent(
        symbol="BTCUSDT",
        position_side=PositionSide.SHORT,
        qty_e=-15,
        entry="",
        unrealised_e=-150_000_000,
        realised_e=20_000_000_000,
        isolated=True,
        venue_ns=1564745798939 * MS,
    )


def test_funding_names_its_symbol() -> None:
    row = {"a": "USDT", "wb": "9.7", "cw": "9.7", "bc": "-0.3"}
    change = {"m": "FUNDING_FEE", "B": [row], "P": [], "S": "BTCUSDT"}
    frame = {"e": "ACCOUNT_UPDATE", "E": 1, "T": 1, "a": change}
    assert decode(json.dumps(frame).encode(), scales) == [
        BalanceEvent(
            asset="USDT",
            wallet_e=970_000_000,
            change_e=-30_000_000,
            reason=BalanceReason.FUNDING,
            symbol="BTCUSDT",
            venue_ns=MS,
        )
    ]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("DEPOSIT", BalanceReason.TRANSFER), ("WITHDRAW", BalanceReason.TRANSFER),
        ("FUNDING_FEE", BalanceReason.FUNDING), ("WITHDRAW_REJECT", BalanceReason.TRANSFER),
        ("ADJUSTMENT", BalanceReason.ADJUSTMENT), ("INSURANCE_CLEAR", BalanceReason.INSURANCE),
        ("ADMIN_DEPOSIT", BalanceReason.TRANSFER), ("ADMIN_WITHDRAW", BalanceReason.TRANSFER),
        ("MARGIN_TRANSFER", BalanceReason.TRANSFER), ("MARGIN_TYPE_CHANGE", BalanceReason.OTHER),
        ("ASSET_TRANSFER", BalanceReason.TRANSFER), ("OPTIONS_PREMIUM_FEE", BalanceReason.OTHER),
        ("OPTIONS_SETTLE_PROFIT", BalanceReason.OTHER),
        ("AUTO_EXCHANGE", BalanceReason.CONVERSION), ("NEW_ONE", BalanceReason.OTHER),
    ],
)  # fmt: skip
def test_why_a_balance_changed(word: str, reason: BalanceReason) -> None:
    frame = {"e": "ACCOUNT_UPDATE", "E": 1, "a": {"m": word, "B": [{"a": "USDT", "wb": "1"}]}}
    assert one(frame).reason is reason


def test_settings_of_the_account() -> None:
    frame = {"e": "ACCOUNT_CONFIG_UPDATE", "E": 2, "T": 1, "ac": {"s": "BTCUSDT", "l": 25}}
    assert one(frame) == AccountConfigEvent(symbol="BTCUSDT", leverage=25, venue_ns=2 * MS)
    frame = {"e": "ACCOUNT_CONFIG_UPDATE", "E": 2, "T": 1, "ai": {"j": True}}
    assert one(frame) == AccountConfigEvent(multi_assets=True, venue_ns=2 * MS)


def test_a_margin_call() -> None:
    row = {"s": "BTCUSDT", "ps": "LONG", "pa": "1.327", "mt": "CROSSED", "iw": "0",
           "mp": "187.17127", "up": "-1.166074", "mm": "1.614445"}  # fmt: skip
    frame = {"e": "MARGIN_CALL", "E": 1587727187525, "cw": "3.16812045", "p": [row]}
    assert one(frame) == MarginCallEvent(
        symbol="BTCUSDT",
        position_side=PositionSide.LONG,
        qty_e=1327,
        mark_e=18_717_127_000,
        unrealised_e=-116_607_400,
        maintenance_e=161_444_500,
        wallet_e=316_812_045,
        venue_ns=1587727187525 * MS,
    )


def test_a_margin_call_of_an_isolated_position_tells_its_own_wallet() -> None:
    row = {"s": "BTCUSDT", "ps": "LONG", "pa": "1.327", "mt": "ISOLATED", "iw": "12.5",
           "mp": "187.17127", "up": "-1.166074", "mm": "1.614445"}  # fmt: skip
    call = one({"e": "MARGIN_CALL", "E": 1587727187525, "p": [row]})
    assert isinstance(call, MarginCallEvent)
    assert (call.isolated, call.wallet_e) == (True, 1_250_000_000)


@pytest.mark.parametrize("stamp", [1576653824250, "1576653824250"])
def test_the_end_of_the_key(stamp: int | str) -> None:
    frame = {"e": "listenKeyExpired", "E": stamp, "listenKey": "abc"}
    assert one(frame) == StreamExpired(1576653824250 * MS)


@pytest.mark.parametrize(
    "name", ["STRATEGY_UPDATE", "GRID_UPDATE", "CONDITIONAL_ORDER_TRIGGER_REJECT", "OF_2027"]
)
def test_events_nobody_acts_on_are_named(name: str) -> None:
    assert one({"e": name, "E": 1, "su": {"si": 1}}) == UnknownUserEvent(name)


def test_the_wrapped_form_says_the_same() -> None:
    assert one({"stream": "key", "data": TRADED}) == one(TRADED)


def test_an_instrument_without_scale_costs_only_its_numbers() -> None:
    event = one(traded(s="ELSEUSDT"))
    assert (event.symbol, event.order_id, event.status) == (
        "ELSEUSDT", 8886774, OrderStatus.PARTIALLY_FILLED,
    )  # fmt: skip
    assert (event.price_e, event.qty_e, event.last_price_e) == (None, None, None)


@pytest.mark.parametrize("bad", [b"", b"[]", b"{}", b'{"e":""}', b'{"e":"TRADE_LITE"}', b"\xff"])
def test_what_is_no_event_is_refused(bad: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the words are the parser's
        decode(bad, scales)


ODD = st.sampled_from(
    [None, True, False, 0, -1, 2**70, 0.5, -1e300, "", "0", "-7", "x", "1e9", "9" * 40, "\u5e01",
     [], [1], {}, {"a": 1}]
)  # fmt: skip
FIELDS = sorted(TRADED["o"] | ALGO["o"])


@given(
    base=st.sampled_from([TRADED, ALGO]),
    changes=st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=4),
    dropped=st.sets(st.sampled_from(FIELDS), max_size=4),
)
def test_what_is_garbled_takes_nothing_else_with_it(
    base: dict[str, Any], changes: dict[str, Any], dropped: set[str]
) -> None:
    """Values missing or of any kind: the others come out as without it, or the frame is refused
    because it names no order."""
    touched = set(changes) | dropped
    body = {name: value for name, value in (base["o"] | changes).items() if name not in dropped}
    text = json.dumps({**base, "o": body}).encode()
    named = {"s", "i"} if base is TRADED else {"s", "aid"}
    try:
        (event,) = decode(text, scales)
    except ValueError:
        assert touched & named
        return
    clean = one(base)
    assert isinstance(event, OrderEvent)
    depends = {
        "side": {"S"}, "time_in_force": {"f"}, "client_order_id": {"c", "caid"},
        "qty_e": {"q", "s"}, "price_e": {"p", "s"}, "position_side": {"ps"},
    }  # fmt: skip
    for field, sources in depends.items():
        if not sources & touched:
            assert getattr(event, field) == getattr(clean, field), field
