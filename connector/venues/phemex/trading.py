"""The order side of Phemex as data and pure functions."""

from collections.abc import Sequence
from functools import partial

import msgspec

from connector._speedups.events_phemex import Reader
from connector.model.instrument import Instrument
from connector.venues.contract import Endpoint, Request
from connector.venues.phemex import answers, orders, positions, signing, user
from connector.venues.phemex.endpoints import ENDPOINTS
from connector.venues.phemex.numbers import HEDGED, hedged, whole
from connector.venues.phemex.schemas_trading import Reply, Time
from connector.venues.phemex.setup import SETUP
from connector.venues.trading_contract import (
    Batches,
    Charge,
    Denial,
    Instruments,
    Intent,
    Logon,
    Lookups,
    PrivateStream,
    Trading,
    Transport,
)

SECOND_NS = 1_000_000_000
MS = 1_000_000
ECHO_NS = 3 * SECOND_NS
"""A private socket may be granted and say nothing: an accepted order without its event proves
it."""
PAGE = 200
"""Fills of one answer, at most."""
LOOKUP_LAG_S = 30
"""Orders are asked for in a database that may be behind; nobody says how far."""

_REPLY = msgspec.json.Decoder(Reply)
_TIME = msgspec.json.Decoder(Time)


def _server_ns(body: bytes) -> int:
    found = whole(_TIME.decode(_REPLY.decode(body).data).server_time)
    if found is None:
        raise ValueError("serverTime: missing")
    return found * MS


def _target(key: str) -> str:
    """Public and private connections have one URL."""
    return ""


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
    """Conditional ones are among them; each symbol is asked for."""
    return [
        ENDPOINTS["gOpenOrders" if hedged(one) else "openOrders"].request(symbol=one.symbol)
        for one in sorted(instruments, key=lambda one: one.symbol)
    ]


def _currencies(instruments: Instruments) -> Sequence[Request]:
    """One trading account for each currency, with its balance and its positions."""
    return [
        ENDPOINTS["gAccountPositions" if currency in HEDGED else "accountPositions"].request(
            currency=currency
        )
        for currency in sorted({one.margin for one in instruments if one.margin})
    ]


def _fills(instrument: Instrument, order_id: int | str | None, since_ns: int, most: int) -> Request:
    """From a time on, the newest first; the venue has no question for the fills of an order."""
    return ENDPOINTS["gUserTrades" if hedged(instrument) else "userTrades"].request(
        symbol=instrument.symbol, start=max(0, since_ns // MS), limit=min(most, PAGE)
    )


def trading(
    window_ms: int = signing.WINDOW_MS, both: bool = True, lookup_lag_s: int = LOOKUP_LAG_S
) -> Trading:
    """The order side; ``window_ms``: how long after its signature a request may be executed,
    ``both``: the private stream tells of the hedged family, too, ``lookup_lag_s``: how far what is
    looked up may be behind."""
    return Trading(
        transports=(Transport.HTTP,),
        signer=signing.signer,
        key_kinds=signing.KINDS,
        encode=partial(orders.encode, window_ms=window_ms),
        sign=partial(signing.sign, window_ms=window_ms),
        encoder=partial(orders.encoder, window_ms=window_ms),
        charges={action: _charge(ENDPOINTS[name]) for action, name in orders.HOT.items()},
        judge=answers.judge,
        window_ns=window_ms * MS,
        # The venue counts requests for a user in groups, which the pools of the address are.
        pools=(),
        client_id=orders.CLIENT_ID.pattern,
        unwritten=("x-phemex-access-token", "x-phemex-request-signature", "otpCode"),
        stream=PrivateStream(
            logon=Logon(messages=partial(user.logon, hedged=both), answer=user.control),
            target=_target,
            decode=user.decode,
            echo_ns=ECHO_NS,
            reader=Reader,
        ),
        lookups=Lookups(
            time=ENDPOINTS["time"].request,
            server_ns=_server_ns,
            order=_order,
            order_event=answers.order_event,
            open_orders=_open_orders,
            order_events=answers.order_events,
            fills=_fills,
            fill_events=answers.fill_events,
            positions=_currencies,
            position_events=positions.position_events,
            balances=_currencies,
            balance_events=positions.balance_events,
        ),
        batches=Batches(
            most=orders.BATCH_MOST,
            together=orders.together,
            encode=partial(orders.encode_batch, window_ms=window_ms),
            judge=answers.judge_batch,
        ),
        denial=Denial(lag_ns=lookup_lag_s * SECOND_NS, times=2),
        setup=SETUP,
    )
