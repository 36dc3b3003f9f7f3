"""What the simulated Phemex keeps of an order: the request and where it stands, in its own words,
and the rows in which REST and the private stream tell it.

Written from the venue's reference alone. REST says ``orderType``, the stream ``ordType``; an
answer to a request shows the order as it was when the request was taken, never what came of it.
"""

from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from connector.sim.matching.types import Side
from connector.venues.phemex.sim_params import CONDITIONAL, Wish

NOBODY = str(UUID(int=0))
NEW, PARTIAL, FILLED = "New", "PartiallyFilled", "Filled"
CANCELED, REJECTED, UNTRIGGERED = "Canceled", "Rejected", "Untriggered"
TRIGGERED, DEACTIVATED, CREATED = "Triggered", "Deactivated", "Created"
OPEN = (NEW, PARTIAL, UNTRIGGERED)
WORDS = {Side.BUY: "Buy", Side.SELL: "Sell"}


def made_id(*parts: object) -> str:
    """An id as the venue's look, the same for the same parts."""
    return str(uuid5(NAMESPACE_URL, "/".join(map(str, parts))))


class Ticket(Struct, kw_only=True):
    """One order of an account. Prices, values and quantities as on the wire."""

    number: int
    order_id: str
    wish: Wish
    account_id: int
    user_id: int
    currency: str
    price_ep: int
    qty: int
    status: str = CREATED
    exec_status: str = "PendingNew"
    action: str = "New"
    request: int = 0
    """relatedReqNum"""
    action_ns: int = 0
    time_ns: int = 0
    added: int = 0
    """The engine's sequence when it entered."""
    sequence: int = 0
    """Of its last event."""
    filled: int = 0
    filled_ev: int = 0
    leaves_ev: int = 0
    closed: int = 0
    closed_pnl_ev: int = 0
    fees_ev: int = 0
    code: int = 0
    reason: int = 0
    """cxlRejReason"""
    engine_id: int = 0
    """Of the order in the matching engine; 0 before."""
    algo_id: int = 0
    """Of the conditional order it is or was."""

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def over(self) -> bool:
        """At its end, which a replacement is not."""
        ended = self.status in (FILLED, CANCELED, REJECTED, DEACTIVATED)
        return ended and self.exec_status != "ReplaceToCanceled"

    @property
    def conditional(self) -> bool:
        return self.wish.kind in CONDITIONAL

    @property
    def leaves(self) -> int:
        """What is open: nothing of an order that waits for its trigger or is at its end."""
        return self.qty - self.filled if self.status in (NEW, PARTIAL, CREATED) else 0

    @property
    def direction(self) -> str:
        """Which way the price has to go to trigger it."""
        if not self.conditional:
            return "UNSPECIFIED"
        stop = self.wish.kind.startswith("Stop")
        return "Rising" if stop == (self.wish.side == Side.BUY) else "Falling"

    @property
    def instruction(self) -> str:
        if self.wish.close:
            return "CloseOnTrigger"
        return "ReduceOnly" if self.wish.reduce_only else "None"

    @property
    def _position(self) -> dict[str, str]:
        """Which of its symbol's positions it is of; the first family does not say."""
        return {"posSide": self.wish.position} if self.wish.position else {}

    def row(self, **changed: Any) -> dict[str, Any]:
        """As REST tells it."""
        wish = self.wish
        return {
            "bizError": self.code,
            "orderID": self.order_id,
            "clOrdID": wish.client_id,
            "symbol": wish.symbol,
            "side": WORDS[wish.side],
            "actionTimeNs": self.action_ns,
            "transactTimeNs": self.time_ns,
            "orderType": wish.kind,
            "priceEp": self.price_ep,
            "price": None,
            "orderQty": self.qty,
            "displayQty": wish.display_qty,
            "timeInForce": wish.tif,
            "reduceOnly": wish.reduce_only,
            "closedPnlEv": self.closed_pnl_ev,
            "closedPnl": None,
            "closedSize": self.closed,
            "cumQty": self.filled,
            "cumValueEv": self.filled_ev,
            "cumValue": None,
            "leavesQty": self.leaves,
            "leavesValueEv": self.leaves_ev if self.leaves else 0,
            "leavesValue": None,
            "stopDirection": self.direction,
            "stopPxEp": wish.stop_ep,
            "stopPx": None,
            "trigger": wish.trigger or "UNSPECIFIED",
            "pegOffsetValueEp": wish.peg_ep,
            "pegOffsetProportionEr": 0,
            "pegPriceType": wish.peg,
            "execStatus": self.exec_status,
            "execInst": self.instruction,
            "ordStatus": self.status,
            **self._position,
        } | changed

    def event(self, holding: dict[str, Any], **changed: Any) -> dict[str, Any]:
        """An entry of the private stream; ``holding`` are account and position after it."""
        wish = self.wish
        return {
            "accountID": self.account_id,
            "action": self.action,
            "actionBy": "ByUser",
            "actionTimeNs": self.action_ns,
            "addedSeq": self.added,
            "bonusChangedAmountEv": 0,
            "clOrdID": wish.client_id,
            "closedPnlEv": 0,
            "closedSize": 0,
            "code": self.code,
            "cumQty": self.filled,
            "cumValueEv": self.filled_ev,
            **holding,
            "currency": self.currency,
            "cxlRejReason": self.reason,
            "displayQty": wish.display_qty or self.qty,
            "execFeeEv": 0,
            "execID": NOBODY,
            "execInst": self.instruction,
            "execPriceEp": 0,
            "execQty": 0,
            "execSeq": self.sequence,
            "execStatus": self.exec_status,
            "execValueEv": 0,
            "feeRateEr": 0,
            "leavesQty": self.leaves,
            "leavesValueEv": self.leaves_ev if self.leaves else 0,
            "message": "No error",
            "ordStatus": self.status,
            "ordType": wish.kind,
            "orderID": self.order_id,
            "orderQty": self.qty,
            "pegOffsetValueEp": wish.peg_ep,
            "pegPriceType": wish.peg,
            "priceEp": self.price_ep,
            "relatedPosTerm": holding["curPosTerm"],
            "relatedReqNum": self.request,
            "side": WORDS[wish.side],
            "slTrigger": wish.loss_by or "UNSPECIFIED",
            "stopLossEp": wish.loss_ep,
            "stopPxEp": wish.stop_ep,
            "symbol": wish.symbol,
            "takeProfitEp": wish.profit_ep,
            "timeInForce": wish.tif,
            "tpTrigger": wish.profit_by or "UNSPECIFIED",
            "transactTimeNs": self.time_ns,
            "userID": self.user_id,
            **self._position,
            **({"cumFeeEv": self.fees_ev} if wish.position else {}),
        } | changed
