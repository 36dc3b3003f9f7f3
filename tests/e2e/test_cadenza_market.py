"""The daemon on the simulated Cadenza, both as real processes: books of several venues behind one
account, on a Centrifugo connection."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import connector
from connector.errors import ConnectorError
from connector.model.counters import Counter
from connector.model.records import RecordType
from connector.model.states import State
from tests.reference.market_reader import Reader
from tests.reference.stack import Daemon, Sim, eventually

SYMBOLS = ["BINANCE:BTC/USDT", "OKX:ETH/USDT", "B2C2:BTC/USD"]
QUIET_MS = 5000
"""Of the last one: what is silence there."""
BASE = "/api/v3"
GET = f"{BASE}/market/orderBook/get"


class Stage:
    """A simulated venue, a daemon on it, and the venue's own view of its books."""

    def __init__(self, folder: Path, *arguments: str, **venue: Any) -> None:
        self.kept = False
        self.sim = Sim("--rate", "8", "--no-bursts", *arguments, venue="cadenza")
        account = self.sim.where["account"]
        self.listed = self._symbols()
        keys = {
            "ws_url": self.sim.where["ws"] + "/connection/websocket",
            "email": "env:CADENZA_EMAIL", "password": "env:CADENZA_PASSWORD",
            "strategies": ["maker"], **venue,
        }  # fmt: skip
        channels = ["depth", "bbo", "trade", "ticker", "kline_1m"]
        feeds: list[dict[str, Any]] = [
            {"instruments": SYMBOLS[:2], "channels": channels},
            {"instruments": SYMBOLS[2:], "channels": channels, "quiet_ms": QUIET_MS},
        ]
        environ = {"CADENZA_EMAIL": account["key"], "CADENZA_PASSWORD": account["secret"]}
        self.daemon = Daemon(folder, self.sim, feeds=feeds, venue=keys, environ=environ)

    def enter(self) -> None:
        """With a token of our own."""
        account = self.sim.where["account"]
        login = {"email": account["key"], "password": account["secret"]}
        self.token = self.ask(f"{BASE}/auth/login", login)["accessToken"]

    def _symbols(self) -> list[str]:
        self.enter()
        rows = self.ask(f"{BASE}/market/instrument/list?limit=1000")
        return [row["instrumentId"] for row in rows]

    def ask(self, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if hasattr(self, "token"):
            headers["Authorization"] = f"Bearer {self.token}"
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.sim.where["rest"] + path, data, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())["data"]

    def requests(self, path: str) -> int:
        return int(self.sim.status()["requests"].get(path, 0))

    def equal(self, symbol: str) -> bool:
        """Whether the daemon's book and the venue's are one."""
        image = self.daemon.book(self.listed.index(symbol))
        if image is None or image.state != State.LIVE:
            return False
        path = f"{GET}?depth=50&instrumentId={urllib.parse.quote(symbol, safe='')}"
        found = self.ask(path)
        for ours, name in ((image.bids, "bids"), (image.asks, "asks")):
            flat = memoryview(ours).cast("q").tolist()
            if flat != [int(Decimal(text) * 10**8) for row in found[name] for text in row[:2]]:
                return False
        return True

    def healed(self) -> None:
        eventually(self.live, 20)
        for symbol in SYMBOLS:
            eventually(lambda symbol=symbol: self.equal(symbol), 20)

    def live(self) -> bool:
        return bool(self.daemon.state()["books_live"] == len(SYMBOLS))


@pytest.fixture(scope="module", params=["current", "seed"])
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Today's state of the venue, with history, or that of January, without. The configuration
    names the other spelling each time: the one that speaks is found."""
    kept = request.param == "current"
    arguments = [
        "--symbols",
        ",".join(SYMBOLS),
        "--profile",
        request.param,
        "--weight-limit",
        "2000",
    ]
    arguments += ["--history", "300"] if kept else []
    named = "seed" if kept else "current"
    limits = {"market_per_minute": 1000, "account_per_minute": 1000}
    made = Stage(tmp_path_factory.mktemp("d"), *arguments, profile=named, **limits)
    with made.sim, made.daemon:
        made.kept = kept
        made.daemon.ready()
        yield made


@pytest.fixture
def reader(stage: Stage) -> Iterator[Reader]:
    stage.sim.clear()
    stage.healed()
    with Reader(stage.daemon) as running:
        list(running.records())
        yield running


def told(reader: Reader, stage: Stage, symbol: str) -> list[State]:
    return reader.states(stage.listed.index(symbol))


def test_books_equal_the_venues_and_the_spelling_that_speaks_was_found(
    stage: Stage, reader: Reader
) -> None:
    seen: set[RecordType] = set()
    kinds = {RecordType.BOOK_DELTA, RecordType.BBO, RecordType.TRADE}
    # January's state knows no figures: their channels are granted and say nothing.
    kinds |= {RecordType.TICKER, RecordType.KLINE} if stage.kept else set()

    def every_kind() -> bool:
        seen.update(kind for kind, _, _ in reader.records())
        return kinds <= seen

    eventually(every_kind, 20)
    eventually(lambda: reader.counter(Counter.FAST) > 10)
    assert not reader.counter(Counter.UNKNOWN_SYMBOL) + reader.counter(Counter.UNDECODABLE)
    assert not reader.counter(Counter.GAPS) + reader.counter(Counter.BOOKS_DIFFERED)
    (connection,) = stage.sim.status()["connections"]
    spelling = "market:orderbook:" if stage.kept else "market:orderBook:"
    wanted = {f"{spelling}{symbol}" for symbol in SYMBOLS}
    wanted |= {f"market:trade:{symbol}" for symbol in SYMBOLS}
    wanted |= {f"market:ticker:{symbol}" for symbol in SYMBOLS}
    wanted |= {f"market:kline:{symbol}:1m" for symbol in SYMBOLS}
    assert set(connection["streams"]) == wanted
    assert stage.requests(f"{BASE}/market/subscription/orderBook/subscribe") == len(SYMBOLS)
    with connector.attach("look", stage.daemon.runtime_dir) as session:
        bbo = session.top(SYMBOLS[0]).bbo()
        assert 0 < bbo.bid_price < bbo.ask_price


def test_a_lost_message_is_brought_again_where_history_is_kept(
    stage: Stage, reader: Reader
) -> None:
    if not stage.kept:
        pytest.skip("without offsets nothing shows it; the comparison is a unit's test")
    asked, index = stage.requests(GET), stage.listed.index(SYMBOLS[1])
    stage.sim.fault("drop", stream=f"*:{SYMBOLS[1]}", count=2)
    states: list[State] = []

    def back() -> bool:
        states.extend(reader.states(index))
        return states[-1:] == [State.LIVE]

    eventually(back, 20)
    assert states == [State.GAP, State.RESYNC, State.LIVE]
    assert stage.requests(GET) == asked, "nothing was asked for: the channel brought it"
    stage.healed()


@pytest.mark.parametrize("how", ["abrupt", "fin", "clean"])
def test_a_connection_that_ends_comes_back(stage: Stage, reader: Reader, how: str) -> None:
    asked = stage.requests(GET)
    stage.sim.fault("cut", how=how)
    index = stage.listed.index(SYMBOLS[0])
    states: list[State] = []

    def back() -> bool:
        states.extend(reader.states(index))
        return states[-1:] == [State.LIVE]

    eventually(back, 20)
    assert states == [State.DOWN, State.SYNCING, State.LIVE]
    if stage.kept:
        assert stage.requests(GET) == asked, "what was missed was brought by the channels"
    stage.healed()


CLOSES = [
    ("restarted", 3001, ["reset"], 0),
    ("positions lost", 3010, ["forget"], 0),
    ("state invalidated", 3014, [], 1),
    ("token not taken", 3500, [], 1),
    ("token expired", 3001, ["expire"], 1),
]


@pytest.mark.parametrize(("name", "code", "first", "tokens"), CLOSES)
def test_a_close_of_the_venues_ends_in_a_live_book(
    stage: Stage, reader: Reader, name: str, code: int, first: list[str], tokens: int
) -> None:
    entries = [f"{BASE}/auth/login", f"{BASE}/auth/token/refresh"]
    asked, entered = stage.requests(GET), sum(map(stage.requests, entries))
    opened = stage.sim.status()["accepted"]
    for kind in first:
        stage.sim.fault(kind)
    stage.sim.fault("close", code=code)
    eventually(lambda: stage.sim.status()["accepted"] > opened, 20)
    if first == ["expire"]:
        stage.enter()
    stage.healed()
    assert sum(map(stage.requests, entries)) == entered + tokens + (first == ["expire"])
    if not tokens:
        assert stage.sim.status()["accepted"] == opened + 1
    if first == ["reset"] or code == 3014 or not stage.kept:
        assert stage.requests(GET) >= asked + len(SYMBOLS), "another epoch: nothing is kept"


def test_a_channel_that_the_venue_ends_comes_back(stage: Stage, reader: Reader) -> None:
    asked = stage.requests(GET)
    stage.sim.fault("unsubscribe", stream=f"*rder?ook:{SYMBOLS[2]}", code=2500)
    index = stage.listed.index(SYMBOLS[2])
    states: list[State] = []

    def back() -> bool:
        states.extend(reader.states(index))
        return states[-1:] == [State.LIVE]

    eventually(back, 20)
    assert states[:2] == [State.GAP, State.RESYNC]
    if stage.kept:
        assert stage.requests(GET) == asked
    stage.healed()


def test_a_channel_that_falls_silent_is_stale_and_asked_for_anew(
    stage: Stage, reader: Reader
) -> None:
    """The others go on, so it is this one: never a book that is old in silence."""
    index = stage.listed.index(SYMBOLS[2])
    stale, anew = reader.counter(Counter.SILENT), reader.counter(Counter.RESUBSCRIBES)
    stage.sim.fault("stall", stream=f"*rder?ook:{SYMBOLS[2]}", asked=True)
    states: list[State] = []

    def told_stale() -> bool:
        states.extend(reader.states(index))
        return State.STALE in states

    eventually(told_stale, 20)
    assert reader.counter(Counter.SILENT) > stale
    eventually(lambda: reader.counter(Counter.RESUBSCRIBES) > anew, 20)
    stage.healed()
    eventually(lambda: not any(row["silent"] for row in stage.daemon.state()["connections"]))


CREDENTIAL = {"credentialId": "14f773c5-2079-41e0-90e4-340a7b4d3391", "apiKey": "canary-3f"}


def test_a_strategy_that_is_named_calls_as_the_venues_user(stage: Stage, reader: Reader) -> None:
    """Without a key and without an account; what is about keys is nobody's."""
    with connector.attach("maker", stage.daemon.runtime_dir) as session:
        venues = session.call("Cadenza", "venueList", {})
        assert (venues.outcome, venues.ok) == ("ok", True)
        accounts = session.call("Cadenza", "tradingAccountList", {"limit": 10})
        assert {row["venue"] for row in accounts.value["data"]} >= {"BINANCE", "OKX"}
        assert accounts.budget[0].pool == "account"
        renamed = {"tradingAccountId": accounts.value["data"][0]["tradingAccountId"]}
        for endpoint, params, text in (
            ("credentialRotate", CREDENTIAL, "strategies never hold one"),
            ("credentialRevoke", {"credentialId": CREDENTIAL["credentialId"]}, "never hold one"),
            ("tradeOrderList", {"limit": 5}, ""),
            ("tradingAccountUpdate", renamed, r'venues\.cadenza\.allow does not name "accounts"'),
            ("tradeOrderCancel", renamed | {"tradeOrderId": CREDENTIAL["credentialId"]},
             r"use session\.cancel"),
            ("tradingAccountSubscribe", renamed, "only a trading session calls it"),
        ):  # fmt: skip
            if not text:
                assert session.call("Cadenza", endpoint, params).ok
                continue
            with pytest.raises(ConnectorError, match=text):
                session.call("Cadenza", endpoint, params)
    with connector.attach("look", stage.daemon.runtime_dir) as session:
        assert session.call("Cadenza", "venueList", {}).ok
        with pytest.raises(
            ConnectorError, match=r'venues\.cadenza\.strategies does not name "look"'
        ):
            session.call("Cadenza", "tradingAccountList", {})
    log = stage.daemon.text()
    for secret in (stage.sim.where["account"]["secret"], "canary-3f", "eyJ"):
        assert secret not in log


def test_what_the_venue_cannot_bring_again_makes_a_new_book(stage: Stage, reader: Reader) -> None:
    """A new epoch within one connection."""
    if not stage.kept:
        pytest.skip("there are no epochs without history")
    asked = stage.requests(GET)
    stage.sim.fault("reset", symbol=SYMBOLS[0])
    stage.sim.fault("unsubscribe", stream=f"*:{SYMBOLS[0]}", code=2500)
    eventually(lambda: stage.requests(GET) > asked, 20)
    stage.healed()
    assert State.GAP in told(reader, stage, SYMBOLS[0])
