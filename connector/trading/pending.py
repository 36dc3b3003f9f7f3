"""A request as long as its outcome is not known."""

from msgspec import Struct

from connector.model.intents import Action
from connector.model.order import Order
from connector.model.reports import Result
from connector.trading.effects import NO_PLACE, Answered
from connector.venues.trading_contract import OrderAnswer


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
    venue_ns: int = 0
    """When an earlier run sent it, by the venue's clock; 0: this run did, see ``sent_ns``."""
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

    def answered(
        self, result: Result, code: int, answer: OrderAnswer | None = None, text: str = ""
    ) -> Answered:
        """What its strategy is answered; ``answer``: the venue's."""
        if answer is not None and result is not Result.ACCEPTED:
            text = answer.body
        return Answered(
            strategy=self.strategy,
            order=self.order,
            account=self.account,
            command=self.command,
            action=self.action,
            ref_id=self.ref_id,
            result=result,
            code=code,
            http_status=answer.status if answer else 0,
            venue_code=answer.code if answer else 0,
            text=text,
            settled=self.told and result is not Result.UNKNOWN,
            batch=self.batch,
            sent_ns=self.sent_ns,
            instrument=self.instrument,
        )
