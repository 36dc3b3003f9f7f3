"""The dialogue, the client, the feed and the kernel of one Cadenza connection against the simulated
Centrifugo, without sockets and clocks: what is lost, cut or begun anew is a call."""

import json
from typing import Any

from connector._speedups.codec_cadenza import CadenzaCodec
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.market.mixed import MixedFeed
from connector.model.counters import Counter
from connector.model.states import FeedKind, State
from connector.venues.cadenza.market import snapshot
from connector.venues.cadenza.sim_broker import Broker, Namespace, Rules, read, sign
from connector.venues.cadenza.sim_centrifugo import Client
from connector.venues.cadenza.streams import LIST, Talk, subscription
from connector.venues.contract import Channel, Unreadable
from connector.venues.dialogue import Action, Ask, Drop, Note, Send, Stands, TokenWanted, Told
from tests.reference.decoding import RING_BYTES
from tests.reference.decoding_cadenza import instrument

SECRET = b"s"
SYMBOL = "BINANCE:BTC/USDT"
TODAY, JANUARY = "market:orderbook:", "market:orderBook:"
MS, SECOND_NS = 1_000_000, 1_000_000_000
ALL = (Channel.DEPTH, Channel.BBO)


class Book:
    """The venue's book, slowly."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[int, int]] = {"bids": {100: 1}, "asks": {101: 1}}
        self.time_ms = 1_700_000_000_000

    def rows(self, side: str) -> list[list[str]]:
        levels = sorted(self.sides[side].items(), reverse=side == "bids")
        return [[str(price), str(qty)] for price, qty in levels]

    def whole(self) -> dict[str, Any]:
        return {"bids": self.rows("bids"), "asks": self.rows("asks"), "timestamp": self.time_ms}

    def change(self, side: str, away: int, qty: int, passed_ms: int) -> dict[str, Any]:
        """A level so far away from the middle, now of that quantity; 0: none, never the last."""
        price = 100 - away if side == "bids" else 101 + away
        self.time_ms += passed_ms
        levels = self.sides[side]
        levels[price] = qty
        if not qty:
            del levels[price]
        if not levels:
            levels[price] = qty = 1
        told = {"bids": [], "asks": [], side: [[str(price), str(qty)]]}
        return {"updateType": "DIFF", "timestamp": self.time_ms} | told


class Rig:
    """``kept``: publications of history; the channels are named as ``profile`` says, and only those
    that begin with ``speaks`` say something."""

    def __init__(
        self,
        *,
        kept: int = 0,
        profile: str = "current",
        probe: bool = False,
        speaks: str = TODAY,
        symbols: tuple[str, ...] = (SYMBOL,),
        **rules: Any,
    ) -> None:
        self.now_ns = SECOND_NS
        self.rules = Rules(
            namespaces={"market": Namespace(history_size=kept, recovery=kept > 0, presence=True)},
            ping_s=0,
            **rules,
        )
        self.broker, self.book, self.speaks = Broker(self.rules), Book(), speaks
        self.segment = Segment.create(RING_BYTES)
        self.codec = CadenzaCodec(self.segment)
        self.instruments = {name: instrument(name) for name in symbols}
        rows = [
            subscription(one, channel, {}) for one in self.instruments.values() for channel in ALL
        ]
        self.rows = rows
        self.kernels: dict[str, Feed] = {}
        self.feeds: dict[str, MixedFeed] = {}
        self.counts: dict[Counter, int] = {}
        for one in self.instruments.values():
            kernel = Feed(self.segment, self.segment.add_instrument(one), one)
            self.codec.add(one.symbol, kernel)
            self.kernels[one.symbol] = kernel
            mine = [row for row in rows if row.instrument == one.symbol]
            self.feeds[one.symbol] = MixedFeed(kernel, mine, self.count)
        self.talk = Talk(profile, probe, self.instruments.get, lambda: 0.0)
        self.server: Client | None = None
        self.late: list[bytes] = []
        self.asked: list[str] = []
        self.notes: list[str] = []
        self.tokens = 0
        self.epoch = 0
        self.frames = 0
        self.answers: list[tuple[str, int, bytes]] = []

    def count(self, counter: Counter, amount: int = 1) -> None:
        self.counts[counter] = self.counts.get(counter, 0) + amount

    @property
    def kernel(self) -> Feed:
        return self.kernels[SYMBOL]

    @property
    def feed(self) -> MixedFeed:
        return self.feeds[SYMBOL]

    def now_ms(self) -> int:
        return self.now_ns // MS

    # The connection

    def token(self) -> str:
        return sign({"sub": "u", "exp": self.now_ms() // 1000 + 100}, SECRET)

    def open(self, token: str = "") -> None:
        self.epoch += 1
        self.server = Client(
            self.rules, self.broker, self.now_ms, lambda text, now_ms: read(text, SECRET, now_ms)
        )
        for feed in self.feeds.values():
            feed.on_line_up(0, self.epoch, self.now_ns)
        self.perform(self.talk.opened(self.rows, token or self.token(), self.now_ns))

    def cut(self, code: int = 1006) -> Any:
        """The connection ends; what was under way is lost."""
        self.late.clear()
        self.hear()
        verdict = self.talk.closed(code)
        for feed in self.feeds.values():
            feed.on_line_down(0, self.now_ns)
        assert self.server is not None
        self.server.gone()
        self.server = None
        return verdict

    def hear(self) -> None:
        numbers = {}
        for row in self.rows:
            number = self.feeds[row.instrument].stood(row.channel)
            if number > 0:
                numbers[row.stream] = number
        self.talk.heard(numbers, self.now_ns)

    def perform(self, actions: list[Action]) -> None:
        sent = []
        for action in actions:
            if isinstance(action, Send):
                sent.append(action.message)
            elif isinstance(action, Told):
                for event in action.events:
                    if not isinstance(event, Unreadable):
                        self.feeds[event.symbol].on_event(event, 0, self.now_ns)
            elif isinstance(action, Stands):
                rows = {row.instrument: row for row in self.rows if row.stream == action.stream}
                for row in rows.values():
                    self.feeds[row.instrument].on_stands(row.channel, action, self.now_ns)
            elif isinstance(action, Ask):
                self.asked.append(action.tag)
            elif isinstance(action, TokenWanted):
                self.tokens += 1
                self.perform(self.talk.on_token(self.token(), self.now_ns))
            elif isinstance(action, Note):
                self.notes.append(action.text)
            else:
                assert isinstance(action, Drop), action
                self.late.append(b"")
        if sent and self.server is not None:
            self.frames += len(sent)
            answers = [self.server.receive(frame) for frame in sent]
            assert not any(answer.close for answer in answers), answers
            self.receive(*(answer.message for answer in answers if answer.message))

    def receive(self, *frames: bytes) -> None:
        for frame in frames:
            if self.codec.decode(frame, self.now_ns, 0):
                self.hear()
                # Lines before the one that was left are told again by none: numbers say so.
                self.perform(self.talk.received(frame, self.now_ns))

    def tick(self, seconds: float = 0.05) -> None:
        """Time passes on both sides."""
        self.now_ns += int(seconds * SECOND_NS)
        self.hear()
        if self.server is not None:
            reply = self.server.turn()
            if reply is not None and reply.message:
                self.receive(reply.message)
            self.perform(self.talk.on_timer(self.now_ns))
        for feed in self.feeds.values():
            feed.on_timer(self.now_ns)

    # What the venue does

    def publish(self, data: Any, *, lost: bool = False, symbol: str = SYMBOL) -> None:
        channel = self.speaks + symbol
        push = self.broker.publish(channel, json.dumps(data).encode().replace(b" ", b""), 0)
        if self.server is not None and channel in self.server.streams and not lost:
            self.late.append(push)

    def deliver(self) -> None:
        late, self.late = self.late, []
        self.receive(*late)

    def end(self, code: int) -> None:
        """The venue ends the book's subscription."""
        self.deliver()
        assert self.server is not None
        self.receive(self.server.end(lambda name: True, code).message)

    def ask(self, symbol: str = SYMBOL) -> None:
        """Ask for a book, if one is wanted now; the answer shows the book as it stands."""
        feed = self.feeds[symbol]
        if feed.snapshot_due_ns is None or feed.snapshot_due_ns > self.now_ns:
            return
        feed.on_snapshot_asked(self.now_ns)
        body = json.dumps({"errno": 0, "data": self.book.whole()}).encode()
        self.answers.append((symbol, feed.epoch, body))

    def answer(self) -> None:
        for symbol, epoch, body in self.answers:
            found = snapshot(body, self.instruments[symbol])
            self.feeds[symbol].on_snapshot(found, epoch, self.now_ns)
        self.answers.clear()

    # What came of it

    def state(self, symbol: str = SYMBOL) -> State:
        return State(self.kernels[symbol].state(FeedKind.BOOK))

    def right(self) -> bool:
        unit = 10**8
        sides = {"bids": self.kernel.bids(), "asks": self.kernel.asks()}
        return all(
            [(price * unit, qty * unit) for price, qty in sorted(
                self.book.sides[name].items(), reverse=name == "bids")] == found
            for name, found in sides.items()
        )  # fmt: skip


__all__ = ["JANUARY", "LIST", "SYMBOL", "TODAY", "Rig"]
