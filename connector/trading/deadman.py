"""Strategies that are gone: who is missed, since when, and what becomes of what they left.

A strategy whose session ended has its grace to come back; then its policy is carried out with
commands of the connector's own, which its journal shows like any other (session 0, a number with
the highest bit, the reason as label). Orders that close positions are never sent again: the next
attempt starts from positions asked for anew.

Pure: ``tick`` is handed the time."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from msgspec import Struct

from connector.model.counters import Counter
from connector.model.instrument import ABSENT, Instrument
from connector.model.intents import OWN_COMMAND, Action, CommandFlag, OrderType, PositionSide
from connector.model.order import Order
from connector.model.packing import layout
from connector.model.policies import OnDeath, OnStart
from connector.model.records import Side
from connector.trading.effects import Effect
from connector.trading.positions import Positions
from connector.trading.roles import Account, Listed
from connector.trading.tracker import Tracker
from connector.venues.trading_contract import PositionEvent

log = logging.getLogger("connector.deadman")

SECOND_NS = 1_000_000_000
LOOK_NS = SECOND_NS
"""Between looks at what a strategy that is gone still has: an order may turn up late."""
CLOSE_NS = (SECOND_NS, 2 * SECOND_NS, 5 * SECOND_NS, 15 * SECOND_NS, 60 * SECOND_NS)
"""Waits between attempts to close its positions."""
_COMMAND = layout("Command")
_ABSENT = dict.fromkeys(
    ("order_id", "price_e", "qty_e", "stop_price_e", "activation_price_e", "callback_rate_e",
     "good_till_ns")
)  # fmt: skip


class Policy(Protocol):
    """What is configured for a strategy."""

    @property
    def on_death(self) -> OnDeath: ...
    @property
    def on_start(self) -> OnStart: ...
    @property
    def grace_s(self) -> float: ...


class Desk(Protocol):
    """The order path."""

    @property
    def accounts(self) -> Sequence[Account]: ...
    @property
    def tracker(self) -> Tracker: ...
    @property
    def positions(self) -> Positions: ...
    def take(self, session: "Own", slot: bytes, read_ns: int) -> None: ...
    def perform(self, effects: Sequence[Effect]) -> None: ...


class Own(Struct):
    """The connector, acting for a strategy (``trading.roles.Session``)."""

    strategy: str
    number: int = 0


class _Away(Struct):
    """A strategy that is missed."""

    why: str
    due_ns: int
    acted: bool = False
    look_ns: int = 0
    asked: bool = False
    """Its positions are being asked for."""
    closes: int = 0
    """Attempts to close them."""
    flat: bool = False


class DeadMan:
    """``policy`` gives what is configured for a strategy, ``find`` an instrument in the directory
    by venue and symbol, ``new_key`` numbers that are never used again."""

    def __init__(
        self,
        desk: Desk,
        policy: Callable[[str], Policy],
        find: Callable[[int, str], Listed | None],
        new_key: Callable[[], int],
        clock: Callable[[], int],
        count: Callable[[Counter, int], None],
    ) -> None:
        self._desk, self._policy, self._find = desk, policy, find
        self._new_key, self._clock, self._count = new_key, clock, count
        self._present: set[str] = set()
        self._away: dict[str, _Away] = {}

    # Who is there

    def back(self, strategy: str) -> None:
        """It attached."""
        self._present.add(strategy)
        away = self._away.pop(strategy, None)
        if away is not None and away.acted:
            log.info("a strategy is back", extra={"strategy": strategy})

    def gone(self, strategy: str, why: str) -> None:
        """Its session ended."""
        self._present.discard(strategy)
        grace_ns = int(self._policy(strategy).grace_s * SECOND_NS)
        self._away[strategy] = _Away(why, self._clock() + grace_ns)

    def started(self, account: Account) -> None:
        """What earlier runs left on an account is known now."""
        orders = self._desk.tracker.orders.open_of(account.index)
        left = {order.strategy for order in orders if order.strategy}
        for strategy in account.strategies:
            if self._policy(strategy).on_death is OnDeath.FLATTEN and any(
                place[0] == account.index and qty_e
                for place, qty_e in self._desk.positions.owned(strategy)
            ):
                left.add(strategy)
        for strategy in sorted(left):
            policy = self._policy(strategy)
            if strategy not in self._present and strategy not in self._away:
                self.gone(strategy, "it has not attached since the daemon started")
            mine = [order for order in orders if order.strategy == strategy]
            if policy.on_start is OnStart.CANCEL:
                self._orphaned(mine, "on_start: cancel")
            elif strategy not in account.strategies and policy.on_death is not OnDeath.LEAVE:
                # Nobody may look after them any more, whether the strategy comes back or not.
                self._orphaned(mine, "not a strategy of this account any more")

    def missed(self) -> list[str]:
        """Strategies whose grace is over."""
        return sorted(name for name, away in self._away.items() if away.acted)

    # What is done

    def tick(self, now_ns: int) -> None:
        """Now and then."""
        for strategy, away in list(self._away.items()):
            if not away.acted:
                if now_ns < away.due_ns:
                    continue
                self._act(strategy, away)
            if now_ns < away.look_ns:
                continue
            away.look_ns = now_ns + LOOK_NS
            on_death = self._policy(strategy).on_death
            if on_death is not OnDeath.LEAVE:
                self._orphaned(self.orders_of(strategy), f"on_death: {on_death.value}")
            if on_death is OnDeath.FLATTEN and not away.flat and not away.asked:
                self._flatten(strategy, away)

    def orders_of(self, strategy: str) -> list[Order]:
        """Its open orders."""
        return [
            order
            for account in self._desk.accounts
            for order in self._desk.tracker.orders.open_of(account.index)
            if order.strategy == strategy
        ]

    def cancel(self, orders: Iterable[Order], why: str) -> int:
        """Make the end of these orders a goal; their strategies' journals tell why. Returns of how
        many it was none before."""
        wanted = [order for order in orders if not order.cancel_wanted]
        for strategy, account, symbol in sorted(
            {(one.strategy, one.account, one.instrument.symbol) for one in wanted}
        ):
            listed = self._find(self._desk.accounts[account].venue, symbol)
            if listed is not None:
                self._take(strategy, Action.CANCEL_ALL, account, listed, why)
        # Whatever a command cannot reach: delisted, or of an account that is not its own any more.
        self._desk.perform(self._desk.tracker.want_cancelled(wanted, self._clock()))
        return len(wanted)

    def _orphaned(self, orders: Iterable[Order], why: str) -> None:
        self._count(Counter.ORDERS_ORPHANED, self.cancel(orders, why))

    def _act(self, strategy: str, away: _Away) -> None:
        away.acted = True
        self._count(Counter.STRATEGIES_DEAD, 1)
        log.warning(
            "a strategy did not come back",
            extra={
                "strategy": strategy,
                "why": away.why,
                "policy": self._policy(strategy).on_death.value,
                "open_orders": len(self.orders_of(strategy)),
            },
        )

    # Closing positions

    def _flatten(self, strategy: str, away: _Away) -> None:
        """Ask for the positions once no order can change them; then close what is there."""
        if self.orders_of(strategy):
            return
        mine = [one for one in self._desk.accounts if strategy in one.strategies]
        if not mine or not all(account.ready for account in mine):
            return
        left = {account.index for account in mine}
        closing: list[tuple[Account, PositionEvent]] = []
        away.asked = True

        def heard(account: Account, positions: Sequence[PositionEvent] | None) -> None:
            if self._away.get(strategy) is not away:
                return  # it is back: its positions are its own again
            left.discard(account.index)
            if positions is None:
                away.asked = False  # asked again at the next look
                return
            closing.extend((account, one) for one in positions if one.qty_e)
            if not left and away.asked:
                away.asked = False
                self._close(strategy, away, closing)

        for account in mine:
            account.ask_positions(heard)

    def _close(
        self, strategy: str, away: _Away, positions: Sequence[tuple[Account, PositionEvent]]
    ) -> None:
        if not positions:
            away.flat = True
            log.warning("positions are closed", extra={"strategy": strategy})
            return
        now_ns = self._clock()
        away.look_ns = now_ns + CLOSE_NS[min(away.closes, len(CLOSE_NS) - 1)]
        away.closes += 1
        for account, position in positions:
            listed = self._find(account.venue, position.symbol)
            qty_e = closable(position, listed.instrument) if listed is not None else 0
            more = {
                "strategy": strategy,
                "account": account.name,
                "symbol": position.symbol,
                "qty_e": position.qty_e,
                "attempt": away.closes,
            }
            if listed is None or not qty_e:
                log.error("a position cannot be closed", extra=more)
                continue
            log.warning("closing a position", extra=more)
            self._count(Counter.POSITIONS_CLOSED, 1)
            self._take(
                strategy,
                Action.PLACE,
                account.index,
                listed,
                "on_death: flatten",
                side=Side.SELL if position.qty_e > 0 else Side.BUY,
                order_type=OrderType.MARKET,
                position_side=position.position_side,
                flags=CommandFlag.REDUCE_ONLY,
                qty_e=qty_e,
            )

    def _take(
        self,
        strategy: str,
        action: Action,
        account: int,
        listed: Listed,
        label: str,
        side: Side | int = 0,
        order_type: OrderType | int = 0,
        position_side: PositionSide = PositionSide.BOTH,
        flags: CommandFlag = CommandFlag(0),  # noqa: B008  (a constant)
        qty_e: int | None = None,
    ) -> None:
        """Give the desk a command of the connector's own."""
        now_ns = self._clock()
        slot = _COMMAND.pack(
            **{
                **_ABSENT,
                "stamp": OWN_COMMAND | self._new_key(),
                "action": action,
                "account": account,
                "instrument": listed.index,
                "created_ns": now_ns,
                "valid_until_ns": now_ns + SECOND_NS,
                "label": label,
                "side": side,
                "order_type": order_type,
                "position_side": position_side,
                "flags": flags,
                "qty_e": qty_e,
            }
        )
        self._desk.take(Own(strategy), slot, now_ns)


def closable(position: PositionEvent, instrument: Instrument) -> int:
    """How much of a position one market order can close; 0: the venue takes no order that small."""
    low_e = _first(instrument.market_min_qty_e, instrument.min_qty_e, 0)
    high_e = _first(instrument.market_max_qty_e, instrument.max_qty_e, abs(position.qty_e))
    step_e = _first(instrument.market_step_e, instrument.step_e, 1)
    qty_e = min(abs(position.qty_e), high_e)
    qty_e -= (qty_e - low_e) % max(step_e, 1)
    return qty_e if qty_e >= max(low_e, 1) else 0


def _first(*values: int) -> int:
    return next(value for value in values if value != ABSENT)
