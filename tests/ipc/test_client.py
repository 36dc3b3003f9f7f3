"""The strategy's session against a daemon in another process: reading, waiting, forks, restarts."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import connector
from connector.ipc import client
from connector.model.counters import Counter
from tests.reference import starter
from tests.reference.raw_peer import RawPeer
from tests.reference.stack import eventually

ROOT = Path(__file__).resolve().parents[2]


class Daemon:
    """tests.reference.market_daemon as a process."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        code = "from tests.reference import market_daemon; market_daemon.main()"
        self.process = starter.script(code, folder, *options)
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, what: str, **fields: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": what, **fields}) + "\n")
        self.process.stdin.flush()

    def do(self, what: str, **fields: Any) -> Any:
        self.tell(what, **fields)
        return json.loads(self._line())

    def stop(self, how: int = signal.SIGKILL) -> None:
        self.process.send_signal(how)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    running = Daemon(tmp_path)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


def drain(session: connector.Session) -> list[connector.Event]:
    found = []
    while (event := session.poll()) is not None:
        found.append(event)
    return found


def test_events_arrive_in_order_with_exact_numbers(daemon: Daemon) -> None:
    with connector.attach("reader", daemon.folder) as session:
        btc = session.instruments["BTCUSDT"]
        assert session.instruments["binanceu", "BTCUSDT"] is btc is session.instruments[0]
        assert btc.status is connector.Status.TRADING
        assert session.poll() is None
        daemon.do("trades", price_e=6_543_210_000_000, count=3)
        trades = drain(session)
        assert [type(event) for event in trades] == [connector.Trade] * 3
        first = trades[0]
        assert isinstance(first, connector.Trade)
        assert first.instrument is btc
        assert (first.price_e, first.price) == (6_543_210_000_000, 65432.1)
        assert [event.sequence for event in trades] == [2, 3, 4]
        assert first.recv_ns <= first.publish_ns <= time.monotonic_ns()
        told = json.loads(first.to_json(), parse_float=Decimal)
        assert told["price"] == Decimal("65432.1")
        assert told["qty"] == Decimal("0.00000001")
        assert b'"qty":0.00000001' in first.to_json()
        assert first.to_dict()["symbol"] == "BTCUSDT"
        assert (session.lost, session.received, session.lag) == (0, 3, 0)
        (me,) = session.request("sessions")["sessions"]
        assert me["strategy"] == "reader"
        assert session.counters[Counter.ATTACHES] == 1


def test_a_late_reader_begins_with_what_is_new(daemon: Daemon) -> None:
    daemon.do("trades", price_e=1, count=5000)
    with connector.attach("late", daemon.folder) as session:
        assert session.poll() is None
        daemon.do("trades", price_e=9, count=1)
        (event,) = drain(session)
        assert event.sequence == 5002
        assert session.lost == 0


def test_two_sessions_of_one_name_read_the_same(daemon: Daemon) -> None:
    with (
        connector.attach("same", daemon.folder) as one,
        connector.attach("same", daemon.folder) as two,
    ):
        assert one.number != two.number
        daemon.do("trades", price_e=1, count=100)
        assert [e.sequence for e in drain(one)] == [e.sequence for e in drain(two)]


def test_a_slow_reader_is_told_exactly_what_it_missed(daemon: Daemon) -> None:
    with connector.attach("slow", daemon.folder) as session:
        last = daemon.do("trades", price_e=1, count=30_000)
        events = drain(session)
        assert events[-1].sequence == last
        assert session.received + session.lost == 30_000
        assert session.laps == 1
        assert session.lost > 0


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_the_doorbell_wakes_wait_and_stream(tmp_path: Path, loop: str) -> None:
    daemon = Daemon(tmp_path, *(["--uvloop"] if loop == "uvloop" else []))
    try:
        with connector.attach("sleeper", tmp_path) as session:
            before = time.monotonic()
            assert session.wait(0.05) is None
            assert time.monotonic() - before >= 0.05
            daemon.tell("trades_to_sleeper", price_e=1, count=2)
            event = session.wait(30)
            assert event is not None
            assert event.sequence == 2
            assert daemon._line() == "3"
            assert daemon.do("counter", counter=Counter.DOORBELLS.value) == 1

            async def three() -> list[int]:
                found: list[int] = []
                async with asyncio.timeout(60):
                    async for each in session.stream():
                        found.append(each.sequence)
                        if len(found) == 1:
                            await asyncio.to_thread(daemon.do, "trades", price_e=5, count=2)
                        if len(found) == 3:
                            return found
                return found

            assert asyncio.run(three()) == [3, 4, 5]
    finally:
        daemon.stop()


def test_instruments_grow_while_one_polls(daemon: Daemon) -> None:
    with connector.attach("grow", daemon.folder) as session:
        assert "ETHUSDT" not in [symbol for _, symbol in session.instruments]
        assert daemon.do("add", symbol="ETHUSDT") == 1
        (event,) = drain(session)
        assert isinstance(event, connector.InstrumentChange)
        assert event.instrument is session.instruments["ETHUSDT"]
        assert len(session.instruments) == 2
        with pytest.raises(KeyError):
            session.instruments["DOGEUSDT"]


def test_the_whole_book_is_fetched(daemon: Daemon) -> None:
    with connector.attach("book", daemon.folder) as session:
        book = session.book("BTCUSDT")
        assert book.valid
        assert (book.state, book.update_id, book.counts) == (connector.State.LIVE, 7, (2, 3))
        assert book.bids_e() == [(100, 1), (99, 2)]
        assert book.asks_e(1) == [(101, 3)]


def test_the_top_table_before_anything_came(daemon: Daemon) -> None:
    with connector.attach("top", daemon.folder) as session:
        top = session.top("BTCUSDT")
        assert top.bbo().state is connector.State.DOWN
        assert top.trade().recv_ns == 0
        array = np.ones((2, 5, 2))
        assert top.levels_into(array) == (0, 0, 0)
        assert np.isnan(array).all()
        with pytest.raises(ValueError, match="shape"):
            top.levels_into(np.ones((3, 5, 2)))


def test_a_view_says_when_it_was_overwritten(daemon: Daemon) -> None:
    with connector.attach("view", daemon.folder) as session:
        daemon.do("trades", price_e=77, count=1)
        view = session.poll_view()
        assert view is not None
        assert int.from_bytes(view.body[:8], "little") == 77
        assert view.still_valid()
        daemon.do("trades", price_e=1, count=30_000)
        assert not view.still_valid()


def test_a_killed_daemon_is_noticed_and_the_next_one_attached(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    with connector.attach("survivor", tmp_path) as session:
        epoch = session.epoch
        daemon.do("trades", price_e=1, count=2)
        daemon.stop(signal.SIGKILL)
        assert [e.sequence for e in drain_until_changed(session)] == [2, 3]
        with pytest.raises(connector.EpochChanged):
            session.poll()
        with pytest.raises(connector.EpochChanged):
            session.top(0)
        with pytest.raises(connector.AttachError, match="no daemon"):
            session.reattach(patience=0)
        daemon = Daemon(tmp_path)
        try:
            session.reattach()
            assert session.epoch != epoch
            assert session.received == 0
            daemon.do("trades", price_e=4, count=1)
            assert [event.update_id for event in drain(session)] == [4]
            assert session.book(0).valid
        finally:
            daemon.stop()


def drain_until_changed(session: connector.Session) -> list[connector.Event]:
    """Everything until EpochChanged, which must come within seconds."""
    found: list[connector.Event] = []
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            event = session.wait(30)
        except connector.EpochChanged:
            return found
        if event is not None:
            found.append(event)
    raise AssertionError("nobody noticed that the daemon is gone")


def test_polling_alone_notices_a_killed_daemon(daemon: Daemon) -> None:
    with connector.attach("spinner", daemon.folder) as session:
        daemon.stop(signal.SIGKILL)
        with pytest.raises(connector.EpochChanged):
            for _ in session:
                pass


def test_a_forked_child_is_refused_and_may_attach_for_itself(daemon: Daemon) -> None:
    with connector.attach("parent", daemon.folder) as session:
        top = session.top(0)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            status = b"wrong"
            try:
                for use in (session.poll, top.bbo, lambda: session.wait(0), session.reattach):
                    with pytest.raises(connector.AttachError, match="fork"):
                        use()
                with connector.attach("child", daemon.folder) as own:
                    assert own.poll() is None
                status = b"right"
            finally:
                os.write(writing, status)
                os._exit(0)
        os.close(writing)
        assert os.read(reading, 5) == b"right"
        os.close(reading)
        os.waitpid(child, 0)
        daemon.do("trades", price_e=1, count=1)
        assert len(drain(session)) == 1


def test_another_layout_is_refused_with_both_hashes(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = client.ABI_HASH
    monkeypatch.setattr(client, "ABI_HASH", 0x1234)
    with pytest.raises(connector.AttachError) as caught:
        connector.attach("old", daemon.folder)
    assert "0000000000001234" in str(caught.value)
    assert f"{ours:016x}" in str(caught.value)


def test_no_daemon_is_said_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(connector.AttachError, match=str(tmp_path / "control.sock")):
        connector.attach("early", tmp_path)


def test_leaving_gives_every_descriptor_back(daemon: Daemon) -> None:
    connector.attach("warm", daemon.folder).close()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        with connector.attach("cycle", daemon.folder) as session:
            session.book(0)
    assert len(os.listdir("/proc/self/fd")) == before
    eventually(lambda: not daemon.do("sessions"))
    with RawPeer(daemon.folder):
        pass
    assert daemon.do("sessions") == []


def test_the_public_names_are_what_they_say() -> None:
    assert sorted(connector.__all__) == connector.__all__
    for name in connector.__all__:
        assert getattr(connector, name) is not None
    public = {name for name, value in vars(connector).items() if isinstance(value, type)}
    assert public <= set(connector.__all__)


def test_importing_the_api_loads_no_event_loop() -> None:
    code = (
        "import sys, connector; print({'uvloop', 'picows', 'asyncio', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
