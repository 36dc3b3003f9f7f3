"""Names nobody ever used before: order keys and client order ids of one boot."""

cimport cython
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy, strchr

cdef enum:
    KEY_BITS = 40                 # orders a daemon can make in one boot; 2^23 boots fit beside them in 63 bits
    BOOT_DIGITS = 5
    SEQUENCE_DIGITS = 8

cdef const char* DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to be misread


cdef inline void put_base32(char* out, uint64_t number, int width) noexcept nogil:
    while width:
        width -= 1
        out[width] = DIGITS[number & 31]
        number >>= 5


@cython.final
cdef class Numbers:
    """Numbers without end, from ``first`` on."""

    def __init__(self, uint64_t first=1):
        self.number = first

    def __iter__(self):
        return self

    def __next__(self):
        self.number += 1
        return self.number - 1


@cython.final
cdef class Ids:
    """Order keys and client order ids of one boot.

    ``boot`` is a number no earlier start of this instance had; keys and ids of two boots never meet. A client id is
    prefix, instance, boot and a sequence in base 32: at most 20 characters. Raises ValueError when there is no room for
    them, or no boot has this number."""

    def __init__(self, boot, str prefix="c", str instance="0"):
        cdef bytes head = f"{prefix}{instance}".encode("ascii")
        cdef const char* text = head
        if not 0 < boot < 1 << 23:
            raise ValueError(f"boot {boot} is not within 1 to {(1 << 23) - 1}")
        if len(head) + BOOT_DIGITS + SEQUENCE_DIGITS > 20:
            raise ValueError(f"{prefix!r} and {instance!r} leave no room for an id")
        self.next_key = (<uint64_t>boot << KEY_BITS) + 1
        self.next_id = 1
        self.stem_length = <int>len(head) + BOOT_DIGITS
        memcpy(self.stem_text, text, len(head))
        put_base32(self.stem_text + len(head), boot, BOOT_DIGITS)

    cdef int peek(self, char* out) noexcept nogil:
        if self.next_id >> (5 * SEQUENCE_DIGITS):
            return 0
        return self.put(out)

    cdef int put(self, char* out) noexcept nogil:
        memcpy(out, self.stem_text, self.stem_length)
        put_base32(out + self.stem_length, self.next_id, SEQUENCE_DIGITS)
        out[self.stem_length + SEQUENCE_DIGITS] = 0
        return self.stem_length + SEQUENCE_DIGITS

    cdef str name(self):
        cdef char[ID_BYTES] text
        if self.next_id >> (5 * SEQUENCE_DIGITS):
            raise ValueError("out of client order ids")
        return text[:self.put(text)].decode("ascii")

    def met(self, str name not None):
        """Somebody has this one: it may be one of ours that was not given yet."""
        cdef Py_ssize_t size, i
        cdef const char* text = PyUnicode_AsUTF8AndSize(name, &size)
        cdef const char* digit
        cdef uint64_t number = 0
        if size != self.stem_length + SEQUENCE_DIGITS or memcmp(text, self.stem_text, self.stem_length) != 0:
            return
        for i in range(self.stem_length, size):
            digit = strchr(DIGITS, text[i]) if text[i] != 0 else NULL
            if digit == NULL:
                return
            number = number << 5 | <uint64_t>(digit - DIGITS)
        if number >= self.next_id:
            self.taken = max(self.taken, number + 1)

    @property
    def stem(self):
        """What every client order id begins with."""
        return self.stem_text[:self.stem_length].decode("ascii")

    @property
    def met_to(self):
        """Sequences below this one may be somebody else's. For tests."""
        return self.taken

    def key(self):
        """A key for an order."""
        self.next_key += 1
        return self.next_key - 1

    def client_order_id(self):
        """A client order id."""
        cdef str found = self.name()
        self.next_id += 1
        return found
