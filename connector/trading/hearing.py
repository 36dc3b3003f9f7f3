"""The short way of an account's plain events (``_speedups/hearing.pyx``), beside the tracker's."""

import logging
from collections.abc import Callable, Sequence

from connector._speedups.filling import Filling
from connector._speedups.hearing import Hearing
from connector._speedups.outlet import Outlet
from connector._speedups.segment import Segment
from connector._speedups.telling import Telling
from connector.model.counters import Hop
from connector.model.intents import Action
from connector.model.order import MOVES, Fill, Order
from connector.model.records import RecordType
from connector.model.reports import EndReason, OrderStatus, Update
from connector.trading.effects import Detail, Report
from connector.trading.holdings import Holding, Holdings, Owner
from connector.trading.ledger import NOBODY, Ledger
from connector.trading.positions import Place, Positions
from connector.trading.reports import scaled
from connector.trading.roles import Account, Listed
from connector.trading.tracker import Tracker
from connector.venues.trading_contract import BalanceEvent, PositionEvent, UserEvent

log = logging.getLogger("connector.hearing")


def hearing(
    segment: Segment,
    account: Account,
    tracker: Tracker,
    positions: Positions,
    holdings: Holdings,
    ledger: Ledger,
    *,
    find: Callable[[int, str], Listed | None],
    clock: Callable[[], int],
    rest: Callable[[bytes, int, int], object],
    tell: Callable[[Sequence[UserEvent], int], object],
    fault: Callable[[Exception, str], None],
) -> Hearing | None:
    """An account's; None: its venue has no reader for it. ``rest(frame, recv_ns, done)`` is given
    what a frame says behind its first ``done`` events, ``tell(events, recv_ns)`` what it says
    besides orders; all but these and ``segment`` is the desk's."""
    reader, venue = account.trading.stream.reader, account.venue
    if reader is None:
        return None

    def place(symbol: str) -> int | None:
        listed = find(venue, symbol)
        return listed.index if listed is not None else None

    def write(order: Order, kind: int, body: bytes, told_ns: int, recv_ns: int) -> None:
        try:
            listed = find(venue, order.instrument.symbol)
            ledger.told(order, RecordType(kind), body, listed, account, told_ns, recv_ns)
        except Exception as error:  # of ours; whatever else comes of the event is owed all the same
            fault(error, order.strategy)

    def follow(report: Report) -> None:
        positions.filled(report)
        holdings.filled(report)

    def failed(error: Exception) -> None:
        more = {"account": account.name}
        log.error("a private frame could not be handled", extra=more, exc_info=error)

    def note(
        strategy: str, kind: int, body: bytes, symbol: str | None, told_ns: int, recv_ns: int
    ) -> None:
        listed = find(venue, symbol) if symbol else None
        ledger.noted(strategy, RecordType(kind), body, listed, account, told_ns, recv_ns)

    def owners(order: Order) -> tuple[tuple[str, Place], list[tuple[Owner, Holding]]]:
        place = order.account, order.instrument.symbol, order.position_side
        return (order.strategy, place), holdings.shares(order)

    filling = Filling(
        holdings=holdings,
        own=positions.by_fills,
        under_way=tracker.under_way,
        amend=Action.AMEND,
        owners=owners,
    )
    journals = ledger.journals
    outlet = Outlet(
        account.index,
        venue,
        place=place,
        opened=journals.opened,
        handed=journals.handed,
        fault=fault,
    )
    telling = Telling(
        outlet,
        account,
        sorted(account.strategies) or [NOBODY],
        balance=BalanceEvent,
        position=PositionEvent,
        told_balance=positions.balance,
        told_position=positions.said,
        paid=holdings.paid,
        held=holdings.said,
        own=positions.own,
        scaled=scaled,
        other=tell,
        wall=ledger.wall,
        write=note,
    )
    made = Hearing(segment)
    made.use(
        reader(),
        account,
        tracker,
        outlet,
        moves=MOVES,
        statuses=OrderStatus,
        reasons=EndReason,
        fill=Fill,
        report=_filled,
        detailed=_detailed,
        write=write,
        clock=clock,
        wall=ledger.wall,
        filling=filling,
        follow=follow,
        detail=holdings.detail,
        counted=holdings.order,
        rest=rest,
        tell=telling.tell,
        failed=failed,
        hop=Hop.RECV_TO_REPORT.value,
    )
    return made


def _filled(
    order: Order,
    filled_qty_e: int,
    average_e: int,
    average_exponent: int,
    flags: int,
    last_qty_e: int,
    last_price_e: int,
    trade_id: int | None,
    venue_trade_id: str,
    fee_e: int | None,
    fee_asset: str,
    realised_e: int | None,
    venue_ns: int,
) -> Report:
    """A fill that was reported."""
    return Report(
        order=order,
        update=Update.EXECUTED,
        status=order.status,
        reason=order.reason,
        filled_qty_e=filled_qty_e,
        average_e=average_e,
        average_exponent=average_exponent,
        flags=flags,
        last_qty_e=last_qty_e,
        last_price_e=last_price_e,
        trade_id=trade_id,
        venue_trade_id=venue_trade_id,
        fee_e=fee_e,
        fee_asset=fee_asset,
        realised_e=realised_e,
        venue_ns=venue_ns,
    )


def _detailed(
    order: Order,
    last_qty_e: int,
    last_price_e: int,
    trade_id: int | None,
    venue_trade_id: str,
    fee_e: int,
    fee_asset: str,
    realised_e: int | None,
    venue_ns: int,
) -> Detail:
    """The fee of a fill that was reported without it."""
    return Detail(
        order=order,
        last_qty_e=last_qty_e,
        last_price_e=last_price_e,
        trade_id=trade_id,
        venue_trade_id=venue_trade_id,
        fee_e=fee_e,
        fee_asset=fee_asset,
        realised_e=realised_e,
        venue_ns=venue_ns,
    )
