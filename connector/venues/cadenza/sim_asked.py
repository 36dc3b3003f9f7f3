"""A request as the simulated Cadenza's handlers see it, and what they keep between requests."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from connector.venues.cadenza.sim_auth import Claims, User, Users
from connector.venues.cadenza.sim_envelope import Fault, Paged
from connector.venues.sim_contract import Contract, MarketView

if TYPE_CHECKING:
    from connector.venues.cadenza.sim_desk import Desk
    from connector.venues.cadenza.sim_fermata import Fermata
    from connector.venues.cadenza.sim_orders import Orders

MOST, USUAL = 1000, 50
"""Rows of a list in one answer: at most, and where no limit is given."""


class State:
    """What is not an order and not a token."""

    def __init__(self, fermata: "Fermata") -> None:
        self.deleted: set[str] = set()
        """Instruments taken off the list here; the market goes on."""
        self.switched: dict[str, str] = {}
        """Instruments enabled or disabled, and their status since."""
        self.securities_gone: set[str] = set()
        self.fermata = fermata

    def listed(self, row: Contract) -> Contract:
        """A contract with the status it has here."""
        if row.symbol not in self.switched:
            return row
        return structs.replace(row, status=self.switched[row.symbol] or "ACTIVE")


class Held(Struct, frozen=True):
    """An answer that waits until something is done, though not longer than to a time."""

    data: Callable[[], Any]
    done: Callable[[], bool]
    until_ms: int


class Asked(Struct, frozen=True):
    """One request, its fields read."""

    fields: Mapping[str, Any]
    profile: str
    market: MarketView
    now_ms: int
    users: Users
    state: State
    desk: "Desk"
    user: User | None = None
    claims: Claims | None = None
    orders: "Orders | None" = None
    """None: nothing is matched."""

    @property
    def me(self) -> User:
        """Who asks; routes that anybody may ask have none."""
        assert self.user is not None
        return self.user

    def administrator(self) -> None:
        """Raises `Fault` unless the user is one."""
        if not self.me.admin:
            raise Fault(
                19002, "access denied", 403,
                {"code": "ACCESS_DENIED", "required": ["admin"], "provided": ["authenticated"],
                 "tenant_id": self.me.tenant_id},
            )  # fmt: skip


def page(asked: Asked, rows: Sequence[Any], name: Callable[[Any], str] | None = None) -> Paged:
    """So much of a list as was asked for. ``name`` of a row, where the list has cursors: the name
    of the last row that was shown."""
    limit = asked.fields.get("limit", USUAL)
    offset = asked.fields.get("offset", 0)
    cursor = asked.fields.get("cursor", "")
    if name is not None and cursor:
        places = [place for place, row in enumerate(rows) if name(row) == cursor]
        if not places:
            raise Fault(22015, f"cursor: unknown: {cursor}")
        offset = places[0] + 1
    shown = rows[offset : offset + limit]
    last = name(shown[-1]) if name is not None and shown else ""
    return Paged(shown, offset, limit, len(rows), last)
