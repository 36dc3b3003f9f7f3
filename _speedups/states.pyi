"""What the desk keeps that every order asks, as fields of C: their classes in Python set them like
any attribute."""

from typing import Any

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

class HaltState:
    """The file of halts (`connector.trading.halts.Halts`)."""

    _fd: int
    _fault: str

class ListedState:
    """An instrument that is served (`connector.market.live.Live`)."""

    served: bool
    chosen: Any

class PoolState:
    """The connections of an account (`connector.transport.order_pool.OrderPool`)."""

    idle: list[Any]
    busy: dict[Any, Any]
    queue: list[Any]
    reserved: int

class RefsState:
    """The requests a strategy has made (`connector.trading.refs.Refs`)."""

    known: Any

class SocketState:
    """The order API of an account (`connector.transport.order_socket.OrderSocket`)."""

    serving: Any
