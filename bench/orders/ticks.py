"""Frames in, orders out: the strategy's turn and the venue's in one loop, sent when they are due.

Every ``EVERY``-th frame is one on which the strategy trades. Frames are sent when they are due
(Poisson arrivals by a fixed seed), whether or not anything came of the last one; times count from
when the frame was *due*, so what holds up the sender is in them."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

import orjson

from bench import native
from bench.frames import Frames
from bench.orders.venue import Venue, server_frame
from bench.path import SIDE, ticker_messages

EVERY = 10
GAP_NS = 500_000
BATCH = 500
"""Frames: 50 orders, one every 5 ms; an account may have 30 a second for long."""
BURST, BURST_NS = 2_500, 100_000_000
BURST_EVERY = 250
"""10 orders in 100 ms."""
BURSTS = 4
"""In the place of one batch."""
GRACE_NS = 2_000_000_000
NEAR = slice(5, 205)
"""Levels that change, counted from the best."""
STEP = 9
"""Between the ids of two depth messages."""


@dataclass
class Ticks:
    """Frames of one stream, and the ids of those the strategy trades on."""

    stream: str
    frames: list[bytes]
    ids: list[int]
    """Of each frame."""
    every: int
    gap_ns: int

    @property
    def triggers(self) -> list[int]:
        """Places of the frames the strategy trades on."""
        return list(range(self.every - 1, len(self.frames), self.every))


@dataclass
class Turn:
    """What happened to one trigger; CLOCK_MONOTONIC, 0: it did not."""

    due_ns: int = 0
    written_ns: int = 0
    """The frame's write began."""
    recv_ns: int = 0
    """The connector's stamp of the frame."""
    had_ns: int = 0
    """The strategy has the event."""
    asked_ns: int = 0
    """``place()`` returned."""
    left_ns: int = 0
    """Before the write of the order."""
    came_ns: int = 0
    """The venue's end has read it."""
    command: int = 0


class Source:
    """Frames without end that continue the recording's base book."""

    def __init__(self, frames: Frames, *, wrapped: bool = True) -> None:
        self._wrapped = wrapped
        self._symbol = frames.symbol.lower()
        self._depth = _depth(frames)
        self._last_id = frames.base.last_id
        self._ticker_id = frames.base.last_id + 10**9
        self._ticker = ticker_messages(frames, self._ticker_id, 10**9)

    def _take(self, messages: Iterator[bytes], count: int) -> list[bytes]:
        found = list(islice(messages, count))
        if not self._wrapped:
            found = [text[text.index(b'"data":') + 7 : -1] for text in found]
        return [server_frame(text) for text in found]

    def depth(self, count: int, every: int = EVERY, gap_ns: int = GAP_NS) -> Ticks:
        """Depth messages of 30 levels."""
        ids = [self._last_id + STEP * (number + 1) for number in range(count)]
        self._last_id = ids[-1]
        frames = self._take(self._depth, count)
        return Ticks(f"{self._symbol}@depth", frames, ids, every, gap_ns)

    def bbo(self, count: int, every: int = EVERY, gap_ns: int = GAP_NS) -> Ticks:
        """Best bids and asks."""
        ids = [self._ticker_id + number + 1 for number in range(count)]
        self._ticker_id = ids[-1]
        frames = self._take(self._ticker, count)
        return Ticks(f"{self._symbol}@bookTicker", frames, ids, every, gap_ns)

    def pulse(self, venue: Venue) -> None:
        """A frame of each stream that somebody reads."""
        for kind, make in (("bookTicker", self.bbo), ("depth", self.depth)):
            if (peer := venue.stream(f"{self._symbol}@{kind}")) is not None:
                peer.sock.sendall(make(1).frames[0])


def _depth(frames: Frames) -> Iterator[bytes]:
    """Messages of 30 levels: prices of the recorded book behind its touch, which so never crosses,
    with quantities of it drawn anew."""
    base, chance = frames.base, random.Random(7)
    bids = sorted(base.bids.items(), key=lambda row: -float(row[0]))[NEAR]
    asks = sorted(base.asks.items(), key=lambda row: float(row[0]))[NEAR]
    quantities = [row[1] for row in bids + asks]
    last, symbol = base.last_id, frames.symbol
    for number in count():
        sides = [
            orjson.dumps(
                [[price, chance.choice(quantities)] for price, _ in chance.sample(rows, SIDE)]
            )
            for rows in (bids, asks)
        ]
        now_ms = 1_700_000_000_000 + number
        yield (
            b'{"stream":"%s@depth@0ms","data":{"e":"depthUpdate","E":%d,"T":%d,"s":"%s",'
            b'"U":%d,"u":%d,"pu":%d,"b":%s,"a":%s}}'
            % (
                symbol.lower().encode(),
                now_ms,
                now_ms,
                symbol.encode(),
                last + 1,
                last + STEP,
                last,
                *sides,
            )
        )
        last += STEP


def _due(ticks: Ticks, seed: int) -> list[int]:
    chance = random.Random(seed)
    at, found = time.monotonic_ns() + 2_000_000, []
    for _ in ticks.frames:
        at += int(chance.expovariate(1 / ticks.gap_ns))
        found.append(at)
    return found


@dataclass
class Strategy:
    """What a daemon's strategy does in each turn of the loop, and what it noted."""

    poll: Callable[[], Any]
    on_event: Callable[[Any], bool]
    """Whether it is one to trade on."""
    trade: Callable[[], int]
    """Place the order; the command's number."""
    turns: list[Turn] = field(default_factory=list)


def run(venue: Venue, ticks: Ticks, seed: int, strategy: Strategy | None = None) -> list[Turn]:
    """Send the frames; the triggers' turns. Without ``strategy`` it is in another process.

    RuntimeError when an order does not come within two seconds of the last frame."""
    peer = venue.stream(ticks.stream)
    assert peer is not None
    send, fd, clock = native.load().send_now, peer.sock.fileno(), time.monotonic_ns
    frames, due, most = ticks.frames, _due(ticks, seed), len(ticks.frames)
    wanted = len(ticks.triggers)
    before = len(venue.orders)
    written = [0] * most
    noted: list[tuple[int, int, int, int]] = []
    sent, asked = 0, before
    end_ns = due[-1] + GRACE_NS
    orders, turn = venue.orders, venue.turn
    while len(orders) - before < wanted:
        now_ns = clock()
        if sent < most:
            if now_ns >= due[sent]:
                written[sent] = now_ns
                if send(fd, frames[sent], 0, len(frames[sent])):
                    raise RuntimeError("the stream ended")
                sent += 1
        elif now_ns > end_ns:
            break
        if strategy is None:
            turn()
            continue
        event = strategy.poll()
        if event is not None and strategy.on_event(event):
            had_ns = clock()
            number = strategy.trade()
            noted.append((event.recv_ns, had_ns, clock(), number))
            asked += 1
        if asked > len(orders):
            turn()
    got = orders[before:]
    found = [Turn(due_ns=due[at], written_ns=written[at]) for at in ticks.triggers]
    for one, (recv_ns, had_ns, asked_ns, number) in zip(found, noted, strict=False):
        one.recv_ns, one.had_ns, one.asked_ns, one.command = recv_ns, had_ns, asked_ns, number
    for one, order in zip(found, got, strict=False):
        one.came_ns = order.came_ns
    return found
