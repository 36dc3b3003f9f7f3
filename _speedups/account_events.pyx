"""What a strategy hears of its accounts, and the frame of a snapshot; as order_events.pyx."""

cimport cython
from libc.string cimport memcpy

from .layout cimport (
    RECORD_ACCOUNT_CONFIG, RECORD_BALANCE_UPDATE, RECORD_COMMAND_ANSWER, RECORD_FILL_DETAIL, RECORD_MARGIN_CALL,
    RECORD_ORDER_REPORT, RECORD_POSITION_UPDATE, RECORD_SNAPSHOT_BEGIN, RECORD_SNAPSHOT_END,
)
from .layout_orders cimport AccountConfigBody, BalanceUpdateBody, MarginCallBody, PositionUpdateBody, SnapshotBody
from .order_events cimport CommandAnswer, FillDetail, MONEY_EXPONENT, OrderReport, Report, enum_of, exactly, scaled, text


@cython.final
cdef class BalanceUpdate(Report):
    """An asset's balance of an account."""

    type = "balance_update"

    cdef int fill(self, const char* source, Py_ssize_t size) except -1:
        memcpy(&self.balance, source, min(size, <Py_ssize_t>sizeof(BalanceUpdateBody)))
        return 0

    @property
    def asset(self):
        return text(self.balance.asset, sizeof(self.balance.asset))

    @property
    def wallet_e(self):
        """In 10^-8 of the asset, as are the next."""
        return self.balance.wallet_e

    @property
    def wallet(self):
        return scaled(self.balance.wallet_e, MONEY_EXPONENT)

    @property
    def wallet_decimal(self):
        """Exact, as is the next."""
        return exactly(self.balance.wallet_e, MONEY_EXPONENT)

    @property
    def available_decimal(self):
        return exactly(self.balance.available_e, MONEY_EXPONENT)

    @property
    def available(self):
        """Free for orders; None: the venue did not say."""
        return scaled(self.balance.available_e, MONEY_EXPONENT)

    @property
    def change(self):
        """Without profit and fees; None: the venue did not say."""
        return scaled(self.balance.change_e, MONEY_EXPONENT)

    @property
    def reason(self):
        return enum_of("balance_reason", self.balance.reason)

    @property
    def wall_ns(self):
        return self.balance.wall_ns

    @property
    def body_bytes(self):
        return (<const char*>&self.balance)[:sizeof(BalanceUpdateBody)]

    def _shown(self):
        return f"{self.account_id} {self.asset} {self.wallet}"


@cython.final
cdef class PositionUpdate(Report):
    """An account's position in an instrument, and this strategy's own part of it."""

    type = "position_update"

    cdef int fill(self, const char* source, Py_ssize_t size) except -1:
        memcpy(&self.position, source, min(size, <Py_ssize_t>sizeof(PositionUpdateBody)))
        return 0

    @property
    def qty_e(self):
        """The account's; short is negative."""
        return self.position.qty_e

    @property
    def qty(self):
        return scaled(self.position.qty_e, self.qty_exponent())

    @property
    def own_qty_e(self):
        """The sum of this strategy's own fills; short is negative."""
        return self.position.own_qty_e

    @property
    def own_qty(self):
        return scaled(self.position.own_qty_e, self.qty_exponent())

    @property
    def qty_decimal(self):
        """The account's, exact."""
        return exactly(self.position.qty_e, self.qty_exponent())

    @property
    def own_qty_decimal(self):
        """This strategy's own, exact."""
        return exactly(self.position.own_qty_e, self.qty_exponent())

    @property
    def entry_decimal(self):
        """Average entry price, as the venue says it; None: it did not."""
        return exactly(self.position.entry_e, self.position.entry_exponent)

    @property
    def entry(self):
        """Average entry price; None: the venue did not say."""
        return scaled(self.position.entry_e, self.position.entry_exponent)

    @property
    def unrealised(self):
        return scaled(self.position.unrealised_e, MONEY_EXPONENT)

    @property
    def realised(self):
        return scaled(self.position.realised_e, MONEY_EXPONENT)

    @property
    def leverage(self):
        """0: not known."""
        return self.position.leverage

    @property
    def position_side(self):
        return enum_of("position_side", self.position.position_side)

    @property
    def isolated(self):
        return self.position.isolated != 0

    @property
    def wall_ns(self):
        return self.position.wall_ns

    @property
    def body_bytes(self):
        return (<const char*>&self.position)[:sizeof(PositionUpdateBody)]

    def _shown(self):
        return f"{self.account_id} {self.qty} own {self.own_qty}"


@cython.final
cdef class AccountConfig(Report):
    """A setting of the account was changed; what was not is None."""

    type = "account_config"

    cdef int fill(self, const char* source, Py_ssize_t size) except -1:
        memcpy(&self.config, source, min(size, <Py_ssize_t>sizeof(AccountConfigBody)))
        return 0

    @property
    def leverage(self):
        """Of ``instrument``."""
        return self.config.leverage or None

    @property
    def multi_assets(self):
        return None if self.config.multi_assets == 0 else self.config.multi_assets == 2

    @property
    def hedge(self):
        return None if self.config.hedge == 0 else self.config.hedge == 2

    @property
    def wall_ns(self):
        return self.config.wall_ns

    @property
    def body_bytes(self):
        return (<const char*>&self.config)[:sizeof(AccountConfigBody)]

    def _shown(self):
        return f"{self.account_id} leverage={self.leverage} multi_assets={self.multi_assets} hedge={self.hedge}"


@cython.final
cdef class MarginCall(Report):
    """The venue warns of a liquidation: one position of the warning."""

    type = "margin_call"

    cdef int fill(self, const char* source, Py_ssize_t size) except -1:
        memcpy(&self.call, source, min(size, <Py_ssize_t>sizeof(MarginCallBody)))
        return 0

    @property
    def qty_e(self):
        return self.call.qty_e

    @property
    def qty(self):
        return scaled(self.call.qty_e, self.qty_exponent())

    @property
    def mark(self):
        return scaled(self.call.mark_e, self.instrument.entry.mark_exponent if self.instrument is not None else 0)

    @property
    def unrealised(self):
        return scaled(self.call.unrealised_e, MONEY_EXPONENT)

    @property
    def maintenance(self):
        """Maintenance margin."""
        return scaled(self.call.maintenance_e, MONEY_EXPONENT)

    @property
    def wallet(self):
        """Cross wallet balance; None: the venue did not say."""
        return scaled(self.call.wallet_e, MONEY_EXPONENT)

    @property
    def position_side(self):
        return enum_of("position_side", self.call.position_side)

    @property
    def isolated(self):
        return self.call.isolated != 0

    @property
    def wall_ns(self):
        return self.call.wall_ns

    @property
    def body_bytes(self):
        return (<const char*>&self.call)[:sizeof(MarginCallBody)]

    def _shown(self):
        return f"{self.account_id} {self.qty} maintenance={self.maintenance}"


cdef class Snapshot(Report):
    """Frame of the state that is handed over after an attach: open orders, positions, balances."""

    cdef int fill(self, const char* source, Py_ssize_t size) except -1:
        memcpy(&self.snapshot, source, min(size, <Py_ssize_t>sizeof(SnapshotBody)))
        return 0

    @property
    def journal_sequence(self):
        """The state is that after this report."""
        return self.snapshot.journal_sequence

    @property
    def orders(self):
        return self.snapshot.orders

    @property
    def positions(self):
        return self.snapshot.positions

    @property
    def wall_ns(self):
        return self.snapshot.wall_ns

    @property
    def body_bytes(self):
        return (<const char*>&self.snapshot)[:sizeof(SnapshotBody)]

    def _shown(self):
        return f"orders={self.orders} positions={self.positions}"


@cython.final
cdef class SnapshotBegin(Snapshot):
    """What follows, up to SnapshotEnd, is the state of now."""

    type = "snapshot_begin"


@cython.final
cdef class SnapshotEnd(Snapshot):
    """The state is complete; what follows is new."""

    type = "snapshot_end"


@cython.final
cdef class UnknownReport(Report):
    """A report of a type this version does not know; ``record_type`` says which."""

    type = "unknown"


cdef Report report_of(int type):
    """An empty report for a record of this type."""
    if type == RECORD_ORDER_REPORT:
        return <Report>OrderReport.__new__(OrderReport)
    if type == RECORD_COMMAND_ANSWER:
        return <Report>CommandAnswer.__new__(CommandAnswer)
    if type == RECORD_FILL_DETAIL:
        return <Report>FillDetail.__new__(FillDetail)
    if type == RECORD_BALANCE_UPDATE:
        return <Report>BalanceUpdate.__new__(BalanceUpdate)
    if type == RECORD_POSITION_UPDATE:
        return <Report>PositionUpdate.__new__(PositionUpdate)
    if type == RECORD_ACCOUNT_CONFIG:
        return <Report>AccountConfig.__new__(AccountConfig)
    if type == RECORD_MARGIN_CALL:
        return <Report>MarginCall.__new__(MarginCall)
    if type == RECORD_SNAPSHOT_BEGIN:
        return <Report>SnapshotBegin.__new__(SnapshotBegin)
    if type == RECORD_SNAPSHOT_END:
        return <Report>SnapshotEnd.__new__(SnapshotEnd)
    return <Report>UnknownReport.__new__(UnknownReport)
