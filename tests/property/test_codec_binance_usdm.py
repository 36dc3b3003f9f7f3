"""The compiled codec says of every frame what the msgspec decoder says, or leaves it to that."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.venues.binance_usdm.market import decode
from connector.venues.contract import UnknownSymbol
from tests.reference.decoding import Decoder, instrument
from tests.reference.mutations import STRANGE, TELLING, mutated

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "binance_usdm" / "frames.jsonl"
ROWS = [json.loads(line) for line in GOLDEN.read_text().splitlines()]
HOT = ("depthUpdate", "bookTicker", "trade", "aggTrade", "markPriceUpdate")
SYMBOLS = ["BTCUSDT", "ETHUSDT", "SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT", "币安人生USDT"]


def raw_of(frame: bytes) -> bytes:
    """The payload of a wrapped frame."""
    return frame[frame.index(b'"data":') + 7 : -1] if frame.startswith(b'{"stream"') else frame


def is_hot(frame: bytes) -> bool:
    head = raw_of(frame)[:40]
    return any(head.startswith(b'{"e":"%s"' % kind.encode()) for kind in HOT)


FRAMES = [row["raw"].encode() for row in ROWS]
HOT_FRAMES = [frame for frame in FRAMES if is_hot(frame)]
HOT_FRAMES += [raw_of(frame) for frame in HOT_FRAMES]
SHORT_FRAMES = [frame for frame in HOT_FRAMES if len(frame) < 400]
WIDE = (
    '{"stream":"币安人生usdt@bookTicker","data":{"e":"bookTicker","u":5,"s":"币安人生USDT",'
    '"ps":"币安人生USDT","b":"0.1","B":"1","a":"0.2","A":"2","T":1,"E":2,"st":1}}'
).encode()


def make() -> Decoder:
    return Decoder(*[instrument(name) for name in SYMBOLS])


@pytest.fixture(scope="module", params=["quick", "plain"])
def decoder(request: pytest.FixtureRequest) -> Decoder:
    made = make()
    if request.param == "plain":
        made.codec.quick = False
    elif not made.codec.quick:
        pytest.skip("this processor has no AVX2")
    return made


def agree(decoder: Decoder, frame: bytes) -> bool:
    """Whether the codec took the frame; if it did, the oracle must say the same of it."""
    event = decoder.read(frame)
    if event is None:
        return False
    assert event == decode(frame, decoder.scales)
    return True


@pytest.mark.parametrize(
    "frame", [*HOT_FRAMES, WIDE], ids=lambda frame: frame[:60].decode("utf-8", "replace")
)
def test_real_frames_are_taken(decoder: Decoder, frame: bytes) -> None:
    expected = decode(frame, decoder.scales)
    assert decoder.read(frame) == (None if isinstance(expected, UnknownSymbol) else expected)


@pytest.mark.parametrize("frame", [row for row in FRAMES if not is_hot(row)])
def test_other_frames_are_left(decoder: Decoder, frame: bytes) -> None:
    assert decoder.read(frame) is None


BOTH = [make(), make()]
BOTH[1].codec.quick = False


@settings(max_examples=400, deadline=None)
@given(mutated([*HOT_FRAMES, WIDE]))
@example(HOT_FRAMES[0] + b"\n")
@example(HOT_FRAMES[0].replace(b"}", b"}}"))
def test_mutated_frames_are_read_alike_or_left(frame: bytes) -> None:
    for decoder in BOTH:
        agree(decoder, frame)


EXPONENTS = [(8, 8), (2, 3), (0, 0), (12, 1), (5, 9), (10, 10)]
SCALED = Decoder(*[instrument(f"P{price}Q{qty}", price, qty) for price, qty in EXPONENTS])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[0-9]{1,18}(\.[0-9]{1,17})?", fullmatch=True),
            st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,9})?", fullmatch=True),
        ),
        max_size=8,
    ),
    st.sampled_from(EXPONENTS),
    st.sampled_from([b"}", b',"st":1}']),
)
def test_levels_of_any_length_are_read_alike(
    levels: list[tuple[str, str]], exponents: tuple[int, int], ending: bytes
) -> None:
    side = ",".join(f'["{price}","{qty}"]' for price, qty in levels)
    symbol = "P{}Q{}".format(*exponents)
    head = f'{{"e":"depthUpdate","E":1,"T":1,"s":"{symbol}","U":1,"u":2,"pu":0,'
    frame = f'{head}"b":[{side}],"a":[{side}]'.encode() + ending
    taken = []
    for quick in (True, False):
        SCALED.codec.quick = quick
        taken.append(agree(SCALED, frame))
    assert taken[0] == taken[1]


NUMBER = st.from_regex(r"[0-9]{1,18}(\.[0-9]{1,17})?", fullmatch=True)
SHORT_NUMBER = st.from_regex(r"(0|[1-9][0-9]{0,5})(\.[0-9]{1,3})?", fullmatch=True)
ANY_NUMBER = SHORT_NUMBER | NUMBER


@settings(max_examples=300, deadline=None)
@given(
    st.tuples(ANY_NUMBER, ANY_NUMBER, ANY_NUMBER, ANY_NUMBER),
    st.sampled_from(EXPONENTS),
    st.tuples(*2 * [st.integers(1, 10**14) | st.integers(9223372036850, 9223372036860)]),
    st.booleans(),
    st.none() | st.randoms(use_true_random=False),
)
def test_keys_in_any_order_are_read_alike(
    numbers: tuple[str, ...],
    exponents: tuple[int, int],
    times: tuple[int, int],
    later_years: bool,
    shuffle: Random | None,
) -> None:
    symbol = "P{}Q{}".format(*exponents)
    head, later = [f'"s":"{symbol}"'], [f'"ps":"{symbol}"'] if later_years else []
    bid, bid_qty, ask, ask_qty = numbers
    ticker = [f'"b":"{bid}"', f'"B":"{bid_qty}"', f'"a":"{ask}"', f'"A":"{ask_qty}"']
    ticker = ['"u":7', *head, *later, *ticker, f'"T":{times[0]}', f'"E":{times[1]}']
    trade = [f'"E":{times[0]}', f'"T":{times[1]}', *head, '"t":7', f'"p":"{bid}"']
    trade += [f'"q":"{bid_qty}"', '"X":"MARKET"', '"m":true']
    for kind, keys in (("bookTicker", ticker), ("trade", trade)):
        keys += ['"st":1'] if later_years else []
        if shuffle is not None:
            shuffle.shuffle(keys)
        frame = f'{{"e":"{kind}",{",".join(keys)}}}'.encode()
        taken = []
        for quick in (True, False):
            SCALED.codec.quick = quick
            taken.append(agree(SCALED, frame))
        assert taken[0] == taken[1]


def every_small_change(frame: bytes) -> Iterator[bytes]:
    for at in range(len(frame)):
        yield frame[:at]
        yield frame[:at] + frame[at + 1 :]
        for byte in [*TELLING, *STRANGE]:
            yield frame[:at] + byte + frame[at + 1 :]
            yield frame[:at] + byte + frame[at:]


@pytest.mark.parametrize("kind", HOT)
def test_every_small_change_of_a_frame_is_read_alike_or_left(decoder: Decoder, kind: str) -> None:
    frame = max((one for one in SHORT_FRAMES if f'"{kind}"'.encode() in one), key=len)
    taken = sum(agree(decoder, changed) for changed in every_small_change(frame))
    assert taken > 20  # a changed digit is still a frame


@pytest.mark.parametrize("symbol_type", [b"2", b'"2"', b"0", b"11", b"1.0"])
def test_coin_m_is_never_taken_for_usd_m(decoder: Decoder, symbol_type: bytes) -> None:
    for frame in HOT_FRAMES:
        if b'"st":1' in frame:
            assert decoder.read(frame.replace(b'"st":1', b'"st":' + symbol_type)) is None


@pytest.mark.parametrize(
    "stream", ["btcusdt@depth20@100ms", "btcusdt@rpiDepth@500ms", "btcusdt", "@", ""]
)
def test_only_the_diff_stream_changes_a_book(decoder: Decoder, stream: str) -> None:
    payload = raw_of(next(frame for frame in HOT_FRAMES if b"depthUpdate" in frame))
    wrapped = b'{"stream":"%s","data":%s}'
    assert decoder.read(wrapped % (stream.encode(), payload)) is None
    for name in (b"btcusdt@depth", b"btcusdt@depth@0ms"):
        assert agree(decoder, wrapped % (name, payload))


def test_a_symbol_that_was_removed_is_left() -> None:
    decoder = make()
    assert agree(decoder, WIDE)
    decoder.codec.remove("币安人生USDT")
    assert decoder.read(WIDE) is None
    assert "BTCUSDT" in decoder.codec.symbols
    with pytest.raises(KeyError):
        decoder.codec.remove("币安人生USDT")


def test_many_symbols_are_told_apart() -> None:
    names = [f"A{number}USDT" for number in range(500)]
    decoder = Decoder(*[instrument(name) for name in names])
    frame = b'{"e":"bookTicker","u":%d,"s":"A%dUSDT","b":"1","B":"1","a":"2","A":"1","T":1,"E":1}'
    for number in range(520):
        assert agree(decoder, frame % (number, number)) == (number < 500)


def lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as stream:
        for line in stream:
            stamp, _, frame = line.rstrip().partition(b" ")
            if stamp.rstrip(b":").replace(b".", b"").isdigit():
                yield frame


@pytest.mark.parametrize(
    "name",
    [
        "alts_202107.ws.1.0.gz",
        "btcusdt_20220811.dat.gz",
        "btcusdt_20230404.dat.gz",
        "btcusdt_20230405.dat.gz",
        "ethusdt_20240718.gz",
        "ethusdt_20240719.gz",
    ],
)
def test_recordings_are_read_alike_and_hardly_anything_is_left(
    decoder: Decoder, recordings: Path, name: str
) -> None:
    frames = [frame for frame in lines(recordings / "binance-usdm" / name) if is_hot(frame)]
    frames = frames[:: max(1, len(frames) // 3000)]
    left = sum(not agree(decoder, frame) for frame in frames)
    assert left <= len(frames) // 1000 + 1  # a trade with the insurance fund
