"""The accounts of the venue: settings, money, what is known of each, and the events told.

`engine.Engine` is this and the orders.
"""

from collections.abc import Iterable, Sequence

from connector.sim.matching import margin
from connector.sim.matching.account import Account
from connector.sim.matching.book import Book
from connector.sim.matching.events import (
    AccountChanged,
    BalanceChange,
    ChangeReason,
    ConfigChanged,
    Event,
)
from connector.sim.matching.matcher import Matcher
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import (
    Amended,
    Balance,
    Conditional,
    Fill,
    Income,
    IncomeType,
    MarginType,
    Order,
    PositionSide,
    PositionView,
    Reason,
    Refused,
    SymbolConfig,
)

KEPT_ROWS = 100_000
"""Fills of a symbol, and changes of wallets, that an account keeps at least."""


class Ledger:
    """Accounts without their orders' matching. Its public methods are those of `api.Matching`."""

    def __init__(self) -> None:
        self.market: dict[str, Matcher] = {}
        self._accounts: dict[str, Account] = {}
        self._events: list[Event] = []
        self._now_ns = 0
        self._income_id = 0

    # Accounts

    def open_account(self, account: str) -> None:
        if account in self._accounts:
            raise ValueError(f"account {account} exists")
        self._accounts[account] = Account(account)

    def accounts(self) -> Sequence[str]:
        return [*self._accounts]

    def transfer(self, account: str, asset: str, amount_m: int, now_ns: int) -> None:
        self._at(now_ns)
        owner = self._accounts[account]
        if amount_m < 0 and self._free_m(owner, asset) < -amount_m:
            raise Refused(Reason.CROSS_BALANCE_INSUFFICIENT)
        self._pay(owner, asset, amount_m, IncomeType.TRANSFER)
        reason = ChangeReason.DEPOSIT if amount_m >= 0 else ChangeReason.WITHDRAW
        self._account_changed(owner, reason, asset, amount_m)

    def set_fees(self, account: str, maker_r: int, taker_r: int, symbol: str = "") -> None:
        self._accounts[account].set_fees(symbol, maker_r, taker_r)

    def fees(self, account: str, symbol: str) -> tuple[int, int]:
        return self._accounts[account].fee_rates(self.rules(symbol))

    # Settings

    def set_hedge_mode(self, account: str, hedge: bool, now_ns: int, *, symbol: str = "") -> None:
        self._at(now_ns)
        owner = self._accounts[account]
        if (owner.hedged(symbol) if symbol else owner.hedge) == hedge:
            raise Refused(Reason.NO_CHANGE)
        if owner.open_orders(symbol) or self.open_conditionals(account, symbol):
            raise Refused(Reason.OPEN_ORDERS_EXIST)
        held = (one for one in owner.positions.values() if symbol in ("", one.symbol))
        if any(position.lots for position in held):
            raise Refused(Reason.POSITION_EXISTS)
        if symbol:
            owner.modes[symbol] = hedge
        else:
            owner.hedge = hedge

    def hedge_mode(self, account: str, symbol: str = "") -> bool:
        owner = self._accounts[account]
        return owner.hedged(symbol) if symbol else owner.hedge

    def set_leverage(self, account: str, symbol: str, leverage: int, now_ns: int) -> SymbolConfig:
        now_ns = self._at(now_ns)
        owner, matcher = self._accounts[account], self._matcher(symbol)
        rules = matcher.rules
        if not 1 <= leverage <= rules.max_leverage:
            raise Refused(Reason.BAD_LEVERAGE, f"1 to {rules.max_leverage}")
        rows = [margin.bound(owner, matcher, side) for side in owner.sides(symbol)]
        if max(row.exposure_m for row in rows) > rules.max_notional_m(leverage):
            raise Refused(Reason.EXCEEDS_LEVERAGE_LIMIT)
        lower = leverage < owner.leverage(rules)
        if lower and owner.isolated(symbol) and any(row.notional_m for row in rows):
            raise Refused(Reason.ISOLATED_LEVERAGE_DECREASE)
        wanted = sum(
            margin.bound(owner, matcher, side, leverage=leverage).total_m
            for side in owner.sides(symbol)
        )
        if wanted - sum(row.total_m for row in rows) > max(0, self._free_m(owner, rules.asset)):
            raise Refused(Reason.INSUFFICIENT_MARGIN)
        owner.leverages[symbol] = leverage
        self._tell(ConfigChanged(now_ns, account, symbol, leverage))
        return self.symbol_config(account, symbol)

    def set_margin_type(
        self, account: str, symbol: str, margin_type: MarginType, now_ns: int
    ) -> None:
        self._at(now_ns)
        owner, rules = self._accounts[account], self.rules(symbol)
        if owner.isolated(symbol) == (margin_type == MarginType.ISOLATED):
            raise Refused(Reason.NO_CHANGE)
        waiting = any(each.request.symbol == symbol for each in owner.waiting.values())
        if owner.open.get(symbol) or waiting:
            raise Refused(Reason.OPEN_ORDERS_EXIST)
        if any(owner.lots(symbol, side) for side in owner.sides(symbol)):
            raise Refused(Reason.POSITION_EXISTS)
        owner.margin_types[symbol] = margin_type
        self._account_changed(
            owner, ChangeReason.MARGIN_TYPE_CHANGE, rules.asset, 0, symbol, owner.sides(symbol)
        )

    def adjust_margin(
        self, account: str, symbol: str, position_side: PositionSide, amount_m: int, now_ns: int
    ) -> None:
        now_ns = self._at(now_ns)
        owner, matcher = self._accounts[account], self._matcher(symbol)
        if not amount_m:
            raise Refused(Reason.BAD_AMOUNT)
        if position_side not in owner.sides(symbol):
            raise Refused(Reason.POSITION_SIDE_MISMATCH)
        if not owner.isolated(symbol):
            raise Refused(Reason.NOT_ISOLATED)
        position = owner.position(symbol, position_side)
        if not position.lots:
            raise Refused(Reason.NO_POSITION)
        if amount_m > self._free_m(owner, matcher.rules.asset):
            raise Refused(Reason.CROSS_BALANCE_INSUFFICIENT)
        row = margin.bound(owner, matcher, position_side)
        spare = position.isolated_m + min(0, row.unrealized_m) - row.position_m
        if amount_m < 0 and -amount_m > spare:
            raise Refused(Reason.ISOLATED_BALANCE_INSUFFICIENT)
        position.isolated_m += amount_m
        position.updated_ns = now_ns
        self._account_changed(
            owner, ChangeReason.MARGIN_TRANSFER, matcher.rules.asset, 0, symbol, (position_side,)
        )

    def fund(self, symbol: str, rate_r: int, now_ns: int) -> None:
        self._at(now_ns)
        matcher = self._matcher(symbol)
        asset = matcher.rules.asset
        for owner in self._accounts.values():
            paid = 0
            isolated: list[PositionSide] = []
            for side in owner.sides(symbol):
                if not owner.lots(symbol, side):
                    continue
                notional = margin.bound(owner, matcher, side).notional_m
                amount = -matcher.rules.funding_m(notional, owner.lots(symbol, side), rate_r)
                self._pay(owner, asset, amount, IncomeType.FUNDING_FEE, symbol)
                paid += amount
                if owner.isolated(symbol):
                    owner.position(symbol, side).isolated_m += amount
                    isolated.append(side)
            if paid:
                self._account_changed(
                    owner, ChangeReason.FUNDING_FEE, asset, paid, symbol, isolated
                )

    # Events

    def take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    # Queries

    def symbols(self) -> Sequence[str]:
        return [symbol for symbol, matcher in self.market.items() if matcher.listed]

    def rules(self, symbol: str) -> Rules:
        return self._matcher(symbol).rules

    def mark_e8(self, symbol: str) -> int:
        return self._matcher(symbol).mark_e8

    def last_tick(self, symbol: str) -> int:
        return self._matcher(symbol).last_tick

    def book(self, symbol: str) -> Book:
        """The symbol's book, to look at."""
        return self._matcher(symbol).book

    def order(
        self, account: str, symbol: str, *, order_id: int = 0, client_id: str = ""
    ) -> Order | None:
        return self._accounts[account].order(symbol, order_id, client_id)

    def open_orders(self, account: str, symbol: str = "") -> list[Order]:
        return self._accounts[account].open_orders(symbol)

    def orders(self, account: str, symbol: str = "") -> list[Order]:
        every = self._accounts[account].orders.values()
        return [order for order in every if symbol in ("", order.symbol)]

    def fills(self, account: str, symbol: str) -> Sequence[Fill]:
        return self._accounts[account].fills.get(symbol, [])

    def amendments(self, account: str, symbol: str, order_id: int) -> Sequence[Amended]:
        rows = self._accounts[account].amendments.get(order_id, [])
        return [row for row in rows if row.symbol == symbol]

    def conditional(
        self, account: str, *, algo_id: int = 0, client_id: str = ""
    ) -> Conditional | None:
        owner = self._accounts[account]
        return owner.conditionals.get(algo_id or owner.conditional_by_client.get(client_id, 0))

    def open_conditionals(self, account: str, symbol: str = "") -> list[Conditional]:
        every = self._accounts[account].waiting.values()
        return [each for each in every if symbol in ("", each.request.symbol)]

    def conditionals(self, account: str, symbol: str = "") -> list[Conditional]:
        every = self._accounts[account].conditionals.values()
        return [each for each in every if symbol in ("", each.request.symbol)]

    def balances(self, account: str) -> list[Balance]:
        owner = self._accounts[account]
        return [margin.balance(owner, self.market, asset) for asset in owner.wallets]

    def positions(self, account: str, symbol: str = "") -> list[PositionView]:
        owner = self._accounts[account]
        wanted = [self._matcher(symbol).rules.symbol] if symbol else self.symbols()
        return [
            margin.view(owner, self.market, each, side)
            for each in wanted
            for side in owner.sides(each)
        ]

    def symbol_config(self, account: str, symbol: str) -> SymbolConfig:
        owner, rules = self._accounts[account], self.rules(symbol)
        leverage = owner.leverage(rules)
        kind = MarginType.ISOLATED if owner.isolated(symbol) else MarginType.CROSSED
        return SymbolConfig(symbol, leverage, kind, rules.max_notional_m(leverage))

    def income(self, account: str) -> Sequence[Income]:
        return self._accounts[account].incomes

    # For the engine

    def _list(self, matcher: Matcher) -> None:
        self.market[matcher.rules.symbol] = matcher

    def _at(self, now_ns: int) -> int:
        """The engine's time: never backwards."""
        if now_ns > self._now_ns:
            self._now_ns = now_ns
        return self._now_ns

    def _tell(self, event: Event) -> None:
        self._events.append(event)

    def _matcher(self, symbol: str) -> Matcher:
        found = self.market.get(symbol)
        if found is None or not found.listed:
            raise Refused(Reason.UNKNOWN_SYMBOL, symbol)
        found.port.wake()
        return found

    def _free_m(self, owner: Account, asset: str) -> int:
        return margin.balance(owner, self.market, asset).available_m

    def _pay(
        self,
        owner: Account,
        asset: str,
        amount_m: int,
        kind: IncomeType,
        symbol: str = "",
        trade_id: int = 0,
    ) -> None:
        wallet = owner.wallet(asset)
        wallet.total_m += amount_m
        wallet.updated_ns = self._now_ns
        if amount_m:
            self._income_id += 1
            owner.incomes.append(
                Income(
                    income_id=self._income_id,
                    type=kind,
                    asset=asset,
                    amount_m=amount_m,
                    symbol=symbol,
                    trade_id=trade_id,
                    time_ns=self._now_ns,
                )
            )
            trim(owner.incomes)

    def _account_changed(
        self,
        owner: Account,
        reason: ChangeReason,
        asset: str,
        change_m: int,
        symbol: str = "",
        sides: Iterable[PositionSide] = (),
    ) -> None:
        wallet = owner.wallet(asset).total_m
        cross = margin.cross_wallet_m(owner, self.market, asset)
        views = tuple(margin.view(owner, self.market, symbol, side) for side in sides)
        balance = BalanceChange(asset, wallet, cross, change_m)
        self._tell(AccountChanged(self._now_ns, owner.name, reason, (balance,), views, symbol))


def trim(rows: list[Fill] | list[Income]) -> None:
    """Forget the older half of what has become too long."""
    if len(rows) > 2 * KEPT_ROWS:
        del rows[:KEPT_ROWS]
