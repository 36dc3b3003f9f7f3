"""The venue's own section of the configuration, with the reason for each default."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Url = Annotated[str, Meta(pattern=r"^(https?|wss?)://[^\s?#]+$")]


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[venues.phemex]``."""

    rest_url: Url = "https://api.phemex.com"
    """The test network is https://testnet-api.phemex.com."""
    ws_url: Url = "wss://ws.phemex.com"
    """With its path, where it has one: the test network is wss://testnet-api.phemex.com/ws. The
    first host, wss://phemex.com/ws, has answered HTTP 410 since 2023."""
    window_ms: Annotated[int, Meta(ge=2000, le=60_000)] = 10_000
    """How long after its signature the venue may still execute a request, which dies at a whole
    second. What is unknown is found out sooner with a shorter one, and a slow request refused."""
    lookup_lag_s: Annotated[int, Meta(ge=1, le=600)] = 30
    """How far the database in which orders and fills are looked up may be behind: nobody says. That
    an order is not there counts after so long, and proves something after as long again, the
    second time."""
    products: Literal["/public/products", "/exchange/public/products"] = "/public/products"
    """Where the products are listed; the second is the path of 2020."""
