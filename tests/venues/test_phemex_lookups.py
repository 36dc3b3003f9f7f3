"""Phemex, what is asked for reconciling: the requests, and the published answers to them."""

import json
from typing import Any

import pytest

from connector.model.instrument import Instrument
from connector.model.intents import Action, PositionSide
from connector.venues.contract import Request, load
from connector.venues.trading_contract import BalanceEvent, Intent, PositionEvent

VENUE = load("phemex")
assert VENUE.trading is not None
TRADING, LOOKUPS = VENUE.trading, VENUE.trading.lookups
BTCUSD, CETHUSD = (
    Instrument(
        symbol=symbol, exchange="Phemex", base=coin, quote="USD", margin=coin, price_exponent=4,
        qty_exponent=0, price_digits=1, qty_digits=0, tick_e=5000, step_e=1, inverse=True,
    )
    for symbol, coin in (("BTCUSD", "BTC"), ("cETHUSD", "ETH"))
)  # fmt: skip


def scales(symbol: str) -> Instrument | None:
    return {"BTCUSD": BTCUSD, "cETHUSD": CETHUSD}.get(symbol)


def line(request: Request) -> str:
    return f"{request.method} {request.target} {request.weight} {request.pool}"


def test_open_orders_are_asked_for_by_symbol() -> None:
    assert [line(one) for one in LOOKUPS.open_orders([CETHUSD, BTCUSD])] == [
        "GET /orders/activeList?symbol=BTCUSD 1 contract",
        "GET /orders/activeList?symbol=cETHUSD 1 contract",
    ]
    assert list(LOOKUPS.open_orders([])) == []


def test_positions_and_balances_are_asked_for_by_currency() -> None:
    for ask in (LOOKUPS.positions, LOOKUPS.balances):
        assert [line(one) for one in ask([CETHUSD, BTCUSD, BTCUSD])] == [
            "GET /accounts/accountPositions?currency=BTC 1 contract",
            "GET /accounts/accountPositions?currency=ETH 1 contract",
        ]


def test_fills_are_asked_for_by_time() -> None:
    for order_id in (None, "2585817b-85df-4dea-8507-5db1920b9954"):
        asked = LOOKUPS.fills(BTCUSD, order_id, 1_578_009_600_000_000_001, 1000)
        assert line(asked) == (
            "GET /exchange/order/trade?symbol=BTCUSD&start=1578009600000&limit=200 1 others"
        )


def test_an_order_is_asked_for_by_the_id_that_is_known() -> None:
    wanted = Intent(action=Action.QUERY, instrument=BTCUSD, client_order_id="t-1")
    assert line(LOOKUPS.order(wanted)) == "GET /exchange/order?symbol=BTCUSD&clOrdID=t-1 1 others"


def test_there_is_nothing_else_to_ask() -> None:
    assert (LOOKUPS.config, LOOKUPS.limits, TRADING.countdown, TRADING.api) == (None,) * 4


def test_the_venue_s_clock() -> None:
    body = b'{"code":0,"msg":"OK","data":{"serverTime":1676431287583}}'
    assert LOOKUPS.server_ns(body) == 1676431287583 * 10**6
    assert line(LOOKUPS.time()) == "GET /public/time 1 others"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"code":0,"data":{}}', b'{"code":0,"data":7}'])
def test_no_time_is_no_zero(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  whatever cannot be read
        LOOKUPS.server_ns(body)


# The published answer, cut to what is read.
HELD: dict[str, Any] = {
    "account": {"accountId": 0, "currency": "BTC", "accountBalanceEv": 100000024,
                "totalUsedBalanceEv": 1222},
    "positions": [
        {"accountID": 0, "symbol": "BTCUSD", "currency": "BTC", "side": "Sell",
         "positionStatus": "Normal", "crossMargin": False, "leverageEr": 0, "leverage": 0,
         "size": 9, "value": 0, "valueEv": 103596, "avgEntryPriceEp": 86875941,
         "avgEntryPrice": 8687.5941, "markPriceEp": 93169002, "realisedPnlEv": 0,
         "cumRealisedPnlEv": 0, "unRealisedPosLossEv": 0, "markValue": None},
        {"symbol": "uBTCUSD", "currency": "USD", "side": "None", "size": 0},
    ],
}  # fmt: skip


def test_the_published_positions() -> None:
    body = json.dumps({"code": 0, "msg": "", "data": HELD}).encode()
    assert list(LOOKUPS.position_events(body, scales)) == [
        PositionEvent(symbol="BTCUSD", position_side=PositionSide.BOTH, qty_e=-9, entry="8687.5941")
    ]
    assert list(LOOKUPS.balance_events(body)) == [
        BalanceEvent(asset="BTC", wallet_e=100000024, available_e=99998802)
    ]


def test_the_dearer_question_tells_the_profit_of_now() -> None:
    row = {**HELD["positions"][0], "unRealisedPnlEv": -107}
    body = json.dumps({"code": 0, "data": {**HELD, "positions": [row]}}).encode()
    (found,) = LOOKUPS.position_events(body, scales)
    assert found.unrealised_e == -107


@pytest.mark.parametrize("data", [None, {}, [], {"account": None}, {"account": {}}])
def test_an_answer_without_an_account_is_none(data: Any) -> None:
    body = json.dumps({"code": 0, "msg": "", "data": data}).encode()
    with pytest.raises(ValueError):  # noqa: PT011  whatever cannot be read
        LOOKUPS.balance_events(body)


def test_a_no_of_the_venue_proves_little() -> None:
    """It may be half a minute behind, and must be said twice."""
    assert TRADING.denial.lag_ns == 30 * 10**9
    assert TRADING.denial.times == 2


def test_the_window_is_the_configured_one() -> None:
    config = VENUE.config(window_ms=5000)
    made = VENUE.configured(config).trading
    assert made is not None
    assert (TRADING.window_ns, made.window_ns) == (10 * 10**9, 5 * 10**9)
    signed = made.sign(
        next(iter(LOOKUPS.open_orders([BTCUSD]))), made.signer("key", b"secret", "hmac"), 10**18
    )
    assert dict(signed.headers)["x-phemex-request-expiry"] == "1000000005"


def test_each_family_is_asked_its_own_way() -> None:
    linear = Instrument(
        symbol="BTCUSDT", exchange="Phemex", base="BTC", quote="USDT", margin="USDT",
        price_exponent=2, qty_exponent=3, price_digits=1, qty_digits=3, tick_e=10, step_e=1,
    )  # fmt: skip
    asked = [*LOOKUPS.open_orders([BTCUSD, linear]), *LOOKUPS.positions([BTCUSD, linear])]
    assert [one.target for one in asked] == [
        "/orders/activeList?symbol=BTCUSD",
        "/g-orders/activeList?symbol=BTCUSDT",
        "/accounts/accountPositions?currency=BTC",
        "/g-accounts/accountPositions?currency=USDT",
    ]
    assert LOOKUPS.fills(linear, None, 0, 10).path == "/api-data/g-futures/trades"
    data = {
        "account": {"currency": "USDT", "accountBalanceRv": "1000.5", "totalUsedBalanceRv": "0.5"},
        "positions": [
            {"symbol": "BTCUSDT", "currency": "USDT", "side": "Sell", "posSide": "Short",
             "sizeRq": "0.005", "avgEntryPriceRp": "20849.5", "unRealisedPnlRv": "-1.25"},
        ],
    }  # fmt: skip
    body = json.dumps({"code": 0, "msg": "", "data": data}).encode()
    (held,) = LOOKUPS.position_events(body, {"BTCUSDT": linear}.get)
    assert (held.qty_e, held.entry, held.unrealised_e) == (-5, "20849.5", -125_000_000)
    assert held.position_side is PositionSide.SHORT
    assert LOOKUPS.balance_events(body)[0].wallet_e == 100_050_000_000
