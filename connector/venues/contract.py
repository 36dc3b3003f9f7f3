"""What a venue must provide: data first, then a handful of pure functions.

The shell (``transport``, ``market``, ``app``) knows a venue only through this page. If it ever
needs to ask which venue it serves, a field is missing here. ``load("binance_usdm")`` imports the
folder and takes its ``VENUE``; there is no registry to edit.
"""

import importlib
import pkgutil
from collections.abc import Callable, Generator, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from connector.errors import ConfigError
from connector.model.instrument import Instrument
from connector.venues.access_contract import Access as Access
from connector.venues.access_contract import Keeper as Keeper
from connector.venues.access_contract import NoEntry as NoEntry
from connector.venues.channels import Channel as Channel
from connector.venues.dialogue import MakeDialogue
from connector.venues.endpoint import Cost as Cost
from connector.venues.endpoint import Endpoint as Endpoint
from connector.venues.endpoint import Permission as Permission
from connector.venues.endpoint import Request as Request
from connector.venues.endpoint import Retry as Retry
from connector.venues.endpoint import Security as Security
from connector.venues.endpoint import Status as Status
from connector.venues.histories import Archive as Archive
from connector.venues.inquiry import Inquiry as Inquiry
from connector.venues.stream_events import ContractInfo as ContractInfo
from connector.venues.stream_events import DepthLevels as DepthLevels
from connector.venues.stream_events import Index as Index
from connector.venues.stream_events import Kline as Kline
from connector.venues.stream_events import Liquidation as Liquidation
from connector.venues.stream_events import MarketHours as MarketHours
from connector.venues.stream_events import StreamEvent as StreamEvent
from connector.venues.stream_events import Ticker as Ticker

if TYPE_CHECKING:
    from connector.venues.trading_contract import Trading


class Bases(Enum):
    """Where the whole book comes from that depth messages change."""

    ASKED = "asked"
    """From a REST answer, whenever one is wanted."""
    STREAMED = "streamed"
    """On the stream itself, after the subscription and again and again (``Book``): each is also an
    audit of the book that is kept. Depth messages have ids that rise without saying what came
    before (``prev_id`` 0), so a gap cannot be seen, and two lines must never feed one book."""
    EITHER = "either"
    """Asked for after the subscription, and streamed whenever the venue likes; neither names the
    other's messages, so times join them. Messages have numbers where the stream counts them."""


class Outcome(Enum):
    """What an HTTP answer means for whoever asked."""

    OK = "ok"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    THROTTLED = "throttled"
    BANNED = "banned"
    NOT_EXECUTED = "not executed"
    """Certain failure on the venue's side; trying again later is safe."""
    ALREADY = "already"
    """Refused because everything is as wanted; only of `Venue.judge_change`."""


class Answer(Struct, frozen=True):
    """What an HTTP answer was judged to be."""

    outcome: Outcome
    code: int = 0
    """The venue's own code, 0 when it gave none."""
    message: str = ""
    retry_after_ns: int = 0
    """Send nothing for this long; set for THROTTLED and BANNED, the venue's word or a guess."""
    until_ns: int = 0
    """The same as an instant of the venue's wall clock; 0: the venue named none."""
    alone: bool = False
    """THROTTLED: it is about the pool that was asked, and others may go on."""


class Pool(Struct, frozen=True):
    """A rate limit: at most ``limit`` units in each window of ``window_ns``."""

    name: str
    limit: int
    window_ns: int
    header: str = ""
    """Response header (lower case) that carries the venue's own count, if there is one.

    Several pools may share a name (orders per 10 s and per minute): then all of them apply."""
    reserve: float = 0.1
    """Share of it that new orders and questions leave to cancels and amends."""


class Heartbeat(Struct, frozen=True):
    """How a connection is kept alive and when it counts as dead."""

    pong_by_venue_ping: bool = True
    ping_every_ns: int = 0
    """Send our own ping this often; 0: never."""
    ping: Callable[[int], bytes] | None = None
    """The message that is sent then, with its id; the answer is a ``Control`` of that id."""
    silence_ns: int = 60_000_000_000
    """Drop the connection when nothing at all arrived for this long. Where pings of our own are
    answered in data frames, they count, so that even a connection of quiet streams is judged."""
    lifetime_ns: int = 0
    """The venue cuts a connection after this long; it is replaced before. 0: never."""


class Limits(Struct, frozen=True):
    """What one connection may do."""

    streams: int
    messages: int
    """Client messages in any window of ``window_ns``, pings and pongs counted."""
    window_ns: int
    connects: int
    """Connection attempts in any window of ``connects_window_ns``, per source address."""
    connects_window_ns: int
    streams_per_message: int
    max_message: int
    """Bytes of the largest message that is accepted from the venue."""
    open: int = 0
    """Connections that a client may have open at once, private ones counted; 0: the venue names no
    number."""


class Route(Struct, frozen=True):
    """One class of WebSocket URL and the channels it serves."""

    name: str
    path: str
    channels: frozenset[Channel]


class Subscription(Struct, frozen=True):
    """One stream of one instrument."""

    instrument: str
    channel: Channel
    stream: str
    """The name by which it is asked for and granted. Instruments may share one, which is then asked
    for once a connection."""
    quiet_ns: int
    """LIVE turns STALE when the stream is silent for longer (its normal rate, with a wide
    margin)."""
    period_ns: int = 0
    """The venue sends at most one message in each period of this length; 0: as they happen."""
    sparse: bool = False
    """It may say nothing for hours though nothing is wrong: silence is no reason to ask anew."""
    about: str = ""
    """The name its events bear in place of the instrument's symbol (``Event.symbol``), where their
    messages name something else: a pair, an asset, an index. Instruments may share one, and each
    gets the event."""


class Listing(Struct, frozen=True):
    """The instruments of a venue's answer, and one sentence for each symbol that could not be
    used."""

    instruments: list[Instrument]
    faults: list[str]
    """Each names the symbol and the field, e.g. ``BTCUSDT: PRICE_FILTER.tickSize: missing``."""
    venue_ns: int = 0
    """The venue's time of the answer, to tell a late copy from a new one; 0: it gives none."""


class Control(Struct, frozen=True):
    """A frame that answers a control message."""

    request_id: int | None
    ok: bool
    fatal: bool = False
    """The venue closes the connection after this one."""
    message: str = ""
    result: Any = None


class Depth(Struct, frozen=True, gc=False):
    """One depth message in scaled integers, flat ``[price_e, qty_e, ...]`` sides; the oracle's form
    of a BookDelta."""

    symbol: str
    first_id: int
    last_id: int
    prev_id: int
    venue_ns: int
    transaction_ns: int
    bids: list[int]
    asks: list[int]


class Snapshot(Struct, frozen=True):
    """A full book at ``last_id`` in scaled integers, flat sides, best first."""

    last_id: int
    venue_ns: int
    bids: list[int]
    asks: list[int]


class Book(Struct, frozen=True):
    """A full book that came on the stream, in scaled integers, flat sides, best first."""

    symbol: str
    last_id: int
    venue_ns: int
    depth: int
    """It shows so many levels a side, and so do the messages that follow; 0: all there are."""
    bids: list[int]
    asks: list[int]


class Bbo(Struct, frozen=True, gc=False):
    symbol: str
    update_id: int
    venue_ns: int
    transaction_ns: int
    bid_price_e: int
    bid_qty_e: int
    ask_price_e: int
    ask_qty_e: int


class Trade(Struct, frozen=True, gc=False):
    symbol: str
    trade_id: int
    first_trade_id: int
    last_trade_id: int
    venue_ns: int
    transaction_ns: int
    price_e: int
    qty_e: int
    normal_qty_e: int
    side: int
    """The aggressor: 1 buy, 2 sell."""
    aggregate: bool
    origin: int
    """1 market; 2 anything else the venue mixes in (insurance fund and the like): not a market
    price."""


class History(Struct, frozen=True):
    """Trades from before the subscription: nobody's news, but the stream speaks."""

    symbol: str


class Traded(Struct, frozen=True, gc=False):
    """What trades say of the book, where their messages carry ids of one count: it comes to
    ``book_id``, and at exactly that id ``ABSENT`` or the price on each side beyond which nothing
    can be left."""

    symbol: str
    book_id: int
    bid_most_e: int
    """No bid is above it."""
    ask_least_e: int
    """No ask is below it."""


class MarkPrice(Struct, frozen=True, gc=False):
    symbol: str
    venue_ns: int
    mark_e: int
    index_e: int
    settle_e: int
    average_e: int
    rate_e: int
    next_funding_ns: int


class UnknownEvent(Struct, frozen=True):
    """A well-formed event this version does not know."""

    kind: str


class Unreadable(Struct, frozen=True):
    """One event of several in a message, which the others do not suffer from."""

    words: str


class Voided(Struct, frozen=True):
    """The book that is kept is not the venue's any more, and nothing on the stream says why or
    brings it back."""

    symbol: str
    why: str


class UnknownSymbol(Struct, frozen=True):
    """A known event of a symbol that is not configured."""

    symbol: str
    kind: str


Event = (
    Depth
    | Book
    | Bbo
    | Trade
    | Traded
    | History
    | MarkPrice
    | StreamEvent
    | Control
    | UnknownEvent
    | Unreadable
    | UnknownSymbol
    | Voided
)


Pieces = Generator[None, None, tuple[Listing, tuple["Pool", ...]]]
"""Decodes an instruments answer: listing and limits."""


class Scales(Protocol):
    """Gives the exponents of a symbol, or of a name that a subscription is about; None when it is
    not configured."""

    def __call__(self, symbol: str) -> Instrument | None: ...


class Venue(Struct, frozen=True, kw_only=True):
    """A venue: its market side, and what it offers for trading."""

    folder: str
    name: str
    """The exchange name strategies use, e.g. ``BinanceU``."""
    rest_url: str
    ws_url: str
    config: type[Struct]
    """The venue's own section of the configuration; unknown keys are refused."""
    configured: "Callable[[Any], Venue]"
    """The venue as that section wants it: other hosts, other routes."""
    routes: tuple[Route, ...]
    heartbeat: Heartbeat
    limits: Limits
    pools: tuple[Pool, ...]
    endpoints: Mapping[str, Endpoint]
    lines: int
    """How many connections may serve the same depth stream at once (1: the ids do not allow
    more)."""
    bases: Bases = Bases.ASKED
    fixed_scale: bool = False
    """Whether the venue writes integers whose scale is the instrument's: an instrument whose
    exponents change cannot be read on in the old ones."""
    codec: Callable[[Any], Any]
    """Makes the compiled codec of a market segment (see ``_speedups.codec_<name>``)."""

    instruments_request: Callable[[], Request]
    instruments: Callable[[bytes], Listing]
    """Decode the instruments answer; one bad symbol does not lose the others. Raises ValueError
    when the whole answer cannot be read."""
    pools_of: Callable[[bytes], tuple[Pool, ...]]
    """The limits the venue states itself in that answer."""
    instruments_in_pieces: Callable[
        [bytes], Generator[None, None, tuple[Listing, tuple[Pool, ...]]]
    ]
    """Both of them, with a pause wherever the loop may turn."""
    subscription: Callable[
        [Instrument, Channel, Mapping[str, Any]], Subscription | tuple[Subscription, ...]
    ]
    """The stream of a channel, or all of them where there is one a number."""
    subscribe: Callable[[Sequence[str], int], bytes]
    unsubscribe: Callable[[Sequence[str], int], bytes] | None
    """None: the venue cannot end one stream alone, so another connection takes the place."""
    inquiry: Inquiry | None = None
    """How it is asked what a connection carries; None: it cannot be asked."""
    snapshot_request: Callable[[Instrument], Request]
    snapshot: Callable[[bytes, Instrument], Snapshot]
    dialogue: MakeDialogue | None = None
    """The venue's own way to talk on a connection; None: control messages are asked and answered
    one by one."""
    decode: Callable[[bytes, Scales], Event | list[Event]]
    """The msgspec decoder: total, the oracle of the compiled codec. Raises ValueError on what is
    not an event."""
    judge: Callable[[int, Mapping[str, str], bytes], Answer]
    """Classify an HTTP answer from status, headers (any case) and body."""
    judge_change: Callable[[int, Mapping[str, str], bytes], Answer] | None = None
    """The same for a call that may have changed something: what is not known to prove anything is
    UNKNOWN. None: ``judge``, where a refusal without a code of the venue proves nothing."""
    used: Callable[[Mapping[str, str]], Mapping[str, int]]
    """The venue's own counts by header name (lower case, as in ``Pool.header``); what it did not
    give is absent."""

    instruments_endpoint: str
    snapshot_endpoint: str
    """The names of those two in ``endpoints``; recordings are searched for their answers."""
    recorded: Callable[[bytes], str]
    """The endpoint whose answer a recorded line without an URL is, by name; "" when it is a
    stream's frame."""
    depth_stream: Callable[[bytes], tuple[str, str]]
    """The symbol and the stream's name of a frame that changes a book, "" for every other frame and
    where the frame names no stream; cheap and never raises."""
    wire_instrument: Callable[[str, bytes], Instrument]
    """An instrument as the text of a snapshot or a depth message shows it: decimals as written, the
    grid that fits its prices."""

    next_page: Callable[[Request, bytes], Request | None] | None = None
    """Where the instruments come in several answers: what is asked after this request and its
    answer; None: that was the last. Each answer can be read by itself. Raises ValueError."""
    histories: Mapping[str, Archive] = {}
    """What can be downloaded of the past, by name."""
    trading: "Trading | None" = None
    """The order side; None: market data only."""
    access: Access | None = None
    """How its user logs in; None: requests are public or signed with a key."""
    unwritten: tuple[str, ...] = ()
    """Parameters and JSON keys whose values are never written down, beside `Trading.unwritten`."""


def load(name: str) -> Venue:
    """The venue called ``name``: its folder or its exchange name, any case."""
    wanted = name.lower()
    for folder in folders():
        venue = _take(folder)
        if wanted in (folder, venue.name.lower()):
            return venue
    known = ", ".join(f"{folder} ({_take(folder).name})" for folder in folders())
    raise ConfigError(f"no venue {name!r}; there are: {known}")


@cache
def folders() -> tuple[str, ...]:
    """The folders under ``connector/venues``."""
    import connector.venues

    found = pkgutil.iter_modules(connector.venues.__path__)
    return tuple(sorted(each.name for each in found if each.ispkg))


def _take(folder: str) -> Venue:
    venue = importlib.import_module(f"connector.venues.{folder}").VENUE
    assert isinstance(venue, Venue)
    return venue
