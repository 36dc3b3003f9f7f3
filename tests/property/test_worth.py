"""The average price of inverse fills in C is that of Python's integers, or C leaves it."""

from hypothesis import example, given
from hypothesis import strategies as st

from connector._speedups.worth import Worth
from connector.model.order import harmonic_e, short

MOST = (1 << 63) - 1
LIMBS = [(1 << 32) - 1, 1 << 32, (1 << 62) - 1, 1 << 62, MOST - 1, MOST]
QUANTITIES = st.one_of(
    st.integers(1, 10**7), st.integers(1, 1 << 59), st.integers(0, 1), st.sampled_from(LIMBS)
)
PRICES = st.one_of(
    st.integers(1, 10**11),
    st.integers(1, MOST),
    st.integers(0, 62).map(lambda bits: 1 << bits),
    st.integers(1, 18).map(lambda zeros: 5 * 10**zeros),
    st.sampled_from([1, 2, 3, 10**18, *LIMBS]),
)
ODD = st.integers(-(1 << 65), 1 << 65)


def averaged(
    fills: list[tuple[int, int]], more: tuple[int, int], exponent: int
) -> tuple[tuple[int, int] | None, tuple[int, int]]:
    """What C says and what Python says."""
    worth = Worth()
    for qty, price in fills:
        worth.add(qty, price)
    assert worth.count == len(fills)
    return worth.averaged(*more, exponent), short(harmonic_e([*fills, more]), exponent + 8)


@given(
    st.lists(st.tuples(QUANTITIES, PRICES), max_size=6),
    st.tuples(QUANTITIES, st.one_of(st.just(0), PRICES)),
    st.integers(0, 18),
)
@example([(1, MOST)], (0, 0), 0)
@example([(MOST, 1)], (0, 0), 18)
@example([(1, 2), (1, 6)], (0, 0), 4)
@example([], (0, 0), 4)
def test_exactly_as_in_python(
    fills: list[tuple[int, int]], more: tuple[int, int], exponent: int
) -> None:
    found, said = averaged(fills, more, exponent)
    fits = sum(qty for qty, price in [*fills, more] if price) <= MOST
    # Up to 18 digits, and eight decimals: what is past 63 bits is cut as far as decimals go.
    if fits and said[0] <= MOST:
        assert found == said
    else:
        assert found is None


@given(
    st.lists(st.tuples(st.one_of(QUANTITIES, ODD), st.one_of(PRICES, ODD)), max_size=4),
    st.integers(0, 18),
)
def test_what_does_not_fit_is_left(fills: list[tuple[int, int]], exponent: int) -> None:
    qty = [qty for qty, price in fills if price > 0]
    if any(one < 0 for one in qty):
        worth = Worth()
        for one in fills:
            worth.add(*one)
        assert worth.averaged(0, 0, exponent) is None
        return
    found, said = averaged(fills, (0, 0), exponent)
    assert found in (None, said)


@given(st.lists(st.tuples(QUANTITIES, PRICES), min_size=1, max_size=4), st.integers(0, 18))
def test_asked_for_in_between(fills: list[tuple[int, int]], exponent: int) -> None:
    """And what is counted in once is not kept."""
    worth = Worth()
    for number, fill in enumerate(fills):
        worth.averaged(*fill, exponent)
        worth.add(*fill)
        assert worth.averaged(0, 0, exponent) == averaged(fills[: number + 1], (0, 0), exponent)[0]
