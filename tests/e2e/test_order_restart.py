"""A daemon killed with orders in every state finds out what became of each, at any venue."""

from pathlib import Path

import pytest

from connector.model.reports import OrderStatus, Update
from tests.reference.ground import Ground
from tests.reference.grounds import EACH
from tests.reference.order_stage import order_stage
from tests.reference.stack import eventually

NEW = (Update.SUBMITTED, OrderStatus.NEW)


@pytest.mark.parametrize("ground", EACH, ids=[one.name for one in EACH])
def test_what_happened_to_orders_of_a_killed_daemon(ground: Ground, tmp_path: Path) -> None:
    """One rests, one is filled and one cancelled while nobody looks, the answer to one is lost."""
    with order_stage(ground, tmp_path, request_s=5.0) as stage:
        for name, away in (("kept", -20), ("filled", 0), ("ended", -25)):
            stage.place(name, {"price": away})
            stage.notes.tells(name, [NEW])
        stage.fault("lost")
        stage.place("unheard", {"price": -30})
        eventually(lambda: "unheard" in stage.main.opened())
        stage.kill()
        stage.market.hit("SELL", 0, 0.02)
        stage.main.cancel("ended")
        stage.start()
        stage.notes.until(
            lambda: {one.client_order_id for one in stage.notes.session.orders()}
            == stage.main.opened() == {"kept", "unheard"},
            lambda: (stage.notes.session.orders(), stage.main.opened()), 20,
        )  # fmt: skip
        stage.notes.until(
            lambda: stage.positions() == stage.main.held() != {},
            lambda: (stage.positions(), stage.main.held()), 20,
        )  # fmt: skip
        for name in ("kept", "unheard"):
            stage.accepted(stage.cancel(name))
        eventually(lambda: stage.main.opened() == set())
        assert [len(stage.main.known(name)) for name in ("kept", "unheard")] == [1, 1]
