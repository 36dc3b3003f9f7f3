"""A journal's checkpoint: how a strategy stands, in parts that are written over many turns of the
loop, each as things stand when it is written.

What happens in between is in the entries between the parts. So a reader that begins with the first
part knows everything once it has the last one, whichever came first: the entry or the part."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import TypeVar

from msgspec.structs import replace

from connector.model.order import Order
from connector.trading.positions import Positions
from connector.trading.recovery import (
    ENDED_KEPT,
    Checkpoint,
    KeptAnswer,
    KeptOrder,
    KeptRef,
    Part,
    Place,
    Replay,
    encoded,
    kept,
    kept_command,
    over,
)
from connector.trading.refs import Known, Refs
from connector.trading.roles import Account
from connector.trading.tracker import Tracker

PART = 32
"""Orders or commands of a part: some 100 us; twice as many requests."""
LOOKED_AT = 500
"""Orders looked at in a turn for whether they belong to it."""
FILLS = 256
"""Of an order in one part; eight of them count as another order."""

T = TypeVar("T")
Parts = Iterator[tuple[bytes, bool]]
"""Bodies of the entries, the first one's first, and whether it is the last; an empty one is none
yet."""


def checkpoint(
    replay: Replay,
    restored: Container[str],
    refs: Refs | None,
    tracker: Tracker,
    positions: Positions,
    hearers: Callable[[Order], Sequence[str]],
    accounts: Sequence[Account],
) -> Parts:
    """The parts for ``replay.strategy``: what the tracker has, and of accounts that are not
    ``restored`` yet what an earlier run left."""
    strategy, names = replay.strategy, [account.name for account in accounts]
    yield encoded(Checkpoint(accounts=names, more=True)), False
    for chunk in _chunks([*refs.known] if refs is not None else [], 2 * PART):
        known = [(name, refs.get(name)) for name in chunk] if refs is not None else []
        yield _part(Part(refs={name: _kept_ref(one, names) for name, one in known if one}))

    found: list[int] = []
    ended = 0
    left = [one for one in replay.orders.values() if one.account not in restored]
    for one in reversed(left):
        ended += over(one)
        if not over(one) or ended <= ENDED_KEPT:
            found.append(one.key)
    found.reverse()
    yield b"", False
    mine: list[int] = []
    ended = 0
    for number, key in enumerate(reversed(tracker.orders.keys())):
        order = tracker.orders.get(key)
        if order is not None and strategy in hearers(order):
            ended += order.status.terminal
            if not order.status.terminal or ended <= ENDED_KEPT:
                mine.append(order.key)
        if number % LOOKED_AT == LOOKED_AT - 1:
            yield b"", False
    mine.reverse()

    def now(key: int) -> KeptOrder | None:
        order = tracker.orders.get(key)
        if order is not None:
            return kept(order, names[order.account])
        one = replay.orders.get(key)
        return one if one is not None and one.account not in restored else None

    yield from _orders([*found, *mine], now)

    commands = [one for one in replay.commands.values() if one.account not in restored]
    for owed in _chunks(commands):
        yield _part(Part(commands=[one for one in owed if one.account not in restored]))
    waiting = [one for one in tracker.pending() if one.strategy == strategy and one.command]
    for requests in _chunks(waiting):
        part = Part()
        for request in requests:
            if tracker.request(request.request) is request:
                account = accounts[request.account]
                # Of a request from before a start only the venue's time is what it was.
                deadline_ns = account.venue_ns(request.deadline_ns)
                if request.venue_ns:
                    deadline_ns = request.venue_ns + account.trading.window_ns
                part.commands.append(kept_command(request, account.name, deadline_ns))
        yield _part(part)

    last = Part(last=True)
    last.positions = [
        (account, place, side, qty_e)
        for (account, place, side), qty_e in replay.positions.items()
        if account not in restored
    ]
    for (index, symbol, side), qty_e in positions.owned(strategy):
        account = accounts[index]
        instrument = account.scales(symbol)
        if instrument is not None:
            place = Place(symbol, instrument.price_exponent, instrument.qty_exponent)
            last.positions.append((account.name, place, side, qty_e))
    yield encoded(last), True


def _part(part: Part) -> tuple[bytes, bool]:
    return encoded(part), False


def _orders(keys: Iterable[int], now: Callable[[int], KeptOrder | None]) -> Parts:
    part, weight = Part(), 0
    for key in keys:
        one = now(key)
        if one is None:
            continue
        fills = one.fills
        if len(fills) > FILLS:
            one = replace(one, fills=fills[:FILLS])
        part.orders.append(one)
        weight += 1 + len(one.fills) // 8
        for first in range(FILLS, len(fills), FILLS):
            yield _part(part)
            part, weight = Part(fills=[(key, fills[first : first + FILLS])]), PART
        if weight >= PART:
            yield _part(part)
            part, weight = Part(), 0
    yield _part(part)


def _chunks(items: Sequence[T], most: int = 0) -> Iterator[Sequence[T]]:
    most = most or PART
    for first in range(0, len(items), most):
        yield items[first : first + most]


def _kept_ref(one: Known, names: Sequence[str]) -> KeptRef:
    return KeptRef(
        one.digest(),
        one.command,
        [
            KeptAnswer(names[said.account], said.action, said.result, said.code,
                       said.http_status, said.venue_code, said.text[:200])
            for said in one.answers
        ],
    )  # fmt: skip
