"""Decimal text to scaled integer by ``decimal.Decimal``: slow, short and obviously right."""

import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
CONTEXT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
LARGEST = 2**63 - 1


def parse(text: str, exponent: int) -> int | str:
    """The integer, or the word for why there is none: inexact, overflow, malformed."""
    if not NUMBER.fullmatch(text):
        return "malformed"
    value = Decimal(text)
    if not value:
        return 0
    sign, digits, power = value.as_tuple()
    assert isinstance(power, int)
    mantissa = int("".join(map(str, digits)))
    while mantissa % 10 == 0:
        mantissa, power = mantissa // 10, power + 1
    power += exponent
    if power < 0:
        return "inexact"
    if power > 40 or mantissa * 10**power > LARGEST:
        return "overflow"
    return (-1 if sign else 1) * mantissa * 10**power


def render(value_e: int, exponent: int, digits: int) -> str:
    """At least ``digits`` decimals, more where the value needs them."""
    value = Decimal(value_e).scaleb(-exponent, CONTEXT)
    needed = max(digits, -int(value.normalize(CONTEXT).as_tuple().exponent))
    return f"{value:.{needed}f}"
