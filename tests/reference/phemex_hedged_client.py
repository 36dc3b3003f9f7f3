"""Phemex's hedged API as a ground of order tests: a contract in USDT, everything in decimal texts,
and two positions where an account wants them."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from connector.model.reports import EndReason
from tests.reference import phemex_client
from tests.reference.ground import Fill, Ground, Placed
from tests.reference.phemex_client import SIDES, TIFS

MODES = {"Merged": "BOTH", "Long": "LONG", "Short": "SHORT"}
POSITIONS = {side: word for word, side in MODES.items()}
_numbers = itertools.count(1)


class Client(phemex_client.Client):
    """One account's requests, all on one connection."""

    _trades, _filled = "/api-data/g-futures/trades", "execQtyRq"

    def hedge(self) -> None:
        self.ok(
            "PUT",
            "/g-positions/switch-pos-mode-sync",
            symbol=self._symbol,
            targetPosMode="Hedged",
        )

    def best_bid(self) -> float:
        answer = self.venue.get("/md/v2/orderbook", symbol=self._symbol).json()
        return float(answer["result"]["orderbook_p"]["bids"][0][0])

    def limit_at(self, side: str, price: float, quantity: float, tif: str = "GTC") -> Placed:
        name = self._place(
            side, quantity, "BOTH", ordType="Limit", priceRp=f"{price:.1f}", timeInForce=TIFS[tif]
        )
        (row,) = self._orders(name)
        return Placed(name, float(row["cumQtyRq"]))

    def take(self, side: str, quantity: float, position_side: str = "BOTH") -> None:
        self._place(side, quantity, position_side, ordType="Market")

    def _place(self, side: str, quantity: float, position_side: str = "BOTH", **fields: Any) -> str:
        name = f"by-hand-p{next(_numbers)}"
        self.ok(
            "PUT",
            "/g-orders/create",
            clOrdID=name,
            symbol=self._symbol,
            side=SIDES[side],
            posSide=POSITIONS[position_side],
            orderQtyRq=f"{quantity:.3f}",
            **fields,
        )
        return name

    def cancel(self, client_order_id: str) -> None:
        (row,) = self._orders(client_order_id)
        self.ok(
            "DELETE",
            "/g-orders/cancel",
            symbol=self._symbol,
            posSide=row["posSide"],
            clOrdID=client_order_id,
        )

    def cancel_all(self) -> None:
        for untriggered in ("false", "true"):
            self.ok("DELETE", "/g-orders/all", symbol=self._symbol, untriggered=untriggered)

    def opened(self) -> set[str]:
        return self._opened("/g-orders/activeList")

    def resting(self) -> dict[str, tuple[Decimal, Decimal]]:
        return {
            row["clOrdID"]: (Decimal(row["priceRp"]), Decimal(row["leavesQtyRq"]))
            for row in self._active("/g-orders/activeList")
            if row["ordStatus"] != "Untriggered"
        }

    def balances(self) -> dict[str, Decimal]:
        found = self.ok("GET", "/g-accounts/accountPositions", currency="USDT")["account"]
        return {"USDT": Decimal(found["accountBalanceRv"])}

    def held(self) -> dict[str, float]:
        found = self.ok("GET", "/g-accounts/accountPositions", currency="USDT")
        signs = {"Buy": 1, "Sell": -1, "None": 0}
        amounts = {
            MODES[row["posSide"]]: signs[row["side"]] * float(row["size"])
            for row in found["positions"]
            if row["symbol"] == self._symbol
        }
        return {side: amount for side, amount in amounts.items() if amount}

    def ledger(self) -> Callable[[Any], dict[Any, Fill]]:
        orders: dict[str, dict[Any, Fill]] = {}
        for row in self._pages(self._trades):
            fill = Fill(*(float(row[name]) for name in ("execQtyRq", "execPriceRp", "execFeeRv")))
            orders.setdefault(row["clOrdID"], {})[row["execID"]] = fill
        return lambda report: orders.get(report.client_order_id, {})

    def known(self, client_order_id: str) -> list[float]:
        return [float(row["priceRp"]) for row in self._orders(client_order_id)]

    def history(self) -> list[tuple[str, str]]:
        rows = self._pages("/api-data/g-futures/orders")[::-1]
        return [(row["clOrdId"], row["side"].upper()) for row in rows]

    def _orders(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ok(
            "GET", "/api-data/g-futures/orders/by-order-id", symbol=self._symbol, clOrdID=name
        )
        return found


def made() -> Ground:
    """As the contracts with scaled integers, but for its numbers and its sides of a position."""
    scaled = phemex_client.GROUNDS[0]
    return replace(
        scaled,
        name="phemex-hedged",
        family="hedged",
        symbol="BTCUSDT",
        client=Client,
        most=20,
        whole=0,
        rich={"USDT": "1000000000"},
        funds={"USDT": "10000"},
        orders={
            action: {**where, "path": f"/g-{where['path'][1:]}"}
            for action, where in scaled.orders.items()
        },
        batched={"/g-orders/create": 5, "/g-orders": 1},
        steps=(
            {"/g-orders/create": 7, "/g-orders": 0},
            {"/g-orders/replace": 4},
            {"/g-orders": 1, "/g-orders/cancel": 0},
        ),
        batch={"path": "/g-orders/create", "method": "PUT", "count": 3},
        open_orders="/g-orders/activeList",
        streams={"order": "*@aop_p", "position": "*@aop_p"},
        two_sided=True,
        connection_of=scaled.name,
        own_trade=EndReason.VENUE,
        has=frozenset({"self trades cannot be allowed"}),
        refusals={**scaled.refusals, "position side": 20004},
    )


GROUND = made()
