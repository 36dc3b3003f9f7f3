"""Orders and requests of earlier runs, put back to where the tracker goes on with them."""

import logging
from collections.abc import Callable, Sequence

from connector.model.instrument import Instrument, Status
from connector.model.intents import Action, PositionSide
from connector.model.order import Order
from connector.model.reports import Code, OrderStatus, Result
from connector.trading.effects import Answered, Effect
from connector.trading.pending import Pending
from connector.trading.positions import Positions
from connector.trading.recovery import (
    KeptCommand,
    KeptOrder,
    Place,
    Replay,
    over,
    rescaled,
    restored,
    shifted,
)
from connector.trading.refs import Refs
from connector.trading.tracker import Tracker

log = logging.getLogger("connector.trading")


class Restorer:
    """Puts what a journal says of one account back, with the reports that leads to.

    ``scales`` gives the venue's instruments; ``window_ns``: after its sending the venue executes a
    request for at most so long; ``new_request`` numbers requests; ``remember`` keeps an instrument
    that is listed no more, so that ``scales`` and the directory have it."""

    def __init__(
        self,
        tracker: Tracker,
        positions: Positions,
        account: int,
        name: str,
        scales: Callable[[str], Instrument | None],
        window_ns: int,
        new_request: Callable[[], int],
        remember: Callable[[Instrument], object],
    ) -> None:
        self._tracker, self._positions = tracker, positions
        self._account, self._name, self._scales = account, name, scales
        self._window_ns, self._new_request = window_ns, new_request
        self._remember = remember

    def restore(self, replay: Replay, now_ns: int, venue_ns: int) -> Sequence[Effect]:
        """One strategy's part; ``venue_ns`` is the venue's clock at ``now_ns``."""
        # Oldest first, as names that were used twice mean the newest.
        for one in sorted(replay.orders.values(), key=lambda one: one.key):
            if one.account == self._name and self._tracker.orders.get(one.key) is None:
                if not over(one):
                    self._known(one.place)
                self._order(one, now_ns)
        for (account, place, side), qty_e in replay.positions.items():
            if account != self._name or not qty_e:
                continue
            instrument = self._known(place)
            if instrument is not None:
                where = (self._account, place.symbol, PositionSide(side))
                try:
                    moved_e = shifted(qty_e, instrument.qty_exponent - place.qty_exponent)
                except ValueError as error:
                    log.error("a position cannot be taken over: %s: %s", place.symbol, error)
                    continue
                self._positions.restore(replay.strategy, where, moved_e)
        effects: list[Effect] = []
        for _, command in sorted(replay.commands.items()):
            if command.account == self._name:
                effects += self._command(replay.strategy, command, now_ns, venue_ns)
        return effects

    def _known(self, place: Place) -> Instrument | None:
        """The venue's instrument, or what the journal knows of one that is delisted."""
        if self._scales(place.symbol) is None:
            try:
                self._remember(_delisted(place))
            except ValueError as error:
                log.error("an instrument cannot be taken over: %s", error)
        return self._scales(place.symbol)

    def _order(self, one: KeptOrder, now_ns: int) -> None:
        place = one.place
        instrument = self._scales(place.symbol)
        if instrument is not None:
            try:
                one = rescaled(one, instrument.price_exponent, instrument.qty_exponent)
            except ValueError as error:
                log.error("an order cannot be taken over: %s", error, extra={"key": one.key})
                return
        else:  # delisted: it can only be looked up any more
            instrument = _delisted(place)
        order = Order(key=one.key, account=self._account, strategy=one.strategy,
                      instrument=instrument, created_ns=now_ns)  # fmt: skip
        self._tracker.restored(restored(one, self._account, order), now_ns)
        if order.missing_qty_e > 0:
            self._tracker.watched.fills(order, now_ns)
        if order.status.terminal:
            return
        self._tracker.watched.ask_soon(order, now_ns)
        if order.cancel_wanted:
            self._tracker.watched.cancel(order, now_ns)

    def _command(
        self, strategy: str, command: KeptCommand, now_ns: int, venue_ns: int
    ) -> Sequence[Effect]:
        """Settle what is owed: it was refused, it was never sent, or what became of it is not
        known."""
        order = self._tracker.orders.get(command.order_key) if command.order_key else None
        action = Action(command.action)
        if not command.sent:
            if (
                action is Action.PLACE
                and order is not None
                and not command.code
                and order.move(OrderStatus.REJECTED)
            ):
                self._tracker.orders.ended(order)
            answer = Answered(
                strategy=strategy,
                order=order,
                account=self._account,
                command=command.number,
                action=action,
                ref_id=command.ref_id,
                result=Result.REFUSED,
                code=command.code or Code.NOT_SENT.value,
                text="" if command.code else Code.NOT_SENT.sentence,
                batch=command.batch,
            )
            return [answer]
        price_e, qty_e = _rescaled(command, order)
        left_ns = min(max(0, command.deadline_ns - venue_ns), self._window_ns)
        pending = Pending(
            request=self._new_request(),
            order=order,
            account=self._account,
            strategy=strategy,
            action=action,
            command=command.number,
            ref_id=command.ref_id,
            batch=command.batch,
            sent_ns=command.sent_ns,
            deadline_ns=now_ns + left_ns,
            venue_ns=max(1, command.deadline_ns - self._window_ns),
            price_e=price_e,
            qty_e=qty_e,
            told=command.told,
        )
        self._tracker.requested(pending)
        return self._tracker.lost(pending.request, now_ns)


def _rescaled(command: KeptCommand, order: Order | None) -> tuple[int | None, int | None]:
    """Price and quantity in the scale of this run; what is not exact there can have become of no
    order: a price that none has, and the quantity rounded up, as exposure counts it."""
    price_e, qty_e, place = command.price_e, command.qty_e, command.place
    if order is None or place is None:
        return price_e, qty_e
    if price_e is not None:
        try:
            price_e = shifted(price_e, order.instrument.price_exponent - place.price_exponent)
        except ValueError:
            price_e = -1
    if qty_e is not None:
        digits = order.instrument.qty_exponent - place.qty_exponent
        qty_e = shifted(qty_e, digits) if digits >= 0 else -(-qty_e // int(10**-digits))
    return price_e, qty_e


def _delisted(place: Place) -> Instrument:
    """What is left of an instrument: nobody trades there any more."""
    return Instrument(
        symbol=place.symbol,
        exchange="",
        status=Status.CLOSED,
        price_exponent=place.price_exponent,
        qty_exponent=place.qty_exponent,
        price_digits=place.price_exponent,
        qty_digits=place.qty_exponent,
        tick_e=1,
        step_e=1,
    )


def known_refs(replay: Replay, names: Sequence[str], now_ns: int) -> Refs:
    """Requests of earlier runs by the strategy's own ids; ``names``: the accounts by number."""
    refs = Refs()
    for ref_id, one in replay.refs.items():
        refs.add(ref_id, one.content, one.command, now_ns)
        known = refs.get(ref_id)
        assert known is not None
        known.answers = [
            Answered(
                strategy=replay.strategy,
                order=None,
                account=names.index(said.account) if said.account in names else 0,
                command=one.command,
                action=Action(said.action),
                ref_id=ref_id,
                result=Result(said.result),
                code=said.code,
                http_status=said.http_status,
                venue_code=said.venue_code,
                text=said.text,
            )
            for said in one.answers
        ]
    return refs
