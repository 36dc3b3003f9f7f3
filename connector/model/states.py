"""States of feeds and books and the moves between them; the values are the shared memory's."""

from connector.model.enums import Number


class State(Number):
    """What a reader may believe of a book or a feed."""

    DOWN = 0
    """No connection serves it."""
    SYNCING = 1
    """Connected, no valid base yet."""
    LIVE = 2
    """Correct at its update id."""
    BEHIND = 3
    """Correct at its update id; one line is missing a message that another may still bring."""
    STALE = 4
    """Correct when last heard of, but silent for too long."""
    GAP = 5
    """A message is missing: the book is wrong."""
    RESYNC = 6
    """Wrong, and a new base is being fetched."""


class FeedKind(Number):
    """Which feed of an instrument a FeedState record speaks of."""

    BOOK = 1
    BBO = 2
    TRADE = 3
    MARK_PRICE = 4
    KLINE = 5
    """All of an instrument's candles, whatever their length."""
    TICKER = 6
    INDEX = 7
    LIQUIDATION = 8
    CONTRACT = 9
    DEPTH_VIEW = 10
    MARKET_HOURS = 11


VALID = frozenset({State.LIVE, State.BEHIND})
"""States in which the book equals the venue's at its update id."""

MOVES: dict[State, frozenset[State]] = {
    State.DOWN: frozenset({State.SYNCING}),
    State.SYNCING: frozenset({State.LIVE, State.DOWN}),
    State.LIVE: frozenset({State.BEHIND, State.STALE, State.GAP, State.DOWN}),
    State.BEHIND: frozenset({State.LIVE, State.STALE, State.GAP, State.DOWN}),
    State.STALE: frozenset({State.LIVE, State.GAP, State.DOWN}),
    State.GAP: frozenset({State.RESYNC, State.DOWN}),
    State.RESYNC: frozenset({State.LIVE, State.GAP, State.DOWN}),
}
"""Nothing outside this table changes a state."""


class Reason(Number):
    """Why a feed moved to its state; carried by every FeedState record."""

    NONE = 0
    FRESH = 1
    """The first valid base: no difference was published, a reader fetches the full book."""
    HEALED = 2
    """Valid again after a gap; the difference was published before."""
    GAP = 3
    """The next message does not follow the last one applied."""
    RESET = 4
    """The venue's update ids went backwards on a line."""
    SILENT = 5
    """Nothing arrived for longer than the stream's quiet time."""
    DISCONNECTED = 6
    CONNECTED = 7
    """A connection serves it again; a base is awaited."""
    TICK_CHANGED = 8
    """The venue changed the price grid."""
    OVERFLOW = 9
    """The buffer of waiting messages was full."""
    SNAPSHOT_OLD = 10
    """The snapshot was older than the first buffered message."""
    DATA = 11
    """Data arrived."""
    NO_MEMORY = 12
    UNAVAILABLE = 13
    """The venue does not serve it (refused, delisted)."""
    SHUTDOWN = 14
    FAULT = 15
    """A message could not be applied as it stands (a number out of range, a negative price)."""
    WAITING = 16
    """A message is missing on one line; another line may still bring it."""
    CAUGHT_UP = 17
    """The missing message came on another line."""
    RESTART = 18
    """The daemon's part that serves the venue failed and is started again."""
    UNWANTED = 19
    """Nobody asks for it any more."""
