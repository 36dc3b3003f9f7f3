"""A checkpoint of any size is written in parts, while orders go on: whoever reads the journal knows
what the daemon knew."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.model.intents import Action
from connector.model.order import Fill, Order
from connector.model.packing import layout
from connector.model.records import RecordType, Side
from connector.model.reports import OrderStatus, Result, Update
from connector.trading import journal_files, reports
from connector.trading.checkpoint import FILLS, PART, checkpoint
from connector.trading.effects import Answered, report_of
from connector.trading.journal import Journals
from connector.trading.pending import Pending
from connector.trading.positions import Positions
from connector.trading.recovery import KeptCommand, KeptOrder, Replay
from connector.trading.recovery import Place as Where
from connector.trading.refs import Refs, content
from connector.trading.restore import Restorer, known_refs
from connector.trading.tracker import Tracker
from connector.venues.trading_contract import Execution, OrderEvent, Source
from tests.reference.desk_rig import INSTRUMENT, Account

OPEN = 20_000
ENTRY = layout("InstrumentEntry").pack(id=3, symbol="BTCUSDT", price_exponent=2, qty_exponent=3)
MANY = 3 * FILLS + 7
SECOND_NS = 1_000_000_000


class Place:
    """Both directories of a daemon with one account, and what it knows of its strategy."""

    def __init__(self, folder: Path, memory: Path) -> None:
        self.where = memory, folder
        self.account: Any = Account(0, "main", "maker")
        self.tracker = Tracker(iter(range(1 << 50, 1 << 60)).__next__)
        self.positions, self.refs = Positions(), Refs()
        self.counts: dict[Any, int] = {}
        self.journals = self.journal()

    def journal(self, **options: Any) -> Journals:
        return Journals(
            *self.where,
            checkpoint=lambda _: checkpoint(
                Replay("maker"), {"main"}, self.refs, self.tracker, self.positions,
                lambda order: ["maker"], [self.account],
            ),
            describe=lambda index: ENTRY if index == 3 else b"",
            count=lambda counter, amount: self.counts.update({counter: amount}),
            **options,
        )  # fmt: skip

    def order(self, number: int, **more: Any) -> Order:
        order = Order(key=number, account=0, strategy="maker", instrument=INSTRUMENT,
                      client_order_id=f"cid-{number}", order_id=8_000_000_000 + number,
                      price_e=50_000_00, qty_e=1_000_000, command=number, submitted=True,
                      status=OrderStatus.NEW, **more)  # fmt: skip
        self.tracker.register(order)
        return order

    def fill(self, order: Order, trade_id: int) -> None:
        """Known, reported and in the journal."""
        order.fills[trade_id] = Fill(1, 50_000_00, True)
        order.known_qty_e += 1
        order.filled_qty_e += 1
        order.status = OrderStatus.PARTIALLY_FILLED
        self.positions.restore("maker", (0, "BTCUSDT", order.position_side), 1)

    def tell(self, order: Order, trade_id: int) -> None:
        self.fill(order, trade_id)
        event = OrderEvent(
            source=Source.STREAM,
            execution=Execution.TRADE,
            symbol="BTCUSDT",
            last_qty_e=1,
            last_price_e=50_000_00,
            trade_id=trade_id,
            fee_e=0,
        )
        report = report_of(order, Update.EXECUTED, event, 0, event)
        kind, body = reports.report(report, 0)
        self.journals.append("maker", kind, body, instrument=3, order_key=order.key)

    def read(self) -> Replay:
        """What a start finds."""
        replay = Replay("maker")
        for entry in self.journals.recover("maker"):
            replay.take(entry.kind, entry.account, entry.instrument, entry.body)
        return replay

    def on_disk(self) -> None:
        journal, end = self.journals.open("maker"), time.monotonic() + 30
        while journal.durable != journal.position:
            assert time.monotonic() < end, "not within 30 seconds"
            time.sleep(0.001)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    memory = Path(f"/dev/shm/checkpoint-{os.getpid()}-{time.monotonic_ns()}")
    made = Place(tmp_path, memory)
    yield made
    made.journals.close(0.5)
    shutil.rmtree(memory, ignore_errors=True)


def known(orders: Any) -> dict[int, tuple[Any, ...]]:
    return {
        one.key: (one.client_order_id, one.order_id, one.price_e, one.qty_e, one.filled_qty_e,
                  int(one.status), len(one.fills))
        for one in orders
    }  # fmt: skip


def parts(place: Place) -> list[bool]:
    """Of the checkpoints in the journal: is it the last one?"""
    return [bool(entry.order_key) for entry in place.journals.read("maker")
            if entry.kind == RecordType.CHECKPOINT_PART]  # fmt: skip


def test_twenty_thousand_open_orders_survive_a_kill(place: Place) -> None:
    """They are written a part a turn while others are filled; then the daemon is killed in the
    middle of the next checkpoints."""
    orders = [place.order(number) for number in range(1, OPEN + 1)]
    for trade_id in range(1, MANY + 1):
        place.fill(orders[70], trade_id)
    for number in range(1, 2 * PART):
        place.tracker.requested(Pending(request=number, order=orders[number], account=0,
                                        strategy="maker", action=Action.CANCEL,
                                        command=100_000 + number))  # fmt: skip
    journals = place.journals
    journals.append("maker", RecordType.SNAPSHOT_BEGIN, bytes(64))
    journals.roll("maker")
    trade_id = 100_000
    while not any(parts(place)):
        place.on_disk()
        for _ in range(200):
            journals.tick()
            trade_id += 1
            place.tell(orders[(trade_id * 7919) % OPEN], trade_id)
    assert sum(parts(place)) == 1

    for _ in range(2):
        replay = place.read()
        assert known(replay.orders.values()) == known(orders)
        assert len(replay.commands) == 2 * PART - 1
        assert sum(replay.positions.values()) == trade_id - 100_000 + MANY
        assert {name for name, *_ in replay.orders[71].fills} == set(orders[70].fills)
        place.on_disk()
        journals.roll("maker")  # and killed after some parts
        for _ in range(5):
            journals.tick()
            trade_id += 1
            place.tell(orders[trade_id % OPEN], trade_id)
    assert sum(parts(place)) == 1

    again = Tracker(iter(range(1 << 50, 1 << 60)).__next__)
    restorer = Restorer(again, Positions(), 0, "main", lambda symbol: INSTRUMENT, 5 * SECOND_NS,
                        iter(range(1, 10**6)).__next__, lambda instrument: None)  # fmt: skip
    restorer.restore(place.read(), SECOND_NS, SECOND_NS)
    assert known(again.orders.open_of(0)) == known(orders)
    assert [one.key for one in again.orders.open_of(0)] == [one.key for one in orders]
    assert len(again.pending()) == 2 * PART - 1


def test_all_requests_and_ended_orders_that_are_remembered_are_carried(place: Place) -> None:
    """A repeat of any of them is answered with the first answer by the next run, too."""
    said = Answered(strategy="maker", order=None, account=0, command=7, action=Action.PLACE,
                    ref_id="", result=Result.REFUSED, code=5, text="why")  # fmt: skip
    slot = bytes(640)
    for number in range(20_000):
        place.refs.add(f"ref-{number}", b"", number, 0, slot)
    known = place.refs.get("ref-19000")
    assert known is not None
    known.answered(said)
    for number in range(1, 3_000):
        order = place.order(number)
        order.status = OrderStatus.FILLED
        place.tracker.orders.ended(order)
    place.journals.roll("maker", at_once=True)
    while not any(parts(place)):
        place.on_disk()
        place.journals.tick()
    replay = place.read()
    assert [*replay.refs] == [*place.refs.known]
    refs = known_refs(replay, ["main"], 0)
    again = refs.get("ref-19000")
    assert again is not None
    assert again.digest() == content(slot)
    assert [(one.code, one.text) for one in again.answers] == [(5, "why")]
    assert len(replay.orders) == 2_999


def test_log_files_are_kept_back_to_the_last_whole_checkpoint(place: Place) -> None:
    orders = [place.order(number) for number in range(1, 200)]
    place.journals.close()
    place.journals = journals = place.journal(file_bytes=1 << 12, retain_bytes=1 << 12)
    journals.append("maker", RecordType.SNAPSHOT_BEGIN, bytes(64))
    journals.roll("maker", at_once=True)
    for trade_id in range(1, 60):
        place.tell(orders[trade_id], trade_id)
        place.on_disk()
        journals.roll("maker")  # each one given up for the next
    place.on_disk()
    journals.tidy()
    assert sum(parts(place)) == 1
    assert len(journal_files.log_files(place.where[1], "maker")) > 50
    assert known(place.read().orders.values()) == known(orders)
    journals.roll("maker", at_once=True)
    place.on_disk()
    journals.tidy()
    assert len(journal_files.log_files(place.where[1], "maker")) <= 3
    assert known(place.read().orders.values()) == known(orders)


def test_a_start_reads_nothing_across_a_file_of_another_layout(place: Place) -> None:
    place.order(1)
    for _ in range(4):
        place.journals.append("maker", RecordType.SNAPSHOT_BEGIN, bytes(64))
        place.journals.roll("maker")
    place.on_disk()
    files = journal_files.log_files(place.where[1], "maker")
    with open(files[2].path, "r+b") as other:
        other.seek(8)
        other.write(b"another.")
    files = journal_files.log_files(place.where[1], "maker")
    assert len(files) == 5
    assert journal_files.newest_checkpoint(files) == 2
    assert journal_files.newest_checkpoint(files[:2]) == 0


def test_a_checkpoint_goes_on_where_an_account_is_restored_meanwhile(place: Place) -> None:
    """What an earlier run left is told by its journal until the account is known."""
    replay, restored = Replay("maker"), set[str]()
    where = Where("BTCUSDT", 2, 3)
    for key in range(1, 5 * PART):
        replay.orders[key] = KeptOrder(
            key=key, client_order_id=f"cid-{key}", order_id=8_000_000_000 + key,
            price_e=50_000_00, qty_e=1_000_000, command=key, submitted=True, status=2,
            account="main", strategy="maker", place=where,
        )  # fmt: skip
    replay.commands[7] = KeptCommand(number=7, account="main", action=int(Action.CANCEL),
                                     order_key=7, sent=True)  # fmt: skip
    written = []
    for number, (body, _) in enumerate(checkpoint(
        replay, restored, None, place.tracker, place.positions, lambda order: ["maker"],
        [place.account],
    )):  # fmt: skip
        written.append(body)
        if number == 4:
            restorer = Restorer(place.tracker, place.positions, 0, "main", lambda _: INSTRUMENT,
                                SECOND_NS, iter(range(1, 99)).__next__, lambda _: None)  # fmt: skip
            restorer.restore(replay, 0, 0)
            restored.add("main")
    again = Replay("maker")
    again.take(RecordType.CHECKPOINT, 0, 0, written[0])
    for body in written[1:]:
        if body:
            again.take(RecordType.CHECKPOINT_PART, 0, 0, body)
    assert known(again.orders.values()) == known(replay.orders.values())
    assert list(again.commands) == [7]
    assert Side(again.orders[1].side) is Side.BUY


def test_when_the_venue_may_have_taken_an_order_is_the_same_after_any_number_of_starts(
    place: Place,
) -> None:
    """Else a list that begins later is searched for it in vain, and it is called absent."""
    window_ns, wall_ns = place.account.trading.window_ns, place.account.venue_ns(0)
    replay = Replay("maker")
    replay.orders[1] = KeptOrder(
        key=1, client_order_id="cid-1", price_e=50_000_00, qty_e=1, command=3, account="main",
        strategy="maker", place=Where("BTCUSDT", 2, 3),
    )  # fmt: skip
    replay.commands[3] = KeptCommand(
        number=3, account="main", action=int(Action.PLACE), order_key=1, sent=True, sent_ns=1,
        deadline_ns=wall_ns + window_ns,
    )  # fmt: skip
    for start in range(1, 4):
        now_ns = start * 600 * SECOND_NS
        tracker = Tracker(iter(range(1 << 50, 1 << 60)).__next__)
        restorer = Restorer(
            tracker, Positions(), 0, "main", lambda _: INSTRUMENT, window_ns,
            iter(range(1, 99)).__next__, lambda _: None,
        )  # fmt: skip
        restorer.restore(replay, now_ns, place.account.venue_ns(now_ns))
        (pending,) = tracker.pending()
        assert pending.venue_ns == wall_ns
        replay = Replay("maker")
        for number, (body, _) in enumerate(
            checkpoint(
                Replay("maker"), {"main"}, None, tracker, Positions(), lambda order: ["maker"],
                [place.account],
            )
        ):  # fmt: skip
            if body:
                kind = RecordType.CHECKPOINT_PART if number else RecordType.CHECKPOINT
                replay.take(kind, 0, 0, body)
        assert replay.commands[3].deadline_ns == wall_ns + window_ns
