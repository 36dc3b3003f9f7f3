"""Print what strategies commanded and what became of it; the daemon need not run.

Every entry is a line: commands as they were read, requests before they left, answers, reports.
Times are UTC. --since and --until take 2026-01-31T12:00:00 or a time ago: 90s, 15m, 2h, 1d.
"""

import argparse
import heapq
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from connector.config import runtime_directory, state_directory
from connector.errors import ConfigError
from connector.trading import journal_files
from connector.trading.journal_view import View, orders

_AGO = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_QUIET = ("strategy", "wall_ns", "type", "position", "sequence", "instrument", "account")
_HIDDEN = ("venue_ns", "recv_ns", "publish_ns", "read_ns", "deadline_ns", "session", "created_ns",
           "valid_until_ns", "cause_sequence", "cause_recv_ns", "sent_ns")  # fmt: skip
_UNSAID = (0, "NONE", "DEFAULT")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strategy", action="append", default=[], metavar="NAME",
                        help="only this one's journal; may be repeated; - is nobody's")  # fmt: skip
    parser.add_argument("--order", metavar="ID",
                        help="only this order: its key, client, venue or ref id")  # fmt: skip
    parser.add_argument("--account", type=int, metavar="N", help="only this account's number")
    parser.add_argument("--since", metavar="TIME", help="nothing older")
    parser.add_argument("--until", metavar="TIME", help="nothing newer")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--runtime-dir", default="", help="where the daemon's newest entries are")
    parser.add_argument("--state-dir", default="", help="where the log files are")


def run(args: argparse.Namespace) -> int:
    runtime, state = runtime_directory(args.runtime_dir), state_directory(args.state_dir)
    since_ns, until_ns = _time("--since", args.since, 0), _time("--until", args.until, 1 << 63)
    known = journal_files.strategies(state)
    for name in args.strategy:
        if name not in known:
            there = ", ".join(known) or "none"
            raise ConfigError(f"--strategy {name}: {state} has journals of {there}")
    streams = []
    for strategy in args.strategy or known:
        entries = _entries(runtime, state, strategy, since_ns)
        if args.order is not None:
            keys = orders(_entries(runtime, state, strategy, since_ns), args.order)
            entries = _of(keys, entries)
        streams.append(entries)
    for told in heapq.merge(*streams, key=lambda one: int(one["wall_ns"])):
        if not since_ns <= told["wall_ns"] <= until_ns:
            continue
        if args.account is not None and told.get("account") != args.account:
            continue
        print(orjson.dumps(told).decode() if args.json else _line(told))
    return 0


def _entries(runtime: Path, state: Path, strategy: str, since_ns: int) -> Iterator[dict[str, Any]]:
    """What the view tells of the entries with a time of their own."""
    view = View(strategy)
    for entry in journal_files.entries(runtime, state, strategy, since_ns=since_ns):
        told = view.told(entry)
        if "wall_ns" in told:
            yield told


def _of(keys: set[int], entries: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (told for told in entries if told.get("order_key") in keys)


def _line(told: dict[str, Any]) -> str:
    when = datetime.fromtimestamp(told["wall_ns"] // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S")
    when += f".{told['wall_ns'] % 10**9 // 1000:06}"
    number = f"#{told['sequence']}" if "sequence" in told else ""
    words = [
        f"{name}={value}"
        for name, value in told.items()
        if name not in _QUIET and name not in _HIDDEN and value not in _UNSAID
    ]
    place = f"{told['strategy']} {number:<6} {told['type']:<15} {told['instrument']}"
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
