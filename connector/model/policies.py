"""What becomes of a strategy's orders and positions when nobody is there to look after them."""

from enum import Enum


class OnDeath(Enum):
    """When a strategy's session has ended and it is not back within its grace."""

    CANCEL = "cancel"
    """Its orders are cancelled, on every account."""
    LEAVE = "leave"
    """Nothing is done."""
    FLATTEN = "flatten"
    """Its orders are cancelled, then the positions of its accounts are closed at the market."""


class OnStart(Enum):
    """When a daemon starts and finds orders of an earlier run."""

    ADOPT = "adopt"
    """They stay for the strategy, if it comes back within its grace."""
    CANCEL = "cancel"
    """They are cancelled at once."""
