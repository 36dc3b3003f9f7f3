"""A private frame to the report in its strategy's ring, without sockets: decoding, the tracker, the
journal, the ring."""

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.orders import canned
from bench.report import Group
from connector._speedups.segment import Segment
from connector.desk import Desk
from connector.ipc.counters import Counters
from connector.ipc.segments import TradingMemory
from connector.model.counters import Hop
from connector.model.instrument import Instrument
from connector.model.order import Order
from connector.trading.halts import Halts, path_of
from connector.trading.ids import Ids
from connector.trading.journal import Journals
from connector.trading.ledger import Ledger
from connector.venues.contract import load
from connector.venues.trading_contract import OrderEvent

BATCH = 200
ORDERS = 10
_CURSOR = 256
"""Of the reports a strategy has taken, in its `up`."""
STRATEGY = "bench"
INSTRUMENT = Instrument(
    symbol="ETHUSDT",
    exchange="BinanceU",
    price_exponent=8,
    qty_exponent=8,
    price_digits=2,
    qty_digits=3,
    tick_e=10**6,
    step_e=10**5,
)


class _Listed:
    index, venue, instrument, served = 0, 0, INSTRUMENT, True
    mark_e = 3400 * 10**8
    touch = None


class _Account:
    """As much of an account as hears of orders."""

    index, name, venue = 0, "main", 0
    strategies, foreign_to = frozenset({STRATEGY}), frozenset[str]()

    def __init__(self) -> None:
        trading = load("binance_usdm").trading
        assert trading is not None
        self.trading = trading

    def scales(self, symbol: str) -> Instrument | None:
        return INSTRUMENT if symbol == INSTRUMENT.symbol else None


class Rig:
    """One order that fills bit by bit; a context manager."""

    def __init__(self) -> None:
        self.account: Any = _Account()
        self.listed: Any = _Listed()
        self._memory = Path(tempfile.mkdtemp(dir="/dev/shm"))
        self._disk = Path(tempfile.mkdtemp())
        self._orders = 0

    def __enter__(self) -> "Rig":
        self.journals = Journals(self._memory, self._disk, describe=lambda index: bytes(512))
        self._halts = Halts(path_of(self._memory))
        self._halts.open()
        self.desk = Desk(
            [self.account],
            Ledger(self.journals, time.time_ns),
            Ids(1),
            listed=lambda index: self.listed,
            find=lambda venue, symbol: self.listed,
            clock=time.monotonic_ns,
            halts=self._halts,
        )
        self.segment = Segment.create(1 << 18)
        hearing = self.desk.hearing(self.account, self.segment, self._rest)
        assert hearing is not None
        self._hear = hearing.take
        self.session = TradingMemory(1)
        self.reports = self.journals.attach(STRATEGY, self.session.up, self.session.down)
        self._decode = self.account.trading.stream.decode
        return self

    def __exit__(self, *error: object) -> None:
        self.journals.close()
        self._halts.close()
        self.session.close()
        shutil.rmtree(self._memory)
        shutil.rmtree(self._disk)

    def fills(self) -> list[bytes]:
        """A new order, and the frames of its fills."""
        self._orders += 1
        name = f"o{self._orders}"
        order = Order(
            key=self._orders,
            account=0,
            strategy=STRATEGY,
            instrument=INSTRUMENT,
            client_order_id=name,
            price_e=3400 * 10**8,
            qty_e=(BATCH + 1) * 10**8,
        )
        self.desk.tracker.register(order)
        values = {
            "ms": 1_700_000_000_000 + self._orders,
            "symbol": INSTRUMENT.symbol.encode(),
            "name": name.encode(),
            "qty": b"%d" % (BATCH + 1),
            "price": b"3400.00",
            "average": b"3400.00",
            "what": b"TRADE",
            "status": b"PARTIALLY_FILLED",
            "id": 10**9 + self._orders,
            "last": b"1",
            "last_price": b"3400.00",
        }
        return [
            canned.UPDATE
            % {
                key.encode(): value
                for key, value in {
                    **values,
                    "filled": b"%d" % (number + 1),
                    "trade": self._orders * 1000 + number,
                }.items()
            }
            for number in range(BATCH + 1)
        ]

    def _rest(self, frame: bytes, recv_ns: int, done: int) -> None:
        raise RuntimeError("a frame that says more than was taken")

    def take(self, frame: bytes) -> None:
        """What an account does with a frame."""
        if not self._hear(frame, time.monotonic_ns()):
            raise RuntimeError("a fill that does not go the short way")

    def take_long(self, frame: bytes) -> None:
        """The same without the short way."""
        self.desk.heard(time.monotonic_ns())
        for event in self._decode(frame, self.account.scales):
            assert isinstance(event, OrderEvent)
            self.desk.order_event(self.account, event)
        self.desk.heard(0)

    def drained(self) -> None:
        """The strategy has read everything, and the disk has it."""
        os.pwrite(self.session.up_fd, self.reports.written.to_bytes(8, "little"), _CURSOR)
        journal = self.journals.open(STRATEGY)
        while journal.durable != journal.position:
            time.sleep(0.0002)
        self.journals.tick()


def reports(rounds: int) -> Group:
    """Fills of many orders, every other order the long way."""
    group = Group(
        "private frame to report, without sockets",
        "a strategy acts later on what it already owns",
    )
    clock = time.perf_counter_ns
    short: list[int] = []
    long: list[int] = []
    with Rig() as rig:
        for number in range(2 * rounds * ORDERS):
            first, *frames = rig.fills()
            rig.take(first)
            take, spent = (rig.take_long, long) if number & 1 else (rig.take, short)
            for frame in frames:
                begin = clock()
                take(frame)
                spent.append(clock() - begin)
            rig.drained()
        if rig.reports.sequence != 2 * rounds * ORDERS * (BATCH + 2):
            raise RuntimeError(f"{rig.reports.sequence} reports")
        out = Counters(rig.segment.memory).latency(Hop.RECV_TO_REPORT)
    note = f"mean {out.mean:,.0f}, p99 {out.p99:,}"
    group.add("a fill in its strategy's ring", out.p50, "ns", note=note)
    for name, spent in (
        ("a fill reported and counted", short),
        ("the same by the tracker in Python", long),
    ):
        spent.sort()
        note = f"least {spent[0]:,}, p99 {spent[len(spent) * 99 // 100]:,}"
        group.add(name, spent[len(spent) // 2], "ns", note=note)
    return group
