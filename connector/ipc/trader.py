"""The strategy's side of trading: a session that also writes commands and reads reports."""

import os
import time
from pathlib import Path
from typing import Any, Literal, NoReturn, overload

from connector._speedups import commands, order_events
from connector._speedups.commands import Ticket
from connector._speedups.events import Instrument
from connector._speedups.segment import Mapping as SharedMapping
from connector._speedups.trader import TradingReader
from connector.errors import AttachError, EpochChanged, Full
from connector.ipc.client import Session
from connector.ipc.counters import Budget
from connector.ipc.segments import End
from connector.model import intents, reports
from connector.model.paths import runtime_directory
from connector.model.records import Side
from connector.model.rendering import Renderer, zone_of


def _words(values: Any) -> dict[str, int]:
    return {value.name.lower(): int(value) for value in values}


commands.use_model(
    full=Full,
    names={
        "side": _words(Side),
        "order_type": _words(intents.OrderType),
        "time_in_force": _words(intents.TimeInForce),
        "position_side": _words(intents.PositionSide),
        "working_type": _words(intents.WorkingType),
        "self_trade": _words(intents.SelfTrade),
        "price_match": _words(intents.PriceMatch),
    },
)
order_events.use_enums(
    action=intents.Action,
    result=reports.Result,
    field=reports.Field,
    update=reports.Update,
    status=reports.OrderStatus,
    reason=reports.EndReason,
    side=Side,
    order_type=intents.OrderType,
    time_in_force=intents.TimeInForce,
    position_side=intents.PositionSide,
    balance_reason=reports.BalanceReason,
)


class TradingSession(Session, TradingReader):
    """A Session that trades, made by ``connector.attach(name, trading=True)``: the only one of its
    name. Its reports come with the events, before them."""

    _descriptors = 5

    def __init__(
        self, strategy: str, runtime_dir: Path, timeout: float, takeover: bool, resume: int | None
    ) -> None:
        super().__init__(strategy, runtime_dir, timeout)
        self.accounts: dict[str, int] = {}
        """The accounts this strategy may use: name -> index in commands and reports."""
        self.exchanges: dict[str, str] = {}
        """Where they are: name -> exchange."""
        self._venues: dict[int, int] = {}
        """Where each account is, as the rate budgets say it."""
        self._amending: frozenset[int] = frozenset()
        self._order_pools: dict[int, frozenset[str]] = {}
        self._takeover, self._resume = takeover, resume
        self._doorbell = -1

    def _hello(self) -> dict[str, Any]:
        trading = {"kind": "trading", "takeover": self._takeover, "resume": self._resume}
        return super()._hello() | trading

    def _open_more(self, answer: dict[str, Any], fds: list[int], up: SharedMapping) -> list[int]:
        down = SharedMapping(fds[2], os.fstat(fds[2]).st_size, populate=True)
        self.open_commands(up, down, fds[4], int(answer["commands"]), time.time_ns() // 1000)
        accounts = [(int(a["index"]), a["name"], a["exchange"]) for a in answer["accounts"]]
        self.use_accounts(accounts)
        zone = zone_of(answer["timezone"])
        names = {index: (name, exchange) for index, name, exchange in accounts}
        context = Renderer(self.strategy, names, zone)
        self.open_reports(down, int(answer["resume"]), context, int(answer["stands_at"]))
        self.accounts = {name: index for index, name, _ in accounts}
        self.exchanges = {name: exchange for _, name, exchange in accounts}
        told = {int(one["index"]): one for one in answer["accounts"]}
        self._venues = {index: int(one["venue"]) for index, one in told.items()}
        self._amending = frozenset(index for index, one in told.items() if one["amends"])
        self._order_pools = {index: frozenset(one["order_pools"]) for index, one in told.items()}
        self._doorbell = fds[4]
        return [fds[3], fds[4]]

    def reattach(self, patience: float = 10.0) -> None:
        """Attach to the daemon that runs now, waiting up to ``patience`` seconds for one.

        Reports go on where they were left. Then ask ``settle()`` what was never sent. Counts of
        lost and received records begin again; instruments and books asked for before belong to the
        old daemon: ask again. Raises AttachError when there is none, or another session trades."""
        self._resume = self.report_sequence
        super().reattach(patience)

    def settle(self) -> list[Ticket]:
        """After ``reattach()``: the commands that were never sent, each with its ``answer``:
        REFUSED, code NOT_SENT. Every other one the daemon had taken; its answer came or comes with
        the reports."""
        return self.take_unsent()

    def close(self) -> None:
        """Leave the daemon; nothing of this session can be used afterwards but ``reattach()``."""
        super().close()
        if self._doorbell >= 0:
            os.close(self._doorbell)
            self._doorbell = -1

    def ended(self) -> NoReturn:
        reason = End(self.end_reason)
        if reason in (End.CLOSED, End.STOPPED):
            super().ended()
        self.close()
        raise EpochChanged(
            {
                End.TAKEN_OVER: f"another session of {self.strategy!r} took over: "
                "reattach() takes it back",
                End.HUNG: "the daemon ended this session: it did not look for events for longer "
                "than its lease; reattach()",
            }.get(reason, "the daemon ended this session: its memory says what cannot be")
        )

    def note(self, command: int, text: str) -> None:
        """Keep how a command was written, up to 4 KiB, beside it in the journal."""
        self.request("text", command=command, text=text)

    def budget(self, account: str | int, *, orders: bool = False) -> list[Budget]:
        """The venue's limits for an account's orders and for whatever comes from the daemon's
        address, by name or index; ``orders``: only those a new order counts in. Read from shared
        memory."""
        index = self._index(account)
        found = self.counters.budgets()
        venue, named = self._venues.get(index), self._order_pools.get(index, frozenset())
        return [
            one
            for one in found
            if one.venue == venue
            and one.account in (index, None)
            and (not orders or one.pool in named)
        ]

    def amends(self, account: str | int) -> bool:
        """Whether the orders of an account, by name or index, can be amended: where not, ``amend``
        is refused, and an order is cancelled and placed anew."""
        return self._index(account) in self._amending

    def _index(self, account: str | int) -> int:
        if isinstance(account, str) and account not in self.accounts:
            raise ValueError(f"account: {account!r} is none of {', '.join(self.accounts)}")
        return self.accounts[account] if isinstance(account, str) else account

    def find_instrument(self, what: Any) -> Instrument:
        try:
            return self._find(what)
        except KeyError as error:
            (found,) = error.args
            why = f"{what!r} is not in session.instruments" if found == what else found
            raise ValueError(f"instrument: {why}") from None


@overload
def attach(
    strategy: str,
    runtime_dir: str | Path | None = None,
    *,
    trading: Literal[False] = False,
    patience: float = 0.0,
    timeout: float = 5.0,
) -> Session: ...
@overload
def attach(
    strategy: str,
    runtime_dir: str | Path | None = None,
    *,
    trading: Literal[True],
    takeover: bool = False,
    resume: int | None = None,
    patience: float = 0.0,
    timeout: float = 5.0,
) -> TradingSession: ...
def attach(
    strategy: str,
    runtime_dir: str | Path | None = None,
    *,
    trading: bool = False,
    takeover: bool = False,
    resume: int | None = None,
    patience: float = 0.0,
    timeout: float = 5.0,
) -> Session:
    """Attach to this machine's daemon under a name of 1 to 64 letters, digits, ``.``, ``_``, ``-``.

    ``runtime_dir``: where its control socket is; by default ``$CONNECTOR_RUNTIME_DIR``,
    ``$RUNTIME_DIRECTORY``, ``$XDG_RUNTIME_DIR/connector`` or ``/tmp/connector-$UID``. ``patience``:
    seconds to wait for a daemon that is not there or not ready yet. ``timeout``: seconds it may
    take to answer.

    ``trading``: also for orders, as the only session of that name; ``takeover`` ends the one there
    is. ``resume``: number of the last report that was processed, 0: none yet; what came after it
    comes first. None: only what is to come.
    Raises AttachError, which says why; a directory or a socket that somebody else may have put
    there is refused.
    """
    folder = runtime_directory(str(runtime_dir or ""))
    if trading:
        session: Session = TradingSession(strategy, folder, timeout, takeover, resume)
    elif takeover or resume is not None:
        raise AttachError("takeover and resume are for trading=True")
    else:
        session = Session(strategy, folder, timeout)
    session._attach(patience)
    return session
