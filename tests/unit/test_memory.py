"""A million messages leave no memory behind: not in the process, not in the pool of pages."""

import os
from collections.abc import Iterator

from connector._speedups.book import Book, refill
from connector._speedups.codec_binance_usdm import BinanceUsdmCodec
from connector._speedups.segment import Segment
from connector.model.counters import Counter
from tests.reference.feed_desk import Desk, make_desk

BATCHES, ROUNDS = 20, 10_000
KINDS = 5
MIDDLE = 50_000
KEEPS_FREED = "libasan" in os.environ.get("LD_PRELOAD", "")
"""AddressSanitizer holds freed memory back for a while: the resident size says nothing then."""


def resident() -> int:
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def frames(batch: int) -> Iterator[bytes]:
    """Five kinds in turn; each level set is deleted two messages later, on pages far and near."""
    for number in range(batch * ROUNDS + 1, (batch + 1) * ROUNDS + 1):
        ids = 100 + number
        bid = MIDDLE - 1 - number * 7919 % 40_000
        gone = MIDDLE - 1 - (number - 2) * 7919 % 40_000
        ask = MIDDLE + 1 + number * 104_729 % 3_000_000
        left = MIDDLE + 1 + (number - 2) * 104_729 % 3_000_000
        yield (
            b'{"e":"depthUpdate","E":%d,"T":%d,"s":"X","U":%d,"u":%d,"pu":%d,'
            b'"b":[["%d","%d"],["%d","0"]],"a":[["%d","3"],["%d","0"]]}'
            % (ids, ids, ids, ids, ids - 1, bid, 1 + number % 7, gone, ask, left)
        )
        yield (
            b'{"e":"bookTicker","u":%d,"s":"X","b":"9.1","B":"%d","a":"9.2","A":"1","T":%d,"E":%d}'
            % (ids, 1 + number % 9, ids, ids)
        )
        yield (
            b'{"e":"trade","E":%d,"T":%d,"s":"X","t":%d,"p":"9.1","q":"2","X":"MARKET","m":true}'
            % (ids, ids, number)
        )
        yield (
            b'{"e":"markPriceUpdate","E":%d,"s":"X","p":"9.12","i":"9.1","P":"","r":"0.0001","T":0}'
            % ids
        )
        yield b'{"e":"depthUpdate","E":%d,"T":1,"s":"X","U":1,"u":2,"pu":1,"b":[["1","' % ids


def run(desk: Desk, codec: BinanceUsdmCodec, batch: int) -> None:
    handled, _ = codec.decode_many(list(frames(batch)), 1)
    assert handled == (KINDS - 1) * ROUNDS


def test_a_million_messages_leave_nothing_behind() -> None:
    desk = make_desk(Segment.create(1 << 20))
    desk.live([], [])
    codec = BinanceUsdmCodec(desk.segment)
    codec.add("X", desk.feed)
    ready, held = [], []
    for batch in range(BATCHES):
        run(desk, codec, batch)
        ready.append(refill())
        held.append(resident())
    assert desk.count(Counter.FAST) == BATCHES * (KINDS - 1) * ROUNDS
    assert desk.count(Counter.FALLBACK) == BATCHES * ROUNDS
    assert desk.feed.counts == (2, 2)
    assert (
        max(ready[2:]) - min(ready[2:]) <= 4
    )  # two levels a side stand, on as many pages or fewer
    assert KEEPS_FREED or held[-1] - held[4] < 1 << 20


def test_books_that_went_give_back_all_they_had() -> None:
    side = [number for level in range(1, 20_000) for number in (level * 64, 5)]

    def fill() -> int:
        for _ in range(20):
            Book(1, 1 << 19).apply(side, [])
        return refill()

    ready, held = fill(), resident()
    assert all(fill() == ready for _ in range(5))
    assert KEEPS_FREED or resident() - held < 1 << 20


def test_refilled_memory_is_enough_for_the_next_messages() -> None:
    least = refill()
    assert least >= 2048
    book = Book(1, 1 << 19)
    for page in range(1, 2001):
        book.apply([page * 64, 5], [])
    assert book.pages == 2000
    assert refill() >= 2048
