"""What Cadenza's answers prove: success by three signs, codes without their sign, and the outcome
of an order request by status and code."""

import json
import logging
from typing import Any

import pytest

from connector.model.intents import Action
from connector.venues.cadenza.config import Config
from connector.venues.cadenza.error_codes import ROWS, Proof
from connector.venues.cadenza.errors import judge, judge_change, judge_order, read
from connector.venues.cadenza.limits import pools, used
from connector.venues.contract import Outcome
from connector.venues.trading_contract import OrderOutcome

SECOND_NS = 1_000_000_000


def body(errno: Any, **more: Any) -> bytes:
    return json.dumps({"errno": errno, **more}).encode()


@pytest.mark.parametrize(
    ("status", "answer", "outcome"),
    [
        (200, body(0, success=True, data=[]), Outcome.OK),
        (200, body(0), Outcome.OK),
        (200, body(0, success=False), Outcome.REJECTED),
        (200, body(-22016, success=True), Outcome.REJECTED),
        (200, body(22016), Outcome.REJECTED),
        (200, b'{"status":"healthy","timestamp":1}', Outcome.OK),
        (200, b"", Outcome.UNKNOWN),
        (200, b"[]", Outcome.UNKNOWN),
        (200, b"{}", Outcome.UNKNOWN),
        (200, b"<html>", Outcome.UNKNOWN),
        (200, body("0"), Outcome.UNKNOWN),
        (200, body(None), Outcome.UNKNOWN),
        (200, body(0, data="x" * 5000), Outcome.OK),
        (200, body(0, data="x" * 5000)[:-1], Outcome.UNKNOWN),
        (400, body(-19004, error="x"), Outcome.REJECTED),
        (401, b"", Outcome.REJECTED),
        (404, b"<html>", Outcome.REJECTED),
        (429, b"", Outcome.THROTTLED),
        (400, body(18011), Outcome.THROTTLED),
        (500, body(19000), Outcome.UNKNOWN),
        (503, b"", Outcome.UNKNOWN),
        (408, b"", Outcome.UNKNOWN),
    ],
)
def test_what_an_answer_to_a_question_means(status: int, answer: bytes, outcome: Outcome) -> None:
    assert judge(status, {}, answer).outcome is outcome


def test_codes_are_compared_without_their_sign() -> None:
    told = {judge(404, {}, body(sign * 22016, error="x")).code for sign in (1, -1)}
    assert told == {22016}


NOT_PLACED = {
    18001, 18002, 18003, 18005, 18006, 18007, 18008, 18011, 18016, 18017, 18022, 18025, 19001,
    19002, 19003, 19004, 19005, 22015, 22016,
}  # fmt: skip
"""Section 4.2 of the reference: the order certainly is not there."""
CERTAIN = {
    OrderOutcome.REFUSED, OrderOutcome.AUTH, OrderOutcome.THROTTLED, OrderOutcome.NOT_EXECUTED,
}  # fmt: skip


@pytest.mark.parametrize("status", [200, 207, 409, 422, 500, 502, 503, 504])
def test_an_order_is_certainly_not_placed_by_few_codes_alone(status: int) -> None:
    for code in [*ROWS, 26001, 22001, 111000]:
        for sign in (1, -1):
            found = judge_order(Action.PLACE, status, {}, body(sign * code, error="x"))
            assert found is not None
            certain = status < 500 and (code in NOT_PLACED or code // 1000 == 26)
            assert (found.outcome in CERTAIN) == certain, code
            assert found.code == code


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", b"[]", b'{"message":"no"}'])
def test_some_statuses_prove_it_without_a_code(status: int, answer: bytes) -> None:
    found = judge_order(Action.PLACE, status, {}, answer)
    assert found is not None
    assert found.outcome in CERTAIN


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_code_counts_more_than_the_status(status: int) -> None:
    for code in [*ROWS, 26001, 18026, 22001, 22018, 99999, 111000]:
        for sign in (1, -1):
            found = judge_order(Action.PLACE, status, {}, body(sign * code, error="x"))
            assert found is not None
            assert (found.outcome in CERTAIN) == (code in NOT_PLACED or code // 1000 == 26), code
            told = judge_change(status, {}, body(sign * code, error="x"))
            assert (told.outcome is Outcome.UNKNOWN) == (found.outcome is OrderOutcome.UNKNOWN)


@pytest.mark.parametrize("errno", [0, "18004", "x", 1.5, True, [1]])
def test_a_code_that_cannot_be_read_proves_nothing(errno: Any) -> None:
    for status in (200, 400, 403, 404):
        found = judge_order(Action.PLACE, status, {}, body(errno, error="x", success=not errno))
        assert (found is None) == (status == 200 and errno == 0)
        assert found is None or found.outcome is OrderOutcome.UNKNOWN


def test_who_is_not_known_has_done_nothing() -> None:
    for code in (19002, 26001, 99999, 111000):
        found = judge_order(Action.PLACE, 401, {}, body(-code, error="x"))
        assert found is not None
        assert found.outcome is OrderOutcome.AUTH
    behind = judge_order(Action.PLACE, 401, {}, body(-18004, error="x"))
    assert behind is not None
    assert behind.outcome is OrderOutcome.UNKNOWN


def test_a_bare_429_proves_nothing() -> None:
    bare = judge_order(Action.PLACE, 429, {}, b"<html>")
    assert bare is not None
    assert bare.outcome is OrderOutcome.UNKNOWN
    for headers, answer in (({"Retry-After": "7"}, b""), ({}, body(19000))):
        told = judge_order(Action.PLACE, 429, headers, answer)
        assert told is not None
        assert told.outcome is OrderOutcome.THROTTLED
    assert judge(429, {"retry-after": "7"}, b"").retry_after_ns == 7 * SECOND_NS
    assert judge(429, {"Retry-After": "soon"}, b"").retry_after_ns == 60 * SECOND_NS


@pytest.mark.parametrize("code", [18018, 22016, 22017])
@pytest.mark.parametrize("action", [Action.CANCEL, Action.QUERY])
def test_an_order_that_is_not_open_is_asked_for(action: Action, code: int) -> None:
    status = 409 if code == 22017 else 404
    found = judge_order(action, status, {}, body(-code, error="x"))
    assert found is not None
    assert found.outcome is OrderOutcome.GONE


def test_a_success_is_no_error() -> None:
    assert judge_order(Action.PLACE, 200, {}, body(0, data=[])) is None
    for answer in (b"", b"{}", b'{"status":"healthy"}', b"[]"):
        found = judge_order(Action.PLACE, 200, {}, answer)
        assert found is not None
        assert found.outcome is OrderOutcome.UNKNOWN


def test_a_change_is_as_strict_as_an_order() -> None:
    assert judge_change(200, {}, body(0)).outcome is Outcome.OK
    assert judge_change(200, {}, b"{}").outcome is Outcome.UNKNOWN
    assert judge_change(409, {}, body(22017)).outcome is Outcome.UNKNOWN
    assert judge_change(503, {}, body(18006)).outcome is Outcome.UNKNOWN
    assert judge_change(400, {}, body(19004)).outcome is Outcome.REJECTED


def test_the_request_is_named_in_words_and_log(caplog: pytest.LogCaptureFixture) -> None:
    details = {"code": "ACCESS_DENIED", "required": ["admin"], "request_id": "req-456-789"}
    with caplog.at_level(logging.WARNING, "connector.cadenza"):
        found = judge(403, {}, body(-19002, error="denied", details=details))
    assert "denied; ACCESS_DENIED required: admin; request req-456-789" in found.message
    (record,) = caplog.records
    assert vars(record)["request_id"] == "req-456-789"
    assert vars(record)["code"] == 19002


@pytest.mark.parametrize(
    "details", [None, [], "x", {"request_id": 7}, {"request_id": "a\nb"}, {"required": "admin"}]
)
def test_odd_details_lose_nothing_else(details: Any) -> None:
    found = judge(400, {}, body(19004, error="words", details=details))
    assert (found.outcome, found.code) == (Outcome.REJECTED, 19004)
    assert "words" in found.message


def test_words_may_stand_in_data() -> None:
    assert "no such thing" in read(404, body(22016, data="no such thing")).words


def test_every_code_of_the_published_list_is_there_once() -> None:
    assert len(ROWS) == 34
    assert {code for code, row in ROWS.items() if row.proof is Proof.LIMIT} == {18011}


def test_what_is_used_of_a_class_its_answers_tell() -> None:
    (header,) = {pool.header for pool in pools(Config())}
    told = {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "47", "X-RateLimit-Reset": "1"}
    assert used(told) == {header: 3}
    assert used({"X-RateLimit-Remaining": "47"}) == {}
    assert used({"X-RateLimit-Limit": "x", "X-RateLimit-Remaining": "47"}) == {}
    assert used({"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "7"}) == {header: 0}
    assert {pool.name: pool.limit for pool in pools(Config(trading_per_minute=7))} == {
        "auth": 10, "market": 100, "trading": 7, "account": 30,
    }  # fmt: skip
