"""What a later answer of the venue makes of an instrument: a table, and the scale's laws."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from connector.market.refresh import LARGEST, PRICES, QUANTITIES, Change, change, fit
from connector.model.instrument import ABSENT, Instrument, Status

WAS = Instrument(
    symbol="X",
    exchange="E",
    status=Status.TRADING,
    price_exponent=8,
    qty_exponent=3,
    price_digits=2,
    qty_digits=3,
    tick_e=1_000_000,
    step_e=1,
    min_price_e=1_000_000,
    max_price_e=10**14,
    min_qty_e=1,
    max_qty_e=10**6,
    delivery_ns=7,
)

SAME_EXPONENTS: list[dict[str, Any]] = [
    {"status": Status.HALTED},
    {"status": Status.SETTLING},
    {"status": Status.PENDING},
    {"status": Status.UNKNOWN},
    {"tick_e": 5_000_000},
    {"tick_e": 1},
    {"step_e": 10},
    {"max_price_e": 10**15},
    {"min_qty_e": 2, "max_qty_e": 10**7},
    {"min_notional_e": 5 * 10**8},
    {"multiplier_up_e": 105_000_000},
    {"delivery_ns": 8},
    {"price_digits": 3},
    {"base": "Y"},
]


@pytest.mark.parametrize("fields", SAME_EXPONENTS, ids=str)
def test_what_changed_is_told_as_it_is(fields: dict[str, Any]) -> None:
    fresh = replace(WAS, **fields)
    assert change(WAS, fresh) == Change(fresh)
    assert change(fresh, fresh) is None


def test_no_change_is_nothing() -> None:
    assert change(WAS, WAS) is None
    coarser = fit(WAS, 6, 3)
    assert coarser.tick_e == 10_000
    assert change(WAS, coarser) is None, "the same numbers in another scale"


def test_a_symbol_that_is_gone_is_closed_and_down() -> None:
    found = change(WAS, None)
    assert found == Change(replace(WAS, status=Status.CLOSED), "the venue lists it no longer")
    closed = change(WAS, replace(WAS, status=Status.CLOSED))
    assert closed is not None
    assert closed.down
    assert not closed.misfit


def test_numbers_that_cannot_be_read_take_it_down_as_unknown() -> None:
    found = change(WAS, None, "X: PRICE_FILTER.tickSize: missing")
    assert found is not None
    assert found.instrument == replace(WAS, status=Status.UNKNOWN), "the old tick, not tradable"
    assert found.down == "X: PRICE_FILTER.tickSize: missing"
    assert found.misfit


FINE = {"price_exponent": 9, "min_price_e": 10**7, "max_price_e": 10**15}


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({**FINE, "tick_e": 1}, "tick_e: 1 of 10^-9"),
        ({**FINE, "tick_e": 10, "min_price_e": 5}, "min_price_e"),
        ({"qty_exponent": 4, "step_e": 1}, "step_e"),
        ({"price_exponent": 2, "tick_e": 1, "max_price_e": LARGEST // 10**5}, "max_price_e"),
    ],
    ids=["tick", "bound", "step", "too large"],
)
def test_a_scale_that_fits_no_longer_takes_it_down(fields: dict[str, Any], word: str) -> None:
    fresh = replace(WAS, **fields)
    found = change(WAS, fresh)
    assert found is not None
    assert found.misfit
    assert found.down.startswith("X: ")
    assert word in found.down
    assert found.instrument == replace(WAS, status=Status.UNKNOWN)
    assert change(found.instrument, fresh) is not None, "it stays down while it does not fit"
    assert change(found.instrument, WAS) == Change(WAS), "and comes back when it fits again"


@given(st.data(), st.integers(0, 12), st.integers(0, 12))
def test_a_number_is_moved_exactly_or_not_at_all(data: Any, have: int, want: int) -> None:
    names = [*PRICES, *QUANTITIES]
    values = {
        name: data.draw(st.one_of(st.just(ABSENT), st.integers(0, LARGEST - 1))) for name in names
    }
    fresh = replace(WAS, price_exponent=have, qty_exponent=have, **values)
    exact = all(
        value == ABSENT
        or (value * 10**want % 10**have == 0 and value * 10**want // 10**have < LARGEST)
        for value in values.values()
    )
    try:
        moved = fit(fresh, want, want)
    except ValueError:
        assert not exact
        return
    assert exact or have == want
    for name, value in values.items():
        found = getattr(moved, name)
        if value == ABSENT:
            assert found == ABSENT
        else:
            assert found * 10**have == value * 10**want


@pytest.mark.parametrize("fields", [{"price_exponent": 9}, {"qty_exponent": 2}, FINE], ids=str)
def test_integers_of_a_fixed_scale_cannot_be_read_in_another(fields: dict[str, Any]) -> None:
    fresh = replace(WAS, **fields)
    found = change(WAS, fresh, fixed_scale=True)
    assert found is not None
    assert found.misfit
    assert "scales" in found.down
    assert change(WAS, WAS, fixed_scale=True) is None
