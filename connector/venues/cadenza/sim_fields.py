"""What the fields of a request to the simulated Cadenza may be, read and checked.

Written from the venue's reference alone (sections 5, 6 and 8). A field is described in a word:
its kind, ``*`` if it must be there; ``S`` or ``C`` behind it: that is so in that published state
only, where it must be there, or is known at all.
"""

import re
from collections.abc import Mapping
from typing import Any

from connector.venues.cadenza.sim_envelope import BAD_FORM, CURRENT, SEED, Fault

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
DECIMAL = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
POSITIVE = re.compile(r"\d+(\.\d+)?", re.ASCII)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
BOTH = "BINANCE B2C2 WINTERMUTE BLOCKFILLS STONEX CUMBERLAND IBKR DERIBIT BITFINEX OKX"
VENUES = " ".join(f"{name} {name}_UAT" for name in BOTH.split())
VENUES += " BINANCE_SANDBOX B2C2_SANDBOX IBKR_PAPER MOCK PAPER"
TYPES = (
    "MARKET LIMIT STOP STOP_LIMIT STOP_LOSS STOP_LOSS_LIMIT TAKE_PROFIT TAKE_PROFIT_LIMIT"
    " TRAILING_STOP QUOTED UNKNOWN"
)
STATUSES = (
    "CREATED SUBMITTED ACCEPTED PARTIALLY_FILLED FILLED CANCELLED PENDING_CANCEL REPLACED"
    " PENDING_REPLACE REJECTED EXPIRED REVOKED UNKNOWN"
)
TIMES = "GTC IOC FOK GTD DAY GTX OPG CLS GFA GFS GTM MOO MOC EXT UNKNOWN"
ACCOUNT_STATES = {
    SEED: "SETUP ACTIVE INACTIVE LOCKED DISCONNECTED SUSPENDED DELETED UNKNOWN",
    CURRENT: "NEW CREATED ACTIVE INACTIVE LOCKED DISCONNECTED UNAVAILABLE",
}


ROUNDINGS = "UP DOWN NEAREST CEIL FLOOR HALF_UP HALF_DOWN HALF_EVEN"
SECURITIES = {
    SEED: "CASH STOCK CRYPTO CURRENCY COMMODITY INDEX BOND DERIVATIVE OPTION FUTURE FUTURES"
    " PERPETUAL FOREX",
    CURRENT: "STOCK CRYPTO CURRENCY COMMODITY INDEX BOND OPTION FUTURES PERPETUAL CFD",
}
EMPTY = frozenset([""])
Words = dict[str, frozenset[str]]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _same(words: str, later: str = "", empty: frozenset[str] = EMPTY) -> Words:
    """The earlier state has the empty word where the later one has null."""
    return {SEED: _words(words) | empty, CURRENT: _words(words) | _words(later)}


NEVER = frozenset[str]()
ENUMS: dict[str, Words] = {
    "venue": _same(VENUES, "HYPERLIQUID HYPERLIQUID_UAT FERMATA"),
    "orderSide": _same("BUY SELL UNKNOWN", empty=NEVER),
    "orderType": _same(TYPES, "LIMIT_MAKER"),
    "orderStatus": _same(STATUSES),
    "timeInForce": _same(TIMES),
    "quantityType": _same("BASE QUOTE POSITION_RATIO POSITION_PERCENTAGE", empty=NEVER),
    "rounding": {name: _words(ROUNDINGS) | EMPTY for name in (SEED, CURRENT)},
    "contingency": {SEED: NEVER, CURRENT: _words("OCO OTO OTOCO")},
    "credentialType": _same("API_KEY HMAC OAUTH RSA ED25519", "TOKEN"),
    "credentialStatus": {
        SEED: _words(ACCOUNT_STATES[SEED]),
        CURRENT: _words("CREATED ACTIVE EXPIRED REVOKED"),
    },
    "accountStatus": {name: _words(text) for name, text in ACCOUNT_STATES.items()},
    "operationType": _same(
        "CONNECT DISCONNECT ENABLE DISABLE UPDATE CREDENTIAL_REVOKE CREDENTIAL_ROTATE", empty=NEVER
    ),
    "securityType": {
        SEED: _words(SECURITIES[SEED]) | EMPTY,
        CURRENT: _words(SECURITIES[CURRENT]),
    },
    "instrumentStatus": _same("ACTIVE INACTIVE DISABLED DELISTED", empty=NEVER),
    "interval": _same("1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M", empty=NEVER),
    "dealerStatus": _same("ACTIVE PAUSED ARCHIVED", empty=NEVER),
    "walletType": _same("DEALER CLIENT EXCHANGE ACCOUNTING", empty=NEVER),
}


def described(words: str) -> dict[str, str]:
    """``name:kind`` pairs by name."""
    return dict(word.split(":", 1) for word in words.split())


def read(
    shape: Mapping[str, str], given: Mapping[str, Any], profile: str, *, text: bool
) -> dict[str, Any]:
    """The fields a request has, each as what it means; null and the empty word are as absent.

    ``text``: they come from a query. Raises `Fault`."""
    found: dict[str, Any] = {}
    for name, kind in shape.items():
        state = {"S": SEED, "C": CURRENT}.get(kind[-1], profile)
        kind = kind.rstrip("SC") if kind[-1] in "SC" else kind
        must = kind.endswith("*") and state == profile
        if state != profile and not kind.endswith("*"):
            continue
        kind = kind.removesuffix("*")
        value = given.get(name)
        if kind.startswith("[") and text and value is not None and not isinstance(value, list):
            value = [value]
        if value is None or (value == "" and kind in ENUMS):
            if must:
                raise Fault(BAD_FORM, f"{name}: required")
            continue
        found[name] = _one(name, kind, value, profile, text)
    return found


def _one(name: str, kind: str, value: Any, profile: str, text: bool) -> Any:
    bad = Fault(BAD_FORM, f"{name}: invalid value")
    if kind.startswith("["):
        if not isinstance(value, list):
            raise bad
        return [_one(name, kind[1:-1], each, profile, text) for each in value]
    if kind.startswith("int("):
        number = _integer(value, text, bad)
        low, _, high = kind[3:].strip("()").partition("-")
        if (low and number < int(low)) or (high and number > int(high)):
            raise bad
        return number
    if kind == "bool":
        if text and value in ("true", "false"):
            return value == "true"
        if not isinstance(value, bool):
            raise bad
        return value
    if kind == "obj":
        if not isinstance(value, dict):
            raise bad
        return value
    if not isinstance(value, str):
        raise bad
    if kind in ENUMS:
        if value not in ENUMS[kind][profile]:
            raise bad
        return value
    pattern = {"uuid": UUID, "dec": DECIMAL, "pdec": POSITIVE, "email": EMAIL}.get(kind)
    if pattern is not None and not pattern.fullmatch(value):
        raise bad
    return value


def _integer(value: Any, text: bool, bad: Fault) -> int:
    if text and isinstance(value, str) and INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad
    return value
