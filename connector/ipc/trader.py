"""The strategy's side of trading: a session that also writes commands and reads reports."""

import os
import time
from pathlib import Path
from typing import Any, Literal, NoReturn, overload

from connector._speedups import commands
from connector._speedups.commands import CommandWriter
from connector._speedups.events import Instrument
from connector._speedups.segment import Mapping as SharedMapping
from connector.errors import AttachError, EpochChanged, Full
from connector.ipc.client import Session
from connector.ipc.segments import End
from connector.model import intents
from connector.model.paths import runtime_directory
from connector.model.records import Side


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


class TradingSession(Session, CommandWriter):
    """A Session that trades, made by ``connector.attach(name, trading=True)``: the only one of its
    name. Its reports come with the events, before them."""

    _descriptors = 5

    def __init__(
        self, strategy: str, runtime_dir: Path, timeout: float, takeover: bool, resume: int
    ) -> None:
        super().__init__(strategy, runtime_dir, timeout)
        self.accounts: dict[str, int] = {}
        """The accounts this strategy may use: name -> index in commands and reports."""
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
        self.accounts = {name: index for index, name, _ in accounts}
        self._doorbell = fds[4]
        return [fds[3], fds[4]]

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
            f"another session of {self.strategy!r} took over: reattach() takes it back"
            if reason is End.TAKEN_OVER
            else "the daemon ended this session: its memory says what cannot be"
        )

    def find_instrument(self, what: Any) -> Instrument:
        return self._find(what)


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
    resume: int = 0,
    patience: float = 0.0,
    timeout: float = 5.0,
) -> TradingSession: ...
def attach(
    strategy: str,
    runtime_dir: str | Path | None = None,
    *,
    trading: bool = False,
    takeover: bool = False,
    resume: int = 0,
    patience: float = 0.0,
    timeout: float = 5.0,
) -> Session:
    """Attach to this machine's daemon under a name of 1 to 64 letters, digits, ``.``, ``_``, ``-``.

    ``runtime_dir``: where its control socket is; by default ``$CONNECTOR_RUNTIME_DIR``,
    ``$RUNTIME_DIRECTORY``, ``$XDG_RUNTIME_DIR/connector`` or ``/tmp/connector-$UID``. ``patience``:
    seconds to wait for a daemon that is not there yet. ``timeout``: seconds it may take to answer.

    ``trading``: also for orders, as the only session of that name; ``takeover`` ends the one there
    is. ``resume``: number of the last report that was processed; what came after it comes first.
    Raises AttachError, which says why; a directory or a socket that somebody else may have put
    there is refused.
    """
    folder = runtime_directory(str(runtime_dir or ""))
    if trading:
        session: Session = TradingSession(strategy, folder, timeout, takeover, resume)
    elif takeover or resume:
        raise AttachError("takeover and resume are for trading=True")
    else:
        session = Session(strategy, folder, timeout)
    session._attach(patience)
    return session
