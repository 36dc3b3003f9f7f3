"""Lines that drop, repeat, delay and cut their messages differently, against the slow model."""

from typing import Any

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

from connector._speedups.ring import RingReader
from connector.model.records import RecordType, dtype
from connector.model.states import FeedKind, State
from connector.venues.contract import Snapshot
from tests.reference.feed_rig import MS, Rig
from tests.reference.lines_model import LinesModel, levels_of, truth

PERIOD_NS = 40 * MS
PATIENCE_NS = 80 * MS
MOST = 5
START = 20
ASK_E = 100_000


class Readers:
    """What a strategy has that follows the ring from the book's first state."""

    def __init__(self, rig: Rig) -> None:
        self._ring = RingReader(rig.segment.memory)
        self.book: dict[int, int] = {}
        self.book_id = 0
        self.states: list[State] = []

    def read(self) -> None:
        while (raw := self._ring.read()) is not None:
            head = np.frombuffer(raw, dtype("RecordHeader"), 1)[0]
            if head["type"] == RecordType.FEED_STATE:
                body = np.frombuffer(raw, dtype("FeedStateBody"), 1, 64)[0]
                if body["kind"] == FeedKind.BOOK:
                    self.states.append(State(int(body["state"])))
            elif head["type"] == RecordType.BOOK_DELTA:
                assert not self.states or self.states[-1] in (State.LIVE, State.BEHIND)
                body = np.frombuffer(raw, dtype("BookDeltaBody"), 1, 64)[0]
                rows = np.frombuffer(raw, dtype("Level"), int(body["bids"]), 96)
                last_id = int(head["update_id"])
                assert body["prev_id"] <= self.book_id < last_id, "the chain a reader checks"
                for row in rows:
                    self.book[int(row["price_e"])] = int(row["qty_e"])
                self.book = {price_e: qty_e for price_e, qty_e in self.book.items() if qty_e}
                self.book_id = last_id
                assert self.book == truth(last_id), f"wrong at {last_id}"


def frame(prev_id: int, last_id: int) -> bytes:
    """A message as the venue writes it."""
    rows = ",".join(
        f'["{price_e // 100}.{price_e % 100:02d}","{qty_e}"]'
        for price_e, qty_e in levels_of(prev_id, last_id).items()
    )
    return (
        f'{{"e":"depthUpdate","E":{last_id},"T":{last_id},"s":"BTCUSDT","U":{prev_id + 1},'
        f'"u":{last_id},"pu":{prev_id},"b":[{rows}],"a":[]}}'
    ).encode()


class Lines:
    """The feed and its model, given the same."""

    def __init__(self) -> None:
        self.rig = Rig(period_ns=PERIOD_NS, ahead_most=MOST)
        self.rig.up(line=0)
        self._deliver(0, 0, START)
        bids = [part for level in truth(START).items() for part in level]
        answer = Snapshot(START, START * MS, bids, [ASK_E, 1])
        self.rig.feed.on_snapshot(answer, self.rig.feed.epoch, self.rig.now)
        assert self.rig.state is State.LIVE
        self.readers = Readers(self.rig)
        self.readers.read()
        self.readers.book, self.readers.book_id = truth(START), START
        self.readers.states.clear()
        self.model = LinesModel(START, PATIENCE_NS, MOST, {0: [START]})
        self.at = {0: START}
        """By live line: where it stands in the venue's stream."""

    def _deliver(self, line: int, prev_id: int, last_id: int) -> None:
        """As the service does it: the compiled path, and what that leaves to the rare one."""
        rig, text = self.rig, frame(prev_id, last_id)
        if rig.codec.decode(text, rig.now, line):
            packed = rig.codec.depth(text, rig.now, line)
            assert packed is not None
            rig.feed.on_depth(packed, line, rig.now)

    def deliver(self, line: int, prev_id: int, last_id: int) -> None:
        self._deliver(line, prev_id, last_id)
        self.model.message(line, prev_id, last_id, self.rig.now)

    def up(self, line: int, at: int) -> None:
        self.rig.feed.on_line_up(line, 10 + line, self.rig.now)
        self.model.up(line)
        self.at[line] = at

    def down(self, line: int) -> None:
        self.rig.feed.on_line_down(line, self.rig.now)
        self.model.down(line, self.rig.now)
        del self.at[line]

    def timer(self) -> None:
        self.rig.feed.on_timer(self.rig.now)
        self.model.check(self.rig.now)

    def compare(self) -> None:
        self.readers.read()
        state = self.model.state
        if state == "GAP":
            assert self.readers.states[-2:] == [State.GAP, State.RESYNC]
        else:
            assert self.rig.state.name == state
            assert State.GAP not in self.readers.states
        assert self.rig.kernel.last_id == self.model.book_id == self.readers.book_id


def step(lines: Lines, data: Any, sent: dict[int, list[tuple[int, int]]]) -> None:
    """One thing that happens; FIFO by line, so only the order between lines is drawn."""
    line = data.draw(st.integers(0, 2), "line")
    match data.draw(st.sampled_from("mmmmmmxrwWud"), "what"):
        case "m" if line in lines.at:
            start = lines.at[line]
            end = start + data.draw(st.integers(1, 4), "ids")
            lines.at[line] = end
            sent.setdefault(line, []).append((start, end))
            lines.deliver(line, start, end)
        case "x" if line in lines.at:  # lost on the way
            lines.at[line] += data.draw(st.integers(1, 3), "lost")
        case "r" if line in lines.at and sent.get(line):  # repeated
            lines.deliver(line, *data.draw(st.sampled_from(sent[line][-4:]), "again"))
        case "w":  # a delay that nobody looks at
            lines.rig.now += data.draw(st.integers(1, 60), "ms") * MS
        case "W":  # and one that the timer does
            lines.rig.now += data.draw(st.integers(1, 100), "ms") * MS
            lines.timer()
        case "u" if line not in lines.at:
            # A host may be behind the others or ahead of them.
            sent[line] = []
            lines.up(line, max(1, max(lines.at.values()) + data.draw(st.integers(-8, 4), "at")))
        case "d" if line in lines.at and len(lines.at) > 1:
            lines.down(line)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_states_and_records_are_the_models(data: Any) -> None:
    lines = Lines()
    sent: dict[int, list[tuple[int, int]]] = {}
    if data.draw(st.booleans(), "two"):
        lines.up(1, START)
    for _ in range(data.draw(st.integers(1, 50), "steps")):
        lines.rig.now += data.draw(st.integers(0, 3), "time") * MS
        step(lines, data, sent)
        lines.compare()
        if lines.model.state == "GAP":
            event("gap")
            return
    event("no gap, was behind" if State.BEHIND in lines.readers.states else "no gap")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_line_that_loses_nothing_covers_for_all_others(data: Any) -> None:
    """One whole line that keeps up: whatever the other one does, no gap and nothing missing."""
    lines = Lines()
    lines.up(1, START)
    sent: dict[int, list[tuple[int, int]]] = {}
    for _ in range(data.draw(st.integers(1, 40), "steps")):
        lines.rig.now += MS
        start, ids = lines.at[0], data.draw(st.integers(1, 3), "ids")
        match data.draw(st.sampled_from("mxrud"), "what"):
            case "m" if 1 in lines.at and lines.at[1] < start + ids:
                end = min(start + ids, lines.at[1] + data.draw(st.integers(1, 6), "other ids"))
                lines.deliver(1, lines.at[1], end)
                sent.setdefault(1, []).append((lines.at[1], end))
                lines.at[1] = end
            case "x" if 1 in lines.at and lines.at[1] < start:
                lines.at[1] += 1
            case "r" if 1 in lines.at and sent.get(1):
                lines.deliver(1, *data.draw(st.sampled_from(sent[1][-4:]), "again"))
            case "u" if 1 not in lines.at:
                sent.pop(1, None)
                lines.up(1, start)
            case "d" if 1 in lines.at:
                lines.down(1)
        lines.deliver(0, start, start + ids)
        lines.at[0] = start + ids
        lines.compare()
    assert State.GAP not in lines.readers.states
    assert lines.readers.book_id >= lines.at[0]
