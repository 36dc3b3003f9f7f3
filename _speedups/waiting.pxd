# The system calls of a reader that waits: for the bell, and for the control socket.
from libc.stdint cimport int64_t

cdef extern from *:
    """
    #include <errno.h>
    #include <poll.h>
    #include <sys/socket.h>
    #include <time.h>
    #include <unistd.h>
    /* Until one of the two is readable or timeout_ns passed; -1: no limit. Bit 0: the bell, bit 1: the socket;
       negative: -errno, taken before anything else can change it. */
    static int connector_sleep(int bell, int control, int64_t timeout_ns) {
      struct pollfd fds[2] = {{bell, POLLIN, 0}, {control, POLLIN, 0}};
      struct timespec left = {timeout_ns / 1000000000, timeout_ns % 1000000000};
      int ready = ppoll(fds, 2, timeout_ns < 0 ? NULL : &left, NULL);
      return ready < 0 ? -errno : (fds[0].revents ? 1 : 0) | (fds[1].revents ? 2 : 0);
    }
    static ssize_t connector_peek(int control) {
      char byte;
      return recv(control, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    }
    """
    int connector_sleep(int bell, int control, int64_t timeout_ns) nogil
    ssize_t connector_peek(int control) nogil
    ssize_t read(int fd, void* data, size_t size) nogil
