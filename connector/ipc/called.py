"""What a strategy gets from a call of a venue's endpoint."""

from collections.abc import Callable
from typing import Any

import orjson
from msgspec import Struct

from connector.clock import monotonic_ns
from connector.errors import ConnectorError

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


def answered(told: dict[str, Any], body: bytes) -> CallAnswer:
    """What a call says to its strategy; ValueError: a parameter the venue would refuse;
    ConnectorError: it is not allowed. Nothing was sent then."""
    if told.get("ok"):
        return answer_of(told, body or str(told.get("body", "")).encode())
    why = str(told.get("error"))
    raise ValueError(why) if "field" in told else ConnectorError(why)


def too_late(endpoint: str, timeout: float) -> CallAnswer:
    """Nobody knows what became of it."""
    return CallAnswer(
        endpoint, "unknown", message=f"the daemon did not answer within {timeout:g} s"
    )


class PendingCall:
    """A call that was begun and is not waited for, made by ``session.start_call()``."""

    def __init__(self, endpoint: str, timeout: float, look: Callable[[], None]) -> None:
        self.endpoint = endpoint
        self._timeout, self._look = timeout, look
        self._until_ns = monotonic_ns() + int(timeout * 1e9)
        self._answer: CallAnswer | None = None
        self._error: Exception | None = None

    @property
    def done(self) -> bool:
        """Is its outcome known? Looks for an answer, and never waits."""
        if not self._known:
            self._look()
        if not self._known and monotonic_ns() >= self._until_ns:
            self._answer = too_late(self.endpoint, self._timeout)
        return self._known

    @property
    def _known(self) -> bool:
        return self._answer is not None or self._error is not None

    def result(self) -> CallAnswer:
        """What ``session.call()`` would have returned, or raised; ConnectorError while it is not
        ``done``."""
        if not self.done:
            raise ConnectorError(f"{self.endpoint} is not answered yet")
        if self._error is not None:
            raise self._error
        assert self._answer is not None
        return self._answer

    @property
    def left_s(self) -> float:
        """Seconds until it is given up."""
        return max(0, self._until_ns - monotonic_ns()) / 1e9

    def settle(self, told: dict[str, Any], body: bytes) -> None:
        """The session's: its answer came; too late where it was given up."""
        if self._known:
            return
        try:
            self._answer = answered(told, body)
        except Exception as error:
            self._error = error

    def fail(self, error: Exception) -> None:
        """The session's: no answer will come."""
        if not self._known:
            self._error = error
