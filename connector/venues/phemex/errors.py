"""What an HTTP answer means: status, the venue's code, and how long to keep quiet.

``judge`` is for questions, ``judge_order`` for what may have changed something. Codes come as
numbers or as texts, in ``code``, or in ``error`` below /md; what is wrong with one order stands in
its ``bizError``, too.
"""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from connector.model.intents import Action
from connector.model.redaction import glimpse
from connector.venues.contract import Answer, Outcome
from connector.venues.phemex.error_codes import ROWS, Proof
from connector.venues.trading_contract import OrderOutcome

SECOND_NS = 1_000_000_000
THROTTLED_S = 60
"""429 without a time: the window of every group is a minute."""
LONGEST_S = 3600
SHORT = 4096
"""An error is shorter. What is longer is decoded once, by whoever asked."""
NOTHING = Raw(b"")

QUESTION = {
    Proof.UNKNOWN: Outcome.UNKNOWN,
    Proof.LATER: Outcome.NOT_EXECUTED,
    Proof.LIMIT: Outcome.THROTTLED,
    Proof.CLOCK: Outcome.REJECTED,
    Proof.KEY: Outcome.REJECTED,
    Proof.REFUSED: Outcome.REJECTED,
}
ORDER = {
    Proof.UNKNOWN: OrderOutcome.UNKNOWN,
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
}


def _codes(*names: str) -> frozenset[int]:
    found = frozenset(row.code for row in ROWS.values() if row.name in names)
    assert len(found) == len(names)
    return found


NOT_FOUND = next(iter(_codes("OM_ORDER_NOT_FOUND")))
"""No such live order; the list of open orders answers so when there are none."""
GONE = _codes(
    "OM_ORDER_NOT_FOUND",
    "TE_ORD_ALREADY_CANCELED",
    "TE_ORD_STATUS_CANNOT_CANCEL",
    "TE_ORD_STATUS_CANNOT_REPLACE",
    "TE_CONDITIONAL_TRIGGERED_OR_CANCELED",
)
"""To a cancel, amend or query: that order is not open (any more), or not as it was."""
CANCELLING = _codes("OM_ORDER_PENDING_CANCEL", "TE_ORD_ALREADY_PENDING_CANCEL")
"""To a cancel: one is under way."""
KEY_WORDS = ("signature", "api-key", "api key")
"""Of 10500: else it is about the request."""
EXPIRED = "request expired"
"""Of 401: the time was wrong, or the way too long."""
_HEAD = re.compile(rb'\s*\{\s*"code"\s*:\s*"?(-?\d{1,9})"?\s*,')
CLOSING = {b"{": b"}", b"[": b"]"}


class Trouble(Struct):
    """``error`` below /md."""

    code: Raw = NOTHING
    message: Raw = NOTHING


class Body(Struct):
    """Either envelope."""

    code: Raw = NOTHING
    msg: Raw = NOTHING
    error: Trouble | None = None
    data: Raw = NOTHING


class Single(Struct, rename="camel"):
    """One order as an answer's ``data``."""

    biz_error: Raw = NOTHING


_BODY = msgspec.json.Decoder(Body)
_SINGLE = msgspec.json.Decoder(Single)
_JSON = msgspec.json.Decoder(Raw)


class Fault(Struct, frozen=True):
    """What an answer says is wrong; code 0: nothing, None: it says neither."""

    code: int | None
    words: str = ""


class Verdict(Struct, frozen=True):
    """What the answer to an order request proves; see `OrderAnswer`."""

    outcome: OrderOutcome
    code: int = 0
    message: str = ""
    reconcile: bool = False
    retry_after_ns: int = 0


def judge(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Classify an HTTP answer; total: never raises, whatever came."""
    fault = read(body)
    code, words = fault.code or 0, fault.words or glimpse(body)
    if status == 429:
        return Answer(Outcome.THROTTLED, code, words, quiet_ns(headers))
    if code and not (code == NOT_FOUND and 200 <= status < 300):
        proof = proof_of(code, words)
        outcome = QUESTION[proof] if proof is not None else Outcome.REJECTED
        wait_ns = quiet_ns(headers) if outcome is Outcome.THROTTLED else 0
        return Answer(outcome, code, words, wait_ns)
    if 200 <= status < 300:
        return _success(code, words, body)
    if status >= 500 or status == 408 or status < 200:
        return Answer(Outcome.UNKNOWN, code, f"HTTP {status}: {words}")
    return Answer(Outcome.REJECTED, code, f"HTTP {status}: {words}")


def judge_order(
    action: Action, status: int, headers: Mapping[str, str], body: bytes
) -> Verdict | None:
    """Classify the answer to an order request by its error; None: it holds no error.

    Total: never raises. Whatever is not known to prove something proves nothing (UNKNOWN): a code
    the reference does not list, a refusal without a code, a body that is no JSON."""
    fault = read(body)
    code, words = fault.code or 0, fault.words or glimpse(body)
    if status == 429:
        return Verdict(OrderOutcome.THROTTLED, code, words, retry_after_ns=quiet_ns(headers))
    if status >= 500 and action is not Action.QUERY:  # whatever it says besides: it may be done
        return Verdict(OrderOutcome.UNKNOWN, code, f"HTTP {status}: {words}")
    if code:
        return judge_code(action, code, words, headers)
    if 200 <= status < 300:
        bare = action is Action.QUERY and body.startswith(b"[")  # below /api-data
        return None if bare or fault.code == 0 else Verdict(OrderOutcome.UNKNOWN, 0, words)
    if status in (401, 403):
        return judge_code(action, 401, words, headers)
    return Verdict(OrderOutcome.UNKNOWN, code, f"HTTP {status}: {words}")


def judge_change(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Classify the answer to a call that may have changed something, money too; total.

    As strict as `judge_order`: what is not known to prove something is UNKNOWN."""
    found = judge_order(Action.PLACE, status, headers, body)
    if found is None:
        return judge(status, headers, body)
    outcome = CHANGE.get(found.outcome, Outcome.REJECTED)
    return Answer(outcome, found.code, found.message, found.retry_after_ns)


def judge_code(action: Action, code: int, words: str, headers: Mapping[str, str]) -> Verdict:
    """Classify one error, of a whole answer or of one of several orders."""
    proof = proof_of(code, words)
    if proof is None:
        return Verdict(OrderOutcome.UNKNOWN, code, words)
    outcome = ORDER[proof]
    if action is not Action.PLACE and code in GONE:
        outcome = OrderOutcome.GONE
    elif action is Action.CANCEL and code in CANCELLING:
        outcome = OrderOutcome.ALREADY
    wait_ns = quiet_ns(headers) if outcome is OrderOutcome.THROTTLED else 0
    row = ROWS.get(code)
    return Verdict(outcome, code, words, row is not None and row.reconcile, wait_ns)


def proof_of(code: int, words: str) -> Proof | None:
    """What a code proves; None: nothing. Two codes of the gateway say it in their words only."""
    said = words.lower()
    if code == 401:
        return Proof.CLOCK if EXPIRED in said else Proof.KEY
    if code == 10500 and not any(word in said for word in KEY_WORDS):
        return Proof.REFUSED
    row = ROWS.get(code)
    return None if row is None else row.proof


def read(body: bytes) -> Fault:
    """The error in an answer, of either envelope."""
    if len(body) > SHORT:
        found = _HEAD.match(body)
        return Fault(int(found[1]) if found else None)
    try:
        answer = _BODY.decode(body)
        if answer.error is not None:
            return Fault(_code(answer.error.code), text(answer.error.message))
        if not bytes(answer.code):
            return Fault(None)
        code = _code(answer.code)
        if code == 0 and bytes(answer.data).startswith(b"{"):
            code = _code(_SINGLE.decode(answer.data).biz_error)
        return Fault(code, text(answer.msg))
    except (ValueError, RecursionError):
        return Fault(None)


def _code(raw: Raw) -> int:
    return int(text(raw) or 0)


def text(raw: Raw | int | str | bool | None) -> str:
    """The text of a scalar, raw or decoded, without quotes; "" when it is absent or null."""
    if raw.__class__ is str:
        return raw
    if raw is None or raw.__class__ is int:
        return "" if raw is None else str(raw)
    if isinstance(raw, bool):
        return "true" if raw else "false"
    found = bytes(raw)  # type: ignore[arg-type]
    if not found.startswith(b'"'):
        return "" if found == b"null" else found.decode()
    if b"\\" in found:
        return msgspec.json.decode(found, type=str)
    return found[1:-1].decode()


def quiet_ns(headers: Mapping[str, str]) -> int:
    """How long to send nothing: what the group's header says, else a minute."""
    seconds = THROTTLED_S
    for name, value in headers.items():
        if name.lower().startswith(("x-ratelimit-retry-after", "retry-after")):
            digits = value.strip()
            if digits.isascii() and digits.isdigit():
                seconds = min(max(int(digits[:9]), 1), LONGEST_S)
    return seconds * SECOND_NS


def _success(code: int, words: str, body: bytes) -> Answer:
    if len(body) > SHORT:
        if body[-1:] != CLOSING.get(body[:1]):
            return Answer(Outcome.UNKNOWN, 0, f"no whole JSON answer: {glimpse(body)}")
        return Answer(Outcome.OK, code)
    try:
        _JSON.decode(body)
    except (ValueError, RecursionError) as error:
        return Answer(Outcome.UNKNOWN, 0, f"no whole JSON answer ({error}): {glimpse(body)}")
    return Answer(Outcome.OK, code, words if code else "")
