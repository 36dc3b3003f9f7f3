"""The short way of an account's plain events (``_speedups/hearing.pyx``), beside the tracker's."""

from collections.abc import Callable

from connector._speedups.hearing import Hearing
from connector.model.counters import Hop
from connector.model.order import MOVES, Fill, Order
from connector.model.reports import EndReason, OrderStatus, Update
from connector.trading.effects import Report
from connector.trading.holdings import Holdings
from connector.trading.ledger import Ledger
from connector.trading.positions import Positions
from connector.trading.roles import Account, Listed
from connector.trading.tracker import Tracker


def hearing(
    account: Account,
    tracker: Tracker,
    positions: Positions,
    holdings: Holdings,
    ledger: Ledger,
    *,
    find: Callable[[int, str], Listed | None],
    clock: Callable[[], int],
    observe: Callable[[int, int], object],
    fault: Callable[[Exception, str], None],
) -> Hearing | None:
    """An account's; None: its venue has no reader for it. The arguments are the desk's."""
    reader = account.trading.stream.reader
    if reader is None:
        return None
    hop, venue = Hop.RECV_TO_REPORT.value, account.venue

    def write(order: Order, body: bytes, told_ns: int, recv_ns: int) -> None:
        try:
            listed = find(venue, order.instrument.symbol)
            ledger.told(order, body, listed, account, told_ns, recv_ns)
        except Exception as error:  # of ours; whatever else comes of the event is owed all the same
            fault(error, order.strategy)

    def follow(report: Report) -> None:
        positions.filled(report)
        holdings.filled(report)

    def spoken(recv_ns: int) -> None:
        observe(hop, clock() - recv_ns)

    return Hearing(
        reader(),
        account.index,
        tracker,
        moves=MOVES,
        statuses=OrderStatus,
        reasons=EndReason,
        fill=Fill,
        report=_filled,
        write=write,
        clock=clock,
        wall=ledger.wall,
        follow=follow,
        counted=holdings.order,
        spoken=spoken,
    )


def _filled(
    order: Order,
    filled_qty_e: int,
    average_e: int,
    average_exponent: int,
    flags: int,
    last_qty_e: int,
    last_price_e: int,
    trade_id: int,
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
        fee_e=fee_e,
        fee_asset=fee_asset,
        realised_e=realised_e,
        venue_ns=venue_ns,
    )
