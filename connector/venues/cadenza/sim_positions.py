"""What an account of the simulated Cadenza has bought and not sold again, by instrument.

Written from the venue's reference alone (section 9.4): one net position an instrument, as in its
sample, which is of spot. Amounts are in units of 1e-8."""

from typing import Any

from msgspec import Struct

from connector.venues.sim_contract import decimal

E8 = 10**8
OPEN, CLOSED = "OPEN", "CLOSED"


class Position(Struct, kw_only=True):
    position_id: str
    instrument_id: str
    asset: str
    created_ms: int
    updated_ms: int
    qty: int = 0
    """Negative: sold and not bought."""
    cost: int = 0
    """What it was opened for."""
    realized: int = 0
    exit_cost: int = 0
    exit_qty: int = 0
    told: bool = False
    """That it is closed."""

    @property
    def closed(self) -> bool:
        return not self.qty

    def add(self, qty: int, cost: int, now_ms: int) -> None:
        """So much was bought (negative: sold) for so much, both of one sign."""
        self.updated_ms = now_ms
        if self.qty * qty >= 0:
            self.qty += qty
            self.cost += cost
            return
        closing = min(abs(qty), abs(self.qty))
        opened = self.cost * closing // abs(self.qty)
        left = abs(qty) - closing
        paid = abs(cost) * closing // abs(qty)
        sign = 1 if self.qty > 0 else -1
        self.realized += sign * paid - opened
        self.exit_cost += paid
        self.exit_qty += closing
        self.qty -= sign * closing
        self.cost -= opened
        if left:
            self.qty, self.cost = -sign * left, -sign * (abs(cost) - paid)

    def row(self, account_id: str, worth: int, *, sides: bool) -> dict[str, Any]:
        """``worth`` of a unit in the quote, 0 where it is not known; ``sides``: the side is told
        beside a quantity without a sign."""
        size = abs(self.qty)
        found: dict[str, Any] = {
            "positionId": self.position_id, "securitySymbol": self.asset,
            "tradingAccountId": account_id, "instrumentId": self.instrument_id,
            "securityType": "CRYPTO", "status": CLOSED if self.closed else OPEN,
            "quantity": decimal(size if sides else self.qty, 8),
            "realizedPnl": decimal(self.realized, 8), "createdAt": self.created_ms,
            "updatedAt": self.updated_ms,
        }  # fmt: skip
        if sides:
            found["positionSide"] = "SHORT" if self.qty < 0 else "LONG"
        if size:
            found["entryPrice"] = decimal(abs(self.cost) * E8 // size, 8)
        if self.exit_qty:
            found["exitPrice"] = decimal(self.exit_cost * E8 // self.exit_qty, 8)
        if worth and size:
            found["currentPrice"] = decimal(worth, 8)
            found["unrealizedPnl"] = decimal(self.qty * worth // E8 - self.cost, 8)
        if self.closed:
            found["closedAt"] = self.updated_ms
        return found
