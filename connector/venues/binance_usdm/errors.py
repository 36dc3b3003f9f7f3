"""What an HTTP answer means: status, the venue's code, and how long to keep quiet.

``judge`` is for questions, ``judge_order`` for what may have changed something."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import msgspec

from connector.model.intents import Action
from connector.model.redaction import glimpse
from connector.venues.binance_usdm.error_codes import ROWS, Proof
from connector.venues.binance_usdm.schemas import MS, NOTHING, text
from connector.venues.contract import Answer, Outcome
from connector.venues.trading_contract import OrderOutcome

SECOND_NS = 1_000_000_000
LONGEST_S = 3 * 86400
"""The longest ban the venue documents."""
THROTTLED_S = 60
"""429 without Retry-After: the weight window is a minute."""
BANNED_S = 120
"""418 without a time: the shortest ban."""
FIREWALL_S = 300
"""403 of the firewall in front: "back off for minutes"."""

# What a code means for a question; asking again needs no more care than that. A listenKey that is
# gone (-1125) is no passing condition: the same request never succeeds.
QUESTION = {
    Proof.UNKNOWN: Outcome.UNKNOWN,
    Proof.NOT_EXECUTED: Outcome.NOT_EXECUTED,
    Proof.LATER: Outcome.NOT_EXECUTED,
    Proof.LIMIT: Outcome.THROTTLED,
}
CODES = {
    row.code: QUESTION[row.proof]
    for row in ROWS.values()
    if row.proof in QUESTION and row.name != "INVALID_LISTEN_KEY"
}

ORDER = {
    Proof.UNKNOWN: OrderOutcome.UNKNOWN,
    Proof.NOT_EXECUTED: OrderOutcome.NOT_EXECUTED,
    Proof.LATER: OrderOutcome.NOT_EXECUTED,
    Proof.LIMIT: OrderOutcome.THROTTLED,
    Proof.CLOCK: OrderOutcome.CLOCK,
    Proof.KEY: OrderOutcome.AUTH,
    Proof.REFUSED: OrderOutcome.REFUSED,
}
# Of what is not here the venue says that it was not done.
CHANGE = {
    OrderOutcome.UNKNOWN: Outcome.UNKNOWN,
    OrderOutcome.NOT_EXECUTED: Outcome.NOT_EXECUTED,
    OrderOutcome.CLOCK: Outcome.NOT_EXECUTED,
    OrderOutcome.THROTTLED: Outcome.THROTTLED,
    OrderOutcome.BANNED: Outcome.BANNED,
    OrderOutcome.ALREADY: Outcome.ALREADY,
}
GONE = frozenset(
    row.code
    for row in ROWS.values()
    if row.name in {"CANCEL_REJECTED", "NO_SUCH_ORDER", "INVALID_ORDER_STATUS"}
)
"""To a cancel, amend or query: that order is not open."""
TOO_MANY_ORDERS = next(row.code for row in ROWS.values() if row.name == "TOO_MANY_ORDERS")
"""A limit of the account's orders; cancels and questions are no orders."""

# 503 without a code: the text decides whether anything can have happened.
CERTAIN_FAILURES = ("service unavailable", "unable to process your request", "throttled by system")
BANNED_UNTIL = re.compile(r"banned until (\d{13})\b")


class Body(msgspec.Struct):
    """``{"code", "msg"}``; the text may be of another kind in a maintenance answer."""

    code: msgspec.Raw = NOTHING
    msg: msgspec.Raw = NOTHING


_BODY = msgspec.json.Decoder(Body)
_JSON = msgspec.json.Decoder(msgspec.Raw)


def judge(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Classify an HTTP answer; total: never raises, whatever came."""
    given = {name.lower(): value for name, value in headers.items()}
    code, message = _error(body)
    if not message and status != 200:
        message = glimpse(body)
    if status == 418:
        return _quiet(Outcome.BANNED, BANNED_S, code, message, given)
    if status == 429:
        return _quiet(Outcome.THROTTLED, THROTTLED_S, code, message, given)
    if status == 403 and not code:
        return _quiet(Outcome.BANNED, FIREWALL_S, 0, f"refused by the firewall: {message}", given)
    outcome = CODES.get(code)
    if outcome is Outcome.THROTTLED:
        if BANNED_UNTIL.search(message):
            return _quiet(Outcome.BANNED, BANNED_S, code, message, given)
        return _quiet(Outcome.THROTTLED, THROTTLED_S, code, message, given)
    if outcome is not None:
        return Answer(outcome, code, message)
    if 200 <= status < 300:
        return _success(code, message, body)
    if status == 503 and any(words in message.lower() for words in CERTAIN_FAILURES):
        return Answer(Outcome.NOT_EXECUTED, code, message)
    if status >= 500 or status == 408 or status < 200:
        return Answer(Outcome.UNKNOWN, code, f"HTTP {status}: {message}")
    return Answer(Outcome.REJECTED, code, message if code else f"HTTP {status}: {message}")


def judge_change(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Classify the answer to a call that may have changed something, orders or settings; total.

    As strict as `judge_order`: what is not known to prove something is UNKNOWN."""
    found = judge_order(Action.PLACE, status, headers, body)
    if found is None:
        return judge(status, headers, body)
    return Answer(
        CHANGE.get(found.outcome, Outcome.REJECTED),
        found.code,
        found.message,
        found.retry_after_ns,
        found.until_ns,
    )


class Verdict(msgspec.Struct, frozen=True):
    """What the answer to an order request proves; see `OrderAnswer`."""

    outcome: OrderOutcome
    code: int = 0
    message: str = ""
    reconcile: bool = False
    retry_after_ns: int = 0
    until_ns: int = 0
    """The end of a ban as its text says, by the venue's clock."""
    orders_only: bool = False


def judge_order(
    action: Action, status: int, headers: Mapping[str, str], body: bytes
) -> Verdict | None:
    """Classify the answer to an order request by its error; None: it holds no error.

    Total: never raises. Whatever is not known to prove something proves nothing (UNKNOWN): a code
    the reference does not list, a refusal without a code, a body that is no JSON."""
    given = {name.lower(): value for name, value in headers.items()}
    code, message = _error(body)
    words = message or glimpse(body)
    if status == 418:
        return _silence(Outcome.BANNED, BANNED_S, code, words, given)
    if status == 429:
        return _silence(Outcome.THROTTLED, THROTTLED_S, code, words, given)
    if status == 403 and not code:
        return _silence(Outcome.BANNED, FIREWALL_S, 0, f"refused by the firewall: {words}", given)
    if code in ROWS or code < 0:
        return judge_code(action, code, message, given)
    if 200 <= status < 300:
        return None
    if status == 503 and any(known in words.lower() for known in CERTAIN_FAILURES):
        return Verdict(OrderOutcome.NOT_EXECUTED, code, words)
    return Verdict(OrderOutcome.UNKNOWN, code, f"HTTP {status}: {words}")


def judge_code(action: Action, code: int, message: str, headers: Mapping[str, str]) -> Verdict:
    """Classify one error, of a whole answer or of an element of a batch."""
    row = ROWS.get(code)
    if row is None:
        return Verdict(OrderOutcome.UNKNOWN, code, message)
    outcome = ORDER[row.proof]
    if outcome is OrderOutcome.THROTTLED:
        if BANNED_UNTIL.search(message):
            return _silence(Outcome.BANNED, BANNED_S, code, message, headers)
        return _silence(Outcome.THROTTLED, THROTTLED_S, code, message, headers)
    if row.already:
        outcome = OrderOutcome.ALREADY
    elif code in GONE and action is not Action.PLACE:
        outcome = OrderOutcome.GONE
    return Verdict(outcome, code, message, row.reconcile)


def _silence(
    outcome: Outcome, default_s: int, code: int, message: str, headers: Mapping[str, str]
) -> Verdict:
    quiet = _quiet(outcome, default_s, code, message, headers)
    banned = outcome is Outcome.BANNED
    return Verdict(
        OrderOutcome.BANNED if banned else OrderOutcome.THROTTLED,
        code,
        message,
        retry_after_ns=quiet.retry_after_ns,
        until_ns=quiet.until_ns,
        orders_only=not banned and code == TOO_MANY_ORDERS,
    )


SHORT = 4096
"""An error is shorter. What is longer is decoded once, by whoever asked: that takes long enough."""
CLOSING = {b"{": b"}", b"[": b"]"}


def _success(code: int, message: str, body: bytes) -> Answer:
    if code < 0:
        return Answer(Outcome.REJECTED, code, message)
    if len(body) > SHORT:
        if body[-1:] != CLOSING.get(body[:1]):
            return Answer(Outcome.UNKNOWN, 0, f"no whole JSON answer: {glimpse(body)}")
        return Answer(Outcome.OK, code, message)
    try:
        _JSON.decode(body)
    except (ValueError, RecursionError) as error:
        return Answer(Outcome.UNKNOWN, 0, f"no whole JSON answer ({error}): {glimpse(body)}")
    return Answer(Outcome.OK, code, message)


def _error(body: bytes) -> tuple[int, str]:
    """Code and text of ``{"code", "msg"}``; (0, "") for everything else."""
    if len(body) > SHORT and b'"code"' not in body[:SHORT]:
        return 0, ""
    try:
        found = _BODY.decode(body)
        return int(text(found.code) or 0), _words(found.msg)
    except (ValueError, RecursionError):
        return 0, ""


def _words(msg: msgspec.Raw) -> str:
    raw = bytes(msg)
    return text(msg) if raw.startswith(b'"') or raw == b"null" else raw.decode()


def _quiet(
    outcome: Outcome, default_s: int, code: int, message: str, headers: Mapping[str, str]
) -> Answer:
    """Keep quiet: as long as Retry-After says, until the time in the text, or the default."""
    until = BANNED_UNTIL.search(message)
    until_ns = int(until[1]) * MS if until else 0
    seconds = _retry_after(headers)
    if seconds is None and until_ns:
        seconds = _until(until_ns, headers)
    if seconds is None:
        seconds = default_s
    wait_ns = min(max(seconds, 1), LONGEST_S) * SECOND_NS
    return Answer(outcome, code, message, wait_ns, until_ns)


def _retry_after(headers: Mapping[str, str]) -> int | None:
    value = headers.get("retry-after", "").strip()
    return int(value[:9]) if value.isascii() and value.isdigit() else None


def _until(until_ns: int, headers: Mapping[str, str]) -> int | None:
    """Seconds from the answer's own Date to the end of the ban."""
    try:
        date_s = int(parsedate_to_datetime(headers.get("date", "")).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
    return -((date_s * SECOND_NS - until_ns) // SECOND_NS)
