"""What a connection carries by the venue's own word: the questions, and what follows each answer.

The control dialogue (`Session`) and its audit are held together against a venue that does what it
is told, but for what each row of a table changes behind its back."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from connector.market.stream_audit import AGAIN_NS, ANSWER_NS, FORM_NS, StreamAudit
from connector.market.subscriptions import Action, Audited, Drop, Send, Session
from connector.venues.contract import Channel, Control, Subscription, load
from connector.venues.inquiry import Inquiry

S = 1_000_000_000
EVERY_NS = 300 * S
VENUE = load("binance_usdm")
LIMITS = replace(VENUE.limits, messages=10, streams_per_message=3)
NAMES = ["a@depth", "b@depth", "c@depth", "d@depth"]


def rows(*names: str) -> list[Subscription]:
    return [Subscription(name[0].upper(), Channel.DEPTH, name, 5 * S) for name in names]


class Wire:
    """A session and the venue at its other end, which answers when it is told to."""

    def __init__(self, every_ns: int = EVERY_NS, inquiry: Inquiry | None = VENUE.inquiry) -> None:
        assert inquiry is not None
        audit = StreamAudit(inquiry, every_ns)
        self.session = Session(
            rows(*NAMES), VENUE.subscribe, VENUE.unsubscribe, LIMITS, VENUE.heartbeat, audit
        )
        self.audit = audit
        self.has: set[str] = set()
        self.combined = True
        self.sent: list[str] = []
        self.waiting: list[dict[str, Any]] = []
        self.found: list[Audited] = []
        self.dropped: list[Drop] = []
        self.now_ns = S

    def take(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                message = json.loads(action.message)
                self.sent.append(message["method"])
                self.waiting.append(message)
            elif isinstance(action, Audited):
                self.found.append(action)
            elif isinstance(action, Drop):
                self.dropped.append(action)

    def answer(self, message: dict[str, Any]) -> Control:
        """What the venue answers now."""
        params, result = message.get("params", []), None
        match message["method"]:
            case "SUBSCRIBE":
                self.has.update(params)
            case "UNSUBSCRIBE":
                self.has.difference_update(params)
            case "LIST_SUBSCRIPTIONS":
                result = sorted(self.has)
            case "GET_PROPERTY":
                result = self.combined
            case "SET_PROPERTY":
                assert params[0] == "combined"
                self.combined = params[1]
        return Control(message["id"], True, result=result)

    def control(self, control: Control) -> None:
        self.take(self.session.on_control(control, self.now_ns))

    def settle(self, after_ns: int = 0) -> None:
        """Let time pass and answer whatever is asked, until nothing is."""
        self.now_ns += after_ns
        for _ in range(20):
            self.take(self.session.on_timer(self.now_ns))
            while self.waiting:
                self.control(self.answer(self.waiting.pop(0)))
            self.now_ns += S // 5

    def until(self, method: str) -> dict[str, Any]:
        """Go on until this is asked; it is left without an answer."""
        for _ in range(20):
            self.take(self.session.on_timer(self.now_ns))
            for message in list(self.waiting):
                self.waiting.remove(message)
                if message["method"] == method:
                    return message
                self.control(self.answer(message))
            self.now_ns += S // 5
        raise AssertionError(f"{method} was never asked, but {self.sent}")

    @property
    def told(self) -> list[Audited]:
        """Findings that say anything of streams."""
        return [one for one in self.found if one.answered]


def test_the_form_is_asked_first_and_the_streams_when_all_are_granted() -> None:
    wire = Wire()
    wire.settle()
    assert wire.sent == ["GET_PROPERTY", "SUBSCRIBE", "SUBSCRIBE", "LIST_SUBSCRIPTIONS"]
    assert wire.told == [Audited(answered=True)]
    assert wire.audit.answered_ns
    wire.settle(EVERY_NS - 10 * S)
    assert wire.sent.count("LIST_SUBSCRIPTIONS") == 1
    wire.settle(10 * S)
    assert wire.sent.count("LIST_SUBSCRIPTIONS") == 2
    assert wire.sent.count("GET_PROPERTY") == 1, "once a connection"
    assert wire.told == [Audited(answered=True)] * 2


def test_the_other_form_is_changed_once() -> None:
    wire = Wire()
    wire.combined = False
    wire.settle()
    assert wire.sent[:1] == ["GET_PROPERTY"]
    assert wire.sent.count("SET_PROPERTY") == 1
    assert wire.combined
    assert [one for one in wire.found if one.form] == [Audited(form=True)]


def test_nothing_is_subscribed_before_the_form_is_known_or_the_venue_says_nothing() -> None:
    wire = Wire()
    wire.combined = False
    for method in ("GET_PROPERTY", "SET_PROPERTY"):
        question = wire.until(method)
        wire.now_ns += FORM_NS - S // 100
        wire.take(wire.session.on_timer(wire.now_ns))
        assert wire.sent[-1] == method
        wire.control(wire.answer(question))
    assert wire.sent == ["GET_PROPERTY", "SET_PROPERTY", "SUBSCRIBE", "SUBSCRIBE"]
    mute = Wire()
    mute.until("GET_PROPERTY")
    mute.settle(FORM_NS)
    assert mute.sent == ["GET_PROPERTY", "SUBSCRIBE", "SUBSCRIBE", "LIST_SUBSCRIPTIONS"]
    assert [one.why for one in mute.found if one.why] == ["form: never answered"]
    assert mute.dropped == []


def lose(*names: str) -> Callable[[Wire], None]:
    return lambda wire: wire.has.difference_update(names)


def foist(*names: str) -> Callable[[Wire], None]:
    return lambda wire: wire.has.update(names)


@pytest.mark.parametrize(
    ("mishap", "missing", "stray", "asked"),
    [
        ([], (), (), []),
        ([lose("b@depth")], ("b@depth",), (), ["SUBSCRIBE"]),
        ([lose(*NAMES)], tuple(NAMES), (), ["SUBSCRIBE", "SUBSCRIBE"]),
        ([foist("x@depth")], (), ("x@depth",), ["UNSUBSCRIBE"]),
        ([lose("b@depth"), foist("x@depth")], ("b@depth",), ("x@depth",), ["SUBSCRIBE"]),
    ],
)
def test_differences_are_told_and_mended(
    mishap: list[Callable[[Wire], None]],
    missing: tuple[str, ...],
    stray: tuple[str, ...],
    asked: list[str],
) -> None:
    wire = Wire()
    wire.settle()
    for happen in mishap:
        happen(wire)
    wire.sent.clear()
    wire.settle(EVERY_NS)
    assert wire.told[1] == Audited(answered=True, missing=missing, stray=stray)
    assert wire.sent[: 1 + len(asked)] == ["LIST_SUBSCRIPTIONS", *asked]
    wire.settle(AGAIN_NS)
    assert wire.sent.count("LIST_SUBSCRIPTIONS") == (2 if missing or stray else 1)
    wire.settle(EVERY_NS)
    wire.settle(EVERY_NS)
    assert wire.told[-1] == Audited(answered=True), "all is well again"
    assert wire.has == set(NAMES) == wire.session.granted.keys()
    assert wire.dropped == []


@pytest.mark.parametrize(
    ("asked", "listed"),
    [
        ("e@depth@0ms", "e@depth"),
        ("e@depth@0ms", "e@depth@100ms"),
        ("e@depth", "e@depth@250ms"),
        ("b@markPrice", "b@markPrice@3s"),
        ("!markPrice@arr", "!markPrice@arr@3s"),
        ("b@bookTicker", "B@bookTicker"),
    ],
)
def test_a_stream_that_is_spelled_otherwise_is_neither_missing_nor_stray(
    asked: str, listed: str
) -> None:
    def names(result: Any) -> frozenset[str]:
        return frozenset(listed if name == asked else name for name in result)

    assert VENUE.inquiry is not None
    wire = Wire(inquiry=replace(VENUE.inquiry, names=names))
    wire.take(wire.session.add(rows(asked), wire.now_ns))
    wire.settle(EVERY_NS)
    assert set(wire.told) == {Audited(answered=True)}
    wire.has.discard(asked)
    wire.settle(EVERY_NS)
    assert Audited(answered=True, missing=(asked,)) in wire.told


def test_a_stream_under_another_name_is_never_ended() -> None:
    """A venue that lists a stream otherwise than it was asked for."""

    def names(result: Any) -> frozenset[str]:
        return frozenset(name.replace("b@depth", "b@book") for name in result)

    assert VENUE.inquiry is not None
    wire = Wire(inquiry=replace(VENUE.inquiry, names=names))
    for _ in range(4):
        wire.settle(EVERY_NS)
    different = Audited(answered=True, missing=("b@depth",), stray=("b@book",))
    assert set(wire.told) == {different}
    assert "UNSUBSCRIBE" not in wire.sent
    assert wire.has == set(NAMES)
    assert wire.sent.count("LIST_SUBSCRIPTIONS") <= 5, "asked again soon once, not for ever"


@pytest.mark.parametrize(
    ("meanwhile", "left"),
    [
        (lambda one, now: one.add(rows("e@depth"), now), {*NAMES, "e@depth"}),
        (lambda one, now: one.remove(["b@depth"], now), set(NAMES) - {"b@depth"}),
        (lambda one, now: one.renew(["b@depth"], now), set(NAMES)),
    ],
)
def test_what_changes_while_the_answer_is_under_way_is_no_difference(
    meanwhile: Callable[[Session, int], list[Action]], left: set[str]
) -> None:
    wire = Wire()
    question = wire.until("LIST_SUBSCRIPTIONS")
    early = wire.answer(question)
    wire.take(meanwhile(wire.session, wire.now_ns))
    changes = list(wire.waiting)
    wire.waiting.clear()
    late = [wire.answer(message) for message in changes]
    wire.control(early)
    for control in late:
        wire.control(control)
    wire.settle()
    assert wire.told == [Audited(answered=True)]
    assert wire.has == left == wire.session.granted.keys()
    wire.settle(EVERY_NS)
    assert wire.told == [Audited(answered=True)] * 2


def test_nothing_is_asked_while_a_change_is_not_acknowledged() -> None:
    wire = Wire()
    wire.settle()
    wire.take(wire.session.remove(["b@depth"], wire.now_ns))
    (taken_back,) = wire.waiting
    wire.waiting.clear()
    wire.now_ns += EVERY_NS - ANSWER_NS
    wire.take(wire.session.add(rows("e@depth"), wire.now_ns))
    (asked,) = wire.waiting
    wire.waiting.clear()
    wire.sent.clear()
    wire.now_ns += ANSWER_NS - S
    wire.take(wire.session.on_timer(wire.now_ns))
    assert wire.sent == []
    assert taken_back["method"] == "UNSUBSCRIBE"
    wire.control(wire.answer(asked))
    assert "b@depth" in wire.has, "the venue lost the request that took it back"
    wire.settle(S)
    assert wire.told[1].stray == ("b@depth",)
    wire.settle(AGAIN_NS)
    assert wire.has == {*NAMES, "e@depth"} - {"b@depth"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda n: Control(n, False, message="2: Invalid request"), "2: Invalid request"),
        (lambda n: Control(None, False, message="0: Unknown property"), "0: Unknown property"),
        (lambda n: Control(n, True, result=None), "not a list of streams"),
        (lambda n: Control(n, True, result=["a@depth", 5]), "not a list of streams"),
        (lambda n: Control(n, True, result={"a@depth": 1}), "not a list of streams"),
        (None, "never answered"),
    ],
)
def test_errors_and_silence_are_told_and_cost_nothing(
    answer: Callable[[int], Control] | None, words: str
) -> None:
    wire = Wire()
    question = wire.until("LIST_SUBSCRIPTIONS")
    granted = dict(wire.session.granted)
    if answer is None:
        wire.settle(ANSWER_NS)
        wire.control(wire.answer(question))  # too late: nobody waits for it
    else:
        wire.control(answer(question["id"]))
        wire.settle()
    (why,) = [one.why for one in wire.found if one.why]
    assert words in why
    assert wire.audit.last.why == why
    assert wire.dropped == []
    assert wire.session.granted == granted
    wire.settle(EVERY_NS)
    assert wire.audit.last == Audited(answered=True), "asked again when its time comes"


@pytest.mark.parametrize("result", ["yes", None, 1])
def test_a_form_nobody_understands_is_told_and_left(result: Any) -> None:
    wire = Wire()
    question = wire.until("GET_PROPERTY")
    wire.control(Control(question["id"], True, result=result))
    wire.settle()
    (why,) = [one.why for one in wire.found if one.why]
    assert "combined is neither true nor false" in why
    assert "SET_PROPERTY" not in wire.sent
    assert wire.told == [Audited(answered=True)]


def test_a_bare_error_while_nothing_is_asked_still_costs_the_connection() -> None:
    wire = Wire()
    wire.settle()
    wire.control(Control(None, False, message="2: Invalid request"))
    assert len(wire.dropped) == 1


def test_a_fatal_error_is_fatal_to_a_question_too() -> None:
    wire = Wire()
    wire.until("LIST_SUBSCRIPTIONS")
    wire.control(Control(None, False, fatal=True, message="3: Invalid JSON"))
    assert len(wire.dropped) == 1


def test_every_0_asks_for_the_form_alone() -> None:
    wire = Wire(every_ns=0)
    for _ in range(3):
        wire.settle(EVERY_NS)
    assert wire.sent == ["GET_PROPERTY", "SUBSCRIBE", "SUBSCRIBE"]


def test_questions_keep_to_the_window_of_the_connection() -> None:
    """Ten messages in any second, however often is asked."""
    wire = Wire(every_ns=1)
    times: list[int] = []
    for _ in range(400):
        wire.take(wire.session.on_timer(wire.now_ns))
        times += [wire.now_ns] * len(wire.waiting)
        while wire.waiting:
            wire.control(wire.answer(wire.waiting.pop(0)))
            times += [wire.now_ns] * len(wire.waiting)
        wire.now_ns += S // 100
    assert len(times) > 20
    most = LIMITS.messages
    assert all(b - a >= S for a, b in zip(times, times[most:], strict=False))


def test_a_stray_that_is_wanted_by_now_is_not_ended() -> None:
    wire = Wire()
    wire.settle()
    foist("e@depth", "f@depth")(wire)
    wire.now_ns += EVERY_NS
    answer = wire.answer(wire.until("LIST_SUBSCRIPTIONS"))
    wire.session._window = type(wire.session._window)(1, 100 * S)
    assert wire.session._window.take(wire.now_ns), "nothing may be sent for a while"
    wire.control(answer)
    wire.take(wire.session.add(rows("e@depth"), wire.now_ns))
    assert wire.waiting == []
    wire.now_ns += 100 * S
    wire.session._window = type(wire.session._window)(10, S)
    wire.settle()
    assert wire.has == {*NAMES, "e@depth"}
    assert wire.told[1].stray == ("e@depth", "f@depth")
