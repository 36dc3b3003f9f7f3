"""A request over the order API leaves at most once and ends in exactly one word on what became of
it, whatever the host and the connections do."""

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import picows
import pytest

from connector._speedups.bell import Bell
from connector._speedups.segment import Segment
from connector.clock import monotonic_ns
from connector.model.counters import Counter as Count
from connector.protocol.ratelimit import RollingWindow
from connector.transport.order_pool import Priority
from connector.transport.order_socket import OrderSocket, next_number
from connector.venues.binance_usdm import ws_api
from connector.venues.trading_contract import ApiRequest, OrderApi
from tests.reference.sender import Heard

SECOND_NS = 1_000_000_000
Script = Callable[["Host", picows.WSTransport, dict[str, Any]], None]


class Host:
    """A venue's end: does with each message what the script says."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.seen: list[int] = []
        """The request each message carries, which is not its number."""
        self.by: list[picows.WSTransport] = []
        """The connection each came by."""
        self.numbers: list[int] = []
        self.logons = 0
        self.open: list[picows.WSTransport] = []
        self.connections = 0


class Peer(picows.WSListener):  # type: ignore[misc]
    def __init__(self, host: Host) -> None:
        self.host = host

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.host.connections += 1
        self.host.open.append(transport)

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self.host.open.remove(transport)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type == picows.WSMsgType.TEXT:
            message = json.loads(frame.get_payload_as_bytes())
            self.host.numbers.append(message["id"])
            if message["method"] == "session.logon":
                self.host.logons += 1
            else:
                self.host.seen.append(message["params"]["request"])
                self.host.by.append(transport)
            self.host.script(self.host, transport, message)


def say(transport: picows.WSTransport, number: int | None, status: int = 200, **more: Any) -> None:
    frame = {"id": number, "status": status, **({"result": {}} if status == 200 else {}), **more}
    if not transport.is_disconnected:
        transport.send(picows.WSMsgType.TEXT, json.dumps(frame).encode())


def answer(host: Host, transport: picows.WSTransport, message: dict[str, Any]) -> None:
    say(transport, message["id"], result={"request": message["params"].get("request")})


def silence(host: Host, transport: picows.WSTransport, message: dict[str, Any]) -> None:
    pass


def logon(_signer: Any, _venue_ns: int, number: int) -> ApiRequest:
    frame = json.dumps({"id": number, "method": "session.logon", "params": {}}).encode()
    return ApiRequest(number=number, frame=frame, name="logon", weight=2, pool="weight")


class Stage:
    def __init__(self, socket: OrderSocket, heard: Heard, host: Host, segment: Segment) -> None:
        self.socket, self.heard, self.host, self.segment = socket, heard, host, segment
        self.spent: list[int] = []

    def send(
        self, request: int, priority: Priority = Priority.PLACE, signed: bool = True
    ) -> ApiRequest:
        number = next_number()
        frame = {"id": number, "method": "order.place", "params": {"request": request}}
        message = ApiRequest(
            number=number, frame=json.dumps(frame).encode(), name="x", weight=0, pool="",
            signed=signed,
        )  # fmt: skip
        self.socket.send(request, priority, message)
        return message

    def count(self, counter: Count) -> int:
        return self.segment.counter(counter.value)


async def eventually(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110  whatever it is, it is seen
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def running(
    script: Script, *, logs_on: bool = False, up: bool = True, life_ns: int = 0, **how: Any
) -> AsyncIterator[Stage]:
    host, heard, segment = Host(script), Heard(), Segment.create(1 << 20)
    server = await picows.ws_create_server(lambda _request: Peer(host), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    spent: list[int] = []
    api = OrderApi(
        url=f"ws://127.0.0.1:{port}/ws-fapi/v1",
        encode=ws_api.encode,
        logon=logon if logs_on else lambda *_: None,
        decode=ws_api.decode,
        handshake_weight=5,
        lifetime_ns=life_ns or 24 * 3600 * SECOND_NS,
    )
    socket = OrderSocket(
        "main", api, None, None, heard,  # type: ignore[arg-type]
        segment=segment, bell=Bell(), gate=RollingWindow(1000, SECOND_NS),
        venue_ns=lambda now_ns: now_ns, spend=spent.append,
        admit=how.pop("admit", lambda _weight, now_ns: now_ns), **how,
    )  # fmt: skip
    stage = Stage(socket, heard, host, segment)
    stage.spent = spent
    life = asyncio.create_task(socket.run())

    async def ticking() -> None:
        while True:
            socket.tick(monotonic_ns())
            await asyncio.sleep(0.01)

    ticks = asyncio.create_task(ticking())
    try:
        if up:
            await eventually(lambda: socket.open)
        yield stage
    finally:
        socket.close()
        for task in (life, ticks):
            task.cancel()
        await asyncio.gather(life, ticks, return_exceptions=True)
        server.close()
        for transport in list(host.open):
            transport.disconnect(graceful=False)


def test_answers_find_their_requests_in_any_order() -> None:
    held: list[int] = []

    def backwards(host: Host, transport: picows.WSTransport, message: dict[str, Any]) -> None:
        held.append(message["id"])
        if len(held) == 100:
            for number in random.Random(1).sample(held, 100):
                say(transport, number, result={"number": number})

    async def run() -> None:
        async with running(backwards) as stage:
            numbers = {request: stage.send(request).number for request in range(100)}
            await stage.heard.until(100)
            assert sorted(stage.heard.said) == [("answered", request) for request in range(100)]
            for request, (_, _, body) in stage.heard.answers.items():
                assert json.loads(body) == {"number": numbers[request]}

    asyncio.run(run())


def test_counts_and_errors_come_as_over_http() -> None:
    limits = [{"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "count": 3}]

    def refuse(host: Host, transport: picows.WSTransport, message: dict[str, Any]) -> None:
        say(transport, message["id"], 400, error={"code": -2019, "msg": "x"}, rateLimits=limits)

    async def run() -> None:
        async with running(refuse) as stage:
            stage.send(1)
            await stage.heard.until(1)
            status, headers, body = stage.heard.answers[1]
            assert (status, json.loads(body)["code"]) == (400, -2019)
            assert {name.lower(): value for name, value in headers.items()} == {
                "x-mbx-order-count-10s": "3"
            }
            assert stage.spent == [5]

    asyncio.run(run())


@pytest.mark.parametrize("graceful", [True, False], ids=["orderly", "cut"])
def test_what_is_under_way_on_a_lost_connection_is_lost_and_not_sent_again(graceful: bool) -> None:
    def cut(host: Host, transport: picows.WSTransport, message: dict[str, Any]) -> None:
        if host.connections > 1:
            answer(host, transport, message)
        elif len(host.seen) == 3:
            transport.disconnect(graceful=graceful)

    async def run() -> None:
        async with running(cut) as stage:
            for request in range(3):
                stage.send(request)
            await stage.heard.until(3)
            assert sorted(stage.heard.said) == [("lost", request) for request in range(3)]
            await eventually(lambda: stage.host.connections == 2 and stage.socket.open)
            stage.send(3)
            await stage.heard.until(4)
            assert stage.heard.said[-1] == ("answered", 3)
            assert stage.host.seen == [0, 1, 2, 3]

    asyncio.run(run())


def test_a_silent_host_is_given_up_in_time_and_its_late_answer_is_counted() -> None:
    async def run() -> None:
        async with running(silence, timeout_s=0.1) as stage:
            message = stage.send(7)
            await stage.heard.until(1)
            assert stage.heard.said == [("lost", 7)]
            await eventually(lambda: stage.host.open)
            say(stage.host.open[-1], message.number)
            say(stage.host.open[-1], 123_456_789)
            await eventually(lambda: stage.count(Count.ANSWERS_UNMATCHED) == 2)
            assert stage.heard.said == [("lost", 7)]
            assert stage.host.seen == [7]

    asyncio.run(run())


def test_what_waits_for_a_connection_goes_by_priority_and_not_for_ever() -> None:
    def slow_to_log_on(host: Host, transport: picows.WSTransport, message: dict[str, Any]) -> None:
        if message["method"] != "session.logon":
            answer(host, transport, message)

    async def run() -> None:
        async with running(
            slow_to_log_on, logs_on=True, up=False, queue=6, queue_s=30.0, timeout_s=30.0
        ) as stage:
            await eventually(lambda: stage.host.logons)
            order = (
                Priority.QUERY,
                Priority.PLACE,
                Priority.AMEND,
                Priority.CANCEL,
                Priority.PLACE,
            )
            for request, priority in enumerate(order, 1):
                stage.send(request, priority)
            stage.send(6, Priority.QUERY)
            stage.send(7, Priority.QUERY)
            assert stage.heard.said == [("unsent", 7)]
            assert stage.socket.waiting == 6
            say(stage.host.open[0], stage.host.numbers[0])
            await stage.heard.until(7)
            assert stage.host.seen == [4, 3, 2, 5, 1, 6]
        async with running(silence, logs_on=True, up=False, queue_s=0.1) as stage:
            stage.send(1)
            await stage.heard.until(1)
            assert stage.heard.said == [("unsent", 1)]
            assert stage.host.seen == []

    asyncio.run(run())


def test_what_was_halted_while_it_waited_does_not_leave() -> None:
    def slow_to_log_on(host: Host, transport: picows.WSTransport, message: dict[str, Any]) -> None:
        if message["method"] != "session.logon":
            answer(host, transport, message)

    async def run() -> None:
        async with running(
            slow_to_log_on, logs_on=True, up=False, queue_s=30.0, timeout_s=30.0
        ) as stage:
            await eventually(lambda: stage.host.logons)
            for request in (1, 2, 3):
                stage.send(request)
            stage.heard.halted = {1: "halted", 3: "halted"}
            say(stage.host.open[0], stage.host.numbers[0])
            await stage.heard.until(3)
            assert stage.host.seen == [2]
            assert sorted(stage.heard.said) == [("answered", 2), ("unsent", 1), ("unsent", 3)]

    asyncio.run(run())


@pytest.mark.parametrize("status", [200, 401])
def test_a_refused_logon_leaves_a_connection_for_signed_requests(status: int) -> None:
    def script(host: Host, transport: picows.WSTransport, message: dict[str, Any]) -> None:
        say(transport, message["id"], status if message["method"] == "session.logon" else 200)

    async def run() -> None:
        async with running(script, logs_on=True) as stage:
            assert stage.socket.logged_on is (status == 200)
            assert stage.spent == [5, 2]
            stage.send(1)
            stage.send(2, signed=False)
            await stage.heard.until(2)
            ends = {request: what for what, request in stage.heard.said}
            assert ends == {1: "answered", 2: "answered" if status == 200 else "unsent"}

    asyncio.run(run())


def test_a_connection_the_venue_disowns_is_opened_anew() -> None:
    def revoke(host: Host, transport: picows.WSTransport, message: dict[str, Any]) -> None:
        if host.connections == 1:
            say(transport, None, 401, error={"code": -2015, "msg": "gone"})
        else:
            answer(host, transport, message)

    async def run() -> None:
        async with running(revoke) as stage:
            stage.send(1)
            await stage.heard.until(1)
            assert stage.heard.said == [("lost", 1)]
            await eventually(lambda: stage.host.connections == 2 and stage.socket.open)
            stage.send(2)
            await stage.heard.until(2)
            assert stage.heard.said[-1] == ("answered", 2)

    asyncio.run(run())


def test_a_replacement_takes_new_requests_while_the_old_connection_answers_its_own() -> None:
    held: list[tuple[picows.WSTransport, int]] = []

    def hold_first(host: Host, transport: picows.WSTransport, message: dict[str, Any]) -> None:
        if message["params"]["request"] == 0:
            held.append((transport, message["id"]))
        else:
            answer(host, transport, message)

    async def run() -> None:
        async with running(hold_first, life_ns=SECOND_NS // 2, timeout_s=30.0) as stage:
            stage.send(0)
            await eventually(lambda: held)
            old, number = held[0]
            await eventually(lambda: stage.socket.open == 2)
            stage.send(1)
            await stage.heard.until(1)
            assert stage.heard.said == [("answered", 1)]
            assert stage.host.by[1] is not old
            assert old in stage.host.open
            say(old, number)
            await stage.heard.until(2)
            assert stage.heard.said[-1] == ("answered", 0)
            await eventually(lambda: old not in stage.host.open)

    asyncio.run(run())


def test_closing_ends_everything() -> None:
    async def run() -> None:
        async with running(silence) as stage:
            stage.send(1)
            stage.socket.close()
            stage.send(2)
            assert stage.heard.said == [("lost", 1), ("unsent", 2)]

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(4))
def test_under_any_fault_each_request_leaves_at_most_once_and_ends_once(seed: int) -> None:
    rng = random.Random(seed)

    def anything(host: Host, transport: picows.WSTransport, message: dict[str, Any]) -> None:
        fate = rng.random()
        if fate < 0.03:
            transport.disconnect(graceful=rng.random() < 0.5)
        elif fate < 0.06:
            pass
        elif fate < 0.09:
            transport.send(picows.WSMsgType.TEXT, b'{"id":1,"sta')
        elif fate < 0.1:
            say(transport, None, 401)
        elif fate < 0.3:
            loop = asyncio.get_running_loop()
            loop.call_later(rng.random() * 0.01, say, transport, message["id"])
        else:
            say(transport, message["id"])
            if fate > 0.95:
                say(transport, message["id"])

    async def run() -> None:
        async with running(
            anything, logs_on=True, timeout_s=0.3, queue_s=0.1, queue=50, life_ns=SECOND_NS // 3
        ) as stage:
            for request in range(400):
                stage.send(request, rng.choice(list(Priority)), not stage.socket.logged_on)
                if rng.random() < 0.5:
                    await asyncio.sleep(rng.random() * 0.004)
            await stage.heard.until(400)
            assert Counter(request for _, request in stage.heard.said) == Counter(range(400))
            assert max(Counter(stage.host.seen).values()) == 1
            assert len(set(stage.host.numbers)) == len(stage.host.numbers)
            told = {request for what, request in stage.heard.said if what == "unsent"}
            assert told.isdisjoint(stage.host.seen)
            await eventually(lambda: stage.count(Count.CONNECTS) == stage.host.connections)

    asyncio.run(run())
