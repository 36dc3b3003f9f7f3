"""The control socket: who is served, what is answered, and that no peer can harm the daemon."""

import asyncio
import os
import resource
import socket
import stat
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from connector._speedups.segment import ABI_HASH, Mapping
from connector.errors import AlreadyRunning
from connector.ipc.segments import read_book
from connector.ipc.server import RESERVED_FDS, SESSION_FDS, STRANGERS, Peer, allow
from connector.model.counters import Counter
from tests.reference.market_daemon import MarketDaemon, book_image, instrument
from tests.reference.raw_peer import HELLO, RawPeer


@asynccontextmanager
async def running(folder: Path, **server: Any) -> AsyncIterator[MarketDaemon]:
    daemon = MarketDaemon(folder, **server)
    daemon.segment.add_instrument(instrument())
    await daemon.server.start()
    try:
        yield daemon
    finally:
        await daemon.server.close()


async def ask(peer: RawPeer, message: Any) -> Any:
    return await asyncio.to_thread(peer.ask, message)


def attached(folder: Path) -> RawPeer:
    peer = RawPeer(folder)
    answer = peer.ask(HELLO)
    assert answer is not None
    assert answer["ok"], answer
    return peer


async def until(what: Any) -> None:
    async with asyncio.timeout(60):
        while not what():  # noqa: ASYNC110  (polled on purpose: the state has no event)
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("uvloop", [False, True])
def test_hello_hands_out_four_descriptors_with_the_promised_rights(
    tmp_path: Path, uvloop: bool
) -> None:
    async def main() -> None:
        async with running(tmp_path) as daemon:
            peer = await asyncio.to_thread(attached, tmp_path)
            with peer:
                market, up, down, eventfd = peer.fds
                size = os.fstat(market).st_size
                assert size == daemon.segment.size
                for fd in (market, down):
                    with pytest.raises(PermissionError):
                        Mapping(fd, os.fstat(fd).st_size, writable=True)
                    with pytest.raises(PermissionError):
                        os.pwrite(fd, b"x", 0)
                for fd in (market, up, down):
                    with pytest.raises(PermissionError):
                        os.ftruncate(fd, 0)
                Mapping(up, 4096, writable=True)
                assert not os.get_inheritable(eventfd)
                assert [s.strategy for s in daemon.server.sessions()] == ["raw"]
            await until(lambda: not daemon.server.sessions())
            assert daemon.segment.counter(Counter.SESSIONS_ENDED.value) == 1

    if uvloop:
        import uvloop as loops

        loops.run(main())
    else:
        asyncio.run(main())


BAD_HELLOS = [
    (b"\xff\x00", "not a hello"),
    (b"{}", "abi_hash"),
    (b"[1,2]", "not a hello"),
    (b"{" * 60000, "not a hello"),
    ({**HELLO, "abi_hash": "0123456789abcdef"}, "0123456789abcdef"),
    ({**HELLO, "abi_hash": "0123456789abcdef"}, f"{ABI_HASH:016x}"),
    ({**HELLO, "strategy": ""}, "name"),
    ({**HELLO, "strategy": "../../etc"}, "name"),
    ({**HELLO, "strategy": 7}, "strategy"),
    ({**HELLO, "kind": "trading"}, "nobody may trade"),
    ({**HELLO, "kind": "order"}, "kind"),
    ({**HELLO, "takeover": "yes"}, "takeover"),
    ({**HELLO, "version": "v" * 60_000}, "version"),
]


@pytest.mark.parametrize(("hello", "why"), BAD_HELLOS)
def test_a_bad_hello_is_refused_with_its_reason(tmp_path: Path, hello: Any, why: str) -> None:
    async def main() -> None:
        async with running(tmp_path) as daemon:
            with await asyncio.to_thread(RawPeer, tmp_path) as peer:
                answer = await ask(peer, hello)
                assert not answer["ok"]
                assert why in answer["error"]
                assert not peer.fds
                assert await asyncio.to_thread(peer.receive) is None
            assert daemon.segment.counter(Counter.ATTACH_REFUSED.value) == 1
            await asyncio.to_thread(lambda: attached(tmp_path).__exit__())

    asyncio.run(main())


def test_malformed_requests_are_counted_and_the_session_lives_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as daemon:
            with await asyncio.to_thread(attached, tmp_path) as peer:
                for bad in (
                    b"x",
                    b"{}",
                    b'{"request":3}',
                    b"null",
                    b'{"request":"rm"}',
                    b'{"request":"ping","id":18446744073709551616}',
                    b'{"request":"\\ud800"}',
                    b"\0" * 65536,
                ):
                    answer = await ask(peer, bad)
                    assert not answer["ok"], bad
                assert daemon.segment.counter(Counter.CONTROL_ERRORS.value) == 8
                answer = await ask(peer, {"request": "ping", "id": 9})
                assert answer["ok"]
                assert answer["id"] == 9

    asyncio.run(main())


def test_an_answer_that_does_not_fit_a_message_is_an_error(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, state=lambda: {"long": "x" * (8 << 20)}):
            with await asyncio.to_thread(attached, tmp_path) as peer:
                answer = await ask(peer, {"request": "state", "id": 4})
                assert answer == {"ok": False, "error": "too long an answer", "id": 4}
                assert (await ask(peer, {"request": "ping"}))["ok"]

    asyncio.run(main())


def test_sessions_leave_descriptors_for_the_feeds(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def main() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (RESERVED_FDS + 2 * SESSION_FDS, hard))
        async with running(tmp_path):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            peers = [await asyncio.to_thread(attached, tmp_path) for _ in range(2)]
            with await asyncio.to_thread(RawPeer, tmp_path) as third:
                answer = await ask(third, HELLO)
                assert "2 sessions are attached already" in answer["error"]
            for peer in peers:
                peer.__exit__()

    try:
        asyncio.run(main())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_strangers_that_say_nothing_are_not_collected(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as daemon:
            before = len(os.listdir("/proc/self/fd"))
            mute = [await asyncio.to_thread(RawPeer, tmp_path) for _ in range(3 * STRANGERS)]
            refused = Counter.ATTACH_REFUSED.value
            await until(lambda: daemon.segment.counter(refused) == 2 * STRANGERS)
            assert len(os.listdir("/proc/self/fd")) <= before + 4 * STRANGERS
            for peer in mute:
                peer.__exit__()
            await until(lambda: len(os.listdir("/proc/self/fd")) <= before)
            await asyncio.to_thread(lambda: attached(tmp_path).__exit__())

    asyncio.run(main())


def test_requests_are_answered(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as daemon:
            with await asyncio.to_thread(attached, tmp_path) as peer:
                assert (await ask(peer, {"request": "state"}))["state"] == {"ready": True}
                (session,) = (await ask(peer, {"request": "sessions"}))["sessions"]
                assert session["strategy"] == "raw"
                assert session["pid"] == os.getpid()
                assert session["lag_bytes"] == daemon.segment.written
                os.pwrite(peer.fds[1], (daemon.segment.written - 64).to_bytes(8, "little"), 128)
                (session,) = (await ask(peer, {"request": "sessions"}))["sessions"]
                assert session["lag_bytes"] == 64
                os.pwrite(peer.fds[1], (1 << 60).to_bytes(8, "little"), 128)
                (session,) = (await ask(peer, {"request": "sessions"}))["sessions"]
                assert session["lag_bytes"] is None

    asyncio.run(main())


def test_the_full_book_comes_as_a_sealed_memfd(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as daemon:
            with await asyncio.to_thread(attached, tmp_path) as peer:
                assert (await ask(peer, {"request": "book", "instrument": 0}))["ok"]
                assert read_book(peer.fds[-1]) == (0, daemon.segment.sequence, book_image())
                with pytest.raises(PermissionError):
                    os.pwrite(peer.fds[-1], b"x", 0)
                answer = await ask(peer, {"request": "book", "instrument": 1})
                assert "no instrument 1" in answer["error"]
                daemon.book = None
                answer = await ask(peer, {"request": "book", "instrument": 0})
                assert "no valid book" in answer["error"]

    asyncio.run(main())


def test_a_second_daemon_is_refused_and_a_stale_socket_replaced(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    left.bind(str(tmp_path / "control.sock"))
    left.close()  # as after kill -9: the file stays

    async def main() -> None:
        async with running(tmp_path):
            with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"):
                await MarketDaemon(tmp_path).server.start()
            mode = (tmp_path / "control.sock").stat().st_mode
            assert stat.S_IMODE(mode) == 0o660
            await asyncio.to_thread(lambda: attached(tmp_path).__exit__())
        async with running(tmp_path):
            pass

    asyncio.run(main())
    assert not (tmp_path / "control.sock").exists()


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "control.sock").write_text("precious")

    async def main() -> None:
        with pytest.raises(Exception, match="not a socket"):
            await MarketDaemon(tmp_path).server.start()
        (tmp_path / "control.sock").unlink()
        async with running(tmp_path):
            pass

    asyncio.run(main())


def test_whom_the_allow_list_lets_in() -> None:
    me = os.geteuid()
    assert allow()(Peer(1, me, 5), "s")
    assert allow()(Peer(1, 0, 5), "s")
    assert not allow()(Peer(1, me + 1, 5), "s")
    assert allow(frozenset({7}))(Peer(1, 7, 5), "s")
    assert not allow(frozenset({7}))(Peer(1, me + 1, 5), "s")
    assert allow(gids=frozenset({9}))(Peer(1, 7, 5, (8, 9)), "s")
    assert not allow(gids=frozenset({9}))(Peer(1, 7, 5, (8,)), "s")


def test_a_stranger_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, allow=allow(frozenset({os.geteuid() + 1}))):
            with await asyncio.to_thread(RawPeer, tmp_path) as peer:
                answer = await ask(peer, HELLO)
                assert f"uid {os.geteuid()} may not attach" in answer["error"]

    asyncio.run(main())


def test_a_hundred_attach_cycles_leave_no_descriptor_behind(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as daemon:
            await asyncio.to_thread(lambda: attached(tmp_path).__exit__())
            await until(lambda: not daemon.server.sessions())
            before = len(os.listdir("/proc/self/fd"))
            for cycle in range(100):
                peer = await asyncio.to_thread(attached, tmp_path)
                if cycle % 3 == 0:
                    await ask(peer, {"request": "book", "instrument": 0})
                peer.__exit__()
            await until(lambda: not daemon.server.sessions())
            await until(lambda: len(os.listdir("/proc/self/fd")) == before)
            assert daemon.segment.counter(Counter.ATTACHES.value) == 101

    asyncio.run(main())


def test_the_session_ends_with_its_process_though_a_child_holds_the_socket(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as daemon:
            code = (
                "import os, sys, time; from pathlib import Path\n"
                "from tests.reference.raw_peer import *\n"
                "peer = RawPeer(Path(sys.argv[1])); assert peer.ask(HELLO)['ok']\n"
                "os.fork() or time.sleep(60)\n"
                "sys.stdin.readline()\n"
                "os._exit(0)\n"
            )
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", code, str(tmp_path)),
                stdin=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            try:
                await until(daemon.server.sessions)
                assert process.stdin is not None
                process.stdin.write(b"\n")
                await until(lambda: not daemon.server.sessions())
            finally:
                os.killpg(process.pid, 9)
                await process.wait()

    asyncio.run(main())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused() -> None:
    async def main(folder: Path) -> None:
        async with running(folder, allow=allow(frozenset({0}))):
            os.chmod(folder, 0o755)
            os.chmod(folder / "control.sock", 0o666)
            code = (
                "import os, sys; from pathlib import Path\n"
                "from tests.reference.raw_peer import *\n"
                "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
                "print(RawPeer(Path(sys.argv[1])).ask(HELLO)['error'])\n"
            )
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "ignore", "-c", code, str(folder)),
                stdout=asyncio.subprocess.PIPE,
            )
            out, _ = await process.communicate()
            assert out.decode().strip() == "uid 65534 may not attach as 'raw'"

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))
