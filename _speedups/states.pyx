"""What the desk keeps that every order asks, as fields of C: their classes in Python set them like any attribute.

Bases without a behaviour of their own.
"""


cdef class AccountState:
    """An account (`connector.accounts.AccountService`)."""


cdef class AddressState:
    """The budgets of a source address (`connector.transport.rest.Rest`)."""


cdef class AdmissionState:
    """Which commands may leave (`connector.trading.admission.Admission`)."""


cdef class BatchState:
    """Commands that wait for the rest of their batch (`connector.trading.batching.Holding`)."""


cdef class BudgetState:
    """The budgets of an account (`connector.trading.budget.OrderBudget`)."""


cdef class ClockState:
    """A venue's clock (`connector.trading.clock.VenueClock`)."""


cdef class ConnectionState:
    """A connection (`connector.transport.http_connection.Connection`)."""


cdef class HaltState:
    """The file of halts (`connector.trading.halts.Halts`)."""


cdef class ListedState:
    """An instrument that is served (`connector.market.live.Live`)."""


cdef class PoolState:
    """The connections of an account (`connector.transport.order_pool.OrderPool`)."""


cdef class RefsState:
    """The requests a strategy has made (`connector.trading.refs.Refs`)."""


cdef class SocketState:
    """The order API of an account (`connector.transport.order_socket.OrderSocket`)."""
