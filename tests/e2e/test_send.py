"""``connector send`` on every ground: JSON lines in, answers and updates as lines out."""

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_orders import Stage
from tests.reference.ground import Ground
from tests.reference.grounds import VENUES
from tests.reference.stack import COMMAND, Sim, eventually
from tests.reference.trading_stage import simulated


@pytest.fixture(scope="module", params=VENUES, ids=[one.name for one in VENUES])
def venue(request: pytest.FixtureRequest) -> Iterator[tuple[Ground, Sim, list[str]]]:
    """A ground, its venue, and accounts that nobody has used."""
    names = [f"sends{number}" for number in range(4)]
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


def test_commands_go_in_as_lines_and_answers_come_out_as_lines(
    stage: Stage, tmp_path: Path
) -> None:
    far, quantity = stage.trader.far(), float(stage.quantity)
    where = {
        "strategy": "maker",
        "exchange": stage.ground.exchange,
        "symbol": stage.symbol,
        "contract_type": stage.ground.contract_type,
        "account_id": "main",
        "valid_for_ms": 20_000,
    }
    place = {
        "action": "place_order",
        **where,
        "ref_id": "p1",
        "client_order_id": "R01sent",
        "price": far,
        "quantity": quantity,
        "direction": "Buy",
        "order_type": "limit",
        "label": "A|B",
    }
    cancel = {"action": "cancel_order", **where, "ref_id": "c1", "client_order_id": "R01sent"}
    bad = {**place, "ref_id": "p2", "client_order_id": "R02", "quantity": "a lot"}
    off = {**place, "ref_id": "p3", "client_order_id": "R03", "price": f"{far}.01"}
    lines = "\n".join(json.dumps(one) for one in (place, bad, off, cancel))
    (tmp_path / "commands").write_text(lines)
    done = subprocess.run(
        [*COMMAND, "send", str(tmp_path / "commands"), "--strategy", "maker",
         "--runtime-dir", str(stage.daemon.runtime_dir)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]
    answers: dict[str, Any] = {one["ref_id"]: one for one in told if "request" in one}
    assert set(answers) == {"p1", "p2", "p3", "c1"}
    assert answers["p1"]["metadata"]["metadata"]["result"] is True
    assert answers["p1"]["metadata"]["metadata"]["order_id"]
    sent = {key: value for key, value in place.items() if key not in ("action", "strategy")}
    assert list(answers["p1"]["request"]) == list(sent)
    assert answers["p1"]["request"] == sent | {"quantity": Decimal(str(quantity))}
    assert answers["c1"]["metadata"]["metadata"]["result"] is True
    assert answers["p2"]["metadata"]["metadata"]["error_code"] == 900001
    assert answers["p2"]["metadata"]["metadata"]["field"] == "quantity"
    assert answers["p3"]["metadata"]["metadata"]["result"] is False
    updates = [one["metadata"]["update_type"] for one in told if "order_info" in one]
    assert updates[0] == "submitted"
    assert set(updates) <= {"submitted", "cancelled"}
    assert stage.trader.opened() == set()
    story = subprocess.run(
        [*COMMAND, "journal", "why", "R01sent", "--json",
         "--runtime-dir", str(stage.daemon.runtime_dir),
         "--state-dir", str(stage.daemon.state_dir)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert story.returncode == 0, story.stderr
    steps = json.loads(story.stdout)["steps"]
    texts = [step["text"] for step in steps if step["what"] == "text of the command"]
    assert texts == [json.dumps(place), json.dumps(cancel)]
    wrong = subprocess.run(
        [sys.executable, "-m", "connector", "send", "/nowhere", "--strategy", "maker"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert wrong.returncode == 2
    assert "/nowhere" in wrong.stderr


def test_a_batch_is_answered_for_each_of_its_orders(stage: Stage) -> None:
    far, quantity = stage.trader.far(), float(stage.quantity)
    one = {"direction": "Buy", "order_type": "limit", "quantity": quantity, "price": far}
    batch = {
        "action": "place_batch", "strategy": "maker", "ref_id": "b1", "account_id": "main",
        "exchange": stage.ground.exchange, "symbol": stage.symbol,
        "contract_type": stage.ground.contract_type, "valid_for_ms": 20_000,
        "orders": [one, {**one, "price": f"{far}.01"}, one],
    }  # fmt: skip
    done = subprocess.run(
        [*COMMAND, "send", "--strategy", "maker",
         "--runtime-dir", str(stage.daemon.runtime_dir)],
        input=json.dumps(batch), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = [one for one in map(json.loads, done.stdout.splitlines()) if "request" in one]
    assert {one["ref_id"] for one in answers} == {"b1"}
    results = {
        one["metadata"]["metadata"]["index"]: one["metadata"]["metadata"]["result"]
        for one in answers
    }
    assert results == {0: True, 1: False, 2: True}
    assert done.stderr.startswith("connector send: 2 open orders of 'maker': cancelled"), (
        done.stderr
    )


def test_tap_shows_a_strategy_what_it_is_told(stage: Stage, tmp_path: Path) -> None:
    with closing(stage.attach()) as session:
        first = stage.place(session, "tapped")
        stage.until(lambda told: told.answers)
        folders = ["--runtime-dir", str(stage.daemon.runtime_dir),
                   "--state-dir", str(stage.daemon.state_dir)]  # fmt: skip
        with subprocess.Popen(
            [*COMMAND, "tap", "--strategy", "maker", "--json", "--count", "2", *folders],
            stdout=subprocess.PIPE,
            text=True,
        ) as tap:
            assert tap.stdout is not None
            told: list[Any] = []
            while not told:  # it follows from some moment on
                session.query(first, ref_id=f"q{session.commands_written}", valid_for_ms=20_000)
                eventually(lambda: session.poll() is None and not session.waiting)
                ready, _, _ = select.select([tap.stdout], [], [], 0.2)
                if ready:
                    told.append(json.loads(tap.stdout.readline()))
            tap.kill()
        assert told[0]["action"] == "query_order"
        assert told[0]["request"]["exchange"] == stage.ground.exchange
        assert told[0]["metadata"]["metadata"]["account_id"] == "main"
