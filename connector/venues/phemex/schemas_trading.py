"""The shapes of the venue's answers about orders, accounts and the wallet.

Read tolerantly: unknown fields are ignored, any field may be absent, and every value is kept as its
raw JSON text. Unscaled duplicates of scaled values (``price`` beside ``priceEp``) are not read.
"""

from msgspec import Raw, Struct, field

from connector.venues.phemex.errors import NOTHING
from connector.venues.phemex.params import venue_name

SPELLED = {
    "exec_id": "execID",
    "account_id": "accountID",
    "user_id": "userID",
    "un_realised_pnl_ev": "unRealisedPnlEv",
}


def answer_name(name: str) -> str:
    """The venue's name of a field in answers and events."""
    return SPELLED.get(name) or venue_name(name)


class Reply(Struct):
    """The envelope of everything that does not begin with /md."""

    code: Raw = NOTHING
    msg: Raw = NOTHING
    data: Raw = NOTHING


class Rows(Struct):
    """A page of rows."""

    rows: list[Raw] = field(default_factory=list)
    total: Raw = NOTHING


class Time(Struct, rename="camel"):
    """Milliseconds."""

    server_time: Raw = NOTHING


class OrderRow(Struct, rename=answer_name):
    """Section 4.4: an order as acknowledged, listed or asked for."""

    biz_error: Raw = NOTHING
    order_id: Raw = NOTHING
    cl_ord_id: Raw = NOTHING
    symbol: Raw = NOTHING
    side: Raw = NOTHING
    action_time_ns: Raw = NOTHING
    transact_time_ns: Raw = NOTHING
    order_type: Raw = NOTHING
    ord_type: Raw = NOTHING
    price_ep: Raw = NOTHING
    order_qty: Raw = NOTHING
    time_in_force: Raw = NOTHING
    reduce_only: Raw = NOTHING
    exec_inst: Raw = NOTHING
    cum_qty: Raw = NOTHING
    cum_value_ev: Raw = NOTHING
    leaves_qty: Raw = NOTHING
    stop_px_ep: Raw = NOTHING
    ord_status: Raw = NOTHING


class FillRow(Struct, rename=answer_name):
    """Section 4.6, a row of the trades: a fill, or funding."""

    transact_time_ns: Raw = NOTHING
    symbol: Raw = NOTHING
    currency: Raw = NOTHING
    action: Raw = NOTHING
    side: Raw = NOTHING
    trade_type: Raw = NOTHING
    exec_qty: Raw = NOTHING
    exec_price_ep: Raw = NOTHING
    exec_value_ev: Raw = NOTHING
    fee_rate_er: Raw = NOTHING
    exec_fee_ev: Raw = NOTHING
    closed_pnl_ev: Raw = NOTHING
    exec_id: Raw = NOTHING
    order_id: Raw = NOTHING
    cl_ord_id: Raw = NOTHING
    exec_status: Raw = NOTHING


class AccountRow(Struct, rename="camel"):
    """``account`` of section 4.5, and a line of ``accounts`` of the private stream."""

    currency: Raw = NOTHING
    account_balance_ev: Raw = NOTHING
    total_used_balance_ev: Raw = NOTHING
    bonus_balance_ev: Raw = NOTHING


class PositionRow(Struct, rename=answer_name):
    """A position of section 4.5."""

    symbol: Raw = NOTHING
    currency: Raw = NOTHING
    side: Raw = NOTHING
    size: Raw = NOTHING
    value_ev: Raw = NOTHING
    avg_entry_price_ep: Raw = NOTHING
    leverage_er: Raw = NOTHING
    un_realised_pnl_ev: Raw = NOTHING
    cum_closed_pnl_ev: Raw = NOTHING
    transact_time_ns: Raw = NOTHING


class AccountPositions(Struct):
    """Section 4.5."""

    account: AccountRow = field(default_factory=AccountRow)
    positions: list[PositionRow] = field(default_factory=list)
