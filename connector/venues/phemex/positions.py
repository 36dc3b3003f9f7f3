"""Positions and balances of answers and private messages, both families: sections 4.5 and 7.4."""

from collections.abc import Sequence
from typing import Any

import msgspec

from connector._speedups.decimal import format as decimal
from connector.model.instrument import Instrument
from connector.model.intents import PositionSide
from connector.model.reports import BalanceReason
from connector.venues.contract import Scales
from connector.venues.phemex.answers import POSITION_SIDES
from connector.venues.phemex.errors import NOTHING, text
from connector.venues.phemex.numbers import DECIMALS, INTEGERS, Numbers, numbers_of, whole
from connector.venues.phemex.schemas_trading import (
    AccountPositions,
    AccountRow,
    HedgedAccountRow,
    HedgedPositionRow,
    Named,
    PositionRow,
    Reply,
)
from connector.venues.trading_contract import BalanceEvent, PositionEvent

RATIO = 10**8
SIGNS = {"Buy": 1, "Sell": -1, "None": 0, "": 0}

_REPLY = msgspec.json.Decoder(Reply)
_HELD = msgspec.json.Decoder(AccountPositions)
_NAMED = msgspec.json.Decoder(Named)
_POSITION = msgspec.json.Decoder(PositionRow)
_HEDGED_POSITION = msgspec.json.Decoder(HedgedPositionRow)
_ACCOUNT = msgspec.json.Decoder(AccountRow)
_HEDGED_ACCOUNT = msgspec.json.Decoder(HedgedAccountRow)


def position_events(body: bytes, scales: Scales) -> Sequence[PositionEvent]:
    """The positions of a trading account. Raises ValueError."""
    found = []
    for raw in _account(body).positions:
        instrument = scales(text(_NAMED.decode(raw).symbol))
        decoder = _HEDGED_POSITION if numbers_of(instrument) is DECIMALS else _POSITION
        event = position(decoder.decode(raw), instrument)
        if event is not None:
            found.append(event)
    return found


def balance_events(body: bytes) -> Sequence[BalanceEvent]:
    """The balance of a trading account. Raises ValueError."""
    raw = _account(body).account
    found = balance(_ACCOUNT.decode(raw), INTEGERS, 0)
    found = found or balance(_HEDGED_ACCOUNT.decode(raw), DECIMALS, 0)
    if found is None:
        raise ValueError("account: no balance")
    return [found]


def _account(body: bytes) -> AccountPositions:
    found = _HELD.decode(_REPLY.decode(body).data)
    if not bytes(found.account).startswith(b"{"):
        raise ValueError("an answer without an account")
    return found


def position(row: Any, instrument: Instrument | None) -> PositionEvent | None:
    """A position as a row of any of the shapes says; None where its size is not to be read."""
    numbers = numbers_of(instrument)
    size, sign = numbers.qty(row.size, instrument), SIGNS.get(text(row.side))
    if size is None and numbers is DECIMALS:
        size = numbers.qty(getattr(row, "size_rq", NOTHING), instrument)
    if size is None or sign is None or instrument is None:
        return None
    currency = text(row.currency) or instrument.margin
    leverage = _ratio(numbers, text(row.leverage_er))
    return PositionEvent(
        symbol=text(row.symbol),
        position_side=POSITION_SIDES.get(text(row.pos_side), PositionSide.BOTH),
        qty_e=sign * abs(size),
        entry=_entry(row, numbers, instrument),
        unrealised_e=numbers.money(row.unrealised_pnl_ev, currency),
        realised_e=numbers.money(row.cum_closed_pnl_ev, currency),
        isolated=leverage > 0,
        # 0: cross margin at the most the risk limit allows.
        leverage=abs(leverage),
        venue_ns=whole(row.transact_time_ns) or 0,
    )


def _entry(row: Any, numbers: Numbers, instrument: Instrument) -> str:
    """As the venue writes it, in decimals; an average may have more of them than a price."""
    written = text(row.avg_entry_price_ep)
    if numbers is DECIMALS:
        return written if written.strip("0.") else ""
    entry_e = numbers.price(row.avg_entry_price_ep, instrument)
    return "" if entry_e is None else decimal(entry_e, instrument.price_exponent, 0)


def _ratio(numbers: Numbers, value: str) -> int:
    """A leverage, in ones."""
    try:
        return int(float(value)) if numbers is DECIMALS else int(value) // RATIO
    except (ValueError, OverflowError):
        return 0


def balance(
    row: Any, numbers: Numbers, venue_ns: int, reason: BalanceReason = BalanceReason.OTHER
) -> BalanceEvent | None:
    """A line of accounts; None where it names no currency or balance."""
    currency = text(row.currency)
    wallet_e = numbers.money(row.account_balance_ev, currency)
    if wallet_e is None or not currency:
        return None
    used_e = numbers.money(row.total_used_balance_ev, currency)
    return BalanceEvent(
        asset=currency,
        wallet_e=wallet_e,
        available_e=None if used_e is None else wallet_e - used_e,
        reason=reason,
        venue_ns=venue_ns,
    )
