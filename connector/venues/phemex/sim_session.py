"""The control side of a Phemex WebSocket: what each method answers and which streams it asks for.

Written from the venue's reference alone. A subscribe frame takes one symbol; what follows it is
the form of the stream. ``orderbook.unsubscribe`` drops every book of the connection, whatever
symbol it names.
"""

from collections.abc import Callable
from typing import Any

import orjson

from connector.venues.phemex.sim_desk import AOP, AOP_P
from connector.venues.phemex.sim_feeds import (
    BOOK,
    DAY,
    DECIMAL,
    DEPTHS,
    INTERVALS_S,
    KLINE,
    PACK,
    TICK,
    TRADE,
    WINDOW,
    book_name,
    priced,
)
from connector.venues.phemex.sim_listings import LISTED, decimal_family
from connector.venues.phemex.sim_rest import Rest
from connector.venues.sim_contract import Contract, House, Opening, Reply

INVALID, BAD_TOKEN, TOO_MANY = 6001, 6012, 6015
TEXTS = {
    INVALID: "invalid argument",
    BAD_TOKEN: "invalid login token",
    TOO_MANY: "subscription limit exceeded",
}
MAX_SUBSCRIPTIONS = 20
"""Of one connection."""


class Wrong(Exception):
    """A request that is answered with an error."""

    def __init__(self, code: int) -> None:
        super().__init__(TEXTS[code])
        self.code = code


class Session:
    """One connection: what it has subscribed to, and whose it is."""

    combined = False

    def __init__(self, opened: Opening, house: House) -> None:
        self.route = opened.route
        self.streams: dict[str, None] = {}
        self.account = ""
        """Whose it is since it authenticated."""
        self._house = house
        self._family = ""
        """What the channels of the request at hand end with."""
        self._subscribed: dict[str, tuple[str, ...]] = {}
        """What counts as a subscription, and its streams."""
        self._methods: dict[str, Callable[[list[Any], Any], Reply]] = {
            "server.ping": self._ping,
            "orderbook.subscribe": self._book,
            "orderbook.unsubscribe": self._no_book,
            "trade.subscribe": self._trade,
            "trade.unsubscribe": self._drop(TRADE),
            "kline.subscribe": self._kline,
            "kline.unsubscribe": self._drop(KLINE),
            "orderbook_p.subscribe": self._decimal(self._book),
            "orderbook_p.unsubscribe": self._no_decimal_book,
            "trade_p.subscribe": self._decimal(self._trade),
            "trade_p.unsubscribe": self._drop(TRADE + DECIMAL),
            "kline_p.subscribe": self._decimal(self._kline),
            "kline_p.unsubscribe": self._drop(KLINE + DECIMAL),
            "tick_p.subscribe": self._decimal(self._tick),
            "tick_p.unsubscribe": self._drop(TICK + DECIMAL),
            "perp_market24h_pack_p.subscribe": self._pack,
            "perp_market24h_pack_p.unsubscribe": self._drop(PACK),
            "market24h.subscribe": self._day,
            "market24h.unsubscribe": self._drop(DAY),
            "tick.subscribe": self._tick,
            "tick.unsubscribe": self._drop(TICK),
            "user.auth": self._auth,
            "aop.subscribe": self._private(AOP),
            "aop.unsubscribe": self._drop(AOP),
            "aop_p.subscribe": self._private(AOP_P),
            "aop_p.unsubscribe": self._drop(AOP_P),
        }

    def receive(self, text: bytes) -> Reply:
        """Answer one text message of the client."""
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            return _refusal(INVALID, None)
        if not isinstance(message, dict):
            return _refusal(INVALID, None)
        number = message.get("id")
        if isinstance(number, bool) or not isinstance(number, int):
            number = None
        method = self._methods.get(message.get("method", ""))
        params = message.get("params", [])
        if method is None or not isinstance(params, list):
            return _refusal(INVALID, number)
        try:
            return method(params, number)
        except Wrong as wrong:
            return _refusal(wrong.code, number)

    # What the methods do

    def _ping(self, params: list[Any], number: Any) -> Reply:
        return Reply(_answer("pong", number), alive=True)

    def _book(self, params: list[Any], number: Any) -> Reply:
        """[symbol], [symbol, full], [symbol, long form, levels]."""
        symbol = self._symbol(params, 3)
        long = _bool(params[1]) if len(params) > 1 else False
        if len(params) < 3:
            return self._add(book_name(symbol, 0 if long else WINDOW, long=long), number)
        levels = params[2]
        if isinstance(levels, bool) or levels not in DEPTHS:
            raise Wrong(INVALID)
        return self._add(book_name(symbol, levels if long else levels or WINDOW, long=long), number)

    def _no_book(self, params: list[Any], number: Any) -> Reply:
        """Every book goes; a request that names symbols is answered and drops nothing."""
        return self._remove([] if params else self._of(BOOK), number)

    def _no_decimal_book(self, params: list[Any], number: Any) -> Reply:
        return self._remove([] if params else self._of(BOOK + DECIMAL), number)

    def _decimal(
        self, method: Callable[[list[Any], Any], Reply]
    ) -> Callable[[list[Any], Any], Reply]:
        """The same of the second family, whose channels and symbols are its own."""

        def asked(params: list[Any], number: Any) -> Reply:
            self._family = DECIMAL
            try:
                return method(params, number)
            finally:
                self._family = ""

        return asked

    def _trade(self, params: list[Any], number: Any) -> Reply:
        return self._add(f"{self._symbol(params, 1)}@{TRADE}{self._family}", number)

    def _kline(self, params: list[Any], number: Any) -> Reply:
        symbol = self._symbol(params, 2)
        if len(params) < 2 or isinstance(params[1], bool) or params[1] not in INTERVALS_S:
            raise Wrong(INVALID)
        return self._add(f"{symbol}@{KLINE}{self._family}:{params[1]}", number)

    def _day(self, params: list[Any], number: Any) -> Reply:
        """Every contract's, as one subscription."""
        if params:
            raise Wrong(INVALID)
        return self._add(DAY, number, tuple(f"{each}@{DAY}" for each in self._listed()))

    def _pack(self, params: list[Any], number: Any) -> Reply:
        """The days of the whole second family as one stream."""
        self._family = DECIMAL
        names, self._family = self._listed(), ""
        if params or not names:
            raise Wrong(INVALID)
        return self._add(f"{names[0]}@{PACK}", number)

    def _tick(self, params: list[Any], number: Any) -> Reply:
        if len(params) != 1 or not isinstance(params[0], str):
            raise Wrong(INVALID)
        contract = priced(params[0], self._house.market.symbols)
        if contract is None or contract not in self._listed():
            raise Wrong(INVALID)
        return self._add(f"{params[0]}@{TICK}{self._family}", number)

    def _auth(self, params: list[Any], number: Any) -> Reply:
        rest = self._house.rest
        assert isinstance(rest, Rest)
        account = rest.login(params, self._house.market, self._house.now_ms())
        if not account:
            raise Wrong(BAD_TOKEN)
        self.account = account
        return Reply(_answer(_SUCCESS, number))

    def _private(self, stream: str) -> Callable[[list[Any], Any], Reply]:
        """Accounts, orders and positions of a family."""

        def subscribe(params: list[Any], number: Any) -> Reply:
            if not self.account:
                raise Wrong(BAD_TOKEN)
            if params:
                raise Wrong(INVALID)
            return self._add(f"{self.account}@{stream}", number)

        return subscribe

    def _drop(self, kind: str) -> Callable[[list[Any], Any], Reply]:
        """Those of the named symbol, or all."""

        def drop(params: list[Any], number: Any) -> Reply:
            if len(params) > 1 or not all(isinstance(each, str) for each in params):
                raise Wrong(INVALID)
            names = self._of(kind)
            if params:
                names = [name for name in names if name.startswith(f"{params[0]}@")]
            return self._remove(names, number)

        return drop

    # Names and numbers

    def _listed(self) -> list[str]:
        rows = self._house.market.symbols.items()
        return [
            symbol
            for symbol, row in rows
            if (not isinstance(row, Contract) or row.status in ("", LISTED))
            and decimal_family(symbol) == bool(self._family)
        ]

    def _symbol(self, params: list[Any], most: int) -> str:
        if not 1 <= len(params) <= most or not isinstance(params[0], str):
            raise Wrong(INVALID)
        if params[0] not in self._listed():
            raise Wrong(INVALID)
        return params[0]

    def _of(self, kind: str) -> list[str]:
        """The subscriptions of a channel."""
        return [
            name for name in self._subscribed if name.rpartition("@")[2].partition(":")[0] == kind
        ]

    def _add(self, name: str, number: Any, streams: tuple[str, ...] = ()) -> Reply:
        """One subscription more; the same again is answered and starts anew."""
        if name not in self._subscribed and len(self._subscribed) >= MAX_SUBSCRIPTIONS:
            raise Wrong(TOO_MANY)
        added = self._subscribed[name] = streams or (name,)
        self.streams.update(dict.fromkeys(added))
        return Reply(_answer(_SUCCESS, number), added=added)

    def _remove(self, names: list[str], number: Any) -> Reply:
        removed = tuple(each for name in names for each in self._subscribed.pop(name))
        for each in removed:
            del self.streams[each]
        return Reply(_answer(_SUCCESS, number), removed=removed)


_SUCCESS = {"status": "success"}


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong(INVALID)
    return value


def _answer(result: Any, number: Any) -> bytes:
    return orjson.dumps({"error": None, "id": number, "result": result})


def _refusal(code: int, number: Any) -> Reply:
    error = {"code": code, "message": TEXTS[code]}
    return Reply(orjson.dumps({"error": error, "id": number, "result": None}))
