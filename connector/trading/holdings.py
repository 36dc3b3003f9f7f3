"""What accounts and strategies hold and risk, kept up to date order by order: positions, leaves,
exposure and the day's profit.

Exposure is the quote notional, at mark, of the position an instrument would have if every order
that is not proved dead filled on its worse side: pending and unknown ones count, an amend at its
larger size, reduce-only orders not. An account's position is the venue's word and the fills that
are newer; a strategy's is the sum of its own fills.

An inverse contract is worth its size in the quote whatever the price; what it brings is counted in
its margin asset, where prices move it, and valued in the quote at mark.

The day's profit is what was paid and received since midnight UTC (or a reset) plus the position at
mark, less what the position was worth then: realised and unrealised together, less fees in the
quote, with the funding that the private stream told of. A position nobody told the fills of is
taken in at mark. Pure: marks and time are handed in.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from connector._speedups.sums import HoldingState, OwnerState
from connector.model.instrument import MARK_EXPONENT, Instrument
from connector.model.order import Order
from connector.model.records import Side
from connector.model.reports import BalanceReason, Update
from connector.trading.effects import Answered, Detail, Effect, Report
from connector.trading.positions import Positions
from connector.trading.recovery import shifted
from connector.trading.risk import Limits
from connector.trading.roles import Account, Listed
from connector.venues.trading_contract import BalanceEvent, PositionEvent

log = logging.getLogger("connector.trading")

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
ONE: int = 10**MARK_EXPONENT
PAYMENTS = 1_024
"""Funding payments remembered."""
MARKED_A_TICK, MARKED_A_TURN = 64, 2
"""Holdings valued anew in 50 ms, and in one turn of the loop, some 10 us."""
ACCOUNT, STRATEGY = "account", "strategy"
UNKNOWN_E = 1 << 61
"""Taken off a profit that is not known: below every limit, and no number of 63 bits overflows."""
FILLS = (Update.EXECUTED, Update.LIQUIDATED)


class Kept(Struct, frozen=True, array_like=True):
    """A holding as it is kept over a restart."""

    account: str
    symbol: str
    position_side: int
    qty_exponent: int
    position_e: int
    unpriced_e: int
    cash_e: int


class KeptOwner(Struct, array_like=True):
    kind: str
    name: str
    since_ns: int
    holdings: list[Kept] = []
    unknown: bool = False
    paid_e: int = 0


class Holding(HoldingState):
    """What one owner has in one instrument and position side of an account.

    ``buys_e`` and ``sells_e`` are leaves that may still fill, ``cash_e`` is received less paid
    since the day began (10^-8 of the quote; inverse: of the margin asset), ``unpriced_e`` the part
    of the position that has still to be taken in at mark, ``mark_e`` the last one in 10^-8 (0: none
    yet), ``value_e`` exposure, ``said_ns`` the venue's time of its last word on the position (0: it
    says nothing here)."""

    def __init__(
        self, account: int, instrument: Instrument, position_side: int, scale: int
    ) -> None:
        self.account, self.instrument = account, instrument
        self.position_side, self.scale = position_side, scale

    @property
    def worst_e(self) -> int:
        """The larger of what buys and what sells could make of the position."""
        return max(abs(self.position_e + self.buys_e), abs(self.position_e - self.sells_e))

    def worst_with(self, side: Side, more_e: int) -> int:
        """The same with more to buy or sell."""
        if side is Side.BUY:
            return max(abs(self.position_e + self.buys_e + more_e), self.worst_e)
        return max(abs(self.position_e - self.sells_e - more_e), self.worst_e)

    def notional_e(self, qty_e: int) -> int:
        """At mark, in 10^-8 of the quote, rounded away from zero."""
        size_e = self.instrument.contract_size_e
        if self.instrument.inverse:
            return -(-qty_e * size_e * ONE // self.scale)
        return -(-qty_e * self.mark_e * size_e // self.scale)

    def money_e(self, qty_e: int, price_e: int) -> int:
        """A signed quantity at a price of 10^-8, as ``cash_e`` counts it. To be long of an inverse
        contract is to owe its worth in the margin asset."""
        size_e = self.instrument.contract_size_e
        if self.instrument.inverse:
            return -qty_e * size_e * ONE * ONE // (self.scale * price_e) if price_e else 0
        return qty_e * price_e * size_e // self.scale

    def in_quote_e(self, money_e: int) -> int:
        """What ``cash_e`` counts, in 10^-8 of the quote at mark."""
        return money_e * self.mark_e // ONE if self.instrument.inverse else money_e


class Owner(OwnerState):
    """An account or a strategy.

    ``since_ns`` is the Unix time its day began, or was begun anew; while ``unknown``, what was
    gained and lost earlier in the day cannot be found out and ``UNKNOWN_E`` is taken off
    ``profit_e``; ``paid_e`` is funding received less paid since then, ``unmarked`` the instruments
    with exposure and no fresh mark, ``sent_ns`` the new orders and amends of the last second."""

    limits: Limits | None

    def __init__(self, kind: str, name: str, limits: Limits | None, since_ns: int = 0) -> None:
        self.kind, self.name, self.limits, self.since_ns = kind, name, limits, since_ns
        self.unmarked, self.sent_ns = set(), deque()
        self.holdings: dict[tuple[int, str, int], Holding] = {}

    def pace(self, now_ns: int) -> int:
        """How many in the second that ends now."""
        sent = self.sent_ns
        while sent and sent[0] <= now_ns - SECOND_NS:
            sent.popleft()
        return len(sent)

    def took(self, now_ns: int) -> None:
        """Another one is about to leave."""
        if self.limits is not None and self.limits.orders_per_second is not None:
            self.sent_ns.append(now_ns)


class Holdings:
    """Those of all accounts and strategies. ``mark`` gives the fresh mark price of an account's
    symbol in 10^-8, 0 when there is none; ``amends`` the largest total quantity that amends of an
    order under way ask for."""

    def __init__(
        self,
        accounts: Sequence[Account],
        limits: Mapping[tuple[str, str], Limits],
        mark: Callable[[int, str], int],
        amends: Callable[[Order], int],
        wall: Callable[[], int],
    ) -> None:
        self._accounts, self._limits = accounts, limits
        self._mark, self._amends, self._wall = mark, amends, wall
        self._of_accounts = [self._made(ACCOUNT, account.name) for account in accounts]
        self._of_strategies: dict[str, Owner] = {}
        for account in accounts:
            for name in account.strategies:
                self.strategy(name)
        self.counted: dict[int, int] = {}
        """Leaves of open orders, as they were counted, by key."""
        self._kept: list[tuple[Owner, Kept]] = []
        self._payments: dict[tuple[Any, ...], None] = {}
        """The newest: two private streams tell each one twice."""
        self._turn: deque[tuple[Owner, Holding]] = deque()
        self.changed = False
        """Something that ``kept`` tells has changed since it was asked."""

    def _made(self, kind: str, name: str) -> Owner:
        return Owner(kind, name, self._limits.get((kind, name)), _midnight(self._wall()))

    def account(self, index: int) -> Owner:
        return self._of_accounts[index]

    def strategy(self, name: str) -> Owner:
        found = self._of_strategies.get(name)
        if found is None:
            found = self._of_strategies[name] = self._made(STRATEGY, name)
        return found

    def owners(self) -> Iterator[Owner]:
        yield from self._of_accounts
        yield from self._of_strategies.values()

    def holding(
        self, owner: Owner, account: int, instrument: Instrument, position_side: int
    ) -> Holding:
        """An owner's place, empty where it is new."""
        place = (account, instrument.symbol, int(position_side))
        found = owner.holdings.get(place)
        if found is None:
            scale = 10 ** (MARK_EXPONENT + instrument.qty_exponent)
            found = Holding(account, instrument, int(position_side), scale)
            owner.holdings[place] = found
            self._turn.append((owner, found))
        return found

    def counted_e(self, order: Order) -> int:
        """The leaves an order is counted with."""
        return self.counted.get(order.key, 0)

    # What happens

    def follow(self, effects: Sequence[Effect]) -> None:
        """What was reported has happened."""
        for effect in effects:
            if isinstance(effect, Report):
                if effect.update in FILLS:
                    self.filled(effect)
                else:
                    self.order(effect.order)
            elif isinstance(effect, Answered):
                if effect.order is not None:
                    self.order(effect.order)
            elif isinstance(effect, Detail):
                self.detail(effect)

    def order(self, order: Order, wanted_e: int = 0) -> None:
        """Something of an order may have changed: it is counted as it is now; ``wanted_e``: the
        total quantity of an amend that is about to leave."""
        opened, more_e = self._recounted(order, wanted_e)
        if not opened and not more_e:
            return
        for owner in self._owners(order):
            owner.open_orders += opened
            if more_e:
                holding = self.holding(owner, order.account, order.instrument, order.position_side)
                if order.side is Side.BUY:
                    holding.buys_e += more_e
                else:
                    holding.sells_e += more_e
                self._value(owner, holding)

    def _recounted(self, order: Order, wanted_e: int = 0) -> tuple[int, int]:
        """What has changed since an order was counted: open orders, and leaves."""
        is_open, was = not order.status.terminal, self.counted.get(order.key)
        if not is_open:
            if was is None:
                return 0, 0
            del self.counted[order.key]
            return -1, -was
        leaves_e = 0
        if not order.reduce_only:
            most_e = max(order.qty_e, wanted_e, self._amends(order))
            leaves_e = max(0, most_e - order.filled_qty_e)
        self.counted[order.key] = leaves_e
        return (1, leaves_e) if was is None else (0, leaves_e - was)

    def filled(self, fill: Report) -> None:
        """A fill that is reported for the first time, and what it leaves of its order.

        Plain ones are counted by ``_speedups/filling.pyx`` in the same way."""
        order, price_e = fill.order, fill.last_price_e
        if price_e is None or not fill.last_qty_e:
            self.order(order)
            return
        opened, more_e = self._recounted(order)
        buys = order.side is Side.BUY
        qty_e = fill.last_qty_e if buys else -fill.last_qty_e
        price_e, fee_e = to_mark(price_e, order.instrument), _fee(fill)
        for owner in self._owners(order):
            owner.open_orders += opened
            holding = self.holding(owner, order.account, order.instrument, order.position_side)
            if buys:
                holding.buys_e += more_e
            else:
                holding.sells_e += more_e
            holding.cash_e -= holding.money_e(qty_e, price_e) + fee_e
            if holding.said_ns and fill.venue_ns <= holding.said_ns:
                holding.unpriced_e -= qty_e  # the venue's word has it already, taken in at mark
            else:
                holding.position_e += qty_e
                holding.filled_ns = max(holding.filled_ns, fill.venue_ns)
            if not holding.mark_e:
                holding.mark_e = price_e
            self._value(owner, holding)
        self.changed = True

    def shares(self, order: Order) -> list[tuple[Owner, Holding]]:
        """Whom the fills of an order concern, with what they hold of its instrument."""
        where = order.account, order.instrument, order.position_side
        return [(owner, self.holding(owner, *where)) for owner in self._owners(order)]

    def detail(self, more: Detail) -> None:
        """The fee of a fill, told later."""
        fee_e, order = _fee(more), more.order
        for owner in self._owners(order) if fee_e else ():
            holding = self.holding(owner, order.account, order.instrument, order.position_side)
            holding.cash_e -= fee_e
            self._value(owner, holding)
            self.changed = True

    def paid(self, account: Account, event: BalanceEvent) -> None:
        """Funding in the quote. A strategy's part goes by its own position; where the venue does
        not say of which instrument, it is the account's alone."""
        change_e = event.change_e
        if event.reason is not BalanceReason.FUNDING or not change_e:
            return
        told = (account.index, event.asset, event.symbol, event.venue_ns, event.wallet_e, change_e)
        if told in self._payments:
            return
        self._payments[told] = None
        if len(self._payments) > PAYMENTS:
            del self._payments[next(iter(self._payments))]
        owner = self._of_accounts[account.index]
        held = [
            one for one in owner.holdings.values()
            if event.asset in (one.instrument.quote, one.instrument.margin)
        ]  # fmt: skip
        if not held:
            return
        if held[0].instrument.quote != event.asset:
            change_e = held[0].in_quote_e(change_e)
        self._pay(owner, change_e)
        whole_e = _position_e(owner, account.index, event.symbol)
        for one in self._of_strategies.values():
            part_e = _position_e(one, account.index, event.symbol)
            if whole_e and part_e:
                self._pay(one, change_e * part_e // whole_e)

    def _pay(self, owner: Owner, money_e: int) -> None:
        owner.paid_e += money_e
        owner.profit_e += money_e
        self.changed = True

    def said(self, account: Account, event: PositionEvent) -> None:
        """The venue's word on a position of an account."""
        instrument = account.scales(event.symbol)
        if instrument is None:
            return
        owner = self._of_accounts[account.index]
        holding = self.holding(owner, account.index, instrument, event.position_side)
        holding.said_ns = max(holding.said_ns, event.venue_ns)
        if event.venue_ns >= holding.filled_ns and event.qty_e != holding.position_e:
            holding.unpriced_e += event.qty_e - holding.position_e
            holding.position_e = event.qty_e
            self._value(owner, holding)
            self.changed = True

    def tick(self) -> Iterator[None]:
        """Marks have moved; a day may have begun. A piece for each turn of the loop."""
        midnight_ns = _midnight(self._wall())
        for owner in self.owners():
            if owner.since_ns < midnight_ns:
                self.begin(owner, midnight_ns)
        for number in range(min(MARKED_A_TICK, len(self._turn))):
            if number % MARKED_A_TURN == 0:
                yield
            self._turn.rotate(-1)
            owner, holding = self._turn[0]
            # What nobody used so far finds a mark with its first order.
            if holding.fresh or holding.worst_e or holding.position_e:
                self.remark(owner, holding)

    def begin(self, owner: Owner, since_ns: int) -> None:
        """The owner's profit begins anew."""
        owner.since_ns = since_ns
        self._pay(owner, -owner.paid_e)
        if owner.unknown:
            owner.unknown = False
            owner.profit_e += UNKNOWN_E
        self._kept = [row for row in self._kept if row[0] is not owner]
        for holding in owner.holdings.values():
            holding.cash_e, holding.unpriced_e = 0, holding.position_e
            self._value(owner, holding)
        self.changed = True

    def forget(self, owner: Owner, since_ns: int) -> None:
        """What the day has brought so far is not known: it counts as more than any limit of loss,
        until it begins anew after that time."""
        owner.since_ns = since_ns
        if not owner.unknown:
            owner.unknown = True
            owner.profit_e -= UNKNOWN_E
            self.changed = True

    def remark(self, owner: Owner, holding: Holding) -> None:
        """Value it at the mark of now."""
        mark_e = self._mark(holding.account, holding.instrument.symbol)
        if mark_e and mark_e == holding.mark_e and holding.fresh and not holding.unpriced_e:
            return  # it is valued so
        holding.fresh = mark_e > 0
        holding.mark_e = mark_e or holding.mark_e
        self._value(owner, holding)

    # Inside

    def _owners(self, order: Order) -> tuple[Owner, ...]:
        account = self._of_accounts[order.account]
        return (account, self.strategy(order.strategy)) if order.strategy else (account,)

    def _value(self, owner: Owner, holding: Holding) -> None:
        """Bring the owner's sums up to date with one holding."""
        if not holding.fresh:
            mark_e = self._mark(holding.account, holding.instrument.symbol)
            holding.fresh, holding.mark_e = mark_e > 0, mark_e or holding.mark_e
        worst_e = holding.worst_e
        if worst_e and not holding.fresh:
            owner.unmarked.add(holding.instrument.symbol)
        elif owner.unmarked:
            owner.unmarked.discard(holding.instrument.symbol)
        value_e = holding.notional_e(worst_e)
        owner.exposure_e += value_e - holding.value_e
        holding.value_e = value_e
        if holding.unpriced_e and holding.mark_e:
            holding.cash_e -= holding.money_e(holding.unpriced_e, holding.mark_e)
            holding.unpriced_e = 0
        priced_e = holding.position_e - holding.unpriced_e
        money_e = holding.cash_e + holding.money_e(priced_e, holding.mark_e)
        profit_e = holding.in_quote_e(money_e)
        owner.profit_e += profit_e - holding.profit_e
        holding.profit_e = profit_e

    # Over a restart

    def kept(self) -> list[KeptOwner]:
        """What a restart must not forget: the day's profits."""
        self.changed = False
        names = [account.name for account in self._accounts]
        found = []
        for owner in self.owners():
            row = KeptOwner(owner.kind, owner.name, owner.since_ns)
            row.holdings = [
                Kept(names[one.account], one.instrument.symbol, one.position_side,
                     one.instrument.qty_exponent, one.position_e, one.unpriced_e, one.cash_e)
                for one in owner.holdings.values()
                if one.position_e or one.cash_e or one.unpriced_e
            ]  # fmt: skip
            row.holdings += [kept for one, kept in self._kept if one is owner]
            row.unknown, row.paid_e = owner.unknown, owner.paid_e
            found.append(row)
        return found

    def load(self, rows: Sequence[KeptOwner]) -> None:
        """What an earlier run kept; taken over account by account with ``adopt``."""
        known = {(owner.kind, owner.name): owner for owner in self.owners()}
        for row in rows:
            owner = known.get((row.kind, row.name))
            if owner is not None and row.since_ns >= owner.since_ns:
                owner.since_ns = row.since_ns
                self._pay(owner, row.paid_e)
                if row.unknown:
                    self.forget(owner, row.since_ns)
                self._kept += [(owner, one) for one in row.holdings]

    def adopt(self, account: Account, positions: Positions, orders: Sequence[Order]) -> None:
        """An account's instruments and what earlier runs left of it are known now."""
        kept, self._kept = self._kept, []
        for owner, one in kept:
            instrument = account.scales(one.symbol) if one.account == account.name else None
            if instrument is None:
                self._kept.append((owner, one))
                continue
            holding = self.holding(owner, account.index, instrument, one.position_side)
            shift = instrument.qty_exponent - one.qty_exponent
            holding.cash_e = one.cash_e
            try:
                holding.position_e = shifted(one.position_e, shift)
                holding.unpriced_e = shifted(one.unpriced_e, shift)
            except ValueError as error:
                log.error("a holding's day is not known: %s: %s", one.symbol, error)
                self.forget(owner, self._wall())
            self._value(owner, holding)
        for owner in self._of_strategies.values():
            for (index, symbol, side), qty_e in positions.owned(owner.name):
                instrument = account.scales(symbol) if index == account.index else None
                if instrument is None:
                    continue
                holding = self.holding(owner, index, instrument, side)
                holding.unpriced_e += qty_e - holding.position_e
                holding.position_e = qty_e
                self._value(owner, holding)
        for order in orders:
            self.order(order)


def _position_e(owner: Owner, account: int, symbol: str) -> int:
    """Of both sides together."""
    return sum(
        one.position_e for (index, name, _), one in owner.holdings.items()
        if index == account and name == symbol
    )  # fmt: skip


def _fee(fill: Report | Detail) -> int:
    """A fee in what profit is measured in: the quote, or the margin asset of an inverse one."""
    instrument = fill.order.instrument
    assets = (instrument.margin, "" if instrument.inverse else instrument.quote)
    if fill.fee_e is None or not fill.fee_asset or fill.fee_asset not in assets:
        return 0
    return fill.fee_e


def mark_of(listed: Listed | None) -> int:
    """The mark price in 10^-8, or the best ask where the venue's mark does not come; 0."""
    if listed is None:
        return 0
    mark_e, touch = listed.mark_e, listed.touch
    if mark_e is not None:
        return mark_e
    return to_mark(touch[1] or touch[0], listed.instrument) if touch is not None else 0


def to_mark(price_e: int, instrument: Instrument) -> int:
    """A price in the exponent of mark prices."""
    shift = MARK_EXPONENT - instrument.price_exponent
    return int(price_e * 10**shift) if shift >= 0 else price_e // int(10**-shift)


def _midnight(wall_ns: int) -> int:
    return wall_ns - wall_ns % DAY_NS
