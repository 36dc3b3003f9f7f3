"""What the simulated Cadenza serves over REST: who may ask, what it costs, what its fields are.

Written from the venue's reference alone (sections 5 and 6)."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from connector.venues.cadenza import sim_market, sim_user
from connector.venues.cadenza.sim_asked import Asked
from connector.venues.cadenza.sim_fields import described
from connector.venues.cadenza.sim_limits import ACCOUNT, AUTH, MARKET

BASE = "/api/v3"
PAGED = "limit:int(1-1000) offset:int(0-)"
CURSOR = f"{PAGED} cursor:str"


class Route(Struct, frozen=True):
    """One method and path."""

    kind: str
    """Class of the rate limit."""
    shape: Mapping[str, str]
    answer: Callable[[Asked], Any]
    open: bool = False
    """Needs no token."""
    later: bool = False
    """Not in the earlier state."""


def _route(kind: str, fields: str, answer: Callable[[Asked], Any], **more: bool) -> Route:
    return Route(kind, described(fields), answer, **more)


USER = {
    ("GET", ""): _route(MARKET, "", sim_market.info),
    ("POST", "/auth/signup"): _route(
        AUTH, "email:email* password:str* metadata:obj", sim_user.signup, open=True
    ),
    ("POST", "/auth/login"): _route(AUTH, "email:email* password:str*", sim_user.login, open=True),
    ("POST", "/auth/logout"): _route(AUTH, "", sim_user.logout),
    ("POST", "/auth/token/refresh"): _route(AUTH, "refreshToken:str*", sim_user.refresh, open=True),
    ("GET", "/auth/user"): _route(AUTH, "", sim_user.who),
    ("PUT", "/auth/user"): _route(AUTH, "email:email password:str metadata:obj", sim_user.update),
    ("POST", "/auth/recover"): _route(AUTH, "email:email*", sim_user.recover, open=True),
}

MARKETS = {
    ("GET", "/market/venue/list"): _route(MARKET, "", sim_market.venues),
    ("POST", "/market/instrument/sync"): _route(
        ACCOUNT, "venue:venue* symbols:[str]*", sim_market.sync_instruments
    ),
    ("DELETE", "/market/instrument/delete"): _route(
        ACCOUNT, "instrumentId:str*", sim_market.delete_instrument
    ),
    ("POST", "/market/instrument/enable"): _route(
        ACCOUNT, "instrumentId:str*", sim_market.enable_instrument
    ),
    ("POST", "/market/instrument/disable"): _route(
        ACCOUNT, "instrumentId:str*", sim_market.disable_instrument
    ),
    ("GET", "/market/instrument/list"): _route(
        MARKET,
        "venue:venue symbols:[str] securityType:securityType instrumentStatus:instrumentStatus "
        + PAGED,
        sim_market.instruments,
    ),
    ("POST", "/market/security/sync"): _route(ACCOUNT, "venue:venue*", sim_market.sync_securities),
    ("DELETE", "/market/security/delete"): _route(
        ACCOUNT, "securityId:str*", sim_market.delete_security
    ),
    ("GET", "/market/security/list"): _route(
        MARKET, f"venue:venue securityId:str {PAGED}", sim_market.securities
    ),
    ("GET", "/market/orderBook/get"): _route(
        MARKET, "instrumentId:str venue:venueS symbol:strS depth:int(1-1000)", sim_market.book
    ),
    ("GET", "/market/orderBook/list"): _route(
        MARKET, "instrumentIds:[str] venue:venueS symbols:[str]S depth:int(1-1000)",
        sim_market.books,
    ),
    ("GET", "/market/ticker/get"): _route(
        MARKET, "instrumentId:str*", sim_market.ticker, later=True
    ),
    ("GET", "/market/ticker/list"): _route(
        MARKET, f"instrumentIds:[str] {CURSOR}", sim_market.tickers, later=True
    ),
    ("GET", "/market/kline/get"): _route(
        MARKET, "interval:interval* instrumentId:str from:int(0-) to:int(0-) limit:int(1-1000)",
        sim_market.kline, later=True,
    ),
}  # fmt: skip

ROUTES: dict[tuple[str, str], Route] = USER | MARKETS
"""By method and path below ``BASE``; ``health`` has a form of its own."""
PATHS = frozenset(path for _, path in ROUTES)
