"""An account's orders over HTTP by the compiled encoder, as far as it goes."""

from collections.abc import Callable

from connector._speedups.encoder import OrderEncoder
from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.model.order import Order
from connector.trading.commands import Command
from connector.trading.roles import Listed
from connector.venues.trading_contract import Encoded, Signer, Trading


class Encoding:
    """Requests to ``host`` (as in the Host header), with ``prefix`` in front of the venue's paths.

    ``count`` counts what was written, and what was left to `Trading.encode`."""

    def __init__(
        self,
        trading: Trading,
        signer: Signer,
        host: str,
        prefix: str,
        count: Callable[[Counter], None],
    ) -> None:
        make = trading.encoder
        self._encoder = make(signer, host, prefix) if make is not None else None
        self._charges, self._count = trading.charges, count
        self._written: dict[int, Instrument] = {}

    def order(
        self, command: Command, listed: Listed, order: Order, venue_ns: int
    ) -> Encoded | None:
        """The request of a command about an order, in which it may leave out what it does not
        change; None: it is not hot, or cannot be."""
        encoder, charge = self._encoder, self._charges.get(command.action)
        if encoder is None or charge is None or order.conditional:
            self._count(Counter.REQUESTS_RARE)
            return None
        if self._written.get(listed.index) is not listed.instrument:
            self._write(listed)
        data = encoder.request(
            command, order.client_order_id, order.order_id, order.venue_order_id, order.side,
            order.price_e, order.qty_e, venue_ns,
        )  # fmt: skip
        if data is None:
            self._count(Counter.REQUESTS_RARE)
            return None
        self._count(Counter.REQUESTS_ENCODED)
        return Encoded(data, charge)

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
