"""Print what strategies commanded and what became of it; the daemon need not run.

Every entry is a line: commands as they were read, requests before they left, answers, reports, and
what went over the wire where it did not end well. `why ORDER` tells an order's story instead: from
the market frame its strategy had read to its last fill, each step with its nanoseconds.
Times are UTC. --from and --to take 2026-01-31T12:00:00 or a time ago: 90s, 15m, 2h, 1d.
"""

import argparse
import heapq
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from connector.cli import _why
from connector.config import runtime_directory, state_directory
from connector.errors import ConfigError
from connector.trading import journal_files, why
from connector.trading.journal_view import View

_AGO = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_QUIET = ("strategy", "wall_ns", "type", "position", "sequence", "instrument", "account")
_HIDDEN = ("venue_ns", "recv_ns", "publish_ns", "read_ns", "deadline_ns", "session", "created_ns",
           "valid_until_ns", "cause_sequence", "cause_recv_ns", "cause_report", "sent_ns",
           "checked_ns", "encoded_ns", "left_ns")  # fmt: skip
_UNSAID = (0, "NONE", "DEFAULT")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="*", metavar="why ORDER",
                        help="an order's story: its key, client, venue or ref id")  # fmt: skip
    parser.add_argument("--strategy", action="append", default=[], metavar="NAME",
                        help="only this one's journal; may be repeated; - is nobody's")  # fmt: skip
    parser.add_argument("--order", metavar="ID",
                        help="only this order: its key, client, venue or ref id")  # fmt: skip
    parser.add_argument("--account", metavar="NAME", help="only this account: its name or number")
    parser.add_argument("--from", "--since", dest="since", metavar="TIME", help="nothing older")
    parser.add_argument("--to", "--until", dest="until", metavar="TIME", help="nothing newer")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--runtime-dir", default="", help="where the daemon's newest entries are")
    parser.add_argument("--state-dir", default="", help="where the log files are")


def run(args: argparse.Namespace) -> int:
    if args.what and (args.what[0] != "why" or len(args.what) != 2):
        raise ConfigError(f"journal {' '.join(args.what)}: expected `journal why ORDER`")
    journals = _Journals(args)
    if args.what:
        subject = journals.subject(args.what[1])
        order, steps = why.tell(subject, journals.entries(), journals.report)
        print(_why.data(order, steps) if args.json else _why.text(order, steps))
        return 0
    wanted = journals.subject(args.order) if args.order is not None else None
    seen: set[str] = set()
    commands: set[tuple[str, int]] = set()
    for told in journals.entries():
        if args.account is not None:
            names = str(told.get("account", "")), str(told.get("account_id", ""))
            seen.update(filter(None, names))
            if args.account not in names:
                continue
        if wanted is not None and not _about(wanted, told, commands):
            continue
        print(orjson.dumps(told).decode() if args.json else _line(told))
    if args.account is not None and args.account not in seen:
        there = ", ".join(sorted(seen)) or "none"
        raise ConfigError(f"--account {args.account}: what was looked at names {there}")
    return 0


def _about(subject: why.Subject, told: dict[str, Any], commands: set[tuple[str, int]]) -> bool:
    """Is an entry about it? A refusal names its command only; ``commands`` are those so far."""
    number = told["strategy"], told.get("command", 0)
    if why.subject_of(told) == subject:
        if told["type"] == "command":
            commands.add(number)
        return True
    return told["type"] in ("command_answer", "text") and number in commands


class _Journals:
    """The journals somebody asks for."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._runtime = runtime_directory(args.runtime_dir)
        self._state = state_directory(args.state_dir)
        if not self._state.is_dir():
            fault = "not a directory" if self._state.exists() else "there is no such directory"
            raise ConfigError(f"{self._state}: {fault}; name the daemon's --state-dir")
        self._since_ns = _time("--from", args.since, 0)
        self._until_ns = _time("--to", args.until, 1 << 63)
        known = journal_files.strategies(self._state)
        for name in args.strategy:
            if name not in known:
                there = ", ".join(known) or "none"
                raise ConfigError(f"--strategy {name}: {self._state} has journals of {there}")
        self._strategies = args.strategy or known

    def entries(self) -> Iterator[dict[str, Any]]:
        """What is told of the entries with a time of their own, by time."""
        streams = [self._told(strategy) for strategy in self._strategies]
        for told in heapq.merge(*streams, key=lambda one: int(one["wall_ns"])):
            if self._since_ns <= told["wall_ns"] <= self._until_ns:
                yield told

    def subject(self, name: str) -> why.Subject:
        """Whoever is called that."""
        names = why.Names()
        for told in self.entries():
            names.learn(told)
        try:
            return names.one(name)
        except why.Unfound as error:
            raise ConfigError(str(error)) from None

    def report(self, strategy: str, sequence: int) -> dict[str, Any] | None:
        """A report by its number, if it is still there."""
        found = self._told(strategy, sequence)
        return next((told for told in found if told.get("sequence", 0) >= sequence), None)

    def _told(self, strategy: str, sequence: int = 0) -> Iterator[dict[str, Any]]:
        view = View(strategy)
        for entry in journal_files.entries(
            self._runtime, self._state, strategy, since_ns=self._since_ns, sequence=sequence
        ):
            told = view.told(entry)
            if "wall_ns" in told:
                yield told


def _line(told: dict[str, Any]) -> str:
    when = datetime.fromtimestamp(told["wall_ns"] // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S")
    when += f".{told['wall_ns'] % 10**9 // 1000:06}"
    number = f"#{told['sequence']}" if "sequence" in told else ""
    words = [
        f"{name}={value}"
        for name, value in told.items()
        if name not in _QUIET and name not in _HIDDEN and (value is False or value not in _UNSAID)
    ]
    place = f"{told['strategy']} {number:<6} {told['type']:<15} {told.get('instrument', '-')}"
    return f"{when} {place} {' '.join(words)}"


def _time(option: str, text: str | None, default: int) -> int:
    """Unix nanoseconds."""
    if text is None:
        return default
    if found := re.fullmatch(r"(\d+)([smhd])", text):
        return time.time_ns() - int(found[1]) * _AGO[found[2]] * 10**9
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{option} {text}: neither a time like 2026-01-31T12:00:00 nor one ago like 15m"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1e6) * 1000
