"""What a strategy can ask for: the neutral values of a command (``Command`` in layout_orders.pxd).

A venue maps them in its own encoder; what it cannot do is refused there with the values it can.
"""

from enum import IntFlag

from connector.model.enums import Number

MAX_REF_BYTES = 40
"""``ref_id``, ``client_order_id`` and a venue's textual order id, in UTF-8."""
MAX_LABEL_BYTES = 64
"""``label`` and ``target``, in UTF-8."""
MAX_TEXT_BYTES = 4096
"""A command's JSON, as the JSON-lines door got it."""
OWN_COMMAND = 1 << 63
"""Set in the number of a command that the connector gave itself for a strategy."""
COMMANDS = 256
"""Slots of a session's command ring."""


class Action(Number):
    PLACE = 1
    AMEND = 2
    CANCEL = 3
    CANCEL_ALL = 4
    QUERY = 5


class CommandFlag(IntFlag):
    REDUCE_ONLY = 1
    CLOSE_POSITION = 2
    """Conditional market orders: close what is there when they trigger; no quantity."""
    PRICE_PROTECT = 4
    TEXT = 8
    """Came through the JSON door; its text stands beside it in the journal."""


class OrderType(Number):
    LIMIT = 1
    MARKET = 2
    STOP = 3
    STOP_MARKET = 4
    TAKE_PROFIT = 5
    TAKE_PROFIT_MARKET = 6
    TRAILING_STOP_MARKET = 7
    LIQUIDATION = 8
    """Only in reports: the venue's own order."""

    @property
    def conditional(self) -> bool:
        """Does it wait for a price before it trades?"""
        return self in _CONDITIONAL


_CONDITIONAL = frozenset(
    one for one in OrderType if OrderType.STOP <= one <= OrderType.TRAILING_STOP_MARKET
)


class TimeInForce(Number):
    NONE = 0
    """Not given; market orders have none."""
    GTC = 1
    IOC = 2
    FOK = 3
    GTX = 4
    """Post only."""
    GTD = 5
    DAY = 6


class PositionSide(Number):
    BOTH = 0
    LONG = 1
    SHORT = 2


class WorkingType(Number):
    """The price that triggers a conditional order."""

    DEFAULT = 0
    LAST = 1
    MARK = 2
    INDEX = 3


class SelfTrade(Number):
    DEFAULT = 0
    """The venue's or the account's own setting."""
    NONE = 1
    EXPIRE_TAKER = 2
    EXPIRE_MAKER = 3
    EXPIRE_BOTH = 4


class PriceMatch(Number):
    """The venue takes the price from its book: the other side's or the own side's n-th level."""

    NONE = 0
    OPPONENT = 1
    OPPONENT_5 = 2
    OPPONENT_10 = 3
    OPPONENT_20 = 4
    QUEUE = 5
    QUEUE_5 = 6
    QUEUE_10 = 7
    QUEUE_20 = 8
