"""What strategies subscribe and take back at run time: who may, of what, and what becomes of it."""

import asyncio
import difflib
import logging
from collections.abc import Awaitable, Coroutine, Mapping
from typing import Any

from connector.config import OnRequest
from connector.instruments import wishes
from connector.ipc.subscribe import Subscribe
from connector.ipc.trading import Refused
from connector.market.selection import EVERY
from connector.service import MarketService
from connector.venues.contract import Channel

log = logging.getLogger("connector.subscribing")

PATIENCE_S = 10.0
"""A venue grants a stream in milliseconds, the control messages of a busy connection apart."""
MOST = 1000
"""Streams of one session."""


class Subscribing:
    """Takes what sessions ask for over the control socket (``ipc.subscribe.Subscriptions``)."""

    def __init__(self, markets: Mapping[str, MarketService]) -> None:
        self._markets = markets
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, asked: Subscribe) -> Awaitable[tuple[dict[str, Any], bytes]]:
        """Note it at once, so that the session's end finds it; the answer waits for the venue's.
        Raises Refused."""
        market = self._market(asked)
        symbol, channels = _symbol(market, asked), _channels(asked)
        serving = market.serving
        if asked.back:
            serving.asked.take_back(asked.session, symbol, channels)
            serving.settle(symbol)
            return _told({})
        _may(market, symbol)
        if serving.asked.count(asked.session) + len(channels) > MOST:
            raise Refused(f"a session asks for {MOST} streams at most")
        if not serving.selected:
            raise Refused(f"{market.venue.folder} is not served yet, or not now: ask again")
        serving.asked.add(asked.session, symbol, channels)
        serving.settle(symbol)
        told = {"strategy": asked.strategy, "symbol": symbol, "channels": " ".join(asked.channels)}
        log.info("subscribed at run time", extra=told)
        return self._answer(market, symbol, channels)

    def ended(self, session: int) -> None:
        """The session is gone; what nobody else asked for ends, an instrument a turn."""
        for market in self._markets.values():
            symbols = list(market.serving.asked.end(session))
            if symbols:
                self._start(_settle(market, symbols))

    async def _answer(
        self, market: MarketService, symbol: str, channels: tuple[Channel, ...]
    ) -> tuple[dict[str, Any], bytes]:
        return await _told(await market.serving.verdict(symbol, channels, PATIENCE_S))

    def _market(self, asked: Subscribe) -> MarketService:
        wanted = asked.venue.lower()
        for market in self._markets.values():
            if wanted in (market.venue.folder, market.venue.name.lower()):
                return market
        known = ", ".join(market.venue.name for market in self._markets.values())
        raise Refused(f"no venue {asked.venue!r} here; there are: {known}")

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="subscribing")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("what a session asked for was not ended", exc_info=error)


async def _settle(market: MarketService, symbols: list[str]) -> None:
    for symbol in symbols:
        market.serving.settle(symbol)
        await asyncio.sleep(0)  # frames that wait come first


async def _told(found: Mapping[Channel, str | None]) -> tuple[dict[str, Any], bytes]:
    return {
        "granted": [one.value for one, why in found.items() if why == ""],
        "refused": {one.value: why for one, why in found.items() if why},
        "pending": [one.value for one, why in found.items() if why is None],
    }, b""


def _symbol(market: MarketService, asked: Subscribe) -> str:
    if market.instrument(asked.symbol) is not None:
        return asked.symbol
    near = difflib.get_close_matches(asked.symbol, market.serving.symbols, 1, 0.6)
    hint = f"; the nearest is {near[0]}" if near else ""
    raise Refused(f"{market.venue.name} lists no {asked.symbol!r}{hint}")


def _channels(asked: Subscribe) -> tuple[Channel, ...]:
    known = [one.value for one in Channel]
    found = []
    for name in asked.channels:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"the nearest is {near[0]!r}" if near else f"known: {', '.join(known)}"
            raise Refused(f"no channel {name!r}; {hint}")
        found.append(Channel(name))
    if not found:
        raise Refused("no channel is named")
    return tuple(dict.fromkeys(found))


def _may(market: MarketService, symbol: str) -> None:
    allowed = market.settings.on_request
    if allowed is OnRequest.LISTED:
        return
    where = f"venues.{market.venue.folder}.on_request"
    if allowed is OnRequest.NONE:
        raise Refused(f"strategies subscribe nothing here: {where} is 'none'")
    named = {name.upper() for wish in wishes(market.settings) for name in wish.instruments}
    if symbol.upper() not in named and EVERY not in named:
        raise Refused(f"no feeds name {symbol}, and {where} is 'configured', not 'listed'")
