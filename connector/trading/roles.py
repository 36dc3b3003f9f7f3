"""Whom the desk works with, as far as it knows them."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from connector._speedups.desk import Command
from connector.model.instrument import Instrument
from connector.model.intents import Action
from connector.model.order import Order
from connector.model.records import RecordType
from connector.venues.contract import Scales
from connector.venues.trading_contract import Intent, Message, PositionEvent, Signer, Trading


class Session(Protocol):
    """A strategy's trading session."""

    number: int
    strategy: str


class Listed(Protocol):
    """An instrument in the directory."""

    @property
    def index(self) -> int: ...
    @property
    def venue(self) -> int: ...
    @property
    def instrument(self) -> Instrument: ...
    @property
    def mark_e(self) -> int | None:
        """The mark price in 10^-8 while it is fresh."""

    @property
    def touch(self) -> tuple[int, int] | None:
        """Best bid and ask, live, 0 for a side that is empty; None: nobody knows them now."""

    @property
    def served(self) -> bool:
        """Its market data come; else only orders of others are known."""


class Stops(Protocol):
    """What may stop new orders from outside."""

    def why(self, account: str, strategy: str) -> str:
        """Why nothing new may go out for them; "": it may."""


class Account(Protocol):
    """One account of a venue: its key, its way to the venue, who may use it."""

    index: int
    name: str
    venue: int
    trading: Trading
    signer: Signer
    strategies: frozenset[str]
    foreign_to: frozenset[str]
    """Strategies that hear of the account's foreign orders."""

    @property
    def ready(self) -> bool:
        """Connected, its clock known, reconciled: new orders may go out."""

    def venue_ns(self, now_ns: int) -> int:
        """The venue's clock."""

    def encode(self, intent: Intent, now_ns: int) -> Message:
        """The signed request, for whichever way it will take now. Raises CannotEncode."""

    def encoded(
        self, command: Command, listed: Listed, order: Order, now_ns: int
    ) -> Message | None:
        """The same for a command about an order, by the compiled encoder; None: `encode` has to."""

    def encode_batch(self, intents: Sequence[Intent], now_ns: int) -> Message:
        """One signed request for several intents that may go together. Raises CannotEncode."""

    def afford(self, action: Action, message: Message) -> None:
        """Raises Refusal when the venue's limits do not allow it now."""

    def guard(self, instrument: Instrument, now_ns: int) -> None:
        """A new order is about to leave. Raises Refusal while the venue's countdown, where it is
        wanted, cannot be armed."""

    def post(self, request: int, action: Action, message: Message) -> None:
        """Send; ends in ``Desk.answered``, ``Desk.lost`` or ``Desk.unsent``."""

    def post_batch(self, requests: Sequence[int], action: Action, message: Message) -> None:
        """Send one message for several requests; each of them ends as with `post`."""

    def ask(self, order: Order) -> None: ...
    def ask_fills(self, order: Order, spare: bool = False) -> None:
        """``spare``: unless the venue's limits are needed for something else."""

    def ask_positions(
        self, then: Callable[["Account", Sequence[PositionEvent] | None], None]
    ) -> None:
        """Ask for all positions and say what they are, which `Desk.positions_listed` is told
        before; None: no answer that can be believed."""

    def gap(self, why: str) -> None: ...
    @property
    def scales(self) -> Scales:
        """Every instrument of the venue."""


class Journals(Protocol):
    """The report streams by strategy name."""

    def append(
        self,
        strategy: str,
        kind: RecordType,
        body: bytes,
        *,
        instrument: int = 0,
        venue: int = 0,
        account: int = 0,
        venue_ns: int = 0,
        recv_ns: int = 0,
        order_key: int = 0,
    ) -> int:
        """Write one entry; its sequence."""

    def opened(self, strategy: str) -> Any:
        """Its journal and who hears of it, for who appends beside `append`."""

    def handed(self, strategy: str, opened: Any) -> None:
        """Its session hears of what was appended."""

    def sequence(self, strategy: str) -> int:
        """Number of the last report."""

    def behind(self) -> bool:
        """Too far from the disk for new orders."""
