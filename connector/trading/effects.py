"""What the tracker wants done, in order: its caller journals the reports and sends the rest."""

from msgspec import Struct

from connector.model.intents import Action
from connector.model.order import Order
from connector.model.reports import Field, Result, Update


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


class Ask(Struct, frozen=True):
    """Query this order; give the answer to ``Tracker.event`` or, not found, ``Tracker.absent``."""

    order: Order


class AskFills(Struct, frozen=True):
    """Query the fills of this order's instrument; give each to ``Tracker.event``."""

    order: Order


class SendCancel(Struct, frozen=True):
    """Cancel this order (again); tell ``Tracker.requested``."""

    order: Order


class StreamGap(Struct, frozen=True):
    """The private stream of this account keeps something back: new key, new socket, reconcile."""

    account: int
    why: str


Effect = Report | Detail | Answered | Ask | AskFills | SendCancel | StreamGap
