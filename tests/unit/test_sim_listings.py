"""What a command makes of the simulated venue's list, and a book that moves to another grid."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.sim.exchange import ASK, BID, Exchange, SymbolState
from connector.sim.listings import changed, listing
from connector.venues.sim_contract import Contract

NOW = Contract(
    symbol="X", price_digits=2, tick="0.01", qty_digits=1, step="0.1", price="50", status=""
)
STATUSES = ("TRADING", "BREAK")


@pytest.mark.parametrize(
    ("now", "command", "found"),
    [
        (NOW, {"status": "BREAK"}, {"status": "BREAK", "tick": "0.01"}),
        (NOW, {"tick": "0.05"}, {"tick": "0.05", "price_digits": 2}),
        (NOW, {"tick": "0.0005"}, {"tick": "0.0005", "price_digits": 4}),
        (NOW, {"tick": "1e-9"}, {"tick": "0.000000001", "price_digits": 9}),
        (None, {"listed": True}, {"symbol": "X"}),
        (
            None,
            {"listed": True, "tick": "0.5", "step": "0.01", "price": "9", "status": "BREAK"},
            {"tick": "0.5", "step": "0.01", "price": "9", "status": "BREAK"},
        ),
    ],
)
def test_a_command_changes_what_it_names(
    now: Contract | None, command: dict[str, Any], found: dict[str, Any]
) -> None:
    row = changed(now, {"symbol": "X", **command}, [], STATUSES)
    assert row is not None
    assert {name: getattr(row, name) for name in found} == found


def test_a_symbol_is_taken_off_the_list() -> None:
    assert changed(NOW, {"symbol": "X", "listed": False}, [], STATUSES) is None


@pytest.mark.parametrize(
    ("now", "command", "words"),
    [
        (NOW, {}, '"symbol"'),
        (NOW, {"symbol": 5}, '"symbol"'),
        (NOW, {"symbol": "X", "colour": "red"}, "unknown key 'colour'"),
        (NOW, {"symbol": "X", "tick": 0.5}, "tick must be text"),
        (NOW, {"symbol": "X", "listed": "yes"}, "listed must be true or false"),
        (NOW, {"symbol": "X", "status": "OPEN"}, "no status 'OPEN'; there are: TRADING, BREAK"),
        (NOW, {"symbol": "X", "tick": "0"}, "no number above 0"),
        (NOW, {"symbol": "X", "tick": "NaN"}, "no number above 0"),
        (NOW, {"symbol": "X", "tick": "1e-19"}, "at most 18 decimals"),
        (NOW, {"symbol": "X", "listed": True}, "only status and tick"),
        (NOW, {"symbol": "X", "step": "1"}, "only status and tick"),
        (NOW, {"symbol": "X", "listed": False, "tick": "1"}, "no other keys"),
        (None, {"symbol": "X", "status": "BREAK"}, "not listed"),
        (None, {"symbol": "X", "listed": False}, "not listed"),
    ],
)
def test_a_wrong_command_is_refused_by_name(
    now: Contract | None, command: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        changed(now, command, [], STATUSES)


@given(
    st.sampled_from(["0.01", "0.02", "0.05", "0.5", "0.005", "0.0001", "3"]),
    st.sets(st.integers(1, 5000)),
    st.sets(st.integers(5001, 9999)),
)
def test_levels_keep_their_prices_on_another_grid(
    tick: str, bids: set[int], asks: set[int]
) -> None:
    state = SymbolState(listing(NOW), Exchange([]))
    for side, keys in ((BID, {-tick for tick in bids}), (ASK, asks)):
        for key in keys:
            state.put(side, key, 1 + abs(key))
    row = changed(NOW, {"symbol": "X", "tick": tick}, [], STATUSES)
    assert row is not None
    moved = listing(row)
    for side, keys in zip(state.sides, state.off_grid(state.grid(moved)), strict=True):
        for key in keys:
            side.put(key, 0)
    state.move(moved)
    unit = 10**moved.price_digits
    grid = moved.tick
    for side, before in ((BID, bids), (ASK, asks)):
        prices = {abs(key) * grid for key in state.sides[side].keys}
        assert prices == {tick * unit // 100 for tick in before if tick * unit // 100 % grid == 0}
        assert state.sides[side].keys == sorted(state.sides[side].lots)
