"""What becomes of orders and positions when the strategy that made them is gone, on every ground.

One venue and one daemon (and those after it) a ground for all tests; each has strategies of its
own, whose journals are its own, too."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest

from connector.model.counters import Counter
from connector.model.intents import Action
from connector.model.records import RecordType
from connector.model.reports import Result, Update
from tests.reference import starter
from tests.reference.ground import Ground
from tests.reference.grounds import EACH, FAMILIES, VENUES, only
from tests.reference.stack import eventually
from tests.reference.trading_stage import Stage, Strategy, Told, staged

FLATTENS = {"grace_s": 0.3, "on_death": "flatten"}
ENDED = {
    "before it is taken": [],
    "during, lost on its way": [Update.REJECTED],
    "during, its answer unheard": [Update.SUBMITTED, Update.CANCELLED],
    "after": [Update.SUBMITTED, Update.CANCELLED],
}
MOMENTS = [*ENDED]
RULES: dict[str, dict[str, Any]] = {
    "killed": {"grace_s": 0.3},
    "leaves": {"grace_s": 0.2, "on_death": "leave"},
    "back": {"grace_s": 6},
    "taken": {"grace_s": 6},
    "later": {"grace_s": 6.5},
    "kept": {"grace_s": 8},
    "adopted": {"grace_s": 8.5},
    "ended": {"grace_s": 600, "on_start": "cancel"},
    "hangs": {"grace_s": 1, "lease_s": 4},
    "witness": {"grace_s": 6},
    **{f"adopted-{number}": {"grace_s": 1.0} for number in range(len(MOMENTS))},
    **{
        f"ended-{number}": {"grace_s": 600.0, "on_start": "cancel"}
        for number in range(len(MOMENTS))
    },
}
FLAT = {"alone": "flat", "both": "sided"}
"""Who is alone with an account; the second one holds a long and a short position."""


@pytest.fixture(scope="module", params=FAMILIES, ids=[one.name for one in FAMILIES])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    ground: Ground = request.param
    hedge = ("both",) if ground.two_sided else ()
    flat = ("alone", *hedge) if ground.reduces else ()
    alone = {name: {"exclusive": True, "strategies": [FLAT[name]]} for name in flat}
    with staged(
        tmp_path_factory.mktemp("dead"), ground=ground, account={"strategies": [*RULES]},
        more=alone, strategies=RULES | {FLAT[name]: FLATTENS for name in alone}, hedge=hedge,
    ) as running:  # fmt: skip
        yield running


@pytest.fixture
def stage(shared: Stage) -> Iterator[Stage]:
    if shared.daemon.process.poll() is not None:
        shared.start()
    yield shared
    shared.sim.clear()
    for strategy in shared.running:
        strategy.close()
    shared.running.clear()
    for client in shared.clients.values():
        client.cancel_all()


@pytest.fixture
def a_family(shared: Stage) -> None:
    only(shared.ground, EACH)


@pytest.fixture
def a_venue(shared: Stage) -> None:
    only(shared.ground, VENUES)


@pytest.fixture
def flattened(shared: Stage) -> None:
    """Elsewhere the policy is refused, which `test_flattening_needs_reduce_only_orders` has."""
    only(shared.ground, [one for one in EACH if one.reduces])


def rest(stage: Stage, who: str, *names: str, beside: Sequence[str] = ()) -> None:
    """A strategy that is killed with these orders open, ``beside`` those of others."""
    maker = stage.strategy(who)
    for name in names:
        maker.place("buy", "0.01", stage.trader.far(), time_in_force="gtc", client_order_id=name)
    stage.until(lambda told: len(told.orders) == len(names), who)
    assert stage.open_orders() == sorted([*names, *beside])
    maker.kill()


def test_a_strategy_killed_with_open_orders_has_them_cancelled(stage: Stage) -> None:
    dead, orphaned = Counter.STRATEGIES_DEAD, Counter.ORDERS_ORPHANED
    before = stage.counter(dead), stage.counter(orphaned)
    rest(stage, "killed", "one", "two")
    told = stage.until(lambda told: len(told.updates) == 4, "killed")
    assert stage.open_orders() == []
    assert sorted(told.updates[2:]) == [("one", Update.CANCELLED), ("two", Update.CANCELLED)]
    assert [(one.action, one.label) for one in told.own] == [
        (Action.CANCEL_ALL, "on_death: cancel")
    ]
    assert stage.counter(dead) == before[0] + 1
    assert stage.counter(orphaned) == before[1] + 2
    with closing(stage.attach("killed", resume=0)) as session:
        heard = []
        while session.report_sequence < told.entries[-1].sequence:
            heard.append(session.wait(10))
    assert [one.type for one in heard if one is not None].count("command_answer") == 3


@pytest.mark.usefixtures("a_venue")
def test_left_orders_stay_for_the_strategy_that_comes_back(stage: Stage) -> None:
    before = stage.counter(Counter.STRATEGIES_DEAD)
    rest(stage, "leaves", "left")
    eventually(lambda: stage.counter(Counter.STRATEGIES_DEAD) > before)
    assert stage.open_orders() == ["left"]
    with closing(stage.attach("leaves")) as session:
        session.cancel(instrument=stage.ground.symbol, client_order_id="left")
        told = stage.until(lambda told: ("left", Update.CANCELLED) in told.updates, "leaves")
    assert told.own == []


@pytest.mark.usefixtures("a_venue")
def test_a_strategy_back_within_its_grace_keeps_its_orders(stage: Stage) -> None:
    """One was killed, one is taken over; another one, gone at the same time and with a longer
    grace, shows that the time is over."""
    taken = stage.strategy("taken")
    taken.place("buy", "0.01", stage.trader.far(), client_order_id="ours")
    stage.until(lambda told: told.orders, "taken")
    rest(stage, "back", "mine", beside=["ours"])
    with closing(stage.attach("back")), closing(stage.attach("taken", takeover=True)):
        stage.attach("later").close()
        eventually(lambda: "later" in stage.missed(), 20)
        assert not {"back", "taken"} & set(stage.missed())
        assert stage.open_orders() == ["mine", "ours"]
    eventually(lambda: stage.open_orders() == [], 20)


@pytest.mark.parametrize("hedge", [False, True])
@pytest.mark.usefixtures("a_family", "flattened")
def test_a_strategy_killed_with_positions_is_flattened(stage: Stage, hedge: bool) -> None:
    if hedge and not stage.ground.two_sided:
        pytest.skip("a contract has one position there")
    account = "both" if hedge else "alone"
    who = FLAT[account]
    sides: dict[str, Any] = {"buy": {}, "sell": {}}
    if hedge:
        sides = {"buy": {"position_side": "long"}, "sell": {"position_side": "short"}}
    maker = stage.strategy(who)
    maker.place("buy", "0.03", None, order_type="market", **sides["buy"])
    if hedge:
        maker.place("sell", "0.02", None, order_type="market", **sides["sell"])
    far = stage.trader.far()
    maker.place("buy", "0.01", far, client_order_id=f"{who}-rests", **sides["buy"])
    eventually(lambda: f"{who}-rests" in stage.open_orders(account))
    held = {"LONG": 0.03, "SHORT": -0.02} if hedge else {"BOTH": 0.03}
    eventually(lambda: stage.positions(account) == held)
    closed = flattens(stage, maker, account)
    told = stage.told(who)
    assert stage.open_orders(account) == []
    assert len(closed) == len(held)
    assert {one.label for one in closed} == {"on_death: flatten"}
    assert len({one.stamp for one in told.commands}) == len(told.commands)


def flattens(stage: Stage, maker: Strategy, account: str) -> list[Any]:
    """The orders that closed its positions when the strategy was killed."""
    said = "positions are closed"

    def closing_orders() -> list[Any]:
        return [one for one in stage.told(FLAT[account]).own if one.action == Action.PLACE]

    before, lines = len(closing_orders()), stage.daemon.text().count(said)
    maker.kill()
    eventually(lambda: stage.positions(account) == {}, 30)
    eventually(lambda: stage.daemon.text().count(said) > lines, 30)
    return closing_orders()[before:]


def sells(stage: Stage) -> Strategy:
    """A strategy with a position."""
    maker = stage.strategy(FLAT["alone"])
    maker.place("sell", "0.03", None, order_type="market")
    eventually(lambda: stage.positions("alone") == {"BOTH": -0.03})
    return maker


@pytest.mark.usefixtures("a_family", "flattened")
def test_a_position_that_could_not_be_closed_is_asked_for_again_and_never_resent(
    stage: Stage,
) -> None:
    """The answer to the closing order is lost although it was executed: the next attempt starts
    from what is held then, which is nothing."""
    before = len(stage.clients["alone"].history())
    maker = sells(stage)
    stage.fault("lost")
    assert len(flattens(stage, maker, "alone")) == 1
    assert [side for _, side in stage.clients["alone"].history()[before:]] == ["SELL", "BUY"]


@pytest.mark.usefixtures("a_venue", "flattened")
def test_a_closing_order_that_was_not_executed_is_made_anew(stage: Stage) -> None:
    maker = sells(stage)
    status, body = stage.ground.certain["no margin"]
    stage.fault("status", status=status, execute=False, body=body)
    assert len(flattens(stage, maker, "alone")) == 2


def test_flattening_needs_reduce_only_orders(stage: Stage) -> None:
    """Without them what closes a position could open another one: it is refused before anything is
    started."""
    text = (stage.folder / "c.toml").read_text()
    key = next(line for line in text.splitlines() if line.startswith("key = "))
    asked = f"""
[accounts.closed]
venue = "{stage.ground.venue}"
{key}
exclusive = true
strategies = ["closer"]
[strategies.closer]
on_death = "flatten"
"""
    (stage.folder / "closing.toml").write_text(text + asked)
    done = starter.run("check", stage.folder / "closing.toml")
    words = "strategies.closer.on_death: flatten needs orders that can only reduce a position"
    assert (words in done.stdout + done.stderr) == (not stage.ground.reduces), done


@pytest.mark.usefixtures("a_family")
def test_a_killed_daemon_finds_orders_of_strategies_that_come_back_or_do_not(
    stage: Stage,
) -> None:
    """Who is back in time keeps its order; adopted, an order falls under the policy when the grace
    is over; else it ends at the start."""
    names = ("kept", "adopted", "ended")
    for name in names:
        strategy = stage.strategy(name)
        strategy.place("buy", "0.01", stage.trader.far(), client_order_id=name)
        stage.until(lambda told: told.orders, name)
    stage.kill()
    for strategy in stage.running:
        strategy.kill()
    assert stage.open_orders() == sorted(names)
    stage.start(ready=False)
    with closing(stage.attach("kept", patience=40)):
        for name, why in (("ended", "on_start"), ("adopted", "on_death")):
            gone = name, Update.CANCELLED
            told = stage.until(lambda told: gone in told.updates, name)  # noqa: B023
            assert [one.label for one in told.own] == [f"{why}: cancel"]
        assert stage.open_orders() == ["kept"]
        assert stage.missed() == ["adopted"]
    stage.daemon.ready().quoted(stage.ground.symbol)


PATIENT = """
import sys, connector

session = connector.attach(sys.argv[1], sys.argv[2], trading=True, patience=20)
session.place(sys.argv[3], "buy", *ORDER, client_order_id="sleeps", valid_for_ms=10_000)
print("attached", flush=True)
try:
    while True:
        session.wait(60)
except connector.EpochChanged as error:
    print("ended" if "lease" in str(error) else repr(error), flush=True)
    sys.stdin.read()
"""


@pytest.mark.usefixtures("a_venue")
def test_a_strategy_that_hangs_loses_its_lease(stage: Stage) -> None:
    """One that sleeps because nothing happens does not: another one, gone with a long grace, shows
    that the lease would be over."""
    order = str(stage.ground.quantity(0.01)), stage.trader.far()
    maker = stage.strategy("hangs", PATIENT.replace("ORDER", repr(order)))
    stage.until(lambda told: told.orders, "hangs")
    stage.sim.fault("stall", stream="*", ms=0)
    stage.attach("witness").close()
    eventually(lambda: "witness" in stage.missed(), 20)
    assert stage.open_orders() == ["sleeps"]
    assert maker.process.poll() is None
    maker.process.send_signal(signal.SIGSTOP)
    eventually(lambda: stage.open_orders() == [], 20)
    assert "did not look for events for 4 s" in stage.daemon.text()
    maker.process.send_signal(signal.SIGCONT)
    maker.hear("ended")


def moment(stage: Stage, when: str, names: Sequence[str]) -> None:
    """Kill the daemon at this moment of an order of each of these strategies."""
    far = stage.trader.far()
    strategies = [stage.strategy(name) for name in names]
    if when == "before it is taken":
        stage.daemon.process.send_signal(signal.SIGSTOP)
    for name, strategy in zip(names, strategies, strict=True):
        if when.startswith("during"):
            stage.fault("lost", execute="unheard" in when)
        strategy.place("buy", "0.01", far, time_in_force="gtc", client_order_id=name)
        if when == "after":
            stage.until(lambda told: told.orders, name)
        elif when != "before it is taken":
            stage.until(lambda told: any(e.kind == RecordType.SENT for e in told.entries), name)
            if "unheard" in when:
                eventually(lambda: name in stage.open_orders())  # noqa: B023
    stage.kill()
    for strategy in strategies:
        strategy.kill()


def final(told: Told) -> list[Any]:
    """Answers to commands of the strategy that nothing follows any more."""
    return [one for one in told.answers if not one[0] >> 63 and one[1] is not Result.UNKNOWN]


@pytest.mark.parametrize("when", MOMENTS)
@pytest.mark.usefixtures("a_family")
def test_a_daemon_killed_around_a_send_loses_doubles_and_orphans_nothing(
    stage: Stage, when: str
) -> None:
    """The strategies do not come back: their orders, if there are any, end under the policy of one
    and at the start for the other."""
    names = [f"{word}-{MOMENTS.index(when)}" for word in ("adopted", "ended")]
    before = len(stage.trader.history())
    moment(stage, when, names)
    stage.start()
    for name in names:
        ended = [(name, update) for update in ENDED[when]]
        # The update and the final answer are two records: one may be read before the other is.
        told = stage.until(
            lambda told: told.updates == ended and len(final(told)) >= bool(ended),  # noqa: B023
            name,
        )
        assert len(final(told)) == bool(ended)
        assert len({one.order_key for one in told.orders}) == bool(ENDED[when])
    assert stage.open_orders() == []
    at_venue = Update.SUBMITTED in ENDED[when]
    known = sorted(name for name, _ in stage.trader.history()[before:])
    assert known == sorted(names) * at_venue
