"""A supervised connection against a real WebSocket server that misbehaves on command."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import picows
import pytest

from connector.errors import NotSent
from connector.protocol.backoff import Backoff
from connector.protocol.ratelimit import RollingWindow
from connector.protocol.session import Link
from connector.transport.supervisor import Supervisor
from connector.transport.websocket import WebSocket, connect

MS = 1_000_000


class Heard(picows.WSListener):  # type: ignore[misc]
    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type == picows.WSMsgType.TEXT:
            self.messages.append(frame.get_payload_as_bytes())


class Venue(picows.WSListener):  # type: ignore[misc]
    """Echoes; ``deaf`` answers nothing, not even pings."""

    def __init__(self, served: list[picows.WSTransport]) -> None:
        self.served = served

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.served.append(transport)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type == picows.WSMsgType.TEXT:
            transport.send(picows.WSMsgType.TEXT, frame.get_payload_as_bytes())


class Diary:
    """A peer that writes down what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, str]] = []
        self.connections: dict[int, WebSocket] = {}
        self.changed = asyncio.Event()

    def opened(self, epoch: int, connection: WebSocket, now_ns: int) -> None:
        self.connections[epoch] = connection
        self._write("opened", epoch, "")

    def lost(self, epoch: int, why: str, now_ns: int) -> None:
        self._write("lost", epoch, why)

    def failed(self, epoch: int, why: str, now_ns: int) -> None:
        self._write("failed", epoch, why)

    def _write(self, what: str, epoch: int, why: str) -> None:
        self.lines.append((what, epoch, why))
        self.changed.set()

    async def until(self, what: str, epoch: int) -> str:
        async with asyncio.timeout(60):
            while True:
                for line, number, why in self.lines:
                    if (line, number) == (what, epoch):
                        return why
                self.changed.clear()
                await self.changed.wait()


def supervised(
    test: Callable[[Supervisor, Diary, list[picows.WSTransport]], Awaitable[None]],
    lifetime_ns: int = 0,
) -> None:
    async def main() -> None:
        served: list[picows.WSTransport] = []
        server = await picows.ws_create_server(
            lambda _request: Venue(served), "127.0.0.1", 0, enable_auto_pong=True
        )
        port = server.sockets[0].getsockname()[1]

        async def open_one(_epoch: int) -> WebSocket:
            return await connect(
                f"ws://127.0.0.1:{port}/ws", Heard, context=None, timeout_s=5, max_message=1 << 20
            )

        diary = Diary()
        link = Link(
            Backoff(MS, 50 * MS, lambda: 0.5), RollingWindow(100, MS), lambda: 0.5, lifetime_ns
        )
        supervisor = Supervisor("test", link, open_one, diary)
        task = asyncio.create_task(supervisor.run())
        try:
            await test(supervisor, diary, served)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            server.close()
            for transport in served:
                transport.disconnect(graceful=False)
            await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_connection_cut_by_the_venue_is_opened_again_and_each_end_is_told_once() -> None:
    async def test(_supervisor: Supervisor, diary: Diary, served: list[Any]) -> None:
        for epoch in (1, 2, 3):
            await diary.until("opened", epoch)
            served[-1].disconnect(graceful=False)
            assert "without a close frame" in await diary.until("lost", epoch)
        await diary.until("opened", 4)
        told = [line[:2] for line in diary.lines]
        assert (
            told[:7] == [(what, epoch) for epoch in (1, 2, 3, 4) for what in ("opened", "lost")][:7]
        )

    supervised(test)


def test_the_reason_a_venue_gives_for_closing_is_kept() -> None:
    async def test(_supervisor: Supervisor, diary: Diary, served: list[Any]) -> None:
        await diary.until("opened", 1)
        served[-1].send_close(picows.WSCloseCode.POLICY_VIOLATION, b"Too many requests")
        assert "1008 Too many requests" in await diary.until("lost", 1)

    supervised(test)


def test_a_replacement_is_open_before_the_old_connection_ends() -> None:
    async def test(supervisor: Supervisor, diary: Diary, _served: list[Any]) -> None:
        await diary.until("opened", 1)
        supervisor.serving(1)
        await diary.until("opened", 2)
        assert diary.connections[1].is_open
        supervisor.serving(2)
        await diary.until("lost", 1)
        assert diary.connections[2].is_open
        assert [line[:2] for line in diary.lines] == [("opened", 1), ("opened", 2), ("lost", 1)]

    supervised(test, lifetime_ns=300 * MS)


def test_a_dropped_connection_is_lost_at_once_and_opened_again() -> None:
    async def test(supervisor: Supervisor, diary: Diary, _served: list[Any]) -> None:
        await diary.until("opened", 1)
        supervisor.drop(1, "silent")
        await diary.until("lost", 1)
        await diary.until("opened", 2)

    supervised(test)


def test_a_probe_leaves_a_connection_that_answers_alone() -> None:
    async def test(supervisor: Supervisor, diary: Diary, _served: list[Any]) -> None:
        await diary.until("opened", 1)
        supervisor.probe(1)
        await asyncio.sleep(0.1)
        assert diary.connections[1].is_open
        assert diary.connections[1].send(b"hello")
        await asyncio.sleep(0.1)
        assert diary.connections[1].listener.messages == [b"hello"]

    supervised(test)


def test_a_connection_that_does_not_answer_a_probe_ends_without_a_word_of_asyncios() -> None:
    said: list[dict[str, Any]] = []

    async def test(supervisor: Supervisor, diary: Diary, served: list[Any]) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, what: said.append(what))
        await diary.until("opened", 1)
        served[-1].underlying_transport.pause_reading()
        connection = diary.connections[1]
        assert not await connection.answers(0.05)
        assert not await connection.answers(0.05)
        supervisor.drop(1, "half-open")
        await diary.until("lost", 1)
        await diary.until("opened", 2)
        assert await diary.connections[2].answers(5)
        diary.connections.clear()
        del connection
        await asyncio.sleep(0)
        gc.collect()

    supervised(test)
    assert not said


def test_the_venue_is_told_goodbye_when_the_supervisor_ends() -> None:
    goodbyes: list[Any] = []

    async def test(_supervisor: Supervisor, diary: Diary, served: list[Any]) -> None:
        await diary.until("opened", 1)
        goodbyes.append(served[-1])

    supervised(test)
    assert goodbyes[0].close_handshake.recv.code == picows.WSCloseCode.OK


def test_a_message_after_the_end_is_not_pretended_to_be_sent() -> None:
    async def test(_supervisor: Supervisor, diary: Diary, served: list[Any]) -> None:
        await diary.until("opened", 1)
        served[-1].disconnect(graceful=False)
        await diary.until("lost", 1)
        assert not diary.connections[1].send(b"lost")

    supervised(test)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404: the host does not know"),
        (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\n<html>",
            "403: refused by a firewall",
        ),
        (
            b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
            "410: the venue has retired this address",
        ),
        (b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n", "302"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no WebSocket handshake"),
        (b"", "127.0.0.1"),
    ],
)
def test_a_host_that_is_no_websocket_is_named_with_what_to_do(answer: bytes, why: str) -> None:
    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"ws://127.0.0.1:{port}/public/ws?listenKey=secret"
        with pytest.raises(NotSent, match=why) as raised:
            await connect(url, Heard, context=None, timeout_s=2, max_message=1000)
        assert "secret" not in str(raised.value)
        server.close()
        await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_host_that_never_answers_costs_no_more_than_the_timeout() -> None:
    async def main() -> None:
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            with pytest.raises(NotSent, match=r"not open within 0\.3 s"):
                await connect(
                    f"ws://127.0.0.1:{mute.getsockname()[1]}/ws",
                    Heard,
                    context=None,
                    timeout_s=0.3,
                    max_message=1000,
                )

    asyncio.run(main())


def test_what_was_ended_while_it_connected_connects_when_it_is_run_again() -> None:
    async def test(supervisor: Supervisor, _diary: Diary, _served: list[Any]) -> None:
        asked, begun, diary = asyncio.Event(), [], Diary()

        async def open_one(epoch: int) -> WebSocket:
            begun.append(epoch)
            if epoch == 1:
                asked.set()
                await asyncio.Event().wait()
            return await supervisor._connect(epoch)

        link = Link(Backoff(MS, 50 * MS, lambda: 0.5), RollingWindow(100, MS), lambda: 0.5, 0)
        again = Supervisor("again", link, open_one, diary)
        for done in (asked.wait(), diary.until("opened", 2)):
            running = asyncio.create_task(again.run())
            async with asyncio.timeout(60):
                await done
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert begun == [1, 2]

    supervised(test)


def test_a_connection_that_is_given_up_during_its_handshake_is_ended() -> None:
    """Else it would be open, and nobody's, for as long as the host likes."""

    async def main() -> None:
        asked, ended = asyncio.Event(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            asked.set()
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            ended.set()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        opening = asyncio.create_task(
            connect(url, Heard, context=None, timeout_s=600, max_message=1000)
        )
        async with asyncio.timeout(60):
            await asked.wait()
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            await ended.wait()
        server.close()

    asyncio.run(main())
