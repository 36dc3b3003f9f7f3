"""A request for an order leaves at most once and ends in exactly one word on what became of it."""

import asyncio
import contextlib
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from connector.clock import monotonic_ns
from connector.transport.order_pool import OrderPool, Priority
from tests.reference.sender import Heard

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[bool]]
"""Handles one request, given its number; False: the connection is over."""


class Host:
    """A host that does with each request what the script says."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.seen: list[int] = []
        self.connections = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.tasks: list[asyncio.Future[None]] = []

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        self.tasks.append(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                number = int(head.split(b" ")[1].lstrip(b"/"))
                self.seen.append(number)
                if not await self.script(reader, writer, number):
                    break
        writer.close()

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
    text = f"{number}".encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
    return True


def behind(gate: asyncio.Event, most: int = sys.maxsize) -> Script:
    """Answers a request below ``most`` only once the gate is open."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        if number < most:
            await gate.wait()
        return await answer(reader, writer, number)

    return hold


@contextlib.asynccontextmanager
async def running(
    script: Script, connections: int = 4, **how: Any
) -> AsyncIterator[tuple[OrderPool, Heard, Host]]:
    host, heard = Host(script), Heard()
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = OrderPool(
        f"http://127.0.0.1:{port}",
        None,
        heard,
        connections=connections,
        **how,
    )
    life = asyncio.create_task(pool.run())

    async def ticking() -> None:
        while True:
            pool.tick(monotonic_ns())
            await asyncio.sleep(0.01)

    ticks = asyncio.create_task(ticking())
    await eventually(lambda: pool.open == connections)
    try:
        yield pool, heard, host
    finally:
        pool.close()
        for task in (life, ticks):
            task.cancel()
        await asyncio.gather(life, ticks, return_exceptions=True)
        server.close()
        await host.end()


async def eventually(true: Callable[[], bool]) -> None:
    for _ in range(2000):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came true")


def send(pool: OrderPool, number: int, priority: Priority = Priority.PLACE) -> None:
    pool.send(number, priority, pool.encode("POST", f"/{number}", (), b""))


def test_answers_come_back_to_their_requests_whatever_the_order() -> None:
    async def run() -> None:
        async with running(answer) as (pool, heard, host):
            for number in range(200):
                send(pool, number)
            await heard.until(200)
            assert sorted(heard.said) == [("answered", number) for number in range(200)]
            assert all(body == b"%d" % number for number, (_, _, body) in heard.answers.items())
            assert Counter(host.seen) == Counter(range(200))
            assert host.connections == 4

    asyncio.run(run())


def test_the_connection_used_last_is_used_next() -> None:
    async def run() -> None:
        used: list[object] = []

        async def note(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
        ) -> bool:
            used.append(writer)
            return await answer(reader, writer, number)

        async with running(note) as (pool, heard, _):
            for number in range(20):
                send(pool, number)
                await heard.until(number + 1)
            assert len(set(used)) == 1

    asyncio.run(run())


def test_cancels_have_a_connection_when_orders_took_all_others() -> None:
    async def run() -> None:
        gate = asyncio.Event()
        async with running(behind(gate, 100), queue_s=30.0, timeout_s=30.0) as (pool, heard, host):
            for number in range(10):
                send(pool, number)
            send(pool, 100, Priority.CANCEL)
            await heard.until(1)
            assert heard.said == [("answered", 100)]
            assert len(host.seen) == 4
            gate.set()
            await heard.until(11)
            assert {what for what, _ in heard.said} == {"answered"}

    asyncio.run(run())


def test_what_waits_goes_by_priority() -> None:
    async def run() -> None:
        gate = asyncio.Event()
        async with running(
            behind(gate), connections=1, reserved=0, queue_s=30.0, timeout_s=30.0
        ) as (
            pool,
            heard,
            host,
        ):
            send(pool, 0)
            for number, priority in enumerate(
                (Priority.QUERY, Priority.PLACE, Priority.AMEND, Priority.CANCEL, Priority.PLACE), 1
            ):
                send(pool, number, priority)
            gate.set()
            await heard.until(6)
            assert host.seen == [0, 4, 3, 2, 5, 1]

    asyncio.run(run())


def test_what_was_halted_while_it_waited_does_not_leave() -> None:
    async def run() -> None:
        gate = asyncio.Event()
        async with running(
            behind(gate), connections=1, reserved=0, queue_s=30.0, timeout_s=30.0
        ) as (
            pool,
            heard,
            host,
        ):
            for number in range(4):
                send(pool, number)
            heard.halted = {1: "halted", 2: "halted"}
            gate.set()
            await heard.until(4)
            assert host.seen == [0, 3]
            assert sorted(heard.said) == [
                ("answered", 0), ("answered", 3), ("unsent", 1), ("unsent", 2),
            ]  # fmt: skip

    asyncio.run(run())


def test_a_queue_that_is_full_or_too_slow_says_unsent() -> None:
    async def run() -> None:
        async def silence(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
        ) -> bool:
            await asyncio.sleep(60)
            return False

        async with running(
            silence, connections=1, reserved=0, queue=3, queue_s=0.2, timeout_s=30.0
        ) as (pool, heard, host):
            for number in range(6):
                send(pool, number)
            assert heard.said == [("unsent", 4), ("unsent", 5)]
            await heard.until(5)
            assert sorted(heard.said) == [("unsent", number) for number in range(1, 6)]
            pool.close()
            assert heard.said[-1] == ("lost", 0)
            assert host.seen == [0]

    asyncio.run(run())


@pytest.mark.parametrize(
    "reply",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"],
    ids=["nothing", "half a head", "half a body"],
)
def test_an_end_after_the_first_byte_is_lost_and_not_sent_again(reply: bytes) -> None:
    async def run() -> None:
        async def cut(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
        ) -> bool:
            if number:
                return await answer(reader, writer, number)
            writer.write(reply)
            return False

        async with running(cut) as (pool, heard, host):
            send(pool, 0)
            await heard.until(1)
            assert heard.said == [("lost", 0)]
            send(pool, 1)
            await heard.until(2)
            assert heard.said[-1] == ("answered", 1)
            assert host.seen == [0, 1]

    asyncio.run(run())


def test_a_silent_host_is_given_up_in_time() -> None:
    async def run() -> None:
        async def silence(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
        ) -> bool:
            await asyncio.sleep(60)
            return False

        async with running(silence, timeout_s=0.2) as (pool, heard, host):
            send(pool, 7)
            await heard.until(1)
            assert heard.said == [("lost", 7)]
            assert host.seen == [7]

    asyncio.run(run())


def test_idle_connections_the_host_ended_are_not_used_and_come_back() -> None:
    async def run() -> None:
        async with running(answer) as (pool, heard, host):
            for writer in host.writers:
                writer.close()
            await eventually(lambda: host.connections >= 8 and pool.open == 4)
            send(pool, 1)
            await heard.until(1)
            assert heard.said == [("answered", 1)]

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(6))
def test_under_any_fault_each_request_leaves_at_most_once_and_ends_once(seed: int) -> None:
    async def run() -> None:
        rng = random.Random(seed)

        async def anything(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
        ) -> bool:
            fate = rng.random()
            if fate < 0.1:
                return False
            if fate < 0.15:
                writer.write(b"HTTP/1.1 2")
                return False
            if fate < 0.2:
                await asyncio.sleep(1)
            await asyncio.sleep(rng.random() * 0.003)
            await answer(reader, writer, number)
            return rng.random() > 0.1

        async with running(anything, timeout_s=0.3, queue_s=0.1, queue=50) as (pool, heard, host):
            for number in range(300):
                send(pool, number, rng.choice(list(Priority)))
                if rng.random() < 0.5:
                    await asyncio.sleep(rng.random() * 0.004)
            await heard.until(300)
            assert Counter(number for _, number in heard.said) == Counter(range(300))
            assert max(Counter(host.seen).values()) == 1
            told = {number for what, number in heard.said if what == "unsent"}
            assert told.isdisjoint(host.seen)

    asyncio.run(run())


def test_a_request_cannot_break_out_of_its_head() -> None:
    pool = OrderPool("http://127.0.0.1:1", None, Heard())
    for target, headers in (("/a\r\nX: y", ()), ("/a", (("X", "y\r\nZ: 1"),))):
        with pytest.raises(ValueError, match="line break"):
            pool.encode("GET", target, headers, b"")
