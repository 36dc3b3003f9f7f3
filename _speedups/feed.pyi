"""Serve one instrument: decoded messages in; book, top-table cells and ring records out."""

from typing_extensions import Buffer

from connector._speedups.base import PreparedBase
from connector._speedups.segment import Segment
from connector._speedups.snapshot import PackedDepth, PackedSnapshot
from connector.model.instrument import Instrument
from connector.venues.contract import Bbo, Depth, MarkPrice, Snapshot, Trade, Traded

class Feed:
    """One instrument of a market segment: its book, its cells of the top table, its records.

    The compiled codec calls the C functions of ``feed.pxd``; what they leave to Python comes in
    through these methods, which write the same cells, records and counts. Kinds and states are the
    numbers of ``connector.model.states``. ``line`` is the connection's number, 0 to 15;
    ``recv_ns`` is CLOCK_MONOTONIC. Best bid/ask, trades and mark prices become LIVE by themselves
    with their first message; the book only when it is told.

    Global counters: this class counts DELTAS, DUPLICATES (compiled path), CROSSED, BBO_OLD,
    TRADES_OLD, MARK_PRICES_OLD, VENUE_RESETS (of best bid/ask and trades), RECORDS, WINDOW_CUTS
    and BOOKS_REBUILT; whoever judges depth messages counts the others. It counts all of the
    instrument's statistics.

    Raises IndexError when the directory has no instrument ``index``, ValueError for a grid that is
    not positive.
    """

    def __init__(
        self, segment: Segment, index: int, instrument: Instrument, venue_index: int = 0
    ) -> None: ...
    @property
    def segment(self) -> Segment: ...
    @property
    def instrument(self) -> Instrument: ...
    @property
    def index(self) -> int: ...

    # States

    def state(self, kind: int) -> int:
        """The state of one of the instrument's feeds."""
    def set_state(self, kind: int, state: int, reason: int = 0, recv_ns: int = 0) -> None:
        """Move a feed: first the cell's state, then a FeedState record; ``recv_ns`` 0: now.

        A best bid/ask that has no messages of its own follows the book. ValueError, with nothing
        changed, for a move that ``MOVES`` does not list or a valid book without a base.
        """
    def mute(self, kind: int, on: bool) -> None:
        """Drop what still comes of a kind that nobody wants any more, or take it again."""
    def last_recv_ns(self, kind: int) -> int:
        """When the last message of a kind came on any line, 0 before the first."""
    def line_recv_ns(self, kind: int, line: int) -> int:
        """When the last message of a kind came on a line, 0 before the first."""
    def line_heard(self, kind: int, line: int, recv_ns: int) -> None:
        """Note a message that was not given to this feed; 0 forgets the line's last one."""
    def stood(self, kind: int) -> int:
        """How far a kind's channel was heard, where the venue numbers what it publishes: 0 when the
        compiled codec is to take nothing of it, -1 when there are no numbers, else the last one's
        number and one more."""
    def stand(self, kind: int, number: int) -> None:
        """Set it."""
    @property
    def last_id(self) -> int:
        """The update id the book stands at."""
    @property
    def venue_ns(self) -> int:
        """The event time of that message, or of the snapshot; not positive when it had none."""
    @property
    def snapshots(self) -> int:
        """Whole books taken or found equal so far."""

    @property
    def window(self) -> int:
        """Levels a side that the venue keeps up to date, 0: the whole book. Levels that fall behind
        the best so many leave the book and are published as deletes with the message that pushed
        them out (WINDOW_CUTS); a new base keeps no more either. OverflowError above 65,535."""
    @window.setter
    def window(self, levels: int) -> None: ...
    def line_last_id(self, line: int) -> int:
        """The highest depth update id a line delivered, 0 before its first."""
    def line_venue_ns(self, line: int) -> int:
        """The event time of that message."""
    def lead(self, line: int) -> None:
        """While two lines bring a book whose changes must not be mixed: which line's are the
        book's (one that is none: nobody's); -1: there is one line."""
    def line_seen(self, line: int, last_id: int, venue_ns: int) -> None:
        """Note a depth message that was not applied here; 0, 0 forgets the line."""

    # Messages; each returns 0 when it was published, 1 when it was old news

    def apply(self, event: Depth | PackedDepth, line: int, recv_ns: int, flags: int = 0) -> None:
        """Apply and publish a depth message that follows; the caller has judged that it does.

        Split into parts flagged MORE and LAST when it is longer than an eighth of the ring.
        ValueError, with nothing changed, for a negative number or a book without a base.
        """
    def bbo(self, event: Bbo, line: int, recv_ns: int) -> int:
        """A best bid/ask; fused with the book's touch by update id, never backwards."""
    def trade(self, event: Trade, line: int, recv_ns: int) -> int:
        """A trade or an aggregate; each id once over all lines, the two kinds apart."""
    def mark_price(self, event: MarkPrice, line: int, recv_ns: int) -> int:
        """A mark price; the newest by event time wins."""

    def number_trade(self) -> int:
        """The number of a trade to which the venue gives none, above all of this feed's before."""
    def traded(self, event: Traded, recv_ns: int) -> bool:
        """Note what trades say of the book; whether the live book at their id is another one."""
    @property
    def traded_id(self) -> int:
        """The highest id that trades named before the live book came to it; not above ``last_id``:
        the book is not behind. 0 while it is not valid."""
    @property
    def traded_ns(self) -> int:
        """When the book fell behind."""
    def forget_trades(self) -> None:
        """Whatever trades named, the book is not behind."""
    def record(
        self,
        type: int,
        kind: int,
        body: bytes,
        venue_ns: int,
        recv_ns: int,
        update_id: int,
        line: int,
    ) -> None:
        """Publish a record of a stream that has no cell of the top table, as ``layout_streams.pxd``
        draws its body; the caller has moved the state. ValueError when it is longer than an eighth
        of the ring."""

    # A new base

    def stage(self, snapshot: Snapshot | PackedSnapshot | PreparedBase) -> None:
        """Build a book beside the one in use, in place of one staged before."""
    def stage_apply(self, event: Depth | PackedDepth) -> None:
        """Apply a buffered message to the staged book."""
    def adopt(self, recv_ns: int = 0) -> None:
        """Put the staged book in place; the book must be SYNCING or RESYNC and stays so.

        Where there was a base, the difference is published as BookDelta records flagged RESYNC.
        The caller then moves the state to LIVE.
        """
    def sweep(self, pages: int = 256) -> bool:
        """Give back memory of the book before the last ``adopt``, some pages; True: there is more.

        Whoever does not call it leaves the work to the next ``adopt``."""
    @property
    def touch(self) -> tuple[int, int] | None:
        """Best bid and ask, live: the venue's best prices, else the book's; 0 for an empty side.
        None: neither is live."""

    @property
    def mark(self) -> tuple[int, int] | None:
        """The mark price in 10^-8 and when it came, CLOCK_MONOTONIC; None: none came yet."""

    @property
    def crossed(self) -> bool:
        """Is the best bid at or above the best ask?"""
    def drop_base(self) -> None:
        """Forget the book, so that the next one is a first one. ValueError while it is valid."""
    @property
    def tick_e(self) -> int:
        """The grid the book lies on."""
    @property
    def has_base(self) -> bool: ...
    @property
    def bounds(self) -> tuple[int, int]:
        """The lowest bid and the highest ask of the base's snapshot: complete between them."""

    # The book as it stands; also while it is not valid

    def bids(self, most: int | None = None) -> list[tuple[int, int]]:
        """The best ``most`` (all) bids as (price_e, qty_e), best first."""
    def asks(self, most: int | None = None) -> list[tuple[int, int]]: ...
    def top(self, most: int | None = 20) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]: ...
    @property
    def counts(self) -> tuple[int, int]:
        """Levels: bids, asks."""
    def dump(self, buffer: Buffer) -> tuple[int, int, int]:
        """Copy all levels (16 bytes each, bids then asks, best first) into ``buffer``.

        Returns (bids, asks, update id). ValueError names the bytes needed if it is too small:
        16 * sum(counts).
        """

    def levels(self, bid: bool, behind: bytes, buffer: Buffer) -> int:
        """Copy levels of one side, best first, as many as ``buffer`` has room for, beginning behind
        the price of the level ``behind`` (empty: with the best); the bytes written."""
    @property
    def changes(self) -> int:
        """Another number: other levels."""

    # The grid

    @property
    def edge_near(self) -> bool:
        """Has the touch come near the end of the book's window, so that ``recentre`` is due?"""
    def recentre(self) -> None:
        """Lay the window around the mid; for idle time."""
    def set_tick(self, tick_e: int) -> None:
        """The venue changed the grid: lay the levels out anew."""
