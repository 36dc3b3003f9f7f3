from libc.stdint cimport int64_t, uint32_t, uint64_t

from .encoder cimport OrderEncoder
from .layout_orders cimport Command
from .signer cimport HmacSigner

cdef enum:
    HEAD_BYTES = 256              # the method and path of a request with the host's prefix
    TAIL_BYTES = 1024             # everything behind the signature
    PARAMS_BYTES = 640            # all parameters at their longest, the signature included
    CLIENT_ID_MOST = 36

cdef struct Text:
    size_t length
    char[HEAD_BYTES] bytes

cdef class BinanceUsdmEncoder(OrderEncoder):
    cdef HmacSigner signer
    cdef Text place, amend, cancel            # "POST /fapi/v1/order?" and so on
    cdef Text window                          # "&recvWindow=5000&timestamp="
    cdef size_t tail_length, short_length
    cdef char[TAIL_BYTES] tail                # " HTTP/1.1" to the blank line, of requests that may have a body
    cdef char[TAIL_BYTES] short_tail          # of DELETE
    cdef Py_ssize_t encode_command(
        self, const Command* command, int64_t venue_ns, char* out, size_t room
    ) noexcept nogil

cdef enum:
    FRAME_BYTES = 2048            # a request of the WebSocket API at its longest
    PAIRS_MOST = 16

cdef struct Pair:                 # a parameter, its value percent-encoded
    uint64_t order                # its name's first eight bytes, in which no two names agree: numbers sort as names do
    const char* name
    const char* value
    size_t name_length, value_length

cdef class BinanceUsdmApiEncoder(OrderEncoder):
    cdef HmacSigner signer
    cdef Text window
    cdef Text key, signed_key     # as JSON's last parameter and as the first that is signed
    cdef uint32_t[8] begun        # the signature's state behind the first block of signed_key, which all messages have
    cdef size_t begun_bytes       # as much of signed_key is in it: 0 where it is no whole block
    cdef Py_ssize_t encode_command(
        self, const Command* command, int64_t venue_ns, char* out, size_t room
    ) noexcept nogil
