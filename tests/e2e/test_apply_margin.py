"""The margin of open isolated positions at the simulated Binance: compared, shown, and moved by
``connector apply`` alone, to the digit."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.cli import main
from tests.reference.signed_client import ORDER, Trader
from tests.reference.sim_process import simulator

KEY, SECRET = "OURKEY", "canary-5d11b7e0"
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def trader() -> Iterator[Trader]:
    arguments = ("--symbols", "BTCUSDT", "--rate", "20", "--account", f"main={KEY}:{SECRET}")
    with simulator(*arguments) as venue:
        yield Trader(venue, KEY, SECRET)


@pytest.fixture
def run(
    trader: Trader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    monkeypatch.setenv("TEST_MARGIN_KEY", KEY)
    monkeypatch.setenv("TEST_MARGIN_SECRET", SECRET)

    def ran(setup: str, *words: str) -> tuple[int, str]:
        path = tmp_path / "c.toml"
        path.write_text(
            f'[daemon]\nruntime_dir = "{tmp_path}/run"\nstate_dir = "{tmp_path}/state"\n'
            f'[venues.BinanceU]\nrest_url = "{trader.venue.rest}"\n'
            f'ws_url = "{trader.venue.ws}"\n'
            '[[venues.BinanceU.feeds]]\ninstruments = ["*"]\n'
            '[accounts.main]\nvenue = "BinanceU"\nstrategies = ["s"]\n'
            'key = "env:TEST_MARGIN_KEY"\nsecret = "env:TEST_MARGIN_SECRET"\n'
            f"[accounts.main.setup.instruments.BTCUSDT]\n{setup}\n"
        )
        command, *rest = words or ("apply", "--yes")
        code = main([command, str(path), *rest])
        out, err = capsys.readouterr()
        return code, out + err

    return ran


def buy(trader: Trader, qty: str = "0.05", **more: Any) -> None:
    more = {"side": "BUY", "quantity": qty, **more}
    trader.ok("POST", ORDER, symbol="BTCUSDT", type="MARKET", newOrderRespType="RESULT", **more)


def margin(trader: Trader, side: str = "BOTH") -> Decimal:
    rows = trader.ok("GET", "/fapi/v3/positionRisk", symbol="BTCUSDT")
    (row,) = (row for row in rows if row["positionSide"] == side)
    return Decimal(row["isolatedWallet"])


def free(trader: Trader) -> Decimal:
    (row,) = (r for r in trader.ok("GET", "/fapi/v3/balance") if r["asset"] == "USDT")
    return Decimal(row["crossWalletBalance"])


def moves(trader: Trader) -> list[tuple[int, Decimal, str]]:
    rows = trader.ok("GET", "/fapi/v1/positionMargin/history", symbol="BTCUSDT")
    rows = sorted(rows, key=lambda row: row["time"])
    return [
        (row["type"], Decimal(row["amount"]), row["positionSide"])
        for row in rows
        if row["deltaType"] == "USER_ADJUST"
    ]


def test_margin_is_added_and_taken_away_to_the_digit(trader: Trader, run: Run) -> None:
    setup = 'margin_type = "isolated"\nleverage = 10\n'
    assert run(setup)[0] == 0
    buy(trader)
    had, rest = margin(trader), free(trader)
    more = (had + Decimal("123.45678901")).quantize(Decimal("0.00000001"))
    wanted = f'{setup}position_margin = "{more}"'
    code, text = run(wanted, "check", "--online")
    assert code == 1, text
    assert "  ! BTCUSDT position_margin" in text
    assert f"-> {more}" in text
    assert run(wanted, "apply")[0] == 1, "nobody has agreed"
    assert margin(trader) == had
    code, text = run(wanted)
    assert code == 0, text
    assert margin(trader) == more
    assert free(trader) == rest - (more - had), "what the position has the wallet has not"
    assert moves(trader) == [(1, more - had, "BOTH")]
    assert run(wanted)[0] == 0
    assert len(moves(trader)) == 1, "nothing is sent where nothing is otherwise"
    code, text = run(f'{setup}position_margin = "{more * Decimal("1.009"):.8f}"')
    assert (code, len(moves(trader))) == (0, 1), f"funding moves it as much: {text}"
    less = had + 50
    code, text = run(f'{setup}position_margin = "{less}"')
    assert code == 0, text
    assert margin(trader) == less
    assert moves(trader)[1:] == [(2, more - less, "BOTH")]


def test_more_than_can_be_taken_away_is_refused_and_said(trader: Trader, run: Run) -> None:
    setup = 'margin_type = "isolated"\nleverage = 10\n'
    assert run(setup)[0] == 0
    buy(trader)
    had = margin(trader)
    code, text = run(f'{setup}position_margin = "1"')
    assert code == 1, text
    assert "rejected -" in text
    assert "nothing more was changed" in text
    assert margin(trader) == had
    assert moves(trader) == []


def test_each_side_of_a_hedged_account_has_its_own(trader: Trader, run: Run) -> None:
    assert trader.ok("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")["code"] == 200
    setup = 'margin_type = "isolated"\nleverage = 10\n'
    assert run(setup)[0] == 0
    buy(trader, positionSide="LONG")
    buy(trader, "0.03", side="SELL", positionSide="SHORT")
    long, short = (margin(trader, side) + 100 for side in ("LONG", "SHORT"))
    code, text = run(f'{setup}long_margin = "{long}"\nshort_margin = "{short}"')
    assert code == 0, text
    assert (margin(trader, "LONG"), margin(trader, "SHORT")) == (long, short)
    assert sorted(moves(trader)) == [(1, 100, "LONG"), (1, 100, "SHORT")]


def test_without_an_isolated_position_there_is_nothing_to_move(trader: Trader, run: Run) -> None:
    code, text = run('position_margin = "100"')
    assert code == 0, text
    assert "(no position)" in text
    buy(trader)
    code, text = run('position_margin = "100"')
    assert code == 1, text
    assert "CANNOT: the position's margin is not isolated" in text
    assert moves(trader) == []
