"""What `connector top` shows: two samples of a daemon in, a rich renderable or JSON data out.

Pure: no clock, no memory, no terminal. Rates are between the two samples; latencies are those
since a third one, or of the whole run without it."""

import io
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from connector._speedups import decimal
from connector.cli._frame_orders import orders_frame
from connector.errors import ConfigError
from connector.ipc.counters import Budget
from connector.model.counters import Counter, Hop
from connector.model.histogram import Percentiles, summarize
from connector.model.states import VALID, State

HEARTBEAT_LATE_NS = 3_000_000_000
"""The daemon writes its heartbeat at least once a second."""

COLOURS = {
    State.LIVE: "green",
    State.BEHIND: "cyan",
    State.SYNCING: "yellow",
    State.RESYNC: "yellow",
    State.STALE: "red",
    State.GAP: "red",
    State.DOWN: "red",
}

CONNECTIONS = 6
"""Shown at once."""
FAULTS = (
    Counter.GAPS, Counter.RESYNCS, Counter.CROSSED, Counter.DUPLICATES, Counter.FALLBACK,
    Counter.UNDECODABLE, Counter.UNKNOWN_EVENT, Counter.UNKNOWN_SYMBOL, Counter.OVERSIZED,
    Counter.COMPRESSED, Counter.SNAPSHOT_ERRORS, Counter.SNAPSHOTS_OLD, Counter.BUFFER_OVERFLOWS,
    Counter.VENUE_RESETS, Counter.NUMBER_ERRORS, Counter.DISCONNECTS, Counter.CONNECT_ERRORS,
    Counter.SILENT, Counter.SUBSCRIBE_ERRORS, Counter.HTTP_ERRORS, Counter.HTTP_THROTTLED,
    Counter.HTTP_MALFORMED, Counter.VENUE_AHEAD, Counter.ATTACH_REFUSED,
    Counter.CONTROL_ERRORS, Counter.STALLS,
    Counter.LINES_LOST, Counter.STREAMS_MISSING, Counter.STREAMS_STRAY, Counter.FORMS_SET,
    Counter.AUDIT_ERRORS,
)  # fmt: skip
"""Counters that say something happened; shown when they are not zero."""


class Book(Struct, frozen=True, kw_only=True):
    """One instrument: its table cells and counts at one time."""

    index: int
    """Its place in the directory, for the life of the daemon; ``Sample.books`` is in this order."""
    exchange: str
    symbol: str
    state: State
    bbo_state: State
    bid_e: int
    bid_qty_e: int
    ask_e: int
    ask_qty_e: int
    price_exponent: int
    qty_exponent: int
    price_digits: int
    qty_digits: int
    tick_e: int
    last_data_ns: int
    """CLOCK_MONOTONIC of the last message; 0: none yet."""
    deltas: int
    bbos: int
    trades: int
    marks: int
    gaps: int
    resyncs: int
    crossed: int

    def price(self, value_e: int) -> str:
        return decimal.format(value_e, self.price_exponent, self.price_digits)

    def qty(self, value_e: int) -> str:
        return decimal.format(value_e, self.qty_exponent, self.qty_digits)


class Buckets(Struct, frozen=True):
    """A latency histogram at one time."""

    counts: Sequence[int]
    sum_ns: int
    max_ns: int

    def since(self, before: "Buckets | None") -> Percentiles:
        """Percentiles of what came after ``before``; its maximum is that of the whole run."""
        if before is None:
            return summarize(self.counts, self.sum_ns, self.max_ns)
        counts = [now - then for now, then in zip(self.counts, before.counts, strict=True)]
        return summarize(counts, self.sum_ns - before.sum_ns, self.max_ns)


class Reader(Struct, frozen=True):
    """A strategy process that is attached."""

    strategy: str
    pid: int
    attached_ns: int
    lag_bytes: int | None
    lapped: bool


class Sample(Struct, frozen=True, kw_only=True):
    """Everything `top` knows of a daemon at ``now_ns`` (CLOCK_MONOTONIC)."""

    now_ns: int
    epoch: int
    version: str
    pid: int
    started_ns: int
    heartbeat_ns: int
    ring_written: int
    ring_capacity: int
    sequence: int
    books: Sequence[Book]
    counters: Mapping[Counter, int]
    hops: Mapping[Hop, Buckets]
    readers: Sequence[Reader]
    halts: Sequence[str] = ()
    """Why nothing new may be sent, one a halt."""
    trading: Mapping[str, Any] | None = None
    """The daemon's answer to the request ``trading``; None: it has no accounts."""
    budgets: Sequence[Budget] = ()
    connections: Sequence[Mapping[str, Any]] = ()
    """Those of market data, each as `connections.Connection.state` says it, with its exchange."""


ORDER_HOPS = (Hop.COMMAND_TO_TAKE, Hop.TAKE_TO_SENT, Hop.SENT_TO_ANSWER, Hop.RECV_TO_REPORT)
"""Shown where there are accounts."""


def frame(
    sample: Sample,
    before: Sample | None,
    rows: int = 40,
    width: int = 120,
    since: Sample | None = None,
) -> RenderableType:
    """The whole view; ``rows``: how many instruments fit; ``width``: of the terminal."""
    return Group(
        _head(sample, before),
        *(Text(f"HALTED {halt}", "bold red") for halt in sample.halts),
        _books(sample, before, rows, quantities=width >= 100),
        _connections(sample),
        orders_frame(sample.trading, sample.budgets),
        _latencies(sample, since),
        _readers(sample),
        _faults(sample),
    )


def show(sample: Sample, before: Sample | None) -> None:
    """Print one frame with all instruments; a pipe is as wide as the frame."""
    console = Console(width=None if sys.stdout.isatty() else 108)
    console.print(frame(sample, before, len(sample.books), console.width))


def picture(sample: Sample, before: Sample | None, path: str) -> None:
    """Write one frame as an SVG."""
    console = Console(width=108, record=True, file=io.StringIO(), force_terminal=True)
    console.print(frame(sample, before, len(sample.books), console.width))
    try:
        console.save_svg(path, title="connector top")
    except OSError as error:
        raise ConfigError(f"--svg {path}: {error.strerror}") from None


def numbers(sample: Sample, before: Sample | None, since: Sample | None = None) -> dict[str, Any]:
    """The same as JSON data; prices are text, exact."""
    return {
        "version": sample.version,
        "pid": sample.pid,
        "epoch": f"{sample.epoch:016x}",
        "uptime_s": round((sample.now_ns - sample.started_ns) / 1e9, 3),
        "heartbeat_age_ms": round((sample.now_ns - sample.heartbeat_ns) / 1e6, 1),
        "records": sample.sequence,
        "ring_written": sample.ring_written,
        "ring_capacity": sample.ring_capacity,
        "halts": list(sample.halts),
        "books": [
            {
                "exchange": book.exchange,
                "symbol": book.symbol,
                "state": book.state.name,
                "bbo_state": book.bbo_state.name,
                "bid": book.price(book.bid_e) if book.bid_qty_e else None,
                "bid_qty": book.qty(book.bid_qty_e),
                "ask": book.price(book.ask_e) if book.ask_qty_e else None,
                "ask_qty": book.qty(book.ask_qty_e),
                "gaps": book.gaps,
                "resyncs": book.resyncs,
                "crossed": book.crossed,
                "rates": dict(
                    zip(
                        ("depth", "bbo", "trade", "mark"), _rates(book, sample, before), strict=True
                    )
                ),
            }
            for book in sample.books
        ],
        "latency_ns": {
            hop.name.lower(): {
                "count": percentiles.count,
                "p50": percentiles.p50,
                "p99": percentiles.p99,
                "p999": percentiles.p999,
                "max": percentiles.max_ns,
            }
            for hop, percentiles in _hops(sample, since)
        },
        "connections": [dict(row) for row in sample.connections],
        "trading": sample.trading,
        "budgets": [
            {
                "pool": one.pool,
                "venue": one.venue,
                "account": one.account,
                "used": one.used,
                "limit": one.limit,
                "window_ns": one.window_ns,
                "resets_ms": round((one.resets_ns - sample.now_ns) / 1e6, 1),
            }
            for one in sample.budgets
        ],
        "counters": {counter.name.lower(): value for counter, value in sample.counters.items()},
        "readers": [
            {
                "strategy": reader.strategy,
                "pid": reader.pid,
                "attached_s": round((sample.now_ns - reader.attached_ns) / 1e9, 3),
                "lag_bytes": reader.lag_bytes,
                "lapped": reader.lapped,
            }
            for reader in sample.readers
        ],
    }


def nanoseconds(value_ns: float) -> str:
    """A duration with three digits and its unit."""
    for unit, size in (("ns", 1), ("µs", 10**3), ("ms", 10**6)):
        if value_ns < 1000 * size:
            scaled = value_ns / size
            return f"{scaled:.0f} {unit}" if size == 1 or scaled >= 100 else f"{scaled:.3g} {unit}"
    return f"{value_ns / 1e9:.3g} s"


def _head(sample: Sample, before: Sample | None) -> Text:
    live = sum(book.state in VALID for book in sample.books)
    late_ns = sample.now_ns - sample.heartbeat_ns
    text = Text()
    text.append("connector", "bold")
    text.append(
        f" {sample.version}  pid {sample.pid}  up {_clock(sample.now_ns - sample.started_ns)}"
    )
    text.append(f"  epoch {sample.epoch:016x}  ")
    if late_ns > HEARTBEAT_LATE_NS:
        text.append(f"no heartbeat for {nanoseconds(late_ns)}", "bold red")
    else:
        text.append("alive", "green")
    text.append("\n")
    text.append(
        f"{live} of {len(sample.books)} books live", "green" if live == len(sample.books) else "red"
    )
    text.append(f"  {sample.sequence:,} records")
    if before is not None and (seconds := (sample.now_ns - before.now_ns) / 1e9) > 0:
        records = (sample.sequence - before.sequence) / seconds
        size = (sample.ring_written - before.ring_written) / seconds
        frames = _counted(sample, before, Counter.FRAMES) / seconds
        text.append(f"  {frames:,.0f} frames/s  {records:,.0f} records/s  {size / 1e6:.2f} MB/s")
    return text


def _books(sample: Sample, before: Sample | None, rows: int, quantities: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    several = len({book.exchange for book in sample.books}) > 1
    for name in ("instrument", "state"):
        table.add_column(name, no_wrap=True)
    sides = ("bid qty", "bid", "ask", "ask qty") if quantities else ("bid", "ask")
    for name in (*sides, "spread", "depth/s", "bbo/s", "trades/s", "gaps"):
        table.add_column(name, justify="right", no_wrap=True)
    for book in sample.books[:rows]:
        both = book.bid_qty_e and book.ask_qty_e
        ticks = (book.ask_e - book.bid_e) // book.tick_e if both and book.tick_e > 0 else None
        bid = Text(book.price(book.bid_e) if book.bid_qty_e else "", "green")
        ask = Text(book.price(book.ask_e) if book.ask_qty_e else "", "red")
        prices = [bid, ask]
        if quantities:
            bid_qty = book.qty(book.bid_qty_e) if book.bid_qty_e else ""
            ask_qty = book.qty(book.ask_qty_e) if book.ask_qty_e else ""
            prices = [Text(bid_qty), bid, ask, Text(ask_qty)]
        table.add_row(
            f"{book.symbol} [dim]{book.exchange}[/]" if several else book.symbol,
            Text(book.state.name, COLOURS[book.state]),
            *prices,
            "" if ticks is None else f"{ticks:,} t",
            *("" if rate is None else f"{rate:,.0f}" for rate in _rates(book, sample, before)[:3]),
            str(book.gaps) if book.gaps else "",
        )
    if len(sample.books) > rows:
        table.add_row(Text(f"and {len(sample.books) - rows} more", "dim"))
    return table


def _connections(sample: Sample) -> Table:
    """Where there are many, those with something to say come first."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("connection", no_wrap=True)
    for name in ("streams", "silent", "asked", "venue says"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = sorted(sample.connections, key=_well)
    for row in rows[:CONNECTIONS]:
        audit = row.get("audit") or {}
        whole = row["open"] and row["granted"] == row["streams"]
        count = f"{row['granted']}/{row['streams']}" if row["open"] else "closed"
        age_s = audit.get("age_s")
        table.add_row(
            row["name"],
            Text(count, "" if whole else "red"),
            str(len(row["silent"]) or ""),
            "" if age_s is None else f"{_clock(int(age_s * 1e9))} ago",
            Text(_difference(audit), "red"),
        )
    if len(rows) > CONNECTIONS:
        table.add_row(Text(f"and {len(rows) - CONNECTIONS} more", "dim"))
    return table


def _well(row: Mapping[str, Any]) -> bool:
    whole = row["open"] and row["granted"] == row["streams"]
    return bool(whole and not row["silent"] and not _difference(row.get("audit") or {}))


def _difference(audit: Mapping[str, Any]) -> str:
    """What a venue said of a connection that is not as it should be."""
    counts = [(len(audit.get(word, ())), word) for word in ("missing", "stray")]
    told = [f"{count} {word}" for count, word in counts if count]
    return ", ".join(told + (["no answer"] if audit.get("error") else []))


def connection_rows(sample: Sample) -> int:
    """Lines the connections take of a terminal."""
    return min(len(sample.connections), CONNECTIONS + 1) + 3


def _latencies(sample: Sample, since: Sample | None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("latency", no_wrap=True)
    for name in ("p50", "p99", "p99.9", "worst"):
        table.add_column(name, justify="right", no_wrap=True)
    for hop, found in _hops(sample, since):
        if sample.trading is None and hop in ORDER_HOPS:
            continue
        shown = (found.p50, found.p99, found.p999, found.max_ns) if found.count else ()
        table.add_row(hop.sentence, *(nanoseconds(value) for value in shown))
    return table


def _readers(sample: Sample) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("reader", no_wrap=True)
    for name in ("pid", "attached", "behind"):
        table.add_column(name, justify="right", no_wrap=True)
    for reader in sample.readers:
        behind = Text("?", "red")
        if reader.lapped:
            behind = Text("lapped", "red")
        elif reader.lag_bytes is not None:
            behind = Text(f"{reader.lag_bytes / 1024:,.1f} KiB")
        attached = _clock(sample.now_ns - reader.attached_ns)
        table.add_row(reader.strategy, str(reader.pid), attached, behind)
    return table


def _faults(sample: Sample) -> Text:
    found = [(counter, sample.counters.get(counter, 0)) for counter in FAULTS]
    lines = [f"{value:>10,}  {counter.sentence}" for counter, value in found if value]
    return Text("\n".join(lines) or "nothing went wrong so far", "" if lines else "dim")


def _rates(book: Book, sample: Sample, before: Sample | None) -> list[float | None]:
    seconds = (sample.now_ns - before.now_ns) / 1e9 if before is not None else 0.0
    if before is None or seconds <= 0 or book.index >= len(before.books):
        return [None] * 4
    old = before.books[book.index]
    pairs = (
        (book.deltas, old.deltas),
        (book.bbos, old.bbos),
        (book.trades, old.trades),
        (book.marks, old.marks),
    )
    return [round((now - then) / seconds, 1) for now, then in pairs]


def _hops(sample: Sample, since: Sample | None) -> list[tuple[Hop, Percentiles]]:
    return [
        (hop, buckets.since(since.hops.get(hop) if since is not None else None))
        for hop, buckets in sample.hops.items()
    ]


def _counted(sample: Sample, before: Sample, counter: Counter) -> int:
    return sample.counters.get(counter, 0) - before.counters.get(counter, 0)


def _clock(duration_ns: int) -> str:
    seconds = max(duration_ns, 0) // 1_000_000_000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
