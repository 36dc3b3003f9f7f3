"""The order side of Cadenza as data and pure functions."""

from collections.abc import Sequence
from functools import partial

import msgspec

from connector.model.instrument import Instrument
from connector.model.intents import Action
from connector.venues.cadenza import answers, order_rows, orders, portfolios, user
from connector.venues.cadenza.account_talk import AccountTalk
from connector.venues.cadenza.config import Config
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.contract import Endpoint, Request
from connector.venues.trading_contract import (
    Charge,
    Denial,
    Instruments,
    Intent,
    Lookups,
    PrivateStream,
    Trading,
    Transport,
)

SECOND_NS = 1_000_000_000
MS = 1_000_000
ECHO_NS = 5 * SECOND_NS
"""An account's channel that is subscribed may be the wrong one and say nothing."""
PAGE = 1000
STANDING = ("SUBMITTED", "ACCEPTED", "PARTIALLY_FILLED", "REPLACED", "PENDING_CANCEL")
"""Statuses an order may stay in, in the order of its life, so that one that moves on while they are
asked for is not missed; a list is of one status, or of orders at their end, too."""
UNWRITTEN = (
    "password", "accessToken", "refreshToken", "token", "apiKey", "apiSecret", "apiPassphrase",
    "secretKey", "secretPassphrase",
)  # fmt: skip
"""Events of accounts may carry credentials, too."""
ACTIONS = {Action.PLACE: "tradeOrderSubmit", Action.CANCEL: "tradeOrderCancel"}


class _Health(msgspec.Struct):
    timestamp: int = 0


_HEALTH = msgspec.json.Decoder(_Health)


def _server_ns(body: bytes) -> int:
    found = _HEALTH.decode(body).timestamp
    if found <= 0:
        raise ValueError("timestamp: missing")
    return found * MS


def _charge(endpoint: Endpoint) -> Charge:
    return Charge(
        name=endpoint.name,
        weight=endpoint.weight({}),
        pool=endpoint.pool,
        orders=endpoint.orders,
    )


def _order(intent: Intent) -> Request:
    name, params = orders.translate(intent)
    return ENDPOINTS[name].request(**params)


def _open_orders(instruments: Instruments) -> Sequence[Request]:
    """Of the whole account, whatever the instrument."""
    return [
        ENDPOINTS["tradeOrderList"].request(orderStatus=status, limit=PAGE) for status in STANDING
    ]


def _since(instrument: Instrument, since_ns: int) -> Request:
    return ENDPOINTS["tradeOrderList"].request(
        instrumentId=instrument.symbol, startTime=max(0, since_ns // MS), limit=PAGE
    )


def _fills(instrument: Instrument, order_id: int | str | None, since_ns: int, most: int) -> Request:
    """Executions stand in the rows of their orders; without an order those that were placed since
    then."""
    if order_id is None:
        return _since(instrument, since_ns)
    return ENDPOINTS["tradeOrderList"].request(tradeOrderId=str(order_id), limit=1)


def trading(config: Config) -> Trading:
    """The order side as the venue's section of the configuration wants it."""
    return Trading(
        transports=(Transport.HTTP,),
        signer=orders.signer,
        key_kinds=orders.KINDS,
        secret=False,
        reduces=False,
        amends=False,
        encode=partial(orders.encode, await_closed=config.await_closed),
        sign=orders.sign,
        encoder=None,
        charges={action: _charge(ENDPOINTS[name]) for action, name in ACTIONS.items()},
        judge=answers.judge,
        window_ns=config.window_ms * MS,
        # Its classes are the venue's pools.
        pools=(),
        client_id=orders.CLIENT_ID.pattern,
        unwritten=UNWRITTEN,
        stream=PrivateStream(
            target=lambda key: "",
            decode=user.decode,
            echo_ns=ECHO_NS,
            dialogue=partial(AccountTalk, config.probe),
        ),
        lookups=Lookups(
            time=ENDPOINTS["health"].request,
            server_ns=_server_ns,
            order=_order,
            order_event=answers.order_event,
            open_orders=_open_orders,
            order_events=order_rows.listed,
            fills=_fills,
            fill_events=answers.fill_events,
            positions=portfolios.requests,
            position_events=portfolios.position_events,
            balances=portfolios.requests,
            balance_events=portfolios.balance_events,
            since=_since,
            next_page=answers.next_page,
        ),
        denial=Denial(lag_ns=config.lookup_lag_s * SECOND_NS, times=2),
    )
