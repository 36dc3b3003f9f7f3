"""One symbol of the synthetic market that trades: its state, and how its venue writes it."""

from connector.sim.exchange import Cut, SymbolState
from connector.sim.flow import Flow
from connector.venues.sim_contract import Activity, BookRow, Frames, StreamNames, VenueSim


class Running:
    """One symbol that trades: its state, its flow and the names and texts of its streams."""

    def __init__(self, venue: VenueSim, state: SymbolState, flow: Flow) -> None:
        self.state, self.flow = state, flow
        self._venue = venue
        row = state.listing
        self.activity = Activity.OPEN
        self.spell()
        frames = venue.frames
        self.names = frames.names(row.symbol) if frames is not None else StreamNames()
        self.late_bbo: list[bytes] = []
        self.partial_ids: dict[str, int] = {}
        self.shown = state.best()
        """The best prices as last published."""
        # The oldest book anybody can be told of: before everything that was streamed.
        self.first_snapshot = self.snapshot(venue.snapshot_levels, state.time_ms)

    def spell(self) -> None:
        """Write numbers as the listing says now."""
        row = self.state.listing
        self.texts = self._venue.texts(
            row.symbol, row.price_digits, row.tick, row.qty_digits, row.step
        )

    @property
    def frames(self) -> Frames:
        """What speaks on the streams of ``names``."""
        assert self._venue.frames is not None
        return self._venue.frames

    def cut(self, message: Cut, event_ms: int) -> bytes:
        state, texts = self.state, self.texts
        ids = (message.first_id, message.last_id, message.prev_id)
        return self.frames.depth(
            state.listing.symbol, event_ms, state.time_ms, ids,
            texts.levels(message.bids), texts.levels(message.asks),
        )  # fmt: skip

    def snapshot(self, limit: int, now_ms: int) -> bytes:
        state = self.state
        bids, asks = state.top(limit)
        texts = self.texts
        return self._venue.snapshot(
            state.listing.symbol, state.update_id, now_ms, state.time_ms,
            texts.levels(bids), texts.levels(asks),
        )  # fmt: skip

    def top(self, levels: int) -> BookRow:
        state, price, qty = self.state, self.texts.price, self.texts.qty
        bids, asks = state.top(levels or 1 << 30)
        return BookRow(
            state.update_id,
            state.time_ms,
            [(price(tick), qty(lots)) for tick, lots in bids],
            [(price(tick), qty(lots)) for tick, lots in asks],
        )

    def best(self) -> tuple[str, str, str, str]:
        texts = self.texts
        bid, bid_lots, ask, ask_lots = self.state.best()
        return texts.price(bid), texts.qty(bid_lots), texts.price(ask), texts.qty(ask_lots)
