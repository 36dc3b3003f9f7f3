"""How trading stands, for `connector top`: accounts, open orders, positions, balances.

Told in pieces, one for a turn of the loop, and never more of it than people can read."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from connector._speedups import decimal
from connector.desk import Desk
from connector.model.intents import PositionSide
from connector.model.order import Order
from connector.trading.roles import Account

ORDERS, POSITIONS, BALANCES = 20, 40, 20
"""Rows of an account."""
ORDERS_A_TURN = 500
"""Counted at a time: some 50 us."""
MONEY_EXPONENT = 8


class Shown(Account, Protocol):
    """An account as this shows it."""

    def state(self) -> dict[str, Any]: ...


def accounts_told(
    accounts: Sequence[Shown], desk: Desk, exchange: Callable[[int], str]
) -> Iterator[dict[str, Any] | None]:
    """One account after the other; None: a piece of work is done. ``exchange`` gives the name of a
    venue by its index."""
    for account in accounts:
        orders = desk.tracker.orders.open_of(account.index)
        open_of: Counter[str] = Counter()
        for first in range(0, len(orders), ORDERS_A_TURN):
            open_of.update(one.strategy for one in orders[first : first + ORDERS_A_TURN])
            yield None
        yield {
            **account.state(),
            "index": account.index,
            "exchange": exchange(account.venue),
            "open": dict(open_of),
            "orders": [_order(one) for one in orders[-ORDERS:]],
            "positions": _positions(account, desk)[:POSITIONS],
            "balances": [
                {"asset": one.asset, "wallet": _money(one.wallet_e),
                 "available": _money(one.available_e)}
                for one in desk.positions.balances(account.index)[:BALANCES]
            ],
        }  # fmt: skip


def _order(order: Order) -> dict[str, Any]:
    one = order.instrument
    return {
        "order_key": order.key,
        "strategy": order.strategy,
        "symbol": one.symbol,
        "side": order.side.name,
        "type": order.order_type.name,
        "price": _number(order.price_e, one.price_exponent, one.price_digits),
        "stop_price": _number(order.stop_price_e, one.price_exponent, one.price_digits),
        "qty": _number(order.qty_e, one.qty_exponent, one.qty_digits),
        "filled_qty": _number(order.filled_qty_e, one.qty_exponent, one.qty_digits),
        "status": order.status.name,
        "client_order_id": order.client_order_id,
    }


def _positions(account: Account, desk: Desk) -> list[dict[str, Any]]:
    """What the account holds, and whose fills that are; nothing where nobody holds anything."""
    own: dict[tuple[str, PositionSide], dict[str, int]] = {}
    for strategy in sorted(account.strategies):
        for (index, symbol, side), qty_e in desk.positions.owned(strategy):
            if index == account.index and qty_e:
                own.setdefault((symbol, side), {})[strategy] = qty_e
    rows = []
    said = {(one.symbol, one.position_side): one for one in desk.positions.account(account.index)}
    for place in dict.fromkeys([*said, *own]):
        one, mine = said.get(place), own.get(place, {})
        if not mine and (one is None or not one.qty_e):
            continue
        symbol, side = place
        scales = account.scales(symbol)
        exponent, digits = (scales.qty_exponent, scales.qty_digits) if scales else (0, 0)
        rows.append({
            "symbol": symbol,
            "position_side": side.name,
            "qty": _number(one.qty_e if one else 0, exponent, digits),
            "own": {name: _number(qty_e, exponent, digits) for name, qty_e in mine.items()},
            "entry": one.entry if one and one.qty_e else None,
            "unrealised": _money(one.unrealised_e) if one else None,
        })  # fmt: skip
    return rows


def _number(value_e: int | None, exponent: int, digits: int) -> str | None:
    return None if value_e is None else decimal.format(value_e, exponent, digits)


def _money(value_e: int | None) -> str | None:
    return _number(value_e, MONEY_EXPONENT, 2)
