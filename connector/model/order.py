"""An order as the connector knows it, and the one table of moves between its states.

Events come in any order and from several sources: the private stream, answers, queries. What a
state may become does not depend on who says it; what is not in ``MOVES`` is old news.
"""

from collections.abc import Iterable, Mapping
from itertools import islice

from msgspec import Struct

from connector._speedups.order_state import OrderState, use_model
from connector._speedups.worth import Worth
from connector.model.instrument import Instrument
from connector.model.intents import OrderType, PositionSide, TimeInForce
from connector.model.records import Side
from connector.model.reports import EndReason, OrderStatus

_ENDS = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED}
)
_LIFE = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.TRIGGERED})

MOVES: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING: _LIFE | _ENDS | {OrderStatus.UNKNOWN},
    OrderStatus.UNKNOWN: _LIFE | _ENDS,
    OrderStatus.NEW: _ENDS | {OrderStatus.PARTIALLY_FILLED, OrderStatus.TRIGGERED},
    OrderStatus.TRIGGERED: _ENDS | {OrderStatus.PARTIALLY_FILLED},
    OrderStatus.PARTIALLY_FILLED: frozenset(
        {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED}
    ),
    # A fill that is heard of after the end may complete the order.
    OrderStatus.CANCELLED: frozenset({OrderStatus.FILLED}),
    OrderStatus.EXPIRED: frozenset({OrderStatus.FILLED}),
    OrderStatus.REJECTED: frozenset(),
    OrderStatus.FILLED: frozenset(),
}
"""Nothing outside this table changes a status."""

_FINE = 10**60
"""Reciprocals of prices are kept with so many digits, past any that shows."""

use_model(
    status=OrderStatus.PENDING,
    reason=EndReason.NONE,
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.NONE,
    position_side=PositionSide.BOTH,
)

REVIVED: frozenset[OrderStatus] = MOVES[OrderStatus.UNKNOWN]
"""What becomes of an order that counted as rejected before the venue ever confirmed it, and is then
heard of alive: the proof was wrong."""


class Fill(Struct):
    """One fill of an order."""

    qty_e: int
    price_e: int
    fee_known: bool = False
    fee_e: int | None = None
    """In 10^-8; of an earlier run it is not kept."""


class Order(OrderState):
    """One order of one account; the tracker alone changes it, and who takes plain events beside it.

    Made of any of its fields by name, the first four at least. The others begin as 0, False, "" or
    None, where they are members as those of a pending limit order to buy. They lie in C
    (``_speedups/order_state.pyx``): there is one truth for who is quick, too."""

    __slots__ = ()

    key: int
    """The connector's own id, never reused."""
    account: int
    strategy: str
    """"": foreign, not placed through this connector."""
    instrument: Instrument
    client_order_id: str
    order_id: int | None
    venue_order_id: str
    conditional_id: int | None
    """The id it has, or had, in the venue's service for conditional orders."""
    conditional: bool
    """Not triggered yet: asked for and cancelled by ``conditional_id``."""
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    position_side: PositionSide
    reduce_only: bool
    price_e: int | None
    qty_e: int
    stop_price_e: int | None
    command: int
    """Number of the command that placed it."""
    ref_id: str
    created_ns: int
    """CLOCK_MONOTONIC."""

    status: OrderStatus
    reason: EndReason
    filled_qty_e: int
    """Cumulative: the larger of what the venue counts and what the known fills add up to."""
    fills: dict[int | str, Fill]
    """By the venue's trade id."""
    known_qty_e: int
    """Sum of the fills."""
    inferred_qty_e: int
    """Of them, what nobody named a trade for (yet)."""
    inferred_price_e: int
    """What that was booked at."""
    notional_e: int
    """Sum of price times quantity of the fills."""
    worth: Worth | None
    """Of an inverse contract's fills, which never change, as many as are summed up."""
    average: str
    """As the venue wrote it last, for all of ``average_of_e``."""
    average_of_e: int
    changed_ns: int
    """Venue time of the newest word on price and quantity."""
    submitted: bool
    """Reported as accepted by the venue."""
    restored: bool
    """Of an earlier run: ``created_ns`` is when it was taken over."""
    echoed: bool
    """The private stream has told of it."""
    cancel_wanted: bool
    """A cancel is a goal: pursued until the order has ended."""

    def __repr__(self) -> str:
        return f"Order({', '.join(f'{name}={getattr(self, name)!r}' for name in FIELDS)})"

    @property
    def foreign(self) -> bool:
        return not self.strategy

    @property
    def leaves_qty_e(self) -> int:
        """What may still fill; 0 once the order has ended."""
        return 0 if self.status.terminal else max(0, self.qty_e - self.filled_qty_e)

    @property
    def missing_qty_e(self) -> int:
        """Filled as the venue counts, but no fill was told."""
        return self.filled_qty_e - self.known_qty_e

    def move(self, said: OrderStatus) -> bool:
        """Take over what the venue says if the table allows it."""
        unproved = self.status is OrderStatus.REJECTED and not self.submitted
        if said is self.status or said not in (REVIVED if unproved else MOVES[self.status]):
            return False
        self.status = said
        if unproved:
            self.reason = EndReason.NONE
        return True

    def average_price(self) -> tuple[int, int]:
        """Average price of the fills as (integer, exponent); (0, 0) when there are none.

        As the venue states it when it speaks of all fills, else from the exact sums, with eight
        decimals more than a price has."""
        if self.average and self.average_of_e == self.filled_qty_e:
            return _scaled(self.average)
        if not self.known_qty_e:
            return 0, 0
        exponent = self.instrument.price_exponent + 8
        if self.instrument.inverse:
            return self._harmonic()
        average_e = round_half_even(self.notional_e * 10**8, self.known_qty_e)
        return short(average_e, exponent)

    def _harmonic(self) -> tuple[int, int]:
        """Inverse contracts add up in the margin asset: the quantities over what each is worth at
        its price."""
        worth, fills = self.worth, self.fills
        if worth is None:
            worth = self.worth = Worth()
        if worth.count < len(fills):
            for fill in islice(reversed(fills.values()), len(fills) - worth.count):
                worth.add(fill.qty_e, fill.price_e)
        more, price_e = self.inferred_qty_e, self.inferred_price_e
        exponent = self.instrument.price_exponent
        found = worth.averaged(more, price_e, exponent)
        if found is None:
            pairs = [(fill.qty_e, fill.price_e) for fill in fills.values()]
            return short(harmonic_e([*pairs, (more, price_e)]), exponent + 8)
        return found


FIELDS: tuple[str, ...] = tuple(Order.__annotations__)
"""What an order has."""


def harmonic_e(fills: Iterable[tuple[int, int]]) -> int:
    """The average of an inverse contract's fills, quantity and price each, with eight decimals more
    than a price has; 0 when there are none."""
    total_e = worth = 0
    for qty_e, price_e in fills:
        if price_e > 0:
            total_e += qty_e
            worth += qty_e * _FINE // price_e
    return round_half_even(total_e * _FINE * 10**8, worth) if worth else 0


def round_half_even(numerator: int, denominator: int) -> int:
    """The quotient of two integers, the denominator positive, to the nearest integer."""
    whole, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return whole + (twice > denominator or (twice == denominator and whole & 1))


def _scaled(text: str) -> tuple[int, int]:
    """A venue's decimal, e.g. "100.5000"."""
    whole, _, digits = text.partition(".")
    digits = digits.rstrip("0")
    return short(int(whole + digits), len(digits))


def short(value: int, exponent: int) -> tuple[int, int]:
    """A number of so many decimals without zeros at its end, and within 63 bits."""
    while exponent > 0 and value % 10 == 0:
        value, exponent = value // 10, exponent - 1
    while abs(value) >= 1 << 63 and exponent > 0:
        value, exponent = round_half_even(value, 10), exponent - 1
    return value, exponent
