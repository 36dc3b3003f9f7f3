# What a reader that waits asks the kernel and the interpreter: for the bell, for the control socket, for other threads.
from libc.stdint cimport int64_t

from .atomics cimport monotonic_ns, pause
from .ring cimport RingView, ring_empty

cdef enum:
    SPIN_NS = 50_000              # an iteration spins this long before it lets signals and threads in

cdef extern from *:
    """
    #include <Python.h>
    #include <errno.h>
    #include <poll.h>
    #include <sys/socket.h>
    #include <time.h>
    #include <unistd.h>
    /* Until one of the two is readable or timeout_ns passed; -1: no limit. Bit 0: the bell, bit 1: the socket;
       negative: -errno, taken before anything else can change it. */
    static inline int connector_sleep(int bell, int control, int64_t timeout_ns) {
      struct pollfd fds[2] = {{bell, POLLIN, 0}, {control, POLLIN, 0}};
      struct timespec left = {timeout_ns / 1000000000, timeout_ns % 1000000000};
      int ready = ppoll(fds, 2, timeout_ns < 0 ? NULL : &left, NULL);
      return ready < 0 ? -errno : (fds[0].revents ? 1 : 0) | (fds[1].revents ? 2 : 0);
    }
    /* Does this interpreter have no thread but the caller's? The interpreter must be held. */
    static inline int connector_only_thread(void) {
      PyInterpreterState* all = PyThreadState_GetInterpreter(PyThreadState_Get());
      return PyThreadState_Next(PyInterpreterState_ThreadHead(all)) == NULL;
    }
    static inline ssize_t connector_peek(int control) {
      char byte;
      return recv(control, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    }
    """
    int connector_sleep(int bell, int control, int64_t timeout_ns) nogil
    bint only_thread "connector_only_thread" () noexcept
    ssize_t connector_peek(int control) nogil
    ssize_t read(int fd, void* data, size_t size) nogil


cdef inline void look_out(const RingView* view) noexcept nogil:
    """Until there is a record, for at most ``SPIN_NS``."""
    cdef int64_t until_ns = monotonic_ns() + SPIN_NS
    cdef unsigned int turns = 0
    while ring_empty(view):
        pause()                       # 6 to 60 ns, and a clock takes 25: it is read now and then
        turns += 1
        if turns & 15 == 0 and monotonic_ns() >= until_ns:
            return


cdef inline void spin(const RingView* view) noexcept:
    """The same; the interpreter is free meanwhile unless nobody else is there: taking it back costs 50 ns."""
    if only_thread():
        look_out(view)
    else:
        with nogil:
            look_out(view)
