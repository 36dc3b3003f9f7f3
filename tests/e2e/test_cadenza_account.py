"""The account channel of Cadenza with real processes: whatever happens to it, an order that ended
meanwhile is told of, the account is ready again, and nothing is silent."""

from collections.abc import Iterator

import pytest

from connector.model.counters import Counter
from connector.model.reports import Update
from tests.e2e.test_cadenza_orders import (
    CANCEL,
    CANCELLED,
    CHANNEL,
    FILLED,
    PERPETUAL,
    SYMBOL,
    Stage,
)
from tests.reference.stack import Sim, eventually

FORMS = ("A2", "A3", "A4", "A5", "A1")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    sim = Sim(
        "--rate", "8", "--no-bursts", "--symbols", f"{SYMBOL},{PERPETUAL}", "--weight-limit",
        "100000", "--history", "300", venue="cadenza",
    )  # fmt: skip
    with sim:
        stage = Stage(tmp_path_factory.mktemp("d"), sim)
        try:
            stage.attach()
            yield stage
        finally:
            if hasattr(stage, "notes"):
                stage.notes.session.close()
            with stage.daemon:
                pass


@pytest.fixture
def stage(shared: Stage) -> Iterator[Stage]:
    shared.ready()
    yield shared
    shared.sim.clear()
    shared.ready()


def ended_elsewhere(stage: Stage, name: str) -> None:
    """Somebody else cancels it."""
    order_id = stage.notes.reports[name][0].order_id
    stage.ask(CANCEL, {"tradingAccountId": stage.account, "tradeOrderId": order_id})


def ends(stage: Stage, name: str) -> None:
    """The strategy hears that it was cancelled, once."""
    stage.notes.until(
        lambda: CANCELLED in stage.notes.story(name), lambda: stage.notes.story(name), 30
    )
    assert stage.notes.story(name).count(CANCELLED) == 1


def gaps(stage: Stage) -> int:
    found: int = stage.notes.session.counters[Counter.STREAM_GAPS]
    return found


def rests(stage: Stage) -> str:
    name, ticket = stage.rests()
    stage.accepted(ticket)
    stage.notes.until(lambda: stage.notes.story(name), lambda: stage.notes.story(name))
    return name


MISHAPS = {
    "abrupt": ("cut", {"how": "abrupt"}),
    "unsubscribed": ("unsubscribe", {"code": 2500}),
}
"""Beside those of test_cadenza_faults.py."""


@pytest.mark.parametrize("mishap", MISHAPS)
def test_what_ended_meanwhile_is_told(stage: Stage, mishap: str) -> None:
    name = rests(stage)
    stage.sim.fault("drop", stream=CHANNEL, count=100)
    ended_elsewhere(stage, name)
    stage.sim.clear()
    kind, how = MISHAPS[mishap]
    stage.sim.fault(kind, stream=CHANNEL, **how)
    ends(stage, name)
    stage.ready()


def test_a_message_that_is_lost_is_seen_at_the_next_one(stage: Stage) -> None:
    before = gaps(stage)
    name, other = rests(stage), rests(stage)
    stage.sim.fault("drop", stream=CHANNEL, count=2)
    ended_elsewhere(stage, name)
    ended_elsewhere(stage, other)
    ends(stage, name)
    ends(stage, other)
    eventually(lambda: gaps(stage) > before, 20)


def bought(stage: Stage) -> str:
    """An order that is filled, and told so."""
    name, ticket = stage.place(None, "buy", "0.01")
    stage.accepted(ticket)
    stage.notes.until(
        lambda: FILLED in stage.notes.story(name), lambda: stage.notes.story(name), 30
    )
    return name


def comes_to_the_venue_s(stage: Stage, name: str) -> None:
    """All of it was told once, and in the end every execution by its name, with its fee."""
    reports = [one for one in stage.notes.reports[name] if one.update is Update.EXECUTED]
    assert sum(one.last_qty_e for one in reports) == 10**6, (name, reports)
    fees = {
        one["executionId"]: sum(float(fee["quantity"]) for fee in one["fees"])
        for one in stage.row(reports[-1])["executions"]
    }
    stage.notes.until(
        lambda: stage.notes.fees(fees) == fees, lambda: (stage.notes.fees(fees), fees), 30
    )


def test_orders_in_every_form(stage: Stage) -> None:
    names = []
    for form in FORMS:
        stage.sim.fault("dialect", name=form)
        names.append(bought(stage))
        resting = rests(stage)
        ended_elsewhere(stage, resting)
        ends(stage, resting)
    for name in names:
        comes_to_the_venue_s(stage, name)
