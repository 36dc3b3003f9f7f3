"""Fault rules: what is refused, what a rule does to a message, and that common traffic passes."""

from typing import Any

import pytest

from connector.sim.faults import ANSWER, CONNECTION, MESSAGE, OPENING, VENUE, Faults, Part
from connector.sim.hub import frame, frames

MS = 1_000_000


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ({}, "kind"),
        ({"kind": 5}, "kind"),
        ({"kind": "explode"}, "unknown fault 'explode'"),
        ({"kind": "drop", "strem": "x"}, "unknown key 'strem'"),
        ({"kind": "drop", "count": "2"}, "count must be int"),
        ({"kind": "drop", "count": True}, "count must be int"),
        ({"kind": "drop", "count": -1}, "cannot be negative"),
        ({"kind": "delay"}, "ms is missing"),
        ({"kind": "status", "body": "x"}, "status is missing"),
        ({"kind": "split", "parts": 1}, "at least 2"),
        ({"kind": "cut", "how": "softly"}, "how must be one of"),
    ],
)
def test_a_wrong_command_names_what_is_wrong(command: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Faults().add(command)


def test_every_kind_is_described_in_the_module() -> None:
    import connector.sim.faults as module

    assert module.__doc__ is not None
    for kind in [*MESSAGE, *CONNECTION, *VENUE, *OPENING, *ANSWER]:
        assert f"    {kind} " in module.__doc__ or f"    {kind}\n" in module.__doc__


def test_after_and_count_choose_the_messages() -> None:
    faults = Faults()
    faults.add({"kind": "drop", "stream": "*@depth*", "after": 2, "count": 3})
    sent = [bool(faults.message("a@depth", 1, b"%d" % n, 0)[0]) for n in range(8)]
    assert sent == [True, True, False, False, False, True, True, True]
    assert faults.message("a@trade", 1, b"x", 0) == ([Part(b"x")], 0)
    assert not faults.messages
    assert faults.counts == {"drop": 3}


def test_count_0_is_until_cleared() -> None:
    faults = Faults()
    faults.add({"kind": "drop", "count": 0})
    assert all(faults.message("s", 1, b"x", 0) == ([], 0) for _ in range(100))
    assert faults.clear() == 1
    assert not faults.messages


def test_swap_gives_back_what_it_held_even_as_the_last_rule() -> None:
    faults = Faults()
    faults.add({"kind": "swap"})
    assert faults.message("s", 1, b"first", 0)[0] == []
    assert faults.messages
    assert faults.message("other", 1, b"x", 0)[0] == [Part(b"x")]
    assert faults.message("s", 1, b"second", 0)[0] == [Part(b"second"), Part(b"first")]
    assert not faults.messages


def test_a_stall_ends_by_the_clock() -> None:
    faults = Faults()
    faults.add({"kind": "stall", "ms": 5, "stream": "s"})
    assert faults.message("s", 1, b"x", 100 * MS)[0] == []
    assert faults.message("s", 1, b"x", 104 * MS)[0] == []
    assert faults.message("s", 1, b"x", 105 * MS)[0] == [Part(b"x")]
    assert not faults.messages


def test_a_stall_ends_when_its_stream_is_asked_for_anew() -> None:
    faults = Faults()
    faults.add({"kind": "stall", "asked": True, "stream": "s*", "connection": 2})
    faults.add({"kind": "stall", "stream": "other"})
    assert faults.message("s1", 2, b"x", 0)[0] == []
    faults.subscribed("s1", 3)
    faults.subscribed("t1", 2)
    assert faults.message("s1", 2, b"x", 0)[0] == []
    faults.subscribed("s1", 2)
    assert faults.message("s1", 2, b"x", 0)[0] == [Part(b"x")]
    faults.subscribed("other", 2)
    assert faults.message("other", 2, b"x", 0)[0] == [], "that one waits for its time"


def test_answers_are_matched_by_path_and_symbol() -> None:
    faults = Faults()
    faults.add({"kind": "status", "path": "*depth", "symbol": "A", "status": 500})
    assert faults.answer("GET", "/fapi/v1/depth", "B") is None
    assert faults.answer("GET", "/fapi/v1/time", "A") is None
    rule = faults.answer("GET", "/fapi/v1/depth", "A")
    assert rule is not None
    assert rule["status"] == 500
    assert faults.answer("GET", "/fapi/v1/depth", "A") is None


@pytest.mark.parametrize("size", [0, 1, 2, 125, 126, 65535, 65536])
@pytest.mark.parametrize("parts", [2, 3, 7])
def test_fragments_join_to_the_message(size: int, parts: int) -> None:
    payload = bytes(n % 251 for n in range(size))
    joined, opcodes, fins = b"", [], []
    data = frames(Part(payload, "split", parts))
    while data:
        head, length, skip = data[0], data[1], 2
        if length == 126:
            length, skip = int.from_bytes(data[2:4], "big"), 4
        elif length == 127:
            length, skip = int.from_bytes(data[2:10], "big"), 10
        opcodes.append(head & 15)
        fins.append(head >> 7)
        joined += data[skip : skip + length]
        data = data[skip + length :]
    assert joined == payload
    assert opcodes == [1] + [0] * (len(opcodes) - 1)
    assert fins == [0] * (len(fins) - 1) + [1]


def test_a_frame_states_its_length_in_the_shortest_form() -> None:
    assert frame(b"x" * 125)[:2] == bytes((0x81, 125))
    assert frame(b"x" * 126)[:4] == bytes((0x81, 126, 0, 126))
    assert frame(b"x" * 65536)[:10] == bytes((0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0))
