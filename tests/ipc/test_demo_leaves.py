"""The demo's strategy leaves no order behind, however the reports that end its session fall."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import connector
from connector.cli._demo_maker import Maker
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.model.reports import Code, OrderStatus, Result, Update
from connector.model.states import State
from tests.ipc.test_client import Daemon
from tests.ipc.test_trading import trader
from tests.ipc.test_trading_reports import answer, order

BBO = layout("BboBody")
PRICE_E, QTY_E = 50_000 * 10**8, 10**8


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    running = Daemon(tmp_path, "--trading")
    try:
        yield running
    finally:
        running.stop()


def touch(daemon: Daemon, up_e: int = 0) -> None:
    body = BBO.pack(
        bid_price_e=PRICE_E + up_e, bid_qty_e=QTY_E, ask_price_e=PRICE_E + 10**8 + up_e,
        ask_qty_e=QTY_E, state=State.LIVE,
    )  # fmt: skip
    daemon.do("record", type=RecordType.BBO, body=body.hex())


def heard(session: connector.TradingSession, maker: Maker) -> list[bool]:
    """Whether it is gone after each event there is."""
    found = []
    while (event := session.poll()) is not None:
        maker.hear(event)
        found.append(maker.gone)
    return found


def test_who_leaves_waits_for_the_order_of_a_place_that_was_under_way(daemon: Daemon) -> None:
    """That it was accepted is told before the order is: in between nothing waits, and no order is
    known."""
    with trader(daemon) as session:
        maker = Maker(session, session.listed_now())
        touch(daemon)
        heard(session, maker)
        buy, sell = session.waiting
        answer(daemon, sell.number, Result.REFUSED, Code.VENUE.value)
        maker.leave()
        *_, every = session.waiting
        answer(daemon, every.number, Result.ACCEPTED)
        assert heard(session, maker) == [False, False]
        answer(daemon, buy.number, Result.ACCEPTED)
        told = {"command": buy.number, "client_order_id": buy.client_order_id}
        order(daemon, 1, update=Update.SUBMITTED, **told)
        touch(daemon, 10**8)
        order(daemon, 1, OrderStatus.CANCELLED, update=Update.CANCELLED, **told)
        assert heard(session, maker) == [False, False, True, True]
        assert session.commands_written == every.number, "nothing was placed on the way out"
