"""The shapes of the venue's private messages (accounts, orders, positions): section 7 of the
reference.

As tolerant as the other schemas. Of the fifty and more fields of an entry those stand here that are
read."""

from msgspec import Raw, Struct, field

from connector.venues.phemex.errors import NOTHING
from connector.venues.phemex.schemas_trading import (
    AccountRow,
    HedgedAccountRow,
    answer_name,
    decoded,
    hedged_name,
    twin,
)


class Frame(Struct):
    """A message of either family."""

    type: str = ""
    timestamp: Raw = NOTHING
    accounts: list[Raw] | None = None
    orders: list[Raw] | None = None
    positions: list[Raw] | None = None
    accounts_p: list[Raw] | None = None
    orders_p: list[Raw] | None = None
    positions_p: list[Raw] | None = None


class OrderEntry(Struct, rename=answer_name):
    """Section 7.3: one event of an order, and how the order stands after it."""

    symbol: Raw = NOTHING
    currency: Raw = NOTHING
    order_id: Raw = NOTHING
    cl_ord_id: Raw = NOTHING
    action: Raw = NOTHING
    action_by: Raw = NOTHING
    transact_time_ns: Raw = NOTHING
    action_time_ns: Raw = NOTHING
    exec_id: Raw = NOTHING
    exec_status: Raw = NOTHING
    ord_status: Raw = NOTHING
    trade_type: Raw = NOTHING
    exec_qty: Raw = NOTHING
    exec_price_ep: Raw = NOTHING
    exec_fee_ev: Raw = NOTHING
    side: Raw = NOTHING
    ord_type: Raw = NOTHING
    time_in_force: Raw = NOTHING
    exec_inst: Raw = NOTHING
    price_ep: Raw = NOTHING
    order_qty: Raw = NOTHING
    cum_qty: Raw = NOTHING
    closed_pnl_ev: Raw = NOTHING
    stop_px_ep: Raw = NOTHING
    code: Raw = NOTHING
    cxl_rej_reason: Raw = NOTHING
    message: Raw = NOTHING
    cur_acc_balance_ev: Raw = NOTHING
    pos_side: Raw = NOTHING


HedgedOrderEntry = twin(OrderEntry, hedged_name)


class PositionEntry(Struct, rename=answer_name):
    """Section 7.4."""

    symbol: Raw = NOTHING
    currency: Raw = NOTHING
    side: Raw = NOTHING
    size: Raw = NOTHING
    avg_entry_price_ep: Raw = NOTHING
    leverage_er: Raw = NOTHING
    unrealised_pnl_ev: Raw = NOTHING
    cum_closed_pnl_ev: Raw = NOTHING
    transact_time_ns: Raw = NOTHING
    pos_side: Raw = NOTHING


HedgedPositionEntry = twin(PositionEntry, hedged_name)


class DecodedFrame(Struct):
    """The same message, decoded at once."""

    type: str = ""
    timestamp: int | None = None
    accounts: list[decoded(AccountRow)] | None = None  # type: ignore[valid-type]
    orders: list[decoded(OrderEntry)] | None = None  # type: ignore[valid-type]
    positions: list[decoded(PositionEntry)] | None = None  # type: ignore[valid-type]
    accounts_p: list[decoded(HedgedAccountRow)] | None = None  # type: ignore[valid-type]
    orders_p: list[decoded(HedgedOrderEntry)] | None = None  # type: ignore[valid-type]
    positions_p: list[decoded(HedgedPositionEntry)] | None = None  # type: ignore[valid-type]


class Refusal(Struct):
    """``error`` of a control message."""

    code: Raw = NOTHING
    message: Raw = NOTHING


class ControlFrame(Struct):
    """The answer to a request of ours on a socket; an event has no ``id``."""

    id: Raw = NOTHING
    error: Refusal | None = None
    result: Raw = NOTHING


class Granted(Struct):
    status: str = ""


class Keys(Struct):
    """Messages that come unasked on private sockets and say nothing here."""

    index_market24h: Raw = field(default=NOTHING)
    position_info: Raw = field(default=NOTHING)
