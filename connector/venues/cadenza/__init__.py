"""Cadenza, one account that reaches many venues, as data and pure functions."""

import importlib
from collections.abc import Sequence
from functools import partial
from typing import Any

from connector.venues.cadenza import auth, books, errors, instruments, limits, market, streams
from connector.venues.cadenza.config import Config
from connector.venues.cadenza.endpoints import ENDPOINTS, ROUTES
from connector.venues.cadenza.trading import UNWRITTEN, trading
from connector.venues.contract import Bases, Event, Pool, Scales, Venue

__all__ = ["VENUE"]


def _codec(segment: Any) -> Any:
    module = importlib.import_module("connector._speedups.codec_cadenza")
    return module.CadenzaCodec(segment)


def _pools_of(body: bytes) -> tuple[Pool, ...]:
    return ()


def _subscribe(names: Sequence[str], number: int) -> bytes:
    raise ValueError("control messages are the dialogue's")


def _decode(frame: bytes, scales: Scales) -> list[Event]:
    return list(market.decode(frame, scales))


def configured(config: Config) -> Venue:
    """The venue as its section of the configuration wants it."""
    return Venue(
        folder="cadenza",
        name=instruments.EXCHANGE,
        rest_url=config.rest_url,
        ws_url=config.ws_url,
        config=Config,
        configured=configured,
        routes=ROUTES,
        heartbeat=limits.HEARTBEAT,
        limits=limits.LIMITS,
        pools=limits.pools(config),
        endpoints=ENDPOINTS,
        lines=1,
        bases=Bases.EITHER,
        codec=_codec,
        instruments_request=partial(instruments.first_page, config.venues),
        next_page=partial(instruments.next_page, config.venues),
        instruments=instruments.instruments,
        pools_of=_pools_of,
        instruments_in_pieces=instruments.pieces,
        subscription=streams.subscription,
        subscribe=_subscribe,
        unsubscribe=_subscribe,
        snapshot_request=books.snapshot_request,
        snapshot=market.snapshot,
        decode=_decode,
        judge=errors.judge,
        judge_change=errors.judge_change,
        used=limits.used,
        instruments_endpoint="instrumentList",
        snapshot_endpoint="orderBookGet",
        recorded=books.recorded,
        dialogue=partial(streams.Talk, config.profile, config.probe),
        depth_stream=market.depth_stream,
        wire_instrument=books.wire_instrument,
        access=auth.access(config),
        trading=trading(config),
        unwritten=UNWRITTEN,
    )


VENUE = configured(Config())
