"""``connector replay``: every oracle reproduced, and no damage ever shown as a live book."""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.cli import main
from connector.market.replay import Replay
from connector.market.replaying import Checkpoint
from connector.protocol.recording import Item, Kind, read
from connector.venues.contract import load
from tests.reference.wire_book import WireBook

ORACLES = [
    "binance_202107_akrousdt",
    "binance_202107_ctkusdt",
    "binance_202107_keepusdt",
    "binance_202107_sushiusdt",
    "binance_btcusdt_20220811",
    "binance_btcusdt_202304",
    "binance_ethusdt_202407",
]
LENGTH = 40
FAST = "btcusdt_20220811.dat.gz"
ALTS = ["alts_202107.http.0.0.gz", "alts_202107.ws.1.0.gz"]


def digests(capsys, *arguments: object) -> tuple[int, list[dict], str]:
    """Exit code, printed lines and stderr of ``connector replay --digest``."""
    code = main(["replay", "--digest", *map(str, arguments)])
    found = capsys.readouterr()
    return code, [json.loads(line) for line in found.out.splitlines()], found.err


def test_no_binance_oracle_is_left_out(recordings):
    there = {path.stem for path in (recordings / "oracle").glob("binance_*.json")}
    assert there == set(ORACLES)


@pytest.mark.parametrize("name", ORACLES)
def test_every_checkpoint_of_the_oracle_is_reproduced(name, recordings, capsys):
    oracle = json.loads((recordings / "oracle" / f"{name}.json").read_text())
    files = [recordings / file for file in oracle["files"]]
    wanted = {row["applied"]: row for row in oracle["checkpoints"]}
    every = min(wanted)
    code, lines, _ = digests(capsys, *files, "--symbol", oracle["symbol"], "--every", every)
    assert code == 0
    assert [line["applied"] for line in lines] == sorted(wanted)
    assert {line["applied"]: line for line in lines} == wanted
    assert lines[-1]["applied"] == oracle["applied"]


def test_the_scale_of_a_recorded_exchange_info_changes_nothing(recordings, capsys):
    folder = recordings / "binance-usdm"
    files = [folder / file for file in ALTS]
    _, plain, _ = digests(capsys, *files, "--symbol", "KEEPUSDT", "--every", 30)
    code, with_info, _ = digests(
        capsys, folder / "alts_202107.0.gz", *files, "--symbol", "keepusdt", "--every", 30
    )
    assert code == 0
    assert with_info == plain


def test_it_runs_as_a_command(recordings):
    command = [sys.executable, "-m", "connector", "replay", recordings / "binance-usdm" / FAST]
    done = subprocess.run([*command, "--digest"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert list(json.loads(line)) == ["applied", "u", "bid", "ask", "nb", "na", "top20", "full"]
    summary = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "BTCUSDT: 206 depth messages" in summary.stdout


def test_several_symbols_want_a_choice(recordings, capsys):
    files = [recordings / "binance-usdm" / file for file in ALTS]
    code, lines, err = digests(capsys, *files)
    assert (code, lines) == (2, [])
    assert "AKROUSDT, CTKUSDT, KEEPUSDT, SUSHIUSDT" in err
    code, lines, err = digests(capsys, *files, "--symbol", "BTCUSDT")
    assert (code, lines) == (3, [])
    assert "AKROUSDT, CTKUSDT, KEEPUSDT, SUSHIUSDT" in err


def test_files_of_two_symbols_are_told_apart(recordings, capsys):
    """Their snapshots name no symbol: each belongs to the one of its file."""
    folder = recordings / "binance-usdm"
    files = [folder / "ethusdt_20240718.gz", folder / FAST]
    for symbol, applied in (("BTCUSDT", 206), ("ETHUSDT", 3273 - 5)):
        code, lines, _ = digests(capsys, *files, "--symbol", symbol)
        assert (code, [line["applied"] for line in lines]) == (0, [applied])
    code, lines, err = digests(capsys, *files)
    assert (code, lines) == (2, [])
    assert "BTCUSDT, ETHUSDT" in err


def test_symbols_of_one_file_are_told_apart_by_their_prices(recordings, tmp_path, capsys):
    """Snapshots that name no symbol, all in one file; unless it is plain whose they are, no book
    is shown."""
    folder = recordings / "binance-usdm"
    data = b"".join(
        gzip.decompress((folder / name).read_bytes()) for name in (FAST, "ethusdt_20240718.gz")
    )
    path = tmp_path / "both"
    path.write_bytes(data)
    for symbol, source in (("BTCUSDT", FAST), ("ETHUSDT", "ethusdt_20240718.gz")):
        _, alone, _ = digests(capsys, folder / source)
        code, lines, _ = digests(capsys, path, "--symbol", symbol)
        assert (code, lines) == (0, alone)


def test_a_snapshot_that_fits_two_symbols_of_a_file_shows_no_book(short, tmp_path, capsys):
    twins = [frame.replace(b"BTCUSDT", b"TWINUSDT") for frame in short.frames]
    rows = [row for pair in zip(short.frames, twins, strict=True) for row in pair]
    path = tmp_path / "both"
    path.write_bytes(b"\n".join([*rows[:10], short.snapshots[4], *rows[10:]]))
    code, lines, err = digests(capsys, path, "--symbol", "BTCUSDT")
    assert (code, lines) == (3, [])
    assert "names no symbol" in err


@pytest.mark.parametrize("before", [0, 1, 3])
def test_the_snapshot_of_a_symbol_not_seen_yet_is_no_other_symbols(
    recordings, short, before, tmp_path, capsys
):
    """Whether it stands first in the file or behind messages of another symbol."""
    folder = recordings / "binance-usdm"
    other = [item.payload for item in read([folder / "ethusdt_20240718.gz"])]
    theirs = [line for line in other if b"depthUpdate" in line][:30]
    path = tmp_path / "both"
    path.write_bytes(b"\n".join([*theirs[:before], short.snapshot, *theirs[before:]]))
    code, lines, err = digests(capsys, path, "--symbol", "ETHUSDT", "--every", 1)
    assert (code, lines) == (3, [])
    assert "names no symbol" in err
    path.write_bytes(b"\n".join([*theirs[:before], short.snapshot, *theirs, *short.frames]))
    code, lines, err = digests(capsys, path, "--symbol", "ETHUSDT", "--every", 1)
    assert (code, lines) == (3, [])
    code, lines, err = digests(capsys, path, "--symbol", "BTCUSDT", "--every", 1)
    assert (code, err) == (0, "")
    assert lines == list(short.truth.values())


@pytest.mark.parametrize("first", ["snapshot", "frames"])
def test_a_snapshot_may_have_a_file_of_its_own(short, first, tmp_path, capsys):
    (tmp_path / "snapshot").write_bytes(short.snapshot)
    (tmp_path / "frames").write_bytes(b"\n".join(short.frames))
    files = sorted(tmp_path.iterdir(), key=lambda path: path.name != first)
    code, lines, _ = digests(capsys, *files, "--every", 1)
    assert code == 0
    assert lines == list(short.truth.values())


def test_a_recording_without_a_snapshot_shows_no_book(recordings, capsys):
    code, lines, err = digests(
        capsys, recordings / "binance-usdm" / "ethusdt_20240719.gz", "--every", 100
    )
    assert (code, lines) == (3, [])
    assert "no snapshot" in err


# The same lines in other clothes, and damaged


class Short:
    """The first depth messages of a recording, its snapshot and the truth at each update id."""

    def __init__(self, path: Path) -> None:
        self.lines = [item.payload for item in read([path])]
        self.snapshot = next(line for line in self.lines if b'"lastUpdateId"' in line[:40])
        self.frames = [line for line in self.lines if b"depthUpdate" in line][:LENGTH]
        self.events = [json.loads(frame)["data"] for frame in self.frames]
        start = json.loads(self.snapshot)
        book = WireBook(start["bids"], start["asks"], start["lastUpdateId"])
        self.truth = {}
        self.snapshots = [self.snapshot]
        for event in self.events:
            assert event["pu"] <= book.last_id <= event["u"]
            book.apply(event)
            self.truth[event["u"]] = book.digest()
            bids, asks = book.sides()
            full = {"lastUpdateId": book.last_id, "bids": bids, "asks": asks}
            self.snapshots.append(json.dumps(full).encode())


@pytest.fixture(scope="module")
def short(recordings) -> Short:
    return Short(recordings / "binance-usdm" / FAST)


def replayed(payloads: list[bytes]) -> tuple[list[Checkpoint], Replay, bool]:
    found: list[Checkpoint] = []

    def on_checkpoint(row: Checkpoint) -> None:
        assert replay.live, "a checkpoint of a book that is not LIVE"
        found.append(row)

    replay = Replay(
        load("binance_usdm"), every=1, on_checkpoint=on_checkpoint, warn=lambda sentence: None
    )
    for index, payload in enumerate(payloads):
        replay.take(Item(index * 1_000_000, Kind.FRAME, "", payload))
    return found, replay, replay.finish()


def agrees(found: list[Checkpoint], short: Short) -> None:
    """Every book that was shown is the true one at its update id; counts never repeat."""
    assert len({row.applied for row in found}) == len(found)
    for row in found:
        truth = short.truth[row.u]
        assert (row.nb, row.na, row.top20, row.full) == tuple(
            truth[name] for name in ("nb", "na", "top20", "full")
        )


@st.composite
def damaged(draw: st.DrawFn, length: int) -> Iterator[tuple[list, str]]:
    """A list of steps: numbers are messages, ("snapshot", n) the snapshot after message n."""
    steps: list = list(range(length))
    at = draw(st.integers(0, 20))
    steps.insert(at, ("snapshot", draw(st.integers(0, 25))))
    for _ in range(draw(st.integers(0, 3))):
        where = draw(st.integers(1, len(steps) - 2))
        match draw(st.sampled_from(["drop", "duplicate", "swap", "cut", "snapshot", "tear"])):
            case "drop":
                del steps[where]
            case "duplicate":
                steps.insert(min(len(steps), where + draw(st.integers(1, 6))), steps[where])
            case "swap":
                steps[where], steps[where - 1] = steps[where - 1], steps[where]
            case "cut":
                del steps[where : where + draw(st.integers(1, 10))]
            case "snapshot":
                steps.insert(where, ("snapshot", draw(st.integers(0, length))))
            case "tear":
                steps[where] = ("tear", steps[where])
    return steps


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_a_damaged_recording_never_shows_a_wrong_book(short, data):
    steps = data.draw(damaged(len(short.frames)))
    payloads = []
    for step in steps:
        if isinstance(step, int):
            payloads.append(short.frames[step])
        elif step[0] == "snapshot":
            payloads.append(short.snapshots[step[1]])
        else:
            torn = step[1] if isinstance(step[1], int) else 0
            payloads.append(short.frames[torn][:-20])
    found, replay, live = replayed(payloads)
    agrees(found, short)
    assert live == replay.live
    if live:
        assert found[-1].applied == replay.applied


@pytest.mark.parametrize("k", [3, 30, 38])
def test_a_dropped_message_is_a_gap_at_the_next(short, k):
    frames = short.frames[:k] + short.frames[k + 1 :]
    found, replay, live = replayed([*frames[:2], short.snapshot, *frames[2:]])
    agrees(found, short)
    assert not live
    assert replay.applied == len(found) == k
    assert replay.counts["gaps"] == 1


@pytest.mark.parametrize("k", [5, 30])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_later_snapshot_heals_a_gap(short, k, after):
    """Whether it stands before or behind the message that shows the gap."""
    frames = short.frames[:k] + short.frames[k + 1 :]
    found, replay, live = replayed(
        [short.snapshot, *frames[: k + after], short.snapshots[k + 3], *frames[k + after :]]
    )
    agrees(found, short)
    assert live
    assert replay.counts["resyncs"] == 1
    assert found[-1].u == short.events[-1]["u"]


def test_an_old_snapshot_is_refused_and_the_buffer_kept(short):
    late = short.frames[10:]
    found, replay, live = replayed([*late[:5], short.snapshots[5], *late[5:9]])
    assert (found, live) == ([], False)
    assert replay.counts["snapshots_old"] == 1
    found, _, live = replayed(
        [*late[:5], short.snapshots[5], *late[5:9], short.snapshots[12], *late[9:]]
    )
    agrees(found, short)
    assert live
    assert found[0].u == short.events[11]["u"], "the buffer from before the refusal was used"


def test_duplicates_and_a_second_snapshot_change_nothing(short):
    plain, _, _ = replayed([short.snapshot, *short.frames])
    doubled = [frame for frame in short.frames for _ in (0, 1)]
    found, replay, live = replayed(
        [short.snapshot, *doubled[:60], short.snapshots[9], *doubled[60:]]
    )
    assert live
    assert found == plain
    assert "gaps" not in replay.counts


@pytest.mark.parametrize("clothes", ["crlf", "ns", "seconds", "raw", "bare", "gzip", "cut", "late"])
def test_the_form_of_the_lines_does_not_matter(short, clothes, tmp_path, capsys):
    payloads = [short.frames[0], short.snapshot, *short.frames[1:]]
    stamp, gap, end = "1680652700423575", " ", "\n"
    match clothes:
        case "crlf":
            end = "\r\n\r\n"
        case "ns":
            stamp = "1721347021080838061"
        case "seconds":
            stamp, gap = "1626992741.06217", ": "
        case "raw":
            payloads = [
                json.dumps(row["data"]).encode() if "data" in (row := json.loads(line)) else line
                for line in payloads
            ]
        case "bare":
            stamp, gap = "", ""
        case "late":
            payloads = [*short.frames, short.snapshot]
    data = b"".join(f"{stamp}{gap}".encode() + payload + end.encode() for payload in payloads)
    path = tmp_path / "recording"
    if clothes == "cut":
        data += f"{stamp} ".encode() + short.frames[0][:100]
    path.write_bytes(gzip.compress(data) if clothes == "gzip" else data)
    code, lines, err = digests(capsys, path, "--every", 1)
    assert code == 0
    assert lines == list(short.truth.values())
    assert ("ends in the middle" in err) == (clothes == "cut")


def test_a_file_cut_within_its_compression_is_said_and_used(short, tmp_path, capsys):
    data = b"".join(b"1680652700423575 " + row + b"\n" for row in [short.snapshot, *short.frames])
    packed = gzip.compress(data)
    path = tmp_path / "killed.gz"
    path.write_bytes(packed[: len(packed) * 3 // 4])
    code, lines, err = digests(capsys, path, "--every", 1)
    assert code == 0
    assert 5 < len(lines) < 40
    assert "compressed data ends early" in err
    assert lines == list(short.truth.values())[: len(lines)]


def test_an_unknown_line_names_file_and_line(short, tmp_path, capsys):
    path = tmp_path / "odd"
    path.write_bytes(b"1680652700423575 " + short.snapshot + b"\nhello there\n")
    code, lines, err = digests(capsys, path)
    assert (code, lines) == (1, [])
    assert f"{path}:2" in err
    code, lines, err = digests(capsys, tmp_path / "absent")
    assert (code, lines) == (1, [])
    assert "absent" in err


def test_other_streams_and_symbols_do_not_disturb(short, capsys, tmp_path):
    """Partial depth, unknown kinds and control answers among the frames."""
    other = [
        short.frames[7].replace(b"@depth@0ms", b"@depth20@100ms"),
        b'{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1,"s":"BTCUSDT","k":{}}}',
        b'{"result":null,"id":1}',
        b'{"stream":"ethusdt@bookTicker","data":{"e":"bookTicker","u":1,"s":"ETHUSDT","b":"1.0",'
        b'"B":"1","a":"2.0","A":"1","T":1,"E":1}}',
    ]
    payloads = [short.snapshot]
    for frame in short.frames:
        payloads += [frame, *other]
    found, _, live = replayed(payloads)
    assert live
    assert [row.full for row in found] == [row["full"] for row in short.truth.values()]


def joined(events: list[dict], made_ms: int, pace: str) -> bytes:
    """Events as a slower diff stream brings them: one message, made when its turn ends."""
    sides = {
        side: [[price, qty] for price, qty in dict(row for e in events for row in e[side]).items()]
        for side in "ba"
    }
    event = {**events[-1], "U": events[0]["U"], "pu": events[0]["pu"], "E": made_ms, **sides}
    return json.dumps({"stream": f"btcusdt@depth@{pace}", "data": event}).encode()


def test_one_symbol_at_several_speeds_is_one_book(short):
    """A slower stream's message is made later and has a smaller id than the last fast one: that
    is no venue reset."""
    payloads = [short.snapshot]
    turn: list[dict] = []
    for frame, event in zip(short.frames, short.events, strict=True):
        payloads.append(frame)
        if len(turn) == 5:
            payloads.append(joined(turn, event["E"] + 1, "500ms"))
            turn = []
        turn.append(event)
    found, replay, live = replayed(payloads)
    assert live
    assert [row.full for row in found] == [row["full"] for row in short.truth.values()]
    assert not {"gaps", "venue_resets"} & set(replay.counts)


def test_several_speeds_without_stream_names_are_said(short, tmp_path, capsys):
    """They cannot be told apart: no wrong book is shown, and the reader is told why."""
    rows = [short.snapshot]
    for index, event in enumerate(short.events):
        rows.append(json.dumps(event).encode())
        if index % 5 == 4:
            slower = json.loads(joined(short.events[index - 4 : index], event["E"] + 1, "500ms"))
            rows.append(json.dumps(slower["data"]).encode())
    path = tmp_path / "bare"
    path.write_bytes(b"\n".join(rows))
    code, lines, err = digests(capsys, path, "--every", 1)
    assert code == 3
    assert "without the stream's name" in err
    assert lines == list(short.truth.values())[: len(lines)]


@pytest.mark.parametrize("k", [8, 33])
def test_a_slower_stream_fills_a_hole_of_the_faster(short, k):
    payloads = [short.snapshot, *short.frames[:k]]
    turn = short.events[k - 3 : k + 3]
    payloads += [*short.frames[k + 1 : k + 3], joined(turn, turn[-1]["E"] + 5, "500ms")]
    payloads += short.frames[k + 3 :]
    found, replay, live = replayed(payloads)
    agrees(found, short)
    assert not live, "the slower stream was not known to be there"
    first = joined(short.events[:3], short.events[2]["E"], "500ms")
    found, replay, live = replayed([*payloads[:4], first, *payloads[4:]])
    agrees(found, short)
    assert live
    assert "gaps" not in replay.counts
    assert found[-1].u == short.events[-1]["u"]


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("late", [True, False])
def test_an_empty_snapshot_leaves_the_decimals_to_the_messages(
    short, wrapped, late, tmp_path, capsys
):
    first = short.events[0]
    empty = json.dumps({"lastUpdateId": first["U"], "bids": [], "asks": []}).encode()
    book = WireBook([], [], first["U"])
    truth = []
    for event in short.events:
        book.apply(event)
        truth.append(book.digest())
    frames = short.frames if wrapped else [json.dumps(event).encode() for event in short.events]
    frames = [frame.replace(b", ", b",") for frame in frames]
    url = b"https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000 -> 1680652700.4: "
    path = tmp_path / "empty"
    path.write_bytes(b"\n".join([*frames[: 2 * late], url + empty, *frames[2 * late :]]))
    code, lines, err = digests(capsys, path, "--every", 1)
    assert (code, err) == (0, "")
    assert lines == truth


def test_no_count_is_printed_twice(short, tmp_path, capsys):
    path = tmp_path / "recording"
    path.write_bytes(b"".join(row + b"\n" for row in [short.snapshot, *short.frames]))
    for every, counts in ((20, [20, 40]), (25, [25, 40]), (100, [40])):
        _, lines, _ = digests(capsys, path, "--every", every)
        assert [line["applied"] for line in lines] == counts
    _, lines, _ = digests(capsys, path)
    assert [line["applied"] for line in lines] == [40]
