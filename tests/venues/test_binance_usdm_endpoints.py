"""Binance USD-M, order and account calls: paths, costs and shapes are those of the reference."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.venues.binance_usdm import VENUE
from connector.venues.binance_usdm import schemas_trading as shapes
from connector.venues.binance_usdm.endpoints_trading import ENDPOINTS
from connector.venues.binance_usdm.schemas import text
from connector.venues.contract import Retry, Security

SECOND_NS = 1_000_000_000
ONE = {"symbol": "BTCUSDT"}
ORDER = {**ONE, "side": "BUY", "type": "LIMIT"}
AMEND = {**ONE, "side": "SELL", "quantity": "1", "price": "2.50"}
ALGO = {**ORDER, "algoType": "CONDITIONAL", "type": "STOP"}
BATCH = {"batchOrders": "[]"}
YEAR = {"startTime": 1, "endTime": 2}
FILES = ("order", "trade", "income")
# Sections 6.2 and 6.3: call, a request, its weight, its orders in 10 s and in 1 min; S: signed.
REFERENCE = [
    ("POST /fapi/v1/positionSide/dual", {"dualSidePosition": "true"}, 1, 0, 0, "S"),
    ("GET /fapi/v1/positionSide/dual", {}, 30, 0, 0, "S"),
    ("POST /fapi/v1/order", ORDER, 0, 1, 1, "S"),
    ("POST /fapi/v1/batchOrders", BATCH, 5, 5, 1, "S"),
    ("GET /fapi/v1/order", ONE, 1, 0, 0, "S"),
    ("DELETE /fapi/v1/order", ONE, 1, 0, 0, "S"),
    ("DELETE /fapi/v1/allOpenOrders", ONE, 1, 0, 0, "S"),
    ("DELETE /fapi/v1/batchOrders", ONE, 1, 0, 0, "S"),
    ("POST /fapi/v1/countdownCancelAll", {**ONE, "countdownTime": 0}, 10, 0, 0, "S"),
    ("GET /fapi/v1/openOrder", ONE, 1, 0, 0, "S"),
    ("GET /fapi/v1/openOrders", ONE, 1, 0, 0, "S"),
    ("GET /fapi/v1/openOrders", {}, 40, 0, 0, "S"),
    ("GET /fapi/v1/allOrders", ONE, 5, 0, 0, "S"),
    ("GET /fapi/v2/balance", {}, 10, 0, 0, "S"),
    ("GET /fapi/v2/account", {}, 10, 0, 0, "S"),
    ("POST /fapi/v1/leverage", {**ONE, "leverage": 20}, 1, 0, 0, "S"),
    ("POST /fapi/v1/marginType", {**ONE, "marginType": "CROSSED"}, 1, 0, 0, "S"),
    ("POST /fapi/v1/positionMargin", {**ONE, "amount": "1", "type": 1}, 1, 0, 0, "S"),
    ("GET /fapi/v1/positionMargin/history", ONE, 1, 0, 0, "S"),
    ("GET /fapi/v2/positionRisk", {}, 10, 0, 0, "S"),
    ("GET /fapi/v1/userTrades", ONE, 5, 0, 0, "S"),
    ("GET /fapi/v1/income", {}, 30, 0, 0, "S"),
    ("GET /fapi/v1/leverageBracket", {}, 1, 0, 0, "S"),
    ("GET /fapi/v1/adlQuantile", {}, 5, 0, 0, "S"),
    ("GET /fapi/v1/forceOrders", ONE, 20, 0, 0, "S"),
    ("GET /fapi/v1/forceOrders", {}, 50, 0, 0, "S"),
    ("GET /fapi/v1/commissionRate", ONE, 20, 0, 0, "S"),
    ("POST /fapi/v1/listenKey", {}, 1, 0, 0, "K"),
    ("PUT /fapi/v1/listenKey", {}, 1, 0, 0, "K"),
    ("DELETE /fapi/v1/listenKey", {}, 1, 0, 0, "K"),
    ("PUT /fapi/v1/order", AMEND, 0, 1, 1, "S"),
    ("PUT /fapi/v1/batchOrders", BATCH, 5, 5, 1, "S"),
    ("GET /fapi/v1/orderAmendment", ONE, 1, 0, 0, "S"),
    ("POST /fapi/v1/order/test", ORDER, 1, 0, 0, "S"),
    ("GET /fapi/v1/rateLimit/order", {}, 1, 0, 0, "S"),
    ("POST /fapi/v1/algoOrder", ALGO, 0, 1, 1, "S"),
    ("DELETE /fapi/v1/algoOrder", {"algoId": 1}, 1, 0, 0, "S"),
    ("GET /fapi/v1/algoOrder", {"clientAlgoId": "a"}, 1, 0, 0, "S"),
    ("GET /fapi/v1/openAlgoOrders", ONE, 1, 0, 0, "S"),
    ("GET /fapi/v1/openAlgoOrders", {}, 40, 0, 0, "S"),
    ("GET /fapi/v1/allAlgoOrders", ONE, 5, 0, 0, "S"),
    ("DELETE /fapi/v1/algoOpenOrders", ONE, 1, 0, 0, "S"),
    ("GET /fapi/v3/account", {}, 5, 0, 0, "S"),
    ("GET /fapi/v3/balance", {}, 5, 0, 0, "S"),
    ("GET /fapi/v3/positionRisk", {}, 5, 0, 0, "S"),
    ("GET /fapi/v1/accountConfig", {}, 5, 0, 0, "S"),
    ("GET /fapi/v1/symbolConfig", {}, 5, 0, 0, "S"),
    ("GET /fapi/v1/multiAssetsMargin", {}, 30, 0, 0, "S"),
    ("POST /fapi/v1/multiAssetsMargin", {"multiAssetsMargin": "false"}, 1, 0, 0, "S"),
    ("GET /fapi/v1/feeBurn", {}, 30, 0, 0, "S"),
    ("POST /fapi/v1/feeBurn", {"feeBurn": "true"}, 1, 0, 0, "S"),
    ("GET /fapi/v1/apiTradingStatus", ONE, 1, 0, 0, "S"),
    ("GET /fapi/v1/apiTradingStatus", {}, 10, 0, 0, "S"),
    ("POST /fapi/v1/stock/contract", {}, 50, 0, 0, "S"),
    *((f"GET /fapi/v1/{kind}/asyn", YEAR, 1000, 0, 0, "S") for kind in FILES),
    *((f"GET /fapi/v1/{kind}/asyn/id", {"downloadId": "7"}, 10, 0, 0, "S") for kind in FILES),
]
CALLS = {f"{row.method} {row.path}": row for row in ENDPOINTS.values()}


def test_the_table_is_that_of_the_reference() -> None:
    assert set(CALLS) == {call for call, *_ in REFERENCE}
    assert len(CALLS) == len(ENDPOINTS)
    assert ENDPOINTS.items() <= VENUE.endpoints.items()


@pytest.mark.parametrize(("call", "params", "weight", "ten_s", "minute", "security"), REFERENCE)
def test_a_request_costs_what_the_reference_says(
    call: str, params: dict[str, object], weight: int, ten_s: int, minute: int, security: str
) -> None:
    row = CALLS[call]
    request = row.request(**params)
    assert request.weight == weight
    costs = {(cost.pool, cost.window_ns): cost.units for cost in request.orders}
    expected = {("orders", 10 * SECOND_NS): ten_s, ("orders", 60 * SECOND_NS): minute}
    assert costs == (expected if ten_s else {})
    assert costs.keys() <= {(pool.name, pool.window_ns) for pool in VENUE.pools}
    assert request.security is (Security.SIGNED if security == "S" else Security.KEY)


def test_what_may_have_changed_an_order_is_never_simply_sent_again() -> None:
    again = {name for name, row in ENDPOINTS.items() if row.retry is Retry.SAFE}
    # A file of history takes one of a few a month.
    reading = {name for name, row in ENDPOINTS.items() if row.method == "GET"}
    reading -= {"orderFile", "tradeFile", "incomeFile"}
    assert again == reading | {"testOrder", "countdownCancelAll", "startStream", "keepStream"}


@pytest.mark.parametrize(
    ("name", "params", "wrong"),
    [
        ("placeOrder", {**ORDER, "type": "STOP"}, "STOP"),
        ("placeOrder", {**ORDER, "stopPrice": "1"}, "stopPrice"),
        ("placeOrder", {**ORDER, "quantity": "1e3"}, "quantity"),
        ("placeOrder", {**ORDER, "quantity": "-1"}, "quantity"),
        ("placeOrder", {**ORDER, "price": ""}, "price"),
        ("placeOrder", {**ORDER, "newClientOrderId": "a b"}, "newClientOrderId"),
        ("placeOrder", {**ORDER, "newClientOrderId": "a" * 37}, "newClientOrderId"),
        ("placeOrder", {**ORDER, "goodTillDate": 253402300799000}, "goodTillDate"),
        ("placeOrder", {**ORDER, "reduceOnly": True}, "reduceOnly"),
        ("placeOrder", {"symbol": "BTCUSDT", "side": "BUY"}, "type"),
        ("placeAlgo", {**ALGO, "type": "LIMIT"}, "LIMIT"),
        ("amendOrder", {**ONE, "side": "BUY"}, "quantity"),
        ("setLeverage", {**ONE, "leverage": 126}, "leverage"),
        ("cancelBatch", {**ONE, "orderIdList": "[1, 2]"}, "orderIdList"),
        ("cancelOrder", {"symbol": ""}, "symbol"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(
    name: str, params: dict[str, object], wrong: str
) -> None:
    with pytest.raises(ValueError, match=wrong):
        ENDPOINTS[name].request(**params)


def test_everything_is_percent_encoded() -> None:
    request = ENDPOINTS["cancelBatch"].request(symbol="测试USDT", orderIdList="[1234567,2345678]")
    assert request.query == ("symbol=%E6%B5%8B%E8%AF%95USDT&orderIdList=%5B1234567%2C2345678%5D")
    request = ENDPOINTS["queryOrder"].request(symbol="X", origClientOrderId="a/b:C.-_9")
    assert request.query == "symbol=X&origClientOrderId=a%2Fb%3AC.-_9"


# Section 7: the fields of each shape.
R15 = (
    "clientOrderId cumQty executedQty orderId origQty price reduceOnly side positionSide status "
    "stopPrice closePosition symbol timeInForce type origType updateTime workingType priceProtect "
    "priceMatch selfTradePreventionMode goodTillDate avgPrice cumQuote pair modifyId activatePrice "
    "priceRate time cumBase"
)
R27 = (
    "algoId clientAlgoId algoType orderType symbol side positionSide timeInForce quantity "
    "algoStatus triggerPrice price icebergQuantity selfTradePreventionMode workingType priceMatch "
    "closePosition priceProtect reduceOnly activatePrice callbackRate createTime updateTime "
    "triggerTime goodTillDate actualOrderId actualPrice tpOrderType actualType actualQty "
    "tpTriggerPrice tpPrice slTriggerPrice slPrice"
)
SHAPES = [
    (shapes.OrderRow, R15 + " code msg"),
    (shapes.AlgoRow, R27 + " code msg"),
    (
        shapes.Balance,
        "accountAlias asset balance crossWalletBalance crossUnPnl availableBalance "
        "maxWithdrawAmount marginAvailable updateTime",
    ),
    (
        shapes.AccountAsset,
        "asset walletBalance unrealizedProfit marginBalance maintMargin initialMargin "
        "positionInitialMargin openOrderInitialMargin crossWalletBalance crossUnPnl "
        "availableBalance maxWithdrawAmount updateTime marginAvailable",
    ),
    (
        shapes.AccountPosition,
        "symbol initialMargin maintMargin unrealizedProfit positionInitialMargin "
        "openOrderInitialMargin leverage isolated entryPrice maxNotional bidNotional askNotional "
        "positionSide positionAmt updateTime isolatedMargin notional isolatedWallet",
    ),
    (
        shapes.Account,
        "feeTier feeBurn canTrade canDeposit canWithdraw updateTime multiAssetsMargin tradeGroupId "
        "totalInitialMargin totalMaintMargin totalWalletBalance totalUnrealizedProfit "
        "totalMarginBalance totalPositionInitialMargin totalOpenOrderInitialMargin "
        "totalCrossWalletBalance totalCrossUnPnl availableBalance maxWithdrawAmount assets "
        "positions",
    ),
    (
        shapes.PositionRow,
        "entryPrice breakEvenPrice marginType isAutoAddMargin isolatedMargin leverage "
        "liquidationPrice markPrice maxNotionalValue positionAmt notional isolatedWallet symbol "
        "unRealizedProfit positionSide updateTime marginAsset initialMargin maintMargin "
        "positionInitialMargin openOrderInitialMargin adl bidNotional askNotional",
    ),
    (
        shapes.Fill,
        "buyer commission commissionAsset id maker orderId price qty quoteQty realizedPnl side "
        "positionSide symbol time baseQty marginAsset pair",
    ),
    (shapes.Income, "symbol incomeType income asset info time tranId tradeId"),
    (
        shapes.Bracket,
        "bracket initialLeverage notionalCap notionalFloor maintMarginRatio cum",
    ),
    (
        shapes.ForcedOrder,
        "orderId symbol status clientOrderId price avgPrice origQty executedQty cumQuote "
        "timeInForce type reduceOnly closePosition side positionSide stopPrice workingType "
        "origType time updateTime pair cumBase",
    ),
    (
        shapes.AccountSettings,
        "feeTier canTrade canDeposit canWithdraw dualSidePosition multiAssetsMargin updateTime "
        "tradeGroupId",
    ),
    (shapes.SymbolSettings, "symbol marginType isAutoAddMargin leverage maxNotionalValue"),
    (shapes.PositionMarginChange, "amount asset symbol time type deltaType positionSide"),
    (shapes.OrderLimit, "rateLimitType interval intervalNum limit"),
    (shapes.Amendment, "amendmentId symbol pair orderId clientOrderId time amendment"),
    (shapes.Commission, "symbol makerCommissionRate takerCommissionRate rpiCommissionRate"),
]


@pytest.mark.parametrize(
    ("shape", "fields"), SHAPES, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_shape_has_the_fields_of_the_reference(shape: type[msgspec.Struct], fields: str) -> None:
    assert {one.encode_name for one in msgspec.structs.fields(shape)} == set(fields.split())


SPELLINGS = st.sampled_from(["12", '"12"', "null", "true", '"true"', '"NEW"', "1.50", '""', "[]"])


@given(st.sampled_from([shape for shape, _ in SHAPES[:3]]), st.data())
def test_no_spelling_of_a_value_and_no_unknown_field_loses_an_answer(
    shape: type[msgspec.Struct], data: st.DataObject
) -> None:
    names = [one.encode_name for one in msgspec.structs.fields(shape)]
    given_ = data.draw(st.dictionaries(st.sampled_from([*names, "fresh", "x"]), SPELLINGS))
    body = "{" + ",".join(f'"{name}":{value}' for name, value in given_.items()) + "}"
    row = msgspec.json.decode(body, type=shape)
    for one in msgspec.structs.fields(shape):
        raw = getattr(row, one.name)
        assert bytes(raw).decode() == given_.get(one.encode_name, "")
        assert text(raw) == given_.get(one.encode_name, "").strip('"').replace("null", "")
