"""Download a venue's history into Parquet files.

connector fetch BinanceU klines symbol=BTCUSDT interval=1m start=2026-01-01 end=2026-02-01 -o DIR

Without HISTORY those of the venue are listed. Parameters are the endpoint's own, checked before
anything is sent; start and end are dates, times (2026-01-01T12:00) in UTC, or milliseconds, end is
not included and is now where it is left out. Pages are asked for within half of the rate limit, so
that a daemon beside it has its own. Numbers are exact decimals; a candle that is not over is left
out. What was broken off goes on where it was when the same command is given again.

Exit codes: 0 done, 1 broken off, 2 wrong usage."""

import argparse
import asyncio
import difflib
import random
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connector.cli._arguments import add_overrides, pairs, seconds
from connector.cli._call_direct import Direct
from connector.cli._fetch_files import Files
from connector.clock import monotonic_ns, wall_ns
from connector.errors import ConfigError, ConnectorError
from connector.protocol.backoff import Backoff
from connector.transport.calls import perform
from connector.transport.rest import Rest
from connector.venues.contract import Outcome, Security, Venue, load
from connector.venues.histories import Archive, Row
from connector.venues.parameters import BadParameter

SHARE = 0.5
MS, SECOND_NS = 1_000_000, 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TRIES = 8
"""Of one page that cannot be had, with growing pauses."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("venue", metavar="VENUE", help="its name, any case")
    parser.add_argument("history", metavar="HISTORY", nargs="?", help="its name, any case")
    parser.add_argument("given", metavar="KEY=VALUE", nargs="*", help="parameters, start and end")
    parser.add_argument("-o", "--output", metavar="DIR", help="where the files go")
    parser.add_argument("--page", type=int, default=0, metavar="N", help="rows a request")
    parser.add_argument("--config", metavar="FILE", help="hosts and accounts (TOML)")
    parser.add_argument("--account", metavar="NAME", default="", help="whose key, if one is wanted")
    add_overrides(parser)
    parser.add_argument("--timeout", type=seconds, default=10.0, metavar="S", help="for an answer")


def run(args: argparse.Namespace) -> int:
    folder = load(args.venue).folder
    direct = Direct(folder, args.config, args.set, args.account, "", "")
    venue = direct.venue
    if args.history is None:
        for one in venue.histories.values():
            print(f"{one.name:<14} {venue.endpoints[one.endpoint].summary}")
        return 0
    history = _history(venue, args.history)
    given, start_ms, end_ms = _given(args.given)
    page = args.page or history.page
    if page < 1:
        raise ConfigError("--page: at least one row")
    if start_ms >= end_ms:
        raise ConfigError("start: not before end")
    row = venue.endpoints[history.endpoint]
    begin = _begin(history, start_ms, page)
    for name in given:
        if name in begin or name in history.after(0, 1, page):
            raise ConfigError(f"{name}: the download's own; say start, end and --page")
    try:
        row.called(row.read({**given, **begin}))
    except BadParameter as error:
        print(f"connector fetch: {error}", file=sys.stderr)
        return 2
    if args.output is None:
        raise ConfigError("where to? Name a directory with -o DIR")
    about = {"venue": folder, "start_ms": start_ms, "end_ms": end_ms, **given}
    if not _has(args.given, "end"):
        del about["end_ms"]  # another day it goes on from there
    files = Files(Path(args.output), history, about)
    try:
        if files.done and "end_ms" in about:
            print(f"{files.rows:,} rows in {files.parts} files are there already")
            return 0
        source = Source(direct, history, given, page, args.timeout)
        with _bar() as bar:
            task = bar.add_task(history.name, total=1.0)
            asyncio.run(Download(source, files, start_ms, end_ms, task, bar).run())
    finally:
        files.close()
    print(f"{files.rows:,} rows in {files.parts} files in {args.output}")
    return 0


class Source:
    """A venue's history, page by page, within a share of its rate limit."""

    def __init__(
        self, direct: Direct, history: Archive, given: dict[str, str], page: int, timeout_s: float
    ) -> None:
        self.history, self.page = history, page
        self._direct, self.given, self._timeout_s = direct, given, timeout_s
        self._row = direct.venue.endpoints[history.endpoint]
        self._signer = direct.signer() if self._row.security is not Security.NONE else None
        self._rest: Rest | None = None

    async def open(self) -> None:
        self._rest = self._direct.rest(self._timeout_s)
        venue = self._direct.venue
        pools = venue.pools_of(await self._rest.ask(venue.instruments_request()))
        if pools:  # what the venue says of its limits counts
            self._rest.set_pools(pools)

    async def close(self) -> None:
        if self._rest is not None:
            await self._rest.close()

    async def rows(self, params: Mapping[str, Any]) -> list[Row]:
        """A page. ConnectorError: it cannot be had."""
        assert self._rest is not None
        backoff = Backoff(SECOND_NS, 60 * SECOND_NS, random.random, SECOND_NS // 2)
        venue, tries = self._direct.venue, 0
        while True:
            words = {name: str(value) for name, value in params.items()}
            request = self._row.called(self._row.read({**self.given, **words}))
            if self._signer is not None:
                assert venue.trading is not None
                request = venue.trading.sign(request, self._signer, wall_ns())
            called = await perform(self._rest, venue, self._row, request, SHARE)
            if called.outcome is Outcome.OK:
                try:
                    return self.history.read(called.body)
                except ValueError as error:
                    raise ConnectorError(f"{self._row.name}: an answer: {error}") from None
            if called.outcome is Outcome.REJECTED:
                raise ConnectorError(f"{self._row.name}: {called.code} {called.message}")
            if called.outcome in (Outcome.THROTTLED, Outcome.BANNED):
                await asyncio.sleep(max(called.retry_ns - monotonic_ns(), SECOND_NS // 20) / 1e9)
                continue
            tries += 1
            if tries == TRIES:
                raise ConnectorError(f"{self._row.name}: {called.message}; run it again to go on")
            await asyncio.sleep(backoff.next_ns() / 1e9)


class Download:
    """Rows from ``start_ms`` to before ``end_ms``, each once and in order, into files."""

    def __init__(
        self, source: Source, files: Files, start_ms: int, end_ms: int, task: Any, bar: Any
    ) -> None:
        self._source, self._files, self._history = source, files, source.history
        self._start_ms, self._end_ms = start_ms, end_ms
        self._task, self._bar = task, bar
        self._begun_ms = wall_ns() // MS
        self._whole = end_ms + self._history.late_ms <= self._begun_ms
        """No row will be added; False, too, once a candle was left out."""

    async def run(self) -> None:
        """All that is left of it; what came is kept when it is broken off."""
        await self._source.open()
        try:
            last = self._files.last
            if last is None and self._history.by_id:
                last = await self._before()
            if self._history.row_ms is not None:
                await self._spans(last, self._history.row_ms(self._source.given))
            else:
                await self._pages(last)
            self._files.end(whole=self._whole)
        finally:
            self._files.keep()
            await self._source.close()

    async def _pages(self, last: int | None) -> None:
        """Each behind the last row of the one before."""
        while rows := await self._page(last):
            last = self._take(rows)
            if self._over(rows[-1]):
                return

    async def _spans(self, last: int | None, row_ms: int) -> None:
        """Each so short that a page holds it."""
        from_ms = self._start_ms if last is None else last + 1
        end_ms = min(self._end_ms, self._begun_ms + row_ms)  # nothing is there of the future
        while from_ms < end_ms:
            until_ms = min(from_ms + row_ms * self._source.page, end_ms)
            params = self._history.first(from_ms, until_ms - 1, self._source.page)
            if rows := self._fresh(await self._source.rows(params), from_ms - 1):
                self._take(rows)
            from_ms = until_ms

    def _take(self, rows: list[Row]) -> int:
        self._files.add([row for row in rows if self._wanted(row)])
        self._show(rows[-1])
        return int(rows[-1][self._history.key])

    async def _page(self, last: int | None) -> list[Row]:
        """The rows behind the one with that key."""
        history, most = self._history, self._source.page
        if last is None:
            params = history.first(self._start_ms, self._end_ms - 1, most)
        elif not history.by_id and history.key == history.time and last >= self._end_ms - 1:
            return []
        else:
            params = history.after(last, self._end_ms - 1, most)
        return self._fresh(await self._source.rows(params), last)

    def _fresh(self, rows: list[Row], last: int | None) -> list[Row]:
        """What came before is dropped, whatever the venue thinks of borders."""
        history = self._history
        fresh = [row for row in rows if last is None or row[history.key] > last]
        keys = [row[history.key] for row in fresh]
        if keys != sorted(set(keys)):
            raise ConnectorError(f"{history.name}: rows that are not in order")
        return fresh

    def _wanted(self, row: Row) -> bool:
        history = self._history
        if not self._start_ms <= row[history.time] < self._end_ms:
            return False
        if history.over is not None and row[history.over] * MS >= wall_ns():
            self._whole = False
            return False
        return True

    def _over(self, row: Row) -> bool:
        return bool(row[self._history.time] >= self._end_ms)

    def _show(self, row: Row) -> None:
        came = (row[self._history.time] - self._start_ms) / (self._end_ms - self._start_ms)
        self._bar.update(self._task, completed=min(max(came, 0.0), 1.0))

    async def _before(self) -> int:
        """The id before the first row that is wanted, by halving. What is not kept any more is
        before it: nothing comes of such an id, or what is kept begins later."""
        history = self._history
        newest = await self._source.rows({"limit": "1"})
        if not newest:
            return -1
        low, high = -1, newest[-1][history.key]
        while high - low > 1:
            middle = (low + high) // 2
            rows = await self._source.rows({**history.after(middle - 1, 0, 1)})
            if not rows:
                low = middle
            elif rows[0][history.time] < self._start_ms:
                low = max(middle, rows[0][history.key])
            else:
                high = middle
        return int(low)


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))


def _history(venue: Venue, name: str) -> Archive:
    by_name = {one.lower(): row for one, row in venue.histories.items()}
    if name.lower() in by_name:
        return by_name[name.lower()]
    if not by_name:
        raise ConfigError(f"no history of {venue.name} can be fetched")
    near = difflib.get_close_matches(name.lower(), by_name, 1, 0.5)
    known = ", ".join(venue.histories)
    hint = f"the nearest is {by_name[near[0]].name}" if near else f"there are: {known}"
    raise ConfigError(f"no history {name!r}; {hint}")


def _begin(history: Archive, start_ms: int, page: int) -> dict[str, str]:
    """Parameters as the first request has them."""
    if history.by_id:
        params = history.after(0, 1, page)
    else:
        params = history.first(start_ms, start_ms + 1, page)
    return {name: str(value) for name, value in params.items()}


def _has(given: list[str], name: str) -> bool:
    return any(pair.partition("=")[0] == name for pair in given)


def _given(given: list[str]) -> tuple[dict[str, str], int, int]:
    """The endpoint's parameters, and from when to when in ms."""
    found = pairs(given)
    if "start" not in found:
        raise ConfigError("start: missing, e.g. start=2026-01-01")
    start_ms = _ms("start", found.pop("start"))
    end = found.pop("end", None)
    return found, start_ms, wall_ns() // MS if end is None else _ms("end", end)


def _ms(name: str, text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) > 8:
        return int(text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{name}: {text!r} is no date or time, as 2026-01-31 or 2026-01-31T12:00, nor ms"
        ) from None
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return (when - EPOCH) // timedelta(milliseconds=1)
