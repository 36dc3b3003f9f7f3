"""Streams subscribed while the daemon runs, by strategies and by another configuration: what is not
named notices nothing."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import connector
from connector.model.counters import Counter
from connector.model.states import FeedKind, Reason, State
from tests.reference import starter
from tests.reference.stack import COMMAND, Daemon, Sim, eventually

FAULTS = (
    Counter.GAPS, Counter.RESYNCS, Counter.DISCONNECTS, Counter.HANDOVERS, Counter.REPLACEMENTS,
    Counter.RESUBSCRIBES, Counter.UNKNOWN_SYMBOL, Counter.UNDECODABLE, Counter.CONNECT_ERRORS,
    Counter.CONTROL_ERRORS,
)  # fmt: skip
VENUES = {
    "binance_usdm": ("BTCUSDT", "ETHUSDT", "SOLUSDT"),
    "phemex": ("BTCUSD", "ETHUSD", "XRPUSD"),
}
CHANNELS = ["depth", "trade"]


def feeds(symbols: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"instruments": list(symbols[:2]), "channels": CHANNELS}]


class Stage:
    """A simulated venue, a daemon that serves the first two of its instruments, and a strategy that
    watches the first one's book all the time."""

    def __init__(self, sim: Sim, daemon: Daemon, symbols: tuple[str, ...]) -> None:
        self.sim, self.daemon, self.symbols = sim, daemon, symbols
        self.feeds = feeds(symbols)
        self.exchange = sim.venue.name
        self.watch = connector.attach("watch", self.daemon.runtime_dir)
        self.before = [self.watch.counters[one] for one in FAULTS]
        self.connections = self.open()

    def open(self) -> set[int]:
        return {one["id"] for one in self.sim.status()["connections"]}

    def streams(self) -> set[str]:
        return {name for one in self.sim.status()["connections"] for name in one["streams"]}

    def session(self, name: str = "asks") -> connector.Session:
        return connector.attach(name, self.daemon.runtime_dir)

    def untouched(self, *, gone: int = 0) -> None:
        """Whoever reads the other streams noticed nothing: no connection was opened anew or lost,
        no book was anything but live, and messages go on to come."""
        assert len(self.connections - self.open()) <= gone
        symbol, changes = self.symbols[0], 0
        while changes < 5:
            event = self.watch.wait(30)
            assert event is not None, "the book's changes come no more"
            if isinstance(event, connector.FeedState) and event.instrument.symbol == symbol:
                assert event.kind not in (FeedKind.BOOK, FeedKind.TRADE) or (
                    event.state is State.LIVE
                ), event
            changes += isinstance(event, connector.BookDelta) and event.instrument.symbol == symbol
        assert [self.watch.counters[one] for one in FAULTS] == self.before

    def reload(self, text: str) -> "subprocess.CompletedProcess[str]":
        (self.daemon.folder / "c.toml").write_text(text)
        return starter.run("reload", "--runtime-dir", self.daemon.runtime_dir)

    def config(self, feeds: list[dict[str, Any]], **venue: Any) -> str:
        return self.daemon._config(self.sim, feeds, venue, {})


@pytest.fixture(scope="module", params=VENUES)
def stage(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    symbols = VENUES[request.param]
    arguments = ("--symbols", ",".join(symbols), "--rate", "50", "--no-bursts")
    with Sim(*arguments, venue=request.param) as sim:
        folder = tmp_path_factory.mktemp(request.param)
        with Daemon(folder, sim, feeds=feeds(symbols)) as daemon:
            found = Stage(sim, daemon.ready(60), symbols)
            with found.watch:
                yield found


def following(session: connector.Session, wanted: Any) -> connector.Event:
    """The next event of which ``wanted`` is true."""
    for _ in range(100_000):
        event = session.wait(30)
        assert event is not None, "nothing came any more"
        if wanted(event):
            return event
    raise AssertionError("it never came")


def kline(symbol: str) -> Any:
    return lambda event: isinstance(event, connector.Kline) and event.instrument.symbol == symbol


def is_down(session: connector.Session, symbol: str, kind: FeedKind) -> connector.Event:
    found = following(
        session,
        lambda event: (
            isinstance(event, connector.FeedState)
            and (event.instrument.symbol, event.kind) == (symbol, kind)
            and event.state is State.DOWN
        ),
    )
    assert isinstance(found, connector.FeedState)
    assert found.reason is Reason.UNWANTED
    return found


def test_a_strategy_gets_more_of_an_instrument_and_it_ends_with_it(stage: Stage) -> None:
    symbol = stage.symbols[0]
    with stage.session() as asks, stage.session("asks-too") as too:
        answer = asks.subscribe(symbol, ["kline_1m", "trade"])
        assert answer == connector.Subscribed(("kline_1m", "trade"), {}, ())
        following(asks, kline(symbol))
        following(stage.watch, kline(symbol))  # it is everybody's
        assert too.subscribe(symbol, "kline_1m").ok
        asks.unsubscribe(symbol, ["kline_1m", "trade", "depth"])  # the last two are not its own
        following(too, kline(symbol))
        asks.close()
        following(too, kline(symbol))
        stage.untouched()
    is_down(stage.watch, symbol, FeedKind.KLINE)
    stage.untouched(gone=1)  # one that carried nothing else
    stage.connections = stage.open()


def test_what_was_taken_back_may_be_asked_for_again(stage: Stage) -> None:
    symbol = stage.symbols[1]
    with stage.session() as asks:
        for _ in range(3):
            assert asks.subscribe(symbol, "kline_5m").ok
            following(asks, kline(symbol))
            asks.unsubscribe(symbol, "kline_5m")
            is_down(asks, symbol, FeedKind.KLINE)
        stage.untouched(gone=3)
    stage.connections = stage.open()


@pytest.mark.parametrize(
    ("symbol", "channels", "words"),
    [
        (0, ["kline_1minute"], "no channel 'kline_1minute'; the nearest is 'kline_1m'"),
        (0, [], "no channel is named"),
        (2, ["depth"], "no feeds name {symbol}, and venues.{venue}.on_request is 'configured'"),
        ("BTC", ["depth"], "lists no 'BTC'; the nearest is "),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_reason(
    stage: Stage, symbol: int | str, channels: list[str], words: str
) -> None:
    name = stage.symbols[symbol] if isinstance(symbol, int) else symbol
    with stage.session() as asks, pytest.raises(connector.ConnectorError) as told:
        asks.subscribe((stage.exchange, name), channels)
    assert words.format(symbol=name, venue=stage.sim.venue.folder) in str(told.value)
    stage.untouched()


def test_a_name_that_nobody_knows_is_refused_with_how_to_give_another(stage: Stage) -> None:
    with stage.session() as asks:
        for ask in (asks.subscribe, asks.unsubscribe):
            with pytest.raises(connector.ConnectorError, match=r"NOPE: .*exchange, symbol"):
                ask("NOPE", ["depth"])
    stage.untouched()


def test_what_the_venue_has_not_is_refused_alone(stage: Stage) -> None:
    symbol = stage.symbols[0]
    missing = "index" if stage.sim.venue.folder == "binance_usdm" else "depth_5"
    with stage.session() as asks:
        answer = asks.subscribe(symbol, [missing, "trade"])
    assert answer.granted == ("trade",)
    assert answer.refused == {missing: f"{stage.sim.venue.folder} has no such channel"}
    stage.untouched()


def test_another_configuration_adds_and_ends_what_it_names_and_nothing_else(stage: Stage) -> None:
    first, second, third = stage.symbols
    with stage.session() as reads:
        wanted = [
            {"instruments": [first], "channels": CHANNELS},
            {"instruments": [third], "channels": ["depth", "kline_1m"]},
        ]
        folder = stage.sim.venue.folder
        absent = {"instruments": ["ABSENT"], "channels": ["depth"]}
        answer = stage.reload(stage.config([*wanted, absent]))
        assert (answer.returncode, answer.stdout) == (4, f"taken: {folder}\n")
        assert re.fullmatch(f"connector: {folder}: ABSENT: unavailable: [^\n]+\n", answer.stderr)
        answer = stage.reload(stage.config(wanted))
        assert (answer.returncode, answer.stderr) == (0, "")
        is_down(reads, second, FeedKind.BOOK)
        following(reads, kline(third))
        following(reads, lambda one: isinstance(one, connector.BookDelta) and (
            one.instrument.symbol == third
        ))  # fmt: skip
        stage.untouched()
        assert stage.daemon.state()["instruments"] == 2
        answer = stage.reload(stage.config(stage.feeds))
        assert answer.returncode == 0, answer.stderr
        is_down(reads, third, FeedKind.KLINE)
        following(reads, lambda one: isinstance(one, connector.BookDelta) and (
            one.instrument.symbol == second
        ))  # fmt: skip
        stage.untouched(gone=2)
    stage.connections = stage.open()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one + "x = \n", "not TOML"),
        (lambda one: one.replace('"trade"', '"trades"'), "channels[1]: 'trades' is none of them"),
        (lambda one: one.replace("ready_s = 60", "ready_s = 61"), "daemon.ready_s: cannot change"),
        (lambda one: one.replace("ws_url = ", 'local_address = "127.0.0.1"\nws_url = '),
         "local_address: cannot change while the daemon runs"),
    ],
)  # fmt: skip
def test_a_bad_configuration_is_refused_whole(stage: Stage, change: Any, words: str) -> None:
    """Though it would end an instrument's streams, too."""
    text = stage.config([{"instruments": [stage.symbols[0]], "channels": CHANNELS}])
    before = stage.daemon.state()["instruments"]
    answer = stage.reload(change(text))
    assert answer.returncode == 1
    assert words in answer.stderr
    assert stage.daemon.state()["instruments"] == before
    stage.untouched()


def test_a_hangup_has_the_configuration_read_again(stage: Stage) -> None:
    """On any listed instrument now, if the strategy asks."""
    third = stage.symbols[2]
    text = stage.config(stage.feeds, on_request="listed")
    (stage.daemon.folder / "c.toml").write_text(text)
    stage.daemon.process.send_signal(signal.SIGHUP)
    with stage.session() as asks:

        def may() -> bool:
            try:
                return asks.subscribe((stage.exchange, third), ["depth"]).ok
            except connector.ConnectorError:
                return False  # the file is not read yet

        eventually(may)
        following(asks, lambda one: isinstance(one, connector.BookDelta) and (
            one.instrument.symbol == third
        ))  # fmt: skip
        stage.untouched()
    is_down(stage.watch, third, FeedKind.BOOK)
    assert json.dumps(sorted(stage.streams())).count(third) == 0 or not stage.sim.venue.unsubscribe


def test_a_hangup_that_comes_too_early_is_heard_later(stage: Stage, tmp_path: Path) -> None:
    """The configuration is a pipe, so it comes while that is read."""
    path, later = tmp_path / "c.toml", tmp_path / "later.toml"
    os.mkfifo(path)
    later.write_text(stage.config(stage.feeds))
    places = ["--runtime-dir", str(tmp_path / "run"), "--state-dir", str(tmp_path / "state")]
    log = tmp_path / "log"
    with log.open("wb") as out:
        daemon = subprocess.Popen([*COMMAND, "run", str(path), *places], stderr=out, stdout=out)
    try:
        with path.open("w") as pipe:  # somebody reads
            daemon.send_signal(signal.SIGHUP)
            text = later.read_text()
            later.replace(path)
            pipe.write(text)
        eventually(lambda: "configuration taken" in log.read_text() or daemon.poll() is not None)
        assert daemon.poll() is None
    finally:
        daemon.terminate()
        daemon.wait(30)
