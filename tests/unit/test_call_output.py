"""What `connector call` prints of an answer."""

import json
from typing import Any

import pytest

from connector.cli._call_output import show
from connector.transport.calls import Called
from connector.venues.contract import Outcome, load

ROW = load("binance_usdm").endpoints["balance"]


def shown(answer: Any) -> str:
    body = json.dumps(answer).encode()
    return show(ROW, Called(endpoint=ROW.name, outcome=Outcome.OK, status=200, body=body), False)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ([], "nothing"),
        ({}, ""),
        ({"a": "1.50", "b": None, "c": [1, 2], "d": {}}, "a: 1.50\nb: -\nc: [1,2]\nd: {}"),
        ([{"a": 1, "b": "x"}, {"a": 22}], "a   b\n1   x\n22  -"),
        ([[1, "2"], [33, "4"]], "1   2\n33  4"),
        ([{"a": {"b": 1}}, {"a": {"b": 2}}], "a:\n  b: 1\n\na:\n  b: 2"),
        (
            {"code": 0, "data": {"rows": [{"x": 1}, {"x": 2}], "total": 2}},
            "code: 0\ndata:\n  rows:\n    x\n    1\n    2\n  total: 2",
        ),
        ("OK", "OK"),
        (7, "7"),
    ],
)
def test_an_answer_for_people(answer: Any, text: str) -> None:
    assert shown(answer) == text


def test_what_is_no_json_is_shown_as_it_came() -> None:
    called = Called(endpoint="x", outcome=Outcome.OK, status=200, body=b"hello")
    assert show(ROW, called, False) == "hello"


@pytest.mark.parametrize(
    ("called", "text"),
    [
        (
            Called(endpoint="x", outcome=Outcome.REJECTED, status=400, code=-4028, message="no"),
            "x: rejected: -4028 no",
        ),
        (
            Called(endpoint="x", outcome=Outcome.REJECTED, status=400, code=-4020, message="at 10"),
            "x: rejected: -4020 at 10",
        ),
        (
            Called(endpoint="x", outcome=Outcome.REJECTED, status=400, code=-4020),
            "x: rejected: -4020",
        ),
        (Called(endpoint="x", outcome=Outcome.UNKNOWN, status=502), "x: unknown: HTTP 502"),
        (
            Called(endpoint="x", outcome=Outcome.NOT_EXECUTED, message="host: refused"),
            "x: not executed: host: refused",
        ),
    ],
)
def test_what_went_wrong(called: Called, text: str) -> None:
    assert show(ROW, called, False) == text
