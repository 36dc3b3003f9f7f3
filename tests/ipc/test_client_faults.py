"""Around a session: signals, forks, a daemon that stops or dies, the wrong directory."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector
from tests.ipc.test_client import Daemon
from tests.reference.stack import eventually


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    running = Daemon(tmp_path)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGCONT)
            running.stop()


STRANGER = 12345
"""A uid that nobody here has."""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes what belongs to another user")


STALL_S = 3.0
"""A daemon that does not answer for so long is stopped, not held up."""


def test_a_signal_while_waiting_runs_its_handler_and_the_wait_goes_on(daemon: Daemon) -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: rung.append(number))
    try:
        with connector.attach("signals", daemon.folder) as session:
            signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
            while len(rung) < 2:  # rings that come while nobody gets a core are one
                started = time.monotonic()
                assert session.wait(0.3) is None
                assert time.monotonic() - started >= 0.3
                assert rung
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_an_endless_wait_may_be_called_infinite(daemon: Daemon) -> None:
    with connector.attach("patient", daemon.folder) as session:
        daemon.tell("trades", price_e=1, count=1)
        event = session.wait(float("inf"))
        assert event is not None
        assert daemon._line() == str(event.sequence)


def test_closing_ends_the_session_though_a_forked_child_lives(daemon: Daemon) -> None:
    session = connector.attach("parent", daemon.folder)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    try:
        os.close(reading)
        session.close()
        eventually(lambda: daemon.do("sessions") == [])
    finally:
        os.close(writing)
        os.waitpid(child, 0)


def test_a_child_that_closes_its_copy_leaves_the_parents_session_alone(daemon: Daemon) -> None:
    with connector.attach("parent", daemon.folder) as session:
        child = os.fork()
        if child == 0:
            session.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert daemon.do("sessions") == ["parent"]
        daemon.do("trades", price_e=1, count=1)
        assert session.wait(30) is not None


def test_the_top_table_alone_notices_a_killed_daemon(daemon: Daemon) -> None:
    with connector.attach("looker", daemon.folder) as session:
        top = session.top(0)
        top.bbo()
        daemon.stop(signal.SIGKILL)
        time.sleep(0.05)
        with pytest.raises(connector.EpochChanged):
            top.bbo()


def test_a_slow_poller_notices_a_killed_daemon_at_once(daemon: Daemon) -> None:
    with connector.attach("slow", daemon.folder) as session:
        assert session.poll() is None
        daemon.stop(signal.SIGKILL)
        time.sleep(0.05)
        with pytest.raises(connector.EpochChanged):
            session.poll()


def test_what_is_of_an_earlier_daemon_is_never_read_as_another_instrument(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    with connector.attach("survivor", tmp_path) as session:
        btc, top = session.instruments["BTCUSDT"], session.top("BTCUSDT")
        daemon.stop(signal.SIGKILL)
        daemon = Daemon(tmp_path)
        try:
            session.reattach()
            for use in (top.bbo, lambda: session.top(btc), lambda: session.book(btc)):
                with pytest.raises(connector.EpochChanged, match="earlier daemon"):
                    use()
            assert session.top("BTCUSDT").bbo().state is connector.State.DOWN
            with connector.attach("other", tmp_path) as other:
                other.top(session.instruments["BTCUSDT"]).bbo()
        finally:
            daemon.stop()


def test_an_answer_that_comes_too_late_does_not_end_the_session(daemon: Daemon) -> None:
    with connector.attach("patient", daemon.folder, timeout=STALL_S) as session:
        daemon.process.send_signal(signal.SIGSTOP)
        with pytest.raises(connector.Stalled):
            session.request("ping")
        with pytest.raises(connector.Stalled):
            session.book(0)
        before = len(os.listdir("/proc/self/fd"))
        daemon.process.send_signal(signal.SIGCONT)
        daemon.do("trades", price_e=1, count=1)
        assert session.wait(30) is not None
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            assert session.poll() is None
        assert session.request("ping")["ok"]
        assert len(os.listdir("/proc/self/fd")) == before


def drain(session: connector.Session) -> tuple[list[int], type[Exception] | None]:
    """Sequences of what is there, and what ended it."""
    found: list[int] = []
    try:
        while (event := session.poll()) is not None:
            found.append(event.sequence)
    except connector.ConnectorError as error:
        return found, type(error)
    return found, None


def test_a_stopped_daemon_costs_no_event_that_was_taken(daemon: Daemon) -> None:
    """A lap makes ``poll()`` fetch the book again, with an event of the ring in its hand."""
    with connector.attach("keeper", daemon.folder, timeout=STALL_S) as session:
        book = session.book(0)
        last = daemon.do("trades", price_e=1, count=30_000)
        daemon.process.send_signal(signal.SIGSTOP)
        assert drain(session) == ([], connector.Stalled)
        assert session.received == 1
        assert book.state is connector.State.SYNCING
        assert session.fall_asleep() is False
        first, ended = drain(session)
        assert ended is None
        assert first == list(range(last - len(first) + 1, last + 1))
        assert len(first) == session.received == 30_000 - session.lost
        daemon.process.send_signal(signal.SIGCONT)
        assert session.book(0) is book
        assert book.valid


def test_a_wait_after_a_stall_begins_with_the_event_that_was_taken(daemon: Daemon) -> None:
    with connector.attach("keeper", daemon.folder, timeout=STALL_S) as session:
        session.book(0)
        daemon.do("trades", price_e=1, count=30_000)
        daemon.process.send_signal(signal.SIGSTOP)
        with pytest.raises(connector.Stalled):
            session.wait(1)
        event = session.wait(0)
        assert event is not None
        assert event.sequence == 1 + 1 + session.lost  # the directory's record came before us


def test_what_a_killed_daemon_wrote_is_read_though_books_cannot_be_fetched(daemon: Daemon) -> None:
    with connector.attach("keeper", daemon.folder, timeout=STALL_S) as session:
        session.book(0)
        last = daemon.do("trades", price_e=1, count=30_000)
        daemon.stop(signal.SIGKILL)
        received = session.received
        found, ended = drain(session)
        while ended is None:
            time.sleep(0.001)
            more, ended = drain(session)
            found += more
        assert ended is connector.EpochChanged
        assert found[-1] == last
        assert found == list(range(found[0], last + 1))
        assert received == 0


@pytest.mark.parametrize("loop", ["closed by another task", "cancelled"])
def test_a_stream_ends_cleanly(daemon: Daemon, loop: str) -> None:
    async def main() -> None:
        session = connector.attach("streamer", daemon.folder)

        async def follow() -> None:
            async for _ in session.stream():
                raise AssertionError("nothing was published")

        following = asyncio.create_task(follow())
        await asyncio.sleep(0.05)
        if loop == "closed by another task":
            session.close()
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following
        session.close()

    asyncio.run(main())


def test_a_place_that_cannot_be_is_an_attach_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / ("x" * 120)):
        with pytest.raises(connector.AttachError):
            connector.attach("lost", folder)


@pytest.mark.parametrize(("mode", "refused"), [(0o777, True), (0o1777, False), (0o775, False)])
def test_a_directory_where_everybody_may_write_needs_its_sticky_bit(
    daemon: Daemon, mode: int, refused: bool
) -> None:
    daemon.folder.chmod(mode)
    try:
        if refused:
            with pytest.raises(connector.AttachError, match="everybody may write there; chmod o-w"):
                connector.attach("careful", daemon.folder)
        else:
            connector.attach("careful", daemon.folder).close()
    finally:
        daemon.folder.chmod(0o700)


@as_root
@pytest.mark.parametrize(
    ("above", "refused"), [(0o1777, True), (0o777, True), (0o755, False), (0o700, False)]
)
def test_another_users_directory_is_believed_only_where_root_has_put_it(
    daemon: Daemon, above: int, refused: bool
) -> None:
    """As /tmp/connector-1000 against /run/connector."""
    folder = daemon.folder
    before = folder.parent.stat().st_mode & 0o7777
    os.chown(folder, STRANGER, -1)
    folder.parent.chmod(above)
    try:
        if refused:
            with pytest.raises(connector.AttachError, match=f"owned by uid {STRANGER}"):
                connector.attach("careful", folder)
        else:
            connector.attach("careful", folder).close()
    finally:
        folder.parent.chmod(before)
        os.chown(folder, os.geteuid(), -1)


@as_root
def test_another_users_socket_in_a_shared_directory_is_refused(tmp_path: Path) -> None:
    """Everybody can make one in /tmp while no daemon runs there."""
    tmp_path.chmod(0o1777)
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(os.fspath(path))
        os.seteuid(STRANGER)
        try:
            listener.listen()
        finally:
            os.seteuid(0)
        with pytest.raises(connector.AttachError, match=f"of uid {STRANGER}"):
            connector.attach("careful", tmp_path)


def test_a_directory_that_comes_while_one_waits_is_judged_then(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    timer = threading.Timer(0.1, lambda: (folder.mkdir(), folder.chmod(0o777)))
    timer.start()
    with pytest.raises(connector.AttachError, match="everybody may write"):
        connector.attach("patient", folder, patience=30)
    timer.join()


def test_a_call_of_a_daemon_that_dies_ends_and_what_it_wrote_is_still_read(
    daemon: Daemon,
) -> None:
    with connector.attach("caller", daemon.folder) as session:
        daemon.do("trades", price_e=1, count=3)
        daemon.process.send_signal(signal.SIGSTOP)
        call = session.start_call("BinanceU", "time", timeout=60)
        other = session.start_call("BinanceU", "time", timeout=0)
        assert not call.done
        assert other.result().outcome == "unknown"
        daemon.stop(signal.SIGKILL)
        eventually(lambda: call.done)
        with pytest.raises(connector.EpochChanged):
            call.result()
        assert other.result().outcome == "unknown"
        assert [type(session.poll()) for _ in range(3)] == [connector.Trade] * 3
        with pytest.raises(connector.EpochChanged):
            session.wait(20)
