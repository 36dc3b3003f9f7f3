"""Requests a strategy has made, by its own ids: a repeat is answered with the first answer and
never executed twice; the same id with other content is refused."""

from collections import OrderedDict
from hashlib import blake2b

from msgspec import Struct

from connector._speedups.states import RefsState
from connector.trading.effects import Answered

_CAUSE_REPORT = 384
"""Offset of ``cause_report`` in ``Command``, the last of its fields."""
KEPT = 65_536
"""Ids kept a strategy, the newest; for 24 hours."""
KEPT_NS = 24 * 3600 * 10**9


def content(slot: bytes) -> bytes:
    """A digest of a command without what differs when it is repeated: its number, its times, its
    cause."""
    return blake2b(slot[40:_CAUSE_REPORT], digest_size=16).digest()


class Known(Struct):
    """One request: what it said, and what was answered so far."""

    content: bytes
    command: int
    at_ns: int
    answers: list[Answered] = []
    repeats: list[int] = []
    """Numbers of the commands that repeated it and are owed what it is answered."""
    slot: bytes = b""
    """The command itself, until somebody asks for its digest: that can wait until it has left."""

    def answered(self, effect: Answered) -> None:
        """It was told this."""
        self.digest()
        self.answers.append(effect)

    def digest(self) -> bytes:
        """``content`` of its command."""
        if self.slot:
            self.content, self.slot = content(self.slot), b""
        return self.content


class Refs(RefsState):
    """The requests of one strategy."""

    def __init__(self, kept: int = KEPT) -> None:
        self.known: OrderedDict[str, Known] = OrderedDict()
        """Oldest first."""
        self.kept = kept
        self.due_ns = 0
        """Before that nothing is too old."""

    def __len__(self) -> int:
        return len(self.known)

    def get(self, ref_id: str) -> Known | None:
        return self.known.get(ref_id)

    def add(
        self, ref_id: str, content: bytes, command: int, now_ns: int, slot: bytes = b""
    ) -> None:
        """Remember a first request, by its digest or its slot."""
        self.known[ref_id] = Known(content, command, now_ns, slot=slot)
        self.mark(ref_id)
        if len(self.known) > self.kept or now_ns >= self.due_ns:
            self.forget(now_ns)

    def forget(self, now_ns: int) -> None:
        """Those that are too old or too many, oldest first."""
        while self.known:
            oldest = next(iter(self.known.values()))
            if len(self.known) <= self.kept and now_ns - oldest.at_ns < KEPT_NS:
                self.due_ns = oldest.at_ns + KEPT_NS
                break
            self.known.popitem(last=False)
