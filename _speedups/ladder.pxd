# How a book is looked up and walked: inlines of book.pyx, which alone may cimport this: pages.h keeps its pool in
# statics of the one module that includes it.
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint32_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memmove

from .atomics cimport likely
from .book cimport WINDOW_GROUPS, WINDOW_TICKS, BookC, Side
from .layout cimport Level

cdef extern from *:
    """
    #include <stdint.h>
    #define BOOK_LOWEST(word) __builtin_ctzll(word)
    #define BOOK_HIGHEST(word) (63 - __builtin_clzll(word))
    #define BOOK_PREFETCH(p) __builtin_prefetch((p), 1)
    static inline uint64_t book_rotate(uint64_t x, int by) { return by ? (x >> by) | (x << (64 - by)) : x; }
    """
    int lowest "BOOK_LOWEST" (uint64_t word) noexcept nogil
    int highest "BOOK_HIGHEST" (uint64_t word) noexcept nogil
    void prefetch "BOOK_PREFETCH" (const void* p) noexcept nogil
    uint64_t rotate "book_rotate" (uint64_t x, int by) noexcept nogil

cdef extern from "pages.h" nogil:
    int64_t* page_quantity
    uint64_t* page_occupied
    bint pages_spare() noexcept
    uint32_t pages_refill(size_t block_bytes) noexcept
    bint pages_want(size_t block_bytes) noexcept
    void pages_fetch() noexcept
    void pages_take_over() noexcept
    uint32_t page_take() noexcept
    void page_give(uint32_t page) noexcept
    void* block_take(size_t size) noexcept
    void block_give(void* block) noexcept


# --- grid -----------------------------------------------------------------------------------------------------------

cdef inline uint64_t tick_of(const BookC* book, int64_t price_e) noexcept nogil:
    """The tick within the window; at or above ``book.ticks`` for a price off the grid or outside.

    Exact division by multiplication: the product with the inverse of tick_e is the quotient if tick_e divides the
    price, and larger than any quotient in 64 bits if it does not.
    """
    return rotate(<uint64_t>price_e * book.inverse, book.shift) - book.first_tick


cdef inline void set_grid(BookC* book, int64_t tick_e) noexcept nogil:
    cdef uint64_t odd = <uint64_t>tick_e, inverse
    book.tick_e = tick_e
    book.shift = lowest(odd)
    odd >>= book.shift
    inverse = odd                 # right in 3 bits; each Newton step doubles them
    for _ in range(5):
        inverse *= 2 - odd * inverse
    book.inverse = inverse


cdef inline uint64_t window_start(const BookC* book, int64_t centre_e) noexcept nogil:
    cdef uint64_t most = <uint64_t>INT64_MAX // <uint64_t>book.tick_e
    cdef uint64_t centre = <uint64_t>(centre_e if centre_e > 0 else 0) // <uint64_t>book.tick_e
    cdef uint64_t first = centre - (WINDOW_TICKS >> 1) if centre > (WINDOW_TICKS >> 1) else 0
    if most < WINDOW_TICKS:
        first = 0
    elif first > most - WINDOW_TICKS:
        first = most - WINDOW_TICKS
    return first & ~<uint64_t>63


cdef inline void set_window(BookC* book, uint64_t first_tick) noexcept nogil:
    cdef uint64_t left = <uint64_t>INT64_MAX // <uint64_t>book.tick_e - first_tick
    book.first_tick = first_tick
    book.ticks = left if left < WINDOW_TICKS else WINDOW_TICKS


# --- pages ------------------------------------------------------------------------------------------------------------

cdef inline Py_ssize_t page_below(const Side* side, Py_ssize_t page) noexcept nogil:
    """The nearest page in use before this one, or -1."""
    cdef Py_ssize_t group = page >> 6
    cdef uint64_t pages = side.summary[group] & ((<uint64_t>1 << (page & 63)) - 1)
    while not pages:
        group -= 1
        if group < 0:
            return -1
        pages = side.summary[group]
    return (group << 6) + highest(pages)


cdef inline Py_ssize_t page_above(const Side* side, Py_ssize_t page) noexcept nogil:
    """The nearest page in use after this one, or -1."""
    cdef Py_ssize_t group = page >> 6
    cdef uint64_t pages = side.summary[group] & ~((<uint64_t>2 << (page & 63)) - 1)
    while not pages:
        group += 1
        if group == WINDOW_GROUPS:
            return -1
        pages = side.summary[group]
    return (group << 6) + lowest(pages)


# --- far list -------------------------------------------------------------------------------------------------------

cdef inline Py_ssize_t far_place(const Side* side, int64_t price_e) noexcept nogil:
    """How many far levels are cheaper."""
    cdef Py_ssize_t low = 0, high = side.far_count, middle
    while low < high:
        middle = (low + high) >> 1
        if side.far[middle].price_e < price_e:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline void far_put(BookC* book, Side* side, int64_t price_e, int64_t qty_e) noexcept nogil:
    cdef Py_ssize_t place = far_place(side, price_e), capacity
    cdef Level* far
    if place < side.far_count and side.far[place].price_e == price_e:
        if qty_e:
            side.far[place].qty_e = qty_e
            return
        side.far_count -= 1
        side.count -= 1
        memmove(&side.far[place], &side.far[place + 1], (side.far_count - place) * sizeof(Level))
        return
    if not qty_e:
        return
    if side.far_count == side.far_capacity:
        capacity = 2 * side.far_capacity if side.far_capacity else 16
        far = <Level*>realloc(side.far, capacity * sizeof(Level))
        if far == NULL:
            book.broken = True
            return
        side.far = far
        side.far_capacity = capacity
    memmove(&side.far[place + 1], &side.far[place], (side.far_count - place) * sizeof(Level))
    side.far[place].price_e = price_e
    side.far[place].qty_e = qty_e
    side.far_count += 1
    side.count += 1


# A book among hundreds is in no cache, so memory is asked for in stages: the directory while signs are looked at,
# then what the directory says, and only then the first level is applied.

cdef inline void ask_directory(const BookC* book, const Side* side, int64_t price_e) noexcept nogil:
    cdef uint64_t tick = tick_of(book, price_e)
    if likely(tick < book.ticks):
        prefetch(&side.directory[tick >> 6])


cdef inline void ask_cell(const BookC* book, const Side* side, int64_t price_e) noexcept nogil:
    cdef uint64_t tick = tick_of(book, price_e)
    cdef uint32_t page
    if likely(tick < book.ticks):
        page = side.directory[tick >> 6]
        prefetch(&page_quantity[(<size_t>page << 6) + (tick & 63)])


# --- ordered walks --------------------------------------------------------------------------------------------------

cdef struct Walk:                 # one side, best first; the window's levels merged with the far ones
    const Side* side
    const BookC* book
    const int64_t* quantity       # of the page
    uint64_t word                 # the page's levels that are still to come
    Py_ssize_t page               # -1: the window is done
    int64_t page_price_e
    Py_ssize_t far                # the next far level
    int64_t far_price_e           # INT64_MIN (bids) or INT64_MAX (asks): none is left


cdef inline void walk_page(Walk* walk, Py_ssize_t page) noexcept nogil:
    cdef uint32_t number
    walk.page = page
    if page < 0:
        walk.word = 0
        return
    number = walk.side.directory[page]
    walk.word = page_occupied[number]
    walk.quantity = page_quantity + (<size_t>number << 6)
    walk.page_price_e = <int64_t>(walk.book.first_tick + (<uint64_t>page << 6)) * walk.book.tick_e


cdef inline void walk_far(Walk* walk, bint bid) noexcept nogil:
    if bid:
        walk.far_price_e = walk.side.far[walk.far].price_e if walk.far >= 0 else INT64_MIN
    else:
        walk.far_price_e = walk.side.far[walk.far].price_e if walk.far < walk.side.far_count else INT64_MAX


cdef inline void walk_begin(Walk* walk, const BookC* book, const Side* side, bint bid) noexcept nogil:
    walk.book = book
    walk.side = side
    walk.quantity = NULL
    walk.page_price_e = 0
    walk.far = side.far_count - 1 if bid else 0
    walk_far(walk, bid)
    if side.best >= 0 and side.best < WINDOW_TICKS:
        walk_page(walk, side.best >> 6)
    else:
        walk_page(walk, -1)


cdef inline void walk_behind(Walk* walk, const BookC* book, const Side* side, bint bid, int64_t price_e) noexcept nogil:
    """Begin with the first level behind a price, which need not be in the book any more."""
    cdef int64_t tick = price_e // book.tick_e - <int64_t>book.first_tick
    walk_begin(walk, book, side, bid)
    if bid:
        walk.far = far_place(side, price_e) - 1
        tick -= price_e % book.tick_e == 0
        tick = min(tick, WINDOW_TICKS - 1)
    else:
        walk.far = far_place(side, price_e + 1)
        tick = max(tick + 1, 0)
    walk_far(walk, bid)
    if tick < 0 or tick >= WINDOW_TICKS:
        walk_page(walk, -1)
        return
    walk_page(walk, tick >> 6)
    if bid:
        walk.word &= (<uint64_t>2 << (tick & 63)) - 1
    else:
        walk.word &= ~((<uint64_t>1 << (tick & 63)) - 1)


cdef inline bint walk_next(Walk* walk, bint bid, Level* out) noexcept nogil:
    cdef int bit
    cdef int64_t price_e
    if not walk.word and walk.page >= 0:
        walk_page(walk, page_below(walk.side, walk.page) if bid else page_above(walk.side, walk.page))
    if walk.word:
        bit = highest(walk.word) if bid else lowest(walk.word)
        price_e = walk.page_price_e + bit * walk.book.tick_e
        if likely(price_e > walk.far_price_e if bid else price_e < walk.far_price_e):
            walk.word ^= <uint64_t>1 << bit
            out.price_e = price_e
            out.qty_e = walk.quantity[bit]
            return True
    elif walk.far < 0 or walk.far >= walk.side.far_count:
        return False
    out[0] = walk.side.far[walk.far]
    walk.far += -1 if bid else 1
    walk_far(walk, bid)
    return True


cdef inline Py_ssize_t copy_side(const BookC* book, const Side* side, bint bid, Level* out, Py_ssize_t most) noexcept nogil:
    cdef Walk walk
    cdef Py_ssize_t count = 0
    walk_begin(&walk, book, side, bid)
    while count < most and walk_next(&walk, bid, out + count):
        count += 1
    return count


cdef inline Py_ssize_t copy_behind(
    const BookC* book, const Side* side, bint bid, int64_t price_e, Level* out, Py_ssize_t most
) noexcept nogil:
    cdef Walk walk
    cdef Py_ssize_t count = 0
    if price_e < 0:
        return copy_side(book, side, bid, out, most)
    walk_behind(&walk, book, side, bid, price_e)
    while count < most and walk_next(&walk, bid, out + count):
        count += 1
    return count


# The same levels as they were, some with other quantities.
cdef inline void put_changes(Side* side, Level* out, Py_ssize_t count) noexcept nogil:
    cdef int i
    cdef Py_ssize_t at
    for i in range(side.changed):
        for at in range(count):
            if out[at].price_e == side.changes[i].price_e:
                out[at].qty_e = side.changes[i].qty_e
                break
    side.changed = 0
