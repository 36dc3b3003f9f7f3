"""The short way does what the desk does: the same bytes to the venue, the same journal, the same
state, whatever was asked and whatever had happened; it passes nothing the desk refuses."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connector._speedups import booking, lane
from connector.clock import monotonic_ns
from connector.config_trading import Transport
from connector.market import live
from connector.model.instrument import Instrument, Status
from connector.model.intents import (
    OWN_COMMAND,
    Action,
    CommandFlag,
    OrderType,
    PositionSide,
    SelfTrade,
    TimeInForce,
)
from connector.model.records import RecordType
from connector.model.records import Side as Direction
from connector.model.states import FeedKind, State
from connector.trading.risk import Limits
from tests.reference.lane_rig import (
    A_MARK_BEFORE_ANY_ORDER_COUNTED,
    BODY,
    COMMAND,
    EMPTY,
    INSTRUMENT,
    INSTRUMENTS,
    INVERSE,
    SECOND_NS,
    SENT,
    Side,
    scaled,
)

WAYS: list[dict[str, Any]] = [{"transport": Transport.HTTP}, {"transport": Transport.WS_API}]
WAYS.append({"venue": "phemex"})
HOUR_NS = 3600 * SECOND_NS
MONEY = 10**8
BID_E, ASK_E, MARK_E = 49_999_00, 50_001_00, 50_000 * 10**8


@contextmanager
def both(
    limits: dict[tuple[str, str], Limits] | None = None,
    instrument: Instrument = INSTRUMENT,
    **account: Any,
) -> Iterator[tuple[Side, Side]]:
    """With the short way, and the desk alone."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        sides = [
            Side(Path(folder) / str(lane), limits or {}, lane, instrument, **account)
            for lane in (True, False)
        ]
        try:
            for side in sides:
                side.quote(*(scaled(one, 2, instrument.price_exponent) for one in (BID_E, ASK_E)))
                side.mark(MARK_E)
            yield sides[0], sides[1]
        finally:
            for side in sides:
                side.close()


class Pair:
    """Two sides that are told the same."""

    def __init__(self, sides: tuple[Side, Side]) -> None:
        self.sides = sides
        self.commands = 0
        self.read_ns = monotonic_ns()

    def send(
        self,
        action: Action = Action.PLACE,
        valid_ns: int = HOUR_NS,
        who: str = "maker",
        last: bool = True,
        **fields: Any,
    ) -> int:
        self.commands += 1
        self.read_ns += 1_000_000
        values = dict.fromkeys(EMPTY) | {
            "stamp": self.commands,
            "valid_until_ns": self.read_ns + valid_ns,
            "ref_id": f"r{self.commands}",
        }
        if action is Action.PLACE:
            values |= {"side": Direction.BUY, "order_type": OrderType.LIMIT, "price_e": 49_990_00,
                       "qty_e": 10, "time_in_force": TimeInForce.GTC}  # fmt: skip
        slot = COMMAND.pack(action=action, **(values | fields))
        for side in self.sides:
            side.take(slot, self.read_ns, who, last)
        return self.commands

    def same(self) -> None:
        fast, slow = self.sides
        assert fast.wire() == slow.wire()
        assert fast.journal() == slow.journal()
        assert fast.state() == slow.state()
        assert slow.short == 0


def test_the_mark_ages_alike() -> None:
    assert lane.MARK_NS == booking.MARK_NS == live.MARK_NS


@pytest.mark.parametrize("instrument", [INSTRUMENT, INVERSE], ids=["linear", "inverse"])
@pytest.mark.parametrize("way", WAYS)
def test_common_commands_go_the_short_way_once_it_is_known(
    way: dict[str, Any], instrument: Instrument
) -> None:
    limits = Limits(exposure_e=10**18, loss_e=10**18, order_notional_e=10**15)
    with both({("account", "main"): limits}, instrument, **way) as sides:
        pair = Pair(sides)
        price_e = scaled(49_990_00, 2, instrument.price_exponent)
        pair.send(price_e=price_e)
        pair.send(price_e=price_e)
        pair.send(order_type=OrderType.MARKET, price_e=None, time_in_force=TimeInForce.NONE)
        assert pair.sides[0].short == 2
        for _ in range(3):
            for side in sides:
                side.answer(False)
        pair.send(Action.CANCEL, placed_by=1)
        pair.send(Action.CANCEL, placed_by=2)
        assert pair.sides[0].short == 4
        pair.same()


NOT_SURE: list[tuple[str, dict[str, Any]]] = [
    ("a repeat", {"ref_id": "r1"}),
    ("too late", {"valid_ns": -1}),
    ("a name of its own", {"client_order_id": "mine"}),
    ("hedge mode", {"position_side": PositionSide.LONG}),
    ("self trade", {"self_trade": SelfTrade.EXPIRE_BOTH}),
    ("off tick", {"price_e": 49_990_01}),
    ("too small", {"qty_e": 1}),
    ("too far over mark", {"price_e": 60_000_00}),
    ("another account", {"account": 1}),
    ("another instrument", {"instrument": 1}),
    ("part of a batch", {"batch": 1, "batch_size": 2}),
    ("one of the connector's own", {"stamp": OWN_COMMAND | 99}),
    ("conditional", {"order_type": OrderType.STOP, "stop_price_e": 51_000_00}),
]


@pytest.mark.parametrize(("what", "fields"), NOT_SURE, ids=[what for what, _ in NOT_SURE])
def test_what_is_not_common_or_not_sure_is_left_to_the_desk(
    what: str, fields: dict[str, Any]
) -> None:
    with both() as sides:
        pair = Pair(sides)
        pair.send()
        pair.send(**fields)
        assert sides[0].short == 0
        pair.same()


def unready(side: Side) -> None:
    side.account.reconciled = False


def draining(side: Side) -> None:
    side.desk.admission.draining = True


def halted(side: Side) -> None:
    side.halt(True)


def silent(side: Side) -> None:
    side.account.budget.stop(monotonic_ns() + 60 * SECOND_NS)


def banned(side: Side) -> None:
    for _, budget in side.rest.pools:
        budget.stop(monotonic_ns() + 60 * SECOND_NS)


def spent(side: Side) -> None:
    now_ns = monotonic_ns()
    for _, budget in side.account.budget.pools:
        budget.take(now_ns, side.account.venue_ns(now_ns), budget.limit - budget.limit // 10)


def unserved(side: Side) -> None:
    side.live.served = False


def dark(side: Side) -> None:
    side.feed.set_state(2, 0)


def changed(side: Side) -> None:
    halted = replace(side.live.instrument, status=Status.HALTED)
    side.live.chosen = replace(side.live.chosen, instrument=halted)


def stopped(side: Side) -> None:
    side.account.running = False


def timeless(side: Side) -> None:
    side.account.clock.forget()


def aged(side: Side) -> None:
    side.mark(MARK_E, 11 * SECOND_NS)
    side.feed.set_state(FeedKind.BBO, State.STALE)


def behind(side: Side) -> None:
    """The disk of some journal is too far behind."""
    side.journals.drain.behind = lambda *_: True  # type: ignore[method-assign]


STOPPERS = [unready, draining, halted, silent, banned, spent, unserved, dark, changed, stopped,
            timeless]  # fmt: skip


@pytest.mark.parametrize("transport", list(Transport))
@pytest.mark.parametrize("stop", STOPPERS)
def test_whatever_stops_the_desk_stops_the_short_way(stop: Any, transport: Transport) -> None:
    with both(transport=transport) as sides:
        pair = Pair(sides)
        pair.send()
        for side in sides:
            stop(side)
        pair.send()
        assert sides[0].short == 0
        pair.same()


@pytest.mark.parametrize("transport", list(Transport))
def test_no_halt_and_no_age_stops_a_cancel(transport: Transport) -> None:
    with both(transport=transport) as sides:
        pair = Pair(sides)
        pair.send()
        for side in sides:
            side.answer(False)
            for stop in (halted, draining, unready, spent):
                stop(side)
        pair.send(Action.CANCEL, placed_by=1, valid_ns=-1)
        assert sides[0].short == 1
        pair.same()


def test_the_last_connections_are_kept_for_cancels_and_a_full_pool_queues() -> None:
    with both() as sides:
        pair = Pair(sides)
        for _ in range(6):
            pair.send()
        assert sides[0].short == 2  # of three; the first one was the desk's
        pair.send(Action.CANCEL, placed_by=1)
        assert sides[0].short == 2  # behind what waits
        pair.same()
        for _ in range(7):
            for side in sides:
                side.answer(False)
        pair.same()


@pytest.mark.parametrize("transport", list(Transport))
def test_a_write_that_fails_leaves_the_order_unknown(transport: Transport) -> None:
    with both(transport=transport) as sides:
        pair = Pair(sides)
        pair.send()
        for side in sides:
            side.broken = True
        pair.send()
        assert sides[0].short == 1
        orders = [list(side.desk.tracker.orders)[-1].status for side in sides]
        assert orders[0] == orders[1]
        assert sides[0].journal() == sides[1].journal()


@pytest.mark.parametrize("transport", list(Transport))
def test_a_request_is_journalled_whole_before_its_first_byte_leaves(transport: Transport) -> None:
    """Whoever is killed at the write finds command, order and request after it."""
    with both(transport=transport) as sides:
        pair = Pair(sides)
        pair.send()
        fast = sides[0]
        found: list[tuple[int, ...]] = []

        def leaving(data: bytes) -> None:
            command, sent = list(fast.journals.read("maker"))[-2:]
            body, request = BODY.unpack(command.body), SENT.unpack(sent.body)
            assert body.client_order_id.encode() in data or b"orderId" in data
            assert body.order_key == request.order_key == command.order_key == sent.order_key
            found.append((command.kind, sent.kind, request.command))

        fast.leaving = leaving
        pair.send()
        for side in sides:
            side.answer(False)
        pair.send(Action.CANCEL, placed_by=1)
        assert fast.short == 2
        assert found == [(RecordType.COMMAND, RecordType.SENT, number) for number in (2, 3)]
        pair.same()


def test_a_repeat_of_what_went_the_short_way_is_answered_and_not_sent() -> None:
    with both() as sides:
        pair = Pair(sides)
        pair.send()
        pair.send(ref_id="mine")
        for side in sides:
            side.answer(False)
        for side in sides:
            side.answer(False)
        pair.send(ref_id="mine")
        pair.send(ref_id="mine", qty_e=11)
        assert sides[0].short == 1
        assert len(sides[0].sent) == 2
        pair.same()


def test_what_is_held_of_a_batch_leaves_before_what_comes_behind_it() -> None:
    with both() as sides:
        pair = Pair(sides)
        pair.send()
        pair.send(batch=1, batch_size=2, last=False)
        pair.send(last=False)
        assert sides[0].short == 0
        for side in sides:
            side.answer(False)
        pair.send()
        assert sides[0].short == 1  # nothing is held any more
        pair.same()


def test_orders_of_others_and_names_of_two_orders_are_for_the_desk() -> None:
    with both() as sides:
        pair = Pair(sides)
        pair.send()
        pair.send(who="taker", ref_id="")
        for _ in range(2):
            for side in sides:
                side.answer(False)
        first, second = sides[1].desk.tracker.orders
        short = sides[0].short
        pair.send(Action.CANCEL, who="taker", order_key=first.key)
        pair.send(Action.CANCEL, who="other", order_key=first.key)
        pair.send(Action.CANCEL, order_key=first.key, client_order_id=second.client_order_id)
        pair.send(Action.CANCEL, order_key=first.key, order_id=12345)
        pair.send(Action.CANCEL, placed_by=99)
        pair.send(Action.CANCEL, client_order_id="unknown")
        assert sides[0].short == short
        pair.send(Action.CANCEL, client_order_id=first.client_order_id)
        assert sides[0].short == short + 1
        pair.same()


@pytest.mark.parametrize("transport", list(Transport))
def test_an_account_that_runs_anew_and_a_new_log_are_learnt_anew(
    transport: Transport,
) -> None:
    with both(transport=transport) as sides:
        pair = Pair(sides)
        pair.send()
        for side in sides:
            side.again()
        pair.send()
        assert sides[0].short == 0
        pair.send()
        assert sides[0].short == 1
        for side in sides:
            side.journals.roll("maker")
        pair.send(Action.CANCEL, placed_by=1)  # first the log is told what the number means
        assert sides[0].short == 1
        pair.send(Action.CANCEL, placed_by=2)
        assert sides[0].short == 2
        pair.same()


def test_a_connection_that_is_closing_is_not_written_to() -> None:
    with both() as sides:
        pair = Pair(sides)
        pair.send()
        for side in sides:
            side.cut()
        pair.send()
        assert sides[0].short == 0
        pair.send()
        pair.same()


@pytest.mark.parametrize("transport", list(Transport))
def test_what_is_sent_behind_a_halt_has_the_numbers_it_would_have_had(transport: Transport) -> None:
    with both(transport=transport) as sides:
        pair = Pair(sides)
        pair.send()
        for on in (True, False):
            for side in sides:
                side.halt(on)
            pair.send()
        assert sides[0].short == 1
        pair.same()


def test_old_sends_leave_the_order_rate() -> None:
    limits = {("strategy", "maker"): Limits(orders_per_second=2)}
    with both(limits) as sides:
        pair = Pair(sides)
        for _ in range(6):
            pair.send()
            pair.read_ns += 600_000_000
            for side in sides:
                side.answer(False)
        assert sides[0].short == 5
        pair.same()


def test_accounts_that_need_more_are_left_to_the_desk() -> None:
    with both(exclusive=True) as sides:  # the venue's countdown is armed before the first order
        assert not sides[0].account.short()


def test_numbers_past_63_bits_are_left_to_the_desk() -> None:
    limits = {("account", "main"): Limits(exposure_e=10**18, loss_e=10**18)}
    with both(limits) as sides:
        pair = Pair(sides)
        pair.send()
        for side in sides:
            side.desk.holdings.account(0).profit_e = 2**70
        pair.send()
        assert sides[0].short == 0
        pair.same()


limit = st.none() | st.integers(0, 3)
LIMITS = st.builds(
    Limits,
    order_notional_e=st.none() | st.integers(400, 2000).map(lambda one: one * MONEY),
    order_quantity=st.just({}) | st.just({"BTCUSDT": "0.02"}),
    exposure_e=st.none() | st.integers(500, 5000).map(lambda one: one * MONEY),
    open_orders=st.none() | st.integers(1, 6),
    orders_per_second=st.none() | st.integers(1, 8),
    collar_bps=st.none() | st.integers(0, 20),
    loss_e=st.none() | st.integers(0, 20).map(lambda one: one * MONEY),
)
places = st.fixed_dictionaries(
    {
        "side": st.sampled_from([Direction.BUY, Direction.SELL]),
        "qty_e": st.sampled_from([1, 2, 5, 10, 20, 40, 1_000_000, 2_000_000]),
        "flags": st.sampled_from([0, 0, 0, CommandFlag.REDUCE_ONLY]),
        "valid_ns": st.sampled_from([HOUR_NS] * 8 + [-1]),
        "who": st.sampled_from(["maker"] * 5 + ["taker", "other"]),
        "last": st.booleans(),
    },
    optional={"ref_id": st.sampled_from(["", "r1", "x"]), "client_order_id": st.just("mine")},
)
priced = st.sampled_from(
    [49_990_00, 50_000_00, 50_010_00, 49_000_00, 52_000_00, 52_600_00, 47_400_00, 50_000_01]
)
limit_orders = st.builds(
    lambda fields, price_e, tif: ("place", {**fields, "price_e": price_e, "time_in_force": tif}),
    places,
    priced,
    st.sampled_from([TimeInForce.GTC, TimeInForce.IOC, TimeInForce.GTX]),
)
market_orders = st.builds(
    lambda fields: (
        "place",
        {
            **fields,
            "price_e": None,
            "order_type": OrderType.MARKET,
            "time_in_force": TimeInForce.NONE,
        },
    ),
    places,
)
numbers = st.integers(1, 20)
names = st.dictionaries(
    st.sampled_from(["placed_by", "order_key", "client_order_id", "order_id"]), numbers, min_size=1
)
"""Which order; in more than one way, not always the same one."""
cancels = st.builds(
    lambda names, who: ("cancel", {**names, "who": who}),
    names | st.builds(lambda number: {"placed_by": number}, numbers),
    st.sampled_from(["maker"] * 4 + ["taker", "other"]),
)
amends = st.builds(
    lambda number, qty_e: ("amend", {"placed_by": number, "qty_e": qty_e}),
    numbers,
    st.sampled_from([5, 30]),
)
events = (
    st.builds(lambda refuse: ("answer", refuse), st.booleans())
    | st.builds(lambda index, part: ("fill", (index, part)), numbers, st.sampled_from([0.3, 1.0]))
    | st.builds(lambda on: ("halt", on), st.booleans())
    | st.builds(
        lambda bid_e, wide: ("quote", (bid_e, bid_e + wide)),
        st.sampled_from([49_999_00, 49_980_00, 50_020_00, 0]),
        st.sampled_from([10, 200]),
    )
    | st.builds(lambda e: ("mark", e * 10**8), st.sampled_from([49_900, 50_000, 50_500, 40_000]))
    | st.builds(lambda e: ("old mark", e * 10**8), st.just(50_000))
    | st.sampled_from(
        [(what, None) for what in ("tick", "second", "roll", "again", "close", "unknown")]
    )
)
steps = st.lists(limit_orders | limit_orders | market_orders | cancels | amends | events | events,
                 min_size=4, max_size=30)  # fmt: skip


def sized(instrument: Instrument, fields: dict[str, Any]) -> dict[str, Any]:
    """Price and quantity at the scale of the instrument."""
    found = dict(fields)
    if found.get("price_e"):
        found["price_e"] = scaled(found["price_e"], 2, instrument.price_exponent)
    if found.get("qty_e"):
        found["qty_e"] = max(1, scaled(found["qty_e"], 3, instrument.qty_exponent))
    return found


def meant(side: Side, fields: dict[str, Any]) -> dict[str, Any]:
    """The orders' own names, where they are named by their number."""
    orders, found = list(side.desk.tracker.orders), dict(fields)
    for name in {"order_key", "client_order_id", "order_id"} & found.keys():
        if not orders:
            return {"placed_by": 1}
        order = orders[found[name] % len(orders)]
        said = {"order_key": order.key, "client_order_id": order.client_order_id}
        found[name] = said.get(name, order.order_id or 1)
    return found


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    steps,
    st.none() | LIMITS,
    st.none() | LIMITS,
    st.sampled_from(INSTRUMENTS),
    st.sampled_from(WAYS),
)
@example(A_MARK_BEFORE_ANY_ORDER_COUNTED, None, None, INSTRUMENT, {"transport": Transport.HTTP})
def test_both_ways_agree(
    script: list[tuple[str, Any]],
    account: Limits | None,
    strategy: Limits | None,
    instrument: Instrument,
    way: dict[str, Any],
) -> None:
    limits = {("account", "main"): account, ("strategy", "maker"): strategy}
    given = {who: one for who, one in limits.items() if one is not None}
    with both(given, instrument, **way) as sides:
        pair = Pair(sides)
        pair.send(**sized(instrument, {"price_e": 49_990_00, "qty_e": 2}))
        for what, value in script:
            if what == "place":
                pair.send(**sized(instrument, value))
            elif what in ("cancel", "amend"):
                pair.send(Action[what.upper()], **sized(instrument, meant(sides[1], value)))
            elif what == "second":
                pair.read_ns += SECOND_NS
            else:
                for side in sides:
                    if what == "answer":
                        side.answer(value)
                    elif what == "fill":
                        side.fill(*value)
                    elif what == "halt":
                        side.halt(value)
                    elif what == "quote":
                        side.quote(*(scaled(one, 2, instrument.price_exponent) for one in value))
                    elif what == "mark":
                        side.mark(value)
                    elif what == "old mark":
                        side.mark(value, 11 * SECOND_NS)
                    elif what == "roll":
                        side.journals.roll("maker")
                    elif what == "again":
                        side.again()
                    elif what == "unknown":
                        side.desk.holdings.forget(side.desk.holdings.account(0), 0)
                    elif what == "close":
                        side.cut()
                    else:
                        list(side.desk.holdings.tick())
        pair.same()
