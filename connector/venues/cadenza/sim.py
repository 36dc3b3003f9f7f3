"""Cadenza as the venue sees it: a REST side with logins, and several venues behind it.

The mirror image of the connector's side and written from the venue's reference alone, so that the
two do not share a mistake. Pure: texts and numbers in, bytes out; who is connected, what time it is
and what the market does is the caller's business.
"""

from collections.abc import Iterable, Sequence

import orjson

from connector.model.intents import Action
from connector.sim.matching.types import Refused as EngineRefused
from connector.venues.cadenza import (
    sim_desk,
    sim_envelope,
    sim_limits,
    sim_listings,
    sim_market,
    sim_refusals,
    sim_rest,
    sim_rules,
    sim_streams,
    sim_tape,
)
from connector.venues.sim_contract import (
    Mishap,
    Opening,
    Refused,
    SocketRules,
    VenueSim,
    decimal,
    key_and_secret,
)
from connector.venues.sim_setup import SimAccount

PATH = "/connection/websocket"
ROUTE = sim_streams.ROUTE


class Texts:
    """Writes one symbol's ticks and lots as decimal texts."""

    __slots__ = ("_price_digits", "_qty_digits", "_step", "_tick")

    def __init__(self, price_digits: int, tick: int, qty_digits: int, step: int) -> None:
        self._price_digits, self._tick = price_digits, tick
        self._qty_digits, self._step = qty_digits, step

    def price(self, tick: int) -> str:
        return decimal(tick * self._tick, self._price_digits)

    def qty(self, lots: int) -> str:
        return decimal(lots * self._step, self._qty_digits)

    def levels(self, levels: Iterable[tuple[int, int]]) -> str:
        return ",".join([f'["{self.price(tick)}","{self.qty(lots)}"]' for tick, lots in levels])


def texts(symbol: str, price_digits: int, tick: int, qty_digits: int, step: int) -> Texts:
    return Texts(price_digits, tick, qty_digits, step)


def book(symbol: str, last_id: int, event_ms: int, time_ms: int, bids: str, asks: str) -> bytes:
    """A book as REST gives it in the earlier state."""
    body = sim_market.book_body(symbol, time_ms, sim_envelope.SEED)
    body |= {"bids": orjson.Fragment(f"[{bids}]"), "asks": orjson.Fragment(f"[{asks}]")}
    return sim_envelope.good(sim_envelope.SEED, body)


def opening(target: str) -> Opening:
    """Understand the target of a handshake; raises `Refused`."""
    if target.partition("?")[0] != PATH:
        raise Refused(404, f"no such path: {target}")
    return Opening(ROUTE, False, ())


def refusal(refused: Refused) -> bytes:
    return orjson.dumps({"error": str(refused)})


LOST = 3
"""Publications of a book: the next one shows it by its offset."""


def mishaps(symbol: str) -> tuple[Mishap, ...]:
    """The next new order is executed, unanswered; a book's channel loses some publications, however
    it is spelled."""
    return (
        Mishap(
            (
                {"kind": "lost", "path": "/api/v3/tradeOrder/submit", "method": "POST"},
                {"kind": "drop", "stream": f"market:order?ook:{symbol}", "count": LOST},
            )
        ),
    )


def credentials(account: SimAccount, listed: Sequence[str]) -> dict[str, str]:
    """Email address and password, and the id of the trading account at the venue of what is listed
    first, as far as there is one."""
    venues = [sim_listings.venue_of(symbol) for symbol in listed]
    there = [venue for venue in venues if venue in sim_desk.FIRST] or sim_desk.FIRST
    found = dict(key_and_secret(account, listed))
    return found | {"trading_account": sim_envelope.made("account", account.name, there[0])}


def stamped(name: str, payload: bytes) -> tuple[str, int] | None:
    """A publication of a book by its offset; others, and books without one, have no id."""
    head, _, rest = name.partition(":")
    kind, _, symbol = rest.partition(":")
    digits = payload.rpartition(b'"offset":')[2].rstrip(b"}")
    if head != "market" or kind.lower() != "orderbook" or not digits.isdigit():
        return None
    return f"{symbol.lower()}@depth", int(digits)


def promised(info: bytes) -> int:
    """The list promises nothing; the reference does."""
    return sim_limits.CAPACITY[sim_limits.MARKET]


def order_refusal(action: Action, refused: EngineRefused) -> tuple[int, bytes]:
    """HTTP status and body of what the engine does not take."""
    fault = sim_refusals.fault_of(refused)
    return fault.status, sim_envelope.failure(sim_envelope.SEED, fault, "", 0)


def written(letters: str) -> str:
    """A key is an email address here."""
    return f"{letters[:24].lower()}@example.com"


SIM = VenueSim(
    folder="cadenza",
    mishaps=mishaps,
    # Pings are the protocol's own, inside of messages.
    sockets=SocketRules(),
    api_route="",
    weight_limit=sim_limits.CAPACITY[sim_limits.MARKET],
    snapshot_levels=1000,
    listings=sim_listings.LISTINGS,
    statuses=sim_listings.STATUSES,
    opening=opening,
    refusal=refusal,
    session=sim_streams.Session,
    stream=sim_streams.stream,
    feed=sim_streams.feed,
    outlet=sim_streams.outlet,
    running=sim_streams.running,
    mishap=sim_streams.mishap,
    texts=texts,
    snapshot=book,
    stamped=stamped,
    credentials=credentials,
    retry_after=sim_rest.retry_after,
    serves=sim_rest.serves,
    rest=sim_streams.Rest,
    order_refusal=order_refusal,
    rules=sim_rules.rules,
    exchange_info=sim_listings.exchange_info,
    contracts=sim_listings.contracts,
    funds={asset: amount * 100_000_000 for asset, amount in sim_listings.FUNDS.items()},
    promised=promised,
    profiles=sim_envelope.PROFILES,
    written=written,
    invented="MOCK:SIM{:03d}/USDT".format,
    tape=sim_tape.TAPE,
)
