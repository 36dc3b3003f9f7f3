"""The hot orders of Phemex as complete requests over HTTP/1.1, byte for byte those of the venue's ``orders.py``.

LIMIT and MARKET orders and cancels, of the contract API in the venue's integers and of the hedged one in decimals; everything
else is left to Python, and so is every refusal: it has the words for it. Sections 2.1, 4.2 and 10.1 of the venue's
reference: what is signed is the path, the query, the expiry and no body, one behind the other, and all parameters stand in
the query.
"""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcpy

from .atomics cimport unlikely
from .encoder cimport ENCODE_RARE, ENCODE_ROOM, NAME_BYTES, OrderEncoder, Written, put, put_decimal, put_integer
from .layout cimport CONNECTOR_ABSENT
from .layout_orders cimport (
    ACTION_CANCEL, ACTION_PLACE, COMMAND_CLOSE_POSITION, COMMAND_PRICE_PROTECT, COMMAND_REDUCE_ONLY, Command, MATCH_NONE,
    POSITION_BOTH, POSITION_SHORT, STP_DEFAULT, TIF_GTX, TIF_NONE, TYPE_LIMIT, TYPE_MARKET, WORKING_DEFAULT,
)
from .signer cimport HMAC_HEX, hmac_hex

cdef extern from *:
    """
    typedef struct { unsigned char length; char text[31]; } connector_phemex_word;
    static const connector_phemex_word connector_phemex_sides[3] = {{0, ""}, {3, "Buy"}, {4, "Sell"}};
    static const connector_phemex_word connector_phemex_times[5] = {
      {14, "GoodTillCancel"}, {14, "GoodTillCancel"}, {17, "ImmediateOrCancel"}, {10, "FillOrKill"}, {8, "PostOnly"}};
    static const connector_phemex_word connector_phemex_positions[3] = {{6, "Merged"}, {4, "Long"}, {5, "Short"}};
    /* What an id may hold: 1 the venue's and ours, 2 ours alone. */
    static const unsigned char connector_phemex_bytes[256] = {
      ['.'] = 2, ['_'] = 2, ['~'] = 2, ['-'] = 1,
      ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1,
      ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1,
      ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1,
      ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1, ['Z'] = 1,
      ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1,
      ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1,
      ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1};
    """
    ctypedef struct Word "connector_phemex_word":
        uint8_t length
        char[31] text
    const Word[3] SIDES "connector_phemex_sides"
    const Word[5] TIMES "connector_phemex_times"
    const Word[3] POSITIONS "connector_phemex_positions"
    const uint8_t[256] ID_BYTES "connector_phemex_bytes"

cdef enum:
    SECOND_NS = 1_000_000_000
    MS = 1_000_000
    ID_MOST = 40                  # of either kind, and the room there is for it
    CONTRACT = 0
    HEDGED = 1                    # kinds of instruments
    VENUES = 1
    OURS = 2                      # kinds of ids

cdef int64_t MOST_NS = 0x7fffffffffffffffLL


cdef inline char* put_word(char* p, const Word* word) noexcept nogil:
    return put(p, word.text, 31) - 31 + word.length    # 31 are copied, the length counts: the buffer has the room


# An id, NULL when it is none the venue takes.
cdef inline char* put_id(char* p, const char* text, int kind) noexcept nogil:
    cdef int i
    cdef uint8_t c
    for i in range(ID_MOST):
        c = <uint8_t>text[i]
        if c == 0:
            return p if i > 0 else NULL
        if unlikely(ID_BYTES[c] == 0 or ID_BYTES[c] > kind):
            return NULL
        p[0] = <char>c
        p += 1
    return p


# The query of a LIMIT or MARKET order; NULL when Python has to look at it.
cdef inline char* put_place(char* p, const Command* command, const Written* written) noexcept nogil:
    cdef bint limit = command.order_type == TYPE_LIMIT
    cdef bint hedged = written.kind == HEDGED
    if unlikely(
        (not limit and command.order_type != TYPE_MARKET) or command.side == 0 or command.side > 2 or command.qty_e <= 0
        or command.flags & (COMMAND_CLOSE_POSITION | COMMAND_PRICE_PROTECT) or command.price_match != MATCH_NONE
        or command.stop_price_e != CONNECTOR_ABSENT or command.activation_price_e != CONNECTOR_ABSENT
        or command.callback_rate_e != CONNECTOR_ABSENT or command.good_till_ns != CONNECTOR_ABSENT
        or command.working_type != WORKING_DEFAULT or command.self_trade != STP_DEFAULT
        or command.position_side > POSITION_SHORT or (not hedged and command.position_side != POSITION_BOTH)
    ):
        return NULL
    if limit:
        if unlikely(command.price_e <= 0 or command.time_in_force > TIF_GTX):
            return NULL
    elif unlikely(command.price_e != CONNECTOR_ABSENT or command.time_in_force != TIF_NONE):
        return NULL
    p = put_id(put(p, b"clOrdID=", 8), command.client_order_id, OURS)
    if unlikely(p == NULL):
        return NULL
    p = put(put(p, b"&symbol=", 8), written.name, written.length)
    p = put_word(put(p, b"&side=", 6), &SIDES[command.side])
    if hedged:
        p = put_word(put(p, b"&posSide=", 9), &POSITIONS[command.position_side])
    p = put(p, b"&ordType=Limit", 14) if limit else put(p, b"&ordType=Market", 15)
    if hedged:
        p = put(p, b"&orderQtyRq=", 12)
        p = put_decimal(p, <uint64_t>command.qty_e, written.qty_exponent, written.qty_digits)
    else:
        p = put_integer(put(p, b"&orderQty=", 10), <uint64_t>command.qty_e)
    if limit:
        if hedged:
            p = put(p, b"&priceRp=", 9)
            p = put_decimal(p, <uint64_t>command.price_e, written.price_exponent, written.price_digits)
        else:
            p = put_integer(put(p, b"&priceEp=", 9), <uint64_t>command.price_e)
        p = put_word(put(p, b"&timeInForce=", 13), &TIMES[command.time_in_force])
    if command.flags & COMMAND_REDUCE_ONLY:
        p = put(p, b"&reduceOnly=true", 16)
    return p


# The query of a cancel: the venue's id where it is known, else ours; NULL as above.
cdef inline char* put_cancel(char* p, const Command* command, const Written* written) noexcept nogil:
    if unlikely(command.order_id != CONNECTOR_ABSENT or command.position_side > POSITION_SHORT):
        return NULL
    p = put(put(p, b"symbol=", 7), written.name, written.length)
    if written.kind == HEDGED:
        p = put_word(put(p, b"&posSide=", 9), &POSITIONS[command.position_side])
    if command.venue_order_id[0] != 0:
        return put_id(put(p, b"&orderID=", 9), command.venue_order_id, VENUES)
    return put_id(put(p, b"&clOrdID=", 9), command.client_order_id, OURS)


cdef Text _text(str text) except *:
    cdef Text made
    cdef bytes data = text.encode("ascii")
    cdef const char* source = data
    if len(data) > TEXT_BYTES:
        raise ValueError(f"{len(data)} bytes of a request's head are too many")
    made.length = len(data)
    memcpy(made.bytes, source, made.length)
    return made


@cython.final
cdef class PhemexEncoder(OrderEncoder):
    """Requests of one account to one host. ``key`` is the API key, ``host`` as in the Host header, ``prefix`` the
    path in front of the venue's own; contracts settled in one of ``hedged`` go to the hedged API."""

    def __init__(
        self, HmacSigner signer not None, str key not None, str host not None, str prefix="", int window_ms=10_000, *, hedged,
    ):
        head = f" HTTP/1.1\r\nHost: {host}\r\nx-phemex-access-token: {key}\r\nx-phemex-request-expiry: "
        if head.count("\r") != 3 or head.count("\n") != 3:
            raise ValueError("a line break inside a request header")
        if window_ms <= 0:
            raise ValueError(f"a window of {window_ms} ms")
        self.signer, self.hedged, self.window_ns = signer, frozenset(hedged), <int64_t>window_ms * MS
        self.prefix, self.head = _text(prefix), _text(head)

    def add(self, index, instrument not None):
        """As ``OrderEncoder.add``."""
        OrderEncoder.add(self, index, instrument)
        self.written[index].kind = (
            HEDGED if instrument.margin in self.hedged and instrument.qty_exponent else CONTRACT
        )

    cdef Py_ssize_t encode_command(
        self, const Command* command, int64_t venue_ns, char* out, size_t room
    ) noexcept nogil:
        cdef char[NAME_BYTES + QUERY_BYTES] signed
        cdef const Written* written
        cdef char* p = out
        cdef char* s = signed
        cdef char* end
        cdef size_t path, query
        cdef bint place = command.action == ACTION_PLACE
        if unlikely(
            command.instrument >= self.count or venue_ns < 0 or venue_ns > MOST_NS - self.window_ns
            or self.signer.key.update == NULL or (not place and command.action != ACTION_CANCEL)
        ):
            return ENCODE_RARE
        written = &self.written[command.instrument]
        if unlikely(written.length == 0 or memchr(written.name, c"%", written.length) != NULL):
            return ENCODE_RARE
        if unlikely(room < self.prefix.length + self.head.length + sizeof(signed) + 2 * HMAC_HEX + 128):
            return ENCODE_ROOM
        s = put(s, b"/g-", 3) if written.kind == HEDGED else put(s, b"/", 1)
        s = put(s, b"orders/create", 13) if place else put(s, b"orders/cancel", 13)
        path = s - signed
        s = put_place(s, command, written) if place else put_cancel(s, command, written)
        if unlikely(s == NULL):
            return ENCODE_RARE
        query = s - signed
        end = put_integer(s, <uint64_t>((venue_ns + self.window_ns) // SECOND_NS))
        p = put(p, b"PUT ", 4) if place else put(p, b"DELETE ", 7)
        p = put(put(p, self.prefix.bytes, self.prefix.length), signed, path)
        p = put(put(p, b"?", 1), signed + path, query - path)
        p = put(put(p, self.head.bytes, self.head.length), signed + query, end - s)
        p = put(p, b"\r\nx-phemex-request-signature: ", 30)
        hmac_hex(&self.signer.key, signed, end - signed, p)
        p = put(p + HMAC_HEX, b"\r\nAccept-Encoding: identity\r\n", 29)
        if place:
            p = put(p, b"Content-Length: 0\r\n", 19)
        return put(p, b"\r\n", 2) - out
