"""Recordings: every form of line, every damage said with its place."""

import gzip
import os

import pytest

from connector.protocol.recording import Kind, RecordingError, read

S = 1_000_000_000


def lines(tmp_path, data: bytes) -> tuple[list, list[str]]:
    path = tmp_path / "recording"
    path.write_bytes(data)
    said: list[str] = []
    found = [(row.time_ns, row.kind, row.url, row.payload) for row in read([path], said.append)]
    return found, [sentence.replace(str(path), "FILE") for sentence in said]


@pytest.mark.parametrize(
    ("line", "item"),
    [
        (b'1680652700423575 {"a":1}', (1680652700423575000, Kind.FRAME, "", b'{"a":1}')),
        (b"1721347021080838061 {}", (1721347021080838061, Kind.FRAME, "", b"{}")),
        (b"1721347021080  [1]", (1721347021080 * 10**6, Kind.FRAME, "", b"[1]")),
        (b"1721347021 {}", (1721347021 * S, Kind.FRAME, "", b"{}")),
        (b"1626992741.06217: {}", (1626992741062170000, Kind.FRAME, "", b"{}")),
        (b"1626992741: {}", (1626992741 * S, Kind.FRAME, "", b"{}")),
        (b"1626992741.1234567890123: {}", (1626992741123456789, Kind.FRAME, "", b"{}")),
        (
            b"https://h/p?a=b&c=d -> 1626992740.175661: {}",
            (1626992740175661000, Kind.HTTP, "https://h/p?a=b&c=d", b"{}"),
        ),
        (
            b"https://h/p -> 1626992740.1: <html>no</html>",
            (1626992740100000000, Kind.HTTP, "https://h/p", b"<html>no</html>"),
        ),
        (
            b'wss://h/ws <- 1625342241.885: {"id":1}',
            (1625342241885000000, Kind.SENT, "wss://h/ws", b'{"id":1}'),
        ),
        (b"wss://h/ws <-> 1625342241.5", (1625342241500000000, Kind.CONNECT, "wss://h/ws", b"")),
        (b'{"bare":1}', (0, Kind.FRAME, "", b'{"bare":1}')),
        (
            '1680652700423575 {"s":"币"}'.encode(),
            (1680652700423575000, Kind.FRAME, "", '{"s":"币"}'.encode()),
        ),
    ],
)
def test_every_form_of_line(tmp_path, line, item):
    for end in (b"\n", b"\r\n", b"\n\n\r\n", b""):
        assert lines(tmp_path, line + end) == ([item], [])


def test_notes_and_blank_lines_are_skipped(tmp_path):
    assert lines(tmp_path, b'\nconfiguration: {"trades":[]}\n \t\r\n') == ([], [])


def test_a_line_without_stamp_has_the_time_of_the_one_before(tmp_path):
    found, _ = lines(tmp_path, b"1721347021 {}\n[]\n")
    assert [row[0] for row in found] == [1721347021 * S] * 2


@pytest.mark.parametrize(
    "odd", [b"hello", b"12 {}", b"1680652700423575", b"1680652700423575 5", b"-> {}", b"\xff\xfe"]
)
def test_an_unknown_line_is_an_error_with_file_and_number(tmp_path, odd):
    path = tmp_path / "odd.log"
    path.write_bytes(b"1721347021 {}\n" + odd + b"\n")
    with pytest.raises(RecordingError, match=r"odd\.log:2: "):
        list(read([path]))


@pytest.mark.parametrize(
    "tail", [b'1721347022 {"a":[1,', b"17213470", b"1721347022 ", b"https://h/p -> 1626992740.1: {"]
)
def test_a_last_line_that_is_cut_is_said_and_left_out(tmp_path, tail):
    found, said = lines(tmp_path, b"1721347021 {}\n" + tail)
    assert len(found) == 1
    assert said == ["FILE:2: the file ends in the middle of this line"]


def test_a_frame_cut_within_the_file_is_handed_on(tmp_path):
    found, said = lines(tmp_path, b'1721347021 {"a":\n1721347022 {}\n')
    assert [row[3] for row in found] == [b'{"a":', b"{}"]
    assert said == []


def test_gzip_is_known_by_its_bytes_and_its_early_end_is_said(tmp_path):
    data = b"".join(b'%d {"n":%d}\n' % (1721347021000000 + n, n * 7919) for n in range(5000))
    whole, said = lines(tmp_path, gzip.compress(data))
    assert (len(whole), said) == (5000, [])
    twice, _ = lines(tmp_path, gzip.compress(data) + gzip.compress(data))
    assert len(twice) == 10_000
    packed = gzip.compress(data)
    part, said = lines(tmp_path, packed[: len(packed) // 2])
    assert 0 < len(part) < 5000
    assert part == whole[: len(part)]
    assert any("compressed data ends early" in sentence for sentence in said)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_pipe_will_do(pack):
    source, sink = os.pipe()
    with open(sink, "wb") as file:
        file.write(pack(b"1721347021 {}\n1721347022 []\n"))
    found = list(read([f"/dev/fd/{source}"]))
    os.close(source)
    assert [row.payload for row in found] == [b"{}", b"[]"]


def test_files_follow_one_another_in_the_order_given(tmp_path):
    for name, stamp in (("a", b"1721347029"), ("b", b"1721347021")):
        (tmp_path / name).write_bytes(stamp + b" {}")
    found = [row.time_ns // S for row in read([tmp_path / "a", tmp_path / "b"])]
    assert found == [1721347029, 1721347021]


def test_an_absent_file_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="absent"):
        list(read([tmp_path / "absent"]))
