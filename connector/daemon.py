"""Run a coroutine as a daemon: the loop and how it waits, signals, the service manager, memory,
affinity.

Knows nothing of markets: the application comes as an object with a few methods."""

import asyncio
import ctypes
import errno
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, Protocol

from connector._speedups.turns import Turns
from connector.clock import monotonic_ns
from connector.config import Daemon, LoopMode
from connector.cpus import bind, isolated_cpus
from connector.errors import ConfigError, ConnectorError
from connector.garbage import Collector

log = logging.getLogger("connector.daemon")

ASKED, BUG, CONFIGURATION, LEFT_OPEN, NOT_READY = 0, 1, 2, 3, 4
"""Exit statuses."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

TICK_S = 0.05
"""How often feeds are checked and the heartbeat is written."""
END_S = 5.0
"""How long the application may take to end before it is left."""
MCL_CURRENT, MCL_FUTURE = 1, 2
DESCRIPTORS = 65536
"""As many open files as the unit allows; a thousand strategies need three thousand."""


class Application(Protocol):
    """What the runner needs of what it runs."""

    async def start(self) -> None:
        """Build and start everything; returns when it runs. ConfigError: the configuration is
        wrong."""

    def tick(self, now_ns: int) -> None:
        """Called about every 50 ms."""

    async def ready(self) -> None:
        """Returns when everything that is required is there or named unavailable."""

    async def failed(self) -> BaseException:
        """Returns when something that must not end has ended."""

    async def reload(self) -> list[str]:
        """Take what changed of the configuration; ConfigError, which was logged: nothing was
        taken."""

    async def drain(self, limit_s: float) -> list[str]:
        """Prepare the end that was asked for: orders first. Returns what is left open or not
        verified after at most so long, a line each."""

    def hurry(self) -> None:
        """``drain`` shall wait for nothing any more."""

    async def stop(self) -> None:
        """End everything."""

    def status(self) -> str:
        """One line on how things are."""

    def at_rest(self) -> bool:
        """No order is open or under way: a pause of some milliseconds costs least now."""

    def turns(
        self, call_soon: Callable[..., object], spin_ns: int, rest: Callable[[], bool] | None
    ) -> Turns:
        """The turns of a loop that spins: strategies' commands are taken, sleeping readers woken.
        Asked for once it was started."""

    def rest(self) -> bool:
        """The loop is about to wait: strategies with commands shall wake it. False: there are
        commands already."""

    def rise(self) -> None:
        """The loop does not wait any more: nobody needs to wake it."""

    def set_call_soon(self, call_soon: Callable[..., object] | None) -> None:
        """How readers are woken and commands taken: by the given function once something was
        published, or by ``turns``."""


class Manager(Protocol):
    """The service manager's side (``transport.sd_notify``)."""

    watchdog_ns: int

    def ready(self) -> None: ...
    def stopping(self) -> None: ...
    def watchdog(self) -> None: ...
    def status(self, text: str) -> None: ...
    def close(self) -> None: ...


def run(application: Application, settings: Daemon, manager: Manager) -> int:
    """Run until told to stop; the exit status."""
    import uvloop

    mode = choose_mode(settings)
    bind(settings.cpu)
    lock_memory()
    raise_descriptors()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_main(application, settings, manager, mode))
        finally:
            manager.close()


def choose_mode(settings: Daemon, isolated: frozenset[int] | None = None) -> LoopMode:
    """``auto`` spins only on one CPU of our own: one that is isolated or named in the
    configuration."""
    if settings.loop is not LoopMode.AUTO:
        return settings.loop
    if settings.cpu is not None:
        return LoopMode.SPIN
    mine = os.sched_getaffinity(0)
    isolated = isolated_cpus() if isolated is None else isolated
    return LoopMode.SPIN if len(mine) == 1 and mine <= isolated else LoopMode.ADAPTIVE


def lock_memory() -> bool:
    """Keep every page resident, now and later; only where no limit can make a later allocation
    fail."""
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.mlockall(MCL_CURRENT | MCL_FUTURE) == 0)


def raise_descriptors() -> None:
    """Take all the open files the system grants: the usual 1024 serve some 250 strategies."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class Turner:
    """Makes the loop wait as its mode says.

    ``adaptive`` spins until nothing was published for ``spin_us``, then leaves the loop to wait;
    the next thing published starts it again."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        application: Application,
        mode: LoopMode,
        spin_ns: int,
    ) -> None:
        self._loop, self._application, self._mode = loop, application, mode
        self._spin_ns = spin_ns
        self._running = False
        self._turns: Turns | None = None

    def start(self) -> None:
        self._running = True
        if self._mode is LoopMode.BLOCK:
            self._application.set_call_soon(self._loop.call_soon)
            self._application.rest()
        else:
            rest = self._rest if self._mode is LoopMode.ADAPTIVE else None
            self._turns = self._application.turns(self._loop.call_soon, self._spin_ns, rest)
            self._spin(self._turns)

    def stop(self) -> None:
        self._running = False
        if self._turns is not None:
            self._turns.end()
        self._application.set_call_soon(None)

    def _spin(self, turns: Turns) -> None:
        self._application.set_call_soon(None)
        self._application.rise()
        turns.begin()

    def _rest(self) -> bool:
        """Nothing was published for long enough."""
        if not self._application.rest():
            return False
        self._application.set_call_soon(self._wake)
        return True

    def _wake(self, callback: Callable[[], object]) -> None:
        """The bell asks to be rung at the end of this turn: something was published."""
        self._loop.call_soon(callback)
        if self._running and self._turns is not None and not self._turns.on:
            self._spin(self._turns)


async def _main(
    application: Application, settings: Daemon, manager: Manager, mode: LoopMode
) -> int:
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def told() -> None:
        if asked.is_set():
            log.warning("asked again: not waiting any more")
            application.hurry()
        asked.set()

    # Before anything is awaited: a signal during the first TLS handshake must count.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    reloads: set[asyncio.Task[None]] = set()

    def changed() -> None:
        task = loop.create_task(_reload(application), name="reload")
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, changed)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    turner = Turner(loop, application, mode, settings.spin_us * 1000)
    collector = Collector(application.at_rest)
    ticker = _Ticker(loop, application, manager, collector)
    try:
        ticker.start()
        status = await _start(application, asked)
        if status is not None:
            return status
        turner.start()
        log.info("started", extra={"loop": mode.value, "pid": os.getpid()})
        status = await _until_ready(application, settings, asked)
        if status is None:
            collector.freeze()
            ticker.ready = True
            manager.ready()
            log.info("ready", extra={"status": application.status()})
            status = await _until_asked(application, asked)
        if status == ASKED:
            manager.stopping()
            status = await _drain(application, settings)
        return status
    finally:
        manager.stopping()
        log.info("stopping")
        turner.stop()
        collector.thaw()
        try:
            async with asyncio.timeout(END_S):
                await application.stop()
        except TimeoutError:
            log.error("the end took too long", extra={"seconds": END_S})
        ticker.stop()
        log.info("stopped")


async def _reload(application: Application) -> None:
    """Asked for by a signal: who sent it reads the log."""
    try:
        await application.reload()
    except ConfigError:
        return  # it is in the log, and everything is as it was
    except Exception:
        log.exception("the configuration could not be taken")


class _Ticker:
    """The 50 ms tick: feeds, heartbeat, watchdog, garbage, status line."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        application: Application,
        manager: Manager,
        collector: Collector,
    ) -> None:
        self._loop, self._application = loop, application
        self._manager, self._collector = manager, collector
        self._handle: asyncio.TimerHandle | None = None
        self._watchdog_ns = 0
        self._status = ""
        self._status_ns = 0
        self.ready = False

    def start(self) -> None:
        self._handle = self._loop.call_later(TICK_S, self._tick)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _tick(self) -> None:
        self._handle = self._loop.call_later(TICK_S, self._tick)
        now_ns = monotonic_ns()
        try:
            self._application.tick(now_ns)
        except Exception:
            log.exception("a tick failed")
        self._loop.call_soon(self._collector.tick)
        patience_ns = self._manager.watchdog_ns
        # A third of the patience: two lost datagrams must not kill a healthy process.
        if patience_ns and now_ns - self._watchdog_ns >= patience_ns // 3:
            self._watchdog_ns = now_ns
            self._manager.watchdog()
        if now_ns - self._status_ns >= 1_000_000_000:
            self._status_ns = now_ns
            self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        status = self._application.status()
        if status != self._status:
            self._status = status
            self._manager.status(status)


async def _start(application: Application, asked: asyncio.Event) -> int | None:
    """None when everything runs; else the exit status."""
    starting = asyncio.ensure_future(application.start())
    stopping = asyncio.ensure_future(asked.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            return ASKED
        try:
            starting.result()
        except (ConnectorError, MemoryError, OSError) as error:
            # Another daemon on the directory, too little memory, a bad path: mended outside of us.
            print(f"connector: {error}", file=sys.stderr)  # noqa: T201  # to whoever started us
            if isinstance(error, OSError) and error.errno in _FULL:
                return NOT_READY  # open orders must not stay alone once there is room again
            return CONFIGURATION
        except Exception:
            log.exception("the start failed")
            return BUG
        return None
    finally:
        await _cancel(starting, stopping)


async def _until_ready(
    application: Application, settings: Daemon, asked: asyncio.Event
) -> int | None:
    readiness = asyncio.ensure_future(application.ready())
    failure = asyncio.ensure_future(application.failed())
    stopping = asyncio.ensure_future(asked.wait())
    try:
        done, _ = await asyncio.wait(
            {readiness, failure, stopping},
            timeout=settings.ready_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if stopping in done:
            return ASKED
        if failure in done:
            log.error("a part ended that must not", exc_info=failure.result())
            return BUG
        if readiness in done:
            readiness.result()
            return None
        log.error(
            "not ready in time",
            extra={"seconds": settings.ready_s, "status": application.status()},
        )
        return NOT_READY
    finally:
        await _cancel(readiness, failure, stopping)


async def _until_asked(application: Application, asked: asyncio.Event) -> int:
    failure = asyncio.ensure_future(application.failed())
    stopping = asyncio.ensure_future(asked.wait())
    try:
        done, _ = await asyncio.wait({failure, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if failure in done:
            log.error("a part ended that must not", exc_info=failure.result())
            return BUG
        return ASKED
    finally:
        await _cancel(failure, stopping)


async def _drain(application: Application, settings: Daemon) -> int:
    """The exit status of an end that was asked for."""
    try:
        left = await application.drain(settings.stop_s)
    except Exception:
        log.exception("the orders could not be looked after")
        return BUG
    for line in left:
        log.error("left open or not verified: %s", line)
    return LEFT_OPEN if left else ASKED


async def _cancel(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
