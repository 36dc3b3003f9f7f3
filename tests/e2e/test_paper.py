"""Paper accounts as a user has them: a daemon without a key, a strategy that cannot tell, and an
account that outlives a kill."""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import connector
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.model.reports import Code, EndReason, OrderStatus, ReportFlag, Result, Update
from connector.trading import journal_files
from tests.reference.ground import Ground
from tests.reference.grounds import LINEAR_ONES, PRICED
from tests.reference.notebook import Notebook
from tests.reference.patient import Patient
from tests.reference.sim_process import Simulator
from tests.reference.stack import COMMAND, Daemon, Sim, eventually

ANSWER, REPORT = layout("CommandAnswerBody"), layout("OrderReportBody")
POSITION, BALANCE = layout("PositionUpdateBody"), layout("BalanceUpdateBody")
PUBLIC = re.compile(r"/depth|/exchangeInfo|^/md/|^/public/")
"""Paths that anybody may ask."""
UNIT = 10**8


class Told:
    """What the strategy's journal says."""

    def __init__(self, entries: list[journal_files.Entry]) -> None:
        def bodies(kind: RecordType, struct: Any) -> list[Any]:
            return [struct.unpack(entry.body) for entry in entries if entry.kind == kind]

        self.entries = entries
        self.commands = [entry for entry in entries if entry.kind == RecordType.COMMAND]
        self.answers = bodies(RecordType.COMMAND_ANSWER, ANSWER)
        self.all_orders = bodies(RecordType.ORDER_REPORT, REPORT)
        self.orders = [one for one in self.all_orders if not one.flags & ReportFlag.SNAPSHOT]
        self.updates = [(one.client_order_id, Update(one.update)) for one in self.orders]
        self.fills = [one for one in self.orders if one.update == Update.EXECUTED]
        self.submitted = {name for name, update in self.updates if update is Update.SUBMITTED}
        self.cancelled = {name for name, update in self.updates if update is Update.CANCELLED}
        self.final = [one for one in self.answers if one.result != Result.UNKNOWN]
        ended = {one.order_key for one in self.orders if OrderStatus(one.status).terminal}
        self.open_ones = {one.order_key for one in self.orders} - ended
        self.snapshots = sum(entry.kind == RecordType.SNAPSHOT_END for entry in entries)
        self.positions = bodies(RecordType.POSITION_UPDATE, POSITION)
        self.balances = bodies(RecordType.BALANCE_UPDATE, BALANCE)

    @property
    def held(self) -> int:
        """The position by the fills."""
        return sum(one.last_qty_e * (1 if one.side == 1 else -1) for one in self.fills)


class Stage:
    """A simulated venue that is only watched, and the daemon."""

    def __init__(self, folder: Path, sim: Sim, ground: Ground, **paper: Any) -> None:
        self.folder, self.sim, self.ground, self.paper = folder, sim, ground, paper
        self.symbol = ground.symbol
        self.daemon = self._start()

    def _start(self) -> Daemon:
        account = {"venue": self.ground.venue, "type": "paper", "strategies": ["maker"]}
        accounts: dict[str, Any] = {"sandbox": account}
        if self.paper:
            tables = {name: self.paper[name] for name in ("balances",) if name in self.paper}
            accounts["sandbox.paper"] = {
                name: value for name, value in self.paper.items() if name not in tables
            }
            accounts |= {f"sandbox.paper.{name}": value for name, value in tables.items()}
        return Daemon(
            self.folder,
            self.sim,
            feeds=[{"instruments": [self.symbol]}],
            accounts=accounts,
            strategies={"maker": {"grace_s": 600}},
        ).ready()

    def kill(self) -> None:
        """End the daemon as nobody should, and start it again."""
        with self.daemon:
            self.daemon.process.send_signal(signal.SIGKILL)
            self.daemon.process.wait(10)
        self.daemon = self._start()

    def attach(self, **options: Any) -> Any:
        return Patient(connector.attach("maker", self.daemon.runtime_dir, trading=True, **options))

    def told(self) -> Told:
        folders = self.daemon.runtime_dir, self.daemon.state_dir
        return Told(list(journal_files.entries(*folders, "maker")))

    def until(self, done: Callable[[Told], Any]) -> Told:
        found: Told = eventually(lambda: (told := self.told()) and done(told) and told, 20)
        return found

    def account(self) -> dict[str, Any]:
        found: dict[str, Any] = self.daemon.ask("state")["state"]["accounts"]["sandbox"]
        return found


@pytest.fixture(scope="module", params=LINEAR_ONES, ids=[one.name for one in LINEAR_ONES])
def ground(request: pytest.FixtureRequest) -> Ground:
    found: Ground = request.param
    return found


@pytest.fixture(scope="module")
def market(ground: Ground) -> Iterator[Sim]:
    with Sim("--symbols", ground.symbol, "--rate", "50", "--weight-limit", "100000",
             "--connects", "10000", venue=ground.venue) as sim:  # fmt: skip
        yield sim


@pytest.fixture
def stage(tmp_path: Path, ground: Ground, market: Sim) -> Iterator[Stage]:
    """A new account at a market that is there already."""
    found = Stage(
        tmp_path, market, ground, balances={"USDT": "50000.5"}, maker_bps=1.8, taker_bps=4
    )
    try:
        yield found
    finally:
        with found.daemon:
            pass


def best(session: Any) -> tuple[float, float]:
    """The best bid and ask, once there are."""
    (symbol,) = session.instruments
    top = session.top(symbol)
    eventually(lambda: top.bbo().bid_price > 0)
    return top.bbo().bid_price, top.bbo().ask_price


def test_an_account_trades_and_outlives_a_kill(stage: Stage) -> None:
    with closing(stage.attach()) as session:
        far = f"{best(session)[0] * 0.97:.0f}"
        session.place(stage.symbol, "buy", "0.02", order_type="market", client_order_id="took")
        told = stage.until(lambda told: told.held == 2 * UNIT // 100)
        session.place(
            stage.symbol, "buy", "0.01", far, time_in_force="gtc", client_order_id="rests"
        )
        session.place(
            stage.symbol, "sell", "0.01", order_type="stop_market", stop_price=far,
            client_order_id="waits",
        )  # fmt: skip
        told = stage.until(lambda told: len(told.answers) == 3 and len(told.submitted) == 3)
    assert [Result(one.result) for one in told.answers] == [Result.ACCEPTED] * 3
    wallet = told.balances[-1].wallet_e
    assert wallet == 50_000 * UNIT + UNIT // 2 - sum(one.fee_e for one in told.fills)
    assert all(one.flags & ReportFlag.TAKER for one in told.fills)
    assert told.positions[-1].qty_e == told.held
    stage.kill()
    assert stage.account()["type"] == "paper"
    with closing(stage.attach()) as session:
        told = stage.until(lambda told: told.snapshots == 2)
        standing = {one.client_order_id for one in told.all_orders[-2:]}
        assert standing == {"rests", "waits"}
        assert told.positions[-1].qty_e == told.positions[-1].own_qty_e == 2 * UNIT // 100
        assert told.balances[-1].wallet_e == wallet
        for name in ("rests", "waits"):
            session.cancel(instrument=stage.symbol, client_order_id=name)
        stage.until(lambda told: {"rests", "waits"} <= told.cancelled)
        session.place(stage.symbol, "sell", "0.02", order_type="market", reduce_only=True)
        told = stage.until(lambda told: told.held == 0 and not told.positions[-1].qty_e)
    once = [one for one in told.updates if one[1] is not Update.EXECUTED]
    assert len(set(once)) == len(once), "everything is told once"
    assert len({(one.trade_id, one.order_key) for one in told.fills}) == len(told.fills)
    assert not any(one.flags & ReportFlag.FOREIGN for one in told.all_orders)


def test_a_kill_at_any_moment_neither_loses_nor_doubles_anything(stage: Stage) -> None:
    """Orders under way, the daemon killed, again and again: each that it had taken is answered, and
    position and money are the sums of the fills."""
    for turn in range(3):
        with closing(stage.attach()) as session:
            before = len(stage.told().answers)
            for number in range(4):
                session.place(
                    stage.symbol, "buy", "0.003", order_type="market",
                    client_order_id=f"o{turn}-{number}",
                )  # fmt: skip
            stage.until(lambda told, before=before: len(told.answers) > before)
        stage.kill()
    told = stage.until(lambda told: len(told.final) == len(told.commands) and not told.open_ones)
    done = [one for one in told.final if one.result == Result.ACCEPTED]
    assert 3 <= len({one.command for one in told.final}) == len(told.final) <= 12
    assert told.held == len(done) * 3 * UNIT // 1000
    with closing(stage.attach()):
        told = stage.until(lambda told: told.snapshots == 4)
    assert told.positions[-1].qty_e == told.positions[-1].own_qty_e == told.held
    fees = sum(one.fee_e for one in told.fills)
    assert told.balances[-1].wallet_e == 50_000 * UNIT + UNIT // 2 - fees


def test_a_maker_is_filled_by_the_venues_trades(stage: Stage) -> None:
    """A quote on each side at the touch, again and again, until both sides have traded."""
    with closing(stage.attach()) as session:
        for number in range(1, 101):
            for side, price in zip(("buy", "sell"), best(session), strict=True):
                session.place(stage.symbol, side, "0.002", str(price), time_in_force="gtx")
            told = stage.until(lambda told, number=number: len(told.answers) == 2 * number)
            if {one.side for one in told.fills} == {1, 2}:
                break
        told = stage.until(lambda told: {one.side for one in told.fills} == {1, 2})
    for one in told.fills:
        assert one.flags & ReportFlag.MAKER
        # 1.8 of a hundredth of a percent, to the nearest 10^-8.
        exact = one.last_price_e * one.last_qty_e * 18
        assert abs(one.fee_e * UNIT * 100_000 - exact) * 2 <= UNIT * 100_000


def test_the_venues_own_words_refuse(stage: Stage) -> None:
    words = stage.ground.refusals
    with closing(stage.attach()) as session:
        ask = f"{best(session)[1] + 50:.1f}"
        session.place(stage.symbol, "buy", "0.01", ask, time_in_force="gtx", client_order_id="post")
        session.place(stage.symbol, "buy", "100", ask, time_in_force="gtc")
        session.cancel(instrument=stage.symbol, client_order_id="unheard")
        told = stage.until(
            lambda told: (
                len(told.answers) == 3
                and not told.open_ones
                and ("would take" in words or told.cancelled)
            )
        )
    codes = [one.venue_code for one in told.answers]
    assert codes == [words.get("would take", 0), words["no margin"], words["no such order"]]
    assert [one.result == Result.REFUSED for one in told.answers] == [code != 0 for code in codes]
    if not codes[0]:  # where it is taken, it ends at once
        updates = [Update.SUBMITTED, Update.CANCELLED]
        assert [(one.client_order_id, one.update) for one in told.orders] == [
            ("post", update) for update in updates
        ]
        assert told.orders[-1].reason == EndReason.POST_ONLY


def test_nothing_of_an_account_leaves_the_process(stage: Stage) -> None:
    with closing(stage.attach()) as session:
        session.place(stage.symbol, "buy", "0.02", order_type="market")
        stage.until(lambda told: told.fills)
        assert stage.account()["type"] == "paper"
    asked = stage.sim.status()["requests"]
    assert not {path for path in asked if not PUBLIC.search(path)}


def test_a_batch_goes_one_by_one_and_each_is_answered(stage: Stage) -> None:
    with closing(stage.attach()) as session:
        low = best(session)[0] * 0.97
        tickets = session.place_batch(
            {
                "instrument": stage.symbol, "side": "buy", "quantity": "0.01",
                "price": f"{low - n:.0f}", "time_in_force": "gtc",
            }
            for n in range(3)
        )  # fmt: skip
        told = stage.until(lambda told: len(told.answers) == 3 and len(told.submitted) == 3)
        assert [one.command for one in told.answers] == [one.number for one in tickets]
        session.cancel_all(stage.symbol)
        stage.until(lambda told: len(told.cancelled) == 3)


def test_an_ordered_end_leaves_nothing_open(stage: Stage) -> None:
    with closing(stage.attach()) as session:
        far = f"{best(session)[0] * 0.97:.0f}"
        session.place(
            stage.symbol, "buy", "0.01", far, time_in_force="gtc", client_order_id="rests"
        )
        stage.until(lambda told: told.submitted)
        assert stage.daemon.stop() == 0
    assert stage.told().cancelled == {"rests"}


def test_why_tells_a_refusal_in_the_words_of_the_venue(stage: Stage) -> None:
    with closing(stage.attach()) as session:
        ask = f"{best(session)[1] + 50:.1f}"
        session.place(stage.symbol, "buy", "100", ask, client_order_id="much")
        stage.until(lambda told: told.final)
    places = [
        "--runtime-dir", str(stage.daemon.runtime_dir), "--state-dir", str(stage.daemon.state_dir)
    ]  # fmt: skip
    told = subprocess.run(
        [*COMMAND, "journal", "why", "much", *places], capture_output=True, text=True, timeout=60
    )
    where = stage.ground.orders["place"]
    assert f"{where['method']} {where['path']}" in told.stdout, told
    assert re.search(r"Ord(er)?I[dD]=much", told.stdout), told
    assert f'"code":{stage.ground.refusals["no margin"]}' in told.stdout


def test_a_recording_fills_quotes_as_a_live_market_does(recordings: Path, tmp_path: Path) -> None:
    files = [recordings / "binance-usdm" / f"btcusdt_2023040{day}.dat.gz" for day in (4, 5)]
    with Sim("--replay", *map(str, files), "--speed", "10", "--weight-limit", "100000") as sim:
        stage = Stage(tmp_path, sim, LINEAR_ONES[0], balances={"USDT": "100000"}, latency_us=500)
        with stage.daemon, closing(stage.attach()) as session:
            number = 0
            while len({one.side for one in stage.told().fills}) < 2:
                for side, price in zip(("buy", "sell"), best(session), strict=True):
                    number += 1
                    session.place(stage.symbol, side, "0.002", f"{price:.1f}", time_in_force="gtx")
                stage.until(lambda told, number=number: len(told.answers) == number)
                assert number < 400
            session.cancel_all(stage.symbol)
            told = stage.until(lambda told: told.fills and not told.open_ones)
            assert told.positions[-1].qty_e == told.held
            assert all(one.last_price_e == one.price_e for one in told.fills)


ASSETS = [one for one in PRICED if one not in LINEAR_ONES]


@pytest.mark.parametrize("assets", ASSETS, ids=[one.name for one in ASSETS])
def test_assets_are_not_traded_on_paper(assets: Ground, tmp_path: Path) -> None:
    """Its accounts know positions and margin: what is bought for good is refused with that."""
    key, secret = "PAPERKEY", "paper-secret"
    user = assets.user(key)
    with Sim("--symbols", assets.symbol, "--rate", "50", "--weight-limit", "100000",
             "--account", f"main={user}:{secret}", venue=assets.venue) as sim:  # fmt: skip
        venue = Simulator(sim.process, sim.where)  # type: ignore[arg-type]
        with closing(assets.client(venue, key, secret, assets)) as client:
            proof = client.proof("main", key, secret)
        daemon = Daemon(
            tmp_path, sim, feeds=[{"instruments": [assets.symbol], "channels": ["depth"]}],
            venue={**assets.settings(sim.where), **proof.venue}, environ=proof.environ,
            accounts={
                "sandbox": {"venue": assets.venue, "type": "paper", "strategies": ["maker"]}
            },
        )  # fmt: skip
        with daemon:
            where = daemon.ready().runtime_dir
            with closing(Patient(connector.attach("maker", where, trading=True))) as session:
                notes = Notebook(session)
                ticket = session.place(assets.symbol, "buy", "0.01", "10000.00")
                answer = notes.answer(ticket)
                assert (answer.result, answer.code) == (Result.REFUSED, Code.NOT_SUPPORTED.value)
                assert "is not a perpetual or delivery contract" in answer.text


def test_a_second_daemon_on_the_journals_is_refused(stage: Stage, tmp_path: Path) -> None:
    """Whatever its runtime directory is."""
    first = stage.daemon
    command = [*COMMAND, "run", str(first.folder / "c.toml")]
    command += ["--runtime-dir", str(tmp_path / "other"), "--state-dir", str(first.state_dir)]
    boot = (first.state_dir / "boot").read_text()
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 2
    held = f"{first.state_dir} is held by another daemon (pid {first.process.pid})"
    assert held in second.stderr
    assert "another --state-dir" in second.stderr
    assert (first.state_dir / "boot").read_text() == boot
