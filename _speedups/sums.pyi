"""What accounts and strategies hold and risk, as every order asks it: integers of C, exact ones of
Python where they pass 63 bits."""

from collections import deque
from typing import Any

class OwnerState:
    """An account or a strategy (`connector.trading.holdings.Owner`)."""

    limits: Any
    unmarked: set[str]
    sent_ns: deque[int]
    unknown: bool
    open_orders: int
    exposure_e: int
    profit_e: int
    paid_e: int

class HoldingState:
    """What one has in one instrument (`connector.trading.holdings.Holding`)."""

    fresh: bool
    position_e: int
    buys_e: int
    sells_e: int
    cash_e: int
    unpriced_e: int
    mark_e: int
    value_e: int
    profit_e: int
    said_ns: int
    filled_ns: int
