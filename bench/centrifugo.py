"""Pushes of Cadenza's channels for the benches, and a live book that they continue.

Nobody has published a recording of this venue: the shape is that of its current page, the numbers a
walk by a fixed seed."""

import json
import random

from connector._speedups.codec_cadenza import CadenzaCodec
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.model.instrument import Instrument
from connector.model.states import FeedKind, Reason, State
from connector.venues.contract import Snapshot

SYMBOL = "BINANCE:BTC/USDT"
CHANNEL = f"market:orderbook:{SYMBOL}"
TRADES = f"market:trade:{SYMBOL}"
LEVELS = 20
BEGUN_MS = 1_700_000_000_000
MIDDLE = 5_000_000
"""In ticks of 0.01."""


def _row(tick: int, chance: random.Random) -> list[str]:
    return [f"{tick // 100}.{tick % 100:02d}", f"{chance.randrange(1, 400_000) / 100_000:.5f}"]


def _push(number: int, kind: str, bids: list[list[str]], asks: list[list[str]]) -> bytes:
    venue, _, symbol = SYMBOL.partition(":")
    data = {
        "updateType": kind, "instrumentId": SYMBOL, "venue": venue, "symbol": symbol,
        "orderBookType": "L2", "columns": ["price", "quantity"], "bids": bids, "asks": asks,
        "timestamp": BEGUN_MS + number,
    }  # fmt: skip
    push = {"push": {"channel": CHANNEL, "pub": {"data": data, "offset": number}}}
    return json.dumps(push, separators=(",", ":")).encode()


def wholes(count: int, seed: int = 1) -> list[bytes]:
    """Whole books of 20 levels a side, offsets from 1 on: half of the quantities are new each time,
    and all prices have moved by a tick in one of ten."""
    chance = random.Random(seed)
    middle = MIDDLE
    sides: list[list[list[str]]] = [[], []]
    found = []
    for number in range(1, count + 1):
        if number == 1 or chance.random() < 0.1:
            middle += chance.choice((-1, 1))
            sides = [
                [_row(middle - away, chance) for away in range(1, LEVELS + 1)],
                [_row(middle + away, chance) for away in range(1, LEVELS + 1)],
            ]
        for side in sides:
            for place in chance.sample(range(LEVELS), LEVELS // 2):
                side[place] = [side[place][0], _row(0, chance)[1]]
        found.append(_push(number, "SNAPSHOT", *sides))
    return found


def changes(count: int, seed: int = 2) -> list[bytes]:
    """Changes of 20 levels, ten a side, offsets from 1 on."""
    chance = random.Random(seed)
    found = []
    for number in range(1, count + 1):
        away = [sorted(chance.sample(range(1, 3 * LEVELS), LEVELS // 2)) for _ in range(2)]
        bids = [_row(MIDDLE - place, chance) for place in away[0]]
        asks = [_row(MIDDLE + place, chance) for place in away[1]]
        found.append(_push(number, "DIFF", bids, asks))
    return found


def trades(count: int, seed: int = 3) -> list[bytes]:
    """One trade a publication, offsets from 1 on."""
    chance = random.Random(seed)
    found = []
    for number in range(1, count + 1):
        price, qty = _row(MIDDLE + chance.randrange(-10, 10), chance)
        data = {
            "tradeId": str(10**9 + number), "instrumentId": SYMBOL, "price": price,
            "quantity": qty, "side": chance.choice(("BUY", "SELL")),
            "timestamp": BEGUN_MS + number,
        }  # fmt: skip
        push = {"push": {"channel": TRADES, "pub": {"data": data, "offset": number}}}
        found.append(json.dumps(push, separators=(",", ":")).encode())
    return found


class PushRig:
    """A feed with an empty live book whose channel counts from 1, and the codec."""

    def __init__(self) -> None:
        self.segment = Segment.create(1 << 22)
        self.codec = CadenzaCodec(self.segment)
        instrument = Instrument(
            symbol=SYMBOL,
            exchange="Cadenza",
            price_exponent=8,
            qty_exponent=8,
            price_digits=2,
            qty_digits=5,
            tick_e=10**6,
            step_e=10**3,
        )
        self.feed = Feed(self.segment, self.segment.add_instrument(instrument), instrument)
        self.codec.add(SYMBOL, self.feed)

    def begin(self) -> "PushRig":
        """LIVE and empty."""
        self.feed.set_state(FeedKind.BOOK, State.SYNCING)
        self.feed.stage(Snapshot(0, 0, [], []))
        self.feed.adopt()
        self.feed.set_state(FeedKind.BOOK, State.LIVE, Reason.FRESH)
        self.feed.stand(FeedKind.BOOK, 1)
        self.feed.stand(FeedKind.TRADE, 1)
        return self

    def decode(self, messages: list[bytes]) -> int:
        """Nanoseconds for all of ``messages``; RuntimeError unless the compiled path took each."""
        handled, spent_ns = self.codec.decode_many(messages)
        if handled != len(messages):
            raise RuntimeError(
                f"the codec left {len(messages) - handled} of {len(messages)} frames"
            )
        return spent_ns
