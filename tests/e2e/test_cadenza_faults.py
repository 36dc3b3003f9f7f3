"""Every fault of Cadenza's connections, where channels keep what they said and where they keep
nothing: orders that fill and end while nobody tells, and a book that moves, come to what the venue
has, each fill once; what happened is counted and named."""

import itertools
import urllib.parse
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from connector.model.counters import Counter
from connector.model.states import State
from tests.e2e.test_cadenza_orders import (
    BASE,
    CANCEL,
    CANCELLED,
    CHANNEL,
    FILLED,
    PERPETUAL,
    SUBMIT,
    SYMBOL,
)
from tests.e2e.test_cadenza_orders import Stage as Orders
from tests.reference.market_reader import Reader
from tests.reference.stack import Sim, eventually

ME, OTHER = ("me@example.com", "canary-5d10a7"), ("other@example.com", "canary-90ce1b")
BOOK = f"market:orderbook:{SYMBOL}"
QUIET_MS = 3000
LEAST = Decimal("0.0005")
"""Less than a little is not worth the venue's while."""


def venue(history: int, port: int = 0) -> Sim:
    """One that begins anew where it was knows its users and none of their orders."""
    sim = Sim(
        "--rate", "8", "--no-bursts", "--symbols", f"{SYMBOL},{PERPETUAL}", "--profile", "current",
        "--weight-limit", "100000", "--history", str(history), "--port", str(port),
        "--account", f"me={':'.join(ME)}", "--account", f"other={':'.join(OTHER)}",
        venue="cadenza",
    )  # fmt: skip
    sim.where["account"] = dict(zip(("key", "secret"), ME, strict=True))
    return sim


class Stage(Orders):
    """With another user, who takes what rests."""

    def __init__(self, folder: Path, history: int) -> None:
        self.kept = history > 0
        self.filled: list[str] = []
        """Orders that were taken, a part at a time."""
        # Where nothing is kept only a look at the venue's lists finds what was not told.
        account = {"reconcile_s": 0 if history else 8}
        super().__init__(
            folder,
            venue(history),
            quiet_ms=QUIET_MS,
            account=account,
            probe=True,
            auth_per_minute=10_000,
        )
        self.enter()

    def enter(self) -> None:
        """Both log in."""
        for email, password in (OTHER, ME):
            self.other = self.token
            del self.token
            login = {"email": email, "password": password}
            self.token = self.ask(f"{BASE}/auth/login", login)["accessToken"]

    def as_other(self, path: str, body: Any = None) -> Any:
        self.token, self.other = self.other, self.token
        try:
            return self.ask(path, body)
        finally:
            self.token, self.other = self.other, self.token

    def sells(self, name: str, until: str) -> None:
        """The other one takes from an order until so much of it is filled."""
        (account,) = self.as_other(f"{BASE}/tradingAccount/list?limit=1000&venue=BINANCE")
        report = self.notes.reports[name][0]
        while True:
            row = self.row(report)
            left = Decimal(until) - Decimal(row["executedQuantity"])
            if left <= 0:
                return
            order = {
                "tradingAccountId": account["tradingAccountId"], "instrumentId": SYMBOL,
                "orderSide": "SELL", "orderType": "LIMIT", "timeInForce": "IOC",
                "limitPrice": row["limitPrice"], "quantity": str(max(left, LEAST)),
            }  # fmt: skip
            self.as_other(SUBMIT, order)

    def leads(self) -> str:
        """A bid that is the best one."""
        name, ticket = self.place(self.best("asks") - 0.01, quantity="0.004")
        self.accepted(ticket)
        self.notes.until(lambda: self.notes.story(name), lambda: self.notes.story(name))
        return name

    def resting(self) -> str:
        name, ticket = self.rests()
        self.accepted(ticket)
        self.notes.until(lambda: self.notes.story(name), lambda: self.notes.story(name))
        return name

    def ended_elsewhere(self, name: str) -> None:
        """Somebody else cancels it."""
        order_id = self.notes.reports[name][0].order_id
        self.ask(CANCEL, {"tradingAccountId": self.account, "tradeOrderId": order_id})

    def begin_anew(self) -> None:
        """Kill the venue, and start another one where it was."""
        self.sim.process.kill()
        self.sim.process.wait()
        port = int(self.sim.where["rest"].rpartition(":")[2])
        with self.sim:
            self.sim = venue(300 if self.kept else 0, port)
        self.enter()

    def connections(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sim.status()["connections"]
        return found

    def equal(self) -> bool:
        """Whether the daemon's book and the venue's are one."""
        image = self.daemon.book(self.index)
        if image is None or image.state != State.LIVE:
            return False
        asked = urllib.parse.quote(SYMBOL, safe="")
        found = self.ask(f"{BASE}/market/orderBook/get?depth=50&instrumentId={asked}")
        return all(
            memoryview(ours).cast("q").tolist()
            == [int(Decimal(text) * 10**8) for row in found[name] for text in row[:2]]
            for ours, name in ((image.bids, "bids"), (image.asks, "asks"))
        )

    @property
    def index(self) -> int:
        rows = self.ask(f"{BASE}/market/instrument/list?limit=1000")
        return [row["instrumentId"] for row in rows].index(SYMBOL)

    def counters(self) -> dict[Counter, int]:
        return {one: self.notes.session.counters[one] for one in Counter}


@pytest.fixture(scope="module", params=[300, 0], ids=["kept", "bare"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("d"), request.param)
    try:
        stage.attach()
        yield stage
    finally:
        if hasattr(stage, "notes"):
            stage.notes.session.close()
        with stage.daemon, stage.sim:
            stage.daemon.process.kill()  # it would ask for the order that is gone


@pytest.fixture
def stage(shared: Stage) -> Stage:
    shared.sim.clear()
    shared.ready()
    return shared


class Row(Struct, frozen=True):
    """A fault: what is done, how the book begins to tell of it, and which counters do, where
    channels keep what they said and where they do not."""

    does: tuple[tuple[str, dict[str, Any]], ...]
    tells: tuple[State, State] = (State.DOWN, State.SYNCING)
    kept: tuple[Counter, ...] = (Counter.DISCONNECTS,)
    bare: tuple[Counter, ...] = (Counter.DISCONNECTS, Counter.SNAPSHOTS)
    says: tuple[str, ...] = ()
    books: bool = True
    """They miss something, too; else the accounts alone."""


CUT = (State.GAP, State.RESYNC)
ROWS = {
    "gap": Row(
        (),
        tells=CUT,
        kept=(Counter.GAPS, Counter.STREAM_GAPS),
        says=("is missing before",),
    ),
    "gap that nothing shows": Row(
        (), bare=(Counter.RECONCILE_FIXED,), says=("not told by",), books=False
    ),
    "nothing recovered": Row(
        (("forget", {}), ("close", {"code": 3001})),
        kept=(Counter.SNAPSHOTS, Counter.STREAM_GAPS),
        says=("the peer closed: 3001",),
    ),
    "another epoch": Row(
        (("reset", {}), ("close", {"code": 3001})),
        kept=(Counter.SNAPSHOTS, Counter.STREAM_GAPS),
        says=("the peer closed: 3001",),
    ),
    "shutdown": Row((("close", {"code": 3001}),), says=("the peer closed: 3001",)),
    "insufficient state": Row((("close", {"code": 3010}),), says=("the peer closed: 3010",)),
    "invalid token": Row((("close", {"code": 3500}),), says=("the peer closed: 3500", "new token")),
    "expired access token": Row(
        (("expire", {}),),
        kept=(Counter.STREAM_GAPS,),
        bare=(Counter.RECONCILE_FIXED,),
        says=("new token",),
        books=False,
    ),
    "expired connection token": Row(
        (("expire", {}), ("close", {"code": 3005})), says=("the peer closed: 3005", "new token")
    ),
    "expired subscription token": Row(
        (("unsubscribe", {"code": 2501}),),
        tells=CUT,
        kept=(Counter.GAPS, Counter.STREAM_GAPS),
        bare=(Counter.GAPS, Counter.STREAM_GAPS, Counter.SNAPSHOTS),
        says=("2501 subscription expired",),
    ),
}


def missed(stage: Stage, books: bool) -> tuple[str, str]:
    """An order that is filled in parts and one that somebody else cancels, while what channels say
    gets lost."""
    taken, ended = stage.leads(), stage.resting()
    for stream in (CHANNEL, BOOK)[: 1 + books]:
        stage.sim.fault("drop", stream=stream, count=0)
    stage.sells(taken, "0.001")
    stage.sells(taken, "0.003")
    stage.ended_elsewhere(ended)
    eventually(lambda: all(rule["done"] for rule in stage.sim.status()["rules"]), 20)
    return taken, ended


def told(stage: Stage, taken: str, ended: str) -> None:
    """Everything comes to what the venue has, once."""
    notes = stage.notes
    notes.until(lambda: CANCELLED in notes.story(ended), lambda: notes.story(ended), 30)
    stage.sells(taken, "0.004")
    notes.until(lambda: FILLED in notes.story(taken), lambda: notes.story(taken), 30)
    stage.filled.append(taken)
    for name, end in ((taken, FILLED), (ended, CANCELLED)):
        assert notes.story(name).count(end) == 1
    assert sum(one.last_qty_e for one in notes.reports[taken]) == 4 * 10**5, notes.reports[taken]
    stage.ready()
    notes.until(
        lambda: {one.order_id for one in notes.session.orders()} == stage.open_ids(),
        lambda: (notes.session.orders(), stage.open_ids()),
    )
    eventually(stage.equal, 20, 0.1)


def settled(reader: Reader, stage: Stage) -> list[State]:
    """How the book stood, until it was live again."""
    states: list[State] = []

    def again() -> bool:
        states.extend(reader.states(stage.index))
        return states[-1:] == [State.LIVE]

    eventually(again, 20, 0.1)
    return states


@pytest.mark.parametrize("name", ROWS)
def test_what_was_missed_is_told_once_and_named(stage: Stage, name: str) -> None:
    row = ROWS[name]
    if name in ("gap", "gap that nothing shows") and stage.kept != (name == "gap"):
        pytest.skip("numbers show it where there are some")
    stays = stage.resting()
    with Reader(stage.daemon) as reader:
        list(reader.records())
        before, begun = stage.counters(), len(stage.daemon.text())
        taken, ended = missed(stage, row.books)
        stage.sim.clear()
        for kind, how in row.does:
            stage.sim.fault(kind, **how)
            if kind == "expire":
                stage.enter()
        if not any(kind in ("close", "unsubscribe") for kind, _ in row.does):
            stage.ends_cancelled(stays)  # the next thing that is told
        told(stage, taken, ended)
        if row.books:
            states = settled(reader, stage)
            assert row.tells in itertools.pairwise(states), states
        after, log = stage.counters(), stage.daemon.text()[begun:]
        assert [
            one for one in (row.kept if stage.kept else row.bare) if after[one] == before[one]
        ] == []
        assert [words for words in row.says if words not in log] == [], log
    if stays in {one.client_order_id for one in stage.notes.session.orders()}:
        stage.ends_cancelled(stays)


def test_a_silent_channel_is_begun_anew(stage: Stage) -> None:
    """Nothing is numbered or closed: a book that is old is stale, and an order that is accepted and
    not told of is asked for."""
    with Reader(stage.daemon) as reader:
        list(reader.records())
        before = stage.counters()
        taken, ended = stage.leads(), stage.resting()
        for stream in (CHANNEL, BOOK):
            stage.sim.fault("stall", stream=stream, asked=True)
        stage.sells(taken, "0.003")
        stage.ended_elsewhere(ended)
        stays = stage.resting()
        told(stage, taken, ended)
        stage.ends_cancelled(stays)
        states, after = settled(reader, stage), stage.counters()
    assert State.STALE in states
    told_by = (Counter.SILENT, Counter.RESUBSCRIBES, Counter.STREAM_GAPS)
    assert [one for one in told_by if after[one] == before[one]] == []


def test_the_account_speaks_by_another_name(stage: Stage) -> None:
    """The channel that was granted is silent, the next name is found."""
    before = stage.counters()
    stage.sim.fault("dialect", name="trading")
    try:
        taken, ended = stage.leads(), stage.resting()
        stage.sells(taken, "0.003")
        stage.ended_elsewhere(ended)
        told(stage, taken, ended)
        found = [f"trading:userData:{stage.account}"]
        eventually(lambda: found in [one["streams"] for one in stage.connections()], 20, 0.1)
    finally:
        stage.sim.fault("dialect", name="tradingAccount")
    assert stage.counters()[Counter.STREAM_GAPS] > before[Counter.STREAM_GAPS]
    stage.sim.fault("close", stream="trading:*", code=3001)
    stage.ready()


def test_every_execution_has_its_name_and_fee_in_the_end(stage: Stage) -> None:
    assert stage.filled
    for name in stage.filled:
        stage.equals_venue(name)


def test_a_venue_that_is_killed_and_begins_anew_knows_no_order(stage: Stage) -> None:
    """Users, and accounts of the same ids, are all it has: new tokens, new epochs, new offsets.
    The order it forgot is named, and a new one goes as ever."""
    gone = stage.resting()
    begun = len(stage.daemon.text())
    before = stage.counters()
    with Reader(stage.daemon) as reader:
        list(reader.records())
        stage.begin_anew()
        eventually(lambda: stage.daemon.state()["books_live"] == 2, 30, 0.1)
        stage.ready()
        eventually(stage.equal, 20, 0.1)
        states = settled(reader, stage)
    assert states[:2] == [State.DOWN, State.SYNCING]
    said = f"not among the venue's open orders: it is asked for account=spot client_order_id={gone}"
    eventually(lambda: said in stage.daemon.text()[begun:], 20)
    assert stage.counters()[Counter.DISCONNECTS] >= before[Counter.DISCONNECTS] + 2
    if not stage.kept:
        fixed = f"order {gone}: open here, not at the venue"
        eventually(lambda: fixed in stage.daemon.text()[begun:], 20)
        assert stage.counters()[Counter.RECONCILE_FIXED] > before[Counter.RECONCILE_FIXED]
    stage.ends_cancelled(stage.resting())
