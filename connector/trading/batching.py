"""What a strategy asked for as one batch leaves as one request, where the venue has such requests;
each order keeps its own command, its own place in the journal and its own outcome."""

from collections.abc import Callable, Hashable, Sequence

from msgspec import Struct

from connector._speedups.states import BatchState
from connector.model.intents import Action
from connector.trading.commands import Command
from connector.trading.pending import Pending
from connector.trading.roles import Account, Listed, Session
from connector.venues.trading_contract import Batches, Intent, Message


class Held(Struct):
    """One command of a batch, ready to leave alone with ``message``."""

    account: Account
    listed: Listed
    pending: Pending
    wish: Intent
    message: Message


class Holding(BatchState):
    """Commands of one batch, as long as they come one behind the other; ``leave`` sends what is
    held."""

    def __init__(self, leave: Callable[[Sequence[Held]], None]) -> None:
        self._leave = leave
        self.held: list[Held] = []
        """Commands that wait for the rest of their batch."""
        self._of: tuple[Session, Action, int, int] | None = None
        self._last = 0

    def next(self, session: Session, command: Command) -> None:
        """A command comes: unless it goes on with the batch, what is held leaves before it."""
        if self.held:
            of = session, command.action, command.account, command.batch_size
            if of != self._of or command.batch <= self._last:
                self.end()
            else:
                self._last = command.batch

    def add(self, session: Session, command: Command, one: Held) -> None:
        """Keep it for those behind it."""
        if not self.held:
            self._of = session, command.action, command.account, command.batch_size
        self.held.append(one)
        self._last = command.batch

    def end(self) -> None:
        """Nothing more comes."""
        if self.held:
            held, self.held = self.held, []
            self._leave(held)


def groups(held: Sequence[Held], batches: Batches) -> list[list[Held]]:
    """Who leaves together, in the order given. What nothing may stop does not depend on what limits
    and halts may."""
    found: list[list[Held]] = []
    fill: dict[Hashable, list[Held]] = {}
    for one in held:
        key = batches.together(one.wish)
        group = fill.get((key, one.pending.reduces)) if key is not None else None
        if group is None or len(group) >= batches.most[one.wish.action]:
            group = fill[key, one.pending.reduces] = []
            found.append(group)
        group.append(one)
    return found
