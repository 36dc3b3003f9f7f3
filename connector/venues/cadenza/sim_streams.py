"""Cadenza's streams as the venue sends them: a Centrifugo server in front of the books and trades
of the venues behind it.

Written from the venue's reference alone. The spelling of a book's channel and the form of its
messages go together: that of January 2026, whole books without a kind, and today's, a whole book at
first and now and then, changes between. Both spellings can be subscribed to; the one that is not
the venue's state of the day stays silent, and so does every book nobody asked for over REST."""

from collections.abc import Mapping
from typing import Any

import orjson

from connector.sim.matching.api import Matching
from connector.venues.cadenza import sim_figures, sim_rest, sim_rpc
from connector.venues.cadenza.sim_asked import Asked
from connector.venues.cadenza.sim_broker import Broker, Claims, Expired, Namespace, Rules
from connector.venues.cadenza.sim_centrifugo import Client
from connector.venues.cadenza.sim_desk import ORDER_BOOK
from connector.venues.cadenza.sim_envelope import CURRENT, SEED, Fault
from connector.venues.cadenza.sim_figures import FigureFeed
from connector.venues.sim_contract import BookRow, Contract, House, MarketView, Opening, Stream
from connector.venues.sim_setup import OrderSetup

ROUTE = "centrifugo"
JANUARY, TODAY, TRADE = "market:orderBook:", "market:orderbook:", "market:trade:"
SPELLING = {SEED: JANUARY, CURRENT: TODAY}
LEVELS = 50
"""A side of a book."""
PERIOD_MS = 100
WHOLE_MS = 60_000
"""Between two whole books of today's form."""
HISTORY_MS = 300_000


class Rest(sim_rest.Rest):
    """The REST side, and what of it the streams know."""

    def __init__(
        self, weight_limit: int, engine: Matching | None, setup: OrderSetup, now_ms: int
    ) -> None:
        super().__init__(weight_limit, engine, setup, now_ms)
        if setup.token_s:
            self.users.live_for(setup.token_s)
        kept = Namespace(
            history_size=setup.history, history_ms=HISTORY_MS, recovery=setup.history > 0,
            history=setup.history > 0, presence=True,
        )  # fmt: skip
        self._kept = kept
        self._namespaces = {"market": kept}
        self._name()
        self.rules = Rules(
            namespaces=self._namespaces, expires=setup.token_s > 0, allowed=self._allowed
        )
        self.broker = Broker(self.rules, now_ms)

    def _name(self) -> None:
        """The namespaces of accounts' channels, of which there is one at a time."""
        for name in ("tradingAccount", "trading"):
            self._namespaces.pop(name, None)
        name = "tradingAccount" if self.teller.layout == "tradingAccount" else "trading"
        self._namespaces[name] = self._kept

    def speak(self, name: str) -> None:
        """See `Teller.speak`."""
        self.teller.speak(name)
        self._name()

    def _allowed(self, user: str, channel: str) -> bool:
        """An account's channels are its owner's."""
        if channel.startswith("market:"):
            return True
        account = self.teller.about(channel)
        return account is not None and account.user_id == user

    def private(self, route: str, name: str) -> tuple[str, ...]:
        return (name,) if self.teller.about(name) is not None else ()

    def verify(self, token: str, now_ms: int) -> Claims:
        """What a connection's token says; raises `Expired` or ValueError."""
        try:
            claims = self.claims(token, now_ms)
        except Fault as fault:
            if "expired" in fault.words.lower():
                raise Expired from None
            raise ValueError(fault.words) from None
        return Claims(claims.user_id, claims.exp_s)

    def call(
        self, market: MarketView, user: str, method: str, data: Any, now_ms: int
    ) -> Any:  # fmt: skip
        """What a method answers a user, None for one there is not."""
        self.market = market

        def asked(fields: Mapping[str, Any]) -> Asked:
            return Asked(
                fields, self.profile, market, now_ms, self.users, self.state, self.desk,
                self.users.user(user), None, self.orders,
            )  # fmt: skip

        return sim_rpc.call(method, data, asked)

    def streamed(self, symbol: str) -> bool:
        """Whether somebody asked for the book of an instrument."""
        return any(
            one.kind == ORDER_BOOK and one.instrument_id == symbol and one.status == "ACTIVE"
            for one in self.desk.streams.values()
        )


class Session(Client):
    """One connection."""

    combined = False

    def __init__(self, opened: Opening, house: House) -> None:
        self.route = opened.route
        rest = house.rest
        assert isinstance(rest, Rest)

        def rpc(user: str, method: str, data: Any) -> Any:
            return rest.call(house.market, user, method, data, house.now_ms())

        super().__init__(rest.rules, rest.broker, house.now_ms, rest.verify, rpc)


def stream(name: str, symbols: Mapping[str, Any]) -> Stream | None:
    """The stream behind a channel; None when there is none."""
    for head in (JANUARY, TODAY, TRADE):
        symbol = name.removeprefix(head)
        if name.startswith(head) and symbol in symbols:
            return Stream(name, symbol, head, (ROUTE,), PERIOD_MS, LEVELS, head == TRADE)
    return sim_figures.stream(name, symbols, ROUTE)


def outlet(rest: Any, name: str, data: bytes, now_ms: int) -> bytes | None:
    """A publication as everybody hears it; None: nobody does."""
    assert isinstance(rest, Rest)
    if not name.startswith("market:"):
        return rest.broker.publish(name, data, now_ms)
    head, _, symbol = name.partition(":")[2].partition(":")
    spelled = f"market:{head}:"
    if spelled in (sim_figures.TICKER, sim_figures.KLINE):
        return rest.broker.publish(name, data, now_ms) if rest.profile == CURRENT else None
    if spelled == TRADE or (spelled == SPELLING[rest.profile] and rest.streamed(symbol)):
        return rest.broker.publish(name, data, now_ms)
    return None


def running(rest: Any) -> list[str]:
    """Channels into which is published whether anybody listens or not."""
    assert isinstance(rest, Rest)
    return [
        f"{SPELLING[rest.profile]}{one.instrument_id}"
        for one in rest.desk.streams.values()
        if one.kind == ORDER_BOOK and one.status == "ACTIVE"
    ] + rest.teller.running()


def mishap(rest: Any, kind: str, symbol: str) -> None:
    """A fault of the whole venue: ``reset`` begins channels anew, ``forget`` loses what they hold,
    ``repeat`` tells all that accounts hold, ``dialect`` changes how it is told, ``expire`` ends
    the tokens there are. An account's id may stand for a symbol. Raises ValueError for an unknown
    dialect."""
    assert isinstance(rest, Rest)
    pattern = f"*:{symbol}" if symbol else "*"
    if kind == "reset":
        rest.broker.begin_anew(pattern)
    elif kind == "forget":
        rest.broker.forget(pattern)
    elif kind == "repeat":
        rest.teller.repeat(symbol)
    elif kind == "expire":
        rest.users.expire()
    elif kind == "dialect":
        rest.speak(symbol)


def feed(one: Stream, market: MarketView) -> "BookFeed | TradeFeed | FigureFeed | None":
    """What speaks in a channel."""
    if one.kind in (sim_figures.TICKER, sim_figures.KLINE):
        return FigureFeed(one, market)
    if one.kind == TRADE:
        return TradeFeed(one, market)
    return BookFeed(one, market)


class BookFeed:
    """The best levels of a book, in the form that goes with the channel's spelling."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        self.symbol, self.levels, self.today = one.symbol, one.levels, one.kind == TODAY
        self.market = market
        self._again_ms = 0
        self._shown: BookRow | None = None

    def greeting(self, now_ms: int) -> list[bytes]:
        """Nobody is greeted."""
        return []

    def repeat(self) -> None:
        self._again_ms = 0

    def turn(self, now_ms: int) -> list[bytes]:
        if not isinstance(self.market.symbols.get(self.symbol), Contract):
            return []
        now, before = self.market.top(self.symbol, self.levels), self._shown
        if before is not None and now.update_id == before.update_id and now_ms < self._again_ms:
            return []
        self._shown = now
        if before is None or not self.today or now_ms >= self._again_ms:
            self._again_ms = now_ms + WHOLE_MS
            return [self._said(now.bids, now.asks, now.time_ms, "SNAPSHOT")]
        bids, asks = _changes(before.bids, now.bids), _changes(before.asks, now.asks)
        return [self._said(bids, asks, now.time_ms, "DIFF")] if bids or asks else []

    def _said(
        self,
        bids: list[tuple[str, str]],
        asks: list[tuple[str, str]],
        time_ms: int,
        kind: str,
    ) -> bytes:
        venue, _, symbol = self.symbol.partition(":")
        told: dict[str, Any] = {"instrumentId": self.symbol, "venue": venue, "symbol": symbol}
        if self.today:
            told |= {
                "updateType": kind, "orderBookType": "L2", "columns": ["price", "quantity"],
            }  # fmt: skip
        return orjson.dumps(told | {"asks": asks, "bids": bids, "timestamp": time_ms})


def _changes(before: list[tuple[str, str]], now: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is another than before; a level that is shown no longer has no quantity."""
    was, is_now = dict(before), dict(now)
    changed = [(price, qty) for price, qty in now if was.get(price) != qty]
    return changed + [(price, "0") for price in was if price not in is_now]


class TradeFeed:
    """Each trade."""

    def __init__(self, one: Stream, market: MarketView) -> None:
        self.symbol, self.market = one.symbol, market
        trades = market.trades(one.symbol)
        self._last = trades[-1].trade_id if trades else 0

    def greeting(self, now_ms: int) -> list[bytes]:
        return []

    def repeat(self) -> None:
        """Nothing is said twice."""

    def turn(self, now_ms: int) -> list[bytes]:
        fresh = self.market.trades(self.symbol, self._last)
        if fresh:
            self._last = fresh[-1].trade_id
        return [
            orjson.dumps(
                {
                    "tradeId": str(row.trade_id), "instrumentId": self.symbol, "price": row.price,
                    "quantity": row.qty, "side": "SELL" if row.buyer_is_maker else "BUY",
                    "timestamp": row.time_ms,
                }
            )
            for row in fresh
        ]  # fmt: skip
