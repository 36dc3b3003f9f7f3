"""What leaves: requests on their way out, alone or in batches, journalled before the first byte."""

import logging
from collections.abc import Callable, Sequence

from connector._speedups.order_ids import Numbers
from connector.model.counters import Counter
from connector.model.intents import Action
from connector.model.order import Order
from connector.model.reports import Code
from connector.trading.admission import encode
from connector.trading.batching import Held, Holding, groups
from connector.trading.commands import Refusal
from connector.trading.effects import Effect
from connector.trading.holdings import Holdings
from connector.trading.ledger import Ledger
from connector.trading.pending import Pending
from connector.trading.roles import Account, Listed
from connector.trading.tracker import Tracker
from connector.venues.trading_contract import CannotEncode, Intent, Message, NotNamed

log = logging.getLogger("connector.desk")


class Outbox:
    """The requests of all accounts. ``find`` gives the instrument of a venue and symbol;
    ``perform`` does what the tracker wants; ``held`` keeps batches until they are whole."""

    def __init__(
        self,
        accounts: Sequence[Account],
        tracker: Tracker,
        holdings: Holdings,
        ledger: Ledger,
        find: Callable[[int, str], Listed | None],
        clock: Callable[[], int],
        perform: Callable[[Sequence[Effect]], None],
        count: Callable[[Counter, int], object],
    ) -> None:
        self._accounts, self._tracker, self._holdings = accounts, tracker, holdings
        self._ledger, self._find, self._clock = ledger, find, clock
        self._perform, self._count = perform, count
        self.requests = Numbers()
        """The numbers of the next ones."""
        self.held = Holding(self._leave)

    def new_request(self) -> int:
        """A number for a request."""
        return next(self.requests)

    def pending(
        self, account: Account, order: Order | None, action: Action, strategy: str, now_ns: int
    ) -> Pending:
        """A request that is to be made."""
        return Pending(
            request=self.new_request(),
            order=order,
            account=account.index,
            strategy=strategy,
            action=action,
            sent_ns=now_ns,
            deadline_ns=now_ns + account.trading.window_ns,
        )

    def send(
        self, account: Account, listed: Listed | None, pending: Pending, message: Message
    ) -> None:
        """Now; a fault of ours is answered, too."""
        sent = False
        try:
            self._about_to_leave(account, listed, pending)
            sent = True
            account.post(pending.request, pending.action, message)
        except Exception as error:
            self.settle([pending], error, sent)

    def cancel(self, order: Order) -> None:
        """Pursue a cancel; the strategy was answered long ago."""
        account = self._accounts[order.account]
        now_ns = self._clock()
        intent = Intent(action=Action.CANCEL, instrument=order.instrument)
        try:
            message = encode(account, intent, order, now_ns)
        except NotNamed:  # the answer to its order tells its name, or a question does
            self._tracker.watched.cancel_again(order, now_ns)
            return
        except Exception as error:  # a refusal of ours, too: the way it takes may change
            self.fault(error, order.strategy)
            self._tracker.watched.cancel_again(order, now_ns)
            return
        pending = self.pending(account, order, Action.CANCEL, order.strategy, now_ns)
        self.send(account, self._find(account.venue, order.instrument.symbol), pending, message)

    def pursue(self, pending: Pending) -> None:
        """A cancel that cannot be sent yet: from now on it is pursued, and how it ends is told."""
        self._tracker.requested(pending)
        self._perform(self._tracker.lost(pending.request, self._clock()))

    def fault(self, error: Exception, strategy: str, command: int = 0) -> None:
        """Count and log what must not happen."""
        self._count(Counter.COMMAND_ERRORS, 1)
        more = {"strategy": strategy, "command": command}
        log.error("a command could not be handled", extra=more, exc_info=error)

    # Inside

    def _about_to_leave(self, account: Account, listed: Listed | None, pending: Pending) -> None:
        """Registered and journalled before the first byte."""
        self._tracker.requested(pending)
        if pending.order is not None:
            self._holdings.order(pending.order)
        pending.sent_ns = self._clock()
        self._ledger.sent(pending, listed, account, account.venue_ns(pending.deadline_ns))

    def _leave(self, held: Sequence[Held]) -> None:
        """Send what was held of a batch, as much of it together as the venue takes."""
        batches = held[0].account.trading.batches
        assert batches is not None
        for group in groups(held, batches):
            if len(group) == 1 or not self._send_together(group):
                for one in group:
                    self._send_held(one)

    def _send_together(self, group: Sequence[Held]) -> bool:
        """One request for all of them; False: it cannot be made, or costs more than is left."""
        account, action = group[0].account, group[0].pending.action
        now_ns = self._clock()
        try:
            message = account.encode_batch([one.wish for one in group], now_ns)
            if not group[0].pending.reduces:
                account.afford(action, message)
        except (CannotEncode, Refusal):
            return False
        except Exception as error:
            self.fault(error, group[0].pending.strategy)
            return False
        sent, all_of_them = False, [one.pending for one in group]
        try:
            for one in group:
                one.pending.deadline_ns = now_ns + account.trading.window_ns
                self._about_to_leave(account, one.listed, one.pending)
            sent = True
            account.post_batch([one.request for one in all_of_them], action, message)
        except Exception as error:
            self.settle(all_of_them, error, sent)
        return True

    def _send_held(self, one: Held) -> None:
        """Alone; those in front of it may have used up what it could have had."""
        account, pending = one.account, one.pending
        try:
            if not pending.reduces:
                account.afford(pending.action, one.message)
        except Refusal as refusal:
            self._refuse(pending, refusal.code, str(refusal))
            return
        except Exception as error:  # those behind it leave all the same
            self.settle([pending], error, False)
            return
        self.send(account, one.listed, pending, one.message)

    def _refuse(self, pending: Pending, code: Code, text: str) -> None:
        """It does not leave."""
        if self._tracker.request(pending.request) is None:
            self._tracker.requested(pending)
        self._perform(self._tracker.unsent(pending.request, code, self._clock(), text))

    def settle(self, requests: Sequence[Pending], error: Exception, sent: bool) -> None:
        """Requests that failed on their way out: unknown if a byte may have left."""
        for one in requests:
            self.fault(error, one.strategy, one.command)
            if not sent:
                self._refuse(one, Code.INTERNAL, Code.INTERNAL.sentence)
            elif self._tracker.request(one.request) is not None:
                self._perform(self._tracker.lost(one.request, self._clock()))
