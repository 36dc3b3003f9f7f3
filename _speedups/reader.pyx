"""The strategy's side of the market segment: records as events, the doorbell, whole books kept from the ring.

Nothing here asks the kernel anything while records flow. ``connector.ipc.client.Session`` adds the control socket: it
overrides ``unusable``, ``stalled``, ``late``, ``ended`` and ``fetch_book``.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from .atomics cimport (
    coarse_ns, fence_seq_cst, likely, load_acquire, load_relaxed, monotonic_ns, pause, store_relaxed,
    store_release, unlikely,
)
from .book cimport (
    BOOK_OK, BookC, book_apply, book_ask_count, book_asks, book_bid_count, book_bids, book_centre, book_edge_near,
    book_free, book_new, book_on_grid, book_recentre,
)
from .events cimport BookDelta, Event, Instrument, event_of, state_of
from .layout cimport (
    CONNECTOR_ABI_HASH, CONNECTOR_MAGIC_MARKET, CONNECTOR_MAGIC_UP, FEED_BOOK, FLAG_MORE, FLAG_RESYNC, FeedStateBody,
    BookDeltaBody, InstrumentEntry, Level, RECORD_BOOK_DELTA, RECORD_FEED_STATE, RECORD_INSTRUMENT_CHANGE, RecordHeader,
    RingControl, STATE_BEHIND, STATE_LIVE, STATE_SYNCING, SegmentHeader, SessionUp, TopEntry,
)
from .ring cimport ring_fetch, ring_length, ring_peek, ring_skip, ring_start, ring_take
from .segment cimport Mapping, fork_counter
from .seqlock cimport cell_read
from .stream_events cimport StreamEvent, of_stream, stream_event_of
from .view cimport RecordView
from .waiting cimport connector_peek, connector_sleep, read, spin

cdef enum:
    TELL_BYTES = 16384            # the daemon hears of our position this often
    CHECK_NS = 10_000_000         # whoever finds nothing new looks at the control socket this often
    LONGEST_S = 1_000_000_000     # a wait that is as good as one without a limit
    FRESH = 1                     # connector.model.states.Reason.FRESH

cdef Instrument UNLISTED = Instrument.__new__(Instrument)
cdef InstrumentEntry nothing
UNLISTED.refresh(&nothing)


cdef class MarketReader:
    """Reads the market ring of one session. Not thread-safe; unusable in a forked child."""

    def __cinit__(self, *args, **options):
        self.fork_counter = fork_counter()
        self.control_fd = self.event_fd = -1
        self.listed = []
        self.books = {}

    def open(self, Mapping memory not None, Mapping up not None, int control_fd, int event_fd):
        """Begin at the end of the ring of a market segment; ValueError when it is of another layout."""
        cdef const SegmentHeader* header = <const SegmentHeader*>memory.base
        if memory.size < sizeof(SegmentHeader) or load_acquire(&header.magic) != CONNECTOR_MAGIC_MARKET:
            raise ValueError("not a market segment")
        if header.abi_hash != CONNECTOR_ABI_HASH:
            raise ValueError(f"layout {header.abi_hash:016x} of the segment is not ours, {CONNECTOR_ABI_HASH:016x}")
        if header.size > memory.size or header.ring_offset + header.ring_capacity > memory.size:
            raise ValueError("the market segment is cut short")
        if up.size < sizeof(SessionUp) or (<SessionUp*>up.base).magic != CONNECTOR_MAGIC_UP or not up.writable:
            raise ValueError("not a session's `up` segment")
        self.memory, self.up_memory = memory, up
        self.control_fd, self.event_fd = control_fd, event_fd
        self.header = header
        self.directory = <const InstrumentEntry*>(memory.base + header.directory_offset)
        self.table = <const TopEntry*>(memory.base + header.table_offset)
        self.up = <SessionUp*>up.base
        self.forks = self.fork_counter[0]
        self.view.control = <const RingControl*>(memory.base + header.control_offset)
        self.view.base = memory.base + header.ring_offset
        self.view.capacity = header.ring_capacity
        ring_start(&self.view)
        ring_skip(&self.view)
        self.listed = []
        self.taken = None
        self.stalled_since_ns = 0
        self.checked_ns = coarse_ns()
        self.tell()

    def shut(self):
        """Forget the segments; whatever is asked for afterwards goes to ``unusable``."""
        self.table = NULL
        self.header = NULL
        self.up = NULL
        self.memory = self.up_memory = None
        self.control_fd = self.event_fd = -1

    # -- overridden by the session

    def unusable(self):
        """Not attached, or in a forked child."""
        raise ValueError("not attached")

    def stalled(self):
        """A cell could not be copied; called again and again until it can be, or this raises."""
        raise ValueError("the daemon was stopped while it wrote")

    def late(self):
        """An answer nobody waits for any more came on the control socket: take it away."""

    def ended(self):
        """The control socket was closed."""
        raise ValueError("the daemon is gone")

    def fetch_book(self, int index):
        """(sequence, state, update_id, venue_ns, bids, asks) of a full book.

        None when there is none now, or no daemon any more: what it wrote is read before that is said.
        """
        return None

    # -- records

    def poll(self):
        """The next event, or None when there is none yet. Never waits.

        Raises EpochChanged when the daemon is gone and everything it wrote was read.
        """
        return self.take()

    cdef Event take(self):
        cdef const RecordHeader* record
        cdef Event event
        if unlikely(self.table == NULL or self.forks != self.fork_counter[0]):
            self.unusable()
        if unlikely(self.taken is not None):
            return self.settle()
        while True:
            record = ring_peek(&self.view)
            if record == NULL:
                self.idle()
                return None
            event = self.copy(record)
            if likely(event is not None):
                if unlikely(self.view.position - self.cursor >= TELL_BYTES):
                    self.tell()
                return event

    cdef Event copy(self, const RecordHeader* record):
        """The record as an event; None when it was overwritten meanwhile."""
        cdef uint64_t length = ring_length(&self.view, record), lost = self.view.lost
        cdef int type = record.type
        ring_fetch(record, length)
        cdef Event event
        if unlikely(of_stream(type)):
            event = stream_event_of(type)
            if length >= sizeof(RecordHeader):
                (<StreamEvent>event).fill(<const char*>(record + 1), <Py_ssize_t>(length - sizeof(RecordHeader)))
        else:
            event = event_of(type)
        memcpy(&event.header, record, sizeof(RecordHeader))
        if type == RECORD_BOOK_DELTA:
            if length >= 96:
                memcpy(event.body, record + 1, sizeof(BookDeltaBody))
                if (<BookDelta>event).take_levels(<const char*>record + 96, (length - 96) >> 4) < 0:
                    raise MemoryError()
        elif length >= 128:
            memcpy(event.body, record + 1, 64)
        if unlikely(not ring_take(&self.view, event.header.sequence, length)):
            return None
        cdef bint new = event.header.instrument >= <uint64_t>len(self.listed)
        if self.has_books or unlikely(new or type == RECORD_INSTRUMENT_CHANGE):
            self.taken, self.missed = event, self.view.lost != lost
            return self.settle()
        event.instrument = <Instrument>self.listed[event.header.instrument]
        return event

    cdef Event settle(self):
        """``taken`` with its instrument, after the books had their part of it.

        What raises here (the daemon does not answer) leaves the event to the next ``poll()``: it is out of the ring. The
        books are not tried twice with it: one that could not be fetched is SYNCING until its next delta.
        """
        cdef Event event = self.taken
        if event.instrument is None:
            if event.header.type == RECORD_INSTRUMENT_CHANGE:
                self.relist(event.header.instrument)
            event.instrument = self.listing(event.header.instrument)
            if self.has_books:
                if self.missed:
                    self.refetch()
                self.absorb(event)
        self.taken = None
        return event

    cdef void tell(self) noexcept:
        self.cursor = self.view.position
        store_relaxed(<uint64_t*>&self.up.lease_ns, <uint64_t>coarse_ns())
        store_relaxed(&self.up.market_sequence, self.view.sequence)
        store_release(&self.up.market_cursor, self.view.position)

    cdef int idle(self) except -1:
        if self.view.position != self.cursor:
            self.tell()
        return self.glance()

    cdef int glance(self) except -1:
        """Is the daemon still there? Asks the kernel once in ``CHECK_NS``, the clock of the last tick otherwise."""
        cdef int64_t now_ns = coarse_ns()
        if unlikely(now_ns - self.checked_ns >= CHECK_NS):
            self.checked_ns = now_ns
            store_relaxed(<uint64_t*>&self.up.lease_ns, <uint64_t>now_ns)
            self.check()
        return 0

    cdef int check(self) except -1:
        cdef ssize_t waiting = connector_peek(self.control_fd)
        if unlikely(waiting > 0):
            self.late()
        elif unlikely(waiting == 0 or errno not in (EAGAIN, EINTR)):
            self.ended()
        return 0

    def spoken_to(self):
        """Is there something to read from the control socket: a message, or its end? Never waits."""
        return connector_peek(self.control_fd) >= 0 or errno not in (EAGAIN, EINTR)

    def check_alive(self):
        """Raise EpochChanged when the daemon closed the control socket."""
        self.touch()
        self.check()

    def __iter__(self):
        return self

    def __next__(self):
        """The next event; spins until there is one. Signals and other threads get their turn every 50 us."""
        cdef Event event = self.take()
        while event is None:
            spin(&self.view)
            PyErr_CheckSignals()
            event = self.take()
        return event

    def wait(self, timeout=None):
        """The next event; sleeps on the doorbell until there is one, or None after ``timeout`` seconds."""
        cdef int64_t left_ns = -1, until_ns = 0
        cdef int woken
        cdef Event event = self.take()
        if event is not None:
            return event
        if timeout is not None and not timeout < LONGEST_S:
            timeout = None
        if timeout is not None:
            until_ns = monotonic_ns() + <int64_t>(max(timeout, 0) * 1e9)
        while True:
            if timeout is not None:
                left_ns = max(until_ns - monotonic_ns(), 0)
            if self.fall_asleep():
                with nogil:
                    woken = connector_sleep(self.event_fd, self.control_fd, left_ns)
                self.wake_up()
                if woken < 0:
                    if woken != -EINTR:
                        raise OSError(-woken, "ppoll")
                    PyErr_CheckSignals()
            else:
                woken = 0
            event = self.take()
            if event is not None:
                return event
            if woken > 0 and woken & 2:
                self.check()
            if timeout is not None and monotonic_ns() >= until_ns:
                return None

    def fall_asleep(self):
        """Ask for the doorbell; False when there is something to read, so that sleeping would be wrong."""
        if self.table == NULL or self.forks != self.fork_counter[0]:
            self.unusable()
        if self.taken is not None:
            return False
        store_relaxed(&self.up.sleeping, self.up.sleeping + 1)
        fence_seq_cst()
        if ring_peek(&self.view) == NULL:
            return True
        store_release(&self.up.sleeping, self.up.sleeping + 1)
        return False

    def wake_up(self):
        """Undo ``fall_asleep`` and drain the doorbell."""
        cdef uint64_t count
        if self.up != NULL and self.forks == self.fork_counter[0]:
            if read(self.event_fd, &count, 8) < 0 and errno != EAGAIN:
                raise OSError(errno, "eventfd")
            store_release(&self.up.sleeping, self.up.sleeping + 1)

    def poll_view(self):
        """The next record in place, or None: nothing is copied but its header, and nothing is safe to believe

        before ``still_valid()`` has said so after it was read. Not together with ``book()``.
        """
        cdef const RecordHeader* record
        cdef RecordView view
        if self.table == NULL or self.forks != self.fork_counter[0]:
            self.unusable()
        if self.has_books:
            raise ValueError("books are kept up to date by poll(), not by poll_view()")
        if self.taken is not None:
            raise ValueError("poll() raised and has an event left: poll() once more before poll_view()")
        while True:
            record = ring_peek(&self.view)
            if record == NULL:
                self.idle()
                return None
            view = RecordView.__new__(RecordView)
            view.memory, view.record, view.ring = self.memory, record, self.view
            view.position, view.length = self.view.position, ring_length(&self.view, record)
            memcpy(&view.header, record, sizeof(RecordHeader))
            view.instrument = self.listing(view.header.instrument)
            if ring_take(&self.view, view.header.sequence, view.length):
                return view

    @property
    def lost(self):
        """Records missed because this reader was slow: exact, as of the last one taken. Since the last attach."""
        return self.view.lost

    @property
    def received(self):
        """Records taken since the last attach."""
        return self.view.received

    @property
    def laps(self):
        """How often the writer overtook this reader."""
        return self.view.laps

    @property
    def lag(self):
        """Bytes of the ring that were written but not read yet."""
        self.touch()
        return load_acquire(&self.view.control.written) - self.view.position

    @property
    def epoch(self):
        """Which start of the daemon this is attached to."""
        self.touch()
        return self.header.epoch

    @property
    def heartbeat_age_ns(self):
        """How long ago the daemon last said that it lives; it does so at least once a second."""
        self.touch()
        return monotonic_ns() - <int64_t>load_relaxed(<const uint64_t*>&self.header.heartbeat_ns)

    def touch(self):
        """Raise unless attached."""
        if self.table == NULL or self.forks != self.fork_counter[0]:
            self.unusable()

    # -- directory

    def listed_now(self):
        """Every instrument of the directory, by index."""
        self.touch()
        self.listing(load_acquire(&self.header.instruments) - 1)
        return list(self.listed)

    cdef Instrument listing(self, uint64_t index):
        cdef uint64_t count
        cdef Instrument instrument
        if index < <uint64_t>len(self.listed):
            return <Instrument>self.listed[index]
        count = load_acquire(&self.header.instruments)
        while <uint64_t>len(self.listed) < count:
            instrument = Instrument.__new__(Instrument)
            instrument.epoch = self.header.epoch
            self.listed.append(instrument)
            try:
                self.relist(len(self.listed) - 1)
            except BaseException:
                self.listed.pop()
                raise
        return <Instrument>self.listed[index] if index < count else UNLISTED

    def relist(self, uint64_t index):
        """Copy a directory entry again."""
        cdef InstrumentEntry entry
        if index < <uint64_t>len(self.listed):
            while not cell_read(self.directory + index, &entry, sizeof(entry)):
                self.stalled()
            self.stalled_since_ns = 0
            (<Instrument>self.listed[index]).refresh(&entry)

    # -- whole books

    def keep_book(self, Instrument instrument not None):
        """The whole book of an instrument, fetched now and kept up to date by every ``poll()``."""
        self.touch()
        self.own(instrument)
        cdef FullBook book = self.books.get(instrument.entry.id)
        if book is None:
            book = FullBook.__new__(FullBook)
            book.reader, book.instrument = self, instrument
            self.books[instrument.entry.id] = book
            self.has_books = True
        if not book.based:
            book.fetch()
        return book

    def drop_book(self, Instrument instrument not None):
        """Stop keeping a book."""
        self.books.pop(instrument.entry.id, None)
        self.has_books = bool(self.books)

    cdef int own(self, Instrument instrument) except -1:
        """Indexes are of one directory: with another daemon's one would read some other instrument."""
        if unlikely(instrument.epoch != self.header.epoch):
            self.foreign(instrument)
        return 0

    def foreign(self, instrument):
        """An instrument of another start of the daemon was used."""
        raise ValueError(f"{instrument!r} is of another start of the daemon")

    cdef int absorb(self, Event event) except -1:
        cdef FullBook book = self.books.get(event.header.instrument)
        if book is None or event.header.sequence < book.since:
            return 0
        if event.header.type == RECORD_BOOK_DELTA:
            book.apply(<BookDelta>event)
        elif event.header.type == RECORD_FEED_STATE and (<FeedStateBody*>event.body).kind == FEED_BOOK:
            book.move(event.header.update_id, (<FeedStateBody*>event.body).state, (<FeedStateBody*>event.body).reason)
        elif event.header.type == RECORD_INSTRUMENT_CHANGE:
            book.regrid()
        return 0

    def forget_books(self):
        """Drop every book; after an attach their instruments are others."""
        cdef FullBook book
        for book in self.books.values():
            book.based = False
        self.books = {}
        self.has_books = False

    def refetch(self):
        """Records were missed: no book can be believed before it was fetched again."""
        cdef FullBook book
        for book in self.books.values():
            book.based = False
        for book in self.books.values():
            book.load()


@cython.final
cdef class FullBook:
    """Every level of one instrument, at ``update_id``; ``poll()`` keeps it up to date.

    Believe it while ``state`` is LIVE or BEHIND. After a gap, a lap or a late attach it mends itself: it applies the
    published difference, or asks the daemon for the whole book (which takes about a millisecond, inside ``poll()``).
    """

    def __init__(self):
        raise TypeError("use Session.book()")

    def __dealloc__(self):
        if self.c != NULL:
            book_free(self.c)

    @property
    def state(self):
        """The venue feed's state; SYNCING while there is no whole book to start from, or half a message was applied."""
        return state_of(self.state_now if self.based and not self.partial else STATE_SYNCING)

    @property
    def valid(self):
        """Does it equal the venue's book at ``update_id``?"""
        return self.based and not self.partial and self.state_now in (STATE_LIVE, STATE_BEHIND)

    def fetch(self):
        """Ask the daemon for the whole book; False when it has no valid one now."""
        cdef bint found = self.load()
        if not found:
            self.reader.check_alive()
        return found

    cdef bint load(self) except -1:
        """``fetch`` inside ``poll()``, which finds out for itself whether the daemon lives."""
        cdef const unsigned char[::1] bids, asks
        cdef int status = BOOK_OK
        cdef int64_t tick_e = max(self.instrument.entry.tick_e, 1), centre_e
        self.based = False
        image = self.reader.fetch_book(self.instrument.entry.id)
        if image is None:
            return False
        self.since, self.state_now, self.update_id, self.venue_ns = image[:4]
        bids, asks = image[4], image[5]
        centre_e = (<const Level*>&bids[0]).price_e if bids.shape[0] else 0
        if centre_e == 0 and asks.shape[0]:
            centre_e = (<const Level*>&asks[0]).price_e
        if self.c != NULL:
            book_free(self.c)
        self.c = book_new(tick_e, centre_e)
        if self.c == NULL:
            raise MemoryError()
        if bids.shape[0]:
            status = book_apply(self.c, <const Level*>&bids[0], bids.shape[0] // 16, 0)
        if status == BOOK_OK and asks.shape[0]:
            status = book_apply(self.c, <const Level*>&asks[0], 0, asks.shape[0] // 16)
        if status != BOOK_OK:
            raise MemoryError()
        self.images += 1
        self.partial = False
        self.based = True
        return True

    cdef int apply(self, BookDelta delta) except -1:
        cdef BookDeltaBody* body = <BookDeltaBody*>delta.body
        cdef bint resync = delta.header.flags & FLAG_RESYNC != 0
        if not self.based:
            if not resync and not delta.header.flags & FLAG_MORE:
                self.load()
            return 0
        if not resync and not body.prev_id <= self.update_id < delta.header.update_id:
            if delta.header.update_id > self.update_id:
                self.load()
            return 0
        if book_apply(self.c, delta.levels, delta.bid_count, delta.ask_count) != BOOK_OK:
            self.load()
            return 0
        self.partial = delta.header.flags & FLAG_MORE != 0
        if not self.partial:
            self.update_id, self.venue_ns = delta.header.update_id, delta.header.venue_ns
            if book_edge_near(self.c):
                book_recentre(self.c, book_centre(self.c))
        return 0

    def move(self, int64_t update_id, int state, int reason):
        """The feed's state changed; a book that was begun anew is fetched anew."""
        self.state_now = state
        if state in (STATE_LIVE, STATE_BEHIND) and (
            not self.based or reason == FRESH or (update_id > 0 and update_id != self.update_id)
        ):
            self.load()

    def regrid(self):
        """The tick may have changed: prices off the old grid are right, but slow."""
        cdef int64_t tick_e = self.instrument.entry.tick_e
        cdef BookC* moved = NULL
        if self.c != NULL and tick_e > 0 and tick_e != self.c.tick_e:
            moved = book_on_grid(self.c, tick_e)
        if moved != NULL:
            book_free(self.c)
            self.c = moved

    @property
    def counts(self):
        """Levels: bids, asks."""
        if self.c == NULL:
            return 0, 0
        return book_bid_count(self.c), book_ask_count(self.c)

    cdef list _levels(self, bint bid, most, bint exact):
        cdef Py_ssize_t count, i
        cdef Level* levels
        cdef double price_unit = self.instrument.price_unit, qty_unit = self.instrument.qty_unit
        if self.c == NULL:
            return []
        count = book_bid_count(self.c) if bid else book_ask_count(self.c)
        if most is not None:
            count = min(count, max(<Py_ssize_t>most, 0))
        levels = <Level*>malloc(count * sizeof(Level) or 1)
        if levels == NULL:
            raise MemoryError()
        try:
            count = book_bids(self.c, levels, count) if bid else book_asks(self.c, levels, count)
            if exact:
                return [(levels[i].price_e, levels[i].qty_e) for i in range(count)]
            return [(levels[i].price_e / price_unit, levels[i].qty_e / qty_unit) for i in range(count)]
        finally:
            free(levels)

    def bids(self, most=None):
        """The best ``most`` (all) bids as (price, qty) floats, best first."""
        return self._levels(True, most, False)

    def asks(self, most=None):
        """The best ``most`` (all) asks as (price, qty) floats, best first."""
        return self._levels(False, most, False)

    def bids_e(self, most=None):
        """The best ``most`` (all) bids as (price_e, qty_e) integers, best first."""
        return self._levels(True, most, True)

    def asks_e(self, most=None):
        """The best ``most`` (all) asks as (price_e, qty_e) integers, best first."""
        return self._levels(False, most, True)
