"""Phemex as the venue sees it: contracts settled in coins, USD, USDT and USDC.

The mirror image of the connector's side and written from the venue's reference alone, so that the
two do not share a mistake. Pure: texts and numbers in, bytes out; who is connected, what time it is
and what the market does is the caller's business.
"""

from collections.abc import Iterable

from connector.venues.phemex import (
    sim_decimal,
    sim_feeds,
    sim_limits,
    sim_listings,
    sim_refusals,
    sim_rest,
    sim_rules,
    sim_tape,
)
from connector.venues.phemex.sim_feeds import ROUTE, WINDOW
from connector.venues.phemex.sim_listings import decimal_family
from connector.venues.phemex.sim_session import Session
from connector.venues.sim_contract import (
    Contract,
    Feed,
    MarketView,
    Mishap,
    Opening,
    Refused,
    SocketRules,
    Stream,
    VenueSim,
)
from connector.venues.sim_contract import Texts as AnyTexts

PATHS = ("/", "/ws")
"""Of today's host and of the first one; neither takes a query or anything behind it."""


class Texts:
    """Writes one symbol's ticks and lots as integers at the scale of the wire."""

    __slots__ = ("_step", "_tick")

    def __init__(self, price_digits: int, tick: int, qty_digits: int, step: int) -> None:
        self._tick, self._step = tick, step

    def price(self, tick: int) -> str:
        return str(tick * self._tick)

    def qty(self, lots: int) -> str:
        return str(lots * self._step)

    def levels(self, levels: Iterable[tuple[int, int]]) -> str:
        one, step = self._tick, self._step
        return ",".join([f"[{tick * one},{lots * step}]" for tick, lots in levels])


def texts(symbol: str, price_digits: int, tick: int, qty_digits: int, step: int) -> AnyTexts:
    """Integers at a scale, or decimals, as the symbol's family has it."""
    kind = sim_decimal.Texts if decimal_family(symbol) else Texts
    return kind(price_digits, tick, qty_digits, step)


def feed(one: Stream, market: MarketView) -> Feed | None:
    """What speaks on a stream."""
    made = sim_decimal.FEEDS.get(one.kind)
    if made is None:
        return sim_feeds.feed(one, market)
    found: Feed = made(one, market)
    return found


def book(symbol: str, last_id: int, event_ms: int, time_ms: int, bids: str, asks: str) -> bytes:
    """A book as REST gives it."""
    if decimal_family(symbol):
        body = sim_decimal.book_body(symbol, last_id, time_ms, bids, asks, WINDOW)
    else:
        body = sim_feeds.book_body(symbol, last_id, event_ms, time_ms, bids, asks)
    return sim_rest.wrap(0, body)


def opening(target: str) -> Opening:
    """Understand the target of a handshake; raises `Refused`."""
    if target not in PATHS:
        raise Refused(404, f"no such path: {target}")
    return Opening(ROUTE, False, ())


def refusal(refused: Refused) -> bytes:
    """The edge in front of the venue says nothing more."""
    return b""


def products(rows: Iterable[Contract], now_ms: int, weight: int) -> bytes:
    return sim_listings.products(rows)


def promised(info: bytes) -> int:
    """Products promise nothing; the reference does."""
    return sim_limits.CAPACITY[sim_limits.CONTRACT]


LOST = 25
"""Messages: half a second of them, and later ones seldom make up for all."""


def mishaps(symbol: str) -> tuple[Mishap, ...]:
    """The next new order is executed, unanswered. Nothing shows that changes are lost but a whole
    book after a later change."""
    drop = {"kind": "drop", "stream": f"{symbol}@orderbook*", "count": LOST}
    return (
        Mishap(({"kind": "lost", "path": "/orders/create", "method": "PUT"},)),
        Mishap((drop,), shown_by=({"kind": "repeat", "symbol": symbol},)),
    )


SIM = VenueSim(
    folder="phemex",
    mishaps=mishaps,
    # It never pings; a client that does not for half a minute is dropped without a word.
    sockets=SocketRules(
        silence_s=31.0, messages_per_s=20, pings_count=False, connects=200, at_once=5,
        farewell=False,
    ),
    api_route="",
    weight_limit=sim_limits.CAPACITY[sim_limits.CONTRACT],
    snapshot_levels=WINDOW,
    listings=sim_listings.LISTINGS,
    statuses=sim_listings.STATUSES,
    opening=opening,
    refusal=refusal,
    session=Session,
    stream=sim_feeds.stream,
    texts=texts,
    feed=feed,
    snapshot=book,
    stamped=sim_feeds.stamped,
    retry_after=sim_rest.retry_after,
    serves=sim_rest.serves,
    rest=sim_rest.Rest,
    order_refusal=sim_refusals.answer,
    lets_go=sim_refusals.LETS_GO,
    rules=sim_rules.rules,
    exchange_info=products,
    contracts=sim_listings.contracts,
    funds={asset: amount * 100_000_000 for asset, amount in sim_listings.FUNDS.items()},
    promised=promised,
    tape=sim_tape.TAPE,
)  # fmt: skip
