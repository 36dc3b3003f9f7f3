"""A server that answers every request with the same bytes, spinning: as little beside the client as there can be."""
from libc.stdint cimport uint64_t
from libc.string cimport memcmp

from connector._speedups.atomics cimport load_acquire, pause

cdef extern from "<sys/socket.h>" nogil:
    ssize_t recv(int fd, void* data, size_t size, int flags)
    ssize_t send(int fd, const void* data, size_t size, int flags)
    int accept4(int fd, void* address, void* length, int flags)
    int setsockopt(int fd, int level, int name, const void* value, unsigned int size)
    enum:
        MSG_DONTWAIT

cdef extern from "<netinet/in.h>" nogil:
    enum:
        IPPROTO_TCP

cdef extern from "<netinet/tcp.h>" nogil:
    enum:
        TCP_NODELAY

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef enum:
    MOST = 32


def serve(int listening, bytes answer not None, const uint64_t[::1] stop):
    """Until ``stop[0]``: each request whose head came in one piece, without a body, is answered at once."""
    cdef int fds[MOST]
    cdef int count = 0, index, fd, one = 1
    cdef ssize_t got
    cdef char data[4096]
    cdef const char* text = answer
    cdef size_t size = len(answer)
    cdef uint64_t turn = 0
    with nogil:
        while load_acquire(&stop[0]) == 0:
            turn += 1
            if turn & 63 == 0 and count < MOST:
                fd = accept4(listening, NULL, NULL, 0)
                if fd >= 0:
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))
                    fds[count] = fd
                    count += 1
            for index in range(count):
                got = recv(fds[index], data, sizeof(data), MSG_DONTWAIT)
                if got >= 4 and memcmp(data + got - 4, "\r\n\r\n", 4) == 0:
                    send(fds[index], text, size, 0)
                elif got == 0:
                    close(fds[index])
                    count -= 1
                    fds[index] = fds[count]
                    break
            pause()
        for index in range(count):
            close(fds[index])
