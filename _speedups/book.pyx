"""Keep the order book of one instrument: levels in, ordered levels and the best twenty out.

The structure is drawn in ``book.pxd``. Everything but the class at the end is C without Python objects.
"""

from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memmove, memset

from .atomics cimport likely, unlikely
from .ladder cimport (
    Walk, ask_cell, ask_directory, block_give, block_take, copy_behind, copy_side, far_put, highest, lowest,
    page_above, page_below, page_give, page_occupied, page_quantity, page_take, pages_fetch, pages_refill,
    pages_spare, pages_take_over, pages_want, put_changes, set_grid, set_window, tick_of, walk_begin, walk_next,
    window_start,
)
from .layout cimport CONNECTOR_TOP_LEVELS, Level, LevelsCell

cdef enum:
    PAGE_BYTES = 64 * sizeof(int64_t)
    SIDE_BYTES = WINDOW_PAGES * sizeof(uint32_t) + WINDOW_GROUPS * sizeof(uint64_t)
    BLOCK_BYTES = 2 * SIDE_BYTES + 17 * 64   # an odd number of lines: books share no cache sets
    AHEAD = 64                    # levels of a side whose cells are asked for before they are used
    EDGE_TICKS = WINDOW_TICKS >> 3


# --- life -----------------------------------------------------------------------------------------------------------

cdef void side_reset(Side* side, bint bid) noexcept nogil:
    side.best = -1 if bid else WINDOW_TICKS
    side.edge_e = INT64_MIN if bid else INT64_MAX
    side.touched = True
    side.changed = 0
    side.count = 0
    side.far_count = 0


cdef BookC* book_new(int64_t tick_e, int64_t centre_e) noexcept nogil:
    cdef BookC* book = <BookC*>calloc(1, sizeof(BookC))
    cdef char* directories
    if book == NULL:
        return NULL
    directories = <char*>block_take(BLOCK_BYTES) if pages_spare() else NULL
    if directories == NULL:
        free(book)
        return NULL
    book.bids.directory = <uint32_t*>directories
    book.bids.summary = <uint64_t*>(directories + WINDOW_PAGES * sizeof(uint32_t))
    book.asks.directory = <uint32_t*>(directories + SIDE_BYTES)
    book.asks.summary = <uint64_t*>(directories + SIDE_BYTES + WINDOW_PAGES * sizeof(uint32_t))
    side_reset(&book.bids, True)
    side_reset(&book.asks, False)
    set_grid(book, tick_e)
    set_window(book, window_start(book, centre_e))
    return book


cdef Py_ssize_t side_clear(Side* side, Py_ssize_t most) noexcept nogil:
    """Give back up to ``most`` pages; how many more could have been."""
    cdef Py_ssize_t group, page
    for group in range(WINDOW_GROUPS):
        while side.summary[group]:
            if most == 0:
                return 0
            most -= 1
            page = (group << 6) + lowest(side.summary[group])
            side.summary[group] &= side.summary[group] - 1
            memset(page_quantity + (<size_t>side.directory[page] << 6), 0, PAGE_BYTES)
            page_give(side.directory[page])
            side.directory[page] = 0
    return most


cdef bint book_free_part(BookC* book, Py_ssize_t pages) noexcept nogil:
    pages = side_clear(&book.bids, pages)
    if pages:
        pages = side_clear(&book.asks, pages)
    if pages:
        book_free(book)
    return pages == 0


cdef void book_free(BookC* book) noexcept nogil:
    if book == NULL:
        return
    side_clear(&book.bids, WINDOW_PAGES + 1)
    side_clear(&book.asks, WINDOW_PAGES + 1)
    block_give(book.bids.directory)
    free(book.bids.far)
    free(book.asks.far)
    free(book)


cdef void book_clear(BookC* book, int64_t centre_e) noexcept nogil:
    side_clear(&book.bids, WINDOW_PAGES + 1)
    side_clear(&book.asks, WINDOW_PAGES + 1)
    book.pages = 0
    book.broken = False
    side_reset(&book.bids, True)
    side_reset(&book.asks, False)
    set_window(book, window_start(book, centre_e))


# --- pages ----------------------------------------------------------------------------------------------------------

cdef uint32_t take_page(BookC* book) noexcept nogil:
    """An empty page, or 0 and ``broken`` when memory ran out."""
    cdef uint32_t page = page_take()
    if page:
        book.pages += 1
    else:
        book.broken = True
    return page


cdef inline void give_page(BookC* book, uint32_t page) noexcept nogil:
    page_give(page)
    book.pages -= 1


cdef void find_best(const BookC* book, Side* side, bint bid) noexcept nogil:
    """The best is gone: the next one of its page, else of the nearest page behind it."""
    cdef Py_ssize_t page = side.best >> 6
    cdef uint64_t word = page_occupied[side.directory[page]]
    if not word:
        page = page_below(side, page) if bid else page_above(side, page)
        if page < 0:
            side.best = -1 if bid else WINDOW_TICKS
            return
        word = page_occupied[side.directory[page]]
    side.best = (page << 6) + (highest(word) if bid else lowest(word))


# --- apply ----------------------------------------------------------------------------------------------------------

cdef inline void change_occupancy(
    BookC* book, Side* side, bint bid, uint64_t tick, uint32_t page, bint present
) noexcept nogil:
    cdef uint64_t bit = <uint64_t>1 << (tick & 63), word = page_occupied[page] ^ bit
    page_occupied[page] = word
    if present:
        side.count += 1
        if word == bit:
            side.summary[tick >> 12] |= <uint64_t>1 << ((tick >> 6) & 63)
        if bid:
            if <int64_t>tick > side.best:
                side.best = <int64_t>tick
        elif <int64_t>tick < side.best:
            side.best = <int64_t>tick
        return
    side.count -= 1
    if not word:
        side.summary[tick >> 12] &= ~(<uint64_t>1 << ((tick >> 6) & 63))
        side.directory[tick >> 6] = 0
        give_page(book, page)
    if unlikely(<int64_t>tick == side.best):
        find_best(book, side, bid)


# Whether there may be other levels now; else it has another quantity at most.
cdef inline bint apply_level(BookC* book, Side* side, bint bid, int64_t price_e, int64_t qty_e) noexcept nogil:
    cdef uint64_t tick = tick_of(book, price_e)
    cdef uint32_t page
    cdef int64_t* cell
    cdef int64_t old_e
    if unlikely(tick >= book.ticks):
        far_put(book, side, price_e, qty_e)
        return True
    page = side.directory[tick >> 6]
    if unlikely(page == 0):
        if qty_e == 0:
            return False
        page = take_page(book)
        if page == 0:
            return True
        side.directory[tick >> 6] = page
    cell = page_quantity + (<size_t>page << 6) + (tick & 63)
    old_e = cell[0]
    cell[0] = qty_e
    if (qty_e != 0) == (old_e != 0):
        return False
    change_occupancy(book, side, bid, tick, page, qty_e != 0)
    return True


cdef inline void apply_side(BookC* book, Side* side, bint bid, const Level* level, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    cdef int64_t edge_e = side.edge_e
    cdef bint inside, moved
    for i in range(count):
        if unlikely(i + AHEAD < count):
            ask_cell(book, side, level[i + AHEAD].price_e)
        inside = level[i].price_e >= edge_e if bid else level[i].price_e <= edge_e
        moved = apply_level(book, side, bid, level[i].price_e, level[i].qty_e)
        if not inside or side.touched:
            continue
        if moved or level[i].qty_e == 0 or side.changed == CHANGES:
            side.touched = True
        else:
            side.changes[side.changed] = level[i]
            side.changed += 1


cdef int book_apply(BookC* book, const Level* levels, Py_ssize_t bids, Py_ssize_t asks) noexcept nogil:
    cdef int64_t signs = 0
    cdef Py_ssize_t i
    for i in range(bids):
        signs |= levels[i].price_e | levels[i].qty_e
        ask_directory(book, &book.bids, levels[i].price_e)
    for i in range(bids, bids + asks):
        signs |= levels[i].price_e | levels[i].qty_e
        ask_directory(book, &book.asks, levels[i].price_e)
    if unlikely(signs < 0):
        return BOOK_NEGATIVE
    for i in range(min(bids, AHEAD)):
        ask_cell(book, &book.bids, levels[i].price_e)
    for i in range(bids, bids + min(asks, AHEAD)):
        ask_cell(book, &book.asks, levels[i].price_e)
    apply_side(book, &book.bids, True, levels, bids)
    apply_side(book, &book.asks, False, levels + bids, asks)
    return BOOK_NO_MEMORY if unlikely(book.broken) else BOOK_OK


# --- ordered walks --------------------------------------------------------------------------------------------------

cdef Py_ssize_t book_bids(const BookC* book, Level* out, Py_ssize_t most) noexcept nogil:
    return copy_side(book, &book.bids, True, out, most)


cdef Py_ssize_t book_asks(const BookC* book, Level* out, Py_ssize_t most) noexcept nogil:
    return copy_side(book, &book.asks, False, out, most)


cdef Py_ssize_t book_behind(const BookC* book, bint bid, int64_t price_e, Level* out, Py_ssize_t most) noexcept nogil:
    return copy_behind(book, &book.bids if bid else &book.asks, bid, price_e, out, most)


cdef Py_ssize_t book_bid_count(const BookC* book) noexcept nogil:
    return book.bids.count


cdef Py_ssize_t book_ask_count(const BookC* book) noexcept nogil:
    return book.asks.count


cdef void book_top(BookC* book, LevelsCell* cell) noexcept nogil:
    cdef Py_ssize_t count
    if book.bids.touched:
        count = copy_side(book, &book.bids, True, cell.bid, CONNECTOR_TOP_LEVELS)
        cell.bids = <uint32_t>count
        book.bids.edge_e = cell.bid[count - 1].price_e if count == CONNECTOR_TOP_LEVELS else INT64_MIN
        book.bids.touched, book.bids.changed = False, 0
    elif book.bids.changed:
        put_changes(&book.bids, cell.bid, cell.bids)
    if book.asks.touched:
        count = copy_side(book, &book.asks, False, cell.ask, CONNECTOR_TOP_LEVELS)
        cell.asks = <uint32_t>count
        book.asks.edge_e = cell.ask[count - 1].price_e if count == CONNECTOR_TOP_LEVELS else INT64_MAX
        book.asks.touched, book.asks.changed = False, 0
    elif book.asks.changed:
        put_changes(&book.asks, cell.ask, cell.asks)


cdef int64_t book_best_price(const BookC* book, bint bid) noexcept nogil:
    cdef const Side* side = &book.bids if bid else &book.asks
    cdef int64_t price_e = -1, far_e
    if 0 <= side.best < WINDOW_TICKS:
        price_e = <int64_t>(book.first_tick + <uint64_t>side.best) * book.tick_e
    if side.far_count:
        far_e = side.far[side.far_count - 1].price_e if bid else side.far[0].price_e
        if price_e < 0 or (far_e > price_e if bid else far_e < price_e):
            price_e = far_e
    return price_e


cdef bint book_crossed(const BookC* book) noexcept nogil:
    cdef int64_t ask_e = book_best_price(book, False)
    return ask_e >= 0 and book_best_price(book, True) >= ask_e


# --- two books ------------------------------------------------------------------------------------------------------

cdef Py_ssize_t side_difference(
    const BookC* old_book, const Side* old_side, const BookC* new_book, const Side* new_side, bint bid, Level* out
) noexcept nogil:
    cdef Walk old_walk, new_walk
    cdef Level old, new
    cdef bint more_old, more_new
    cdef Py_ssize_t count = 0
    walk_begin(&old_walk, old_book, old_side, bid)
    walk_begin(&new_walk, new_book, new_side, bid)
    more_old = walk_next(&old_walk, bid, &old)
    more_new = walk_next(&new_walk, bid, &new)
    while more_old or more_new:
        if more_old and more_new and old.price_e == new.price_e:
            if old.qty_e != new.qty_e:
                out[count] = new
                count += 1
            more_old = walk_next(&old_walk, bid, &old)
            more_new = walk_next(&new_walk, bid, &new)
        elif not more_new or (more_old and (old.price_e > new.price_e if bid else old.price_e < new.price_e)):
            out[count].price_e = old.price_e
            out[count].qty_e = 0
            count += 1
            more_old = walk_next(&old_walk, bid, &old)
        else:
            out[count] = new
            count += 1
            more_new = walk_next(&new_walk, bid, &new)
    return count


cdef Py_ssize_t book_difference(const BookC* old, const BookC* new, Level* out, Py_ssize_t* asks) noexcept nogil:
    cdef Py_ssize_t bids = side_difference(old, &old.bids, new, &new.bids, True, out)
    asks[0] = side_difference(old, &old.asks, new, &new.asks, False, out + bids)
    return bids


# --- moving the window ----------------------------------------------------------------------------------------------

cdef int64_t book_centre(const BookC* book) noexcept nogil:
    cdef int64_t bid_e = book_best_price(book, True), ask_e = book_best_price(book, False)
    if bid_e < 0 or ask_e < 0:
        return bid_e if ask_e < 0 else ask_e
    return bid_e + (ask_e - bid_e) // 2


cdef bint book_edge_near(const BookC* book) noexcept nogil:
    cdef int64_t centre_e = book_centre(book), tick
    if centre_e < 0 or window_start(book, centre_e) == book.first_tick:
        return False
    tick = centre_e // book.tick_e - <int64_t>book.first_tick
    return tick < EDGE_TICKS or tick >= WINDOW_TICKS - EDGE_TICKS


cdef void evict(BookC* book, Side* side, Py_ssize_t page) noexcept nogil:
    """Move the levels of a page that leaves the window to the far list and give the page back."""
    cdef uint32_t number = side.directory[page]
    cdef uint64_t word
    cdef int64_t page_price_e = <int64_t>(book.first_tick + (<uint64_t>page << 6)) * book.tick_e
    cdef int64_t* quantity = page_quantity + (<size_t>number << 6)
    cdef int bit
    if number == 0:
        return
    word = page_occupied[number]
    while word:
        bit = lowest(word)
        word &= word - 1
        side.count -= 1           # far_put counts it again
        far_put(book, side, page_price_e + bit * book.tick_e, quantity[bit])
        quantity[bit] = 0
    side.directory[page] = 0
    give_page(book, number)


cdef void side_shift(BookC* book, Side* side, int64_t pages) noexcept nogil:
    """Move the directory so that the window starts ``pages`` pages higher (lower if negative)."""
    cdef int64_t leaving = pages if pages > 0 else -pages, kept, page
    if leaving > WINDOW_PAGES:
        leaving = WINDOW_PAGES
    kept = WINDOW_PAGES - leaving
    if pages > 0:
        for page in range(leaving):
            evict(book, side, page)
        memmove(side.directory, side.directory + leaving, kept * sizeof(uint32_t))
        memset(side.directory + kept, 0, leaving * sizeof(uint32_t))
    else:
        for page in range(kept, WINDOW_PAGES):
            evict(book, side, page)
        memmove(side.directory + leaving, side.directory, kept * sizeof(uint32_t))
        memset(side.directory, 0, leaving * sizeof(uint32_t))
    memset(side.summary, 0, WINDOW_GROUPS * sizeof(uint64_t))
    for page in range(WINDOW_PAGES):
        if side.directory[page]:
            side.summary[page >> 6] |= <uint64_t>1 << (page & 63)


cdef void side_settle(BookC* book, Side* side, bint bid) noexcept nogil:
    """After a shift: find the best and take in the far levels that now lie in the window."""
    cdef Py_ssize_t i, kept = 0, count = side.far_count, page
    cdef Level level
    cdef uint64_t word
    page = page_below(side, WINDOW_PAGES - 1) if bid else page_above(side, 0)
    if side.directory[WINDOW_PAGES - 1 if bid else 0]:
        page = WINDOW_PAGES - 1 if bid else 0
    if page < 0:
        side.best = -1 if bid else WINDOW_TICKS
    else:
        word = page_occupied[side.directory[page]]
        side.best = (page << 6) + (highest(word) if bid else lowest(word))
    for i in range(count):
        level = side.far[i]
        if tick_of(book, level.price_e) < book.ticks:
            side.count -= 1       # apply_level counts it again
            apply_level(book, side, bid, level.price_e, level.qty_e)
        else:
            side.far[kept] = level
            kept += 1
    side.far_count = kept


cdef int book_recentre(BookC* book, int64_t centre_e) noexcept nogil:
    cdef uint64_t first_tick = window_start(book, centre_e)
    cdef int64_t pages = (<int64_t>first_tick - <int64_t>book.first_tick) >> 6
    if pages == 0:
        return BOOK_OK
    side_shift(book, &book.bids, pages)
    side_shift(book, &book.asks, pages)
    set_window(book, first_tick)
    side_settle(book, &book.bids, True)
    side_settle(book, &book.asks, False)
    return BOOK_NO_MEMORY if book.broken else BOOK_OK


cdef BookC* book_on_grid(const BookC* book, int64_t tick_e) noexcept nogil:
    cdef Py_ssize_t bids = book.bids.count, asks = book.asks.count
    cdef Level* levels = <Level*>malloc((bids + asks + 1) * sizeof(Level))
    cdef BookC* moved = NULL
    if levels != NULL:
        moved = book_new(tick_e, book_centre(book))
    if moved != NULL:
        book_bids(book, levels, bids)
        book_asks(book, levels + bids, asks)
        if book_apply(moved, levels, bids, asks) != BOOK_OK:
            book_free(moved)
            moved = NULL
    free(levels)
    return moved


# --- the Python edge ------------------------------------------------------------------------------------------------

cdef Py_ssize_t flat_count(object flat) except -1:
    """How many levels ``[price_e, qty_e, ...]`` holds."""
    cdef Py_ssize_t numbers = len(flat)
    if numbers % 2:
        raise ValueError("a flat side holds price and quantity in turn: its length is even")
    return numbers // 2


cdef int put_flat(Level* out, object flat) except -1:
    cdef Py_ssize_t i
    for i in range(len(flat) // 2):
        out[i].price_e = flat[2 * i]
        out[i].qty_e = flat[2 * i + 1]
    return 0


cdef list list_side(const BookC* book, bint bid, object most):
    """The best ``most`` levels of a side (None: all) as (price_e, qty_e)."""
    cdef Py_ssize_t i, count = book.bids.count if bid else book.asks.count
    cdef Level* levels
    if most is not None:
        if most < 0:
            raise ValueError("a number of levels is not negative")
        count = min(most, count)
    levels = <Level*>malloc((count + 1) * sizeof(Level))
    if levels == NULL:
        raise MemoryError
    count = book_bids(book, levels, count) if bid else book_asks(book, levels, count)
    try:
        return [(levels[i].price_e, levels[i].qty_e) for i in range(count)]
    finally:
        free(levels)


cdef list flat_levels(const Level* levels, Py_ssize_t count):
    cdef Py_ssize_t i
    cdef list flat = []
    for i in range(count):
        flat.append(levels[i].price_e)
        flat.append(levels[i].qty_e)
    return flat


cdef object raise_status(int status):
    if status == BOOK_NEGATIVE:
        raise ValueError("a price or quantity is negative")
    if status != BOOK_OK:
        raise MemoryError("the book has no memory for its levels")


def refill():
    return pages_refill(BLOCK_BYTES)


def memory_wanted():
    return bool(pages_want(BLOCK_BYTES))


def fetch_memory():
    with nogil: pages_fetch()


def take_over_memory():
    pages_take_over()


cdef class Book:
    def __cinit__(self, int64_t tick_e, int64_t centre_e):
        if tick_e <= 0:
            raise ValueError(f"tick_e must be positive, not {tick_e}")
        self.c = book_new(tick_e, centre_e)
        if self.c == NULL:
            raise MemoryError("the book has no memory")
        memset(&self.cell, 0, sizeof(LevelsCell))

    def __dealloc__(self):
        book_free(self.c)

    def apply(self, bids, asks):
        cdef Py_ssize_t bid_count = flat_count(bids), ask_count = flat_count(asks)
        cdef int status
        cdef Level* levels = <Level*>malloc((bid_count + ask_count + 1) * sizeof(Level))
        if levels == NULL:
            raise MemoryError
        try:
            put_flat(levels, bids)
            put_flat(levels + bid_count, asks)
            status = book_apply(self.c, levels, bid_count, ask_count)
        finally:
            free(levels)
        raise_status(status)

    def bids(self, most=None):
        return list_side(self.c, True, most)

    def asks(self, most=None):
        return list_side(self.c, False, most)

    def top(self):
        cdef Py_ssize_t i
        book_top(self.c, &self.cell)
        return (
            [(self.cell.bid[i].price_e, self.cell.bid[i].qty_e) for i in range(self.cell.bids)],
            [(self.cell.ask[i].price_e, self.cell.ask[i].qty_e) for i in range(self.cell.asks)],
        )

    def difference(self, Book new not None):
        cdef Py_ssize_t bids, asks, most = (
            self.c.bids.count + self.c.asks.count + new.c.bids.count + new.c.asks.count
        )
        cdef Level* levels = <Level*>malloc((most + 1) * sizeof(Level))
        if levels == NULL:
            raise MemoryError
        bids = book_difference(self.c, new.c, levels, &asks)
        try:
            return flat_levels(levels, bids), flat_levels(levels + bids, asks)
        finally:
            free(levels)

    def clear(self, int64_t centre_e):
        book_clear(self.c, centre_e)

    def rebuild(self, int64_t tick_e):
        if tick_e <= 0:
            raise ValueError(f"tick_e must be positive, not {tick_e}")
        cdef BookC* moved = book_on_grid(self.c, tick_e)
        if moved == NULL:
            raise_status(BOOK_NO_MEMORY)
        book_free(self.c)
        self.c = moved

    def recentre(self, centre_e=None):
        raise_status(book_recentre(self.c, book_centre(self.c) if centre_e is None else centre_e))

    @property
    def counts(self):
        return self.c.bids.count, self.c.asks.count

    @property
    def far_counts(self):
        return self.c.bids.far_count, self.c.asks.far_count

    @property
    def pages(self):
        """Pages in use; for tests of what is given back."""
        return self.c.pages

    @property
    def window(self):
        cdef uint64_t end = self.c.first_tick + self.c.ticks
        return self.c.first_tick * self.c.tick_e, end * self.c.tick_e

    @property
    def tick_e(self):
        return self.c.tick_e

    @property
    def edge_near(self):
        return bool(book_edge_near(self.c))

    @property
    def crossed(self):
        return bool(book_crossed(self.c))
