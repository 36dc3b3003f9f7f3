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
from connector.protocol.centrifugo_frames import Class
from connector.venues.cadenza import figures, market
from connector.venues.cadenza.client_talk import SECOND_NS, ClientTalk
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.contract import Channel, Event, Scales, Subscription, Unreadable, Voided
from connector.venues.dialogue import (
    Action,
    Ask,
    Drop,
    Note,
    Refused,
    Standing,
    Stands,
    Told,
    Verdict,
)

QUIET_NS = 10 * SECOND_NS
CHECK_NS = 60 * SECOND_NS
"""Between two looks at the list of streams."""
PROBE_NS = 5 * SECOND_NS
"""Both spellings may be silent for so long before the books of one are believed."""
AGAIN_NS = 5 * SECOND_NS
"""After one that failed."""
HEADS = {"seed": market.BOOKS[0], "current": market.BOOKS[1]}
KINDS = {Channel.DEPTH: "book", Channel.BBO: "book", Channel.TRADE: "trade"} | figures.CHANNELS
SPARSE = frozenset(KINDS) - {Channel.DEPTH, Channel.BBO}
LIST, MAKE = "list", "make "
ACTIVE = "ACTIVE"
STANDINGS = {
    said.Continuity.FRESH: Standing.FRESH,
    said.Continuity.KEPT: Standing.KEPT,
    said.Continuity.LOST: Standing.LOST,
}


class _Row(Struct, rename="camel"):
    instrument_id: str | None = None
    status: str | None = None
    channel: str | None = None
    """No published schema has it here, a page tells of it."""


class _Rows(Struct):
    data: list[_Row] | _Row | None = None


_ROWS = msgspec.json.Decoder(_Rows)


def _rows(body: bytes) -> list[_Row]:
    """What an answer says of streams, of one or of many. Raises ValueError."""
    data = _ROWS.decode(body).data
    return data if isinstance(data, list) else [data] if data is not None else []


def _named(body: bytes | None) -> list[str]:
    """The channels an answer names."""
    try:
        return [row.channel for row in _rows(body or b"{}") if row.channel]
    except ValueError:
        return []


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


class Talk(ClientTalk):
    """One logical connection's dialogue; see `dialogue.Dialogue`.

    ``profile`` names the spelling to begin with, ``probe``: whether the other one is tried, too."""

    def __init__(
        self, profile: str, probe: bool, scales: Scales, uniform: Callable[[], float]
    ) -> None:
        super().__init__(uniform)
        self.wanted: dict[str, Subscription] = {}
        self.granted: dict[str, int] = {}
        self.lingering: set[str] = set()
        self._head = HEADS[profile]
        self._probe = probe
        self._probe_ns = 0
        self._believed = False
        """Neither spelling spoke for so long that the one that was named is believed."""
        self._probed = ""
        """The stream whose other spelling is asked for, too."""
        self._scales = scales
        self._hopeless: set[str] = set()
        self._check_ns = self._list_ns = 0
        """When to ask something again, and when for the whole list."""
        self._asked = False
        self._there: set[str] = set()
        """Instruments whose books the venue streams, as far as it told."""
        self._sequences: dict[str, int] = {}
        """Of books that have numbers of their own: the last one's."""
        self._failures: dict[str, int] = {}
        """How often it would not stream one."""

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
        self.wanted = {row.stream: row for row in desired if row.stream not in self._hopeless}
        self.client.token = token
        for stream in self.wanted:
            self.client.subscribe(self._channel(stream), now_ns)
        self._start_probe(now_ns)
        self._check_ns, self._list_ns, self._asked = now_ns, 0, False
        self._there.clear()
        self._failures.clear()
        self.client.opened(now_ns)
        return [*self._out(), *self._look(now_ns)]

    def closed(self, code: int) -> Verdict:
        self._asked = False
        return self._judge(code)

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
        told = self._timer(now_ns)
        believed = self._believe() if self._probed and now_ns >= self._probe_ns else []
        return [*told, *believed, *self._out(), *self._look(now_ns)]

    def _missed(self, event: said.Gap, actions: list[Action]) -> None:
        self._stands(event.channel, Standing.GAP, actions)

    def _garbled(self, event: said.Garbled, actions: list[Action]) -> None:
        actions.append(Told((Unreadable(event.why),)))

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
            if event.continuity is not said.Continuity.KEPT:
                self._sequences.pop(stream, None)
        self._stands(event.channel, STANDINGS[event.continuity], actions, event.offset)

    def _published(self, event: said.Published, actions: list[Action], now_ns: int) -> None:
        channel, one = event.channel, event.publication
        if self._probed and ":".join(market.symbol_of(channel)) == self._probed:
            self._decide(channel, actions, now_ns, one.offset - 1)
        stream = self._stream(channel)
        if stream:
            events: list[Event] = market.published(channel, one, self._scales)
            gap = self._jumped(stream, bytes(one.data)) if stream.startswith("book:") else []
            actions.append(Told((*gap, *events)))
        if stream.startswith("trade:"):
            # A book says by its state where the compiled codec may go on; trades have none.
            self._stands(channel, Standing.KEPT, actions, one.offset)

    def _jumped(self, stream: str, data: bytes) -> list[Event]:
        """A change with a number of its own that does not follow: the book is void."""
        numbered = market.sequence(data)
        if numbered is None:
            self._sequences.pop(stream, None)
            return []
        number, change = numbered
        before = self._sequences.get(stream)
        self._sequences[stream] = number
        if not change or before is None or number == before + 1:
            return []
        return [Voided(stream.partition(":")[2], f"sequenceNumber {number} after {before}")]

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

    def _refused(self, event: said.Refused, actions: list[Action], now_ns: int) -> None:
        if event.meaning in (Class.RETRY, Class.RESYNC):
            return  # asked for again by the client
        stream = self._stream(event.channel)
        kind, symbol = market.symbol_of(event.channel)
        if self._probed and f"{kind}:{symbol}" == self._probed:
            # One spelling is refused: it is the other one.
            self._decide((self._other if stream else self._head) + symbol, actions, now_ns)
            return
        if stream and event.meaning is Class.TOKEN:
            actions.append(Drop(f"{event.channel}: {event.code} {event.message}"))
        elif stream:
            self.client.unsubscribe(event.channel, now_ns)
            self._give_up(stream, f"{event.code} {event.message}", actions)

    def _give_up(self, stream: str, why: str, actions: list[Action]) -> None:
        self._hopeless.add(stream)
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
        if now_ns < self._list_ns:
            return self._next(now_ns)
        self._asked = True
        return [Ask(ENDPOINTS["orderBookSubscriptionList"].request(), LIST)]

    def _books(self) -> set[str]:
        return {row.instrument for row in self.wanted.values() if row.stream.startswith("book:")}

    def on_answer(self, tag: str, body: bytes | None, why: str, now_ns: int) -> list[Action]:
        self._asked = False
        if tag != LIST:
            return [
                *self._made(tag.removeprefix(MAKE), body is not None, why, now_ns),
                *self._told(_named(body), now_ns),
            ]
        self._check_ns = now_ns + AGAIN_NS
        if body is None:
            return [Note(f"{tag}: {why}")]
        try:
            rows = _rows(body)
        except ValueError as error:
            return [Note(f"{tag}: {error}")]
        self._list_ns = now_ns + CHECK_NS
        self._there = {
            row.instrument_id for row in rows if row.instrument_id and row.status == ACTIVE
        }
        return [*self._told(_named(body), now_ns), *self._next(now_ns)]

    def _told(self, channels: Iterable[str], now_ns: int) -> list[Action]:
        """The venue names channels itself: then it need not be found out how it spells them."""
        actions: list[Action] = []
        heads = {head for name in channels for head in market.BOOKS if name.startswith(head)}
        if self._probed and len(heads) == 1:
            self._decide(heads.pop() + self._probed.partition(":")[2], actions, now_ns)
        return [*actions, *self._out()]

    def _next(self, now_ns: int) -> list[Action]:
        """Ask for one missing stream at a time: the venue allows few such requests. Those that it
        would not make wait behind the others."""
        missing = self._books() - self._there
        if not missing:
            self._check_ns = self._list_ns
            return []
        name = min(missing, key=lambda one: (self._failures.get(one, 0), one))
        self._asked = True
        return [Ask(ENDPOINTS["orderBookSubscribe"].request(instrumentId=name), MAKE + name)]

    def _made(self, name: str, made: bool, why: str, now_ns: int) -> list[Action]:
        if made:
            self._there.add(name)
            self._failures.pop(name, None)
            return self._next(now_ns)
        self._failures[name] = self._failures.get(name, 0) + 1
        least = min(self._failures.get(one, 0) for one in self._books() - self._there | {name})
        self._check_ns = now_ns + min(AGAIN_NS << min(max(least - 1, 0), 8), CHECK_NS)
        return [Note(f"{MAKE}{name}: {why}")]

    # What is wanted

    def renew(self, names: Iterable[str], now_ns: int) -> list[Action]:
        """Subscribe silent channels anew, and look whether the venue streams into them."""
        for stream in names:
            if self.granted.pop(stream, None) is not None:
                self.client.unsubscribe(self._channel(stream), now_ns)
                self.client.subscribe(self._channel(stream), now_ns)
        self._check_ns, self._list_ns = min(self._check_ns, now_ns), 0
        return [*self._out(), *self._look(now_ns)]

    def add(self, subscriptions: Iterable[Subscription], now_ns: int) -> list[Action]:
        for row in subscriptions:
            if row.stream not in self.wanted and row.stream not in self._hopeless:
                self.wanted[row.stream] = row
                self.client.subscribe(self._channel(row.stream), now_ns)
        self._check_ns, self._list_ns = now_ns, 0
        return [*self._out(), *self._look(now_ns)]

    def remove(self, names: Iterable[str], now_ns: int) -> list[Action]:
        """Others may listen to what the venue streams: it is not told to end that."""
        for stream in names:
            self._hopeless.discard(stream)
            if stream in self.wanted:
                self.client.unsubscribe(self._channel(stream), now_ns)
                del self.wanted[stream]
                self.granted.pop(stream, None)
        return self._out()
