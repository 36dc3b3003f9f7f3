"""The day's profits over restarts, whatever became of the files that keep them."""

import os
import resource
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connector.model.intents import PositionSide
from connector.model.order import Order
from connector.model.records import Side
from connector.model.reports import BalanceReason, Field, OrderStatus
from connector.trading.commands import Refusal
from connector.trading.halts import Scope
from connector.trading.holdings import DAY_NS, KeptOwner
from connector.trading.positions import Positions
from connector.trading.profit_file import NAME, WRITE_NS, ProfitFile
from connector.trading.risk import Limits
from connector.venues.trading_contract import BalanceEvent
from tests.unit.test_risk import BTC, MONEY, NOW_NS, REDUCE, SECOND_NS, SELL, Rig


class Files:
    def __init__(self, folder: Path) -> None:
        self.run, self.state = folder / "run", folder / "state"
        self.run.mkdir()
        self.state.mkdir()

    def of(self, rig: Rig) -> ProfitFile:
        return ProfitFile(rig.holdings, self.run, self.state, lambda: rig.now_ns, rig.count)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def restarted(files: Files, own_e: int, now_ns: int = NOW_NS, **marks: int) -> Rig:
    """A daemon that starts where another one was; the journal says the strategy holds that."""
    rig = Rig(**marks)
    rig.now_ns = now_ns
    list(rig.holdings.tick())
    files.of(rig).load()
    positions = Positions()
    if own_e:
        positions.restore("maker", (0, "BTCUSDT", PositionSide.BOTH), own_e)
    rig.holdings.adopt(rig.main, positions, [])
    return rig


@pytest.mark.parametrize("lost", ["run", "state", ""])
def test_a_restart_does_not_forget_the_loss(files: Files, lost: str) -> None:
    rig = Rig()
    rig.fill(1000, 10_100_00)
    rig.fill(-500, 10_000_00)
    profits = files.of(rig)
    profits.tick(1, [])
    assert not profits.due(1)
    assert profits.due(10**11)
    profits.copy()
    if lost:
        (getattr(files, lost) / NAME).unlink()
    after = restarted(files, 500)
    after.said(500)
    assert after.profits() == rig.profits() == (-100 * MONEY, -100 * MONEY)


def test_what_was_filled_after_the_last_look_is_taken_in_at_mark(files: Files) -> None:
    rig = Rig()
    rig.fill(1000, 10_100_00)
    files.of(rig).tick(1, [])
    rig.fill(-1000, 10_000_00)  # and the process is killed
    after = restarted(files, 0)
    after.said(0, venue_ns=9)
    assert after.profits() == (-100 * MONEY, -100 * MONEY)


def test_fills_in_a_row_are_written_together(files: Files) -> None:
    rig = Rig()
    profits = files.of(rig)
    rig.fill(1000, 10_100_00)
    profits.tick(1, [])
    kept = (files.run / NAME).read_bytes()
    rig.fill(-1000, 10_000_00)
    profits.tick(WRITE_NS, [])
    assert (files.run / NAME).read_bytes() == kept
    profits.tick(WRITE_NS + 1, [])
    assert (files.run / NAME).read_bytes() != kept


def test_another_day_begins_anew(files: Files) -> None:
    rig = Rig()
    rig.fill(1000, 10_100_00)
    files.of(rig).tick(1, [])
    after = restarted(files, 1000, NOW_NS + DAY_NS)
    after.said(1000)
    assert after.profits() == (0, 0)


def test_a_full_disk_leaves_the_last_word_and_is_tried_again(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig()
    rig.fill(1000, 10_100_00)
    profits = files.of(rig)
    profits.tick(1, [])
    kept = (files.run / NAME).read_bytes()
    rig.fill(-1000, 10_000_00)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(kept) // 2, limit[1]))
    try:
        profits.tick(WRITE_NS + 1, [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "cannot be written" in caplog.text
    assert (files.run / NAME).read_bytes() == kept
    profits.tick(2 * WRITE_NS + 1, [])
    assert restarted(files, 0).profits() == rig.profits() == (-100 * MONEY, -100 * MONEY)


@pytest.mark.parametrize("what", [b"", b"{", b"[]", b'{"wall_ns":1,"owners":[[1]]}', b"\xff"])
def test_a_file_that_cannot_be_read_is_said_and_the_other_one_counts(
    files: Files, what: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig()
    rig.fill(1000, 10_100_00)
    files.of(rig).close()
    (files.run / NAME).write_bytes(what)
    assert restarted(files, 1000).profits()[1] == -100 * MONEY
    assert str(files.run / NAME) in caplog.text


UNREADABLE = [
    ("both", True),
    ("the only one", True),
    ("the newer one", True),
    ("the older one", False),
    ("nothing", False),
]


@pytest.mark.parametrize(("what", "lost"), UNREADABLE)
def test_a_loss_that_nobody_knows_counts_as_reached(
    files: Files, what: str, lost: bool, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(loss_e=50 * MONEY)
    now_ns = NOW_NS + 100 * SECOND_NS
    rig = Rig(limits, limits)
    rig.now_ns = now_ns
    list(rig.holdings.tick())
    rig.fill(1000, 10_020_00)
    files.of(rig).close()
    run, state = files.run / NAME, files.state / NAME
    if what == "both":
        run.write_bytes(b"{")
        state.write_bytes(b"{")
    elif what == "the only one":
        run.unlink()
        state.write_bytes(b"{")
    elif what == "the newer one":
        run.write_bytes(b"{")
        os.utime(run, ns=(now_ns, now_ns + 60 * SECOND_NS))
    elif what == "the older one":
        state.write_bytes(b"{")
        os.utime(state, ns=(now_ns, now_ns - 60 * SECOND_NS))
    else:
        run.unlink()
        state.unlink()

    def started(now_ns: int) -> Rig:
        after = Rig(limits, limits)
        after.now_ns = now_ns
        list(after.holdings.tick())
        files.of(after).load()
        after.holdings.adopt(after.main, Positions(), [])
        return after

    after = started(now_ns)
    assert [one.unknown for one in after.holdings.owners()][:2] == [lost, lost]
    assert sum(amount for _, amount in after.counted) == {"both": 2, "nothing": 0}.get(what, 1)
    assert ("`connector resume --loss`" in caplog.text) is lost
    if not lost:
        after.check()
        return
    after.fill(-1000, 20_000_00)  # nothing gained from here on makes it known
    with pytest.raises(Refusal, match="not known") as caught:
        after.check()
    assert (caught.value.field, caught.value.limit_e) == (Field.LOSS, 50 * MONEY)
    after.check(**REDUCE, **SELL)
    files.of(after).tick(1, [(now_ns - 5, Scope.EVERYTHING, "")])  # said before it was lost

    again = started(now_ns + 1)
    with pytest.raises(Refusal, match="not known"):
        again.check()
    files.of(again).tick(1, [(now_ns + 5, Scope.EVERYTHING, "")])
    again.check()
    assert not any(one.unknown for one in again.holdings.owners())
    started(now_ns + 6).check()

    tomorrow = started(now_ns + DAY_NS)
    tomorrow.check()


@pytest.mark.parametrize(
    ("scope", "name", "account", "strategy"),
    [
        (Scope.EVERYTHING, "", 0, 0),
        (Scope.ACCOUNT, "main", 0, -100),
        (Scope.STRATEGY, "maker", -100, 0),
        (Scope.STRATEGY, "main", -100, -100),
    ],
)
def test_an_operator_lets_a_loss_begin_anew_once(
    files: Files, scope: Scope, name: str, account: int, strategy: int
) -> None:
    rig = Rig()
    rig.fill(1000, 10_100_00)
    profits = files.of(rig)
    reset = [(NOW_NS + 5, scope, name)]
    profits.tick(1, reset)
    assert rig.profits() == (account * MONEY, strategy * MONEY)
    rig.marks["BTCUSDT"] = 9_900 * MONEY
    list(rig.holdings.tick())
    profits.tick(2, reset)
    assert rig.profits() == ((account - 100) * MONEY, (strategy - 100) * MONEY)
    assert restarted(files, 1000, BTCUSDT=9_900 * MONEY).profits()[1] == (strategy - 100) * MONEY


FUNDING = BalanceReason.FUNDING
PAYMENTS: list[tuple[dict[str, Any], int, int]] = [
    ({}, -9, -9),
    ({"change_e": 9 * MONEY}, 9, 9),
    ({"symbol": "ETHUSDT"}, -9, 0),
    ({"symbol": ""}, -9, 0),
    ({"asset": "BNB"}, 0, 0),
    ({"reason": BalanceReason.TRANSFER}, 0, 0),
    ({"reason": BalanceReason.ORDER}, 0, 0),
    ({"change_e": None}, 0, 0),
]


@pytest.mark.parametrize(("what", "account", "strategy"), PAYMENTS)
def test_funding_counts_once_also_over_a_restart(
    files: Files, what: dict[str, Any], account: int, strategy: int
) -> None:
    rig = Rig()
    rig.fill(1000, 10_000_00)
    fields = {"asset": "USDT", "wallet_e": 5, "change_e": -9 * MONEY, "reason": FUNDING,
              "symbol": "BTCUSDT", "venue_ns": 7}  # fmt: skip
    event = BalanceEvent(**fields | what)
    other = BalanceEvent(**fields | what | {"wallet_e": 6})
    for one in (event, other, event):  # the second private stream tells the first again
        rig.holdings.paid(rig.main, one)
    wanted = (2 * account * MONEY, 2 * strategy * MONEY)
    assert rig.profits() == wanted
    files.of(rig).close()
    after = restarted(files, 1000)
    after.said(1000)
    assert after.profits() == wanted
    after.now_ns += DAY_NS
    list(after.holdings.tick())
    assert after.profits() == (0, 0)


def test_funding_is_shared_by_what_each_strategy_holds() -> None:
    rig = Rig()
    rig.fill(3000, 10_000_00)
    taker = Order(key=98, account=0, strategy="taker", instrument=BTC, side=Side.SELL,
                  status=OrderStatus.FILLED)  # fmt: skip
    rig.fill(-1000, 10_000_00, taker)
    paid = BalanceEvent(asset="USDT", wallet_e=0, change_e=-MONEY, reason=FUNDING, symbol="BTCUSDT")
    rig.holdings.paid(rig.main, paid)
    found = {one.name: one.profit_e for one in rig.holdings.owners()}
    assert found == {"main": -MONEY, "maker": -MONEY * 3 // 2, "taker": MONEY // 2}


def test_rows_of_others_are_kept_until_their_account_is_known() -> None:
    rig = Rig()
    row = ["other", "BTCUSDT", 0, 3, 1000, 0, -5]
    rows = msgspec.convert([["strategy", "maker", NOW_NS, [row]]], list[KeptOwner])
    rig.holdings.load(rows)
    rig.holdings.adopt(rig.main, Positions(), [])
    (kept,) = [one for one in rig.holdings.kept() if one.name == "maker"]
    assert msgspec.to_builtins(kept.holdings) == [row]
