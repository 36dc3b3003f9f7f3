"""A venue as an order tracker meets it, told as simply as possible: the truth, and channels that
lose, delay, repeat and reorder what they carry."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from connector.model.instrument import Instrument
from connector.model.intents import Action, OrderType
from connector.model.order import Order
from connector.model.records import Side
from connector.model.reports import EndReason, OrderStatus
from connector.venues.trading_contract import (
    Execution,
    OrderAnswer,
    OrderEvent,
    OrderOutcome,
    Source,
)

INSTRUMENT = Instrument(
    symbol="BTCUSDT",
    exchange="BinanceU",
    price_exponent=2,
    qty_exponent=3,
    price_digits=2,
    qty_digits=3,
    tick_e=10,
    step_e=1,
)
WINDOW_NS = 5_000_000_000
MS = 1_000_000
FEE_E = 7


@dataclass
class TrueOrder:
    """What really happened to one order."""

    client_order_id: str
    order_id: int
    qty_e: int
    price_e: int
    status: OrderStatus = OrderStatus.NEW
    filled_qty_e: int = 0
    fills: list[tuple[int, int, int]] = field(default_factory=list)
    """Trade id, quantity, price."""
    notional_e: int = 0


class TrueVenue:
    """Executes at once whatever reaches it and keeps the history; hands out events to carry."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.now_ns = 1_000_000_000_000
        self.fee_sign = rng.choice((1, -1))
        """How its lists of fills write what its events write as a positive number."""
        self.orders: dict[str, TrueOrder] = {}
        self.stream: list[OrderEvent] = []
        """Told and not yet carried."""
        self._ids = iter(range(1000, 10**9))
        self._trades = iter(range(1, 10**9))

    def place(self, order: Order) -> OrderAnswer:
        """What a request that arrives in time leads to."""
        if self.rng.random() < 0.1:
            return OrderAnswer(OrderOutcome.REFUSED, 400, -2019, '{"code":-2019}')
        true = TrueOrder(order.client_order_id, next(self._ids), order.qty_e, order.price_e or 0)
        self.orders[true.client_order_id] = true
        self._tell(true, Execution.NEW)
        answer = self._event(true, Execution.STATE, Source.ANSWER)
        for _ in range(self.rng.choice((0, 0, 1, 2))):
            self.fill(true)
        return OrderAnswer(OrderOutcome.ACCEPTED, 200, order=answer)

    def cancel(self, client_order_id: str) -> OrderAnswer:
        true = self.orders.get(client_order_id)
        if true is None or true.status.terminal:
            return OrderAnswer(OrderOutcome.GONE, 400, -2011, '{"code":-2011}')
        true.status = OrderStatus.CANCELLED
        self._tell(true, Execution.CANCELLED)
        return OrderAnswer(
            OrderOutcome.ACCEPTED, 200, order=self._event(true, Execution.STATE, Source.ANSWER)
        )

    def amend(self, client_order_id: str, price_e: int, qty_e: int) -> OrderAnswer:
        true = self.orders.get(client_order_id)
        if true is None or true.status.terminal:
            return OrderAnswer(OrderOutcome.GONE, 400, -2013, '{"code":-2013}')
        true.price_e = price_e
        if qty_e <= true.filled_qty_e:
            true.status = OrderStatus.CANCELLED
            self._tell(true, Execution.CANCELLED)
        else:
            true.qty_e = qty_e
            self._tell(true, Execution.AMENDED)
        return OrderAnswer(
            OrderOutcome.ACCEPTED, 200, order=self._event(true, Execution.STATE, Source.ANSWER)
        )

    def query(self, client_order_id: str) -> OrderEvent | None:
        true = self.orders.get(client_order_id)
        return None if true is None else self._event(true, Execution.STATE, Source.QUERY)

    def trades(self) -> Iterator[OrderEvent]:
        """Every fill there was, oldest first, as a list of own trades tells it."""
        for true in self.orders.values():
            for trade_id, qty_e, price_e in true.fills:
                yield OrderEvent(
                    source=Source.QUERY,
                    execution=Execution.TRADE,
                    symbol=INSTRUMENT.symbol,
                    order_id=true.order_id,
                    last_qty_e=qty_e,
                    last_price_e=price_e,
                    trade_id=trade_id,
                    fee_listed_e=self.fee_sign * FEE_E,
                    fee_asset="USDT",
                )

    def fill(self, true: TrueOrder) -> None:
        """Somebody trades with it."""
        if true.status.terminal:
            return
        left = true.qty_e - true.filled_qty_e
        qty_e = left if self.rng.random() < 0.4 else self.rng.randint(1, left)
        price_e = true.price_e - self.rng.randint(0, 3) * 10
        trade_id = next(self._trades)
        true.fills.append((trade_id, qty_e, price_e))
        true.filled_qty_e += qty_e
        true.notional_e += qty_e * price_e
        whole = true.filled_qty_e == true.qty_e
        true.status = OrderStatus.FILLED if whole else OrderStatus.PARTIALLY_FILLED
        self._tell(true, Execution.TRADE)

    def expire(self, true: TrueOrder) -> None:
        if not true.status.terminal:
            true.status = OrderStatus.EXPIRED
            self._tell(true, Execution.EXPIRED)

    def _tell(self, true: TrueOrder, execution: Execution) -> None:
        self.now_ns += MS
        event = self._event(true, execution, Source.STREAM)
        if execution is Execution.TRADE and self.rng.random() < 0.5:
            self.stream.append(self._lite(event))
        self.stream.append(event)

    def _event(self, true: TrueOrder, execution: Execution, source: Source) -> OrderEvent:
        trade = execution is Execution.TRADE
        last = true.fills[-1] if trade else (None, 0, None)
        return OrderEvent(
            source=source,
            execution=execution,
            status=true.status,
            symbol=INSTRUMENT.symbol,
            client_order_id=true.client_order_id,
            order_id=true.order_id,
            side=Side.BUY,
            order_type=OrderType.LIMIT,
            price_e=true.price_e,
            qty_e=true.qty_e,
            filled_qty_e=true.filled_qty_e,
            last_qty_e=last[1],
            last_price_e=last[2],
            trade_id=last[0],
            fee_e=FEE_E if trade else None,
            fee_asset="USDT" if trade else "",
            reason=EndReason.COMMAND if execution is Execution.CANCELLED else EndReason.NONE,
            venue_ns=self.now_ns,
            transaction_ns=self.now_ns,
        )

    @staticmethod
    def _lite(event: OrderEvent) -> OrderEvent:
        return OrderEvent(
            source=Source.LITE,
            execution=Execution.TRADE,
            symbol=event.symbol,
            client_order_id=event.client_order_id,
            order_id=event.order_id,
            qty_e=event.qty_e,
            last_qty_e=event.last_qty_e,
            last_price_e=event.last_price_e,
            trade_id=event.trade_id,
            maker=True,
            venue_ns=event.venue_ns,
        )


ACTIONS = (Action.CANCEL, Action.AMEND)
