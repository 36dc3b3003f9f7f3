"""What traded, minute by minute: enough for candles and the statistics of a day."""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

from connector.venues.sim_contract import Candle, TradeRow

MINUTE_MS = 60_000
KEPT = 3 * 24 * 60
"""Minutes with a trade that are kept."""


class History:
    """One symbol's minutes, oldest first; a minute without a trade has none."""

    def __init__(self) -> None:
        self.minutes: deque[Candle] = deque(maxlen=KEPT)

    def add(
        self,
        trade_id: int,
        price: Decimal,
        qty: Decimal,
        time_ms: int,
        *,
        quote: Decimal,
        buyer_is_maker: bool,
    ) -> None:
        """Trades come in the order of their times; ``quote`` is what they are worth."""
        start_ms = time_ms - time_ms % MINUTE_MS
        if not self.minutes or self.minutes[-1].open_ms < start_ms:
            self.minutes.append(
                Candle(
                    open_ms=start_ms, open=price, high=price, low=price, close=price,
                    first_id=trade_id, last_id=trade_id,
                )
            )  # fmt: skip
        row = self.minutes[-1]
        row.high, row.low = max(row.high, price), min(row.low, price)
        row.close, row.last_qty, row.last_id = price, qty, trade_id
        row.count += 1
        row.volume += qty
        row.quote += quote
        if not buyer_is_maker:
            row.buy_volume += qty
            row.buy_quote += quote


def history_of(trades: Iterable[TradeRow]) -> History:
    """The minutes of these trades."""
    found = History()
    for row in trades:
        price, qty = Decimal(row.price), Decimal(row.qty)
        found.add(
            row.trade_id, price, qty, row.time_ms,
            quote=price * qty, buyer_is_maker=row.buyer_is_maker,
        )  # fmt: skip
    return found
