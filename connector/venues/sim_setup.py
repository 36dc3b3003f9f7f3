"""Whose accounts a simulated venue has, and how its order side is set up."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, field


class ApiKey(Struct, frozen=True, kw_only=True):
    """An account's key: with a secret, or with a public key in PEM."""

    key: str
    secret: str = ""
    public_key: str = ""

    def __repr__(self) -> str:
        return f"ApiKey({self.key[:4]}...)"


class SimAccount(Struct, frozen=True, kw_only=True):
    name: str
    keys: tuple[ApiKey, ...]
    balances: Mapping[str, int] = field(default_factory=dict)
    """What it starts with, in units of 1e-8 of each asset."""


class OrderSetup(Struct, frozen=True, kw_only=True):
    """The order side's accounts and rules; the defaults are the venue's."""

    accounts: Sequence[SimAccount] = ()
    listen_key_ms: int = 3600_000
    """How long a listen key lives."""
    order_limits: Sequence[tuple[int, int]] = ()
    """Windows in ms and the orders allowed in each; empty: the venue's."""
    strict_private: bool = False
    """Private URLs deliver only the events they name."""
    token_s: int = 0
    """How long a login's token lives, where the venue has logins; 0: the venue's time. Sessions on
    a socket then end with it."""
    history: int = 0
    """Messages a stream keeps for those who come back, where the venue may keep some."""
    profile: str = ""
    """Which of `VenueSim.profiles` answers; empty: the first."""
