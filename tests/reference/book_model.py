"""An order book as two dictionaries: slow, obviously right, the measure of the compiled one."""

from collections.abc import Sequence


class BookModel:
    """Levels by price; absolute quantities, zero deletes."""

    def __init__(self) -> None:
        self.bid: dict[int, int] = {}
        self.ask: dict[int, int] = {}

    def apply(self, bids: Sequence[int], asks: Sequence[int]) -> None:
        for side, flat in ((self.bid, bids), (self.ask, asks)):
            for price_e, qty_e in zip(flat[::2], flat[1::2], strict=True):
                if qty_e:
                    side[price_e] = qty_e
                else:
                    side.pop(price_e, None)

    def bids(self, most: int | None = None) -> list[tuple[int, int]]:
        return sorted(self.bid.items(), reverse=True)[:most]

    def asks(self, most: int | None = None) -> list[tuple[int, int]]:
        return sorted(self.ask.items())[:most]

    @property
    def counts(self) -> tuple[int, int]:
        return len(self.bid), len(self.ask)
