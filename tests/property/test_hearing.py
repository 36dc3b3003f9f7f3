"""The short way of private events and the tracker's own say and do the same, whatever comes."""

import json
import random
from collections import Counter as Tally
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connector._speedups.hearing import Hearing
from connector._speedups.reports import Reports
from connector._speedups.segment import Segment
from connector.desk import Desk
from connector.ipc.counters import Counters
from connector.ipc.segments import TradingMemory
from connector.model.counters import Counter, Hop
from connector.model.instrument import Instrument
from connector.model.intents import Action, OrderType
from connector.model.order import Order
from connector.model.records import RecordType, Side
from connector.model.reports import OrderStatus
from connector.trading.halts import Halts, path_of
from connector.trading.ids import Ids
from connector.trading.journal import Journals
from connector.trading.ledger import Ledger
from connector.trading.pending import Pending
from connector.venues.contract import load
from connector.venues.trading_contract import (
    Execution,
    OrderAnswer,
    OrderEvent,
    OrderOutcome,
    Source,
)

SEGMENT = Segment.create(1 << 18)
STORIES, STEPS = 500, 40
SECOND_NS = 10**9
WALL_NS = 1_700_000_000 * SECOND_NS
TRADING = load("binance_usdm").trading
assert TRADING is not None
COINS = {
    symbol: Instrument(
        symbol=symbol,
        exchange="BinanceU",
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        margin="USDT",
        price_exponent=price,
        qty_exponent=qty,
        price_digits=2,
        qty_digits=3,
        tick_e=1,
        step_e=1,
        contract_size_e=10**8,
        inverse=symbol == "ETHUSDT",
    )
    for symbol, price, qty in (("BTCUSDT", 8, 8), ("ETHUSDT", 2, 3))
}
"""One of them counted as inverse contracts are."""
ODD = ("", "0", "0.000", "1e3", ".5", "-1", "07.50", "9" * 20, None, True, 7, "x", "100.123456789")


class Place:
    venue, mark_e, touch, served = 0, 50_000 * 10**8, None, True

    def __init__(self, index: int, symbol: str) -> None:
        self.index, self.instrument = index, COINS[symbol]


PLACES = {symbol: Place(index, symbol) for index, symbol in enumerate(COINS)}


class Account:
    """Asked, it writes down what; nothing is sent."""

    index, name, venue, trading = 0, "main", 0, TRADING
    strategies, foreign_to = frozenset({"maker"}), frozenset[str]({"watcher"})

    def __init__(self) -> None:
        self.told: list[Any] = []

    def scales(self, symbol: str) -> Instrument | None:
        return COINS.get(symbol)

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


class Unopened:
    described = frozenset[int]()


class Rig:
    """A desk, with the short way or without."""

    def __init__(self, halts: Halts, short: bool, journals: Any = None) -> None:
        self.account: Any = Account()
        self.now_ns = 10**12
        self.entries: list[Any] = []
        self.faults: list[Any] = []
        self.desk = Desk(
            [self.account],
            Ledger(journals or self, lambda: WALL_NS),
            Ids(1),
            listed=lambda index: None,
            find=lambda venue, symbol: PLACES.get(symbol),  # type: ignore[arg-type,return-value]
            halts=halts,
            clock=lambda: self.now_ns,
            count=lambda counter, amount: self.faults.append(counter),
        )
        self.hearing = self.desk.hearing(self.account, SEGMENT) if short else None
        self.desk.stream_up(self.account)

    # The journals

    def append(self, strategy: str, kind: RecordType, body: bytes, **more: int) -> int:
        self.entries.append((strategy, kind, body, more))
        return len(self.entries)

    def opened(self, strategy: str) -> Any:
        return Unopened()

    def handed(self, strategy: str, opened: Any) -> None: ...
    def sequence(self, strategy: str) -> int:
        return len(self.entries)

    def behind(self) -> bool:
        return False

    # What happens

    def frame(self, frame: bytes, recv_ns: int) -> bool:
        """Whether it went the short way."""
        if self.hearing is not None and self.hearing.take(frame, recv_ns):
            return True
        self.desk.heard(recv_ns)
        try:
            for event in TRADING.stream.decode(frame, self.account.scales):
                assert isinstance(event, OrderEvent)
                self.desk.order_event(self.account, event)
        finally:
            self.desk.heard(0)
        return False

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
            "own": self.desk.positions._own,
            "owners": [_fields(owner) for owner in holdings.owners()],
            "counted": holdings._counted,
        }


def _fields(one: Any) -> dict[str, Any]:
    found = {name: getattr(one, name) for name in one.__struct_fields__}
    for name, value in found.items():
        if isinstance(value, Order):
            found[name] = value.key
        elif name == "fills":
            found[name] = {trade: msgspec.structs.asdict(fill) for trade, fill in value.items()}
        elif name == "holdings":
            found[name] = {place: _fields(holding) for place, holding in value.items()}
    return found


class Story:
    """The same to both."""

    def __init__(self, seed: int, halts: Halts) -> None:
        self.rng = random.Random(seed)
        self.rigs = Rig(halts, True), Rig(halts, False)
        self.frames: list[bytes] = []
        self.true: dict[int, dict[str, Any]] = {}
        """By key: what the venue has of an order."""
        self.requests = self.trades = 0
        self.pending: list[tuple[int, int]] = []
        self.ms = 1_700_000_000_000
        self.short: Tally[tuple[str, str]] = Tally()
        self.long: Tally[tuple[str, str]] = Tally()

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
                rig.desk.tick(rig.now_ns)
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
        symbol = rng.choice(list(COINS))
        coin = COINS[symbol]
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
        true, coin = self.true[key], COINS[self.true[key]["s"]]
        return OrderEvent(
            source=source,
            execution=Execution.STATE,
            status=self.rng.choice(
                (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.CANCELLED)
            ),
            symbol=true["s"],
            client_order_id=true["c"],
            order_id=true["i"],
            side=Side[true["S"]],
            filled_qty_e=true["z"] * 10**coin.qty_exponent,
            venue_ns=self.ms * 10**6,
        )

    def query(self) -> None:
        key = self.rng.choice([*self.true])
        event = self.state(key, Source.QUERY)
        for rig in self.rigs:
            rig.desk.order_event(rig.account, event, rig.now_ns)

    def event(self) -> None:
        """A frame about some order, more often sensible than not."""
        rng = self.rng
        key = rng.choice([*self.true][-3:])
        true = self.true[key]
        what, status = rng.choice(
            (("NEW", "NEW"),) * 3
            + (("TRADE", ""),) * 6
            + (("CANCELED", "CANCELED"), ("EXPIRED", "EXPIRED"), ("AMENDMENT", "NEW"))
            + (("AMENDMENT", "PARTIALLY_FILLED"), ("CALCULATED", "FILLED"), ("NEW", "REJECTED"))
            + (("EXPIRED", "EXPIRED_IN_MATCH"), ("CANCELED", "FILLED"), ("TRADE", "CANCELED"))
        )
        o = {name: true[name] for name in "scSofqpi"} | {
            "sp": true["sp"], "x": what, "X": status, "l": "0", "L": "0", "t": 0, "ps": "BOTH",
            "R": False, "rp": "0", "er": rng.choice(("0", "0", "2", "9", "", "12")), "T": self.ms,
        }  # fmt: skip
        if what in ("TRADE", "CALCULATED") or (what, status) == ("CANCELED", "FILLED"):
            most = max(1, int(true["q"]) - true["z"])
            last = most if rng.random() < 0.35 else rng.randint(1, most)
            price = rng.choice((99, 100, 101))
            true["z"] += last
            true["cost"] += last * price
            self.trades += 1
            o |= {"l": str(last), "L": f"{price}.50", "t": self.trades, "rp": "-0.25"}
            o["m"] = rng.choice((True, False))
            if rng.random() < 0.8:
                o |= {"n": rng.choice(("0.00012", "-0.1", "0")), "N": rng.choice(("USDT", "BNB"))}
            if not status:
                whole = true["z"] >= int(true["q"]) and rng.random() < 0.9
                o["X"] = "FILLED" if whole else "PARTIALLY_FILLED"
        o["z"] = str(true["z"])
        if true["z"]:
            o["ap"] = rng.choice((f"{true['cost'] / true['z'] + 0.5:.8f}", "0", "100.50"))
        if rng.random() < 0.05:
            true["z"] += 1  # a fill that nobody tells
        if rng.random() < 0.1:
            o[rng.choice([*o])] = rng.choice(ODD)
        if rng.random() < 0.03:
            o["c"] = rng.choice(("autoclose-1", "somebody", ""))
        if rng.random() < 0.03:
            o["s"] = rng.choice(("BTCUSDT", "ETHUSDT", "NEWUSDT"))
        event: dict[str, Any] = {"e": "ORDER_TRADE_UPDATE", "T": self.ms, "E": self.ms + 1, "o": o}
        if rng.random() < 0.05:
            event.pop(rng.choice("TE"))
        frame = json.dumps(event, separators=(",", ":")).encode()
        if what == "TRADE" and rng.random() < 0.4:
            lite = {"e": "TRADE_LITE", "E": self.ms, "T": self.ms}
            lite |= {
                name: o.get(name) for name in ("s", "q", "p", "m", "c", "S", "L", "l", "t", "i")
            }
            short = json.dumps(lite, separators=(",", ":")).encode()
            both = [short, frame] if rng.random() < 0.8 else [frame, short]
            for one in both if rng.random() < 0.9 else both[:1]:
                self.hear(one)
        else:
            self.hear(frame)

    def hear(self, frame: bytes) -> None:
        self.frames.append(frame)
        if self.rng.random() < 0.05:
            frame = b'{"stream":"key","data":%s}' % frame
        recv_ns = self.rigs[0].now_ns - 5
        said = json.loads(frame)
        said = said.get("data", said)
        o = said.get("o", {})
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
        what = said["e"] if said["e"] == "TRADE_LITE" else str(o.get("x"))
        (self.short if shorts[0] else self.long)[what, str(o.get("X"))] += 1
        assert not shorts[1]

    def check(self) -> None:
        one, other = (rig.all() for rig in self.rigs)
        for name, value in one.items():
            assert value == other[name], name


@pytest.fixture(scope="module")
def halts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Halts]:
    folder: Path = tmp_path_factory.mktemp("halts")
    made = Halts(path_of(folder))
    made.open()
    yield made
    made.close()


def test_both_ways_say_and_do_the_same(halts: Halts) -> None:
    short: Tally[tuple[str, str]] = Tally()
    long: Tally[tuple[str, str]] = Tally()
    for seed in range(STORIES):
        story = Story(seed, halts)
        for number in range(STEPS):
            try:
                story.step()
                if number % 8 == 7:
                    story.check()
            except Exception as error:
                error.add_note(f"story {seed}, step {number}: {story.frames[-1:]}")
                raise
        short += story.short
        long += story.long
    plain = {
        ("NEW", "NEW"),
        ("TRADE", "PARTIALLY_FILLED"),
        ("TRADE", "FILLED"),
        ("CANCELED", "CANCELED"),
        ("EXPIRED", "EXPIRED"),
        ("AMENDMENT", "NEW"),
        ("TRADE_LITE", "None"),
    }
    for one in plain:
        assert short[one] > 50, (one, short, long)
        assert long[one] > 50, (one, short, long)
    assert not any(status in ("REJECTED", "EXPIRED_IN_MATCH") for _, status in short)


def test_both_write_the_same_journal_and_hand_it_over(halts: Halts, tmp_path: Path) -> None:
    story = Story(7, halts)
    made: list[Journals] = []
    rings: list[Reports] = []
    sessions = [TradingMemory(1), TradingMemory(2)]
    for number, session in enumerate(sessions):
        folder = tmp_path / str(number)
        folder.mkdir()
        made.append(Journals(folder, folder, describe=lambda index: bytes([index]) * 512))
        rings.append(made[-1].attach("maker", session.up, session.down))
    story.rigs = Rig(halts, True, made[0]), Rig(halts, False, made[1])
    try:
        for number in range(300):
            story.step()
            if number == 150:
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
        assert {e[3] for e in one if e[1] == RecordType.ORDER_REPORT} == {0, 1}
    finally:
        for journals in made:
            journals.close()
        for session in sessions:
            session.close()


@pytest.mark.parametrize("written", ["x", "1e3", ".5", "-1", "1.2.3", ""])
def test_an_average_that_is_no_price_hides_no_fill(halts: Halts, written: str) -> None:
    story = Story(1, halts)
    story.place()
    o = {name: next(iter(story.true.values()))[name] for name in "scSofqpi"}
    o |= {"x": "TRADE", "X": "PARTIALLY_FILLED", "l": "1", "L": "99.5", "t": 1, "z": "1"}
    o["ap"] = written
    event = {"e": "ORDER_TRADE_UPDATE", "T": 1, "o": o}
    story.hear(json.dumps(event, separators=(",", ":")).encode())
    story.check()
    order = next(iter(story.rigs[0].desk.tracker.orders))
    assert len(order.fills) == 1
    assert order.average_price() == (995, 1)


def _frame(story: Story, **more: Any) -> bytes:
    o = {name: next(iter(story.true.values()))[name] for name in "scSofqpi"}
    o |= {"x": "NEW", "X": "NEW", "z": "0"} | more
    event = {"e": "ORDER_TRADE_UPDATE", "T": 1, "o": o}
    return json.dumps(event, separators=(",", ":")).encode()


def test_a_fault_of_ours_is_counted_and_the_stream_goes_on(
    halts: Halts, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(1, halts)
    story.place()
    rig = story.rigs[0]

    def fail(order: Order) -> None:
        raise RuntimeError("of ours")

    monkeypatch.setattr(rig.desk.holdings, "order", fail)
    codec = rig.desk.hearing(rig.account, segment := Segment.create(1 << 18))
    assert codec is not None
    told = [fill := {"x": "TRADE", "X": "PARTIALLY_FILLED", "l": "1", "L": "9.5", "t": 1, "z": "1"}]
    told.append(fill | {"l": "9", "t": 2, "z": "10", "X": "FILLED"})
    assert codec.decode(_frame(story), 1, 0) == 0  # the acknowledgement, which cannot be counted
    assert codec.decode(b"{}", 1, 0) == 1
    for one in told:
        assert codec.decode(_frame(story, **one), 1, 0) == 0
    order = next(iter(rig.desk.tracker.orders))
    assert order.status is OrderStatus.FILLED
    assert [entry[1] for entry in rig.entries] == [RecordType.ORDER_REPORT] * 3
    counters = Counters(segment.memory)
    assert counters[Counter.RARE_ERRORS] == 1
    assert counters[Counter.HEARD] == 3
    assert counters.latency(Hop.RECV_TO_REPORT).count == 3


def test_a_codec_that_is_not_in_use_leaves_everything(halts: Halts) -> None:
    story = Story(1, halts)
    story.place()
    assert Hearing(SEGMENT).decode(_frame(story), 1, 0) == 1
    assert story.rigs[0].entries == []


def test_a_journal_that_cannot_be_opened_loses_no_fill(
    halts: Halts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("no room")

    story = Story(1, halts)
    for _ in range(5):
        story.place()
    order = next(one for one in story.rigs[0].desk.tracker.orders if one.strategy)
    for rig in story.rigs:
        monkeypatch.setattr(rig, "append", broken)
    monkeypatch.setattr(Rig, "opened", broken)
    for rig in story.rigs:
        rig.hearing = rig.desk.hearing(rig.account, SEGMENT) if rig.hearing else None
    o = {name: story.true[order.key][name] for name in "scSofqpi"}
    o |= {"x": "TRADE", "X": "FILLED", "l": "10", "L": "99.5", "t": 1, "z": "10"}
    event = {"e": "ORDER_TRADE_UPDATE", "T": 1, "o": o}
    story.hear(json.dumps(event, separators=(",", ":")).encode())
    assert sum(story.short.values()) == 1
    one, other = (rig.all() for rig in story.rigs)
    assert one.pop("faults")
    assert other.pop("faults")
    assert one == other
    assert order.status is OrderStatus.FILLED
    assert order not in story.rigs[0].desk.tracker.orders.open_of(0)
    assert story.rigs[0].desk.positions._own
