"""What the synthetic market lists when nobody says otherwise."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec.structs import replace

from connector.sim.exchange import Listing
from connector.venues.sim_contract import Contract

KEYS = ("symbol", "listed", "status", "tick", "step", "price")
MOST_DIGITS = 18


def contracts(
    majors: Sequence[Contract],
    wanted: int | list[str],
    seed: int = 1,
    invented: Callable[[int], str] = "SIM{:03d}USDT".format,
) -> list[Contract]:
    """That many contracts, or those named; beyond the venue's ``majors`` they are invented, and
    called ``invented`` of their number."""
    known = {row.symbol: row for row in majors}
    if isinstance(wanted, int):
        names = [*known, *(invented(number) for number in range(1, wanted - len(known) + 1))]
        names = names[:wanted]
    else:
        names = wanted
    return [known.get(name) or _invented(name, seed) for name in names]


def changed(
    now: Contract | None,
    command: Mapping[str, Any],
    majors: Sequence[Contract],
    statuses: Iterable[str],
) -> Contract | None:
    """What a command makes of a contract; None: it is listed no longer.

    ``listed`` false takes it off the list, true puts a new one there, with ``tick``, ``step`` and
    ``price`` if given; ``status`` and ``tick`` also change one that is listed. Numbers are texts.
    ValueError says what is wrong."""
    symbol = command.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        raise ValueError('an instrument needs a "symbol"')
    for key, value in command.items():
        if key not in KEYS:
            raise ValueError(f"{symbol}: unknown key {key!r}; it takes: {', '.join(KEYS)}")
        if type(value) is not (bool if key == "listed" else str):
            wanted = "true or false" if key == "listed" else "text"
            raise ValueError(f"{symbol}: {key} must be {wanted}, not {value!r}")
    listed = command.get("listed")
    if now is None and not listed:
        raise ValueError(f"{symbol} is not listed; listed=true puts it there")
    if listed is False:
        if len(command) > 2:
            raise ValueError(f"{symbol}: what is taken off the list has no other keys")
        return None
    status = command.get("status", "")
    if status and status not in statuses:
        raise ValueError(f"{symbol}: no status {status!r}; there are: {', '.join(statuses)}")
    if now is not None and (listed or "step" in command or "price" in command):
        raise ValueError(f"{symbol} is listed: only status and tick can change")
    found = now or contracts(majors, [symbol])[0]
    if "tick" in command:
        tick = _number(symbol, "tick", command["tick"])
        digits = max(found.price_digits, _digits(tick))
        found = replace(found, tick=f"{tick:f}", price_digits=digits)
    if "step" in command:
        step = _number(symbol, "step", command["step"])
        found = replace(found, step=f"{step:f}", qty_digits=max(found.qty_digits, _digits(step)))
    if "price" in command:
        found = replace(found, price=f"{_number(symbol, 'price', command['price']):f}")
    return replace(found, status=status or found.status)


def _number(symbol: str, key: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or value <= 0 or _digits(value) > MOST_DIGITS:
        raise ValueError(
            f"{symbol}: {key} is no number above 0 with at most {MOST_DIGITS} decimals: {text!r}"
        )
    return value


def _digits(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _invented(symbol: str, seed: int) -> Contract:
    rng = random.Random(f"{seed}/{symbol}/listing")
    digits, qty_digits = rng.randint(2, 6), rng.randint(0, 3)
    tick = Decimal(1).scaleb(-digits)
    price = tick * rng.randint(20_000, 400_000)
    step = Decimal(1).scaleb(-qty_digits)
    return Contract(
        symbol=symbol,
        base=symbol.rpartition(":")[2].removesuffix("USDT").rstrip("/"),
        price_digits=digits,
        tick=f"{tick:f}",
        qty_digits=qty_digits,
        step=f"{step:f}",
        price=f"{price:f}",
    )


def listing(contract: Contract) -> Listing:
    """The contract in ticks and lots."""
    tick, step, price = Decimal(contract.tick), Decimal(contract.step), Decimal(contract.price)
    return Listing(
        symbol=contract.symbol,
        price_digits=contract.price_digits,
        tick=int(tick.scaleb(contract.price_digits)),
        qty_digits=contract.qty_digits,
        step=int(step.scaleb(contract.qty_digits)),
        start_tick=max(5_000, int(price / tick)),
        lot_notional=contract.typical or max(20, int(4000 / price / step)),
        inverse=contract.inverse,
        size=contract.size,
    )
