"""Trading sessions: the command ring between two processes, one session a name, hostile writers."""

import ctypes
import os
import random
import signal
import struct
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import connector
from connector._speedups.segment import Mapping
from connector.ipc.segments import COMMAND_BYTES, PAGE
from connector.model.counters import Counter
from connector.model.instrument import ABSENT
from connector.model.intents import COMMANDS, Action, CommandFlag, OrderType, TimeInForce
from connector.model.packing import layout
from tests.ipc.test_client import Daemon
from tests.reference.raw_peer import HELLO, RawPeer
from tests.reference.stack import eventually

SLOT = layout("Command")
TRADING = {**HELLO, "kind": "trading", "strategy": "maker"}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    running = Daemon(tmp_path, "--trading")
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGCONT)
            running.stop()


def trader(daemon: Daemon, name: str = "maker", **how: Any) -> connector.TradingSession:
    return connector.attach(name, daemon.folder, trading=True, **how)


def taken(daemon: Daemon, count: int) -> list[Any]:
    """The next commands the daemon's handler was given, as (strategy, slot's fields)."""
    found: list[Any] = []

    def enough() -> bool:
        found.extend(daemon.do("commands"))
        return len(found) >= count

    eventually(enough)
    assert len(found) == count
    return [(name, SLOT.unpack(bytes.fromhex(slot))) for _, name, slot, _ in found]


def test_a_command_arrives_as_it_was_written(daemon: Daemon) -> None:
    with trader(daemon) as session:
        assert session.accounts == {"main": 0}
        btc = session.instruments["BTCUSDT"]
        daemon.do("trades", price_e=5, count=3)
        while session.poll() is not None:
            pass
        before = time.monotonic_ns()
        ticket = session.place(
            btc,
            connector.Side.SELL,
            "0.25",
            Decimal("65432.1"),
            reduce_only=True,
            client_order_id="R01a",
            label="ANTI_S|REVERSE",
            target="LÖNG",
            good_till_ms=1_700_000_000_123,
            valid_for_ms=50,
        )
        after = time.monotonic_ns()
        ((name, slot),) = taken(daemon, 1)
        assert name == "maker"
        assert (slot.stamp, ticket.number, session.commands_written) == (1, 1, 1)
        assert (slot.action, slot.side, slot.account, slot.instrument) == (Action.PLACE, 2, 0, 0)
        assert (slot.qty_e, slot.price_e) == (25_000_000, 6_543_210_000_000)
        assert (slot.order_type, slot.time_in_force) == (OrderType.LIMIT, TimeInForce.GTD)
        assert slot.good_till_ns == 1_700_000_000_123_000_000
        assert slot.flags == CommandFlag.REDUCE_ONLY
        assert (slot.label, slot.target) == ("ANTI_S|REVERSE", "LÖNG")
        assert slot.client_order_id == ticket.client_order_id == "R01a"
        assert slot.ref_id == ticket.ref_id != ""
        assert before <= slot.created_ns <= after
        assert slot.valid_until_ns - slot.created_ns == 50_000_000
        assert slot.cause_sequence == 4
        assert slot.stop_price_e == slot.callback_rate_e == slot.order_id == ABSENT
        assert (slot.batch, slot.batch_size, slot.order_key) == (0, 0, 0)


def test_everything_a_place_can_say(daemon: Daemon) -> None:
    with trader(daemon) as session:
        session.place(
            "BTCUSDT",
            "Buy",
            None,
            order_type="trailing_stop_market",
            position_side="short",
            stop_price=1,
            activation_price=0.1,
            callback_rate="0.01",
            working_type="mark",
            close_position=True,
            price_protect=True,
            price_match="queue_5",
            self_trade="expire_both",
            ref_id="r" * 40,
            account="main",
        )
        session.place(0, 1, 1, 2, post_only=True, time_in_force="gtx")
        (_, first), (_, second) = taken(daemon, 2)
        assert (first.order_type, first.position_side, first.working_type) == (7, 2, 2)
        assert (first.price_match, first.self_trade, first.flags) == (6, 4, 6)
        assert (first.stop_price_e, first.activation_price_e) == (100_000_000, 10_000_000)
        assert (first.callback_rate_e, first.qty_e, first.price_e) == (1_000_000, ABSENT, ABSENT)
        assert (first.ref_id, first.time_in_force) == ("r" * 40, 0)
        assert (second.time_in_force, second.qty_e, second.price_e) == (4, 10**8, 2 * 10**8)
        assert second.ref_id not in ("", first.ref_id)


def test_orders_are_named_by_ticket_key_client_id_or_venue_id(daemon: Daemon) -> None:
    with trader(daemon) as session:
        placed = session.place(0, "buy", 1, 2, client_order_id="mine")
        session.cancel(placed)
        session.amend(placed, price=3)
        session.amend(placed, quantity="0.5")
        session.cancel(order_key=77, instrument="BTCUSDT")
        session.cancel("other", instrument="BTCUSDT")
        session.query(order_id=5, instrument="BTCUSDT")
        session.query(order_id="c0ffee", instrument="BTCUSDT")
        session.cancel_all("BTCUSDT")
        slots = [slot for _, slot in taken(daemon, 9)]
        assert [slot.stamp for slot in slots] == list(range(1, 10))
        assert [slot.action for slot in slots] == [1, 3, 2, 2, 3, 3, 5, 5, 4]
        names = [(s.order_key, s.client_order_id, s.order_id, s.venue_order_id) for s in slots[1:]]
        assert names == [
            (0, "mine", ABSENT, ""),
            (0, "mine", ABSENT, ""),
            (0, "mine", ABSENT, ""),
            (77, "", ABSENT, ""),
            (0, "other", ABSENT, ""),
            (0, "", 5, ""),
            (0, "", ABSENT, "c0ffee"),
            (0, "", ABSENT, ""),
        ]
        assert [(s.price_e, s.qty_e) for s in slots[2:4]] == [
            (300_000_000, ABSENT),
            (ABSENT, 50_000_000),
        ]


def test_an_order_that_is_named_twice_or_by_nothing_is_refused(daemon: Daemon) -> None:
    with trader(daemon) as session:
        placed = session.place(0, "buy", 1, 2)
        for more in ({"client_order_id": "x"}, {"order_key": 7}, {"order_id": 7}):
            with pytest.raises(ValueError, match="order: named twice"):
                session.cancel(placed, **more)
        with pytest.raises(TypeError, match="order must be a Ticket"):
            session.cancel(7)
        with pytest.raises(ValueError, match="instrument: missing"):
            session.cancel(order_key=7)
        assert session.commands_written == 1


def test_a_batch_says_which_of_its_orders_is_wrong(daemon: Daemon) -> None:
    one: dict[str, Any] = {"instrument": 0, "side": "buy", "quantity": 1, "price": 2}
    with trader(daemon) as session:
        with pytest.raises(ValueError, match=r"^orders\[1\]: side: "):
            session.place_batch([one, {**one, "side": "up"}])
        with pytest.raises(TypeError, match=r"^orders\[0\]: .*pirce"):
            session.place_batch([{**one, "pirce": 1}])
        with pytest.raises(TypeError, match=r"^orders\[1\] must be a dict"):
            session.amend_batch([{"order": "x", "instrument": 0, "price": 1}, ("x", 1)])  # type: ignore[list-item]
        assert session.commands_written == 0


def test_a_batch_is_written_whole_or_not_at_all(daemon: Daemon) -> None:
    one: dict[str, Any] = {"instrument": 0, "side": "buy", "quantity": 1, "price": 2}
    with trader(daemon) as session:
        tickets = session.place_batch([one, {**one, "price": 3, "ref_id": "x"}])
        assert [ticket.number for ticket in tickets] == [1, 2]
        with pytest.raises(ValueError, match="quantity"):
            session.place_batch([one, {**one, "quantity": "0.000000001"}])
        assert session.place_batch([]) == []
        session.cancel_batch(["a", "b"], instrument=0)
        session.amend_batch([{"order": ticket, "price": 5} for ticket in tickets])
        slots = [slot for _, slot in taken(daemon, 6)]
        assert [(s.batch, s.batch_size) for s in slots] == [(1, 2), (2, 2)] * 3
        assert [s.client_order_id for s in slots[2:4]] == ["a", "b"]
        assert [(s.action, s.placed_by) for s in slots[4:]] == [(2, 1), (2, 2)]


INEXACT = [
    ({"quantity": "0.000000001"}, "quantity"),
    ({"quantity": 1e-9}, "quantity"),
    ({"quantity": float("nan")}, "quantity"),
    ({"quantity": "1e30"}, "quantity"),
    ({"quantity": 2**70}, "quantity"),
    ({"quantity": "zehn"}, "quantity"),
    ({"quantity": Decimal("Infinity")}, "quantity"),
    ({"quantity": True}, "quantity"),
    ({"quantity": b"1"}, "quantity"),
    ({"price": "1.123456789"}, "price"),
    ({"price": 1.123456789}, "price"),
    ({"stop_price": "x"}, "stop_price"),
    ({"callback_rate": "0.000000001"}, "callback_rate"),
    ({"side": "up"}, "side"),
    ({"side": 1000}, "side"),
    ({"side": 1.5}, "side"),
    ({"order_type": "iceberg"}, "order_type"),
    ({"time_in_force": "GTX ", "price": 1}, "time_in_force"),
    ({"time_in_force": "GTC", "post_only": True}, "time_in_force"),
    ({"ref_id": "r" * 41}, "ref_id"),
    ({"ref_id": "ö" * 21}, "ref_id"),
    ({"ref_id": "a\0b"}, "ref_id"),
    ({"ref_id": 7}, "ref_id"),
    ({"client_order_id": "c" * 41}, "client_order_id"),
    ({"label": "l" * 65}, "label"),
    ({"target": "t" * 65}, "target"),
    ({"account": "other"}, "account"),
    ({"account": -1}, "account"),
    ({"account": 1 << 16}, "account"),
    ({"valid_for_ms": 0}, "valid_for_ms"),
    ({"valid_for_ms": "1"}, "valid_for_ms"),
    ({"instrument": "NOSUCH"}, "instrument: 'NOSUCH'"),
    ({"instrument": None}, "instrument: None"),
    ({"post_only": "no"}, "post_only"),
    ({"post_only": 1, "time_in_force": "GTX"}, "post_only"),
    ({"reduce_only": "false"}, "reduce_only"),
    ({"reduce_only": None}, "reduce_only"),
    ({"close_position": "false"}, "close_position"),
    ({"price_protect": 0}, "price_protect"),
    ({"valid_for_ms": float("nan")}, "valid_for_ms"),
]


def test_what_cannot_be_written_exactly_is_refused_by_name(daemon: Daemon) -> None:
    whole: dict[str, Any] = {"instrument": 0, "side": "buy", "quantity": 1, "price": 2}
    with trader(daemon) as session:
        for change, what in INEXACT:
            with pytest.raises((ValueError, TypeError), match=what):
                session.place(**{**whole, **change})
        assert session.commands_written == 0
        session.place(**whole)
        assert len(taken(daemon, 1)) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_float_is_its_shortest_decimal(daemon: Daemon, seed: int) -> None:
    """Against the slow way: repr to Decimal."""
    rng = random.Random(seed)
    with trader(daemon) as session:
        btc = session.instruments[0]
        expected = []
        for _ in range(200):
            value = rng.choice(
                [
                    round(rng.uniform(0, 10 ** rng.randint(-6, 9)), rng.randint(0, 8)),
                    rng.randint(1, 10**15) / 10**8,
                    rng.randint(1, 10**9) / 10 ** rng.randint(0, 12),
                    rng.random(),
                ]
            )
            exact = Decimal(repr(value)).scaleb(8)
            if exact == int(exact):
                session.place(btc, 1, value)
                expected.append(int(exact))
            else:
                with pytest.raises(ValueError, match="quantity"):
                    session.place(btc, 1, value)
            if len(expected) >= 100:
                break
        assert [slot.qty_e for _, slot in taken(daemon, len(expected))] == expected


def test_a_strategy_that_may_use_several_accounts_has_to_name_one(daemon: Daemon) -> None:
    with trader(daemon, "both") as session:
        assert session.accounts == {"main": 0, "second": 3}
        with pytest.raises(ValueError, match="several"):
            session.place(0, "buy", 1, 2)
        session.place(0, "buy", 1, 2, account="second")
        assert [slot.account for _, slot in taken(daemon, 1)] == [3]


def test_who_may_use_no_account_may_not_trade(daemon: Daemon) -> None:
    with pytest.raises(connector.AttachError, match="no account may be used by 'nobody'"):
        trader(daemon, "nobody")
    with connector.attach("nobody", daemon.folder) as session:
        assert session.poll() is None


def test_patience_waits_for_an_account_that_is_not_ready_yet(daemon: Daemon) -> None:
    daemon.do("not_yet", count=1)
    with pytest.raises(connector.AttachError, match="account main is not ready yet"):
        trader(daemon)
    daemon.do("not_yet", count=3)
    with trader(daemon, patience=30) as session:
        assert session.accounts == {"main": 0}
    assert daemon.do("counter", counter=Counter.ATTACH_REFUSED.value) == 0


def test_a_daemon_without_accounts_serves_the_market_only(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    try:
        with pytest.raises(connector.AttachError, match="nobody may trade"):
            trader(daemon)
    finally:
        daemon.stop()


def test_one_session_a_name_trades_and_a_takeover_ends_it(daemon: Daemon) -> None:
    with trader(daemon) as first:
        with pytest.raises(connector.AttachError, match=f"pid {os.getpid()}; takeover=True"):
            trader(daemon)
        first.place(0, "buy", 1, 2)
        taken(daemon, 1)
        with (
            connector.attach("maker", daemon.folder) as market,
            trader(daemon, "both") as other,
            trader(daemon, takeover=True) as second,
        ):
            with pytest.raises(connector.EpochChanged, match="another session"):
                first.check_alive()
            with pytest.raises(connector.EpochChanged):
                first.place(0, "buy", 1, 2)
            assert second.place(0, "buy", 1, 2).number == 2  # numbers go on
            assert [slot.stamp for _, slot in taken(daemon, 1)] == [2]
            market.check_alive()
            other.check_alive()
    eventually(lambda: len(daemon.do("life")) == 6)
    why = [one[2] for one in daemon.do("life") if one[0] == "closed" and one[1] == "maker"]
    assert why[0] == "taken over by another session"


def test_a_full_ring_says_so_at_once(daemon: Daemon) -> None:
    with trader(daemon) as session:
        daemon.tell("stop")
        eventually(lambda: _state(daemon.process.pid) == "T")
        for _ in range(COMMANDS):
            session.place(0, "buy", 1, 2)
        with pytest.raises(connector.Full, match="nothing was written"):
            session.place(0, "buy", 1, 2)
        with pytest.raises(connector.Full):
            session.place_batch([{"instrument": 0, "side": 1, "quantity": 1}] * 2)
        assert session.commands_written == COMMANDS
        daemon.process.send_signal(signal.SIGCONT)
        assert daemon._line() == "true"
        slots = [slot for _, slot in taken(daemon, COMMANDS)]
        assert [slot.stamp for slot in slots] == list(range(1, COMMANDS + 1))
        assert session.place(0, "buy", 1, 2).number == COMMANDS + 1
        taken(daemon, 1)


def test_many_rounds_of_the_ring_lose_nothing(daemon: Daemon) -> None:
    with trader(daemon) as session:
        written = 0
        until = time.monotonic() + 30
        while written < 5000:
            try:
                session.place(0, "buy", written + 1)
                written += 1
            except connector.Full:
                assert time.monotonic() < until
                time.sleep(0.0005)
        slots = [slot for _, slot in taken(daemon, written)]
        assert [slot.qty_e for slot in slots] == [(n + 1) * 10**8 for n in range(written)]
        assert session.counters[Counter.COMMANDS] == written


def test_a_later_session_goes_round_the_ring_on_from_its_first_number(daemon: Daemon) -> None:
    for first in (1, 101, 201, 301):
        with trader(daemon) as session:
            for number in range(first, first + 100):
                assert session.place(0, "buy", number).number == number
            slots = [slot for _, slot in taken(daemon, 100)]
            assert [slot.qty_e for slot in slots] == [n * 10**8 for n in range(first, first + 100)]


def test_a_sleeping_daemon_is_woken_and_a_handler_that_fails_ends_nothing(daemon: Daemon) -> None:
    with trader(daemon) as session:
        daemon.do("fail", fail=True)
        session.place(0, "buy", 1, 2)
        eventually(lambda: session.counters[Counter.COMMAND_ERRORS] == 1)
        daemon.do("fail", fail=False)
        session.place(0, "buy", 1, 2)
        assert [slot.stamp for _, slot in taken(daemon, 1)] == [2]


def test_a_killed_strategy_frees_its_name(daemon: Daemon) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            session = trader(daemon)
            session.place(0, "buy", 1, 2)
            os.write(writer, b"x")
            time.sleep(60)
        finally:
            os._exit(0)
    assert os.read(reader, 1) == b"x"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)

    def attach() -> connector.TradingSession | None:
        try:
            return trader(daemon)
        except connector.AttachError:
            return None

    with eventually(attach) as session:
        assert session.commands_written in (0, 1)


def test_a_forked_child_cannot_trade(daemon: Daemon) -> None:
    with trader(daemon) as session:
        child = os.fork()
        if child == 0:
            try:
                session.place(0, "buy", 1, 2)
            except connector.AttachError:
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        session.place(0, "buy", 1, 2)
        assert [slot.stamp for _, slot in taken(daemon, 1)] == [1]


def test_a_killed_daemon_is_noticed_by_who_waits_and_by_a_full_ring(daemon: Daemon) -> None:
    with trader(daemon) as session:
        daemon.stop()
        for _ in range(COMMANDS):
            session.place(0, "buy", 1, 2)
        with pytest.raises(connector.EpochChanged):
            session.place(0, "buy", 1, 2)
        with pytest.raises(connector.EpochChanged):
            session.wait(30)


class Hostile:
    """A peer that writes into its `up` segment what it likes."""

    def __init__(self, daemon: Daemon, strategy: str = "maker") -> None:
        self.peer = RawPeer(daemon.folder)
        answer = self.peer.ask({**TRADING, "strategy": strategy})
        assert answer is not None
        assert answer["ok"], answer
        assert len(self.peer.fds) == 5
        self.before: int = answer["commands"]
        self.up = Mapping(self.peer.fds[1], PAGE + COMMANDS * COMMAND_BYTES, writable=True)
        self.down = Mapping(self.peer.fds[2], PAGE)
        self.bytes = memoryview(self.up).cast("B")
        self.words = self.bytes.cast("Q")

    def write(self, number: int, slot: bytes, place: int | None = None) -> None:
        """One slot, its stamp last."""
        offset = PAGE + ((number if place is None else place) - 1) % COMMANDS * COMMAND_BYTES
        self.bytes[offset + 8 : offset + COMMAND_BYTES] = slot[8:]
        self.words[offset // 8] = number  # whole: struct would write it byte by byte

    def ring(self) -> None:
        os.write(self.peer.fds[4], b"\1\0\0\0\0\0\0\0")

    def ended(self) -> bool:
        return self.peer.receive() is None

    @property
    def reason(self) -> int:
        return int(struct.unpack_from("<Q", self.down, 136)[0])

    def close(self) -> None:
        self.words.release()
        self.bytes.release()
        self.peer.__exit__()


def test_a_stamp_that_cannot_be_ends_the_session_and_only_that(daemon: Daemon) -> None:
    for number, place in ((2, 1), (2**64 - 1, 1), (257, 1), (12345, 1)):
        with trader(daemon, "both") as bystander:
            hostile = Hostile(daemon)
            hostile.write(number, bytes(COMMAND_BYTES), place)
            hostile.ring()
            assert hostile.ended()
            assert hostile.reason == 3
            hostile.close()
            bystander.place(0, "buy", 1, 2, account=0)
            assert [name for name, _ in taken(daemon, 1)] == ["both"]
    whys = [one[2] for one in daemon.do("life") if one[0] == "closed" and one[1] == "maker"]
    assert whys[0] == "command 2 in the place of 1"
    assert daemon.do("counter", counter=Counter.COMMANDS_BROKEN.value) == 4


def test_garbage_in_the_up_segment_never_harms_the_daemon(daemon: Daemon) -> None:
    """Whole pages of noise, slots with right stamps and any content, while it is being read."""
    rng = random.Random(7)
    with trader(daemon, "both") as bystander:
        for _ in range(20):
            hostile = Hostile(daemon)
            written = hostile.before
            for number in range(written + 1, written + rng.randint(2, 200)):
                hostile.write(number, rng.randbytes(COMMAND_BYTES))
                written = number
                if rng.random() < 0.2:
                    hostile.ring()
            hostile.ring()
            if rng.random() < 0.5:
                noise = rng.randbytes(len(hostile.bytes) - 16)
                ctypes.memmove(hostile.up.address + 16, noise, len(noise))
                hostile.ring()
                assert hostile.ended()
            else:
                eventually(lambda: struct.unpack_from("<Q", hostile.down, 256)[0] == written)  # noqa: B023
            hostile.close()
            daemon.do("commands")
            eventually(lambda: daemon.do("sessions") == ["both"])
        bystander.place(0, "buy", 1, 2, account=0)
        assert [name for name, _ in taken(daemon, 1)] == ["both"]


def test_nobody_else_can_write_the_down_segment(daemon: Daemon) -> None:
    hostile = Hostile(daemon)
    with pytest.raises(PermissionError):
        Mapping(hostile.peer.fds[2], PAGE, writable=True)
    with pytest.raises(PermissionError):
        os.ftruncate(hostile.peer.fds[1], 0)
    hostile.close()


def test_what_a_strategy_that_left_had_written_was_taken_or_is_known_not_to_be(
    daemon: Daemon,
) -> None:
    with trader(daemon) as session:
        daemon.tell("stop")
        eventually(lambda: _state(daemon.process.pid) == "T")
        session.place(0, "buy", 1, 2)
    daemon.process.send_signal(signal.SIGCONT)
    assert daemon._line() == "true"
    eventually(lambda: daemon.do("sessions") == [])
    taken = len(daemon.do("commands"))
    with trader(daemon) as session:
        assert session.commands_written == taken  # whichever of the two was seen first


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
