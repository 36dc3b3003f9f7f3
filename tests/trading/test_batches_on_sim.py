"""A strategy's batches on every ground: as few requests as the venue takes, each order its own
story."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.model.intents import Action
from connector.model.reports import Code, Result
from tests.reference.ground import Client
from tests.reference.grounds import EACH, FAMILIES, only
from tests.reference.trading_rig import Place, Rig, Strategy, place_of


@pytest.fixture(scope="module", params=FAMILIES, ids=[one.name for one in FAMILIES])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with place_of(request.param, 8) as found:
        yield found


@pytest.fixture
def a_family(place: Place) -> None:
    only(place.ground, EACH)


def staged(place: Place, folder: Path, act: Callable[[Rig, Client], Awaitable[None]]) -> None:
    async def main() -> None:
        async with place.rig(folder) as (stage, trader):
            await act(stage, trader)

    asyncio.run(main())


def batch(
    stage: Rig, strategy: Strategy, action: Action, elements: list[dict[str, Any]]
) -> list[int]:
    """Give a whole batch to the desk; the commands' numbers."""
    given = []
    for place, element in enumerate(elements, 1):
        of = {"batch": place, "batch_size": len(elements)}
        if action is Action.PLACE:
            given.append(strategy.place(**element, **of))
        else:
            instrument = stage.index(stage.symbol)
            given.append(strategy.send(action, instrument=instrument, **element, **of))
    return given


def asked(place: Place, paths: Any) -> dict[str, int]:
    """How many requests to these paths the venue was sent."""
    found = place.venue.status()["requests"]
    return {path: found.get(path, 0) for path in paths}


def final(strategy: Strategy, numbers: list[int]) -> list[tuple[Result, int]]:
    """The last answer of each command, once all have one that ends it."""
    last = [answers[-1] for number in numbers if (answers := strategy.answers(number))]
    whole = len(last) == len(numbers) and all(one is not Result.UNKNOWN for one, _ in last)
    return last if whole else []


def test_a_batch_is_placed_amended_and_cancelled(place: Place, tmp_path: Path) -> None:
    async def act(stage: Rig, trader: Client) -> None:
        maker, far = stage.strategy(), trader.far()
        low = f"{float(far) - 100:.1f}"
        names = [f"mine-{number}" for number in range(7)]
        order, done = place.order(stage, far), [(Result.ACCEPTED, 0)]
        refused = [(Result.REFUSED, Code.NOT_SUPPORTED.value)]
        change = {"price_e": place.order(stage, low)["price_e"]}
        steps: list[tuple[Action, list[dict[str, Any]]]] = [
            (Action.PLACE, [{**order, "client_order_id": name} for name in names]),
            (Action.AMEND, [{**change, "client_order_id": name} for name in names[:4]]),
            (Action.CANCEL, [{"client_order_id": name} for name in names]),
        ]
        for (action, elements), wanted in zip(steps, place.ground.steps, strict=True):
            before = asked(place, wanted)
            numbers = batch(stage, maker, action, elements)
            ends = await stage.until(lambda: final(maker, numbers))  # noqa: B023
            possible = place.ground.amends or action is not Action.AMEND
            assert ends == (done if possible else refused) * len(elements)
            now = asked(place, wanted)
            assert {path: now[path] - before[path] for path in wanted} == wanted
            if action is Action.PLACE:
                assert trader.opened() == set(names)
            elif action is Action.AMEND and possible:
                await stage.until(
                    lambda: (
                        [trader.known(name) for name in names]
                        == [[float(low)]] * 4 + [[float(far)]] * 3
                    )
                )
        await stage.until(lambda: not trader.opened())

    staged(place, tmp_path, act)


@pytest.mark.usefixtures("a_family")
def test_the_venue_refuses_one_of_them(place: Place, tmp_path: Path) -> None:
    async def act(stage: Rig, trader: Client) -> None:
        far = trader.far()
        maker, order = stage.strategy(), place.order(stage, far)
        before = asked(place, place.ground.steps[0])
        numbers = batch(stage, maker, Action.PLACE, [order, place.beyond(stage, far), order])
        ends = await stage.until(lambda: final(maker, numbers))
        assert ends == [
            (Result.ACCEPTED, 0), (Result.REFUSED, Code.VENUE.value), (Result.ACCEPTED, 0),
        ]  # fmt: skip
        assert len(trader.opened()) == 2
        count = place.ground.batch.get("count", 1)
        path = place.ground.batch["path"]
        assert asked(place, [path])[path] - before[path] == count

    staged(place, tmp_path, act)


@pytest.mark.usefixtures("a_family")
@pytest.mark.parametrize("fault", [{"kind": "lost"}, {"kind": "truncate"}, {"kind": "reset_http"}])
def test_a_lost_answer_is_found_out_for_each_order(
    place: Place, tmp_path: Path, fault: dict[str, Any]
) -> None:
    async def act(stage: Rig, trader: Client) -> None:
        place.venue.fault(**fault, **place.ground.batch)
        maker, order = stage.strategy(), place.order(stage, trader.far())
        numbers = batch(stage, maker, Action.PLACE, [order] * 3)
        assert await stage.until(lambda: final(maker, numbers)) == [(Result.ACCEPTED, 0)] * 3
        assert len(trader.history()) == 3

    staged(place, tmp_path, act)


@pytest.mark.usefixtures("a_family")
def test_a_whole_batch_that_was_certainly_not_executed(place: Place, tmp_path: Path) -> None:
    async def act(stage: Rig, trader: Client) -> None:
        status, body = place.ground.certain["no margin"]
        said = {"kind": "status", "status": status, "body": body, "execute": False}
        place.venue.fault(**place.ground.batch, **said)
        maker, order = stage.strategy(), place.order(stage, trader.far())
        numbers = batch(stage, maker, Action.PLACE, [order] * 3)
        ends = await stage.until(lambda: final(maker, numbers))
        assert ends == [(Result.REFUSED, Code.VENUE.value)] * 3
        assert trader.history() == []  # never sent again

    staged(place, tmp_path, act)
