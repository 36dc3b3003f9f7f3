"""Inverse contracts: worth their size in the quote whatever the price, gaining and losing in the
margin asset."""

from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connector.model.instrument import Instrument
from connector.model.intents import OrderType
from connector.model.order import Fill, Order
from connector.model.records import Side
from connector.model.reports import BalanceReason, OrderStatus, Update
from connector.trading.effects import Report
from connector.trading.holdings import DAY_NS, Holdings
from connector.trading.risk import Wanted, order_notional_e
from connector.venues.trading_contract import BalanceEvent

ONE = 10**8
BTCUSD = Instrument(
    symbol="BTCUSD", exchange="Phemex", base="BTC", quote="USD", margin="BTC", price_exponent=4,
    qty_exponent=0, price_digits=1, qty_digits=0, tick_e=5000, step_e=1, inverse=True,
)  # fmt: skip


class Account:
    index, venue, name = 0, 0, "main"
    strategies = frozenset({"maker"})

    def scales(self, symbol: str) -> Instrument | None:
        return BTCUSD if symbol == "BTCUSD" else None


class Rig:
    def __init__(self, mark: int) -> None:
        self.mark_e, self.account = mark * ONE, Account()
        made: Any = [self.account]
        self.holdings = Holdings(
            made, {}, lambda account, symbol: self.mark_e, lambda order: 0, lambda: 50_000 * DAY_NS
        )

    def fill(self, qty: int, price: int, fee_e: int | None = None) -> None:
        order = Order(
            key=99, account=0, strategy="maker", instrument=BTCUSD, status=OrderStatus.FILLED,
            side=Side.BUY if qty > 0 else Side.SELL,
        )  # fmt: skip
        self.holdings.filled(
            Report(
                order=order, update=Update.EXECUTED, status=0, reason=0, filled_qty_e=0,
                average_e=0, average_exponent=0, last_qty_e=abs(qty), last_price_e=price * 10**4,
                fee_e=fee_e, fee_asset="BTC",
            )
        )  # fmt: skip

    @property
    def profit_e(self) -> int:
        return self.holdings.account(0).profit_e


def close(found: int, exact: Fraction, units: int) -> bool:
    return abs(Fraction(found, ONE) - exact) <= Fraction(units, ONE)


def test_an_order_is_worth_its_contracts() -> None:
    one = Wanted(BTCUSD, Side.BUY, OrderType.LIMIT, 60_000 * 10**4, 500, None, False, False)
    assert order_notional_e(one, (1, 2), 60_000 * ONE) == 500 * ONE
    assert order_notional_e(one, None, 0) == 500 * ONE


def test_exposure_is_the_contracts_too() -> None:
    rig = Rig(10_000)
    rig.fill(-700, 9_000)
    assert rig.holdings.account(0).exposure_e == 700 * ONE


def test_a_long_gains_in_coins_when_the_price_rises() -> None:
    """700 USD at 10,000 are 0.07 BTC, at 14,000 they are 0.05: 0.02 BTC, 280 USD there."""
    rig = Rig(14_000)
    rig.fill(700, 10_000)
    assert rig.profit_e == 280 * ONE
    rig.fill(-700, 14_000)
    assert rig.profit_e == 280 * ONE
    rig.mark_e = 7_000 * ONE
    for owner, holding in ((rig.holdings.account(0), one) for one in _holdings(rig)):
        rig.holdings.remark(owner, holding)
    assert rig.profit_e == 140 * ONE, "what was gained is in coins, which are worth less now"


def _holdings(rig: Rig) -> list[Any]:
    return list(rig.holdings.account(0).holdings.values())


def test_fees_and_funding_are_in_coins() -> None:
    rig = Rig(10_000)
    rig.fill(700, 10_000, fee_e=5_250)
    assert rig.profit_e == -5_250 * 10_000
    account: Any = rig.account
    rig.holdings.paid(
        account,
        BalanceEvent(asset="BTC", wallet_e=1, change_e=-479, reason=BalanceReason.FUNDING),
    )
    assert rig.profit_e == -(5_250 + 479) * 10_000


PRICES = st.integers(1_000, 200_000)


@given(
    st.lists(st.tuples(st.integers(-(10**6), 10**6).filter(bool), PRICES), min_size=1, max_size=8),
    PRICES,
)
def test_profit_is_that_of_the_coins(fills: list[tuple[int, int]], mark: int) -> None:
    rig = Rig(mark)
    for qty, price in fills:
        rig.fill(qty, price)
    coins = sum(Fraction(qty, price) for qty, price in fills)
    coins -= Fraction(sum(qty for qty, _ in fills), mark)
    # A unit of coins for each fill and for the position, and one of the quote.
    assert close(rig.profit_e, coins * mark, (len(fills) + 1) * mark + 1)


@given(
    st.lists(st.tuples(st.integers(1, 10**7), st.integers(1, 10**11)), min_size=1, max_size=8),
    st.booleans(),
)
def test_the_average_price_is_that_of_the_coins(fills: list[tuple[int, int]], last: bool) -> None:
    """Not the mean of the prices: 1 at 100 and 1 at 300 cost what 2 at 150 cost."""
    order = Order(key=1, account=0, strategy="s", instrument=BTCUSD)
    order.fills = {str(n): Fill(qty, price) for n, (qty, price) in enumerate(fills)}
    order.known_qty_e = sum(qty for qty, _ in fills)
    if last:  # one of them is known by its quantity alone
        qty, price = fills[-1]
        del order.fills[str(len(fills) - 1)]
        order.inferred_qty_e, order.inferred_price_e = qty, price
    exact = order.known_qty_e / sum(Fraction(qty, price) for qty, price in fills)
    value, exponent = order.average_price()
    found = Fraction(value, 10**exponent) * 10**4
    assert abs(found - exact) <= max(Fraction(1, 10**8), exact / 10**17)
    # Asked for after each fill, too.
    known, order.fills, order.worth = order.fills, {}, None
    for name, fill in known.items():
        order.fills[name] = fill
        order.average_price()
    assert order.average_price() == (value, exponent)


def test_an_average_of_one_price_is_that_price() -> None:
    order = Order(key=1, account=0, strategy="s", instrument=BTCUSD, known_qty_e=700)
    order.fills = {"a": Fill(300, 71_500_000), "b": Fill(400, 71_500_000)}
    assert order.average_price() == (7150, 0)
