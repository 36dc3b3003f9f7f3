"""What the synthetic market lists when nobody says otherwise: the venue's busiest contracts."""

from connector.venues.sim_contract import Contract

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


def _contract(row: str) -> Contract:
    symbol, price_digits, tick, qty_digits, step, price = row.split()
    return Contract(
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        price_digits=int(price_digits),
        tick=tick,
        qty_digits=int(qty_digits),
        step=step,
        price=price,
    )


LISTINGS = tuple(map(_contract, _MAJORS))
