"""Every order type and time in force on every ground (a venue, a contract and a transport) to the
end of its life, as a strategy hears it; each fill once, and the venue's own books say the same.

One daemon and one simulated venue a ground serve all lives, one after the other. The market stands
still (`tests/reference/quiet_market.py`), so each life is told exactly."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.model.reports import Code, EndReason, Field
from tests.reference.ground import Ground
from tests.reference.grounds import FAMILIES, LINEAR, here
from tests.reference.order_cases import BOTH_WAYS, ONE_WAY
from tests.reference.order_lives import Case, Life, assert_local, run
from tests.reference.order_stage import MAIN, OrderStage, order_stage

KEYS = {"main": ("MAINKEY", "main-secret"), "hedge": ("HEDGEKEY", "hedge-secret")}


@pytest.fixture(scope="module", params=FAMILIES, ids=[ground.name for ground in FAMILIES])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OrderStage]:
    ground: Ground = request.param
    folder = tmp_path_factory.mktemp(ground.name)
    accounts, hedge = (MAIN, ()) if ground.one_user else (KEYS, ("hedge",))
    with order_stage(ground, folder, accounts=accounts, hedge=hedge) as running:
        yield running


@pytest.fixture
def stage(shared: OrderStage) -> Iterator[OrderStage]:
    yield shared
    shared.market.clear()


def every(table: list[tuple[str, Case]]) -> Any:
    names = [f"{group} {case.name}" for group, case in table]
    return pytest.mark.parametrize(("group", "case"), table, ids=names)


@every(ONE_WAY)
def test_a_life(stage: OrderStage, group: str, case: Case) -> None:
    run(stage, here(stage.ground, group, case), "main", group)


@every(BOTH_WAYS)
def test_a_life_in_hedge_mode(stage: OrderStage, group: str, case: Case) -> None:
    account = "main" if stage.ground.one_user else "hedge"
    run(stage, here(stage.ground, group, case), account, group)


def test_lives_of_orders_of_a_linear_contract(tmp_path: Path) -> None:
    """Of scaled integers as the inverse one, but for what its values and fees are; and no such
    contract is listed any more. So here are those that are filled, all on one stage."""
    with order_stage(LINEAR, tmp_path) as stage:
        for group, case in ONE_WAY:
            if group in ("market", "reduce") or case.name.startswith(("gtc", "sold")):
                run(stage, here(LINEAR, group, case), "main", group)
                stage.market.clear()


LOCALLY = {
    "RPI has no neutral value": ({"time_in_force": 7}, Code.MALFORMED, Field.TIME_IN_FORCE),
    "self trades cannot be allowed": (
        {"self_trade": "none"}, Code.NOT_SUPPORTED, Field.SELF_TRADE),
    "withdrawn price match": ({"price_match": "opponent_10"}, Code.NOT_SUPPORTED,
                              Field.PRICE_MATCH),
    "market orders have no time in force": (
        {"order_type": "market", "time_in_force": "ioc"}, Code.NOT_SUPPORTED, Field.TIME_IN_FORCE),
    "limit orders do not close": ({"close_position": True}, Code.MALFORMED,
                                  Field.CLOSE_POSITION),
}  # fmt: skip


@pytest.mark.parametrize("what", LOCALLY)
def test_what_no_venue_has_is_refused_here(stage: OrderStage, what: str) -> None:
    keys, code, wrong = LOCALLY[what]
    prices = {} if keys.get("order_type") == "market" or "price_match" in keys else {"price": -30.0}
    ticket = stage.place("", prices, **keys)
    if what in stage.ground.has:
        stage.accepted(ticket)
    else:
        assert_local(stage.notes.answer(ticket), wrong, code)


def test_at_the_end(shared: OrderStage) -> None:
    """Nothing was told of any life after it was over, what the strategy thinks of the account is
    what the venue thinks, and a good-till date ends an order that rests."""
    notes, market, ground = shared.notes, shared.market, shared.ground
    life = Life(shared, "last", "main")
    more = {}
    if ground.good_till:
        more["good_till_ms"] = (shared.main.now_s() + 660) * 1000
    shared.place(life.name, {"price": -30}, **more)
    life.hears("submitted")
    shared.equals_venue()
    shared.every_fee()
    assert [one.client_order_id for one in notes.session.orders()] == [life.name]

    if ground.good_till:
        market.sim.fault("skew", ms=680_000)
        life.hears("expired")
        assert life.last.reason is EndReason.GOOD_TILL
    else:
        life.cancel()
        life.hears("cancelled")
    assert notes.session.orders() == []

    for _, name, story in shared.ended:
        assert notes.story(name) == story
    assert notes.sequences == sorted(set(notes.sequences))
    assert not notes.session.waiting
    codes = {one.venue_code for answers in notes.answers.values() for one in answers}
    assert not codes & ground.impossible
