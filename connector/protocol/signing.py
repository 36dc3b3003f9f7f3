"""A request's payload in, its signature out as text: HMAC-SHA256, Ed25519 or RSA, by its key.

Nothing here belongs to one venue: what is signed and where the signature goes is the venue's
business. Keys never show: no repr, no pickle, no exception carries one.
"""

from base64 import b64encode
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, Protocol

from connector._speedups.signer import HmacSigner


class Kind(Enum):
    """The kind of key, by its name in configuration."""

    HMAC = "hmac"
    ED25519 = "ed25519"
    RSA = "rsa"


class Sealed(Protocol):
    """What holds a secret and gives it only when asked by name."""

    def reveal(self) -> bytes: ...


class Signer(Protocol):
    """Signs payloads with one key."""

    @property
    def kind(self) -> Kind: ...

    def sign(self, payload: bytes) -> bytes:
        """The signature as the venues write it: hexadecimal for HMAC, else base64."""


def signer(secret: Sealed, kind: Kind | None = None) -> "Hmac | Asymmetric":
    """The signer for a secret: a private key in PEM (PKCS#8), or else the shared secret of HMAC.

    Raises ValueError when the secret is empty, cannot be read, or is not of ``kind``."""
    value = secret.reveal()
    if not value.strip():
        raise ValueError("the secret is empty")
    made = Asymmetric(value) if value.lstrip().startswith(b"-----BEGIN") else Hmac(value)
    if kind is not None and made.kind is not kind:
        raise ValueError(f"the secret is of kind {made.kind.value}, not {kind.value}")
    return made


def quoted(signature: bytes) -> bytes:
    """A signature as it stands in a query string: ``+ / =`` of base64 percent-encoded."""
    if not signature.endswith(b"=") and b"+" not in signature and b"/" not in signature:
        return signature
    return signature.replace(b"+", b"%2B").replace(b"/", b"%2F").replace(b"=", b"%3D")


class _Hidden:
    """No way of printing or copying an object shows what is in it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def __reduce__(self) -> Any:
        raise TypeError("a signer is neither pickled nor copied")


class Hmac(_Hidden):
    """HMAC-SHA256 with a shared secret; ``raw`` is what C code signs with."""

    __slots__ = ("raw",)
    kind = Kind.HMAC

    def __init__(self, secret: bytes) -> None:
        self.raw = HmacSigner(secret)

    def sign(self, payload: bytes) -> bytes:
        """The signature in lower-case hexadecimal."""
        return self.raw.sign_hex(payload)


class Asymmetric(_Hidden):
    """Ed25519, or RSA by RSASSA-PKCS1-v1_5 with SHA-256; the key is a PEM text in PKCS#8."""

    __slots__ = ("_sign", "kind")

    def __init__(self, pem: bytes) -> None:
        # Costs tens of milliseconds, and most accounts sign by HMAC.
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # Their texts may quote the key.
            raise ValueError("the private key is not a PEM text without a password") from None
        self._sign: Callable[[bytes], bytes]
        if isinstance(key, Ed25519PrivateKey):
            self.kind, self._sign = Kind.ED25519, key.sign
        elif isinstance(key, RSAPrivateKey):
            self.kind = Kind.RSA
            self._sign = partial(key.sign, padding=PKCS1v15(), algorithm=SHA256())
        else:
            raise ValueError("the private key is neither Ed25519 nor RSA")

    def sign(self, payload: bytes) -> bytes:
        """The signature in base64 without line breaks."""
        return b64encode(self._sign(payload))
