"""Laws of the HTTP client against a raw socket that answers what each row says."""

import asyncio
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from connector.errors import NotSent, Unknown
from connector.transport.http import HttpClient
from connector.transport.http_connection import HttpAnswer, Malformed

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def talk(
    handler: Handler, use: Callable[[HttpClient], Awaitable[Any]], **options: Any
) -> tuple[Any, int]:
    """What ``use`` gives with a client of ``handler``'s host, and how many connections it took."""

    async def main() -> tuple[Any, int]:
        connections = 0
        writers: list[asyncio.StreamWriter] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            writers.append(writer)
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = HttpClient(f"http://127.0.0.1:{port}", None, **{"timeout_s": 5.0, **options})
        try:
            return await use(client), connections
        finally:
            await client.close()
            server.close()
            for writer in writers:
                writer.close()
            await asyncio.sleep(0.01)

    return asyncio.run(main())


def answers(*parts: bytes, close: bool = False, pause: float = 0.0) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
                await writer.drain()
                if pause:
                    await asyncio.sleep(pause)
            if close:
                return

    return handler


def get(client: HttpClient) -> Awaitable[HttpAnswer]:
    return client.request("GET", "/fapi/v1/ping")


def test_an_answer_has_status_headers_and_body_and_the_connection_is_kept() -> None:
    async def use(client: HttpClient) -> HttpAnswer:
        await get(client)
        return await get(client)

    answer, connections = talk(
        answers(b"HTTP/1.1 200 OK\r\nX-MBX-Used-Weight-1M: 7\r\nContent-Length: 2\r\n\r\n{}"), use
    )
    assert answer == HttpAnswer(200, {"x-mbx-used-weight-1m": "7", "content-length": "2"}, b"{}")
    assert connections == 1


def test_names_of_headers_are_told_in_lower_case_and_values_as_they_are() -> None:
    names = ["X-aZ", "A" * 63, "Zz" * 32, "aQ" * 40, "x!#$%&'*+-.^_`|~9Z"]
    lines = "".join(f"{name}: V\xe9{name}\r\n" for name in names).encode("latin-1")
    answer, _ = talk(answers(b"HTTP/1.1 204 No Content\r\n" + lines + b"\r\n"), get)
    assert answer.headers == {name.lower(): f"V\xe9{name}" for name in names}


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n", b"abcdefg"),
        (b"Content-Length: 0\r\n\r\n", b""),
        (b"Content-Length: 7\r\n\r\nabcdefg", b"abcdefg"),
    ],
)
def test_bodies_arrive_whole_however_the_bytes_are_cut(wire: bytes, body: bytes) -> None:
    message = b"HTTP/1.1 200 OK\r\n" + wire
    pieces = [message[i : i + 1] for i in range(len(message))]
    answer, _ = talk(answers(*pieces, pause=0.0001), get)
    assert answer.body == body


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    answer, _ = talk(answers(b"HTTP/1.1 200 OK\r\n\r\n<html>", b"...", close=True), get)
    assert answer.body == b"<html>..."


def test_an_interim_answer_is_not_the_answer() -> None:
    wire = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nA: b\r\n\r\n"
    answer, _ = talk(answers(wire), get)
    assert (answer.status, answer.headers.get("a")) == (204, "b")


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "ended after 3 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "ended after 2 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "ended after 0 bytes"),
        (b"ICY 200 OK\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not HTTP"),
    ],
)
def test_a_truncated_or_garbled_answer_is_unknown(wire: bytes, why: str) -> None:
    with pytest.raises(Unknown, match=why):
        talk(answers(wire, close=True), get)


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + bytes(2000),
    ],
)
def test_a_body_above_the_cap_is_refused_before_it_is_held(wire: bytes) -> None:
    with pytest.raises(Unknown, match="1000"):
        talk(answers(wire), get, body_cap=1000)


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (OK + b"Content-Length: -2\r\n\r\n{}", "not HTTP.*Content-Length"),
        (OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "not HTTP.*Content-Length"),
        (OK + b"Content-Length: 2, 2\r\n\r\n{}", "not HTTP.*Content-Length"),
        (OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "not HTTP"),
        (OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", "not HTTP"),
        (OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", "not HTTP.*overflow"),
        (CHUNKED + b"f" * 17 + b"\r\n", "not HTTP.*overflow"),
        (CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\n{}", "status 0"),
        (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", "switches"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "not HTTP"),
    ],
)
def test_an_answer_that_breaks_http_is_malformed(wire: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        talk(answers(wire), get)


@pytest.mark.parametrize(
    ("beginning", "again", "why"),
    [
        (OK, b"X-%d: y\r\n", "more than 128 headers"),
        (OK, b"X-%d: " + b"y" * 1000 + b"\r\n", "head of more than 65536 bytes"),
        (OK + b"X: ", b"%d", "head of more than 65536 bytes"),
        (OK, b"%d", "head of more than 65536 bytes"),
        (b"HTTP/1.1 200 ", b"OK %d", "status line of more than 1024 bytes"),
        (b"", b"HTTP/1.1 100 Go on %d\r\n\r\n", "head of more than 65536 bytes"),
        (b"", b"HTTP/1.1 103 Early\r\nLink: %d\r\n\r\n", "more than 128 headers"),
        (b"", b"\r\n\r\n", "head of more than 65536 bytes"),
        (CHUNKED, b"0" * 40, "around 0 bytes of a body"),
        (CHUNKED + b"2;", b"x=%d;", "around 0 bytes of a body"),
        (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-%d: y\r\n", "around 2 bytes of a body"),
        (CHUNKED, b"fff\r\n" + b"x" * 0xFFF + b"\r\n", "more than 1048576 bytes"),
        (CHUNKED + b"f" * 16 + b"\r\n", b"x" * 4096, "more than 1048576 bytes"),
        (OK + b"\r\n", b"x" * 4096, "more than 1048576 bytes"),
    ],
)
def test_what_never_ends_is_ended(beginning: bytes, again: bytes, why: str) -> None:
    """The host goes on until the client hangs up: nothing but the cap can end the exchange."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(beginning)
        number = 0
        while not writer.is_closing():
            writer.write(again % number if b"%d" in again else again)
            number += 1
            await writer.drain()
            if number % 64 == 0:
                await asyncio.sleep(0)

    with pytest.raises(Malformed, match=why):
        talk(handler, get, body_cap=1 << 20, timeout_s=60.0)


@pytest.mark.parametrize("beginning", [b"", OK + b"X: ", CHUNKED, OK + b"\r\n"])
def test_a_drip_is_unknown_after_the_timeout(beginning: bytes) -> None:
    """A byte now and then is not an answer: the time allowed is that of the whole exchange."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(beginning)
        while not writer.is_closing():
            writer.write(b"0" if beginning else b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    with pytest.raises(Unknown, match=r"no answer within 0\.3 s"):
        talk(handler, get, timeout_s=0.3)


@pytest.mark.parametrize(
    ("method", "wire"),
    [
        ("HEAD", OK + b"Content-Length: 1000\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"),
        ("GET", b"HTTP/1.1 103 Early\r\nA: b\r\n\r\n" * 3 + OK + b"Content-Length: 0\r\n\r\n"),
    ],
)
def test_an_answer_without_a_body_is_whole_with_its_head(method: str, wire: bytes) -> None:
    async def use(client: HttpClient) -> list[HttpAnswer]:
        return [await client.request(method, "/x") for _ in range(2)]

    found, connections = talk(answers(wire), use)
    assert [answer.body for answer in found] == [b"", b""]
    assert connections == 1, "the connection is kept"


@pytest.mark.parametrize(
    ("method", "wire"),
    [
        ("GET", OK + b"Content-Length: 2\r\n\r\n{}{}"),
        ("GET", OK + b"A: b\r\nContent-Length: 2\r\n\r\n{}" + OK + b"A: c\r\nB: d\r\n"),
        ("HEAD", OK + b"A: b\r\nContent-Length: 2\r\n\r\n{}"),
        ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}"),
    ],
)
def test_bytes_behind_an_answer_end_the_connection_and_change_nothing(
    method: str, wire: bytes
) -> None:
    async def use(client: HttpClient) -> list[HttpAnswer]:
        return [await client.request(method, "/x") for _ in range(2)]

    found, connections = talk(answers(wire), use)
    assert connections == 2
    for answer in found:
        assert answer.headers.get("a", "b") == "b"
        assert "b" not in answer.headers
        assert answer.body in (b"", b"{}")


def test_a_trailer_does_not_change_what_the_head_said() -> None:
    wire = OK + b"A: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nA: c\r\nB: d\r\n\r\n"
    answer, _ = talk(answers(wire), get)
    assert (answer.headers["a"], answer.headers.get("b"), answer.body) == ("b", None, b"{}")


def test_silence_is_unknown_after_the_timeout() -> None:
    with pytest.raises(Unknown, match=r"no answer within 0\.2 s"):
        talk(answers(), get, timeout_s=0.2)


def closing_after(served: int) -> Handler:
    """Every connection answers ``served`` requests and is closed at the next one."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(served):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.readuntil(b"\r\n\r\n")

    return handler


def test_reading_is_asked_again_when_a_kept_connection_was_dead() -> None:
    async def use(client: HttpClient) -> list[bytes]:
        return [(await get(client)).body for _ in range(3)]

    bodies, connections = talk(closing_after(1), use)
    assert bodies == [b"ok"] * 3
    assert connections == 3


def test_anything_that_changes_the_venue_is_never_asked_again() -> None:
    async def use(client: HttpClient) -> None:
        await get(client)
        await client.request("POST", "/fapi/v1/order", body=b"x=1")

    with pytest.raises(Unknown, match="before an answer"):
        talk(closing_after(1), use)


def test_a_fresh_connection_is_none_that_was_kept() -> None:
    """What is sent on it cannot be lost with a connection that the host had closed meanwhile, and
    is not asked again."""

    async def use(client: HttpClient) -> list[bytes]:
        await get(client)
        changed = await client.request("POST", "/fapi/v1/order", body=b"x=1", fresh=True)
        return [changed.body, (await get(client)).body]

    bodies, connections = talk(closing_after(1), use)
    assert bodies == [b"ok"] * 2
    assert connections >= 3

    async def read(client: HttpClient) -> None:
        await client.request("GET", "/fapi/v1/order/asyn", fresh=True)

    with pytest.raises(Unknown, match="before an answer"):
        talk(closing_after(0), read)


def test_a_first_connection_that_dies_is_not_tried_for_ever() -> None:
    with pytest.raises(Unknown, match="before an answer"):
        talk(closing_after(0), get)


def test_no_connection_means_nothing_was_sent() -> None:
    async def main() -> None:
        server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        client = HttpClient(f"http://127.0.0.1:{port}", None, timeout_s=5.0)
        with pytest.raises(NotSent, match=str(port)):
            await get(client)
        await client.close()

    asyncio.run(main())


def test_a_plain_server_on_a_tls_url_is_not_sent() -> None:
    async def main() -> None:
        async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        context = ssl.create_default_context()
        client = HttpClient(f"https://127.0.0.1:{port}", context, timeout_s=5.0)
        with pytest.raises(NotSent):
            await get(client)
        await client.close()
        server.close()
        await server.wait_closed()

    asyncio.run(main())


def test_bytes_nobody_asked_for_end_the_connection() -> None:
    async def use(client: HttpClient) -> list[int]:
        first = await get(client)
        await asyncio.sleep(0.05)
        return [first.status, (await get(client)).status]

    extra = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    statuses, connections = talk(answers(extra, extra, pause=0.01), use)
    assert statuses == [200, 200]
    assert connections == 2


def test_a_line_break_cannot_be_smuggled_into_a_request() -> None:
    with pytest.raises(ValueError, match="line break"):
        talk(answers(), lambda client: client.request("GET", "/x\r\nHost: evil"))


def test_the_read_limit_is_set_before_aiofastnet_reads_it() -> None:
    program = (
        "import sys, connector.transport as t, aiofastnet\n"
        "constants = sys.modules['aiofastnet.constants']\n"
        "assert t.READS_LIMITED and constants.MAX_READ_BYTES_PER_CYCLE_HINT == t.READ_HINT\n"
        "assert 'aiofastnet.selector_transport' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
