"""What a strategy gets from a call of a venue's endpoint."""

from typing import Any

import orjson
from msgspec import Struct

from connector.clock import monotonic_ns

DONE = frozenset({"ok", "already"})


class Left(Struct, frozen=True):
    """What is left of one rate limit after a call."""

    pool: str
    used: int
    limit: int
    window_ns: int

    @property
    def left(self) -> int:
        return max(self.limit - self.used, 0)


class CallAnswer(Struct, frozen=True):
    """What became of a call."""

    endpoint: str
    outcome: str
    """``ok``; ``already``: refused because everything is as wanted; ``rejected``: the venue said
    no; ``not executed``: certainly not done, trying again later is safe; ``throttled``, ``banned``:
    not done, not before ``retry_s``; ``unknown``: nobody knows. What may have changed something is
    not to be called again before that is found out."""
    status: int = 0
    """HTTP status; 0: there was no answer."""
    code: int = 0
    """The venue's own code; 0: none."""
    message: str = ""
    """Its words, or the connector's where it has none."""
    retry_ns: int = 0
    body: bytes = b""
    """The venue's answer as it came."""
    budget: tuple[Left, ...] = ()
    """The limits it counted against."""

    @property
    def ok(self) -> bool:
        """It is done, or was already."""
        return self.outcome in DONE

    @property
    def retry_s(self) -> float:
        """Seconds until the venue may be asked again; 0: now."""
        return max(0, self.retry_ns - monotonic_ns()) / 1e9 if self.retry_ns else 0.0

    @property
    def value(self) -> Any:
        """The venue's answer, parsed: JSON numbers that are no integers are floats, those in
        strings are as they came. ValueError: it is no JSON."""
        return orjson.loads(self.body)


def answer_of(told: dict[str, Any], body: bytes) -> CallAnswer:
    """The daemon's answer, as its strategy sees it."""
    return CallAnswer(
        endpoint=str(told["endpoint"]),
        outcome=str(told["outcome"]),
        status=int(told["status"]),
        code=int(told["code"]),
        message=str(told["message"]),
        retry_ns=int(told["retry_ns"]),
        body=body,
        budget=tuple(Left(**one) for one in told["budget"]),
    )
