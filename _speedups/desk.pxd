from .layout_orders cimport Command as Slot


cdef bint plain_command(const Slot* c) noexcept nogil        # as ``Command.plain``
cdef str command_text(const char* field, Py_ssize_t room)    # of a field, zeros behind its end


cdef class Command:               # a command as it was read
    cdef Slot raw
    cdef readonly bytes slot      # its 512 bytes
    cdef str ref                  # ref_id, once asked for
