# Text messages as whole frames of a WebSocket client (RFC 6455, section 5): in one piece, masked, and by words of eight
# bytes. Where many messages leave, wider registers are quicker; an order leaves alone, and they were not (ADR 22).
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    MASKED_HEAD = 8               # of a message of up to MASKED_MOST bytes
    MASKED_MOST = 65_535


# The frame at `out`, which has MASKED_HEAD bytes more than the message; its length.
cdef inline size_t put_masked(char* out, const char* message, size_t length, uint32_t key) noexcept nogil:
    cdef uint64_t word, wide = key | <uint64_t>key << 32
    cdef size_t head = 2, i = 0
    cdef char* p
    out[0] = <char>0x81           # the only frame of a text
    if length < 126:
        out[1] = <char>(0x80 | length)
    else:
        out[1] = <char>(0x80 | 126)
        out[2], out[3] = <char>(length >> 8), <char>(length & 0xFF)
        head = 4
    memcpy(out + head, &key, 4)
    p = out + head + 4
    while i + 8 <= length:
        memcpy(&word, message + i, 8)
        word ^= wide
        memcpy(p + i, &word, 8)
        i += 8
    while i < length:
        p[i] = message[i] ^ (<const char*>&key)[i & 3]
        i += 1
    return head + 4 + length
