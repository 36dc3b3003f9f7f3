"""Unsigned requests in, signed ones out: section 3 of the venue's reference.

What is signed is exactly what is sent: the query string after percent-encoding, then the body. The
WebSocket API signs its parameters sorted by name and unencoded.
"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from connector._speedups.segment import Segment
from connector._speedups.signer import backend
from connector.protocol import signing
from connector.venues.binance_usdm.schemas import MS
from connector.venues.contract import Request, Security
from connector.venues.trading_contract import Signer

API_KEY = re.compile(r"[!-~]{1,128}")
WINDOW_MS = 5000
"""The venue executes until timestamp + recvWindow; longer only prolongs what is unknown."""
KINDS = tuple(kind.value for kind in signing.Kind)


class Secret:
    """Gives a value that is already at hand to whoever asks by name."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        return self._value


class KeySigner:
    """One API key: its public half, and a signer for its secret one."""

    __slots__ = ("key", "made")

    def __init__(self, key: str, made: "signing.Hmac | signing.Asymmetric") -> None:
        self.key, self.made = key, made

    @property
    def kind(self) -> signing.Kind:
        return self.made.kind

    def sign(self, payload: bytes) -> bytes:
        """The signature as text, not percent-encoded."""
        return self.made.sign(payload)

    @property
    def means(self) -> str:
        """What signs, for the log."""
        by = backend() if isinstance(self.made, signing.Hmac) else "cryptography"
        return f"{self.kind.value} by {by}"

    def count_in(self, segment: Segment) -> None:
        """Count the signatures of the plain C function."""
        if isinstance(self.made, signing.Hmac):
            self.made.raw.count_in(segment)

    def __repr__(self) -> str:
        return "KeySigner(***)"

    def __reduce__(self) -> Any:
        raise TypeError("a signer is neither pickled nor copied")


def signer(key: str, secret: bytes, kind: str = "") -> KeySigner:
    """The signer of an API key; ``kind`` is one of ``KINDS``, or "" for what the secret is.

    Raises ValueError, which shows neither of both."""
    if not API_KEY.fullmatch(key):
        raise ValueError("the API key is empty or has characters that no key has")
    if kind and kind not in KINDS:
        raise ValueError(f"no kind of key {kind!r}; there are: {', '.join(KINDS)}")
    return KeySigner(key, signing.signer(Secret(secret), signing.Kind(kind) if kind else None))


def sign(request: Request, signer: Signer, venue_ns: int, window_ms: int = WINDOW_MS) -> Request:
    """The request as its endpoint wants it: the key in a header, and time and signature behind the
    parameters."""
    if request.security is Security.NONE:
        return request
    headers = (*request.headers, ("X-MBX-APIKEY", signer.key))
    if request.security is Security.KEY:
        return replace(request, headers=headers)
    stamp = f"recvWindow={window_ms}&timestamp={venue_ns // MS}"
    query = f"{request.query}&{stamp}" if request.query else stamp
    signature = signing.quoted(signer.sign(query.encode() + request.body)).decode()
    return replace(request, query=f"{query}&signature={signature}", headers=headers)


def sign_sorted(params: Mapping[str, str | int], signer: Signer) -> str:
    """The signature of a WebSocket API request's parameters."""
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    return signer.sign(payload.encode()).decode()
