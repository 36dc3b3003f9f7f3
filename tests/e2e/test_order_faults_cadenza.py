"""The laws of `test_order_faults` on Cadenza's ground, in a file of their own: a worker takes a
file whole."""

from collections.abc import Iterator

import pytest

from tests.e2e.test_order_faults import (
    met,
    stage,
    test_a_cancel_is_pursued,
    test_a_clock_that_is_off_and_right_again,
    test_a_private_stream_that_is_silent_is_replaced,
    test_a_venue_that_begins_anew_without_our_orders,
    test_an_amend_that_crosses_a_fill,
    test_an_amend_whose_answer_proves_nothing_is_found,
    test_an_order_whose_answer_proves_nothing_is_found,
    test_connections_and_keys_that_end_all_the_time,
    test_connections_cut_with_orders_open,
    test_lives_while_the_private_stream_misbehaves,
    test_orders_that_never_were_are_proved_absent,
    test_what_was_certainly_not_done_is_refused_at_once,
)
from tests.reference.ground import Ground
from tests.reference.grounds import CADENZA
from tests.reference.order_stage import OrderStage

__all__ = [
    "stage",
    "test_a_cancel_is_pursued",
    "test_a_clock_that_is_off_and_right_again",
    "test_a_private_stream_that_is_silent_is_replaced",
    "test_a_venue_that_begins_anew_without_our_orders",
    "test_an_amend_that_crosses_a_fill",
    "test_an_amend_whose_answer_proves_nothing_is_found",
    "test_an_order_whose_answer_proves_nothing_is_found",
    "test_connections_and_keys_that_end_all_the_time",
    "test_connections_cut_with_orders_open",
    "test_lives_while_the_private_stream_misbehaves",
    "test_orders_that_never_were_are_proved_absent",
    "test_what_was_certainly_not_done_is_refused_at_once",
]
PLACES = [CADENZA]


@pytest.fixture(scope="module", params=PLACES, ids=[one.name for one in PLACES])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OrderStage]:
    with met(request.param, tmp_path_factory) as running:
        yield running


@pytest.fixture(params=PLACES, ids=[one.name for one in PLACES])
def connected(request: pytest.FixtureRequest) -> Ground:
    found: Ground = request.param
    return found


@pytest.fixture(params=PLACES, ids=[one.name for one in PLACES])
def family(request: pytest.FixtureRequest) -> Ground:
    found: Ground = request.param
    return found
