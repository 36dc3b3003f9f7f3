"""Every row of Phemex's table is a call of the reference, every call of the reference is a row or
has a reason to be none, and the simulated venue answers all that the table calls current in the
shape the table says."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.transport.calls import decoded, unknown_fields
from connector.venues.endpoint import Endpoint, Security
from connector.venues.phemex import sim_wallet
from connector.venues.phemex.endpoints import ENDPOINTS
from connector.venues.phemex.schemas_history import Page
from connector.venues.phemex.sim import SIM
from connector.venues.phemex.sim_history import terms
from connector.venues.phemex.sim_refusals import BUSINESS
from tests.reference.phemex_venue import OTHER, UNIT, Phemex, Trader, account
from tests.venues.test_phemex_endpoints import HEDGED, PUBLISHED

ADDED = """
GET /public/time
GET /public/products
GET /public/products-plus
GET /exchange/public/cfg/v2/products
PUT /orders/create
GET /orders/active
GET /accounts/positions
GET /md/fullbook
GET /md/v1/ticker/24hr
GET /md/v1/ticker/24hr/all
GET /v1/md/ticker/24hr
GET /v1/md/ticker/24hr/all
GET /exchange/public/md/v2/kline
GET /exchange/public/md/v2/kline/last
GET /exchange/public/md/v2/kline/list
GET /exchange/public/md/kline
GET /exchange/public/nomics/trades
GET /api-data/futures/funding-fees
GET /api-data/futures/orders
GET /api-data/futures/orders/by-order-id
GET /api-data/futures/trades
GET /api-data/futures/trading-fees
GET /api-data/futures/fee-rate
GET /api-data/futures/v2/tradeAccountDetail
GET /api-data/public/data/funding-rate-history
"""
"""What came to the contract API after the document of 2020: sections 4.1, 4.9 and the venue's pages
to 2026-01."""
DECIMAL = """
GET /md/v2/orderbook
GET /md/v2/fullbook
GET /md/v2/trade
GET /md/v2/ticker/24hr
GET /md/v2/ticker/24hr/all
GET /md/v3/ticker/24hr
GET /md/v3/ticker/24hr/all
GET /contract-biz/public/real-funding-rates
GET /api-data/g-futures/funding-fees
GET /api-data/g-futures/closedPosition
PUT /g-positions/riskLimit
"""
"""Of the hedged API beside ``HEDGED``, its changes of orders and positions."""
WALLETS = """
POST /assets/transfer
GET /assets/transfer
POST /assets/spots/sub-accounts/transfer
GET /assets/spots/sub-accounts/transfer
POST /assets/futures/sub-accounts/transfer
GET /assets/futures/sub-accounts/transfer
POST /assets/universal-transfer
POST /wallets/account/transfer
GET /wallets/account/transfer
POST /wallets/account/main-sub-transfer
POST /phemex-withdraw/wallets/api/createWithdraw
POST /phemex-withdraw/wallets/api/cancelWithdraw
GET /phemex-withdraw/wallets/api/withdrawHist
GET /phemex-withdraw/wallets/api/asset/info
GET /phemex-deposit/wallets/api/depositAddress
GET /phemex-deposit/wallets/api/depositHist
GET /phemex-deposit/wallets/api/chainCfg
GET /exchange/wallets/v2/depositAddress
GET /exchange/wallets/depositList
"""
"""What took the place of the wallet calls of 2020."""
REFERENCE = [
    *PUBLISHED,
    *HEDGED,
    *(line for text in (ADDED, DECIMAL, WALLETS) for line in text.split("\n") if line),
]


def test_the_table_is_the_reference() -> None:
    rows = [f"{one.method} {one.path}" for one in ENDPOINTS.values()]
    assert sorted(rows) == sorted(REFERENCE)
    assert (len(PUBLISHED), len(HEDGED), len(REFERENCE)) == (27, 19, 101)


def test_the_simulated_venue_serves_every_row() -> None:
    assert [one.name for one in ENDPOINTS.values() if not SIM.serves(one.method, one.path)] == []


# What a trader with a past asks for. {} names what it did in ``past``.
LOW = "priceEp=100000000&orderQty=1"
COIN, LINEAR = {"symbol": "BTCUSD"}, {"symbol": "BTCUSDT"}
MERGED = LINEAR | {"posSide": "Merged"}
BTC, USDT = {"currency": "BTC"}, {"currency": "USDT"}
ONE_BTC = {"currency": "BTC", "amountEv": UNIT}
MANY = {"offset": 0, "limit": 200}
SMALL = {"priceEp": 500_000_000, "orderQty": 1, "ordType": "Limit", "side": "Buy"}
DEAR = {"priceRp": "50000", "orderQtyRq": "0.01", "ordType": "Limit", "side": "Buy"}
SENT = {"currency": "BTC", "address": "bc1", "chainName": "BTC", "amount": "0.1"}
GIVEN: dict[str, dict[str, Any]] = {
    "placeOrder": COIN | SMALL | {"clOrdID": "row-1"},
    "placeOrderBody": COIN | SMALL | {"clOrdID": "row-2"},
    "amendOrder": COIN | {"origClOrdID": "coin-1", "priceEp": 510_000_000},
    "cancelOrder": COIN | {"clOrdID": "coin-1"},
    "cancelBatch": COIN | {"orderID": "{coin-2}"},
    "cancelAll": COIN | {"untriggered": False},
    "openOrders": COIN,
    "openOrder": COIN | {"orderID": "{coin-1}"},
    "accountPositions": BTC,
    "positions": BTC,
    "closedOrders": COIN | MANY | {"withCount": True},
    "queryOrder": COIN | {"clOrdID": "coin-0,coin-1"},
    "userTrades": COIN | {"tradeType": "Funding"},
    "setLeverage": COIN | {"leverage": -5},
    "setRiskLimit": COIN | {"riskLimit": 100},
    "assignBalance": {"symbol": "cETHUSD", "posBalanceEv": 2 * UNIT // 10},
    "futuresOrders": COIN,
    "futuresQueryOrder": COIN | {"orderID": "{coin-0}"},
    "futuresTrades": COIN,
    "fundingFees": COIN,
    "tradingFees": COIN,
    "feeRates": {"settleCurrency": "BTC"},
    "accountDetail": {"type": 1},
    "transferOut": ONE_BTC | {"clientCnt": 1},
    "transferIn": ONE_BTC | {"clientCnt": 1},
    "moveMargin": {"moveOp": 1, "btcAmountEv": UNIT},
    "createWithdraw": ONE_BTC | {"otpCode": "123456", "address": "bc1"},
    "confirmWithdraw": {"code": "{mail}"},
    "cancelWithdraw": {"id": "{withdrawal}"},
    "withdrawals": BTC,
    "createWithdrawAddress": BTC | {"otpCode": "123456", "address": "bc2", "remark": "mine"},
    "transfer": ONE_BTC | {"moveOp": 1},
    "transfers": BTC,
    "spotToParent": ONE_BTC,
    "spotToParentMoves": BTC,
    "futuresToParent": ONE_BTC,
    "futuresToParentMoves": BTC,
    "universalTransfer": ONE_BTC | {"fromUserId": 0, "toUserId": 67535, "bizType": "SPOT"},
    "walletTransfer": ONE_BTC | {"fromAccType": "SPOT", "toAccType": "CONTRACT", "amount": "1"},
    "userTransfer": ONE_BTC
    | {"fromUid": 0, "fromAccType": "SPOT", "toUid": 67535, "toAccType": "SPOT", "amount": "1"},
    "withdraw": SENT,
    "cancelWithdrawal": {"id": "{withdrawal}"},
    "depositAddress": BTC | {"chainName": "BTC"},
    "walletDepositAddress": BTC | {"chainName": "BTC"},
    "withdrawAsset": BTC,
    "depositChains": BTC,
    "gPlaceOrder": MERGED | DEAR | {"clOrdID": "row-3"},
    "gPlaceOrderBody": MERGED | DEAR | {"clOrdID": "row-4"},
    "gAmendOrder": MERGED | {"origClOrdID": "linear-1", "priceRp": "51000"},
    "gCancelOrder": MERGED | {"clOrdID": "linear-1"},
    "gCancelBatch": MERGED | {"orderID": "{linear-2}"},
    "gCancelAll": LINEAR,
    "gOpenOrders": LINEAR,
    "gOpenOrder": LINEAR | {"orderID": "{linear-1}"},
    "gAccountPositions": USDT,
    "gPositions": USDT | LINEAR,
    "gOrders": USDT | {"symbols": "BTCUSDT"},
    "gQueryOrder": LINEAR | {"orderID": "{linear-0}"},
    "gUserTrades": USDT,
    "gOrderList": USDT | MANY | {"start": 0, "end": 2**42, "ordStatus": "7,5", "withCount": True},
    "gTradingList": USDT | MANY | {"execType": "1"},
    "gFundingFees": LINEAR,
    "gClosedPositions": USDT | {"withCount": True},
    "gSetLeverage": LINEAR | {"leverageRr": "-7"},
    "gSetRiskLimit": MERGED | {"riskLimitRv": "2000000"},
    "gAssignBalance": {"symbol": "ETHUSDT", "posSide": "Merged", "posBalanceRv": "300"},
    "gSetPositionMode": {"symbol": "SOLUSDT", "targetPosMode": "Hedged"},
}
BY_SUB = {"spotToParent", "futuresToParent"}
"""A sub-account's to ask."""
SIGNED = [one for one in ENDPOINTS.values() if one.security is Security.SIGNED]
SIGNATURE = 10500
"""The edge says it, with words of its own."""
FULL = {
    "fundingFees", "tradingFees", "feeRates", "accountDetail", "gOrderList", "gTradingList",
    "gFundingFees", "gClosedPositions",
}  # fmt: skip
"""Their structs have every field."""


class Past:
    """A parent and its sub-account who did a little of everything, once for all rows."""

    def __init__(self) -> None:
        funds = dict.fromkeys(("BTC", "ETH", "USD", "USDT"), 100_000 * UNIT)
        symbols = ["BTCUSD", "cETHUSD", "BTCUSDT", "ETHUSDT", "SOLUSDT"]
        venue = Phemex(
            symbols, rate=50, accounts=(account(**funds), account("sub", OTHER, **funds))
        )
        self.venue, self.owner = venue, Trader(venue)
        self.sub, self.linear = Trader(venue, OTHER), Trader(venue, hedged=True)
        self.words = {"mail": sim_wallet.mail_code(100_002), "withdrawal": "100003"}
        desk = venue.rest._desk
        for person in desk.people.values():
            sim_wallet.purse(person).free["BTC"] = 50 * UNIT
        sim_wallet.purse(desk.people["demo"]).addresses.add(("BTC", "bc1"))
        self.linear._names = 100  # ids are the account's
        self._trade(self.owner, "coin", "BTCUSD", "orderQty", 700, SMALL)
        self._trade(self.linear, "linear", "BTCUSDT", "orderQtyRq", "0.5", DEAR)
        for symbol, leverage in (("cETHUSD", "leverage"), ("ETHUSDT", "leverageRr")):
            path = "/positions/leverage" if leverage == "leverage" else "/g-positions/leverage"
            asked = self.owner.ask("PUT", path, f"symbol={symbol}&{leverage}=5")
            assert asked["code"] == 0
        self.owner.order(symbol="cETHUSD", ordType="Market", side="Buy", orderQty=100)
        self.linear.order(symbol="ETHUSDT", ordType="Market", side="Buy", orderQtyRq="0.5")
        for name in ("one", "two", "three"):
            body = json.dumps(ONE_BTC | {"address": name}).encode()
            path = "/exchange/wallets/createWithdraw"
            assert self.owner.ask("POST", path, "otpCode=123456", body)["code"] == 0

    def _trade(
        self, trader: Trader, name: str, symbol: str, qty: str, much: Any, low: dict[str, Any]
    ) -> None:
        """A position that was funded and is over, one that is there, and two open orders."""
        engine = self.venue.engine
        assert engine is not None
        market = {"ordType": "Market", qty: much}
        placed = trader.order(clOrdID=f"{name}-0", side="Buy", **market)
        self.words[f"{name}-0"] = placed["data"]["orderID"]
        engine.fund(symbol, 10_000, self.venue.wall_ms() * 10**6)
        self.venue.run(20)
        trader.order(side="Sell", **market)
        trader.order(side="Buy", **market)
        for number in (1, 2):
            placed = trader.order(clOrdID=f"{name}-{number}", **low)
            self.words[f"{name}-{number}"] = placed["data"]["orderID"]

    def ask(self, row: Endpoint) -> bytes:
        """The body of the answer to a row's call."""
        given = {
            name: re.sub(r"\{(.+?)\}", lambda found: self.words[found[1]], value)
            if isinstance(value, str)
            else value
            for name, value in GIVEN.get(row.name, {}).items()
        }
        if row.name in ("cancelWithdraw", "cancelWithdrawal"):
            given["id"] = int(given["id"])
        request = row.called(given)
        trader = self.sub if row.name in BY_SUB else self.owner
        answer = trader.ask(request.method, request.path, request.query, request.body)
        return json.dumps(answer).encode()


@pytest.fixture(scope="module")
def shared() -> Past:
    """For those who only ask."""
    return Past()


@pytest.mark.parametrize("row", SIGNED, ids=lambda row: row.name)
def test_a_row_is_answered_in_its_shape(shared: Past, row: Endpoint) -> None:
    """What changes something meets a past of its own; of the histories no field is unknown."""
    body = (Past() if row.changes else shared).ask(row)
    answer = json.loads(body)
    assert answer["code"] == 0, answer
    told = decoded(row, body)
    data = told.data if hasattr(told, "data") else told.rows
    if isinstance(data, Page):
        data = data.rows
    if row.name in FULL:
        assert data, "nothing to look at"
        assert unknown_fields(row, body) == {}


def test_a_closed_position_is_what_its_fills_were(shared: Past) -> None:
    (row,) = json.loads(shared.ask(ENDPOINTS["gClosedPositions"]))["data"]["rows"]
    fills = json.loads(shared.ask(ENDPOINTS["gUserTrades"]))["data"]["rows"][::-1]
    fills = [each for each in fills if each["symbol"] == "BTCUSDT"]
    profit = sum(Decimal(each["closedPnlRv"]) for each in fills)
    funding = [each for each in fills if each["tradeType"] == "Funding"]
    traded = [each for each in fills if each["tradeType"] == "Trade"]
    size, over = Decimal(0), []
    for each in traded:
        over.append(each)
        size += Decimal(each["execQtyRq"]) * (1 if each["side"] == "Buy" else -1)
        if not size:
            break
    fees = sum(Decimal(each["execFeeRv"]) for each in over)
    paid = sum(Decimal(each["execFeeRv"]) for each in funding)
    assert (row["closedSizeRq"], row["side"]) == ("0.5", 1)
    assert (Decimal(row["closedPnlRv"]), Decimal(row["exchangeFeeRv"])) == (profit, fees)
    assert Decimal(row["fundingFeeRv"]) == paid > 0
    assert Decimal(row["realizedPnlRv"]) == profit - fees - paid
    spent = sum(Decimal(each["execValueRv"]) for each in over if each["side"] == "Buy")
    assert Decimal(row["openPrice"]) == (spent / Decimal("0.5")).quantize(Decimal("1e-8"))
    margin = spent / abs(Decimal(row["leverage"]))
    assert Decimal(row["roi"]) == (Decimal(row["realizedPnlRv"]) / margin).quantize(Decimal("1e-8"))


def fill(side: str, qty: int, price: int, pnl: int = 0, **more: Any) -> dict[str, Any]:
    given = {"symbol": "X", "currency": "USDT", "tradeType": "Trade", "side": side,
             "execQty": qty, "execValueEv": qty * price, "execFeeEv": 1, "closedPnlEv": pnl,
             "transactTimeNs": 5}  # fmt: skip
    return given | more


def test_a_fill_that_turns_a_position_around_ends_one_and_begins_another() -> None:
    rows = [fill("Buy", 10, 100), fill("Sell", 15, 110, 100), fill("Buy", 5, 90, 100)]
    first, second = terms(rows)
    assert (first.side, first.entry_qty, first.closed_qty, first.exit_ev) == (1, 10, 10, 1100)
    assert (first.profit_ev, first.fees_ev) == (100, 2)
    assert (second.side, second.entry_ev, second.exit_ev, second.fees_ev) == (2, 550, 450, 1)
    assert terms(rows[:1]) == []
    sides = [fill("Buy", 1, 1, posSide="Long"), fill("Sell", 1, 1, posSide="Short")]
    assert terms(sides) == [], "each of its own position"


def test_ledger_and_fees_are_those_of_the_fills(shared: Past) -> None:
    fills = json.loads(shared.ask(ENDPOINTS["futuresTrades"]))["data"]["rows"]
    (day,) = json.loads(shared.ask(ENDPOINTS["tradingFees"]))["data"]["rows"]
    traded = [each for each in fills if each["tradeType"] == "Trade"]
    assert day["exchangeFeeValueEv"] == sum(each["execFeeEv"] for each in traded)
    assert day["takerValueEv"] == sum(each["execValueEv"] for each in traded)
    row = ENDPOINTS["accountDetail"].called({"currency": "BTC", "limit": 200})
    booked = shared.owner.ask(row.method, row.path, row.query)["data"]
    assert {each["typeDesc"] for each in booked} == {"REALIZED_PNL"}
    change = sum(Decimal(each["amountRv"]) for each in booked)
    paid = sum(each["execFeeEv"] - each["closedPnlEv"] for each in fills)
    assert change * UNIT == -paid
    assert Decimal(booked[0]["balanceRv"]) == 100_000 + change


@pytest.mark.parametrize(
    ("call", "query", "code"),
    [
        ("GET /api-data/g-futures/closedPosition", "", 30000),
        ("GET /api-data/g-futures/closedPosition", "currency=BTC", 11028),
        ("GET /api-data/g-futures/closedPosition", "symbol=BTCUSD", 11027),
        ("GET /api-data/g-futures/orders", "", 30000),
        ("GET /exchange/order/v2/orderList", "currency=USDT&ordStatus=Filled", 30000),
        ("GET /api-data/futures/v2/tradeAccountDetail", "currency=XYZ", 30000),
        ("GET /api-data/futures/v2/tradeAccountDetail", "type=9", 30000),
        ("GET /api-data/futures/v2/tradeAccountDetail", "offset=1001", 30000),
        ("GET /api-data/futures/v2/tradeAccountDetail", "limit=201", 30018),
        ("GET /api-data/futures/trading-fees", "symbol=BTCUSDT", 11027),
        ("PUT /g-positions/riskLimit", "symbol=BTCUSDT&posSide=Merged&riskLimitRv=1", 11002),
        ("PUT /g-positions/riskLimit", "symbol=BTCUSDT&posSide=Long&riskLimitRv=1", 20004),
    ],
)
def test_what_the_venue_refuses(shared: Past, call: str, query: str, code: int) -> None:
    assert shared.owner.ask(*call.split(), query)["code"] == code


def test_every_business_error_of_the_simulated_venue_has_its_words() -> None:
    folder = Path(sim_wallet.__file__).parent
    for path in folder.glob("sim_*.py"):
        found = {int(number) for number in re.findall(r"\b1[019]\d{3}\b", path.read_text())}
        assert found <= {*BUSINESS, 10_000, SIGNATURE}, path.name
