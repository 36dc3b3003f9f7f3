"""Order intents in, requests of the venue's WebSocket API out; its messages in, answers as over
HTTP out. Section 14 of the reference.

Parameters are those of the REST twin. They are signed sorted by name and unencoded; after a logon
of the connection (Ed25519 keys only) neither key nor signature is sent, only the time. What the API
lacks goes over HTTP: batches, cancelling everything, asking for conditional orders, conditional
orders with a time in force it does not take, and an amend that has a price match for its price.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw, Struct, field

from connector.protocol.signing import Hmac, Kind
from connector.venues.binance_usdm.endpoints_trading import ENDPOINTS
from connector.venues.binance_usdm.limits import INTERVALS, KINDS
from connector.venues.binance_usdm.orders import translate
from connector.venues.binance_usdm.schemas import MS, NOTHING, RateLimit, integer, text
from connector.venues.binance_usdm.signing import WINDOW_MS, KeySigner, sign_sorted
from connector.venues.trading_contract import ApiAnswer, ApiRequest, Intent, OrderApi, Signer

if TYPE_CHECKING:
    from connector._speedups.orders_binance_usdm import BinanceUsdmApiEncoder

METHODS = {
    "placeOrder": "order.place",
    "amendOrder": "order.modify",
    "cancelOrder": "order.cancel",
    "queryOrder": "order.status",
    "placeAlgo": "algoOrder.place",
    "cancelAlgo": "algoOrder.cancel",
}
ALGO_TIMES = {"GTC", "IOC", "FOK"}
HANDSHAKE_WEIGHT = 5
LOGON_WEIGHT = 2
LARGEST_ID = 2**53


class Limit(RateLimit):
    """One of ``rateLimits``, with what is used of it."""

    count: Raw = NOTHING


class Message(Struct, rename="camel"):
    """An answer; ``id`` is null when the venue speaks of the connection as a whole."""

    id: int | str | None = None
    status: Raw = NOTHING
    result: Raw = NOTHING
    error: Raw = NOTHING
    rate_limits: list[Limit] = field(default_factory=list)


_MESSAGE = msgspec.json.Decoder(Message)


def encode(
    intent: Intent,
    signer: Signer,
    venue_ns: int,
    number: int,
    logged_on: bool = False,
    window_ms: int = WINDOW_MS,
) -> ApiRequest | None:
    """The request for an intent, None when it has to go over HTTP; ``number`` is never used twice
    by this process. Raises CannotEncode."""
    name, given = translate(intent, venue_ns)
    method = METHODS.get(name)
    if method is None or (name == "amendOrder" and "price" not in given):
        return None
    if name == "placeAlgo" and given.get("timeInForce", "GTC") not in ALGO_TIMES:
        return None
    endpoint = ENDPOINTS[name]
    msgspec.convert(given, endpoint.params)
    params: dict[str, str | int] = {
        **given,
        "recvWindow": window_ms,
        "timestamp": venue_ns // MS,
    }
    if not logged_on:
        params["apiKey"] = signer.key
        params["signature"] = sign_sorted(params, signer)
    return ApiRequest(
        number=number,
        frame=_frame(number, method, params),
        name=name,
        weight=endpoint.weight(given),
        pool=endpoint.pool,
        orders=endpoint.orders,
        signed=not logged_on,
    )


def logon(signer: Signer, venue_ns: int, number: int) -> ApiRequest | None:
    """Authenticates the connection once and for all; None: this kind of key signs each request."""
    if not isinstance(signer, KeySigner) or signer.kind is not Kind.ED25519:
        return None
    params: dict[str, str | int] = {"apiKey": signer.key, "timestamp": venue_ns // MS}
    params["signature"] = sign_sorted(params, signer)
    return ApiRequest(
        number=number,
        frame=_frame(number, "session.logon", params),
        name="logon",
        weight=LOGON_WEIGHT,
        pool=ENDPOINTS["cancelOrder"].pool,
    )


def encoder(signer: Signer, window_ms: int = WINDOW_MS) -> "BinanceUsdmApiEncoder | None":
    """The compiled encoder of an HMAC key; None for other keys, and for one that JSON would have to
    escape."""
    if not isinstance(signer, KeySigner) or not isinstance(signer.made, Hmac):
        return None
    # Only who trades pays for loading it.
    from connector._speedups.orders_binance_usdm import BinanceUsdmApiEncoder

    try:
        return BinanceUsdmApiEncoder(signer.made.raw, signer.key, window_ms)
    except ValueError:
        return None


def decode(frame: bytes) -> ApiAnswer:
    """An answer as HTTP would have given it. Raises ValueError on what is no answer."""
    message = _MESSAGE.decode(frame)
    status = integer(message.status, "status")
    body = bytes(message.error) or bytes(message.result)
    number = message.id if isinstance(message.id, int) else None
    return ApiAnswer(number, status, _counts(message.rate_limits), body)


def _frame(number: int, method: str, params: Mapping[str, str | int]) -> bytes:
    if not 0 < number < LARGEST_ID:
        raise ValueError(f"request {number} is not within 1 to {LARGEST_ID - 1}")
    return msgspec.json.encode({"id": number, "method": method, "params": params})


def _counts(rows: list[Limit]) -> dict[str, str]:
    """``rateLimits`` as the headers HTTP gives them in; kinds this version does not know are left
    out."""
    found = {}
    for row in rows:
        kind, interval = KINDS.get(row.rate_limit_type), INTERVALS.get(row.interval)
        if kind is not None and kind[1] and interval is not None:
            found[f"{kind[1]}{text(row.interval_num)}{interval[0]}"] = text(row.count)
    return found


def api(url: str, window_ms: int = WINDOW_MS) -> OrderApi:
    """The API at this URL."""
    return OrderApi(
        url=url,
        encode=partial(encode, window_ms=window_ms),
        logon=logon,
        encoder=partial(encoder, window_ms=window_ms),
        decode=decode,
        handshake_weight=HANDSHAKE_WEIGHT,
        lifetime_ns=24 * 3600 * 1_000_000_000,
    )
