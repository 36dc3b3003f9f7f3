"""A depth message read without being applied says what msgspec and what json with Decimal say."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.venues.binance_usdm.market import decode
from connector.venues.contract import Depth
from tests.reference.decoding import Decoder, instrument
from tests.reference.mutations import mutated

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "binance_usdm" / "frames.jsonl"
ROWS = [json.loads(line)["raw"].encode() for line in GOLDEN.read_text().splitlines()]
SYMBOLS = ["BTCUSDT", "ETHUSDT", "SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT"]
SCALES = [(8, 8), (2, 3), (12, 1)]
"""By decoder: of some the numbers do not fit all frames, which are left then."""
MS = 1_000_000


def raw_of(frame: bytes) -> bytes:
    """The payload of a wrapped frame."""
    return frame[frame.index(b'"data":') + 7 : -1] if frame.startswith(b'{"stream"') else frame


DEPTHS = [frame for frame in ROWS if raw_of(frame).startswith(b'{"e":"depthUpdate"')]
DEPTHS += [raw_of(frame) for frame in DEPTHS]
OTHERS = [frame for frame in ROWS if b"depthUpdate" not in frame]
EMPTY = b'{"e":"depthUpdate","E":5,"T":4,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[],"a":[]}'


def make(price_exponent: int, qty_exponent: int, quick: bool) -> Decoder:
    made = Decoder(*[instrument(name, price_exponent, qty_exponent) for name in SYMBOLS])
    made.codec.quick = quick and made.codec.quick
    return made


PAIRS = [(make(*scale, quick=True), make(*scale, quick=False)) for scale in SCALES]


def plain(frame: bytes, decoder: Decoder) -> Depth:
    """By the standard library alone: every number exactly as written, scaled by Decimal."""
    told = json.loads(frame, parse_float=Decimal)
    told = told.get("data", told)
    scale = decoder.instruments[told["s"]]

    def side(levels: list[list[str]]) -> list[int]:
        flat: list[int] = []
        for price, qty, *_ in levels:
            for text, exponent in ((price, scale.price_exponent), (qty, scale.qty_exponent)):
                scaled = Decimal(text).scaleb(exponent)
                assert scaled == int(scaled), "a number was rounded"
                flat.append(int(scaled))
        return flat

    return Depth(
        told["s"],
        told["U"],
        told["u"],
        told["pu"],
        told.get("E", 0) * MS,
        told.get("T", 0) * MS,
        side(told["b"]),
        side(told["a"]),
    )


def agree(frame: bytes) -> list[bool]:
    """By scale, whether the codec took the frame; if it did, both oracles say the same of it."""
    found = []
    for pair in PAIRS:
        taken = []
        for decoder in pair:
            written, counters = decoder.segment.written, decoder.segment.sequence
            packed = decoder.codec.depth(frame, 77, 3)
            assert (decoder.segment.written, decoder.segment.sequence) == (written, counters)
            taken.append(packed is not None)
            if packed is None:
                continue
            read = Depth(
                packed.symbol,
                packed.first_id,
                packed.last_id,
                packed.prev_id,
                packed.venue_ns,
                packed.transaction_ns,
                list(packed.bids),
                list(packed.asks),
            )
            assert read == decode(frame, decoder.scales)
            assert read == plain(frame, decoder)
        assert taken[0] == taken[1]
        found.append(taken[0])
    return found


@pytest.mark.parametrize("frame", [*DEPTHS, EMPTY], ids=lambda frame: frame[:60].decode())
def test_real_messages_are_taken(frame: bytes) -> None:
    assert agree(frame)[0] == (json.loads(raw_of(frame))["s"] in SYMBOLS)


@pytest.mark.parametrize("frame", OTHERS, ids=lambda frame: frame[:60].decode("utf-8", "replace"))
def test_what_is_no_depth_message_is_left(frame: bytes) -> None:
    assert agree(frame) == [False] * len(SCALES)


@settings(max_examples=400, deadline=None)
@given(mutated([*DEPTHS, EMPTY]))
@example(EMPTY + b"\n")
@example(EMPTY.replace(b"}", b"}}"))
@example(EMPTY.replace(b'"E":5', b'"E":9223372036855'))
@example(EMPTY.replace(b'"b":[]', b'"b":[["1","2","3"]]'))
@example(EMPTY.replace(b'"b":[]', b'"b":[["1e3","2"]]'))
@example(EMPTY.replace(b'"b":[]', b'"b":[["-1","2"]]'))
@example(EMPTY.replace(b'"a":[]', b'"a":[],"a":[["1","2"]]'))
@example(EMPTY.replace(b"BTCUSDT", b"OTHERUSDT"))
def test_mutated_messages_are_read_alike_or_left(frame: bytes) -> None:
    agree(frame)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.from_regex(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,13})?", fullmatch=True),
            st.from_regex(r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,9})?", fullmatch=True),
        ),
        max_size=12,
    ),
    st.integers(0, 12),
)
def test_levels_of_any_length_are_read_alike(levels: list[tuple[str, str]], bids: int) -> None:
    rows = [f'["{price}","{qty}"]' for price, qty in levels]
    sides = ",".join(rows[:bids]).encode(), ",".join(rows[bids:]).encode()
    agree(EMPTY.replace(b'"b":[],"a":[]', b'"b":[%b],"a":[%b]' % sides))
