"""The compiled reader of depth answers says what the msgspec decoder says, or leaves it to that."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.model.states import FeedKind, Reason, State
from connector.venues.binance_usdm.market import snapshot
from connector.venues.contract import Snapshot
from tests.reference.decoding import Decoder, instrument
from tests.reference.mutations import mutated

ONE = instrument("BTCUSDT")
BOTH = [Decoder(ONE), Decoder(ONE)]
BOTH[1].codec.quick = False


def answer(levels: int, seed: int = 1, stamped: bool = True) -> bytes:
    """As the venue writes it."""
    draw = Random(seed)
    sides = {
        name: [
            [f"{30000 + sign * (1 + level) * 0.1:.2f}", f"{draw.randrange(1, 10**6) / 1000:.3f}"]
            for level in range(levels)
        ]
        for name, sign in (("bids", -1), ("asks", 1))
    }
    head: dict[str, Any] = {"lastUpdateId": 8_000_000_000_000 + seed}
    if stamped:
        head |= {"E": 1_700_000_000_123, "T": 1_700_000_000_120}
    return json.dumps({**head, **sides}, separators=(",", ":")).encode()


def agree(body: bytes) -> bool:
    """Whether the answer was taken; if it was, the oracle must say the same of it."""
    taken = []
    for decoder in BOTH:
        packed = decoder.codec.snapshot(body, "BTCUSDT")
        taken.append(packed is not None)
        if packed is not None:
            read = Snapshot(packed.last_id, packed.venue_ns, packed.bids, packed.asks)
            assert read == snapshot(body, ONE)
    assert taken[0] == taken[1]
    return taken[0]


@pytest.mark.parametrize("levels", [0, 1, 5, 1000])
@pytest.mark.parametrize("stamped", [True, False])
def test_plain_answers_are_taken(levels: int, stamped: bool) -> None:
    assert agree(answer(levels, stamped=stamped))


SMALL = [answer(count, stamped=stamped) for count in (0, 1, 3) for stamped in (True, False)]


@settings(max_examples=400, deadline=None)
@given(mutated(SMALL))
@example(SMALL[0] + b"\n")
@example(SMALL[1] + b"}")
@example(SMALL[2].replace(b'"asks"', b'"bids"'))
@example(SMALL[2].replace(b'"E":1', b'"E":9'))
@example(SMALL[2].replace(b"1700000000123", b"9223372036855"))
def test_mutated_answers_are_read_alike_or_left(body: bytes) -> None:
    agree(body)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_bytes_of_no_meaning_are_left(body: bytes) -> None:
    assert not agree(b'{"lastUpdateId":' + body)


def test_a_staged_answer_is_the_same_book_either_way() -> None:
    body = answer(300, 7)
    books = []
    for packed in (True, False):
        segment = Segment.create(1 << 20)
        feed = Feed(segment, segment.add_instrument(ONE), ONE)
        feed.set_state(FeedKind.BOOK, State.SYNCING, Reason.CONNECTED)
        found: Any = BOTH[0].codec.snapshot(body, "BTCUSDT") if packed else snapshot(body, ONE)
        feed.stage(found)
        feed.adopt(1)
        books.append((feed.bids(), feed.asks(), feed.last_id, feed.bounds))
    assert books[0] == books[1]
    assert len(books[0][0]) == 300
