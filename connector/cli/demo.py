"""Show everything at work: a simulated venue, a daemon and a strategy, in three processes.

The strategy quotes both sides of two instruments of the venue, is filled, amends and cancels.
--venue NAME takes another venue, ``all`` every one at once. On a terminal the live view is shown
until Ctrl-C. With --seconds N (or DEMO_SECONDS=N), or without a terminal, it runs N seconds
(default 10) and prints one JSON object as its last line. On the way some depth messages of one
symbol are withheld, to show that the gap is found and healed, and the venue's answer to one order
is, to show that its outcome is found out.

The exit code is 1 when a book was not live or crossed (unless changes were withheld where only that
can show it), when its best levels are not the venue's once nobody trades any more, when the
strategy lost records, when the gap was not healed, when the lost answer was not found out, when an
order was refused or left open, or when the venue counts other positions than the fills add up to; 0
otherwise. Nothing it starts outlives it.
"""

import argparse
import os
import select
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

import connector
from connector.cli import _frame
from connector.cli._demo_strategy import quantiles
from connector.cli._demo_trades import Trades, TradesReader
from connector.cli._processes import Family, ends_on_signals
from connector.cli._sample import Watch
from connector.clock import monotonic_ns
from connector.errors import AttachError, ConfigError, ConnectorError
from connector.model.counters import Counter
from connector.model.states import VALID
from connector.venues.contract import Bases, Venue, folders, load
from connector.venues.sim_contract import Activity, Mishap
from connector.venues.sim_contract import load as sim

CONFIGS = Path(connector.__file__).parents[1] / "configs"
START_S = 60.0
"""Simulator, daemon and every book have to be up by then."""
HEAL_S = 15.0
"""A gap that is not healed by then will not be."""
PAUSE_NS = 100_000_000
"""Several messages of a book, also where they come slowly."""
TRIES = 2
"""To have it show what was withheld, before more is."""
HISTORY = 300
"""Messages a stream keeps for those that missed some, where a venue may keep any."""
SEEN = 20
"""Levels a side that strategies see."""
REFRESH_S = 0.5
EVERY = "all"
TERMINAL_GAP_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seconds", type=_seconds, default=os.environ.get("DEMO_SECONDS") or None,
        help="run so long and print a JSON line (default on a terminal: until Ctrl-C; else 10)",
    )  # fmt: skip
    parser.add_argument(
        "--venue",
        default="binance_usdm",
        metavar="NAME",
        help="on which venue, or all at once (%(default)s)",
    )
    parser.add_argument("--symbols", default="6", help="how many, or names (default 6)")
    parser.add_argument("--rate", default="100", help="messages a second and symbol (default 100)")


def run(args: argparse.Namespace) -> int:
    venues = [load(name) for name in {EVERY: _traded()}.get(args.venue, [args.venue])]
    live = args.seconds is None and sys.stdout.isatty()
    seconds = None if live else args.seconds or 10.0
    with (
        ends_on_signals(),
        tempfile.TemporaryDirectory(prefix="connector-demo-") as folder,
        Family(Path(folder)) as family,
    ):
        demo = Demo(Path(folder), family, venues)
        demo.start(args.symbols, args.rate, measured=seconds is not None)
        if seconds is None:
            return demo.show()
        print(
            f"connector demo: simulated venue, daemon and strategy are running; {seconds:g} s",
            flush=True,
        )
        return demo.measure(seconds)


def _traded() -> list[str]:
    """The venues on which the demo's strategy trades: those its configurations have."""
    shown = set[str]()
    for path in CONFIGS.glob("demo*.toml"):
        shown |= tomllib.loads(path.read_text()).get("venues", {}).keys()
    return [
        name
        for name in folders()
        if load(name).trading is not None and (name in shown or not shown)
    ]


def _config(venues: Sequence[Venue]) -> Path:
    """The demo's configuration that has these venues."""
    found = sorted(CONFIGS.glob("demo*.toml"))
    names = {venue.folder for venue in venues}
    for path in found:
        if tomllib.loads(path.read_text()).get("venues", {}).keys() == names:
            return path
    if found:
        raise ConfigError(f"no {CONFIGS}/demo*.toml has {' and '.join(sorted(names))} alone")
    raise ConfigError(f"{CONFIGS}: no demo*.toml: the demo runs from a checkout of the project")


class Demo:
    """The processes and what is asked of them."""

    def __init__(self, folder: Path, family: Family, venues: Sequence[Venue]) -> None:
        self._folder = folder
        self._family = family
        self._venues, self._config = venues, _config(venues)
        config = tomllib.loads(self._config.read_text())
        self._sections = config["venues"]
        self._accounts = [account["venue"] for account in config["accounts"].values()]
        """The venue's folder of each."""
        self.sims: dict[str, dict[str, Any]] = {}
        """What the simulators printed, by the venue's folder: where it is, its account."""
        self._watch: Watch | None = None
        self._strategy: subprocess.Popen[bytes] | None = None
        self._wounded: list[tuple[str, str]] = []
        """Exchange and symbol of the books whose messages were withheld."""
        self.runtime, self.state = folder / "run", folder / "state"
        self._trades = TradesReader(self.runtime, self.state, "demo")

    def start(self, symbols: str, rate: str, measured: bool) -> None:
        """Start them all; returns when every book is live and the strategy reads."""
        stamps: list[str] = []
        places: list[str] = []
        keys: dict[str, str] = {}
        for venue in self._venues:
            options = ["--venue", venue.folder, "--symbols", symbols, "--rate", rate]
            options += ["--history", str(HISTORY)]
            if measured:
                stamps.append(str(self._folder / f"stamps-{venue.folder}"))
                options += ["--stamps", stamps[-1]]
            child = self._family.start(f"sim-{venue.folder}", "connector", "sim", *options)
            ready = self.sims[venue.folder] = self._answer(child, START_S)
            for name, url in (("rest_url", ready["rest"]), ("ws_url", ready["ws"])):
                path = urlsplit(self._sections[venue.folder][name]).path
                places += ["--set", f'venues.{venue.folder}.{name}="{url}{path}"']
            for name, value in ready["account"].items():
                keys[f"CONNECTOR_DEMO_{venue.folder}_{name}".upper()] = value
        self.runtime.mkdir(mode=0o700)
        self._family.start(
            "daemon", "connector", "run", str(self._config),
            "--runtime-dir", str(self.runtime), "--state-dir", str(self.state), *places, **keys,
        )  # fmt: skip
        self._watch = self._attached(self.runtime)
        self._strategy = self._family.start(
            "strategy", "connector.cli._demo_strategy", str(self.runtime), *stamps
        )
        self._answer(self._strategy, START_S)

    def measure(self, seconds: float) -> int:
        """Run so long, wound a book and lose an answer on the way, print what was measured; the
        exit code."""
        assert self._watch is not None
        begin_ns = monotonic_ns()
        before = self._watch.sample()
        self._run_until(begin_ns + int(seconds / 3 * 1e9))
        self._wound()
        self._run_until(begin_ns + int(seconds * 1e9))
        sample = self._settled()
        result = self._finish_strategy()
        counted = self._watch.sample()  # the strategy read on until its end
        traded, complaints = self._judged(sample, result)
        _frame.show(sample, before)
        print(
            f"{traded.orders} orders, {traded.fills} fills, {traded.cancels} cancelled;"
            f" of {traded.unknown_resolved} the venue's answer was lost, and found out\n",
        )
        for complaint in complaints:
            print(f"connector demo: {complaint}", file=sys.stderr, flush=True)
        line = {
            "seconds": round((sample.now_ns - begin_ns) / 1e9, 3),
            "frames": counted.counters[Counter.FRAMES],
            "records": counted.sequence,
            "books_live": sum(book.state in VALID for book in sample.books),
            "books": len(sample.books),
            "gaps": sample.counters[Counter.GAPS],
            "resyncs": sample.counters[Counter.RESYNCS],
            "lapped": result["lapped"],
            "crossed": sample.counters[Counter.CROSSED],
            "strategy_events": result["events"],
            "frame_to_strategy_ns": result["frame_to_strategy_ns"],
            "sender_to_strategy_ns": result["sender_to_strategy_ns"],
            "orders": traded.orders,
            "fills": traded.fills,
            "cancels": traded.cancels,
            "rejects": traded.rejects,
            "unknown_resolved": traded.unknown_resolved,
            "tick_to_trade_ns": quantiles(traded.tick_to_trade_ns),
            "command_to_wire_ns": quantiles(traded.command_to_wire_ns),
        }
        print(orjson.dumps(line).decode(), flush=True)
        return 1 if complaints else 0

    def show(self) -> int:
        """The live view until Ctrl-C; the exit code."""
        assert self._watch is not None
        console = Console()
        begin_ns = monotonic_ns()
        before = sample = self._watch.sample()
        note = "Ctrl-C ends it"
        with Live(console=console, screen=True, auto_refresh=False) as live:
            try:
                while True:
                    rows = max(console.height - 28, 4)
                    old = before if before is not sample else None
                    view = _frame.frame(sample, old, rows, console.width)
                    trading = self._trading()
                    live.update(Group(trading, Text(note, "dim"), "", view), refresh=True)
                    self._run_until(monotonic_ns() + int(REFRESH_S * 1e9))
                    before, sample = sample, self._watch.sample()
                    if not self._wounded and sample.now_ns - begin_ns > TERMINAL_GAP_S * 1e9:
                        self._wound()
                    if self._wounded:
                        healed = "and is whole again" if self._healed(sample) else "and recovers"
                        note = (
                            f"{self._wounds} missed depth messages on purpose {healed}; "
                            f"{self._lost_so_far(sample)}; Ctrl-C ends it"
                        )
            except KeyboardInterrupt:
                pass
        sample = self._settled()  # Ctrl-C may have come in the middle of a gap
        _, complaints = self._judged(sample, self._finish_strategy())
        _frame.show(sample, before)
        for complaint in complaints:
            print(f"connector demo: {complaint}", file=sys.stderr)
        return 1 if complaints else 0

    def _attached(self, runtime: Path) -> Watch:
        """The view of the daemon, as soon as all its books are live."""
        deadline_ns = monotonic_ns() + int(START_S * 1e9)
        watch: Watch | None = None
        while True:
            self._family.check()
            try:
                watch = watch or Watch(runtime)
                books = watch.sample().books
                why = f"{sum(book.state in VALID for book in books)} of {len(books)} books are live"
                if books and all(book.state in VALID for book in books):
                    return watch
            except AttachError as error:
                why = str(error)
            if monotonic_ns() > deadline_ns:
                raise ConnectorError(f"not ready after {START_S:g} s: {why}")
            time.sleep(0.05)

    def _run_until(self, when_ns: int) -> None:
        """Let it run, looking after the processes."""
        while (left_s := (when_ns - monotonic_ns()) / 1e9) > 0:
            time.sleep(min(left_s, 0.2))
            self._family.check()

    def _settled(self) -> _frame.Sample:
        """How it stands once what is wrong on purpose, or under load, had its time to heal."""
        assert self._watch is not None
        deadline_ns = monotonic_ns() + int(HEAL_S * 1e9)
        while True:
            sample = self._watch.sample()
            whole = all(book.state in VALID for book in sample.books)
            healed = not self._wounded or (self._healed(sample) and self._found_out())
            if (whole and healed) or monotonic_ns() > deadline_ns:
                return sample
            self._run_until(monotonic_ns() + 100_000_000)

    def _wound(self) -> None:
        """Have each venue lose some depth messages of one symbol, and the answer to one order."""
        assert self._watch is not None
        books = self._watch.sample().books
        for venue in self._venues:
            # Not one that is traded, if there are others: nobody quotes while a book is wrong.
            symbol = [book.symbol for book in books if book.exchange == venue.name][-1]
            self._wounded.append((venue.name, symbol))
            for mishap in sim(venue.folder).mishaps(symbol):
                if mishap.shown_by:
                    self._wound_until_shown(venue, symbol, mishap)
                else:
                    self._ask_venue(venue, "/_sim/faults", orjson.dumps(mishap.faults))

    def _wound_until_shown(self, venue: Venue, symbol: str, mishap: Mishap) -> None:
        """Order what does not show by itself. Later messages may make up for it, and a whole book
        that follows on it at once is no more than the next change: then once more."""
        deadline_ns = monotonic_ns() + int(HEAL_S * 1e9)
        while True:
            gaps = self._gaps(venue, symbol)
            self._ask_venue(venue, "/_sim/faults", orjson.dumps(mishap.faults))
            while self._in_force(venue, mishap) and monotonic_ns() < deadline_ns:
                self._run_until(monotonic_ns() + PAUSE_NS)
            for _ in range(TRIES):
                self._run_until(monotonic_ns() + PAUSE_NS)  # other messages come first
                self._ask_venue(venue, "/_sim/faults", orjson.dumps(mishap.shown_by))
                self._run_until(monotonic_ns() + PAUSE_NS)
                if self._gaps(venue, symbol) > gaps or monotonic_ns() > deadline_ns:
                    return

    def _in_force(self, venue: Venue, mishap: Mishap) -> bool:
        """Whether a mishap's faults still wait for messages."""
        kinds = {fault["kind"] for fault in mishap.faults}
        return any(rule["kind"] in kinds for rule in self._ask_venue(venue, "/_sim/faults"))

    def _gaps(self, venue: Venue, symbol: str) -> int:
        """How many gaps of a book were found."""
        assert self._watch is not None
        books = self._watch.sample().books
        return sum(b.gaps for b in books if (b.exchange, b.symbol) == (venue.name, symbol))

    @property
    def _wounds(self) -> str:
        return " and ".join(symbol for _, symbol in self._wounded)

    def _ask_venue(self, venue: Venue, path: str, body: bytes | None = None) -> Any:
        """Ask the simulator's own side."""
        return orjson.loads(self._ask_raw(venue, path, body))

    def _ask_raw(self, venue: Venue, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(self.sims[venue.folder]["rest"] + path, body)
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: bytes = answer.read()
            return found

    def _found_out(self) -> bool:
        """An answer of each venue was lost, and no outcome is unknown."""
        traded = self._trades.read()
        return not traded.unknown and not self._without(traded.resolved_of)

    def _without(self, counted: Mapping[int, int]) -> list[str]:
        """Names of the venues on whose accounts nothing of this was counted."""
        there = {self._accounts[account] for account, times in counted.items() if times}
        return [venue.name for venue in self._venues if venue.folder not in there]

    def _lost_so_far(self, sample: _frame.Sample) -> str:
        if sample.counters[Counter.REQUESTS_LOST]:
            return "the venue's answer to an order was lost on purpose, and found out"
        return "the venue's answer to an order gets lost"

    def _trading(self) -> Text:
        """What was traded so far, for the live view."""
        traded = self._trades.read()
        text = Text()
        text.append(f"{traded.orders:,} orders  {traded.fills:,} fills", "bold")
        text.append(f"  {traded.cancels:,} cancelled  {traded.rejects:,} refused")
        delays = quantiles(traded.tick_to_trade_ns)
        shown = [f"{name} {_frame.nanoseconds(ns)}" for name, ns in delays.items() if ns]
        if shown:
            text.append(f"  tick to trade {'  '.join(shown)}")
        for symbol, qty in sorted(traded.positions.items()):
            text.append(f"  {symbol} {qty:+f}", "green" if qty > 0 else "red")
        return text

    def _healed(self, sample: _frame.Sample) -> bool:
        """The wounded books had a gap and are live again."""
        wounded = [book for book in sample.books if (book.exchange, book.symbol) in self._wounded]
        return all(
            book.gaps > 0 and book.resyncs >= book.gaps and book.state in VALID for book in wounded
        )

    def _judged(
        self, sample: _frame.Sample, result: dict[str, Any]
    ) -> tuple[Trades, Sequence[str]]:
        """What was traded, and what is wrong. The last fills may be told a moment after the end of
        their orders, and so may the last changes of the books."""
        self._stand_still()
        deadline_ns = monotonic_ns() + int(HEAL_S * 1e9)
        while True:
            traded = self._trades.read()
            wrong = [*self._trading_complaints(result, traded), *self._book_complaints()]
            if not wrong or monotonic_ns() > deadline_ns:
                return traded, [*self._market_complaints(sample, result), *wrong]
            self._run_until(monotonic_ns() + 200_000_000)

    def _market_complaints(self, sample: _frame.Sample, result: dict[str, Any]) -> Sequence[str]:
        found = [
            f"{book.symbol} is {book.state.name}"
            for book in sample.books
            if book.state not in VALID
        ]
        # A lost change may cross a book where nothing else shows that it is lost.
        streamed = any(venue.bases is Bases.STREAMED for venue in self._venues)
        hidden = bool(self._wounded) and streamed
        if (crossed := sample.counters[Counter.CROSSED]) and not hidden:
            found.append(f"live books were crossed {crossed} times")
        if result["lapped"]:
            found.append(f"the strategy lost {result['lapped']} records")
        if not result["events"]:
            found.append("the strategy saw nothing")
        if self._wounded and not self._healed(sample):
            found.append(f"the gap of {self._wounds} was not healed")
        return found

    def _trading_complaints(self, result: dict[str, Any], traded: Trades) -> list[str]:
        found = list[str]()
        found += [
            f"the strategy was not filled at {name}" for name in self._without(traded.fills_of)
        ]
        if traded.rejects:
            found.append(f"{traded.rejects} requests were refused")
        if self._wounded and not self._found_out():
            found.append("what became of the order whose answer was lost was not found out")
        there: dict[str, Decimal] = {}
        for venue in self._venues:
            accounts = [*self._ask_venue(venue, "/_sim/status")["accounts"].values()]
            still_open = sum(standing["open_orders"] for standing in accounts)
            if result["orders_open"] or still_open:
                found.append(f"{still_open} orders are still open at {venue.name}")
            for standing in accounts:
                there |= {one["symbol"]: Decimal(one["qty"]) for one in standing["positions"]}
        if there != traded.positions:
            found.append(f"the venue has positions {there}, the fills add up to {traded.positions}")
        return found

    def _stand_still(self) -> None:
        """Have nobody trade at the venues any more, so that books can be compared."""
        for venue in self._venues:
            statuses = sim(venue.folder).statuses.items()
            (halted, *_) = [word for word, what in statuses if what is Activity.HALTED]
            for symbol in self._ask_venue(venue, "/_sim/status")["market"]["last_update_id"]:
                order = orjson.dumps({"symbol": symbol, "status": halted})
                self._ask_venue(venue, "/_sim/instruments", order)

    def _book_complaints(self) -> list[str]:
        """Books that strategies do not see as they are at the venue."""
        assert self._watch is not None
        venues = {venue.name: venue for venue in self._venues}
        found = []
        instrument: Any  # a strategy's, which has the scales, too: no more is read of it
        for instrument, *ours in self._watch.best():
            venue = venues[instrument.exchange]
            path = f"/_sim/book?symbol={quote(instrument.symbol, safe='')}"
            theirs = venue.snapshot(self._ask_raw(venue, path), instrument)
            for mine, flat in zip(ours, (theirs.bids, theirs.asks), strict=True):
                if not whole(mine, flat):
                    found.append(f"the book of {instrument.symbol} is not the venue's")
                    break
        return found

    def _finish_strategy(self) -> dict[str, Any]:
        """Ask the strategy to end; what it measured."""
        assert self._strategy is not None
        assert self._strategy.stdin is not None
        self._strategy.stdin.close()
        result = self._answer(self._strategy, 60.0)
        self._strategy.wait(10.0)
        self._family.dismiss(self._strategy)
        return result

    def _answer(self, child: subprocess.Popen[bytes], timeout_s: float) -> dict[str, Any]:
        """The next line a child prints, as JSON."""
        assert child.stdout is not None
        deadline_ns = monotonic_ns() + int(timeout_s * 1e9)
        while not select.select([child.stdout], [], [], 0.2)[0]:
            self._family.check()
            if monotonic_ns() > deadline_ns:
                raise ConnectorError(f"a process did not answer within {timeout_s:g} s")
        line = child.stdout.readline()
        if not line:
            child.wait(10.0)
            self._family.check()
        answer = orjson.loads(line)
        assert isinstance(answer, dict)
        return answer


def whole(mine: Sequence[tuple[int, int]], flat: Sequence[int]) -> bool:
    """Whether a side of a book, as strategies see it, is as much of the venue's (prices and
    quantities in turn, best first) as they can see, down to the last level."""
    levels = [*zip(flat[::2], flat[1::2], strict=True)][:SEEN]
    return bool(mine) and list(mine) == levels


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no time to run, in seconds")
    return seconds
