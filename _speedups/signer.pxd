# HMAC-SHA256 (RFC 2104) with the key's two states computed once: signing 150 bytes is four blocks, nothing else.
#
# Nothing here allocates, fails or touches Python. `out` is 64 bytes for hex, 44 for base64, 32 for the digest; none is
# terminated. The data may be anywhere, also right in front of `out`.
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from .atomics cimport unlikely
from .counters cimport COUNT_PLAIN_SIGNATURES, count

cdef extern from *:
    """
    #include <stdint.h>
    #define CONNECTOR_BSWAP32(x) __builtin_bswap32(x)
    #define CONNECTOR_BSWAP64(x) __builtin_bswap64(x)
    static const char connector_base64[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    """
    uint32_t bswap32 "CONNECTOR_BSWAP32" (uint32_t x) noexcept nogil
    uint64_t bswap64 "CONNECTOR_BSWAP64" (uint64_t x) noexcept nogil
    const char[64] BASE64 "connector_base64"

ctypedef int (*Sha256Update)(void* state, const void* blocks, size_t length) noexcept nogil

cdef enum:
    SHA256_BLOCK = 64
    SHA256_COPIED = 512           # up to here a message is padded in a copy and hashed in one call
    HMAC_BYTES = 32
    HMAC_HEX = 64
    HMAC_BASE64 = 44

cdef struct Sha256State:
    uint32_t[8] h
    uint32_t[24] rest             # of libcrypto's SHA256_CTX: zero before a call, never looked at

cdef struct HmacKey:
    uint32_t[8] inner             # SHA-256 after the key's block xored with 0x36
    uint32_t[8] outer             # ... with 0x5c
    Sha256Update update
    uint64_t* plain_counters      # where signatures of the plain-C function are counted; NULL: nowhere

# The end of a message of which `before` bytes, whole blocks, are in `state.h` already.
cdef inline void sha256_finish(
    Sha256Update update, Sha256State* state, const char* data, size_t n, uint64_t before,
) noexcept nogil:
    cdef uint8_t[SHA256_COPIED + 2 * SHA256_BLOCK] text
    cdef uint64_t bits = bswap64(8 * (before + <uint64_t>n))
    cdef size_t whole, used
    memset(state.rest, 0, sizeof(state.rest))
    if unlikely(n > SHA256_COPIED):
        whole = n & ~<size_t>(SHA256_BLOCK - 1)
        update(state, data, whole)
        data += whole
        n -= whole
    used = (n + 8 + SHA256_BLOCK) & ~<size_t>(SHA256_BLOCK - 1)
    memcpy(text, data, n)
    text[n] = 0x80
    memset(text + n + 1, 0, used - n - 9)
    memcpy(text + used - 8, &bits, 8)
    update(state, text, used)

# The state behind the first block of all messages that begin alike: a fourth of what signing 180 bytes takes.
cdef inline void hmac_begin(const HmacKey* key, const char* block, uint32_t* out) noexcept nogil:
    cdef Sha256State state
    memcpy(state.h, key.inner, HMAC_BYTES)
    memset(state.rest, 0, sizeof(state.rest))
    key.update(&state, block, SHA256_BLOCK)
    memcpy(out, state.h, HMAC_BYTES)

# The digest as eight words, the first bytes most significant; of the message behind `begun`, where `before` bytes are.
cdef inline void hmac_words(
    const HmacKey* key, const uint32_t* begun, uint64_t before, const char* data, size_t n, uint32_t* out
) noexcept nogil:
    cdef Sha256State state
    cdef uint32_t[8] digest
    cdef int i
    if unlikely(key.plain_counters != NULL):
        count(key.plain_counters, COUNT_PLAIN_SIGNATURES)
    memcpy(state.h, begun, HMAC_BYTES)
    sha256_finish(key.update, &state, data, n, before)
    for i in range(8):
        digest[i] = bswap32(state.h[i])
    memcpy(state.h, key.outer, HMAC_BYTES)
    sha256_finish(key.update, &state, <const char*>digest, HMAC_BYTES, SHA256_BLOCK)
    memcpy(out, state.h, HMAC_BYTES)

cdef inline void hmac_digest(const HmacKey* key, const char* data, size_t n, char* out) noexcept nogil:
    cdef uint32_t[8] words
    cdef int i
    hmac_words(key, key.inner, SHA256_BLOCK, data, n, words)
    for i in range(8):
        words[i] = bswap32(words[i])
    memcpy(out, words, HMAC_BYTES)

# Lower case. Each word's eight nibbles are spread over eight bytes, then raised to '0'..'9' or 'a'..'f' at once.
cdef inline void hmac_hex_behind(
    const HmacKey* key, const uint32_t* begun, uint64_t before, const char* data, size_t n, char* out
) noexcept nogil:
    cdef uint32_t[8] words
    cdef uint64_t x, letters
    cdef int i
    hmac_words(key, begun, before, data, n, words)
    for i in range(8):
        x = words[i]
        x = ((x << 16) | x) & 0x0000ffff0000ffffULL
        x = ((x << 8) | x) & 0x00ff00ff00ff00ffULL
        x = ((x << 4) | x) & 0x0f0f0f0f0f0f0f0fULL
        letters = ((x + 0x0606060606060606ULL) >> 4) & 0x0101010101010101ULL
        x = bswap64(x + 0x3030303030303030ULL + letters * 39)
        memcpy(out + 8 * i, &x, 8)

cdef inline void hmac_hex(const HmacKey* key, const char* data, size_t n, char* out) noexcept nogil:
    hmac_hex_behind(key, key.inner, SHA256_BLOCK, data, n, out)

cdef inline void hmac_base64(const HmacKey* key, const char* data, size_t n, char* out) noexcept nogil:
    cdef uint8_t[HMAC_BYTES + 1] digest
    cdef uint32_t three
    cdef int i
    hmac_digest(key, data, n, <char*>digest)
    digest[HMAC_BYTES] = 0
    for i in range(11):
        three = (<uint32_t>digest[3 * i] << 16) | (<uint32_t>digest[3 * i + 1] << 8) | digest[3 * i + 2]
        out[4 * i] = BASE64[three >> 18]
        out[4 * i + 1] = BASE64[(three >> 12) & 63]
        out[4 * i + 2] = BASE64[(three >> 6) & 63]
        out[4 * i + 3] = BASE64[three & 63]
    out[HMAC_BASE64 - 1] = c"="


cdef class HmacSigner:            # the key lives here and nowhere else of ours; wiped when the object goes
    cdef HmacKey key
    cdef readonly bint plain
    cdef object segment           # keeps the counters mapped
    cdef int _ready(self) except -1
