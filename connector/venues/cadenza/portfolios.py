"""Balances and positions of a trading account: of portfolios that are asked for, and of those its
channel tells (sections 9.4, 9.8, 13 and 14.4 of the reference).

What is free, locked, total and net is passed on as it is, never computed from one another: a row
without a total tells no balance, and the portfolio is asked for.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from connector.model.instrument import ContractType
from connector.model.intents import PositionSide
from connector.protocol.centrifugo_frames import NOTHING
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.cadenza.numbers import average, money, scaled, stamp, text
from connector.venues.contract import Request, Scales
from connector.venues.trading_contract import BalanceEvent, Instruments, PositionEvent

CLOSED = frozenset({"CLOSED", "LIQUIDATED"})
SIDES = {"LONG": PositionSide.LONG, "SHORT": PositionSide.SHORT}
PAGE = 1000


class BalanceRow(Struct, rename="camel"):
    """A balance in any of the venue's shapes, its values undecoded."""

    security_symbol: Raw = NOTHING
    symbol: Raw = NOTHING
    currency: Raw = NOTHING
    position_id: Raw = NOTHING
    free: Raw = NOTHING
    available: Raw = NOTHING
    total: Raw = NOTHING
    updated_at: Raw = NOTHING
    timestamp: Raw = NOTHING


class PositionRow(Struct, rename="camel"):
    instrument_id: Raw = NOTHING
    position_side: Raw = NOTHING
    status: Raw = NOTHING
    quantity: Raw = NOTHING
    entry_price: Raw = NOTHING
    unrealized_pnl: Raw = NOTHING
    realized_pnl: Raw = NOTHING
    updated_at: Raw = NOTHING


class PortfolioRow(Struct, rename="camel"):
    trading_account_id: Raw = NOTHING
    balances: Raw = NOTHING
    positions: Raw = NOTHING
    update_mode: Raw = NOTHING
    updated_at: Raw = NOTHING


class Portfolio(Struct, frozen=True):
    """What a portfolio says."""

    account_id: str
    whole: bool
    """It replaces all that was said before (``updateMode`` SNAPSHOT); else what is not in it is as
    it was."""
    balances: Sequence[BalanceEvent]
    positions: Sequence[PositionEvent]
    untold: bool
    """A balance without its total, or a row that could not be read: the portfolio is to be asked
    for."""
    venue_ns: int = 0
    lists_balances: bool = True
    """Else it says nothing of them, whole or not."""
    lists_positions: bool = True


class _Answer(Struct):
    errno: int = 0
    data: Raw = NOTHING


_ANSWER = msgspec.json.Decoder(_Answer)
_PORTFOLIO = msgspec.json.Decoder(PortfolioRow)
_BALANCE = msgspec.json.Decoder(BalanceRow)
_POSITION = msgspec.json.Decoder(PositionRow)
_RAWS = msgspec.json.Decoder(list[Raw])


# Over REST, for `Lookups`


def requests(instruments: Instruments) -> Sequence[Request]:
    """The account's portfolio; who signs names the account (``tradingAccountId``)."""
    return (ENDPOINTS["portfolioList"].request(limit=PAGE, offset=0),)


def position_events(body: bytes, scales: Scales) -> Sequence[PositionEvent]:
    """The positions of an answer. Raises ValueError."""
    return [event for row in _rows(body) for event in portfolio(row, scales).positions]


def balance_events(body: bytes) -> Sequence[BalanceEvent]:
    """The balances of an answer. Raises ValueError."""
    return [event for row in _rows(body) for event in _balances(_PORTFOLIO.decode(row))[0]]


def _rows(body: bytes) -> list[Raw]:
    """The portfolios of an answer."""
    answer = _ANSWER.decode(body)
    if answer.errno or not bytes(answer.data).startswith(b"["):
        raise ValueError("an answer without portfolios")
    return _RAWS.decode(answer.data)


# Rows


def portfolio(raw: Raw | bytes, scales: Scales, told_ns: int = 0) -> Portfolio:
    """``Portfolio`` of REST or ``rpcPortfolio``. Raises ValueError on what is none."""
    row = _PORTFOLIO.decode(raw)
    told_ns = stamp(row.updated_at) or told_ns
    balances, odd = _balances(row, told_ns)
    positions = []
    for one in _list(row.positions):
        event, readable = _position(one, scales, told_ns)
        odd |= not readable
        if event is not None:
            positions.append(event)
    whole = text(row.update_mode) == "SNAPSHOT" and not odd
    account_id = text(row.trading_account_id)
    return Portfolio(
        account_id, whole, balances, positions, odd, told_ns,
        lists_balances=_is_list(row.balances), lists_positions=_is_list(row.positions),
    )  # fmt: skip


def _balances(row: PortfolioRow, told_ns: int = 0) -> tuple[list[BalanceEvent], bool]:
    """The account's balances, and whether there is one that could not be told."""
    found, odd = [], False
    for one in _list(row.balances):
        if isolated(one):
            continue
        event = balance(one, told_ns)
        odd |= event is None
        if event is not None:
            found.append(event)
    return found, odd


def isolated(raw: Raw | bytes) -> bool:
    """Whether a balance is that of a position: no balance of the account's."""
    try:
        return bool(text(_BALANCE.decode(raw).position_id))
    except ValueError:
        return False


def balance(raw: Raw | bytes, told_ns: int = 0) -> BalanceEvent | None:
    """One balance; None where it names no asset or no total."""
    try:
        row = _BALANCE.decode(raw)
    except ValueError:
        return None
    asset = text(row.security_symbol) or text(row.symbol) or text(row.currency)
    total_e = money(row.total)
    if not asset or total_e is None:
        return None
    free = row.free if bytes(row.free) else row.available
    return BalanceEvent(
        asset=asset,
        wallet_e=total_e,
        available_e=money(free),
        venue_ns=stamp(row.updated_at, row.timestamp) or told_ns,
    )


def _position(raw: Raw, scales: Scales, told_ns: int) -> tuple[PositionEvent | None, bool]:
    """One position and whether the row could be read; without an instrument that is known it tells
    of none."""
    try:
        row = _POSITION.decode(raw)
    except ValueError:
        return None, False
    symbol = text(row.instrument_id)
    instrument = scales(symbol) if symbol else None
    if instrument is None:
        return None, True
    closed = text(row.status) in CLOSED
    qty_e = 0 if closed else scaled(row.quantity, instrument.qty_exponent)
    if qty_e is None:
        return None, False
    said = SIDES.get(text(row.position_side))
    if said is not None:
        qty_e = abs(qty_e) if said is PositionSide.LONG else -abs(qty_e)
    # What is bought and sold for good has one position; orders name no side of it.
    spot = instrument.contract is ContractType.SPOT
    event = PositionEvent(
        symbol=symbol,
        position_side=PositionSide.BOTH if spot or said is None else said,
        qty_e=qty_e,
        entry=average(row.entry_price) if qty_e else "",
        unrealised_e=money(row.unrealized_pnl),
        realised_e=money(row.realized_pnl),
        venue_ns=stamp(row.updated_at) or told_ns,
    )
    return event, True


def _list(raw: Raw) -> list[Raw]:
    return _RAWS.decode(raw) if _is_list(raw) else []


def _is_list(raw: Raw) -> bool:
    return bytes(raw).startswith(b"[")
