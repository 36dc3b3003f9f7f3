"""The venue's own book algorithm, steps as numbered in its documentation, on dictionaries."""

from decimal import Decimal
from typing import Any


class VenueBook:
    """Feed every depth event; give the snapshot when it came; ``synced`` tells whether it is right.

    ``gaps`` counts breaks of the chain after the first applied event.
    """

    def __init__(self) -> None:
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}
        self.buffer: list[dict[str, Any]] = []
        self.snapshot_id: int | None = None
        self.last_id: int | None = None
        self.applied = 0
        self.gaps = 0
        self.touched: set[tuple[str, Decimal]] = set()
        """Levels named by the last applied event."""
        self.edges = (Decimal(0), Decimal(0))
        """The worst bid and ask of the snapshot."""

    def event(self, data: dict[str, Any]) -> None:
        if self.snapshot_id is None:
            self.buffer.append(data)  # 2. buffer the events
        else:
            self._apply(data)

    def snapshot(self, answer: dict[str, Any]) -> None:
        """3. the depth snapshot; buffered events follow."""
        self.snapshot_id = answer["lastUpdateId"]
        self.last_id = None
        self.bids = {Decimal(p): Decimal(q) for p, q in answer["bids"]}
        self.asks = {Decimal(p): Decimal(q) for p, q in answer["asks"]}
        self.edges = (min(self.bids), max(self.asks))
        buffered, self.buffer = self.buffer, []
        for data in buffered:
            self._apply(data)

    def _apply(self, data: dict[str, Any]) -> None:
        assert self.snapshot_id is not None
        if self.last_id is None:
            if data["u"] < self.snapshot_id:  # 4. drop what the snapshot has
                return
            # 5. the first event straddles the snapshot (U may lie behind a hole: pu decides)
            assert data["pu"] <= self.snapshot_id <= data["u"], "the snapshot is too old"
        elif data["pu"] != self.last_id:  # 6. the chain
            self.gaps += 1
        self.touched = set()
        for name, side, levels in (("b", self.bids, data["b"]), ("a", self.asks, data["a"])):
            for price, qty in levels:  # 7.-9. absolute quantities, 0 removes
                key = Decimal(price)
                self.touched.add((name, key))
                if Decimal(qty):
                    side[key] = Decimal(qty)
                else:
                    side.pop(key, None)
        self.last_id = data["u"]
        self.applied += 1

    def differences(self, answer: dict[str, Any]) -> list[str]:
        """Where the book differs from a depth answer of the same moment or up to one event before.

        Levels of the last applied event are left out, for the answer may lie inside its window,
        and so are those beyond the snapshot's last ones: nobody knows them until they change.
        """
        wrong = []
        for name, side, levels in (
            ("b", self.bids, answer["bids"]),
            ("a", self.asks, answer["asks"]),
        ):
            theirs = {Decimal(p): Decimal(q) for p, q in levels}
            if name == "b":
                low, high = max(self.edges[0], min(theirs)), Decimal("Infinity")
            else:
                low, high = Decimal(0), min(self.edges[1], max(theirs))
            for price in sorted(theirs.keys() | side.keys()):
                if low <= price <= high and (name, price) not in self.touched:
                    ours = side.get(price)
                    if ours != theirs.get(price):
                        wrong.append(f"{name} {price}: {ours} not {theirs.get(price)}")
        return wrong
