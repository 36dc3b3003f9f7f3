"""The market path without its socket: a segment, live feeds at recorded books, the codec."""

from decimal import Decimal

from bench.frames import Frames
from connector._speedups.codec_binance_usdm import BinanceUsdmCodec
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.model.instrument import Instrument
from connector.model.states import FeedKind, State
from connector.venues.contract import Snapshot

EXPONENT = 8


def scaled(text: str) -> int:
    return int(Decimal(text).scaleb(EXPONENT))


def sides(frames: Frames) -> tuple[list[int], list[int]]:
    """The base book in scaled integers, flat, best first."""
    bids = sorted(((scaled(p), scaled(q)) for p, q in frames.base.bids.items()), reverse=True)
    asks = sorted((scaled(p), scaled(q)) for p, q in frames.base.asks.items())
    return [x for level in bids for x in level], [x for level in asks for x in level]


def tick(frames: Frames) -> int:
    """The price grid: a unit of the last decimal, or ten of them where all prices end in zero."""
    prices = [*frames.base.bids, *frames.base.asks]
    digits = len(prices[0].partition(".")[2])
    unit: int = 10 ** (EXPONENT - digits)
    return unit * 10 if all(price.endswith("0") for price in prices) else unit


class Rig:
    """Feeds of ``symbols`` (default: the recording's), each LIVE at the recording's base book."""

    def __init__(
        self,
        frames: Frames,
        symbols: list[str] | None = None,
        *,
        ring_bytes: int = 64 << 20,
        most_levels: int | None = None,
    ) -> None:
        bids, asks = sides(frames)
        if most_levels is not None:
            bids, asks = bids[: 2 * most_levels], asks[: 2 * most_levels]
        tick_e = tick(frames)
        self.segment = Segment.create(ring_bytes)
        self.codec = BinanceUsdmCodec(self.segment)
        self.feeds: dict[str, Feed] = {}
        for symbol in symbols or [frames.symbol]:
            instrument = Instrument(
                symbol=symbol,
                exchange="BinanceU",
                price_exponent=EXPONENT,
                qty_exponent=EXPONENT,
                price_digits=2,
                qty_digits=3,
                tick_e=tick_e,
                step_e=10 ** (EXPONENT - 3),
            )
            feed = Feed(self.segment, self.segment.add_instrument(instrument), instrument)
            self.codec.add(symbol, feed)
            self.feeds[symbol] = feed
            feed.set_state(FeedKind.BOOK, State.SYNCING)
            feed.stage(Snapshot(frames.base.last_id, 0, bids, asks))
            feed.adopt()
            feed.set_state(FeedKind.BOOK, State.LIVE)

    def decode(self, messages: list[bytes]) -> int:
        """Nanoseconds for all of ``messages``; RuntimeError unless the compiled path took each."""
        handled, spent_ns = self.codec.decode_many(messages)
        if handled != len(messages):
            raise RuntimeError(
                f"the codec left {len(messages) - handled} of {len(messages)} frames"
            )
        return spent_ns

    @property
    def feed(self) -> Feed:
        return next(iter(self.feeds.values()))
