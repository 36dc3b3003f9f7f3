"""What is done behind a request of the short way though something of it fails."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from connector._speedups.gateway import Gateway
from connector.clock import monotonic_ns
from connector.config_trading import Transport
from connector.ipc.segments import TradingMemory
from connector.model.counters import Counter
from connector.model.intents import Action
from connector.trading.risk import Limits
from tests.property.test_lane import WAYS, Pair, both
from tests.reference.lane_rig import COMMAND, SECOND_NS, Side

_testcapi = pytest.importorskip("_testcapi")
ALLOCATIONS = 150
"""More than the short way makes behind a write."""


def carried(side: Side) -> list[int]:
    """The requests that connections wait for."""
    if (socket := side.account.socket) is not None:
        return sorted(one.request for one in socket._lines[1].flights.values())
    return sorted(request for request, _ in side.account.pool.busy.values())


@contextmanager
def without(side: Side, at: int) -> Iterator[None]:
    """So many allocations behind a write memory runs out, once. Not for the garbage collector: what
    it tells those who asked (hypothesis does) is none of the product's, and nobody hears of its
    failure but who looks after exceptions that go unheard."""
    gc.disable()
    side.leaving = lambda data: _testcapi.set_nomemory(at, at + 1)
    try:
        yield
    finally:
        _testcapi.remove_mem_hooks()
        side.leaving = lambda data: None
        gc.enable()


@pytest.mark.parametrize("action", [Action.PLACE, Action.CANCEL], ids=["place", "cancel"])
@pytest.mark.parametrize("way", WAYS[:2])
def test_what_left_is_known_though_memory_ran_out_behind_it(
    way: dict[str, Any], action: Action
) -> None:
    """Whichever allocation behind the write fails: order, request, reference and what it counts
    for are known, each once, and nobody waits for an answer that nobody is told of."""
    with both(**way) as sides:
        side = sides[0]
        pair = Pair((side, side))
        pair.sides = (side,)  # type: ignore[assignment]
        tracker, account = side.desk.tracker, side.account
        placed = [pair.send(), pair.send()][-1]
        side.answer(False)
        side.answer(False)
        unknown, errors = 0, 0
        for at in range(ALLOCATIONS):
            named = {"placed_by": placed} if action is Action.CANCEL else {}
            short, sent = side.short, len(side.sent)
            with without(side, at):
                number = pair.send(action, last=False, **named)
            assert (side.short, len(side.sent)) == (short + 1, sent + 1)
            pending = tracker.pending()[-1]
            assert (pending.command, len(tracker.pending())) == (number, unknown + 1)
            order = pending.order
            assert order is not None
            assert tracker.under_way[order.key].count(pending) == 1
            assert tracker.orders.get(order.key) is order
            assert tracker.orders.by_client_id(0, order.client_order_id) is order
            assert tracker.orders.by_command("maker", order.command) is order
            if action is Action.PLACE:
                assert order.client_order_id.encode() in side.sent[-1]
            assert side.desk.refs["maker"].get(f"r{number}") is not None
            assert sorted(account.flights.flying) == carried(side)
            assert side.desk.holdings.account(0).open_orders == len(tracker.orders.open_of(0))
            errors = side.segment.counter(Counter.COMMAND_ERRORS.value)
            if carried(side):
                side.answer(action is Action.CANCEL)
            else:
                unknown += 1
                side.connect()
        assert errors > 10


def test_a_repeat_of_what_ended_its_connection_is_not_sent() -> None:
    """It may have left: nobody places it twice, and it counts until it is known."""
    with both(transport=Transport.WS_API) as sides:
        pair, fast = Pair(sides), sides[0]
        pair.send()
        socket = fast.account.socket
        assert socket is not None
        lines = dict(socket._lines)
        fast.leaving = lambda data: socket._lines.clear()
        pair.send(ref_id="mine")
        fast.leaving = lambda data: None
        socket._lines.update(lines)
        assert (fast.short, len(fast.sent)) == (1, 2)
        pair.send(ref_id="mine")
        assert len(fast.sent) == 2
        assert fast.desk.holdings.account(0).open_orders == 2


@pytest.mark.parametrize("way", WAYS)
def test_the_gateway_rehearses_orders_and_cancels_in_turn(way: dict[str, Any]) -> None:
    """Nothing comes of it; and orders no more once that fails, but cancels all the same."""
    limits = {("strategy", "maker"): Limits(orders_per_second=2)}
    with both(limits, **way) as sides:
        side = sides[0]
        pair = Pair((side, side))
        pair.sides = (side,)  # type: ignore[assignment]
        kernel, memory = side.lane.kernel, TradingMemory(1, report_bytes=1 << 18)
        served = Gateway(kernel)
        served.add(side.sessions["maker"], memory.up, memory.down, memory.doorbell)
        pair.send(last=False)  # shows the way
        placed = pair.send(last=False)
        side.answer(False)
        pair.send(Action.CANCEL, placed_by=placed, last=False)
        assert side.short == 2
        before, seen = (side.wire(), side.journal(), side.state()), list[int]()
        until_ns = monotonic_ns() + 10 * SECOND_NS
        while len(seen) < 5 and monotonic_ns() < until_ns:
            slot = kernel.again
            assert slot is not None
            seen.append(COMMAND.unpack(slot).action)
            while kernel.again is slot and monotonic_ns() < until_ns:
                served.next_turn()
        assert seen == [Action.CANCEL, Action.PLACE] * 2 + [Action.CANCEL]
        assert (side.wire(), side.journal(), side.state()) == before

        asked = list[int]()
        side.desk.holdings.strategy("maker").pace = lambda now_ns: asked.append(now_ns)  # type: ignore
        while not asked and monotonic_ns() < until_ns:
            served.next_turn()
        for _ in range(100_000):
            served.next_turn()
        assert len(asked) == 1
        assert kernel.again is not None
        assert COMMAND.unpack(kernel.again).action == Action.CANCEL
