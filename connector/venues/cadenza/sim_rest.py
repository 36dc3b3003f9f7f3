"""Cadenza's REST side as the venue sees it: routes, tokens, limits, checks and answers.

Written from the venue's reference alone (sections 3 to 6)."""

import logging
from typing import Any
from urllib.parse import parse_qsl

import orjson

from connector.protocol.http1 import Request
from connector.sim.matching.api import Matching
from connector.venues.cadenza import sim_limits, sim_market
from connector.venues.cadenza.sim_accounts import worths
from connector.venues.cadenza.sim_asked import Asked, Held, State
from connector.venues.cadenza.sim_auth import Users
from connector.venues.cadenza.sim_desk import Desk
from connector.venues.cadenza.sim_envelope import (
    BAD_FORM,
    BAD_JSON,
    CURRENT,
    NO_ROUTE,
    PROFILES,
    SEED,
    WEB,
    Fault,
    failure,
    good,
    iso,
)
from connector.venues.cadenza.sim_events import Teller
from connector.venues.cadenza.sim_fermata import Fermata
from connector.venues.cadenza.sim_fields import read
from connector.venues.cadenza.sim_orders import Orders
from connector.venues.cadenza.sim_routes import BASE, PATHS, ROUTES, Route
from connector.venues.sim_contract import (
    Contract,
    MarketView,
    Opening,
    OrderApi,
    Refused,
    RestAnswer,
)
from connector.venues.sim_setup import OrderSetup

log = logging.getLogger("connector.sim")

HEALTH = "/health"
LONGEST_URL, LONGEST_BODY = 8192, 1_000_000


def serves(method: str, path: str) -> bool:
    below = path.removeprefix(BASE)
    known = (method, below) in ROUTES or (method, below) == ("GET", HEALTH)
    return path.startswith(BASE) and known


class Rest:
    """The REST side. Raises ValueError for accounts and profiles that cannot be."""

    def __init__(
        self, weight_limit: int, engine: Matching | None, setup: OrderSetup, now_ms: int
    ) -> None:
        self.profile = setup.profile or SEED
        if self.profile not in PROFILES:
            raise ValueError(f"no profile {self.profile!r}; there are: {', '.join(PROFILES)}")
        self.users = Users(setup.accounts, self.profile, now_ms)
        self.state = State(Fermata())
        self.desk = Desk(setup.accounts, self.profile, now_ms)
        self.market: MarketView | None = None
        """As it was last asked about."""
        self.teller = Teller(self.desk, self.profile, self._worth)
        self.orders = Orders(engine, self.desk, self.teller) if engine is not None else None
        self._limiter = sim_limits.Limiter(sim_limits.scaled(weight_limit))
        self._number = now_ms

    @property
    def throttled(self) -> int:
        return self._limiter.throttled

    @property
    def banned(self) -> int:
        return 0

    def answer(
        self, market: MarketView, request: Request, address: str, arrived_ms: int, now_ms: int
    ) -> RestAnswer:
        """Serve one request: status, body and headers."""
        self._number += 1
        self.market = market
        path = request.path.removeprefix(BASE)
        headers: dict[str, str] = {}
        try:
            route = self._route(request, path)
            if route is None:
                body = orjson.dumps(sim_market.health(now_ms, iso(now_ms)))
                return RestAnswer(200, body, headers)
            claims = user = None
            who = address
            denied: Fault | None = None
            if not route.open:
                try:
                    claims = self.users.bearer(request.headers.get("authorization", ""), now_ms)
                    user = self.users.user(claims.user_id)
                    who = user.user_id
                except Fault as fault:
                    denied = fault
            verdict = self._limiter.take(who, route.kind, now_ms)
            headers = verdict.headers
            if not verdict.served:
                raise Fault(WEB, "Too many requests", 429)
            if denied is not None:
                raise denied
            given, text = _given(request)
            fields = read(route.shape, given, self.profile, text=text)
            asked = Asked(
                fields, self.profile, market, now_ms, self.users, self.state, self.desk, user,
                claims, self.orders,
            )  # fmt: skip
            data = route.answer(asked)
            if isinstance(data, Held):
                return self._held(data, headers)
            return RestAnswer(200, good(self.profile, data), headers)
        except Fault as fault:
            body = failure(self.profile, fault, request.path, self._number)
            return RestAnswer(fault.status, body, headers)

    def _held(self, held: Held, headers: dict[str, str]) -> RestAnswer:
        def later(now_ms: int) -> RestAnswer | None:
            if not held.done() and now_ms < held.until_ms:
                return None
            return RestAnswer(200, good(self.profile, held.data()), headers)

        return RestAnswer(200, good(self.profile, held.data()), headers, later)

    def _route(self, request: Request, path: str) -> Route | None:
        """None: it is ``health``. Raises `Fault`."""
        if len(request.target) > LONGEST_URL:
            raise Fault(BAD_FORM, "URL too long", 414)
        if not request.path.startswith(BASE):
            raise Fault(NO_ROUTE, f"Cannot {request.method} {request.path}")
        if (request.method, path) == ("GET", HEALTH):
            return None
        route = ROUTES.get((request.method, path))
        if route is None or (route.later and self.profile != CURRENT):
            status = 405 if path in PATHS and route is None else 0
            raise Fault(NO_ROUTE, f"Cannot {request.method} {request.path}", status)
        if len(request.body) > LONGEST_BODY:
            raise Fault(BAD_FORM, "body too large", 413)
        return route

    def claims(self, token: str, now_ms: int) -> Any:
        """What a connection's token says; see `Users.claims`."""
        return self.users.claims(token, now_ms)

    def private(self, route: str, name: str) -> tuple[str, ...]:
        return ()

    def greeting(self, private: str, now_ms: int) -> list[bytes]:
        return []

    def turn(self, now_ms: int) -> None:
        """Take in what the market did to orders."""
        if self.orders is not None:
            self.orders.turn(now_ms)

    def take(self) -> list[tuple[str, bytes]]:
        return self.teller.take()

    def _worth(self) -> dict[str, int]:
        """Of each asset, as far as anybody asked for anything yet."""
        market = self.market
        if market is None:
            return {}
        rows = [row for row in market.symbols.values() if isinstance(row, Contract)]
        return worths(rows, market)

    def api(self, market: MarketView, opened: Opening, address: str, now_ms: int) -> OrderApi:
        raise Refused(404, "no order API of its own")


def _given(request: Request) -> tuple[dict[str, Any], bool]:
    """The fields of a request, and whether they are texts of a query. Raises `Fault`."""
    if request.method == "GET":
        found: dict[str, Any] = {}
        for name, value in parse_qsl(request.query, keep_blank_values=True):
            if name in found:
                known = found[name]
                found[name] = [*(known if isinstance(known, list) else [known]), value]
            else:
                found[name] = value
        return found, True
    if not request.body:
        return {}, False
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise Fault(BAD_FORM, f"Content-Type: {kind or 'missing'}", 400)
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise Fault(BAD_JSON, "malformed JSON") from None
    if not isinstance(body, dict):
        raise Fault(BAD_FORM, "body: must be an object")
    return body, False


def retry_after(path: str) -> str:
    """The header that says how long to stay away."""
    return "Retry-After"
