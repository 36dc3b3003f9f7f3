"""What an order's request and its answer go through: one HTTP/1.1 connection, and the pool it is
of."""

from collections.abc import Callable
from typing import Any

from connector._speedups.http_answer import Answer
from connector._speedups.states import ConnectionState, PoolState

class Exchange(ConnectionState):
    """A connection. ``_malformed(error)`` and ``_check()`` are asked about what is no answer, or
    not a whole one yet; ``_answered()`` makes what ``done`` is given."""

    answer: Answer
    parser: Any
    done: Callable[[Any], None] | Pool | None
    """Who is told what came of it; None: nothing is under way."""
    error: Exception | None
    """Why there is no answer."""
    used: bool
    got_bytes: bool
    head_fed: int
    body_fed: int
    def begin(self, done: Callable[[Any], None] | Pool, bodiless: bool = False) -> None:
        """Expect an answer; for who writes the request to ``transport`` in the same callback."""
    def data_received(self, data: bytes) -> None: ...
    def tell(self, result: Any) -> None:
        """End the exchange with an answer or an error."""

class Pool(PoolState):
    """The connections of an account. ``_wait(...)`` takes what cannot leave now, ``_pump()`` sends
    what waited; ``_ended(connection, result)`` is told what came of a request, except of a whole
    answer."""

    owner: Any
    timeout_ns: int
    def send(self, request: int, priority: int, message: bytes) -> None:
        """Send now if a connection is free for it, else queue it."""
    def free(self, cancels: bool) -> Any:
        """The connection used last among the idle ones, unless the rest is kept for cancels: the
        only one left serves all."""
    def start(self, connection: Any, request: int, message: bytes) -> None:
        """Send on a connection that is free."""
    def carry(self, connection: Any, request: int, now_ns: int) -> None:
        """A request was written at ``now_ns``, in this very callback, to the connection that
        ``send`` would have taken; its owner knows."""
