"""Phemex: values, fees and profits are the venue's to the last unit (section 3)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.instrument import Instrument
from connector.venues.phemex.money import (
    Terms,
    fee_ev,
    money_e,
    position_cost_ev,
    terms,
    value_exponent,
)

BTCUSD = Terms(inverse=True, size_e=10**8, price=10**4, value=10**8)
ETHUSD = Terms(inverse=False, size_e=500_000, price=10**4, value=10**4)
"""0.005 ETH a contract, settled in USD."""
# Section 3.5: quantity, execPriceEp, execValueEv, feeRateEr, execFeeEv.
FILLS = [
    (2, 86885000, 23018, -25000, -5),
    (3, 86880000, 34530, -25000, -8),
    (4, 86865000, 46048, -25000, -11),
    (4, 86770000, 46098, 75000, 35),
    (700, 71500000, 9790209, -25000, -2447),
    (700, 69473435, 10075793, 4747, 479),
    (3, 552310000, 5431, -25000, -1),
    (619715, 422445000, 1466972031, 75000, 1100230),
    (301421, 422445000, 713515368, 75000, 535137),
]
LEAVES = [
    (1, 98970000, 10104),
    (1, 80040000, 12493),
    (1, 99040000, 10096),
    (4, 86770000, 46098),
    (1, 320000000, 3125),
    (1, 323230000, 3093),
    (67, 552310000, 121308),
    (1000000, 422455000, 2367116024),
]
POSITIONS = [
    (9, 103596, 86875941, 86786292, -107),
    (13, 149694, 86843828, 86732335, -192),
    (5, 26435, 189143181, 238287555, 5452),
]


@pytest.mark.parametrize(("qty", "price", "value", "rate", "fee"), FILLS)
def test_fills_of_the_venue(qty: int, price: int, value: int, rate: int, fee: int) -> None:
    assert BTCUSD.value_ev(qty, price) == value
    assert fee_ev(value, rate) == fee


@pytest.mark.parametrize(("qty", "price", "value"), LEAVES)
def test_what_is_left_of_orders(qty: int, price: int, value: int) -> None:
    assert BTCUSD.value_ev(qty, price) == value


@pytest.mark.parametrize(("qty", "value", "entry", "mark", "profit"), POSITIONS)
def test_positions_of_the_venue(qty: int, value: int, entry: int, mark: int, profit: int) -> None:
    assert BTCUSD.average_ep(qty, value) == entry
    assert BTCUSD.unrealised_ev(qty, value, mark) == profit


@pytest.mark.parametrize(("value", "cost"), [(103596, 1115), (149694, 1611), (26435, 285)])
def test_costs_of_positions(value: int, cost: int) -> None:
    assert position_cost_ev(value, 1_000_000, 75_000) == cost


def test_a_position_is_worth_the_sum_of_its_fills_floors() -> None:
    values = [BTCUSD.value_ev(qty, price) for qty, price, *_ in FILLS[:4]]
    assert sum(values[:3]) == 103596
    assert sum(values) == 149694


@given(
    st.sampled_from([BTCUSD, ETHUSD]),
    st.integers(1, 10**9),
    st.integers(1, 10**11),
    st.integers(-(10**6), 10**6),
)
def test_values_are_floored_and_fees_rounded_up(contract, qty, price, rate):
    size = Fraction(contract.size_e, 10**8)
    at = Fraction(price, contract.price)
    exact = (qty * size / at if contract.inverse else qty * size * at) * contract.value
    value = contract.value_ev(qty, price)
    assert 0 <= exact - value < 1
    assert 0 <= fee_ev(value, rate) - Fraction(value * rate, 10**8) < 1


@given(st.sampled_from([BTCUSD, ETHUSD]), st.integers(1, 10**7), st.integers(1, 10**10))
def test_a_short_gains_what_a_long_loses(contract: Terms, qty: int, mark: int) -> None:
    value = contract.value_ev(qty, 10**6)
    long, short = (contract.unrealised_ev(side * qty, value, mark) for side in (1, -1))
    assert long == -short
    assert contract.unrealised_ev(0, 0, mark) == 0


def test_linear_contracts() -> None:
    """2 contracts at 200.00: 0.01 ETH, 2.00 USD in four decimals."""
    assert ETHUSD.value_ev(2, 2_000_000) == 20_000
    assert ETHUSD.average_ep(2, 20_000) == 2_000_000
    assert ETHUSD.unrealised_ev(2, 20_000, 2_100_000) == 1_000


def test_money_of_every_currency_comes_in_the_same_scale() -> None:
    assert (value_exponent("BTC"), value_exponent("USD"), value_exponent("SOL")) == (8, 4, 8)
    assert money_e(100000024, "BTC") == 100000024
    assert money_e(10_000, "USD") == 10**8


def test_terms_of_an_instrument() -> None:
    def listed(quote: str, margin: str, size_e: int) -> Instrument:
        return Instrument(
            symbol="X", exchange="Phemex", quote=quote, margin=margin, price_exponent=4,
            qty_exponent=0, price_digits=1, qty_digits=0, tick_e=1000, step_e=1,
            contract_size_e=size_e, inverse=quote != margin,
            value_exponent=value_exponent(margin),
        )  # fmt: skip

    assert terms(listed("USD", "BTC", 10**8)) == BTCUSD
    assert terms(listed("USD", "USD", 500_000)) == ETHUSD
