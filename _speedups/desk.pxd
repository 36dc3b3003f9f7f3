from .layout_orders cimport Command as Slot


cdef class Command:               # a command as it was read
    cdef Slot raw
    cdef readonly bytes slot      # its 512 bytes
    cdef str ref                  # ref_id, once asked for
    cdef bint _plain(self) noexcept nogil
