"""Unsigned requests in, signed ones out: section 2 of the venue's reference.

What is signed is exactly what is sent: path, query, expiry and body, one behind the other. The
signature and the expiry travel in headers.
"""

import re
from base64 import urlsafe_b64decode
from typing import Any

from msgspec.structs import replace

from connector._speedups.segment import Segment
from connector._speedups.signer import backend
from connector.protocol.signing import Hmac
from connector.venues.contract import Request, Security
from connector.venues.trading_contract import Signer

SECOND_NS = 1_000_000_000
API_KEY = re.compile(r"[!-~]{1,128}")
BASE64URL = re.compile(rb"[A-Za-z0-9_-]+={0,2}")
WINDOW_MS = 10_000
"""The venue executes until the expiry; longer only prolongs what is unknown."""
LOGON_S = 60
"""Life of a login's signature; the venue allows two minutes."""
RAW, DECODED = "hmac", "hmac-base64url"
KINDS = (RAW, DECODED)
"""The key of the HMAC is the secret's text as it is. Keys made before 2020-02-20 may need the
decoded form: both are possible for any secret, and only the venue notices a wrong choice."""


class KeySigner:
    """One API key: its public half, and a signer for its secret one."""

    __slots__ = ("key", "kind", "made")

    def __init__(self, key: str, made: Hmac, kind: str) -> None:
        self.key, self.made, self.kind = key, made, kind

    def sign(self, payload: bytes) -> bytes:
        """The signature in lower-case hexadecimal."""
        return self.made.sign(payload)

    @property
    def means(self) -> str:
        """What signs, for the log."""
        return f"{self.kind} by {backend()}"

    def count_in(self, segment: Segment) -> None:
        """Count the signatures of the plain C function."""
        self.made.raw.count_in(segment)

    def __repr__(self) -> str:
        return "KeySigner(***)"

    def __reduce__(self) -> Any:
        raise TypeError("a signer is neither pickled nor copied")


def signer(key: str, secret: bytes, kind: str = RAW) -> KeySigner:
    """The signer of an API key; ``kind`` is one of ``KINDS``, or "" for the first.

    Raises ValueError, which shows neither of both."""
    kind = kind or RAW
    if kind not in KINDS:
        raise ValueError(f"no kind of key {kind!r}; there are: {', '.join(KINDS)}")
    if not API_KEY.fullmatch(key):
        raise ValueError("the API key is empty or has characters that no key has")
    if not secret.strip():
        raise ValueError("the secret is empty")
    return KeySigner(key, Hmac(_decoded(secret) if kind == DECODED else secret), kind)


def _decoded(secret: bytes) -> bytes:
    # The decoder itself passes over what is no base64.
    if not BASE64URL.fullmatch(secret) or len(secret.rstrip(b"=")) % 4 == 1:
        raise ValueError(f"the secret is no base64url text, which {DECODED} wants")
    return urlsafe_b64decode(secret + b"=" * (-len(secret) % 4))


def sign(request: Request, signer: Signer, venue_ns: int, window_ms: int = WINDOW_MS) -> Request:
    """The request as its endpoint wants it: key, expiry and signature in headers.

    The expiry is a whole second; the fraction before it is given away, so that nothing is executed
    after the window."""
    if request.security is Security.NONE:
        return request
    expiry = str((venue_ns + window_ms * 1_000_000) // SECOND_NS)
    payload = f"{request.path}{request.query}{expiry}".encode() + request.body
    headers = [
        *request.headers,
        ("x-phemex-access-token", signer.key),
        ("x-phemex-request-expiry", expiry),
        ("x-phemex-request-signature", signer.sign(payload).decode()),
    ]
    if request.body and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return replace(request, headers=tuple(headers))


def logon(signer: Signer, venue_ns: int) -> list[str | int]:
    """The parameters of ``user.auth``: section 2.3."""
    expiry = venue_ns // SECOND_NS + LOGON_S
    signature = signer.sign(f"{signer.key}{expiry}".encode()).decode()
    return ["API", signer.key, signature, expiry]
