"""The dialogue of an account and the tracker against the simulated Cadenza, without sockets: what
is lost, cut, begun anew or renamed is a call."""

import json
from decimal import Decimal
from typing import Any

from connector.model.instrument import Instrument
from connector.model.intents import OrderType
from connector.model.order import Order
from connector.model.records import Side
from connector.trading.effects import Ask as AskOrder
from connector.trading.effects import AskFills, Detail, Report
from connector.trading.tracker import Tracker
from connector.venues.account_dialogue import Action, Ended, Events, Live, Lost, Unclear
from connector.venues.cadenza import instruments, order_rows, sim, sim_streams
from connector.venues.cadenza.account_talk import AccountTalk
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.cadenza.orders import signer
from connector.venues.cadenza.sim import SIM
from connector.venues.contract import Request
from connector.venues.dialogue import Ask, Drop, Note, Send, TokenWanted, Verdict
from connector.venues.trading_contract import BalanceEvent, OrderEvent, PositionEvent, Source
from tests.reference.cadenza_rest import Cadenza
from tests.venues.test_sim_cadenza_orders import BTC, Trader

SECOND_NS = 1_000_000_000


class Rig:
    """``venue`` keeps what channels said if ``history``; ``dialect`` and ``layout`` are its forms
    and names of channels."""

    def __init__(
        self,
        *,
        history: int = 0,
        probe: bool = True,
        dialect: str = "A1",
        layout: str = "tradingAccount",
        token_s: int = 0,
    ) -> None:
        self.venue = Cadenza("current", history=history, token_s=token_s)
        self.trader = Trader(self.venue)
        for name in (dialect, layout):
            self.venue.rest.speak(name)
        found = instruments.instruments(self.trader.ask("instrumentList", limit=1000).body)
        self.listed = {one.symbol: one for one in found.instruments}
        self.named: dict[str, Instrument] = {}
        """Orders whose id of the venue somebody knows."""
        self.tracker = Tracker(iter(range(1000, 10_000)).__next__)
        self.filled: dict[str, int] = {}
        """By order: what the fills that were told add up to."""
        self.trades: list[str] = []
        account = signer(self.trader.account)
        self.talk = AccountTalk(probe, account, self.listed.get, self.named.get, lambda: 0.0)
        self.session: Any = None
        self.mute = self.stuck = False
        """What is published, and what is asked, gets lost."""
        self.held: list[bytes] | None = None
        """What is published while an answer is on its way."""
        self.asked: list[str] = []
        self.told: list[Action] = []
        self.orders: list[OrderEvent] = []
        self.balances: dict[str, BalanceEvent] = {}
        self.positions: dict[str, PositionEvent] = {}
        self.verdict = Verdict()
        self.number = 0

    # The connection

    def token(self) -> str:
        if not self.trader.tokens.valid(self.venue.wall_ns()):
            assert not self.trader.enter()
        return self.trader.tokens.token

    def open(self, token: str = "") -> None:
        self.session = SIM.session(SIM.opening(sim.PATH), self.venue.house)
        self.venue.ears.append(self)  # type: ignore[arg-type]
        self.perform(self.talk.opened(token or self.token(), self.venue.now_ns))

    def cut(self, code: int = 1006) -> None:
        self.session.gone()
        self.venue.ears.remove(self)  # type: ignore[arg-type]
        self.session = None
        self.verdict = self.talk.closed(code)

    def take(self, push: bytes) -> None:
        """Something is published."""
        if self.held is not None:
            self.held.append(push)
        elif not self.mute:
            self.perform(self.talk.received(push, self.venue.now_ns))

    def perform(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self.send(action.message)
            elif isinstance(action, Ask):
                self.asked.append(action.tag)
                if not self.stuck:
                    self.answer(action.tag, action.request)
            elif isinstance(action, Events):
                for event in action.events:
                    self.event(event)
            elif isinstance(action, TokenWanted):
                self.told.append(action)
                assert not self.trader.enter()
                self.perform(self.talk.on_token(self.token(), self.venue.now_ns))
            elif isinstance(action, Drop):
                self.told.append(action)
                if self.session is not None:
                    self.cut()
                return
            else:
                assert isinstance(action, Live | Lost | Ended | Unclear | Note), action
                self.told.append(action)

    def send(self, frame: bytes) -> None:
        if self.session is None:
            return
        reply = self.session.receive(frame)
        if reply.message:
            self.perform(self.talk.received(reply.message, self.venue.now_ns))
        if reply.close and self.session is not None:
            self.cut(reply.close)

    def answer(self, tag: str, request: Request) -> None:
        found = self.rest(request)
        body = found.body if found.status == 200 else None
        why = f"HTTP {found.status}"
        self.perform(self.talk.on_answer(tag, body, why, self.venue.now_ns))

    def rest(self, request: Request) -> Any:
        self.token()
        return self.venue.send(self.trader.tokens.bear(request))

    def tick(self, seconds: float) -> None:
        """Time passes on both sides."""
        until_ns = self.venue.now_ns + int(seconds * SECOND_NS)
        while self.venue.now_ns < until_ns:
            self.venue.wait(min(0.25, (until_ns - self.venue.now_ns) / SECOND_NS))
            if self.session is not None:
                reply = self.session.turn()
                if reply is not None and reply.message:
                    self.perform(self.talk.received(reply.message, self.venue.now_ns))
                if reply is not None and reply.close and self.session is not None:
                    self.cut(reply.close)
            if self.session is not None and 0 < self.talk.due_ns <= self.venue.now_ns:
                self.perform(self.talk.on_timer(self.venue.now_ns))
            self.follow(self.tracker.tick(self.venue.now_ns))

    def forget(self) -> list[Action]:
        """What was told of the stream since it was last asked."""
        found, self.told = self.told, []
        return found

    # Orders

    def place(self, **given: Any) -> Order:
        """Place an order of a strategy's; the answer to it comes before anything else."""
        self.number += 1
        wish = {"clientOrderId": f"c{self.number}", "quantity": "0.1"} | given
        kind = OrderType[wish.get("orderType", "LIMIT")]
        price = wish.get("limitPrice")
        order = Order(
            key=self.number,
            account=0,
            strategy="s",
            instrument=self.listed[BTC],
            client_order_id=f"c{self.number}",
            side=Side.BUY,
            order_type=kind,
            price_e=int(Decimal(price) * 10**8) if price else None,
            qty_e=int(Decimal(wish["quantity"]) * 10**8),
        )
        self.tracker.register(order)
        self.held = []
        (row,) = order_rows.rows(
            self.trader.ask("tradeOrderSubmit", **self.trader.wish(**wish)).body
        )
        event = order_rows.order_event(row, self.listed.get, Source.ANSWER)
        self.named[event.venue_order_id] = self.listed[BTC]
        self.tracker.orders.learn(order, event)
        self.follow(self.tracker.event(0, event, self.venue.now_ns))
        late, self.held = self.held, None
        for push in late:
            self.take(push)
        return order

    def event(self, event: Any, asked_ns: int = 0) -> None:
        if isinstance(event, OrderEvent):
            self.orders.append(event)
            now_ns = self.venue.now_ns
            effects = self.tracker.event(0, event, now_ns, asked_ns)
            if not effects and self.tracker.orders.find(0, event) is None:
                effects = self.tracker.stranger(0, event, self.listed[event.symbol], now_ns)
            self.follow(effects)
        elif isinstance(event, BalanceEvent):
            self.balances[event.asset] = event
        elif isinstance(event, PositionEvent):
            self.positions[event.symbol] = event

    def follow(self, effects: Any) -> None:
        """What the tracker reports, and what it asks."""
        for effect in effects:
            if isinstance(effect, Report | Detail) and effect.venue_trade_id:
                self.trades.append(effect.venue_trade_id)
            if isinstance(effect, Report):
                name = effect.order.client_order_id
                self.filled[name] = self.filled.get(name, 0) + effect.last_qty_e
            if isinstance(effect, AskOrder | AskFills):
                about = {"tradeOrderId": effect.order.venue_order_id}
                if isinstance(effect, AskFills) and effect.spare:
                    about = {"instrumentId": BTC}  # one answer has the fills of all
                request = ENDPOINTS["tradeOrderList"].request(**about, limit=100)
                for event in order_rows.listed(self.rest(request).body, self.listed.get):
                    self.event(event, self.venue.now_ns)

    def row(self, order: Order) -> Any:
        """The order as the venue has it."""
        return self.trader.order(order.venue_order_id)


def say(rig: Rig, data: Any, *, channel: str = "tradingAccount:") -> None:
    """The venue publishes something on the account's channel."""
    name = channel + rig.trader.account
    rig.take(
        sim_streams.outlet(rig.venue.rest, name, json.dumps(data).encode(), rig.venue.wall_ms())
        or b"{}"
    )
