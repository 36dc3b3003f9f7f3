"""The venue's limits as the daemon meets them: its own budget refuses first; where others use up
what the venue counts, its 429 and 418 are obeyed, by reconnects too; cancels keep their reserve."""

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connector.model.reports import Code, Field, OrderStatus, Result, Update
from tests.reference import binance_client
from tests.reference.ground import Ground
from tests.reference.grounds import VENUES
from tests.reference.order_stage import HTTP, MAIN, OrderStage, order_stage
from tests.reference.quiet_market import Market
from tests.reference.stack import eventually


def on(places: list[Ground]) -> Any:
    return pytest.mark.parametrize("ground", places, ids=[one.name for one in places])


counts_orders = on(binance_client.GROUNDS)
"""Orders in a minute; the same of one group of requests is in trading/test_refusals.py."""
bans = on(binance_client.GROUNDS)
"""With an end that is told, in words; no reference of another venue has such an answer."""


def seconds_left(market: Market) -> float:
    """Of the venue's own minute, in whole seconds at least."""
    return 60 - market.other.now_s() % 60


def ends_soon(market: Market) -> None:
    """Let the venue's minute end once a daemon has started and a test has had time for its part."""
    ahead_ms = (35_000 - int(time.time() * 1000)) % 60_000
    market.sim.fault("skew", ms=ahead_ms)
    for client in market.clients.values():
        client.ahead_ms = ahead_ms


def in_one_minute(market: Market) -> None:
    """Wait until there is time in it for what has to happen in one, and not for much more."""
    eventually(lambda: 10 < seconds_left(market) < 25, 60, 0.2)


@counts_orders
def test_orders_stop_here_before_they_are_too_many_there(ground: Ground, tmp_path: Path) -> None:
    limits = "--order-limits", "400,10"
    with order_stage(ground, tmp_path, *limits, began=ends_soon) as stage:
        notes = stage.notes
        in_one_minute(stage.market)
        tickets = [stage.place(f"o{number}", {"price": -20}) for number in range(12)]
        answers = [notes.answer(ticket) for ticket in tickets]
        assert [one.result for one in answers] == [Result.ACCEPTED] * 9 + [Result.REFUSED] * 3
        for answer in answers[9:]:
            assert (answer.code, answer.field) == (Code.RATE_BUDGET.value, Field.RATE_BUDGET)
            assert (answer.value_e, answer.limit_e) == (9, 9)
            assert answer.http_status == 0
        assert len(stage.main.opened()) == 9
        assert stage.market.sim.status()["throttled"] == 0

        for number in range(8):
            assert stage.accepted(stage.cancel(f"o{number}"))

        # Somebody else takes the last one; what amends may use of our own count is not there.
        stage.main.limit_at("BUY", stage.market.mid - 20, 0.02)
        amend = notes.session.amend("o8", instrument=stage.symbol, price=stage.market.price(-25))
        answer = stage.refused(amend)
        assert (answer.http_status, answer.venue_code) == (429, -1015), answer
        answer = stage.refused(stage.place("late", {"price": -20}))
        assert answer.code == Code.RATE_BUDGET.value
        assert stage.accepted(stage.cancel("o8")), "a cancel is no order"
        notes.tells("o8", [(Update.SUBMITTED, OrderStatus.NEW),
                           (Update.CANCELLED, OrderStatus.CANCELLED)])  # fmt: skip
        if ground.transport == HTTP:  # the order API does not say for how long
            recovers(stage, "again", 30)


@bans
def test_a_ban_silences_everything_until_it_ends(ground: Ground, tmp_path: Path) -> None:
    with order_stage(ground, tmp_path) as stage:
        notes, sim = stage.notes, stage.market.sim
        stage.place("kept", {"price": -20})
        notes.tells("kept", [(Update.SUBMITTED, OrderStatus.NEW)])
        ends = time.monotonic() + 6.0
        until_ms = int((time.time() + 6.0) * 1000)
        words = f"Way too many requests; IP(127.0.0.1) banned until {until_ms}."
        stage.fault("status", status=418, body=f'{{"code":-1003,"msg":"{words}"}}', execute=False,
                    **({"retry_after": 6} if ground.transport == HTTP else {}))  # fmt: skip
        answer = stage.refused(stage.place("banned", {"price": -20}))
        assert (answer.http_status, answer.venue_code) == (418, -1003)
        assert ("order_api" in routes(stage)) == (ground.transport != HTTP)
        asked = requests(stage)
        refused = stage.refused(stage.place("too-soon", {"price": -20}))
        assert refused.code == Code.RATE_BUDGET.value
        assert notes.answer(stage.cancel("kept")).code == Code.RATE_BUDGET.value
        sim.fault("cut", how="abrupt")

        # Market and private streams need no request and come back; the order API stays away.
        while time.monotonic() < ends - 0.5:
            now, connections = requests(stage), routes(stage)
            if time.monotonic() < ends - 0.2:
                assert now == asked
                assert "order_api" not in connections
            notes.read(0.05)
        notes.tells("kept", [(Update.SUBMITTED, OrderStatus.NEW),
                             (Update.CANCELLED, OrderStatus.CANCELLED)])  # fmt: skip
        recovers(stage, "after", 20)
        stage.equals_venue()


@on([*binance_client.GROUNDS, *VENUES[1:]])
def test_what_the_venue_counts_is_shared_with_others(ground: Ground, tmp_path: Path) -> None:
    """With everybody behind the address, or with all the same user does."""
    with order_stage(ground, tmp_path, "--weight-limit", ground.scarce, began=ends_soon) as stage:
        notes, market = stage.notes, stage.market
        in_one_minute(market)
        stage.place("kept", {"price": -20})
        notes.tells("kept", [(Update.SUBMITTED, OrderStatus.NEW)])
        key, secret = MAIN["main"]
        same = ground.client(market.venue, key, secret, ground)
        same.ahead_ms = market.other.ahead_ms
        with closing(same):
            same.use_up()
        throttled = market.sim.status()["throttled"]
        if ground.own_windows:
            market.sim.fault("skew", ms=same.ahead_ms + 50_000)

        # We cannot know yet: the first request is refused there, and nothing follows it.
        ticket = stage.cancel("kept")
        notes.until(lambda: notes.answers.get(ticket.number), lambda: "the cancel's answer")
        eventually(lambda: market.sim.status()["throttled"] > throttled)
        answer = stage.refused(stage.place("too-soon", {"price": -20}))
        assert answer.code == Code.RATE_BUDGET.value
        assert market.sim.status()["throttled"] == throttled + 1
        if ground.transport != HTTP:
            return  # the order API does not say for how long: the window, a minute
        notes.until(
            lambda: len(notes.story("kept")) == 2, lambda: (notes.story("kept"), "no end"), 30
        )
        assert notes.story("kept")[1] == (Update.CANCELLED, OrderStatus.CANCELLED)
        assert market.sim.status()["throttled"] == throttled + 1
        assert market.sim.status()["banned"] == 0
        recovers(stage, "after", 20)


def recovers(stage: OrderStage, name: str, seconds: float) -> None:
    """In time, new orders are accepted again."""
    tries = iter(range(1000))

    def again() -> Any:
        stage.quoted()
        answer = stage.notes.answer(stage.place(f"{name}{next(tries)}", {"price": -30}))
        assert answer.result is Result.ACCEPTED or answer.http_status == 0, answer
        return answer.result is Result.ACCEPTED

    eventually(again, seconds, 0.1)


def requests(stage: OrderStage) -> dict[str, int]:
    """How often the venue was asked for anything, by path."""
    found: dict[str, int] = stage.market.sim.status()["requests"]
    return found


def routes(stage: OrderStage) -> list[str]:
    """The connections that are open."""
    return [one["route"] for one in stage.market.sim.status()["connections"]]
