"""The composition root: builds every part from a configuration and connects them.

The only file that knows them all."""

import asyncio
import logging
import os
import random
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from connector import cpus, logs
from connector._speedups.bell import Bell
from connector._speedups.book import fetch_memory, memory_wanted, refill, take_over_memory
from connector._speedups.segment import Segment
from connector._speedups.turns import Turns
from connector.clock import monotonic_ns
from connector.config import (
    Config,
    VenueSettings,
    configured,
    group_id,
    own_directory,
    private_streams,
)
from connector.errors import ConfigError
from connector.ipc.control import take_lock
from connector.ipc.segments import BookSource
from connector.ipc.server import AttachServer, allow
from connector.ipc.trading import Refused, Trading
from connector.model.counters import Counter
from connector.model.states import Reason
from connector.model.version import __version__
from connector.protocol.backoff import Backoff
from connector.reloading import changed_venues
from connector.service import MarketService
from connector.strategy_calls import StrategyCalls
from connector.subscribing import Subscribing
from connector.trading_service import TradingService
from connector.venues.contract import Venue

log = logging.getLogger("connector.app")

SECOND_NS = 1_000_000_000
STALL_NS = 200_000
"""A turn of the loop that is longer is counted: by then a frame has waited for as long as a trade
takes."""
STEADY_NS = 60 * SECOND_NS
"""A venue that was served this long starts again with the shortest backoff."""
NAMED = 3
"""How many pending streams the status line names."""


_OVER = object()


class App:
    """The daemon's inside; ``daemon.run`` drives it (``daemon.Application``).

    ``venue`` gives the venue of a section of the configuration, ``read`` the configuration as it
    stands now (ConfigError: it is wrong)."""

    def __init__(
        self,
        config: Config,
        runtime_dir: Path,
        state_dir: Path,
        venue: Callable[[str, VenueSettings], Venue] = configured,
        read: Callable[[], Config] | None = None,
    ) -> None:
        self._config, self._venue, self._read = config, venue, read
        self._reloading = asyncio.Lock()
        self._runtime_dir, self._state_dir = runtime_dir, state_dir
        self._services: dict[str, MarketService] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._segment: Segment | None = None
        self._server: AttachServer | None = None
        self._orders: TradingService | None = None
        self._bell = Bell()
        self._trading: Trading | None = None
        self._complete = asyncio.Event()
        self._failed: asyncio.Future[BaseException] | None = None
        self._is_ready = False
        self._pieces: Iterator[None] | None = None
        """What is left of a tick."""
        self._chores = ThreadPoolExecutor(1, "chores", cpus.leave)
        """What waits for the kernel or the disk: memory for books, log files, copies of files."""
        self._refilling: asyncio.Future[None] | None = None
        self._lines_lost = 0
        self._lock = -1
        """Of the state directory."""

    # daemon.Application

    async def start(self) -> None:
        own_directory(self._runtime_dir)
        own_directory(self._state_dir)
        refill()
        # A thread is started when it is first used, which takes a while, too.
        await asyncio.get_running_loop().run_in_executor(self._chores, _nothing)
        daemon = self._config.daemon
        segment = self._segment = Segment.create(daemon.ring_bytes, __version__)
        self._bell = Bell(asyncio.get_running_loop().call_soon, segment)
        self._failed = asyncio.get_running_loop().create_future()
        for index, (name, settings) in enumerate(self._config.venues.items()):
            self._services[name] = MarketService(
                self._venue(name, settings),
                settings,
                segment,
                self._bell,
                index,
                self._state_dir,
                private_streams(self._config, name),
            )
        if self._config.accounts:
            # Journals and the number of the start have one writer.
            self._lock = take_lock(self._state_dir, "--state-dir")
            self._orders = TradingService(
                self._config.accounts,
                self._services,
                segment,
                self._bell,
                self._runtime_dir,
                self._state_dir,
                self._config.strategy_protocol.timezone,
                self._config.strategies,
                self._admin_gid(),
            )
            self._trading = self._orders.sessions
        mine = frozenset({0, os.geteuid()})
        self._server = AttachServer(
            segment,
            self._bell,
            self._runtime_dir,
            version=__version__,
            book=self._book,
            state=self._state,
            allow=allow(mine | set(daemon.allow_uids), frozenset(daemon.allow_gids)),
            trading=self._trading,
            calls=StrategyCalls(self._services, self._orders),
            subscriptions=Subscribing(self._services),
            reload=self._reload_asked if self._read is not None else None,
        )
        if self._trading is not None:
            self._bell.gateway = self._trading.gateway
        await self._server.start()
        for name, service in self._services.items():
            self._start(self._keep(name, service), f"venue/{name}")
        if self._orders is not None:
            self._orders.begin()
            self._start(self._orders.run(), "accounts")

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def tick(self, now_ns: int) -> None:
        if self._segment is None:
            return
        self._segment.heartbeat(now_ns)
        self._segment.align_clocks()
        self._refill()
        if (lost := logs.lost()) != self._lines_lost:
            self._segment.count(Counter.LINES_LOST.value, lost - self._lines_lost)
            self._lines_lost = lost
        if self._pieces is None:  # else the loop is busier than it should be: it goes on with it
            self._pieces = self._tick()
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """The next piece of a tick, one in each turn: what came meanwhile is taken in between."""
        if self._pieces is not None and next(self._pieces, _OVER) is not _OVER:
            asyncio.get_running_loop().call_soon(self._go_on)
        else:
            self._pieces = None

    def _tick(self) -> Iterator[None]:
        for name, service in self._services.items():
            try:
                yield from service.tick()
            except Exception:
                log.exception("a tick failed", extra={"venue": name})
            yield
        if self._orders is not None:
            try:
                yield from self._orders.tick()
                if self._orders.journals.untidy:
                    self._orders.journals.untidy = False
                    self._chores.submit(self._orders.journals.tidy)
                if self._orders.profits.due(monotonic_ns()):
                    self._chores.submit(self._orders.profits.copy)
            except Exception:
                log.exception("a tick of the accounts failed")
            yield
        if not self._is_ready and self._services and not self._pending():
            self._is_ready = True
            for service in self._services.values():
                service.ready()
            self._complete.set()

    async def ready(self) -> None:
        await self._complete.wait()

    async def failed(self) -> BaseException:
        assert self._failed is not None
        return await asyncio.shield(self._failed)

    async def reload(self) -> list[str]:
        """Take what changed of the configuration; the venues it concerned. ConfigError: nothing was
        taken, the daemon goes on as it was."""
        async with self._reloading:
            loop = asyncio.get_running_loop()
            try:
                if self._read is None:
                    raise ConfigError("there is no file to read again")
                config = await loop.run_in_executor(self._chores, self._read)
                changed = changed_venues(self._config, config)
            except ConfigError as error:
                log.error("the configuration was not taken: %s", error)
                raise
            self._config = config
            services = {name: self._services[name] for name in changed if name in self._services}
            for name, service in services.items():
                service.settings = config.venues[name]
            for service in services.values():
                await service.serving.wanted_anew()
            log.info("configuration taken", extra={"venues": " ".join(changed) or "no change"})
            return changed

    async def _reload_asked(self) -> tuple[dict[str, Any], bytes]:
        try:
            venues = await self.reload()
        except ConfigError as error:
            raise Refused(str(error)) from None
        found = {name: self._services[name] for name in venues if name in self._services}
        unavailable = {name: dict(one.unavailable) for name, one in found.items()}
        return {"venues": venues, "unavailable": unavailable}, b""

    async def drain(self, limit_s: float) -> list[str]:
        return await self._orders.wind_down(limit_s) if self._orders is not None else []

    def hurry(self) -> None:
        if self._orders is not None:
            self._orders.hurry()

    async def stop(self) -> None:
        self._pieces = None
        if self._orders is not None:
            self._orders.desk.admission.draining = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.close()
        self._pieces = None  # ticks went on meanwhile: nothing is looked at behind the end
        if self._orders is not None and self._orders.close() and self._lock >= 0:
            os.close(self._lock)  # else a journal's thread may still write: the process's end does
            self._lock = -1
        self._chores.shutdown(wait=False, cancel_futures=True)

    def status(self) -> str:
        live = books = 0
        for service in self._services.values():
            mine, all_of_them = service.books()
            live, books = live + mine, books + all_of_them
        text = f"{live}/{books} books live"
        unavailable = sum(len(service.unavailable) for service in self._services.values())
        if unavailable:
            text += f", {unavailable} unavailable"
        if any(service.old for service in self._services.values()):
            text += ", instruments OLD"
        pending = [] if self._is_ready else self._pending()
        if pending:
            more = f" and {len(pending) - NAMED} more" if len(pending) > NAMED else ""
            text += f", waiting for {', '.join(pending[:NAMED])}{more}"
        return text

    def at_rest(self) -> bool:
        return self._orders is None or not self._orders.desk.holdings.counted

    def turns(
        self, call_soon: Callable[..., object], spin_ns: int, rest: Callable[[], bool] | None
    ) -> Turns:
        assert self._segment is not None
        return Turns(
            self._bell, self._segment, call_soon, spin_ns=spin_ns, stall_ns=STALL_NS, rest=rest
        )

    def rest(self) -> bool:
        if self._trading is None:
            return True
        self._trading.gateway.next_turn()
        return self._trading.gateway.sleep()

    def rise(self) -> None:
        if self._trading is not None:
            self._trading.gateway.wake()

    def set_call_soon(self, call_soon: Callable[..., object] | None) -> None:
        self._bell.set_call_soon(call_soon)
        if self._trading is not None:
            self._trading.gateway.set_call_soon(call_soon)

    # inside

    def _admin_gid(self) -> int | None:
        name = self._config.daemon.admin_group
        return group_id(name) if name else None

    def _refill(self) -> None:
        """Ready memory for the books; a thread has the kernel clear it, which takes a while."""
        if self._refilling is None and memory_wanted():
            loop = asyncio.get_running_loop()
            self._refilling = loop.run_in_executor(self._chores, fetch_memory)
            self._refilling.add_done_callback(self._refilled)

    def _refilled(self, done: "asyncio.Future[None]") -> None:
        self._refilling = None
        if not done.cancelled():
            take_over_memory()

    def _pending(self) -> list[str]:
        waiting = [one for service in self._services.values() for one in service.pending()]
        return waiting + (self._orders.pending() if self._orders is not None else [])

    async def _keep(self, name: str, service: MarketService) -> None:
        """Serve a venue, again and again: a fault of ours costs its books, not the daemon."""
        backoff = Backoff(SECOND_NS, 60 * SECOND_NS, random.random, SECOND_NS // 2)
        while True:
            started_ns = monotonic_ns()
            try:
                await service.run()
                error: Exception = RuntimeError(f"venue {name} returned")
            except Exception as raised:
                error = raised
            service.down(Reason.RESTART)
            if monotonic_ns() - started_ns > STEADY_NS:
                backoff.reset()
            wait_s = backoff.next_ns() / SECOND_NS
            log.error(
                "venue %s failed; its books are down, it starts again in %.1f s",
                name,
                wait_s,
                exc_info=error,
            )
            service.count(Counter.RESTARTS)
            await asyncio.sleep(wait_s)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """What keeps a venue up ended by itself: without it nobody would notice a fault."""
        self._tasks.discard(task)
        if task.cancelled() or self._failed is None or self._failed.done():
            return
        self._failed.set_result(task.exception() or RuntimeError(f"{task.get_name()} returned"))

    def _book(self, index: int) -> BookSource | None:
        found = (service.book(index) for service in self._services.values())
        return next((book for book in found if book is not None), None)

    def _state(self) -> Mapping[str, Any]:
        return {
            "version": __version__,
            "pid": os.getpid(),
            "ready": self._is_ready,
            "status": self.status(),
            "venues": {name: service.state() for name, service in self._services.items()},
            "timezone": self._config.strategy_protocol.timezone,
            "accounts": self._orders.state() if self._orders is not None else {},
            "missed": self._orders.dead_man.missed() if self._orders is not None else [],
            "risk": self._orders.risk() if self._orders is not None else [],
            "halts": self._orders.halted() if self._orders is not None else [],
        }


def _nothing() -> None:
    """A thread's first work."""
