"""What must never be written down, taken out of whatever is: logs, journals, notes, error texts.

What is secret shows in its name, by parts of it: ``apiKeySecret``, ``client_secret`` and
``refreshTokens`` are, ``idempotencyKey``, ``tokens`` of a bucket and ``tokenExpiresAt`` are not. A
token, what follows ``Bearer`` and a private key in PEM are known by themselves, whatever they are
called. Pure and total: bytes in, bytes out.
"""

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

HIDDEN = b"***"

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
STEMS = (
    "password", "passwd", "passphrase", "passcode", "secret", "mnemonic", "apikey", "privatekey",
    "privkey", "secretkey", "accesskey", "signingkey", "listenkey", "sessionkey", "accesstoken",
    "refreshtoken", "authtoken", "sessiontoken", "bearertoken",
)  # fmt: skip
"""Inside of a name, however it is divided: names may be written without any capitals."""
PARTS = frozenset({
    "authorization", "bearer", "cookie", "cookies", "idtoken", "jwt", "jwts", "otp", "pass",
    "pem", "pin", "pwd", "signature", "token", "totp",
})  # fmt: skip
PAIRS = {
    "key": frozenset({
        "access", "aes", "anon", "api", "app", "auth", "consumer", "ecdsa", "ed25519", "ed",
        "encryption", "hmac", "listen", "master", "pem", "private", "role", "root", "rsa",
        "secret", "session", "shared", "sign", "signing", "ssh", "wallet",
    }),
    "tokens": frozenset({
        "access", "api", "auth", "bearer", "csrf", "id", "oauth", "refresh", "session",
    }),
    "word": frozenset({"pass"}),
    "phrase": frozenset({"pass", "recovery", "seed"}),
    "code": frozenset({"auth", "authorization", "fa", "factor", "mfa", "recovery", "verification"}),
}  # fmt: skip
"""A part that is secret after one of these, in the plural, too."""
ASSETS = frozenset({
    "asset", "base", "collateral", "commission", "fee", "gas", "margin", "native", "quote",
    "settlement", "underlying",
})  # fmt: skip
"""Before ``token``: what is traded."""
ABOUT = frozenset({
    "address", "alg", "algorithm", "at", "bucket", "count", "date", "decimals", "enabled",
    "expiration", "expires", "expiry", "in", "kind", "length", "limit", "ms", "name", "policy",
    "rate", "required", "status", "symbol", "time", "ttl", "type", "types", "version",
})  # fmt: skip
"""The last part of a name that tells something about a secret, and not the secret."""

HINTS = (
    b"auth", b"bearer", b"code", b"cookie", b"eyj", b"jwt", b"key", b"mnemonic", b"otp", b"pass",
    b"pem", b"phrase", b"pin", b"pwd", b"secret", b"sign", b"token",
)  # fmt: skip
"""One of these is in every name above, and in what is known by itself, in small letters."""

_KEY = re.compile(
    rb"(?P<escape>\\{0,31})(?P<quote>[\"'])(?P<name>[\w.$-]{1,100})(?P=escape)(?P=quote)\s*:\s*"
    rb"|(?<![\w.-])(?P<given>[\w.-]{1,100})="
)
_GIVEN = re.compile(
    rb"(\\*)([\"'])(?![\s,}\]:]|$)(?:[^\n]*?\1\2|[^\n]*)"  # quoted, as log lines and reprs have it
    rb"|[^&\s\"\\]*"
)
_QUOTE = {mark: re.compile(rb"(\\*)" + mark) for mark in (b'"', b"'")}
_MARK = re.compile(rb"(\\*)\"|[\[\]{}]")
_PLAIN = re.compile(rb"(?!(?:null|true|false)\b)[^\s,}\]\"'\\&]+")
_SELF = re.compile(
    rb"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"  # a JWT: its header is JSON
    rb"|(?i:(?<=bearer )|(?<=bearer%20)|(?<=bearer\+))[\w.~+/=-]{8,}"
    rb"|(?<=PRIVATE KEY-----)[^-]+"
)


@lru_cache(4096)
def is_secret(name: str) -> bool:
    """Whether what goes by this name is never written down."""
    parts = [part.lower() for part in _PART.findall(name)]
    if not parts or (parts[-1] in ABOUT and len(parts) > 1):
        return False
    whole = "".join(parts)
    if any(stem in whole for stem in STEMS):
        return True
    for before, part in zip(["", *parts], parts, strict=False):
        if part in PARTS and not (part == "token" and before in ASSETS):
            return True
        if before in PAIRS.get(part, PAIRS.get(part.removesuffix("s"), frozenset())):
            return True
    return False


def hide(text: bytes, names: Iterable[str] = ()) -> bytes:
    """The text, a query, JSON, JSON inside JSON or a line of a log, with what is secret replaced by
    ``***``: the values of these names and of every name that says so itself. A text that was cut
    off inside of a value is hidden to its end; null, true and false are no secrets."""
    names = tuple(names)
    lower = text.lower()
    if not any(hint in lower for hint in _hints(names)):
        return text  # as nearly every line of a log is
    known = _known(names)
    found: list[bytes] = []
    kept = at = 0
    while (key := _KEY.search(text, at)) is not None:
        at = key.end()
        name = (key["name"] or key["given"]).decode("utf-8", "replace")
        if name not in known and not is_secret(name):
            continue
        if key["given"] is not None:
            end, shown = _GIVEN.match(text, at).end(), HIDDEN  # type: ignore[union-attr]
        else:
            end, shown = _value(text, at, key["escape"], key["quote"])
        found += (text[kept:at], shown or text[at:end])
        kept = at = end
    found.append(text[kept:])
    return _SELF.sub(HIDDEN, b"".join(found))


def glimpse(body: bytes) -> str:
    """The first words of a body that is not what it should be, on one line."""
    return " ".join(hide(body[:200]).decode("utf-8", "replace").split())[:120] or "empty body"


def hide_inside(value: Any) -> Any:
    """The same of decoded JSON, whatever a secret is in."""
    if isinstance(value, dict):
        return {
            name: HIDDEN.decode() if _hidden(name, inner) else hide_inside(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [hide_inside(inner) for inner in value]
    return _SELF.sub(HIDDEN, value.encode()).decode() if isinstance(value, str) else value


def _hidden(name: str, value: Any) -> bool:
    return value is not None and not isinstance(value, bool) and is_secret(name)


@cache
def _hints(names: tuple[str, ...]) -> tuple[bytes, ...]:
    return (*HINTS, *(name.lower().encode() for name in names))


@cache
def _known(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(names)


def _value(text: bytes, at: int, escape: bytes, quote: bytes) -> tuple[int, bytes]:
    """Where a value of JSON that begins here ends, and what is shown instead; b"": itself."""
    depth = (len(escape) + 1).bit_length() - 1
    if text.startswith(escape + quote, at):
        first = at + len(escape) + 1
        last = _closed(text, first, depth, quote)
        if last is None:
            return len(text), escape + quote + HIDDEN
        return last, escape + quote + HIDDEN + escape + quote
    shown = escape + quote + HIDDEN + escape + quote
    if text[at : at + 1] in (b"{", b"["):
        return _nested(text, at, depth), shown
    plain = _PLAIN.match(text, at)
    return (plain.end(), shown) if plain else (at, b"")


def _closed(text: bytes, at: int, depth: int, quote: bytes) -> int | None:
    """The end of a text inside so many others; None: it was cut off."""
    for mark in _QUOTE[quote].finditer(text, at):
        if _closes(len(mark[1]), depth):
            return mark.end()
    return None


def _closes(escapes: int, depth: int) -> bool:
    """Whether a quote after so many backslashes ends a text inside so many others, or one of
    those."""
    while depth:
        if escapes % 2 == 0:
            return True
        escapes, depth = escapes // 2, depth - 1
    return escapes % 2 == 0


def _nested(text: bytes, at: int, depth: int) -> int:
    """The end of an object or a list."""
    opened, inside = 0, False
    for mark in _MARK.finditer(text, at):
        if mark[1] is not None:
            inside = inside != _closes(len(mark[1]), depth)
        elif not inside:
            opened += 1 if mark[0] in (b"{", b"[") else -1
            if not opened:
                return mark.end()
    return len(text)
