"""Killed between any two entries of its journal, a daemon's next run counts every fill of its
strategies once: their own position is the sum of what was reported and of what the venue did. And
every command that was taken has one final answer in the end."""

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from connector.desk import Desk
from connector.model.instrument import Instrument
from connector.model.intents import Action, PositionSide
from connector.model.order import Order
from connector.model.packing import layout
from connector.model.records import RecordType, Side
from connector.model.reports import ReportFlag, Result
from connector.trading import checkpoint as checkpoints
from connector.trading.checkpoint import checkpoint
from connector.trading.halts import Halts, path_of
from connector.trading.ids import Ids
from connector.trading.ledger import Ledger
from connector.trading.recovery import Checkpoint, Replay, encoded
from connector.trading.restore import Restorer
from connector.venues.contract import Request
from connector.venues.trading_contract import OrderAnswer, OrderOutcome
from tests.reference.desk_rig import COMMAND, INSTRUMENT, ORDER, TRADING, Account, Session
from tests.reference.order_venue import INSTRUMENT as BARE
from tests.reference.order_venue import TrueVenue

SEEDS = 240
SECOND_NS = 1_000_000_000
STRATEGY, PLACE = "maker", (0, "BTCUSDT", PositionSide.BOTH)
ENTRY, REPORT = layout("InstrumentEntry"), layout("OrderReportBody")
TAKEN, ANSWER = layout("CommandBody"), layout("CommandAnswerBody")
assert BARE.price_exponent == INSTRUMENT.price_exponent
assert BARE.qty_exponent == INSTRUMENT.qty_exponent


class Killed(BaseException):
    """Before this entry was written."""


class Journal:
    """Entries of all runs; nothing is written after ``room`` of them."""

    def __init__(self) -> None:
        self.entries: list[tuple[RecordType, int, bytes]] = []
        self.room = 0

    def append(
        self, strategy: str, kind: RecordType, body: bytes, *, instrument: int = 0, **_: Any
    ) -> int:
        if not self.room:
            raise Killed
        self.room -= 1
        if strategy == STRATEGY:
            self.entries.append((kind, instrument, body))
        return len(self.entries)

    def behind(self) -> bool:
        return False

    def sequence(self, strategy: str) -> int:
        return len(self.entries)


class Life:
    """Runs of a daemon one after another at a venue that goes on; their network loses, delays and
    repeats."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = random.Random(seed)
        self.venue, self.journal = TrueVenue(self.rng), Journal()
        self.halts = Halts(path_of(folder))
        self.halts.open()
        self.boots, self.commands = itertools.count(1), itertools.count(1)
        self.whole = 0
        """Checkpoints with their last part."""
        self.now_ns = 1_000 * SECOND_NS
        self.start(most=10**9)

    def start(self, most: int) -> None:
        """The next run, killed after so many entries."""
        self.account, self.last = Wire(self), True
        self.late: list[tuple[int, OrderAnswer]] = []
        replay = Replay(STRATEGY)
        for kind, place, body in self.read():
            replay.take(kind, 0, place, body)
        boot = next(self.boots)
        # Places in the directory and their scale are a run's own.
        self.place, digits = boot + 2, self.rng.choice((0, 0, 1, 3))
        self.scale = 10**digits
        self.instrument = msgspec.structs.replace(
            INSTRUMENT, qty_exponent=INSTRUMENT.qty_exponent + digits, min_notional_e=0
        )
        listed = SimpleNamespace(index=self.place, venue=0, instrument=self.instrument,
                                 mark_e=50_000 * 10**8, touch=(49_999_00, 50_001_00),
                                 served=True)  # fmt: skip
        self.desk = Desk(
            [self.account],
            Ledger(self.journal, lambda: self.now_ns),  # type: ignore[arg-type]
            Ids(boot),
            listed=lambda index: listed if index == self.place else None,
            find=lambda venue, symbol: listed,
            halts=self.halts,
            clock=lambda: self.now_ns,
        )
        exponents = {
            name: getattr(self.instrument, name) for name in ("price_exponent", "qty_exponent")
        }
        entry = ENTRY.pack(id=self.place, symbol="BTCUSDT", **exponents)
        start = Checkpoint(accounts=["main"], orders=[*replay.orders.values()],
                           commands=[*replay.commands.values()])  # fmt: skip
        start.positions = [(*place, qty_e) for place, qty_e in replay.positions.items()]
        self._began = [
            (RecordType.CHECKPOINT, 0, encoded(start)),
            (RecordType.INSTRUMENT_CHANGE, self.place, entry),
        ]
        self.journal.entries += self._began
        self.journal.room = most
        restorer = Restorer(
            self.desk.tracker, self.desk.positions, 0, "main", self.account.scales,
            TRADING.window_ns, self.desk.outbox.new_request, lambda instrument: None,
        )  # fmt: skip
        self.desk.perform(restorer.restore(replay, self.now_ns, self.now_ns))
        self.desk.stream_up(self.account)

    def read(self) -> list[tuple[RecordType, int, bytes]]:
        """From the newest checkpoint on that is whole, as a start does; sometimes from further
        back, since log files begin with checkpoints only where there were reports."""
        entries, begun = self.journal.entries, list[int]()
        first = 0
        for index, (kind, _, body) in enumerate(entries):
            if kind is RecordType.CHECKPOINT:
                begun.append(index)
                first = index if b"\xa4more\xc3" not in body else first
            elif kind is RecordType.CHECKPOINT_PART and b"\xa4last\xc3" in body:
                first = begun[-1]
        earlier = [index for index in begun if index <= first]
        return entries[self.rng.choice(earlier[-2:]) if earlier else 0 :]

    def run(self, steps: int) -> None:
        """Until that is done, or it is killed."""
        for _ in range(steps):
            self.step()

    def step(self) -> None:
        rng, desk = self.rng, self.desk
        what, trues = rng.random(), list(self.venue.orders.values())
        if what < 0.2 or not trues:
            price_e, qty_e = rng.randint(4_995_0, 4_999_0) * 100, rng.randint(1, 50)
            slot = ORDER | {"price_e": price_e, "qty_e": qty_e * self.scale}
            slot |= {"instrument": self.place, "valid_until_ns": self.now_ns + SECOND_NS}
            numbers = ("order_id", "stop_price_e", "activation_price_e", "callback_rate_e",
                       "good_till_ns")  # fmt: skip
            slot |= dict.fromkeys(numbers) | {"action": Action.PLACE}
            desk.take(Session(), COMMAND.pack(stamp=next(self.commands), **slot), self.now_ns)  # type: ignore[arg-type]
        elif what < 0.5:
            self.venue.fill(rng.choice(trues))
        elif what < 0.7:
            for _ in range(min(rng.randint(1, 4), len(self.venue.stream))):
                desk.order_event(self.account, self.scaled(self.venue.stream.pop(0)))
        elif what < 0.75:
            self.venue.stream.clear()
            desk.stream_down(self.account)
            desk.stream_up(self.account)
        elif what < 0.85 and self.late:
            desk.answered(self.account, *self.late.pop())
        elif what < 0.88:
            self.roll()
        elif what < 0.94:
            for _ in range(rng.randint(1, 9)):
                self.go_on()
        else:
            self.advance(rng.choice((1, SECOND_NS // 10, SECOND_NS, 4 * SECOND_NS)))

    def roll(self) -> None:
        """A new log file: it begins with how things stand, in parts."""
        self.parts = checkpoint(Replay(STRATEGY), {"main"}, None, self.desk.tracker,
                                self.desk.positions, self.desk.hearers, [self.account])  # fmt: skip
        self.journal.entries += [(RecordType.CHECKPOINT, 0, next(self.parts)[0]), self._began[1]]
        self.last = False

    def go_on(self) -> None:
        """The next part."""
        if self.last:
            return
        body, self.last = next(self.parts)
        if body:
            self.journal.entries.append((RecordType.CHECKPOINT_PART, 0, body))
        if self.last:
            self.whole += 1

    def advance(self, by_ns: int) -> None:
        self.now_ns += by_ns
        self.venue.now_ns += by_ns
        list(self.desk.tick(self.now_ns))
        self.account.answer()

    def settle(self) -> None:
        """Nothing is lost any more, and nothing happens any more."""
        self.account.whole = True
        self.desk.stream_down(self.account)
        self.venue.stream.clear()
        self.desk.stream_up(self.account)
        for _ in range(40):
            for answer in self.late:
                self.desk.answered(self.account, *answer)
            self.late.clear()
            self.advance(SECOND_NS)

    def scaled(self, event: Any) -> Any:
        """The venue's word in the scale of this run."""
        numbers = {name: getattr(event, name) for name in ("qty_e", "filled_qty_e", "last_qty_e")}
        found = {name: value * self.scale for name, value in numbers.items() if value is not None}
        return msgspec.structs.replace(event, **found)

    def unscaled(self, order: Order) -> Any:
        return SimpleNamespace(client_order_id=order.client_order_id, price_e=order.price_e,
                               qty_e=order.qty_e // self.scale)  # fmt: skip

    # What must be

    def reported(self) -> Counter[int | None]:
        """What the journal says was filled, by trade id, in the narrowest scale."""
        found, exponent = Counter[int | None](), 0
        for kind, _, body in self.journal.entries:
            if kind is RecordType.INSTRUMENT_CHANGE:
                entry: Any = ENTRY.unpack(body)
                exponent = entry.qty_exponent - INSTRUMENT.qty_exponent
            elif kind is RecordType.ORDER_REPORT:
                said: Any = REPORT.unpack(body)
                assert not said.flags & ReportFlag.FOREIGN, "an own order passes for another's"
                if said.last_qty_e:
                    assert said.side == Side.BUY
                    found[said.trade_id] += said.last_qty_e * 1000 // 10**exponent
        return found

    def answered(self) -> tuple[list[int], list[int]]:
        """Commands that were taken, and those of the final answers."""
        taken, final = list[int](), list[int]()
        for kind, _, body in self.journal.entries:
            if kind is RecordType.COMMAND:
                command: Any = COMMAND.unpack(TAKEN.unpack(body).command)
                taken.append(command.stamp)
            elif kind is RecordType.COMMAND_ANSWER:
                answer: Any = ANSWER.unpack(body)
                final += [answer.command] * (answer.result != Result.UNKNOWN)
        return taken, final

    def own(self) -> int:
        return self.desk.positions.own(STRATEGY, PLACE) * 1000 // self.scale


class Wire(Account):
    """The account: some requests are lost, some answers late; the same with questions."""

    def __init__(self, life: Life) -> None:
        super().__init__(0, "main", STRATEGY)
        self.foreign_to = frozenset({STRATEGY})
        self.life, self.whole = life, False

        self.questions: list[tuple[str, Order]] = []

    def scales(self, symbol: str) -> Instrument | None:
        return self.life.instrument

    def venue_ns(self, now_ns: int) -> int:
        return now_ns

    def post(self, request: int, action: Action, message: Request) -> None:
        life, fate = self.life, self.life.rng.random()
        pending = life.desk.tracker.request(request)
        assert pending is not None
        assert pending.order is not None
        assert action is Action.PLACE
        if fate < 0.9:
            answer = life.venue.place(life.unscaled(pending.order))
        if fate < 0.2:
            life.late.append((request, OrderAnswer(OrderOutcome.UNKNOWN)))
        elif fate < 0.9:
            said = answer.order and life.scaled(answer.order)
            life.late.append((request, msgspec.structs.replace(answer, order=said)))
        else:
            life.late.append((request, OrderAnswer(OrderOutcome.UNKNOWN)))

    def ask(self, order: Any) -> None:
        self.questions.append(("order", order))

    def ask_fills(self, order: Any, spare: bool = False) -> None:
        self.questions.append(("fills", order))

    def answer(self) -> None:
        """What was asked; the answer to a question that failed never comes."""
        life = self.life
        questions, self.questions = self.questions, []
        for what, order in questions:
            if not self.whole and life.rng.random() < 0.3:
                continue
            if what == "fills":
                for event in list(life.venue.trades()):
                    life.desk.order_event(self, life.scaled(event), life.now_ns)
            elif (event := life.venue.query(order.client_order_id)) is not None:
                life.desk.order_event(self, life.scaled(event), life.now_ns)
            else:
                life.desk.absent(order, life.now_ns)


def true_fills(life: Life) -> dict[int, int]:
    orders: Sequence[Any] = list(life.venue.orders.values())
    return {name: 1000 * qty_e for one in orders for name, qty_e, _ in one.fills}


@pytest.mark.parametrize("block", range(4))
def test_own_positions_are_the_fills_over_every_restart(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "PART", 3)  # many parts, with much between them
    whole = 0
    for seed in range(block * SEEDS // 4, (block + 1) * SEEDS // 4):
        life = Life(seed, tmp_path)
        for _ in range(life.rng.randint(1, 4)):
            try:
                life.run(life.rng.randint(5, 60))
            except Killed:
                life.venue.stream.clear()
            for _ in range(life.rng.choice((0, 0, 3))):  # nobody is there
                if trues := list(life.venue.orders.values()):
                    life.venue.fill(life.rng.choice(trues))
            try:
                life.start(life.rng.randint(0, 80))
            except Killed:
                life.start(10**9)
            assert life.own() == life.reported().total(), f"seed {seed}: after a restart"
        life.journal.room = 10**9
        life.settle()
        told = life.reported()
        unnamed = told.pop(None, 0)
        true = true_fills(life)
        taken, final = life.answered()
        assert sorted(final) == taken, f"seed {seed}"
        assert life.own() == sum(true.values()), f"seed {seed}"
        assert told.total() + unnamed == sum(true.values()), f"seed {seed}"
        assert all(true[name] == qty_e for name, qty_e in told.items() if name), f"seed {seed}"
        life.halts.close()
        whole += life.whole
    assert whole > 20
