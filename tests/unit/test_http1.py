"""HTTP/1.1, server side: any split gives the same requests, and limits end the connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.protocol.http1 import (
    Continue,
    Limits,
    Refusal,
    Request,
    ServerConnection,
    Upgrade,
    response,
)

GET = b"GET /fapi/v1/depth?symbol=BTCUSDT HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\n\r\n"
POST = b"POST /_sim/faults HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
)
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
UPGRADE = (
    b"GET /public/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def parse(data: bytes, step: int = 0, limits: Limits | None = None) -> list[object]:
    connection = ServerConnection(limits)
    events: list[object] = []
    for start in range(0, len(data), step or len(data)):
        events += connection.receive(data[start : start + (step or len(data))])
    return events


def test_pipelined_requests_come_out_in_order() -> None:
    first, second, third, fourth = parse(GET + POST + CHUNKED + LAST)
    assert isinstance(first, Request)
    assert (first.method, first.path, first.query) == ("GET", "/fapi/v1/depth", "symbol=BTCUSDT")
    assert first.headers == {"host": "x", "x-a": "1, 2"}
    assert isinstance(second, Request)
    assert (second.body, second.keep_alive) == (b"hello", True)
    assert isinstance(third, Request)
    assert third.body == b"abcde"
    assert isinstance(fourth, Request)
    assert not fourth.keep_alive


def test_nothing_is_served_after_connection_close() -> None:
    assert len(parse(LAST + GET, step=7)) == 1


@given(st.integers(1, 80))
def test_any_split_gives_the_same_requests(step: int) -> None:
    stream = GET + POST + CHUNKED + GET + LAST
    assert parse(stream, step) == parse(stream)


@given(st.integers(1, len(UPGRADE)))
def test_an_upgrade_keeps_every_byte_behind_it(step: int) -> None:
    events = parse(UPGRADE, step)
    assert len(events) == 1
    upgrade = events[0]
    assert isinstance(upgrade, Upgrade)
    assert (upgrade.head, upgrade.rest) == (UPGRADE, b"")
    (again,) = parse(UPGRADE + b"\x81\x80abcd")
    assert isinstance(again, Upgrade)
    assert again.rest == b"\x81\x80abcd"


def test_an_upgrade_nobody_offers_is_an_ordinary_request() -> None:
    h2c = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    first, second = parse(h2c + GET)
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    assert (first.path, second.path) == ("/a", "/fapi/v1/depth")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET /" + b"a" * 300 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 300, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX" + b"a" * 300 + b": 1\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n", 413),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n"
            + b"a" * 101
            + b"\r\n0\r\n\r\n",
            413,
        ),
    ],
)
@pytest.mark.parametrize("step", [0, 1, 13])
def test_broken_and_oversized_requests_are_refused_once(
    data: bytes, status: int, step: int
) -> None:
    events = parse(data + GET, step, Limits(head_bytes=200, body_bytes=100))
    assert [e.status for e in events if isinstance(e, Refusal)] == [status]
    assert not [e for e in events if isinstance(e, Request)]


def test_expect_100_continue_is_said_before_the_body() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    connection = ServerConnection()
    assert connection.receive(head) == [Continue()]
    (request,) = connection.receive(b"ok")
    assert isinstance(request, Request)
    assert request.body == b"ok"


def test_response_states_its_length_and_a_head_answer_has_no_body() -> None:
    full = response(200, b"{}", [("X-MBX-USED-WEIGHT-1M", "3")])
    assert full.startswith(b"HTTP/1.1 200 OK\r\n")
    assert full.endswith(b"\r\n\r\n{}")
    assert b"Content-Length: 2\r\n" in full
    assert b"X-MBX-USED-WEIGHT-1M: 3\r\n" in full
    assert response(200, b"{}", method="HEAD").endswith(b"\r\n\r\n")
