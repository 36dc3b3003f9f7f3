"""Binance USD-M futures as data and pure functions."""

import importlib
from functools import partial
from typing import Any

from connector.model.instrument import Instrument
from connector.venues.binance_usdm import errors, instruments, limits, listing, market
from connector.venues.binance_usdm.config import Config
from connector.venues.binance_usdm.endpoints import ENDPOINTS, routes
from connector.venues.binance_usdm.histories import HISTORIES
from connector.venues.binance_usdm.trading import trading
from connector.venues.contract import Channel, Pool, Request, Subscription, Venue

__all__ = ["VENUE"]


def _codec(segment: Any) -> Any:
    module = importlib.import_module("connector._speedups.codec_binance_usdm")
    return module.BinanceUsdmCodec(segment)


def _pools_of(body: bytes) -> tuple[Pool, ...]:
    return limits.pools(instruments.exchange_info(body).rate_limits)


def _snapshot_request(limit: int, instrument: Instrument) -> Request:
    return ENDPOINTS["depth"].request(symbol=instrument.symbol, limit=limit)


def configured(config: Config) -> Venue:
    """The venue as its section of the configuration wants it."""
    defaults = {
        "depth_speed": config.depth_speed,
        "mark_price_speed": config.mark_price_speed,
        "depth_view_speed": config.depth_view_speed,
        "whole_market": frozenset(config.whole_market),
    }

    def subscription(instrument: Instrument, channel: Channel, options: Any) -> Subscription:
        return market.subscription(instrument, channel, {**defaults, **options})

    return Venue(
        folder="binance_usdm",
        name=instruments.EXCHANGE,
        rest_url=config.rest_url,
        ws_url=config.ws_url,
        config=Config,
        configured=configured,
        routes=routes(config.trade_route),
        heartbeat=limits.HEARTBEAT,
        limits=limits.LIMITS,
        pools=limits.POOLS,
        endpoints=ENDPOINTS,
        lines=config.lines,
        codec=_codec,
        instruments_request=ENDPOINTS["exchangeInfo"].request,
        instruments=instruments.instruments,
        pools_of=_pools_of,
        instruments_in_pieces=listing.pieces,
        subscription=subscription,
        subscribe=market.subscribe,
        unsubscribe=market.unsubscribe,
        inquiry=market.INQUIRY,
        snapshot_request=partial(_snapshot_request, config.snapshot_limit),
        snapshot=market.snapshot,
        decode=market.decode,
        judge=errors.judge,
        judge_change=errors.judge_change,
        used=limits.used,
        instruments_endpoint="exchangeInfo",
        snapshot_endpoint="depth",
        recorded=market.recorded,
        depth_stream=market.depth_stream,
        wire_instrument=instruments.wire_instrument,
        histories=HISTORIES,
        trading=trading(config),
    )


VENUE = configured(Config())
