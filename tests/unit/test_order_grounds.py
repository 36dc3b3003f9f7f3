"""Which tests place orders on which grounds: on every one, or it is said here why not.

A file that takes its grounds from `tests/reference/grounds.py` has them all by that. Every other
one that places orders on a simulated venue needs a reason."""

import ast
import re
from dataclasses import fields
from pathlib import Path

from tests.reference import grounds
from tests.reference.ground import Ground

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("e2e", "trading")
PLACES = re.compile(
    r"trading=True|order_stage\(|staged\(|trading_rig|trading_stage|test_orders import|\.place\("
    r"|OrderSocket|accounts="
)
"""Words of who places orders."""
LISTS = {"EACH", "FAMILIES", "LINEAR_ONES", "PRICED", "VENUES", "WIRES", "GROUNDS", "PLACES"}
"""Of grounds; ``PLACES``: those of a file, made of the others."""

VENUE_S_OWN = {
    "e2e/test_cadenza_account.py": "the account channel of Cadenza, one for orders and balances, "
    "and what its lists say when it is broken",
    "e2e/test_cadenza_accounts.py": "several accounts behind one login, one of somebody else's, and"
    " calls as the user",
    "e2e/test_cadenza_faults.py": "every way in which connections of Cadenza end, with and without "
    "kept messages, and another user who takes what rests",
    "e2e/test_cadenza_orders.py": "tokens that end, the five forms in which Cadenza may tell of an "
    "order, and orders that are found by what they look like",
    "e2e/test_countdown.py": "Phemex has no countdown and no cancel on disconnect: no version of "
    "its document names one (phemex/NOTES.md, REST)",
    "e2e/test_phemex_hedged.py": "its wallets, and the change to two positions by a call",
    "trading/test_births_on_sim.py": "an order of Phemex keeps its id when it is triggered "
    "(phemex/NOTES.md, Orders)",
    "trading/test_fees_on_sim.py": "every fill of Phemex comes with its fee: execFeeEv is in each "
    "entry of its private stream (section 5)",
    "trading/test_order_socket_on_sim.py": "Phemex takes orders by HTTP alone: its document has no "
    "method of the socket that places one",
    "trading/test_private_stream.py": "private streams of Phemex have no key that ends: user.auth "
    "is said once on each connection (section 2.3); the clock in it is every venue's",
    "trading/test_phemex_on_sim.py": "the words of its refusals; its 429 names a group",
}
"""What one venue has and another has not."""
ELSEWHERE = {
    "trading/test_account_faults.py": "e2e/test_order_faults.py",
    "trading/test_account_on_sim.py": "e2e/test_orders.py",
    "trading/test_restart.py": "e2e/test_order_restart.py",
}
"""The same laws from inside of one venue's daemon; the file that has them on all grounds."""
NO_ORDER_LEAVES = {
    "e2e/test_strategy_calls.py": "calls of endpoints by the words of each venue, and no orders; "
    "those of Cadenza are of a user and no account's: e2e/test_cadenza_market.py"
}
ONE_FAMILY = {
    "e2e/test_halt.py": "a halt is read before the venue is known",
    "e2e/test_rate_limits.py": "limits are a venue's, whatever its families",
    "e2e/test_send.py": "lines in and out; what becomes of them is in e2e/test_orders.py",
    "e2e/test_shutdown.py": "which orders are left and what they are is asked as in "
    "e2e/test_orders.py and e2e/test_deadman.py, which have every family",
    "e2e/test_why.py": "the journal's own entries; requests and events of every family are in "
    "e2e/test_order_types.py",
}
"""On one of a venue's families: why the other ones add nothing."""
CONTRACTS_ONLY = {
    "e2e/test_paper.py": "paper accounts know positions and margin, not assets: an order for an "
    "asset is refused here, with that",
    "e2e/test_trading_examples.py": "the example amends its quotes, and the pages' orders are "
    "BTCUSDT's; a strategy that asks whether it may is the demo's (e2e/test_demo.py)",
}
"""On contracts alone: why the grounds that buy and sell assets are left out."""
EXCEPTIONS = VENUE_S_OWN | ELSEWHERE | NO_ORDER_LEAVES
CANNOT = {
    ("amends", "cadenza"): "no request of its page amends, though orders have statuses for it "
    "(section 13 item 12): amends are refused here, with that",
    ("reduces", "cadenza"): "assets are bought and sold, and its submit binds no order to what is "
    "held (section 5.1): such orders are refused here, and flattening by the configuration",
    ("two_sided", "cadenza"): "as above; a position side is refused here",
    ("one_user", "cadenza"): "a section of the configuration is one login, whose accounts are at "
    "venues behind it, one each",
    (
        "names_fills",
        "cadenza",
    ): "its stream tells sums (section 9.2), and names of executions, with "
    "their fees, only its list: they are compared when all was told",
    ("late_ms", "cadenza"): "its requests bear no time, so that none can come too late",
    ("good_till", "phemex"): "its orders have no date (phemex/NOTES.md, Orders)",
    ("two_sided", "phemex"): "a contract in scaled integers has one position",
}
"""What a ground's venue has not, by the `Ground`'s own word for it. Tests that need it say there
that it is refused, or leave it out."""


def names(path: Path) -> set[str]:
    """Every name a file uses."""
    tree = ast.parse(path.read_text())
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def shared(path: Path) -> bool:
    """Whether its tests are run on every venue's ground."""
    return "grounds" in path.read_text() and bool(names(path) & LISTS)


def placing() -> dict[str, Path]:
    found = (path for folder in FOLDERS for path in (ROOT / folder).glob("test_*.py"))
    return {
        path.relative_to(ROOT).as_posix(): path for path in found if PLACES.search(path.read_text())
    }


def test_every_file_that_places_orders_does_so_on_every_ground_or_says_why_not() -> None:
    files = placing()
    alone = {name for name, path in files.items() if not shared(path)}
    assert alone == set(EXCEPTIONS) & alone, "on one venue alone, and nobody says why"
    assert set(EXCEPTIONS) <= set(files), "these place no orders any more"
    assert all(ELSEWHERE[name] in files and shared(files[ELSEWHERE[name]]) for name in ELSEWHERE)


def test_who_leaves_assets_out_says_why() -> None:
    files = {name: names(path) for name, path in placing().items() if shared(path)}
    assert {name for name, used in files.items() if "LINEAR_ONES" in used} == set(CONTRACTS_ONLY)


def test_what_a_venue_cannot_is_said_with_the_reason() -> None:
    usual = {one.name: one.default for one in fields(Ground)}
    words = {word for word, _ in CANNOT}
    found = {
        (word, one.venue)
        for one in grounds.GROUNDS
        for word in words
        if getattr(one, word) != usual[word]
    }
    assert found == set(CANNOT)


def test_who_leaves_a_family_out_says_why() -> None:
    files = {name: names(path) for name, path in placing().items() if shared(path)}
    fewer = {name for name, used in files.items() if not used & (LISTS - {"VENUES", "WIRES"})}
    assert fewer - set(EXCEPTIONS) == set(ONE_FAMILY)


def test_no_shared_test_knows_which_venue_it_is_on() -> None:
    """What differs is data of the ground."""
    wrong = re.compile(r"\.venue\s*[=!]=|\.name\s*[=!]=|/fapi/|\"BTCUSDT\"|\"/orders|\"/g-orders")
    for name, path in placing().items():
        if shared(path) and name not in EXCEPTIONS:
            assert not wrong.findall(path.read_text()), name


def test_every_venue_with_orders_and_every_family_of_its_contracts_is_a_ground() -> None:
    assert {(one.venue, one.family) for one in grounds.EACH} == {
        (one.venue, one.family) for one in grounds.GROUNDS
    }
    assert {one.venue for one in grounds.VENUES} == {one.venue for one in grounds.EACH}
    assert {one.venue for one in grounds.EACH} == {"binance_usdm", "phemex", "cadenza"}
