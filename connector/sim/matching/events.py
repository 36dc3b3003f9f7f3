"""What the matching engine tells, in the order in which it happened."""

from enum import IntEnum

from msgspec import Struct

from connector.sim.matching.types import (
    Amended,
    Conditional,
    Fill,
    Order,
    PositionView,
)


class Accepted(Struct, frozen=True):
    """The order is in the matching engine; its fills come after."""

    time_ns: int
    order: Order


class Traded(Struct, frozen=True):
    """A fill; ``order`` as it is after it."""

    time_ns: int
    order: Order
    fill: Fill


class Canceled(Struct, frozen=True):
    """``order.cause`` says why."""

    time_ns: int
    order: Order


class Expired(Struct, frozen=True):
    """Status EXPIRED or EXPIRED_IN_MATCH; ``order.cause`` says why."""

    time_ns: int
    order: Order


class OrderAmended(Struct, frozen=True):
    """Price or quantity changed; the order is behind all others at its price."""

    time_ns: int
    order: Order
    amended: Amended


class ConditionalChanged(Struct, frozen=True):
    """A new status, or (trailing) the activation."""

    time_ns: int
    conditional: Conditional


class ChangeReason(IntEnum):
    """Why balances or positions changed."""

    ORDER = 0
    DEPOSIT = 1
    WITHDRAW = 2
    FUNDING_FEE = 3
    MARGIN_TRANSFER = 4
    MARGIN_TYPE_CHANGE = 5
    INSURANCE_CLEAR = 6


class BalanceChange(Struct, frozen=True):
    asset: str
    wallet_m: int
    cross_wallet_m: int
    change_m: int
    """Of the wallet, except profit and fees."""


class AccountChanged(Struct, frozen=True):
    """Only what changed; a fill's comes before its `Traded`."""

    time_ns: int
    account: str
    reason: ChangeReason
    balances: tuple[BalanceChange, ...]
    positions: tuple[PositionView, ...]
    symbol: str = ""


class ConfigChanged(Struct, frozen=True):
    """The leverage of a symbol."""

    time_ns: int
    account: str
    symbol: str
    leverage: int


class MarginCalled(Struct, frozen=True):
    """The account comes near its liquidation; once until it has recovered."""

    time_ns: int
    account: str
    cross_wallet_m: int
    """0 if the positions are isolated."""
    positions: tuple[PositionView, ...]


Event = (
    Accepted
    | Traded
    | Canceled
    | Expired
    | OrderAmended
    | ConditionalChanged
    | AccountChanged
    | ConfigChanged
    | MarginCalled
)
