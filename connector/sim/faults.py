"""Faults on command: rules in, what happens to a message or an answer out.

Pure. A rule is a JSON object with a ``kind`` and keys of that kind; an unknown kind or key is a
`ValueError` that names it. Streams are matched by pattern (``*@depth*``), a rule applies ``count``
times after letting ``after`` matches pass (``count`` 0: until cleared); every effect is counted.

Message faults, keys ``stream`` (pattern, default ``*``), ``connection`` (id, default all),
``count`` (default 1), ``after`` (default 0):

    drop                    the message is never sent
    duplicate  times=1      sent again, ``times`` times
    delay      ms           the stream waits so long, then everything goes out in order
    swap                    sent after the next message of the same stream
    stall      ms=0         the stream is silent so long (0: until cleared), its messages are lost;
                            asked=true: or until it is subscribed anew
    split      parts=3      sent in so many WebSocket fragments; pings=true puts a ping between them
    corrupt    how=truncate sent wrong: truncate, garbage, number (made a word) or binary
    oversize   bytes        followed by an unknown event of so many bytes
    compress                sent with the RSV1 bit set, as if compressed

Connection faults, keys ``connection`` and ``stream`` choose whose (default everybody's), at once:

    cut        how=abrupt   reset, fin (closed without a close frame) or clean (close frame first)
    half_open               nothing is sent to it any more, not even pongs
    close      code reason  closed by the venue with that code
    lose                    the venue forgets its subscriptions of ``stream`` and says nothing
    foist      name         the venue sends it this stream, too, which it did not ask for
    unsubscribe code=2500   the venue ends its subscriptions of ``stream``, where it has such codes

Venue faults, at once:

    reset      symbol       update ids start again from a low number (default: all symbols)
    repeat     symbol       streams that repeat their full book now and then do it at once (default:
                            all symbols); after a drop it is what the stream did not lead to
    forget     symbol       what streams keep for those who come back is lost (default: of all)
    dialect    name         the venue goes on in another of the forms it may speak in, where nobody
                            knows which one is its
    expire                  every token of a login that was given until now has ended, where the
                            venue has logins
    skew       ms           the venue's clock is so far ahead of this machine's (negative: behind)

Opening faults, keys ``route`` (pattern: public, market, private, legacy), ``count``, ``after``:

    bare                    it opens in the other form: messages without their stream's name
    mute                    the connection opens and answers, but no stream ever says a word on it

Answer faults, keys ``path`` (pattern, default ``*``; of a request of the WebSocket order API its
method), ``method`` (GET, POST, ...; default all), ``symbol``, ``count``, ``after``:

    status     status body retry_after content_type     an answer of the caller's making
    empty      status=200   no body
    truncate                half of the true answer, then the connection is closed
    slow       ms           the true answer, late
    queue      ms           taken at the door at once, executed and answered so much later
    old_snapshot            a depth answer from before everything that was streamed
    lost                    no answer, the connection stays open
    reset_http              the connection is reset instead of an answer

The request is executed all the same, whatever becomes of its answer; ``execute=false`` on status,
empty, lost and reset_http means that it is not.
"""

from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

_Kinds = dict[str, dict[str, Any]]

MESSAGE: _Kinds = {
    "drop": {},
    "duplicate": {"times": 1},
    "delay": {"ms": 0},
    "swap": {},
    "stall": {"ms": 0, "asked": False},
    "split": {"parts": 3, "pings": False},
    "corrupt": {"how": "truncate"},
    "oversize": {"bytes": 0},
    "compress": {},
}
CONNECTION: _Kinds = {
    "cut": {"how": "abrupt"},
    "half_open": {},
    "close": {"code": 0, "reason": "fault"},
    "lose": {},
    "foist": {"name": ""},
    "unsubscribe": {"code": 2500},
}
VENUE: _Kinds = {
    "reset": {"symbol": ""}, "repeat": {"symbol": ""}, "forget": {"symbol": ""}, "skew": {"ms": 0},
    "dialect": {"name": ""}, "expire": {},
}  # fmt: skip
OPENING: _Kinds = {"mute": {}, "bare": {}}
ANSWER: _Kinds = {
    "status": {
        "status": 0, "body": "", "retry_after": -1, "content_type": "", "execute": True,
    },
    "empty": {"status": 200, "execute": True},
    "truncate": {},
    "slow": {"ms": 0},
    "queue": {"ms": 0},
    "old_snapshot": {},
    "lost": {"execute": True},
    "reset_http": {"execute": True},
}  # fmt: skip
_NEEDED = {
    "delay": "ms", "oversize": "bytes", "status": "status", "slow": "ms", "queue": "ms",
    "skew": "ms", "close": "code", "foist": "name", "dialect": "name",
}  # fmt: skip
_WORDS = {"corrupt": ("truncate", "garbage", "number", "binary"), "cut": ("abrupt", "fin", "clean")}
_COMMON: _Kinds = {
    "message": {"stream": "*", "connection": 0, "count": 1, "after": 0},
    "connection": {"stream": "*", "connection": 0},
    "venue": {},
    "opening": {"route": "*", "count": 1, "after": 0},
    "answer": {"path": "*", "method": "", "symbol": "", "count": 1, "after": 0},
}


class Rule(Struct):
    """One fault that was asked for."""

    rule_id: int
    kind: str
    group: str
    """message, connection, venue, opening or answer."""
    options: dict[str, Any]
    left: int
    """How often it still applies; -1: until cleared."""
    skip: int
    until_ns: int = 0
    """End of a stall; 0: none."""
    done: int = 0

    def __getitem__(self, name: str) -> Any:
        return self.options[name]


class Part(Struct, frozen=True):
    """One thing to put on the wire: ``form`` says how, ``argument`` goes with it."""

    payload: bytes
    form: str = ""
    argument: int = 0


_GROUPS = {
    "message": MESSAGE,
    "connection": CONNECTION,
    "venue": VENUE,
    "opening": OPENING,
    "answer": ANSWER,
}


def group_of(kind: str) -> str:
    """The group a kind belongs to; ValueError names an unknown one."""
    for name, kinds in _GROUPS.items():
        if kind in kinds:
            return name
    known = ", ".join(each for kinds in _GROUPS.values() for each in kinds)
    raise ValueError(f"unknown fault {kind!r}; there are: {known}")


class Faults:
    """The rules in force and the count of what they did."""

    def __init__(self) -> None:
        self._next = 1
        self._rules: list[Rule] = []
        self._swapped: dict[tuple[int, str], bytes] = {}
        self.counts: Counter[str] = Counter()
        self.messages = False
        """Whether any message rule is in force; the common path looks at nothing else."""

    def add(self, command: Mapping[str, Any]) -> Rule:
        """Check a command and put it in force; ValueError says what is wrong with it."""
        kind = command.get("kind")
        if not isinstance(kind, str):
            raise ValueError('a fault needs a "kind"')
        group = group_of(kind)
        defaults = _COMMON[group] | _GROUPS[group][kind]
        unknown = command.keys() - defaults.keys() - {"kind"}
        if unknown:
            keys = ", ".join(defaults) or "none"
            raise ValueError(f"{kind}: unknown key {sorted(unknown)[0]!r}; it takes: {keys}")
        options = defaults | {key: value for key, value in command.items() if key != "kind"}
        for key, default in defaults.items():
            if type(options[key]) is not type(default):
                wanted = type(default).__name__
                raise ValueError(f"{kind}: {key} must be {wanted}, not {options[key]!r}")
        if kind in _NEEDED and _NEEDED[kind] not in command:
            raise ValueError(f"{kind}: {_NEEDED[kind]} is missing")
        if kind in _WORDS and options["how"] not in _WORDS[kind]:
            raise ValueError(f"{kind}: how must be one of {', '.join(_WORDS[kind])}")
        if kind == "split" and options["parts"] < 2:
            raise ValueError("split: parts must be at least 2")
        count = options.get("count", 1)
        ms = 0 if kind == "skew" else options.get("ms", 0)
        if min(count, options.get("after", 0), ms) < 0:
            raise ValueError(f"{kind}: count, after and ms cannot be negative")
        rule = Rule(self._next, kind, group, options, count or -1, options.get("after", 0))
        self._next += 1
        if group in ("message", "opening", "answer"):
            self._rules.append(rule)
            self._note()
        return rule

    def clear(self) -> int:
        """Take every rule out of force; returns how many there were."""
        gone = len(self._rules)
        self._rules.clear()
        self._swapped.clear()
        self._note()
        return gone

    def rules(self) -> list[Rule]:
        return list(self._rules)

    def count(self, kind: str) -> None:
        self.counts[kind] += 1

    def message(
        self, stream: str, connection: int, payload: bytes, now_ns: int
    ) -> tuple[list[Part], int]:
        """What becomes of a message: parts to send, and ms the stream is to be held before them."""
        held = self._swapped.pop((connection, stream), None)
        parts, hold_ms = self._apply(stream, connection, payload, now_ns)
        if held is not None:
            parts = [*parts, Part(held)]
            self._note()
        return parts, hold_ms

    def _apply(
        self, stream: str, connection: int, payload: bytes, now_ns: int
    ) -> tuple[list[Part], int]:
        for rule in self._rules:
            if rule.group != "message" or rule["connection"] not in (0, connection):
                continue
            if not fnmatchcase(stream, rule["stream"]):
                continue
            if rule.kind == "stall":
                if self._stalled(rule, now_ns):
                    return [], 0
                continue
            if not self._take(rule):
                continue
            return self._effect(rule, stream, connection, payload)
        return [Part(payload)], 0

    def _effect(
        self, rule: Rule, stream: str, connection: int, payload: bytes
    ) -> tuple[list[Part], int]:
        match rule.kind:
            case "drop":
                return [], 0
            case "duplicate":
                return [Part(payload)] * (1 + rule["times"]), 0
            case "delay":
                return [Part(payload)], rule["ms"]
            case "swap":
                self._swapped[connection, stream] = payload
                self.messages = True
                return [], 0
            case "split":
                return [Part(payload, "pings" if rule["pings"] else "split", rule["parts"])], 0
            case "corrupt":
                return [_corrupt(payload, rule["how"])], 0
            case "oversize":
                return [Part(payload), Part(_huge(rule["bytes"]))], 0
            case _:
                return [Part(payload, "rsv1")], 0

    def opening(self, route: str) -> Rule | None:
        """The rule for a connection that opens, if one applies."""
        for rule in self._rules:
            if rule.group == "opening" and fnmatchcase(route, rule["route"]) and self._take(rule):
                return rule
        return None

    def answer(self, method: str, path: str, symbol: str) -> Rule | None:
        """The rule for the answer to a request, if one applies."""
        for rule in self._rules:
            if (
                rule.group == "answer"
                and fnmatchcase(path, rule["path"])
                and rule["method"] in ("", method)
                and rule["symbol"] in ("", symbol)
                and self._take(rule)
            ):
                return rule
        return None

    def subscribed(self, stream: str, connection: int) -> None:
        """A connection asked for a stream it did not hear: stalls that waited for it are over."""
        for rule in self._rules:
            if (
                rule.kind == "stall"
                and rule["asked"]
                and rule["connection"] in (0, connection)
                and fnmatchcase(stream, rule["stream"])
            ):
                rule.left = 0
        self._prune()

    def _stalled(self, rule: Rule, now_ns: int) -> bool:
        if rule.skip:
            rule.skip -= 1
            return False
        if not rule.until_ns:
            rule.until_ns = now_ns + rule["ms"] * 1_000_000 if rule["ms"] else -1
        if rule.until_ns > 0 and now_ns >= rule.until_ns:
            rule.left = 0
            self._prune()
            return False
        rule.done += 1
        self.count(rule.kind)
        return True

    def _take(self, rule: Rule) -> bool:
        if rule.skip:
            rule.skip -= 1
            return False
        if rule.left == 0:
            return False
        rule.done += 1
        self.count(rule.kind)
        if rule.left > 0:
            rule.left -= 1
            if rule.left == 0:
                self._prune()
        return True

    def _prune(self) -> None:
        self._rules = [rule for rule in self._rules if rule.left]
        self._note()

    def _note(self) -> None:
        self.messages = any(rule.group == "message" for rule in self._rules) or bool(self._swapped)


def _corrupt(payload: bytes, how: str) -> Part:
    if how == "truncate":
        return Part(payload[: len(payload) * 2 // 3])
    if how == "garbage":
        middle = len(payload) // 2
        return Part(payload[:middle] + b"\x01}{" + payload[middle + 3 :])
    if how == "number":
        start = payload.find(b'"E":') + 4
        return Part(payload[:start] + b"eight" + payload[start + 5 :])
    return Part(payload, "binary")


def _huge(size: int) -> bytes:
    head, tail = b'{"e":"padding","E":0,"text":"', b'"}'
    return head + b"x" * max(0, size - len(head) - len(tail)) + tail
