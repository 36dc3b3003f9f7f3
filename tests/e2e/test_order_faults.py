"""A venue that loses, delays, repeats and lies, on every ground: after each fault every fill
was told once, no order is lost, doubled or falsely ended, and the strategy's picture is the
venue's.

Phemex's grounds are in `test_order_faults_phemex`, Cadenza's in `test_order_faults_cadenza`, since
a worker takes a file whole."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connector.model.reports import Code, Field, OrderStatus, Result, Update
from tests.reference import binance_client, grounds
from tests.reference.ground import Ground
from tests.reference.order_lives import assert_local
from tests.reference.order_stage import OrderStage, order_stage
from tests.reference.stack import eventually

ANSWER_S = 1.0
"""An answer that is not there by then is lost."""
NEW = (Update.SUBMITTED, OrderStatus.NEW)
CANCELLED = (Update.CANCELLED, OrderStatus.CANCELLED)
PART_FILLED = (Update.EXECUTED, OrderStatus.PARTIALLY_FILLED)
FILLED = (Update.EXECUTED, OrderStatus.FILLED)
PROVES_NOTHING: dict[str, tuple[str, dict[str, Any]]] = {
    "lost": ("lost", {}),
    "cut before the answer": ("reset_http", {}),
    "empty": ("empty", {"status": 200}),
    "500 and no JSON": ("status", {"status": 500, "body": "<html>"}),
}
"""Answers after which the order may be there or not, with any venue."""
EXECUTED_ONLY: dict[str, tuple[str, dict[str, Any]]] = {
    "torn": ("truncate", {}),
    "late": ("slow", {"ms": int(ANSWER_S * 1500)}),
    "late at the engine": ("queue", {"ms": int(ANSWER_S * 1500)}),
}


def proves_nothing(ground: Ground) -> dict[str, tuple[str, dict[str, Any]]]:
    """The venue's own answers, too."""
    own = {
        what: ("status", {"status": status, "body": body})
        for what, (status, body) in ground.unproven.items()
    }
    return PROVES_NOTHING | own


PLACES = binance_client.GROUNDS
UNPROVEN = [*PROVES_NOTHING, *EXECUTED_ONLY,
            *dict.fromkeys(what for one in grounds.GROUNDS for what in one.unproven)]  # fmt: skip
CERTAIN = [*dict.fromkeys(what for one in grounds.GROUNDS for what in one.certain)]


def given(answers: Mapping[str, Any], what: str) -> Any:
    """That answer, if the venue has it."""
    if what not in answers:
        pytest.skip("no such answer there")
    return answers[what]


def met(ground: Ground, folders: pytest.TempPathFactory) -> AbstractContextManager[OrderStage]:
    """The stage of all faults on a ground."""
    folder = folders.mktemp(ground.name)
    return order_stage(ground, folder, request_s=ANSWER_S, clock_s=2, **ground.hurried)


@pytest.fixture(scope="module", params=PLACES, ids=[one.name for one in PLACES])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OrderStage]:
    with met(request.param, tmp_path_factory) as running:
        yield running


@pytest.fixture
def stage(shared: OrderStage) -> Iterator[OrderStage]:
    shared.ready()
    yield shared
    shared.market.sim.clear()
    shared.market.sim.fault("skew", ms=0)
    shared.market.clear()
    shared.ready()


def name(stage: OrderStage) -> str:
    stage.begun += 1
    return f"f{stage.begun}"


def rests(stage: OrderStage, away: float = -20) -> str:
    """An order that is there."""
    order = name(stage)
    stage.place(order, {"price": away})
    stage.notes.tells(order, [NEW])
    return order


ABSENT = {Code.DISCONNECTED.value, Code.STALE_BOOK.value}
"""While a connection is being replaced: the account's, or that of the best price."""


def lives(stage: OrderStage, *, replaced: bool = False) -> None:
    """A few orders to their ends, as long as something is wrong or no more: one rests and is
    cancelled, one is filled in parts, one takes. ``replaced``: connections end all the time, and
    while the next one is not there yet an order is refused, and placed again."""
    notes, market = stage.notes, stage.market
    stage.ready()
    rested, parts, taker = name(stage), name(stage), name(stage)
    market.rest("SELL", 10, 0.02)
    places = [
        partial(stage.place, rested, {"price": -20}),
        partial(stage.place, parts, {"price": 0}),
        partial(stage.place, taker, {"price": 10}, time_in_force="ioc"),
    ]
    for place, ticket in [(place, place()) for place in places]:
        while replaced and notes.answer(ticket).code in ABSENT:
            stage.ready()
            ticket = place()
        stage.accepted(ticket)
    market.hit("SELL", 0, 0.005)
    market.hit("SELL", 0, 0.015)
    stage.accepted(stage.cancel(rested))
    for order, status in (
        (rested, OrderStatus.CANCELLED),
        (parts, OrderStatus.FILLED),
        (taker, OrderStatus.FILLED),
    ):
        notes.until(
            lambda order=order, status=status: notes.story(order)
            and notes.story(order)[-1][1] is status,
            lambda order=order: (order, notes.story(order)), 20,
        )  # fmt: skip
    stage.equals_venue()


@pytest.mark.parametrize("what", UNPROVEN)
def test_an_order_whose_answer_proves_nothing_is_found(stage: OrderStage, what: str) -> None:
    kind, keys = given(proves_nothing(stage.ground) | EXECUTED_ONLY, what)
    order = name(stage)
    stage.fault(kind, **keys)
    ticket = stage.place(order, {"price": -20})
    stage.accepted(ticket)
    assert stage.notes.results(ticket) in ([Result.UNKNOWN, Result.ACCEPTED], [Result.ACCEPTED])
    stage.notes.tells(order, [NEW])
    assert len(stage.main.known(order)) == 1
    stage.accepted(stage.cancel(order))
    stage.notes.tells(order, [NEW, CANCELLED])
    stage.equals_venue()


def test_orders_that_never_were_are_proved_absent(stage: OrderStage) -> None:
    """All at once, since a proof takes the venue's window."""
    asked = {}
    for what in [*proves_nothing(stage.ground)][: stage.ground.proofs]:
        kind, keys = proves_nothing(stage.ground)[what]
        order = name(stage)
        stage.ready()
        stage.fault(kind, execute=False, **keys)
        asked[what] = order, stage.place(order, {"price": -20})
        stage.notes.until(
            lambda: stage.notes.answers.get(asked[what][1].number),  # noqa: B023
            lambda: what,  # noqa: B023
        )
    if stage.ground.late_ms:
        queued = name(stage)
        stage.fault("queue", ms=stage.ground.late_ms)
        asked["too late at the engine"] = queued, stage.place(queued, {"price": -20})
    kept = rests(stage)
    if stage.ground.amends:
        stage.fault("lost", "amend", execute=False)
    amended = amend(stage, kept)
    for what, (order, ticket) in asked.items():
        stage.notes.until(
            lambda ticket=ticket: len(stage.notes.results(ticket)) == 2,
            lambda what=what, ticket=ticket: (what, stage.notes.results(ticket)), 30,
        )  # fmt: skip
        assert stage.notes.results(ticket) == [Result.UNKNOWN, Result.REFUSED], what
        assert stage.notes.story(order) == [(Update.REJECTED, OrderStatus.REJECTED)], what
        assert stage.main.known(order) == [], what
    stage.refused(amended)
    unknown = [Result.UNKNOWN] * stage.ground.amends
    assert stage.notes.results(amended) == [*unknown, Result.REFUSED]
    assert stage.notes.story(kept) == [NEW]
    assert stage.main.known(kept) == [stage.market.mid - 20]
    stage.equals_venue()


@pytest.mark.parametrize("what", CERTAIN)
def test_what_was_certainly_not_done_is_refused_at_once(stage: OrderStage, what: str) -> None:
    status, body = given(stage.ground.certain, what)

    def at_once() -> bool:
        """Unless the venue is held up for longer than an answer may take."""
        stage.ready()
        order = name(stage)
        stage.fault("status", status=status, body=body, execute=False)
        ticket = stage.place(order, {"price": -20})
        stage.refused(ticket)
        assert stage.main.known(order) == [], "new orders are never sent again"
        return stage.notes.results(ticket) == [Result.REFUSED]

    eventually(at_once, 5)
    lives(stage)


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("what", ["lost", "cut before the answer", "timeout"])
def test_a_cancel_is_pursued(stage: OrderStage, what: str, executed: bool) -> None:
    kind, keys = proves_nothing(stage.ground)[what]
    order = rests(stage)
    stage.fault(kind, "cancel", execute=executed, **keys)
    stage.accepted(stage.cancel(order))
    stage.notes.tells(order, [NEW, CANCELLED])
    stage.equals_venue()


@pytest.mark.parametrize("what", ["lost", "odd"])
def test_an_amend_whose_answer_proves_nothing_is_found(stage: OrderStage, what: str) -> None:
    kind, keys = proves_nothing(stage.ground)[what]
    order = rests(stage)
    if not stage.ground.amends:
        assert_local(stage.notes.answer(amend(stage, order)), Field.ACTION)
        return
    stage.fault(kind, "amend", **keys)
    stage.accepted(amend(stage, order))
    stage.notes.tells(order, [NEW, (Update.AMENDED, OrderStatus.NEW)])
    assert stage.main.known(order) == [stage.market.mid - 25]
    (mine,) = stage.notes.session.orders()
    assert float(mine.price) == stage.market.mid - 25
    stage.equals_venue()


def test_an_amend_that_crosses_a_fill(stage: OrderStage) -> None:
    """The order is filled when it is to be amended, and nobody here has heard of it."""
    order = rests(stage, 0)
    stage.on_private("delay", ms=500, count=0)
    stage.market.hit("SELL", 0, 0.02)
    ticket = amend(stage, order)
    stage.refused(ticket)
    assert stage.notes.results(ticket) in ([Result.REFUSED], [Result.UNKNOWN, Result.REFUSED])
    stage.market.sim.clear()
    stage.notes.tells(order, [NEW, FILLED])
    stage.equals_venue()


def amend(stage: OrderStage, order: str) -> Any:
    price = stage.market.price(-25)
    return stage.notes.session.amend(order, instrument=stage.symbol, price=price)


EVENTS: dict[str, tuple[dict[str, Any], ...]] = {
    "fills told twice": ({"kind": "duplicate", "stream": "order", "count": 0},
                         {"kind": "duplicate", "stream": "fast", "count": 0}),
    "positions told twice": ({"kind": "duplicate", "stream": "position", "count": 0},),
    "fast fills late": ({"kind": "delay", "stream": "fast", "ms": 300, "count": 0},),
    "fast fills lost": ({"kind": "drop", "stream": "fast", "count": 0},),
    "order events late": ({"kind": "delay", "stream": "order", "ms": 300, "count": 0},),
    "out of order": ({"kind": "swap", "stream": "order", "count": 3},),
    "answers after their events": ({"kind": "slow", "path": "*rder*", "ms": 150, "count": 0},),
    "an event cut short": ({"kind": "corrupt", "stream": "order"},),
    "an event of garbage": (
        {"kind": "corrupt", "stream": "order", "how": "garbage", "after": 2},),
    "a number that is none": (
        {"kind": "corrupt", "stream": "order", "how": "number", "after": 1},),
    "split frames": ({"kind": "split", "stream": "order", "count": 0},
                     {"kind": "split", "stream": "position", "count": 0}),
    "pings until it is cut": (
        {"kind": "split", "stream": "order", "count": 0, "pings": True},
        {"kind": "split", "stream": "position", "count": 0, "pings": True}),
}  # fmt: skip


@pytest.mark.parametrize("what", EVENTS)
def test_lives_while_the_private_stream_misbehaves(stage: OrderStage, what: str) -> None:
    """And nothing is left of it: the lives of the next one are on the same daemon."""
    streams = stage.ground.streams
    faults = [one for one in EVENTS[what] if "path" in one or one["stream"] in streams]
    if not faults:
        pytest.skip("no such stream there")
    for fault in faults:
        if "stream" in fault:
            fault = fault | {"stream": streams[fault["stream"]]}
        stage.market.sim.fault(**fault)
    lives(stage)
    if what == list(EVENTS)[-1]:
        stage.market.sim.clear()
        lives(stage)


@pytest.mark.parametrize("how", ["abrupt", "fin", "clean"])
def test_connections_cut_with_orders_open(stage: OrderStage, how: str) -> None:
    """What happens while nothing is connected is found out, once."""
    filled, ended, kept = rests(stage, 0), rests(stage), rests(stage)
    stage.on_private("stall")
    stage.market.hit("SELL", 0, 0.02)
    stage.main.cancel(ended)
    stage.market.sim.clear()
    stage.market.sim.fault("cut", how=how)
    stage.notes.tells(ended, [NEW, CANCELLED])
    stage.notes.until(
        lambda: stage.notes.reports[filled][-1].status is OrderStatus.FILLED,
        lambda: stage.notes.story(filled),
    )
    # A list of fills, asked for the fee of an earlier order, may come before the order's own state
    # and does not say that this fill was the last.
    story = stage.notes.story(filled)
    assert story in ([NEW, FILLED], [NEW, PART_FILLED, FILLED]), story
    stage.equals_venue()
    assert stage.notes.story(kept) == [NEW]
    lives(stage)


@pytest.mark.parametrize("how", ["half_open", "mute", "stall"])
def test_a_private_stream_that_is_silent_is_replaced(stage: OrderStage, how: str) -> None:
    """Only an accepted order that it does not tell of proves it. The account is unready no longer
    than that takes, so it is the daemon that says why, and the venue that it is another one."""
    if stage.ground.connection_of:
        pytest.skip(f"the connection is that of {stage.ground.connection_of}")
    order = name(stage)
    if how == "mute":
        stage.market.sim.fault("mute", route=stage.ground.private_route)
        stage.market.sim.fault("cut", stream=stage.ground.streams["order"])
        eventually(lambda: stage.market.sim.status()["faults"].get("mute"))
        stage.ready()
    elif how == "stall":
        stage.on_private("stall")
    else:
        stage.market.sim.fault("half_open", stream=stage.ground.streams["order"])
    silent = newest(stage)
    stage.accepted(stage.place(order, {"price": -20}))
    eventually(lambda: f"no event of the accepted order {order} " in stage.daemon.text(), 10)
    stage.market.sim.clear()
    lives(stage)
    assert newest(stage) > silent
    assert stage.notes.story(order) == [NEW]


def newest(stage: OrderStage) -> int:
    """The number of the last private connection that the venue has."""
    rows = stage.market.sim.status()["connections"]
    return max(row["id"] for row in rows if row["route"] == stage.ground.private_route)


def test_a_clock_that_is_off_and_right_again(stage: OrderStage) -> None:
    codes = 0, stage.ground.refusals.get("clock", 0)
    for ms in (stage.ground.skew_ms, 0):
        stage.market.sim.fault("skew", ms=ms)
        for client in stage.market.clients.values():
            client.ahead_ms = ms

        def accepted() -> bool:
            stage.quoted()
            answer = stage.notes.answer(stage.place(name(stage), {"price": -20}))
            assert answer.result is Result.ACCEPTED or answer.venue_code in codes, answer
            return answer.result is Result.ACCEPTED

        eventually(accepted, 20)
        lives(stage)
    # A venue that does not mind a time ahead of its own is believed at the next look.
    eventually(lambda: abs(stage.account()["clock_ahead_ns"] or 1e9) < 5e8, 20)


@pytest.fixture(params=PLACES, ids=[one.name for one in PLACES])
def connected(request: pytest.FixtureRequest) -> Any:
    """Grounds with connections of their own."""
    return request.param


PAUSE_S = 0.1
"""Between orders, of which a fast machine lives through a minute's allowance in three seconds."""


def test_connections_and_keys_that_end_all_the_time(connected: Ground, tmp_path: Path) -> None:
    """Every connection is replaced each second or two, a stream's key, where there is one, expires
    every three: over all of it nothing is lost or doubled."""
    ground = connected
    with order_stage(ground, tmp_path, *ground.short_keys, connection_life_s=1.5) as stage:
        before = stage.market.sim.status()["accepted"]
        for _ in range(1000):
            lives(stage, replaced=True)
            replaced = stage.market.sim.status()["accepted"] - before > 2 * ground.connections
            expired = stage.daemon.text().count("its key expired")
            if replaced and (expired >= 2 or not ground.short_keys):
                break
            time.sleep(PAUSE_S)


@pytest.fixture(params=PLACES[:1], ids=[PLACES[0].name])
def family(request: pytest.FixtureRequest) -> Any:
    """Grounds whose orders are asked for in ways of their own."""
    return request.param


def test_a_venue_that_begins_anew_without_our_orders(family: Ground, tmp_path: Path) -> None:
    """Orders that are gone there end here, once the venue has denied them often enough."""
    ground = family
    often = {"reconcile_s": 1.0}
    with order_stage(
        ground, tmp_path, account=often, request_s=ANSWER_S, **ground.hurried
    ) as stage:
        lives(stage)
        gone = rests(stage)
        stage.market.begin_anew()
        stage.notes.until(
            lambda: len(stage.notes.story(gone)) == 2, lambda: stage.notes.story(gone), 60
        )
        assert stage.notes.story(gone) == [NEW, (Update.CANCELLED, OrderStatus.EXPIRED)]
        assert stage.notes.reports[gone][-1].recovered
        stage.ready()
        order = rests(stage)
        stage.accepted(stage.cancel(order))
        stage.notes.tells(order, [NEW, CANCELLED])
