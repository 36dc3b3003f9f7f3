"""The REST door: what an answer means for the next request."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from connector.clock import monotonic_ns
from connector.errors import NotSent, Rejected, Throttled, Unknown
from connector.model.counters import Counter
from connector.transport.http import HttpClient
from connector.transport.rest import Rest
from connector.venues.contract import load

VENUE = load("binance_usdm")
REQUEST = VENUE.instruments_request()


def asked(answer: bytes, use: Callable[[Rest], Any]) -> tuple[Any, dict[Counter, int]]:
    """What ``use`` gives with a host that always answers ``answer``, and what was counted."""

    async def main() -> tuple[Any, dict[Counter, int]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        counts: dict[Counter, int] = {}

        def count(counter: Counter, amount: int) -> None:
            counts[counter] = counts.get(counter, 0) + amount

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        rest = Rest(VENUE, HttpClient(url, None, timeout_s=5), count)
        try:
            return await use(rest), counts
        finally:
            await rest.close()
            server.close()
            await asyncio.sleep(0.01)

    return asyncio.run(main())


def http(status: str, body: bytes, headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http("200 OK", b"<html>"), Unknown),
        (http("200 OK", b""), Unknown),
        (http("400 Bad", b'{"code":-1121,"msg":"Invalid symbol."}'), Rejected),
        (http("503 X", b"Service Unavailable."), NotSent),
        (http("500 X", b"<html>"), Unknown),
        (b"", Unknown),
    ],
)
def test_every_kind_of_bad_answer_says_what_to_do_next(
    answer: bytes, error: type[Exception]
) -> None:
    async def use(rest: Rest) -> None:
        with pytest.raises(error) as raised:
            await rest.ask(REQUEST)
        assert type(raised.value) is error
        assert rest.quiet_until_ns == 0

    _, counts = asked(answer, use)
    assert counts == {Counter.HTTP_REQUESTS: 1, Counter.HTTP_ERRORS: 1}


def test_an_answer_that_breaks_the_protocol_is_counted_apart() -> None:
    async def use(rest: Rest) -> None:
        with pytest.raises(Unknown, match="not HTTP"):
            await rest.ask(REQUEST)

    _, counts = asked(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}", use)
    assert counts == {
        Counter.HTTP_REQUESTS: 1,
        Counter.HTTP_ERRORS: 1,
        Counter.HTTP_MALFORMED: 1,
    }


@pytest.mark.parametrize("status", ["429 Too Many", "418 Teapot"])
def test_a_venue_that_wants_silence_gets_it_for_as_long_as_it_says(status: str) -> None:
    async def use(rest: Rest) -> None:
        started_ns = monotonic_ns()
        for _ in range(3):
            with pytest.raises(Throttled) as raised:
                await rest.ask(REQUEST)
            assert 29e9 < raised.value.retry_ns - started_ns < 32e9
        rest.set_pools(VENUE.pools[:1])
        assert [pool for pool, _ in rest.pools] == [*VENUE.pools], "what it does not state stays"
        assert rest.admit_ns(REQUEST, monotonic_ns()) - started_ns > 29e9

    answer = http(status, b'{"code":-1003,"msg":"Way too many"}', "Retry-After: 30\r\n")
    _, counts = asked(answer, use)
    assert counts == {Counter.HTTP_REQUESTS: 1, Counter.HTTP_THROTTLED: 1}, "one request, no more"


def test_the_venues_own_count_shrinks_the_budget() -> None:
    async def use(rest: Rest) -> None:
        await rest.ask(REQUEST)
        pool, _ = rest.pools[0]
        assert pool.header == "x-mbx-used-weight-1m"
        with pytest.raises(Throttled):
            await rest.ask(REQUEST)
        assert rest.admit_ns(REQUEST, monotonic_ns()) - monotonic_ns() < pool.window_ns

    asked(http("200 OK", b"{}", "X-MBX-USED-WEIGHT-1M: 2400\r\n"), use)


def test_snapshots_keep_to_their_share_of_the_pool() -> None:
    async def use(rest: Rest) -> None:
        now_ns = monotonic_ns()
        pool, budget = rest.pools[0]
        budget.take(now_ns, 0, pool.limit // 4)
        assert rest.admit_ns(REQUEST, now_ns, 0.25) > now_ns
        assert rest.admit_ns(REQUEST, now_ns, 0.75) == now_ns

    asked(b"", use)
