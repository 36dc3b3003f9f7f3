"""The kind of feed that a venue's books need."""

from collections.abc import Callable, Iterable

from connector.market.feed import InstrumentFeed
from connector.market.mixed import MixedFeed
from connector.market.streamed import StreamedFeed
from connector.market.streams import Kernel, Streams
from connector.model.counters import Counter
from connector.venues.contract import Bases, Subscription, Venue


def make_feed(
    venue: Venue,
    kernel: Kernel,
    subscriptions: Iterable[Subscription],
    count: Callable[[Counter], None],
    seed: int = 0,
) -> Streams:
    """The feed of one instrument; ``seed`` spreads what feeds ask for at the same time."""
    if venue.bases is Bases.EITHER:
        return MixedFeed(kernel, subscriptions, count)
    if venue.bases is Bases.STREAMED:
        return StreamedFeed(kernel, subscriptions, count)
    return InstrumentFeed(kernel, subscriptions, count=count, seed=seed)
