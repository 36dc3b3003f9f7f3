"""Answers of endpoints: typed, and nothing that the struct does not know is lost."""

from typing import Any

import msgspec
import pytest

from connector.transport.calls import decoded, unknown_fields
from connector.venues.contract import load

ENDPOINTS = load("binance_usdm").endpoints


@pytest.mark.parametrize(
    ("name", "body", "unknown"),
    [
        ("time", '{"serverTime":1}', {}),
        ("time", '{"serverTime":1,"fresh":[2]}', {"fresh": [2]}),
        (
            "balance",
            '[{"asset":"USDT"},{"asset":"BTC","x":{"y":1}}]',
            {"[1].x": {"y": 1}},
        ),
        (
            "account",
            '{"feeTier":1,"assets":[{"asset":"A","n":null}],"positions":[]}',
            {"assets[0].n": None},
        ),
        ("ticker24h", '{"symbol":"X","z":1}', {"z": 1}),
        ("ticker24h", '[{"symbol":"X","z":1}]', {"[0].z": 1}),
        ("klines", '[[1,"2","3","4","5","6",7,"8",9,"10","11","0"]]', {}),
        (
            "klines",
            '[[1,"2","3","4","5","6",7,"8",9,"10","11","0","new"]]',
            {"[0][12]": "new"},
        ),
        (
            "tradingSchedule",
            '{"marketSchedules":{"EQUITY":{"sessions":[{"type":"A","b":1}]}}}',
            {"marketSchedules.EQUITY.sessions[0].b": 1},
        ),
        (
            "tradingStatus",
            '{"indicators":{"BTCUSDT":[{"value":1,"w":2}]},"updateTime":3}',
            {"indicators.BTCUSDT[0].w": 2},
        ),
    ],
)
def test_what_the_struct_does_not_know_is_named_by_its_path(
    name: str, body: str, unknown: dict[str, Any]
) -> None:
    row = ENDPOINTS[name]
    assert decoded(row, body.encode()) is not None
    assert unknown_fields(row, body.encode()) == unknown


def test_a_value_keeps_its_digits() -> None:
    (row,) = decoded(ENDPOINTS["klines"], b'[[1,"0.10","3"]]')
    assert (bytes(row.open), bytes(row.high)) == (b'"0.10"', b'"3"')
    with pytest.raises(msgspec.DecodeError):
        decoded(ENDPOINTS["klines"], b"[[1")
