"""Synthetic order flow for one symbol: seeded, endless, shaped like the recordings.

Pure: given the state of a symbol and the time, ``step`` changes the book and says what happened.
What it imitates, measured on recorded BTCUSDT, ETHUSDT and small symbols:

* depth messages name a median of 18 levels (mean 30, 99th percentile 190, at most 1,226);
* of these 54-80 % are updates (some to the quantity the level already had), 7-19 % inserts, 5-18 %
  deletes, 1-14 % deletes of levels that came and went between two messages;
* the rank of a touched level has quartiles near 55, 170 and 550 and a 95th percentile near 3,000;
* the touch moves on 2-9 % of depth messages; best bid/ask messages are half of the traffic, run
  ahead of the depth message that covers them, and about one in a hundred comes after it;
* traffic is Poisson with bursts of fifty times the rate for a tenth of a second.

Books are never crossed, quantities are absolute, and each side keeps its size around ``levels``.
"""

import math
import random
from enum import IntEnum
from functools import cache
from statistics import NormalDist

from msgspec import Struct

from connector.sim.exchange import Mark, SymbolState, Trade
from connector.sim.matching.book import ASK, BID

DEPTH_SHARE, TOUCH_SHARE, TRADE_SHARE = 0.33, 0.35, 0.16
"""Messages by cause; a trade also changes the touch and counts as two messages."""
EVENTS_PER_MESSAGE = DEPTH_SHARE + TOUCH_SHARE + TRADE_SHARE

UPDATE, INSERT, DELETE, ABSENT, REPEAT = range(5)
_OPERATIONS = [UPDATE] * 162 + [REPEAT] * 14 + [INSERT] * 36 + [DELETE] * 30 + [ABSENT] * 14

MAX_LEVELS_A_MESSAGE = 1226
LEAST_LEVELS = 300
"""Levels of a side that accounts cannot take for long."""
BURST_FACTOR = 50.0
BURST_NS = 100_000_000
BURST_EVERY_NS = 30_000_000_000


class Kind(IntEnum):
    DEPTH = 0
    """A depth message's worth of levels changed; the fastest diff stream cuts here."""
    TOUCH = 1
    """Only the best levels changed."""
    TRADE = 2


class Step(Struct, frozen=True, gc=False):
    """What one step did."""

    kind: Kind
    touch_moved: bool
    """Price or quantity of a best level changed."""
    late_touch: bool
    """Publish the best bid/ask only after the next depth message, as one in a hundred is."""
    trade: Trade | None
    """Not if accounts' orders were in its way: those trades are `SymbolState.fresh`."""


@cache
def _normal(count: int) -> tuple[float, ...]:
    """Quantiles of the normal distribution: they take longer than all that is made of them."""
    normal = NormalDist()
    return tuple(normal.inv_cdf((i + 0.5) / count) for i in range(count))


def _quantiles(median: float, sigma: float, low: int, high: int, count: int) -> list[int]:
    return [min(high, max(low, round(median * math.exp(sigma * at)))) for at in _normal(count)]


_RANKS = _quantiles(170, 1.75, 1, 6000, 4096)
_SIZES = _quantiles(18, 1.0, 1, MAX_LEVELS_A_MESSAGE, 1024)


class Flow:
    """The flow of one symbol.

    ``rate`` is messages a second over the fastest depth stream, best bid/ask and trades together;
    ``levels`` the size each side tends to (at least 1,000).
    """

    def __init__(
        self,
        state: SymbolState,
        *,
        seed: int,
        rate: float,
        levels: int = 2000,
        now_ns: int,
        bursts: bool = True,
    ) -> None:
        if rate <= 0:
            raise ValueError(f"rate must be above 0, not {rate}")
        self.state = state
        self.rate = rate
        self.levels = max(1000, levels)
        self._random = random.Random(f"{seed}/{state.listing.symbol}")
        self._bits = self._random.getrandbits
        typical = state.listing.lot_notional
        self._lots = _quantiles(typical, 1.4, 1, typical * 500, 2048)
        self._random.shuffle(self._lots)
        self._bursts = bursts
        self._burst_end_ns = 0
        self._next_burst_ns = now_ns + self._gap_ns(1e9 / BURST_EVERY_NS)
        self._drift = 0
        self._open(now_ns)
        self.next_ns = now_ns + self._gap_ns(rate * EVENTS_PER_MESSAGE)

    def step(self, now_ns: int, wall_ms: int) -> Step:
        """Do the event that is due at ``next_ns`` and plan the one after it."""
        state, rng = self.state, self._random
        state.time_ms = wall_ms
        bids, asks = state.sides
        if len(bids.keys) < LEAST_LEVELS or len(asks.keys) < LEAST_LEVELS:
            self.heal()
        state.venue.skip(1 + (self._bits(5)))
        pick = rng.random() * EVENTS_PER_MESSAGE
        trade = None
        if pick < DEPTH_SHARE:
            kind = Kind.DEPTH
            moved = self._depth()
        elif pick < DEPTH_SHARE + TOUCH_SHARE:
            kind = Kind.TOUCH
            moved = self._touch()
        else:
            kind = Kind.TRADE
            moved = True
            trade = self._trade(wall_ms)
        if moved:
            state.bbo_id = state.update_id
        self._plan(now_ns)
        return Step(kind, moved, moved and rng.random() < 0.006, trade)

    def mark(self, wall_ms: int) -> Mark:
        """The symbol's mark price, index and funding at this time."""
        state = self.state
        digits, tick = state.listing.price_digits, state.listing.tick * 10**8
        scale = max(1, tick // 10**digits)
        mid_e = (state.bid_tick + state.ask_tick) * tick // (2 * 10**digits)
        index_e = mid_e + mid_e * self._random.randint(-20, 20) // 100_000
        average_e = (mid_e + index_e) // 2
        hours_8 = 8 * 3600 * 1000
        state.mark = Mark(
            mark_e=average_e + self._random.randint(-scale, scale) // 2,
            index_e=index_e,
            settle_e=index_e + self._random.randint(0, scale),
            average_e=average_e,
            rate_e=self._random.randint(-5000, 10000),
            next_funding_ms=(wall_ms // hours_8 + 1) * hours_8,
        )
        return state.mark

    def _gap_ns(self, rate: float) -> int:
        return int(self._random.expovariate(rate) * 1e9)

    def _plan(self, now_ns: int) -> None:
        rate = self.rate * EVENTS_PER_MESSAGE
        if self._bursts:
            if self.next_ns >= self._next_burst_ns:
                self._burst_end_ns = self.next_ns + BURST_NS
                self._next_burst_ns = self.next_ns + self._gap_ns(1e9 / BURST_EVERY_NS)
            if self.next_ns < self._burst_end_ns:
                rate *= BURST_FACTOR
        self.next_ns += self._gap_ns(rate)

    def _open(self, now_ns: int) -> None:
        """Fill an empty book: dense at the touch, ever wider gaps behind it."""
        state, rng = self.state, self._random
        tick = state.listing.start_tick
        for side, best in ((BID, -tick), (ASK, tick + 1)):
            key = best
            ladder = state.sides[side]
            limit = 0 if side == BID else tick * 20
            for rank in range(self.levels):
                if key >= limit:
                    break
                ladder.keys.append(key)
                ladder.lots[key] = self._lots[self._bits(11)]
                key += 1 + int(rng.expovariate(1.0) * (0.6 + (rank / 250) ** 1.6))
        state.update_id = state.bbo_id = state.venue.take_ids(1)
        for _ in range(20):  # an old snapshot must be able to be older than anything streamed
            self._depth()

    def _depth(self) -> bool:
        """A message's worth of changes behind the touch, and sometimes a move of it."""
        state, bits, lots = self.state, self._bits, self._lots
        low, high = int(self.levels * 0.9), int(self.levels * 1.15)
        touched: tuple[list[int], list[int]] = ([], [])
        for _ in range(_SIZES[bits(10)]):
            draw = bits(32)
            side = draw & 1
            ladder = state.sides[side]
            keys, there = ladder.keys, ladder.lots
            rank = _RANKS[(draw >> 1) & 4095]
            size = len(keys)
            if rank >= size:
                rank = 1 + rank % (size - 1)
            key = keys[rank]
            operation = _OPERATIONS[(draw >> 13) & 255]
            if operation == INSERT and size >= high:
                operation = DELETE
            elif operation == DELETE and size <= low:
                operation = INSERT
            if operation == DELETE:
                del keys[rank], there[key]
            elif operation == UPDATE:
                there[key] = lots[draw >> 21]
            elif operation != REPEAT:
                rank, free = self._free(keys, rank, size)
                if free is None:
                    there[key] = lots[draw >> 21]
                else:
                    key = free
                    if operation == INSERT:
                        keys.insert(rank, key)
                        there[key] = lots[draw >> 21]
            touched[side].append(key)
        state.commit(*touched)
        if self._random.random() < 0.035:
            side = BID if self._random.random() < 0.5 + self._drift * 0.002 else ASK
            self._move(side, state.sides[side].keys[0])
            return True
        return False

    def _free(self, keys: list[int], rank: int, size: int) -> tuple[int, int | None]:
        """A key without a level behind ``rank`` or one of the next ranks tried, and its index."""
        for _ in range(6):
            if rank + 1 >= size:
                return size, self._worst(keys)
            gap = keys[rank + 1] - keys[rank]
            if gap > 1:
                return rank + 1, keys[rank] + 1 + self._bits(16) % (gap - 1)
            rank += 1 + rank // 2
        return 0, None

    def _worst(self, keys: list[int]) -> int | None:
        key = keys[-1] + 1 + self._bits(6)
        limit = 0 if keys[0] < 0 else self.state.listing.start_tick * 20
        return key if key < limit else None

    def _touch(self) -> bool:
        """The best quantity changes; now and then a better price is offered inside the spread."""
        state = self.state
        side = self._bits(1)
        best = state.sides[side].keys[0]
        if state.ask_tick - state.bid_tick > 1:
            best += -1 if self._bits(3) == 0 else 0
        state.offer(side, best, self._lots[self._bits(11)])
        return True

    def _trade(self, wall_ms: int) -> Trade | None:
        state = self.state
        side = self._bits(1)
        ladder = state.sides[side]
        key = ladder.keys[0]
        there = ladder.lots[key]
        taken = there
        if self._bits(5):
            taken = max(1, min(there // 2, self._lots[self._bits(11)] // 3))
        trade = state.take(side, key, taken, whole=taken == there, time_ms=wall_ms)
        if taken == there:
            self._move(side, key)
        return trade

    def _move(self, side: int, best: int) -> None:
        """The best level of ``side`` is gone and the other side follows into its place."""
        state = self.state
        ladder, other = state.sides[side], state.sides[1 - side]
        if len(ladder.keys) < 500:
            return
        if best in ladder.lots:
            state.put(side, best, 0)
        self._drift += 1 if side == ASK else -1
        follow = -best
        if follow < other.keys[0] and follow + ladder.keys[0] > 0:
            state.offer(1 - side, follow, self._lots[self._bits(11)])

    def heal(self) -> None:
        """Offer anew where accounts have taken nearly all there was."""
        state = self.state
        for side in (BID, ASK):
            ladder, other = state.sides[side], state.book.best(1 - side)
            missing = LEAST_LEVELS - len(ladder.keys)
            if missing <= 0:
                continue
            if ladder.keys:
                key = ladder.keys[-1] + 1
            elif other is not None:
                key = 1 - other
            else:
                key = state.listing.start_tick * (-1 if side == BID else 1)
            limit = 0 if side == BID else 1 << 60
            for _ in range(missing):
                if key < limit:
                    state.put(side, key, self._lots[self._bits(11)])
                key += 1 + self._bits(2)
