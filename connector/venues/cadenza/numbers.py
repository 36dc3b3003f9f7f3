"""Scalars of the venue's rows: whatever an optional field may hold, read without losing another.

No value here raises: what is absent, null, empty or unreadable is "" or None. Numbers come as
decimal texts or as JSON numbers and are never a float on the way."""

import re
from datetime import UTC, datetime

import msgspec
from msgspec import Raw

from connector._speedups.decimal import parse
from connector.model.order import round_half_even
from connector.venues.trading_contract import MONEY_EXPONENT

MS_NS = 1_000_000
LARGEST: int = 2**63 - 1
BEGUN = datetime(1970, 1, 1, tzinfo=UTC)
DIGITS = 40
"""Of one number, at the most."""

FINER = 18
"""Decimals beyond a scale that are read at all."""
UNIT: int = 10**FINER

_DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]*))?")


def text(raw: Raw | bytes) -> str:
    """The text of a scalar without quotes; "" when it is absent, null or no scalar."""
    found = bytes(raw)
    if not found or found == b"null" or found[0] in b"{[":
        return ""
    if found[0] != 0x22:
        return found.decode("utf-8", "replace")
    if b"\\" not in found:
        return found[1:-1].decode("utf-8", "replace")
    try:
        return msgspec.json.decode(found, type=str)
    except ValueError:
        return ""


def scaled(raw: Raw | bytes, exponent: int | None) -> int | None:
    """A number in units of 10**-exponent, exact; None when it has finer parts or does not fit."""
    value = text(raw)
    if exponent is None or not value:
        return None
    try:
        return int(parse(value, exponent))
    except (ValueError, OverflowError):
        return None


def positive(raw: Raw | bytes, exponent: int | None) -> int | None:
    """The same of a price, where 0 says that there is none."""
    found = scaled(raw, exponent)
    return found if found is not None and found > 0 else None


def long_scaled(raw: Raw | bytes, exponent: int) -> int | None:
    """The same without a bound: sums of prices times quantities have the decimals of both."""
    value = text(raw)
    found = _DECIMAL.fullmatch(value) if len(value) <= DIGITS else None
    if found is None:
        return None
    sign, whole, part = found[1], found[2], (found[3] or "").rstrip("0")
    if len(part) > exponent:
        return None
    number = int(whole + part.ljust(exponent, "0"))
    return -number if sign else number


def cut(raw: Raw | bytes, exponent: int) -> tuple[int | None, int]:
    """A number that is not below 0 in units of 10**-exponent, and what is finer than one of them in
    units of 10**-(exponent + FINER); None: it is none, or does not fit."""
    fine = long_scaled(raw, exponent + FINER)
    if fine is None or not 0 <= fine < (LARGEST + 1) * UNIT:
        return None, 0
    whole, finer = divmod(fine, UNIT)
    return whole, finer


def rounded(raw: Raw | bytes, exponent: int) -> int | None:
    """The same rounded half to even, without a bound."""
    fine = long_scaled(raw, exponent + FINER)
    return None if fine is None else round_half_even(fine, UNIT)


def money(raw: Raw | bytes) -> int | None:
    """An amount in 10^-8. Assets may be written with up to 18 decimals: those beyond the eighth
    are cut off, as a balance that is lost altogether would be worse."""
    value = text(raw)
    whole, point, part = value.partition(".")
    return scaled(Raw((whole + point + part[:MONEY_EXPONENT]).encode()), MONEY_EXPONENT)


def average(raw: Raw | bytes) -> str:
    """An average price as the venue writes it; "" where it says nothing."""
    value = text(raw)
    found = _DECIMAL.fullmatch(value) if len(value) <= DIGITS else None
    return value if found and not found[1] and value.strip("0.") else ""


def stamp(*raws: Raw | bytes) -> int:
    """The first that is a time, in Unix ns: milliseconds, or a text as RFC 3339 has it; 0: none
    is."""
    for raw in raws:
        value = text(raw)
        if not value:
            continue
        try:
            ms = int(value) if value.isdecimal() else _milliseconds(value)
        except (ValueError, OverflowError):
            continue
        if 0 < ms <= LARGEST // MS_NS:
            return ms * MS_NS
    return 0


def _milliseconds(value: str) -> int:
    moment = datetime.fromisoformat(value)
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - BEGUN
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
