"""One row of a venue's REST table: how it is asked, what it costs, and who may ask.

The typed client, ``connector call``, ``session.call()``, the rate budget, the simulator's routes
and the page of the venue derive from these rows.
"""

from collections.abc import Callable, Mapping
from enum import Enum, IntEnum
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from connector.venues.parameters import BadParameter, Rule, checked


class Security(IntEnum):
    NONE = 0
    KEY = 1
    SIGNED = 2
    TOKEN = 3
    """Only for who has logged in, but about nobody in particular: market data behind a login."""


class Retry(Enum):
    """What may follow when no answer came."""

    SAFE = "safe"
    """Reading, or doing again what is done already: ask again."""
    QUERY = "query"
    """It may have happened: find out before anything else."""
    KEYED = "keyed"
    """It may have happened, and would not happen twice under the key of its owner's that it
    carries, as the venue says: find out all the same, then repeat it with that key."""


class Status(Enum):
    """What became of an endpoint since it was published."""

    CURRENT = "current"
    REPLACED = "replaced"
    """Answered still; ``successor`` should be used."""
    REMOVED = "removed"
    """The venue does not answer it any more: never sent."""
    SOCKET = "socket"
    """No request but a connection: ``successor`` says who opens it; never sent."""


class Permission(Enum):
    """What an account's ``allow`` must name before a call is sent."""

    ORDER = "order"
    """Orders past the connector's own checks."""
    TRANSFER = "transfer"
    """Money between accounts of one owner."""
    WITHDRAW = "withdraw"
    """Money out of the venue, and what prepares that."""
    CREDENTIALS = "credentials"
    """Keys, passwords and users."""
    ACCOUNTS = "accounts"
    """What accounts and wallets there are, and whether they may trade."""
    ADMIN = "admin"
    """What is everybody's: what is listed, who deals."""


class Removed(ValueError):
    """The venue does not answer this endpoint any more; nothing was sent. The text names what to
    use in its place."""


class Cost(Struct, frozen=True):
    """Units a request takes of the pool of that name and window, beside its weight."""

    pool: str
    window_ns: int
    units: int


class Request(Struct, frozen=True):
    """One HTTP request, ready to be sent; ``weight`` counts against ``pool``."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    weight: int = 1
    pool: str = ""
    name: str = ""
    """The endpoint's name, for counters and logs."""
    security: Security = Security.NONE
    orders: tuple[Cost, ...] = ()
    """What it takes of the account's order pools."""

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


class Endpoint(Struct, frozen=True, kw_only=True):
    """One row of a venue's REST table."""

    name: str
    method: str
    path: str
    summary: str = ""
    """What it is for, in a few words."""
    security: Security = Security.NONE
    weight: Callable[[Mapping[str, Any]], int]
    params: type[Struct]
    rules: tuple[Rule, ...] = ()
    """What its parameters may be together."""
    result: Any
    pool: str
    retry: Retry = Retry.SAFE
    orders: tuple[Cost, ...] = ()
    """What one request takes of the account's order pools."""
    body: bool = False
    """Parameters travel as a JSON object in the body, not in the query."""
    query: frozenset[str] = frozenset()
    """With ``body``: those that travel in the query all the same."""
    plain: str = ""
    """Characters that are not percent-encoded in the query, though they could be."""
    status: Status = Status.CURRENT
    successor: str = ""
    """REPLACED, REMOVED: what to use, the name of an endpoint or words."""
    since: str = ""
    """REPLACED, REMOVED: when, as a date; CURRENT: when it came, where an earlier state of the
    venue that may still be served has not got it."""
    permission: Permission | None = None
    harmless: bool = False
    """No GET, and changes nothing at the venue all the same."""
    acts: bool = False
    """A GET, and changes something at the venue all the same."""
    credential: bool = False
    """About a key that gives access: for the owner of the account, not for strategies."""
    instead: str = ""
    """The method of a strategy's session to use in its place: it passes the connector's checks."""

    @property
    def changes(self) -> bool:
        """It may change something at the venue: written down before it is sent, never repeated."""
        return self.acts or (self.method not in ("GET", "HEAD") and not self.harmless)

    @property
    def trades(self) -> bool:
        """It places or changes orders: halts stop it."""
        return self.instead in ("place", "amend")

    def request(self, **params: Any) -> Request:
        """The request for these parameters; raises ValueError naming one that is wrong.

        For the connector's own use: ``rules`` are not looked at."""
        return self._made(msgspec.to_builtins(msgspec.convert(params, self.params)))

    def called(self, given: Mapping[str, Any], *, text: bool = False) -> Request:
        """The request for parameters from outside; raises `BadParameter` with field and rule, and
        `Removed`.

        ``text``: values are words, as on a command line."""
        return self._made(self.read(given, text=text))

    def read(self, given: Mapping[str, Any], *, text: bool = True) -> dict[str, Any]:
        """The parameters of a call as what they mean; raises as ``called``."""
        if self.status is Status.SOCKET:
            raise Removed(f"{self.name}: a connection, no request; {self.successor}")
        if self.status is Status.REMOVED:
            when = f" {self.since}" if self.since else ""
            raise Removed(f"{self.name}: removed{when}; use {self.successor}")
        return checked(self.params, self.rules, given, text=text)

    def _made(self, params: Mapping[str, Any]) -> Request:
        given = {name: value for name, value in params.items() if value is not None}
        in_body = {name: value for name, value in given.items() if name not in self.query}
        in_query = {name: given[name] for name in given if name in self.query or not self.body}
        return Request(
            self.method,
            self.path,
            # A list is its name once an element.
            query=urlencode(_words(in_query), doseq=True, quote_via=quote, safe=self.plain),
            headers=(("Content-Type", "application/json"),) if self.body else (),
            body=msgspec.json.encode(in_body) if self.body else b"",
            weight=self.weight(given),
            pool=self.pool,
            name=self.name,
            security=self.security,
            orders=self.orders,
        )


def _words(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in given.items()
    }


__all__ = [
    "BadParameter",
    "Cost",
    "Endpoint",
    "Permission",
    "Removed",
    "Request",
    "Retry",
    "Rule",
    "Security",
    "Status",
]
