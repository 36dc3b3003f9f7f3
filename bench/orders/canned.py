"""What the venue's end says when it is asked for anything but an order: one symbol, an account
without positions."""

import json
import time

from bench.frames import Frames

DEPTH_LEVELS = 1000
_LIMITS = (("REQUEST_WEIGHT", "MINUTE", 1), ("ORDERS", "MINUTE", 1), ("ORDERS", "SECOND", 10))
"""Set so high that no contender meets one."""
_FILTERS = (
    {
        "filterType": "PRICE_FILTER",
        "minPrice": "1.00",
        "maxPrice": "1000000",
        "tickSize": "0.01",
    },
    {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "100000", "stepSize": "0.001"},
    {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "10000", "stepSize": "0.001"},
    {"filterType": "MAX_NUM_ORDERS", "limit": 10000},
    {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 100},
    {"filterType": "MIN_NOTIONAL", "notional": "5"},
    {
        "filterType": "PERCENT_PRICE",
        "multiplierUp": "1.5",
        "multiplierDown": "0.5",
        "multiplierDecimal": "4",
    },
)


def _limits() -> object:
    return [
        {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": 10**7}
        for kind, interval, number in _LIMITS
    ]


def _exchange_info(symbol: str) -> object:
    return {
        "timezone": "UTC",
        "serverTime": time.time_ns() // 1_000_000,
        "rateLimits": _limits(),
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-100"}],
        "symbols": [
            {
                "symbol": symbol,
                "pair": symbol,
                "contractType": "PERPETUAL",
                "deliveryDate": 4133404802000,
                "onboardDate": 1569398400000,
                "status": "TRADING",
                "baseAsset": symbol.removesuffix("USDT"),
                "quoteAsset": "USDT",
                "marginAsset": "USDT",
                "pricePrecision": 2,
                "quantityPrecision": 3,
                "baseAssetPrecision": 8,
                "quotePrecision": 8,
                "underlyingType": "COIN",
                "underlyingSubType": [],
                "triggerProtect": "0.05",
                "liquidationFee": "0.02",
                "marketTakeBound": "0.3",
                "filters": _FILTERS,
                "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TRAILING_STOP_MARKET"],
                "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
            }
        ],
    }


def _depth(frames: Frames) -> object:
    bids = sorted(frames.base.bids.items(), key=lambda row: -float(row[0]))
    asks = sorted(frames.base.asks.items(), key=lambda row: float(row[0]))
    now_ms = time.time_ns() // 1_000_000
    return {
        "lastUpdateId": frames.base.last_id,
        "E": now_ms,
        "T": now_ms,
        "bids": bids[:DEPTH_LEVELS],
        "asks": asks[:DEPTH_LEVELS],
    }


def answers(frames: Frames) -> dict[str, bytes]:
    """Bodies by path."""
    balance = {
        "accountAlias": "bench",
        "asset": "USDT",
        "balance": "1000000.0",
        "crossWalletBalance": "1000000.0",
        "crossUnPnl": "0.0",
        "availableBalance": "1000000.0",
        "maxWithdrawAmount": "1000000.0",
        "marginAvailable": True,
        "updateTime": 0,
    }
    config = {
        "feeTier": 0,
        "canTrade": True,
        "dualSidePosition": False,
        "multiAssetsMargin": False,
        "updateTime": 0,
    }
    found: dict[str, object] = {
        "/fapi/v1/exchangeInfo": _exchange_info(frames.symbol),
        "/fapi/v1/rateLimit/order": _limits(),
        "/fapi/v1/depth": _depth(frames),
        "/fapi/v1/listenKey": {"listenKey": "k" * 64},
        "/fapi/v1/openOrders": [],
        "/fapi/v1/openAlgoOrders": [],
        "/fapi/v1/userTrades": [],
        "/fapi/v1/countdownCancelAll": {"symbol": frames.symbol, "countdownTime": "0"},
        "/fapi/v3/positionRisk": [],
        "/fapi/v3/balance": [balance],
        "/fapi/v1/accountConfig": config,
    }
    return {path: json.dumps(body).encode() for path, body in found.items()}


def server_time() -> bytes:
    return b'{"serverTime":%d}' % (time.time_ns() // 1_000_000)


ORDER = (
    b'{"orderId":%d,"symbol":"%s","status":"NEW","clientOrderId":"%s","price":"%s",'
    b'"avgPrice":"0.00","origQty":"%s","executedQty":"0","cumQty":"0","cumQuote":"0",'
    b'"timeInForce":"IOC","type":"LIMIT","reduceOnly":false,"closePosition":false,"side":"BUY",'
    b'"positionSide":"BOTH","stopPrice":"0","workingType":"CONTRACT_PRICE","priceProtect":false,'
    b'"origType":"LIMIT","priceMatch":"NONE","selfTradePreventionMode":"EXPIRE_MAKER",'
    b'"goodTillDate":0,"updateTime":%d}'
)
"""The answer to an order: id, symbol, client id, price, quantity, time."""
API = (
    b'{"id":%d,"status":200,"result":%s,"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT",'
    b'"interval":"MINUTE","intervalNum":1,"limit":10000000,"count":1},{"rateLimitType":"ORDERS",'
    b'"interval":"SECOND","intervalNum":10,"limit":10000000,"count":1},{"rateLimitType":"ORDERS",'
    b'"interval":"MINUTE","intervalNum":1,"limit":10000000,"count":1}]}'
)
"""The same over the order API, with the venue's counts: request, answer."""
UPDATE = (
    b'{"e":"ORDER_TRADE_UPDATE","T":%(ms)d,"E":%(ms)d,"o":{"s":"%(symbol)s","c":"%(name)s","S":"BUY",'
    b'"o":"LIMIT","f":"IOC","q":"%(qty)s","p":"%(price)s","ap":"%(average)s","sp":"0","x":"%(what)s",'
    b'"X":"%(status)s","i":%(id)d,"l":"%(last)s","z":"%(filled)s","L":"%(last_price)s","n":"0.00012",'
    b'"N":"USDT","T":%(ms)d,"t":%(trade)d,"b":"0","a":"0","m":true,"R":false,"wt":"CONTRACT_PRICE",'
    b'"ot":"LIMIT","ps":"BOTH","cp":false,"rp":"0","pP":false,"si":0,"ss":0,"V":"EXPIRE_MAKER",'
    b'"pm":"NONE","gtd":0,"er":"0"}}'
)
"""A private event of an order."""
HEAD = (
    b"HTTP/1.1 %d OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: keep-alive\r\nServer: Tengine\r\n"
    b"x-mbx-used-weight-1m: 1\r\nx-mbx-order-count-10s: 1\r\nx-mbx-order-count-1m: 1\r\n"
    b"x-response-time: 1ms\r\nCache-Control: no-cache, no-store, must-revalidate\r\n"
    b"X-Frame-Options: SAMEORIGIN\r\nX-Xss-Protection: 1; mode=block\r\n"
    b"X-Content-Type-Options: nosniff\r\nX-Cache: Miss from cloudfront\r\n\r\n"
)
"""Status, length of the body; about what the venue sends."""
