"""Watch a running daemon: books, accounts, orders, budgets, latencies, readers and faults

Follows a restart of the daemon. --once prints one frame, --json one object, --svg writes a picture
of a frame, each after looking for --interval seconds to have rates.
"""

import argparse
import contextlib
import sys
import time
from collections import deque
from pathlib import Path
from typing import NoReturn

import orjson
from rich.console import Console
from rich.live import Live

from connector.cli import _frame
from connector.cli._frame_orders import rows as order_rows
from connector.cli._sample import Watch
from connector.cli._screen import Screenful
from connector.errors import AttachError, EpochChanged, Stalled
from connector.model.paths import runtime_directory

WINDOW_S = 60
"""The live view's latencies are those of so many seconds."""
CHROME_ROWS = 22
"""Rows of the view that are not instruments."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runtime-dir", default="", help="where the daemon's control socket is")
    parser.add_argument("--interval", type=_seconds, default=1.0, help="seconds between two looks")
    parser.add_argument("--once", action="store_true", help="print one frame and end")
    parser.add_argument("--json", action="store_true", help="print one JSON object and end")
    parser.add_argument("--svg", metavar="FILE", help="write one frame as a picture and end")


def run(args: argparse.Namespace) -> int:
    runtime = runtime_directory(args.runtime_dir)
    watch = Watch(runtime)
    before = watch.sample()
    if args.once or args.json or args.svg or not sys.stdout.isatty():
        time.sleep(args.interval)
        sample = watch.sample()
        watch.close()
        if args.svg:
            _frame.picture(sample, before, args.svg)
        elif args.json:
            print(orjson.dumps(_frame.numbers(sample, before)).decode())
        else:
            _frame.show(sample, before)
        return 0
    return _follow(runtime, watch, before, args.interval)


def _follow(
    runtime: Path, watch: Watch | None, before: _frame.Sample, interval_s: float
) -> NoReturn:
    """The live view, until Ctrl-C."""
    console = Console()
    shown: _frame.Sample | None = None
    sample = before
    window = deque([before], maxlen=max(int(WINDOW_S / interval_s), 1))
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            note = "Ctrl-C ends it"
            try:
                if watch is None:
                    watch, shown = Watch(runtime), None
                    window.clear()
                sample = watch.sample()
            except EpochChanged:
                watch, note = None, "the daemon is gone; waiting for the next one"
            except AttachError:
                note = "the daemon is gone; waiting for the next one"
            except Stalled as error:
                note = str(error)
            else:
                before, shown = shown or before, sample
                window.append(sample)
            taken = order_rows(sample.trading, len(sample.budgets))
            taken += _frame.connection_rows(sample)
            rows = max(console.height - CHROME_ROWS - taken, 4)
            old = before if before.epoch == sample.epoch and before is not sample else None
            since = window[0] if window and window[0] is not sample else None
            view = _frame.frame(sample, old, rows, console.width, since)
            live.update(Screenful(view, note), refresh=True)
            time.sleep(interval_s)


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0.05 <= (seconds := float(text)) <= 3600:
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is not between 0.05 and 3600 seconds")
