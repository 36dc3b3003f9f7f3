"""A request as long as its outcome is not known."""

from msgspec import Struct

from connector.model.intents import Action
from connector.model.order import Order
from connector.trading.effects import NO_PLACE


class Pending(Struct, kw_only=True, eq=False):
    """A request under way, or one whose outcome is unknown."""

    request: int
    order: Order | None
    account: int
    strategy: str
    action: Action
    command: int = 0
    """0: the connector's own; nobody is answered."""
    ref_id: str = ""
    batch: int = 0
    sent_ns: int = 0
    deadline_ns: int = 0
    """The venue may execute it until then."""
    price_e: int | None = None
    """AMEND: what was wanted; None: left as it is."""
    qty_e: int | None = None
    valid_until_ns: int = 0
    """Its command's: it does not leave later, unless nothing stops it."""
    reduces: bool = False
    """Nothing stops it: a cancel, or an amend that makes less of the order."""
    unknown: bool = False
    told: bool = False
    """Answered as unknown; a second answer is owed."""
    instrument: int = NO_PLACE
