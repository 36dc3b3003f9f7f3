"""The venue's own section of the configuration, with the reason for each default."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from connector.venues.cadenza.params import Venue as Behind
from connector.venues.endpoint import Permission

Url = Annotated[str, Meta(pattern=r"^(https?|wss?)://[^\s?#]+$")]
Reference = Annotated[str, Meta(pattern=r"^((credential|file|env):.+)?$")]
"""Where a secret is kept; empty: nowhere."""
PerMinute = Annotated[int, Meta(ge=1, le=1_000_000)]


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[venues.cadenza]``."""

    rest_url: Url = "https://cadenza-api.algo724.com"
    """The test environment is https://cadenza-api-uat.algo724.com."""
    ws_url: Url = "wss://cadenza-ws.algo724.com/connection/websocket"
    """The test environment is wss://cadenza-ws-uat.algo724.com/connection/websocket."""
    email: Reference = ""
    """Where the user's email address is kept; with ``password``, to log in."""
    password: Reference = ""
    refresh_token: Reference = ""
    """Where a refresh token is kept, instead of email and password or beside them. Every refresh
    gives a new one: it is written back to a ``file:``, and is lost with the process elsewhere."""
    allow: tuple[Permission, ...] = ()
    """Calls that may be made as this user beside what needs no permission."""
    strategies: tuple[str, ...] = ()
    """Strategies that may make calls as this user, which reach every account of the user."""
    profile: Literal["seed", "current"] = "seed"
    """Which state of the venue's published page is spoken: channels by instrument id (``seed``) or
    by venue and symbol in small letters (``current``). Answers are read in either."""
    probe: bool = True
    """Both spellings of one channel are asked for at first, and the one that speaks is kept."""
    await_closed: bool = False
    """The answer to a new order waits for its end, up to a second."""
    window_ms: Annotated[int, Meta(ge=2000, le=60_000)] = 10_000
    """How long after its sending the venue may still execute a request: requests bear no time, and
    nobody says. That an order is not there proves nothing before."""
    lookup_lag_s: Annotated[int, Meta(ge=1, le=600)] = 10
    """How far lists of orders may be behind: nobody says. That an order is not in one counts after
    so long, and proves something after as long again, the second time."""
    venues: tuple[Behind, ...] = ()
    """The venues behind it whose instruments are loaded; empty: all."""
    auth_per_minute: PerMinute = 10
    market_per_minute: PerMinute = 100
    trading_per_minute: PerMinute = 50
    account_per_minute: PerMinute = 30
    """Requests, as the venue documents them; nobody says whether they count by user or address."""
