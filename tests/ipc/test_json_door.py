"""The JSON-lines door: what it writes is what the library writes, what it refuses names the field,
and the protocol's samples come back as they went in."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import connector
from connector._speedups.events import plain
from connector.ipc.json_door import JsonDoor
from connector.model.instrument import ABSENT
from connector.model.intents import Action
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.model.reports import Result
from tests.golden.test_strategy_protocol import same, sample, wall_ns
from tests.ipc.test_client import Daemon
from tests.ipc.test_trading import taken

ANSWER = layout("CommandAnswerBody")
PLACE: dict[str, Any] = {
    "action": "place_order",
    "strategy": "RevTrend",
    "ref_id": "R1",
    "exchange": "BinanceU",
    "symbol": "XEMUSDT",
    "contract_type": "perp",
    "account_id": "jq_cta_02",
    "client_order_id": "R01a",
    "price": 0.0294,
    "quantity": 23,
    "direction": "Buy",
    "order_type": "limit",
}
CANCEL = {
    key: value
    for key, value in (PLACE | {"action": "cancel_order"}).items()
    if key not in ("price", "quantity", "direction", "order_type")
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("daemon")
    running = Daemon(folder, "--trading", "--timezone", "Asia/Shanghai")
    running.do("add", symbol="XEMUSDT")
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def session(daemon: Daemon) -> Iterator[connector.TradingSession]:
    with connector.attach("RevTrend", daemon.folder, trading=True) as attached:
        yield attached


def as_json(told: Any) -> dict[str, Any]:
    import orjson

    text = orjson.dumps(told, default=plain)
    found = json.loads(text, parse_float=Decimal)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", ["place_refused", "cancel_refused"])
def test_the_samples_of_the_protocol(
    daemon: Daemon, session: connector.TradingSession, name: str
) -> None:
    want = sample(name)
    door = JsonDoor(session)
    command = {"action": want["action"], "strategy": want["strategy"], **want["request"]}
    assert door.send(json.dumps(command, default=float)) == []
    ((_, slot),) = taken(daemon, 1)
    assert slot.ref_id == want["ref_id"]
    assert slot.client_order_id == want["request"]["client_order_id"]
    if name == "place_refused":
        assert (slot.price_e, slot.qty_e, slot.side) == (2_940_000, 23 * 10**8, 1)
        assert (slot.label, slot.target) == ("ANTI_S|REVERSE", "LONG")
    inner = want["metadata"]["metadata"]
    text = json.loads(inner["error_code_msg"].removeprefix("StatusCodeError: 400 - ")).encode()
    body = ANSWER.pack(
        command=slot.stamp,
        order_id=ABSENT,
        wall_ns=wall_ns(want["metadata"]["timestamp"]),
        code=inner["error_code"],
        http_status=400,
        text_bytes=len(text),
        result=Result.REFUSED,
        action=slot.action,
        ref_id=slot.ref_id,
    )
    daemon.do(
        "report",
        strategy="RevTrend",
        kind=RecordType.COMMAND_ANSWER,
        body=(body + text).hex(),
        account=slot.account,
    )
    event = session.poll()
    assert isinstance(event, connector.CommandAnswer)
    same(as_json(door.told(event)), want)


REFUSED: list[tuple[Any, int, str]] = [
    ("", 900001, ""),
    ("[]", 900001, ""),
    ("{", 900001, ""),
    ("null", 900001, ""),
    ('{"action":"place_order","action":"place_order"}', 900001, "action"),
    (json.dumps(PLACE)[:-1] + ',"valid_for_ms":NaN}', 900001, "valid_for_ms"),
    (b"\xff", 900001, ""),
    (b"\xef\xbb\xbf" + json.dumps(PLACE).encode(), 900001, ""),
    (json.dumps(PLACE).encode("utf-16"), 900001, ""),
    ("[" * 3000, 900001, ""),
    (PLACE | {"label": "x" * 5000}, 900001, ""),
    (PLACE | {"action": "rob"}, 900001, "action"),
    (PLACE | {"action": 7}, 900001, "action"),
    ({"action": "place_order"}, 900001, "strategy"),
    (PLACE | {"strategy": "Other"}, 900004, "strategy"),
    (PLACE | {"colour": "red"}, 900001, "colour"),
    (PLACE | {"order_id": 5}, 900001, "order_id"),
    (PLACE | {"price": True}, 900001, "price"),
    (PLACE | {"price": None}, 900001, "price"),
    (PLACE | {"price": "1e-9"}, 900001, "price"),
    (PLACE | {"price": "cheap"}, 900001, "price"),
    (PLACE | {"quantity": [1]}, 900001, "quantity"),
    (PLACE | {"quantity": 0.123456789}, 900001, "quantity"),
    (PLACE | {"direction": "Up"}, 900001, "direction"),
    (PLACE | {"direction": "buy"}, 900001, "direction"),
    (PLACE | {"order_type": "iceberg"}, 900001, "order_type"),
    (PLACE | {"reduce_only": "yes"}, 900001, "reduce_only"),
    (PLACE | {"reduce_only": 1}, 900001, "reduce_only"),
    (PLACE | {"good_till_ms": 1.5}, 900001, "good_till_ms"),
    (PLACE | {"ref_id": ""}, 900001, "ref_id"),
    (PLACE | {"ref_id": "r" * 41}, 900001, "ref_id"),
    (PLACE | {"ref_id": "\ud800"}, 900001, "ref_id"),
    (PLACE | {"label": "l" * 65}, 900001, "label"),
    (PLACE | {"symbol": "NOSUCH"}, 900002, "symbol"),
    (PLACE | {"exchange": "Moon"}, 900002, "exchange"),
    (PLACE | {"contract_type": "spot"}, 900002, "contract_type"),
    (PLACE | {"account_id": "theirs"}, 900003, "account_id"),
    (PLACE | {"valid_for_ms": 0}, 900001, "valid_for_ms"),
    (PLACE | {"valid_for_ms": "soon"}, 900001, "valid_for_ms"),
    ({key: value for key, value in PLACE.items() if key != "direction"}, 900001, "direction"),
    ({key: value for key, value in PLACE.items() if key != "account_id"}, 900001, "account_id"),
    ({key: v for key, v in CANCEL.items() if key != "client_order_id"}, 900001, "client_order_id"),
    (PLACE | {"action": "cancel_order"}, 900001, "price"),
    ({"action": "place_batch", "strategy": "RevTrend", "ref_id": "b"}, 900001, "orders"),
    (
        {"action": "place_batch", "strategy": "RevTrend", "ref_id": "b", "orders": []},
        900001,
        "orders",
    ),
]


# Values no key of any action takes, as they stand in a line: what cannot be written out again, or
# has a billion digits when it is, must not end the session.
NOWHERE = (
    "null", "{}", "[[1]]", "[" * 300 + "]" * 300, '{"a":' * 300 + "1" + "}" * 300,
    "-" + "9" * 400, "NaN", "-Infinity", "-1e400", "-1e999999999", "-1e-999999999",
    "1e99999999999999999999", '"1e999999999"', '"sNaN"', '"1_0"', '" 1 "', '"\\u0661"',
    '"\\ud800"', '"' + "x" * 3000 + '"',
)  # fmt: skip
FREE = ("ref_id", "label", "target", "client_order_id", "order_id")
"""Keys that take texts of any kind; they have a table of their own."""


def wrong_values() -> Iterator[tuple[str, str, str]]:
    """Action, key and line of every key of every action with every such value."""
    amend = CANCEL | {"action": "amend_order", "new_price": 1, "new_quantity": 1}
    batch = CANCEL | {"action": "cancel_batch", "orders": [{"client_order_id": "a"}]}
    batch.pop("client_order_id")
    for base in (PLACE | {"valid_for_ms": 9, "stop_price": 1}, CANCEL, amend, batch):
        for key in base:
            for value in NOWHERE if key not in FREE else NOWHERE[:12]:
                rest = {name: one for name, one in base.items() if name != key}
                line = f'{json.dumps(rest)[:-1]}, "{key}": {value}}}'
                yield base["action"], key, line


def test_no_value_of_any_key_ends_the_session(session: connector.TradingSession) -> None:
    door = JsonDoor(session)
    before = session.commands_written
    for action, key, line in wrong_values():
        (answer,) = door.send(line)
        told = as_json(answer)
        inner = told["metadata"]["metadata"]
        assert (inner["result"], inner.get("field")) == (False, key), (line[:200], inner)
        for text in (
            told["ref_id"],
            told["action"],
            told["metadata"]["event"],
            inner["account_id"],
        ):
            assert isinstance(text, str), line[:200]
        if key not in ("action", "ref_id"):
            assert told["action"] in (action, action.replace("batch", "order"))
            assert told["ref_id"] == "R1"
    assert session.commands_written == before


def test_what_is_no_command_is_answered_with_the_field_and_goes_nowhere(
    daemon: Daemon, session: connector.TradingSession
) -> None:
    door = JsonDoor(session)
    before = session.commands_written
    for line, code, field in REFUSED:
        data = json.dumps(line) if isinstance(line, dict) else line
        (answer,) = door.send(data)
        inner = answer["metadata"]["metadata"]
        assert (inner["result"], inner["error_code"]) == (False, code), line
        assert inner.get("field", "") == field, (line, inner)
        assert as_json(answer)["strategy"] == "RevTrend"
    assert session.commands_written == before
    assert door.send(json.dumps(PLACE)) == []
    assert len(taken(daemon, 1)) == 1


def test_numbers_are_never_binary_floats(daemon: Daemon, session: connector.TradingSession) -> None:
    door = JsonDoor(session)
    for text, value_e in (
        ("0.1", 10_000_000),
        ("12345678.12345678", 1_234_567_812_345_678),
        ('"90071992547.40993"', 9_007_199_254_740_993_000),
        ("1e2", 10**10),
        ("90071992547.40993000", 9_007_199_254_740_993_000),
    ):
        line = json.dumps(PLACE).replace('"quantity": 23', f'"quantity": {text}')
        assert door.send(line) == []
        assert [slot.qty_e for _, slot in taken(daemon, 1)] == [value_e]


def test_every_action_and_batches(daemon: Daemon, session: connector.TradingSession) -> None:
    door = JsonDoor(session)
    where = {key: PLACE[key] for key in ("strategy", "exchange", "symbol", "contract_type")}
    where |= {"account_id": "jq_cta_02"}
    lines = [
        {**where, "action": "amend_order", "ref_id": "1", "order_id": 7, "new_price": "0.03"},
        {**where, "action": "query_order", "ref_id": "2", "order_id": "c0ffee"},
        {**where, "action": "cancel_all", "ref_id": "3", "valid_for_ms": 250},
        {
            **where,
            "action": "place_batch",
            "ref_id": "4",
            "orders": [
                {"direction": "Buy", "order_type": "limit", "quantity": 1, "price": 1},
                {"direction": "Sell", "order_type": "market", "quantity": 2, "ref_id": "own"},
            ],
        },
        {**where, "action": "cancel_batch", "ref_id": "5", "orders": [{"order_id": 1}]},
    ]
    for line in lines:
        assert door.send(json.dumps(line)) == []
    slots = [slot for _, slot in taken(daemon, 6)]
    assert [slot.action for slot in slots] == [
        Action.AMEND, Action.QUERY, Action.CANCEL_ALL, Action.PLACE, Action.PLACE, Action.CANCEL,
    ]  # fmt: skip
    assert [slot.ref_id for slot in slots] == ["1", "2", "3", "4.1", "own", "5.1"]
    assert [(slot.batch, slot.batch_size) for slot in slots[3:]] == [(1, 2), (2, 2), (1, 1)]
    assert (slots[0].price_e, slots[0].order_id) == (3_000_000, 7)
    assert slots[1].venue_order_id == "c0ffee"
    assert slots[2].valid_until_ns - slots[2].created_ns == 250_000_000


def batch_of(action: str, *orders: Any) -> str:
    where = {key: PLACE[key] for key in ("strategy", "exchange", "symbol", "contract_type")}
    given = {"account_id": "jq_cta_02", "action": action, "ref_id": "b1", "orders": orders}
    return json.dumps(where | given)


GOOD = {"direction": "Buy", "order_type": "limit", "quantity": 1, "price": 1}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"price": "cheap"}, "price"),
        ({"quantity": "0.000000001"}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"colour": 1}, "colour"),
        ({"account_id": "theirs"}, "account_id"),
        (7, "orders"),
    ],
)
def test_an_element_that_is_none_is_refused_alone(
    daemon: Daemon, session: connector.TradingSession, wrong: Any, field: str
) -> None:
    """Whoever finds it, door or session, and whatever was refused before it."""
    bad = GOOD | wrong if isinstance(wrong, dict) else wrong
    others = [GOOD, GOOD | {"ref_id": "own"}]
    door = JsonDoor(session)
    answers = [
        as_json(one) for one in door.send(batch_of("place_batch", bad, others[0], bad, others[1]))
    ]
    assert [slot.ref_id for _, slot in taken(daemon, 2)] == ["b1.2", "own"]
    inner = [one["metadata"]["metadata"] for one in answers]
    assert [one["index"] for one in inner] == [0, 2]
    assert {one["field"] for one in inner} == {field}
    assert {one["ref_id"] for one in answers} == {"b1"}
    assert {(one["action"], one["metadata"]["event"]) for one in answers} == {
        ("place_order", "place_order")
    }
    code = 900003 if field == "account_id" else 900001
    assert {(one["result"], one["order_id"], one["error_code"]) for one in inner} == {
        (False, 0, code)
    }
    assert not any("orders[" in one["error_code_msg"] for one in inner)


def test_an_answer_has_its_place_among_all_that_were_given(
    daemon: Daemon, session: connector.TradingSession
) -> None:
    door = JsonDoor(session)
    bad = GOOD | {"price": "cheap"}
    (refused,) = door.send(batch_of("place_batch", GOOD, bad, GOOD | {"ref_id": "own"}))
    assert refused["metadata"]["metadata"]["index"] == 1
    for (_, slot), index in zip(taken(daemon, 2), (0, 2), strict=True):
        body = ANSWER.pack(
            command=slot.stamp, order_id=ABSENT, code=0, result=Result.ACCEPTED,
            action=slot.action, ref_id=slot.ref_id, batch=slot.batch,
        )  # fmt: skip
        daemon.do(
            "report", strategy="RevTrend", kind=RecordType.COMMAND_ANSWER, body=body.hex(),
            account=slot.account,
        )  # fmt: skip
        event = session.poll()
        assert isinstance(event, connector.CommandAnswer)
        assert as_json(door.told(event))["metadata"]["metadata"]["index"] == index


def test_a_batch_in_which_nothing_is_a_command_writes_nothing(
    session: connector.TradingSession,
) -> None:
    before = session.commands_written
    bad = GOOD | {"price": "cheap"}
    answers = JsonDoor(session).send(batch_of("place_batch", bad, 7))
    answers += JsonDoor(session).send(batch_of("cancel_batch", {"client_order_id": 7}))
    assert session.commands_written == before
    assert [one["metadata"]["metadata"]["index"] for one in answers] == [0, 1, 0]


def test_a_sample_file_is_what_the_source_shows() -> None:
    folder = Path(__file__).parents[1] / "golden" / "strategy_protocol"
    assert len(list(folder.glob("*.json"))) == 5
