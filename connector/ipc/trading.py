"""Trading sessions, the daemon's side: one a strategy name, its doors, and how it ends."""

import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from connector._speedups.gateway import Gateway, Taker
from connector._speedups.segment import Segment
from connector.clock import monotonic_ns
from connector.errors import ConnectorError
from connector.ipc.segments import REPORT_BYTES, End, TradingMemory

if TYPE_CHECKING:
    import asyncio

log = logging.getLogger(__name__)


LOOKED_NS = 200_000_000
"""A strategy says now and then when it last looked: as old as this at most, while it does."""


class Refused(ConnectorError):
    """Answered with the message; the session, if there is one, goes on."""


class NotYet(Refused):
    """The same, and asking again in a while will do."""


class AccountInfo(Struct, frozen=True):
    """An account a strategy may use, as its hello is answered."""

    index: int
    """What commands name it by."""
    name: str
    exchange: str
    """The exchange name of its venue."""
    venue: int = 0
    """The venue's number in the rate budgets."""
    amends: bool = True
    """Whether its orders can be amended."""
    order_pools: tuple[str, ...] = ()
    """The rate budgets that a new order counts in, by their names."""


class TradingSession:
    """One strategy that trades: what the gateway hands to its handler with each command."""

    def __init__(
        self, number: int, strategy: str, resume: int | None, pid: int, memory: TradingMemory
    ) -> None:
        self.number = number
        self.strategy = strategy
        self.resume = resume
        """Number of the last report it has; None: it wants those to come."""
        self.pid = pid
        self.memory = memory
        self.reports: Any = None
        """The writer of its report ring; the application's."""
        self.stands_at = 0
        """Number of the report with which it has been told how everything stands."""
        self.commands = 0
        """Number of the last command of this strategy that an earlier session had taken."""
        self.why = ""
        """Why the daemon ended it; "": it did not."""
        self.end_reason = End.CLOSED
        self.attached_ns = monotonic_ns()
        self._asked_ns = 0
        self._ending: Callable[[], object] | None = None

    def keep_lease(self, lease_ns: int, now_ns: int) -> None:
        """Now and then: one that has not looked for events for a third of its lease is woken, for
        it may have nothing to do; if it does not look then either, it hangs. Asked first, so that
        a daemon that was away itself blames nobody."""
        looked_ns = self.memory.looked_ns() + LOOKED_NS
        if self._asked_ns and looked_ns >= self._asked_ns:
            self._asked_ns = 0
        if not self._asked_ns:
            if now_ns - max(looked_ns, self.attached_ns) > lease_ns // 3:
                self._asked_ns = now_ns
                with contextlib.suppress(OSError):  # full: it was rung long ago
                    os.eventfd_write(self.memory.eventfd, 1)
        elif now_ns - self._asked_ns > lease_ns - lease_ns // 3:
            self.end(f"it did not look for events for {lease_ns / 1e9:g} s", End.HUNG)

    def ends_by(self, ending: Callable[[], object] | None) -> None:
        """How ``end`` ends it."""
        self._ending = ending

    def end(self, why: str, reason: End = End.BROKEN) -> None:
        """End it from the daemon's side; its strategy is told ``reason``."""
        if self.why or self._ending is None:
            return
        self.why, self.end_reason = why, reason
        self._ending()


def _no_accounts(_strategy: str) -> Sequence[AccountInfo]:
    return ()


def _nothing(*_: object) -> None:
    pass


class Trading:
    """The trading sessions of a daemon.

    ``handler(session, slot, read_ns)`` takes each command (``Desk.take``). ``accounts(strategy)``
    gives what a strategy may use; one that may use none may not attach for trading.
    ``last_command(strategy)`` is the number of the last command the journal knows of.
    ``opened(session)`` is called before the strategy is answered, so that nothing is missed, and
    sets ``session.resume`` where it is None; a ValueError refuses the attach.
    ``closed(session, why)`` is called when it is gone, whatever ended it. ``after`` is called once
    the commands that were there are taken (``Desk.taken``). ``timezone``: of the local times in
    JSON, for its library."""

    def __init__(
        self,
        handler: Taker | Callable[[TradingSession, bytes, int], object],
        *,
        accounts: Callable[[str], Sequence[AccountInfo]] = _no_accounts,
        last_command: Callable[[str], int] | None = None,
        opened: Callable[[TradingSession], object] = _nothing,
        closed: Callable[[TradingSession, str], object] = _nothing,
        after: Callable[[], object] | None = None,
        segment: Segment | None = None,
        report_bytes: int = REPORT_BYTES,
        timezone: str = "UTC",
    ) -> None:
        self.gateway = Gateway(
            handler, failed=_failed, broken=_broken, after=after, segment=segment
        )  # fmt: skip
        self.report_bytes, self.timezone = report_bytes, timezone
        self._accounts, self._last_command = accounts, last_command
        self._opened, self._closed = opened, closed
        self.told: Callable[[], Awaitable[Mapping[str, Any]]] | None = None
        """How trading stands, for people: the answer to the request ``trading``."""
        self.noted: Callable[[TradingSession, int, str], object] = _nothing
        """Told a command's number and how its strategy wrote it."""
        self._sessions: dict[str, TradingSession] = {}
        self._taken: dict[str, int] = {}

    def session(self, strategy: str) -> TradingSession | None:
        """The trading session of a strategy, if it has one."""
        return self._sessions.get(strategy)

    def sessions(self) -> list[TradingSession]:
        """Those that are open."""
        return [*self._sessions.values()]

    def accounts(self, strategy: str) -> Sequence[AccountInfo]:
        """What a strategy may use; Refused: nothing."""
        found = self._accounts(strategy)
        if not found:
            raise Refused(f"no account may be used by {strategy!r}: see `strategies` of [accounts]")
        return found

    def begin(self, session: TradingSession, loop: "asyncio.AbstractEventLoop") -> None:
        """Open its door."""
        name, memory = session.strategy, session.memory
        known = self._last_command(name) if self._last_command is not None else 0
        session.commands = max(known, self._taken.get(name, 0))
        try:
            self._opened(session)
        except ValueError as error:
            raise Refused(str(error)) from None
        self.gateway.add(session, memory.up, memory.down, memory.doorbell, session.commands)
        loop.add_reader(memory.doorbell, self.gateway.rung, memory.doorbell)
        self._sessions[name] = session

    def end(self, session: TradingSession, why: str, loop: "asyncio.AbstractEventLoop") -> None:
        """Close its door; what it had written and nobody took was never sent."""
        if self._sessions.get(session.strategy) is not session:
            return
        session.ends_by(None)
        del self._sessions[session.strategy]
        loop.remove_reader(session.memory.doorbell)
        self.gateway.remove(session.memory.doorbell)
        self._taken[session.strategy] = session.memory.commands_taken()
        try:
            self._closed(session, why)
        except Exception:
            log.exception("the end of a session failed", extra={"strategy": session.strategy})


def _failed(session: TradingSession | None, slot: bytes, error: Exception) -> None:
    if session is None:
        log.error("what was held of a batch could not be sent", exc_info=error)
        return
    number = int.from_bytes(slot[:8], "little")
    log.error(
        "a command could not be handled",
        extra={"strategy": session.strategy, "command": number},
        exc_info=error,
    )


def _broken(session: TradingSession, why: str) -> None:
    session.end(why, End.BROKEN)
