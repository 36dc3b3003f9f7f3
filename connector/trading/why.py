"""What led to what: an order's story out of the journals, each step with its time.

Pure but for reading the entries it is given. CLOCK_MONOTONIC tells the steps of one boot apart;
over a boot, or a suspended machine, only wall clocks do."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from connector.model.reports import ReportFlag

NAMES = ("client_order_id", "order_id", "venue_order_id", "ref_id")
"""Names an order goes by beside its key; who calls it by an earlier one means that one."""
JUMP_NS = 1_000_000_000
"""Clocks that differ by more than this from one entry to the next were set, or begun anew."""
SIMILAR_OF = 20_000
"""Among so many names similar ones are looked for."""
Told = Mapping[str, Any]


class Subject(Struct, frozen=True, order=True):
    """An order, or a command that made none: refused, or about several."""

    order_key: int
    strategy: str = ""
    command: int = 0
    """Of a command without an order."""


class Step(Struct, kw_only=True):
    """One thing that happened."""

    what: str
    monotonic_ns: int
    wall_ns: int
    """Unix, from ``monotonic_ns`` by the clocks of its boot."""
    exact: bool = True
    """False: only wall clocks tell it apart from the step before."""
    details: dict[str, Any] = {}


class Unfound(ValueError):
    """No order is called that, or several are; the text names the nearest, or them."""


class Names:
    """Who is called what, learned from everything that is told."""

    def __init__(self) -> None:
        self._found: list[dict[str, set[Subject]]] = [{} for _ in range(1 + len(NAMES))]
        self.about: dict[Subject, str] = {}

    def learn(self, told: Told) -> None:
        subject = subject_of(told)
        if subject is None:
            return
        if subject.order_key:
            self._found[0].setdefault(str(subject.order_key), set()).add(subject)
        for rank, name in enumerate(NAMES, 1):
            if value := told.get(name):
                self._found[rank].setdefault(str(value), set()).add(subject)
        if subject not in self.about or "side" in told:
            self.about[subject] = _about(told, subject)

    def called(self, name: str) -> set[Subject]:
        """Whoever is called that; orders before mere commands."""
        for found in self._found:
            if subjects := found.get(name):
                return {one for one in subjects if one.order_key} or subjects
        return set()

    def one(self, name: str) -> Subject:
        """The one called that; raises Unfound."""
        subjects = sorted(self.called(name))
        if len(subjects) == 1:
            return subjects[0]
        if not subjects:
            raise Unfound(f"no order is called {name}{self._similar(name)}")
        several = "; ".join(self.about[one] for one in subjects)
        raise Unfound(f"{name} means several: {several}")

    def _similar(self, name: str) -> str:
        known = [one for found in self._found for one in list(found)[-SIMILAR_OF:]]
        near = list(dict.fromkeys(difflib.get_close_matches(name, known, 3, 0.5)))
        return f"; there is {', '.join(near)}" if near else ""


def subject_of(told: Told) -> Subject | None:
    """Whom an entry is about."""
    if key := told.get("order_key", 0):
        return Subject(key)
    if told["type"] in ("command", "command_answer", "sent", "text") and told.get("command"):
        return Subject(0, told["strategy"], told["command"])
    return None


def _about(told: Told, subject: Subject) -> str:
    words = [f"order {subject.order_key}" if subject.order_key else f"command {subject.command}"]
    words += [f"of {told['strategy']}", str(told.get("instrument", ""))]
    words += [str(told[name]) for name in ("side", "qty", "price") if told.get(name)]
    words += [f"({told[name]})" for name in NAMES if told.get(name)][:1]
    return " ".join(word for word in words if word)


class Story:
    """The steps of one subject, from entries given in the order of their journals."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.order: dict[str, Any] = {}
        """What it is, as far as the journals say."""
        self.reports: dict[tuple[str, int], None] = {}
        """Reports a strategy had read when it gave a command, to be told by ``report``."""
        self._commands: set[tuple[str, int]] = set()
        self._steps: list[tuple[int, Step]] = []
        self._offsets_ns: list[int] = []
        self._seen: set[tuple[Any, ...]] = set()
        self._early: dict[tuple[str, int], Told] = {}

    def take(self, told: Told) -> None:
        """The next entry of a journal, whoever it is about."""
        offset_ns = self._clock(told)
        if told.get("flags", 0) & ReportFlag.SNAPSHOT:
            return  # told again, not happened
        strategy, number = told["strategy"], told.get("command", 0)
        mine = subject_of(told) == self.subject
        if not mine and (told["type"] not in _OF_COMMANDS or number == 0):
            return
        if not mine and told["type"] == "text" and (strategy, number) not in self._commands:
            self._early[strategy, number] = told  # it may come before its command
            return
        if not mine and (strategy, number) not in self._commands:
            return
        if told["type"] == "command":
            self._commands.add((strategy, number))
            self._command(told, offset_ns)
            if (early := self._early.pop((strategy, number), None)) is not None:
                self.take(early)
        elif told["type"] == "sent":
            self._add("request journalled", told["publish_ns"], offset_ns, told)
        elif told["type"] == "text":
            self._add(f"text of the {told['what'].lower()}", told["publish_ns"], offset_ns, told)
        elif told["type"] == "command_answer":
            self._answer(told, offset_ns)
        else:
            self._report(told, offset_ns)

    def report(self, told: Told) -> None:
        """A report that a strategy had read when it gave a command."""
        details = {name: told[name] for name in ("sequence", "type", "update") if name in told}
        self._add("report delivered that the strategy read last", told["publish_ns"],
                  self._clock(told), details)  # fmt: skip

    def steps(self) -> list[Step]:
        """Everything, by time."""
        found = [step for _, step in sorted(self._steps, key=lambda one: (one[1].wall_ns, one[0]))]
        offset_ns = None
        for step in found:
            before, offset_ns = offset_ns, step.wall_ns - step.monotonic_ns
            step.exact = before is None or before == offset_ns
        return found

    def _clock(self, told: Told) -> int:
        """Wall clock less CLOCK_MONOTONIC, the same for everything of a boot."""
        offset_ns: int = told["wall_ns"] - told["publish_ns"]
        for known_ns in self._offsets_ns:
            if abs(known_ns - offset_ns) < JUMP_NS:
                return known_ns
        self._offsets_ns.append(offset_ns)
        return offset_ns

    def _add(self, what: str, at_ns: int, offset_ns: int, told: Told) -> None:
        if not at_ns:
            return
        details = {key: value for key, value in told.items() if key not in _FRAME}
        where = (what, at_ns, details.get("sequence"), details.get("update"))
        if what in _ONCE and where in self._seen:
            return  # several strategies heard of it, or the next command had the same cause
        self._seen.add(where)
        step = Step(what=what, monotonic_ns=at_ns, wall_ns=at_ns + offset_ns, details=details)
        self._steps.append((len(self._steps), step))

    def _command(self, told: Told, offset_ns: int) -> None:
        if told.get("action") == "PLACE" or not self.order:
            self._describe(told)
        record = {"record": told.get("cause_sequence", 0)}
        self._add(_FRAME_READ, told.get("cause_recv_ns", 0), offset_ns, record)
        if report := told.get("cause_report", 0):
            self.reports[told["strategy"], report] = None
        self._add("command written", told.get("created_ns", 0), offset_ns, told)
        self._add("taken by the gateway", told.get("read_ns", 0), offset_ns, {})
        self._add("checked", told.get("checked_ns", 0), offset_ns, {})
        self._add("encoded", told.get("encoded_ns", 0), offset_ns, {})
        code = {"code": told["code"]} if told.get("code") else {}
        self._add("command journalled", told["publish_ns"], offset_ns, code)

    def _answer(self, told: Told, offset_ns: int) -> None:
        self._add("before send", told.get("left_ns", 0), offset_ns, {})
        self._add("answer received", told.get("recv_ns", 0), offset_ns, {})
        self._add("answer delivered", told["publish_ns"], offset_ns, told)
        for name in NAMES[1:3]:
            if told.get(name):
                self.order[name] = told[name]

    def _report(self, told: Told, offset_ns: int) -> None:
        self._describe(told)
        venue = {"venue_ns": told["venue_ns"]} if told.get("venue_ns") else {}
        self._add("event received", told.get("recv_ns", 0), offset_ns, venue)
        what = "fill detail delivered" if told["type"] == "fill_detail" else "report delivered"
        self._add(what, told["publish_ns"], offset_ns, told)

    def _describe(self, told: Told) -> None:
        for name in _ORDER:
            if name in told and told[name] not in (0, ""):
                self.order[name] = told[name]


_ORDER = ("strategy", "account", "account_id", "instrument", "order_key", "side", "qty", "price",
          "order_type", "time_in_force", "status", "filled_qty", "average", *NAMES[:3])  # fmt: skip
_FRAME = frozenset({
    "strategy", "position", "wall_ns", "account", "account_id", "instrument", "order_key", "flags",
    "publish_ns", "recv_ns", "read_ns", "created_ns", "checked_ns", "encoded_ns", "left_ns",
    "what", "sent_ns", "cause_sequence", "cause_recv_ns", "cause_report", "type", "session",
    "batch_size",
})  # fmt: skip
_FRAME_READ = "market frame received that the strategy read last"
_OF_COMMANDS = ("command_answer", "text")
"""May name their command only."""
_ONCE = frozenset({"event received", "report delivered", "fill detail delivered", _FRAME_READ})


def tell(
    subject: Subject, entries: Iterable[Told], report: Callable[[str, int], Told | None]
) -> tuple[dict[str, Any], list[Step]]:
    """What the order is, and its story. ``report(strategy, sequence)`` gives a report of a journal,
    None: it is not there any more."""
    story = Story(subject)
    for told in entries:
        story.take(told)
    for strategy, sequence in story.reports:
        if (found := report(strategy, sequence)) is not None:
            story.report(found)
    return story.order, story.steps()
