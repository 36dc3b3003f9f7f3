"""What goes wrong at Phemex, and the test that sends each through simulated venue and daemon, both
as they are: the table is held to the tests there are."""

import ast
from pathlib import Path

import pytest

from tests.reference import phemex_client

ROOT = Path(__file__).resolve().parents[1]

WRONG = {
    "a wrong secret": "trading/test_phemex_on_sim.py::test_a_wrong_secret_is_never_ready",
    "an expired request": "trading/test_phemex_on_sim.py::test_what_goes_wrong_with_requests",
    "a clock that is off": "e2e/test_order_faults.py::test_a_clock_that_is_off_and_right_again",
    "429 with its wait": "trading/test_phemex_on_sim.py::test_what_goes_wrong_with_requests",
    "a code as a text": "e2e/test_order_faults.py::"
    "test_an_order_whose_answer_proves_nothing_is_found",
    "a refusal whose code is a text": "e2e/test_order_faults.py::"
    "test_what_was_certainly_not_done_is_refused_at_once",
    "a 5XX, whatever stands in it": "e2e/test_order_faults.py::"
    "test_an_order_whose_answer_proves_nothing_is_found",
    "HTTP 500 with 6001 below /md": "e2e/test_phemex_market.py::"
    "test_a_symbol_that_nobody_knows_is_the_askers_fault",
    "an empty list as 10002": "e2e/test_orders.py::test_an_order_and_its_end",
    "an unknown symbol": "e2e/test_phemex_market.py::"
    "test_a_symbol_that_nobody_knows_is_the_askers_fault",
    "a contract that is delisted": "e2e/test_phemex_market.py::"
    "test_a_delisted_contract_leaves_and_the_others_stay",
    "an order of a delisted contract": "e2e/test_order_faults.py::"
    "test_what_was_certainly_not_done_is_refused_at_once",
    "a subscription that is refused": "e2e/test_phemex_market.py::"
    "test_a_subscription_that_is_refused_costs_its_symbol_alone",
    "a silent private socket": "e2e/test_order_faults.py::"
    "test_a_private_stream_that_is_silent_is_replaced",
    "a silent book": "e2e/test_phemex_market.py::"
    "test_a_book_that_hears_nothing_of_its_trades_says_so",
    "a whole book that disagrees": "e2e/test_phemex_market.py::"
    "test_a_lost_change_is_found_by_the_next_whole_book",
    "an amend that crosses a fill": "e2e/test_order_faults.py::test_an_amend_that_crosses_a_fill",
    "a retired host": "unit/test_supervisor.py::"
    "test_a_host_that_is_no_websocket_is_named_with_what_to_do",
    "a missed fill": "trading/test_phemex_on_sim.py::"
    "test_a_stream_that_keeps_a_fill_back_is_replaced_and_the_fill_recovered_once",
}  # fmt: skip
TOLD = {
    "a code as a text": "code as a text",
    "a 5XX, whatever stands in it": "internal",
    "a refusal whose code is a text": "no margin, as a text",
    "an order of a delisted contract": "delisted",
}
"""Rows of the ground's answers that these need."""


@pytest.mark.parametrize("what", WRONG)
def test_each_has_a_test(what: str) -> None:
    file, _, name = WRONG[what].partition("::")
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if file == "e2e/test_order_faults.py":
        assert name in (ROOT / "e2e/test_order_faults_phemex.py").read_text()
    if what in TOLD:
        assert TOLD[what] in phemex_client.UNPROVEN | phemex_client.CERTAIN
