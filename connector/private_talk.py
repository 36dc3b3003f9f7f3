"""An account's private stream where the venue has a protocol of its own: its socket kept up, its
dialogue's wishes done. Beside `connector.private.PrivateStream`, which serves all others."""

import logging
import random
from collections.abc import Callable, Sequence
from typing import Protocol

from connector._speedups.listener import Listener
from connector.clock import monotonic_ns
from connector.desk import Desk
from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.private import Owner as PlainOwner
from connector.private import PrivateStream, Sockets
from connector.protocol.session import Link
from connector.talking import Talking
from connector.transport.rest import Rest
from connector.transport.supervisor import Supervisor
from connector.transport.websocket import WebSocket
from connector.venues.account_dialogue import (
    AccountDialogue,
    Action,
    Ended,
    Events,
    Live,
    Lost,
    MakeAccountDialogue,
    Unclear,
)
from connector.venues.contract import Scales
from connector.venues.dialogue import Drop, Send

log = logging.getLogger("connector.private")

SECOND_NS = 1_000_000_000
PROBE_NS = 15 * SECOND_NS
"""A connection silent for this long is asked whether anybody is there."""
NO_CODE = 1006


class Owner(PlainOwner, Protocol):
    """The account."""

    index: int
    name: str
    rest: Rest
    scales: Scales
    desk: Desk

    def instruments(self) -> Sequence[Instrument]:
        """Those it may have something in."""


class TalkedStream:
    """Runs until cancelled; one socket at a time, for a position of the stream is one place."""

    def __init__(self, make: MakeAccountDialogue, owner: Owner, sockets: Sockets) -> None:
        self._owner, self._sockets = owner, sockets
        self._talk: AccountDialogue = make(owner.signer, owner.scales, self._whose, random.random)
        self._talking = Talking(self._talk, lambda: owner.rest, self._give)
        self._open: WebSocket | None = None
        self._epoch = 0
        self._listener: Listener | None = None
        self._probed_ns = 0
        self.up = False
        """It delivers, and nothing is missing."""
        link = Link(
            sockets.backoff(SECOND_NS // 5),
            sockets.gate,
            random.random,
            sockets.life_ns,
            overlap=lambda: False,
            held=self._talking.held,
        )
        self._supervisor = Supervisor(f"private/{owner.name}", link, self._connect, self)

    @property
    def fault(self) -> str:
        """Why it does not deliver; "": it does, or is about to."""
        return self._talk.fault

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await self._supervisor.run()
        finally:
            await self._talking.stop()

    def renew(self) -> None:
        """It keeps something back: begin with a new socket."""
        self.up = False
        self._talk.doubted()
        if self._open is not None:
            self._supervisor.drop(self._epoch, "it keeps something back")

    def tick(self, now_ns: int) -> None:
        """About every 50 ms."""
        listener = self._listener
        if self._open is None or listener is None:
            return
        due_ns = self._talk.due_ns
        if 0 < due_ns <= now_ns:
            self._perform(self._talk.on_timer(now_ns))
        if now_ns - max(self._probed_ns, listener.last_frame_ns) > PROBE_NS:
            self._probed_ns = now_ns
            self._supervisor.probe(self._epoch)

    def _whose(self, name: str) -> Instrument | None:
        """The instrument of an order by the venue's id."""
        owner = self._owner
        orders = owner.desk.tracker.orders
        for one in owner.instruments():
            if orders.by_venue_id(owner.index, one.symbol, name) is not None:
                return one
        return None

    # The socket: what the supervisor tells

    async def _connect(self, epoch: int) -> WebSocket:
        await self._talking.enter()

        def arrived(frame: bytes, recv_ns: int, line: int) -> None:
            if epoch == self._epoch and self._open is not None:
                self._perform(self._talk.received(frame, recv_ns), recv_ns)

        def failed(_listener: Listener, error: Exception, message: bytes) -> None:
            log.error("a private frame could not be handled", extra=self._told, exc_info=error)
            self.renew()  # what it said is not known

        socket, self._listener = await self._sockets.open("", arrived, failed)
        return socket

    @property
    def _told(self) -> dict[str, str]:
        return {"account": self._owner.name}

    def opened(self, epoch: int, connection: WebSocket, now_ns: int) -> None:
        self._owner.count(Counter.CONNECTS)
        self._open, self._epoch, self._probed_ns = connection, epoch, now_ns
        self._perform(self._talk.opened(self._talking.token, now_ns))

    def lost(self, epoch: int, why: str, now_ns: int) -> None:
        self._owner.count(Counter.DISCONNECTS)
        code = self._listener.close_code if self._listener is not None else 0
        self._open = None
        verdict = self._talk.closed(code or NO_CODE)
        self._talking.ended(verdict, now_ns, self._supervisor.name)
        if verdict.alert:
            self._owner.count(Counter.SUBSCRIBE_ERRORS)
        self._down(verdict.alert or why)

    def failed(self, epoch: int, why: str, now_ns: int) -> None:
        self._owner.count(Counter.CONNECT_ERRORS)
        log.warning("no private stream: %s", why, extra=self._told)

    # What the dialogue wants

    def _give(self, epoch: int, answer: Callable[[int], list[Action]]) -> None:
        if self._open is not None and epoch == self._epoch:
            self._perform(answer(monotonic_ns()))

    def _perform(self, actions: Sequence[Action], recv_ns: int = 0) -> None:
        for action in actions:
            if isinstance(action, Send):
                if self._open is not None:
                    self._open.send(action.message)
            elif isinstance(action, Events):
                self._owner.ear.told(action.events, recv_ns or monotonic_ns())
            elif isinstance(action, Drop):
                self._supervisor.drop(self._epoch, action.why)
                return
            else:
                self._stands(action)

    def _stands(self, action: Action) -> None:
        owner = self._owner
        if isinstance(action, Live):
            self._supervisor.serving(self._epoch)
            if not self.up:
                self.up = True
                log.info("private stream connected", extra=self._told)
                owner.stream_up()
        elif isinstance(action, Lost):
            if action.gap:
                owner.count(Counter.STREAM_GAPS)
            log.warning("private stream: %s", action.why, extra=self._told)
            self._down(action.why)
        elif isinstance(action, Ended):
            owner.count(Counter.SUBSCRIBE_ERRORS)
            log.error("private stream: %s", action.why, extra=self._told)
            self._down(action.why)
        elif isinstance(action, Unclear):
            counter = Counter.UNDECODABLE if action.known else Counter.UNKNOWN_EVENT
            owner.ear.unclear(counter, action.why, action.words.encode())
        else:
            self._talking.perform(self._epoch, action, self._supervisor.name)

    def _down(self, why: str) -> None:
        if self.up:
            self.up = False
            self._owner.stream_down(why)


def stream_of(owner: Owner, sockets: Sockets) -> PrivateStream | TalkedStream:
    """An account's private stream."""
    assert sockets.venue.trading is not None
    make = sockets.venue.trading.stream.dialogue
    if make is not None:
        return TalkedStream(make, owner, sockets)
    return PrivateStream(owner, owner.name, sockets)
