"""Phemex contracts as data and pure functions."""

import importlib
from typing import Any

from connector.model.instrument import Instrument
from connector.venues.contract import Bases, Pool, Request, Venue
from connector.venues.phemex import errors, instruments, limits, market
from connector.venues.phemex.config import Config
from connector.venues.phemex.endpoints import ENDPOINTS, PRODUCTS, ROUTES
from connector.venues.phemex.histories import HISTORIES
from connector.venues.phemex.trading import trading

__all__ = ["VENUE"]


def _codec(segment: Any) -> Any:
    module = importlib.import_module("connector._speedups.codec_phemex")
    return module.PhemexCodec(segment)


def _pools_of(body: bytes) -> tuple[Pool, ...]:
    return ()


def _snapshot_request(instrument: Instrument) -> Request:
    return ENDPOINTS["orderbook"].request(symbol=instrument.symbol)


def configured(config: Config) -> Venue:
    """The venue as its section of the configuration wants it."""
    return Venue(
        folder="phemex",
        name=instruments.EXCHANGE,
        rest_url=config.rest_url,
        ws_url=config.ws_url,
        config=Config,
        configured=configured,
        routes=ROUTES,
        heartbeat=limits.HEARTBEAT,
        limits=limits.LIMITS,
        pools=limits.POOLS,
        endpoints=ENDPOINTS,
        histories=HISTORIES,
        lines=1,
        bases=Bases.STREAMED,
        fixed_scale=True,
        codec=_codec,
        instruments_request=PRODUCTS[config.products].request,
        instruments=instruments.instruments,
        pools_of=_pools_of,
        instruments_in_pieces=instruments.pieces,
        subscription=market.subscription,
        subscribe=market.subscribe,
        unsubscribe=None,
        snapshot_request=_snapshot_request,
        snapshot=market.snapshot,
        decode=market.decode,
        judge=errors.judge,
        judge_change=errors.judge_change,
        used=limits.used,
        instruments_endpoint="products",
        snapshot_endpoint="orderbook",
        recorded=market.recorded,
        depth_stream=market.depth_stream,
        wire_instrument=instruments.wire_instrument,
        trading=trading(config.window_ms, lookup_lag_s=config.lookup_lag_s),
    )


VENUE = configured(Config())
