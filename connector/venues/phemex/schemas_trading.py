"""The shapes of the venue's answers about orders, accounts and the wallet.

Attributes have the names of the contract API; in the hedged one a field has another suffix, and a
struct of its own with the same attributes.

Read tolerantly: unknown fields are ignored, any field may be absent, and every value is kept as its
raw JSON text. Unscaled duplicates of scaled values (``price`` beside ``priceEp``) are not read.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from connector.venues.phemex.errors import NOTHING
from connector.venues.phemex.params import venue_name

SPELLED = {
    "exec_id": "execID",
    "account_id": "accountID",
    "user_id": "userID",
    "order_id_today": "orderId",
    "cl_ord_id_today": "clOrdId",
}
"""The hedged API spells the ids of orders in two ways, by the call."""


def answer_name(name: str) -> str:
    """The venue's name of a field in answers and events."""
    return SPELLED.get(name) or venue_name(name)


SUFFIXES = {"_ep": "Rp", "_ev": "Rv", "_er": "Rr"}
HEDGED_SPELLED = {"unrealised_pnl_ev": "unRealisedPnlRv", "size_rq": "sizeRq"}
QUANTITIES = {"order_qty", "cum_qty", "leaves_qty", "exec_qty", "display_qty"}


def hedged_name(name: str) -> str:
    """The name of a field in events of the hedged API: quantities have no suffix there."""
    if name[-3:] in SUFFIXES:
        return answer_name(name)[:-2] + SUFFIXES[name[-3:]]
    return answer_name(name)


def hedged_row_name(name: str) -> str:
    """The name of a field in rows of the hedged API's answers."""
    if name in HEDGED_SPELLED:
        return HEDGED_SPELLED[name]
    return answer_name(name) + "Rq" if name in QUANTITIES else hedged_name(name)


def twin(struct: type[Any], rename: Callable[[str], str]) -> type[Any]:
    """A struct with the same attributes by other names on the wire."""
    fields = [(one.name, one.type, one.default) for one in msgspec.structs.fields(struct)]
    return msgspec.defstruct(f"Hedged{struct.__name__}", fields, rename=rename)


def decoded(struct: type[Any]) -> type[Any]:
    """A struct with the same fields, as scalars instead of raw texts: several times as fast, and
    not for numbers with a point, whose digits a float would not keep."""
    fields = [
        (one.name, int | str | bool | None, msgspec.field(default=None, name=one.encode_name))
        for one in msgspec.structs.fields(struct)
    ]
    return msgspec.defstruct(f"Decoded{struct.__name__}", fields, gc=False)


class Reply(Struct):
    """The envelope of everything that does not begin with /md."""

    code: Raw = NOTHING
    msg: Raw = NOTHING
    data: Raw = NOTHING


class Named(Struct):
    """What every row says of what it is about."""

    symbol: Raw = NOTHING


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
    order_id_today: Raw = NOTHING
    cl_ord_id_today: Raw = NOTHING
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
    pos_side: Raw = NOTHING


HedgedOrderRow = twin(OrderRow, hedged_row_name)


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
    pos_side: Raw = NOTHING


HedgedFillRow = twin(FillRow, hedged_row_name)


class AccountRow(Struct, rename=answer_name):
    """``account`` of section 4.5, and a line of ``accounts`` of the private stream."""

    currency: Raw = NOTHING
    account_balance_ev: Raw = NOTHING
    total_used_balance_ev: Raw = NOTHING
    bonus_balance_ev: Raw = NOTHING


HedgedAccountRow = twin(AccountRow, hedged_row_name)


class PositionRow(Struct, rename=answer_name):
    """A position of section 4.5; only the dearer question tells its profit of now."""

    symbol: Raw = NOTHING
    currency: Raw = NOTHING
    side: Raw = NOTHING
    size: Raw = NOTHING
    size_rq: Raw = field(default=NOTHING, name="sizeRq")
    value_ev: Raw = NOTHING
    avg_entry_price_ep: Raw = NOTHING
    leverage_er: Raw = NOTHING
    unrealised_pnl_ev: Raw = field(default=NOTHING, name="unRealisedPnlEv")
    cum_closed_pnl_ev: Raw = NOTHING
    transact_time_ns: Raw = NOTHING
    pos_side: Raw = NOTHING


HedgedPositionRow = twin(PositionRow, hedged_row_name)


class AccountPositions(Struct):
    """Section 4.5."""

    account: Raw = NOTHING
    positions: list[Raw] = field(default_factory=list)
