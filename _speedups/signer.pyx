"""HMAC-SHA256 signatures with a prepared key, by the libcrypto Python has loaded or by plain C."""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, memset

from .segment cimport Segment
from .signer cimport (
    HMAC_BASE64, HMAC_BYTES, HMAC_HEX, SHA256_BLOCK, HmacKey, Sha256Update, Sha256State, hmac_base64, hmac_digest,
    hmac_hex, sha256_finish,
)

cdef extern from "<string.h>" nogil:
    void explicit_bzero(void* p, size_t n)

cdef extern from "sha256.h":
    int sha256_plain "connector_sha256_plain" (void* state, const void* blocks, size_t length) noexcept nogil
    Sha256Update sha256_find "connector_sha256_find" (const char* path, const char** where)
    const uint32_t[8] SHA256_START "connector_sha256_start"

cdef Sha256Update _found = NULL
cdef str _place = ""
cdef bint _looked = False


cdef Sha256Update _libcrypto() except? NULL:
    """The SHA-256 of the libcrypto that Python's own modules use; NULL where there is none."""
    global _found, _place, _looked
    cdef const char* where = b""
    cdef bytes path
    if _looked:
        return _found
    for name in ("_hashlib", "_ssl"):    # either loads libcrypto, unless this Python was built without
        try:
            module = __import__(name)
        except ImportError:
            continue
        file = getattr(module, "__file__", None)
        if file:
            path = file.encode()
            _found = sha256_find(path, &where)
        else:
            _found = sha256_find(NULL, &where)
        if _found != NULL:
            _place = where.decode("utf-8", "replace")
            break
    _looked = True
    return _found


def backend():
    """What signs: ``libcrypto (FILE)``, or ``plain C`` where Python's libcrypto has no SHA256_Update."""
    return f"libcrypto ({_place})" if _libcrypto() != NULL else "plain C"


cdef class HmacSigner:
    """Signs with one key; the key is not kept, only the two SHA-256 states made of it.

    ``plain`` signs by the plain C function even where libcrypto is there. The object shows its key to nobody: no
    attribute, no repr, no pickle, no copy; its memory is overwritten when it goes or by ``wipe``.
    """

    def __cinit__(self, bytes secret not None, *, bint plain=False):
        cdef uint8_t[SHA256_BLOCK] block
        cdef Sha256State state
        cdef const char* text = secret
        cdef size_t n = len(secret)
        cdef int i
        self.key.update = NULL if plain else _libcrypto()
        self.plain = self.key.update == NULL
        if self.plain:
            self.key.update = sha256_plain
        memset(block, 0, sizeof(block))
        if n <= SHA256_BLOCK:
            memcpy(block, text, n)
        else:    # RFC 2104: a longer key is hashed first
            memcpy(state.h, SHA256_START, HMAC_BYTES)
            sha256_finish(self.key.update, &state, text, n, 0)
            for i in range(HMAC_BYTES):
                block[i] = <uint8_t>(state.h[i // 4] >> (24 - 8 * (i % 4)))
        _prepare(self.key.update, block, 0x36, self.key.inner)
        _prepare(self.key.update, block, 0x5c, self.key.outer)
        explicit_bzero(block, sizeof(block))
        explicit_bzero(&state, sizeof(state))

    def __dealloc__(self):
        explicit_bzero(&self.key, sizeof(HmacKey))

    def wipe(self):
        """Forget the key; signing afterwards raises ValueError."""
        explicit_bzero(&self.key, sizeof(HmacKey))

    def count_in(self, Segment segment not None):
        """Count the signatures of the plain C function in ``segment``; libcrypto's are not counted."""
        self.segment = segment
        if self.plain and self.key.update != NULL:
            self.key.plain_counters = segment.counters

    def digest(self, bytes data not None):
        """The 32 bytes."""
        cdef char[HMAC_BYTES] out
        self._ready()
        hmac_digest(&self.key, data, len(data), out)
        return out[:HMAC_BYTES]

    def sign_hex(self, bytes data not None):
        """The signature as 64 lower-case hexadecimal digits."""
        cdef char[HMAC_HEX] out
        self._ready()
        hmac_hex(&self.key, data, len(data), out)
        return out[:HMAC_HEX]

    def sign_base64(self, bytes data not None):
        """The signature as 44 characters of base64, padded."""
        cdef char[HMAC_BASE64] out
        self._ready()
        hmac_base64(&self.key, data, len(data), out)
        return out[:HMAC_BASE64]

    cdef int _ready(self) except -1:
        if self.key.update == NULL:
            raise ValueError("the key was wiped")
        return 0

    def __repr__(self):
        return "HmacSigner(***)"

    def __reduce__(self):
        raise TypeError("a signer is neither pickled nor copied")


cdef void _prepare(Sha256Update function, const uint8_t* key, uint8_t pad, uint32_t* out) noexcept:
    """The state after one block: the key's, each byte xored with ``pad``."""
    cdef uint8_t[SHA256_BLOCK] block
    cdef Sha256State state
    cdef int i
    for i in range(SHA256_BLOCK):
        block[i] = key[i] ^ pad
    memcpy(state.h, SHA256_START, HMAC_BYTES)
    memset(state.rest, 0, sizeof(state.rest))
    function(&state, block, SHA256_BLOCK)
    memcpy(out, state.h, HMAC_BYTES)
    explicit_bzero(block, sizeof(block))
    explicit_bzero(&state, sizeof(state))
