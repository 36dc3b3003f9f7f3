"""What the simulated Cadenza demands of orders: bounds, steps and the smallest value.

Written from the venue's reference alone (section 9.5). The matching engine counts margin; here
assets are bought and sold, so it never gets to say no: what an account can pay is `sim_funds`'s."""

from decimal import Decimal

import orjson

from connector.sim.matching.rules import Bracket, Rules
from connector.venues.cadenza import sim_listings as listings
from connector.venues.sim_contract import Contract

E8 = 100_000_000
ENDLESS_M = 10**24


def rules(info: bytes) -> list[Rules]:
    """What an instrument list demands of orders; raises ValueError naming the fault."""
    bounds = {row["instrumentId"]: row for row in orjson.loads(info)["data"]}
    return [_rules(row, bounds[row.symbol]) for row in listings.contracts(info)]


def _rules(row: Contract, bounds: dict[str, str]) -> Rules:
    step = Decimal(row.step)
    most = int(Decimal(bounds.get("maxQuantity") or "0") / step)
    return Rules(
        symbol=row.symbol,
        asset=row.quote,
        price_digits=row.price_digits,
        tick_units=int(Decimal(row.tick).scaleb(row.price_digits)),
        qty_digits=row.qty_digits,
        step_units=int(step.scaleb(row.qty_digits)),
        min_lots=max(1, int(Decimal(bounds.get("minQuantity") or "0") / step)),
        max_lots=most,
        market_max_lots=most,
        min_notional_m=int(Decimal(bounds.get("minNotional") or "0") * E8),
        maker_fee_r=listings.FEES_E8,
        taker_fee_r=listings.FEES_E8,
        brackets=(Bracket(125, ENDLESS_M, 1),),
        default_leverage=125,
    )
