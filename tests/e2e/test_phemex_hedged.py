"""Phemex's contracts in USDT and its wallets from a strategy's side: a position of each side, a
daemon that is killed with open orders, money that moves once. One venue and one daemon (and the one
after it) for all tests, each a process of its own."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import connector
from connector.cli import main
from connector.errors import ConnectorError
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.model.reports import Code, OrderStatus, Result, Update
from connector.trading import journal_files
from tests.reference.notebook import Notebook
from tests.reference.patient import Patient
from tests.reference.stack import Daemon, Sim

KEYS = {
    "main": ("806066b0-f02b-4d3e-b444-76ec718e1023", "canary-_1b9e5e1d"),
    "sub": ("11111111-f02b-4d3e-b444-76ec718e1023", "canary-_2c8f4f3e"),
}
ALLOW = {"main": ["transfer"], "sub": []}
SYMBOL = "BTCUSDT"
NEW = (Update.SUBMITTED, OrderStatus.NEW)
AMENDED = (Update.AMENDED, OrderStatus.NEW)
CANCELLED = (Update.CANCELLED, OrderStatus.CANCELLED)
FILLED = (Update.EXECUTED, OrderStatus.FILLED)
TEXT = layout("TextBody")
UNIT = 10**8


class Stage:
    """The venue, where the first account is the parent of the second, and a daemon."""

    def __init__(self, folder: Path, sim: Sim) -> None:
        self.folder, self.sim = folder, sim
        self.daemon = self.start()

    def start(self) -> Daemon:
        accounts = {
            name: {
                "venue": "phemex", "key": f"env:TEST_HEDGED_KEY_{name}",
                "secret": f"env:TEST_HEDGED_SECRET_{name}", "strategies": ["maker"],
                "allow": ALLOW[name],
            }
            for name in KEYS
        }  # fmt: skip
        return (
            Daemon(
                self.folder, self.sim,
                feeds=[{"instruments": [SYMBOL], "channels": ["bbo", "mark_price"]}],
                accounts=accounts, strategies={"maker": {"on_death": "leave"}},
            )
            .ready()
            .quoted(SYMBOL)
        )  # fmt: skip

    def restart(self) -> None:
        """Kill the daemon as nobody should, and start another one."""
        self.daemon.process.kill()
        self.daemon.process.wait(10)
        with self.daemon:
            self.daemon = self.start()

    @contextmanager
    def maker(self, **options: Any) -> Iterator[Notebook]:
        session = connector.attach(
            "maker", self.daemon.runtime_dir, trading=True, patience=20, **options
        )
        with closing(session):
            notes = Notebook(Patient(session))
            notes.until(lambda: session.caught_up, lambda: "not caught up")
            yield notes

    def texts(self) -> list[str]:
        """What the strategy's journal keeps of its calls."""
        found = []
        for entry in journal_files.entries(self.daemon.runtime_dir, self.daemon.state_dir, "maker"):
            if entry.kind == RecordType.TEXT:
                size = TEXT.unpack(entry.body).text_bytes
                found.append(entry.body[TEXT.size : TEXT.size + size].decode())
        assert not [text for text in found for _, secret in KEYS.values() if secret in text]
        return found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    options = ["--symbols", SYMBOL, "--rate", "20"]
    with pytest.MonkeyPatch.context() as environ:
        for name, (key, secret) in KEYS.items():
            options += ["--account", f"{name}={key}:{secret}"]
            environ.setenv(f"TEST_HEDGED_KEY_{name}", key)
            environ.setenv(f"TEST_HEDGED_SECRET_{name}", secret)
        with Sim(*options, venue="phemex") as sim:
            running = Stage(tmp_path_factory.mktemp("hedged"), sim)
            try:
                yield running
            finally:
                with running.daemon:
                    pass


def place(notes: Notebook, name: str, side: str, qty: str, price: Any, position: str) -> Any:
    kind = "limit" if price is not None else "market"
    return notes.session.place(
        SYMBOL, side, qty, price, order_type=kind, client_order_id=name, position_side=position,
        account="main",
    )  # fmt: skip


def held(notes: Notebook) -> dict[str, Decimal]:
    """What the account holds of each side."""
    return {
        one.position_side.name: one.qty_decimal
        for one in notes.session.positions()
        if one.qty_decimal
    }


def ask(notes: Notebook, endpoint: str, account: str = "main", **params: Any) -> Any:
    return notes.session.call("Phemex", endpoint, params, account=account)


# Money


def moved(notes: Notebook) -> int:
    """How often margin was moved, by the venue's own count."""
    return int(ask(notes, "marginMoves", withCount=True).value["data"]["total"])


def btc(notes: Notebook) -> int:
    """What the account in BTC has."""
    value = ask(notes, "accountPositions", currency="BTC").value
    return int(value["data"]["account"]["accountBalanceEv"])


OUT = {"moveOp": 1, "btcAmountEv": UNIT}
WITHDRAW = {"otpCode": "123456", "address": "1Boat", "amountEv": 100, "currency": "BTC"}


def test_money_moves_where_it_may_and_is_written_down(stage: Stage) -> None:
    with stage.maker() as notes:
        before, asked = btc(notes), moved(notes)
        for endpoint, account, params, missing in (
            ("moveMargin", "sub", OUT, 'sub.allow does not name "transfer"'),
            ("transfer", "sub", {"amountEv": 1, "currency": "BTC", "moveOp": 1}, "transfer"),
            ("createWithdraw", "main", WITHDRAW, 'main.allow does not name "withdraw"'),
            ("confirmWithdraw", "main", {"code": "c0ffee"}, "withdraw"),
        ):
            with pytest.raises(ConnectorError, match=missing):
                ask(notes, endpoint, account, **params)
        assert (btc(notes), moved(notes)) == (before, asked)
        start = len(stage.texts())
        answer = ask(notes, "moveMargin", linkKey="once", **OUT)
        assert (answer.ok, answer.value["data"]["status"]) == (True, 10)
        assert (btc(notes), moved(notes)) == (before - UNIT, asked + 1)
        sent, done = stage.texts()[start:]
        assert sent.startswith("moveMargin: POST /exchange/margins")
        assert done.startswith("moveMargin: ok: ")
        # The parent gives its child some of it.
        gift = {"clientCnt": 1, "currency": "BTC", "amountEv": UNIT // 4}
        assert ask(notes, "transferIn", **gift).ok
        (child,) = ask(notes, "children").value["data"]["rows"]
        assert child["wallet"]["availBalanceEv"] == UNIT // 4
        refused = ask(notes, "transferIn", **{**gift, "amountEv": 50 * UNIT})
        assert (refused.ok, refused.outcome, refused.code) == (False, "rejected", 35104)


FAULTS = [{"kind": "reset_http"}, {"kind": "status", "status": 500, "body": "{}"}]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["kind"])
def test_money_whose_answer_is_lost_moved_once(stage: Stage, fault: dict[str, Any]) -> None:
    with stage.maker() as notes:
        before, asked = btc(notes), moved(notes)
        stage.sim.fault(path="/exchange/margins", method="POST", count=1, **fault)
        answer = ask(notes, "moveMargin", **OUT)
        assert (answer.ok, answer.outcome) == (False, "unknown")
        assert stage.texts()[-1].startswith("moveMargin: unknown: ")
        assert (btc(notes), moved(notes)) == (before - UNIT, asked + 1)


def test_the_command_line_moves_money_by_the_same_rules(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(account: str, *words: str) -> tuple[int, str, str]:
        place = ["--config", str(stage.folder / "c.toml"), "--account", account, "--json"]
        return (main(["call", "Phemex", *words, *place]), *capsys.readouterr())

    with stage.maker() as notes:
        before = btc(notes)
        words = ("moveMargin", "moveOp=1", f"btcAmountEv={UNIT}")
        code, _, err = call("sub", *words)
        assert (code, 'accounts.sub.allow does not name "transfer"' in err) == (2, True)
        code, out, _ = call("main", *words)
        assert (code, json.loads(out)["outcome"]) == (0, "ok")
        stage.sim.fault(path="/exchange/margins", method="POST", count=1, kind="reset_http")
        code, out, _ = call("main", *words)
        assert (code, json.loads(out)["outcome"]) == (3, "unknown")
        assert btc(notes) == before - 2 * UNIT


# Orders


def test_a_position_of_each_side_and_a_daemon_that_is_killed(stage: Stage) -> None:
    with stage.maker() as notes:
        assert ask(notes, "gSetPositionMode", symbol=SYMBOL, targetPosMode="Hedged").ok
        bid = Decimal(f"{notes.session.top(SYMBOL).bbo().bid_price:.1f}")
        low, lower = bid - 500, bid - 600

        # A side that the symbol has not is the venue's refusal.
        merged = place(notes, "merged", "buy", "0.01", low, "both")
        refused = notes.answer(merged)
        assert (refused.result, refused.code) == (Result.REFUSED, Code.VENUE.value)
        assert '"code":20004' in refused.text

        # An order rests, is amended, cancelled; another one stays.
        rests = place(notes, "rests", "buy", "0.01", low, "long")
        notes.tells("rests", [NEW])
        notes.session.amend(rests, lower, "0.02")
        notes.tells("rests", [NEW, AMENDED])
        assert notes.reports["rests"][-1].price_decimal == lower
        notes.session.cancel(rests)
        notes.tells("rests", [NEW, AMENDED, CANCELLED])
        place(notes, "stays", "buy", "0.03", low, "long")
        notes.tells("stays", [NEW])

        # Fills of both sides; a sell of the long position only reduces it.
        for name, side, qty, position in (
            ("opens", "buy", "0.05", "long"), ("hedges", "sell", "0.02", "short"),
            ("closes", "sell", "0.01", "long"),
        ):  # fmt: skip
            place(notes, name, side, qty, None, position)
            notes.until(
                lambda name=name: FILLED in notes.story(name),
                lambda name=name: (name, notes.story(name), notes.answers),
            )
        for name, qty in (("opens", "0.05"), ("hedges", "0.02"), ("closes", "0.01")):
            fills = notes.fills(name)
            assert round(sum(one for one, _ in fills.values()), 8) == float(qty)
            paid = sum(notes.fees(fills).values())
            value = sum(one * price for one, price in fills.values())
            assert abs(paid - value * 0.0006) < 1e-6, name
        notes.until(
            lambda: held(notes) == {"LONG": Decimal("0.04"), "SHORT": Decimal("-0.02")},
            lambda: held(notes),
        )

        # What waits for a price: for the whole position, for a part of it, behind the price.
        stop: dict[str, Any] = {"order_type": "stop_market", "stop_price": lower}
        kinds: dict[str, tuple[str | None, dict[str, Any]]] = {
            "all": (None, {**stop, "close_position": True}),
            "part": ("0.01", {**stop, "reduce_only": True, "working_type": "last"}),
            "trails": ("0.01", {"order_type": "trailing_stop_market", "callback_rate": "0.05"}),
        }
        for name, (qty, fields) in kinds.items():
            order = notes.session.place(
                SYMBOL, "sell", qty, client_order_id=name, position_side="long", account="main",
                **fields,
            )  # fmt: skip
            notes.tells(name, [NEW])
            if name == "part":
                notes.session.amend(order, None, "0.02")
                notes.tells(name, [NEW, AMENDED])
        last = notes.sequences[-1]
    stage.restart()
    with stage.maker(resume=last) as notes:
        found = {one.client_order_id: one for one in notes.session.orders()}
        assert found.keys() == {"stays", *kinds}
        assert {one.status for one in found.values()} == {OrderStatus.NEW}
        assert {one.position_side.name for one in found.values()} == {"LONG"}
        assert found["part"].qty_decimal == Decimal("0.02")
        assert found["trails"].order_type.name == "TRAILING_STOP_MARKET"
        order = found["stays"]
        assert (order.price_decimal, order.leaves_qty_decimal) == (low, Decimal("0.03"))
        assert held(notes) == {"LONG": Decimal("0.04"), "SHORT": Decimal("-0.02")}
        assert not [name for name in notes.reports if notes.fills(name)], "told twice"
        notes.session.cancel(order)
        notes.until(lambda: CANCELLED in notes.story("stays"), lambda: notes.story("stays"))
        notes.session.cancel_all(SYMBOL, account="main")
        for name in kinds:
            notes.until(
                lambda name=name: CANCELLED in notes.story(name),
                lambda name=name: notes.story(name),
            )
