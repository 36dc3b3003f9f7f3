"""What is done about a request of the short way right behind its write."""

from collections.abc import Callable
from typing import Any

from connector._speedups.feed import Feed
from connector._speedups.segment import Segment

MARK_NS: int

class Owned:
    """An owner and its holding in an instrument. ``marked``: what it holds is valued at the mark of
    now, as its limits want; ``paced``: it has a limit of orders a second."""

    owner: Any
    holding: Any
    def __init__(self, owner: Any, holding: Any, marked: bool, paced: bool) -> None: ...

class Kind:
    """Requests of one kind. The first of each: as it is before anything is known of it but the
    kind. ``message``: an order API's; None: they go over HTTP."""

    def __init__(self, pending: Any, flying: Any, message: Any, charge: Any) -> None: ...

class Form:
    """What one strategy's requests in one instrument of an account have in common. ``order``: a new
    one as it is before anything is known of it but whose it is. ``flights``: requests of the
    account under way, ``places``: of its budgets on the board, ``open``: its open orders, by key.
    """

    def __init__(
        self,
        *,
        order: Any,
        place: Kind,
        cancel: Kind,
        owned: list[Owned],
        account: Any,
        feed: Feed,
        strategy: str,
        opened: Any,
        flights: dict[int, Any],
        places: dict[tuple[str, int], int],
        open: dict[int, Any],
        window_ns: int,
    ) -> None: ...

class Booking:
    """``settle(requests, error, sent)`` of the desk's outbox is told of a fault, ``handed(strategy,
    opened)`` that the journal of a strategy has grown. ``spent``, ``encoded``, ``refs`` make what
    has that name; ``known``: a reference as it is before anything is known of it; ``force(struct,
    field, value)`` writes what else cannot be changed; ``amend``: what no cancel is."""

    def __init__(
        self,
        *,
        desk: Any,
        segment: Segment,
        handed: Callable[[str, Any], object],
        spent: Callable[[tuple[Any, ...]], Any],
        encoded: Callable[[bytes, Any], Any],
        known: Any,
        refs: Callable[[], Any],
        force: Callable[[Any, str, Any], None],
        amend: Any,
    ) -> None: ...
