"""Parameters of an endpoint: refused before sending, by field and rule."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from connector.venues.endpoint import Endpoint, Request, Security
from connector.venues.parameters import (
    BadParameter,
    Parameter,
    Rule,
    listed,
    needed,
    not_with,
    one_of,
    only,
    ordered,
    parameters,
    within,
)


class Params(Struct, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    symbol: Annotated[str, Meta(min_length=1)]
    side: Literal["BUY", "SELL"] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] | None = None
    amount: Annotated[str, Meta(pattern="^[0-9]+$", description="a decimal, as 0.5")] | None = None
    start_time: int | None = None
    end_time: int | None = None
    order_id: int | None = None
    ids: str | None = None
    post_only: bool | None = None


def row(*rules: Rule, **fields: Any) -> Endpoint:
    def weight(given: Mapping[str, Any]) -> int:
        return 5 if given.get("limit", 0) > 100 else 1

    made = {
        "name": "orders", "method": "GET", "path": "/orders", "weight": weight, "params": Params,
        "result": Any, "pool": "weight", "security": Security.SIGNED,
    }  # fmt: skip
    return Endpoint(rules=rules, **(made | fields))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "symbol: missing; text"),
        ({"symbol": ""}, "symbol: '' is not text"),
        ({"symbol": "X", "side": "buy"}, "side: 'buy' is not one of BUY, SELL"),
        ({"symbol": "X", "limit": "0"}, "limit: '0' is not a whole number from 1 to 1000"),
        ({"symbol": "X", "limit": "ten"}, "limit: 'ten' is not a whole number from 1 to 1000"),
        ({"symbol": "X", "limit": "1.5"}, "limit: '1.5' is not a whole number from 1 to 1000"),
        ({"symbol": "X", "amount": "1e3"}, "amount: '1e3' is not a decimal, as 0.5"),
        ({"symbol": "X", "postOnly": "si"}, "postOnly: 'si' is not true or false"),
        ({"symbol": "X", "sdie": "BUY"}, "sdie: no parameter of this endpoint; did you mean side?"),
        ({"symbol": "X", "order_id": "1"},
         "order_id: no parameter of this endpoint; did you mean orderId?"),
        ({"symbol": "X", "zzz": "1"},
         "zzz: no parameter of this endpoint; it has symbol, side, limit, amount, startTime, "
         "endTime, orderId, ids, postOnly"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_what_is_allowed(given: dict[str, str], text: str) -> None:
    with pytest.raises(BadParameter) as refused:
        row().called(given, text=True)
    assert str(refused.value) == text


RULES = [
    (one_of("orderId", "ids"), {}, "orderId: one of orderId, ids is needed", {"ids": "[]"}),
    (
        not_with("orderId", "startTime", "endTime"),
        {"orderId": 1, "endTime": 1},
        "orderId: not together with startTime or endTime",
        {"endTime": 1},
    ),
    (needed("limit", "side"), {"side": "BUY"}, "limit: needed where side is given", {}),
    (
        needed("limit", "side", "SELL"),
        {"side": "SELL"},
        "limit: needed where side is SELL",
        {"side": "BUY"},
    ),
    (
        only("amount", "side", "BUY"),
        {"amount": "1", "side": "SELL"},
        "amount: only where side is BUY",
        {"amount": "1", "side": "BUY"},
    ),
    (
        within("startTime", "endTime", 1000, "at most 1 s"),
        {"startTime": 5, "endTime": 1006},
        "endTime: not before startTime, and later by at most 1 s",
        {"startTime": 5, "endTime": 1005},
    ),
    (
        within("startTime", "endTime", 1000, "at most 1 s"),
        {"startTime": 5, "endTime": 4},
        "endTime: not before startTime, and later by at most 1 s",
        {"startTime": 5},
    ),
    (
        ordered("startTime", "endTime"),
        {"startTime": 5, "endTime": 4},
        "endTime: not before startTime",
        {"startTime": 5, "endTime": 5},
    ),
    (listed("ids", 1, 2), {"ids": "[1,2,3]"}, "ids: a JSON list of 1 to 2", {"ids": "[1]"}),
    (listed("ids", 1, 2), {"ids": "[1,"}, "ids: a JSON list of 1 to 2", {}),
    (listed("ids", 1, 2), {"ids": "{}"}, "ids: a JSON list of 1 to 2", {"ids": '["a","b"]'}),
]


@pytest.mark.parametrize(("rule", "wrong", "text", "right"), RULES)
def test_rules_over_several_parameters(
    rule: Rule, wrong: dict[str, Any], text: str, right: dict[str, Any]
) -> None:
    endpoint = row(rule)
    with pytest.raises(BadParameter) as refused:
        endpoint.called({"symbol": "X", **wrong})
    assert str(refused.value) == text
    endpoint.called({"symbol": "X", **right})
    endpoint.request(symbol="X")  # the connector's own requests are right by themselves


def test_words_become_what_they_mean_and_values_must_be_it() -> None:
    given = {"limit": "500", "symbol": "测试", "startTime": "1", "postOnly": "true"}
    request = row().called(given, text=True)
    assert request == Request(
        "GET",
        "/orders",
        query="symbol=%E6%B5%8B%E8%AF%95&limit=500&startTime=1&postOnly=true",
        weight=5,
        pool="weight",
        name="orders",
        security=Security.SIGNED,
    )
    with pytest.raises(BadParameter, match="limit: '500' is not a whole number"):
        row().called(given)


def test_a_body_is_a_json_object() -> None:
    request = row(method="POST", body=True).called({"symbol": "X", "limit": 7, "postOnly": True})
    assert request.body == b'{"symbol":"X","limit":7,"postOnly":true}'
    assert request.target == "/orders"
    assert request.headers == (("Content-Type", "application/json"),)


def test_whatever_is_no_get_changes_something_unless_it_is_said_otherwise() -> None:
    assert not row().changes
    assert row(method="POST").changes
    assert row(method="DELETE").changes
    assert not row(method="POST", harmless=True).changes


def test_parameters_are_described() -> None:
    described = parameters(Params)
    assert described[:4] == [
        Parameter("symbol", True, "text"),
        Parameter("side", False, "one of BUY, SELL"),
        Parameter("limit", False, "a whole number from 1 to 1000"),
        Parameter("amount", False, "a decimal, as 0.5"),
    ]
