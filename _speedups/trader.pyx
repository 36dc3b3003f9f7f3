"""A strategy that trades, as a reader: its reports first, then the market; and the state they tell of.

The report ring is the market ring's kind, but its writer waits: what was not taken is never overwritten.
"""

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from .account_events cimport BalanceUpdate, PositionUpdate, SnapshotBegin, report_of
from .atomics cimport likely, monotonic_ns, pause, store_release, unlikely
from .commands cimport CommandWriter, Ticket
from .events cimport Event
from .layout cimport (
    CONNECTOR_ABSENT, RECORD_BALANCE_UPDATE, RECORD_COMMAND_ANSWER, RECORD_ORDER_REPORT,
    RECORD_POSITION_UPDATE, RECORD_SNAPSHOT_BEGIN, RECORD_SNAPSHOT_END, RecordHeader, RingControl, SIDE_BUY, SessionDown,
)
from .layout_orders cimport (
    ORDER_FILLED, ORDER_REJECTED, REPORT_FOREIGN, REPORT_SNAPSHOT, RESULT_REFUSED, RESULT_UNKNOWN, UPDATE_EXECUTED,
    UPDATE_LIQUIDATED,
)
from .order_events cimport CommandAnswer, OrderReport, Report
from .reader cimport MarketReader
from .renumbering cimport CONNECTOR_NO_INSTRUMENT
from .ring cimport RING_MIN_BYTES, RingView, ring_empty, ring_length, ring_peek, ring_take
from .segment cimport Mapping
from .waiting cimport SPIN_NS, only_thread

cdef uint64_t NEVER = <uint64_t>-1
NOT_SENT = 900017
"""The code of a command that the daemon never took (``connector.model.reports.Code``)."""


cdef inline void look_out(const RingView* reports, const RingView* market) noexcept nogil:
    """Until there is a report or a record, for at most ``SPIN_NS``."""
    cdef int64_t until_ns = monotonic_ns() + SPIN_NS
    cdef unsigned int turns = 0
    while ring_empty(reports) and ring_empty(market):
        pause()
        turns += 1
        if turns & 15 == 0 and monotonic_ns() >= until_ns:
            return


cdef class TradingReader(CommandWriter):
    """Hands out reports and market events; keeps the open orders, positions and balances they tell of."""

    def __cinit__(self, *args, **options):
        self.unsent = []
        self.open_orders, self.open_positions, self.account_balances = {}, {}, {}

    def open_reports(self, Mapping down not None, uint64_t resume, context, uint64_t stands_at=0):
        """Begin with the report after number ``resume``; ``context`` renders reports and knows the accounts;
        ``stands_at``: number of the report with which the state at this attach is complete."""
        cdef size_t head = 2 * sizeof(SessionDown)
        cdef size_t capacity = down.size - head
        if down.size < head + RING_MIN_BYTES or capacity & (capacity - 1):
            raise ValueError("a `down` segment without a report ring")
        self.reports.control = <const RingControl*>(down.base + sizeof(SessionDown))
        self.reports.base = down.base + head
        self.reports.capacity = capacity
        self.reports.position = self.reports.received = self.reports.lost = self.reports.laps = 0
        self.reports.sequence = resume + 1
        self.report_sequence = resume
        self.context, self.stands_at, self.snapshot = context, stands_at, None

    def shut(self):
        """Forget the segments."""
        self.reports.base = NULL
        CommandWriter.shut(self)

    cdef Event take(self):
        cdef const RecordHeader* record
        cdef Event event
        if likely(self.reports.base != NULL and self.forks == self.fork_counter[0]):
            record = ring_peek(&self.reports)
            if record != NULL:
                return self.next_report(record)
        event = MarketReader.take(self)
        if event is not None:
            self.cause_recv_ns = event.header.recv_ns
        return event

    cdef Report next_report(self, const RecordHeader* record):
        cdef uint64_t length = ring_length(&self.reports, record)
        cdef Report report = report_of(record.type)
        memcpy(&report.header, record, sizeof(RecordHeader))
        if length > sizeof(RecordHeader):
            report.fill(<const char*>(record + 1), <Py_ssize_t>(length - sizeof(RecordHeader)))
        report.context = self.context
        if (
            report.header.type != RECORD_BALANCE_UPDATE and report.header.type < RECORD_SNAPSHOT_BEGIN
            and report.header.instrument != CONNECTOR_NO_INSTRUMENT
        ):
            report.instrument = self.listing(report.header.instrument)
        # Nothing that raises comes after this: a report is handed out, or is still in the ring.
        if unlikely(report.header.sequence != self.report_sequence + 1):
            self.stands_at = NEVER            # reports are gone: until all is told anew
        self.learn(report)
        ring_take(&self.reports, report.header.sequence, length)
        self.report_sequence = report.header.sequence
        store_release(&self.up.report_cursor, self.reports.position)
        return report

    cdef int learn(self, Report report) except -1:
        """Keep what the report tells."""
        cdef int type = report.header.type
        cdef OrderReport order
        cdef dict orders = self.open_orders, positions = self.open_positions, balances = self.account_balances
        if type == RECORD_ORDER_REPORT:
            order = <OrderReport>report
            if self.snapshot is not None and order.report.flags & REPORT_SNAPSHOT:
                orders = <dict>self.snapshot[0]
            if ORDER_FILLED <= order.report.status <= ORDER_REJECTED:
                orders.pop(order.report.order_key, None)
            else:
                orders[order.report.order_key] = order
            if order.report.update == UPDATE_EXECUTED or order.report.update == UPDATE_LIQUIDATED:
                self.own_fill(order)
        elif type == RECORD_COMMAND_ANSWER:
            self.answered(<CommandAnswer>report)
        elif type == RECORD_POSITION_UPDATE:
            if self.snapshot is not None and (<PositionUpdate>report).position.flags & REPORT_SNAPSHOT:
                positions = <dict>self.snapshot[1]
            place = (report.header.line, report.header.instrument, (<PositionUpdate>report).position.position_side)
            positions[place] = report
        elif type == RECORD_BALANCE_UPDATE:
            if self.snapshot is not None and (<BalanceUpdate>report).balance.flags & REPORT_SNAPSHOT:
                balances = <dict>self.snapshot[2]
            balances[report.header.line, (<BalanceUpdate>report).asset] = report
        elif type == RECORD_SNAPSHOT_BEGIN:
            self.snapshot = ({}, {}, {})
        elif type == RECORD_SNAPSHOT_END and self.snapshot is not None:
            self.open_orders, self.open_positions, self.account_balances = self.snapshot
            self.snapshot = None
            if self.stands_at == NEVER:
                self.stands_at = report.header.sequence
        return 0

    cdef int own_fill(self, OrderReport order) except -1:
        """A fill moves the strategy's own part of the position at once; the account's is the venue's to say."""
        cdef PositionUpdate before, now
        cdef int64_t qty_e = order.report.last_qty_e
        if order.report.flags & (REPORT_FOREIGN | REPORT_SNAPSHOT) or qty_e == 0:
            return 0
        place = (order.header.line, order.header.instrument, order.report.position_side)
        before = self.open_positions.get(place)
        now = PositionUpdate.__new__(PositionUpdate)
        now.context, now.instrument = order.context, order.instrument
        if before is not None:
            now.header, now.position = before.header, before.position
        else:
            now.header = order.header
            now.header.type = RECORD_POSITION_UPDATE
            now.position.entry_e = now.position.unrealised_e = now.position.realised_e = CONNECTOR_ABSENT
            now.position.position_side = order.report.position_side
        now.position.wall_ns = order.report.wall_ns
        now.position.own_qty_e += qty_e if order.report.side == SIDE_BUY else -qty_e
        self.open_positions[place] = now
        return 0

    cdef bint answered(self, CommandAnswer answer) except -1:
        """Give an answer to the ticket of its command."""
        cdef Ticket ticket = self.unanswered.get(answer.answer.command)
        if ticket is None:
            return False
        answer.command_slot = ticket.slot
        answer.instrument = ticket.instrument
        ticket.answer = answer
        if answer.answer.result != RESULT_UNKNOWN:
            del self.unanswered[answer.answer.command]
        return True

    def __next__(self):
        """The next report or event; spins until there is one. Signals and other threads get their turn every 50 us."""
        cdef Event event = self.take()
        while event is None:
            if only_thread():
                look_out(&self.reports, &self.view)
            else:
                with nogil:
                    look_out(&self.reports, &self.view)
            PyErr_CheckSignals()
            event = self.take()
        return event

    def fall_asleep(self):
        """Ask for the doorbell; False when there is something to read, so that sleeping would be wrong."""
        if not MarketReader.fall_asleep(self):
            return False
        if self.reports.base == NULL or ring_empty(&self.reports):
            return True
        store_release(&self.up.sleeping, self.up.sleeping + 1)
        return False

    # -- what is known

    def orders(self):
        """The latest report of each open order, foreign ones too, oldest first."""
        return list(self.open_orders.values())

    def order(self, uint64_t order_key):
        """The latest report of an open order; None: it has ended, or was never heard of."""
        return self.open_orders.get(order_key)

    def positions(self):
        """The latest PositionUpdate of each instrument, account and side; its own part counts every fill so far."""
        return list(self.open_positions.values())

    def balances(self):
        """The latest BalanceUpdate of each asset and account."""
        return list(self.account_balances.values())

    @property
    def caught_up(self):
        """Do orders, positions and balances say how things stand: at this attach, or later? Until the state of the
        attach was taken, and once reports are gone, they say what was known before."""
        return self.snapshot is None and self.report_sequence >= self.stands_at

    @property
    def waiting(self):
        """Tickets without a final answer, oldest first."""
        return list(self.unanswered.values()) if self.unanswered is not None else []

    # -- after a re-attach

    def open_commands(self, Mapping up not None, Mapping down not None, int doorbell, uint64_t taken, uint64_t unique):
        """As CommandWriter does; commands of the session before that were not taken are put aside for ``take_unsent``."""
        cdef Ticket ticket
        cdef dict before = self.unanswered or {}
        CommandWriter.open_commands(self, up, down, doorbell, taken, unique)
        for ticket in before.values():
            if ticket.command().stamp <= taken:
                self.unanswered[ticket.command().stamp] = ticket
            else:
                self.unsent.append(ticket)

    def take_unsent(self):
        """The tickets of the session before that were never sent, each with its answer: REFUSED, code NOT_SENT."""
        cdef Ticket ticket
        cdef CommandAnswer answer
        tickets, self.unsent = self.unsent, []
        for ticket in tickets:
            answer = CommandAnswer.__new__(CommandAnswer)
            answer.header.type = RECORD_COMMAND_ANSWER
            answer.header.line = ticket.command().account
            answer.header.instrument = ticket.command().instrument
            answer.instrument, answer.context, answer.command_slot = ticket.instrument, self.context, ticket.slot
            answer.answer.command = ticket.command().stamp
            answer.answer.code = NOT_SENT
            answer.answer.result = RESULT_REFUSED
            answer.answer.action = ticket.command().action
            answer.answer.batch = ticket.command().batch
            answer.answer.order_id = CONNECTOR_ABSENT
            answer.answer.wall_ns = self.context.wall_ns()
            memcpy(answer.answer.ref_id, ticket.command().ref_id, sizeof(ticket.command().ref_id))
            memcpy(answer.answer.client_order_id, ticket.command().client_order_id, sizeof(ticket.command().client_order_id))
            answer.words = b""
            ticket.answer = answer
        return tickets
