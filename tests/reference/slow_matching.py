"""Price-time priority the slow way: one entry a lot, in the order of arrival."""

from copy import deepcopy

from connector.sim.matching.types import OrderType, Side, Stp, Tif

MARKET = 0
"""The owner of the market's own lots; order ids are above."""


class SlowBook:
    """``sides[side]`` lists [tick, owner] of each single lot, oldest first."""

    def __init__(self) -> None:
        self.sides: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
        self.account: dict[int, str] = {}
        self.ended: dict[int, str] = {}
        self.fills: list[tuple[int, int, int]] = []
        """(tick, maker, taker) of each lot traded."""

    def market_lots(self, side: int, tick: int) -> int:
        return self.sides[side].count((tick, MARKET))

    def market_put(self, side: int, tick: int, lots: int) -> None:
        """More comes last; less goes from the end."""
        here = self.sides[side]
        while self.market_lots(side, tick) < lots:
            here.append((tick, MARKET))
        while self.market_lots(side, tick) > lots:
            at = max(i for i, each in enumerate(here) if each == (tick, MARKET))
            del here[at]

    def first(self, side: int) -> int | None:
        """Where the lot is that trades next: the best price, the oldest there."""
        here = self.sides[side]
        if not here:
            return None
        best = min(here)[0] if side == Side.SELL else max(here)[0]
        return next(i for i, each in enumerate(here) if each[0] == best)

    def reaches(self, side: int, limit: int | None) -> int | None:
        """The same if it is within a taker's limit."""
        at = self.first(side)
        if at is None or limit is None:
            return at
        tick = self.sides[side][at][0]
        return at if (tick <= limit if side == Side.SELL else tick >= limit) else None

    def take(self, side: int, lots: int, limit: int | None, taker: int, stp: Stp) -> int:
        """Lots left; negative minus one: so many left when self-trade prevention stopped it."""
        while lots and (at := self.reaches(side, limit)) is not None:
            tick, maker = self.sides[side][at]
            own = maker and taker and self.account[maker] == self.account[taker]
            if own and stp != Stp.NONE:
                if stp != Stp.EXPIRE_TAKER:
                    self.drop(maker, "EXPIRED_IN_MATCH")
                if stp != Stp.EXPIRE_MAKER:
                    return -1 - lots
                continue
            del self.sides[side][at]
            self.fills.append((tick, maker, taker))
            lots -= 1
        return lots

    def drop(self, order_id: int, how: str) -> None:
        for here in self.sides:
            here[:] = [each for each in here if each[1] != order_id]
        self.ended[order_id] = how

    def leaves(self, order_id: int) -> int:
        return sum(each[1] == order_id for here in self.sides for each in here)

    def place(
        self,
        order_id: int,
        account: str,
        side: Side,
        kind: OrderType,
        tif: Tif,
        tick: int,
        lots: int,
        stp: Stp,
    ) -> bool:
        """False if it is refused."""
        limit = None if kind == OrderType.MARKET else tick
        other = 1 - side
        if tif == Tif.GTX and self.reaches(other, limit) is not None:
            return False
        if tif in (Tif.FOK, Tif.GTX):
            stp = Stp.NONE
        if tif == Tif.FOK:
            trial = deepcopy(self)
            trial.account[order_id] = account
            if trial.take(other, lots, limit, order_id, stp):
                return False
        self.account[order_id] = account
        left = self.take(other, lots, limit, order_id, stp)
        if left < 0:
            self.ended[order_id] = "EXPIRED" if tif == Tif.IOC else "EXPIRED_IN_MATCH"
        elif left and (kind == OrderType.MARKET or tif == Tif.IOC):
            self.ended[order_id] = "EXPIRED"
        else:
            self.sides[side].extend([(tick, order_id)] * left)
        return True

    def amend(self, order_id: int, side: Side, tick: int, left: int, tif: Tif, stp: Stp) -> None:
        """``left`` is the new total less what is filled."""
        other = 1 - side
        if left <= 0 or (tif == Tif.GTX and self.reaches(other, tick) is not None):
            self.drop(order_id, "CANCELED")
            return
        for here in self.sides:
            here[:] = [each for each in here if each[1] != order_id]
        left = self.take(other, left, tick, order_id, Stp.NONE if tif == Tif.GTX else stp)
        if left < 0:
            self.ended[order_id] = "EXPIRED_IN_MATCH"
        else:
            self.sides[side].extend([(tick, order_id)] * left)

    def levels(self, side: int) -> dict[int, int]:
        """Published lots by tick."""
        found: dict[int, int] = {}
        for tick, _ in self.sides[side]:
            found[tick] = found.get(tick, 0) + 1
        return found
