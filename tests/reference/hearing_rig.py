"""Two desks that are told the same story of private frames: one has the short way, one has not."""

import random
from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from connector._speedups.reports import Reports
from connector._speedups.segment import Segment
from connector.desk import Desk
from connector.ipc.segments import TradingMemory
from connector.model.instrument import Instrument
from connector.model.intents import Action, OrderType
from connector.model.order import Order
from connector.model.records import NO_INSTRUMENT, RecordType, Side
from connector.model.reports import OrderStatus
from connector.trading.halts import Halts
from connector.trading.ids import Ids
from connector.trading.journal import Journals
from connector.trading.ledger import Ledger
from connector.trading.pending import Pending
from connector.venues.trading_contract import (
    Execution,
    OrderAnswer,
    OrderEvent,
    OrderOutcome,
    Source,
    Trading,
    UserEvent,
)
from tests.reference.fields import fields_of

SEGMENT = Segment.create(1 << 18)
SECOND_NS = 10**9
WALL_NS = 1_700_000_000 * SECOND_NS


class Place:
    venue, mark_e, touch, served = 0, 50_000 * 10**8, None, True

    def __init__(self, index: int, instrument: Instrument) -> None:
        self.index, self.instrument = index, instrument


class Account:
    """Asked, it writes down what; nothing is sent."""

    index, name, venue = 0, "main", 0
    strategies, foreign_to = frozenset({"maker"}), frozenset[str]({"watcher"})

    def __init__(self, trading: Trading, coins: Mapping[str, Instrument]) -> None:
        self.trading, self._coins = trading, coins
        self.told: list[Any] = []

    def scales(self, symbol: str) -> Instrument | None:
        return self._coins.get(symbol)

    def ask(self, order: Order) -> None:
        self.told.append(("ask", order.key))

    def ask_fills(self, order: Order, spare: bool = False) -> None:
        self.told.append(("fills", order.key, spare))

    def gap(self, why: str) -> None:
        self.told.append(("gap", why))

    def encode(self, *_: Any) -> None:
        return None

    def venue_ns(self, now_ns: int) -> int:
        return now_ns

    def post(self, request: int, action: Action, message: Any) -> None:
        self.told.append(("sent", request, action))


class Rig:
    """A desk, with the short way or without."""

    def __init__(
        self,
        halts: Halts,
        short: bool,
        trading: Trading,
        coins: Mapping[str, Instrument],
        journals: Any = None,
    ) -> None:
        account: Any = Account(trading, coins)
        self.account = account
        places: dict[str, Any] = {
            symbol: Place(number, coin) for number, (symbol, coin) in enumerate(coins.items())
        }
        self.now_ns = 10**12
        self.entries: list[Any] = []
        self.faults: list[Any] = []
        self.desk = Desk(
            [account],
            Ledger(journals or self, lambda: WALL_NS),
            Ids(1),
            listed=lambda index: None,
            find=lambda venue, symbol: places.get(symbol),
            halts=halts,
            clock=lambda: self.now_ns,
            count=lambda counter, amount: self.faults.append(counter),
        )
        self.partly = False
        self.hearing = self.hear(SEGMENT) if short else None
        self.desk.stream_up(self.account)

    # The journals

    def append(self, strategy: str, kind: RecordType, body: bytes, **more: int) -> int:
        self.entries.append((strategy, kind, body, more))
        return len(self.entries)

    def opened(self, strategy: str) -> None:
        """So that everything goes by `append`."""

    def handed(self, strategy: str, opened: Any) -> None: ...
    def sequence(self, strategy: str) -> int:
        return len(self.entries)

    def behind(self) -> bool:
        return False

    # What happens

    def hear(self, segment: Segment) -> Any:
        """The short way."""
        return self.desk.hearing(self.account, segment, self.rest, self.tell)

    def frame(self, frame: bytes, recv_ns: int) -> bool:
        """Whether it went the short way."""
        self.partly = False
        if self.hearing is not None and self.hearing.take(frame, recv_ns):
            return True
        self.rest(frame, recv_ns, 0)
        return False

    def rest(self, frame: bytes, recv_ns: int, done: int) -> None:
        """What an account does with what the short way leaves."""
        events = self.account.trading.stream.decode(frame, self.account.scales)[done:]
        self.partly = done > 0 and any(isinstance(event, OrderEvent) for event in events)
        self.tell(events, recv_ns)

    def tell(self, events: Sequence[UserEvent], recv_ns: int) -> None:
        """Likewise with what it is told."""
        self.desk.heard(recv_ns)
        try:
            for event in events:
                if isinstance(event, OrderEvent):
                    self.desk.order_event(self.account, event)
                else:
                    self.desk.account_event(self.account, event)  # type: ignore[arg-type]
        finally:
            self.desk.heard(0)

    def order(self, key: int) -> Order:
        found = self.desk.tracker.orders.get(key)
        assert found is not None
        return found

    def all(self) -> Any:
        """Everything there is to compare."""
        tracker, holdings = self.desk.tracker, self.desk.holdings
        index = tracker.orders
        return {
            "entries": self.entries,
            "told": self.account.told,
            "faults": self.faults,
            "orders": {order.key: _fields(order) for order in index},
            "by venue": {name: order.key for name, order in index.venue_ids.items()},
            "by client": {name: order.key for name, order in index.client_ids.items()},
            "open": [order.key for order in index.open_of(0)],
            "plans": {key: _fields(plan) for key, plan in tracker.watched.plans.items()},
            "under way": {
                key: [(one.request, one.unknown, one.told) for one in requests]
                for key, requests in tracker.under_way.items()
            },
            "owed": {key: (one.at_ns, one.asks) for key, one in tracker._fees._owed.items()},
            "own": self.desk.positions.by_fills,
            "said": self.desk.positions._said,
            "balances": self.desk.positions._balances,
            "owners": [_fields(owner) for owner in holdings.owners()],
            "counted": holdings.counted,
        }


def _fields(one: Any) -> dict[str, Any]:
    found = fields_of(one)
    for name, value in found.items():
        if isinstance(value, Order):
            found[name] = value.key
        elif name == "worth":  # summed up when somebody asks
            found[name] = one.average_price()
        elif name == "fills":
            found[name] = {trade: msgspec.structs.asdict(fill) for trade, fill in value.items()}
        elif name == "holdings":
            found[name] = {place: _fields(holding) for place, holding in value.items()}
    return found


class Story:
    """The same to both; what a venue's frames look like is up to whoever derives from it."""

    trading: Trading
    coins: Mapping[str, Instrument]

    def __init__(self, seed: int, halts: Halts) -> None:
        self.rng = random.Random(seed)
        self.rigs = self.rig(halts, True), self.rig(halts, False)
        self.frames: list[bytes] = []
        self.true: dict[int, dict[str, Any]] = {}
        """By key: what the venue has of an order."""
        self.requests = self.trades = 0
        self.pending: list[tuple[int, int]] = []
        self.ms = 1_700_000_000_000
        self.short: Tally[tuple[str, str]] = Tally()
        self.long: Tally[tuple[str, str]] = Tally()

    def rig(self, halts: Halts, short: bool, journals: Any = None) -> Rig:
        return Rig(halts, short, self.trading, self.coins, journals)

    def step(self) -> None:
        for rig in self.rigs:
            rig.now_ns += self.rng.choice((10**5, 10**8, SECOND_NS)) if rig is self.rigs[0] else 0
        self.rigs[1].now_ns = self.rigs[0].now_ns
        self.ms += self.rng.choice((0, 1, 1, 5, -1))
        chance = self.rng.random()
        if not self.true or chance < 0.08:
            self.place()
        elif chance < 0.15:
            self.ask_for()
        elif chance < 0.21 and self.pending:
            self.answer()
        elif chance < 0.24:
            for rig in self.rigs:
                list(rig.desk.tick(rig.now_ns))
        elif chance < 0.26:
            self.query()
        elif chance < 0.27:
            for rig in self.rigs:
                rig.desk.stream_down(rig.account)
                rig.desk.stream_up(rig.account)
        elif chance < 0.36 and self.frames:
            self.hear(self.rng.choice(self.frames[-8:]))
        else:
            self.event()

    def place(self) -> None:
        rng, key = self.rng, 100 + len(self.true)
        symbol = rng.choice(list(self.coins))
        coin = self.coins[symbol]
        kind = rng.choice((OrderType.LIMIT, OrderType.LIMIT, OrderType.MARKET, OrderType.STOP))
        foreign = rng.random() < 0.1
        fields: dict[str, Any] = {
            "key": key,
            "account": 0,
            "strategy": "" if foreign else "maker",
            "instrument": coin,
            "client_order_id": "" if foreign else f"c{key}",
            "side": rng.choice(list(Side)),
            "order_type": kind,
            "reduce_only": rng.random() < 0.2,
            "price_e": None if kind is OrderType.MARKET else 100 * 10**coin.price_exponent,
            "qty_e": 10 * 10**coin.qty_exponent,
            "command": key,
            "ref_id": rng.choice(("", f"ref-{key}")),
            "created_ns": self.rigs[0].now_ns,
        }
        self.true[key] = {
            "s": symbol,
            "c": fields["client_order_id"] or f"theirs{key}",
            "S": fields["side"].name,
            "o": "LIMIT" if kind is OrderType.STOP else kind.name,
            "f": rng.choice(("GTC", "IOC", "GTD")),
            "q": "10",
            "p": "0" if kind is OrderType.MARKET else "100.0",
            "sp": "0",
            "i": 5000 + key,
            "z": 0,
            "cost": 0,
        }
        if foreign and rng.random() < 0.7:
            return  # nobody here knows of it
        for rig in self.rigs:
            rig.desk.tracker.register(Order(**fields))
        if not foreign:
            self.request(key, Action.PLACE)

    def request(self, key: int, action: Action, qty_e: int | None = None) -> None:
        self.requests += 1
        for rig in self.rigs:
            rig.desk.tracker.requested(
                Pending(
                    request=self.requests,
                    order=rig.order(key),
                    account=0,
                    strategy="maker",
                    action=action,
                    command=self.requests,
                    sent_ns=rig.now_ns,
                    deadline_ns=rig.now_ns + 5 * SECOND_NS,
                    qty_e=qty_e,
                )
            )
        self.pending.append((self.requests, key))

    def ask_for(self) -> None:
        key = self.rng.choice([*self.true])
        known = self.rigs[0].desk.tracker.orders.get(key)
        if known is None or known.foreign:
            return
        if self.rng.random() < 0.5:
            self.request(key, Action.CANCEL)
        else:
            more_e = self.rng.choice((5, 12, 12)) * 10**known.instrument.qty_exponent
            self.request(key, Action.AMEND, more_e)
            self.true[key]["q"] = self.rng.choice(("10", "10", "12"))
            self.true[key]["p"] = self.rng.choice(("100.00", "101"))

    def answer(self) -> None:
        request, key = self.pending.pop(self.rng.randrange(len(self.pending)))
        outcome = self.rng.choice(
            (OrderOutcome.ACCEPTED,) * 5
            + (OrderOutcome.UNKNOWN, OrderOutcome.REFUSED, OrderOutcome.GONE, OrderOutcome.ALREADY)
        )
        said = None
        if outcome is OrderOutcome.ACCEPTED and self.rng.random() < 0.7:
            said = self.state(key, Source.ANSWER)
        for rig in self.rigs:
            rig.desk.answered(rig.account, request, OrderAnswer(outcome, 200, order=said))

    def state(self, key: int, source: Source) -> OrderEvent:
        true = self.true[key]
        coin = self.coins[true["s"]]
        return OrderEvent(
            source=source,
            execution=Execution.STATE,
            status=self.rng.choice(
                (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.CANCELLED)
            ),
            symbol=true["s"],
            client_order_id=true["c"],
            **self.named(true),
            side=Side[true["S"]],
            filled_qty_e=true["z"] * 10**coin.qty_exponent,
            venue_ns=self.ms * 10**6,
        )

    def query(self) -> None:
        key = self.rng.choice([*self.true])
        event = self.state(key, Source.QUERY)
        for rig in self.rigs:
            rig.desk.order_event(rig.account, event, rig.now_ns)

    def named(self, true: dict[str, Any]) -> dict[str, Any]:
        """The venue's id of an order, as an event has it."""
        return {"order_id": true["i"]}

    def event(self) -> None:
        """Hear a frame about some order, more often sensible than not."""
        raise NotImplementedError

    def what(self, frame: bytes) -> tuple[str, str]:
        """What a frame tells, and of which status."""
        raise NotImplementedError

    def hear(self, frame: bytes) -> None:
        """Tell both of a frame."""
        self.frames.append(frame)
        recv_ns = self.rigs[0].now_ns - 5
        shorts: list[bool] = []
        errors: list[str] = []
        for rig in self.rigs:
            try:
                shorts.append(rig.frame(frame, recv_ns))
            except (ValueError, OverflowError) as error:
                errors.append(repr(error))
        if errors:
            assert len(errors) == 2, errors
            assert errors[0] == errors[1]
            return
        (self.short if shorts[0] else self.long)[self.what(frame)] += 1
        assert not shorts[1]

    def check(self) -> None:
        one, other = (rig.all() for rig in self.rigs)
        for name, value in one.items():
            assert value == other[name], name


Count = Tally[tuple[str, str]]


def tell(story_of: Callable[[int], Story], stories: int, steps: int) -> tuple[Count, Count]:
    """Tell so many stories, each by its seed, and compare both ways all along; how often each went
    the short way and how often the other."""
    short, long = Count(), Count()
    for seed in range(stories):
        story = story_of(seed)
        for number in range(steps):
            try:
                story.step()
                if number % 8 == 7:
                    story.check()
            except Exception as error:
                error.add_note(f"story {seed}, step {number}: {story.frames[-1:]}")
                raise
        short += story.short
        long += story.long
    return short, long


def _described(index: int) -> bytes:
    return b"" if index == NO_INSTRUMENT else bytes([index]) * 512


def write(story: Story, halts: Halts, folder: Path, steps: int) -> list[tuple[Any, ...]]:
    """Tell both so many steps; what both have written and handed over, which is the same."""
    made: list[Journals] = []
    rings: list[Reports] = []
    sessions = [TradingMemory(1), TradingMemory(2)]
    for number, session in enumerate(sessions):
        own = folder / str(number)
        own.mkdir()
        made.append(Journals(own, own, describe=_described))
        rings.append(made[-1].attach("maker", session.up, session.down))
    story.rigs = story.rig(halts, True, made[0]), story.rig(halts, False, made[1])
    try:
        for number in range(steps):
            story.step()
            if number == steps // 2:
                for journals in made:
                    journals.roll("maker")  # instruments are described anew
        assert sum(story.short.values()) > 20
        assert rings[0].sequence == rings[1].sequence > 50
        one, other = (
            [
                (e.position, e.kind, e.sequence, e.instrument, e.venue, e.account, e.venue_ns,
                 e.recv_ns, e.order_key, e.body)
                for e in journals.read("maker")
            ]
            for journals in made
        )  # fmt: skip
        assert one == other
        return one
    finally:
        for journals in made:
            journals.close()
        for session in sessions:
            session.close()
