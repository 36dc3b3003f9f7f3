"""How an account is set up at Phemex: what positions say of it, and the call that changes it."""

import json
from typing import Any

import pytest

from connector.model.instrument import Instrument
from connector.venues.contract import load
from connector.venues.setup_contract import LEVERAGE, MARGIN_TYPE, POSITION_MODE, Setting

TRADING = load("phemex").trading
assert TRADING is not None
assert TRADING.setup is not None
SETUP = TRADING.setup


def contract(symbol: str, margin: str, qty_exponent: int) -> Instrument:
    return Instrument(
        symbol=symbol,
        exchange="Phemex",
        price_exponent=4,
        qty_exponent=qty_exponent,
        price_digits=1,
        qty_digits=0,
        tick_e=1,
        step_e=1,
        margin=margin,
    )


LINEAR, INVERSE = contract("BTCUSDT", "USDT", 8), contract("BTCUSD", "BTC", 0)


def answer(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"code": 0, "msg": "", "data": {"account": {}, "positions": rows}}).encode()


def hedged(side: str, leverage: str, mode: str = "Hedged") -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "posSide": side, "posMode": mode, "leverageRr": leverage}


def inverse(leverage_er: int) -> dict[str, Any]:
    return {"symbol": "BTCUSD", "leverageEr": leverage_er}


def test_sides_that_differ_are_both_shown_and_never_as_wanted() -> None:
    rows = (hedged("Long", "20"), hedged("Short", "12"))
    state = SETUP.state([answer(*rows)], [LINEAR])
    assert state[LEVERAGE, "BTCUSDT"] == "20 | 12"
    assert state[MARGIN_TYPE, "BTCUSDT"] == "isolated"
    wanted = Setting(LEVERAGE, "12", "BTCUSDT")
    change = SETUP.change(wanted, state, {(LEVERAGE, "BTCUSDT"): "12"}, LINEAR)
    assert change.params == {
        "symbol": "BTCUSDT", "longLeverageRr": "12", "shortLeverageRr": "12",
    }  # fmt: skip
    cross = Setting(MARGIN_TYPE, "cross", "BTCUSDT")
    with pytest.raises(ValueError, match="the sides differ"):
        SETUP.change(cross, state, {(MARGIN_TYPE, "BTCUSDT"): "cross"}, LINEAR)


@pytest.mark.parametrize(
    ("row", "kind", "leverage"),
    [
        (hedged("Merged", "12.5", "OneWay"), "isolated", "12.5"),
        (hedged("Merged", "-100", "OneWay"), "cross", "100"),
        (inverse(1_250_000_000), "isolated", "12.5"),
        (inverse(-1_000_000_000), "cross", "10"),
        (inverse(0), "cross", "0"),
    ],
)
def test_a_leverage_is_exact(row: dict[str, Any], kind: str, leverage: str) -> None:
    symbol = row["symbol"]
    state = SETUP.state([answer(row)], [LINEAR, INVERSE])
    assert (state[MARGIN_TYPE, symbol], state[LEVERAGE, symbol]) == (kind, leverage)


def test_a_leverage_that_cannot_be_kept_is_not_changed_in_passing() -> None:
    aims = {(MARGIN_TYPE, "BTCUSD"): "cross"}
    state = SETUP.state([answer(inverse(1_250_000_000))], [INVERSE])
    with pytest.raises(ValueError, match="name leverage"):
        SETUP.change(Setting(MARGIN_TYPE, "cross", "BTCUSD"), state, aims, INVERSE)
    state = SETUP.state([answer(hedged("Merged", "12.5", "OneWay"))], [LINEAR])
    assert state[POSITION_MODE, "BTCUSDT"] == "one-way"
    change = SETUP.change(
        Setting(MARGIN_TYPE, "cross", "BTCUSDT"), state, {(MARGIN_TYPE, "BTCUSDT"): "cross"}, LINEAR
    )
    assert change.params["leverageRr"] == "-12.5"


def test_a_leverage_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="BTCUSDT: a leverage"):
        SETUP.state([answer(hedged("Long", "much"))], [LINEAR])
