"""The WebSocket connections of a venue's market data: one object a shard, route and line.

Performs what the control dialogue (``market.subscriptions.Session``) decides and tells the feeds
when a line comes and goes."""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Protocol

from connector._speedups.bell import Bell
from connector._speedups.listener import Listener
from connector.auditing import audit_of, shown, tell
from connector.clock import monotonic_ns
from connector.config import VenueSettings
from connector.lines import Lines, OpenLine, overlaps
from connector.market.selection import Shard
from connector.market.silence import RENEWALS, Heard, Ladder, Step
from connector.market.streams import Streams
from connector.market.subscriptions import Action, Audited, Drop, Refused, Send, Session
from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.protocol.backoff import Backoff
from connector.protocol.ratelimit import RollingWindow
from connector.protocol.session import Link
from connector.talking import Talking
from connector.transport.rest import Rest
from connector.transport.supervisor import Supervisor
from connector.transport.websocket import WebSocket, connect
from connector.venues.contract import Channel, Control, Event, Route, Subscription, Venue
from connector.venues.dialogue import Dialogue, Stands, Told

log = logging.getLogger("connector.connections")

SECOND_NS = 1_000_000_000
TICK_NS = 50_000_000
STREAMS_A_TICK = 32
"""Streams looked at in one tick."""
FEEDS_A_TURN = 2
GRANTS_A_TURN = 24
STREAMS_A_TURN = 2
"""And in one turn of the loop, some 20 us: a frame that comes meanwhile waits."""
OVERLAP_NS = SECOND_NS
"""Old and new connection run side by side at least this long: what is on its way on the slower one
still counts."""
SKEW_NS = OVERLAP_NS // 2
"""What the old one brings so soon after the grant may have left the venue before it."""
BOOKS = (Channel.DEPTH, Channel.BBO)
NO_CODE = 1006
"""Of a close without a close frame."""


class Owner(Protocol):
    """What a connection needs of its venue's service."""

    venue: Venue
    settings: VenueSettings
    codec: Any
    bell: Bell
    context: ssl.SSLContext | None
    gate: RollingWindow

    def count(self, counter: Counter, amount: int = 1) -> None: ...
    def feed(self, symbol: str) -> Streams: ...
    def heard_ns(self, symbol: str, channel: Channel, line: int | None = None) -> int: ...
    def trading(self, symbol: str) -> bool: ...
    def waits(self, symbol: str) -> bool: ...
    def spare(self) -> bool: ...
    def silent(self, symbol: str, now_ns: int) -> None: ...
    def rare(
        self, connection: "Connection", epoch: int, line: int, frame: bytes, recv_ns: int
    ) -> None: ...
    def event(
        self, connection: "Connection", epoch: int, line: int, event: Event, recv_ns: int
    ) -> None: ...
    def instrument(self, symbol: str) -> Instrument | None: ...
    @property
    def rest(self) -> Rest: ...
    def refused(self, subscription: Subscription, why: str) -> None: ...
    def granted(self, subscription: Subscription) -> None: ...
    def touched(self) -> None: ...


class Connection:
    """One logical connection: a route of a shard on one line, kept up by a supervisor."""

    def __init__(
        self,
        owner: Owner,
        shard: Shard,
        route: Route,
        lines: Lines,
        numbers: Iterator[int],
        label: str,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._owner, self._route, self._lines, self._numbers = owner, route, lines, numbers
        self._streams = shard.streams[route.name]
        symbols = dict.fromkeys(row.instrument for row in self._streams)
        self._feeds = {
            symbol: frozenset(row.channel for row in self._streams if row.instrument == symbol)
            for symbol in symbols
        }
        self._url = owner.venue.ws_url.rstrip("/") + route.path
        self._taken: dict[int, int] = {}
        self._listeners: dict[int, Listener] = {}
        self._open: dict[int, OpenLine] = {}
        self._refused: set[str] = set()
        renewals = RENEWALS if owner.venue.unsubscribe is not None else 0
        self._ladder = Ladder(int(owner.settings.first_message_s * SECOND_NS), renewals)
        made = owner.venue.dialogue and owner.venue.dialogue(owner.instrument, uniform)
        self._talking = Talking(made, lambda: owner.rest, self._give) if made else None
        self._next = 0
        self._expects = False
        self._pace()
        link = Link(
            Backoff(SECOND_NS // 2, int(owner.settings.reconnect_s * SECOND_NS), uniform),
            owner.gate,
            uniform,
            int(owner.settings.connection_life_s * SECOND_NS) or owner.venue.heartbeat.lifetime_ns,
            overlap=self._may_overlap,
            held=self._talking.held if self._talking is not None else int,
        )
        self.supervisor = Supervisor(label, link, self._connect, self)

    def _may_overlap(self) -> bool:
        return overlaps(self._owner.venue) and self._owner.spare()

    @property
    def sockets(self) -> int:
        """How many connections it has, those included that are opening or closing."""
        return len(self._taken)

    async def run(self) -> None:
        """Keep it up until cancelled."""
        try:
            await self.supervisor.run()
        finally:
            if self._talking is not None:
                await self._talking.stop()

    def state(self) -> dict[str, Any]:
        """How it is, for people."""
        current = self._open.get(self.supervisor.link.epoch)
        session = current.session if current is not None else None
        audit = session.audit if isinstance(session, Session) else None
        return {
            "name": self.supervisor.name,
            "url": self._url,
            "open": current is not None,
            "line": current.line if current is not None else None,
            "streams": self.streams,
            "granted": len(current.session.granted) if current is not None else 0,
            "opened": self.supervisor.link.opened,
            "silent": self._ladder.silent,
            "audit": shown(audit, monotonic_ns()),
        }

    @property
    def talks(self) -> bool:
        """Whether a dialogue of the venue's own reads every frame."""
        return self._talking is not None

    @property
    def channels(self) -> frozenset[Channel]:
        """What its route serves."""
        return self._route.channels

    @property
    def streams(self) -> int:
        """How many it carries."""
        return len({row.stream for row in self._streams})

    def _pace(self) -> None:
        paces = [row.quiet_ns for row in self._streams if row.quiet_ns]
        self._quiet_ns = min(paces, default=self._owner.venue.heartbeat.silence_ns)

    # What the supervisor tells

    async def _connect(self, epoch: int) -> WebSocket:
        line = self._lines.take()
        self._taken[epoch] = line
        owner = self._owner
        listener = self._listener(epoch, line)
        self._listeners[epoch] = listener
        try:
            if self._talking is not None:
                await self._talking.enter()
            return await connect(
                self._url,
                lambda: listener,
                context=owner.context,
                timeout_s=owner.settings.connect_s,
                max_message=owner.venue.limits.max_message,
                local_address=owner.settings.local_address,
            )
        except BaseException:
            self._forget(epoch)
            raise

    def opened(self, epoch: int, connection: WebSocket, now_ns: int) -> None:
        owner = self._owner
        owner.count(Counter.CONNECTS)
        line, number = self._taken[epoch], next(self._numbers)
        venue = owner.venue
        wanted = [row for row in self._streams if row.stream not in self._refused]
        session: Session | Dialogue
        if self._talking is not None:
            session = self._talking.dialogue
        else:
            session = Session(
                wanted,
                venue.subscribe,
                venue.unsubscribe,
                venue.limits,
                venue.heartbeat,
                audit_of(venue, owner.settings),
            )
        found = self._open[epoch] = OpenLine(line, number, connection, session, now_ns)
        later = asyncio.get_running_loop().call_soon
        later(self._line_up, epoch, found, list(self._feeds), now_ns)
        told = {"link": self.supervisor.name, "line": line, "streams": len(wanted)}
        later(partial(log.info, "connected", extra=told))

    def _line_up(self, epoch: int, found: OpenLine, symbols: list[str], now_ns: int) -> None:
        """Tell the feeds, some a turn of the loop, and subscribe when all of them know."""
        if self._open.get(epoch) is not found:
            return
        for symbol in symbols[:FEEDS_A_TURN]:
            if symbol in self._feeds:
                feed = self._owner.feed(symbol)
                feed.on_line_up(found.line, found.number, now_ns, self._feeds[symbol])
        self._owner.touched()
        if len(symbols) > FEEDS_A_TURN:
            later = asyncio.get_running_loop().call_soon
            later(self._line_up, epoch, found, symbols[FEEDS_A_TURN:], now_ns)
            return
        found.is_up = True
        if self._talking is not None:
            talk, token, opened_ns = self._talking.dialogue, self._talking.token, monotonic_ns()
            wanted = [row for row in self._streams if row.stream not in self._refused]
            self._perform(epoch, found, talk.opened(wanted, token, opened_ns))
        else:
            self._perform(epoch, found, found.session.on_timer(now_ns))

    def _line_down(self, epoch: int, line: int, feeds: list[Streams], now_ns: int) -> None:
        """Tell the feeds, some a turn of the loop; the line is nobody else's until all know."""
        for feed in feeds[:FEEDS_A_TURN]:
            feed.on_line_down(line, now_ns)
        self._owner.touched()
        if len(feeds) > FEEDS_A_TURN:
            later = asyncio.get_running_loop().call_soon
            later(self._line_down, epoch, line, feeds[FEEDS_A_TURN:], now_ns)
            return
        self._forget(epoch)

    def lost(self, epoch: int, why: str, now_ns: int) -> None:
        found = self._open.pop(epoch, None)  # none: its opening failed half-way
        if found is not None and self._talking is not None:
            talk = self._talking.dialogue
            self._hear(epoch, talk)
            verdict = talk.closed(self._listeners[epoch].close_code or NO_CODE)
            self._talking.ended(verdict, now_ns, self.supervisor.name)
        replaced = found is not None and found.replaced
        if self._streams:  # else it was closed, because it had nothing left to carry
            self._owner.count(Counter.HANDOVERS if replaced else Counter.DISCONNECTS)
        if found is not None:
            feeds = [self._owner.feed(symbol) for symbol in self._feeds]
            self._line_down(epoch, found.line, feeds, now_ns)
        else:
            self._forget(epoch)
        later = asyncio.get_running_loop().call_soon
        level = logging.INFO if replaced or not self._streams else logging.WARNING
        told = {"link": self.supervisor.name}
        later(partial(log.log, level, "disconnected: %s", why, extra=told))

    def failed(self, epoch: int, why: str, now_ns: int) -> None:
        self._owner.count(Counter.CONNECT_ERRORS)
        log.warning("cannot connect: %s", why, extra={"link": self.supervisor.name})

    # What arrives, and time

    def on_control(self, epoch: int, control: Control, now_ns: int) -> None:
        """A control answer came on connection ``epoch``."""
        found = self._open.get(epoch)
        if found is not None and isinstance(found.session, Session):
            self._perform(epoch, found, found.session.on_control(control, now_ns))

    def tick(self, now_ns: int) -> None:
        """About every 50 ms."""
        for epoch, found in list(self._open.items()):
            if not found.is_up:
                continue
            if self._talking is not None:
                self._hear(epoch, self._talking.dialogue)
            self._perform(epoch, found, found.session.on_timer(now_ns))
            self._watch(epoch, found, now_ns)
            current = self._open.get(self.supervisor.link.epoch)
            if current is None or current is found:
                self._look(epoch, found, now_ns)
            else:
                self._catch_up(epoch, found, current, now_ns)

    def _look(self, epoch: int, found: OpenLine, now_ns: int) -> None:
        """Judge the next streams of the connection in use."""
        left = min(STREAMS_A_TICK, len(self._streams))
        asyncio.get_running_loop().call_soon(self._look_on, epoch, found, now_ns, left)

    def _look_on(self, epoch: int, found: OpenLine, now_ns: int, left: int) -> None:
        """Some of them a turn of the loop: frames that wait come in between."""
        if self._open.get(epoch) is not found:
            return
        renew = []
        left = min(left, len(self._streams))  # some may have left since the last turn
        for _ in range(min(STREAMS_A_TURN, left)):
            row = self._streams[self._next]
            self._next = (self._next + 1) % len(self._streams)
            if self._judge(epoch, found, row, now_ns):
                renew.append(row.stream)
            if not self._next:
                found.expects, self._expects = self._expects, False
        if renew:
            self._perform(epoch, found, found.session.renew(renew, now_ns))
        if left > STREAMS_A_TURN:
            later = asyncio.get_running_loop().call_soon
            later(self._look_on, epoch, found, now_ns, left - STREAMS_A_TURN)

    def _judge(self, epoch: int, found: OpenLine, row: Subscription, now_ns: int) -> bool:
        """Look at one stream; whether it is to be asked for anew."""
        owner = self._owner
        data_ns = owner.heard_ns(row.instrument, row.channel, found.line)
        found.data_ns = max(found.data_ns, data_ns)
        if row.channel is Channel.DEPTH:
            base_ns = owner.feed(row.instrument).base_ns
            data_ns = data_ns if base_ns is None else base_ns  # whole books must come, too
        if row.sparse:
            return False  # what else its stream carries is judged by itself
        expected = row.quiet_ns > 0 and owner.trading(row.instrument)
        self._expects |= expected
        granted_ns = found.session.granted.get(row.stream)
        round_ns = (len(self._streams) // STREAMS_A_TICK + 1) * TICK_NS
        # Pings that are answered in data frames show a connection that lives while all its streams
        # are silent: nobody else would ever look at them.
        others_ns = max(found.data_ns, self._last_ns(epoch))
        heard = Heard(row.quiet_ns, expected, granted_ns, data_ns, others_ns, round_ns)
        step = self._ladder.look(row.stream, heard, now_ns)
        if step is Step.NONE:
            return False
        told = {"link": self.supervisor.name, "stream": row.stream}
        if step is Step.BACK:
            log.info("speaks again", extra=told)
            owner.granted(row)
            return False
        owner.silent(row.instrument, now_ns)  # who reads it knows before anything is tried
        asked = self._ladder.asked(row.stream)
        if step is Step.REPLACE:
            log.warning("silent, replacing its connection", extra={**told, "asked": asked})
            owner.count(Counter.REPLACEMENTS)
            self.supervisor.replace()
            return False
        log.warning("silent, asking for it anew", extra={**told, "asked": asked})
        owner.count(Counter.RESUBSCRIBES)
        if asked == 2 and not owner.heard_ns(row.instrument, row.channel):
            owner.count(Counter.SUBSCRIBE_ERRORS)
            owner.refused(row, "granted by the venue, but nothing ever came")
        return True

    def _catch_up(self, epoch: int, found: OpenLine, current: OpenLine, now_ns: int) -> None:
        """A replacement takes over when it has brought whatever the connection in use brings."""
        replacement = self.supervisor.link.replacement
        if replacement is None or replacement.epoch != epoch or not found.session.settled:
            return  # an old one that is closing, one that came too late, or not asked for all yet
        granted = found.session.granted
        if found.behind is None:
            found.behind = [row for row in self._streams if row.stream in granted]
        head, tail = found.behind[:STREAMS_A_TICK], found.behind[STREAMS_A_TICK:]
        owner, late = self._owner, []
        for row in head:
            granted_ns = granted.get(row.stream, now_ns)
            old_ns = owner.heard_ns(row.instrument, row.channel, current.line)
            caught = old_ns <= granted_ns + SKEW_NS or owner.heard_ns(
                row.instrument, row.channel, found.line
            )
            if row.channel is Channel.DEPTH and owner.waits(row.instrument):
                caught = False  # what it began with may follow something only the old one brings
            if row.channel in BOOKS and not owner.feed(row.instrument).carries(found.line):
                caught = False  # its book has not come as far as the one that is told
            if not caught or now_ns - granted_ns < OVERLAP_NS:
                late.append(row)
        found.behind = tail + late
        if not found.behind:
            found.serving = current.replaced = True
            self.supervisor.serving(epoch)

    def room(self, names: Iterable[str]) -> bool:
        """Is there room for streams of these names, too?"""
        mine = {row.stream for row in self._streams}
        mine.update(*(found.session.lingering for found in self._open.values()))
        return len(mine.union(names)) <= self._owner.venue.limits.streams

    def carried(self, symbol: str) -> list[Subscription]:
        """The streams of an instrument that it carries."""
        return [row for row in self._streams if row.instrument == symbol]

    def carry(self, symbol: str, rows: Sequence[Subscription], now_ns: int) -> None:
        """Carry these streams of an instrument from now on, and no others of it."""
        was, kept = {row.stream for row in self.carried(symbol)}, {row.stream for row in rows}
        self._streams = [row for row in self._streams if row.instrument != symbol]
        self._streams += rows
        names = was - {row.stream for row in self._streams}
        self._next = 0
        self._ladder.forget(names)
        self._refused.difference_update(names)
        self._pace()
        channels = frozenset(row.channel for row in rows)
        if channels:
            self._feeds[symbol] = channels
        else:
            self._feeds.pop(symbol, None)
        for epoch, found in list(self._open.items()):
            found.told.difference_update(names)
            if found.behind is not None:
                found.behind = [
                    row for row in found.behind if row.instrument != symbol or row.stream in kept
                ]
            feed = self._owner.feed(symbol)
            feed.on_line_serves(found.line, found.number, now_ns, channels)
            self._perform(epoch, found, found.session.remove(names, now_ns))
            if self._open.get(epoch) is found:
                self._perform(epoch, found, found.session.add(rows, now_ns))

    def _watch(self, epoch: int, found: OpenLine, now_ns: int) -> None:
        """Silence is judged by data frames alone: a ping answers only whether the peer is there.

        Where the venue answers our own pings in data frames, every connection must speak."""
        silent_ns = now_ns - max(self._last_ns(epoch), found.since_ns)
        heartbeat = self._owner.venue.heartbeat
        expects = found.expects or heartbeat.ping is not None
        if silent_ns > heartbeat.silence_ns and expects:
            seconds = silent_ns / SECOND_NS
            self.supervisor.drop(epoch, f"no data for {seconds:.0f} s")
        elif silent_ns > self._quiet_ns and now_ns - found.probed_ns > self._quiet_ns:
            found.probed_ns = now_ns
            self.supervisor.probe(epoch)

    def _last_ns(self, epoch: int) -> int:
        listener = self._listeners.get(epoch)
        return listener.last_frame_ns if listener is not None else 0

    # Dialogues that read every frame

    def on_frame(self, epoch: int, line: int, frame: bytes, recv_ns: int) -> None:
        """A frame, or what the compiled codec left of it."""
        found = self._open.get(epoch)
        if found is None or self._talking is None or not found.is_up:
            return
        talk = self._talking.dialogue
        self._hear(epoch, talk)
        self._perform(epoch, found, talk.received(frame, recv_ns), recv_ns)

    def _hear(self, epoch: int, talk: Dialogue) -> None:
        """Tell it what the compiled codec took meanwhile."""
        numbers = {}
        for row in self._streams:
            number = self._owner.feed(row.instrument).stood(row.channel)
            if number > 0:
                numbers[row.stream] = number
        talk.heard(numbers, self._last_ns(epoch))

    def _give(self, epoch: int, answer: Callable[[int], list[Action]]) -> None:
        found = self._open.get(epoch)
        if found is not None:
            self._perform(epoch, found, answer(monotonic_ns()))

    def _say(self, epoch: int, found: OpenLine, action: Action, now_ns: int) -> None:
        """What a dialogue of the venue's own wants beside messages."""
        assert self._talking is not None
        if isinstance(action, Told):
            for event in action.events:
                self._owner.event(self, epoch, found.line, event, now_ns)
        elif isinstance(action, Stands):
            rows = {row.instrument: row for row in self._streams if row.stream == action.stream}
            for row in rows.values():
                feed = self._owner.feed(row.instrument)
                feed.on_stands(row.channel, action, now_ns)
            self._owner.touched()
        else:
            self._talking.perform(epoch, action, self.supervisor.name)

    def _perform(self, epoch: int, found: OpenLine, actions: list[Action], now_ns: int = 0) -> None:
        owner = self._owner
        for action in actions:
            if isinstance(action, Send):
                found.socket.send(action.message)
            elif isinstance(action, Drop):
                self.supervisor.drop(epoch, action.why)
                return
            elif isinstance(action, Refused):
                name = action.subscription.stream
                self._refused.add(name)
                owner.count(Counter.SUBSCRIBE_ERRORS)
                for row in self._streams:
                    if row.stream == name:
                        owner.refused(row, action.why)
            elif isinstance(action, Audited):
                tell(action, owner.count, self.supervisor.name)
            else:
                self._say(epoch, found, action, now_ns or monotonic_ns())
        if len(found.session.granted) > len(found.told):
            self._tell(epoch, found)
        in_use = self._open.get(self.supervisor.link.epoch)
        if not found.serving and found.session.settled and in_use in (None, found):
            found.serving = True
            self.supervisor.serving(epoch)

    def _tell(self, epoch: int, found: OpenLine) -> None:
        """Tell what was granted, some a turn of the loop."""
        if self._open.get(epoch) is not found:
            return
        left = found.session.granted.keys() - found.told
        for name in islice(left, GRANTS_A_TURN):
            found.told.add(name)
            if not self._ladder.asked(name):  # else only its data are believed
                self._owner.granted(found.session.wanted[name])
        if len(left) > GRANTS_A_TURN:
            asyncio.get_running_loop().call_soon(self._tell, epoch, found)

    def _listener(self, epoch: int, line: int) -> Listener:
        owner = self._owner

        def rare(frame: bytes, recv_ns: int, line: int) -> None:
            owner.rare(self, epoch, line, frame, recv_ns)

        def failed(_listener: Listener, error: Exception, message: bytes) -> None:
            log.error(
                "a frame could not be handled: %r",
                message[:200],
                extra={"link": self.supervisor.name},
                exc_info=error,
            )

        return Listener(
            owner.codec,
            line,
            owner.bell,
            rare,
            _nothing,
            _nothing,
            owner.venue.limits.max_message,
            failed,
        )

    def _forget(self, epoch: int) -> None:
        self._listeners.pop(epoch, None)
        line = self._taken.pop(epoch, None)
        if line is not None:
            self._lines.give(line)


def _nothing(*_: object) -> None:
    """The supervisor learns of openings and ends from the transport itself."""
