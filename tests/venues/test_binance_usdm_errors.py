"""Binance USD-M, errors: each code of the reference proves what the reference says, and what is
not listed proves nothing."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.intents import Action
from connector.venues.binance_usdm.error_codes import ROWS
from connector.venues.binance_usdm.errors import judge, judge_order
from connector.venues.contract import Outcome
from connector.venues.trading_contract import OrderOutcome

SECOND_NS = 1_000_000_000
GOLDEN = Path(__file__).parents[1] / "golden" / "binance_usdm"
REFERENCE = [
    (int(code), kind, words)
    for code, kind, words in (
        line.split("\t")
        for line in (GOLDEN / "error_codes.tsv").read_text().splitlines()
        if not line.startswith("#")
    )
]
PROVES = {
    "UK": OrderOutcome.UNKNOWN,
    "NS": OrderOutcome.NOT_EXECUTED,
    "RT": OrderOutcome.NOT_EXECUTED,
    "RL": OrderOutcome.THROTTLED,
    "CK": OrderOutcome.CLOCK,
    "AF": OrderOutcome.AUTH,
    "RJ": OrderOutcome.REFUSED,
    "RJq": OrderOutcome.REFUSED,
    "RJ=": OrderOutcome.ALREADY,
}
NOT_OPEN = {-2011, -2013, -4000}
"""Of a cancel, amend or query."""
REST_OF_ORDER = [Action.AMEND, Action.CANCEL, Action.CANCEL_ALL, Action.QUERY]


def error(code: int | str, words: str = "words") -> bytes:
    return f'{{"code":{code},"msg":"{words}"}}'.encode()


def test_the_table_has_the_codes_of_the_reference_and_no_other() -> None:
    assert len(REFERENCE) == 208
    assert {row.code: row.name for row in ROWS.values()}.keys() == {row[0] for row in REFERENCE}


def test_names_are_those_of_the_reference() -> None:
    """Where the reference gives a name; four of its rows have words only."""
    other = {-1008, -4183, -4425, -4531, 239999}
    for code, _, words in REFERENCE:
        name = re.match(r"\w+", words)
        assert name is not None
        if code not in other:
            assert ROWS[code].name == name[0].upper(), code


@pytest.mark.parametrize("status", [200, 400, 500, 503])
def test_a_code_proves_what_the_reference_says(status: int) -> None:
    for code, kind, _ in REFERENCE:
        verdict = judge_order(Action.PLACE, status, {}, error(code))
        assert verdict is not None, code
        assert (verdict.outcome, verdict.code) == (PROVES[kind], code)
        assert verdict.reconcile == kind.endswith("q"), code
        assert (verdict.retry_after_ns > 0) == (kind == "RL"), code
        assert judge_order(Action.PLACE, status, {}, error(f'"{code}"')) == verdict, code


@pytest.mark.parametrize("action", REST_OF_ORDER)
def test_only_three_codes_say_that_an_order_is_not_open(action: Action) -> None:
    for code, kind, _ in REFERENCE:
        verdict = judge_order(action, 400, {}, error(code))
        assert verdict is not None, code
        expected = OrderOutcome.GONE if code in NOT_OPEN else PROVES[kind]
        assert verdict.outcome is expected, code


@given(
    st.integers(-99_999, -1).filter(lambda code: code not in ROWS),
    st.sampled_from([200, 400, 401, 404, 500, 503]),
    st.sampled_from(list(Action)),
)
def test_a_code_nobody_listed_proves_nothing(code: int, status: int, action: Action) -> None:
    verdict = judge_order(action, status, {}, error(code, "Service Unavailable."))
    assert verdict is not None
    assert (verdict.outcome, verdict.code) == (OrderOutcome.UNKNOWN, code)


BANNED = "Way too many requests; IP(1.2.3.4) banned until 1626992860000."
EXECUTION_UNKNOWN = b"Unknown error, please check your request or try again later."


@pytest.mark.parametrize(
    ("status", "headers", "body", "outcome", "seconds"),
    [
        (418, {"Retry-After": "600"}, error(-1003), OrderOutcome.BANNED, 600),
        (418, {}, b"", OrderOutcome.BANNED, 120),
        (429, {"retry-after": "7"}, error(-1003), OrderOutcome.THROTTLED, 7),
        (429, {}, error(-1015), OrderOutcome.THROTTLED, 60),
        (429, {}, b"<html>", OrderOutcome.THROTTLED, 60),
        (400, {}, error(-1003, BANNED), OrderOutcome.BANNED, 120),
        (
            400,
            {"Date": "Thu, 22 Jul 2021 22:27:30 GMT"},
            error(-1003, BANNED),
            OrderOutcome.BANNED,
            10,
        ),
        (403, {}, b"<html>Forbidden</html>", OrderOutcome.BANNED, 300),
        (403, {}, error(-2015), OrderOutcome.AUTH, 0),
        (401, {}, error(-2014), OrderOutcome.AUTH, 0),
        (408, {}, b"", OrderOutcome.UNKNOWN, 0),
        (408, {}, error(-1007), OrderOutcome.UNKNOWN, 0),
        (500, {}, b"oops", OrderOutcome.UNKNOWN, 0),
        (502, {}, b"<html>Bad Gateway</html>", OrderOutcome.UNKNOWN, 0),
        (503, {}, EXECUTION_UNKNOWN, OrderOutcome.UNKNOWN, 0),
        (503, {}, error(-1000, EXECUTION_UNKNOWN.decode()), OrderOutcome.UNKNOWN, 0),
        (503, {}, b"Service Unavailable.", OrderOutcome.NOT_EXECUTED, 0),
        (503, {}, b'{"msg":"Service Unavailable."}', OrderOutcome.NOT_EXECUTED, 0),
        (
            503,
            {},
            b"Internal error; unable to process your request. Please try again.",
            OrderOutcome.NOT_EXECUTED,
            0,
        ),
        (
            503,
            {},
            error(-1008, "Request throttled by system-level protection."),
            OrderOutcome.NOT_EXECUTED,
            0,
        ),
        (503, {}, b'{"code":239999,"msg":{"en":"down"}}', OrderOutcome.NOT_EXECUTED, 0),
        (500, {}, b"Service Unavailable.", OrderOutcome.UNKNOWN, 0),
        (400, {}, b"", OrderOutcome.UNKNOWN, 0),
        (400, {}, b'{"code":0,"msg":""}', OrderOutcome.UNKNOWN, 0),
        (404, {}, b"<html>Not Found</html>", OrderOutcome.UNKNOWN, 0),
        (301, {}, b"", OrderOutcome.UNKNOWN, 0),
        (101, {}, b"", OrderOutcome.UNKNOWN, 0),
        (400, {}, b'{"code":"no number","msg":""}', OrderOutcome.UNKNOWN, 0),
        (400, {}, b"[" * 100_000, OrderOutcome.UNKNOWN, 0),
    ],
)
def test_status_and_words_decide_where_no_code_does(status, headers, body, outcome, seconds):
    verdict = judge_order(Action.PLACE, status, headers, body)
    assert verdict is not None
    assert (verdict.outcome, verdict.retry_after_ns) == (outcome, seconds * SECOND_NS)
    assert verdict.message


@pytest.mark.parametrize("body", [b'{"orderId":1}', b'{"code":200,"msg":"done"}', b"[]", b""])
def test_a_success_without_error_is_left_to_whoever_reads_the_order(body: bytes) -> None:
    assert judge_order(Action.PLACE, 200, {}, body) is None


@given(
    st.integers(100, 599),
    st.dictionaries(st.sampled_from(["Retry-After", "Date"]), st.text(max_size=40)),
    st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda text: error(-1003, text))),
    st.sampled_from(list(Action)),
)
def test_no_answer_breaks_the_judge(status, headers, body, action):
    verdict = judge_order(action, status, headers, body)
    assert verdict is None or verdict.retry_after_ns >= 0


def test_a_question_is_judged_by_the_same_table() -> None:
    for code, kind, _ in REFERENCE:
        expected = {
            "UK": Outcome.UNKNOWN,
            "NS": Outcome.NOT_EXECUTED,
            "RT": Outcome.NOT_EXECUTED,
            "RL": Outcome.THROTTLED,
        }.get(kind, Outcome.REJECTED)
        if code == -1125:  # asking with the same dead key again never helps
            expected = Outcome.REJECTED
        assert judge(400, {}, error(code)).outcome is expected, code
