"""The WebSocket side of the market path: each whole message by pointer to the codec, nothing else on the common way.

A final picows listener. It never relies on ``last_in_buffer``, joins fragments, refuses what the venue must not send
and answers pings, for which the connection has to be opened with ``enable_auto_pong=False``.
"""
cimport cython
from libc.stdint cimport int64_t, uint64_t, uint16_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from cpython.bytes cimport PyBytes_FromStringAndSize

from picows import WSProtocolError
from picows.picows cimport WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from .atomics cimport likely, monotonic_ns, unlikely
from .bell cimport Bell
from .codec cimport HANDLED, Codec, check_line
from .counters cimport (
    COUNT_COMPRESSED, COUNT_FRAGMENTED, COUNT_FRAME_BYTES, COUNT_FRAMES, COUNT_OVERSIZED, COUNT_PINGS,
    COUNT_RARE_ERRORS, COUNT_UNEXPECTED_FRAMES, count, count_by,
)

cdef enum:
    FIRST_JOIN = 1 << 16


@cython.final
cdef class Listener(WSListener):
    """One connection's listener.

    ``codec`` decodes; ``line`` is the connection's number in the records; ``bell``, unless None, is told that
    something may have been published. ``rare(message, recv_ns, line)`` takes each message the codec leaves, as bytes;
    an exception there is counted and handed to ``failed(listener, error, message)``, and the connection goes on.
    ``opened(listener, transport)`` and ``closed(listener, reason)`` frame the connection's life. A message of more than
    ``max_message`` bytes, fragments joined, ends the connection.
    """

    cdef Codec codec
    cdef uint64_t* counters
    cdef Bell bell
    cdef object rare
    cdef object on_opened
    cdef object on_closed
    cdef object failed
    cdef readonly int line
    cdef readonly Py_ssize_t max_message
    cdef readonly WSTransport transport
    cdef readonly uint64_t frames
    cdef readonly int64_t last_frame_ns
    cdef readonly str refusal
    cdef readonly int close_code  # of the peer's close frame; 0: none came
    cdef bint plain               # between whole messages and nothing refused: the common way is open
    cdef bint deaf                # refused or closed: data frames are not looked at any more
    cdef bint joining
    cdef char* joined
    cdef Py_ssize_t joined_size
    cdef Py_ssize_t joined_room

    def __init__(
        self, Codec codec not None, int line, Bell bell, rare, opened, closed, Py_ssize_t max_message, failed=None,
    ):
        check_line(line)
        self.codec = codec
        self.counters = codec.counters
        self.line = line
        self.bell = bell
        self.rare = rare
        self.on_opened = opened
        self.on_closed = closed
        self.failed = failed
        self.max_message = max_message
        self.refusal = ""
        self.plain = True

    def __dealloc__(self):
        free(self.joined)

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        cdef int64_t recv_ns
        if likely(
            frame.msg_type == WSMsgType.TEXT and frame.fin and self.plain
            and not (frame.rsv1 | frame.rsv2 | frame.rsv3) and frame.payload_size <= self.max_message
        ):
            recv_ns = monotonic_ns()
            if unlikely(self.message(frame.payload_ptr, frame.payload_size, recv_ns) != HANDLED):
                self.give(frame.payload_ptr, frame.payload_size, recv_ns)
            if self.bell is not None:
                self.bell.frame_done()
        else:
            self.unusual(transport, frame)

    cdef inline int message(self, const char* text, Py_ssize_t length, int64_t recv_ns) noexcept:
        self.frames += 1
        self.last_frame_ns = recv_ns
        count(self.counters, COUNT_FRAMES)
        count_by(self.counters, COUNT_FRAME_BYTES, length)
        return self.codec.decode_frame(text, length, recv_ns, <uint16_t>self.line)

    cdef int give(self, const char* text, Py_ssize_t length, int64_t recv_ns) except -1:
        """Hand a message to Python; whatever that raises must not end the connection."""
        cdef bytes message = PyBytes_FromStringAndSize(text + self.codec.taken, length - self.codec.taken)
        try:
            self.rare(message, recv_ns, self.line)
        except Exception as error:
            count(self.counters, COUNT_RARE_ERRORS)
            if self.failed is not None:
                self.failed(self, error, message)
        return 0

    cdef int unusual(self, WSTransport transport, WSFrame frame) except -1:
        """Control frames, fragments and everything that is refused."""
        if frame.msg_type == WSMsgType.CLOSE:
            return self.answer_close(transport, frame)
        if self.deaf:
            return 0
        if frame.rsv1 | frame.rsv2 | frame.rsv3:
            return self.refuse(COUNT_COMPRESSED, WSCloseCode.PROTOCOL_ERROR, "compressed or extended frame")
        if frame.msg_type == WSMsgType.PING:
            count(self.counters, COUNT_PINGS)
            if not (transport.is_disconnected or transport.is_close_frame_sent):
                transport.send_pong(frame.get_payload_as_bytes())
            return 0
        if frame.msg_type == WSMsgType.PONG:
            return 0
        if frame.msg_type == WSMsgType.BINARY:
            return self.refuse(COUNT_UNEXPECTED_FRAMES, WSCloseCode.UNSUPPORTED_DATA, "binary frame")
        if self.joining != (frame.msg_type == WSMsgType.CONTINUATION):
            return self.refuse(
                COUNT_UNEXPECTED_FRAMES, WSCloseCode.PROTOCOL_ERROR,
                "a new message inside a fragmented one" if self.joining else "continuation of nothing",
            )
        if frame.payload_size > self.max_message - self.joined_size:
            return self.refuse(
                COUNT_OVERSIZED, WSCloseCode.MESSAGE_TOO_BIG, f"message of more than {self.max_message:,} bytes"
            )
        return self.join(frame)

    cdef int join(self, WSFrame frame) except -1:
        cdef Py_ssize_t room = self.joined_room, length
        cdef char* grown
        cdef int64_t recv_ns
        while room < self.joined_size + frame.payload_size:
            room = room * 2 if room else FIRST_JOIN
        if room != self.joined_room:
            grown = <char*>realloc(self.joined, room)
            if grown == NULL:
                raise MemoryError(f"no {room:,} bytes for a fragmented message")
            self.joined = grown
            self.joined_room = room
        if frame.payload_size:        # an empty first fragment: there may be no buffer yet, and memcpy takes no NULL
            memcpy(self.joined + self.joined_size, frame.payload_ptr, frame.payload_size)
        self.joined_size += frame.payload_size
        self.joining = not frame.fin
        self.plain = not self.joining
        if self.joining:
            return 0
        recv_ns = monotonic_ns()
        length = self.joined_size
        self.joined_size = 0
        count(self.counters, COUNT_FRAGMENTED)
        if self.message(self.joined, length, recv_ns) != HANDLED:
            self.give(self.joined, length, recv_ns)
        if self.bell is not None:
            self.bell.frame_done()
        return 0

    cdef int refuse(self, int which, WSCloseCode code, str why) except -1:
        """Count, close with a code the peer can read, and hear nothing more from it."""
        count(self.counters, which)
        self.refusal = why
        self.deaf = True
        self.plain = self.joining = False
        raise WSProtocolError(code, why)  # picows sends the close frame and then ends the socket

    cdef int answer_close(self, WSTransport transport, WSFrame frame) except -1:
        cdef WSCloseCode code = frame.get_close_code()
        self.deaf = True
        self.plain = False
        self.close_code = <int>code
        if not (transport.is_close_frame_sent or transport.is_disconnected):
            transport.send_close(code if code != WSCloseCode.NO_INFO else WSCloseCode.OK)
        transport.disconnect()
        return 0

    cpdef on_ws_connected(self, WSTransport transport):
        self.transport = transport
        self.on_opened(self, transport)

    cpdef on_ws_disconnected(self, WSTransport transport):
        self.deaf = True
        self.plain = False
        reason = self.refusal or self._why(transport)
        self.transport = None
        self.on_closed(self, reason)

    def _why(self, WSTransport transport not None):
        handshake = transport.close_handshake
        if handshake is not None and handshake.sent is not None and not handshake.recv_then_sent:
            if handshake.sent.code == WSCloseCode.MESSAGE_TOO_BIG:  # found by picows before the payload was read
                count(self.counters, COUNT_OVERSIZED)
            return f"closed from here: {int(handshake.sent.code)} {handshake.sent.reason or ''}".rstrip()
        if handshake is not None and handshake.recv is not None:
            return f"the peer closed: {int(handshake.recv.code)} {handshake.recv.reason or ''}".rstrip()
        return "the peer ended the connection without a close frame"
