"""Limits of our own, checked before an order is sent: exact integers, per account and per strategy.

Both sets of limits apply; the first that is broken is named with value and limit. What they are
measured against is kept in `connector.trading.holdings`. Nothing here costs more with more open
orders or instruments."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from connector._speedups.decimal import parse
from connector.model.instrument import MARK_EXPONENT, Instrument
from connector.model.intents import OWN_COMMAND, Action, CommandFlag, OrderType
from connector.model.order import Order
from connector.model.records import Side
from connector.model.reports import Code, Field
from connector.trading.commands import Command, Refusal
from connector.trading.roles import Account, Listed

if TYPE_CHECKING:
    from connector.trading.holdings import Holdings, Owner

MONEY_EXPONENT = 8
"""Notionals, profits and limits are integers of 10^-8 of the quote."""
BASIS = 10_000
_REDUCES = int(CommandFlag.REDUCE_ONLY | CommandFlag.CLOSE_POSITION)


class Limits(Struct, frozen=True, kw_only=True):
    """What one account or one strategy may do; None: no such limit. Money in 10^-8."""

    order_notional_e: int | None = None
    """Of one order."""
    order_quantity: Mapping[str, str] = {}
    """Of one order, by symbol; decimals."""
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


class Wanted(Struct):
    """What an order would be after the command."""

    instrument: Instrument
    side: Side
    order_type: OrderType
    price_e: int | None
    qty_e: int
    stop_price_e: int | None
    reduces: bool
    """It can only make the position smaller: size, exposure and loss do not stop it."""
    waits: bool
    """For its trigger: what the market says now is not what it will meet."""


def wanted(command: Command, order: Order | None, instrument: Instrument) -> Wanted:
    """``order``: the one an amend means, None when nobody here knows it."""
    if command.action is Action.PLACE or order is None:
        kind, reduces = command.order_type, bool(int(command.flags) & _REDUCES)
        return Wanted(instrument, command.side, kind, command.price_e, command.qty_e or 0,
                      command.stop_price_e, reduces, kind.conditional)  # fmt: skip
    price_e = order.price_e if command.price_e is None else command.price_e
    qty_e = order.qty_e if command.qty_e is None else command.qty_e
    return Wanted(instrument, order.side, order.order_type, price_e, qty_e, order.stop_price_e,
                  order.reduce_only, order.conditional)  # fmt: skip


class Risk:
    """The checks; ``holdings`` is what they measure against."""

    def __init__(self, holdings: "Holdings") -> None:
        self._holdings = holdings
        self._quantities: dict[tuple[str, str, str], int] = {}

    def check(
        self,
        strategy: str,
        account: Account,
        listed: Listed,
        command: Command,
        order: Order | None,
        now_ns: int,
    ) -> None:
        """May this new order, or this amend that makes more of one, go out? Raises Refusal."""
        one = wanted(command, order, listed.instrument)
        if one.reduces and command.number & OWN_COMMAND:
            return  # our own closing of positions must not wait for a book
        touch = listed.touch
        check_touch(one, touch)
        holdings = self._holdings
        owners = holdings.account(account.index), holdings.strategy(strategy)
        if owners[0].limits is None and owners[1].limits is None:
            return
        mark_e = listed.mark_e or 0
        value_e = order_notional_e(one, touch, mark_e)
        placing = command.action is Action.PLACE
        for owner in owners:
            limits = owner.limits
            if limits is None:
                continue
            if limits.collar_bps is not None and touch is not None and not one.waits:
                check_collar(one, touch, limits.collar_bps, owner)
            if not one.reduces:
                self._check_size(one, value_e, limits, owner)
            _check_counts(limits, owner, now_ns, placing)
            if one.reduces:
                continue
            if limits.exposure_e is not None:
                self._check_exposure(one, account, command, order, limits.exposure_e, owner)
            if limits.loss_e is not None and owner.profit_e <= -limits.loss_e:
                raise _lost(owner, limits.loss_e)

    def took(self, strategy: str, account: Account, now_ns: int) -> None:
        """It goes out."""
        self._holdings.account(account.index).took(now_ns)
        self._holdings.strategy(strategy).took(now_ns)

    def most_e(self, owner: "Owner", instrument: Instrument) -> int | None:
        """The largest quantity of one order; None: no such limit."""
        if owner.limits is None or instrument.symbol not in owner.limits.order_quantity:
            return None
        return self._quantity_e(owner, owner.limits, instrument)

    def _check_size(self, one: Wanted, value_e: int, limits: Limits, owner: "Owner") -> None:
        most_e = limits.order_notional_e
        if most_e is not None and value_e > most_e:
            raise _over(Field.NOTIONAL, "the order's notional", value_e, most_e, owner)
        if one.instrument.symbol in limits.order_quantity:
            most_e = self._quantity_e(owner, limits, one.instrument)
            if one.qty_e > most_e:
                raise _over(Field.QUANTITY, "the order's quantity", one.qty_e, most_e, owner)

    def _quantity_e(self, owner: "Owner", limits: Limits, instrument: Instrument) -> int:
        key = owner.kind, owner.name, instrument.symbol
        found = self._quantities.get(key)
        if found is None:
            limit_e = parse(limits.order_quantity[instrument.symbol], MONEY_EXPONENT)
            up: int = 10**instrument.qty_exponent
            found = self._quantities[key] = limit_e * up // 10**MONEY_EXPONENT
        return found

    def _check_exposure(
        self,
        one: Wanted,
        account: Account,
        command: Command,
        order: Order | None,
        most_e: int,
        owner: "Owner",
    ) -> None:
        holdings, side = self._holdings, command.position_side
        more_e = one.qty_e
        if command.action is not Action.PLACE and order is not None:
            side = order.position_side
            more_e = one.qty_e - order.filled_qty_e - holdings.counted_e(order)
        holding = holdings.holding(owner, account.index, one.instrument, side)
        holdings.remark(owner, holding)
        worst_e = holding.worst_with(one.side, max(0, more_e))
        if worst_e <= holding.worst_e:
            return  # it makes nothing larger
        if not holding.fresh or owner.unmarked:
            symbol = next(iter(owner.unmarked), one.instrument.symbol)
            raise Refusal(
                Code.STALE_BOOK, Field.EXPOSURE, f"{symbol}: no mark price to value exposure by"
            )
        total_e = owner.exposure_e - holding.value_e + holding.notional_e(worst_e)
        if total_e > most_e:
            raise _over(Field.EXPOSURE, "exposure", total_e, most_e, owner)


def check_touch(one: Wanted, touch: tuple[int, int] | None) -> None:
    """The rule of the stale book: best bid and ask as the venue has them now, 0 for a side that is
    empty, None when nobody knows. Raises Refusal."""
    symbol = one.instrument.symbol
    if one.order_type is OrderType.MARKET:
        if touch is None or not touch[one.side is Side.BUY]:
            text = f"{symbol}: no live best price to trade at"
            raise Refusal(Code.STALE_BOOK, Field.INSTRUMENT, text)
    elif touch is None and not one.waits and not one.reduces:
        raise Refusal(Code.STALE_BOOK, Field.INSTRUMENT, f"{symbol}: no live best price")


def check_collar(one: Wanted, touch: tuple[int, int], collar_bps: int, owner: "Owner") -> None:
    """A limit price not too far through the other side's best; raises Refusal."""
    price_e, (bid_e, ask_e) = one.price_e, touch
    if price_e is None:
        return
    if one.side is Side.BUY and ask_e:
        limit_e = ask_e * (BASIS + collar_bps) // BASIS
        if price_e > limit_e:
            raise _over(Field.PRICE, "the price's way over the best ask", price_e, limit_e, owner)
    if one.side is Side.SELL and bid_e:
        limit_e = -(-bid_e * (BASIS - collar_bps) // BASIS)
        if price_e < limit_e:
            raise _over(Field.PRICE, "the price's way under the best bid", price_e, limit_e, owner)


def order_notional_e(one: Wanted, touch: tuple[int, int] | None, mark_e: int) -> int:
    """What an order may be worth, in 10^-8: at the dearest of its own price, the mark and, without
    a limit of its own, the price it would meet now."""
    instrument = one.instrument
    size_e = one.qty_e * instrument.contract_size_e
    if instrument.inverse:  # whatever its price
        return -(-size_e // int(10**instrument.qty_exponent))
    own_e = max(one.price_e or 0, one.stop_price_e or 0)
    if touch is not None and one.price_e is None:
        own_e = max(own_e, touch[one.side is Side.BUY])
    shift = MARK_EXPONENT - instrument.price_exponent
    own_e = own_e * 10**shift if shift >= 0 else -(-own_e // 10**-shift)
    scale = 10 ** (MARK_EXPONENT + instrument.qty_exponent)
    value: int = -(-size_e * max(mark_e, own_e) // scale)
    return value


def _check_counts(limits: Limits, owner: "Owner", now_ns: int, placing: bool) -> None:
    most = limits.open_orders
    if placing and most is not None and owner.open_orders >= most:
        raise _over(Field.OPEN_ORDERS, "open orders", owner.open_orders + 1, most, owner)
    most = limits.orders_per_second
    if most is not None and (pace := owner.pace(now_ns)) >= most:
        raise _over(Field.ORDER_RATE, "orders a second", pace + 1, most, owner)


def _lost(owner: "Owner", limit_e: int) -> Refusal:
    if not owner.unknown:
        return _over(Field.LOSS, "the day's loss", -owner.profit_e, limit_e, owner)
    text = f"the day's loss of {owner.kind} {owner.name} is not known: what kept it is unreadable"
    return Refusal(Code.RISK_LIMIT, Field.LOSS, text, 0, limit_e)


def _over(field: Field, what: str, value: int, limit: int, owner: "Owner") -> Refusal:
    text = f"{what}: over the limit of {owner.kind} {owner.name}"
    return Refusal(Code.RISK_LIMIT, field, text, value, limit)
