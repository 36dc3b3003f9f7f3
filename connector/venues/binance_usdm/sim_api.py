"""The venue's WebSocket order API: one connection's requests, its session, its answers."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import orjson
from msgspec import Struct

from connector.sim.matching.types import Tif
from connector.venues.binance_usdm import sim_account, sim_algo, sim_orders
from connector.venues.binance_usdm.sim_auth import check_time, sorted_payload
from connector.venues.binance_usdm.sim_desk import ONE, Call, Desk
from connector.venues.binance_usdm.sim_params import Fault, Params, malformed
from connector.venues.binance_usdm.sim_weights import Weights
from connector.venues.sim_contract import MarketView, Reply

HANDSHAKE_WEIGHT, SESSION_WEIGHT = 5, 2
ALGO_TIFS = (Tif.GTC, Tif.IOC, Tif.FOK)


class Method(Struct, frozen=True):
    """One signed method: what it costs and its answer, the same as its REST twin's."""

    weight: int
    answer: Callable[[Desk, Call], Any]
    orders: tuple[int, int] = (0, 0)


def _place_algo(desk: Desk, call: Call) -> dict[str, Any]:
    sim_orders.tif_of(call.params, ALGO_TIFS)
    return sim_algo.place(desk, call)


SIGNED: dict[str, Method] = {
    "order.place": Method(0, sim_orders.place, ONE),
    "order.modify": Method(0, sim_orders.amend, ONE),
    "order.cancel": Method(1, sim_orders.cancel),
    "order.status": Method(1, sim_orders.query),
    "algoOrder.place": Method(0, _place_algo, ONE),
    "algoOrder.cancel": Method(1, sim_algo.cancel),
    "account.position": Method(5, sim_account.positions_v2),
    "v2/account.position": Method(5, sim_account.positions_v3),
    "account.status": Method(5, sim_account.account_v2),
    "v2/account.status": Method(5, sim_account.account_v3),
    "account.balance": Method(5, sim_account.balance),
    "v2/account.balance": Method(5, sim_account.balance),
}
LISTEN: dict[str, Callable[[Desk, str, int], Any]] = {
    "userDataStream.start": lambda desk, account, now: desk.create_listen_key(account, now),
    "userDataStream.ping": lambda desk, account, now: desk.extend_listen_key(account, now),
    "userDataStream.stop": lambda desk, account, now: desk.close_listen_key(account),
}
SESSION = ("session.logon", "session.status", "session.logout")
PUBLIC = {
    "depth": "/fapi/v1/depth",
    "ticker.price": "/fapi/v2/ticker/price",
    "ticker.book": "/fapi/v1/ticker/bookTicker",
}

Ask = Callable[[str, Params, int], bytes]
"""A public REST answer: path, parameters, now in ms; raises `Fault`."""
Cost = Callable[[str, Params], int]
"""Its weight."""


class Api:
    """One connection; nothing is remembered beyond it but what the desk and the weights keep."""

    def __init__(
        self, desk: Desk, weights: Weights, market: MarketView, public: tuple[Ask, Cost],
        address: str, query: str, now_ms: int,
    ) -> None:  # fmt: skip
        self._market = market
        self._desk, self._weights, self._address = desk, weights, address
        self._ask, self._cost = public
        self._show_limits = parse_qs(query).get("returnRateLimits") != ["false"]
        self._connected_ms = now_ms
        self._key = ""
        self._since_ms = 0

    def name(self, text: bytes) -> tuple[str, str]:
        """What a request is called and its symbol; "" for what it does not tell."""
        try:
            message = orjson.loads(text)
            params = message.get("params") or {}
            return _plain(str(message.get("method", ""))), str(params.get("symbol", ""))
        except (orjson.JSONDecodeError, AttributeError):
            return "", ""

    def error(self, text: bytes, status: int, body: bytes) -> bytes:
        """An answer of that status to a request; ``body`` is an error as REST gives it."""
        try:
            request_id = orjson.loads(text).get("id")
        except (orjson.JSONDecodeError, AttributeError):
            request_id = None
        try:
            error = orjson.loads(body)
        except orjson.JSONDecodeError:
            error = {"code": -1000, "msg": body.decode(errors="replace")}
        return orjson.dumps({"id": request_id, "status": status, "error": error})

    def receive(self, text: bytes, arrived_ms: int, now_ms: int) -> Reply:
        """Answer one text message of the client."""
        request_id = None
        try:
            try:
                message = orjson.loads(text)
            except orjson.JSONDecodeError:
                raise Fault(-1013, "Invalid JSON.") from None
            if not isinstance(message, dict):
                raise Fault(-1013, "A request is a JSON object.")
            request_id = message.get("id")
            if not (request_id is None or type(request_id) in (int, str)):
                request_id = None
                raise Fault(-1013, "'id' must be an integer, a string or null.")
            if message.keys() - {"id", "method", "params"}:
                raise Fault(-1101, "Too many parameters; expected 'id', 'method' and 'params'.")
            params = message.get("params")
            params = {} if params is None else params
            if not isinstance(params, dict):
                raise Fault(-1013, "'params' must be an object.")
            method = _plain(str(message.get("method", "")))
            return self._serve(request_id, method, params, arrived_ms, now_ms)
        except Fault as fault:
            return self._refuse(request_id, fault, [], now_ms)

    def _serve(
        self, request_id: Any, method: str, params: dict[str, Any], arrived_ms: int, now_ms: int
    ) -> Reply:
        values = Params.of(params, typed=True)
        show = params.get("returnRateLimits", self._show_limits)
        verdict = self._weights.take(self._address, self._weight(method, values), now_ms)
        limits = [_limit("REQUEST_WEIGHT", "MINUTE", 1, self._weights.limit, verdict.used)]
        shown = limits if show else []
        if verdict.status != 200:
            row = {"id": request_id, "status": verdict.status, "error": orjson.loads(verdict.body)}
            return Reply(orjson.dumps(row | ({"rateLimits": shown} if shown else {})))
        try:
            result, counts = self._result(method, params, values, arrived_ms, now_ms)
        except Fault as fault:
            return self._refuse(request_id, fault, shown, now_ms)
        if counts and show:
            # The venue lists the order windows before the weight.
            shown = _order_limits(self._desk, counts) + limits
        row = {"id": request_id, "status": 200, "result": result}
        if shown:
            row["rateLimits"] = shown
        return Reply(orjson.dumps(row))

    def _refuse(
        self, request_id: Any, fault: Fault, limits: list[dict[str, Any]], now_ms: int
    ) -> Reply:
        error = {"code": fault.code, "msg": str(fault)}
        row: dict[str, Any] = {"id": request_id, "status": fault.status, "error": error}
        if limits:
            row["rateLimits"] = limits
        return Reply(orjson.dumps(row))

    def _weight(self, method: str, params: Params) -> int:
        if method in SIGNED:
            return SIGNED[method].weight
        if method in PUBLIC:
            try:
                return self._cost(PUBLIC[method], params)
            except Fault:
                return 1
        return SESSION_WEIGHT if method in SESSION else 1

    def _result(
        self,
        method: str,
        params: dict[str, Any],
        values: Params,
        arrived_ms: int,
        now_ms: int,
    ) -> tuple[Any, list[int]]:
        """The answer, and the account's order counts where they are told."""
        desk = self._desk
        if method in SESSION:
            return self._session(method, params, values, arrived_ms, now_ms), []
        if method in LISTEN:
            account = desk.keyring.account(values.raw("apiKey") or self._key or None)
            return LISTEN[method](desk, account, now_ms), []
        if method in PUBLIC:
            return orjson.Fragment(self._ask(PUBLIC[method], values, now_ms)), []
        signed = SIGNED.get(method)
        if signed is None:
            raise Fault(-1020, f"Unknown method '{method}'.")
        account = self._sender(params, values, arrived_ms)
        desk.listed = self._market.symbols
        counts = desk.counts.take(account, signed.orders, now_ms) if any(signed.orders) else []
        return signed.answer(desk, desk.call(account, values, arrived_ms, now_ms)), counts

    def _sender(self, params: dict[str, Any], values: Params, arrived_ms: int) -> str:
        """The account that signed, or that is logged on; raises `Fault`."""
        if "signature" in values or not self._key:
            key = values.required("apiKey")
            self._desk.keyring.account(key)
            values.number("timestamp", required=True)
            signature = values.required("signature")
            account = self._desk.keyring.check(key, sorted_payload(params), signature)
        else:
            account = self._desk.keyring.account(self._key)
        check_time(values, arrived_ms)
        return account

    def _session(
        self, method: str, params: dict[str, Any], values: Params, arrived_ms: int, now_ms: int
    ) -> dict[str, Any]:
        if method == "session.logon":
            if "signature" not in values:
                raise malformed("signature")
            key = values.required("apiKey")
            if not self._desk.keyring.logon_key(key):
                raise Fault(-4056, "Invalid API key type: only Ed25519 keys can log on.", 401)
            self._sender(params, values, arrived_ms)
            self._key, self._since_ms = key, now_ms
        elif method == "session.logout":
            self._key, self._since_ms = "", 0
        return {
            "apiKey": self._key or None,
            "authorizedSince": self._since_ms or None,
            "connectedSince": self._connected_ms,
            "returnRateLimits": self._show_limits,
            "serverTime": now_ms,
        }


def _plain(method: str) -> str:
    """A method without the version that is the default."""
    return re.sub(r"^v1/", "", method)


def _limit(kind: str, interval: str, number: int, limit: int, count: int) -> dict[str, Any]:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit,
        "count": count,
    }


def _order_limits(desk: Desk, counts: list[int]) -> list[dict[str, Any]]:
    found = []
    for count, (length_ms, limit) in zip(counts, desk.counts.windows, strict=True):
        name, number = ("MINUTE", 1) if length_ms == 60_000 else ("SECOND", length_ms // 1000)
        found.append(_limit("ORDERS", name, number, limit, count))
    return found
