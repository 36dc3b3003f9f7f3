"""What an HTTP answer means: status, the venue's code, and how long to keep quiet.

Section 4 of the reference. Every answer but that of ``health`` comes in an envelope; the sign of
its ``errno`` has changed over time, so codes are taken without it. ``judge`` is for questions,
``judge_order`` for what may have changed something.
"""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from connector.model.intents import Action
from connector.model.redaction import glimpse
from connector.venues.cadenza.error_codes import AUTHENTICATION, ROWS, Proof
from connector.venues.contract import Answer, Outcome
from connector.venues.trading_contract import OrderOutcome

log = logging.getLogger("connector.cadenza")

SECOND_NS = 1_000_000_000
THROTTLED_S = 60
"""429 without a time: every class counts by the minute."""
LONGEST_S = 3600
SHORT = 4096
"""An error is shorter. What is longer is decoded once, by whoever asked."""
NOTHING = Raw(b"")
CLOSING = {b"{": b"}", b"[": b"]"}

NOT_FOUND = frozenset({18018, 22016, 22017})
"""To a cancel or a question: no such order, or it is at its end already."""
REFUSED_STATUS = frozenset({400, 401, 403, 404})

ORDER = {
    Proof.UNKNOWN: OrderOutcome.UNKNOWN,
    Proof.LIMIT: OrderOutcome.THROTTLED,
    Proof.KEY: OrderOutcome.AUTH,
    Proof.REFUSED: OrderOutcome.REFUSED,
}
CHANGE = {
    OrderOutcome.UNKNOWN: Outcome.UNKNOWN,
    OrderOutcome.THROTTLED: Outcome.THROTTLED,
}


class Details(Struct):
    """``details`` of an error, as far as it is told on."""

    code: Any = ""
    resource: Any = ""
    action: Any = ""
    request_id: Any = ""


class Envelope(Struct):
    """What an answer says of itself."""

    errno: Any = None
    success: Any = None
    error: Any = None
    details: Any = None
    data: Raw = NOTHING


_ENVELOPE = msgspec.json.Decoder(Envelope)
_JSON = msgspec.json.Decoder(Raw)


class Fault(Struct, frozen=True):
    """What an answer says is wrong; code 0: nothing, None: it has no envelope."""

    code: int | None
    words: str = ""
    good: bool = False
    """The envelope says that it was done."""
    coded: bool = False
    """There is an envelope that says how it went, if in a code that cannot be read."""


class Verdict(Struct, frozen=True):
    """What the answer to an order request proves; see `OrderAnswer`."""

    outcome: OrderOutcome
    code: int = 0
    message: str = ""
    reconcile: bool = False
    retry_after_ns: int = 0
    alone: bool = False
    """THROTTLED: its own class of requests, and no other."""


def judge(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Classify an HTTP answer; total: never raises, whatever came."""
    fault = read(status, body)
    code, words = fault.code or 0, fault.words or glimpse(body)
    if status == 429 or proof_of(code) is Proof.LIMIT:
        return Answer(Outcome.THROTTLED, code, words, quiet_ns(headers), alone=_alone(headers))
    if 200 <= status < 300:
        return _success(fault, body)
    if status >= 500 or status == 408 or status < 200:
        return Answer(Outcome.UNKNOWN, code, f"HTTP {status}: {words}")
    return Answer(Outcome.REJECTED, code, f"HTTP {status}: {words}")


def judge_order(
    action: Action, status: int, headers: Mapping[str, str], body: bytes
) -> Verdict | None:
    """Classify the answer to an order request by its error; None: it holds no error.

    Total: never raises. Whatever is not known to prove something proves nothing (UNKNOWN): a code
    the reference does not list, any 5xx, a bare 429, a body that is no envelope. A 400, 401, 403 or
    404 without a code proves that nothing was done; that an order is gone it proves to who wanted
    it gone alone: a list that somebody in between does not find says nothing of what is in it."""
    fault = read(status, body)
    code, words = fault.code or 0, fault.words or glimpse(body)
    if status >= 500 and action is not Action.QUERY:
        return Verdict(OrderOutcome.UNKNOWN, code, f"HTTP {status}: {words}")
    if status == 429:
        # A proxy's bare 429 may stand in front of a request that went through.
        told = fault.code is not None or any(name.lower() == "retry-after" for name in headers)
        outcome = OrderOutcome.THROTTLED if told else OrderOutcome.UNKNOWN
        wait_ns = quiet_ns(headers)
        return Verdict(outcome, code, words, retry_after_ns=wait_ns, alone=_alone(headers))
    if 200 <= status < 300 and fault.good:
        return None
    row, proof = ROWS.get(code), proof_of(code)
    bare = status == 404 and proof is None and action is Action.CANCEL
    if action is not Action.PLACE and (code in NOT_FOUND or bare):
        return Verdict(OrderOutcome.GONE, code, words)
    if proof is None or proof is Proof.UNKNOWN:
        return _by_status(action, status, fault, proof, f"HTTP {status}: {words}")
    wait_ns = quiet_ns(headers) if proof is Proof.LIMIT else 0
    reconcile, alone = row is not None and row.reconcile, bool(wait_ns) and _alone(headers)
    return Verdict(ORDER[proof], code, words, reconcile, wait_ns, alone)


def _by_status(
    action: Action, status: int, fault: Fault, proof: Proof | None, words: str
) -> Verdict:
    """What the status of an answer proves whose code proves nothing.

    A 400, 403 or 404 alone comes from whoever did not let the request through. With a code, though,
    somebody behind looked at the request, and an error of the venue's own or of the exchange behind
    it may be told with any status: it is looked up. A 401 is about the token, whatever code nobody
    knows it bears; nothing is done for who is not known."""
    code = fault.code or 0
    coded = fault.coded and action is not Action.QUERY
    if status in REFUSED_STATUS and not (coded and (status != 401 or proof is not None)):
        if status in (401, 403):
            return Verdict(OrderOutcome.AUTH, code, words)
        return Verdict(OrderOutcome.REFUSED, code, words, reconcile=True)
    return Verdict(OrderOutcome.UNKNOWN, code, words)


def judge_change(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Classify the answer to a call that may have changed something; total.

    As strict as `judge_order`: what is not known to prove something is UNKNOWN."""
    found = judge_order(Action.PLACE, status, headers, body)
    if found is None:
        return judge(status, headers, body)
    outcome = CHANGE.get(found.outcome, Outcome.REJECTED)
    if outcome is Outcome.THROTTLED:
        return judge(status, headers, body)
    return Answer(outcome, found.code, found.message, found.retry_after_ns)


def proof_of(code: int) -> Proof | None:
    """What a code proves; None: nothing is known of it."""
    row = ROWS.get(code)
    if row is not None:
        return row.proof
    return Proof.KEY if code // 1000 == AUTHENTICATION else None


def read(status: int, body: bytes) -> Fault:
    """The error in an answer's envelope. A success is HTTP 2xx, ``errno`` 0 and a ``success`` that
    is not false."""
    if len(body) > SHORT and 200 <= status < 300:
        if body[-1:] != CLOSING.get(body[:1]):
            return Fault(None)
        try:
            found = _ENVELOPE.decode(body)
        except (ValueError, RecursionError):
            return Fault(None)
        return _fault(found)
    try:
        return _fault(_ENVELOPE.decode(body))
    except (ValueError, RecursionError):
        return Fault(None)


def _fault(found: Envelope) -> Fault:
    errno = found.errno
    if isinstance(errno, bool) or not isinstance(errno, int):
        return Fault(None, coded=errno is not None)
    words = found.error if isinstance(found.error, str) else ""
    if not words and errno and bytes(found.data).startswith(b'"'):
        words = msgspec.json.decode(found.data, type=str)
    trace = request_id(found.details)
    if errno or found.success is False:
        said = _details(found.details)
        words = "; ".join(one for one in (words, said, trace and f"request {trace}") if one)
        if trace:
            log.warning("refused", extra={"code": abs(errno), "request_id": trace})
        return Fault(abs(errno), words, coded=errno != 0)
    return Fault(0, "", good=True, coded=True)


def _details(details: Any) -> str:
    """What an error's details name beside its words."""
    if not isinstance(details, dict):
        return ""
    named = [details.get(name) for name in ("code", "resource")]
    words = [one for one in named if isinstance(one, str) and one]
    required = details.get("required")
    if isinstance(required, list) and required:
        words.append(f"required: {', '.join(map(str, required))}")
    return " ".join(words)


def request_id(details: Any) -> str:
    """The venue's own name of the request, for its support; "" where there is none."""
    found = details.get("request_id") if isinstance(details, dict) else None
    return found[:128] if isinstance(found, str) and found.isprintable() else ""


def _alone(headers: Mapping[str, str]) -> bool:
    """Where the headers speak of a class, it is that class alone."""
    return any(name.lower().startswith("x-ratelimit-") for name in headers)


def quiet_ns(headers: Mapping[str, str]) -> int:
    """How long to send nothing: what the answer says, else a minute."""
    for name, value in headers.items():
        digits = value.strip()
        if name.lower() == "retry-after" and digits.isascii() and digits.isdigit():
            return min(max(int(digits[:9]), 1), LONGEST_S) * SECOND_NS
    return THROTTLED_S * SECOND_NS


def _success(fault: Fault, body: bytes) -> Answer:
    if fault.good:
        return Answer(Outcome.OK)
    if fault.code is not None:
        return Answer(Outcome.REJECTED, fault.code, fault.words)
    # Only ``health`` has no envelope.
    try:
        _JSON.decode(body)
    except (ValueError, RecursionError) as error:
        return Answer(Outcome.UNKNOWN, 0, f"no whole JSON answer ({error}): {glimpse(body)}")
    if b'"status"' in body[:SHORT] and body.lstrip()[:1] == b"{":
        return Answer(Outcome.OK)
    return Answer(Outcome.UNKNOWN, 0, f"no envelope: {glimpse(body)}")
