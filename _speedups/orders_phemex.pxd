from libc.stdint cimport int64_t

from .encoder cimport OrderEncoder
from .layout_orders cimport Command
from .signer cimport HmacSigner

cdef enum:
    TEXT_BYTES = 512              # what is the same in every request, at its longest
    QUERY_BYTES = 512             # path, query and expiry without the symbol

cdef struct Text:
    size_t length
    char[TEXT_BYTES] bytes

cdef class PhemexEncoder(OrderEncoder):
    cdef HmacSigner signer
    cdef object hedged
    cdef Text prefix
    cdef Text head                # " HTTP/1.1" to the name of the expiry's header
    cdef int64_t window_ns
    cdef Py_ssize_t encode_command(
        self, const Command* command, int64_t venue_ns, char* out, size_t room
    ) noexcept nogil
