from libc.stdint cimport uint64_t

cdef enum:
    STEM_BYTES = 16               # prefix, instance and boot; with eight digits at most 20
    ID_BYTES = 24                 # room for an id and its end


cdef class Numbers:
    cdef uint64_t number          # the next one


cdef class Ids:
    cdef uint64_t next_key, next_id
    cdef uint64_t taken           # some of those before it may be somebody else's
    cdef char[STEM_BYTES] stem_text
    cdef int stem_length
    # The next id, zero-ended, at `out`, which has room for ID_BYTES; its length; 0: there are no more. It is not used up.
    cdef int peek(self, char* out) noexcept nogil
    cdef int put(self, char* out) noexcept nogil
    cdef str name(self)
