"""Market data of the simulated Binance: every endpoint of the table, asked by the connector itself;
shapes, errors and limits are the reference's."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from connector.transport.calls import decoded, unknown_fields
from connector.venues.binance_usdm import VENUE, sim_rest, sim_signed
from connector.venues.binance_usdm.sim_weights import Weights
from connector.venues.contract import Security, Status
from tests.reference.signed_client import Trader
from tests.reference.sim_process import NOBODY, Simulator, simulator


@pytest.fixture(scope="module")
def venue() -> Iterator[Simulator]:
    with simulator("--symbols", "BTCUSDT", "--rate", "100", "--weight-limit", "100000",
                   "--account", "main=KEY:SECRET") as running:  # fmt: skip
        yield running


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(
        timeout=30, trust_env=False, verify=NOBODY, headers={"X-MBX-APIKEY": "KEY"}
    ) as found:
        yield found


SYMBOL = {"symbol": "BTCUSDT"}
SPAN = {"interval": "1m", "limit": 3}
PERIOD = {"period": "5m"}
# What each wants; those that take a symbol or leave it are asked for both.
GIVEN: dict[str, dict[str, Any]] = {
    "depth": {**SYMBOL, "limit": 5},
    "continuousKlines": {"pair": "BTCUSDT", "contractType": "PERPETUAL", **SPAN},
    "indexPriceKlines": {"pair": "BTCUSDT", **SPAN},
    "klines": {**SYMBOL, **SPAN},
    "markPriceKlines": {**SYMBOL, **SPAN},
    "premiumIndexKlines": {**SYMBOL, **SPAN},
    "openInterestHist": {**SYMBOL, **PERIOD},
    "topLongShortAccountRatio": {**SYMBOL, **PERIOD},
    "topLongShortPositionRatio": {**SYMBOL, **PERIOD},
    "globalLongShortAccountRatio": {**SYMBOL, **PERIOD},
    "takerlongshortRatio": {**SYMBOL, **PERIOD},
    "basis": {"pair": "BTCUSDT", "contractType": "PERPETUAL", **PERIOD},
    "delivery-price": {"pair": "BTCUSDT"},
    "assetIndex": {"symbol": "BTCUSD"},
}
ROWS = [
    row
    for row in VENUE.endpoints.values()
    if row.security is not Security.SIGNED
    and row.status is not Status.REMOVED
    and not row.credential
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_endpoint_answers_in_the_venue_s_shape(
    venue: Simulator, client: httpx.Client, row: Any
) -> None:
    fields = {one.encode_name: one.required for one in msgspec.structs.fields(row.params)}
    asked = [GIVEN.get(row.name, SYMBOL if fields.get("symbol") else {})]
    if fields.get("symbol") is False and not asked[0]:
        asked.append(SYMBOL)
    for given in asked:
        request = row.called(given)
        answer = client.get(venue.rest + request.target)
        assert answer.status_code == 200, answer.text
        assert decoded(row, answer.content) is not None
        if row.name != "exchangeInfo":  # read as far as feeds need it
            assert unknown_fields(row, answer.content) == {}
        used = answer.headers.get("x-mbx-used-weight-1m")
        assert (used is None) == (row.pool != "weight")


def test_what_the_market_says_fits_together(venue: Simulator, client: httpx.Client) -> None:
    def ask(name: str, **given: Any) -> Any:
        return client.get(venue.rest + VENUE.endpoints[name].called(given).target).json()

    mark = ask("premiumIndex", **SYMBOL)
    (paid,) = ask("fundingRate", **SYMBOL, limit=1)
    assert paid["fundingRate"] == mark["lastFundingRate"]
    assert (mark["nextFundingTime"] - paid["fundingTime"]) == 8 * 3_600_000
    two = ask("fundingRate", **SYMBOL, limit=2)
    assert two[0]["fundingTime"] < two[1]["fundingTime"]
    (row,) = ask("markPriceKlines", **SYMBOL, interval="1m", limit=1)
    assert len(row) == 12
    assert row[0] % 60_000 == 0
    assert row[6] == row[0] + 59_999
    trades = ask("trades", **SYMBOL, limit=50)
    found = ask("historicalTrades", **SYMBOL, fromId=trades[0]["id"], limit=10)
    assert found == trades[:10]


@pytest.mark.parametrize(
    ("path", "given", "code"),
    [
        ("/fapi/v1/continuousKlines", {"pair": "NO", "contractType": "PERPETUAL", **SPAN}, -4144),
        ("/fapi/v1/continuousKlines", {"pair": "BTCUSDT", "contractType": "X", **SPAN}, -4104),
        ("/fapi/v1/markPriceKlines", {**SYMBOL, "interval": "1s"}, -1120),
        ("/fapi/v1/markPriceKlines", {"symbol": "NO", "interval": "1m"}, -1121),
        ("/fapi/v1/indexPriceKlines", {"interval": "1m"}, -1102),
        ("/fapi/v1/fundingRate", {"startTime": 5, "endTime": 4}, -1023),
        ("/fapi/v1/openInterest", {}, -1102),
        ("/fapi/v1/rpiDepth", {**SYMBOL, "limit": 500}, -4021),
        ("/fapi/v1/assetIndex", {"symbol": "NO"}, -1121),
        ("/futures/data/basis", {"pair": "BTCUSDT", "period": "5m"}, -1102),
        ("/futures/data/openInterestHist", {**SYMBOL, "period": "1m"}, -1102),
        ("/fapi/v1/allForceOrders", {}, -1099),
    ],
)
def test_what_is_wrong_has_the_venue_s_code(
    venue: Simulator, client: httpx.Client, path: str, given: dict[str, Any], code: int
) -> None:
    answer = client.get(venue.rest + path, params=given)
    assert answer.status_code in (400, 404)
    assert answer.json()["code"] == code


def test_old_trades_want_a_key(venue: Simulator) -> None:
    url = f"{venue.rest}/fapi/v1/historicalTrades?symbol=BTCUSDT"
    with httpx.Client(timeout=30, trust_env=False, verify=NOBODY) as nobody:
        assert nobody.get(url).json()["code"] in (-2014, -2015)
        found = nobody.get(url, headers={"X-MBX-APIKEY": "SOMEBODY"})
        assert json.loads(found.content)["code"] == -2015


def test_a_window_of_five_minutes_is_over_after_five_minutes() -> None:
    minute = 60_000
    pool = Weights(2, window_ms=5 * minute)
    start = 7 * 5 * minute
    assert [pool.take("a", 1, start + at).status for at in (0, minute, 4 * minute)] == [
        200, 200, 429,
    ]  # fmt: skip
    late = pool.take("a", 1, start + 4 * minute)
    assert (late.status, late.retry_after_s) == (429, 60)
    assert b"2 requests per 5 minutes" in late.body
    assert pool.take("b", 1, start + 4 * minute).status == 200
    assert pool.take("a", 1, start + 5 * minute).status == 200


def test_files_of_history_are_asked_for_and_stay_in_work(venue: Simulator) -> None:
    trader = Trader(venue, "KEY", "SECRET")
    span = {"startTime": 1, "endTime": 2}
    asked = trader.ok("GET", "/fapi/v1/trade/asyn", **span)
    number = asked["downloadId"]
    row = VENUE.endpoints["tradeFile"]
    assert unknown_fields(row, json.dumps(asked).encode()) == {}
    found = trader.ok("GET", "/fapi/v1/trade/asyn/id", downloadId=number)
    assert (found["status"], found["url"]) == ("processing", "")
    row = VENUE.endpoints["tradeFileLink"]
    assert unknown_fields(row, json.dumps(found).encode()) == {}
    for path, given, code in (
        ("/fapi/v1/order/asyn/id", {"downloadId": number}, -1130),
        ("/fapi/v1/order/asyn", {"startTime": 2, "endTime": 1}, -1023),
        ("/fapi/v1/order/asyn", {"startTime": 1, "endTime": 400 * 86_400_000}, -4165),
        ("/fapi/v1/order/asyn", {"startTime": 1}, -1102),
    ):
        assert trader.code("GET", path, **given)[1] == code


def test_every_endpoint_that_the_venue_still_has_is_served() -> None:
    served = {("GET", path) for path in sim_rest.ROUTES} | set(sim_signed.ROUTES)
    missing = {row.name for row in VENUE.endpoints.values() if (row.method, row.path) not in served}
    assert missing == {"allForceOrders"}
    assert {row.path for row in VENUE.endpoints.values()} >= {path for _, path in served}
