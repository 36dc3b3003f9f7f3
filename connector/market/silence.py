"""What is done about a stream that says nothing: ask for it anew, then replace its connection.

Pure: what was heard and ``now_ns`` in, one step out. A stream is judged by its own data frames
alone; pings and answers to control messages prove only that the peer is there. The ladder belongs
to the logical connection and outlives its sockets, so a stream that no socket brings is not begun
with again at each of them:

    silent for its quiet time      ask for it anew
    still silent                   again, after 1, 2, 4, ... times the quiet time, at most 10 min
    three times in vain            replace the connection; again after 10 min, 20 min, ... 1 h

Where a venue cannot begin one stream anew (``renewals`` 0), the connection is replaced at once.

Nothing is done while the connection brings nothing at all (then it is the connection that is looked
at), nor for an instrument that does not trade or a kind that may be quiet for hours. Time in which
the whole connection brought nothing, or nobody looked because the process was held up, is no
stream's silence: what speaks again first afterwards would accuse all the others."""

from collections.abc import Iterable
from enum import Enum

from msgspec import Struct

SECOND_NS = 1_000_000_000
LIVELY_NS = 5 * SECOND_NS
"""The connection must have brought something this lately for silence to be the stream's own."""
RENEWALS = 3
"""Asked anew so often in vain, a stream is worth another connection."""
LONGEST_NS = 600 * SECOND_NS
REPLACE_NS = 600 * SECOND_NS
LONGEST_REPLACE_NS = 3600 * SECOND_NS


class Step(Enum):
    """What to do now."""

    NONE = "none"
    RENEW = "renew"
    """Unsubscribe and subscribe it again."""
    REPLACE = "replace"
    """Open another connection for all streams of this one, then close this one."""
    BACK = "back"
    """It speaks again after steps were taken."""


class Heard(Struct, frozen=True):
    """What is known of one stream on one open connection; times are of CLOCK_MONOTONIC, ns."""

    quiet_ns: int
    """Silence that is still normal."""
    expected: bool
    """Whether it should speak at all: its instrument trades, and its kind is not one that may be
    quiet for hours."""
    granted_ns: int | None
    """When the venue acknowledged it last; None: not yet."""
    data_ns: int
    """When the connection last brought data of it, 0 before the first."""
    others_ns: int
    """When the connection last brought data of any stream, or another data frame."""
    round_ns: int = 0
    """How long it takes to look at every stream once; nobody was held up for that."""


class _Stream(Struct):
    asked: int = 0
    """Steps taken since it last spoke."""
    since_ns: int = 0
    """Silence before this was expected, or is answered by the last step."""
    from_ns: int = 0
    """Where its silence begins."""
    excused_ns: int = 0
    """What of it is not its own."""
    looked_ns: int = 0


class Ladder:
    """The streams of one logical connection; ``first_ns`` is what a stream is given for its first
    message after a subscription."""

    def __init__(self, first_ns: int, renewals: int = RENEWALS) -> None:
        self._first_ns, self._renewals = first_ns, renewals
        self._streams: dict[str, _Stream] = {}
        self._replaced = 0
        self._replace_from_ns = 0

    def asked(self, stream: str) -> int:
        """Steps taken for a stream since it last spoke."""
        row = self._streams.get(stream)
        return row.asked if row is not None else 0

    @property
    def silent(self) -> list[str]:
        """Streams that steps were taken for and that have not spoken since."""
        return [name for name, row in self._streams.items() if row.asked]

    def forget(self, streams: Iterable[str]) -> None:
        """These are carried no longer."""
        for name in streams:
            self._streams.pop(name, None)

    def look(self, stream: str, heard: Heard, now_ns: int) -> Step:
        """Judge one stream."""
        row = self._streams.get(stream)
        if row is None:
            row = self._streams[stream] = _Stream()
        looked_ns, row.looked_ns = row.looked_ns or now_ns, now_ns
        if not heard.expected or not heard.quiet_ns:
            row.asked, row.since_ns = 0, now_ns
            return Step.NONE
        if heard.granted_ns is None:
            return Step.NONE
        if row.asked and heard.data_ns > row.since_ns:
            if row.asked > self._renewals:
                self._replaced = 0
            row.asked = 0
            return Step.BACK
        lively_ns = min(LIVELY_NS, heard.quiet_ns // 2)
        from_ns = max(heard.data_ns, heard.granted_ns, row.since_ns)
        if from_ns != row.from_ns:
            row.from_ns, row.excused_ns = from_ns, 0
        looked_ns = max(looked_ns, from_ns)
        nobody_ns = now_ns - max(looked_ns, heard.others_ns + lively_ns)
        held_ns = now_ns - looked_ns - lively_ns - heard.round_ns
        row.excused_ns += max(nobody_ns, held_ns, 0)
        if now_ns - from_ns - row.excused_ns <= self._patience(row.asked, heard):
            return Step.NONE
        if now_ns - heard.others_ns > lively_ns:
            return Step.NONE
        if not self._renewals and now_ns < self._replace_from_ns:
            return Step.NONE
        row.asked += 1
        row.since_ns = now_ns
        if row.asked > self._renewals and now_ns >= self._replace_from_ns:
            wait_ns = min(REPLACE_NS << min(self._replaced, 8), LONGEST_REPLACE_NS)
            self._replaced += 1
            self._replace_from_ns = now_ns + wait_ns
            return Step.REPLACE
        return Step.RENEW

    def _patience(self, asked: int, heard: Heard) -> int:
        # What never spoke on this connection may need longer to begin.
        first_ns = heard.quiet_ns if heard.data_ns else max(heard.quiet_ns, self._first_ns)
        if not asked:
            return first_ns
        return max(first_ns, min(heard.quiet_ns << min(asked - 1, 32), LONGEST_NS))
