"""What the daemon's desk does for every command: read its slot, write what the journal keeps of it.

The rules of a command are those of ``connector/trading/commands.py``, which has the words for whoever breaks one: here
is only said who surely keeps them.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from .layout cimport CONNECTOR_ABSENT
from .layout_orders cimport (
    ACTION_AMEND, ACTION_CANCEL_ALL, ACTION_PLACE, ACTION_QUERY, COMMAND_CLOSE_POSITION, COMMAND_PRICE_PROTECT,
    COMMAND_REDUCE_ONLY, COMMAND_TEXT, Command as Slot, CommandBody, MATCH_NONE, MATCH_QUEUE_20, POSITION_SHORT,
    SentBody, STP_EXPIRE_BOTH, TIF_DAY, TIF_GTD, TYPE_LIMIT, TYPE_MARKET, WORKING_INDEX,
)

cdef enum:
    FLAGS = COMMAND_REDUCE_ONLY | COMMAND_CLOSE_POSITION | COMMAND_PRICE_PROTECT | COMMAND_TEXT

cdef dict _enums = {}
cdef list _action, _side, _order_type, _time_in_force, _position_side, _working_type, _self_trade, _price_match, _flags
_action = _side = _order_type = _time_in_force = _position_side = _working_type = _self_trade = _price_match = []
_flags = []


def use_enums(*, action, side, order_type, time_in_force, position_side, working_type, self_trade, price_match, flags):
    """Give properties these enums; the package does so when it is imported."""
    global _action, _side, _order_type, _time_in_force, _position_side, _working_type, _self_trade, _price_match, _flags
    _action, _side, _order_type = _members(action), _members(side), _members(order_type)
    _side[0] = _side[1]           # not said
    _time_in_force, _position_side = _members(time_in_force), _members(position_side)
    _working_type, _self_trade, _price_match = _members(working_type), _members(self_trade), _members(price_match)
    _flags = [flags(value) for value in range(FLAGS + 1)]


cdef list _members(kind):
    cdef list found = [None] * 256
    for member in kind:
        found[int(member)] = member
    return found


cdef inline object given(int64_t value):
    return None if value == CONNECTOR_ABSENT else value


cdef inline object text(const char* field, Py_ssize_t room):
    while room and field[room - 1] == 0:
        room -= 1
    return field[:room].decode("utf-8", "replace") if room else ""


# Only ASCII, and zeros only behind its end: whether anything else is a text is for Python to say.
cdef inline bint plain_text(const char* field, Py_ssize_t room) noexcept nogil:
    cdef uint64_t word, zero, bits = 0
    cdef bint ended = False
    cdef Py_ssize_t i
    for i in range(0, room, 8):
        memcpy(&word, field + i, 8)
        bits |= word
        if ended:
            if word:
                return False
        else:
            zero = (word - <uint64_t>0x0101010101010101) & ~word & <uint64_t>0x8080808080808080
            if zero:
                ended = True
                zero = (zero & -zero) >> 7          # the lowest bit of the first byte that is zero
                if word & ~(zero - 1):
                    return False
    return bits & <uint64_t>0x8080808080808080 == 0


cdef bint plain_command(const Slot* c) noexcept nogil:
    cdef bint limit = c.order_type == TYPE_LIMIT
    if (
        c.action < ACTION_PLACE or c.action > ACTION_QUERY or c.side > 2 or c.time_in_force > TIF_DAY
        or c.position_side > POSITION_SHORT or c.working_type > WORKING_INDEX or c.self_trade > STP_EXPIRE_BOTH
        or c.price_match > MATCH_QUEUE_20 or c.flags & ~<unsigned int>FLAGS
        or (c.price_e <= 0 and c.price_e != CONNECTOR_ABSENT) or (c.qty_e <= 0 and c.qty_e != CONNECTOR_ABSENT)
        or not plain_text(c.ref_id, 40) or not plain_text(c.client_order_id, 40)
        or not plain_text(c.venue_order_id, 40) or not plain_text(c.label, 64) or not plain_text(c.target, 64)
    ):
        return False
    if c.action != ACTION_PLACE:
        if c.order_type > TYPE_MARKET:
            return False
        if c.action == ACTION_AMEND and c.price_e == CONNECTOR_ABSENT and c.qty_e == CONNECTOR_ABSENT:
            return False
        return (
            c.action == ACTION_CANCEL_ALL or c.order_key != 0 or c.placed_by != 0 or c.client_order_id[0] != 0
            or c.venue_order_id[0] != 0 or c.order_id != CONNECTOR_ABSENT
        )
    return (                      # a LIMIT or MARKET order without anything of other types
        (limit or c.order_type == TYPE_MARKET) and c.side != 0 and not c.flags & COMMAND_CLOSE_POSITION
        and c.qty_e != CONNECTOR_ABSENT and c.price_match == MATCH_NONE
        and (c.price_e != CONNECTOR_ABSENT) == limit and c.stop_price_e == CONNECTOR_ABSENT
        and c.callback_rate_e == CONNECTOR_ABSENT and c.activation_price_e == CONNECTOR_ABSENT
        and c.time_in_force != TIF_GTD and c.good_till_ns == CONNECTOR_ABSENT
    )


cdef str command_text(const char* field, Py_ssize_t room):
    return text(field, room)


@cython.final
@cython.freelist(16)
cdef class Command:
    """One command as read from its slot; numbers that were not given are None, texts "".

    ``plain``: it surely keeps the rules of every command."""

    def __cinit__(self, bytes slot not None):
        if PyBytes_GET_SIZE(slot) != sizeof(Slot):
            raise ValueError(f"a command of {len(slot)} bytes; it has {sizeof(Slot)}")
        memcpy(&self.raw, PyBytes_AS_STRING(slot), sizeof(Slot))
        self.slot = slot

    @property
    def plain(self):
        return plain_command(&self.raw)

    @property
    def number(self):
        """Of the strategy's commands."""
        return self.raw.stamp

    @property
    def action(self):
        return _action[self.raw.action]

    @property
    def account(self):
        return self.raw.account

    @property
    def instrument(self):
        return self.raw.instrument

    @property
    def valid_until_ns(self):
        return self.raw.valid_until_ns

    @property
    def created_ns(self):
        return self.raw.created_ns

    @property
    def cause_sequence(self):
        return self.raw.cause_sequence

    @property
    def cause_recv_ns(self):
        return self.raw.cause_recv_ns

    @property
    def order_key(self):
        return self.raw.order_key

    @property
    def placed_by(self):
        """Number of the command that placed the order; 0: it is named otherwise."""
        return self.raw.placed_by

    @property
    def cause_report(self):
        return self.raw.cause_report

    @property
    def order_id(self):
        return given(self.raw.order_id)

    @property
    def venue_order_id(self):
        return text(self.raw.venue_order_id, 40)

    @property
    def client_order_id(self):
        return text(self.raw.client_order_id, 40)

    @property
    def ref_id(self):
        if self.ref is None:
            self.ref = text(self.raw.ref_id, 40)
        return self.ref

    @property
    def label(self):
        return text(self.raw.label, 64)

    @property
    def target(self):
        return text(self.raw.target, 64)

    @property
    def side(self):
        return _side[self.raw.side]

    @property
    def order_type(self):
        """LIMIT where an amend, a cancel or a question says nothing that has a meaning."""
        found = _order_type[self.raw.order_type]
        return _order_type[TYPE_LIMIT] if found is None and self.raw.action != ACTION_PLACE else found

    @property
    def time_in_force(self):
        return _time_in_force[self.raw.time_in_force]

    @property
    def position_side(self):
        return _position_side[self.raw.position_side]

    @property
    def working_type(self):
        return _working_type[self.raw.working_type]

    @property
    def self_trade(self):
        return _self_trade[self.raw.self_trade]

    @property
    def price_match(self):
        return _price_match[self.raw.price_match]

    @property
    def flags(self):
        return _flags[self.raw.flags & FLAGS]

    @property
    def reduce_only(self):
        return self.raw.flags & COMMAND_REDUCE_ONLY != 0

    @property
    def price_e(self):
        return given(self.raw.price_e)

    @property
    def qty_e(self):
        return given(self.raw.qty_e)

    @property
    def stop_price_e(self):
        return given(self.raw.stop_price_e)

    @property
    def activation_price_e(self):
        return given(self.raw.activation_price_e)

    @property
    def callback_rate_e(self):
        return given(self.raw.callback_rate_e)

    @property
    def good_till_ns(self):
        return given(self.raw.good_till_ns)

    @property
    def batch(self):
        """Position in its batch, from 1; 0: alone."""
        return self.raw.batch

    @property
    def batch_size(self):
        return self.raw.batch_size

    def __repr__(self):
        return f"<Command {self.number} {self.action!r}>"


def command_body(
    bytes slot not None, uint64_t order_key, uint64_t session, int64_t read_ns, int64_t wall_ns, int32_t code,
    str client_order_id not None, int64_t checked_ns=0, int64_t encoded_ns=0,
):
    """A ``CommandBody``. ValueError: a text is too long, or it is no slot."""
    cdef CommandBody body
    cdef bytes name = client_order_id.encode()
    if PyBytes_GET_SIZE(slot) != sizeof(Slot) or PyBytes_GET_SIZE(name) > <Py_ssize_t>sizeof(body.client_order_id):
        raise ValueError(f"a slot of {len(slot)} bytes, a client order id of {len(name)}")
    memcpy(&body.command, PyBytes_AS_STRING(slot), sizeof(Slot))
    memset(<char*>&body + sizeof(Slot), 0, sizeof(body) - sizeof(Slot))
    body.order_key, body.session, body.read_ns, body.wall_ns, body.code = order_key, session, read_ns, wall_ns, code
    body.checked_ns, body.encoded_ns = checked_ns, encoded_ns
    memcpy(body.client_order_id, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
    return PyBytes_FromStringAndSize(<const char*>&body, sizeof(body))


def sent_body(
    uint64_t order_key, uint64_t command, uint64_t request, int64_t sent_ns, int64_t wall_ns, int64_t deadline_ns,
    uint8_t action,
):
    """A ``SentBody``."""
    cdef SentBody body
    memset(&body, 0, sizeof(body))
    body.order_key, body.command, body.request = order_key, command, request
    body.sent_ns, body.wall_ns, body.deadline_ns, body.action = sent_ns, wall_ns, deadline_ns, action
    return PyBytes_FromStringAndSize(<const char*>&body, sizeof(body))
