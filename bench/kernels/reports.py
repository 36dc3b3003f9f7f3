"""A private frame to the report in its strategy's ring, without sockets: decoding, the tracker, the
journal, the ring."""

import json
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

AOP = Path(__file__).parents[2] / "tests" / "golden" / "phemex" / "aop.jsonl"
OF_ORDER = (
    "execSeq", "execFeeEv", "execValueEv", "cumValueEv", "leavesValueEv", "curAccBalanceEv",
    "curPosSize", "curPosValueEv", "closedPnlEv", "closedSize",
)  # fmt: skip
OF_POSITION = (
    "valueEv", "avgEntryPriceEp", "posCostEv", "assignedPosBalanceEv", "markPriceEp",
    "unrealisedPnlEv", "execSeq", "dataVer", "buyLeavesQty", "buyLeavesValueEv", "freeQty",
    "freeCostEv", "orderCostEv", "estimatedOrdLossEv", "bankruptCommEv", "bankruptPriceEp",
    "liquidationPriceEp", "usedBalanceEv", "crossSharedBalanceEv", "positionMarginEv",
    "cumTransactFeeEv", "cumClosedPnlEv",
)  # fmt: skip
OF_ACCOUNT = ("totalUsedBalanceEv",)
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
    index, venue, served = 0, 0, True
    mark_e = 3400 * 10**8
    touch = None

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument


class _Account:
    """As much of an account as hears of orders."""

    index, name, venue = 0, "main", 0
    strategies, foreign_to = frozenset({STRATEGY}), frozenset[str]()

    def __init__(self, venue: str, instrument: Instrument) -> None:
        trading = load(venue).trading
        assert trading is not None
        self.trading, self._instrument = trading, instrument

    def scales(self, symbol: str) -> Instrument | None:
        return self._instrument if symbol == self._instrument.symbol else None


class Rig:
    """One order that fills bit by bit; a context manager."""

    venue, instrument = "binance_usdm", INSTRUMENT
    more = 0
    """Records of a frame besides those of the order."""

    def __init__(self) -> None:
        self.account: Any = _Account(self.venue, self.instrument)
        self.listed: Any = _Listed(self.instrument)
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
        hearing = self.desk.hearing(self.account, self.segment, self.rest, self.tell)
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

    def order(self, price_e: int, qty_e: int) -> str:
        """A new order's name."""
        self._orders += 1
        name = f"o{self._orders}"
        order = Order(
            key=self._orders,
            account=0,
            strategy=STRATEGY,
            instrument=self.instrument,
            client_order_id=name,
            price_e=price_e,
            qty_e=qty_e,
        )
        self.desk.tracker.register(order)
        return name

    def fills(self) -> list[bytes]:
        """A new order, and the frames of its fills."""
        name = self.order(3400 * 10**8, (BATCH + 1) * 10**8)
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

    def rest(self, frame: bytes, recv_ns: int, done: int) -> None:
        """What an account does with what the short way leaves."""
        self.tell(self._decode(frame, self.account.scales)[done:], recv_ns)

    def tell(self, events: Any, recv_ns: int) -> None:
        """Likewise with what it is told."""
        self.desk.heard(recv_ns)
        for event in events:
            if isinstance(event, OrderEvent):
                self.desk.order_event(self.account, event)
            else:
                self.desk.account_event(self.account, event)
        self.desk.heard(0)

    def take(self, frame: bytes) -> None:
        """What an account does with a frame."""
        if not self._hear(frame, time.monotonic_ns()):
            raise RuntimeError("a fill that does not go the short way")

    def take_long(self, frame: bytes) -> None:
        """The same without the short way."""
        self.rest(frame, time.monotonic_ns(), 0)

    def drained(self) -> None:
        """The strategy has read everything, and the disk has it."""
        os.pwrite(self.session.up_fd, self.reports.written.to_bytes(8, "little"), _CURSOR)
        journal = self.journals.open(STRATEGY)
        while journal.durable != journal.position:
            time.sleep(0.0002)
        self.journals.tick()


class Coins(Rig):
    """The same of Phemex, whose frames tell of the balance and the position, too."""

    venue = "phemex"
    instrument = Instrument(
        symbol="BTCUSD", exchange="Phemex", base="BTC", quote="USD", margin="BTC", inverse=True,
        price_exponent=4, qty_exponent=0, price_digits=1, qty_digits=0, tick_e=1000, step_e=1,
        contract_size_e=10**8,
    )  # fmt: skip
    more = 2
    ending, units = "", ("Ep", "Ev", "Er")

    def fills(self) -> list[bytes]:
        name, made = self.order(86_770_000, (BATCH + 1) * 10**self.instrument.qty_exponent), []
        frame = json.loads(AOP.read_text().splitlines()[1])
        said = json.loads(frame["raw"])
        order, symbol = said["orders"][1], self.instrument.symbol
        (account,), (position,) = said["accounts"], said["positions"]
        said["timestamp"] += self._orders * 10**9
        for number in range(BATCH + 1):
            order |= {
                "clOrdID": name, "orderID": f"e329ae87-ce80-439d-b0cf-{self._orders:012d}",
                "orderQty": BATCH + 1, "cumQty": number + 1, "execQty": 1, "symbol": symbol,
                "execID": f"8d1848a2-5faf-52dd-be71-{number:012d}", "leavesQty": BATCH - number,
                "ordStatus": "PartiallyFilled", "transactTimeNs": order["transactTimeNs"] + 1,
                "currency": self.instrument.margin,
            }  # fmt: skip
            # Whatever a fill changes, read or not.
            for row, keys in ((order, OF_ORDER), (position, OF_POSITION), (account, OF_ACCOUNT)):
                row |= {key: row[key] + 7 for key in keys}
            said |= {key: said[key] + 7 for key in ("sequence", "timestamp")}
            account |= {"accountBalanceEv": 10**8 - number, "currency": order["currency"]}
            position |= {"size": number + 1, "symbol": symbol, "currency": order["currency"]}
            position["transactTimeNs"] = self._orders * 1000 + number
            whole = said | {
                f"{kind}{self.ending}": [self.spelt(row)]
                for kind, row in (("accounts", account), ("orders", order), ("positions", position))
            }
            if self.ending:
                for kind in ("accounts", "orders", "positions"):
                    del whole[kind]
            made.append(json.dumps(whole, separators=(",", ":")).encode())
        return made

    def spelt(self, row: dict[str, Any]) -> dict[str, Any]:
        return row


class Texts(Coins):
    """The same of the hedged family."""

    instrument = Instrument(
        symbol="BTCUSDT", exchange="Phemex", base="BTC", quote="USDT", margin="USDT",
        price_exponent=4, qty_exponent=3, price_digits=1, qty_digits=3, tick_e=1000, step_e=1,
        contract_size_e=10**8,
    )  # fmt: skip
    ending = "_p"

    def spelt(self, row: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for key, value in row.items():
            if key[-2:] in self.units:
                found[f"{key[:-2]}R{key[-1]}"] = f"{value / 10**4:.4f}"
            else:
                found[key] = str(value) if key.endswith("Qty") or key == "size" else value
        return found


def reports(rounds: int) -> Group:
    """Fills of many orders, every other order the long way."""
    group = Group(
        "private frame to report, without sockets",
        "a strategy acts later on what it already owns",
    )
    first = 0.0
    for rig, of, goal in (
        (Rig(), "", None),
        (Coins(), ", Phemex", 5000),
        (Texts(), ", Phemex's hedged family", 5000),
    ):
        ours = _measure(group, rig, rounds, of, goal)
        first = first or ours
        if of:
            group.add(f"the same, of Binance's{of}", ours / first, "x")
    return group


def _measure(group: Group, made: Rig, rounds: int, of: str, goal: int | None) -> float:
    """What the histogram of reports says: from the frame's arrival to the report in the ring, with
    neither what is counted behind it nor the rest of the frame."""
    clock = time.perf_counter_ns
    short: list[int] = []
    long: list[int] = []
    with made as rig:
        for number in range(2 * rounds * ORDERS):
            first, *frames = rig.fills()
            rig.take(first)
            take, spent = (rig.take_long, long) if number & 1 else (rig.take, short)
            for frame in frames:
                begin = clock()
                take(frame)
                spent.append(clock() - begin)
            rig.drained()
        each = BATCH + 2 + rig.more * (BATCH + 1)
        if rig.reports.sequence != 2 * rounds * ORDERS * each:
            raise RuntimeError(f"{rig.reports.sequence} reports")
        out = Counters(rig.segment.memory).latency(Hop.RECV_TO_REPORT)
    note = f"mean {out.mean:,.0f}, p99 {out.p99:,}"
    group.add(f"received, a fill in its strategy's ring{of}", out.p50, "ns", goal, note=note)
    for name, spent in (
        ("a fill reported and counted", short),
        ("the same by the tracker in Python", long),
    ):
        spent.sort()
        note = f"least {spent[0]:,}, p99 {spent[len(spent) * 99 // 100]:,}"
        group.add(name + of, spent[len(spent) // 2], "ns", note=note)
    return float(out.p50)
