"""What the tracker wants done, in order: its caller journals the reports and sends the rest."""

from msgspec import Struct

from connector.model.intents import Action
from connector.model.order import Order
from connector.model.reports import Field, ReportFlag, Result, Update
from connector.venues.trading_contract import OrderEvent

NO_PLACE = -1
"""No place in the directory."""


class Report(Struct, frozen=True, kw_only=True):
    """An OrderReport: the order with its totals as they were at this very event."""

    order: Order
    update: Update
    status: int
    reason: int
    filled_qty_e: int
    average_e: int
    average_exponent: int
    flags: int = 0
    """ReportFlag, or-ed."""
    last_qty_e: int = 0
    last_price_e: int | None = None
    trade_id: int | None = None
    venue_trade_id: str = ""
    fee_e: int | None = None
    fee_asset: str = ""
    realised_e: int | None = None
    venue_ns: int = 0


class Detail(Struct, frozen=True, kw_only=True):
    """A FillDetail: what a second source adds to a fill that was reported."""

    order: Order
    trade_id: int | None
    last_qty_e: int
    """Of the fill: one that was inferred may turn out to be several."""
    last_price_e: int
    venue_trade_id: str = ""
    fee_e: int | None = None
    fee_asset: str = ""
    realised_e: int | None = None
    flags: int = 0
    """ReportFlag, or-ed."""
    venue_ns: int = 0


class Answered(Struct, frozen=True, kw_only=True):
    """A CommandAnswer."""

    strategy: str
    order: Order | None
    account: int
    command: int
    action: Action
    ref_id: str
    result: Result
    code: int
    """As ``CommandAnswerBody.code``."""
    http_status: int = 0
    venue_code: int = 0
    text: str = ""
    field: Field = Field.NONE
    value_e: int = 0
    limit_e: int = 0
    settled: bool = False
    batch: int = 0
    sent_ns: int = 0
    instrument: int = NO_PLACE
    """The command's, in the directory; what the order says goes before."""


class Ask(Struct, frozen=True):
    """Query this order; give the answer to ``Tracker.event`` or, not found, ``Tracker.absent``."""

    order: Order


class AskFills(Struct, frozen=True):
    """Query the fills of this order's instrument; give each to ``Tracker.event``."""

    order: Order
    spare: bool = False
    """It can wait: only while the venue's limits leave plenty."""


class SendCancel(Struct, frozen=True):
    """Cancel this order (again); tell ``Tracker.requested``."""

    order: Order


class StreamGap(Struct, frozen=True):
    """The private stream of this account keeps something back: new key, new socket, reconcile."""

    account: int
    why: str


_FOREIGN, _SNAPSHOT, _CONDITIONAL = map(
    int, (ReportFlag.FOREIGN, ReportFlag.SNAPSHOT, ReportFlag.CONDITIONAL)
)

Effect = Report | Detail | Answered | Ask | AskFills | SendCancel | StreamGap


def state_of(order: Order) -> Report:
    """How an order stands, for a snapshot."""
    return report_of(order, Update.STATE, None, _SNAPSHOT, None)


def report_of(
    order: Order, update: Update, event: OrderEvent | None, flags: int, fill: OrderEvent | None
) -> Report:
    """How an order stands after an event; ``fill``: the event that told of one."""
    if order.foreign:
        flags |= _FOREIGN
    if order.conditional_id is not None:
        flags |= _CONDITIONAL
    average_e, exponent = order.average_price()
    return Report(
        order=order,
        update=update,
        status=order.status,
        reason=order.reason,
        filled_qty_e=order.filled_qty_e,
        average_e=average_e,
        average_exponent=exponent,
        flags=flags,
        last_qty_e=fill.last_qty_e if fill else 0,
        last_price_e=fill.last_price_e if fill else None,
        trade_id=fill.trade_id if fill else None,
        venue_trade_id=fill.venue_trade_id if fill else "",
        fee_e=fill.fee_e if fill else None,
        fee_asset=fill.fee_asset if fill and fill.fee_e is not None else "",
        realised_e=fill.realised_e if fill else None,
        venue_ns=(event.transaction_ns or event.venue_ns) if event else 0,
    )


def detail_of(order: Order, event: OrderEvent, flags: int = 0) -> Detail:
    """What an event adds to a fill."""
    assert event.last_price_e is not None
    return Detail(
        order=order,
        last_qty_e=event.last_qty_e,
        last_price_e=event.last_price_e,
        trade_id=event.trade_id,
        venue_trade_id=event.venue_trade_id,
        fee_e=event.fee_e,
        fee_asset=event.fee_asset,
        realised_e=event.realised_e,
        venue_ns=event.transaction_ns or event.venue_ns,
        flags=flags,
    )
