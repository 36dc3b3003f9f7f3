"""What the synthetic market lists when nobody says otherwise."""

import random
from decimal import Decimal

from connector.sim.exchange import Listing
from connector.venues.binance_usdm.sim_rest import Contract

# symbol, price digits, tick, quantity digits, step, price: as listed by the venue in 2025/26.
_MAJORS = (
    "BTCUSDT 2 0.10 3 0.001 68005.00",
    "ETHUSDT 2 0.01 3 0.001 3424.98",
    "SOLUSDT 4 0.0100 2 0.01 185.2300",
    "BNBUSDT 3 0.010 2 0.01 601.120",
    "XRPUSDT 4 0.0001 1 0.1 2.3541",
    "DOGEUSDT 6 0.000010 0 1 0.184320",
    "ADAUSDT 5 0.00010 0 1 0.65430",
    "AVAXUSDT 4 0.0010 0 1 24.1230",
    "LINKUSDT 3 0.001 2 0.01 17.415",
    "LTCUSDT 2 0.01 3 0.001 92.48",
    "DOTUSDT 3 0.001 1 0.1 3.912",
    "TRXUSDT 5 0.00001 0 1 0.31542",
    "SUIUSDT 6 0.000100 1 0.1 2.483100",
    "UNIUSDT 4 0.0010 0 1 6.2140",
    "AAVEUSDT 3 0.010 1 0.1 224.310",
    "FILUSDT 3 0.001 1 0.1 1.542",
    "NEARUSDT 4 0.0010 0 1 2.2340",
    "APTUSDT 5 0.00010 1 0.1 3.21540",
    "ETCUSDT 3 0.001 2 0.01 15.842",
    "ATOMUSDT 3 0.001 2 0.01 3.104",
)


def contracts(wanted: int | list[str], seed: int = 1) -> list[Contract]:
    """The contracts of the synthetic venue: that many, or those named."""
    majors = {row.split()[0]: row.split() for row in _MAJORS}
    if isinstance(wanted, int):
        names = [*majors, *(f"SIM{n:03d}USDT" for n in range(1, wanted - len(majors) + 1))]
        names = names[:wanted]
    else:
        names = wanted
    return [_contract(majors.get(name) or _invented(name, seed)) for name in names]


def _contract(row: list[str]) -> Contract:
    symbol, price_digits, tick, qty_digits, step, price = row
    return Contract(
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        price_digits=int(price_digits),
        tick=tick,
        qty_digits=int(qty_digits),
        step=step,
        price=price,
    )


def _invented(symbol: str, seed: int) -> list[str]:
    rng = random.Random(f"{seed}/{symbol}/listing")
    digits, qty_digits = rng.randint(2, 6), rng.randint(0, 3)
    tick = Decimal(1).scaleb(-digits)
    price = tick * rng.randint(20_000, 400_000)
    step = Decimal(1).scaleb(-qty_digits)
    return [symbol, str(digits), f"{tick:f}", str(qty_digits), f"{step:f}", f"{price:f}"]


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
