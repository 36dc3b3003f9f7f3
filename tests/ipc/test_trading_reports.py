"""A strategy's reports: before the market, once and in order, over kills of either side; what they
tell is kept."""

import asyncio
import json
import os
import signal
import struct
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import connector
from connector.model.instrument import ABSENT
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.model.reports import Code, OrderStatus, ReportFlag, Result, Update
from tests.ipc.test_client import Daemon
from tests.ipc.test_trading import Hostile, taken, trader
from tests.reference.stack import eventually

ORDER, ANSWER = layout("OrderReportBody"), layout("CommandAnswerBody")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    running = Daemon(tmp_path, "--trading")
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGCONT)
            running.stop()


def order(
    daemon: Daemon,
    key: int,
    status: OrderStatus = OrderStatus.NEW,
    *,
    say: Any = None,
    **fields: Any,
) -> int:
    values: dict[str, Any] = {
        "order_key": key,
        "order_id": 1000 + key,
        "price_e": 2 * 10**8,
        "qty_e": 10**8,
        "stop_price_e": ABSENT,
        "last_price_e": ABSENT,
        "fee_e": ABSENT,
        "realised_e": ABSENT,
        "trade_id": ABSENT,
        "update": Update.STATE,
        "status": status,
        "side": 1,
        "order_type": 1,
        "client_order_id": f"c{key}",
    }
    body = ORDER.pack(**{**values, **fields})
    say = say or daemon.do
    number = say(
        "report", strategy="maker", kind=RecordType.ORDER_REPORT, body=body.hex(), order_key=key
    )
    return int(number or 0)


def answer(daemon: Daemon, command: int, result: Result, code: int = 0, **fields: Any) -> None:
    body = ANSWER.pack(
        command=command, order_id=ABSENT, result=result, code=code, action=1, **fields
    )
    daemon.do("report", strategy="maker", kind=RecordType.COMMAND_ANSWER, body=body.hex())


def drain(session: connector.Session) -> list[Any]:
    found = []
    while (event := session.poll()) is not None:
        found.append(event)
    return found


def test_reports_come_before_the_market(daemon: Daemon) -> None:
    with trader(daemon) as session:
        daemon.do("trades", price_e=5, count=3)
        for key in (1, 2):
            order(daemon, key)
        events = drain(session)
        assert [event.type for event in events] == ["order_report"] * 2 + ["trade"] * 3
        assert [event.sequence for event in events[:2]] == [1, 2]
        assert session.report_sequence == 2
        assert (session.lost, session.received) == (0, 3)
        first = events[0]
        assert (first.order_key, first.order_id, first.client_order_id) == (1, 1001, "c1")
        assert (first.price, first.price_e, first.qty, first.status) == (2.0, 2 * 10**8, 1.0, 1)
        assert first.instrument is session.instruments[0]
        assert first.account_id == "main"
        assert (first.fee, first.trade_id, first.maker, first.late) == (None, None, None, False)


def test_open_orders_positions_and_balances_are_kept(daemon: Daemon) -> None:
    with trader(daemon) as session:
        for key in (1, 2, 3):
            order(daemon, key)
        order(daemon, 2, OrderStatus.FILLED, update=Update.EXECUTED, filled_qty_e=10**8)
        order(daemon, 1, OrderStatus.PARTIALLY_FILLED, filled_qty_e=4 * 10**7)
        drain(session)
        assert [(one.order_key, one.leaves_qty_e) for one in session.orders()] == [
            (1, 6 * 10**7),
            (3, 10**8),
        ]
        assert session.order(2) is None
        one = session.order(3)
        assert one is not None
        session.cancel(one)
        assert [slot.order_key for _, slot in taken(daemon, 1)] == [3]
        position = layout("PositionUpdateBody").pack(
            qty_e=-(10**8), own_qty_e=5, entry_e=123456, entry_exponent=3, unrealised_e=ABSENT
        )
        balance = layout("BalanceUpdateBody").pack(
            wallet_e=5 * 10**8, available_e=ABSENT, change_e=ABSENT, asset="USDT", reason=2
        )
        say = {"strategy": "maker"}
        daemon.do("report", kind=RecordType.POSITION_UPDATE, body=position.hex(), **say)
        daemon.do("report", kind=RecordType.BALANCE_UPDATE, body=balance.hex(), **say)
        held, money = drain(session)
        assert session.positions() == [held]
        assert session.balances() == [money]
        assert (held.qty, held.own_qty_e, held.entry, held.unrealised) == (-1.0, 5, 123.456, None)
        assert (money.asset, money.wallet, money.instrument) == ("USDT", 5.0, None)
        assert json.loads(held.to_json())["position_info"]["entry_price"] == 123.456
        told = json.loads(money.to_json())
        assert told["balance_info"] == {"asset": "USDT", "wallet": 5, "reason": "FUNDING"}
        assert told["exchange"] == "BinanceU"
        begin = layout("SnapshotBody").pack(journal_sequence=7, orders=1)
        daemon.do("report", kind=RecordType.SNAPSHOT_BEGIN, body=begin.hex(), **say)
        order(daemon, 9, flags=ReportFlag.SNAPSHOT)
        daemon.do("report", kind=RecordType.SNAPSHOT_END, body=begin.hex(), **say)
        assert [e.type for e in drain(session)] == [
            "snapshot_begin",
            "order_report",
            "snapshot_end",
        ]
        assert [one.order_key for one in session.orders()] == [9]
        assert session.positions() == []


def test_a_snapshot_takes_over_when_it_is_whole(daemon: Daemon) -> None:
    """Until then what was known stays; a fill moves the own position at once, one of a stranger
    and one that is told again do not."""
    say = {"strategy": "maker"}
    frame = layout("SnapshotBody").pack(journal_sequence=7, orders=1)

    def begin() -> None:
        daemon.do("report", kind=RecordType.SNAPSHOT_BEGIN, body=frame.hex(), **say)

    def own(session: Any) -> list[Decimal]:
        return [one.own_qty_decimal for one in session.positions()]

    with trader(daemon) as session:
        order(daemon, 1)
        begin()
        order(daemon, 9, flags=ReportFlag.SNAPSHOT)
        drain(session)
        assert not session.caught_up
        assert [one.order_key for one in session.orders()] == [1]
        begin()  # the daemon was killed in the middle of the first one
        order(daemon, 8, flags=ReportFlag.SNAPSHOT)
        daemon.do("report", kind=RecordType.SNAPSHOT_END, body=frame.hex(), **say)
        drain(session)
        assert session.caught_up
        assert [one.order_key for one in session.orders()] == [8]
        assert session.positions() == []
        fill = {"update": Update.EXECUTED, "last_qty_e": 3 * 10**7}
        order(daemon, 8, OrderStatus.PARTIALLY_FILLED, filled_qty_e=3 * 10**7, **fill)
        order(daemon, 5, OrderStatus.FILLED, side=2, **fill)
        order(daemon, 5, OrderStatus.FILLED, side=2, **fill)
        order(daemon, 6, OrderStatus.FILLED, flags=ReportFlag.FOREIGN, **fill)
        order(daemon, 8, OrderStatus.PARTIALLY_FILLED, flags=ReportFlag.SNAPSHOT, **fill)
        drain(session)
        assert own(session) == [Decimal("-0.3")]
        (one,) = session.orders()
        assert (one.price_decimal, one.qty_decimal) == (Decimal(2), Decimal(1))
        assert (one.filled_qty_decimal, one.average_decimal) == (Decimal(0), Decimal(0))
        held = layout("PositionUpdateBody").pack(
            qty_e=-(10**8), own_qty_e=5, entry_e=ABSENT, unrealised_e=ABSENT
        )
        daemon.do("report", kind=RecordType.POSITION_UPDATE, body=held.hex(), **say)
        drain(session)
        assert own(session) == [Decimal("0.00000005")]
        assert session.positions()[0].entry_decimal is None


def test_an_answer_finds_its_ticket_and_an_unknown_one_is_answered_again(daemon: Daemon) -> None:
    with trader(daemon) as session:
        first, second = (session.place(0, "buy", 1, 2) for _ in range(2))
        taken(daemon, 2)
        assert session.waiting == [first, second]
        answer(daemon, 2, Result.UNKNOWN, Code.OUTCOME_UNKNOWN.value)
        answer(daemon, 1, Result.ACCEPTED, order_key=77, client_order_id="made")
        unknown, accepted = drain(session)
        assert (first.answer, second.answer) == (accepted, unknown)
        assert first.order_key == 77
        assert first.client_order_id == "made"
        assert session.waiting == [second]
        told = json.loads(unknown.to_json())
        assert told["metadata"]["metadata"]["result"] is None
        assert told["metadata"]["metadata"]["error_code"] == 900100
        assert told["request"]["quantity"] == 1
        answer(daemon, 2, Result.REFUSED, 999999, settled=1)
        (final,) = drain(session)
        assert (second.answer, final.settled, session.waiting) == (final, True, [])
        session.cancel(first)
        assert [slot.order_key for _, slot in taken(daemon, 1)] == [77]


def test_an_order_without_a_name_is_named_by_the_command_that_places_it(daemon: Daemon) -> None:
    with trader(daemon) as session:
        placed = session.place(0, "buy", 1, 2)
        changed = session.amend(placed, price=3)
        session.cancel(placed)
        session.cancel(changed)
        slots = [slot for _, slot in taken(daemon, 4)]
        assert [slot.placed_by for slot in slots] == [0, 1, 1, 1]
        assert {(slot.order_key, slot.client_order_id) for slot in slots} == {(0, "")}
        answer(daemon, 1, Result.REFUSED, 900006)
        drain(session)
        with pytest.raises(ValueError, match="no name"):
            session.cancel(placed)


@pytest.mark.parametrize("loop", ["wait", "stream", "spin"])
def test_a_report_wakes_who_waits(daemon: Daemon, loop: str) -> None:
    with trader(daemon) as session:
        assert session.poll() is None

        async def first() -> Any:
            async with asyncio.timeout(60):
                async for event in session.stream():
                    return event

        order(daemon, 5, say=daemon.tell)
        if loop == "wait":
            event: Any = session.wait(30)
        elif loop == "stream":
            event = asyncio.run(first())
        else:
            event = next(session)
        assert event.order_key == 5
        assert int(daemon._line()) == 1


def test_a_strategy_that_comes_back_gets_what_it_missed(daemon: Daemon) -> None:
    with trader(daemon) as session:
        for key in range(1, 6):
            order(daemon, key)
        assert [session.wait(30).order_key for _ in range(2)] == [1, 2]  # type: ignore[union-attr]
        last = session.report_sequence
    order(daemon, 6)
    with trader(daemon, resume=last) as session:
        assert [event.order_key for event in drain(session)] == [3, 4, 5, 6]
    with trader(daemon) as session:
        assert session.report_sequence == 6
        assert session.poll() is None
        order(daemon, 7)
        assert [event.sequence for event in drain(session)] == [7]
    with trader(daemon, resume=0) as session:
        assert [event.sequence for event in drain(session)] == list(range(1, 8))
    with pytest.raises(connector.AttachError, match="report 99"):
        trader(daemon, resume=99)


def test_a_lagging_strategy_loses_nothing(daemon: Daemon) -> None:
    """Three rings full while nobody reads."""
    count = 3 * (1 << 20) // 448
    with trader(daemon) as session:
        for key in range(1, count + 1):
            order(daemon, key, say=daemon.tell)
        for _ in range(count):
            daemon._line()
        found: list[int] = []

        def all_of_them() -> bool:
            found.extend(event.sequence for event in drain(session))
            return len(found) >= count

        eventually(all_of_them)
        assert found == list(range(1, count + 1))


def test_a_report_cursor_that_lies_ends_the_session(daemon: Daemon) -> None:
    for lie in (1, 64, 1 << 40, 2**64 - 1):
        hostile = Hostile(daemon)
        struct.pack_into("<Q", hostile.bytes, 256, lie)
        order(daemon, 1)
        assert hostile.ended()
        assert hostile.reason == 3
        hostile.close()
    why = [one[2] for one in daemon.do("life") if one[0] == "closed"]
    assert "report cursor" in why[0]


def test_after_a_kill_of_the_daemon_every_command_is_settled(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, "--trading")
    other: Daemon | None = None
    try:
        with trader(daemon) as session:
            order(daemon, 1)
            tickets = [session.place(0, "buy", number + 1, 2) for number in range(3)]
            taken(daemon, 3)
            answer(daemon, 1, Result.ACCEPTED, order_key=1)
            drain(session)
            daemon.tell("stop")
            eventually(lambda: _stopped(daemon.process.pid))
            tickets += [
                session.place(0, "buy", number + 1, 2, ref_id=f"r{number}") for number in (3, 4)
            ]
            daemon.stop()
            other = Daemon(tmp_path, "--trading")
            answer(other, 2, Result.ACCEPTED, order_key=2)
            with pytest.raises(connector.EpochChanged):
                session.check_alive()
            session.reattach()
            assert [one.command for one in drain(session)] == [2]
            unsent = session.settle()
            assert unsent == tickets[3:]
            assert [one.answer.code for one in unsent] == [Code.NOT_SENT.value] * 2
            told = json.loads(unsent[0].answer.to_json())
            assert (told["ref_id"], told["request"]["quantity"]) == ("r3", 4)
            assert told["metadata"]["metadata"]["error_code"] == 900017
            assert session.settle() == []
            assert session.waiting == [tickets[2]]
            again = session.place(0, "buy", 9, 2)
            assert again.number == 4
            answer(other, 3, Result.ACCEPTED)
            answer(other, 4, Result.ACCEPTED)
            drain(session)
            assert session.waiting == []
            assert again.answer.accepted
    finally:
        for one in (daemon, other):
            if one is not None and one.process.poll() is None:
                one.stop()


def test_a_forked_child_gets_no_reports(daemon: Daemon) -> None:
    with trader(daemon) as session:
        order(daemon, 1)
        child = os.fork()
        if child == 0:
            try:
                session.poll()
            except connector.AttachError:
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert [event.sequence for event in drain(session)] == [1]


def _stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
