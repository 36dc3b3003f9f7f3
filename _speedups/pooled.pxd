# One HTTP/1.1 connection and the pool it is of: what every order goes through. The rest of both is Python's
# (connector/transport/http_connection.py, order_pool.py).
from libc.stdint cimport int64_t

from .http_answer cimport Answer
from .states cimport ConnectionState, PoolState


cdef class Exchange(ConnectionState):
    cdef public Answer answer
    cdef public object parser
    cdef public object done       # who is told what came of it: a function, or the pool; None: nothing is under way
    cdef public object error      # why there is no answer
    cdef public bint used         # the parser had a body left out
    cdef public bint got_bytes
    cdef public Py_ssize_t head_fed, body_fed
    cpdef begin(self, done, bint bodiless=*)
    cpdef tell(self, result)


cdef class Pool(PoolState):
    cdef public object owner
    cdef public int64_t timeout_ns
    cpdef carry(self, Exchange connection, object request, int64_t now_ns)
    cpdef Exchange free(self, bint cancels)
    cpdef start(self, Exchange connection, request, bytes message)
    cdef int expect(self, Exchange connection, object request, int64_t now_ns) except -1
    cdef int answered(self, Exchange connection) except -1
