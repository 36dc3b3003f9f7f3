"""Send commands of a strategy as JSON lines and print what becomes of them, a line each.

Reads FILE, or standard input (the default, also as -). While it runs it is the strategy's trading
session; it ends when the input has ended and every command has its answer. What is open then is
cancelled 10 s later, unless the strategy's on_death says otherwise or it attaches again (--follow
stays). Numbers are exact; what is malformed is answered with the field and sent nowhere.
"""

import argparse
import os
import select
import sys
import time
from typing import Any

import orjson

import connector
from connector._speedups.events import plain
from connector._speedups.order_events import Report
from connector.cli._arguments import seconds
from connector.errors import ConfigError, ConnectorError
from connector.ipc.json_door import JsonDoor

CHUNK = 65536
TURN_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help="JSON lines; - is stdin"
    )
    parser.add_argument(
        "--strategy", required=True, metavar="NAME", help="whose commands these are"
    )
    parser.add_argument("--runtime-dir", default="", help="where the daemon's control socket is")
    parser.add_argument("--takeover", action="store_true", help="end the strategy's session first")
    parser.add_argument(
        "--resume", type=int, metavar="N", help="also print the reports after number N; 0: all"
    )
    parser.add_argument("--follow", action="store_true", help="print reports until interrupted")
    parser.add_argument(
        "--timeout", type=seconds, default=30.0, metavar="S", help="for answers after the last line"
    )


def run(args: argparse.Namespace) -> int:
    try:
        source = sys.stdin.fileno() if args.file == "-" else os.open(args.file, os.O_RDONLY)
    except OSError as error:
        raise ConfigError(f"{args.file}: {error.strerror or error}") from None
    name: str = args.strategy
    runtime_dir: str | None = args.runtime_dir or None
    takeover: bool = args.takeover
    resume: int | None = args.resume
    session = connector.attach(name, runtime_dir, trading=True, takeover=takeover, resume=resume)
    with session:
        try:
            return _Sender(session, source).run(args.timeout, args.follow)
        finally:
            _say_what_stays(session)


def _say_what_stays(session: connector.TradingSession) -> None:
    """This session's end is its strategy's, and open orders do not outlive that by themselves."""
    name = session.strategy
    if count := _open_orders(session):
        print(
            f"connector send: {count} open orders of {name!r}: cancelled 10 s from now unless it"
            f" attaches again or [strategies.{name}] says otherwise (on_death, grace_s)",
            file=sys.stderr,
        )


def _open_orders(session: connector.TradingSession) -> int:
    """By the daemon's word: reports of the last ones may not have been read."""
    try:
        told = session.request("trading")["trading"]["accounts"]
        return sum(account["open"].get(session.strategy, 0) for account in told)
    except (ConnectorError, OSError):  # it is gone
        return sum(not order.foreign for order in session.orders())


class _Sender:
    """Feeds lines to the door while it prints what comes out."""

    def __init__(self, session: connector.TradingSession, source: int) -> None:
        self._session, self._door = session, JsonDoor(session)
        self._source, self._open, self._rest = source, True, b""
        self._lines: list[bytes] = []

    def run(self, timeout: float, follow: bool) -> int:
        until: float | None = None
        while True:
            self._print_reports()
            self._send()
            if self._open or self._lines:
                self._wait()
                continue
            if not self._session.waiting and not follow:
                return 0
            until = until or time.monotonic() + timeout
            if time.monotonic() > until and not follow:
                count = len(self._session.waiting)
                print(f"connector send: {count} commands without an answer", file=sys.stderr)
                return 1
            self._wait()

    def _print_reports(self) -> None:
        while (event := self._session.poll()) is not None:
            if isinstance(event, Report):
                _print(self._door.told(event))
        sys.stdout.flush()

    def _send(self) -> None:
        while self._lines:
            try:
                refused = self._door.send(self._lines[0])
            except connector.Full:
                return
            del self._lines[0]
            for answer in refused:
                _print(answer)

    def _wait(self) -> None:
        """Until there is something to read or to report."""
        if not self._session.fall_asleep():
            return
        try:
            sources = [self._session.fileno()]
            if self._open and not self._lines:
                sources.append(self._source)
            ready, _, _ = select.select(sources, [], [], TURN_S)
        finally:
            self._session.wake_up()
        if self._source in ready:
            self._read()

    def _read(self) -> None:
        data = os.read(self._source, CHUNK)
        self._open = bool(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data and self._rest:
            lines.append(self._rest)
        self._lines += [line for line in lines if line.strip()]


def _print(told: dict[str, Any]) -> None:
    print(orjson.dumps(told, default=plain).decode())
