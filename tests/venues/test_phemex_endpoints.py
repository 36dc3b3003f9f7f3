"""Every call of the venue's document of 2020 can be made by name, and the simulated venue serves
it."""

import pytest

from connector.protocol.http1 import Request
from connector.venues.endpoint import Status
from connector.venues.phemex.endpoints import ENDPOINTS
from tests.reference.phemex_venue import Phemex, Trader, account

PUBLISHED = [
    "GET /exchange/public/products",
    "POST /orders",
    "PUT /orders/replace",
    "DELETE /orders/cancel",
    "DELETE /orders",
    "DELETE /orders/all",
    "GET /accounts/accountPositions",
    "PUT /positions/leverage",
    "PUT /positions/riskLimit",
    "POST /positions/assign",
    "GET /orders/activeList",
    "GET /exchange/order/list",
    "GET /exchange/order",
    "GET /exchange/order/trade",
    "GET /md/orderbook",
    "GET /md/trade",
    "GET /md/ticker/24hr",
    "GET /phemex-user/users/children",
    "POST /exchange/wallets/transferOut",
    "POST /exchange/wallets/transferIn",
    "POST /exchange/margins",
    "GET /exchange/margins/transfer",
    "POST /exchange/wallets/createWithdraw",
    "GET /exchange/wallets/confirm/withdraw",
    "POST /exchange/wallets/cancelWithdraw",
    "GET /exchange/wallets/withdrawList",
    "POST /exchange/wallets/createWithdrawAddress",
]
"""In the order of the document: 27."""
HEDGED = [
    "POST /g-orders",
    "PUT /g-orders/create",
    "PUT /g-orders/replace",
    "DELETE /g-orders/cancel",
    "DELETE /g-orders",
    "DELETE /g-orders/all",
    "GET /g-orders/activeList",
    "GET /g-orders/active",
    "GET /g-accounts/accountPositions",
    "GET /g-accounts/positions",
    "PUT /g-positions/leverage",
    "POST /g-positions/assign",
    "PUT /g-positions/switch-pos-mode-sync",
    "GET /g-accounts/risk-unit",
    "GET /exchange/order/v2/orderList",
    "GET /exchange/order/v2/tradingList",
    "GET /api-data/g-futures/orders",
    "GET /api-data/g-futures/orders/by-order-id",
    "GET /api-data/g-futures/trades",
]
"""Section 10.1 of the reference."""


def test_every_call_of_the_document_has_a_row() -> None:
    rows = {f"{one.method} {one.path}": one for one in ENDPOINTS.values()}
    assert len(PUBLISHED) == 27
    assert not {*PUBLISHED, *HEDGED} - rows.keys()
    assert {rows[call].status for call in HEDGED} == {Status.CURRENT}


def test_who_was_replaced_names_who_replaced_it() -> None:
    words = {"the link in the venue's mail", "the venue's site"}
    for one in ENDPOINTS.values():
        if one.status is Status.REPLACED:
            assert one.successor in words or ENDPOINTS[one.successor].status is Status.CURRENT
        else:
            assert not one.successor


@pytest.fixture(scope="module")
def trader() -> Trader:
    return Trader(Phemex(["BTCUSD", "BTCUSDT"], rate=50, accounts=(account(),)))


@pytest.mark.parametrize("call", [*PUBLISHED, *HEDGED])
def test_the_simulated_venue_serves_it(trader: Trader, call: str) -> None:
    """It knows the path, and is not the edge that knows none."""
    method, path = call.split()
    if path.startswith(("/md", "/exchange/public")):
        request = Request(method, path, "symbol=BTCUSD", {})
        now_ms = trader.venue.wall_ms()
        venue = trader.venue
        found = venue.rest.answer(venue.market, request, "10.0.0.2", now_ms, now_ms)
        assert (found.status, b'"error":null' in found.body or b'"code":0' in found.body) == (
            200, True,
        )  # fmt: skip
    else:
        assert "code" in trader.ask(
            method, path, "symbol=BTCUSD", b"{}" if method == "POST" else b""
        )
