"""``connector replay`` where whole books come on the stream: every oracle, and damage."""

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import pytest

from connector.cli import main
from connector.market.replay_streamed import StreamedReplay
from connector.market.replaying import Checkpoint
from connector.protocol.recording import Item, Kind, read
from connector.venues.contract import load
from tests.reference.book_model import BookModel

FILE = Path("phemex") / "book_trade_202107.gz"
ORACLES = ("atomusd", "sgrtusdt", "ssushiusdt", "xtzusd", "yfiusd")
SYMBOL = "XTZUSD"
LENGTH = 40


def digests(capsys, *arguments: object) -> tuple[int, list[dict], str]:
    """Exit code, printed lines and stderr of ``connector replay --digest``."""
    code = main(["replay", "--digest", *map(str, arguments)])
    found = capsys.readouterr()
    return code, [json.loads(line) for line in found.out.splitlines()], found.err


def test_no_phemex_oracle_is_left_out(recordings):
    there = {path.stem for path in (recordings / "oracle").glob("phemex_*.json")}
    assert there == {f"phemex_202107_{name}" for name in ORACLES}


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("venue", [[], ["--venue", "Phemex"]])
def test_every_checkpoint_of_the_oracle_is_reproduced(name, venue, recordings, capsys):
    oracle = json.loads((recordings / "oracle" / f"phemex_202107_{name}.json").read_text())
    wanted = {
        row["inc"]: (row["sequence"], row["bid"], row["ask"], row["nb"], row["na"], row["full"])
        for row in oracle["checkpoints"]
    }
    symbol, every = oracle["symbol"].lower(), min(wanted)
    code, lines, err = digests(
        capsys, recordings / FILE, "--symbol", symbol, "--every", every, *venue
    )
    assert (code, err) == (0, "")
    assert wanted == {
        row["applied"]: tuple(row[key] for key in ("u", "bid", "ask", "nb", "na", "full"))
        for row in lines
    }
    assert lines[-1]["applied"] == oracle["incrementals"]
    assert all(row["top20"] != row["full"] for row in lines)


def test_several_symbols_want_a_choice(recordings, capsys):
    code, lines, err = digests(capsys, recordings / FILE)
    assert (code, lines) == (2, [])
    assert "ATOMUSD, XTZUSD, YFIUSD, sGRTUSDT, sSUSHIUSDT" in err


# The same messages, damaged


def flat(levels: list[list[int]]) -> list[int]:
    return [number for level in levels for number in level]


class Short:
    """The first messages of one symbol's book, and the true books by sequence."""

    def __init__(self, path: Path) -> None:
        book = BookModel()
        self.frames: list[bytes] = []
        self.truth: dict[int, tuple[list, list]] = {}
        self.books: list[bytes] = []
        for item in read([path]):
            if item.kind is not Kind.FRAME or b'"symbol":"XTZUSD"' not in item.payload:
                continue
            content = json.loads(item.payload)
            if "book" not in content or len(self.frames) > LENGTH:
                continue
            book.apply(*(flat(content["book"][side]) for side in ("bids", "asks")))
            self.frames.append(item.payload)
            self.truth[content["sequence"]] = book.bids(), book.asks()
            whole = {"bids": book.bids(), "asks": book.asks()}
            told = {**content, "book": whole, "type": "snapshot"}
            self.books.append(json.dumps(told, separators=(",", ":")).encode())


@pytest.fixture(scope="module")
def short(recordings) -> Short:
    return Short(recordings / FILE)


def replayed(payloads: list[bytes]) -> tuple[list[Checkpoint], StreamedReplay, list[str], bool]:
    found: list[Checkpoint] = []
    said: list[str] = []
    replay = StreamedReplay(
        load("phemex"), symbol=SYMBOL, every=1, on_checkpoint=found.append, warn=said.append
    )
    for index, payload in enumerate(payloads):
        replay.take(Item(index * 1_000_000, Kind.FRAME, "", payload))
    return found, replay, said, replay.finish()


def agrees(found: list[Checkpoint], short: Short) -> None:
    for row in found:
        bids, asks = short.truth[row.u]
        assert (row.bid, row.ask, row.nb, row.na) == (bids[0], asks[0], len(bids), len(asks))


def test_changes_before_the_first_whole_book_are_no_messages_of_it(short):
    found, replay, _, live = replayed([*short.frames[1:9], short.books[4], *short.frames[1:]])
    agrees(found, short)
    assert live
    assert replay.counts["early"] == 8
    assert replay.applied == LENGTH - 4


def test_duplicates_and_repeated_books_change_nothing(short):
    plain, *_ = replayed(short.frames)
    doubled = [
        one for pair in zip(short.frames, short.frames, short.books, strict=True) for one in pair
    ]
    found, replay, said, live = replayed(doubled)
    assert (live, said) == (True, [])
    assert found == plain
    assert len(plain) == replay.applied == LENGTH


@pytest.mark.parametrize("k", [3, 20, 38])
def test_a_newer_whole_book_is_taken_as_it_is(short, k):
    """Whatever was lost before it; itself it counts as no message."""
    found, replay, _, live = replayed([*short.frames[: k - 2], short.books[k], *short.frames[k:]])
    agrees(found, short)
    assert live
    assert replay.applied == LENGTH - 3


def test_a_lost_change_is_found_by_the_next_whole_book(short):
    """Nothing shows it before: the sequence has holes as it is."""
    lost = [*short.frames[:18], short.frames[19], short.books[19], *short.frames[20:]]
    found, replay, said, live = replayed(lost)
    agrees(found[:17], short)
    agrees(found[18:], short)
    assert live
    assert replay.counts["books_differed"] == replay.counts["resyncs"] == 1
    assert ["a message was lost" in sentence for sentence in said] == [True]


@pytest.mark.parametrize("cut", [8, 60, 130])
def test_after_a_torn_message_no_book_is_shown_until_a_whole_one(short, cut):
    torn = [*short.frames[:10], short.frames[10][:cut], *short.frames[11:20]]
    found, _, said, live = replayed(torn)
    agrees(found, short)
    assert (live, len(found)) == (False, 9)
    assert any("cannot be read" in sentence for sentence in said)
    found, _, _, live = replayed([*torn, short.books[19], *short.frames[20:]])
    agrees(found, short)
    assert live
    assert found[-1].u == max(short.truth)


def as_decimals(frame: bytes) -> bytes:
    """The same message as the family with decimal texts has it, without needless zeros."""
    content = json.loads(frame)
    book = {
        side: [[f"{Decimal(price) / 10**4:f}", f"{Decimal(qty) / 10**2:f}"] for price, qty in rows]
        for side, rows in content.pop("book").items()
    }
    told = {"depth": 30, "dts": 1, "mts": 2, "orderbook_p": book, **content}
    return json.dumps(told, separators=(",", ":")).encode()


def test_decimal_texts_are_hashed_as_they_are_written(short, tmp_path, capsys):
    path = tmp_path / "decimals"
    path.write_bytes(b"\n".join(map(as_decimals, [*short.frames, *short.books[-1:]])))
    code, lines, err = digests(capsys, path, "--every", 1)
    assert (code, err, len(lines)) == (0, "", LENGTH)
    for row in lines:
        sides = [
            [(f"{Decimal(p) / 10**4:f}", f"{Decimal(q) / 10**2:f}") for p, q in side]
            for side in short.truth[row["u"]]
        ]
        text = "|".join(",".join(f"{price}:{qty}" for price, qty in side) for side in sides)
        assert row["full"] == hashlib.sha256(text.encode()).hexdigest()
        assert (row["bid"], row["ask"]) == (list(sides[0][0]), list(sides[1][0]))


def test_a_recording_without_a_whole_book_shows_none(short, tmp_path, capsys):
    path = tmp_path / "changes"
    path.write_bytes(b"\n".join(short.frames[1:]))
    code, lines, err = digests(capsys, path)
    assert (code, lines) == (3, [])
    assert "no snapshot" in err


def test_other_frames_do_not_disturb(short):
    others = [
        b'{"error":null,"id":1,"result":{"status":"success"}}',
        b'{"sequence":4896321467,"symbol":"XTZUSD","trades":[[1625342223322446656,"Buy",30090,100]],"type":"incremental"}',
        short.frames[5].replace(b"XTZUSD", b"ETHUSD"),
        b'{"kline":[],"sequence":1,"symbol":"XTZUSD","type":"incremental"}',
    ]
    found, _, said, live = replayed([one for frame in short.frames for one in (frame, *others)])
    agrees(found, short)
    assert (live, said, len(found)) == (True, [], LENGTH)
