"""The base of the venues' compiled readers of order events."""


cdef class OrderReader:
    """Reads what happens to orders all day; everything else is for the venue's general reader."""

    cdef bint look(self, const char* frame, Py_ssize_t size, Told* told) noexcept:
        return False

    cdef bint read(self, int price_exponent, int qty_exponent, Told* told) noexcept:
        return False
