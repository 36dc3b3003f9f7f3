"""What a strategy is shown of its orders, positions, balances and budgets, against the simulated
venue's own word and against its journal, after orders of every kind at random."""

import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

import connector
from connector.errors import EpochChanged
from connector.model.packing import layout
from connector.model.records import RecordType, Side
from connector.model.reports import OrderStatus, ReportFlag, Update
from connector.model.states import State
from connector.trading import journal_files
from tests.reference.ground import Ground
from tests.reference.grounds import PRICED
from tests.reference.patient import Patient
from tests.reference.sim_process import Simulator
from tests.reference.stack import COMMAND, Daemon, Sim, eventually

KEY, SECRET = "OURKEY", "views-secret"
QUANTITIES = ("0.01", "0.2", "3")
NAMES = ("maker", "hedger")
PATIENT_MS = 20_000
"""A command may wait so long on a loaded machine."""
REPORT, POSITION = layout("OrderReportBody"), layout("PositionUpdateBody")
BALANCE = layout("BalanceUpdateBody")


class Stage:
    def __init__(self, folder: Path, sim: Sim, ground: Ground) -> None:
        self.folder, self.sim, self.ground = folder, sim, ground
        self.symbols = ground.symbols
        venue = Simulator(sim.process, sim.where)  # type: ignore[arg-type]
        self.clients = {
            symbol: ground.client(venue, KEY, SECRET, replace(ground, symbol=symbol))
            for symbol in self.symbols
        }
        self.proof = self.clients[self.symbols[0]].proof("views", KEY, SECRET)
        self.daemon = self._start()

    def _start(self) -> Daemon:
        account = {"venue": self.ground.venue, **self.proof.account,
                   "strategies": list(NAMES), "foreign_to": ["hedger"]}  # fmt: skip
        return Daemon(
            self.folder,
            self.sim,
            feeds=[{"instruments": list(self.symbols), "channels": [*self.ground.channels]}],
            venue={
                **self.ground.settings(self.sim.where),
                **self.proof.venue,
                **self.ground.hurried,
            },
            accounts={"main": account},
            strategies={name: {"on_death": "leave"} for name in NAMES},
            environ=self.proof.environ,
        ).ready()

    def restart(self) -> None:
        """Kill it as nobody should, and start it again."""
        with self.daemon:
            self.daemon.process.kill()
            self.daemon.process.wait(10)
        self.daemon = self._start()

    def attach(self, name: str, **options: Any) -> Any:
        return Patient(connector.attach(name, self.daemon.runtime_dir, trading=True, **options))

    def entries(self, name: str) -> list[journal_files.Entry]:
        folders = self.daemon.runtime_dir, self.daemon.state_dir
        return list(journal_files.entries(*folders, name))

    # The venue's word

    def orders(self) -> dict[str, tuple[str, Decimal, Decimal]]:
        """Open orders by client order id: symbol, price, quantity that is left."""
        return {
            name: (symbol, *row)
            for symbol, client in self.clients.items()
            for name, row in client.resting().items()
        }

    def positions(self) -> dict[str, Decimal]:
        found = {symbol: client.held() for symbol, client in self.clients.items()}
        return {symbol: Decimal(str(held["BOTH"])) for symbol, held in found.items() if held}

    def balances(self) -> dict[str, Decimal]:
        found = self.clients[self.symbols[0]].balances()
        return {asset: money for asset, money in found.items() if money}


@pytest.fixture(params=PRICED, ids=[one.name for one in PRICED])
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    ground = request.param
    accounts = tmp_path / "accounts.toml"
    funds = {"USDT": "500000", **ground.stock}
    rows = ", ".join(f'{asset} = "{amount}"' for asset, amount in funds.items())
    accounts.write_text(
        f'[accounts.main]\nkeys = [{{ key = "{ground.user(KEY)}", secret = "{SECRET}" }}]\n'
        f"balances = {{ {rows} }}\n"
    )
    with Sim("--symbols", ",".join(ground.symbols), "--rate", "20", "--weight-limit", "100000",
             "--connects", "10000", *ground.sim, "--accounts", str(accounts),
             venue=ground.venue) as sim:  # fmt: skip
        found = Stage(tmp_path, sim, ground)
        try:
            yield found
        finally:
            for client in found.clients.values():
                client.close()
            with found.daemon:
                pass


# What the views say


def orders(session: Any) -> dict[str, tuple[str, Decimal, Decimal]]:
    return {
        one.client_order_id: (one.instrument.symbol, one.price_decimal, one.leaves_qty_decimal)
        for one in session.orders()
    }


def account_positions(session: Any) -> dict[str, Decimal]:
    found = {one.instrument.symbol: one.qty_decimal for one in session.positions()}
    return {symbol: qty for symbol, qty in found.items() if qty}


def own_positions(session: Any) -> dict[str, Decimal]:
    found = {one.instrument.symbol: one.own_qty_decimal for one in session.positions()}
    return {symbol: qty for symbol, qty in found.items() if qty}


def balances(session: Any) -> dict[str, Decimal]:
    found = {one.asset: one.wallet_decimal for one in session.balances()}
    return {asset: money for asset, money in found.items() if money}


def drain(*sessions: Any) -> None:
    for session in sessions:
        while session.poll() is not None:
            pass


def begun(stage: Stage, session: Any) -> None:
    """It knows how everything stands, and every market is there."""

    def there() -> bool:
        drain(session)
        tops = [session.top(symbol) for symbol in stage.symbols]
        marked = "mark_price" in stage.ground.channels
        live = all(
            State(top.bbo().state) is State.LIVE and (top.trade().mark_recv_ns or not marked)
            for top in tops
        )
        return live and session.caught_up

    eventually(there, 20)


def replayed(entries: list[journal_files.Entry], owner: Any) -> tuple[Any, Any, Any, Any]:
    """The same four by the journal alone: every report once, from the first on."""
    open_orders: dict[int, tuple[str, int, int]] = {}
    own: Counter[int] = Counter()
    account: dict[int, int] = {}
    money: dict[str, int] = {}
    for entry in entries:
        if entry.kind == RecordType.ORDER_REPORT:
            said = REPORT.unpack(entry.body)
            if said.flags & ReportFlag.SNAPSHOT:
                continue
            if OrderStatus(said.status).terminal:
                open_orders.pop(said.order_key, None)
            else:
                left = said.qty_e - said.filled_qty_e
                open_orders[said.order_key] = said.client_order_id, entry.instrument, left
            if said.update == Update.EXECUTED and not said.flags & ReportFlag.FOREIGN:
                own[entry.instrument] += said.last_qty_e * (1 if said.side == Side.BUY else -1)
        elif entry.kind == RecordType.POSITION_UPDATE:
            account[entry.instrument] = POSITION.unpack(entry.body).qty_e
        elif entry.kind == RecordType.BALANCE_UPDATE:
            moved = BALANCE.unpack(entry.body)
            money[moved.asset] = moved.wallet_e

    def named(amounts: Any) -> dict[str, Decimal]:
        shown = {owner.instruments[index]: qty for index, qty in amounts.items() if qty}
        return {one.symbol: Decimal(qty).scaleb(-one.qty_exponent) for one, qty in shown.items()}

    return (
        {name: owner.instruments[index].symbol for name, index, _ in open_orders.values()},
        named(account),
        named(own),
        {asset: Decimal(e).scaleb(-8) for asset, e in money.items() if e},
    )


class Flow:
    """Orders at random, and the sum of what each strategy's reports said was filled."""

    def __init__(self, seed: int, stage: Stage) -> None:
        self._random, self._stage = random.Random(seed), stage
        self._number = 0

    def act(self, session: Any) -> None:
        pick = self._random
        symbols = self._stage.symbols
        symbol = pick.choice(symbols)
        side, quantity = pick.choice(["buy", "sell"]), Decimal(QUANTITIES[symbols.index(symbol)])
        quantity *= pick.randint(1, 3)
        mine = [one for one in session.orders() if not one.foreign]
        kind = pick.choice(["market", "ioc", "rest", "rest", "amend", "cancel", "foreign"])
        self._number += 1
        with suppress(connector.Full):
            if kind == "market":
                session.place(symbol, side, quantity, order_type="market", account="main")
            elif kind == "ioc":
                top = session.top(symbol).bbo()
                price_e = top.ask_price_e if side == "buy" else top.bid_price_e
                found = session.instruments[symbol]
                price = Decimal(price_e).scaleb(-found.price_exponent)
                session.place(symbol, side, quantity, price, time_in_force="ioc")
            elif kind == "rest":
                name = f"{session.strategy}-{self._number}"
                session.place(symbol, "buy", quantity, self._stage.clients[symbol].far(),
                              client_order_id=name)  # fmt: skip
            elif kind == "foreign":
                client = self._stage.clients[symbol]
                client.limit_at("BUY", float(client.far()), float(quantity))
            elif mine and kind == "amend":
                session.amend(pick.choice(mine), quantity=quantity)
            elif mine:
                session.cancel(pick.choice(mine))


def settled(stage: Stage, *sessions: Any) -> Callable[[], bool]:
    """Every command answered, and everybody shown what the venue says."""

    def same() -> bool:
        drain(*sessions)
        if any(session.waiting or not session.caught_up for session in sessions):
            return False
        truth = stage.orders()
        shown = [orders(session) for session in sessions]
        maker, hedger = shown[0], shown[-1]
        of_maker = {name: row for name, row in truth.items() if name.startswith("maker-")}
        of_hedger = {name: row for name, row in truth.items() if not name.startswith("maker-")}
        positions, money = stage.positions(), stage.balances()
        drain(*sessions)
        return (
            (maker, hedger) == (of_maker, of_hedger)
            and all(account_positions(session) == positions for session in sessions)
            and all(balances(session) == money for session in sessions)
        )

    return same


@pytest.mark.parametrize("seed", [20_261_121])
def test_the_views_say_what_the_venue_and_the_journal_say(stage: Stage, seed: int) -> None:
    flow = Flow(seed, stage)
    pick = random.Random(seed)
    with closing(stage.attach("maker")) as maker, closing(stage.attach("hedger")) as hedger:
        both = maker, hedger
        for session in both:
            begun(stage, session)
        for turn in range(4):
            for _ in range(12):
                flow.act(pick.choice(both))
                drain(*both)
            eventually(settled(stage, *both), 30)
            total = Counter(own_positions(maker))
            total.update(own_positions(hedger))
            assert {symbol: qty for symbol, qty in total.items() if qty} == stage.positions()
            if turn == 1:
                stage.restart()
                for session in both:
                    with pytest.raises(EpochChanged):
                        eventually(lambda one=session: drain(one), 10)
                    session.reattach(patience=20)
                    assert not session.caught_up
                    session.settle()
                eventually(settled(stage, *both), 30)

        # The journal tells the same, and so does a session that hears all of it, or only the end.
        for session, resume in ((maker, 0), (hedger, None)):
            name = session.strategy
            want = (orders(session), account_positions(session), own_positions(session),
                    balances(session))  # fmt: skip
            symbols = {order: row[0] for order, row in want[0].items()}
            assert replayed(stage.entries(name), session) == (symbols, *want[1:])
            session.close()
            with closing(stage.attach(name, resume=resume)) as again:
                assert not again.caught_up
                eventually(lambda one=again: drain(one) or one.caught_up, 20)
                assert (orders(again), account_positions(again), own_positions(again),
                        balances(again)) == want  # fmt: skip


def test_budgets_are_read_from_shared_memory(stage: Stage) -> None:
    with closing(stage.attach("maker")) as session:
        begun(stage, session)

        def used() -> dict[tuple[str, int], int]:
            return {(one.pool, one.window_ns): one.used for one in session.budget("main")}

        found = session.budget("main")
        own = [one for one in found if one.account == session.accounts["main"]]
        ground = stage.ground
        assert {one.pool for one in own} == ({ground.order_pool} if ground.order_windows else set())
        assert len(own) == ground.order_windows
        assert any(one.account is None for one in found), "what the address has"
        for one in found:
            assert 0 <= one.used <= one.limit
            assert one.left == one.limit - one.used
            assert one.resets_ns > session.heartbeat_age_ns
        counted = [one for one in found if one.pool == ground.order_pool]
        minute = max(counted, key=lambda one: one.window_ns)
        place = minute.pool, minute.window_ns

        def grows() -> bool:
            """With three orders, unless a new window begins in between."""
            before = used()[place]
            for _ in range(3):
                session.place(stage.symbols[0], "buy", "0.01",
                              stage.clients[stage.symbols[0]].far(), account="main",
                              valid_for_ms=PATIENT_MS)  # fmt: skip
            eventually(lambda: drain(session) or not session.waiting, 20)
            with suppress(AssertionError):
                return bool(eventually(lambda: used()[place] >= before + 3, 0.5))
            return False

        eventually(grows, 5)
        assert {one.pool for one in session.budget("main", orders=True)} == {ground.order_pool}
        assert session.amends("main") == ground.amends
        with pytest.raises(ValueError, match="other"):
            session.budget("other")
        with pytest.raises(ValueError, match="other"):
            session.amends("other")


def test_top_shows_what_the_venue_says(stage: Stage) -> None:
    with closing(stage.attach("maker")) as session:
        begun(stage, session)
        session.place(stage.symbols[1], "sell", "0.5", order_type="market", valid_for_ms=PATIENT_MS)
        far = stage.clients[stage.symbols[0]].far()
        session.place(
            stage.symbols[0], "buy", "0.01", far, client_order_id="maker-1", valid_for_ms=PATIENT_MS
        )

        def told() -> bool:
            drain(session)
            there = stage.orders().keys() == orders(session).keys() == {"maker-1"}
            return there and account_positions(session) == stage.positions() != {}

        eventually(told, 20)
        done = subprocess.run(
            [*COMMAND, "top", "--json", "--interval", "0.05", "--runtime-dir",
             str(stage.daemon.runtime_dir)],
            capture_output=True, check=True,
        )  # fmt: skip
        found = orjson.loads(done.stdout)
        (account,) = found["trading"]["accounts"]
        (order,) = account["orders"]
        (position,) = account["positions"]
        assert account["ready"]
        assert account["open"] == {"maker": 1}
        assert (order["symbol"], order["client_order_id"]) == (stage.symbols[0], "maker-1")
        assert (Decimal(order["price"]), order["strategy"]) == (Decimal(far), "maker")
        assert Decimal(position["qty"]) == stage.positions()[stage.symbols[1]] == Decimal("-0.5")
        assert {name: Decimal(qty) for name, qty in position["own"].items()} == {
            "maker": Decimal("-0.5")
        }
        assert {one["asset"]: Decimal(one["wallet"]) for one in account["balances"]}[
            "USDT"
        ] == stage.balances()["USDT"]
        latency = found["latency_ns"]
        assert latency["command_to_take"]["count"] == latency["take_to_sent"]["count"] == 2
        assert latency["sent_to_answer"]["count"] >= 2
        assert latency["recv_to_report"]["count"] >= 2
        own = [one for one in found["budgets"] if one["account"] == 0]
        assert [one["pool"] for one in own] == [
            stage.ground.order_pool
        ] * stage.ground.order_windows
