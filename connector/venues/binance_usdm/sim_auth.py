"""Who asks: API keys, signatures and the request's time, as the venue checks them.

What is signed are the bytes of the query followed directly by those of the body, without the
``signature`` that ends one of the two. HMAC keys sign in hex of any case, RSA and Ed25519 keys in
base64. The WebSocket API signs its parameters sorted by name and unescaped instead.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from connector.venues.binance_usdm.sim_params import Fault, Params, invalid, malformed
from connector.venues.sim_setup import ApiKey, SimAccount

DEFAULT_WINDOW_MS, LONGEST_WINDOW_MS, AHEAD_MS = 5000, 60_000, 1000

Verify = Callable[[bytes, str], bool]
"""Whether a text is the signature of these bytes."""


class Keyring:
    """The API keys of every account; raises ValueError for a key that cannot be used."""

    def __init__(self, accounts: Iterable[SimAccount]) -> None:
        self._keys: dict[str, tuple[str, ApiKey, Verify]] = {}
        for account in accounts:
            for key in account.keys:
                if key.key in self._keys:
                    raise ValueError(f"account {account.name}: its API key is not the only one")
                if not re.fullmatch(_KEY, key.key):
                    raise ValueError(f"account {account.name}: an API key is letters and digits")
                self._keys[key.key] = account.name, key, _verifier(account.name, key)

    def account(self, key: str | None) -> str:
        """The account of an API key; raises `Fault`."""
        return self._find(key)[0]

    def logon_key(self, key: str | None) -> bool:
        """Whether a WebSocket session can log on with it: only with Ed25519 keys."""
        found = self._find(key)[1]
        return bool(found.public_key) and type(_public(found)).__name__.startswith("Ed25519")

    def check(self, key: str | None, payload: bytes, signature: str) -> str:
        """The account whose key signed that; raises `Fault`."""
        name, _, verify = self._find(key)
        if not verify(payload, signature):
            raise Fault(-1022, "Signature for this request is not valid.")
        return name

    def _find(self, key: str | None) -> tuple[str, ApiKey, Verify]:
        if not key or not re.fullmatch(_KEY, key):
            raise Fault(-2014, "API-key format invalid.", 401)
        found = self._keys.get(key)
        if found is None:
            raise Fault(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return found


_KEY = r"[A-Za-z0-9]{1,128}"
_SIGNED = re.compile(r"(?:^|&)signature=([^&]*)$")


def split(query: str, body: str) -> tuple[bytes, str]:
    """What was signed and the signature of a REST request; raises `Fault`.

    A signature that does not come last is none: then the venue signs other bytes than its client.
    """
    for first, second, ours in ((query, body, True), (body, query, False)):
        found = _SIGNED.search(first)
        if found is not None:
            rest = first[: found.start()]
            payload = rest + second if ours else second + rest
            if not found[1]:
                raise malformed("signature")
            return payload.encode("latin-1"), unquote(found[1])
    if "signature=" in query or "signature=" in body:
        raise Fault(-1022, "Signature for this request is not valid.")
    raise malformed("signature")


def sorted_payload(params: Mapping[str, Any]) -> bytes:
    """What a request of the WebSocket API signs."""
    values = Params.of(params)
    pairs = [f"{name}={values.raw(name)}" for name in sorted(values.names()) if name != "signature"]
    return "&".join(pairs).encode()


def window(params: Params) -> tuple[int, int]:
    """``timestamp`` and ``recvWindow``; raises `Fault`."""
    timestamp = params.number("timestamp", required=True)
    within = params.number("recvWindow")
    assert timestamp is not None
    if within is None:
        within = DEFAULT_WINDOW_MS
    if within > LONGEST_WINDOW_MS:
        raise invalid("recvWindow")
    return timestamp, within


def check_time(params: Params, now_ms: int) -> None:
    """The rule at the door; raises `Fault`."""
    timestamp, within = window(params)
    if timestamp >= now_ms + AHEAD_MS:
        text = f"Timestamp for this request was {AHEAD_MS}ms ahead of the server's time."
        raise Fault(-1021, text)
    if now_ms - timestamp > within:
        raise Fault(-1021, "Timestamp for this request is outside of the recvWindow.")


def check_time_again(params: Params, now_ms: int) -> None:
    """The rule at the matching engine, which a request may reach late; raises `Fault`."""
    timestamp, within = window(params)
    if now_ms - timestamp > within:
        raise Fault(-5028, "Timestamp for this request is outside of the ME recvWindow.")


def _verifier(account: str, key: ApiKey) -> Verify:
    if bool(key.secret) == bool(key.public_key):
        raise ValueError(f"account {account}: an API key has a secret or a public key")
    if key.secret:
        secret = key.secret.encode()

        def verify_hmac(payload: bytes, signature: str) -> bool:
            wanted = hmac.digest(secret, payload, hashlib.sha256).hex()
            return hmac.compare_digest(wanted.encode(), signature.lower().encode())

        return verify_hmac
    return _verify_with(account, key)


def _public(key: ApiKey) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(key.public_key.encode())


def _verify_with(account: str, key: ApiKey) -> Verify:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        public = _public(key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"account {account}: not a public key in PEM: {error}") from None
    if not isinstance(public, Ed25519PublicKey | RSAPublicKey):
        raise ValueError(f"account {account}: the public key is neither Ed25519 nor RSA")

    def verify(payload: bytes, signature: str) -> bool:
        try:
            raw = base64.b64decode(signature, validate=True)
            if isinstance(public, Ed25519PublicKey):
                public.verify(raw, payload)
            else:
                public.verify(raw, payload, PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True

    return verify
