"""A maker on paper over real recordings: filled as the slow reference says, and again the same."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from connector._speedups.ring import RingReader
from connector.market.replay import Replay
from connector.model.instrument import Instrument, Status
from connector.model.intents import Action, TimeInForce
from connector.model.records import RecordType, Side
from connector.model.states import VALID, FeedKind
from connector.paper.exchange import Exchange, Floor, NoMarket, Turn
from connector.protocol.recording import read
from connector.sim.matching.events import Traded
from connector.sim.matching.types import Refused
from connector.venues.contract import load
from connector.venues.trading_contract import Intent
from tests.reference.feed_desk import Desk
from tests.reference.paper_rig import ME, UNIT, terms
from tests.reference.slow_paper import BUY, SELL, SlowPaper

LATENCY_NS = 5_000_000
EVERY, ALIVE = 40, 12
"""A pair of quotes every so many records; so many orders at once, the oldest is cancelled."""
FILES = [("btcusdt_20220811.dat.gz",), ("ethusdt_20240718.gz",)]


class Maker:
    """Quotes at the touch, takes a little now and then; exchange and reference hear the same."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = structs.replace(
            instrument, margin="USDT", quote="USDT", status=Status.TRADING
        )
        self.turns: list[Turn] = []
        money = {"USDT": 10**9 * UNIT}
        self.exchange = Exchange(
            ME, terms(latency_ns=LATENCY_NS, balances=money), 0, self.turns.append
        )
        self.exchange.begin(lambda symbol: self.instrument, 0)
        self.floor: Floor = self.exchange.floor(self.instrument)
        self.slow = SlowPaper(LATENCY_NS, live=False)
        self.quotes: list[tuple[int, int, int]] = []
        """Number, side, price of what may still be open."""
        self.numbers = self.requests = self.records = self.crossed = self.traded = 0

    def hear(self, desk: Desk, head: Any, body: Any, levels: list[tuple[int, int]]) -> None:
        now = int(head["recv_ns"])
        self.records += 1
        kind = RecordType(int(head["type"]))
        if kind is RecordType.FEED_STATE and int(body["kind"]) == FeedKind.BOOK:
            self._state(desk, now)
        elif kind is RecordType.BOOK_DELTA and self.floor.live:
            bids = [(p, q) for p, q in levels[: int(body["bids"])]]
            asks = [(p, q) for p, q in levels[int(body["bids"]) :]]
            self.crossed += self.slow.depth(now, (bids, asks))
            self.floor.delta(bids, asks, now)
        elif kind is RecordType.TRADE:
            price, qty = int(body["price_e"]), int(body["qty_e"])
            self.traded += qty
            sold = int(body["side"]) == Side.SELL
            self.slow.trade(now, price, qty, sold)
            self.floor.trade(price, qty, sold, now)
        if self.floor.live and self.records % EVERY == 0:
            self._quote(desk, now)

    def _state(self, desk: Desk, now: int) -> None:
        live = desk.feed.state(FeedKind.BOOK) in VALID
        self.slow.arrive(now)
        if live and not self.floor.live:
            bids, asks = desk.feed.bids(), desk.feed.asks()
            for _ in self.floor.load(bids, asks, now):
                pass
            self.slow.live = True
            gone = [
                [(price, 0) for price in shown if price not in dict(side)]
                for shown, side in zip(self.slow.shown, (bids, asks), strict=True)
            ]
            self.slow.depth(now, (gone[0] + bids, gone[1] + asks))
        elif not live:
            self.floor.down(now)
            self.slow.live = False

    def _quote(self, desk: Desk, now: int) -> None:
        (bid, _), (ask, _) = desk.feed.bids(1)[0], desk.feed.asks(1)[0]
        qty = 3 * self.instrument.step_e
        take = self.records % (10 * EVERY) == 0
        self._place(now, BUY, ask if take else bid, qty, "IOC" if take else "GTC")
        self._place(now, SELL, ask, qty, "GTC")
        while len(self.quotes) > ALIVE:
            number, _, _ = self.quotes.pop(0)
            intent = Intent(
                action=Action.CANCEL, instrument=self.instrument, client_order_id=f"c{number}"
            )
            self._send(now, intent, ("cancel", number))

    def _place(self, now: int, side: int, price: int, qty: int, tif: str) -> None:
        """Unless it might meet an own order."""
        under_way = {command[1] for _, _, command in self.slow.way}
        for number, other, at in self.quotes:
            order = self.slow.by_number.get(number)
            alive = number in under_way or order is None or order.alive
            if alive and other != side and (price >= at if side == BUY else price <= at):
                return
        self.numbers += 1
        intent = Intent(
            action=Action.PLACE,
            instrument=self.instrument,
            client_order_id=f"c{self.numbers}",
            side=Side.BUY if side == BUY else Side.SELL,
            time_in_force=TimeInForce[tif],
            price_e=price,
            qty_e=qty,
        )
        self.quotes.append((self.numbers, side, price))
        self._send(now, intent, ("place", self.numbers, side, price, qty, tif))

    def _send(self, now: int, intent: Intent, command: tuple[Any, ...]) -> None:
        self.requests += 1
        self.exchange.send(self.requests, intent, now)
        self.slow.send(self.requests, now, *command)

    def fills(self) -> list[tuple[int, int, int, bool]]:
        return [
            (int(event.order.client_id[1:]), event.fill.tick, event.fill.lots, event.fill.maker)
            for turn in self.turns
            for event in turn.events
            if isinstance(event, Traded)
        ]


def run(files: list[Path]) -> Maker:
    replay = Replay(
        load("binance_usdm"), on_checkpoint=lambda found: None, warn=lambda sentence: None
    )
    desk: Desk | None = None
    maker: Maker | None = None
    for item in read(files, lambda sentence: None):
        replay.take(item)
        if replay.instrument is None or replay._segment is None:
            continue
        if maker is None or desk is None:
            maker = Maker(replay.instrument)
            reader = RingReader(replay._segment.memory)
            desk = Desk(replay._segment, replay._kernel, reader)
            if replay.live:
                maker._state(desk, item.time_ns)
        for row in desk.records():
            maker.hear(desk, *row)
    assert maker is not None
    return maker


@pytest.mark.parametrize("names", FILES, ids=lambda names: names[0])
def test_a_maker_is_filled_as_the_rules_say_and_always_the_same(
    recordings: Path, names: tuple[str, ...]
) -> None:
    files = [recordings / "binance-usdm" / name for name in names]
    maker = run(files)
    found = maker.fills()
    assert sum(is_maker for *_, is_maker in found) > 5
    assert sum(not is_maker for *_, is_maker in found) > 0
    assert found == [(one.number, one.price, one.qty, one.maker) for one in maker.slow.fills]
    done = {
        turn.sent.request: not isinstance(turn.answer, Refused | NoMarket)
        for turn in maker.turns
        if turn.sent is not None
    }
    assert done == maker.slow.answers
    made = sum(qty for *_, qty, is_maker in found if is_maker)
    assert made <= maker.traded + maker.crossed
    (view,) = maker.exchange.engine.positions(ME)
    assert view.lots == sum(
        fill.lots * (1 if fill.side == BUY else -1)
        for fill in maker.exchange.engine.fills(ME, maker.instrument.symbol)
    )
    assert [repr(turn) for turn in run(files).turns] == [repr(turn) for turn in maker.turns]
