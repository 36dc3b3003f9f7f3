"""What a venue must provide for trading: data first, then pure functions; beside `contract.Venue`.

Numbers are integers in the instrument's scale, money in 10^-8 of its asset, exact; None where the
venue said nothing. ``order_id`` is the venue's id where that is a number, ``venue_order_id`` where
it is a text; exactly one of them is given once the venue has named the order.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from connector._speedups.encoder import OrderEncoder
from connector._speedups.order_reader import OrderReader
from connector._speedups.segment import Segment
from connector.model.enums import Word
from connector.model.instrument import Instrument
from connector.model.intents import (
    Action,
    CommandFlag,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    TimeInForce,
    WorkingType,
)
from connector.model.records import Side
from connector.model.reports import BalanceReason, EndReason, Field, OrderStatus
from connector.venues.contract import Control, Cost, Pool, Request, Scales
from connector.venues.setup_contract import Setup

if TYPE_CHECKING:
    from connector.venues.account_dialogue import MakeAccountDialogue

MONEY_EXPONENT = 8
"""Fees, balances and profits are integers of 10^-8."""


class Signer(Protocol):
    """Signs for one key; prints and pickles as nothing."""

    @property
    def key(self) -> str:
        """The public half, as the venue wants it in its header."""

    def sign(self, payload: bytes) -> bytes:
        """The signature of ``payload`` as text (hex or base64), not yet percent-encoded."""

    @property
    def means(self) -> str:
        """What signs, for the log: the kind of key and the code that works with it."""

    def count_in(self, segment: Segment) -> None:
        """Count the signatures that had to do without the machine's own library."""


class Transport(Word):
    """How an account's orders travel."""

    HTTP = "http"
    WS_API = "ws_api"


# What is asked of the venue


class Intent(Struct, frozen=True, kw_only=True):
    """One command as an encoder takes it; the Python twin of ``Command`` in layout_orders.pxd."""

    action: Action
    instrument: Instrument | None = None
    """None only for what does not concern one instrument."""
    client_order_id: str = ""
    """Always given for PLACE; else this or an id of the venue."""
    order_id: int | None = None
    venue_order_id: str = ""
    side: Side = Side.BUY
    order_type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.NONE
    position_side: PositionSide = PositionSide.BOTH
    price_e: int | None = None
    qty_e: int | None = None
    """AMEND: the new total."""
    stop_price_e: int | None = None
    activation_price_e: int | None = None
    callback_rate_e: int | None = None
    """A fraction, in 10^-8."""
    mark_price_e: int = 0
    """Trailing orders: the mark price in 10^-8 when they are sent, 0: not known. For venues that
    want a difference of prices where the owner gives a rate."""
    good_till_ns: int | None = None
    working_type: WorkingType = WorkingType.DEFAULT
    self_trade: SelfTrade = SelfTrade.DEFAULT
    price_match: PriceMatch = PriceMatch.NONE
    flags: CommandFlag = CommandFlag(0)
    conditional: bool = False
    """AMEND, CANCEL, QUERY: the order has not been triggered and lives in the venue's service for
    conditional orders."""


class CannotEncode(ValueError):
    """The venue has no such order; ``field`` is what it cannot do, the text names what it can."""

    def __init__(self, field: Field, text: str) -> None:
        super().__init__(text)
        self.field = field


class NotNamed(CannotEncode):
    """It takes the venue's id of the order, which nobody has told yet: a cancel is pursued until
    it can be sent."""


class OrderOutcome(Word):
    """What the answer to an order request proves."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Final: the venue did not do it and will not."""
    UNKNOWN = "unknown"
    """It may have been done: find out."""
    NOT_EXECUTED = "not executed"
    """Certainly not done, for a reason that passes. New orders are not sent again all the same."""
    THROTTLED = "throttled"
    BANNED = "banned"
    CLOCK = "clock"
    """Not done: our time is off by the venue's clock."""
    AUTH = "auth"
    """Not done, and nothing will be with this key."""
    ALREADY = "already"
    """The state is as wanted."""
    GONE = "gone"
    """A cancel, amend or query of an order that is not open (any more): ask what became of it."""


class OrderAnswer(Struct, frozen=True):
    """The venue's answer to one order request, or to one element of a batch."""

    outcome: OrderOutcome
    status: int = 0
    """HTTP status, or the one of the venue's WebSocket API."""
    code: int = 0
    """The venue's own code; 0: none."""
    body: str = ""
    """The venue's words as they came, for the strategy."""
    order: "OrderEvent | None" = None
    """What it says about the order, when it says something."""
    retry_after_ns: int = 0
    until_ns: int = 0
    """BANNED: until then by the venue's clock, if it says so; 0: ``retry_after_ns`` from now."""
    orders_only: bool = False
    """THROTTLED: it is the account's orders that are too many; what is none may still be sent."""
    alone: bool = False
    """THROTTLED: it is about the pool that was asked, and others may go on."""
    reconcile: bool = False
    """REFUSED for good, but order or position may not be what we think: ask the venue."""


# What the venue tells


class Source(Word):
    """Where an event comes from; the more it knows the later it may win."""

    STREAM = "stream"
    LITE = "lite"
    """A fast fill message without status or totals; the full one follows."""
    ANSWER = "answer"
    """The answer to our own request."""
    QUERY = "query"
    """Asked for: single orders, lists of open orders, lists of fills."""
    HISTORY = "history"
    """Told at the beginning of a stream: what happened before it, once more or for the first
    time."""


class Execution(Word):
    """What happened to the order in this event."""

    NEW = "new"
    TRADE = "trade"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    AMENDED = "amended"
    TRIGGERED = "triggered"
    STATE = "state"
    """Nothing: this is how it stands."""


class OrderEvent(Struct, frozen=True, kw_only=True):
    """One thing a venue says about one order, whatever the channel."""

    source: Source
    execution: Execution
    status: OrderStatus | None = None
    """None: not said (LITE)."""
    symbol: str
    client_order_id: str = ""
    order_id: int | None = None
    venue_order_id: str = ""
    conditional: bool = False
    """The ids are those of the service for conditional orders."""
    born_order_id: int | None = None
    """A triggered conditional order: the id of the normal order it became."""
    side: Side | None = None
    order_type: OrderType | None = None
    time_in_force: TimeInForce | None = None
    position_side: PositionSide = PositionSide.BOTH
    reduce_only: bool = False
    price_e: int | None = None
    qty_e: int | None = None
    filled_qty_e: int | None = None
    """Cumulative, as the venue counts."""
    cost_e: int | None = None
    """Cumulative: what ``filled_qty_e`` cost together, the sum of price times quantity in both
    scales. Given by venues whose messages count and do not name every fill: what it tells beyond
    the known fills is booked at once, without a name, and what is named later is no second fill."""
    average: str = ""
    """Average price of the fills as the venue writes it; "": not said."""
    stop_price_e: int | None = None
    last_qty_e: int = 0
    last_price_e: int | None = None
    trade_id: int | None = None
    venue_trade_id: str = ""
    maker: bool | None = None
    fee_e: int | None = None
    """In 10^-8; a rebate is negative."""
    fee_asset: str = ""
    realised_e: int | None = None
    reason: EndReason = EndReason.NONE
    words: str = ""
    """The venue's own words for the reason, where it has some."""
    liquidation: bool = False
    """The venue's own order: liquidation, auto-deleveraging, settlement."""
    venue_ns: int = 0
    """Event time, Unix; orders events of all sources."""
    transaction_ns: int = 0
    fee_listed_e: int | None = None
    """A fill from a list whose fees may have either sign: the fee as it is there, in 10^-8."""
    fills: "tuple[OrderEvent, ...]" = ()
    """The order's fills, oldest first, where the venue lists them with it: they go before."""
    passing: bool = False
    """It does not say how the order stands, and another event does soon, or the venue is asked: as
    when an order is taken off the book to be put back amended."""
    unfit: str = ""
    """A number of what was filled that the instrument's scale does not hold, by its name and as the
    venue writes it; what of it the scale holds is in the event. It is counted and logged."""

    @property
    def anonymous(self) -> bool:
        """A listed fill: perhaps of an own order whose id nobody told yet."""
        return self.status is None and not self.client_order_id


class BalanceEvent(Struct, frozen=True, kw_only=True):
    asset: str
    wallet_e: int
    available_e: int | None = None
    change_e: int | None = None
    reason: BalanceReason = BalanceReason.OTHER
    symbol: str = ""
    """Whose funding it was, where the venue says it."""
    venue_ns: int = 0


class PositionEvent(Struct, frozen=True, kw_only=True):
    symbol: str
    position_side: PositionSide
    qty_e: int
    """Short is negative."""
    entry: str = ""
    """Average entry price as the venue writes it."""
    unrealised_e: int | None = None
    realised_e: int | None = None
    isolated: bool = False
    leverage: int = 0
    """0: not said."""
    venue_ns: int = 0


class AccountConfigEvent(Struct, frozen=True, kw_only=True):
    symbol: str = ""
    leverage: int = 0
    multi_assets: bool | None = None
    hedge: bool | None = None
    venue_ns: int = 0


class MarginCallEvent(Struct, frozen=True, kw_only=True):
    symbol: str
    position_side: PositionSide
    qty_e: int
    mark_e: int
    unrealised_e: int
    maintenance_e: int
    isolated: bool = False
    wallet_e: int | None = None
    venue_ns: int = 0


class StreamExpired(Struct, frozen=True):
    """The private stream's key ended: the connection stays open and says nothing any more."""

    venue_ns: int = 0


class UnknownUserEvent(Struct, frozen=True):
    """A well-formed private event this version does not know."""

    kind: str


AccountEvent = BalanceEvent | PositionEvent | AccountConfigEvent | MarginCallEvent
UserEvent = OrderEvent | AccountEvent | StreamExpired | UnknownUserEvent


# The venue


class StreamKey(Struct, frozen=True, kw_only=True):
    """A key that stands in a private stream's URL and has a life of its own."""

    start: Callable[[], Request]
    """Create the key, or learn the one that exists."""
    read: Callable[[bytes], str]
    """The key in that answer; it is a secret: never logged. Raises ValueError."""
    keep: Callable[[], Request] | None
    """Extend the key's life."""
    keep_every_ns: int


class Logon(Struct, frozen=True, kw_only=True):
    """Messages by which a connection becomes a private one."""

    messages: Callable[[Signer, int], Sequence[bytes]]
    """Signer and the venue's time in ns; each is sent when the one before it was granted."""
    answer: Callable[[bytes], Control | None]
    """What a frame says of one of our messages; ``fatal``: the connection is of no use. None: it is
    an event. Raises ValueError."""


class PrivateStream(Struct, frozen=True, kw_only=True):
    """How a venue's private stream is opened, kept and read."""

    key: StreamKey | None = None
    """None: the URL is the same for everybody."""
    logon: Logon | None = None
    """None: the URL alone makes it private."""
    target: Callable[[str], str]
    """Path and query of the WebSocket for this key, "" where there is none."""
    decode: Callable[[bytes, Scales], Sequence[UserEvent]]
    """The events of one frame. Total: unknown fields and values never lose the known ones; raises
    ValueError on what is not an event."""
    echo_ns: int
    """An accepted order must be told by the stream within this time, else the stream has a gap."""
    dialogue: "MakeAccountDialogue | None" = None
    """Makes what reads every frame of an account's connection and talks on it, where the venue has
    a protocol of its own; ``key``, ``logon`` and ``reader`` are not used then. None: frames are
    events."""
    reader: Callable[[], OrderReader] | None = None
    """Makes the compiled reader (``_speedups.events_<name>``) of what happens to orders all day: it
    says what ``decode`` says, or leaves the frame to it. None: ``decode`` reads everything."""


Instruments = Sequence[Instrument]
"""Those the account may have something in; a venue that lists everything at once need not care."""


class Lookups(Struct, frozen=True, kw_only=True):
    """What can be asked for reconciling: requests (unsigned) and how their answers are read.

    What takes several requests is complete when all of them are answered. Every decoder raises
    ValueError on what it cannot read."""

    time: Callable[[], Request]
    server_ns: Callable[[bytes], int]
    order: Callable[[Intent], Request]
    """One order by its ids (action QUERY)."""
    order_event: Callable[[bytes, Scales], OrderEvent]
    open_orders: Callable[[Instruments], Sequence[Request]]
    """Normal and conditional ones."""
    order_events: Callable[[bytes, Scales], Sequence[OrderEvent]]
    """A list of orders, of either kind."""
    fills: Callable[[Instrument, int | str | None, int, int], Request]
    """Own fills of an instrument: those of the order with this id of the venue, or, where it is not
    known or the venue has no such question, those from a time on (Unix ns); at most so many."""
    fill_events: Callable[[bytes, Scales], Sequence[OrderEvent]]
    """As TRADE events of source QUERY, oldest first."""
    positions: Callable[[Instruments], Sequence[Request]]
    position_events: Callable[[bytes, Scales], Sequence[PositionEvent]]
    """A time of 0 stands for when it was asked."""
    balances: Callable[[Instruments], Sequence[Request]]
    balance_events: Callable[[bytes], Sequence[BalanceEvent]]
    """Likewise."""
    config: Callable[[], Request] | None = None
    """None: the venue has no such question."""
    config_event: Callable[[bytes], AccountConfigEvent] | None = None
    since: Callable[[Instrument, int], Request] | None = None
    """Every order of an instrument since a time (Unix ns), read by ``order_events``: where the
    venue can neither be asked for a client id nor tells it, an order whose id of the venue is not
    known is found by what it looks like. None: the venue knows client ids."""
    next_page: Callable[[Request, bytes], Request | None] | None = None
    """Where lists come in several answers: what is asked after this request and its answer; None:
    that was the last. Raises ValueError."""
    limits: Callable[[], Request] | None = None
    """What the account may order, which may differ from what everybody may; None: it does not."""
    limit_pools: Callable[[bytes], Sequence[Pool]] | None = None


class Denial(Struct, frozen=True):
    """What it takes until a venue's word that it does not know an order, or that an order is not
    changed, proves anything."""

    lag_ns: int = 2_000_000_000
    """What is asked may be so far behind what has happened."""
    times: int = 1
    """How often an order that may have been placed must be denied, each time asked ``lag_ns`` after
    the last denial was heard: so it proves the same at a venue that is so many times as late."""


class ApiRequest(Struct, frozen=True, kw_only=True):
    """One message of a venue's WebSocket order API, and what it costs as `Request` does."""

    number: int
    """Its answer carries the same."""
    frame: bytes
    name: str
    weight: int
    pool: str
    orders: tuple[Cost, ...] = ()
    signed: bool = True
    """False: it relies on the connection being logged on."""


class Charge(Struct, frozen=True, kw_only=True):
    """What a request costs, as `Request` says it."""

    name: str
    weight: int
    pool: str
    orders: tuple[Cost, ...] = ()


class Encoded(Struct, frozen=True):
    """A complete request over HTTP as the compiled encoder writes it, head and all."""

    data: bytes
    charge: Charge

    @property
    def name(self) -> str:
        return self.charge.name

    @property
    def weight(self) -> int:
        return self.charge.weight

    @property
    def pool(self) -> str:
        return self.charge.pool

    @property
    def orders(self) -> tuple[Cost, ...]:
        return self.charge.orders


Message = Request | ApiRequest | Encoded
"""A request by any way."""


class ApiAnswer(Struct, frozen=True):
    """A message of the order API as HTTP would have answered."""

    number: int | None
    """The request it answers; None: it is about the connection, which is of no more use when the
    status is an error."""
    status: int
    headers: Mapping[str, str]
    """The venue's own counts, by the names `Venue.used` reads."""
    body: bytes
    """For `Trading.judge`."""


class OrderApi(Struct, frozen=True, kw_only=True):
    """A venue's order API over WebSocket. Answers come in any order; a lost connection makes every
    request in flight unknown."""

    url: str
    encode: Callable[[Intent, Signer, int, int, bool], ApiRequest | None]
    """Intent, signer, the venue's time in ns, the request's number (never twice in a process),
    whether the connection is logged on. None: it goes over HTTP. Raises CannotEncode."""
    logon: Callable[[Signer, int, int], ApiRequest | None]
    """None: each request is signed instead."""
    encoder: Callable[[Signer], OrderEncoder | None] | None = None
    """Makes the compiled encoder of a signer's requests, for connections that are not logged on;
    what they cost is in `Trading.charges`. None as for `Trading.encoder`."""
    decode: Callable[[bytes], ApiAnswer]
    """Raises ValueError on what is no answer."""
    handshake_weight: int
    lifetime_ns: int


class Batches(Struct, frozen=True, kw_only=True):
    """Several orders in one HTTP request."""

    most: Mapping[Action, int]
    """How many; an action that is not here has no batches."""
    together: Callable[[Intent], Hashable | None]
    """Intents for which this is the same may share a request; None: it has to go alone."""
    encode: Callable[[Sequence[Intent], Signer, int], Request]
    """Intents of one action. Raises CannotEncode."""
    judge: Callable[[Action, int, int, Mapping[str, str], bytes, Scales], Sequence[OrderAnswer]]
    """Action, number of elements, then as `Trading.judge`: one answer for each, in their order."""


class Trading(Struct, frozen=True, kw_only=True):
    """A venue, order side."""

    transports: tuple[Transport, ...]
    signer: Callable[[str, bytes, str], Signer]
    """Public key, secret, kind of key ("hmac", "ed25519", "rsa"). Raises ValueError."""
    key_kinds: tuple[str, ...]
    """The usual one first."""
    secret: bool = True
    """An account has a secret of its own; False: who has logged in may trade with it."""
    amends: bool = True
    """Open orders can be changed; False: they are cancelled, and placed anew."""
    reduces: bool = True
    """An order can be bound to a position; False: no strategy's positions are closed for it."""
    encode: Callable[[Intent, Signer, int], Request]
    """Intent, signer, the venue's time in ns: the complete signed request. The oracle of the
    compiled encoder and the path of everything rare. Raises CannotEncode."""
    sign: Callable[[Request, Signer, int], Request]
    """Sign any request of `Lookups` or the stream's key, as its endpoint demands."""
    encoder: Callable[[Signer, str, str], OrderEncoder | None] | None
    """Makes the compiled encoder (``_speedups.orders_<name>``) of a signer for a host and the path
    in front of the venue's, or None when it cannot sign with that key; None: every order goes
    through ``encode``."""
    charges: Mapping[Action, Charge]
    """What the requests of the compiled encoder cost, whatever is in them."""
    judge: Callable[[Action, int, Mapping[str, str], bytes, Scales], OrderAnswer]
    """What an answer proves."""
    window_ns: int
    """The venue executes a request until its timestamp plus this, by its own clock."""
    pools: tuple[Pool, ...]
    """Order pools, per account; beside the venue's own pools, which are per address."""
    client_id: str
    """Regular expression a client order id must match whole."""
    unwritten: tuple[str, ...]
    """Parameters and JSON keys of requests, answers and events whose values are never written
    down: signatures and keys."""
    stream: PrivateStream
    lookups: Lookups
    countdown: Callable[[Instrument, int], Request] | None = None
    """Let the venue cancel everything of an instrument after so many ms unless renewed; None: the
    venue cannot."""
    api: OrderApi | None = None
    batches: Batches | None = None
    denial: Denial = Denial()
    setup: Setup | None = None
    """How accounts are set up; None: the connector changes nothing there."""

    @property
    def order_pools(self) -> tuple[str, ...]:
        """Names of the pools that a new order counts in."""
        charge = self.charges.get(Action.PLACE)
        if charge is None:
            return ()
        weighed = (charge.pool,) if charge.weight else ()
        return tuple(dict.fromkeys([*weighed, *(cost.pool for cost in charge.orders)]))
