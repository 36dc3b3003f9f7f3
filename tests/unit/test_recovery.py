"""Orders that are read back from a journal go on where the last run was, whatever it was doing."""

import errno
import resource
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connector._speedups.desk import command_body, sent_body
from connector.model.instrument import Instrument, Status
from connector.model.intents import Action
from connector.model.order import Order
from connector.model.packing import layout
from connector.model.records import RecordType, Side
from connector.model.reports import OrderStatus, Result, Update
from connector.trading import reports
from connector.trading.checkpoint import checkpoint
from connector.trading.effects import Answered, AskFills, Detail, Effect, Report
from connector.trading.ids import next_boot
from connector.trading.positions import Positions
from connector.trading.recovery import Checkpoint, Replay, encoded, restored
from connector.trading.restore import Restorer
from connector.trading.tracker import FILL_ASKS, Tracker
from connector.venues.trading_contract import Execution, OrderEvent, Source
from tests.reference.desk_rig import Account

SECOND_NS = 1_000_000_000
INSTRUMENT = Instrument(
    symbol="BTCUSDT", exchange="BinanceU", price_exponent=2, qty_exponent=3,
    price_digits=2, qty_digits=3, tick_e=10, step_e=1,
)  # fmt: skip
ENTRY = layout("InstrumentEntry")
COMMAND = layout("Command")


class Run:
    """One life of a daemon with one order: what its tracker says goes into the journal."""

    def __init__(self, journal: list[tuple[RecordType, bytes]]) -> None:
        self.journal = journal
        self.tracker = Tracker(iter(range(1000, 2000)).__next__)
        self.booked: list[tuple[int | None, int]] = []
        replay = Replay("maker")
        for kind, body in journal:
            replay.take(kind, 0, 0, body)
        for one in replay.orders.values():
            order = Order(key=one.key, account=0, strategy="maker", instrument=INSTRUMENT)
            self.tracker.orders.restore(restored(one, 0, order))
        self.positions = replay.positions

    def write(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Report):
                self.journal.append(reports.report(effect, 0))
                if effect.update is Update.EXECUTED and effect.last_qty_e:
                    self.booked.append((effect.trade_id, effect.last_qty_e))
            elif isinstance(effect, Detail):
                self.journal.append(reports.detail(effect, 0))

    def hear(self, execution: Execution, status: OrderStatus | None, **more: Any) -> None:
        event = OrderEvent(
            source=Source.QUERY, execution=execution, status=status, symbol="BTCUSDT",
            client_order_id="one", order_id=7, side=Side.BUY, **more,
        )  # fmt: skip
        self.write(self.tracker.event(0, event, SECOND_NS))

    def trades(self, fills: Sequence[tuple[int, int]]) -> None:
        for trade_id, qty_e in fills:
            self.hear(Execution.TRADE, None, trade_id=trade_id, last_qty_e=qty_e,
                      last_price_e=5_000_000)  # fmt: skip


def begun() -> Run:
    """An order that rests."""
    instrument = ENTRY.pack(id=0, symbol="BTCUSDT", price_exponent=2, qty_exponent=3)
    start = Checkpoint(accounts=["main"])
    run = Run([(RecordType.CHECKPOINT, encoded(start)), (RecordType.INSTRUMENT_CHANGE, instrument)])
    order = Order(key=1, account=0, strategy="maker", instrument=INSTRUMENT)
    order.client_order_id, order.qty_e, order.price_e = "one", 20, 5_000_000
    run.tracker.register(order)
    run.hear(Execution.NEW, OrderStatus.NEW, qty_e=20, price_e=5_000_000, filled_qty_e=0)
    return run


@pytest.mark.parametrize("restart", [0, 1, 2, 3])
def test_a_fill_that_was_inferred_and_is_named_in_parts_counts_once(restart: int) -> None:
    """The venue counts 9, tells no trade, and names three of them later, one by one; the daemon
    starts again before the n-th."""
    run = begun()
    run.hear(Execution.STATE, OrderStatus.PARTIALLY_FILLED, filled_qty_e=9, average="50000")
    now_ns, asked = SECOND_NS, 0
    while not run.booked:
        now_ns += 20 * SECOND_NS
        effects = run.tracker.tick(now_ns)
        asked += sum(isinstance(effect, AskFills) for effect in effects)
        run.write(effects)
    assert asked == FILL_ASKS
    assert run.booked == [(None, 9)]
    for index, fill in enumerate([(11, 2), (12, 3), (13, 4)]):
        if index == restart:
            run = Run(run.journal)
        run.trades([fill, fill])
    if restart == 3:
        run = Run(run.journal)
        run.trades([(11, 2), (12, 3), (13, 4)])
    assert [one for one in run.booked if one[0] is not None] == []
    (order,) = run.tracker.orders
    assert (order.known_qty_e, order.inferred_qty_e, order.filled_qty_e) == (9, 0, 9)
    assert {name: fill.qty_e for name, fill in order.fills.items()} == {11: 2, 12: 3, 13: 4}
    assert list(Run(run.journal).positions.values()) == [9]


def test_what_was_inferred_is_moved_by_what_its_parts_cost_over_a_restart_too() -> None:
    """Nobody told what it cost: the rest stays at the average."""
    run = begun()
    run.hear(Execution.STATE, OrderStatus.PARTIALLY_FILLED, filled_qty_e=9, average="50000")
    now_ns = SECOND_NS
    while not run.booked:
        now_ns += 20 * SECOND_NS
        run.write(run.tracker.tick(now_ns))
    cost_e = 9 * 5_000_000
    for name, qty_e, over_e in ((11, 2, 300), (12, 3, -7), (13, 4, 11)):
        run.hear(Execution.TRADE, None, trade_id=name, last_qty_e=qty_e,
                 last_price_e=5_000_000 + over_e)  # fmt: skip
        cost_e += qty_e * over_e
        for life in (run, Run(run.journal)):
            (order,) = life.tracker.orders
            assert (order.known_qty_e, order.notional_e) == (9, cost_e)


def test_what_was_told_by_its_cost_keeps_it_while_its_parts_are_named() -> None:
    """At 100, 300 and 100 twice: the price of the rest is what is left."""
    run = begun()
    run.hear(Execution.STATE, OrderStatus.PARTIALLY_FILLED, filled_qty_e=4, cost_e=600)
    for name, price_e, count, rest_e in (("a", 100, 1, 167), ("b", 300, 2, 100)):
        run.hear(Execution.TRADE, None, filled_qty_e=count, cost_e=400 if count > 1 else 100,
                 venue_trade_id=name, last_qty_e=1, last_price_e=price_e)  # fmt: skip
        for life in (run, Run(run.journal)):
            (order,) = life.tracker.orders
            assert (order.notional_e, order.inferred_price_e) == (600, rest_e)
            assert order.inferred_qty_e == 4 - count
    run = Run(run.journal)
    run.hear(Execution.STATE, OrderStatus.PARTIALLY_FILLED, filled_qty_e=5, cost_e=700)
    (order,) = run.tracker.orders
    assert run.booked == [(None, 1)]
    assert (order.known_qty_e, order.notional_e, order.inferred_price_e) == (5, 700, 100)


def test_a_new_fill_is_no_part_of_what_was_inferred_before_it() -> None:
    run = begun()
    run.hear(Execution.STATE, OrderStatus.PARTIALLY_FILLED, filled_qty_e=3, average="50000")
    now_ns = SECOND_NS
    while not run.booked:
        now_ns += 20 * SECOND_NS
        run.write(run.tracker.tick(now_ns))
    run.hear(Execution.TRADE, OrderStatus.PARTIALLY_FILLED, filled_qty_e=5, trade_id=12,
             last_qty_e=2, last_price_e=5_000_000)  # fmt: skip
    run.trades([(11, 3), (12, 2)])
    (order,) = run.tracker.orders
    assert run.booked == [(None, 3), (12, 2)]
    assert (order.known_qty_e, order.inferred_qty_e, order.filled_qty_e) == (5, 0, 5)


def test_a_fill_that_is_told_under_two_names_counts_once_after_a_restart_too() -> None:
    run = begun()
    run.hear(Execution.STATE, OrderStatus.PARTIALLY_FILLED, filled_qty_e=1, cost_e=50)
    for name in ("one", "other"):
        run.hear(Execution.TRADE, None, filled_qty_e=3, cost_e=150, venue_trade_id=name,
                 last_qty_e=3, last_price_e=50)  # fmt: skip
    for life in (run, Run(run.journal)):
        (order,) = life.tracker.orders
        assert (order.known_qty_e, order.filled_qty_e) == (3, 3)


def test_what_was_counted_at_several_prices_keeps_its_cost_over_a_restart() -> None:
    """Else the next part, told by the sums alone, gets a price that makes up for it."""
    run = begun()
    for count, cost_e in ((1, 5_000_000), (2, 10_000_300), (4, 20_000_300)):
        run.hear(Execution.STATE, OrderStatus.PARTIALLY_FILLED, filled_qty_e=count, cost_e=cost_e)
        run = Run(run.journal)
        (order,) = run.tracker.orders
        assert (order.known_qty_e, order.notional_e) == (count, cost_e)


def cancel_all(run: Run, command: int, ref_id: str = "") -> None:
    """Taken and accepted; the process is killed before any cancel leaves."""
    slot = COMMAND.pack(
        stamp=command, action=Action.CANCEL_ALL, ref_id=ref_id,
        **dict.fromkeys(("order_id", "price_e", "qty_e", "stop_price_e", "activation_price_e",
                         "callback_rate_e", "good_till_ns")),
    )  # fmt: skip
    run.journal.append((RecordType.COMMAND, command_body(slot, 0, 1, 0, 0, 0, "", 0, 0)))
    said = Answered(
        strategy="maker", order=None, account=0, command=command, action=Action.CANCEL_ALL,
        ref_id=ref_id, result=Result.ACCEPTED, code=0,
    )  # fmt: skip
    run.journal.append(reports.answer(said, 0))


def rests(run: Run, key: int) -> None:
    """Another order."""
    order = Order(key=key, account=0, strategy="maker", instrument=INSTRUMENT)
    order.client_order_id, order.qty_e, order.price_e = f"one-{key}", 20, 5_000_000
    run.tracker.register(order)
    event = OrderEvent(
        source=Source.STREAM, execution=Execution.NEW, status=OrderStatus.NEW, symbol="BTCUSDT",
        client_order_id=f"one-{key}", order_id=key, qty_e=20, price_e=5_000_000, filled_qty_e=0,
    )  # fmt: skip
    run.write(run.tracker.event(0, event, SECOND_NS))


def test_a_promised_cancel_of_everything_is_pursued_by_the_next_run() -> None:
    """What came after it is not meant, nor by a repeat of the same request."""
    run = begun()
    cancel_all(run, 7, "r1")
    rests(run, 2)
    cancel_all(run, 8, "r1")
    wanted = {order.key: order.cancel_wanted for order in Run(run.journal).tracker.orders}
    assert wanted == {1: True, 2: False}


def test_a_report_counts_whether_or_not_its_instrument_has_a_place() -> None:
    run = begun()
    run.trades([(11, 20)])
    replay = Replay("maker")
    for kind, body in run.journal[:-1]:
        replay.take(kind, 0, 0, body)
    replay.take(*run.journal[-1][:1], 0, 99, run.journal[-1][1])
    assert [fill[0] for fill in replay.orders[1].fills] == [11]
    assert list(replay.positions.values()) == [20]


def test_orders_and_positions_in_a_delisted_instrument_keep_its_name_and_scale() -> None:
    run = begun()
    run.trades([(11, 5)])
    replay = Replay("maker")
    for kind, body in run.journal:
        replay.take(kind, 0, 0, body)
    known: dict[str, Instrument] = {}
    tracker, positions = Tracker(iter(range(9)).__next__), Positions()
    restorer = Restorer(
        tracker, positions, 0, "main", known.get, SECOND_NS, iter(range(9)).__next__,
        lambda instrument: known.update({instrument.symbol: instrument}),
    )  # fmt: skip
    restorer.restore(replay, 0, 0)
    (order,) = tracker.orders
    assert order.instrument is known["BTCUSDT"]
    assert (order.instrument.price_exponent, order.instrument.qty_exponent) == (2, 3)
    assert order.instrument.status is Status.CLOSED
    assert [qty_e for _, qty_e in positions.owned("maker")] == [5]


def restarted(run: Run, price: int, qty: int, carried: bool) -> Tracker:
    """The next run, in which the instrument has that many more decimals; ``carried``: another run
    was between, of which only the checkpoint is left."""
    replay = Replay("maker")
    for kind, body in run.journal:
        replay.take(kind, 0, 0, body)
    now = msgspec.structs.replace(INSTRUMENT, price_exponent=2 + price, qty_exponent=3 + qty)
    tracker = Tracker(iter(range(9)).__next__)

    def put_back(scale: Instrument) -> None:
        restorer = Restorer(
            tracker, Positions(), 0, "main", lambda symbol: scale, SECOND_NS,
            iter(range(1, 9)).__next__, lambda instrument: None,
        )  # fmt: skip
        restorer.restore(replay, SECOND_NS, SECOND_NS)

    if carried:
        put_back(INSTRUMENT)
        account: Any = Account(0, "main", "maker")
        parts = checkpoint(replay, {"main"}, None, tracker, Positions(), lambda _: ["maker"],
                           [account])  # fmt: skip
        replay, kind = Replay("maker"), RecordType.CHECKPOINT
        for body, _ in parts:
            if body:
                replay.take(kind, 0, 0, body)
            kind = RecordType.CHECKPOINT_PART
        tracker = Tracker(iter(range(9)).__next__)
    put_back(now)
    return tracker


def up(value: int, digits: int) -> int:
    return value * 10**digits if digits >= 0 else value // 10**-digits


SCALES = [(0, 0, True), (1, 2, True), (2, 0, True), (-1, 0, False), (0, -1, False), (-2, -1, False)]


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize(("price", "qty", "exact"), SCALES)
def test_an_amend_that_nobody_answered_is_taken_over_in_the_scale_of_now(
    price: int, qty: int, exact: bool, carried: bool
) -> None:
    run = begun()
    slot = COMMAND.pack(
        stamp=5, action=Action.AMEND, order_key=1, price_e=5_000_010, qty_e=35,
        **dict.fromkeys(("order_id", "stop_price_e", "activation_price_e", "callback_rate_e",
                         "good_till_ns")),
    )  # fmt: skip
    run.journal.append((RecordType.COMMAND, command_body(slot, 1, 1, 0, 0, 0, "one", 0, 0)))
    run.journal.append((RecordType.SENT, sent_body(1, 5, 1, 0, 0, SECOND_NS, Action.AMEND)))
    tracker = restarted(run, price, qty, carried)
    (pending,) = tracker.pending()
    (order,) = tracker.orders
    assert (order.price_e, order.qty_e) == (
        5_000_000 * 10**2 // 10 ** (2 - price),
        20 * 10**3 // 10 ** (3 - qty),
    )
    if price >= -1:  # 5000010 ends in one zero
        assert pending.price_e == 5_000_010 * 10**2 // 10 ** (2 - price)
    else:
        assert pending.price_e == -1
    assert tracker.amends(order) == pending.qty_e == (35 * 10**qty if qty >= 0 else 4)
    if not exact:
        return
    said = OrderEvent(
        source=Source.STREAM, execution=Execution.AMENDED, status=OrderStatus.NEW,
        symbol="BTCUSDT", client_order_id="one", order_id=7, side=Side.BUY,
        price_e=5_000_010 * 10**price, qty_e=35 * 10**qty, venue_ns=9, filled_qty_e=0,
    )  # fmt: skip
    answers = [one for one in tracker.event(0, said, 2 * SECOND_NS) if isinstance(one, Answered)]
    assert [one.result for one in answers] == [Result.ACCEPTED]


def test_a_boot_number_that_the_disk_does_not_take_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "boot"
    assert next_boot(path) == 1
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit[1]))
    try:
        with pytest.raises(OSError, match=r"boot\.new") as caught:
            next_boot(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert caught.value.errno == errno.EFBIG
    assert next_boot(path) == 2


@pytest.mark.parametrize("text", ["", "x", "-1", "8388607", "99999999999"])
def test_a_boot_number_that_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "boot").write_text(text)
    with pytest.raises(ValueError, match="restore it"):
        next_boot(tmp_path / "boot")
    assert (tmp_path / "boot").read_text() == text
