"""Limits of our own, checked before an order is sent: exact integers, per account and per strategy.

Exposure is the quote notional, at mark, of the position an instrument would have if every order
that is not proved dead filled on its worse side: pending and unknown ones count, an amend at its
larger size. Both sets of limits apply; the first that is broken is named with value and limit."""

from collections import deque
from collections.abc import Callable, Iterable

from msgspec import Struct

from connector.model.instrument import MARK_EXPONENT, Instrument
from connector.model.intents import Action, CommandFlag, OrderType
from connector.model.order import Order
from connector.model.records import Side
from connector.model.reports import Code, Field
from connector.trading.commands import Command, Refusal

MONEY = 10**8
"""Notionals, profits and limits are integers of 10^-8 of the quote."""
BASIS = 10_000
SECOND_NS = 1_000_000_000


class Limits(Struct, frozen=True, kw_only=True):
    """What one account or one strategy may do; None: no such limit. Money in 10^-8."""

    order_notional_e: int | None = None
    """Of one order."""
    exposure_e: int | None = None
    """Sum over instruments."""
    open_orders: int | None = None
    orders_per_second: int | None = None
    """New orders and amends in any second."""
    collar_bps: int | None = None
    """A limit price may be this much worse than the other side's best; market orders count as
    being there."""
    loss_e: int | None = None
    """Realised and unrealised together since midnight UTC or a reset."""


class Touch(Struct, frozen=True):
    """The market as far as limits look at it; prices in the instrument's scale."""

    live: bool
    """Best bid and ask are valid now."""
    bid_e: int = 0
    ask_e: int = 0
    mark_e: int = 0
    """In 10^-8; 0: not known."""


def notional_e(instrument: Instrument, qty_e: int, mark_e: int) -> int:
    """Quantity at a mark price of 10^-8, in 10^-8 of the quote, rounded away from zero."""
    scale: int = 10 ** (MARK_EXPONENT + instrument.qty_exponent)
    value = abs(qty_e) * mark_e * instrument.contract_size_e
    return -(-value // scale)


class Book(Struct):
    """What one account or strategy has in one instrument and position side."""

    position_e: int = 0
    buys_e: int = 0
    """Leaves of buys that may still fill."""
    sells_e: int = 0

    @property
    def worst_e(self) -> int:
        """The larger of what buys and what sells could make of the position."""
        return max(abs(self.position_e + self.buys_e), abs(self.position_e - self.sells_e))


def gather(orders: Iterable[Order], amends: Callable[[Order], int]) -> dict[tuple[str, int], Book]:
    """Leaves by (symbol, position side); ``amends`` gives the largest total an amend under way
    asks for, 0 when none is."""
    books: dict[tuple[str, int], Book] = {}
    for order in orders:
        if order.status.terminal:
            continue
        book = books.setdefault((order.instrument.symbol, order.position_side), Book())
        leaves_e = max(order.qty_e, amends(order)) - order.filled_qty_e
        if order.reduce_only or leaves_e <= 0:
            continue
        if order.side is Side.BUY:
            book.buys_e += leaves_e
        else:
            book.sells_e += leaves_e
    return books


class Pace:
    """New orders and amends in any second."""

    def __init__(self) -> None:
        self._sent: deque[int] = deque()

    def used(self, now_ns: int) -> int:
        while self._sent and self._sent[0] <= now_ns - SECOND_NS:
            self._sent.popleft()
        return len(self._sent)

    def take(self, now_ns: int) -> None:
        self._sent.append(now_ns)


def check_order(command: Command, instrument: Instrument, touch: Touch, limits: Limits) -> None:
    """What one order may be by itself; raises Refusal."""
    if command.action not in (Action.PLACE, Action.AMEND):
        return
    reduces = bool(command.flags & (CommandFlag.REDUCE_ONLY | CommandFlag.CLOSE_POSITION))
    waits = command.action is Action.PLACE and command.order_type.conditional
    if not touch.live and not waits and not reduces:
        raise Refusal(Code.STALE_BOOK, Field.INSTRUMENT, f"{instrument.symbol}: no live best price")
    if limits.collar_bps is not None and not waits:
        _collar(command, touch, limits.collar_bps)
    if limits.order_notional_e is not None and command.qty_e is not None and not reduces:
        price_e = _price(command, instrument, touch)
        value_e = notional_e(instrument, command.qty_e, price_e)
        if value_e > limits.order_notional_e:
            raise Refusal(
                Code.RISK_LIMIT,
                Field.NOTIONAL,
                "the order is too large",
                value_e,
                limits.order_notional_e,
            )


def _collar(command: Command, touch: Touch, collar_bps: int) -> None:
    price_e = command.price_e
    if price_e is None:
        return
    if command.side is Side.BUY and touch.ask_e:
        limit_e = touch.ask_e * (BASIS + collar_bps) // BASIS
        if price_e > limit_e:
            raise Refusal(
                Code.RISK_LIMIT, Field.PRICE, "too far over the best ask", price_e, limit_e
            )
    if command.side is Side.SELL and touch.bid_e:
        limit_e = -(-touch.bid_e * (BASIS - collar_bps) // BASIS)
        if price_e < limit_e:
            raise Refusal(
                Code.RISK_LIMIT, Field.PRICE, "too far under the best bid", price_e, limit_e
            )


def _price(command: Command, instrument: Instrument, touch: Touch) -> int:
    """The dearer of limit price, mark and touch, in 10^-8."""
    shift: int = 10 ** max(0, MARK_EXPONENT - instrument.price_exponent)
    down: int = 10 ** max(0, instrument.price_exponent - MARK_EXPONENT)
    limit_e = command.price_e or command.stop_price_e or 0
    touch_e = touch.ask_e if command.side is Side.BUY else touch.bid_e
    if command.order_type is OrderType.LIMIT and command.price_e is not None:
        touch_e = 0
    return max(touch.mark_e, -(-max(limit_e, touch_e) * shift // down))


def check_counts(open_orders: int, pace: int, limits: Limits, placing: bool) -> None:
    """How many; raises Refusal."""
    if placing and limits.open_orders is not None and open_orders >= limits.open_orders:
        raise Refusal(
            Code.RISK_LIMIT,
            Field.OPEN_ORDERS,
            "too many open orders",
            open_orders + 1,
            limits.open_orders,
        )
    if limits.orders_per_second is not None and pace >= limits.orders_per_second:
        raise Refusal(
            Code.RISK_LIMIT,
            Field.ORDER_RATE,
            "too many orders a second",
            pace + 1,
            limits.orders_per_second,
        )


def check_exposure(
    command: Command,
    instrument: Instrument,
    books: dict[tuple[str, int], Book],
    marks: Callable[[str], tuple[Instrument, int] | None],
    limits: Limits,
) -> None:
    """What everything together would be with this order; raises Refusal.

    ``marks`` gives instrument and mark price (10^-8) of a symbol; one without a mark cannot be
    valued, and nothing may grow until it can."""
    if limits.exposure_e is None or command.qty_e is None:
        return
    if command.flags & CommandFlag.REDUCE_ONLY:
        return
    place = (instrument.symbol, int(command.position_side))
    before = books.get(place, Book())
    with_it = Book(before.position_e, before.buys_e, before.sells_e)
    if command.action is Action.PLACE:
        if command.side is Side.BUY:
            with_it.buys_e += command.qty_e
        else:
            with_it.sells_e += command.qty_e
    if with_it.worst_e <= abs(with_it.position_e):
        return  # it can only make the position smaller
    total_e = 0
    for (symbol, _), book in {**books, place: with_it}.items():
        if not book.worst_e:
            continue
        found = marks(symbol)
        if found is None or not found[1]:
            raise Refusal(Code.STALE_BOOK, Field.EXPOSURE, f"{symbol}: no mark price")
        total_e += notional_e(found[0], book.worst_e, found[1])
    if total_e > limits.exposure_e:
        raise Refusal(
            Code.RISK_LIMIT, Field.EXPOSURE, "too much exposure", total_e, limits.exposure_e
        )


def check_loss(profit_e: int, limits: Limits) -> None:
    """Realised and unrealised since the day began; raises Refusal when too much was lost."""
    if limits.loss_e is not None and profit_e <= -limits.loss_e:
        raise Refusal(Code.RISK_LIMIT, Field.LOSS, "the day's loss limit", -profit_e, limits.loss_e)
