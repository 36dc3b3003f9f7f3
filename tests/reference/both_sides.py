"""The connector's pure order side facing the simulated venue's, without sockets: intents in, judged
answers and private events out."""

import json
from typing import Any

from connector.model.instrument import ABSENT, Instrument
from connector.model.intents import Action
from connector.model.packing import layout
from connector.venues.binance_usdm import VENUE
from connector.venues.binance_usdm.signing import signer
from connector.venues.contract import Request
from connector.venues.sim_contract import Opening
from connector.venues.trading_contract import (
    Intent,
    OrderAnswer,
    OrderEvent,
    OrderOutcome,
    Trading,
    UserEvent,
)
from tests.reference.binance_desk import MAKER, OTHER, Venue, market_order

assert VENUE.trading is not None
TRADING: Trading = VENUE.trading
SIGNER = signer(MAKER.key, MAKER.secret.encode(), "hmac")
MS = 1_000_000
COMMAND = layout("Command")
TRANSPORTS = ["http", "compiled", "api"]


class Desk:
    """The connector's pure side facing the simulated venue's."""

    def __init__(self, transport: str) -> None:
        self.venue = Venue()
        for side in ("BUY", "SELL"):  # a market that has traded: there is a last price
            self.venue.ok("POST", "/fapi/v1/order", OTHER, **market_order(side=side))
        self._transport = transport
        listing = VENUE.instruments(self.venue.market.exchange_info(self.venue.now_ms))
        self.instruments = {one.symbol: one for one in listing.instruments}
        self.btc: Instrument = self.instruments["BTCUSDT"]
        self._number = 0
        self._api: Any = self.venue.rest.api(
            self.venue.market, Opening("ws-fapi", False, ()), "127.0.0.1", self.venue.now_ms
        )
        assert TRADING.encoder is not None
        self._encoder = TRADING.encoder(SIGNER, "sim")
        self._encoder.add(0, self.btc)
        self.compiled = self.sent = 0
        self.ahead_ms = 0

    @property
    def now_ns(self) -> int:
        """The venue's clock as we think it is."""
        return (self.venue.now_ms + self.ahead_ms) * MS

    def do(self, **values: Any) -> OrderAnswer:
        """One intent on BTCUSDT there and back."""
        wish = Intent(**{"instrument": self.btc, **values})
        status, headers, body = self._send(wish)
        self.sent += 1
        return TRADING.judge(wish.action, status, headers, body, self.instruments.get)

    def placed(self, **values: Any) -> OrderEvent:
        """A placed order, which must be accepted."""
        self._number += 1
        name = f"c/{self._number}"
        answer = self.do(action=Action.PLACE, **{"client_order_id": name, **values})
        assert answer.outcome is OrderOutcome.ACCEPTED, answer.body
        assert answer.order is not None
        assert answer.order.client_order_id == name
        return answer.order

    def _send(self, wish: Intent) -> tuple[int, Any, bytes]:
        assert TRADING.api is not None
        if self._transport == "api":
            self._number += 1
            asked = TRADING.api.encode(wish, SIGNER, self.now_ns, self._number, False)
            if asked is not None:
                told = self._api.receive(asked.frame, self.venue.now_ms, self.venue.now_ms)
                answer = TRADING.api.decode(told.message)
                assert answer.number == asked.number
                return answer.status, answer.headers, answer.body
        data = self._compiled(wish) if self._transport == "compiled" else None
        if data is not None:
            self.compiled += 1
            head, _, rest = data.decode().partition("\r\n")
            method, target, _ = head.split(" ")
            assert f"X-MBX-APIKEY: {MAKER.key}\r\n" in rest
        else:
            request = TRADING.encode(wish, SIGNER, self.now_ns)
            assert request.headers == (("X-MBX-APIKEY", MAKER.key),)
            method, target = request.method, request.target
        path, _, query = target.partition("?")
        found = self.venue.send(method, path, query, key=MAKER.key)
        return found.status, found.headers, found.body

    def _compiled(self, wish: Intent) -> bytes | None:
        if wish.conditional:
            return None
        numbers = ("order_id", "price_e", "qty_e", "stop_price_e", "activation_price_e")
        absent = {
            name: ABSENT if value is None else value
            for name in (*numbers, "callback_rate_e", "good_till_ns")
            for value in [getattr(wish, name)]
        }
        same = ("side", "order_type", "time_in_force", "position_side", "working_type")
        command = COMMAND.pack(
            action=wish.action,
            client_order_id=wish.client_order_id,
            flags=wish.flags,
            self_trade=wish.self_trade,
            price_match=wish.price_match,
            **{name: getattr(wish, name) for name in same},
            **absent,
        )
        found: bytes | None = self._encoder.encode(command, self.now_ns)
        return found

    def ask(self, request: Request) -> bytes:
        """The body of the answer to a question, signed as its endpoint demands."""
        made = TRADING.sign(request, SIGNER, self.now_ns)
        key = dict(made.headers).get("X-MBX-APIKEY")
        found = self.venue.send(made.method, made.path, made.query, key=key)
        assert found.status == 200, found.body
        return found.body

    def heard(self) -> list[UserEvent]:
        """What the private stream said since the last call."""
        told: list[UserEvent] = []
        for _, payload in self.venue.events():
            told += TRADING.stream.decode(json.dumps(payload).encode(), self.instruments.get)
        return told


def price(desk: Desk, value: str) -> int:
    whole, _, part = value.partition(".")
    return int(whole + part.ljust(desk.btc.price_exponent, "0"))


def qty(desk: Desk, thousandths: int) -> int:
    return thousandths * 10 ** (desk.btc.qty_exponent - 3)
