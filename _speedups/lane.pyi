"""The short way of common commands: checked, journalled, signed and written before anything else
is done about them."""

from collections.abc import Callable
from typing import Any

from connector._speedups.booking import Booking, Form
from connector._speedups.encoder import OrderEncoder
from connector._speedups.feed import Feed
from connector._speedups.gateway import Taker
from connector._speedups.journal import Drain, Journal
from connector._speedups.order_ids import Ids, Numbers
from connector._speedups.segment import Segment

MARK_NS: int

def masked(message: bytes, key: int) -> bytes:
    """The frame of a WebSocket client that carries a text, masked with a key. ValueError: it is too
    long."""

class Bound:
    """The limits of one account or strategy; ``quantity_e``: of an order in this instrument, None:
    no such limit; ``holding``: what it has of the instrument."""

    owner: Any
    holding: Any
    def __init__(self, owner: Any, limits: Any, quantity_e: int | None, holding: Any) -> None: ...

class Route:
    """One strategy's orders in one instrument of one account, as long as all these stay what they
    are."""

    strategy: str
    account: Any
    listed: Any
    instrument: Any
    encoding: Any
    opened: Any
    charge: Any
    chosen: Any
    bounds: list[Bound]
    def __init__(
        self,
        strategy: str,
        account: Any,
        listed: Any,
        feed: Feed,
        encoding: Any,
        encoder: OrderEncoder,
        opened: Any,
        journal: Journal,
        bounds: list[Bound],
        window_ns: int,
        charge: Any,
        over_api: bool,
        form: Form,
    ) -> None: ...

class Lane(Taker):
    """Takes commands as ``Desk.take`` does, which is ``slow``.

    ``learn(session, account, instrument)`` gives the Route of what went the other way, or None;
    ``failed(session, error)`` is told of a fault before anything left, ``booking`` of what has
    left, ``unbooked`` of what has left that it could not do all about. ``numbers`` gives requests
    of an order API theirs; ``clear`` is how a halt file begins in which nothing is set;
    ``most_bytes`` and ``most_ns`` are how far the journals may be from the disk."""

    on: bool
    """Else every command is left to ``slow``."""
    def __init__(
        self,
        *,
        slow: Callable[[Any, bytes, int], object],
        learn: Callable[[Any, int, int], Route | None],
        booking: Booking,
        unbooked: Callable[..., None],
        failed: Callable[[Any, Exception], None],
        desk: Any,
        halts: Any,
        ids: Ids,
        drain: Drain,
        most_bytes: int,
        most_ns: int,
        segment: Segment,
        clear: bytes,
        numbers: Numbers,
    ) -> None: ...
    def take(self, session: Any, slot: bytes, read_ns: int) -> None:
        """One command, as copied from the session's ring."""
    def rehearse(self) -> None:
        """Go the way of the last order or, in turn, of the last cancel once more, up to where
        something would change: for the caches, in moments in which nothing else is to be done."""
