"""An account's orders by a compiled encoder, as far as it goes."""

from collections.abc import Callable, Mapping

from connector._speedups.encoder import OrderEncoder
from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.model.intents import Action
from connector.model.order import Order
from connector.trading.commands import Command
from connector.trading.roles import Listed
from connector.venues.trading_contract import ApiRequest, Charge, Encoded


class Encoding:
    """Requests by ``encoder``, None: there is none. ``charges``: what they cost; ``numbers`` gives
    those of an order API their numbers, None: they go over HTTP.

    ``count`` counts what was written, and what was left to Python."""

    def __init__(
        self,
        encoder: OrderEncoder | None,
        charges: Mapping[Action, Charge],
        count: Callable[[Counter], None],
        numbers: Callable[[], int] | None = None,
    ) -> None:
        self._encoder, self._numbers = encoder, numbers
        self._charges, self._count = charges, count
        self._written: dict[int, Instrument] = {}

    def order(
        self, command: Command, listed: Listed, order: Order, venue_ns: int
    ) -> Encoded | ApiRequest | None:
        """The request of a command about an order, in which it may leave out what it does not
        change; None: it is not hot, or cannot be."""
        encoder, charge = self._encoder, self._charges.get(command.action)
        if encoder is None or charge is None or order.conditional:
            self._count(Counter.REQUESTS_RARE)
            return None
        if self._written.get(listed.index) is not listed.instrument:
            self._write(listed)
        if self._numbers is not None:
            encoder.number = self._numbers()
        data = encoder.request(
            command, order.client_order_id, order.order_id, order.venue_order_id, order.side,
            order.position_side, order.price_e, order.qty_e, venue_ns,
        )  # fmt: skip
        if data is None:
            self._count(Counter.REQUESTS_RARE)
            return None
        self._count(Counter.REQUESTS_ENCODED)
        return self.message(data, charge)

    def message(self, data: bytes, charge: Charge) -> Encoded | ApiRequest:
        """What the encoder wrote last, and what it costs."""
        if self._numbers is None:
            return Encoded(data, charge)
        assert self._encoder is not None
        return ApiRequest(
            number=self._encoder.number,
            frame=data,
            name=charge.name,
            weight=charge.weight,
            pool=charge.pool,
            orders=charge.orders,
        )

    def writer(self, listed: Listed) -> OrderEncoder | None:
        """The encoder, knowing an instrument as it is now; None: there is none."""
        if self._encoder is not None and self._written.get(listed.index) is not listed.instrument:
            self._write(listed)
        return self._encoder

    def _write(self, listed: Listed) -> None:
        assert self._encoder is not None
        try:
            self._encoder.add(listed.index, listed.instrument)
        except ValueError:  # no name or decimals it knows of
            self._encoder.remove(listed.index)
        self._written[listed.index] = listed.instrument
