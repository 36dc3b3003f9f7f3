"""The user's tokens: log in, renew before they expire, start anew when they are refused.

Section 3 of the reference. A machine without sockets and clock (`access_contract.Keeper`). The
access token is a JWT of about an hour; each renewal gives a new refresh token and uses up the old
one. Only the newest refresh token is ever written, and only to the place it came from.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from connector.errors import ConfigError
from connector.model.secret import SecretRef
from connector.venues.access_contract import Access, NoEntry
from connector.venues.cadenza import errors
from connector.venues.cadenza.config import Config
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.cadenza.error_codes import AUTHENTICATION, BEHIND
from connector.venues.contract import Request

SECOND_NS = 1_000_000_000
EARLY_NS = 300 * SECOND_NS
"""A token is renewed so long before it expires, but not in the first half of its life."""
LEAST_NS = 6 * SECOND_NS
"""Between two tries that failed: ten requests a minute are all there are."""
MOST_NS = 60 * SECOND_NS
LIFE_NS = 3600 * SECOND_NS
"""Of a token that nothing is said of."""
MILLISECONDS = 10**11
"""A time above this is in milliseconds: a page of the venue says seconds, another one these."""
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
TOKEN = re.compile(r"[!-~]+")
"""What may stand in a header."""


class Session(Struct, rename="camel"):
    """What of an ``AuthSession`` is used."""

    access_token: str = ""
    refresh_token: str = ""
    expires_in: int | float | None = None
    expires_at: int | float | None = None


class Answer(Struct):
    data: Session | None = None


class Claims(Struct):
    exp: int | float | None = None


_ANSWER = msgspec.json.Decoder(Answer)
_CLAIMS = msgspec.json.Decoder(Claims)


class Tokens:
    """One user's; see `access_contract.Keeper`."""

    def __init__(
        self,
        *,
        email: str = "",
        password: str = "",
        refresh: str = "",
        keep: Callable[[str], None] | None = None,
    ) -> None:
        self._email, self._password = email, password
        self._refresh = refresh
        self._kept, self._keep = refresh, keep
        self._token = ""
        self._expires_ns = self._renew_ns = 0
        self._due_ns = 0
        self._failed = 0
        self._asked = ""
        """The endpoint that was asked last."""
        self._repeated = False
        """A renewal was asked for twice, as its first answer did not come."""

    @property
    def token(self) -> str:
        return self._token

    def fresh(self, wall_ns: int) -> bool:
        return bool(self._token) and wall_ns < self._renew_ns

    def valid(self, wall_ns: int) -> bool:
        return bool(self._token) and wall_ns < self._expires_ns

    def due_ns(self) -> int:
        return self._due_ns

    def ask(self, wall_ns: int) -> Request:
        if self._refresh:
            self._asked = "tokenRefresh"
            return ENDPOINTS["tokenRefresh"].request(refreshToken=self._refresh)
        if not self._password:
            raise NoEntry(
                "no token: the refresh token is not taken any more, and venues.cadenza names no"
                " email and password"
            )
        self._asked = "login"
        return ENDPOINTS["login"].request(email=self._email, password=self._password)

    def answered(self, status: int, headers: Mapping[str, str], body: bytes, wall_ns: int) -> str:
        fault = errors.read(status, body)
        if not 200 <= status < 300 or not fault.good:
            # Never the body itself: it may be an answer with tokens that has another form.
            words = fault.words or "no answer of the venue's form"
            return self._refused(status, headers, words, wall_ns)
        try:
            session = _ANSWER.decode(body).data
        except (ValueError, RecursionError):
            session = None
        if session is None or not TOKEN.fullmatch(session.access_token):
            return self._later(wall_ns, "an answer without a token")
        expires_ns = expiry_ns(session, wall_ns)
        if expires_ns <= wall_ns:
            return self._later(wall_ns, "a token that has ended already; is the clock right?")
        self._token, self._expires_ns = session.access_token, expires_ns
        half_ns = (wall_ns + self._expires_ns) // 2
        self._renew_ns = max(self._expires_ns - EARLY_NS, half_ns)
        if session.refresh_token:
            self._refresh = session.refresh_token
        elif self._asked == "tokenRefresh":
            self._refresh = ""  # it is used up
        self._due_ns = self._failed = 0
        self._repeated = False
        return ""

    def lost(self, wall_ns: int) -> None:
        if self._asked == "tokenRefresh" and not self._repeated:
            self._repeated = True  # a refresh token may be used again for a moment
            return
        if self._asked == "tokenRefresh" and self._password:
            self._forget()
            return
        self._later(wall_ns, "")

    def denied(self, token: str) -> None:
        if token == self._token:  # else there is a newer one already
            self._expires_ns = self._renew_ns = 0

    def bear(self, request: Request) -> Request:
        bearer = ("Authorization", f"Bearer {self._token}")
        return replace(request, headers=(*request.headers, bearer))

    @property
    def unsaved(self) -> bool:
        return self._keep is not None and bool(self._refresh) and self._refresh != self._kept

    def save(self) -> None:
        if self._keep is not None:
            newest = self._refresh
            self._keep(newest)
            self._kept = newest

    def _refused(self, status: int, headers: Mapping[str, str], words: str, wall_ns: int) -> str:
        why = f"{self._asked}: HTTP {status}: {words}"
        if status == 429:
            self._due_ns = wall_ns + max(LEAST_NS, errors.quiet_ns(headers))
            return why
        if self._asked == "tokenRefresh" and status < 500:
            self._forget()
            return why if self._password else self._later(wall_ns, why)
        return self._later(wall_ns, why)

    def _forget(self) -> None:
        """The refresh token is of no more use: the next thing is a login."""
        self._refresh = ""
        self._repeated = False

    def _later(self, wall_ns: int, why: str) -> str:
        self._due_ns = wall_ns + min(LEAST_NS << min(self._failed, 8), MOST_NS)
        self._failed += 1
        self._repeated = False
        return why

    def __repr__(self) -> str:
        return "Tokens(***)"

    def __reduce__(self) -> Any:
        raise TypeError("tokens are neither pickled nor copied")


def expiry_ns(session: Session, wall_ns: int) -> int:
    """When the access token ends: what it says itself, else what its answer says, else in an hour.
    A time that has gone by is another clock's: the next one counts."""
    claims = _claims(session.access_token)
    told = [int(claims.exp) * SECOND_NS] if claims is not None and claims.exp else []
    if session.expires_in and session.expires_in > 0:
        told.append(wall_ns + int(session.expires_in) * SECOND_NS)
    at = int(session.expires_at or 0)
    if at:
        told.append(at * (1_000_000 if at > MILLISECONDS else SECOND_NS))
    return next((one for one in told if one > wall_ns), 0 if told else wall_ns + LIFE_NS)


def _claims(token: str) -> Claims | None:
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        return _CLAIMS.decode(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None


def tokens(config: Config) -> Tokens:
    """The user's, from where the configuration says. Raises ConfigError."""
    email, password = _read(config.email).strip(), _read(config.password)
    if bool(email) != bool(password):
        raise ConfigError("venues.cadenza: email and password go together")
    if email and not EMAIL.fullmatch(email):
        raise ConfigError("venues.cadenza.email: what is kept there is no email address")
    reference = SecretRef.parse(config.refresh_token) if config.refresh_token else None
    refresh = ""
    if reference is not None:
        try:
            refresh = reference.read().reveal().decode()
        except ConfigError:
            if not password:
                raise
    if not refresh and not password:
        raise ConfigError(
            "venues.cadenza: it wants a login: name email and password, or refresh_token"
        )
    writes = reference is not None and reference.scheme == "file"
    keep = (lambda token: reference.write(token.encode())) if reference and writes else None
    return Tokens(email=email, password=password, refresh=refresh, keep=keep)


def _read(reference: str) -> str:
    return SecretRef.parse(reference).read().reveal().decode() if reference else ""


def access(config: Config) -> Access:
    """How the venue is entered with this configuration."""
    return Access(
        keeper=lambda: tokens(config),
        allow=config.allow,
        strategies=config.strategies,
        denials=lambda code: code // 1000 == AUTHENTICATION,
        excuses=lambda code: code // 1000 == BEHIND,
    )
