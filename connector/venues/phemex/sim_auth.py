"""Who sends a Phemex request: its key, its expiry and its signature, over REST and WebSocket.

Written from the venue's reference alone. The signed string is path, query, expiry and body, without
anything between them; the HMAC's key is the bytes of the secret as they are written.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Any

import orjson

from connector.protocol.http1 import Request
from connector.venues.sim_setup import SimAccount

TOKEN, EXPIRY, SIGNATURE = (
    "x-phemex-access-token",
    "x-phemex-request-expiry",
    "x-phemex-request-signature",
)
LOGIN_S = 120
"""How far ahead the expiry of a ``user.auth`` may be."""


class Denied(Exception):
    """The request is nobody's; ``status`` and ``body`` are the answer."""

    def __init__(self, code: int | str, text: str) -> None:
        super().__init__(text)
        self.status = 401
        self.body = orjson.dumps({"code": code, "msg": text, "data": None})


def sign(secret: str, text: bytes) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


class Keyring:
    """The keys of all accounts. Raises ValueError for accounts that cannot be."""

    def __init__(self, accounts: Iterable[SimAccount]) -> None:
        self._keys: dict[str, tuple[str, str]] = {}
        """Key to account and secret."""
        for account in accounts:
            for each in account.keys:
                if not each.secret:
                    raise ValueError(f"{account.name}: this venue's keys have a secret")
                if each.key in self._keys:
                    raise ValueError(f"{account.name}: a key that another account has")
                self._keys[each.key] = (account.name, each.secret)

    def account(self, request: Request, now_ms: int) -> str:
        """Whose request it is. Raises `Denied`."""
        headers = request.headers
        key, expiry = headers.get(TOKEN, ""), headers.get(EXPIRY, "")
        if not key:
            raise Denied("401", "401 Miss Api Key.")
        found = self._keys.get(key)
        if found is None:
            raise Denied("401", "401 Failed to load API KEY.")
        if not expiry.isdecimal() or int(expiry) * 1000 <= now_ms:
            raise Denied("401", f"401 Request Expired at {expiry}")
        text = (request.path + request.query + expiry).encode() + request.body
        wanted = sign(found[1], text)
        # Case counts: a signature in capitals is none.
        if not hmac.compare_digest(wanted, headers.get(SIGNATURE, "")):
            raise Denied(10500, "API Signature verification failed.")
        return found[0]

    def login(self, params: list[Any], now_ms: int) -> str:
        """The account of ``["API", key, signature, expiry]``; "" if it is none."""
        if len(params) != 4 or params[0] != "API":
            return ""
        _, key, signature, expiry = params
        known = self._keys.get(key) if isinstance(key, str) else None
        if known is None or not isinstance(signature, str) or type(expiry) is not int:
            return ""
        now_s = now_ms // 1000
        if not now_s < expiry <= now_s + LOGIN_S + 1:
            return ""
        wanted = sign(known[1], f"{key}{expiry}".encode())
        return known[0] if hmac.compare_digest(wanted, signature) else ""
