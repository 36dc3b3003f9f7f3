"""exchangeInfo decoded in pieces is exchangeInfo decoded at once."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.protocol.cutting import TOKENS
from connector.venues.binance_usdm import VENUE
from connector.venues.contract import Listing, Pool

GOLDEN = Path(__file__).parents[1] / "golden" / "binance_usdm" / "exchange_info.json"
INFO: dict[str, Any] = json.loads(GOLDEN.read_bytes())
SYMBOL = INFO["symbols"][0]


def in_pieces(body: bytes) -> tuple[Listing, tuple[Pool, ...], int]:
    steps, pauses = VENUE.instruments_in_pieces(body), 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            listing, pools = end.value
            return listing, pools, pauses
        pauses += 1


def same(body: bytes) -> None:
    try:
        whole = VENUE.instruments(body), VENUE.pools_of(body)
    except ValueError:
        with pytest.raises(ValueError, match=r"exchangeInfo|rateLimits"):
            in_pieces(body)
        return
    assert in_pieces(body)[:2] == whole


def info(symbols: Any, **more: Any) -> bytes:
    return json.dumps({**INFO, "symbols": symbols, **more}).encode()


def test_the_recorded_answer() -> None:
    same(GOLDEN.read_bytes())


def test_a_long_answer_takes_many_pauses() -> None:
    symbols = [{**SYMBOL, "symbol": f"S{number}USDT"} for number in range(700)]
    body = info(symbols)
    listing, _, pauses = in_pieces(body)
    assert len(listing.instruments) == 700
    assert pauses > 700 + 700 * 50 // TOKENS
    same(body)


ODD = [
    b"",
    b"[]",
    b"{}",
    b"null",
    b'{"symbols":5}',
    b'{"symbols":[]}',
    b'{"symbols":[{}]}',
    b'{"symbols":[{},{"symbol":"A"},7,"x",[{}],null,{"filters":[{}]}]}',
    b'{"symbols":[{"symbol":"A"}],"symbols":[{"symbol":"B"}]}',
    b'{"symbols":[{"symbol":"A"}],"symbols":7}',
    b'{"symbols":{"symbols":[{"symbol":"A"}]}}',
    b'{"x":{"symbols":[{"a":1}]},"symbols":[{"symbol":"A"}]}',
    b'{"s\\u0079mbols":[{"symbol":"A"}]}',
    b'{"symbols" : [ {"symbol":"A\\"}]}"} , {"symbol":"B"} ] }',
    b'{"symbols":[{"symbol":"A"}',
    b'{"symbols":[{"symbol":"A]}',
    b'{"symbols":[{"symbol":"A"}]]}',
    b'{"symbols":[{"symbol":A}]}',
    b'{"symbols":[{"symbol":"A"},]}',
    b'{"symbols":[{"symbol":"A"}{"symbol":"B"}]}',
    b'{"symbols":[{]}}',
]


@pytest.mark.parametrize("body", ODD)
def test_odd_answers(body: bytes) -> None:
    same(body)


@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    body = bytearray(info([SYMBOL, {**SYMBOL, "symbol": "B"}]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from([b"", b'"', b"{", b"}", b"[", b"]", b",", b"\\", b"0", b":", b"x"])
        )
    same(bytes(body))
