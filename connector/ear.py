"""What an account's private stream says, told to the desk."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from connector._speedups.segment import Segment
from connector.clock import monotonic_ns
from connector.desk import Desk
from connector.model.counters import Counter, Hop
from connector.model.redaction import hide
from connector.model.reports import Text
from connector.trading.roles import Account
from connector.venues.trading_contract import (
    OrderEvent,
    StreamExpired,
    UnknownUserEvent,
    UserEvent,
)

log = logging.getLogger("connector.accounts")


class Owner(Account, Protocol):
    """The account."""

    desk: Desk


class Ear:
    """One account's. ``want`` has everything asked for, where nobody knows what was said."""

    def __init__(self, owner: Owner, segment: Segment, want: Callable[[], None]) -> None:
        self._owner, self._segment, self._want = owner, segment, want

    def frame(self, frame: bytes, recv_ns: int, done: int = 0) -> None:
        """A private message, without its first ``done`` events."""
        owner = self._owner
        try:
            events = owner.trading.stream.decode(frame, owner.scales)[done:]
        except (ValueError, RecursionError) as error:
            self.unclear(Counter.UNDECODABLE, str(error), frame)
            return
        self.told(events, recv_ns)

    def told(self, events: Sequence[UserEvent], recv_ns: int) -> None:
        """Events that the compiled reader left, of a frame that came then."""
        self.tell(events, recv_ns)
        if any(isinstance(event, OrderEvent) for event in events):
            self._segment.count(Counter.HEARD_LEFT.value)
            self._segment.observe(Hop.RECV_TO_REPORT.value, monotonic_ns() - recv_ns)

    def unclear(self, counter: Counter, why: str, words: bytes) -> None:
        """Something was said that is not understood: it is counted and its words are kept, and
        everything is asked for."""
        owner = self._owner
        self._segment.count(counter.value)
        log.error("a private frame: %s", why, extra={"account": owner.name})
        owner.desk.words(owner, 0)(Text.EVENT, hide(words, owner.trading.unwritten), 0)
        self._want()

    def tell(self, events: Sequence[UserEvent], recv_ns: int) -> None:
        """Events of any kind, of a frame that came then."""
        desk = self._owner.desk
        desk.heard(recv_ns)
        try:
            for event in events:
                self._event(event)
        finally:
            desk.heard(0)

    def _event(self, event: UserEvent) -> None:
        owner = self._owner
        if isinstance(event, OrderEvent):
            if event.words:
                about = {"account": owner.name, "client_order_id": event.client_order_id}
                log.warning("the venue says of an order: %s", event.words, extra=about)
            owner.desk.order_event(owner, event)
        elif isinstance(event, StreamExpired):
            owner.gap("its key expired")
        elif isinstance(event, UnknownUserEvent):
            self._segment.count(Counter.UNKNOWN_EVENT.value)
        else:
            owner.desk.account_event(owner, event)
