"""Frames in, orders out: the strategy's turn and the venue's in one loop, sent when they are due.

Every ``EVERY``-th frame is one on which the strategy trades. Frames are sent when they are due
(Poisson arrivals by a fixed seed), whether or not anything came of the last one; times count from
when the frame was *due*, so what holds up the sender is in them."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import orjson

from bench import native
from bench.frames import Frames
from bench.orders.venue import Venue, server_frame
from bench.path import SIDE

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
FIRST_SECOND = 1_700_000_000
BBO, DEPTH = "bookTicker", "depth"
STEP = 9
"""Between the ids of two depth messages."""
AHEAD_NS = 25_000
"""So long before a frame is due that the strategy will trade on, it is asked how calm it is."""
IDLE_NS = 100_000
"""A strategy rehearses so often while it has nothing else to do."""


@dataclass
class Ticks:
    """Frames of one stream; the strategy trades on every ``every``-th."""

    stream: str
    """How its name begins: the pace is the subscriber's."""
    frames: list[bytes]
    every: int
    gap_ns: int
    second: int
    """By the venue's clock, before the first of them."""

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
    calm: bool = False
    """Neither process had to wait for its CPU between the frame's write and the order's arrival."""


class Source:
    """Frames without end that continue the recording's base book.

    By the venue's clock in them a new second begins with each frame the strategy trades on: the
    rule is the same for whoever reads them, and holds for a reader that is handed only the newest
    state. Not ``wrapped``: without the stream's name around, as single streams send them."""

    def __init__(self, frames: Frames, *, wrapped: bool = True) -> None:
        self._wrapped = wrapped
        self.symbol = frames.symbol
        self._last_id = frames.base.last_id
        self._ticker_id = frames.base.last_id + 10**9
        self._tickers = cycle([orjson.loads(frame)["data"] for frame in frames.ticker])
        self._levels = _levels(frames)
        self.second = FIRST_SECOND
        """Of the newest frame; the strategy trades on every one after it."""

    def depth(self, count: int, every: int = EVERY, gap_ns: int = GAP_NS) -> Ticks:
        """Depth messages of 30 levels."""
        return self._ticks("depth@0ms", self._depth, count, every, gap_ns)

    def bbo(self, count: int, every: int = EVERY, gap_ns: int = GAP_NS) -> Ticks:
        """Best bids and asks."""
        return self._ticks("bookTicker", self._bbo, count, every, gap_ns)

    def pulse(self, venue: Venue) -> None:
        """A frame of each stream that somebody reads."""
        for name, make in ((BBO, self.bbo), (DEPTH, self.depth)):
            if (peer := venue.stream(f"{self.symbol.lower()}@{name}")) is not None:
                peer.sock.sendall(make(1, every=2).frames[0])

    def _ticks(
        self, name: str, make: Callable[[int], bytes], count: int, every: int, gap_ns: int
    ) -> Ticks:
        stream = f"{self.symbol.lower()}@{name}"
        first, frames = self.second, []
        for number in range(1, count + 1):
            self.second += number % every == 0
            text = make(self.second * 1000)
            if self._wrapped:
                text = b'{"stream":"%s","data":%s}' % (stream.encode(), text)
            frames.append(server_frame(text))
        return Ticks(stream.partition("@0ms")[0], frames, every, gap_ns, first)

    def _bbo(self, now_ms: int) -> bytes:
        self._ticker_id += 1
        told = next(self._tickers) | {"u": self._ticker_id, "E": now_ms, "T": now_ms}
        return orjson.dumps(told)

    def _depth(self, now_ms: int) -> bytes:
        last, symbol = self._last_id, self.symbol.encode()
        self._last_id += STEP
        return b'{"e":"depthUpdate","E":%d,"T":%d,"s":"%s","U":%d,"u":%d,"pu":%d,"b":%s,"a":%s}' % (
            now_ms,
            now_ms,
            symbol,
            last + 1,
            last + STEP,
            last,
            *next(self._levels),
        )


def _levels(frames: Frames) -> Iterator[tuple[bytes, bytes]]:
    """15 bids and 15 asks: prices of the recorded book behind its touch, which so never crosses,
    with quantities of it drawn anew."""
    base, chance = frames.base, random.Random(7)
    bids = sorted(base.bids.items(), key=lambda row: -float(row[0]))[NEAR]
    asks = sorted(base.asks.items(), key=lambda row: float(row[0]))[NEAR]
    quantities = [row[1] for row in bids + asks]

    def side(rows: list[tuple[str, str]]) -> bytes:
        drawn = chance.sample(rows, SIDE)
        return orjson.dumps([[price, chance.choice(quantities)] for price, _ in drawn])

    while True:
        yield side(bids), side(asks)


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
    waited_ns: Callable[[], int]
    """As ``Calm.waited_ns``."""
    rehearse: Callable[[], object] = lambda: None
    """What it does in idle moments."""


def run(
    venue: Venue,
    ticks: Ticks,
    seed: int,
    strategy: Strategy | None = None,
) -> list[Turn]:
    """Send the frames; the triggers' turns, as far as orders came within two seconds of the last
    frame.

    Without ``strategy`` it is in another process, orders are named by seconds, and the one for the
    last second is waited for: one that lags may order once for several."""
    peer = venue.stream(ticks.stream)
    assert peer is not None
    send, fd, clock = native.load().send_now, peer.sock.fileno(), time.monotonic_ns
    frames, due, most = ticks.frames, _due(ticks, seed), len(ticks.frames)
    wanted = len(ticks.triggers)
    before = len(venue.orders)
    written = [0] * most
    noted: list[tuple[int, int, int, int]] = []
    triggers, calm = set(ticks.triggers), [False] * wanted
    waited_ns = armed = -1
    sent, asked, came, idle_ns = 0, before, before, 0
    end_ns = due[-1] + GRACE_NS
    orders, turn = venue.orders, venue.turn
    final = b"%d" % (ticks.second + wanted)
    while len(orders) - before < wanted:
        if strategy is None and len(orders) > before and orders[-1].name == final:
            break
        now_ns = clock()
        if sent < most:
            if now_ns >= due[sent]:
                written[sent] = now_ns
                if send(fd, frames[sent], 0, len(frames[sent])):
                    raise RuntimeError("the stream ended")
                sent += 1
            elif sent in triggers and strategy and armed != sent and now_ns > due[sent] - AHEAD_NS:
                waited_ns, armed = strategy.waited_ns(), sent
        elif now_ns > end_ns:
            break
        if strategy is None:
            turn()
            continue
        event = strategy.poll()
        if event is None:
            if now_ns - idle_ns > IDLE_NS and (sent >= most or due[sent] - now_ns > AHEAD_NS):
                idle_ns = now_ns
                strategy.rehearse()
        elif strategy.on_event(event):
            had_ns = clock()
            number = strategy.trade()
            noted.append((event.recv_ns, had_ns, clock(), number))
            asked += 1
        if asked > len(orders):
            turn()
        if len(orders) > came:
            calm[came - before] = strategy.waited_ns() == waited_ns
            came = len(orders)
    got = orders[before:]
    found = [Turn(due_ns=due[at], written_ns=written[at]) for at in ticks.triggers]
    for one, (recv_ns, had_ns, asked_ns, number) in zip(found, noted, strict=False):
        one.recv_ns, one.had_ns, one.asked_ns, one.command = recv_ns, had_ns, asked_ns, number
    for one, order, undisturbed in zip(found, got, calm, strict=False):
        one.came_ns, one.calm = order.came_ns, undisturbed
    return found
