"""The average price of an inverse contract's fills, in C as far as integers of 320 bits reach."""

cimport cython
from libc.stdint cimport int64_t, uint64_t

cdef extern from "worth.h" nogil:
    ctypedef unsigned long long uint128_t "unsigned __int128"
    void worth_add "connector_worth_add" (connector_worth* worth, uint64_t quantity, uint64_t price)
    bint harmonic "connector_harmonic" (uint64_t total, const connector_worth* worth, uint128_t* out)

cdef extern from "hearing.h" nogil:
    bint shortened "connector_short" (uint128_t value, int left, int64_t* average_e, int* exponent)

cdef object MOST = (1 << 63) - 1


@cython.final
cdef class Worth:
    """Of an order's fills, one after the other: the sum of what each is worth in the margin asset, the quantity over the
    price, rounded down to 10**-60. ``count``: how many were added."""

    def __cinit__(self):
        self.fits = True

    def add(self, qty_e, price_e):
        """One more fill, scaled; a price that is none counts for nothing."""
        if price_e <= 0:
            self.count += 1
        elif not self.fits or not 0 <= qty_e <= MOST or price_e > MOST:
            self.fits = False
            self.count += 1
        else:
            self.take(qty_e, price_e)

    def averaged(self, qty_e, price_e, int price_exponent):
        """The average price as (integer, exponent), with eight decimals more than a price has, no zeros at its end, and
        within 63 bits; so much more at that price counted in, unless that is 0. None: too large for here."""
        cdef Worth whole = self
        cdef int64_t average_e = 0
        cdef int exponent = 0
        if price_e > 0:
            whole = Worth.__new__(Worth)
            whole.fits, whole.total_e, whole.worth = self.fits, self.total_e, self.worth
            whole.add(qty_e, price_e)
        if not whole.average(price_exponent, &average_e, &exponent):
            return None
        return average_e, exponent

    # False: it counts, but its sum is too large for here.
    cdef bint take(self, int64_t qty_e, int64_t price_e) noexcept:
        self.count += 1
        if price_e <= 0:
            return True
        if not self.fits or qty_e < 0 or qty_e > 0x7fffffffffffffff - self.total_e:
            self.fits = False
            return False
        self.total_e += qty_e
        worth_add(&self.worth, qty_e, price_e)
        return True

    cdef bint average(self, int price_exponent, int64_t* average_e, int* exponent) noexcept:
        cdef uint128_t value = 0
        return (
            self.fits and harmonic(self.total_e, &self.worth, &value)
            and shortened(value, price_exponent + 8, average_e, exponent)
        )
