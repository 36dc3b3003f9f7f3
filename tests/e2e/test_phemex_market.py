"""The daemon on the simulated Phemex, both as real processes: books whose base comes on the
stream."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import connector
from connector.model.counters import Counter
from connector.model.records import Flag, RecordType, dtype
from connector.model.states import FeedKind, State
from tests.reference.market_reader import Reader, equal_books, row_of
from tests.reference.stack import Daemon, Sim, eventually

SYMBOLS = ["BTCUSD", "cETHUSD", "cXRPUSD"]
LISTED = [*SYMBOLS, "BTCUSDT", "ETHUSDT"]
SILENCE_S = 12
"""The simulated venue ends a client that does not ping for so long; the true one after 31 s. We do
every 5 s, and a busy machine later."""


@pytest.fixture(scope="module")
def sim() -> Iterator[Sim]:
    flow = ["--rate", "10", "--no-bursts", "--silence", str(SILENCE_S)]
    with Sim("--symbols", ",".join(LISTED), *flow, venue="phemex") as running:
        yield running


@pytest.fixture(scope="module")
def daemon(sim: Sim, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    feeds = [{"instruments": SYMBOLS}]
    # A venue lists a few times a day what is asked for here every other second.
    more = {"refresh_s": 2}
    with Daemon(tmp_path_factory.mktemp("daemon"), sim, feeds=feeds, venue=more) as running:
        yield running.ready()


@pytest.fixture
def reader(daemon: Daemon, sim: Sim) -> Iterator[Reader]:
    sim.clear()
    eventually(lambda: daemon.state()["books_live"] == len(SYMBOLS), 20)
    with Reader(daemon) as running:
        list(running.records())
        yield running


def healed(daemon: Daemon, sim: Sim) -> None:
    eventually(lambda: daemon.state()["books_live"] == len(SYMBOLS), 20)
    assert equal_books(daemon, sim, SYMBOLS)


def test_books_equal_the_venues_and_every_kind_is_there(
    daemon: Daemon, sim: Sim, reader: Reader
) -> None:
    healed(daemon, sim)
    seen: set[RecordType] = set()
    kinds = {RecordType.BOOK_DELTA, RecordType.BBO, RecordType.TRADE, RecordType.MARK_PRICE}

    def every_kind() -> bool:
        seen.update(kind for kind, index, _ in reader.records() if index == 0)
        return kinds <= seen

    eventually(every_kind, 20)
    with connector.attach("look", daemon.runtime_dir) as session:
        top = session.top("BTCUSD")
        bbo, trade = top.bbo(), top.trade()
        about = bbo.instrument
        assert (about.inverse, about.margin, about.to_dict()["contract_size"]) == (True, "BTC", 1)
        assert 0 < bbo.bid_price < bbo.ask_price
        for price in (trade.mark, trade.index, trade.price):
            assert price == pytest.approx(bbo.bid_price, rel=0.05), "all in one scale"
    assert reader.counter(Counter.FAST) > reader.counter(Counter.FALLBACK) > 0
    assert not reader.counter(Counter.UNKNOWN_SYMBOL) + reader.counter(Counter.UNDECODABLE)
    assert not reader.counter(Counter.BOOKS_DOUBTED), "books are what the trades leave behind"
    (connection,) = daemon.state()["connections"]
    assert connection["streams"] == connection["granted"] == 2 * len(SYMBOLS) + 1


def test_whole_books_that_equal_ours_are_told_to_nobody(
    daemon: Daemon, sim: Sim, reader: Reader
) -> None:
    snapshots, gaps = reader.counter(Counter.SNAPSHOTS), reader.counter(Counter.GAPS)
    sim.fault("repeat")
    eventually(lambda: reader.counter(Counter.SNAPSHOTS) >= snapshots + len(SYMBOLS))
    assert reader.counter(Counter.BOOKS_DIFFERED) == 0
    assert reader.counter(Counter.GAPS) == gaps
    healed(daemon, sim)


def test_a_lost_change_is_found_by_the_next_whole_book(
    daemon: Daemon, sim: Sim, reader: Reader
) -> None:
    """Its sequence does not show it: until then nothing is wrong as far as anybody can tell."""
    found = reader.counter(Counter.BOOKS_DIFFERED)

    def lost() -> bool:
        # The next change may restore what was lost, and a book of another id is no error found.
        sim.fault("drop", stream="cETHUSD@orderbook", count=3)
        eventually(lambda: not any(row["left"] for row in sim.status()["rules"]), 10)
        sim.fault("repeat", symbol="cETHUSD")
        return reader.counter(Counter.BOOKS_DIFFERED) > found

    eventually(lost, 30)
    told = []
    for type_, index, record in reader.records():
        if index != 1:
            continue
        if type_ is RecordType.FEED_STATE:
            body = row_of(dtype("FeedStateBody"), memoryview(record)[64:])
            if body["kind"] == FeedKind.BOOK:
                told.append(State(body["state"]).name)
        elif type_ is RecordType.BOOK_DELTA:
            flags = row_of(dtype("RecordHeader"), memoryview(record))["flags"]
            told.append("RESYNC delta" if flags & Flag.RESYNC else "delta")
    gap = told.index("GAP")
    assert told[gap : gap + 4] == ["GAP", "RESYNC", "RESYNC delta", "LIVE"]
    healed(daemon, sim)


def test_a_book_that_hears_nothing_of_its_trades_says_so(
    daemon: Daemon, sim: Sim, reader: Reader
) -> None:
    """Long before its silence shows."""
    sim.fault("drop", stream="BTCUSD@orderbook", count=100_000)
    eventually(lambda: reader.counter(Counter.BOOKS_BEHIND) > 0, 20)
    eventually(lambda: State.BEHIND in reader.states(0), 20)
    sim.clear()
    sim.fault("repeat", symbol="BTCUSD")
    healed(daemon, sim)


def test_ids_that_start_anew_are_a_reset(daemon: Daemon, sim: Sim, reader: Reader) -> None:
    resets = reader.counter(Counter.VENUE_RESETS)
    sim.fault("reset", symbol="cXRPUSD")
    eventually(lambda: reader.counter(Counter.VENUE_RESETS) > resets)
    healed(daemon, sim)


@pytest.mark.parametrize("how", ["abrupt", "clean"])
def test_a_cut_connection_is_opened_again(
    how: str, daemon: Daemon, sim: Sim, reader: Reader
) -> None:
    connects = reader.counter(Counter.CONNECTS)
    sim.fault("cut", how=how)
    eventually(lambda: reader.counter(Counter.CONNECTS) > connects, 20)
    states: list[State] = []
    eventually(lambda: states.extend(reader.states(0)) or State.DOWN in states)
    # On a busy machine a trade may have been told long before its change, just before the cut.
    before = set(states[: states.index(State.DOWN)])
    assert before <= {State.LIVE, State.BEHIND}, "a book nobody feeds says so at once"
    healed(daemon, sim)


def test_a_client_that_pings_is_not_ended(daemon: Daemon, sim: Sim, reader: Reader) -> None:
    connects, doubts = reader.counter(Counter.CONNECTS), reader.counter(Counter.BOOKS_DOUBTED)
    (opened,) = sim.status()["connections"]
    answered = reader.counter(Counter.FALLBACK)
    # Answers to pings are what is left to Python once everything was granted.
    eventually(lambda: reader.counter(Counter.FALLBACK) >= answered + 3, 3 * SILENCE_S)
    assert reader.counter(Counter.CONNECTS) == connects
    assert [row["id"] for row in sim.status()["connections"]] == [opened["id"]]
    assert "silence" not in str(sim.status()["closed_for"])
    assert reader.counter(Counter.BOOKS_DOUBTED) == doubts, "nothing was lost meanwhile"


def test_a_symbol_that_nobody_knows_is_the_askers_fault(daemon: Daemon) -> None:
    """Below /md the venue answers HTTP 500, which is no failure of its own here."""
    with connector.attach("look", daemon.runtime_dir) as session:
        answer = session.call("Phemex", "orderbook", {"symbol": "NOPE"})
        assert (answer.ok, answer.outcome) == (False, "rejected")
        assert (answer.status, answer.code) == (500, 6001)
        assert session.call("Phemex", "orderbook", {"symbol": "BTCUSD"}).ok


def test_a_delisted_contract_leaves_and_the_others_stay(
    daemon: Daemon, sim: Sim, reader: Reader
) -> None:
    """Its stream alone cannot be ended: it stays, and its messages are dropped."""
    (before,) = sim.status()["connections"]
    sim.instrument("cXRPUSD", status="Delisted")
    eventually(lambda: "cXRPUSD" in daemon.state()["unavailable"], 20)
    eventually(lambda: daemon.state()["books_live"] == daemon.state()["books"] == 2, 20)
    assert equal_books(daemon, sim, SYMBOLS[:2])
    (connection,) = sim.status()["connections"]
    assert connection["id"] == before["id"]


def test_a_subscription_that_is_refused_costs_its_symbol_alone(sim: Sim, tmp_path: Path) -> None:
    """The venue lists it no longer, and nobody has asked for the list since."""
    feeds = [{"instruments": ["BTCUSD", "ETHUSDT"]}]
    with Daemon(tmp_path, sim, feeds=feeds) as daemon:
        daemon.ready()
        eventually(lambda: daemon.state()["books_live"] == 2, 20)
        with Reader(daemon) as reader:
            before = reader.counter(Counter.SUBSCRIBE_ERRORS)
            sim.instrument("ETHUSDT", listed=False)
            sim.fault("cut", stream="BTCUSD@*")
            eventually(lambda: reader.counter(Counter.SUBSCRIBE_ERRORS) > before, 20)
            found = eventually(lambda: daemon.state()["unavailable"], 20)
            assert {name.partition(" ")[0].partition("@")[0] for name in found} == {"ETHUSDT"}
            assert all("6001" in why for why in found.values()), found
            eventually(lambda: daemon.state()["books_live"] == 1, 20)
            assert equal_books(daemon, sim, ["BTCUSD"])


def test_candles_ticks_and_days_of_both_families_reach_a_strategy(sim: Sim, tmp_path: Path) -> None:
    feeds = [{"instruments": ["BTCUSD", "BTCUSDT"], "channels": ["kline_1m", "index", "ticker"]}]
    with Daemon(tmp_path, sim, feeds=feeds) as daemon:
        daemon.ready()
        with connector.attach("look", daemon.runtime_dir) as session:
            seen: dict[tuple[str, str], connector.Event] = {}

            # Rates were told before anybody attached, and are again in a minute or hours.
            wanted = {("BTCUSD", name) for name in (".BTC", ".MBTC", "60", "24h")}
            wanted |= {("BTCUSDT", name) for name in (".BTCUSDT", ".MBTCUSDT", "60", "24h")}
            while missing := wanted - seen.keys():
                event = session.wait(30)
                assert event is not None, f"{missing} never came"
                if isinstance(event, connector.Index):
                    seen[event.instrument.symbol, event.name] = event
                elif isinstance(event, connector.Ticker):
                    seen[event.instrument.symbol, "24h"] = event
                assert not isinstance(event, connector.MarkPrice), "nobody asked for it"
                if isinstance(event, connector.Kline):
                    seen[event.instrument.symbol, str(event.interval_s)] = event
            for symbol, base in (("BTCUSD", "BTC"), ("BTCUSDT", "BTCUSDT")):
                candle = seen[symbol, "60"].to_dict()
                index, mark = (seen[symbol, f".{kind}{base}"].to_dict() for kind in ("", "M"))
                assert candle["low"] <= candle["close"] <= candle["high"]
                day = seen[symbol, "24h"].to_dict()
                assert float(day["low"]) <= float(candle["close"]) <= float(day["high"])
                assert float(day["qty"]) >= float(day["open_interest"]) == 0
                assert float(day["qty"]) > 0
                for told in (index, mark):
                    assert float(told["value"]) == pytest.approx(float(candle["close"]), rel=0.05)


def test_a_planned_replacement_leaves_no_moment_without_a_live_book(
    sim: Sim, tmp_path: Path
) -> None:
    """Two connections bring the streams meanwhile, each cut in its own way: the book goes over when
    the new one has come as far, and is at no time other than the venue's."""
    sim.clear()
    wanted = {"instruments": SYMBOLS[:2], "channels": ["depth", "trade", "mark_price"]}
    with (
        Daemon(tmp_path, sim, feeds=[wanted], venue={"connection_life_s": 3.0}) as daemon,
        Reader(daemon.ready()) as reader,
    ):
        list(reader.records())
        eventually(lambda: reader.counter(Counter.HANDOVERS) >= 2, 40)
        assert equal_books(daemon, sim, SYMBOLS[:2])
        for index in range(2):
            told = set(reader.states(index))
            assert told <= {State.LIVE, State.BEHIND}, "live, or late beside its trades"
        for counter in (Counter.DISCONNECTS, Counter.GAPS, Counter.BOOKS_DIFFERED):
            assert not reader.counter(counter)
        assert not reader.counter(Counter.BOOKS_DOUBTED)


def test_streams_that_fall_silent_together_come_back_though_pings_are_answered(
    tmp_path: Path,
) -> None:
    """The answers keep the connection from counting as silent, so the streams are looked at."""
    wanted = {"instruments": ["BTCUSD"], "channels": ["depth"], "quiet_ms": 1000}
    with (
        Sim("--symbols", "BTCUSD", "--rate", "40", "--no-bursts", venue="phemex") as sim,
        Daemon(tmp_path, sim, feeds=[wanted]) as daemon,
        Reader(daemon.ready()) as reader,
    ):
        sim.fault("stall", stream="*", asked=True)
        eventually(lambda: reader.counter(Counter.REPLACEMENTS) == 1, 30)
        eventually(lambda: daemon.state()["books_live"] == 1, 20)
        assert equal_books(daemon, sim, ["BTCUSD"])
        assert not reader.counter(Counter.DISCONNECTS)


def test_what_needs_more_connections_than_are_allowed_is_unavailable_and_the_rest_is_served(
    tmp_path: Path,
) -> None:
    """Twenty streams a connection: nine contracts' and those that the families share."""
    coins = [f"c{base}USD" for base in ("ETH", "SOL", "XRP", "ADA", "SUI", "LINK", "AVAX")]
    symbols = ["BTCUSD", *coins, "BTCUSDT", "ETHUSDT", "SOLUSDT"]
    with (
        Sim("--symbols", ",".join(symbols), "--rate", "1", "--no-bursts", venue="phemex") as sim,
        Daemon(
            tmp_path,
            sim,
            feeds=[{"instruments": ["*"]}],
            venue={"max_connections": 1, "refresh_s": 1},
        ) as daemon,
    ):
        state = daemon.ready().state()
        (connection,) = state["connections"]
        assert connection["streams"] == 20
        assert state["instruments"] == 9
        assert len(state["unavailable"]) == len(symbols) - 9
        assert all("1 of 20 streams each" in why for why in state["unavailable"].values())
        asked = sim.status()["requests"]["/public/products"]
        eventually(lambda: sim.status()["requests"]["/public/products"] >= asked + 3, 30)
        assert daemon.log.read_text().count("no connection is left") == 1
