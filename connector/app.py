"""The composition root: builds every part from a configuration and connects them.

The only file that knows them all."""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from connector._speedups.bell import Bell
from connector._speedups.book import refill
from connector._speedups.segment import Segment
from connector.config import Config, own_directory
from connector.ipc.segments import BookImage
from connector.ipc.server import AttachServer, allow
from connector.model.counters import Counter, Hop
from connector.model.version import __version__
from connector.service import MarketService

log = logging.getLogger("connector.app")

NAMED = 3
"""How many pending streams the status line names."""


class App:
    """The daemon's inside; ``daemon.run`` drives it (``daemon.Application``)."""

    def __init__(self, config: Config, runtime_dir: Path, state_dir: Path) -> None:
        self._config = config
        self._runtime_dir, self._state_dir = runtime_dir, state_dir
        self._services: dict[str, MarketService] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._segment: Segment | None = None
        self._server: AttachServer | None = None
        self._bell = Bell()
        self._complete = asyncio.Event()
        self._failed: asyncio.Future[BaseException] | None = None
        self._is_ready = False
        self._beat_ns = 0

    # daemon.Application

    async def start(self) -> None:
        own_directory(self._runtime_dir)
        own_directory(self._state_dir)
        daemon = self._config.daemon
        segment = self._segment = Segment.create(daemon.ring_bytes, __version__)
        self._bell = Bell(asyncio.get_running_loop().call_soon, segment)
        self._failed = asyncio.get_running_loop().create_future()
        for index, (name, settings) in enumerate(self._config.venues.items()):
            self._services[name] = MarketService(
                name, settings, segment, self._bell, index, self._state_dir
            )
        mine = frozenset({0, os.geteuid()})
        self._server = AttachServer(
            segment,
            self._bell,
            self._runtime_dir,
            version=__version__,
            book=self._book,
            state=self._state,
            allow=allow(mine | set(daemon.allow_uids), frozenset(daemon.allow_gids)),
        )
        await self._server.start()
        for name, service in self._services.items():
            task = asyncio.get_running_loop().create_task(service.run(), name=f"venue/{name}")
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def tick(self, now_ns: int) -> None:
        if self._segment is None:
            return
        self._segment.heartbeat(now_ns)
        refill()
        for name, service in self._services.items():
            try:
                service.tick(now_ns)
            except Exception:
                log.exception("a tick failed", extra={"venue": name})
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

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.close()

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

    def ring(self) -> int:
        return self._bell.ring()

    def written(self) -> int:
        return self._segment.sequence if self._segment is not None else 0

    def set_call_soon(self, call_soon: Callable[..., object] | None) -> None:
        self._bell.set_call_soon(call_soon)

    def turn(self, away_ns: int) -> None:
        if self._segment is not None:
            self._segment.observe(Hop.LOOP_CALLBACK.value, away_ns)

    def stalled(self) -> None:
        if self._segment is not None:
            self._segment.count(Counter.STALLS.value)

    # inside

    def _pending(self) -> list[str]:
        return [one for service in self._services.values() for one in service.pending()]

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A venue's service ended: the others go on, the last one takes the daemon with it."""
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception() or RuntimeError(f"{task.get_name()} returned")
        log.error("%s failed; its books are down", task.get_name(), exc_info=error)
        if not self._tasks and self._failed is not None and not self._failed.done():
            self._failed.set_result(error)

    def _book(self, index: int) -> BookImage | None:
        images = (service.book(index) for service in self._services.values())
        return next((image for image in images if image is not None), None)

    def _state(self) -> Mapping[str, Any]:
        return {
            "version": __version__,
            "pid": os.getpid(),
            "ready": self._is_ready,
            "status": self.status(),
            "venues": {name: service.state() for name, service in self._services.items()},
        }
