"""The order side of a daemon: accounts, desk and journals, connected and kept running."""

import asyncio
import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from connector._speedups import decimal
from connector._speedups.bell import Bell
from connector._speedups.segment import Segment
from connector.accounts import AccountService
from connector.clock import monotonic_ns, wall_ns
from connector.config_trading import (
    AccountSettings,
    AccountType,
    LimitSettings,
    StrategySettings,
    money_e,
)
from connector.desk import Desk
from connector.errors import ConfigError
from connector.instruments import NO_VENUE, Directory, instrument_of
from connector.ipc.trading import AccountInfo, NotYet, Trading, TradingSession
from connector.lane import Lane
from connector.market.live import Live
from connector.model.counters import Counter
from connector.model.policies import OnDeath
from connector.model.reports import Text
from connector.paper.account import PaperAccount
from connector.paper.market import PaperMarket
from connector.protocol.backoff import Backoff
from connector.service import MarketService
from connector.shutdown import Shutdown
from connector.trading.checkpoint import Parts, checkpoint
from connector.trading.deadman import DeadMan
from connector.trading.halts import Halts, path_of
from connector.trading.holdings import ACCOUNT, STRATEGY
from connector.trading.ids import Ids, next_boot
from connector.trading.journal import Journals
from connector.trading.ledger import NOBODY, Ledger
from connector.trading.profit_file import ProfitFile
from connector.trading.recovery import Replay, over
from connector.trading.restore import Restorer, known_refs
from connector.trading.risk import Limits
from connector.trading.roles import Listed
from connector.trading_state import accounts_told
from connector.venues.contract import load

log = logging.getLogger("connector.trading")

SECOND_NS = 1_000_000_000
STEADY_NS = 60 * SECOND_NS
"""An account that was served this long starts again with the shortest backoff."""
_UNNAMED = StrategySettings()
"""A strategy without a section of its own."""

Served = AccountService | PaperAccount


class TradingService:
    """Everything behind `[accounts]`; ``markets`` are the venues by the names of their sections.

    Raises ConfigError for a key that cannot be read or used, OSError when the journals have no
    room. ``run`` until cancelled."""

    def __init__(
        self,
        accounts: Mapping[str, AccountSettings],
        markets: Mapping[str, MarketService],
        segment: Segment,
        bell: Bell,
        runtime_dir: Path,
        state_dir: Path,
        timezone: str = "UTC",
        strategies: Mapping[str, StrategySettings] = MappingProxyType({}),
        admin_gid: int | None = None,
    ) -> None:
        self._segment, self._state_dir = segment, state_dir
        self._paper = PaperMarket(segment, bell, self._live)
        self._markets = {market.index: market for market in markets.values()}
        try:
            boot = next_boot(state_dir / "boot")
        except ValueError as error:
            raise ConfigError(str(error)) from None
        self.accounts = [
            self._account(index, name, settings, markets, bell)
            for index, (name, settings) in enumerate(accounts.items())
        ]
        self._gone: dict[str, Directory] = {}
        """What earlier runs knew of venues that are not configured any more, by exchange name."""
        self._replays: dict[str, Replay] = {}
        self._restored: set[str] = set()
        self.journals = Journals(
            runtime_dir,
            state_dir,
            checkpoint=self._checkpoint,
            describe=segment.entry,
            place=self._place,
            accounts={one.name: (one.index, one.venue) for one in self.accounts},
            count=self._count,
            skipped=self._skipped,
        )
        self.halts = Halts(path_of(runtime_dir), admin_gid, self._count)
        ledger = self.ledger = Ledger(self.journals, wall_ns)
        ids = Ids(boot)
        self.desk = Desk(
            self.accounts,
            ledger,
            ids,
            listed=self._listed,
            find=self._find,
            halts=self.halts,
            clock=monotonic_ns,
            observe=segment.observe,
            wall=wall_ns,
            count=self._count,
            limits=_limits(accounts, strategies),
        )
        self.profits = ProfitFile(self.desk.holdings, runtime_dir, state_dir, wall_ns, self._count)
        self.lane = Lane(self.desk, self.journals, self.halts, ids, segment)
        for account in self.accounts:
            account.desk = self.desk
        self._strategies = strategies
        self.dead_man = DeadMan(
            self.desk,
            self._policy,
            self._find,
            ids.key,
            monotonic_ns,
            self._count,
        )
        self._shutdown = Shutdown(self.desk, self.dead_man, self.accounts, self._policy)
        self.hurry = self._shutdown.hurry
        self.sessions = Trading(
            self.lane.kernel,
            accounts=self._allowed,
            last_command=self.journals.last_command,
            opened=self._opened,
            closed=self._closed,
            after=self.desk.taken,
            segment=segment,
            timezone=timezone,
        )
        self.sessions.told = self._told
        self.sessions.noted = lambda session, command, text: ledger.text(
            session.strategy, Text.COMMAND, text.encode(), command=command
        )
        self._bell = bell

    def _account(
        self,
        index: int,
        name: str,
        settings: AccountSettings,
        markets: Mapping[str, MarketService],
        bell: Bell,
    ) -> Served:
        folder = load(settings.venue).folder
        market = next(one for one in markets.values() if one.venue.folder == folder)
        if settings.type is AccountType.PAPER:
            return PaperAccount(
                index,
                name,
                settings,
                market.venue,
                market.index,
                self._paper,
                market.find,
                market.instrument,
                self._state_dir,
                self._segment,
            )
        return AccountService(
            index,
            name,
            settings,
            market.venue,
            market.index,
            market.settings,
            self._segment,
            bell,
            market.rest,
            market.context,
            market.gate,
            market.instrument,
            market.instruments,
        )

    # Life

    def begin(self) -> None:
        """Read what earlier runs left, and begin this one in every journal; the runtime directory
        is ours now. OSError: there is no room for the journals."""
        self.halts.open()
        self.profits.load()
        configured = {name for account in self.accounts for name in account.strategies}
        for strategy in sorted({NOBODY, *configured, *self.journals.strategies()}):
            self.journals.open(strategy)  # mends it
            replay = self._replays[strategy] = Replay(strategy)
            for entry in self.journals.recover(strategy):
                try:
                    replay.take(entry.kind, entry.account, entry.instrument, entry.body)
                except ValueError as error:
                    log.error(
                        "an entry of a journal cannot be read: %s",
                        error,
                        extra={"strategy": strategy, "position": entry.position},
                    )
            self.desk.refs[strategy] = known_refs(
                replay, [one.name for one in self.accounts], monotonic_ns()
            )
            # From here on numbers of accounts and places in the directory are this run's.
            self.journals.roll(strategy, at_once=True)

    def _restore(self, account: Served) -> None:
        """Take over an account's orders of earlier runs: its instruments are known now."""
        desk, now_ns = self.desk, monotonic_ns()
        restorer = Restorer(
            desk.tracker,
            desk.positions,
            account.index,
            account.name,
            account.scales,
            account.trading.window_ns,
            desk.outbox.new_request,
            self._markets[account.venue].remember,
        )
        for replay in self._replays.values():
            desk.perform(restorer.restore(replay, now_ns, account.venue_ns(now_ns)))
        self._restored.add(account.name)
        desk.holdings.adopt(account, desk.positions, desk.tracker.orders.open_of(account.index))
        self.dead_man.started(account)

    def _checkpoint(self, strategy: str) -> Parts:
        """How a strategy stands, for whoever reads its journal from here on."""
        desk = self.desk
        return checkpoint(
            self._replays.get(strategy) or Replay(strategy),
            self._restored,
            desk.refs.get(strategy),
            desk.tracker,
            desk.positions,
            desk.hearers,
            self.accounts,
        )

    async def run(self) -> None:
        """Serve every account until cancelled."""
        async with asyncio.TaskGroup() as group:
            for account in self.accounts:
                group.create_task(self._keep(account), name=f"account/{account.name}")

    async def _keep(self, account: Served) -> None:
        """Serve an account, again and again: a fault of ours costs its orders' speed, not them."""
        await self._markets[account.venue].loaded.wait()  # nothing can be read without its scales
        self._restore(account)
        backoff = Backoff(SECOND_NS, 60 * SECOND_NS, random.random, SECOND_NS // 2)
        while True:
            started_ns = monotonic_ns()
            try:
                await account.run()
                error: Exception = RuntimeError(f"account {account.name} returned")
            except Exception as raised:
                error = raised
            if monotonic_ns() - started_ns > STEADY_NS:
                backoff.reset()
            wait_s = backoff.next_ns() / SECOND_NS
            log.error(
                "account %s failed; no new orders until it starts again in %.1f s",
                account.name,
                wait_s,
                exc_info=error,
            )
            self._count(Counter.RESTARTS, 1)
            await asyncio.sleep(wait_s)

    def tick(self) -> Iterator[None]:
        """About every 50 ms, a piece in each turn of the loop: a command waits for one of them."""
        self.halts.tick()
        yield
        self.profits.tick(monotonic_ns(), self.halts.resets())
        yield
        yield from self.desk.tick(monotonic_ns())
        yield
        self.dead_man.tick(monotonic_ns())
        for session in self.sessions.sessions():
            if lease_s := self._policy(session.strategy).lease_s:
                session.keep_lease(int(lease_s * SECOND_NS), monotonic_ns())
        for account in self.accounts:
            yield
            account.tick(monotonic_ns())
        yield
        self.journals.tick()

    async def wind_down(self, limit_s: float) -> list[str]:
        """End in order within so many seconds; what is left open or not verified, a line each."""
        faults = await self._shutdown.run(limit_s)
        for strategy, replay in self._replays.items():
            if self._policy(strategy).on_death is OnDeath.LEAVE:
                continue
            faults += [
                f"account {one.account}: {one.client_order_id} of {strategy}: not looked at"
                for one in replay.orders.values()
                if one.account not in self._restored and one.strategy and not over(one)
            ]
        return faults

    def close(self) -> bool:
        """After ``run`` has ended: nothing is written any more, if all of the journals is on
        disk."""
        self.halts.close()
        self._paper.close()
        self.profits.close()
        return self.journals.close()

    def pending(self) -> list[str]:
        """What READY still waits for."""
        return [one for account in self.accounts for one in account.pending()]

    def state(self) -> Mapping[str, Any]:
        """How the accounts are, by name."""
        return {account.name: account.state() for account in self.accounts}

    def risk(self) -> list[dict[str, Any]]:
        """What accounts and strategies risk, money as decimals of the quote."""
        return [
            {
                "kind": one.kind,
                "name": one.name,
                "open_orders": one.open_orders,
                "exposure": decimal.format(one.exposure_e, 8, 2),
                "profit": None if one.unknown else decimal.format(one.profit_e, 8, 2),
                "unmarked": sorted(one.unmarked),
            }
            for one in self.desk.holdings.owners()
        ]

    def halted(self) -> list[dict[str, Any]]:
        """The halts that stand."""
        return [
            {
                "scope": one.scope.name.lower(),
                "name": one.name,
                "reason": one.reason,
                "since_ns": one.wall_ns,
                "pid": one.pid,
                "uid": one.uid,
            }
            for one in self.halts.standing()
        ]

    async def _told(self) -> Mapping[str, Any]:
        """How everything stands, for people."""
        found = []
        for told in accounts_told(
            self.accounts, self.desk, lambda venue: self._markets[venue].venue.name
        ):
            if told is not None:
                found.append(told)
            await asyncio.sleep(0)
        return {"accounts": found}

    # Sessions

    def _allowed(self, strategy: str) -> Sequence[AccountInfo]:
        """The accounts a strategy may use."""
        for account in self.accounts:
            if strategy in account.strategies and account.name not in self._restored:
                raise NotYet(f"account {account.name} is not ready yet")
        return [
            AccountInfo(
                account.index,
                account.name,
                self._markets[account.venue].venue.name,
                account.venue,
                account.trading.amends,
                account.trading.order_pools,
            )
            for account in self.accounts
            if strategy in account.strategies
        ]

    def _opened(self, session: TradingSession) -> None:
        """Reports first, so that nothing is missed; then how everything stands."""
        if session.resume is None:
            session.resume = self.journals.open(session.strategy).sequence
        session.reports = self.journals.attach(
            session.strategy,
            session.memory.up,
            session.memory.down,
            resume=session.resume,
            bell=self._bell,
            ended=session.end,
        )
        if session.resume is None:
            session.resume = session.reports.sequence  # what comes next is the first it hears of
        self.dead_man.back(session.strategy)
        self.desk.tell_state(session.strategy)
        session.stands_at = self.journals.sequence(session.strategy)
        self._catch_up()

    def _skipped(self, strategy: str) -> None:
        """Reports that a strategy was owed are gone: tell it how everything stands, once the
        journal may be written again."""
        asyncio.get_running_loop().call_soon(self.desk.tell_state, strategy)

    def _catch_up(self) -> None:
        """Hand over what is to be read from disk, a little each turn."""
        if self.journals.pump():
            asyncio.get_running_loop().call_soon(self._catch_up)

    def _closed(self, session: TradingSession, why: str) -> None:
        self.journals.detach(session.strategy)
        self.dead_man.gone(session.strategy, why)

    # What the desk needs

    def _policy(self, strategy: str) -> StrategySettings:
        return self._strategies.get(strategy, _UNNAMED)

    def _listed(self, index: int) -> Listed | None:
        for market in self._markets.values():
            if (found := market.at(index)) is not None:
                return found
        return None

    def _live(self, index: int) -> Live | None:
        found = self._listed(index)
        return found if isinstance(found, Live) else None

    def _find(self, venue: int, symbol: str) -> Listed | None:
        return self._markets[venue].find(symbol)

    def _place(self, entry: bytes) -> int | None:
        """The place of an instrument that an earlier run knew; one that the venue lists no longer
        gets one, too."""
        was = instrument_of(entry)
        for market in self._markets.values():
            if market.venue.name == was.exchange:
                found = market.find(was.symbol)
                if found is None and market.loaded.is_set():
                    found = market.gone(was)
                return found.index if found is not None else None
        gone = self._gone.setdefault(was.exchange, Directory(self._segment, NO_VENUE))
        place = gone.place(was.symbol) or gone.gone(was)
        return place.index if place is not None else None

    def _count(self, counter: Counter, amount: int) -> None:
        self._segment.count(counter.value, amount)


def _limits(
    accounts: Mapping[str, AccountSettings], strategies: Mapping[str, StrategySettings]
) -> dict[tuple[str, str], Limits]:
    """By kind and name of whom they bind."""
    given = {(ACCOUNT, name): one.limits for name, one in accounts.items()}
    given |= {(STRATEGY, name): one.limits for name, one in strategies.items()}
    return {who: limits_of(one) for who, one in given.items() if one != LimitSettings()}


def limits_of(settings: LimitSettings) -> Limits:
    """The limits as numbers."""

    def money(text: str | None) -> int | None:
        return None if text is None else money_e(text)

    return Limits(
        order_notional_e=money(settings.order_notional),
        order_quantity=settings.order_quantity,
        exposure_e=money(settings.exposure),
        open_orders=settings.open_orders,
        orders_per_second=settings.orders_per_second,
        collar_bps=settings.collar_bps,
        loss_e=money(settings.loss),
    )
