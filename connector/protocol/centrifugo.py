"""A Centrifugo client: frames and time in, frames and events out; no socket, no clock.

One ``Client`` lives over many connections. Whoever owns the socket calls ``opened``, hands every
text frame to ``received``, sends what ``take`` gives, calls ``on_timer`` at ``due_ns`` and
``closed`` at the end. Positions (epoch and offset) of recoverable channels are kept over
connections: after a subscription either nothing was missed, or an event says that something was.

    opened -> connect -> CONNECTED -> subscribe each channel -> SUBSCRIBED -> publications
                 |                          |
                 +- error, time-out --------+--> Close: the owner closes and asks ``verdict``

Traps kept here: a `ping` command is answered with a terminal close, so there is none; one pong for
one ping, never by itself, and ahead of everything that waits; keys are snake_case."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from msgspec import Raw

from connector.protocol import centrifugo_frames as frames
from connector.protocol.centrifugo_channels import SECOND_NS, Channel, Command, Counts, renew_ns
from connector.protocol.centrifugo_events import (
    Answer,
    Close,
    Connected,
    Continuity,
    Event,
    Gap,
    Garbled,
    Joined,
    Published,
    Refused,
    Subscribed,
    TokenWanted,
    Told,
    Unsubscribed,
)
from connector.protocol.centrifugo_frames import Class, ConnectResult, Publication, SubscribeResult

COMMAND_NS = 5 * SECOND_NS
"""A command without an answer for this long failed; what it did is not known."""
PING_MARGIN_NS = 10 * SECOND_NS
"""Beyond the server's own interval of pings, then the connection counts as dead."""
EARLY_MOST = 10_000
"""Publications of one channel that may come before the answer to its subscription."""


class State(Enum):
    CLOSED = "closed"
    CONNECTING = "connecting"
    CONNECTED = "connected"


class Client:
    """One logical connection with its channels.

    ``token`` may be changed at any time; it is used by the next connect. ``uniform`` gives random
    numbers in [0, 1) for the waits before a channel is subscribed again. ``eager``: channels are
    subscribed behind `connect` at once, without waiting for its answer."""

    def __init__(
        self,
        uniform: Callable[[], float],
        *,
        token: str = "",
        name: str = "connector",
        version: str = "",
        data: Raw | None = None,
        eager: bool = False,
    ) -> None:
        self.token = token
        self._eager = eager
        self.counts = Counts()
        self.state = State.CLOSED
        self._uniform = uniform
        self._name, self._version, self._data = name, version, data
        self._channels: dict[str, Channel] = {}
        self._commands: dict[int, Command] = {}
        self._number = 0
        self._pongs = 0
        self._out: list[bytes] = []
        self._ping_ns = self._heard_ns = self._token_ns = 0
        self._answers_pings = self._expires = False
        self._fresh_token = False
        self.token_refused = False
        """What ended the last connection was about its token."""
        self._closing: Close | None = None

    # What the owner of the socket does

    def opened(self, now_ns: int) -> None:
        """A socket is open: the first command must be `connect`."""
        self._forget()
        self.state, self._heard_ns = State.CONNECTING, now_ns
        channels = self._channels.values()
        theirs = [one for one in channels if one.server and (one.epoch or one.offset)]
        fields = {
            "token": self.token,
            "data": self._data,
            "name": self._name,
            "version": self._version,
            "subs": {
                one.name: {"recover": True, "epoch": one.epoch, "offset": one.offset}
                for one in theirs
            }
            or None,
        }
        self._command("connect", fields, now_ns)
        if self._eager:
            for one in self._channels.values():
                self._subscribe(one, now_ns)

    def take(self) -> list[bytes]:
        """The frames to send now, in order: pongs first, each a frame of its own."""
        out = [frames.PONG] * self._pongs + frames.join(self._out)
        self._pongs, self._out = 0, []
        return out

    def closed(self, code: int, now_ns: int) -> Class:
        """The connection is gone (1006: no close frame came): what to do next. Everything under
        way is over; positions stay unless the server declared them void."""
        meaning = frames.close_class(self._closing.code if self._closing else code)
        self._forget()
        if meaning is Class.RESYNC:
            for channel in self._channels.values():
                self._void(channel)
        self.token_refused = meaning is Class.TOKEN
        if self.token_refused:
            if self._fresh_token:
                return Class.FINAL  # a token that is new is refused, too
            self._fresh_token = True
        return meaning

    def received(self, frame: bytes, now_ns: int) -> list[Event]:
        """One text frame. A line that cannot be read ends the connection: what it said is lost, and
        of a channel without positions nobody would ever know."""
        self._heard_ns = now_ns
        events: list[Event] = []
        for line in frame.split(b"\n"):
            if self.state is State.CLOSED:
                break  # it is being closed: nothing after the fault counts
            if not line.strip():
                continue
            try:
                reply = frames.decode(line)
            except ValueError as error:
                self.counts.undecodable += 1
                why = f"a line that cannot be read: {error}"
                events += [Garbled(why), self._close(3000, why)]
            else:
                self._take(reply, events, now_ns)
        return events

    @property
    def due_ns(self) -> int:
        """When ``on_timer`` is to be called next; 0: only events matter."""
        if self.state is State.CLOSED:
            return 0
        due = [command.due_ns for command in self._commands.values()]
        due += [self._heard_ns + self._ping_ns] if self._ping_ns else []
        due += [self._token_ns] if self._token_ns else []
        for channel in self._channels.values():
            due += [at_ns for at_ns in (channel.retry_ns, channel.token_ns) if at_ns]
        return min(due, default=0)

    def on_timer(self, now_ns: int) -> list[Event]:
        """Time passed."""
        events: list[Event] = []
        if self.state is State.CLOSED:
            return events
        if self._ping_ns and now_ns >= self._heard_ns + self._ping_ns:
            return [self._close(3012, "the server is silent")]
        for number, command in list(self._commands.items()):
            if now_ns >= command.due_ns:
                del self._commands[number]
                if command.key in ("connect", "subscribe", "unsubscribe"):
                    # What it did is not known, and guessing would end in a silent channel.
                    return [*events, self._close(3012, f"no answer to {command.key}")]
                if command.key == "refresh":
                    self._token_ns = now_ns
                elif command.key == "sub_refresh":
                    if command.channel in self._channels:
                        self._channels[command.channel].token_ns = now_ns
                else:
                    events.append(Answer(number, command.key, frames.NOTHING, frames.ErrorBody()))
        if self._token_ns and now_ns >= self._token_ns:
            self._token_ns = 0
            events.append(TokenWanted())
        for channel in self._channels.values():
            if channel.token_ns and now_ns >= channel.token_ns:
                channel.token_ns = 0
                events.append(TokenWanted(channel.name))
            if channel.retry_ns and now_ns >= channel.retry_ns:
                self._subscribe(channel, now_ns)
        return events

    # What the user of the channels does

    def subscribe(
        self, name: str, now_ns: int, *, token: str = "", data: Raw | None = None
    ) -> None:
        """Want a channel, from now on and on every connection; asked again, with the new token."""
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(name)
        channel.token, channel.data, channel.failures = token, data, 0
        if self.state is State.CONNECTED and not channel.served and not channel.number:
            self._subscribe(channel, now_ns)

    def unsubscribe(self, name: str, now_ns: int) -> None:
        """Want it no longer."""
        channel = self._channels.pop(name, None)
        if channel is not None and (channel.served or channel.number):
            self._command("unsubscribe", {"channel": name}, now_ns, name)

    def heard(self, name: str, offset: int) -> None:
        """A channel's publications up to this one were taken elsewhere, in order."""
        channel = self._channels.get(name)
        if channel is not None and channel.positioned and offset > channel.offset:
            channel.offset = offset

    def alive(self, now_ns: int) -> None:
        """A frame came that was taken elsewhere."""
        self._heard_ns = max(self._heard_ns, now_ns)

    def position(self, name: str) -> tuple[str, int]:
        """Epoch and offset a channel was heard up to; ("", 0): none."""
        channel = self._channels.get(name)
        return (channel.epoch, channel.offset) if channel is not None else ("", 0)

    def restore(self, name: str, epoch: str, offset: int) -> None:
        """Take up a position that was kept elsewhere, before the channel is subscribed."""
        channel = self._channels.setdefault(name, Channel(name))
        channel.epoch, channel.offset, channel.positioned = epoch, offset, True

    def refresh(self, token: str, now_ns: int) -> None:
        """Prolong the connection with a new token, where the server said that it expires: else it
        closes for good."""
        self.token = token
        if self.state is State.CONNECTED and self._expires:
            self._command("refresh", {"token": token}, now_ns)

    def refresh_channel(self, name: str, token: str, now_ns: int) -> None:
        """The same for a subscription."""
        channel = self._channels.get(name)
        if channel is not None:
            channel.token = token
            if channel.served:
                self._command("sub_refresh", {"channel": name, "token": token}, now_ns, name)

    def publish(self, name: str, data: Raw, now_ns: int) -> int:
        """Number of the command, as in its ``Answer``; ValueError unless connected."""
        return self._ask("publish", {"channel": name, "data": data}, now_ns)

    def presence(self, name: str, now_ns: int) -> int:
        return self._ask("presence", {"channel": name}, now_ns)

    def presence_stats(self, name: str, now_ns: int) -> int:
        return self._ask("presence_stats", {"channel": name}, now_ns)

    def history(
        self,
        name: str,
        now_ns: int,
        *,
        limit: int = 0,
        since: tuple[str, int] | None = None,
        reverse: bool = False,
    ) -> int:
        """``limit`` 0: the position alone, -1: everything the server gives at once; ``since`` is
        epoch and offset."""
        start = {"epoch": since[0], "offset": since[1]} if since is not None else None
        fields = {"channel": name, "limit": limit, "since": start, "reverse": reverse}
        return self._ask("history", fields, now_ns)

    def rpc(self, method: str, data: Raw, now_ns: int) -> int:
        return self._ask("rpc", {"method": method, "data": data}, now_ns)

    def send(self, data: Raw) -> None:
        """A message without an answer; a server that does not expect it closes."""
        if self.state is not State.CONNECTED:
            raise ValueError("not connected")
        self._out.append(frames.command(0, "send", {"data": data}))

    # Inside: out

    def _ask(self, key: str, fields: Mapping[str, Any], now_ns: int) -> int:
        if self.state is not State.CONNECTED:
            raise ValueError("not connected")
        return self._command(key, fields, now_ns)

    def _command(self, key: str, fields: Mapping[str, Any], now_ns: int, channel: str = "") -> int:
        self._number += 1
        self._commands[self._number] = Command(key, now_ns + COMMAND_NS, channel)
        self._out.append(frames.command(self._number, key, fields))
        return self._number

    def _subscribe(self, channel: Channel, now_ns: int) -> None:
        channel.retry_ns = 0
        if channel.server:
            return
        # Asked for every time: a server that does not grant them ignores it.
        fields: dict[str, Any] = {
            "channel": channel.name,
            "token": channel.token,
            "data": channel.data,
            "recoverable": True,
            "positioned": True,
        }
        if channel.epoch or channel.offset:
            fields |= {"recover": True, "epoch": channel.epoch, "offset": channel.offset}
        channel.number = self._command("subscribe", fields, now_ns, channel.name)

    def _close(self, code: int, why: str) -> Close:
        self._closing = Close(code, why)
        self.state = State.CLOSED
        return self._closing

    def _forget(self) -> None:
        """A connection's own things."""
        self.state, self._closing = State.CLOSED, None
        self._commands.clear()
        self._out, self._pongs, self._number = [], 0, 0
        self._ping_ns = self._token_ns = 0
        for channel in list(self._channels.values()):
            channel.served, channel.number, channel.retry_ns = False, 0, 0
            channel.token_ns, channel.early = 0, []

    # Inside: in

    def _take(self, reply: frames.Reply, events: list[Event], now_ns: int) -> None:
        if reply.push is not None:
            self._pushed(reply.push, events, now_ns)
        elif reply.id:
            command = self._commands.pop(reply.id, None)
            if command is None:
                self.counts.unmatched += 1
            else:
                self._replied(reply, command, events, now_ns)
        elif reply is frames.PING:
            self.counts.pings += 1
            self._pongs += self._answers_pings
        else:
            self.counts.unmatched += 1

    def _replied(
        self, reply: frames.Reply, command: Command, events: list[Event], now_ns: int
    ) -> None:
        error = reply.error
        if command.key == "connect":
            if error is not None or reply.connect is None:
                events.append(self._refused_connection(error))
            else:
                self._connected(reply.connect, events, now_ns)
        elif command.key == "subscribe":
            channel = self._channels.get(command.channel)
            if channel is None or channel.number != reply.id:
                return  # unsubscribed since
            channel.number = 0
            if error is not None:
                self._refused(channel, error, events, now_ns)
            else:
                self._subscribed(channel, reply.subscribe or SubscribeResult(), events, now_ns)
        elif command.key == "unsubscribe":
            if error is not None:
                events.append(self._close(3000, f"unsubscribe: {error.code} {error.message}"))
        elif command.key == "refresh":
            self._refreshed(reply, events, now_ns)
        elif command.key == "sub_refresh":
            channel = self._channels.get(command.channel)
            if channel is not None and channel.served:
                self._prolonged(channel, reply, events, now_ns)
        else:
            events.append(Answer(reply.id, command.key, getattr(reply, command.key), error))

    def _refused_connection(self, error: frames.ErrorBody | None) -> Close:
        if error is None:
            return self._close(3000, "the answer to connect has no result")
        meaning = frames.error_class(error.code, error.temporary)
        # After an error on connect the connection is of no use; the code says what follows.
        code = {Class.TOKEN: 3500, Class.FINAL: 3507}.get(meaning, 3000)
        return self._close(code, f"connect: {error.code} {error.message}")

    def _connected(self, result: ConnectResult, events: list[Event], now_ns: int) -> None:
        self.state, self._fresh_token = State.CONNECTED, False
        self._answers_pings, self._expires = result.pong, result.expires
        self._ping_ns = result.ping * SECOND_NS + PING_MARGIN_NS if result.ping else 0
        self._token_ns = renew_ns(result.expires, result.ttl, now_ns)
        events.append(Connected(result))
        for name, subscription in (result.subs or {}).items():
            if not name:  # named again in the next `connect` it would be the end
                self.counts.unmatched += 1
                continue
            channel = self._channels.setdefault(name, Channel(name))
            channel.server = True
            self._subscribed(channel, subscription, events, now_ns)
        for channel in list(self._channels.values()):
            if channel.server and channel.name not in (result.subs or ()):
                channel.server = False  # the server dropped it; it is wanted all the same
            if not channel.served and not channel.number:
                self._subscribe(channel, now_ns)

    def _refreshed(self, reply: frames.Reply, events: list[Event], now_ns: int) -> None:
        error, result = reply.error, reply.refresh
        if error is not None:
            retry = frames.error_class(error.code, error.temporary) is Class.RETRY
            if retry:
                self._token_ns = now_ns + SECOND_NS
            else:
                events.append(self._close(3500, f"refresh: {error.code} {error.message}"))
        elif result is not None:
            self._token_ns = renew_ns(result.expires, result.ttl, now_ns)

    def _subscribed(
        self, channel: Channel, result: SubscribeResult, events: list[Event], now_ns: int
    ) -> None:
        """Apply what was missed, in order, and say whether it is everything."""
        had_position = bool(channel.epoch or channel.offset)
        # Without a position asked for, the server recovers nothing; what it then says of it counts.
        kept = had_position and result.recovered and result.epoch in (channel.epoch, "")
        positioned = result.recoverable or result.positioned
        early, channel.early = channel.early, []
        for one in result.publications or ():
            if kept and not self._follows(channel, one.offset):
                if one.offset <= channel.offset:
                    continue
                kept = False  # the newest alone: enough for who wants the last state only
            channel.offset = one.offset or channel.offset
            events.append(Published(channel.name, one, recovered=True))
        if kept and positioned and result.offset != channel.offset:
            kept = False
        channel.served, channel.failures, channel.positioned = True, 0, positioned
        channel.epoch, channel.offset = (result.epoch, result.offset) if positioned else ("", 0)
        channel.token_ns = renew_ns(result.expires, result.ttl, now_ns)
        continuity = Continuity.KEPT if kept else Continuity.FRESH
        if channel.lost or (had_position and not kept):
            continuity = Continuity.LOST
        channel.lost = False
        events.append(Subscribed(channel.name, continuity, positioned, result.data, channel.offset))
        for one in early:
            self._published(channel, one, events, now_ns)

    def _follows(self, channel: Channel, offset: int) -> bool:
        return not offset or offset == channel.offset + 1

    def _refused(
        self, channel: Channel, error: frames.ErrorBody, events: list[Event], now_ns: int
    ) -> None:
        if error.code == 105 and channel.served:
            return  # the server did it by itself, before it read our command
        meaning = frames.error_class(error.code, error.temporary)
        events.append(Refused(channel.name, error.code, error.message, meaning))
        if error.code == 105:  # we lost count of our own channels
            events.append(self._close(3000, "already subscribed"))
        elif meaning in (Class.RESYNC, Class.RETRY):
            if meaning is Class.RESYNC:
                self._void(channel)
            self._plan(channel, now_ns)

    def _pushed(self, push: frames.Push, events: list[Event], now_ns: int) -> None:
        if push.disconnect is not None:
            said = push.disconnect
            events.append(self._close(said.code, f"the server disconnects: {said.reason}"))
        elif push.message is not None:
            events.append(Told(push.message.data))
        elif push.connect is not None:
            self._connected(push.connect, events, now_ns)
        elif push.refresh is not None:
            self._token_ns = renew_ns(push.refresh.expires, push.refresh.ttl, now_ns)
        elif push.subscribe is not None and push.channel:
            channel = self._channels.setdefault(push.channel, Channel(push.channel))
            channel.server = True
            self._subscribed(channel, push.subscribe, events, now_ns)
        else:
            self._of_channel(push, events, now_ns)

    def _of_channel(self, push: frames.Push, events: list[Event], now_ns: int) -> None:
        channel = self._channels.get(push.channel)
        if channel is None:
            self.counts.unmatched += 1
        elif push.pub is not None:
            if channel.number and not channel.served:
                if len(channel.early) < EARLY_MOST:
                    channel.early.append(push.pub)
            else:
                self._published(channel, push.pub, events, now_ns)
        elif push.unsubscribe is not None:
            self._unsubscribed(channel, push.unsubscribe, events, now_ns)
        elif push.join is not None:
            events.append(Joined(channel.name, push.join.info))
        elif push.leave is not None:
            events.append(Joined(channel.name, push.leave.info, left=True))

    def _published(
        self, channel: Channel, one: Publication, events: list[Event], now_ns: int
    ) -> None:
        if not channel.served:
            self.counts.unmatched += 1
            return
        if channel.positioned and one.offset:
            if one.offset <= channel.offset:
                self.counts.duplicates += 1
                return
            if one.offset != channel.offset + 1:
                self.counts.gaps += 1
                events.append(Gap(channel.name, channel.offset + 1, one.offset))
                self._again(channel, events, now_ns)
                return
            channel.offset = one.offset
        events.append(Published(channel.name, one))

    def _again(self, channel: Channel, events: list[Event], now_ns: int) -> None:
        """Subscribe anew from the last position, in order behind the unsubscription."""
        if channel.server:  # only a new connection brings it back
            events.append(self._close(3010, f"a gap in {channel.name}"))
            return
        channel.served = False
        self._command("unsubscribe", {"channel": channel.name}, now_ns, channel.name)
        self._subscribe(channel, now_ns)

    def _void(self, channel: Channel) -> None:
        """Its position is of no use any more."""
        channel.lost = channel.lost or bool(channel.epoch or channel.offset)
        channel.epoch, channel.offset = "", 0

    def _prolonged(
        self, channel: Channel, reply: frames.Reply, events: list[Event], now_ns: int
    ) -> None:
        error, result = reply.error, reply.sub_refresh
        if error is None:
            if result is not None:
                channel.token_ns = renew_ns(result.expires, result.ttl, now_ns)
            return
        meaning = frames.error_class(error.code, error.temporary)
        if meaning is Class.RETRY:
            channel.token_ns = now_ns + SECOND_NS
        else:  # the server ends it when the old token does
            events.append(Refused(channel.name, error.code, error.message, meaning))

    def _unsubscribed(
        self,
        channel: Channel,
        said: frames.Unsubscribed,
        events: list[Event],
        now_ns: int,
    ) -> None:
        meaning = frames.unsubscribe_class(said.code)
        channel.served, channel.number, channel.token_ns = False, 0, 0
        events.append(Unsubscribed(channel.name, said.code, said.reason, meaning))
        if meaning is Class.RESYNC:
            self._void(channel)
            channel.token = ""
        if meaning is Class.FINAL:
            del self._channels[channel.name]
        elif channel.server:  # only a new connection brings it back
            code = 3005 if meaning is Class.TOKEN else 3010
            events.append(self._close(code, f"{channel.name}: {said.code} {said.reason}"))
        elif meaning is Class.TOKEN:
            events.append(TokenWanted(channel.name))
        else:
            self._plan(channel, now_ns)

    def _plan(self, channel: Channel, now_ns: int) -> None:
        """Subscribe again after a wait that grows from 0.1 to 10 s, with full jitter."""
        ceiling_ns = min(10 * SECOND_NS, SECOND_NS // 10 << min(channel.failures, 7))
        channel.failures += 1
        channel.retry_ns = now_ns + max(1, int(self._uniform() * ceiling_ns))
