"""The users of the simulated Cadenza: logins, tokens that expire, refresh tokens that change.

Written from the venue's reference alone (section 3). An access token is a JWT of an hour, signed
with HMAC; a refresh token lives for a week and is used up by the refresh it is good for, though for
some seconds the same answer can be had again. One that is used later than that ends its session:
somebody else may have it."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Any

import orjson
from msgspec import Struct

from connector.venues.cadenza.sim_envelope import (
    BAD_FORM,
    CONFLICT,
    CURRENT,
    UNAUTHORIZED,
    Fault,
    iso,
    made,
)
from connector.venues.sim_setup import SimAccount

TOKEN_S, REFRESH_S = 3600, 7 * 86_400
REUSE_MS = 10_000
SHORTEST_PASSWORD = 8
HEAD = {"alg": "HS256", "typ": "JWT"}


class Claims(Struct, frozen=True):
    """What a good access token says."""

    user_id: str
    session: str
    exp_s: int


class User:
    """One user."""

    def __init__(self, name: str, email: str, password: str, now_ms: int) -> None:
        self.name, self.email = name, email
        self.user_id = made("user", name)
        self.tenant_id = "t1"
        self.salt = secrets.token_bytes(16)
        self.hashed = b""
        self.metadata: dict[str, Any] = {}
        self.created_ms = self.updated_ms = now_ms
        self.signed_in_ms = 0
        self.admin = True
        """May change what is listed for everybody."""
        self.set_password(password)

    def set_password(self, password: str) -> None:
        self.hashed = hashlib.sha256(self.salt + password.encode()).digest()

    def knows(self, password: str) -> bool:
        found = hashlib.sha256(self.salt + password.encode()).digest()
        return hmac.compare_digest(found, self.hashed)

    def row(self, profile: str) -> dict[str, Any]:
        """``AuthUser``."""
        row: dict[str, Any] = {
            "id": self.user_id,
            "email": self.email,
            "phone": None,
            "emailConfirmedAt": iso(self.created_ms),
            "phoneConfirmedAt": None,
            "lastSignInAt": iso(self.signed_in_ms) if self.signed_in_ms else None,
            "role": "authenticated",
            "createdAt": iso(self.created_ms),
            "updatedAt": iso(self.updated_ms),
            "appMetadata": {"tenantId": self.tenant_id, "environments": ["UAT"]},
            "userMetadata": self.metadata,
        }
        if profile == CURRENT:
            identity = {
                "id": made("identity", self.name), "userId": self.user_id,
                "identityData": {"email": self.email, "sub": self.user_id}, "provider": "email",
                "lastSignInAt": row["lastSignInAt"], "createdAt": row["createdAt"],
                "updatedAt": row["updatedAt"],
            }  # fmt: skip
            row["identities"] = [identity]
        return row


class Refresh(Struct):
    """A refresh token."""

    user: User
    session: str
    made_ms: int
    used_ms: int = 0
    next: str = ""
    """The one that came for it."""


class Users:
    """Everybody who may log in. ``token_s``: life of an access token."""

    def __init__(
        self, accounts: Iterable[SimAccount], profile: str, now_ms: int, token_s: int = TOKEN_S
    ) -> None:
        """An account's key is its email address, the secret its password; a second key is another
        user of the same name. Raises ValueError for accounts that cannot be."""
        self._profile, self._token_s = profile, token_s
        self._secret = secrets.token_bytes(32)
        self._round = 0
        self._by_email: dict[str, User] = {}
        self._by_id: dict[str, User] = {}
        self._refreshes: dict[str, Refresh] = {}
        self._sessions: dict[str, str] = {}
        """Those that have not ended, and whose they are."""
        self.mails: list[str] = []
        """Addresses a recovery link was sent to."""
        for account in accounts:
            for key in account.keys:
                if not key.secret:
                    raise ValueError(f"{account.name}: users of this venue have a password")
                if key.key.lower() in self._by_email:
                    raise ValueError(f"{account.name}: an email address that another user has")
                self._add(User(account.name, key.key, key.secret, now_ms))

    def _add(self, user: User) -> None:
        self._by_email[user.email.lower()] = self._by_id[user.user_id] = user

    def live_for(self, seconds: int) -> None:
        """How long access tokens live from now on."""
        self._token_s = seconds

    def expire(self) -> None:
        """Every access token that was given until now has ended."""
        self._round += 1

    def signup(self, email: str, password: str, metadata: dict[str, Any], now_ms: int) -> Any:
        if email.lower() in self._by_email:
            raise Fault(CONFLICT, "User already registered", 400)
        if len(password) < SHORTEST_PASSWORD:
            raise Fault(BAD_FORM, "password: at least 8 characters")
        user = User(email.lower(), email, password, now_ms)
        user.metadata, user.admin = metadata, False
        self._add(user)
        return self._session(user, now_ms) if self._profile == CURRENT else user.row(self._profile)

    def login(self, email: str, password: str, now_ms: int) -> dict[str, Any]:
        user = self._by_email.get(email.lower())
        if user is None or not user.knows(password):
            raise Fault(UNAUTHORIZED, "Invalid login credentials")
        return self._session(user, now_ms)

    def _session(self, user: User, now_ms: int) -> dict[str, Any]:
        session = made("session", user.name, secrets.token_hex(8))
        self._sessions[session] = user.user_id
        user.signed_in_ms = now_ms
        return self._tokens(user, session, self._refreshed(user, session, now_ms), now_ms)

    def _refreshed(self, user: User, session: str, now_ms: int) -> str:
        token = f"v1.{secrets.token_urlsafe(24)}"
        self._refreshes[token] = Refresh(user, session, now_ms)
        return token

    def _tokens(self, user: User, session: str, refresh: str, now_ms: int) -> dict[str, Any]:
        now_s = now_ms // 1000
        claims = {
            "sub": user.user_id, "aud": "authenticated", "role": "authenticated",
            "email": user.email, "session_id": session, "iat": now_s, "exp": now_s + self._token_s,
            "jti": f"{self._round}-{secrets.token_hex(8)}",
        }  # fmt: skip
        return {
            "accessToken": self._signed(claims),
            "refreshToken": refresh,
            "tokenType": "bearer",
            "expiresIn": self._token_s,
            "expiresAt": now_s + self._token_s,
            "user": user.row(self._profile),
        }

    def refresh(self, token: str, now_ms: int) -> dict[str, Any]:
        found = self._refreshes.get(token)
        if found is None or found.session not in self._sessions:
            raise Fault(UNAUTHORIZED, "Invalid Refresh Token")
        if now_ms - found.made_ms > REFRESH_S * 1000:
            raise Fault(UNAUTHORIZED, "Refresh Token has expired")
        if found.used_ms and now_ms - found.used_ms > REUSE_MS:
            self._end(found.session)
            raise Fault(UNAUTHORIZED, "Invalid Refresh Token: Already Used")
        if not found.used_ms:
            found.used_ms = now_ms
            found.next = self._refreshed(found.user, found.session, now_ms)
        return self._tokens(found.user, found.session, found.next, now_ms)

    def logout(self, claims: Claims) -> None:
        self._end(claims.session)

    def _end(self, session: str) -> None:
        self._sessions.pop(session, None)
        for token in [name for name, each in self._refreshes.items() if each.session == session]:
            del self._refreshes[token]

    def update(
        self, user: User, email: str, password: str, metadata: dict[str, Any] | None, now_ms: int
    ) -> dict[str, Any]:
        if email and email.lower() != user.email.lower():
            if email.lower() in self._by_email:
                raise Fault(CONFLICT, "Email address already in use", 400)
            del self._by_email[user.email.lower()]
            user.email = email
            self._by_email[email.lower()] = user
        if password:
            if len(password) < SHORTEST_PASSWORD:
                raise Fault(BAD_FORM, "password: at least 8 characters")
            user.set_password(password)
        if metadata is not None:
            user.metadata = metadata
        user.updated_ms = now_ms
        return user.row(self._profile)

    def recover(self, email: str) -> None:
        """It does not tell whether there is such a user."""
        if email.lower() in self._by_email:
            self.mails.append(email)

    def user(self, user_id: str) -> User:
        return self._by_id[user_id]

    @property
    def everybody(self) -> list[User]:
        return list(self._by_id.values())

    def bearer(self, header: str, now_ms: int) -> Claims:
        """Whose ``Authorization`` header it is. Raises `Fault`."""
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Fault(UNAUTHORIZED, "Unauthorized", details={"code": "INVALID_TOKEN"})
        return self.claims(token.strip(), now_ms)

    def claims(self, token: str, now_ms: int) -> Claims:
        """What a good token says; it is one until the second it expires in. Raises `Fault`."""
        bad = Fault(UNAUTHORIZED, "invalid token", details={"code": "INVALID_TOKEN"})
        head, dot, signature = token.rpartition(".")
        try:
            given = _unpacked(signature)
            body = orjson.loads(_unpacked(head.partition(".")[2]))
        except (binascii.Error, ValueError):
            raise bad from None
        wanted = hmac.new(self._secret, head.encode(), hashlib.sha256).digest()
        if not dot or not hmac.compare_digest(given, wanted):
            raise bad
        if body["exp"] * 1000 <= now_ms or int(body["jti"].partition("-")[0]) < self._round:
            raise Fault(UNAUTHORIZED, "token expired", details={"code": "INVALID_TOKEN"})
        if body["session_id"] not in self._sessions:
            raise Fault(UNAUTHORIZED, "session ended", details={"code": "INVALID_TOKEN"})
        return Claims(body["sub"], body["session_id"], body["exp"])

    def _signed(self, claims: dict[str, Any]) -> str:
        head = f"{_packed(orjson.dumps(HEAD))}.{_packed(orjson.dumps(claims))}"
        return f"{head}.{_packed(hmac.new(self._secret, head.encode(), hashlib.sha256).digest())}"


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
