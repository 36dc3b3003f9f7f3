"""What a connection carries by the venue's own word, beside what was asked for and granted.

Pure: events and ``now_ns`` in, questions and findings out. One question is under way at a time, and
none of them is worth a connection: an error or silence is a finding, and the next one is asked when
its time comes."""

from collections.abc import Callable, Collection, Iterable
from enum import Enum

from msgspec import Struct

from connector.venues.contract import Control
from connector.venues.dialogue import Audited
from connector.venues.inquiry import Inquiry

ANSWER_NS = 10_000_000_000
"""A question without an answer for this long has none."""
FORM_NS = 2_000_000_000
"""The same of a question about the form, for which subscriptions wait."""
AGAIN_NS = 5_000_000_000
"""After a difference was mended the venue is asked again so soon, once: it may have come back."""


class _Asked(Enum):
    STREAMS = 0
    FORM = 1
    SET = 2


class _Question(Struct):
    request_id: int
    what: _Asked
    sent_ns: int
    carried: frozenset[str]

    @property
    def end_ns(self) -> int:
        return self.sent_ns + (ANSWER_NS if self.what is _Asked.STREAMS else FORM_NS)


class StreamAudit:
    """Asks on one connection: the form first, its streams when all were granted and then every
    ``every_ns`` (0: never)."""

    def __init__(self, inquiry: Inquiry, every_ns: int) -> None:
        self._inquiry, self._every_ns = inquiry, every_ns
        self._question: _Question | None = None
        self._form = inquiry.form is not None
        self._set = False
        self._due_ns = 0
        self._differed = False
        self._touched: set[str] = set()
        self.answered_ns = 0
        """When the venue last said which streams there are; 0: not yet."""
        self.last = Audited()
        """What came of the last question about streams."""

    def next_ns(self, now_ns: int) -> int:
        """When there is something to ask or to give up, at the latest."""
        if self._question is not None:
            return self._question.end_ns
        if self._form or self._set:
            return now_ns
        return self._due_ns if self._every_ns else now_ns + ANSWER_NS

    @property
    def holds(self) -> bool:
        """Whether the form is still to be found out: messages in another one could be taken for
        something else, so nothing is subscribed before."""
        asked = self._question
        return self._form or self._set or (asked is not None and asked.what is not _Asked.STREAMS)

    def due(self, settled: bool, now_ns: int) -> bool:
        """Whether something is to be asked now; ``settled``: nothing that changes the streams is
        under way."""
        if self._question is not None:
            return False
        if self._form or self._set:
            return True
        return settled and self._every_ns > 0 and now_ns >= self._due_ns

    def ask(self, request_id: int, carried: Iterable[str], now_ns: int) -> bytes:
        """What is due; ``carried``: the streams that were granted, as far as is known."""
        form = self._inquiry.form
        encode: Callable[[int], bytes]
        if form is not None and self._set:
            what, encode, self._set = _Asked.SET, form.change, False
        elif form is not None and self._form:
            what, encode, self._form = _Asked.FORM, form.ask, False
        else:
            what, encode = _Asked.STREAMS, self._inquiry.ask
            self._due_ns = now_ns + self._every_ns
            self._touched.clear()
        streams = frozenset(carried) if what is _Asked.STREAMS else frozenset[str]()
        self._question = _Question(request_id, what, now_ns, streams)
        return encode(request_id)

    def touched(self, names: Iterable[str]) -> None:
        """These are asked for or taken back: the answer that is waited for says nothing of them."""
        if self._question is not None:
            self._touched.update(names)

    def concerned(self, control: Control) -> bool:
        """Whether this answers the question. An error without an id may: nothing else is to suffer
        from what only was asked."""
        if self._question is None:
            return False
        if control.request_id is None:
            return not control.ok
        return control.request_id == self._question.request_id

    def on_answer(
        self, control: Control, wanted: Callable[[str], bool], granted: Collection[str], now_ns: int
    ) -> Audited:
        """The answer; ``wanted``: whether a stream is to be carried or cannot be left."""
        question, self._question = self._question, None
        assert question is not None
        if not control.ok:
            return self._failed(question, control.message)
        try:
            if question.what is _Asked.STREAMS:
                return self._compare(question, control, wanted, granted, now_ns)
            if question.what is _Asked.SET:
                return Audited(form=True)
            assert self._inquiry.form is not None
            self._set = not self._inquiry.form.right(control.result)
        except ValueError as error:
            return self._failed(question, str(error))
        return Audited()

    def on_timer(self, now_ns: int) -> Audited | None:
        """Time passed; the finding that there is no answer."""
        question = self._question
        if question is None or now_ns < question.end_ns:
            return None
        self._question = None
        return self._failed(question, "never answered")

    def _compare(
        self,
        question: _Question,
        control: Control,
        wanted: Callable[[str], bool],
        granted: Collection[str],
        now_ns: int,
    ) -> Audited:
        names, touched = self._inquiry.names(control.result), self._touched
        missing: list[str] = []
        stray: list[str] = []
        if names != question.carried:
            lost, more = question.carried - names - touched, names - question.carried - touched
            kind = self._inquiry.kind
            gone, come = set(map(kind, lost)), set(map(kind, more))
            missing = sorted(name for name in lost if name in granted and kind(name) not in come)
            stray = sorted(name for name in more if not wanted(name) and kind(name) not in gone)
        differs = bool(missing or stray)
        if differs and not self._differed:
            self._due_ns = min(self._due_ns, now_ns + AGAIN_NS)
        self._differed = differs
        self.answered_ns = now_ns
        self.last = Audited(answered=True, missing=tuple(missing), stray=tuple(stray))
        return self.last

    def _failed(self, question: _Question, why: str) -> Audited:
        found = Audited(why=f"{question.what.name.lower()}: {why}")
        if question.what is _Asked.STREAMS:
            self.last = found
        return found
