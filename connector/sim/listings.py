"""What the synthetic market lists when nobody says otherwise."""

import random
from collections.abc import Sequence
from decimal import Decimal

from connector.sim.exchange import Listing
from connector.venues.sim_contract import Contract


def contracts(majors: Sequence[Contract], wanted: int | list[str], seed: int = 1) -> list[Contract]:
    """That many contracts, or those named; beyond the venue's ``majors`` they are invented."""
    known = {row.symbol: row for row in majors}
    if isinstance(wanted, int):
        names = [*known, *(f"SIM{n:03d}USDT" for n in range(1, wanted - len(known) + 1))]
        names = names[:wanted]
    else:
        names = wanted
    return [known.get(name) or _invented(name, seed) for name in names]


def _invented(symbol: str, seed: int) -> Contract:
    rng = random.Random(f"{seed}/{symbol}/listing")
    digits, qty_digits = rng.randint(2, 6), rng.randint(0, 3)
    tick = Decimal(1).scaleb(-digits)
    price = tick * rng.randint(20_000, 400_000)
    step = Decimal(1).scaleb(-qty_digits)
    return Contract(
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
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
        lot_notional=max(20, int(4000 / price / step)),
    )
