"""An account: its money, positions, orders and what it did. No rule of matching is here."""

from msgspec import Struct

from connector.sim.matching.rules import Rules, nearest
from connector.sim.matching.types import (
    Amended,
    Conditional,
    Fill,
    Income,
    MarginType,
    Order,
    PositionSide,
    Side,
)


class Position(Struct):
    """What an account holds of a symbol."""

    symbol: str
    side: PositionSide
    lots: int = 0
    """Negative when short."""
    cost_m: int = 0
    """What ``lots`` cost when they were opened; negative when short."""
    fees_m: int = 0
    """What was paid in fees for opening them."""
    realized_m: int = 0
    isolated_m: int = 0
    """Isolated wallet: the part of the account's wallet that answers for this position."""
    updated_ns: int = 0

    def fill(self, rules: Rules, side: Side, tick: int, lots: int, fee_m: int, isolate: int) -> int:
        """Buy or sell. Gives the profit of what was closed, exact to the unit over a position's
        life: all fills' quotes together are its cost and its profits.

        ``isolate`` is the leverage of an isolated position, else 0."""
        sign = 1 if side == Side.BUY else -1
        profit = closed = 0
        quote = rules.quote_m(tick, lots)
        if self.lots * sign < 0:
            held = abs(self.lots)
            closed = min(held, lots)
            closed_quote = rules.quote_m(tick, closed)
            cost = rules.share_m(self.cost_m, closed, held)
            profit = -sign * closed_quote - cost
            self.cost_m -= cost
            self.fees_m -= _share(self.fees_m, closed, held)
            self.isolated_m -= _share(self.isolated_m, closed, held)
            self.lots += sign * closed
            quote -= closed_quote
        opened = lots - closed
        if opened:
            self.lots += sign * opened
            self.cost_m += sign * quote
            self.fees_m += _share(fee_m, opened, lots)
            if isolate:
                self.isolated_m += -(-abs(quote) // isolate)
        self.realized_m += profit
        return profit


def _share(amount: int, part: int, whole: int) -> int:
    return amount if part == whole else nearest(amount * part, whole)


class Wallet(Struct):
    """One asset."""

    total_m: int = 0
    updated_ns: int = 0


class Account:
    """One account's state. Orders are by id everywhere; ids ascend with time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.hedge = False
        """LONG and SHORT apart, of every symbol that has no mode of its own."""
        self.modes: dict[str, bool] = {}
        """The same of single symbols."""
        self.wallets: dict[str, Wallet] = {}
        self.positions: dict[tuple[str, PositionSide], Position] = {}
        self.leverages: dict[str, int] = {}
        self.margin_types: dict[str, MarginType] = {}
        self._fees: dict[str, tuple[int, int]] = {}

        self.open: dict[str, dict[int, Order]] = {}
        """Orders that rest, of each symbol."""
        self.opening_m: dict[tuple[str, PositionSide, Side], int] = {}
        """What those are worth that may open or enlarge a position."""
        self._closing: dict[str, int] = {}
        self._open_ids: dict[str, int] = {}
        self.orders: dict[int, Order] = {}
        """All orders kept, open or not."""
        self.by_client: dict[tuple[str, str], int] = {}
        """Symbol and client id to the newest order."""
        self.fills: dict[str, list[Fill]] = {}
        self.amendments: dict[int, list[Amended]] = {}

        self.waiting: dict[int, Conditional] = {}
        """Conditional orders that wait for their trigger."""
        self.conditionals: dict[int, Conditional] = {}
        self.conditional_by_client: dict[str, int] = {}

        self.incomes: list[Income] = []
        self.countdowns: dict[str, int] = {}
        self.liquidating = False
        """Its positions could not be closed at once when they had to be."""
        self.margin_called: set[tuple[str, PositionSide] | None] = set()
        """Isolated positions, and None for all of cross margin, that were warned of."""

    def wallet(self, asset: str) -> Wallet:
        found = self.wallets.get(asset)
        if found is None:
            found = self.wallets[asset] = Wallet()
        return found

    def position(self, symbol: str, side: PositionSide) -> Position:
        found = self.positions.get((symbol, side))
        if found is None:
            found = self.positions[symbol, side] = Position(symbol, side)
        return found

    def lots(self, symbol: str, side: PositionSide) -> int:
        found = self.positions.get((symbol, side))
        return 0 if found is None else found.lots

    def hedged(self, symbol: str) -> bool:
        """Whether a symbol has two positions."""
        return self.modes.get(symbol, self.hedge)

    def sides(self, symbol: str) -> tuple[PositionSide, ...]:
        """The positions a symbol has in its mode."""
        if self.hedged(symbol):
            return (PositionSide.LONG, PositionSide.SHORT)
        return (PositionSide.BOTH,)

    def leverage(self, rules: Rules) -> int:
        return self.leverages.get(rules.symbol) or min(rules.default_leverage, rules.max_leverage)

    def isolated(self, symbol: str) -> bool:
        return self.margin_types.get(symbol) == MarginType.ISOLATED

    def fee_rates(self, rules: Rules) -> tuple[int, int]:
        """Maker's and taker's."""
        found = self._fees.get(rules.symbol) or self._fees.get("")
        return found or (rules.maker_fee_r, rules.taker_fee_r)

    def set_fees(self, symbol: str, maker_r: int, taker_r: int) -> None:
        self._fees[symbol] = (maker_r, taker_r)

    def fee_m(self, rules: Rules, quote_m: int, *, maker: bool) -> int:
        return rules.fee_m(quote_m, self.fee_rates(rules)[0 if maker else 1])

    def open_orders(self, symbol: str = "") -> list[Order]:
        """Oldest first."""
        if symbol:
            return sorted(self.open.get(symbol, {}).values(), key=lambda order: order.order_id)
        every = (order for orders in self.open.values() for order in orders.values())
        return sorted(every, key=lambda order: order.order_id)

    def add_open(self, order: Order, rules: Rules) -> None:
        """The order rests from now on."""
        self.open.setdefault(order.symbol, {})[order.order_id] = order
        self._open_ids[order.client_id] = self._open_ids.get(order.client_id, 0) + 1
        if order.closing:
            self._closing[order.symbol] = self._closing.get(order.symbol, 0) + 1
        self.count_open(order, rules)

    def count_open(self, order: Order, rules: Rules) -> None:
        """What a resting order is worth has changed."""
        if not order.closing:
            self._bind(order, rules.quote_m(order.tick, order.leaves))

    def drop_open(self, order: Order) -> None:
        """The order rests no longer, if it did."""
        if self.open.get(order.symbol, {}).pop(order.order_id, None) is None:
            return
        self._bind(order, 0)
        if order.closing:
            self._closing[order.symbol] -= 1
        left = self._open_ids[order.client_id] = self._open_ids[order.client_id] - 1
        if not left:
            del self._open_ids[order.client_id]

    def _bind(self, order: Order, amount_m: int) -> None:
        key = (order.symbol, order.position_side, order.side)
        total = self.opening_m.get(key, 0) + amount_m - order.bound_m
        order.bound_m = amount_m
        if total:
            self.opening_m[key] = total
        else:
            self.opening_m.pop(key, None)

    def closing(self, symbol: str) -> list[Order]:
        """Resting orders that may only reduce."""
        if not self._closing.get(symbol):
            return []
        return [order for order in self.open[symbol].values() if order.closing]

    def has_open(self, client_id: str) -> bool:
        """Whether an open order has that client id."""
        return client_id in self._open_ids

    def forget_order(self, number: int) -> None:
        order = self.orders.pop(number, None)
        self.amendments.pop(number, None)
        if order is not None and self.by_client.get((order.symbol, order.client_id)) == number:
            del self.by_client[order.symbol, order.client_id]

    def forget_conditional(self, number: int) -> None:
        each = self.conditionals.pop(number, None)
        if each is not None and self.conditional_by_client.get(each.client_id) == number:
            del self.conditional_by_client[each.client_id]

    def open_order(self, symbol: str, order_id: int, client_id: str) -> Order | None:
        """The open order with that id, or else with that client id."""
        order = self.order(symbol, order_id, client_id)
        return order if order is not None and order.open else None

    def order(self, symbol: str, order_id: int, client_id: str) -> Order | None:
        order = self.orders.get(order_id or self.by_client.get((symbol, client_id), 0))
        return order if order is not None and order.symbol == symbol else None
