"""What an order's request and its answer go through: one HTTP/1.1 connection, and the pool it is of.

Everything rare is left to the classes in Python that are made of these."""

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t

from .atomics cimport monotonic_ns
from .http_answer cimport Answer
from .states cimport ConnectionState, PoolState

cdef enum:
    CANCEL = 0                    # connector.transport.order_pool.Priority


cdef class Exchange(ConnectionState):
    """A connection (`connector.transport.http_connection.Connection`).

    ``_malformed(error)`` and ``_check()`` are asked about what is no answer, or not a whole one yet; ``_answered()``
    makes what ``done`` is given."""

    cpdef begin(self, done, bint bodiless=False):
        """Expect an answer; for who writes the request to ``transport`` in the same callback."""
        if self.done is not None:
            raise RuntimeError("a request is under way")
        if self.used:                 # after a body that was left out the parser would wait for it
            self.parser = HttpResponseParser(self.answer)
        self.used = bodiless
        self.answer.begin(self.parser, bodiless)
        self.head_fed = self.body_fed = 0
        self.got_bytes = False
        self.done = done

    def data_received(self, data):
        cdef object done = self.done
        cdef Answer answer = self.answer
        if done is None:
            self.close()              # bytes nobody asked for: the next answer could not be told from them
            return
        self.got_bytes = True
        if answer.headers_done:
            self.body_fed += len(data)
        else:
            self.head_fed += len(data)
        try:
            self.parser.feed_data(data)
        except (HttpParserUpgrade, HttpParserError) as error:
            self._malformed(error)
        if not answer.complete:
            self._check()
        elif not answer.reusable:
            self.reusable = False
        if not answer.complete or self.error is not None:
            self._deliver()
            return
        if isinstance(done, Pool):
            self.done = None
            (<Pool>done).answered(self)
        else:
            self.tell(self._answered())

    cpdef tell(self, result):
        """End the exchange with an answer or an error."""
        cdef object done = self.done
        self.done = self.error = None
        if isinstance(done, Pool):
            done._ended(self, result)
        else:
            done(result)


cdef class Pool(PoolState):
    """The connections of an account (`connector.transport.order_pool.OrderPool`), which opens them.

    ``_wait(...)`` takes what cannot leave now, ``_pump()`` sends what waited; ``_ended(connection, result)`` is told
    what came of a request, except of a whole answer."""

    def send(self, request, priority, bytes message not None):
        """Send now if a connection is free for it, else queue it."""
        cdef Exchange connection = None
        if not self.queue:
            connection = self.free(priority == CANCEL)
        if connection is not None:
            self.start(connection, request, message)
        else:
            self._wait(request, priority, message)

    cpdef Exchange free(self, bint cancels):
        """The connection used last among the idle ones, unless the rest is kept for cancels: the only one left serves
        all."""
        cdef Exchange connection
        cdef Py_ssize_t count = len(self.idle)
        while count:
            if not cancels and count <= min(self.reserved, count + <Py_ssize_t>len(self.busy) - 1):
                return None
            connection = self.idle.pop()
            if connection.reusable and connection.open():
                return connection
            count = len(self.idle)
        return None

    cpdef start(self, Exchange connection, request, bytes message):
        """Send on a connection that is free."""
        cdef int64_t now_ns = monotonic_ns()
        self.expect(connection, request, now_ns)
        connection.put(PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message))
        self.owner.left(request, now_ns)

    cdef int expect(self, Exchange connection, object request, int64_t now_ns) except -1:
        """Its next answer is this request's; one that cannot expect it is closed: nobody could tell whose it is."""
        try:
            self.busy[connection] = (request, now_ns + self.timeout_ns)
            connection.begin(self, False)
        except BaseException:
            self.busy.pop(connection, None)
            connection.close()
            raise
        return 0

    cpdef carry(self, Exchange connection, object request, int64_t now_ns):
        """A request was written at ``now_ns``, in this very callback, to the connection that ``send`` would have taken;
        its owner knows."""
        cdef Py_ssize_t last = len(self.idle) - 1
        if last >= 0 and self.idle[last] is connection:
            self.idle.pop()
        else:
            self.idle.remove(connection)
        self.expect(connection, request, now_ns)

    cdef int answered(self, Exchange connection) except -1:
        cdef object request = self.busy.pop(connection)[0]
        cdef Answer answer = connection.answer
        if connection.reusable and connection.open():
            self.idle.append(connection)
        else:
            connection.close()
        self.owner.answered(request, answer.status, answer.headers, answer.whole())
        if self.queue:
            self._pump()
        return 0
