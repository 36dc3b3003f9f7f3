from libc.stdint cimport int64_t, uint64_t, uint8_t

from .events cimport Instrument
from .layout cimport SessionDown
from .layout_orders cimport Command
from .reader cimport MarketReader
from .segment cimport Mapping


cdef enum:
    COMMAND_USED = 392            # bytes of a Command before its reserve


cdef class Ticket:                # a command that was written
    cdef char used[392]           # as far as fields go
    cdef readonly Instrument instrument
    cdef public object answer     # the latest CommandAnswer, or None

    cdef inline Command* command(self) noexcept:
        return <Command*>self.used


cdef class CommandWriter(MarketReader):   # the strategy's end of its command ring
    cdef Mapping down_memory
    cdef const SessionDown* down  # NULL: no trading session
    cdef Command* slots
    cdef uint64_t number          # of the last command written
    cdef uint64_t room            # number of the last command there is surely a slot for
    cdef uint64_t rung            # the odd value of `daemon_sleeping` we rang for
    cdef int doorbell
    cdef int64_t cause_recv_ns    # of the market record taken last
    cdef readonly uint64_t report_sequence  # of the last report taken; 0: none
    cdef dict unanswered          # number -> Ticket
    cdef dict by_exchange         # exchange in lower case -> index of its account; -1: it has several
    cdef dict by_name             # account name -> index
    cdef list held                # tickets of a batch that is being filled
    cdef char prefix[16]          # of the ref_ids made here
    cdef int prefix_length
    cdef readonly bint rehearsing # commands are not written
    cdef uint8_t written_lines[256]  # of each slot: its lines that may hold something
    cdef char stage[512]          # where commands go that are not written
    cdef uint8_t staged_lines
    cdef Ticket begin(self, Instrument instrument, int action, object account, object ref_id, object valid_for_ms)
    cdef int account_of(self, Instrument instrument, object account) except -1
    cdef int no_account(self, Instrument instrument) except -1
    cdef Ticket about(self, int action, object order, object instrument, object account, object ref_id, object valid_for_ms)
    cdef Ticket ask(
        self, Ticket ticket, object order, object order_key, object client_order_id, object order_id, object label,
        object target,
    )
    cdef int texts(self, Ticket ticket, object label, object target) except -1
    cdef int name(self, Ticket ticket, object order, object order_key, object client_order_id, object order_id) except -1
    cdef uint64_t placing(self, Ticket ticket)
    cdef int write(self, Ticket ticket) except -1
    cdef int need(self, uint64_t commands) except -1
    cdef void publish(self, Ticket ticket) noexcept
    cdef void ring(self) noexcept
