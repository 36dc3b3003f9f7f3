"""Phemex, errors: each code of the reference proves what the reference says, and what is not listed
proves nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.intents import Action
from connector.venues.contract import Outcome
from connector.venues.phemex.error_codes import OFFICIAL, ROWS
from connector.venues.phemex.errors import judge, judge_order
from connector.venues.trading_contract import OrderOutcome

SECOND_NS = 1_000_000_000
GOLDEN = Path(__file__).parents[1] / "golden" / "phemex"
REFERENCE = [
    (int(code), kind, name)
    for code, kind, name, _ in (
        line.split("\t")
        for line in (GOLDEN / "error_codes.tsv").read_text().splitlines()
        if not line.startswith("#")
    )
]
PROVES = {
    "UK": OrderOutcome.UNKNOWN,
    "RT": OrderOutcome.NOT_EXECUTED,
    "AF": OrderOutcome.AUTH,
    "RJ": OrderOutcome.REFUSED,
}
ASKED = {
    "UK": Outcome.UNKNOWN,
    "RT": Outcome.NOT_EXECUTED,
    "AF": Outcome.REJECTED,
    "RJ": Outcome.REJECTED,
}
NOT_OPEN = {10002, 11015, 11062, 11063, 11066}
"""Of a cancel, amend or query."""
CANCELLING = {10003, 11061}
"""Of a cancel: the state is as wanted."""


def error(code: int | str, words: str = "words", data: str = "null") -> bytes:
    return f'{{"code":{code},"msg":"{words}","data":{data}}}'.encode()


def test_the_table_has_the_codes_of_the_reference_and_no_other() -> None:
    assert len(REFERENCE) == 141
    assert {row.code: row.name for row in OFFICIAL.values()} == {
        code: name for code, _, name in REFERENCE
    }


@pytest.mark.parametrize("status", [200, 400])
def test_a_code_proves_what_the_reference_says(status: int) -> None:
    for code, kind, _ in REFERENCE:
        verdict = judge_order(Action.PLACE, status, {}, error(code))
        assert verdict is not None
        assert (verdict.outcome, verdict.code, verdict.message) == (PROVES[kind], code, "words")
        assert verdict.retry_after_ns == 0
        assert judge_order(Action.PLACE, status, {}, error(f'"{code}"')) == verdict
        # An order's own error stands for the answer's.
        single = error(0, "words", f'{{"bizError":{code},"orderID":""}}')
        assert judge_order(Action.PLACE, status, {}, single) == verdict


@pytest.mark.parametrize("action", [Action.AMEND, Action.CANCEL, Action.CANCEL_ALL, Action.QUERY])
def test_some_codes_say_that_an_order_is_not_open(action: Action) -> None:
    for code, kind, _ in REFERENCE:
        verdict = judge_order(action, 200, {}, error(code))
        assert verdict is not None
        expected = OrderOutcome.GONE if code in NOT_OPEN else PROVES[kind]
        if action is Action.CANCEL and code in CANCELLING:
            expected = OrderOutcome.ALREADY
        assert verdict.outcome is expected, code


@given(
    st.integers(1, 99_999).filter(lambda code: code not in ROWS and code != 401),
    st.sampled_from([200, 400, 404, 500]),
    st.sampled_from(list(Action)),
)
def test_a_code_nobody_listed_proves_nothing(code: int, status: int, action: Action) -> None:
    verdict = judge_order(action, status, {}, error(code))
    assert verdict is not None
    assert (verdict.outcome, verdict.code) == (OrderOutcome.UNKNOWN, code)


@pytest.mark.parametrize(
    ("status", "headers", "body", "outcome", "seconds"),
    [
        (429, {"x-ratelimit-retry-after-CONTRACT": "7"}, b"", OrderOutcome.THROTTLED, 7),
        (429, {"X-RateLimit-Retry-After": "3"}, error(39995), OrderOutcome.THROTTLED, 3),
        (429, {}, b"<html>", OrderOutcome.THROTTLED, 60),
        (429, {"retry-after": "soon"}, b"", OrderOutcome.THROTTLED, 60),
        (200, {}, error('"39995"', "Too many requests."), OrderOutcome.THROTTLED, 60),
        (401, {}, error('"401"', "401 Request Expired at 1580533239"), OrderOutcome.CLOCK, 0),
        (401, {}, error('"401"', "401 Failed to load API KEY."), OrderOutcome.AUTH, 0),
        (401, {}, error('"401"', "401 Insufficient privilege."), OrderOutcome.AUTH, 0),
        (401, {}, b"401 Request Expired at 1580533239", OrderOutcome.CLOCK, 0),
        (401, {}, b"", OrderOutcome.AUTH, 0),
        (403, {}, b"", OrderOutcome.AUTH, 0),
        (200, {}, error(10500, "API Signature verification failed."), OrderOutcome.AUTH, 0),
        (200, {}, error('"10500"', "Failed to find api-key x"), OrderOutcome.AUTH, 0),
        (200, {}, error(10500, "Missing required parameter"), OrderOutcome.REFUSED, 0),
        (200, {}, error(39996, "Access denied."), OrderOutcome.UNKNOWN, 0),
        # 5XX: the execution status is unknown, whatever is said besides.
        (500, {}, error(11001), OrderOutcome.UNKNOWN, 0),
        (502, {}, b"<html>Bad Gateway</html>", OrderOutcome.UNKNOWN, 0),
        (503, {}, b"", OrderOutcome.UNKNOWN, 0),
        (404, {}, b"<html>Not Found</html>", OrderOutcome.UNKNOWN, 0),
        (400, {}, error(0), OrderOutcome.UNKNOWN, 0),
        (200, {}, b"", OrderOutcome.UNKNOWN, 0),
        (200, {}, b"[]", OrderOutcome.UNKNOWN, 0),
        (200, {}, b'{"code":"no number","msg":""}', OrderOutcome.UNKNOWN, 0),
        (400, {}, b"[" * 100_000, OrderOutcome.UNKNOWN, 0),
        (101, {}, b"", OrderOutcome.UNKNOWN, 0),
    ],
)
def test_status_and_words_decide_where_no_code_does(status, headers, body, outcome, seconds):
    verdict = judge_order(Action.PLACE, status, headers, body)
    assert verdict is not None
    assert (verdict.outcome, verdict.retry_after_ns) == (outcome, seconds * SECOND_NS)
    assert verdict.message


@pytest.mark.parametrize("words", ["", "OK"])
def test_a_success_is_left_to_whoever_reads_the_order(words: str) -> None:
    body = error(0, words, '{"bizError":0,"orderID":"x"}')
    assert judge_order(Action.PLACE, 200, {}, body) is None
    assert judge_order(Action.CANCEL, 200, {}, error(0, words, "[]")) is None


def test_an_account_being_liquidated_is_looked_at() -> None:
    for code in (11023, 11024, 11017, 11057):
        verdict = judge_order(Action.PLACE, 200, {}, error(code))
        assert verdict is not None
        assert verdict.reconcile


@given(
    st.integers(100, 599),
    st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-retry-after"]), st.text()),
    st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda text: error(10500, text))),
    st.sampled_from(list(Action)),
)
def test_no_answer_breaks_the_judges(status, headers, body, action):
    verdict = judge_order(action, status, headers, body)
    assert verdict is None or verdict.retry_after_ns >= 0
    judge(status, headers, body)


def test_a_question_is_judged_by_the_same_table() -> None:
    for code, kind, _ in REFERENCE:
        answer = judge(200, {}, error(code))
        expected = Outcome.OK if code == 10002 else ASKED[kind]
        assert (answer.outcome, answer.code) == (expected, code)


@pytest.mark.parametrize(
    ("status", "body", "outcome", "code"),
    [
        (200, error(0, "OK", '{"rows":[]}'), Outcome.OK, 0),
        (200, b'{"error":null,"id":0,"result":{"depth":30}}', Outcome.OK, 0),
        (200, b"[[1,2],[3,4]]", Outcome.OK, 0),
        # The list of open orders of somebody who has none.
        (200, error(10002, "OM_ORDER_NOT_FOUND"), Outcome.OK, 10002),
        # Below /md a bad symbol is an error of the server's.
        (
            500,
            b'{"error":{"code":6001,"message":"invalid argument"},"id":null,"result":null}',
            Outcome.REJECTED,
            6001,
        ),
        (500, b"", Outcome.UNKNOWN, 0),
        (503, b"<html>", Outcome.UNKNOWN, 0),
        (401, b"401 Request Expired at 1", Outcome.REJECTED, 0),
        (403, b"", Outcome.REJECTED, 0),
        (404, b"", Outcome.REJECTED, 0),
        (200, b'{"code":0,"da', Outcome.UNKNOWN, 0),
        (200, b'{"code":0,"data":"' + b"x" * 5000, Outcome.UNKNOWN, 0),
        (200, b'{"code":0,"data":"' + b"x" * 5000 + b'"}', Outcome.OK, 0),
        (200, b'{"code":"30018","data":"' + b"x" * 5000 + b'"}', Outcome.REJECTED, 30018),
    ],
)
def test_answers_to_questions(status: int, body: bytes, outcome: Outcome, code: int) -> None:
    answer = judge(status, {}, body)
    assert (answer.outcome, answer.code) == (outcome, code)


def test_a_throttled_question_says_how_long() -> None:
    answer = judge(429, {"x-ratelimit-retry-after": "9"}, b"")
    assert (answer.outcome, answer.retry_after_ns) == (Outcome.THROTTLED, 9 * SECOND_NS)
