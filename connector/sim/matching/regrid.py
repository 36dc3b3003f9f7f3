"""Another price grid: what accounts have in ticks of the old one is counted in ticks of the new.

Of what has ended, rows whose price is not on the new grid are forgotten: they cannot be said in it.
"""

from msgspec import Struct, structs

from connector.sim.matching.account import Account
from connector.sim.matching.book import Book
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import Conditional, Order


class Grid(Struct, frozen=True):
    """From old ticks to new: a price is old * ``old_units`` = new * ``new_units``."""

    old_units: int
    new_units: int

    def holds(self, *ticks: int) -> bool:
        """Whether all these old prices are on the new grid."""
        return not any(tick * self.old_units % self.new_units for tick in ticks)

    def tick(self, old: int) -> int:
        return old * self.old_units // self.new_units


def between(old: Rules, new: Rules) -> Grid:
    digits = max(old.price_digits, new.price_digits)
    return Grid(
        old.tick_units * 10 ** (digits - old.price_digits),
        new.tick_units * 10 ** (digits - new.price_digits),
    )


def order_ticks(order: Order) -> tuple[int, ...]:
    return (order.tick, order.trigger_tick, order.activate_tick)


def conditional_ticks(each: Conditional) -> tuple[int, ...]:
    return (each.request.tick, each.request.trigger_tick, each.request.activate_tick)


def move_book(book: Book, grid: Grid) -> None:
    """Every level of market and accounts, which are all on the new grid."""
    for ladder in book.market:
        ladder.lots = {grid.tick(key): lots for key, lots in ladder.lots.items()}
        ladder.keys = [grid.tick(key) for key in ladder.keys]
    for own in book.resting:
        own.lots = {grid.tick(key): lots for key, lots in own.lots.items()}
        own.keys = [grid.tick(key) for key in own.keys]
        own.queues = {grid.tick(key): queue for key, queue in own.queues.items()}


def move_account(account: Account, symbol: str, grid: Grid) -> None:
    """Orders, fills and changes of that symbol; open orders are all on the new grid."""
    for number, order in [*account.orders.items()]:
        if order.symbol != symbol:
            continue
        changes = account.amendments.get(number, [])
        if not order.open and not grid.holds(*order_ticks(order)):
            del account.orders[number]
            account.amendments.pop(number, None)
            continue
        order.tick, order.key = grid.tick(order.tick), grid.tick(order.key)
        order.trigger_tick = grid.tick(order.trigger_tick)
        order.activate_tick = grid.tick(order.activate_tick)
        changes[:] = [
            structs.replace(row, tick=grid.tick(row.tick), tick_before=grid.tick(row.tick_before))
            for row in changes
            if grid.holds(row.tick, row.tick_before)
        ]
    if symbol in account.fills:
        account.fills[symbol][:] = [
            structs.replace(row, tick=grid.tick(row.tick))
            for row in account.fills[symbol]
            if grid.holds(row.tick)
        ]
    for number, each in [*account.conditionals.items()]:
        if each.request.symbol != symbol:
            continue
        if not each.open and not grid.holds(*conditional_ticks(each)):
            del account.conditionals[number]
            continue
        tick, trigger, activate = map(grid.tick, conditional_ticks(each))
        each.request = structs.replace(
            each.request, tick=tick, trigger_tick=trigger, activate_tick=activate
        )
