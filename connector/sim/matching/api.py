"""What a venue's face asks of the matching engine.

Commands either happen or raise `Refused` and change nothing. What happened is in ``take_events``,
in order, for every account: also the fills of others, and what the market or the time did between
two commands. Whoever calls a command takes the events after it; whoever runs the market takes
those that the market caused. ``now_ns`` is the venue's wall clock and never goes backwards.

Orders that are handed out are the engine's own and go on changing; those in events are copies.
"""

from collections.abc import Sequence
from typing import Protocol

from connector.sim.matching.events import Event
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import (
    Amended,
    Amendment,
    Balance,
    Conditional,
    Fill,
    Income,
    MarginType,
    NewConditional,
    NewOrder,
    Order,
    PositionSide,
    PositionView,
    SymbolConfig,
)


class Matching(Protocol):
    """Accounts and their orders over the market's own liquidity."""

    # Accounts. They are named by the face; a name that was not opened is a KeyError everywhere.

    def open_account(self, account: str) -> None:
        """A new account: no money, one-way mode, cross margin, default leverage."""

    def accounts(self) -> Sequence[str]: ...

    def transfer(self, account: str, asset: str, amount_m: int, now_ns: int) -> None:
        """Pay in (or out, negative). Refused: CROSS_BALANCE_INSUFFICIENT."""

    def set_fees(self, account: str, maker_r: int, taker_r: int, symbol: str = "") -> None:
        """Fees instead of the symbol's rules, of one symbol or all."""

    def fees(self, account: str, symbol: str) -> tuple[int, int]:
        """Maker's and taker's fee, as ratios."""

    # Orders

    def place(self, account: str, new: NewOrder, now_ns: int) -> Order:
        """A new order, matched as far as it goes: look at its status.

        Refused FOK and post-only orders leave no record."""

    def test(self, account: str, new: NewOrder, now_ns: int) -> None:
        """Everything that ``place`` checks before it matches; nothing is placed."""

    def amend(self, account: str, change: Amendment, now_ns: int) -> Order:
        """Change price and total quantity of an open limit order; it goes behind all others at
        its price, and takes what its new price crosses. Cancelled instead if the total is not
        above what is filled already, or if it is post-only and would take."""

    def cancel(
        self, account: str, symbol: str, now_ns: int, *, order_id: int = 0, client_id: str = ""
    ) -> Order:
        """Refused: ORDER_NOT_FOUND, also for an order at its end."""

    def cancel_all(self, account: str, symbol: str, now_ns: int) -> list[Order]:
        """Every open order of the symbol; conditional ones stay."""

    def countdown(self, account: str, symbol: str, after_ns: int, now_ns: int) -> None:
        """Cancel all open orders of the symbol at ``now_ns + after_ns`` unless called again; 0
        stops. Conditional orders stay."""

    # Conditional orders

    def place_conditional(self, account: str, new: NewConditional, now_ns: int) -> Conditional:
        """Margin is not looked at before the trigger."""

    def cancel_conditional(
        self, account: str, now_ns: int, *, algo_id: int = 0, client_id: str = ""
    ) -> Conditional:
        """Before its trigger; refused: ORDER_NOT_FOUND."""

    def cancel_conditionals(self, account: str, symbol: str, now_ns: int) -> list[Conditional]: ...

    # Settings

    def set_hedge_mode(self, account: str, hedge: bool, now_ns: int, *, symbol: str = "") -> None:
        """Of a symbol, or of all that have no mode of their own. Refused: NO_CHANGE; and
        OPEN_ORDERS_EXIST, POSITION_EXISTS (there, or anywhere)."""

    def hedge_mode(self, account: str, symbol: str = "") -> bool: ...

    def set_leverage(self, account: str, symbol: str, leverage: int, now_ns: int) -> SymbolConfig:
        """Refused: BAD_LEVERAGE, EXCEEDS_LEVERAGE_LIMIT, INSUFFICIENT_MARGIN,
        ISOLATED_LEVERAGE_DECREASE."""

    def set_margin_type(
        self, account: str, symbol: str, margin_type: MarginType, now_ns: int
    ) -> None:
        """Refused: NO_CHANGE, OPEN_ORDERS_EXIST, POSITION_EXISTS (of that symbol)."""

    def adjust_margin(
        self, account: str, symbol: str, position_side: PositionSide, amount_m: int, now_ns: int
    ) -> None:
        """Add to an isolated position, or take away (negative). Refused: BAD_AMOUNT, NOT_ISOLATED,
        NO_POSITION, CROSS_BALANCE_INSUFFICIENT, ISOLATED_BALANCE_INSUFFICIENT."""

    # The venue's own doing

    def mark(self, symbol: str, mark_e8: int, now_ns: int) -> None:
        """A new mark price: conditional orders trigger, accounts are liquidated."""

    def fund(self, symbol: str, rate_r: int, now_ns: int) -> None:
        """Longs pay that share of their notional at mark to shorts (or get it, negative)."""

    def advance(self, now_ns: int) -> None:
        """Do what the time brings: GTD, countdowns, the end of retention."""

    def next_ns(self) -> int | None:
        """When ``advance`` has something to do."""

    def take_events(self) -> list[Event]:
        """What happened since the last call."""

    # Queries; records at their end are found as long as they are kept

    def symbols(self) -> Sequence[str]: ...

    def rules(self, symbol: str) -> Rules:
        """Refused: UNKNOWN_SYMBOL."""

    def mark_e8(self, symbol: str) -> int:
        """The mark price; 0 before the first."""

    def last_tick(self, symbol: str) -> int:
        """The last trade's price; 0 before the first."""

    def order(
        self, account: str, symbol: str, *, order_id: int = 0, client_id: str = ""
    ) -> Order | None:
        """By order id, or the newest with that client id."""

    def open_orders(self, account: str, symbol: str = "") -> list[Order]:
        """Of one symbol or all, oldest first."""

    def orders(self, account: str, symbol: str = "") -> list[Order]:
        """All that are kept, by order id."""

    def fills(self, account: str, symbol: str) -> Sequence[Fill]:
        """Oldest first."""

    def amendments(self, account: str, symbol: str, order_id: int) -> Sequence[Amended]: ...

    def conditional(
        self, account: str, *, algo_id: int = 0, client_id: str = ""
    ) -> Conditional | None:
        """By its id, or the newest with that client id."""

    def open_conditionals(self, account: str, symbol: str = "") -> list[Conditional]: ...

    def conditionals(self, account: str, symbol: str = "") -> list[Conditional]:
        """All that are kept, by id."""

    def balances(self, account: str) -> list[Balance]: ...

    def positions(self, account: str, symbol: str = "") -> list[PositionView]:
        """One-way mode: one row (BOTH) a symbol; hedge mode: LONG and SHORT. Every listed symbol,
        flat ones, too."""

    def symbol_config(self, account: str, symbol: str) -> SymbolConfig: ...

    def income(self, account: str) -> Sequence[Income]:
        """Oldest first."""
