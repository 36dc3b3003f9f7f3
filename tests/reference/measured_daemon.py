"""The daemon with a clock around every callback of its loop.

``python -m tests.reference.measured_daemon REPORT run …`` takes the arguments of ``connector``.
SIGUSR1 starts and stops the counting; at the end REPORT holds, as JSON, what each callback used of
its thread's CPU time, and behind each that did anything what work used that is always the same:
wall time on a shared machine tells of the neighbours, and so does CPU time now and then."""

import gc
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

IDLE_NS = 5_000
"""Callbacks below this only look whether there is anything to do."""
SAME = range(2_000)
"""What is counted through as the work that is always the same: some 20 microseconds."""


class Clock:
    """How long callbacks took, in microseconds, by the name of what was called; and how long the
    same work took beside them."""

    def __init__(self) -> None:
        self.on = False
        self.by_name: dict[str, list[int]] = {}
        self.same: list[int] = []

    def turn(self, *_: object) -> None:
        self.on = not self.on

    def add(self, took_ns: int, callback: Any) -> None:
        self.by_name.setdefault(_name(callback), []).append(took_ns // 1000)
        if took_ns > IDLE_NS:
            began_ns = time.thread_time_ns()
            for _ in SAME:
                pass
            self.same.append((time.thread_time_ns() - began_ns) // 1000)

    def report(self) -> dict[str, Any]:
        return {"by_name": self.by_name, "same": self.same}


def _name(callback: Any) -> str:
    owner = getattr(callback, "__self__", None)
    name = getattr(callback, "__qualname__", type(callback).__name__)
    if owner is not None and hasattr(owner, "get_coro"):
        coro = owner.get_coro()
        return f"{name} of {getattr(coro, '__qualname__', coro)}"
    return f"{name} of {type(owner).__name__}" if owner is not None else name


CLOCK = Clock()


def measured(callback: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        if not CLOCK.on:
            return callback(*args)
        began_ns = time.thread_time_ns()
        try:
            return callback(*args)
        finally:
            CLOCK.add(time.thread_time_ns() - began_ns, callback)

    return run


class Loop(uvloop.Loop):
    """A loop whose callbacks are all measured."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_soon(measured(callback), *args, context=context)

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_soon_threadsafe(measured(callback), *args, context=context)

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_later(delay, measured(callback), *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_at(when, measured(callback), *args, context=context)

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
        super().add_reader(fd, measured(callback), *args)

    def _add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
        super().add_reader(fd, measured(callback), *args)

    def add_writer(self, fd: Any, callback: Any, *args: Any) -> None:
        super().add_writer(fd, measured(callback), *args)

    def _add_writer(self, fd: Any, callback: Any, *args: Any) -> None:
        super().add_writer(fd, measured(callback), *args)


def main() -> int:
    from connector.cli import main as connector

    report = Path(sys.argv.pop(1))
    uvloop.new_event_loop = Loop
    signal.signal(signal.SIGUSR1, CLOCK.turn)
    try:
        return int(connector(sys.argv[1:]) or 0)
    finally:
        gc.enable()
        report.write_text(json.dumps(CLOCK.report()))


if __name__ == "__main__":
    raise SystemExit(main())
