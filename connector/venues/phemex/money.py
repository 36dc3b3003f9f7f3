"""Values, fees and profits exactly as the venue rounds them: section 3.4 of the reference.

Integers in, integers out: prices in Ep (10**-price_exponent), ratios in Er (10**-8), quantities in
contracts, values in Ev of the settlement currency. Values are floored, fees rounded up: a taker
pays the extra unit, a maker's rebate loses it.
"""

from msgspec import Struct

from connector.model.instrument import Instrument
from connector.venues.trading_contract import MONEY_EXPONENT

RATIO = 10**8
"""Er in one."""
SIZE = 10**8
"""Units of ``contract_size_e`` in one."""
VALUE_EXPONENTS = {"USD": 4}
"""Decimals of Ev by currency; ``VALUE_EXPONENT`` for all others."""
VALUE_EXPONENT = 8


def value_exponent(currency: str) -> int:
    """Decimals of an Ev of this currency. The venue states them with its products, too: an
    instrument whose currency is stated otherwise must not be traded."""
    return VALUE_EXPONENTS.get(currency, VALUE_EXPONENT)


def money_e(value_ev: int, currency: str) -> int:
    """An Ev of this currency in the connector's 10^-8."""
    shift: int = 10 ** (MONEY_EXPONENT - value_exponent(currency))
    return value_ev * shift


class Terms(Struct, frozen=True):
    """What a contract's money depends on."""

    inverse: bool
    """Settled in the coin: a value is contracts divided by the price."""
    size_e: int
    """Contract size in 10^-8 of the quote (inverse) or of the base (linear)."""
    price: int
    """Ep in one: 10**priceScale."""
    value: int
    """Ev in one."""

    def value_ev(self, qty: int, price_ep: int) -> int:
        """Value of so many contracts at a price: ``execValueEv``, ``leavesValueEv``."""
        if self.inverse:
            return qty * self.size_e * self.price * self.value // (SIZE * price_ep)
        return qty * self.size_e * price_ep * self.value // (SIZE * self.price)

    def average_ep(self, qty: int, value_ev: int) -> int:
        """``avgEntryPriceEp`` of a position; its value is the sum of its fills' floors."""
        if self.inverse:
            return qty * self.size_e * self.price * self.value // (SIZE * value_ev)
        return value_ev * self.price * SIZE // (qty * self.size_e * self.value)

    def unrealised_ev(self, signed_qty: int, value_ev: int, mark_ep: int) -> int:
        """``unRealisedPnlEv`` at a mark price; a short's quantity is negative."""
        if not signed_qty:
            return 0
        at_mark = self.value_ev(abs(signed_qty), mark_ep)
        long = value_ev - at_mark if self.inverse else at_mark - value_ev
        return long if signed_qty > 0 else -long


def terms(instrument: Instrument) -> Terms:
    """The terms of an instrument of the contract API."""
    return Terms(
        inverse=instrument.inverse,
        size_e=instrument.contract_size_e,
        price=10**instrument.price_exponent,
        value=10**instrument.value_exponent,
    )


def fee_ev(value_ev: int, rate_er: int) -> int:
    """``execFeeEv`` of a fill; negative: a rebate."""
    return -(-value_ev * rate_er // RATIO)


def position_cost_ev(value_ev: int, margin_er: int, taker_er: int) -> int:
    """``posCostEv`` of a long position: initial margin, and the fee of its closing."""
    share = margin_er * RATIO + taker_er * (RATIO + margin_er)
    return -(-value_ev * share // (RATIO * RATIO))
