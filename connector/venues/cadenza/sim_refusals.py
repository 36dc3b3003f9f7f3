"""What the simulated Cadenza answers to an order that its engine does not take.

Written from the venue's reference alone (section 4.2)."""

from connector.sim.matching.types import Reason, Refused
from connector.venues.cadenza.sim_envelope import Fault

FUNDS, INVALID_ORDER, REJECTED, NOT_SUPPORTED, NO_SYMBOL, NO_ORDER = (
    18006, 18007, 18025, 18016, 18017, 18018,
)  # fmt: skip
CODES = {
    Reason.UNKNOWN_SYMBOL: NO_SYMBOL,
    Reason.NOT_TRADING: REJECTED,
    Reason.ORDER_NOT_FOUND: NO_ORDER,
    Reason.INSUFFICIENT_MARGIN: FUNDS,
    Reason.CROSS_BALANCE_INSUFFICIENT: FUNDS,
    Reason.TOO_MANY_OPEN_ORDERS: REJECTED,
    Reason.TOO_MANY_CONDITIONALS: REJECTED,
    Reason.WOULD_TRIGGER: REJECTED,
}


def fault_of(refused: Refused) -> Fault:
    """The venue's word for a refusal; what it has none for is an invalid order."""
    words = refused.reason.name.lower().replace("_", " ")
    detail = f": {refused.detail}" if refused.detail else ""
    return Fault(CODES.get(refused.reason, INVALID_ORDER), f"{words}{detail}")
