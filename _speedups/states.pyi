"""What the desk keeps that every order asks, as fields of C: their classes in Python set them like
any attribute."""

from typing import Any

from connector._speedups.journal import Journal
from connector._speedups.reports import Reports

class AccountState:
    """An account (`connector.accounts.AccountService`)."""

    reconciled: bool
    running: bool
    encoding: Any
    pool: Any
    socket: Any

class AddressState:
    """The budgets of a source address (`connector.transport.rest.Rest`)."""

    pools: Any

class AdmissionState:
    """Which commands may leave (`connector.trading.admission.Admission`)."""

    draining: bool

class BatchState:
    """Commands that wait for the rest of their batch (`connector.trading.batching.Holding`)."""

    held: list[Any]

class BudgetState:
    """The budgets of an account (`connector.trading.budget.OrderBudget`)."""

    version: int
    known_address: Any
    needs: dict[Any, Any]

class ClockState:
    """A venue's clock (`connector.trading.clock.VenueClock`)."""

    known: bool
    offset_ns: int

class ConnectionState:
    """A connection (`connector.transport.http_connection.Connection`)."""

    reusable: bool
    transport: Any
    talk: Any
    """Picows' transport, if it is a WebSocket."""
    logged_on: bool
    """Of an order API: its requests go without a signature."""
    @property
    def is_open(self) -> bool:
        """Whether what is written now has a chance: it is dropped silently afterwards."""
    def puts(self, data: bytes) -> None:
        """Write bytes. For tests."""

class HaltState:
    """The file of halts (`connector.trading.halts.Halts`)."""

    _fd: int
    _fault: str
    def watch(self, fd: int) -> None:
        """Have the first page of the file at hand, anew if there is none or it was cut short; -1:
        have none."""
    def looks_clear(self, clear: bytes) -> bool:
        """The first page is at hand, and begins so. For tests."""

class ListedState:
    """An instrument that is served (`connector.market.live.Live`)."""

    served: bool
    chosen: Any

class OpenState:
    """A journal that is written (`connector.trading.journal.Open`)."""

    described: set[int]
    journal: Journal
    reports: Reports | None
    rolls: int

class PoolState:
    """The connections of an account (`connector.transport.order_pool.OrderPool`)."""

    idle: list[Any]
    busy: dict[Any, Any]
    queue: list[Any]
    reserved: int

class RefsState:
    """The requests a strategy has made (`connector.trading.refs.Refs`)."""

    known: Any
    kept: int
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def mark(self, ref_id: str) -> None:
        """This one is known from now on, and of the others at most the newest ``kept``."""
    def maybe(self, ref_id: str) -> bool:
        """False: it is surely not known. For tests."""

class SocketState:
    """The order API of an account (`connector.transport.order_socket.OrderSocket`)."""

    serving: Any
