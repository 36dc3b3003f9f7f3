cdef class Answer:
    cdef Py_ssize_t head_cap, headers_most, status_line_cap, body_cap
    cdef Py_ssize_t head, lines, status_line
    cdef object parser
    cdef bint bodiless
    cdef bint over                # complete or refused: what comes now nobody asked for
    cdef int code                 # of the head that is whole
    cdef readonly bint headers_done
    cdef readonly bint complete
    cdef readonly bint reusable   # the connection may carry another exchange
    cdef readonly int status
    cdef readonly dict headers
    cdef readonly Py_ssize_t length
    cdef readonly str fault
    cdef list pieces
    cpdef begin(self, parser, bint bodiless)
    cdef bytes whole(self)
