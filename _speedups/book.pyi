"""Keep the order book of one instrument: levels in, ordered levels and the best twenty out."""

from collections.abc import Sequence

def refill() -> int:
    """Ready memory for all books' next messages, to be called in idle; the pages that are ready.

    Without it a message that needs a page may wait for 2 MiB to be mapped.
    """

def memory_wanted() -> bool:
    """Should memory be readied? Then ``fetch_memory()`` is due, once, and ``take_over_memory()``
    behind it, before this is asked again."""

def fetch_memory() -> None:
    """Have the kernel clear what is wanted; for a thread beside the loop, it holds no GIL."""

def take_over_memory() -> None:
    """What was fetched is ready from now on."""

class Book:
    """A paged ladder a side; the drawing is at the head of ``book.pxd``.

    ``tick_e`` is the price grid in scaled units; levels off the grid are kept, too, only slower.
    ``centre_e`` is a price near the market: the window of 2**20 fast ticks lies around it.
    Raises ValueError when ``tick_e`` is not positive.
    """

    def __init__(self, tick_e: int, centre_e: int) -> None: ...
    def apply(self, bids: Sequence[int], asks: Sequence[int]) -> None:
        """Set levels from flat ``[price_e, qty_e, ...]`` sides; absolute quantities, zero deletes.

        Raises ValueError, with nothing applied, when a number is negative or a side's length odd;
        OverflowError beyond 64 bits.
        """
    def bids(self, most: int | None = None) -> list[tuple[int, int]]:
        """The best ``most`` (all) bids as (price_e, qty_e), best first."""
    def asks(self, most: int | None = None) -> list[tuple[int, int]]:
        """The best ``most`` (all) asks as (price_e, qty_e), best first."""
    def top(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The best twenty of each side as the shared cell shows them."""
    def difference(self, new: Book) -> tuple[list[int], list[int]]:
        """Flat sides that make this book equal to ``new``; zero for what vanished."""
    def clear(self, centre_e: int) -> None:
        """Drop every level and lay the window around ``centre_e``."""
    def rebuild(self, tick_e: int) -> None:
        """Keep the levels on another grid. Raises ValueError when ``tick_e`` is not positive."""
    def recentre(self, centre_e: int | None = None) -> None:
        """Lay the window around ``centre_e`` (the book's mid); the levels stay."""
    @property
    def counts(self) -> tuple[int, int]:
        """Levels: bids, asks."""
    @property
    def far_counts(self) -> tuple[int, int]:
        """Levels outside the window or off the grid: bids, asks."""
    @property
    def pages(self) -> int:
        """Pages of 64 ticks in use."""
    @property
    def window(self) -> tuple[int, int]:
        """The prices the window covers: first, behind the last."""
    @property
    def tick_e(self) -> int: ...
    @property
    def edge_near(self) -> bool:
        """Has the touch come near the window's end, so that ``recentre`` is due?"""
    @property
    def crossed(self) -> bool:
        """Are both sides there and the best bid at or above the best ask?"""
