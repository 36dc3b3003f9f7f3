"""The strategy's end of its command ring: numbers and texts made exact, one slot written, the daemon woken if it sleeps.

Whatever cannot be said exactly is refused here, by ValueError naming the argument; whether it may be done is for the
daemon to say.
"""

from collections.abc import AsyncGenerator, Coroutine, Generator

cimport cython
from cpython.dict cimport PyDict_GetItemWithError, PyDict_SetItem
from cpython.long cimport PyLong_AsLong, PyLong_Check
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_Check
from libc.stdint cimport int64_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memset

from .arguments cimport Words, code_of, put_text, text_of, to_e, validity, yes
from .atomics cimport (
    fence_seq_cst, fetch_to_write, load_acquire, load_relaxed, monotonic_ns, store_release, unlikely,
)
from .events cimport Instrument
from .layout cimport CONNECTOR_ABSENT, CONNECTOR_MAGIC_DOWN, SessionDown, SessionUp
from .layout_orders cimport (
    ACTION_AMEND, ACTION_CANCEL, ACTION_CANCEL_ALL, ACTION_PLACE, ACTION_QUERY, COMMAND_CLOSE_POSITION,
    COMMAND_PRICE_PROTECT, COMMAND_REDUCE_ONLY, CONNECTOR_COMMANDS, Command, TIF_GTC, TIF_GTD, TIF_GTX, TYPE_LIMIT,
    TYPE_STOP, TYPE_TAKE_PROFIT,
)
from .reader cimport MarketReader
from .segment cimport Mapping

cdef extern from *:
    """
    _Static_assert(offsetof(Command, reserve) == 392, "COMMAND_USED is where the reserve begins");
    """

cdef extern from "unistd.h" nogil:
    ssize_t write(int fd, const void* data, size_t size)

cdef enum:
    RATE_EXPONENT = 8             # of callback_rate_e
    LINE = 64                     # bytes the processor moves at once
    LINES = 7                     # of a command, its reserve apart
    EVERY_LINE = 127

cdef const char* DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

cdef tuple LATER = (Coroutine, Generator, AsyncGenerator)
cdef object _full = ValueError
cdef Words SIDES = Words("side")
cdef Words ORDER_TYPES = Words("order_type")
cdef Words TIMES_IN_FORCE = Words("time_in_force")
cdef Words POSITION_SIDES = Words("position_side")
cdef Words WORKING_TYPES = Words("working_type")
cdef Words SELF_TRADES = Words("self_trade")
cdef Words PRICE_MATCHES = Words("price_match")


def use_model(*, full, names):
    """Give what the package knows: the error of a full ring; the words for enums, {argument: {word: value}}."""
    global _full
    cdef Words words
    _full = full
    for words in (SIDES, ORDER_TYPES, TIMES_IN_FORCE, POSITION_SIDES, WORKING_TYPES, SELF_TRADES, PRICE_MATCHES):
        words.numbers = names[words.what]


cdef int put_base32(char* out, uint64_t number) noexcept nogil:
    """Digits and capitals without I, L, O, U; how many."""
    cdef char digits[16]
    cdef int count = 0, i
    while True:
        digits[count] = DIGITS[number & 31]
        count += 1
        number >>= 5
        if number == 0:
            break
    for i in range(count):
        out[i] = digits[count - 1 - i]
    return count


cdef inline void put_lines(Command* slot, const Command* c, uint8_t* written) noexcept nogil:
    """Copy a command but its stamp. Lines that are zero and were so before stay as they are: the daemon's processor has
    them, and taking them away from it is most of what a command costs."""
    cdef const uint64_t* words = <const uint64_t*>c
    cdef uint64_t any
    cdef uint8_t lines = 0x43     # the first two and the last one are never zero for long
    cdef int line, word
    for line in range(2, LINES - 1):
        any = 0
        for word in range(8):
            any |= words[line * 8 + word]
        lines |= (any != 0) << line
    memcpy(<char*>slot + 8, <const char*>c + 8, 2 * LINE - 8)
    for line in range(2, LINES - 1):
        if (lines | written[0]) >> line & 1:
            memcpy(<char*>slot + line * LINE, <const char*>c + line * LINE, LINE)
    slot.cause_report = c.cause_report  # behind it lies nothing but zeros
    written[0] = lines


cdef inline void fetch_slot(const Command* slot) noexcept nogil:
    """Ask for the lines of a slot that every command is written to."""
    fetch_to_write(slot)
    fetch_to_write(<const char*>slot + LINE)
    fetch_to_write(<const char*>slot + 2 * LINE)
    fetch_to_write(<const char*>slot + (LINES - 1) * LINE)


@cython.final
@cython.no_gc                     # neither an answer nor an instrument leads back to it
@cython.freelist(64)
cdef class Ticket:
    """A command that was written: its ``number``, its ``ref_id``, and its ``answer`` once there is one."""

    @property
    def number(self):
        """Of this strategy's commands; the answer carries it."""
        return self.command().stamp

    @property
    def ref_id(self):
        return text_of(self.command().ref_id, sizeof(self.command().ref_id))

    @property
    def client_order_id(self):
        """As given; else as the answer says; "": neither."""
        given = text_of(self.command().client_order_id, sizeof(self.command().client_order_id))
        return given or (self.answer.client_order_id if self.answer is not None else "")

    @property
    def order_key(self):
        """The connector's id of the order; 0 until it is known."""
        return self.command().order_key or (self.answer.order_key if self.answer is not None else 0)

    @property
    def account(self):
        return self.command().account

    @property
    def action(self):
        return self.command().action

    @property
    def created_ns(self):
        return self.command().created_ns

    @property
    def slot(self):
        """The command's 512 bytes."""
        return self.used[:COMMAND_USED] + bytes(sizeof(Command) - COMMAND_USED)

    def __repr__(self):
        return f"<Ticket {self.number} {self.ref_id}{'' if self.answer is None else ' answered'}>"


cdef class CommandWriter(MarketReader):
    """A reader that can also ask for things: ``place``, ``amend``, ``cancel``, ``cancel_all``, ``query``, batches.

    Each writes one slot of the command ring, and returns at once; what became of it comes with the reports. Raises
    Full when 256 commands wait for the daemon, ValueError naming what cannot be written exactly.
    """

    def open_commands(self, Mapping up not None, Mapping down not None, int doorbell, uint64_t taken, uint64_t unique):
        """Begin behind command number ``taken`` of this strategy; ``unique`` goes into the ref_ids made here."""
        cdef const SessionDown* header = <const SessionDown*>down.base
        if up.size < sizeof(SessionUp) + CONNECTOR_COMMANDS * sizeof(Command) or not up.writable:
            raise ValueError("an `up` segment without a command ring")
        if down.size < sizeof(SessionDown) or header.magic != CONNECTOR_MAGIC_DOWN:
            raise ValueError("not a session's `down` segment")
        self.down_memory, self.down = down, header
        self.slots = <Command*>(up.base + sizeof(SessionUp))
        self.number = taken
        self.room = taken + CONNECTOR_COMMANDS
        self.doorbell, self.rung, self.cause_recv_ns = doorbell, 0, 0
        self.unanswered = {}
        self.held = None
        memset(self.written_lines, EVERY_LINE, sizeof(self.written_lines))
        self.prefix_length = put_base32(self.prefix, unique & ((1 << 60) - 1))
        self.prefix[self.prefix_length] = c"-"
        self.prefix_length += 1

    def use_accounts(self, accounts):
        """The accounts of the hello's answer: (index, name, exchange)."""
        self.by_exchange, self.by_name = {}, {}
        for index, name, exchange in accounts:
            self.by_name[name] = index
            for key in {exchange, exchange.lower()}:
                self.by_exchange[key] = -1 if key in self.by_exchange else index

    def shut(self):
        """Forget the segments."""
        self.down = NULL
        self.slots = NULL
        self.down_memory = None
        self.doorbell = -1
        MarketReader.shut(self)

    @property
    def end_reason(self):
        """Why the daemon ended the session, ``connector.ipc.segments.End``; 0: it did not, or the process is gone."""
        return load_acquire(&self.down.reason) if self.down != NULL else 0

    @property
    def commands_written(self):
        """Number of the last command written."""
        return self.number

    cdef Ticket begin(self, Instrument instrument, int action, object account, object ref_id, object valid_for_ms):
        """A ticket with what every command has."""
        cdef Ticket ticket
        cdef Command* c
        cdef int64_t now_ns
        if unlikely(self.down == NULL or self.forks != self.fork_counter[0]):
            self.no_commands()
        self.own(instrument)
        fetch_slot(self.slots + self.number % CONNECTOR_COMMANDS)  # here when they are written
        ticket = Ticket.__new__(Ticket)
        ticket.instrument = instrument
        c = ticket.command()      # a new object is zero
        now_ns = monotonic_ns()
        c.created_ns = now_ns
        c.valid_until_ns = now_ns + validity(valid_for_ms)
        c.cause_sequence = self.view.sequence - 1
        c.cause_recv_ns = self.cause_recv_ns
        c.cause_report = self.report_sequence
        c.order_id = c.price_e = c.qty_e = c.stop_price_e = CONNECTOR_ABSENT
        c.activation_price_e = c.callback_rate_e = c.good_till_ns = CONNECTOR_ABSENT
        c.instrument = instrument.entry.id
        c.account = self.account_of(instrument, account)
        c.action = action
        if ref_id is not None:
            put_text(c.ref_id, sizeof(c.ref_id), ref_id, "ref_id")
        return ticket

    def find_instrument(self, what):
        """The instrument of whatever names it."""
        raise TypeError(f"an Instrument, not {type(what).__name__}")

    def no_commands(self):
        """Not attached, or not for trading."""
        self.touch()
        raise ValueError("attached for the market only: attach(name, trading=True)")

    cdef int account_of(self, Instrument instrument, object account) except -1:
        cdef PyObject* known
        if account is None:
            known = PyDict_GetItemWithError(self.by_exchange, instrument.exchange)
            if known == NULL or PyLong_AsLong(<object>known) < 0:
                return self.no_account(instrument)
            return PyLong_AsLong(<object>known)
        if PyUnicode_Check(account):
            known = PyDict_GetItemWithError(self.by_name, account)
            if known == NULL:
                raise ValueError(f"account: {account!r} is none of {', '.join(self.by_name) or 'no accounts'}")
            return PyLong_AsLong(<object>known)
        if not PyLong_Check(account) or not 0 <= account < 65536:
            raise ValueError(f"account: {account!r} is no account")
        return account

    cdef int no_account(self, Instrument instrument) except -1:
        """Its exchange is written in another way, has several, or none."""
        found = self.by_exchange.get(instrument.exchange.lower())
        if found is None:
            raise ValueError(f"account: none of {instrument.exchange} may be used")
        if found < 0:
            raise ValueError(f"account: {instrument.exchange} has several: name one of {', '.join(self.by_name)}")
        return found

    def place(
        self, instrument, side, quantity, price=None, *, order_type=None, time_in_force=None, reduce_only=False,
        post_only=False, position_side=None, stop_price=None, activation_price=None, callback_rate=None,
        working_type=None, close_position=False, price_match=None, price_protect=False, self_trade=None,
        good_till_ms=None, client_order_id=None, ref_id=None, label=None, target=None, account=None, valid_for_ms=100,
    ):
        """Ask for a new order; returns its Ticket at once.

        ``instrument``: an Instrument, or what ``session.instruments`` takes. ``side``: Side or "Buy"/"Sell".
        ``quantity``, ``price`` and the other numbers: str, Decimal, int or float (whose shortest decimal is meant), all
        exact at the instrument's scale. ``callback_rate`` is a fraction (0.01 is 1 %), ``good_till_ms`` Unix
        milliseconds. Enums by value or by word. ``post_only`` is ``time_in_force=GTX``. ``account``: name or index; may
        be left out where the exchange has one. After ``valid_for_ms`` the daemon does not take it any more.
        """
        cdef Instrument what = instrument if type(instrument) is Instrument else self.find_instrument(instrument)
        cdef Ticket ticket = self.begin(what, ACTION_PLACE, account, ref_id, valid_for_ms)
        cdef Command* c = ticket.command()
        cdef int exponent = what.entry.price_exponent
        c.side = code_of(side, SIDES)
        if quantity is not None:
            c.qty_e = to_e(quantity, what.entry.qty_exponent, "quantity")
        if price is not None:
            c.price_e = to_e(price, exponent, "price")
        c.order_type = TYPE_LIMIT if order_type is None else code_of(order_type, ORDER_TYPES)
        if time_in_force is not None:
            c.time_in_force = code_of(time_in_force, TIMES_IN_FORCE)
            if yes(post_only, "post_only") and c.time_in_force != TIF_GTX:
                raise ValueError("time_in_force: post_only means GTX")
        elif yes(post_only, "post_only"):
            c.time_in_force = TIF_GTX
        elif good_till_ms is not None:
            c.time_in_force = TIF_GTD
        elif c.order_type == TYPE_LIMIT or c.order_type == TYPE_STOP or c.order_type == TYPE_TAKE_PROFIT:
            c.time_in_force = TIF_GTC
        if yes(reduce_only, "reduce_only"):
            c.flags |= COMMAND_REDUCE_ONLY
        if yes(close_position, "close_position"):
            c.flags |= COMMAND_CLOSE_POSITION
        if yes(price_protect, "price_protect"):
            c.flags |= COMMAND_PRICE_PROTECT
        if position_side is not None:
            c.position_side = code_of(position_side, POSITION_SIDES)
        if stop_price is not None:
            c.stop_price_e = to_e(stop_price, exponent, "stop_price")
        if activation_price is not None:
            c.activation_price_e = to_e(activation_price, exponent, "activation_price")
        if callback_rate is not None:
            c.callback_rate_e = to_e(callback_rate, RATE_EXPONENT, "callback_rate")
        if working_type is not None:
            c.working_type = code_of(working_type, WORKING_TYPES)
        if price_match is not None:
            c.price_match = code_of(price_match, PRICE_MATCHES)
        if self_trade is not None:
            c.self_trade = code_of(self_trade, SELF_TRADES)
        if good_till_ms is not None:
            c.good_till_ns = to_e(good_till_ms, 6, "good_till_ms")
        if client_order_id is not None:
            put_text(c.client_order_id, sizeof(c.client_order_id), client_order_id, "client_order_id")
        if label is not None:
            put_text(c.label, sizeof(c.label), label, "label")
        if target is not None:
            put_text(c.target, sizeof(c.target), target, "target")
        self.write(ticket)
        return ticket

    cdef int name(self, Ticket ticket, object order, object order_key, object client_order_id, object order_id) except -1:
        """Say which order is meant."""
        cdef Command* c = ticket.command()
        if order is not None:
            if order_key or client_order_id is not None or order_id is not None:
                raise ValueError("order: named twice: give it, or one of its ids")
            if PyUnicode_Check(order):
                client_order_id = order
            else:
                order_key = order.order_key
                if not order_key:
                    client_order_id = order.client_order_id
                    if type(order) is Ticket:
                        c.placed_by = self.placing(<Ticket>order)
        if order_key:
            c.order_key = order_key
        if client_order_id:
            put_text(c.client_order_id, sizeof(c.client_order_id), client_order_id, "client_order_id")
        if order_id is not None:
            if PyUnicode_Check(order_id):
                put_text(c.venue_order_id, sizeof(c.venue_order_id), order_id, "order_id")
            elif type(order_id) is int and not -(1 << 63) < order_id < 1 << 63:
                raise ValueError("order_id: no venue has ids of more than 63 bits")
            else:
                c.order_id = order_id
        if not (c.order_key or c.placed_by or client_order_id or order_id is not None or self.rehearsing):
            raise ValueError("order: it has no name: its command was refused, never sent, or is not written yet")
        return 0

    cdef uint64_t placing(self, Ticket ticket):
        """Number of the command that placed the order a ticket is about; 0: none of this session's.

        Only while it is not answered: afterwards the order has a name, or there is none. A number that the daemon
        before never took is used again."""
        cdef const Command* command = ticket.command()
        if command.action != ACTION_PLACE:
            return command.placed_by
        return command.stamp if self.unanswered.get(command.stamp) is ticket else 0

    def amend(
        self, order=None, price=None, quantity=None, *, instrument=None, order_key=0, client_order_id=None, order_id=None,
        ref_id=None, label=None, target=None, account=None, valid_for_ms=100,
    ):
        """Ask for another price or total quantity of an order; what is None stays. ``order`` as for ``cancel``."""
        cdef Ticket ticket = self.about(ACTION_AMEND, order, instrument, account, ref_id, valid_for_ms)
        if price is not None:
            ticket.command().price_e = to_e(price, ticket.instrument.entry.price_exponent, "price")
        if quantity is not None:
            ticket.command().qty_e = to_e(quantity, ticket.instrument.entry.qty_exponent, "quantity")
        return self.ask(ticket, order, order_key, client_order_id, order_id, label, target)

    def cancel(
        self, order=None, *, instrument=None, order_key=0, client_order_id=None, order_id=None, ref_id=None, label=None,
        target=None, account=None, valid_for_ms=100,
    ):
        """Ask for an order's end; it is pursued until the order has ended.

        ``order``: the Ticket that placed it, a report of it, or an Order of ``orders()``. Instead, with ``instrument``:
        its ``client_order_id``, the connector's ``order_key`` or the venue's ``order_id``.
        """
        cdef Ticket ticket = self.about(ACTION_CANCEL, order, instrument, account, ref_id, valid_for_ms)
        return self.ask(ticket, order, order_key, client_order_id, order_id, label, target)

    def query(
        self, order=None, *, instrument=None, order_key=0, client_order_id=None, order_id=None, ref_id=None, account=None,
        valid_for_ms=100,
    ):
        """Ask the venue what became of an order; ``order`` as for ``cancel``."""
        cdef Ticket ticket = self.about(ACTION_QUERY, order, instrument, account, ref_id, valid_for_ms)
        return self.ask(ticket, order, order_key, client_order_id, order_id, None, None)

    def cancel_all(self, instrument, *, account=None, ref_id=None, label=None, target=None, valid_for_ms=100):
        """Ask for the end of every order of this strategy in an instrument."""
        cdef Ticket ticket = self.about(ACTION_CANCEL_ALL, None, instrument, account, ref_id, valid_for_ms)
        self.texts(ticket, label, target)
        self.write(ticket)
        return ticket

    cdef Ticket about(self, int action, object order, object instrument, object account, object ref_id, object valid_for_ms):
        """A ticket about an order: its instrument and account, unless they are given."""
        if order is not None and not PyUnicode_Check(order):
            if type(order) is not Ticket and not hasattr(order, "order_key"):
                raise TypeError(f"order must be a Ticket, a report or a client_order_id, not {type(order).__name__}")
            instrument = order.instrument if instrument is None else instrument
            account = order.account if account is None else account
        if instrument is None:
            raise ValueError("instrument: missing; an id alone does not say which")
        if type(instrument) is not Instrument:
            instrument = self.find_instrument(instrument)
        return self.begin(instrument, action, account, ref_id, valid_for_ms)

    cdef Ticket ask(
        self, Ticket ticket, object order, object order_key, object client_order_id, object order_id, object label,
        object target,
    ):
        """Name the order, write the command."""
        self.name(ticket, order, order_key, client_order_id, order_id)
        self.texts(ticket, label, target)
        self.write(ticket)
        return ticket

    cdef int texts(self, Ticket ticket, object label, object target) except -1:
        if label is not None:
            put_text(ticket.command().label, sizeof(ticket.command().label), label, "label")
        if target is not None:
            put_text(ticket.command().target, sizeof(ticket.command().target), target, "target")
        return 0

    def place_batch(self, orders):
        """Ask for several orders, each a dict of ``place``'s arguments: all of them are written, or none."""
        return self.batch(self.place, orders)

    def amend_batch(self, orders):
        """Ask for other prices or quantities of several orders, each a dict of ``amend``'s arguments."""
        return self.batch(self.amend, orders)

    def cancel_batch(self, orders, **common):
        """Ask for the end of several orders, each as ``cancel`` takes it, or a dict of its arguments."""
        return self.batch(self.cancel, [one if isinstance(one, dict) else {"order": one, **common} for one in orders])

    def batch(self, ask, orders):
        """Fill tickets by ``ask``, then write them all; an error says in ``element`` which one it is about."""
        cdef Ticket ticket
        cdef list tickets
        cdef Py_ssize_t index = 0
        if self.held is not None:
            raise ValueError("a batch within a batch")
        self.held = []
        try:
            for one in orders:
                if not isinstance(one, dict):
                    raise TypeError(f"orders[{len(self.held)}] must be a dict of arguments, not {type(one).__name__}")
                try:
                    ask(**one)
                except (TypeError, ValueError) as error:
                    kind = TypeError if isinstance(error, TypeError) else ValueError
                    raise kind(f"orders[{len(self.held)}]: {error}") from None
            tickets = self.held
        except (ValueError, TypeError, OverflowError) as error:
            error.element = len(self.held)
            raise
        finally:
            self.held = None
        if not tickets:
            return tickets
        if not self.rehearsing:
            self.need(len(tickets))
        for ticket in tickets:
            index += 1
            ticket.command().batch = <unsigned short>index
            ticket.command().batch_size = <unsigned short>len(tickets)
            self.publish(ticket)
        self.ring()
        return tickets

    def rehearse(self, function, *arguments):
        """Call ``function`` while commands are made and checked, but not written; returns what it returns.

        For idle moments of a strategy that spins: what decides and asks stays in the processor's caches. Tickets have
        the number 0 and no answer comes; whatever else the function does, it does. TypeError: it returned what would
        run later, and then ask in earnest: it is an ``async def``, or a generator.
        """
        if self.rehearsing or self.held is not None:
            raise ValueError("a rehearsal within a rehearsal or a batch")
        self.rehearsing = True
        try:
            found = function(*arguments)
        finally:
            self.rehearsing = False
        if isinstance(found, LATER):
            if not isinstance(found, AsyncGenerator):
                found.close()
            raise TypeError(f"function: it returned a {type(found).__name__}, of which nothing has run: a plain one is needed")
        return found

    cdef int write(self, Ticket ticket) except -1:
        if self.held is not None:
            self.held.append(ticket)
            return 0
        if unlikely(self.number >= self.room and not self.rehearsing):
            self.need(1)
        self.publish(ticket)
        self.ring()
        return 0

    cdef int need(self, uint64_t commands) except -1:
        """Room for so many; Full."""
        self.room = load_acquire(&self.down.command_cursor) + CONNECTOR_COMMANDS
        if self.number + commands > self.room:
            self.check_alive()
            raise _full(f"{self.number + CONNECTOR_COMMANDS - self.room} commands wait for the daemon: nothing was written")
        return 0

    cdef void publish(self, Ticket ticket) noexcept:
        cdef Command* c = ticket.command()
        cdef uint64_t number = self.number + 1
        cdef Command* slot = self.slots + (number - 1) % CONNECTOR_COMMANDS
        cdef uint8_t* lines = &self.written_lines[(number - 1) % CONNECTOR_COMMANDS]
        if unlikely(self.rehearsing):
            slot, lines = <Command*>self.stage, &self.staged_lines
        if c.ref_id[0] == 0:
            memcpy(c.ref_id, self.prefix, self.prefix_length)
            put_base32(c.ref_id + self.prefix_length, number)
        put_lines(slot, c, lines)
        if unlikely(self.rehearsing):
            self.unanswered.get(number)
            return
        c.stamp = number
        store_release(&slot.stamp, number)
        self.number = number
        self.unanswered[number] = ticket

    cdef void ring(self) noexcept:
        """Wake the daemon if it sleeps; once for each time it does."""
        cdef uint64_t one = 1, sleeping
        fence_seq_cst()
        sleeping = load_relaxed(&self.down.daemon_sleeping)
        if sleeping & 1 and sleeping != self.rung and not self.rehearsing:
            self.rung = sleeping
            write(self.doorbell, &one, 8)
