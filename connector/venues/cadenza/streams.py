"""Cadenza's market data connection: channels of one Centrifugo client, and the venue told over REST
to stream into them.

A channel is silent until the venue was asked for its stream (section 11.1 of the reference): the
list of streams is read after each connection and every minute, and what is missing is asked for.
Book channels are spelled in two ways, both are granted and only one speaks: for the first
instrument both are asked for, and the one that speaks first is kept for all (section 11.2)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from connector.model.instrument import Instrument
from connector.protocol import centrifugo_events as said
from connector.protocol.centrifugo import Client
from connector.protocol.centrifugo_frames import Class, Publication
from connector.venues.cadenza import figures, market
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.contract import Channel, Event, Scales, Subscription
from connector.venues.dialogue import (
    Action,
    Ask,
    Drop,
    Note,
    Refused,
    Send,
    Standing,
    Stands,
    TokenWanted,
    Told,
    Verdict,
)

SECOND_NS = 1_000_000_000
QUIET_NS = 10 * SECOND_NS
CHECK_NS = 60 * SECOND_NS
"""Between two looks at the list of streams."""
PROBE_NS = 5 * SECOND_NS
"""Both spellings may be silent for so long before the books of one are believed."""
AGAIN_NS = 5 * SECOND_NS
"""After one that failed."""
FINAL_NS = 60 * SECOND_NS
"""After a close that says that trying again cannot help."""
BUG_NS = 3600 * SECOND_NS
"""After one that says that we broke the protocol: it would be broken again."""
BROKEN = 3501
HEADS = {"seed": market.BOOKS[0], "current": market.BOOKS[1]}
KINDS = {Channel.DEPTH: "book", Channel.BBO: "book", Channel.TRADE: "trade"} | figures.CHANNELS
SPARSE = frozenset(KINDS) - {Channel.DEPTH, Channel.BBO}
LIST, MAKE = "list", "make "
ACTIVE = "ACTIVE"
ALREADY = 22017
STANDINGS = {
    said.Continuity.FRESH: Standing.FRESH,
    said.Continuity.KEPT: Standing.KEPT,
    said.Continuity.LOST: Standing.LOST,
}


class _Row(Struct, rename="camel"):
    instrument_id: str | None = None
    status: str | None = None


class _Rows(Struct):
    data: list[_Row] | None = None


_ROWS = msgspec.json.Decoder(_Rows)


def subscription(
    instrument: Instrument, channel: Channel, options: Mapping[str, Any]
) -> Subscription:
    """The stream that carries ``channel``: ``book``, ``trade``, ``ticker`` or ``kline_1m`` and its
    like, and the instrument's id; the spelling is the connection's. The best prices are the book's.

    Option: ``quiet_ms`` after which the stream counts as stale (0: never)."""
    unknown = set(options) - {"quiet_ms"}
    if unknown:
        raise ValueError(f"{instrument.symbol}: unknown option {sorted(unknown)[0]!r}")
    sparse = channel in SPARSE
    quiet_ns = 0 if sparse else QUIET_NS
    quiet_ns = int(options.get("quiet_ms", quiet_ns // 1_000_000)) * 1_000_000
    stream = f"{KINDS[channel]}:{instrument.symbol}"
    return Subscription(instrument.symbol, channel, stream, quiet_ns, sparse=sparse)


def verdict(client: Client, code: int) -> Verdict:
    """What follows the end of a client's connection."""
    meaning = client.closed(code, 0)
    if meaning is Class.TOKEN:
        return Verdict(new_token=True)
    if meaning is Class.FINAL:
        why = f"the venue closed for good ({code})"
        return Verdict(BUG_NS if code == BROKEN else FINAL_NS, code == 3500, why)
    return Verdict(new_token=meaning is Class.RESYNC)


class Talk:
    """One logical connection's dialogue; see `dialogue.Dialogue`.

    ``profile`` names the spelling to begin with, ``probe``: whether the other one is tried, too."""

    def __init__(
        self, profile: str, probe: bool, scales: Scales, uniform: Callable[[], float]
    ) -> None:
        self.wanted: dict[str, Subscription] = {}
        self.granted: dict[str, int] = {}
        self.lingering: set[str] = set()
        self.client = Client(uniform, eager=True)
        self._head = HEADS[profile]
        self._probe = probe
        self._probe_ns = 0
        self._believed = False
        """Neither spelling spoke for so long that the one that was named is believed."""
        self._probed = ""
        """The stream whose other spelling is asked for, too."""
        self._scales = scales
        self._refused: set[str] = set()
        self._check_ns = 0
        self._asked = False
        self._there: set[str] = set()
        """Instruments whose books the venue streams, as far as it told."""

    @property
    def settled(self) -> bool:
        return len(self.granted) == len(self.wanted)

    # Names

    def _channel(self, stream: str) -> str:
        kind, _, symbol = stream.partition(":")
        if kind in ("book", "trade"):
            return (self._head if kind == "book" else market.TRADES) + symbol
        return figures.channel_of(kind, symbol)

    def _stream(self, channel: str) -> str:
        """The stream a channel carries; "" for what is not wanted, or not in this spelling."""
        kind, symbol = market.symbol_of(channel)
        stream = f"{kind}:{symbol}"
        return stream if stream in self.wanted and self._channel(stream) == channel else ""

    @property
    def _other(self) -> str:
        return next(head for head in market.BOOKS if head != self._head)

    # The connection's life

    def opened(self, desired: Sequence[Subscription], token: str, now_ns: int) -> list[Action]:
        self.granted.clear()
        self.wanted = {row.stream: row for row in desired if row.stream not in self._refused}
        self.client.token = token
        for stream in self.wanted:
            self.client.subscribe(self._channel(stream), now_ns)
        self._start_probe(now_ns)
        self._check_ns, self._asked = now_ns, False
        self._there.clear()
        self.client.opened(now_ns)
        return [*self._out(), *self._look(now_ns)]

    def closed(self, code: int) -> Verdict:
        self._asked = False
        return verdict(self.client, code)

    def heard(self, numbers: Mapping[str, int], now_ns: int) -> None:
        for stream, number in numbers.items():
            self.client.heard(self._channel(stream), number)
        self.client.alive(now_ns)

    # What comes

    def received(self, frame: bytes, now_ns: int) -> list[Action]:
        actions: list[Action] = []
        # Line by line: where a channel stands counts at the moment its line is told of.
        for line in frame.split(b"\n"):
            actions += self._perform(self.client.received(line, now_ns), now_ns)
        return [*actions, *self._out()]

    def on_timer(self, now_ns: int) -> list[Action]:
        due_ns = self.client.due_ns
        events = self.client.on_timer(now_ns) if due_ns and now_ns >= due_ns else []
        believed = self._believe() if self._probed and now_ns >= self._probe_ns else []
        return [*self._perform(events, now_ns), *believed, *self._out(), *self._look(now_ns)]

    def on_token(self, token: str, now_ns: int) -> list[Action]:
        self.client.refresh(token, now_ns)
        return self._out()

    def _out(self) -> list[Action]:
        return [Send(frame) for frame in self.client.take()]

    def _perform(self, events: Iterable[said.Event], now_ns: int) -> list[Action]:
        actions: list[Action] = []
        for event in events:
            if isinstance(event, said.Published):
                self._published(event.channel, event.publication, actions, now_ns)
            elif isinstance(event, said.Subscribed):
                self._subscribed(event, actions, now_ns)
            elif isinstance(event, said.Gap):
                self._stands(event.channel, Standing.GAP, actions)
            elif isinstance(event, said.Unsubscribed):
                self._unsubscribed(event, actions, now_ns)
            elif isinstance(event, said.Refused):
                self._refuse(event, actions, now_ns)
            elif isinstance(event, said.TokenWanted):
                if not event.channel:
                    actions.append(TokenWanted())
            elif isinstance(event, said.Close):
                actions.append(Drop(event.why))
        return actions

    def _stands(
        self, channel: str, standing: Standing, actions: list[Action], number: int | None = None
    ) -> None:
        """``number``: of the last publication that was told; None: of the last the client took."""
        stream = self._stream(channel)
        if self._probed and not self._believed and stream.startswith("book:"):
            return
        if stream:
            epoch, offset = self.client.position(channel)
            offset = offset if number is None else number
            told = offset if epoch else -1
            actions.append(Stands(stream, standing, told, stream != self._probed))

    def _subscribed(self, event: said.Subscribed, actions: list[Action], now_ns: int) -> None:
        stream = self._stream(event.channel)
        if stream:
            self.granted[stream] = now_ns
        self._stands(event.channel, STANDINGS[event.continuity], actions, event.offset)

    def _published(
        self, channel: str, one: Publication, actions: list[Action], now_ns: int
    ) -> None:
        if self._probed and ":".join(market.symbol_of(channel)) == self._probed:
            self._decide(channel, actions, now_ns, one.offset - 1)
        stream = self._stream(channel)
        if stream:
            events: list[Event] = market.published(channel, one, self._scales)
            actions.append(Told(tuple(events)))
        if stream.startswith("trade:"):
            # A book says by its state where the compiled codec may go on; trades have none.
            self._stands(channel, Standing.KEPT, actions, one.offset)

    def _unsubscribed(self, event: said.Unsubscribed, actions: list[Action], now_ns: int) -> None:
        stream = self._stream(event.channel)
        if not stream:
            return
        self.granted.pop(stream, None)
        ended = event.meaning is Class.FINAL
        self._stands(event.channel, Standing.ENDED if ended else Standing.GAP, actions)
        if ended:
            why = f"the venue ended it: {event.code} {event.reason}"
            self._give_up(stream, why, actions)
        elif event.meaning is Class.TOKEN:
            self.client.subscribe(event.channel, now_ns)

    def _refuse(self, event: said.Refused, actions: list[Action], now_ns: int) -> None:
        if event.meaning in (Class.RETRY, Class.RESYNC):
            return  # asked for again by the client
        stream = self._stream(event.channel)
        kind, symbol = market.symbol_of(event.channel)
        if self._probed and f"{kind}:{symbol}" == self._probed:
            # One spelling is refused: it is the other one.
            self._decide((self._other if stream else self._head) + symbol, actions, now_ns)
            return
        if stream and event.meaning in (Class.TOKEN, Class.OTHER_LINE):
            actions.append(Drop(f"{event.channel}: {event.code} {event.message}"))
        elif stream:
            self.client.unsubscribe(event.channel, now_ns)
            self._give_up(stream, f"{event.code} {event.message}", actions)

    def _give_up(self, stream: str, why: str, actions: list[Action]) -> None:
        self._refused.add(stream)
        actions.append(Refused(self.wanted.pop(stream), why))

    # The two spellings

    def _start_probe(self, now_ns: int) -> None:
        books = [stream for stream in self.wanted if stream.startswith("book:")]
        if not self._probe or not books:
            return
        self._probed, self._probe_ns, self._believed = books[0], now_ns + PROBE_NS, False
        self.client.subscribe(self._other + self._probed.partition(":")[2], now_ns)

    def _decide(
        self, channel: str, actions: list[Action], now_ns: int, number: int | None = None
    ) -> None:
        """This one speaks, or is the one that is not refused; its publication ``number + 1`` is
        still to be told."""
        other = not self._stream(channel)
        known, stream = self._believed, self._probed
        rest = [one for one in self.wanted if one.startswith("book:") and one != stream]
        if other:
            for one in rest:
                self._stands(self._channel(one), Standing.GAP, actions)
                self.client.unsubscribe(self._channel(one), now_ns)
                self.granted.pop(one, None)
            self._head = self._other
            for one in rest:
                self.client.subscribe(self._channel(one), now_ns)
        self._probe, self._probed = False, ""
        self.client.unsubscribe(self._other + stream.partition(":")[2], now_ns)
        actions.append(Note(f"books come by the name of {channel}"))
        if not other and not known:
            for one in rest:
                if one in self.granted:
                    self._stands(self._channel(one), Standing.FRESH, actions)
        standing = Standing.KEPT if known and not other else Standing.FRESH
        self._stands(channel, standing, actions, number)

    def _believe(self) -> list[Action]:
        """Quiet markets: books begin, though it is not proved that their channels speak."""
        actions: list[Action] = []
        if not self._believed:
            self._believed = True
            actions.append(Note("neither spelling of a book speaks yet"))
            for one in self.wanted:
                if one.startswith("book:") and one in self.granted:
                    self._stands(self._channel(one), Standing.FRESH, actions)
        return actions

    # Telling the venue to stream

    def _look(self, now_ns: int) -> list[Action]:
        if self._asked or now_ns < self._check_ns or not self._books():
            return []
        self._asked = True
        return [Ask(ENDPOINTS["orderBookSubscriptionList"].request(), LIST)]

    def _books(self) -> set[str]:
        return {row.instrument for row in self.wanted.values() if row.stream.startswith("book:")}

    def on_answer(self, tag: str, body: bytes | None, why: str, now_ns: int) -> list[Action]:
        self._asked = False
        self._check_ns = now_ns + (CHECK_NS if body is not None else AGAIN_NS)
        if body is None:
            return [Note(f"{tag}: {why}")]
        if tag != LIST:
            self._there.add(tag.removeprefix(MAKE))
            return self._next(now_ns)
        try:
            rows = _ROWS.decode(body).data or []
        except ValueError as error:
            self._check_ns = now_ns + AGAIN_NS
            return [Note(f"{tag}: {error}")]
        self._there = {
            row.instrument_id for row in rows if row.instrument_id and row.status == ACTIVE
        }
        return self._next(now_ns)

    def _next(self, now_ns: int) -> list[Action]:
        """Ask for one missing stream at a time: the venue allows few such requests."""
        missing = sorted(self._books() - self._there)
        if not missing:
            return []
        self._asked = True
        request = ENDPOINTS["orderBookSubscribe"].request(instrumentId=missing[0])
        return [Ask(request, MAKE + missing[0])]

    # What is wanted

    def renew(self, names: Iterable[str], now_ns: int) -> list[Action]:
        """Subscribe silent channels anew, and look whether the venue streams into them."""
        for stream in names:
            if self.granted.pop(stream, None) is not None:
                self.client.unsubscribe(self._channel(stream), now_ns)
                self.client.subscribe(self._channel(stream), now_ns)
        self._check_ns = min(self._check_ns, now_ns)
        return [*self._out(), *self._look(now_ns)]

    def add(self, subscriptions: Iterable[Subscription], now_ns: int) -> list[Action]:
        for row in subscriptions:
            if row.stream not in self.wanted and row.stream not in self._refused:
                self.wanted[row.stream] = row
                self.client.subscribe(self._channel(row.stream), now_ns)
        self._check_ns = now_ns
        return [*self._out(), *self._look(now_ns)]

    def remove(self, names: Iterable[str], now_ns: int) -> list[Action]:
        """Others may listen to what the venue streams: it is not told to end that."""
        for stream in names:
            self._refused.discard(stream)
            if stream in self.wanted:
                self.client.unsubscribe(self._channel(stream), now_ns)
                del self.wanted[stream]
                self.granted.pop(stream, None)
        return self._out()
