"""Numbers of answers and events as the venue's two families of contracts write them.

The contract API has integers in the scale of the instrument or the currency (Ep, Ev, contracts),
the hedged one plain decimals as texts. Both end in the same integers. None where the venue gave
nothing usable.
"""

from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal

from msgspec import Raw, Struct

from connector._speedups.decimal import parse
from connector.model.instrument import ABSENT, Instrument
from connector.venues.phemex.errors import text
from connector.venues.phemex.money import money_e
from connector.venues.trading_contract import MONEY_EXPONENT

NOBODY = "00000000-0000-0000-0000-000000000000"
"""An id that is none."""
HEDGED = frozenset({"USDT", "USDC"})
"""Settled in these, a contract belongs to the hedged API."""


Value = Raw | int | str | bool | None
"""A scalar, raw or decoded."""


class Numbers(Struct, frozen=True):
    """How a family writes them."""

    price: Callable[[Value, Instrument | None], int | None]
    """A price; 0 stands where there is none."""
    qty: Callable[[Value, Instrument | None], int | None]
    money: Callable[[Value, str], int | None]
    """In 10^-8 of the currency."""


def hedged(instrument: Instrument | None) -> bool:
    """Whether it is a contract of the hedged API: its sizes have decimals. A spot symbol of 2021 is
    margined in USDT, too, but counts in whole numbers."""
    return instrument is not None and instrument.margin in HEDGED and instrument.qty_exponent != 0


def numbers_of(instrument: Instrument | None) -> Numbers:
    """How numbers of this instrument are written."""
    return DECIMALS if hedged(instrument) else INTEGERS


def whole(raw: Value) -> int | None:
    """An integer within 64 bits."""
    if raw.__class__ is int:
        return raw if ABSENT < raw < -ABSENT else None
    value = text(raw)
    try:
        found = int(value) if len(value) <= 20 else ABSENT
    except ValueError:
        return None
    return found if ABSENT < found < -ABSENT else None


def name(raw: Value) -> str:
    """An id; that of nobody is none."""
    found = text(raw)
    return "" if found == NOBODY else found


def _positive(found: int | None) -> int | None:
    return found if found is not None and found > 0 else None


def _price(raw: Value, instrument: Instrument | None) -> int | None:
    return _positive(whole(raw))


def _qty(raw: Value, instrument: Instrument | None) -> int | None:
    return whole(raw)


def _money(raw: Value, currency: str) -> int | None:
    found = whole(raw)
    return None if found is None or not currency else money_e(found, currency)


def _decimal(raw: Value, exponent: int) -> int | None:
    try:
        found: int = parse(text(raw), exponent)
    except ValueError:
        return None
    return found if found != ABSENT else None


def _decimal_price(raw: Value, instrument: Instrument | None) -> int | None:
    return None if instrument is None else _positive(_decimal(raw, instrument.price_exponent))


def _decimal_qty(raw: Value, instrument: Instrument | None) -> int | None:
    return None if instrument is None else _decimal(raw, instrument.qty_exponent)


def _decimal_money(raw: Value, currency: str) -> int | None:
    """Balances come with twelve decimals and more: what is past ours is cut, downwards."""
    found = _decimal(raw, MONEY_EXPONENT)
    if found is not None or not text(raw):
        return found
    try:
        cut = Decimal(text(raw)).scaleb(MONEY_EXPONENT).to_integral_value(ROUND_FLOOR)
    except ArithmeticError:
        return None
    return int(cut) if cut.is_finite() and ABSENT < cut < -ABSENT else None


INTEGERS = Numbers(_price, _qty, _money)
DECIMALS = Numbers(_decimal_price, _decimal_qty, _decimal_money)
