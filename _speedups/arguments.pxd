from libc.stdint cimport int64_t


cdef class Words:                 # an enum's numbers, by word
    cdef readonly str what        # the argument's name
    cdef public dict numbers      # by word in lower case
    cdef object newest, newer     # what was asked for last
    cdef int newest_number, newer_number
    cdef int look_up(self, object value) except -1


# An enum's number, given as such or as its word.
cdef inline int code_of(object value, Words words) except -1:
    if value is words.newest:
        return words.newest_number
    if value is words.newer:
        return words.newer_number
    return words.look_up(value)


cdef int no_flag(object value, str what) except -1


# A flag; a text such as "no" would be true.
cdef inline bint yes(object value, str what) except -1:
    if value is False:
        return False
    return True if value is True else no_flag(value, what)


cdef int64_t to_e(object value, int exponent, str what) except? -1
cdef int put_text(char* field, Py_ssize_t room, object text, str what) except -1
cdef str text_of(const char* field, size_t room)
cdef int64_t validity(object valid_for_ms) except? -1
