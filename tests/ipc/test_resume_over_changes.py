"""A strategy that goes on after a restart hears of old orders by this run's numbers."""

import os
import shutil
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector._speedups.segment import Segment
from connector.instruments import NO_VENUE, Directory, instrument_of
from connector.model.counters import Counter
from connector.model.instrument import Instrument, Status
from connector.model.packing import layout
from connector.model.records import NO_ACCOUNT, NO_INSTRUMENT, RecordType
from connector.model.reports import Field
from connector.trading.journal import Journals
from connector.trading.journal_view import View
from connector.trading.recovery import Checkpoint, encoded
from tests.ipc.test_reports import SMALL, Session, Strategy

ENTRY = layout("InstrumentEntry")
LISTED = {"BTCUSDT": (2, 3), "ETHUSDT": (2, 3), "OLDUSDT": (4, 0)}
"""Instruments and the scales of their prices and quantities."""


def instrument(symbol: str, scales: tuple[int, int]) -> Instrument:
    return Instrument(
        symbol=symbol,
        exchange="BinanceU",
        status=Status.TRADING,
        price_exponent=scales[0],
        qty_exponent=scales[1],
        price_digits=scales[0],
        qty_digits=scales[1],
        tick_e=1,
        step_e=1,
    )


class Run:
    """A daemon's directory, accounts and journals from a start on."""

    def __init__(self, where: tuple[Path, Path], accounts: list[str], **scales: tuple[int, int]):
        self.segment = Segment.create(1 << 18)
        self.directory = Directory(self.segment, 4)
        self.accounts = accounts
        self.counts: dict[Counter, int] = {}
        for symbol, one in scales.items():
            self.directory.put(instrument(symbol, one))
        self.journals = Journals(
            *where,
            capacity=SMALL,
            file_bytes=1 << 17,
            checkpoint=lambda _: iter([(encoded(Checkpoint(accounts=accounts)), True)]),
            describe=self.segment.entry,
            place=self._place,
            accounts={name: (index, 4) for index, name in enumerate(accounts)},
            count=self._count,
        )
        self.journals.open("alpha")
        self.journals.roll("alpha")

    def _count(self, counter: Counter, amount: int) -> None:
        self.counts[counter] = self.counts.get(counter, 0) + amount

    def _place(self, entry: bytes) -> int | None:
        was = instrument_of(entry)
        found = self.directory.place(was.symbol) or self.directory.gone(was)
        return found.index if found is not None else None

    def index(self, symbol: str) -> int:
        found = self.directory.place(symbol)
        assert found is not None
        return found.index

    def write(self, kind: RecordType, symbol: str, account: str, **values: Any) -> None:
        name = {
            RecordType.ORDER_REPORT: "OrderReportBody",
            RecordType.COMMAND_ANSWER: "CommandAnswerBody",
            RecordType.FILL_DETAIL: "FillDetailBody",
            RecordType.BALANCE_UPDATE: "BalanceUpdateBody",
            RecordType.POSITION_UPDATE: "PositionUpdateBody",
            RecordType.ACCOUNT_CONFIG: "AccountConfigBody",
            RecordType.MARGIN_CALL: "MarginCallBody",
        }[kind]
        self.journals.append(
            "alpha",
            kind,
            layout(name).pack(**values),
            instrument=self.index(symbol) if symbol else NO_INSTRUMENT,
            venue=4,
            account=self.accounts.index(account),
        )

    def taken(self, resume: int = 0) -> list[tuple[int, RecordType, str, str, bytes]]:
        """What the strategy gets: number, type, names of instrument and account, body."""
        session, journal = Session(), self.journals.open("alpha")
        self.journals.attach("alpha", session.up, session.down, resume=resume)
        strategy, found = Strategy(session), []
        end = time.monotonic() + 30
        while len(found) < journal.sequence - resume:
            assert time.monotonic() < end, "not within 30 seconds"
            while (record := strategy.read()) is not None:
                kind, _, number, index, _, line = struct.unpack_from("<HHQIHH", record, 12)
                symbol = "-"
                if index != NO_INSTRUMENT:
                    symbol = ENTRY.unpack(self.segment.entry(index)).symbol
                account = "-" if line == NO_ACCOUNT else self.accounts[line]
                found.append((number, RecordType(kind), symbol, account, record[64:]))
            strategy.taken()
            self.journals.pump()
        self.journals.detach("alpha")
        self.journals.tick()
        return found

    def end(self) -> None:
        assert self.journals.close()


@pytest.fixture
def where(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    runtime = Path(f"/dev/shm/journal-{os.getpid()}-{time.monotonic_ns()}")
    yield runtime, tmp_path
    shutil.rmtree(runtime, ignore_errors=True)


EVERY = [
    (RecordType.COMMAND_ANSWER, {"value_e": 700, "limit_e": 800, "field": Field.PRICE}),
    (RecordType.ORDER_REPORT, {"price_e": 12300, "qty_e": 1500, "stop_price_e": None}),
    (RecordType.FILL_DETAIL, {"last_price_e": 12300, "last_qty_e": 500}),
    (RecordType.POSITION_UPDATE, {"qty_e": -500, "own_qty_e": 500}),
    (RecordType.ACCOUNT_CONFIG, {"leverage": 20}),
    (RecordType.MARGIN_CALL, {"qty_e": 500, "mark_e": 5}),
]


def names(reports: int, symbols: list[str], accounts: list[str]) -> list[tuple[str, str]]:
    """Instrument and account of each report that `fill` writes."""
    return [
        (
            "-" if number % 7 == 6 else symbols[number % len(symbols)],
            accounts[number // 3 % len(accounts)],
        )
        for number in range(reports)
    ]


def fill(run: Run, reports: int, symbols: list[str], accounts: list[str]) -> None:
    """Write reports of every type in turn."""
    journal = run.journals.open("alpha")
    for number, (symbol, account) in enumerate(names(reports, symbols, accounts)):
        while journal.position - journal.durable > SMALL // 2:
            time.sleep(0.0005)
        if number % 7 == 6:
            run.write(RecordType.BALANCE_UPDATE, "", account, wallet_e=number, asset="USDT")
        else:
            kind, values = EVERY[number % 7]
            run.write(kind, symbol, account, **values)
        if number % 500 == 499:
            run.journals.tick()


def lived(
    way: str,
    where: tuple[Path, Path],
    reports: int,
    symbols: list[str],
    accounts: list[str],
    **scales: tuple[int, int],
) -> list[tuple[str, str]]:
    """A run that has ended; the names in its reports. It has a process of its own, since only that
    can be killed: an abandoned journal's thread goes on writing its log files."""
    child = os.fork()
    if child == 0:
        try:
            run = Run(where, accounts, **scales)
            fill(run, reports, symbols, accounts)
            if way == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            run.end()
            os._exit(0)
        finally:
            os._exit(1)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended == (-signal.SIGKILL if way == "killed" else 0)
    return names(reports, symbols, accounts)


@pytest.mark.parametrize("way", ["closed", "killed"])
@pytest.mark.parametrize("reports", [40, 3000])
def test_old_reports_name_what_they_named(where: tuple[Path, Path], reports: int, way: str) -> None:
    named = lived(way, where, reports, [*LISTED], ["x", "y"], **LISTED)
    # Another order, and one of each is gone.
    both = {"ETHUSDT": (2, 3), "BTCUSDT": (2, 3)}
    named += lived(way, where, 40, ["BTCUSDT", "ETHUSDT"], ["z", "y"], **both)
    three = Run(where, ["y", "new", "x"], BTCUSDT=(2, 3), NEWUSDT=(1, 1), ETHUSDT=(2, 3))
    fill(three, 40, ["NEWUSDT"], ["new"])
    named += names(40, ["NEWUSDT"], ["new"])
    wanted = [
        (number, symbol, "-" if account == "z" else account)
        for number, (symbol, account) in enumerate(named, 1)
    ]
    for resume in (0, 1, reports - 1, reports, reports + 20, reports + 40):
        found = [(number, symbol, account) for number, _, symbol, account, _ in three.taken(resume)]
        assert found == wanted[resume:]
    gone = ENTRY.unpack(three.segment.entry(three.index("OLDUSDT")))
    assert (gone.status, gone.price_exponent) == (Status.CLOSED, 4)
    assert three.counts[Counter.REPORTS_UNPLACED] > 0
    three.journals.close()


def test_numbers_follow_the_scale(where: tuple[Path, Path]) -> None:
    one = Run(where, ["x"], BTCUSDT=(2, 3))
    for kind, values in EVERY:
        one.write(kind, "BTCUSDT", "x", **values)
    one.end()
    two = Run(where, ["x"], BTCUSDT=(4, 1))  # finer prices, coarser quantities
    answer, order, detail, position, config, call = (
        (symbol, body) for _, _, symbol, _, body in two.taken()
    )
    assert {symbol for symbol, _ in (answer, order, detail, position, config, call)} == {"BTCUSDT"}
    refused = layout("CommandAnswerBody").unpack(answer[1])
    assert (refused.value_e, refused.limit_e) == (70000, 80000)
    report = layout("OrderReportBody").unpack(order[1])
    assert (report.price_e, report.qty_e) == (1230000, 15)
    assert report.stop_price_e == -(1 << 63)
    fill_detail = layout("FillDetailBody").unpack(detail[1])
    assert (fill_detail.last_price_e, fill_detail.last_qty_e) == (1230000, 5)
    held = layout("PositionUpdateBody").unpack(position[1])
    assert (held.qty_e, held.own_qty_e) == (-5, 5)
    margin = layout("MarginCallBody").unpack(call[1])
    assert (margin.qty_e, margin.mark_e) == (5, 5)
    assert Counter.REPORTS_UNPLACED not in two.counts
    two.journals.close()


def test_what_a_scale_cannot_hold_has_no_instrument(where: tuple[Path, Path]) -> None:
    one = Run(where, ["x"], BTCUSDT=(2, 3))
    one.write(RecordType.ORDER_REPORT, "BTCUSDT", "x", price_e=12345, qty_e=1500)
    one.write(RecordType.ORDER_REPORT, "BTCUSDT", "x", price_e=12300, qty_e=1500)
    one.write(RecordType.ORDER_REPORT, "BTCUSDT", "x", price_e=12300, qty_e=1 << 62)
    one.end()
    two = Run(where, ["x"], BTCUSDT=(1, 3))
    found = two.taken()
    assert [symbol for _, _, symbol, _, _ in found] == ["-", "BTCUSDT", "BTCUSDT"]
    kept = layout("OrderReportBody").unpack(found[0][4])
    assert (kept.price_e, kept.qty_e) == (12345, 1500)
    assert two.counts[Counter.REPORTS_UNPLACED] == 1
    two.end()
    three = Run(where, ["x"], BTCUSDT=(2, 5))
    assert [symbol for _, _, symbol, _, _ in three.taken()] == ["BTCUSDT", "BTCUSDT", "-"]
    three.journals.close()


def test_a_venue_that_is_gone_leaves_places(where: tuple[Path, Path]) -> None:
    segment = Segment.create(1 << 18)
    directory = Directory(segment, NO_VENUE)
    was = instrument("BTCUSDT", (2, 3))
    first, again = directory.gone(was), directory.gone(was)
    assert first is not None
    assert again is not None
    assert first.index == again.index
    entry = instrument_of(segment.entry(first.index))
    assert (entry.symbol, entry.exchange, entry.status) == ("BTCUSDT", "BinanceU", Status.CLOSED)


def test_a_journal_shows_no_instrument_where_there_is_none(where: tuple[Path, Path]) -> None:
    run = Run(where, ["x"], BTCUSDT=(2, 3))
    run.write(RecordType.ORDER_REPORT, "BTCUSDT", "x", price_e=12345)
    run.write(RecordType.BALANCE_UPDATE, "", "x", wallet_e=5, asset="USDT")
    run.write(RecordType.ACCOUNT_CONFIG, "", "x", multi_assets=1, hedge=2)
    run.write(RecordType.ACCOUNT_CONFIG, "BTCUSDT", "x", leverage=20)
    view = View("alpha")
    told = [view.told(entry) for entry in run.journals.read("alpha")]
    shown = [one for one in told if "wall_ns" in one]
    assert [one.get("instrument") for one in shown] == ["BTCUSDT", None, None, "BTCUSDT"]
    assert (shown[2]["multi_assets"], shown[2]["hedge"]) == (False, True)
    assert "hedge" not in shown[3]
    run.journals.close()
