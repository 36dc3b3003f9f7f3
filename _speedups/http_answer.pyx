"""One HTTP/1.1 answer as the parser (httptools) finds it: status, headers, body, every part capped.

The caller feeds the parser and then looks at what became of it: ``complete``, a ``fault``, or neither yet.
"""
cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from .atomics cimport unlikely

cdef extern from "Python.h":
    object PyUnicode_DecodeLatin1(const char* text, Py_ssize_t size, const char* errors)

cdef enum:
    SHORT = 64                    # names of headers are shorter
    NAMES_MOST = 256              # kept as they were last written; a venue has some twenty

cdef dict names = {}


cdef object lower(bytes name):
    cdef object found = names.get(name)
    if found is None:
        found = lowered(name)
        if len(names) < NAMES_MOST and PyBytes_GET_SIZE(name) <= SHORT:
            names[name] = found
    return found


cdef object lowered(bytes name):
    cdef char text[SHORT]
    cdef const char* source = PyBytes_AS_STRING(name)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(name), i
    if unlikely(size > SHORT):
        return name.decode("latin-1").lower()
    for i in range(size):
        if unlikely(source[i] & 0x80):
            return name.decode("latin-1").lower()
        text[i] = source[i] + 32 if c'A' <= source[i] <= c'Z' else source[i]
    return PyUnicode_DecodeLatin1(text, size, NULL)


@cython.final
cdef class Answer:
    """What the parser tells; one object serves one answer after the other, each after ``begin``.

    ``head_cap``: bytes of all headers, ``headers_most`` of them, ``status_line_cap``: bytes of the reason,
    ``body_cap``: bytes of the body. ``headers`` have lower-case names; ``fault``: why it is refused, ""; it is not."""

    def __init__(self, Py_ssize_t head_cap, Py_ssize_t headers_most, Py_ssize_t status_line_cap, Py_ssize_t body_cap):
        self.head_cap, self.headers_most = head_cap, headers_most
        self.status_line_cap, self.body_cap = status_line_cap, body_cap
        self.begin(None, False)

    cpdef begin(self, parser, bint bodiless):
        """Another answer, by this parser. ``bodiless``: it has no body whatever its headers say (HEAD)."""
        self.parser, self.bodiless = parser, bodiless
        self.head = self.lines = self.status_line = self.length = 0
        self.over = self.headers_done = self.complete = False
        self.reusable = True
        self.status = 0
        self.headers, self.pieces = {}, []
        self.fault = ""

    @property
    def body(self):
        return self.whole()

    cdef bytes whole(self):
        return <bytes>self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)

    @property
    def framed(self):
        """The headers say where the body ends."""
        return "content-length" in self.headers or "transfer-encoding" in self.headers

    def finish(self):
        """The answer ends here."""
        self.over = self.complete = True
        self.status = self.code
        if not self.parser.should_keep_alive():
            self.reusable = False

    def refuse(self, str why):
        """Nothing of it is of use; the first reason stands, and none changes a complete answer."""
        if not self.complete and not self.fault:
            self.fault = why
        self.pieces = [] if not self.complete else self.pieces
        self.over = True
        self.reusable = False

    # -- the parser's

    def on_message_begin(self):
        if self.over:
            self.reusable = False     # more than was asked for: the next answer could not be told

    def on_status(self, bytes reason not None):
        self.status_line += PyBytes_GET_SIZE(reason)
        if self.status_line > self.status_line_cap:
            self.refuse(f"a status line of more than {self.status_line_cap} bytes")

    def on_header(self, bytes name not None, bytes value not None):
        if self.over or self.headers_done:
            return                    # of bytes nobody asked for; or a trailer, which may not change what was said
        self.head += PyBytes_GET_SIZE(name) + PyBytes_GET_SIZE(value) + 4
        self.lines += 1
        if self.head > self.head_cap:
            self.refuse(f"an answer's head of more than {self.head_cap} bytes")
        elif self.lines > self.headers_most:
            self.refuse(f"an answer of more than {self.headers_most} headers")
        else:
            self.headers[lower(name)] = PyUnicode_DecodeLatin1(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), NULL)

    def on_headers_complete(self):
        if self.over:
            return
        self.headers_done = True
        cdef int status = self.parser.get_status_code()
        self.code = status
        if status < 100:
            self.refuse(f"the answer is not HTTP: status {status}")
        if status < 200:
            return
        if self.bodiless:
            self.finish()
            return
        length = self.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.body_cap:
            self.refuse(f"an answer of {length} bytes; the most taken is {self.body_cap}")

    def on_body(self, bytes body not None):
        if self.over:
            self.reusable = False
            return
        self.length += PyBytes_GET_SIZE(body)
        if self.length > self.body_cap:
            self.refuse(f"an answer of more than {self.body_cap} bytes")
        else:
            self.pieces.append(body)

    def on_message_complete(self):
        if self.over:
            return
        if self.code < 200:
            # 100 Continue and the like come before the answer; their bytes count as its head's.
            self.headers = {}
            self.status_line = 0
            self.headers_done = False
            return
        self.finish()
