"""A book as two plain dictionaries of text, and the digests the oracles were made with."""

import hashlib
from decimal import Decimal


class WireBook:
    """Levels as the wire spells them; the slowest and plainest book there is."""

    def __init__(self, bids: list[list[str]], asks: list[list[str]], last_id: int) -> None:
        self.bids = {price: qty for price, qty, *_ in bids}
        self.asks = {price: qty for price, qty, *_ in asks}
        self.last_id = last_id
        self.applied = 0

    def apply(self, event: dict) -> None:
        for side, levels in ((self.bids, event["b"]), (self.asks, event["a"])):
            for price, qty, *_ in levels:
                if Decimal(qty):
                    side[price] = qty
                else:
                    side.pop(price, None)
        self.last_id = event["u"]
        self.applied += 1

    def sides(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Both sides, best first."""
        bids = sorted(self.bids.items(), key=lambda level: Decimal(level[0]), reverse=True)
        asks = sorted(self.asks.items(), key=lambda level: Decimal(level[0]))
        return bids, asks

    def digest(self) -> dict:
        """A checkpoint as the oracles spell it."""
        bids, asks = self.sides()
        top = "|".join(",".join(f"{p}:{q}" for p, q in side[:20]) for side in (bids, asks))
        full = "".join(f"b,{p},{q}\n" for p, q in bids) + "".join(f"a,{p},{q}\n" for p, q in asks)
        return {
            "applied": self.applied,
            "u": self.last_id,
            "bid": list(bids[0]) if bids else None,
            "ask": list(asks[0]) if asks else None,
            "nb": len(bids),
            "na": len(asks),
            "top20": hashlib.sha256(top.encode()).hexdigest(),
            "full": hashlib.sha256(full.encode()).hexdigest(),
        }
