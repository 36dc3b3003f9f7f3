"""``connector replay`` where books are asked for and streamed, too: what the simulated Cadenza
says, written down as collectors do, and what is lost of it."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.cli import main
from tests.reference.cadenza_rig import JANUARY, SYMBOL, TODAY, Rig

BEGUN_NS = 1_700_000_000 * 10**9


class Tape:
    """Lines of a recording, and the venue's own book beside it."""

    def __init__(self, kept: int, speaks: str = TODAY) -> None:
        self.rig = Rig(kept=kept, speaks=speaks, profile="current" if speaks == TODAY else "seed")
        self.rig.open()
        self.lines: list[bytes] = []
        self.changes = self.paused_ns = 0

    def write(self, payload: bytes, url: str = "") -> None:
        stamp = BEGUN_NS + len(self.lines) * 10**7 + self.paused_ns
        if url:
            stamp_s = f"{stamp / 1e9:.3f}"
            self.lines.append(f"{url} -> {stamp_s}: ".encode() + payload)
        else:
            self.lines.append(f"{stamp // 1000} ".encode() + payload)

    def frames(self, *data: Any) -> None:
        """One publication each, all in a row."""
        for one in data:
            self.rig.publish(one)
        late, self.rig.late = self.rig.late, []
        for push in late:
            self.write(push)

    def change(self, side: str, away: int, qty: int) -> None:
        self.frames(self.rig.book.change(side, away, qty, 1))
        self.changes += 1

    def whole(self) -> None:
        self.frames({"updateType": "SNAPSHOT"} | self.rig.book.whole())

    def answer(self, url: bool = True) -> None:
        body = {"success": True, "errno": 0, "data": self.rig.book.whole()}
        path = "https://host/api/v3/market/orderBook/get?instrumentId=BINANCE:BTC/USDT&depth=50"
        self.write(json.dumps(body).encode(), path if url else "")

    def save(self, folder: Path) -> Path:
        path = folder / "cadenza.gz"
        path.write_bytes(gzip.compress(b"\n".join(self.lines) + b"\n"))
        return path

    def touch(self) -> dict[str, tuple[Decimal, Decimal]]:
        sides = self.rig.book.sides
        bid, ask = max(sides["bids"]), min(sides["asks"])
        return {
            "bid": (Decimal(bid), Decimal(sides["bids"][bid])),
            "ask": (Decimal(ask), Decimal(sides["asks"][ask])),
        }


def digests(capsys: Any, *arguments: object) -> tuple[int, list[dict[str, Any]], str]:
    code = main(["replay", "--digest", *map(str, arguments)])
    found = capsys.readouterr()
    return code, [json.loads(line) for line in found.out.splitlines()], found.err


def right(tape: Tape, line: dict[str, Any]) -> bool:
    touch = {name: tuple(map(Decimal, line[name])) for name in ("bid", "ask")}
    sides = tape.rig.book.sides
    return touch == tape.touch() and (line["nb"], line["na"]) == tuple(map(len, sides.values()))


def moves(tape: Tape, first: int, count: int) -> None:
    for number in range(first, first + count):
        tape.change(("bids", "asks")[number % 2], number % 5, number % 3)


@pytest.mark.parametrize("kept", [0, 1000])
@pytest.mark.parametrize("speaks", [TODAY, JANUARY])
@pytest.mark.parametrize("base", ["answer", "whole"])
def test_what_the_simulated_venue_said_gives_its_book(
    kept: int, speaks: str, base: str, tmp_path: Path, capsys: Any
) -> None:
    tape = Tape(kept, speaks)
    moves(tape, 1, 5)
    early = tape.changes
    getattr(tape, base)()
    moves(tape, 7, 40)
    tape.whole()
    moves(tape, 3, 10)
    code, lines, err = digests(capsys, tape.save(tmp_path), "--every", 25)
    assert (code, err) == (0, "")
    assert right(tape, lines[-1])
    assert lines[-1]["applied"] == tape.changes - early == 50
    assert [line["applied"] for line in lines] == [25, 50]
    again = digests(capsys, tape.save(tmp_path), "--venue", "Cadenza", "--symbol", SYMBOL.lower())
    assert again[1] == lines[-1:]


def test_a_message_that_is_lost_ends_the_book_until_a_whole_one_comes(
    tmp_path: Path, capsys: Any
) -> None:
    tape = Tape(1000)
    tape.whole()
    moves(tape, 1, 10)
    del tape.lines[5]
    code, lines, err = digests(capsys, tape.save(tmp_path))
    assert (code, lines) == (3, [])
    assert f"{SYMBOL}: the book is lost after update 5" in err
    tape.answer(url=False)
    moves(tape, 4, 5)
    code, lines, err = digests(capsys, tape.save(tmp_path))
    assert code == 0
    assert right(tape, lines[-1])


def test_without_numbers_an_answer_shows_that_one_was_lost(tmp_path: Path, capsys: Any) -> None:
    tape = Tape(0)
    tape.whole()
    moves(tape, 1, 4)
    tape.change("bids", 0, 7)
    del tape.lines[-1]
    tape.change("asks", 3, 2)
    tape.answer()
    code, lines, err = digests(capsys, tape.save(tmp_path))
    assert code == 0
    assert "an answer shows another book than was kept" in err
    assert right(tape, lines[-1])


def test_without_numbers_an_answer_after_silence_shows_that_the_last_one_was_lost(
    tmp_path: Path, capsys: Any
) -> None:
    """The answer is later than the book that is kept, and may be the recording's last line."""
    tape = Tape(0)
    tape.whole()
    moves(tape, 1, 4)
    tape.change("bids", 0, 7)
    del tape.lines[-1]
    tape.paused_ns = 3 * 10**9
    tape.answer()
    code, lines, err = digests(capsys, tape.save(tmp_path))
    assert code == 0
    assert "an answer shows another book than was kept" in err
    assert right(tape, lines[-1])


def test_a_server_that_began_anew_is_said_and_its_book_is_the_next_one(
    tmp_path: Path, capsys: Any
) -> None:
    tape = Tape(1000)
    tape.whole()
    moves(tape, 1, 10)
    tape.rig.cut()
    tape.rig.broker.begin_anew()
    tape.rig.open()
    tape.rig.late.clear()
    moves(tape, 2, 3)
    tape.answer()
    moves(tape, 4, 5)
    code, lines, err = digests(capsys, tape.save(tmp_path))
    assert code == 0
    assert "begin anew" in err
    assert right(tape, lines[-1])
