"""A desk of two accounts whose requests go nowhere and whose journals are kept in memory."""

import collections
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from connector.desk import Desk
from connector.model.counters import Counter
from connector.model.instrument import Instrument, Status
from connector.model.intents import Action, OrderType, TimeInForce
from connector.model.packing import layout
from connector.model.records import RecordType, Side
from connector.model.reports import Code, Field, Result, Update
from connector.trading.commands import Refusal
from connector.trading.halts import Halt, Halts, Scope, path_of, set_halt, writing
from connector.trading.ids import Ids
from connector.trading.ledger import Ledger
from connector.trading.risk import Limits
from connector.venues.contract import Request, load
from connector.venues.trading_contract import (
    Intent,
    OrderAnswer,
    OrderOutcome,
)

TRADING = load("binance_usdm").trading
assert TRADING is not None
SECOND_NS = 1_000_000_000
NOW_NS = 1_000 * SECOND_NS
WALL_NS = 1_700_000_000 * SECOND_NS
COMMAND = layout("Command")
ANSWER = layout("CommandAnswerBody")
REPORT = layout("OrderReportBody")
INSTRUMENT = Instrument(
    symbol="BTCUSDT",
    exchange="BinanceU",
    status=Status.TRADING,
    price_exponent=2,
    qty_exponent=3,
    price_digits=2,
    qty_digits=3,
    tick_e=10,
    step_e=1,
    min_price_e=1000,
    max_price_e=100_000_00,
    min_qty_e=1,
    max_qty_e=1_000_000,
    market_max_qty_e=500_000,
    min_notional_e=100 * 10**8,
    multiplier_up_e=105_000_000,
    multiplier_down_e=95_000_000,
)


LIMITS = {
    ("account", "main"): Limits(
        order_notional_e=100_000 * 10**8, collar_bps=100, open_orders=5, exposure_e=100_000 * 10**8
    ),
    ("strategy", "taker"): Limits(
        orders_per_second=3, loss_e=1000 * 10**8, order_quantity={"BTCUSDT": "1.5"}
    ),
}


class Place:
    """An instrument in the directory."""

    mark_e: int | None = 50_000 * 10**8
    touch: tuple[int, int] | None = (49_999_00, 50_001_00)
    served = True

    def __init__(self, index: int = 3, venue: int = 0, **change: Any) -> None:
        self.index, self.venue = index, venue
        self.instrument = msgspec.structs.replace(INSTRUMENT, **change)


class Account:
    """An account whose requests go nowhere."""

    venue = 0
    trading = TRADING

    def __init__(self, index: int, name: str, *strategies: str) -> None:
        self.index, self.name = index, name
        self.strategies, self.foreign_to = frozenset(strategies), frozenset[str]()
        self.signer = TRADING.signer("KEY", b"SECRET", "hmac")
        self.ready, self.short, self.unguarded = True, False, False
        self.posted: list[tuple[int, Action, Request]] = []
        self.together: list[tuple[int, ...]] = []
        self.asked: list[str] = []

    def venue_ns(self, now_ns: int) -> int:
        return now_ns - NOW_NS + WALL_NS

    def encode(self, intent: Intent, now_ns: int) -> Request:
        return self.trading.encode(intent, self.signer, self.venue_ns(now_ns))

    def encoded(self, *_: Any) -> None:
        return None  # the oracle writes everything: what it wrote is looked at

    def afford(self, action: Action, message: Request) -> None:
        if self.short:
            raise Refusal(Code.RATE_BUDGET, Field.RATE_BUDGET, "orders: used up", 301, 300)

    def guard(self, instrument: Instrument, now_ns: int) -> None:
        if self.unguarded:
            raise Refusal(Code.UNGUARDED)

    def post(self, request: int, action: Action, message: Request) -> None:
        self.posted.append((request, action, message))

    def encode_batch(self, intents: Sequence[Intent], now_ns: int) -> Request:
        assert self.trading.batches is not None
        return self.trading.batches.encode(intents, self.signer, self.venue_ns(now_ns))

    def post_batch(self, requests: Sequence[int], action: Action, message: Request) -> None:
        self.together.append(tuple(requests))
        self.posted.append((requests[0], action, message))

    def ask(self, order: Any) -> None: ...
    def ask_fills(self, order: Any, spare: bool = False) -> None: ...
    def gap(self, why: str) -> None: ...
    def scales(self, symbol: str) -> Instrument | None:
        return INSTRUMENT if symbol == "BTCUSDT" else None


class Journals:
    """Entries in memory."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, RecordType, bytes]] = []
        self.places: list[int] = []
        """The instrument of each."""
        self.late = False

    def append(
        self, strategy: str, kind: RecordType, body: bytes, *, instrument: int = 0, **_: Any
    ) -> int:
        self.entries.append((strategy, kind, body))
        self.places.append(instrument)
        return len(self.entries)

    def sequence(self, strategy: str) -> int:
        return len(self.entries)

    def behind(self) -> bool:
        return self.late


class Session:
    number = 1

    def __init__(self, strategy: str = "maker") -> None:
        self.strategy = strategy


class Rig:
    """A desk with two accounts: "main" for the maker, "other" for somebody else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.halts = Halts(path_of(folder))
        self.halts.open()
        self.places = {3: Place(), 4: Place(4, 1), 5: Place(5, status=Status.HALTED)}
        self.places[6] = Place(6)
        self.places[6].served = False
        self.places[7] = Place(7, min_notional_e=0)
        self.journals = Journals()
        self.main, self.other = Account(0, "main", "maker", "taker"), Account(1, "other", "nobody")
        self.now_ns = NOW_NS
        self.desk = Desk(
            [self.main, self.other],
            Ledger(self.journals, lambda: WALL_NS),
            Ids(1),
            listed=lambda index: self.places.get(index),
            find=lambda venue, symbol: self.places[3] if symbol == "BTCUSDT" else None,
            halts=self.halts,
            limits=LIMITS,
            count=lambda counter, amount: self.counted.update({counter: amount}),
            clock=lambda: self.now_ns,
        )
        self.commands = 0
        self.sessions: dict[str, Session] = {}
        self.counted: collections.Counter[Counter] = collections.Counter()

    def slot(self, action: Action = Action.PLACE, **fields: Any) -> bytes:
        """The next command."""
        self.commands += 1
        empty = ("order_id", "price_e", "qty_e", "stop_price_e", "activation_price_e",
                 "callback_rate_e", "good_till_ns")  # fmt: skip
        values = dict.fromkeys(empty) | {"instrument": 3, "valid_until_ns": NOW_NS + SECOND_NS}
        if action is Action.PLACE:
            values |= ORDER
        return COMMAND.pack(**({"stamp": self.commands, "action": action} | values | fields))

    def send(self, action: Action = Action.PLACE, strategy: str = "maker", **fields: Any) -> Any:
        """Give a command; the answer that it got at once, or None."""
        slot = self.slot(action, **fields)
        before = len(self.journals.entries)
        session = self.sessions.setdefault(strategy, Session(strategy))
        self.desk.take(session, slot, self.now_ns)
        fresh = self.journals.entries[before:]
        assert fresh[0][1] is RecordType.COMMAND  # refused ones too
        answers = [
            ANSWER.unpack(body) for _, kind, body in fresh if kind is RecordType.COMMAND_ANSWER
        ]
        return answers[0] if answers else None

    def accept(self) -> None:
        """The venue takes the last request."""
        request, _, _ = self.main.posted[-1]
        self.desk.answered(self.main, request, OrderAnswer(OrderOutcome.ACCEPTED, 200))

    @property
    def reports(self) -> list[Update]:
        return [
            Update(REPORT.unpack(body).update)
            for _, kind, body in self.journals.entries
            if kind is RecordType.ORDER_REPORT
        ]


ORDER: Mapping[str, Any] = {
    "side": Side.BUY,
    "order_type": OrderType.LIMIT,
    "time_in_force": TimeInForce.GTC,
    "price_e": 50_000_00,
    "qty_e": 10,
}


def halt(rig: Rig) -> None:
    with writing(rig.folder) as fd:
        set_halt(fd, Halt(Scope.EVERYTHING, reason="by hand"))


def drain(rig: Rig) -> None:
    rig.desk.admission.draining = True


def answers_of(rig: Rig, command: int) -> list[tuple[Result, int]]:
    found = [ANSWER.unpack(body) for _, kind, body in rig.journals.entries
             if kind is RecordType.COMMAND_ANSWER]  # fmt: skip
    return [(Result(one.result), one.code) for one in found if one.command == command]
