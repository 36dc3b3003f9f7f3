"""`connector journal why` after real orders on every ground: every step from the frame that was
read to the last fill."""

import itertools
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

import connector
from connector.model.reports import OrderStatus, Update
from tests.e2e.test_orders import Stage
from tests.reference import starter
from tests.reference.ground import Ground
from tests.reference.grounds import WIRES
from tests.reference.stack import Sim, eventually
from tests.reference.trading_stage import KEY, simulated

PATIENT_MS = 20_000
"""A command may wait so long on a loaded machine."""
PLACED = [
    "command written",
    "taken by the gateway",
    "checked",
    "encoded",
    "command journalled",
    "request journalled",
    "before send",
]


@pytest.fixture(scope="module", params=WIRES, ids=[one.name for one in WIRES])
def venue(request: pytest.FixtureRequest) -> Iterator[tuple[Ground, Sim, list[str]]]:
    """A ground, its venue, and accounts that nobody has used."""
    names = [f"why{number}" for number in range(2)]
    with simulated(request.param, names) as sim:
        yield request.param, sim, names


@pytest.fixture
def stage(venue: tuple[Ground, Sim, list[str]], tmp_path: Path) -> Iterator[Stage]:
    ground, sim, names = venue
    found = Stage(tmp_path, sim, ground, names.pop())
    try:
        yield found
    finally:
        found.close()
        sim.clear()


def ask(stage: Stage, *words: str, code: int = 0) -> str:
    folders = "--runtime-dir", stage.daemon.runtime_dir, "--state-dir", stage.daemon.state_dir
    done = starter.run("journal", *words, *folders)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def story(stage: Stage, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    found = orjson.loads(ask(stage, "why", name, "--json"))
    return found["order"], found["steps"]


def test_from_the_frame_to_the_last_fill(stage: Stage) -> None:
    seen: list[Any] = []

    def until(session: Any, done: Any) -> Any:
        def look() -> Any:
            while (event := session.poll()) is not None:
                seen.append(event)
            return done()

        return eventually(look, 20)

    def updates(*wanted: Update) -> list[Any]:
        return [e for e in seen if isinstance(e, connector.OrderReport) and e.update in wanted]

    with closing(stage.attach()) as session:
        until(session, lambda: any(isinstance(event, connector.Bbo) for event in seen))
        far, symbol, quantity = stage.trader.far(), stage.symbol, stage.quantity
        twice = stage.ground.quantity(0.02)
        order = session.place(symbol, "buy", twice, far, client_order_id="rests", ref_id="R1",
                              valid_for_ms=PATIENT_MS)  # fmt: skip
        until(session, lambda: updates(Update.SUBMITTED))
        session.amend(order, quantity=quantity, ref_id="R2", valid_for_ms=PATIENT_MS)
        until(session, lambda: [e for e in seen if getattr(e, "ref_id", "") == "R2"])
        if stage.ground.amends:
            until(session, lambda: updates(Update.AMENDED))
        session.cancel(order, ref_id="R3")
        until(session, lambda: updates(Update.CANCELLED))
        session.place(symbol, "sell", quantity, order_type="market", client_order_id="taken",
                      valid_for_ms=PATIENT_MS)  # fmt: skip
        until(
            session, lambda: [e for e in updates(Update.EXECUTED) if e.status is OrderStatus.FILLED]
        )
        session.place(symbol, "buy", quantity, "0.01", client_order_id="wrong", ref_id="R4",
                      valid_for_ms=PATIENT_MS)  # fmt: skip
        until(session, lambda: [e for e in seen if getattr(e, "ref_id", "") == "R4"])
        executed = updates(Update.EXECUTED)[-1]
        (read,) = [e for e in seen if getattr(e, "ref_id", "") == "R1" and e.type != "order_report"]

    order_said, steps = story(stage, "rests")
    what = [step["what"] for step in steps]
    assert [one for one in what if "the strategy read last" not in one][:7] == PLACED
    assert [step["command"] & 0xFFFF for step in steps if step["what"] == "command written"] == [
        1, 2, 3,
    ]  # fmt: skip
    assert [step["what"] for step in steps if "ref_id" in step and "written" in step["what"]]
    assert order_said["client_order_id"] == "rests"
    assert order_said["status"] == "CANCELLED"
    answers = [step for step in steps if step["what"] == "answer delivered"]
    changed = stage.ground.amends  # else refused here
    amended = "ACCEPTED" if changed else "REFUSED"
    assert [step["result"] for step in answers] == ["ACCEPTED", amended, "ACCEPTED"]
    assert what.count("before send") == what.count("answer received") == 2 + changed
    reports = [step["update"] for step in steps if step["what"] == "report delivered"]
    assert reports == ["SUBMITTED", *["AMENDED"] * changed, "CANCELLED"]
    causes = [step for step in steps if "the strategy read last" in step["what"]]
    assert {"market frame", "report delivered"} == {" ".join(s["what"].split()[:2]) for s in causes}
    times = [step["monotonic_ns"] for step in steps]
    assert times == sorted(times)
    assert all(step["exact"] for step in steps)
    assert [b - a for a, b in itertools.pairwise(times)] == [
        step["since_last_ns"] for step in steps[1:]
    ]

    # By any of its names the same; a second order does not come in between.
    theirs = str(read.order_id or read.venue_order_id)
    assert story(stage, str(read.order_key)) == story(stage, theirs) == (order_said, steps)
    assert story(stage, "R3") == (order_said, steps)
    taken, fills = story(stage, "taken")
    assert taken["status"] == "FILLED"
    last = [step for step in fills if step["what"] == "report delivered"][-1]
    assert float(last["filled_qty"]) == float(stage.quantity)
    assert executed.recv_ns in [s["monotonic_ns"] for s in fills if s["what"] == "event received"]

    # What made no order has a story, too.
    _, refused = story(stage, "R4")
    assert [step["what"] for step in refused if "frame" not in step["what"]][-3:] == [
        "taken by the gateway", "command journalled", "answer delivered",
    ]  # fmt: skip
    assert refused[-1]["result"] == "REFUSED"

    page = ask(stage, "why", "rests")
    assert f"order {read.order_key} maker {stage.symbol} BUY" in page
    assert "there is rests" in ask(stage, "why", "restt", code=2)

    # And after the next start, out of the files of this one.
    stage.restart()
    order_after, after = story(stage, "rests")
    assert [step for step in after if step["what"] != "report delivered"] == [
        step for step in steps if step["what"] != "report delivered"
    ]
    assert order_after == order_said


def test_what_went_wrong_is_written_down_without_the_key(stage: Stage) -> None:
    """The request and the answer of what the venue refused."""
    with closing(stage.attach()) as session:
        eventually(lambda: session.poll() is None and session.instruments[stage.symbol], 20)
        wrong, keys = stage.ground.beyond
        stage.place(session, "refused", **keys, valid_for_ms=PATIENT_MS)
        stage.until(lambda told: told.answers)
    _, steps = eventually(
        lambda: (
            (found := story(stage, "refused"))
            and any("text of the answer" in step["what"] for step in found[1])
            and found
        ),
        20,
    )
    (request,) = [step["text"] for step in steps if step["what"] == "text of the request"]
    (answer,) = [step["text"] for step in steps if step["what"] == "text of the answer"]
    assert "refused" in request
    assert stage.symbol in request
    assert "signature" not in request or "***" in request  # some sign in their headers
    assert str(stage.ground.refusals[wrong]) in answer
    assert KEY not in request + answer
    assert re.search("[0-9a-f]{64}", request + answer) is None
