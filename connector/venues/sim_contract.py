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
from typing import Any, NoReturn, Protocol, runtime_checkable

from msgspec import Struct, field

from connector.errors import ConfigError
from connector.model.intents import Action
from connector.model.reports import EndReason
from connector.protocol.http1 import Request
from connector.sim.matching.api import Matching
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import Reason
from connector.sim.matching.types import Refused as EngineRefused
from connector.venues.contract import load as load_venue
from connector.venues.sim_setup import OrderSetup, SimAccount

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
    settle: str = ""
    """What it is settled in; empty: the quote asset. Another one: an inverse contract, whose value
    is quantity / price."""
    size: str = "1"
    """What one unit of quantity stands for: of the base asset, of an inverse contract of the
    quote asset."""
    price_digits: int
    """Decimals of a price on the wire."""
    tick: str
    qty_digits: int
    step: str
    price: str
    """Where it trades, roughly."""
    typical: int = 0
    """Typical size of a level in steps; 0: by the price."""
    status: str = ""
    """The venue's word; empty: it trades."""

    @property
    def inverse(self) -> bool:
        return self.settle not in ("", self.quote)


class TradeRow(Struct, frozen=True):
    trade_id: int
    price: str
    qty: str
    quote_qty: str
    time_ms: int
    buyer_is_maker: bool
    update_id: int = 0
    """The book's when it was done; 0: not known."""


class BookRow(Struct, frozen=True):
    """The best levels, best first, as (price, quantity)."""

    update_id: int
    time_ms: int
    """Of the last change."""
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


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
    def top(self, symbol: str, levels: int) -> BookRow:
        """So many levels a side; 0: all."""

    def trades(self, symbol: str, after: int = 0) -> Sequence[TradeRow]:
        """Those that are kept, oldest first; only of greater ids than ``after``."""

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
    """depth, partial, bookTicker, trade, aggTrade or markPrice; of a `Feed` the venue's word."""
    routes: tuple[str, ...]
    """Classes of URL that deliver it."""
    period_ms: int = 0
    levels: int = 0
    last: bool = False
    """It speaks behind the symbol's other streams of that period."""


class Feed(Protocol):
    """A stream whose messages the venue composes itself from where its symbol stands."""

    def greeting(self, now_ms: int) -> list[bytes]:
        """What a new subscriber hears first: where the stream stands."""

    def turn(self, now_ms: int) -> list[bytes]:
        """What everybody hears after another period."""

    def repeat(self) -> None:
        """Say with the next turn what is otherwise said again from time to time, as a full book."""


class StreamNames(Struct, frozen=True):
    """A symbol's streams that the synthetic market feeds as things happen; "" for what the venue
    has not."""

    depth: str = ""
    """Changes of the book without delay."""
    bbo: str = ""
    trade: str = ""
    agg_trade: str = ""


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
    reason: str = "Invalid request"
    """Of the close frame."""
    added: tuple[str, ...] = ()
    """Asked for, heard already or not; a stream's greeting follows the message."""
    removed: tuple[str, ...] = ()
    alive: bool = False
    """The message was the client's sign of life, as the venue defines it."""
    published: tuple[tuple[str, bytes], ...] = ()
    """Streams and payloads for whoever listens to them."""


class House(Struct, frozen=True, kw_only=True):
    """What the control side of a connection knows of the venue around it."""

    market: "MarketView"
    rest: "Rest"
    now_ms: Callable[[], int]
    bare_errors: bool = False
    """Control errors come bare, if the venue has two forms."""


class Session(Protocol):
    """The control side of one connection."""

    route: str
    combined: bool
    """Whether it wants each payload with its stream's name around it."""
    streams: dict[str, None]

    def receive(self, text: bytes) -> Reply:
        """Answer one text message of the client."""


@runtime_checkable
class TimedSession(Session, Protocol):
    """A control side with a clock of its own: pings inside of messages, sessions that end."""

    def turn(self) -> Reply | None:
        """What time brought; about four times a second."""

    def end(self, pattern: Callable[[str], bool], code: int) -> Reply:
        """End the subscriptions of these streams, as the venue may."""

    def gone(self) -> None:
        """The connection is closed."""


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

    names: Callable[[str], StreamNames]
    depth: Callable[[str, int, int, tuple[int, int, int], str, str], bytes]
    """Symbol, event ms, transaction ms, (first, last, previous last) id, bids, asks."""
    bbo: Callable[[str, int, int, int, tuple[str, str, str, str]], bytes]
    """Symbol, event ms, transaction ms, update id, (bid, its quantity, ask, its quantity)."""
    trade: Callable[[str, int, int, int, str, str, bool], bytes]
    """Symbol, event ms, transaction ms, id, price, quantity, whether the buyer is the maker."""
    agg_trade: Callable[[str, int, int, tuple[int, int, int], str, str, bool], bytes]
    """The same with (own id, first trade's, last trade's)."""
    mark: Callable[[str, int, MarkTexts], bytes]


# REST


class RestAnswer(Struct, frozen=True):
    status: int
    body: bytes
    headers: dict[str, str]
    later: "Callable[[int], RestAnswer | None] | None" = None
    """The answer is held back: what it is at a time in ms, None while it is held."""


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

    def greeting(self, private: str, now_ms: int) -> list[bytes]:
        """What a new subscriber of a private stream hears first."""

    def turn(self, now_ms: int) -> None:
        """Do what the time brings; what the matching engine did is told, too."""

    def take(self) -> list[tuple[str, bytes]]:
        """Private streams and payloads since the last call."""


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
    """0: the venue does not say what it continues."""
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    time_ms: int
    whole: bool = False
    """A full book instead of changes; it continues nothing."""
    timed: bool = False
    """The id is a time, which several changes may share or go back in: only what is older than the
    last full book is in that already."""


class RecordedSnapshot(Struct):
    """A recorded full book, best first."""

    last_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    time_ms: int


def _unknown(payload: bytes) -> NoReturn:
    raise ValueError("the venue has no such messages")


class Tape(Struct, frozen=True):
    """How this venue's recordings are read; what it leaves out the venue does not have."""

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
    trades: Callable[[bytes], Sequence[TradeRow]]
    """The trades that a payload of a stream of kind trade reports, oldest first."""
    agg_trade: Callable[[bytes], AggRow] = _unknown
    mark: Callable[[bytes], MarkTexts] = _unknown
    bbo: Callable[[bytes], TickerRow] = _unknown
    listed: Callable[[Contract], Contract] = lambda contract: contract
    """A contract of which only recorded levels are known, as the venue would list it."""
    lines: Callable[[bytes], Sequence[bytes]] = lambda whole: (whole,)
    """The messages that one frame holds."""
    profile: Callable[[str], str] = lambda name: ""
    """The state of the venue (`VenueSim.profiles`) that a recorded stream is of; "": any."""
    waits: bool = True
    """Whether the flow waits for a client to ask for the recorded snapshot, as the venue's clients
    must begin with one that is older than what they buffered. Else they may ask at any time."""


# All of it


class SocketRules(Struct, frozen=True, kw_only=True):
    """How the venue treats WebSocket connections; 0: it has no such rule."""

    ping_s: float = 0.0
    """Between the venue's pings."""
    pong_s: float = 0.0
    """A connection whose last ping was not answered for so long is closed."""
    silence_s: float = 0.0
    """A client that gave no sign of life, ping or `Reply.alive`, for so long is dropped."""
    lifetime_s: float = 0.0
    messages_per_s: int = 0
    """Client messages in any one second; one more and the connection is closed."""
    pings_count: bool = True
    """Pings and pongs are such messages."""
    connects: int = 0
    """WebSocket connections of one address in any five minutes."""
    at_once: int = 0
    """Open connections of one address."""
    farewell: bool = True
    """It closes with a close frame."""


OrderRefusal = Callable[[Action, EngineRefused], tuple[int, bytes]]
"""HTTP status and body of the answer to what the matching engine refused."""


class Mishap(Struct, frozen=True):
    """Faults to order together."""

    faults: tuple[Mapping[str, Any], ...]
    shown_by: tuple[Mapping[str, Any], ...] = ()
    """What to order once they are spent, so that they show; none: they show by themselves."""


def key_and_secret(account: SimAccount, listed: Sequence[str]) -> Mapping[str, str]:
    """Those of an account's one key."""
    (key,) = account.keys
    return {"key": key.key, "secret": key.secret}


class VenueSim(Struct, frozen=True, kw_only=True):
    """A venue as the simulator runs it."""

    folder: str
    sockets: SocketRules
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
    session: Callable[[Opening, House], Session]
    stream: Callable[[str, Mapping[str, Any]], Stream | None]
    """The stream of that name among these symbols; None when there is none."""
    texts: Callable[[str, int, int, int, int], Texts]
    """Symbol, price decimals, tick in units of the last, quantity decimals, step in units of the
    last."""
    frames: Frames | None = None
    """Of streams that say what happens as it happens; None: every stream is a `Feed`."""
    feed: Callable[[Stream, MarketView], Feed | None] = lambda stream, market: None
    """Of a stream that composes its own messages; None: `frames` has them."""
    outlet: Callable[[Any, str, bytes, int], bytes | None] | None = None
    """What becomes of a stream's payload before anybody hears it: REST side, stream, payload, now
    in ms; None: nobody does. Where there is none, payloads go out as they are."""
    running: Callable[[Any], Iterable[str]] = lambda rest: ()
    """Streams that speak whether anybody listens or not."""
    mishap: Callable[[Any, str, str], None] = lambda rest, kind, symbol: None
    """What a fault of the whole venue does beside the market: REST side, kind, and the symbol or
    name it is about. Raises ValueError for a name there is not."""
    snapshot: Callable[[str, int, int, int, str, str], bytes]
    """A full book as REST gives it: symbol, last id, event ms, transaction ms, bids, asks."""
    wrapped: Callable[[str, bytes], bytes] = lambda stream, payload: payload
    """The combined form of a payload: stream name and payload."""
    stamped: Callable[[str, bytes], tuple[str, int] | None] | None = None
    """What a stream's message is called in a file of stamps (`connector.sim.stamps`), and its id;
    None: its stream and the id in it."""
    retry_after: Callable[[str], str] = lambda path: "Retry-After"
    """The header that says when to come back, of answers on that path."""
    serves: Callable[[str, str], bool]
    """Whether REST has something behind that method and path; orders and accounts included."""
    rest: Callable[[int, Matching | None, OrderSetup, int], Rest]
    """The REST side with that weight a minute; with a matching engine and accounts also the order
    side. The last is now in ms. Raises ValueError for accounts that cannot be."""
    order_refusal: OrderRefusal
    """What is answered to an order that the matching engine refuses."""
    lets_go: Mapping[Reason, EndReason] = field(default_factory=dict)
    """What the engine refuses and the venue takes, to let go of it at once: the order ends so."""
    rules: Callable[[bytes], list[Rules]]
    """What an instruments answer demands of orders; raises ValueError naming the fault."""
    exchange_info: Callable[[Iterable[Contract], int, int], bytes]
    """An instruments answer: contracts, now in ms, weight a minute."""
    mishaps: Callable[[str], Sequence[Mishap]]
    """What the demo lets go wrong: changes of that symbol's book are lost so that a client can
    notice, and the answer to one new order is."""
    contracts: Callable[[bytes], list[Contract]]
    """The tradable ones of an instruments answer; raises ValueError naming the fault."""
    funds: Mapping[str, int]
    """What an account starts with unless told otherwise, in units of 1e-8 of each asset."""
    credentials: Callable[[SimAccount, Sequence[str]], Mapping[str, str]] = key_and_secret
    """What a client needs to trade with a new account, by name, key and secret among it; the other
    argument is what is listed."""
    profiles: Sequence[str] = ()
    """States of its published interface that the venue can speak; the usual one first."""
    invented: Callable[[int], str] = "SIM{:03d}USDT".format
    """What a contract is called that nobody lists, by its number."""
    written: Callable[[str], str] = lambda letters: letters
    """A throw-away key of these letters, as keys look here."""
    promised: Callable[[bytes], int]
    """The weight a minute that an instruments answer promises; raises ValueError."""
    tape: Tape


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
