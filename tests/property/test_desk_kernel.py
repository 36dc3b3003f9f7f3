"""The desk's kernel reads commands, judges them and writes of them as plain Python does."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector._speedups.desk import Command, command_body, sent_body
from connector.model.intents import (
    Action,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    TimeInForce,
    WorkingType,
)
from connector.model.packing import given as number
from connector.model.packing import layout
from connector.model.records import Side
from connector.trading.commands import Refusal, examine, read

SLOT, COMMAND, SENT = layout("Command"), layout("CommandBody"), layout("SentBody")
NUMBERS = ("order_id", "price_e", "qty_e", "stop_price_e", "activation_price_e",
           "callback_rate_e", "good_till_ns")  # fmt: skip
SAME = ("account", "instrument", "valid_until_ns", "created_ns", "cause_sequence", "cause_recv_ns",
        "order_key", "placed_by", "cause_report", "batch", "batch_size")  # fmt: skip
TEXTS = {"ref_id": 40, "client_order_id": 40, "venue_order_id": 40, "label": 64, "target": 64}
ENUMS = {
    "action": Action,
    "order_type": OrderType,
    "time_in_force": TimeInForce,
    "position_side": PositionSide,
    "working_type": WorkingType,
    "self_trade": SelfTrade,
    "price_match": PriceMatch,
}
BARE = dict.fromkeys(NUMBERS) | {"stamp": 1, "side": 1, "order_type": 1, "ref_id": "r"}
LIMIT = {"action": Action.PLACE, "price_e": 5, "qty_e": 7, "time_in_force": TimeInForce.GTC}

amounts = st.none() | st.integers(-2, 3) | st.integers(-(2**63), 2**63 - 1)
texts = st.sampled_from(["", "a", "ö", "a\0b", "\0a", "�", "x" * 40]) | st.text(
    "aö�\0", max_size=10
)
fields = st.fixed_dictionaries(
    {"action": st.integers(1, 5) | st.integers(0, 255)},
    optional={
        **dict.fromkeys(NUMBERS, amounts),
        **dict.fromkeys(TEXTS, texts),
        **{name: st.integers(0, 9) for name in ENUMS if name != "action"},
        "side": st.integers(0, 3),
        "flags": st.integers(0, 17),
        "order_key": st.integers(0, 2),
        "placed_by": st.integers(0, 2),
    },
)


def packed(values: dict[str, Any]) -> bytes:
    fitting = {
        name: value
        for name, value in values.items()
        if name not in TEXTS or len(value.encode()) <= TEXTS[name]
    }
    return SLOT.pack(**(BARE | fitting))


def keeps_the_rules(slot: bytes) -> bool:
    try:
        examine(slot)
    except Refusal:
        return False
    return True


@settings(max_examples=1000)
@given(st.sampled_from([{}, LIMIT]), fields)
def test_what_is_plain_keeps_the_rules_of_every_command(
    base: dict[str, Any], values: dict[str, Any]
) -> None:
    slot = packed(base | values)
    assert not Command(slot).plain or keeps_the_rules(slot)


@given(st.binary(min_size=SLOT.size, max_size=SLOT.size))
def test_noise_is_read_without_harm(slot: bytes) -> None:
    command = Command(slot)
    assert not command.plain or keeps_the_rules(slot)
    raw = SLOT.unpack(slot)
    for name in TEXTS:
        assert getattr(command, name) == getattr(raw, name)


@pytest.mark.parametrize(
    "values",
    [
        LIMIT,
        LIMIT | {"flags": 1, "client_order_id": "mine", "label": "x" * 64, "self_trade": 2},
        LIMIT | {"order_type": OrderType.MARKET, "price_e": None, "time_in_force": 0},
        {"action": Action.CANCEL, "client_order_id": "mine"},
        {"action": Action.CANCEL, "placed_by": 4},
        {"action": Action.CANCEL, "order_id": 0},
        {"action": Action.QUERY, "order_key": 4, "side": 0, "order_type": 0},
        {"action": Action.AMEND, "order_key": 4, "qty_e": 1},
        {"action": Action.CANCEL_ALL},
    ],
)
def test_the_usual_commands_are_plain(values: dict[str, Any]) -> None:
    """Else the law above would hold of a kernel that leaves everything to Python."""
    assert Command(packed(values)).plain


@settings(max_examples=1000)
@given(st.sampled_from([{}, LIMIT]), fields)
def test_a_command_has_what_its_slot_says(base: dict[str, Any], values: dict[str, Any]) -> None:
    slot = packed(base | values)
    raw = SLOT.unpack(slot)
    try:
        command = read(slot)
    except Refusal:
        return
    assert command.slot == slot
    assert command.number == raw.stamp
    for name in (*SAME, *TEXTS):
        assert getattr(command, name) == getattr(raw, name), name
    for name in NUMBERS:
        assert getattr(command, name) == number(getattr(raw, name)), name
    for name, kind in ENUMS.items():
        if (
            name == "order_type"
            and raw.action != Action.PLACE
            and raw.order_type not in range(1, 9)
        ):
            assert command.order_type is OrderType.LIMIT
        else:
            assert getattr(command, name) is kind(getattr(raw, name)), name
    assert command.side is Side(raw.side or 1)
    assert command.flags == raw.flags
    assert command.reduce_only == bool(raw.flags & 1)


def test_only_whole_slots_are_commands() -> None:
    with pytest.raises(ValueError, match="511 bytes"):
        Command(bytes(511))


counts = st.integers(0, 2**64 - 1)
times = st.integers(-(2**63), 2**63 - 1)


@given(st.binary(min_size=SLOT.size, max_size=SLOT.size), counts, counts, times, times,
       st.integers(-(2**31), 2**31 - 1), st.text("aö-", max_size=20))  # fmt: skip
def test_the_journal_gets_the_same_bytes_of_a_command(
    slot: bytes, key: int, session: int, read_ns: int, wall_ns: int, code: int, name: str
) -> None:
    assert command_body(slot, key, session, read_ns, wall_ns, code, name, 5, 6) == COMMAND.pack(
        command=slot, order_key=key, session=session, read_ns=read_ns, wall_ns=wall_ns, code=code,
        client_order_id=name, checked_ns=5, encoded_ns=6,
    )  # fmt: skip


@given(counts, counts, counts, times, times, times, st.integers(0, 255))
def test_the_journal_gets_the_same_bytes_of_what_is_sent(
    key: int, command: int, request: int, sent_ns: int, wall_ns: int, until_ns: int, action: int
) -> None:
    assert sent_body(key, command, request, sent_ns, wall_ns, until_ns, action) == SENT.pack(
        order_key=key, command=command, request=request, sent_ns=sent_ns, wall_ns=wall_ns,
        deadline_ns=until_ns, action=action,
    )  # fmt: skip


def test_texts_that_fit_no_entry_are_refused() -> None:
    with pytest.raises(ValueError, match="41"):
        command_body(bytes(SLOT.size), 0, 0, 0, 0, 0, "x" * 41)
    with pytest.raises(ValueError, match="5 bytes"):
        command_body(bytes(5), 0, 0, 0, 0, 0, "")
