"""An instrument as every part sees it: names, scales, grid and the venue's filters, all exact."""

from msgspec import Struct

from connector.model.enums import Number

ABSENT = -(2**63)
"""A number the venue did not give (``CONNECTOR_ABSENT``)."""
MARK_EXPONENT = 8
RATE_EXPONENT = 8


class Status(Number):
    """Whether the venue takes orders; a word we do not know is ``UNKNOWN``, not tradable."""

    UNKNOWN = 0
    TRADING = 1
    PENDING = 2
    HALTED = 3
    SETTLING = 4
    CLOSED = 5


class ContractType(Number):
    UNKNOWN = 0
    PERPETUAL = 1
    DELIVERY = 2
    SPOT = 3


class Instrument(Struct, frozen=True, kw_only=True):
    """One tradable instrument.

    ``*_e`` are integers in units of 10**-exponent: ``price_exponent`` for prices, ``qty_exponent``
    for quantities, eight decimals for notional and multipliers. The exponents are fixed when the
    instrument is loaded and do not follow a later change of tick.
    """

    symbol: str
    exchange: str
    base: str = ""
    quote: str = ""
    margin: str = ""
    contract: ContractType = ContractType.UNKNOWN
    series: str = ""
    """The venue's word for which of a pair's contracts it is, where continuous candles go by it."""
    indexes: tuple[tuple[int, str], ...] = ()
    """What the venue calls numbers it computes for it, by ``records.IndexKind``, where they have
    streams of their own."""
    status: Status = Status.UNKNOWN
    price_exponent: int
    qty_exponent: int
    price_digits: int
    """Decimals the venue writes in prices; for showing only."""
    qty_digits: int
    tick_e: int
    step_e: int
    min_price_e: int = ABSENT
    max_price_e: int = ABSENT
    min_qty_e: int = ABSENT
    max_qty_e: int = ABSENT
    market_step_e: int = ABSENT
    market_min_qty_e: int = ABSENT
    market_max_qty_e: int = ABSENT
    min_notional_e: int = ABSENT
    multiplier_up_e: int = ABSENT
    multiplier_down_e: int = ABSENT
    contract_size_e: int = 10**8
    inverse: bool = False
    """Its value is in the margin asset, as quantity times contract size divided by price."""
    ratio_exponent: int = 8
    """Decimals of the venue's ratios (fees, funding, leverage), where it writes integers."""
    value_exponent: int = 8
    """Decimals of the margin asset's values, likewise."""
    order_types: tuple[str, ...] = ()
    """The venue's words for the kinds of orders it takes here; empty: it does not say."""
    times_in_force: tuple[str, ...] = ()
    """The same of how long they stand."""
    onboard_ns: int = 0
    delivery_ns: int = 0
