"""A strategy calls endpoints through the daemon: what it may, what it is told, what is kept."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

import connector
from connector.cli import main
from connector.errors import ConnectorError
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.trading import journal_files
from connector.venues.contract import load
from tests.reference.grounds import VENUES, only
from tests.reference.stack import eventually
from tests.reference.trading_stage import SECRET, Stage, staged

TEXT = layout("TextBody")


class Words(NamedTuple):
    """How a venue calls what the tests ask for."""

    market: tuple[str, dict[str, Any]]
    """An endpoint of the public market, and a group it counts in."""
    pool: str
    own: tuple[str, dict[str, Any]]
    refused: tuple[tuple[str, dict[str, Any], str], ...]
    """What its parameters forbid, and how that is said."""
    denied: tuple[str, dict[str, Any], str]
    """What an account may be used for by name alone, and the name."""
    order: dict[str, Any]
    """Parameters of ``placeOrder``."""
    leverage: str
    """How a change of it leaves: method and path."""


WORDS = {
    "binance_usdm": Words(
        market=("depth", {"symbol": "BTCUSDT", "limit": 5}),
        pool="weight",
        own=("balance", {}),
        refused=(
            ("depth", {}, "symbol: missing; a symbol, as BTCUSDT"),
            ("depth", {"symbol": "X", "limit": 7}, "limit: 7 is not one of 5, 10, 20"),
            ("depth", {"symbol": "X", "limit": "5"}, "limit: '5' is not one of"),
            ("queryOrder", {"symbol": "X"}, "orderId: one of orderId, origClientOrderId is needed"),
        ),
        denied=("cancelAll", {"symbol": "BTCUSDT"}, "order"),
        order={"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"},
        leverage="POST /fapi/v1/leverage",
    ),
    "phemex": Words(
        market=("orderbook", {"symbol": "BTCUSD"}),
        pool="market",
        own=("accountPositions", {"currency": "BTC"}),
        refused=(
            ("orderbook", {}, "symbol: missing"),
            ("klines", {"symbol": "X", "resolution": 7}, "resolution: 7 is not one of 60, 300"),
            ("queryOrder", {"symbol": "X"}, "orderID: one of orderID, clOrdID is needed"),
        ),
        denied=("transferIn", {"amountEv": 1, "currency": "BTC", "clientCnt": 0}, "transfer"),
        order={"symbol": "BTCUSD", "clOrdID": "a", "side": "Buy", "ordType": "Market",
               "orderQty": 1},
        leverage="PUT /positions/leverage",
    ),
}  # fmt: skip


PLACES = [one for one in VENUES if not one.one_user]
"""Where a call is an account's: those of a user are in test_cadenza_market.py."""


@pytest.fixture(scope="module", params=PLACES, ids=[one.name for one in PLACES])
def where(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("calls"), ground=request.param) as running:
        yield running


@pytest.fixture
def words(where: Stage) -> Words:
    return WORDS[where.ground.venue]


@pytest.fixture
def a_venue(where: Stage) -> None:
    only(where.ground, VENUES[:1])


@pytest.fixture
def reader(where: Stage) -> Iterator[connector.Session]:
    with connector.attach("maker", where.daemon.runtime_dir) as session:
        yield session


@pytest.fixture
def trader(where: Stage) -> Iterator[connector.TradingSession]:
    with connector.attach("maker", where.daemon.runtime_dir, trading=True, patience=20) as session:
        yield session


def texts(where: Stage) -> list[tuple[str, str]]:
    """What the strategy's journal keeps of its calls: request or answer, and the text."""
    found = []
    folders = where.daemon.runtime_dir, where.daemon.state_dir
    for entry in journal_files.entries(*folders, "maker"):
        if entry.kind == RecordType.TEXT:
            head = TEXT.unpack(entry.body)
            text = entry.body[TEXT.size : TEXT.size + head.text_bytes].decode()
            assert SECRET not in text
            assert "signature=" not in text.replace("signature=***", "")
            found.append(({1: "request", 2: "answer"}[head.what], text))
    return found


def test_a_strategy_reads_the_market_and_its_own_account(
    where: Stage, reader: connector.Session, words: Words
) -> None:
    answer = reader.call(where.ground.exchange, *words.market)
    assert (answer.ok, answer.outcome, answer.status) == (True, "ok", 200)
    assert b"bids" in answer.body
    (weight,) = answer.budget
    assert weight.pool == words.pool
    assert 1 <= weight.used < weight.limit == weight.used + weight.left
    long = reader.call(where.ground.venue, load(where.ground.venue).instruments_endpoint.upper())
    assert where.ground.symbol.encode() in long.body
    name, given = words.own
    own = reader.call(where.ground.exchange, name, given, account="main")
    assert own.ok
    assert next(iter(where.ground.rich)).encode() in own.body


@pytest.mark.parametrize("count", [10, 20_000])
def test_an_answer_comes_whole_however_long(
    where: Stage, reader: connector.Session, count: int, a_venue: None
) -> None:
    """Longer than a message of the control socket may be, too."""
    body = json.dumps([*range(count)])
    where.sim.fault(kind="status", status=200, body=body, path="/fapi/v1/trades")
    answer = reader.call("BinanceU", "trades", {"symbol": "BTCUSDT"})
    assert answer.body.decode() == body
    assert answer.value == [*range(count)]


def test_a_wrong_parameter_is_a_value_error_with_its_rule(
    where: Stage, reader: connector.Session, words: Words
) -> None:
    for endpoint, params, text in words.refused:
        with pytest.raises(ValueError, match=text):
            reader.call(where.ground.exchange, endpoint, params)


def test_what_is_not_allowed_is_not_sent(
    where: Stage, reader: connector.Session, words: Words
) -> None:
    ground, (market, _), (own, given) = where.ground, words.market, words.own
    near, (forbidden, parameters, right) = market[:-1], words.denied
    leverage = {"symbol": ground.symbol, "leverage": 3}
    for endpoint, params, account, text in (
        (near, {}, "", f"no endpoint '{near}'; the nearest: {market}"),
        ("placeOrder", words.order, "", r"use session.place\(\), which passes limits and halts"),
        (forbidden, parameters, "", f'accounts.main.allow does not name "{right}"'),
        (own, given, "other", "'maker' may not use account 'other'; it may use main"),
        ("setLeverage", leverage, "", "only a trading session"),
    ):
        with pytest.raises(ConnectorError, match=text):
            reader.call(ground.exchange, endpoint, params, account=account)
    with pytest.raises(
        ConnectorError, match=f"no venue 'Kraken' here; there are: {ground.exchange}"
    ):
        reader.call("Kraken", market)
    with (
        connector.attach("stranger", where.daemon.runtime_dir) as stranger,
        pytest.raises(
            ConnectorError, match=f"no account of {ground.exchange} may be used by 'stranger'"
        ),
    ):
        stranger.call(ground.exchange, own, given)


def test_what_the_venue_took_back_is_named(reader: connector.Session, a_venue: None) -> None:
    for endpoint, text in (
        ("allForceOrders", "removed 2021-04-27; use the stream"),
        ("startStream", "strategies never hold one"),
    ):
        with pytest.raises(ConnectorError, match=text):
            reader.call("BinanceU", endpoint)


def test_a_change_is_in_the_journal_before_and_after(
    where: Stage, trader: connector.TradingSession, words: Words
) -> None:
    symbol, exchange = where.ground.symbol, where.ground.exchange
    before = len(texts(where))
    answer = trader.call(exchange, "setLeverage", {"symbol": symbol, "leverage": 7})
    assert answer.ok
    found = texts(where)[before:]
    assert [what for what, _ in found] == ["request", "answer"]
    assert found[0][1] == f"setLeverage: {words.leverage}?symbol={symbol}&leverage=7"
    assert found[1][1].startswith("setLeverage: ok: {")


def test_what_is_so_already_is_no_error(
    where: Stage, trader: connector.TradingSession, a_venue: None
) -> None:
    before = len(texts(where))
    again = trader.call("BinanceU", "setPositionMode", {"dualSidePosition": "false"})
    assert (again.ok, again.outcome, again.code) == (True, "already", -4059)
    assert [what for what, _ in texts(where)[before:]] == ["request", "answer"]


def test_a_change_whose_answer_is_lost_is_unknown_and_was_sent_once(
    where: Stage, trader: connector.TradingSession, words: Words
) -> None:
    path = words.leverage.partition(" ")[2]
    before = where.sim.status()["requests"].get(path, 0)
    where.sim.fault(kind="reset_http", path=path, count=1)
    given = {"symbol": where.ground.symbol, "leverage": 9}
    answer = trader.call(where.ground.exchange, "setLeverage", given)
    assert (answer.ok, answer.outcome, answer.status) == (False, "unknown", 0)
    assert texts(where)[-1][1].startswith("setLeverage: unknown: ")
    assert where.sim.status()["requests"][path] == before + 1


@pytest.mark.usefixtures("a_venue")
def test_a_call_that_waits_keeps_nobody(where: Stage, reader: connector.Session) -> None:
    """Neither the daemon nor the other requests of anybody; and who waits too long is told that it
    is unknown."""
    where.sim.fault(kind="lost", path="/fapi/v1/openInterest", count=1)
    found: list[connector.CallAnswer] = []

    def ask() -> None:
        with connector.attach("maker", where.daemon.runtime_dir) as session:
            found.append(session.call("BinanceU", "openInterest", {"symbol": "BTCUSDT"}))

    waiting = threading.Thread(target=ask)
    waiting.start()
    assert reader.call("BinanceU", "time").ok
    assert reader.request("ping")["ok"]
    waiting.join(20)
    assert found[0].outcome == "unknown"
    where.sim.fault(kind="lost", path="/fapi/v1/openInterest", count=1)
    given = {"symbol": "BTCUSDT"}
    answer = reader.call("BinanceU", "openInterest", given, timeout=0.05)
    assert (answer.outcome, answer.message) == (
        "unknown",
        "the daemon did not answer within 0.05 s",
    )
    assert reader.call("BinanceU", "time").ok, "the late answer is not taken for another's"


@pytest.mark.usefixtures("a_venue")
def test_a_call_that_is_begun_does_not_keep_its_strategy(
    where: Stage, trader: connector.TradingSession
) -> None:
    """Answers find their calls in whatever order they come, and whoever takes them from the
    socket."""
    where.sim.fault(kind="lost", path="/fapi/v1/openInterest", count=2)
    given = {"symbol": "BTCUSDT"}
    lost = trader.start_call("BinanceU", "openInterest", given)
    with pytest.raises(ConnectorError, match="openInterest is not answered yet"):
        lost.result()
    wrong = trader.start_call("BinanceU", "depth", {"symbol": "BTCUSDT", "limit": 7})
    none = trader.start_call("BinanceU", "dept", {})
    long = trader.start_call("BinanceU", "exchangeInfo")
    brief = trader.start_call("BinanceU", "openInterest", given, timeout=0)
    changed = trader.start_call("BinanceU", "setLeverage", {"symbol": "BTCUSDT", "leverage": 6})
    assert brief.result().message == "the daemon did not answer within 0 s"
    assert trader.call("BinanceU", "time").ok, "waits for its own answer, past those of others"
    eventually(lambda: [trader.poll(), long.done][1])
    assert long.result().value["symbols"][0]["symbol"] == "BTCUSDT"
    eventually(lambda: changed.done)
    assert changed.result().value["leverage"] == 6
    for call, kind, why in (
        (wrong, ValueError, "limit: 7 is not one of 5, 10, 20"),
        (none, ConnectorError, "no endpoint 'dept'; the nearest: depth"),
    ):
        eventually(lambda call=call: call.done)
        with pytest.raises(kind, match=why):
            call.result()
    eventually(lambda: lost.done)
    assert lost.result().outcome == "unknown"
    assert brief.result().outcome == "unknown", "what was given up stays so"
    left = trader.start_call("BinanceU", "time")
    trader.close()
    assert left.done
    with pytest.raises(connector.EpochChanged, match="ended before it answered"):
        left.result()
    with pytest.raises(connector.EpochChanged):
        trader.start_call("BinanceU", "time")


@pytest.mark.usefixtures("a_venue")
def test_calls_of_an_asyncio_program_wait_beside_each_other_and_its_events(
    where: Stage, reader: connector.Session
) -> None:
    where.sim.fault(kind="lost", path="/fapi/v1/openInterest", count=2)
    given, told = {"symbol": "BTCUSDT"}, []

    async def listen() -> None:
        async for event in reader.stream():
            told.append(event)

    async def ask() -> list[connector.CallAnswer]:
        listening = asyncio.create_task(listen())
        found = await asyncio.gather(
            reader.call_async("BinanceU", "openInterest", given),
            reader.call_async("BinanceU", "time"),
            reader.call_async("BinanceU", "depth", {**given, "limit": 5}),
            reader.call_async("BinanceU", "openInterest", given, timeout=0.01),
        )
        with pytest.raises(ValueError, match="limit: 7"):
            await reader.call_async("BinanceU", "depth", {**given, "limit": 7})
        before = len(told)
        while len(told) <= before:  # noqa: ASYNC110  events go on
            await asyncio.sleep(0.01)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        return found

    lost, time, depth, brief = asyncio.run(ask())
    assert (lost.outcome, time.ok, brief.outcome) == ("unknown", True, "unknown")
    assert len(depth.value["bids"]) == 5


@pytest.mark.usefixtures("a_venue")
def test_the_command_calls_through_the_daemon_as_a_strategy(
    where: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(*words: str) -> tuple[int, str, str]:
        place = ["--strategy", "maker", "--runtime-dir", str(where.daemon.runtime_dir)]
        code = main(["call", "BinanceU", *words, *place])
        return (code, *capsys.readouterr())

    code, out, _ = command("balance", "--json")
    assert code == 0
    assert json.loads(out)["result"][0]["asset"] == "USDT"
    before = len(texts(where))
    code, out, _ = command("setLeverage", "symbol=BTCUSDT", "leverage=4")
    assert (code, "leverage: 4" in out) == (0, True)
    assert [what for what, _ in texts(where)[before:]] == ["request", "answer"]
    code, out, err = command("cancelAll", "symbol=BTCUSDT")
    assert (code, out) == (1, "")
    assert 'allow does not name "order"' in err
    with connector.attach("maker", where.daemon.runtime_dir, trading=True, patience=20):
        code, _, err = command("setLeverage", "symbol=BTCUSDT", "leverage=5")
        assert (code, "trades already" in err) == (1, True)
        assert command("balance")[0] == 0
