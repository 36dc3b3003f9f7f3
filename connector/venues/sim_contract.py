"""What a venue gives to the simulator: how it looks from its own side of the wire.

Data first, then a handful of pure functions; texts and numbers in, bytes out. Who is connected,
what time it is and what the market does is the simulator's business (`connector.sim`). A venue's
folder has a module ``sim`` with a `VenueSim` named ``SIM``; it is written from the venue's
reference alone, so that connector and simulator do not share a mistake.

Prices and quantities are texts, written as the venue writes them.
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Protocol

from msgspec import Struct, field

from connector.errors import ConfigError
from connector.model.intents import Action
from connector.protocol.http1 import Request
from connector.sim.matching.api import Matching
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import Refused as EngineRefused
from connector.venues.contract import load as load_venue

# The market


class Activity(Enum):
    """What a symbol does in a trading status."""

    OPEN = "open"
    HALTED = "halted"
    """Nothing is matched: the book stands still, mark prices go on."""
    SILENT = "silent"
    """Its streams say nothing at all."""


class Contract(Struct, frozen=True, kw_only=True):
    """What is listed, as far as a market needs it; prices as on the wire."""

    symbol: str
    base: str = ""
    quote: str = "USDT"
    price_digits: int
    """Decimals of a price on the wire."""
    tick: str
    qty_digits: int
    step: str
    price: str
    """Where it trades, roughly."""
    status: str = ""
    """The venue's word; empty: it trades."""


class TradeRow(Struct, frozen=True):
    trade_id: int
    price: str
    qty: str
    quote_qty: str
    time_ms: int
    buyer_is_maker: bool


class AggRow(Struct, frozen=True):
    """Trades of one order at one price."""

    agg_id: int
    price: str
    qty: str
    first_id: int
    last_id: int
    time_ms: int
    buyer_is_maker: bool


class TickerRow(Struct, frozen=True):
    """The best prices; ``update_id`` is the book's."""

    bid: str
    bid_qty: str
    ask: str
    ask_qty: str
    time_ms: int
    update_id: int


class MarkTexts(Struct, frozen=True):
    """The mark price of a symbol."""

    mark: str
    index: str
    settle: str
    average: str
    rate: str
    next_funding_ms: int


class Candle(Struct, kw_only=True):
    """The trades of a minute, or of several."""

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    last_qty: Decimal = Decimal(0)
    """Of the last trade."""
    volume: Decimal = Decimal(0)
    quote: Decimal = Decimal(0)
    """Sum of price * quantity."""
    count: int = 0
    buy_volume: Decimal = Decimal(0)
    """Of the trades whose taker bought."""
    buy_quote: Decimal = Decimal(0)
    first_id: int
    last_id: int


class MarketView(Protocol):
    """What the REST side must know of the market; symbols are those it lists."""

    @property
    def symbols(self) -> Mapping[str, Any]: ...
    def exchange_info(self, now_ms: int) -> bytes: ...
    def depth(self, symbol: str, limit: int, now_ms: int) -> bytes: ...
    def trades(self, symbol: str) -> Sequence[TradeRow]: ...
    def agg_trades(self, symbol: str) -> Sequence[AggRow]: ...
    def mark(self, symbol: str, now_ms: int) -> MarkTexts | None: ...
    def ticker(self, symbol: str) -> TickerRow | None: ...
    def candles(self, symbol: str) -> Sequence[Candle]:
        """The minutes in which it traded, oldest first."""


# WebSocket


class Stream(Struct, frozen=True):
    """A stream that exists."""

    name: str
    symbol: str
    kind: str
    """depth, partial, bookTicker, trade, aggTrade or markPrice."""
    routes: tuple[str, ...]
    """Classes of URL that deliver it."""
    period_ms: int = 0
    levels: int = 0


class StreamNames(Struct, frozen=True):
    """A symbol's streams that the synthetic market feeds as things happen."""

    depth: str
    """Changes of the book without delay."""
    bbo: str
    trade: str
    agg_trade: str


class Opening(Struct, frozen=True):
    """What a WebSocket URL asks for."""

    route: str
    combined: bool
    streams: tuple[str, ...]
    query: str = ""
    """What else the URL says, as sent."""


class Refused(Exception):
    """The URL is not served; ``status`` is the answer to the handshake."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Reply(Struct):
    """What a control message leads to."""

    message: bytes
    close: int = 0
    """WebSocket close code to hang up with; 0 to stay."""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Session(Protocol):
    """The control side of one connection."""

    route: str
    combined: bool
    """Whether it wants each payload with its stream's name around it."""
    streams: dict[str, None]

    def receive(self, text: bytes) -> Reply:
        """Answer one text message of the client."""


class OrderApi(Protocol):
    """One connection of a WebSocket order API."""

    def name(self, text: bytes) -> tuple[str, str]:
        """What a request is called (as a path is) and its symbol, for faults; "" if it has none."""

    def receive(self, text: bytes, arrived_ms: int, now_ms: int) -> Reply:
        """Answer one text message of the client."""

    def error(self, text: bytes, status: int, body: bytes) -> bytes:
        """An answer of that status to a request; ``body`` is an error as REST gives it."""


class Texts(Protocol):
    """Writes one symbol's ticks and lots."""

    def price(self, tick: int) -> str: ...
    def qty(self, lots: int) -> str: ...
    def levels(self, levels: Iterable[tuple[int, int]]) -> str:
        """The inside of a JSON array of levels, from (tick, lots) pairs."""


class Frames(Struct, frozen=True):
    """Builders of the payloads; first arguments: symbol, event time, and what is said."""

    depth: Callable[[str, int, int, tuple[int, int, int], str, str], bytes]
    """Symbol, event ms, transaction ms, (first, last, previous last) id, bids, asks."""
    snapshot: Callable[[int, int, int, str, str], bytes]
    """A full book: last id, event ms, transaction ms, bids, asks."""
    bbo: Callable[[str, int, int, int, tuple[str, str, str, str]], bytes]
    """Symbol, event ms, transaction ms, update id, (bid, its quantity, ask, its quantity)."""
    trade: Callable[[str, int, int, int, str, str, bool], bytes]
    """Symbol, event ms, transaction ms, id, price, quantity, whether the buyer is the maker."""
    agg_trade: Callable[[str, int, int, tuple[int, int, int], str, str, bool], bytes]
    """The same with (own id, first trade's, last trade's)."""
    mark: Callable[[str, int, MarkTexts], bytes]
    wrapped: Callable[[str, bytes], bytes]
    """The combined form of a payload: stream name and payload."""


# REST


class RestAnswer(Struct, frozen=True):
    status: int
    body: bytes
    headers: dict[str, str]


class Rest(Protocol):
    """The REST side under the venue's limits; one a simulator, it counts per client address.

    With accounts it is the whole order side: what happens to them comes out of ``take`` as names
    of private streams and payloads."""

    @property
    def throttled(self) -> int:
        """Requests refused because there were too many."""

    @property
    def banned(self) -> int:
        """Requests refused because their address would not stop."""

    def answer(
        self, market: MarketView, request: Request, address: str, arrived_ms: int, now_ms: int
    ) -> RestAnswer:
        """Serve a request that came at the first time and is executed at the second."""

    def api(self, market: MarketView, opened: Opening, address: str, now_ms: int) -> OrderApi:
        """A connection of the WebSocket order API; raises `Refused`."""

    def private(self, route: str, name: str) -> tuple[str, ...]:
        """The private streams behind a name of a URL or a subscription on that class of URL."""

    def turn(self, now_ms: int) -> None:
        """Do what the time brings; what the matching engine did is told, too."""

    def take(self) -> list[tuple[str, bytes]]:
        """Private streams and payloads since the last call."""


# Accounts


class ApiKey(Struct, frozen=True, kw_only=True):
    """An account's key: with a secret, or with a public key in PEM."""

    key: str
    secret: str = ""
    public_key: str = ""

    def __repr__(self) -> str:
        return f"ApiKey({self.key[:4]}...)"


class SimAccount(Struct, frozen=True, kw_only=True):
    name: str
    keys: tuple[ApiKey, ...]
    balances: Mapping[str, int] = field(default_factory=dict)
    """What it starts with, in units of 1e-8 of each asset."""


class OrderSetup(Struct, frozen=True, kw_only=True):
    """The order side's accounts and rules; the defaults are the venue's."""

    accounts: Sequence[SimAccount] = ()
    listen_key_ms: int = 3600_000
    """How long a listen key lives."""
    order_limits: Sequence[tuple[int, int]] = ()
    """Windows in ms and the orders allowed in each; empty: the venue's."""
    strict_private: bool = False
    """Private URLs deliver only the events they name."""


# Recordings


class RecordedMessage(Struct, frozen=True, gc=False):
    """A frame of a recording: its stream and the payload inside the combined form."""

    stream: str
    payload: bytes
    combined: bool
    """Whether it was recorded in the combined form."""


class RecordedDepth(Struct, gc=False):
    """A recorded change of the book."""

    last_id: int
    prev_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    time_ms: int


class RecordedSnapshot(Struct):
    """A recorded full book, best first."""

    last_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    time_ms: int


class Tape(Struct, frozen=True):
    """How this venue's recordings are read."""

    message: Callable[[bytes], RecordedMessage | None]
    """The message of a line; None when it is none of a stream."""
    stream: Callable[[str], tuple[str, str]]
    """Symbol and kind (as in `Stream.kind`) of a recorded stream; "" for what it has not."""
    answer: Callable[[str, bytes], tuple[str, str]]
    """What a recorded answer is, from its URL ("" if none is known) and its body:
    ("snapshot", symbol or ""), ("instruments", "") or ("", "")."""
    depth: Callable[[bytes], RecordedDepth]
    """A payload of a stream of kind depth; raises ValueError."""
    snapshot: Callable[[bytes], RecordedSnapshot]
    """Raises ValueError."""
    older: Callable[[bytes, int], bytes]
    """A snapshot's bytes with another last id."""
    trade: Callable[[bytes], TradeRow]
    agg_trade: Callable[[bytes], AggRow]
    mark: Callable[[bytes], MarkTexts]
    bbo: Callable[[bytes], TickerRow]


# All of it


OrderRefusal = Callable[[Action, EngineRefused], tuple[int, bytes]]
"""HTTP status and body of the answer to what the matching engine refused."""


class VenueSim(Struct, frozen=True, kw_only=True):
    """A venue as the simulator runs it."""

    folder: str
    api_route: str
    """The class of URL that is a WebSocket order API; "" if the venue has none."""
    weight_limit: int
    """Request weight a minute that the venue grants unless told otherwise."""
    snapshot_levels: int
    """Most levels a side of a depth answer."""
    listings: Sequence[Contract]
    """What the synthetic market lists first."""
    statuses: Mapping[str, Activity]
    """The venue's words for trading statuses; the first one is the usual."""
    opening: Callable[[str], Opening]
    """Understand the target of a handshake; raises `Refused`."""
    refusal: Callable[[Refused], bytes]
    """The body that goes with a refused handshake."""
    session: Callable[[Opening, bool], Session]
    """The second says that control errors come bare, if the venue has two forms."""
    stream: Callable[[str, Mapping[str, Any]], Stream | None]
    """The stream of that name among these symbols; None when there is none."""
    names: Callable[[str], StreamNames]
    texts: Callable[[int, int, int, int], Texts]
    """Price decimals, tick in units of the last, quantity decimals, step in units of the last."""
    frames: Frames
    rest: Callable[[int, Matching | None, OrderSetup, int], Rest]
    """The REST side with that weight a minute; with a matching engine and accounts also the order
    side. The last is now in ms. Raises ValueError for accounts that cannot be."""
    order_refusal: OrderRefusal
    """What is answered to an order that the matching engine refuses."""
    rules: Callable[[bytes], list[Rules]]
    """What an instruments answer demands of orders; raises ValueError naming the fault."""
    exchange_info: Callable[[Iterable[Contract], int, int], bytes]
    """An instruments answer: contracts, now in ms, weight a minute."""
    contracts: Callable[[bytes], list[Contract]]
    """The tradable ones of an instruments answer; raises ValueError naming the fault."""
    promised: Callable[[bytes], int]
    """The weight a minute that an instruments answer promises; raises ValueError."""
    tape: Tape


def order_refusals(name: str) -> "OrderRefusal | None":
    """How the venue refuses orders; None when it has no simulated side that knows."""
    try:
        return load(name).order_refusal
    except ConfigError:
        return None


def decimal(units: int, digits: int) -> str:
    """``units`` of 10**-digits as decimal text."""
    if not digits:
        return str(units)
    sign = "-" if units < 0 else ""
    text = str(abs(units)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}"


def load(name: str) -> VenueSim:
    """The simulated side of the venue called ``name``: its folder or its exchange name, any case.

    Raises ConfigError if there is no such venue or it has none."""
    folder = load_venue(name).folder
    module = f"connector.venues.{folder}.sim"
    if importlib.util.find_spec(module) is None:
        raise ConfigError(f"venue {folder} has no simulated side")
    venue = importlib.import_module(module).SIM
    assert isinstance(venue, VenueSim)
    return venue
