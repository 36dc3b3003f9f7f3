"""An order of the simulated Cadenza as its owner is told of it.

Written from the venue's reference alone (sections 9.1 and 9.2). Amounts are in units of 1e-8."""

from typing import Any

from msgspec import Struct

from connector.sim.matching.types import Fill
from connector.venues.cadenza.sim_desk import Account
from connector.venues.cadenza.sim_envelope import CURRENT, iso, made
from connector.venues.sim_contract import Contract, decimal

CREATED, SUBMITTED, ACCEPTED = "CREATED", "SUBMITTED", "ACCEPTED"
PARTIAL, FILLED = "PARTIALLY_FILLED", "FILLED"
CANCELLED, REJECTED, EXPIRED = "CANCELLED", "REJECTED", "EXPIRED"
PENDING_CANCEL = "PENDING_CANCEL"
ENDED = frozenset({FILLED, CANCELLED, REJECTED, EXPIRED})
E8 = 10**8
ATTACHED = (
    "takeProfitPrice", "takeProfitLimitPrice", "takeProfitTimeInForce", "stopLossPrice",
    "stopLossLimitPrice", "stopLossTimeInForce",
)  # fmt: skip


class Group(Struct, kw_only=True):
    """Orders that hang together, the one that was asked for first."""

    list_id: str
    external_id: str
    kind: str
    members: "list[Ticket]"

    def other(self, ticket: "Ticket") -> "Ticket | None":
        """The one that ends when this one trades."""
        pair = self.members if self.kind == "OCO" else self.members[1:]
        if len(pair) != 2 or not any(one is ticket for one in pair):
            return None
        return pair[1] if pair[0] is ticket else pair[0]

    def waiting(self, ticket: "Ticket") -> "list[Ticket]":
        """Those that are placed when this one is filled."""
        return self.members[1:] if self.kind != "OCO" and self.members[0] is ticket else []


class Ticket(Struct, kw_only=True):
    order_id: str
    account: Account
    row: Contract
    """The instrument."""
    fields: dict[str, Any]
    """As it was submitted."""
    lots: int
    created_ms: int
    updated_ms: int
    status: str = SUBMITTED
    told_status: str = CREATED
    """Of which its owner's channel told last."""
    lot: int = 0
    """In units of 1e-8; 0: the instrument's step."""
    engine_id: int = 0
    algo_id: int = 0
    """While it waits for its trigger."""
    asset: str = ""
    """What is locked for it, and how much is left of that."""
    locked: int = 0
    position_id: str = ""
    """Of the position it has changed."""
    filled_lots: int = 0
    cost: int = 0
    fee: int = 0
    executions: list[dict[str, Any]] = []
    reject_reason: str = ""
    cancel_reason: str = ""
    canceled_ms: int = 0
    group: Group | None = None

    @property
    def other(self) -> "Ticket | None":
        """See `Group.other`."""
        return self.group.other(self) if self.group is not None else None

    @property
    def link(self) -> int:
        """What the matching knows the two by of which only one may trade."""
        return int(self.group.external_id) if self.group and self.other is not None else 0

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def first_status(self) -> str:
        """Of the first word about it: what hangs on another waits for that one."""
        group = self.group
        waits = group is not None and group.kind != "OCO" and group.members[0] is not self
        return CREATED if waits else SUBMITTED

    @property
    def buys(self) -> bool:
        return bool(self.fields["orderSide"] == "BUY")

    def qty(self, lots: int) -> int:
        """In units of 1e-8."""
        if self.lot:
            return lots * self.lot
        step = int(decimal_units(self.row.step, self.row.qty_digits))
        return lots * step * int(10 ** (8 - self.row.qty_digits))

    def book(self, fill: Fill) -> None:
        """Take in a fill."""
        self.filled_lots += fill.lots
        self.cost += fill.quote_m
        self.fee += fill.fee_m
        self.status = FILLED if self.filled_lots >= self.lots else PARTIAL
        self.updated_ms = fill.time_ns // 1_000_000
        venue = self.account.venue
        qty = self.qty(fill.lots)
        self.executions.append(
            {
                "executionId": made("execution", self.order_id, len(self.executions)),
                "externalTradeId": f"{venue.lower()}-{fill.trade_id}",
                "venue": venue,
                "instrumentId": self.row.symbol,
                "orderSide": self.fields["orderSide"],
                "executedQuantity": decimal(qty, 8),
                "executedPrice": decimal(fill.quote_m * E8 // qty, 8),
                "executedCost": decimal(fill.quote_m, 8),
                "fees": self._fees(fill.fee_m),
                "executedAt": self.updated_ms,
            }
        )

    def _fees(self, amount: int) -> list[dict[str, Any]]:
        if not amount:
            return []
        venue, asset = self.account.venue, self.row.quote
        return [
            {
                "security": f"{venue}:{asset}",
                "asset": asset,
                "venue": venue,
                "quantity": decimal(amount, 8),
            }
        ]

    def told(self, profile: str, *, first: bool = False) -> dict[str, Any]:
        """``TradeOrder``; ``first``: as it was before anything happened to it."""
        fields = self.fields
        qty = self.qty(self.filled_lots)
        row: dict[str, Any] = {
            "tradeOrderId": self.order_id,
            "tradingAccountId": self.account.account_id,
            "venue": self.account.venue,
            "instrumentId": self.row.symbol,
            "baseAsset": self.row.base,
            "quoteAsset": self.row.quote,
            "orderSide": fields["orderSide"],
            "orderType": fields["orderType"],
            "timeInForce": fields["timeInForce"] or (None if profile == CURRENT else ""),
            "status": self.first_status if first else self.status,
            "quantity": fields["quantity"],
            "orderQuantityType": fields.get("quantityType", "BASE"),
            "quantityRounding": fields.get("quantityRounding", ""),
            "executedPrice": decimal(self.cost * E8 // qty, 8) if qty and not first else "0",
            "executedQuantity": "0" if first else decimal(qty, 8),
            "executedCost": "0" if first else decimal(self.cost, 8),
            "fees": [] if first else self._fees(self.fee),
            "createdAt": self.created_ms,
            "updatedAt": self.created_ms if first else self.updated_ms,
        }
        for name in ("limitPrice", "stopPrice", "positionId", "quoteId", "expireAt"):
            if name in fields:
                row[name] = fields[name]
        if self.group is not None:
            row["orderListId"] = self.group.list_id
            row["externalOrderListId"] = self.group.external_id
            row["contingencyType"] = self.group.kind
            row |= {name: fields[name] for name in ATTACHED if name in fields}
        if self.position_id and not first:
            row["positionId"] = self.position_id
        if not first:
            row["executions"] = self.executions
            for name, value in (
                ("rejectReason", self.reject_reason),
                ("cancelReason", self.cancel_reason),
                ("canceledAt", self.canceled_ms),
            ):
                if value:
                    row[name] = value
        return row

    def rpc(self) -> dict[str, Any]:
        """``rpcTradeOrder``, which also stands in messages: other names, its owner's ids, no
        executions; what it has not is left out."""
        fields, account = self.fields, self.account
        qty = self.qty(self.filled_lots)
        row: dict[str, Any] = {
            "tradeOrderId": self.order_id,
            "venue": self.account.venue,
            "tradingAccountId": account.account_id,
            "externalTradingAccountId": account.external_id,
            "instrumentId": self.row.symbol,
            "baseAsset": self.row.base,
            "quoteAsset": self.row.quote,
            "orderType": fields["orderType"],
            "orderSide": fields["orderSide"],
            "quantityType": fields.get("quantityType", "BASE"),
            "quantity": fields["quantity"],
            "status": self.status,
            "executedPrice": decimal(self.cost * E8 // qty, 8) if qty else "0",
            "executedQuantity": decimal(qty, 8),
            "executedCost": decimal(self.cost, 8),
            "fees": [{"asset": self.row.quote, "quantity": decimal(self.fee, 8)}]
            if self.fee
            else [],
            "createdAt": iso(self.created_ms),
            "updatedAt": iso(self.updated_ms),
        }
        names = ("clientOrderId", "idempotencyKey", "quantityRounding", "limitPrice", "stopPrice",
                 "timeInForce")  # fmt: skip
        row |= {name: fields[name] for name in names if fields.get(name)}
        if self.engine_id:
            row["externalOrderId"] = str(self.engine_id)
        reasons = {"cancelReason": self.cancel_reason, "rejectReason": self.reject_reason}
        row |= {name: word for name, word in reasons.items() if word}
        times = {
            "expireAt": fields.get("expireAt", 0), "canceledAt": self.canceled_ms,
            "lastExecutionAt": self.executions[-1]["executedAt"] if self.executions else 0,
        }  # fmt: skip
        return row | {name: iso(at_ms) for name, at_ms in times.items() if at_ms}


def decimal_units(text: str, digits: int) -> int:
    """A plain decimal in units of its last of so many digits."""
    whole, _, part = text.partition(".")
    return int(whole + part.ljust(digits, "0")[:digits])
