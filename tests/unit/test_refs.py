"""What a strategy has asked for is never taken for something new."""

from connector._speedups.order_ids import Ids, Numbers
from connector.trading.refs import Refs


def test_a_ref_that_is_known_is_never_surely_new() -> None:
    refs = Refs(kept=1_000)
    assert not refs.maybe("r0")
    for number in range(5_000):
        refs.add(f"r{number}", b"", number, number)
        if number % 499 == 0:
            assert all(refs.maybe(one) for one in refs.known)
    assert sum(refs.maybe(f"other{number}") for number in range(10_000)) < 500
    refs.add("ä" * 20, b"", 1, 5_000)
    refs.add("x" * 40, b"", 2, 5_000)
    assert refs.maybe("ä" * 20)
    assert refs.maybe("x" * 40)


def test_numbers_have_no_end_and_no_gap() -> None:
    numbers = Numbers(7)
    assert [next(numbers) for _ in range(3)] == [7, 8, 9]


def test_an_id_that_somebody_has_is_one_of_ours_only_if_it_was_not_given_yet() -> None:
    ids = Ids(1)
    own = ids.client_order_id()
    for name in ("", own, own[:-1], own + "0", own[:-1] + "U", "x" * len(own)):
        ids.met(name)
        assert ids.met_to == 0, name
    ids.met(own[:-1] + "Z")
    assert ids.met_to == 32
