"""How far back an order that nobody answered is looked for, where the venue knows no name of it:
the list must begin before the venue can have taken it, or it is called absent while it lives."""

import asyncio
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
import pytest

from connector.model.instrument import Instrument
from connector.model.intents import Action, OrderType
from connector.model.order import Order
from connector.model.records import Side
from connector.model.reports import OrderStatus
from connector.seeking import Seeker
from connector.trading.pending import Pending
from connector.trading.recovery import KeptCommand, KeptOrder, Place, Replay
from connector.trading.restore import Restorer
from connector.venues.cadenza import instruments
from connector.venues.cadenza.config import Config
from connector.venues.cadenza.trading import trading
from connector.venues.contract import Request
from tests.reference.cadenza_rest import Cadenza
from tests.reference.desk_rig import Account, Rig
from tests.venues.test_sim_cadenza_orders import BTC, Trader

MS, SECOND_NS = 1_000_000, 1_000_000_000
CLOCK_NS = 2 * SECOND_NS
"""What the venue's clock may be off by, as far as is known."""
DAY_NS = 86_400 * SECOND_NS


def shortest_and_longest_ms() -> tuple[int, int]:
    """What a configuration may say of `window_ms`."""
    for field in msgspec.inspect.type_info(Config).fields:  # type: ignore[attr-defined]
        if field.name == "window_ms":
            return field.type.ge, field.type.le
    raise AssertionError


SHORTEST_MS, LONGEST_MS = shortest_and_longest_ms()
WINDOWS_MS = (SHORTEST_MS, Config().window_ms, LONGEST_MS)


class Owner(Account):
    """An account at the simulated venue, one run after another."""

    def __init__(self, venue: Cadenza, window_ms: int, folder: Path) -> None:
        super().__init__(0, "main", "maker")
        self.place, self.trader = venue, Trader(venue)
        self.trading = trading(Config(window_ms=window_ms))
        listed = instruments.instruments(self.trader.ask("instrumentList", limit=1000).body)
        self.listed = {one.symbol: one for one in listed.instruments}
        self.requests: list[Request] = []
        self.rig = Rig(folder)
        self.desk = self.rig.desk
        self.desk.stream_up(self)
        self.seeker = Seeker(self)

    def venue_ns(self, now_ns: int) -> int:
        return now_ns - self.place.now_ns + self.place.wall_ns()

    def scales(self, symbol: str) -> Instrument | None:
        return self.listed.get(symbol)

    def spare(self, request: Request) -> bool:
        return True

    async def signed(self, request: Request) -> bytes:
        self.requests.append(request)
        if not self.trader.tokens.valid(self.place.wall_ns()):
            assert not self.trader.enter()
        found = self.place.send(self.trader.tokens.bear(request))
        assert found.status == 200
        return found.body

    def seek(self, order: Order) -> int:
        """Look for it; since when the venue was asked."""
        asyncio.run(self.seeker.seek(order))
        (since_ms,) = parse_qs(self.requests[-1].query)["startTime"]
        return int(since_ms) * MS

    def restore(self, deadline_ns: int) -> Order:
        """The order that an earlier run sent and had no answer to; 0: it wrote of no request."""
        replay, scale = Replay("maker"), self.listed[BTC]
        there = Place(BTC, scale.price_exponent, scale.qty_exponent)
        replay.orders[7] = KeptOrder(
            key=7, account="main", strategy="maker", place=there, client_order_id="mine",
            price_e=50_000 * 10**scale.price_exponent, qty_e=10**scale.qty_exponent // 10,
            command=3,
        )  # fmt: skip
        if deadline_ns:
            replay.commands[3] = KeptCommand(
                number=3, account="main", action=int(Action.PLACE), order_key=7, sent=True,
                sent_ns=1, deadline_ns=deadline_ns,
            )  # fmt: skip
        restorer = Restorer(
            self.desk.tracker, self.desk.positions, 0, "main", self.scales,
            self.trading.window_ns, self.desk.outbox.new_request, lambda _: None,
        )  # fmt: skip
        now_ns = self.place.now_ns
        self.desk.perform(restorer.restore(replay, now_ns, self.venue_ns(now_ns)))
        order = self.desk.tracker.orders.get(7)
        assert order is not None
        return order


@pytest.mark.parametrize("off_ns", [-CLOCK_NS, 0, CLOCK_NS])
@pytest.mark.parametrize("now_ms", WINDOWS_MS)
@pytest.mark.parametrize("before_ms", WINDOWS_MS)
def test_an_order_of_an_earlier_run_is_found_whatever_window_that_had(
    before_ms: int, now_ms: int, off_ns: int, tmp_path: Path
) -> None:
    """All that was written of its sending is when its window ended, by a clock ``off_ns`` ahead."""
    venue = Cadenza("current")
    owner = Owner(venue, now_ms, tmp_path)
    venue.wait(600)
    sent_ns = venue.wall_ns()
    placed = owner.trader.place(limitPrice="50000.00")
    venue.wait(90)
    order = owner.restore(sent_ns + off_ns + before_ms * MS)
    assert order.status is OrderStatus.UNKNOWN
    since_ns = owner.seek(order)
    assert order.venue_order_id == placed["tradeOrderId"]
    assert order.status is OrderStatus.NEW
    assert since_ns <= sent_ns
    longest_ns = (2 * LONGEST_MS + 10_000) * MS
    assert sent_ns - since_ns < longest_ns, "a list that is too long to be whole proves nothing"


def test_what_this_run_sent_is_looked_for_a_clock_s_error_back(tmp_path: Path) -> None:
    venue = Cadenza("current")
    owner = Owner(venue, SHORTEST_MS, tmp_path)
    scale, sent_ns = owner.listed[BTC], venue.wall_ns()
    order = Order(
        key=7, account=0, strategy="maker", instrument=scale, client_order_id="mine",
        side=Side.BUY, order_type=OrderType.LIMIT, price_e=50_000 * 10**scale.price_exponent,
        qty_e=10**scale.qty_exponent // 10, created_ns=venue.now_ns - 30 * SECOND_NS,
    )  # fmt: skip
    tracker = owner.desk.tracker
    tracker.register(order)
    tracker.requested(
        Pending(request=1, order=order, account=0, strategy="maker", action=Action.PLACE,
                sent_ns=venue.now_ns, deadline_ns=venue.now_ns + SHORTEST_MS * MS)
    )  # fmt: skip
    tracker.lost(1, venue.now_ns)
    placed = owner.trader.place(limitPrice="50000.00")
    venue.wait(30)
    assert sent_ns - owner.seek(order) == pytest.approx(CLOCK_NS, abs=2 * MS)
    assert order.venue_order_id == placed["tradeOrderId"]


def test_an_order_whose_request_nobody_knows_is_looked_for_a_day_back(tmp_path: Path) -> None:
    venue = Cadenza("current")
    owner = Owner(venue, LONGEST_MS, tmp_path)
    placed = owner.trader.place(limitPrice="50000.00")
    venue.wait(80_000)
    order, began_ns = owner.restore(0), venue.wall_ns()
    assert began_ns - owner.seek(order) == pytest.approx(DAY_NS, abs=2 * MS)
    assert order.venue_order_id == placed["tradeOrderId"]
