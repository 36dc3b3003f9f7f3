"""What a later answer of the venue changes about instruments that are already in the directory.

Pure: the instrument as strategies know it and as the venue lists it now in, a verdict out. The
exponents of the first load hold for the life of the segment, so everything is brought to them."""

from msgspec import Struct
from msgspec.structs import replace

from connector.model.instrument import ABSENT, Instrument, Status

LARGEST = 2**62
"""No scaled number may reach it: sums and differences of two still fit 64 bits."""

PRICES = ("tick_e", "min_price_e", "max_price_e")
QUANTITIES = (
    "step_e",
    "min_qty_e",
    "max_qty_e",
    "market_step_e",
    "market_min_qty_e",
    "market_max_qty_e",
)


class Change(Struct, frozen=True):
    """What becomes of an instrument."""

    instrument: Instrument
    """Its description from now on, in the exponents it has had all along."""
    down: str = ""
    """Why nothing can be served for it any more; empty: it is served as before."""
    misfit: bool = False
    """That is because we cannot represent or read its numbers, not because the venue closed it."""


def fit(fresh: Instrument, price_exponent: int, qty_exponent: int) -> Instrument:
    """``fresh`` in these exponents; ValueError names the first number that is not exact there or
    too large."""
    moved: dict[str, int] = {"price_exponent": price_exponent, "qty_exponent": qty_exponent}
    for names, have, want in (
        (PRICES, fresh.price_exponent, price_exponent),
        (QUANTITIES, fresh.qty_exponent, qty_exponent),
    ):
        if have != want:
            for name in names:
                moved[name] = _scaled(getattr(fresh, name), have, want, name)
    return replace(fresh, **moved)


def _scaled(value: int, have: int, want: int, name: str) -> int:
    if value == ABSENT:
        return value
    if want < have:
        unit: int = 10 ** (have - want)
        found, rest = divmod(value, unit)
        if rest:
            raise ValueError(f"{name}: {value} of 10^-{have} is finer than the scale, 10^-{want}")
        return found
    finer: int = 10 ** (want - have)
    found = value * finer
    if abs(found) >= LARGEST:
        raise ValueError(f"{name}: {value} of 10^-{have} is too large for the scale, 10^-{want}")
    return found


def change(
    was: Instrument, fresh: Instrument | None, fault: str = "", fixed_scale: bool = False
) -> Change | None:
    """What the venue's answer makes of ``was``; None: nothing.

    ``fresh`` None: it is not listed, or with numbers that cannot be read, which ``fault`` says.
    ``fixed_scale``: the venue's messages are integers in the instrument's exponents, so that they
    mean other prices when those change."""
    if fresh is None:
        if not fault:
            gone = replace(was, status=Status.CLOSED)
            return Change(gone, "the venue lists it no longer")
        # Its rules are not known: strategies must not go on by the old ones.
        return Change(replace(was, status=Status.UNKNOWN), fault, misfit=True)
    scales = (was.price_exponent, was.qty_exponent)
    try:
        if fixed_scale and scales != (fresh.price_exponent, fresh.qty_exponent):
            raise ValueError(f"its integers have other scales than 10^-{scales[0]}")
        now = fit(fresh, was.price_exponent, was.qty_exponent)
    except ValueError as error:
        why = f"{was.symbol}: {error}; a restart gives it another scale"
        return Change(replace(was, status=Status.UNKNOWN), why, misfit=True)
    if now.status is Status.CLOSED:
        return Change(now, "the venue has closed it")
    return None if now == was else Change(now)
