"""The settings of paper accounts; `connector.config` reads them with everything else."""

import re
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct, field

from connector.venues.trading_contract import MONEY_EXPONENT


class PaperSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[accounts.<name>.paper]``: what a paper account is granted; docs/paper.md has the model."""

    latency_us: Annotated[int, Meta(ge=0, le=10_000_000)] = 1000
    """Microseconds one way: an order meets the market as it is received two of them later."""
    balances: dict[str, Decimal] = field(default_factory=lambda: {"USDT": Decimal(10_000)})
    """What it starts with, by asset; later starts go on with what there is then."""
    maker_bps: Decimal = Decimal(2)
    """Fee of orders that rested, in hundredths of a percent; negative: a rebate."""
    taker_bps: Decimal = Decimal(5)
    """Fee of orders that took."""
    leverage: Annotated[int, Meta(ge=1, le=125)] = 20
    """Of every instrument."""
    maintenance_bps: Decimal = Decimal(50)
    """Maintenance margin of every position, in hundredths of a percent of its notional."""
    hedge: bool = False
    """Long and short positions beside each other; decided when the account begins."""

    def money(self) -> dict[str, int]:
        """The balances in 10^-8."""
        return {asset: scaled(amount, MONEY_EXPONENT) for asset, amount in self.balances.items()}


def judge_paper(paper: PaperSettings, path: str, faults: list[str]) -> None:
    """Add what types cannot say."""
    for asset, amount in paper.balances.items():
        if not re.fullmatch(r"[A-Z0-9]{1,16}", asset):
            faults.append(f"{path}.balances: {asset!r} is not the name of an asset")
        _exact(amount, MONEY_EXPONENT, 0, 10**10, f"{path}.balances.{asset}", faults)
    for name, low in (("maker_bps", -100), ("taker_bps", 0), ("maintenance_bps", 1)):
        _exact(getattr(paper, name), 4, low, 1000, f"{path}.{name}", faults)
    if paper.maintenance_bps * paper.leverage >= 10_000:
        faults.append(f"{path}.leverage: {paper.leverage} needs less than the maintenance margin")


def _exact(value: Decimal, digits: int, low: int, high: int, path: str, faults: list[str]) -> None:
    if not value.is_finite() or not low <= value <= high:
        faults.append(f"{path}: {value} is not from {low} to {high}")
    elif value.scaleb(digits) % 1:
        faults.append(f"{path}: {value} has more than {digits} decimals")


def scaled(value: Decimal, digits: int) -> int:
    """``value`` in units of 10**-digits; it has no more decimals."""
    return int(value.scaleb(digits))
