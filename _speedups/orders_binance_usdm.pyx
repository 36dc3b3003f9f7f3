"""The hot orders of Binance USD-M as complete requests, over HTTP/1.1 byte for byte those of the venue's ``orders.py``.

LIMIT and MARKET orders, amends and cancels of an HMAC account; everything else is left to Python, and so is every
refusal: it has the words for it. Sections 3 and 8 of the venue's reference.
"""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcpy

from .atomics cimport unlikely
from .encoder cimport ENCODE_RARE, ENCODE_ROOM, NAME_BYTES, OrderEncoder, Written, put, put_decimal, put_integer
from .layout cimport CONNECTOR_ABSENT
from .layout_orders cimport (
    ACTION_AMEND, ACTION_CANCEL, ACTION_PLACE, COMMAND_CLOSE_POSITION, COMMAND_PRICE_PROTECT, COMMAND_REDUCE_ONLY,
    Command, MATCH_NONE, POSITION_BOTH, POSITION_LONG, POSITION_SHORT, STP_DEFAULT, STP_EXPIRE_BOTH,
    STP_EXPIRE_TAKER, TIF_GTX, TIF_NONE, TYPE_LIMIT, TYPE_MARKET, WORKING_DEFAULT,
)
from .signer cimport (
    HMAC_BYTES, HMAC_HEX, HmacSigner, SHA256_BLOCK, bswap64, hmac_begin, hmac_hex, hmac_hex_behind,
)

cdef extern from "<string.h>" nogil:
    void explicit_bzero(void* p, size_t n)

cdef extern from *:
    """
    typedef struct { unsigned char length; char text[15]; } connector_word;
    static const connector_word connector_sides[3] = {{0, ""}, {3, "BUY"}, {4, "SELL"}};
    static const connector_word connector_times[5] = {{3, "GTC"}, {3, "GTC"}, {3, "IOC"}, {3, "FOK"}, {3, "GTX"}};
    static const connector_word connector_selves[5] = {
      {0, ""}, {0, ""}, {12, "EXPIRE_TAKER"}, {12, "EXPIRE_MAKER"}, {11, "EXPIRE_BOTH"}};
    /* What a client order id may hold: 1 as it is, 2 percent-encoded. */
    static const unsigned char connector_id_bytes[256] = {
      ['.'] = 1, ['-'] = 1, ['_'] = 1, ['/'] = 2, [':'] = 2,
      ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1,
      ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1,
      ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1,
      ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1, ['Z'] = 1,
      ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1,
      ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1,
      ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1};
    """
    ctypedef struct Word "connector_word":
        uint8_t length
        char[15] text
    const Word[3] SIDES "connector_sides"
    const Word[5] TIMES "connector_times"
    const Word[5] SELVES "connector_selves"
    const uint8_t[256] ID_BYTES "connector_id_bytes"

cdef enum:
    MS = 1_000_000

cdef uint64_t LARGEST_ID = 1 << 53          # a request's number that JSON keeps exact is below


cdef inline char* put_word(char* p, const Word* word) noexcept nogil:
    return put(p, word.text, 15) - 15 + word.length    # 15 are copied, the length counts: the buffer has the room


# The order's client id, percent-encoded; NULL when it is none the venue takes.
cdef inline char* put_client_id(char* p, const char* text) noexcept nogil:
    cdef int i
    cdef uint8_t c, kind
    for i in range(CLIENT_ID_MOST):
        c = <uint8_t>text[i]
        kind = ID_BYTES[c]
        if kind == 1:
            p[0] = <char>c
            p += 1
        elif kind == 2:
            p = put(p, b"%2F" if c == c"/" else b"%3A", 3)
        elif c == 0 and i > 0:
            return p
        else:
            return NULL
    return p if text[CLIENT_ID_MOST] == 0 else NULL


# The venue's number of the order where it is known, else its client id; NULL when there is neither.
cdef inline char* put_order_id(char* p, const Command* command) noexcept nogil:
    if command.order_id >= 0:
        p = put(p, b"&orderId=", 9)
        return put_integer(p, <uint64_t>command.order_id)
    if unlikely(command.order_id != CONNECTOR_ABSENT or command.venue_order_id[0] != 0):
        return NULL
    p = put(p, b"&origClientOrderId=", 19)
    return put_client_id(p, command.client_order_id)


# The parameters of a LIMIT or MARKET order behind the symbol; NULL when Python has to look at it.
cdef inline char* put_place(char* p, const Command* command, const Written* written) noexcept nogil:
    cdef bint limit = command.order_type == TYPE_LIMIT
    cdef bint reduce_only = command.flags & COMMAND_REDUCE_ONLY != 0
    if unlikely(
        (not limit and command.order_type != TYPE_MARKET) or command.qty_e <= 0 or command.price_match != MATCH_NONE
        or command.flags & (COMMAND_CLOSE_POSITION | COMMAND_PRICE_PROTECT) or command.stop_price_e != CONNECTOR_ABSENT
        or command.activation_price_e != CONNECTOR_ABSENT or command.callback_rate_e != CONNECTOR_ABSENT
        or command.good_till_ns != CONNECTOR_ABSENT or command.working_type != WORKING_DEFAULT
        or command.position_side > POSITION_SHORT or command.self_trade > STP_EXPIRE_BOTH
        or (command.self_trade != STP_DEFAULT and command.self_trade < STP_EXPIRE_TAKER)
    ):
        return NULL
    p = put_word(put(p, b"&side=", 6), &SIDES[command.side])
    if limit:
        if unlikely(command.price_e <= 0 or command.time_in_force > TIF_GTX):
            return NULL
        p = put(p, b"&type=LIMIT", 11)
    else:
        if unlikely(command.price_e != CONNECTOR_ABSENT or command.time_in_force != TIF_NONE):
            return NULL
        p = put(p, b"&type=MARKET", 12)
    if command.position_side != POSITION_BOTH:
        # In hedge mode reduceOnly is not sent: selling LONG reduces by itself, buying it never does.
        if unlikely(reduce_only and (command.side == 1) == (command.position_side == POSITION_LONG)):
            return NULL
        reduce_only = False
        p = put(p, b"&positionSide=LONG", 18) if command.position_side == POSITION_LONG \
            else put(p, b"&positionSide=SHORT", 19)
    if limit:
        p = put_word(put(p, b"&timeInForce=", 13), &TIMES[command.time_in_force])
    p = put(p, b"&quantity=", 10)
    p = put_decimal(p, <uint64_t>command.qty_e, written.qty_exponent, written.qty_digits)
    if limit:
        p = put(p, b"&price=", 7)
        p = put_decimal(p, <uint64_t>command.price_e, written.price_exponent, written.price_digits)
    if reduce_only:
        p = put(p, b"&reduceOnly=true", 16)
    p = put_client_id(put(p, b"&newClientOrderId=", 18), command.client_order_id)
    if p != NULL and command.self_trade != STP_DEFAULT:
        p = put_word(put(p, b"&selfTradePreventionMode=", 25), &SELVES[command.self_trade])
    return p


cdef inline char* put_amend(char* p, const Command* command, const Written* written) noexcept nogil:
    if unlikely(command.price_e <= 0 or command.qty_e <= 0 or command.price_match != MATCH_NONE):
        return NULL
    p = put_word(put(p, b"&side=", 6), &SIDES[command.side])
    p = put(p, b"&quantity=", 10)
    p = put_decimal(p, <uint64_t>command.qty_e, written.qty_exponent, written.qty_digits)
    p = put(p, b"&price=", 7)
    p = put_decimal(p, <uint64_t>command.price_e, written.price_exponent, written.price_digits)
    return put_order_id(p, command)


cdef Text _text(str text) except *:
    cdef Text made
    cdef bytes data = text.encode("ascii")
    cdef const char* source = data
    if len(data) > HEAD_BYTES:
        raise ValueError(f"{len(data)} bytes of a request's head are too many")
    made.length = len(data)
    memcpy(made.bytes, source, made.length)
    return made


@cython.final
cdef class BinanceUsdmEncoder(OrderEncoder):
    """Requests of one account to one host. ``key`` is the API key, ``host`` as in the Host header, ``prefix`` the
    path in front of the venue's own."""

    def __init__(self, HmacSigner signer not None, str key not None, str host not None, str prefix="", int window_ms=5000):
        cdef bytes tail, short_tail
        cdef const char* source
        head = f" HTTP/1.1\r\nHost: {host}\r\nX-MBX-APIKEY: {key}\r\nAccept-Encoding: identity\r\n"
        if head.count("\r") != 4 or head.count("\n") != 4:
            raise ValueError("a line break inside a request header")
        tail, short_tail = f"{head}Content-Length: 0\r\n\r\n".encode(), f"{head}\r\n".encode()
        if len(tail) > TAIL_BYTES:
            raise ValueError(f"{len(tail)} bytes of a request's headers are too many")
        if not 0 < window_ms <= 60_000:
            raise ValueError(f"recvWindow {window_ms} is not within 1 to 60000")
        self.signer = signer
        self.place = _text(f"POST {prefix}/fapi/v1/order?symbol=")
        self.amend = _text(f"PUT {prefix}/fapi/v1/order?symbol=")
        self.cancel = _text(f"DELETE {prefix}/fapi/v1/order?symbol=")
        self.window = _text(f"&recvWindow={window_ms}&timestamp=")
        source, self.tail_length = tail, len(tail)
        memcpy(self.tail, source, self.tail_length)
        source, self.short_length = short_tail, len(short_tail)
        memcpy(self.short_tail, source, self.short_length)

    cdef Py_ssize_t encode_command(
        self, const Command* command, int64_t venue_ns, char* out, size_t room
    ) noexcept nogil:
        cdef const Written* written
        cdef char* p = out
        cdef char* params
        if unlikely(
            command.instrument >= self.count or venue_ns < 0 or self.signer.key.update == NULL
            or (command.action != ACTION_CANCEL and (command.side == 0 or command.side > 2))
        ):
            return ENCODE_RARE
        written = &self.written[command.instrument]
        if unlikely(written.length == 0):
            return ENCODE_RARE
        if unlikely(room < HEAD_BYTES + sizeof(written.name) + PARAMS_BYTES + self.tail_length):
            return ENCODE_ROOM
        if command.action == ACTION_PLACE:
            p = put(p, self.place.bytes, self.place.length)
            params = p - 7    # signed from "symbol=" on
            p = put_place(put(p, written.name, written.length), command, written)
        elif command.action == ACTION_CANCEL:
            p = put(p, self.cancel.bytes, self.cancel.length)
            params = p - 7
            p = put_order_id(put(p, written.name, written.length), command)
        elif command.action == ACTION_AMEND:
            p = put(p, self.amend.bytes, self.amend.length)
            params = p - 7
            p = put_amend(put(p, written.name, written.length), command, written)
        else:
            return ENCODE_RARE
        if unlikely(p == NULL):
            return ENCODE_RARE
        p = put_integer(put(p, self.window.bytes, self.window.length), <uint64_t>(venue_ns // MS))
        hmac_hex(&self.signer.key, params, p - params, p + 11)
        p = put(p, b"&signature=", 11) + HMAC_HEX
        if command.action == ACTION_CANCEL:
            return put(p, self.short_tail, self.short_length) - out
        return put(p, self.tail, self.tail_length) - out


# Of a name with at least eight bytes of a query from its beginning on.
cdef inline uint64_t name_order(const char* name, size_t length) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, name, 8)
    word = bswap64(word)
    return word if length >= 8 else word & ~<uint64_t>0 << 8 * (8 - length)


# The parameters of a query; 0: they are too many.
cdef inline int split(const char* query, const char* end, Pair* pairs) noexcept nogil:
    cdef int count = 0
    cdef const char* p = query
    while p < end:
        if unlikely(count == PAIRS_MOST - 1):
            return 0
        pairs[count].name = p
        while p[0] != c"=":
            p += 1
        pairs[count].name_length = p - pairs[count].name
        pairs[count].order = name_order(pairs[count].name, pairs[count].name_length)
        p += 1
        pairs[count].value = p
        while p < end and p[0] != c"&":
            p += 1
        pairs[count].value_length = p - pairs[count].value
        p += 1
        count += 1
    return count


# A value as it was before ``put_client_id``; nothing else is ever percent-encoded here.
cdef inline char* put_value(char* p, const Pair* pair) noexcept nogil:
    cdef size_t i = 0
    if memchr(pair.value, c"%", pair.value_length) == NULL:
        return put(p, pair.value, pair.value_length)
    while i < pair.value_length:
        if pair.value[i] == c"%":
            p[0] = c"/" if pair.value[i + 1] == c"2" else c":"
            i += 3
        else:
            p[0] = pair.value[i]
            i += 1
        p += 1
    return p


cdef uint64_t ORDER_ID = name_order(b"orderId=", 7)
cdef uint64_t RECV_WINDOW = name_order(b"recvWindow", 10)
cdef uint64_t TIMESTAMP = name_order(b"timestamp", 9)


@cython.final
cdef class BinanceUsdmApiEncoder(OrderEncoder):
    """The same orders as messages of the venue's WebSocket API, byte for byte those of its ``ws_api.py``: signed over
    the parameters sorted by name. ``number`` must be set before each of them."""

    def __init__(self, HmacSigner signer not None, str key not None, int window_ms=5000):
        if not (key.isascii() and key.isprintable()) or '"' in key or "\\" in key:
            raise ValueError("a key of other characters than letters, digits and the like")
        if not 0 < window_ms <= 60_000:
            raise ValueError(f"recvWindow {window_ms} is not within 1 to 60000")
        self.signer = signer
        self.key, self.signed_key = _text(f'"apiKey":"{key}","signature":"'), _text(f"apiKey={key}&")
        self.window = _text(f"&recvWindow={window_ms}&timestamp=")
        if signer.key.update != NULL and self.signed_key.length >= SHA256_BLOCK:
            hmac_begin(&signer.key, self.signed_key.bytes, self.begun)
            self.begun_bytes = SHA256_BLOCK

    def __dealloc__(self):
        explicit_bzero(self.begun, HMAC_BYTES)

    cdef Py_ssize_t encode_command(
        self, const Command* command, int64_t venue_ns, char* out, size_t room
    ) noexcept nogil:
        cdef char[NAME_BYTES + PARAMS_BYTES] query
        cdef char[FRAME_BYTES] signed
        cdef Pair[PAIRS_MOST] pairs
        cdef int[PAIRS_MOST] order
        cdef Pair* pair
        cdef const Written* written
        cdef char* p
        cdef char* s
        cdef int count, i, j
        if unlikely(
            command.instrument >= self.count or venue_ns < 0 or self.signer.key.update == NULL
            or (command.action != ACTION_CANCEL and (command.side == 0 or command.side > 2))
            or self.number == 0 or self.number >= LARGEST_ID
        ):
            return ENCODE_RARE
        written = &self.written[command.instrument]
        if unlikely(written.length == 0 or memchr(written.name, c"%", written.length) != NULL):
            return ENCODE_RARE    # not known, or a name that JSON may write in its own way
        if unlikely(room < FRAME_BYTES):
            return ENCODE_ROOM
        p = put(put(query, b"symbol=", 7), written.name, written.length)
        s = put_integer(put(out, b'{"id":', 6), self.number)
        if command.action == ACTION_PLACE:
            p = put_place(p, command, written)
            s = put(s, b',"method":"order.place","params":{', 34)
        elif command.action == ACTION_CANCEL:
            p = put_order_id(p, command)
            s = put(s, b',"method":"order.cancel","params":{', 35)
        elif command.action == ACTION_AMEND:
            p = put_amend(p, command, written)
            s = put(s, b',"method":"order.modify","params":{', 35)
        else:
            return ENCODE_RARE
        if unlikely(p == NULL):
            return ENCODE_RARE
        p = put_integer(put(p, self.window.bytes, self.window.length), <uint64_t>(venue_ns // MS))
        count = split(query, p, pairs)
        if unlikely(count == 0):
            return ENCODE_RARE
        for i in range(count):
            pair = &pairs[i]
            s[0] = c'"'
            s = put(put(s + 1, pair.name, pair.name_length), b'":', 2)
            if pair.order == ORDER_ID or pair.order == RECV_WINDOW or pair.order == TIMESTAMP:
                s = put(s, pair.value, pair.value_length)
            else:
                s[0] = c'"'
                p = put_value(s + 1, pair)
                pair.value, pair.value_length = s + 1, p - s - 1      # as it is signed, too
                s = put(p, b'"', 1)
            s[0] = c","
            s += 1
            j = i
            while j > 0 and pair.order < pairs[order[j - 1]].order:
                order[j] = order[j - 1]
                j -= 1
            order[j] = i
        s = put(s, self.key.bytes, self.key.length)
        p = put(signed, self.signed_key.bytes, self.signed_key.length)   # of all names the first
        for i in range(count):
            pair = &pairs[order[i]]
            p = put(put(p, pair.name, pair.name_length), b"=", 1)
            p = put(put(p, pair.value, pair.value_length), b"&", 1)
        if self.begun_bytes:
            hmac_hex_behind(
                &self.signer.key, self.begun, SHA256_BLOCK + self.begun_bytes, signed + self.begun_bytes,
                p - signed - 1 - self.begun_bytes, s,
            )
        else:
            hmac_hex(&self.signer.key, signed, p - signed - 1, s)
        return put(s + HMAC_HEX, b'"}}', 3) - out
