"""Binance USD-M, what reconciling asks: each request as the reference's tables have it (sections
6.2 and 6.3), byte by byte."""

from urllib.parse import parse_qsl

import pytest

from connector.model.intents import Action
from connector.venues.contract import Request
from connector.venues.trading_contract import Intent
from tests.reference.both_sides import TRADING
from tests.reference.order_venue import INSTRUMENT

LOOKUPS = TRADING.lookups
NOW_MS = 1_700_000_000_123
MS = 1_000_000


def query(**ids: object) -> Request:
    intent = Intent(action=Action.QUERY, instrument=INSTRUMENT, **ids)  # type: ignore[arg-type]
    return LOOKUPS.order(intent)


OPEN_ORDERS, OPEN_ALGOS = LOOKUPS.open_orders(())
GOLDEN = [
    # 27, A9: without a symbol, for those of every symbol; the weight is that of all symbols
    (OPEN_ORDERS, "GET /fapi/v1/openOrders", 40),
    (OPEN_ALGOS, "GET /fapi/v1/openAlgoOrders", 40),
    # 36: from a time on without an end, at most 1000
    (LOOKUPS.fills(INSTRUMENT, None, NOW_MS * MS, 1000),
     f"GET /fapi/v1/userTrades?symbol=BTCUSDT&startTime={NOW_MS}&limit=1000", 5),
    (LOOKUPS.fills(INSTRUMENT, None, NOW_MS * MS + MS - 1, 5000),
     f"GET /fapi/v1/userTrades?symbol=BTCUSDT&startTime={NOW_MS}&limit=1000", 5),
    (LOOKUPS.fills(INSTRUMENT, None, NOW_MS * MS, 7),
     f"GET /fapi/v1/userTrades?symbol=BTCUSDT&startTime={NOW_MS}&limit=7", 5),
    # A13 and the v3 of 35, which supersede 29 and 35
    (LOOKUPS.positions(())[0], "GET /fapi/v3/positionRisk", 5),
    (LOOKUPS.balances(())[0], "GET /fapi/v3/balance", 5),
    (LOOKUPS.config(), "GET /fapi/v1/accountConfig", 5),
    # A5
    (LOOKUPS.limits(), "GET /fapi/v1/rateLimit/order", 1),
    # 21, A8: the venue's number where it is known, which client ids are not
    (query(client_order_id="mine"),
     "GET /fapi/v1/order?symbol=BTCUSDT&origClientOrderId=mine", 1),
    (query(client_order_id="mine", order_id=17), "GET /fapi/v1/order?symbol=BTCUSDT&orderId=17", 1),
    (query(client_order_id="mine", conditional=True),
     "GET /fapi/v1/algoOrder?clientAlgoId=mine", 1),
    (query(order_id=17, conditional=True), "GET /fapi/v1/algoOrder?algoId=17", 1),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "call", "weight"), GOLDEN, ids=[one[1] for one in GOLDEN])
def test_a_lookup_is_as_the_reference_has_it(request_: Request, call: str, weight: int) -> None:
    assert f"{request_.method} {request_.target}" == call
    assert (request_.body, request_.weight, request_.orders) == (b"", weight, ())


@pytest.mark.parametrize("request_", [one[0] for one in GOLDEN], ids=[one[1] for one in GOLDEN])
def test_signing_adds_time_window_and_signature_alone(request_: Request) -> None:
    signer = TRADING.signer("KEY", b"SECRET", "hmac")
    signed = TRADING.sign(request_, signer, NOW_MS * MS)
    assert (signed.method, signed.path, signed.body) == (request_.method, request_.path, b"")
    before, after = parse_qsl(request_.query), parse_qsl(signed.query)
    assert after[: len(before)] == before
    more = dict(after[len(before) :])
    assert more.keys() == {"timestamp", "recvWindow", "signature"}
    assert after[-1][0] == "signature"
    assert more["timestamp"] == str(NOW_MS)
    assert int(more["recvWindow"]) * MS == TRADING.window_ns
    assert ("X-MBX-APIKEY", "KEY") in signed.headers
