"""The signed endpoints: who may ask, what it costs, and where the question goes.

In the venue's order: weight, the key, the signature, the time, the order count, the parameters.
"""

from collections.abc import Mapping

import orjson

from connector.protocol.http1 import Request
from connector.venues.binance_usdm import (
    sim_account,
    sim_algo,
    sim_files,
    sim_history,
    sim_orders,
)
from connector.venues.binance_usdm.sim_auth import check_time, split
from connector.venues.binance_usdm.sim_desk import (
    FIVE,
    FREE,
    ONE,
    W1,
    W5,
    Desk,
    Signed,
    by_symbol,
    fixed,
)
from connector.venues.binance_usdm.sim_params import Fault, Params, error_body
from connector.venues.sim_contract import RestAnswer

ROUTES: dict[tuple[str, str], Signed] = {
    ("POST", "/fapi/v1/order"): Signed(FREE, sim_orders.place, ONE),
    ("PUT", "/fapi/v1/order"): Signed(FREE, sim_orders.amend, ONE),
    ("GET", "/fapi/v1/order"): Signed(W1, sim_orders.query),
    ("DELETE", "/fapi/v1/order"): Signed(W1, sim_orders.cancel),
    ("POST", "/fapi/v1/order/test"): Signed(W1, sim_orders.test),
    ("POST", "/fapi/v1/batchOrders"): Signed(W5, sim_orders.place_batch, FIVE),
    ("PUT", "/fapi/v1/batchOrders"): Signed(W5, sim_orders.amend_batch, FIVE),
    ("DELETE", "/fapi/v1/batchOrders"): Signed(W1, sim_orders.cancel_batch),
    ("DELETE", "/fapi/v1/allOpenOrders"): Signed(W1, sim_orders.cancel_all),
    ("POST", "/fapi/v1/countdownCancelAll"): Signed(fixed(10), sim_orders.countdown),
    ("GET", "/fapi/v1/openOrder"): Signed(W1, sim_orders.open_order),
    ("GET", "/fapi/v1/openOrders"): Signed(by_symbol(1, 40), sim_orders.open_orders),
    ("GET", "/fapi/v1/allOrders"): Signed(W5, sim_orders.all_orders),
    ("GET", "/fapi/v1/orderAmendment"): Signed(W1, sim_orders.amendments),
    ("POST", "/fapi/v1/listenKey"): Signed(
        W1, lambda desk, call: desk.create_listen_key(call.account, call.now_ms), key_only=True
    ),
    ("PUT", "/fapi/v1/listenKey"): Signed(
        W1, lambda desk, call: desk.extend_listen_key(call.account, call.now_ms), key_only=True
    ),
    ("DELETE", "/fapi/v1/listenKey"): Signed(
        W1, lambda desk, call: desk.close_listen_key(call.account), key_only=True
    ),
    ("POST", "/fapi/v1/stock/contract"): Signed(
        fixed(50), lambda desk, call: {"code": 200, "msg": "success"}
    ),
} | sim_algo.ROUTES | sim_account.ROUTES | sim_history.ROUTES | sim_files.ROUTES  # fmt: skip

PATHS = {path for _, path in ROUTES}


def weight(method: str, path: str, params: Params) -> int:
    route = ROUTES.get((method, path))
    return 1 if route is None else route.weight(params)


def methods(path: str) -> str:
    """What ``Allow`` says."""
    return ", ".join(sorted(method for method, each in ROUTES if each == path))


def answer(
    desk: Desk,
    request: Request,
    params: Params,
    headers: dict[str, str],
    arrived_ms: int,
    now_ms: int,
) -> RestAnswer:
    """Serve a request to one of ``PATHS``; its weight is already taken, its parameters read."""
    route = ROUTES.get((request.method, request.path))
    if route is None:
        headers["Allow"] = methods(request.path)
        body = error_body(-1020, f"Request method '{request.method}' not supported")
        return RestAnswer(405, body, headers)
    try:
        account = _sender(desk, request, params, route, arrived_ms)
        counts = desk.counts.take(account, route.orders, now_ms) if any(route.orders) else []
        found = route.answer(desk, desk.call(account, params, arrived_ms, now_ms))
    except Fault as fault:
        if fault.retry_after_s:
            headers["Retry-After"] = str(fault.retry_after_s)
        return RestAnswer(fault.status, fault.body, headers)
    if counts:
        headers |= order_counts(counts)
    return RestAnswer(200, orjson.dumps(found), headers)


def order_counts(counts: list[int]) -> Mapping[str, str]:
    return {"X-MBX-ORDER-COUNT-10S": str(counts[0]), "X-MBX-ORDER-COUNT-1M": str(counts[1])}


def form(request: Request) -> str:
    """The body, if it is one that is read for parameters."""
    if not request.body:
        return ""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return ""
    return request.body.decode("latin-1")


def _sender(desk: Desk, request: Request, params: Params, route: Signed, arrived_ms: int) -> str:
    """The account that asks; raises `Fault`."""
    key = request.headers.get("x-mbx-apikey")
    account = desk.keyring.account(key)
    if route.key_only:
        return account
    params.number("timestamp", required=True)
    payload, signature = split(request.query, form(request))
    account = desk.keyring.check(key, payload, signature)
    check_time(params, arrived_ms)
    return account
